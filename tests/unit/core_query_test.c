/* core_query_test - on a real journal: only who may ask asks, sealed and for a short time, only who must answer is
 * asked, and what is answered goes to who asked and to nobody else. */
#include "common/content.h"
#include "tests/support/core_expect.h"
#include "tests/support/journaled_world.h"
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Health has no grant, and the army's ceiling is below AMBER: who must answer is asked all the same. */
static const char policy[] =
	"purposes: [subject-access, law-enforcement]\ncategories: [wanted, subject-access]\nexpires_days: {query: "
	"14}\nagencies:\n"
	"  - agency: immigration\n    ceiling: RED\n    ask: [subject-access]\n"
	"    publish: [{kinds: [sighting], categories: [wanted]}]\n"
	"  - agency: police\n    ceiling: RED\n    ask: [wanted]\n    answer: [subject-access]\n"
	"  - agency: army\n    ceiling: GREEN\n    answer: [subject-access]\n"
	"  - agency: health\n    ceiling: AMBER\n    answer: [wanted]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: ['16.01']}\n  - {node: army.oku, regions: ['16.01']}\n"
	"  - {node: immigration.muara-enim, regions: ['16']}\n  - {node: health.oku, regions: ['16.08']}\n";

static struct world *world;
static uint64_t next[WORLD_NODES];

static int setup(void **state)
{
	if (journaled_setup(state) != 0)
		return -1;
	world = journaled_world(state);
	world_load_policy(world, policy);
	world_commit(world, E_OK);
	world_hello(world, HEALTH, JOURNALED_HEAD + 1);
	for (size_t node = 0; node < WORLD_NODES; node++)
		next[node] = 1;
	return 0;
}

/* ---- what is said */

static void (*spoil)(Simpul__Header *header);

static void query(Simpul__Header *header, size_t index)
{
	(void)index;
	header->purpose = (char *)"subject-access";
	header->deadline = header->created_at + SUBJECT_ACCESS_DUE_MS;
	header->expires = header->created_at + 14 * DAY_MS;
	if (spoil)
		spoil(header);
}

static void answer(Simpul__Header *header, size_t index)
{
	static Simpul__Name meant, *references[] = {&meant};

	(void)index;
	simpul__name__init(&meant);
	meant.origin = (char *)(uintptr_t)world_names[IMMIGRATION];
	meant.epoch = meant.number = 1;
	header->references = references;
	header->n_references = 1;
	header->expires = header->created_at + 14 * DAY_MS;
	if (spoil)
		spoil(header);
}

static const Simpul__Receipt *say(struct speech speech)
{
	speech.first = next[speech.node]++;
	return world_accepts(world, speech);
}

#define QUERY \
	.node = IMMIGRATION, .kind = SIMPUL__KIND__KIND_QUERY, .category = "subject-access", .region = "16", \
	.sealed = true, .to = {"police.oku", "army.oku", "health.oku"}, \
	.wraps = {"police.oku", "army.oku", "health.oku"}, .spoil_header = query
#define ANSWER(from) \
	.node = from, .kind = SIMPUL__KIND__KIND_ANSWER, .sealed = true, .to = {"immigration.muara-enim"}, \
	.wraps = {"immigration.muara-enim"}, .spoil_header = answer

static const Simpul__Receipt *spoiled(void (*how)(Simpul__Header *), struct speech speech)
{
	const Simpul__Receipt *receipt;

	spoil = how;
	receipt = say(speech);
	spoil = NULL;
	return receipt;
}

static void assert_accepted(const Simpul__Receipt *receipt)
{
	if (receipt->n_verdicts > 0)
		fail_msg("%s at %s", error_name(error_of_code(receipt->verdicts[0]->code)),
			 receipt->verdicts[0]->field);
}

/* ---- promises */

static void who_must_answer_is_asked_and_nobody_else(void **state)
{
	const Simpul__Receipt *receipt = say((struct speech){QUERY});

	(void)state;
	assert_accepted(receipt);
	assert_int_equal(receipt->n_audience, 2);
	assert_string_equal(receipt->audience[0], "army.oku");
	assert_string_equal(receipt->audience[1], "police.oku");
	assert_int_equal(receipt->n_unreachable, 1);
	assert_string_equal(receipt->unreachable[0], "health.oku");
	for (size_t node = 0; node < WORLD_NODES; node++)
		assert_int_equal(world_pushes(world, node), node == POLICE || node == ARMY);
}

/* The police may ask about who is wanted, health about nothing. */
static void who_may_not_ask_asks_nobody(void **state)
{
	struct speech speech = {QUERY};

	(void)state;
	speech.node = POLICE;
	speech.to[0] = speech.wraps[0] = "immigration.muara-enim";
	world_judged(world, say(speech), E_MAY_NOT_ASK, "header.category");
	speech.node = HEALTH;
	world_judged(world, say(speech), E_MAY_NOT_ASK, "header.category");
	/* What somebody may say is not what he may ask. */
	speech = (struct speech){QUERY};
	speech.category = "wanted";
	world_judged(world, say(speech), E_MAY_NOT_ASK, "header.category");
}

static void no_deadline(Simpul__Header *header)
{
	header->deadline = 0;
}
static void too_long(Simpul__Header *header)
{
	header->expires++;
}
static void dead_before_it_is_due(Simpul__Header *header)
{
	header->expires = header->deadline - 1;
}
static void in_the_open(Simpul__Header *header)
{
	header->form = SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
}
static void another_purpose(Simpul__Header *header)
{
	header->purpose = (char *)"curiosity";
}

static void a_question_is_sealed_and_dies_soon(void **state)
{
	struct speech unwrapped = {QUERY};

	(void)state;
	world_judged(world, spoiled(no_deadline, (struct speech){QUERY}), E_MISSING, "header.deadline");
	world_judged(world, spoiled(dead_before_it_is_due, (struct speech){QUERY}), E_INVALID, "header.deadline");
	world_judged(world, spoiled(too_long, (struct speech){QUERY}), E_EXPIRES_TOO_LATE, "header.expires");
	world_judged(world, spoiled(another_purpose, (struct speech){QUERY}), E_PURPOSE_UNKNOWN, "header.purpose");
	unwrapped.wraps[1] = NULL;
	world_judged(world, say(unwrapped), E_MISSING, "routing.wraps");
	unwrapped = (struct speech){QUERY};
	unwrapped.sealed = false;
	world_judged(world, spoiled(in_the_open, unwrapped), E_UNSEALED, "header.form");
}

static void no_expiry(Simpul__Header *header)
{
	header->expires = 0;
}
static void a_category(Simpul__Header *header)
{
	header->category = (char *)"subject-access";
}

static void who_was_asked_answers_who_asked_alone(void **state)
{
	const Simpul__Receipt *receipt;
	struct speech unwrapped = {ANSWER(POLICE)}, elsewhere = {ANSWER(POLICE)};

	(void)state;
	assert_accepted(say((struct speech){QUERY}));
	receipt = say((struct speech){ANSWER(POLICE)});
	assert_accepted(receipt);
	assert_int_equal(receipt->n_audience, 1);
	assert_string_equal(receipt->audience[0], "immigration.muara-enim");
	for (size_t node = 0; node < WORLD_NODES; node++)
		assert_int_equal(world_pushes(world, node), node == IMMIGRATION);
	world_judged(world, say((struct speech){ANSWER(HEALTH)}), E_REFERENCE_UNKNOWN, "header.references[0]");
	elsewhere.to[0] = elsewhere.wraps[0] = "army.oku";
	world_judged(world, say(elsewhere), E_INVALID, "routing.to[0]");
	unwrapped.wraps[0] = NULL;
	world_judged(world, say(unwrapped), E_MISSING, "routing.wraps");
	world_judged(world, spoiled(no_expiry, (struct speech){ANSWER(POLICE)}), E_MISSING, "header.expires");
	world_judged(world, spoiled(too_long, (struct speech){ANSWER(POLICE)}), E_EXPIRES_TOO_LATE, "header.expires");
	world_judged(world, spoiled(a_category, (struct speech){ANSWER(POLICE)}), E_INVALID, "header.category");
	unwrapped = (struct speech){ANSWER(POLICE)};
	unwrapped.sealed = false;
	world_judged(world, spoiled(in_the_open, unwrapped), E_UNSEALED, "header.form");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_must_answer_is_asked_and_nobody_else, setup, journaled_teardown),
		cmocka_unit_test_setup_teardown(who_may_not_ask_asks_nobody, setup, journaled_teardown),
		cmocka_unit_test_setup_teardown(a_question_is_sealed_and_dies_soon, setup, journaled_teardown),
		cmocka_unit_test_setup_teardown(who_was_asked_answers_who_asked_alone, setup, journaled_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
