/* core_answer_test - on a real journal: whoever got a report can flag it and ask for its release, its origin alone
 * hears of it, and whoever did not get it learns nothing. */
#include "tests/support/core_expect.h"
#include "tests/support/journaled_world.h"
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct world *world;
static uint64_t next[WORLD_NODES];

/* The police tell the army alone: police.oku#1. */
static int setup(void **state)
{
	if (journaled_setup(state) != 0)
		return -1;
	world = journaled_world(state);
	world_hello(world, HEALTH, JOURNALED_HEAD);
	for (size_t node = 0; node < WORLD_NODES; node++)
		next[node] = 1;
	world_reaches(world, (struct speech){.node = POLICE, .first = next[POLICE]++, .to = {"army.oku"}}, "army.oku",
		      NULL);
	return 0;
}

/* ---- what is said */

static Simpul__Name meant = SIMPUL__NAME__INIT;
static void (*spoil)(Simpul__Header *header);

/* A header that says nothing but what it answers. */
static void bare(Simpul__Header *header, size_t index)
{
	static Simpul__Name *references[] = {&meant};

	(void)index;
	header->category = header->region = header->purpose = (char *)"";
	header->label = 0;
	header->expires = 0;
	header->references = references;
	header->n_references = 1;
	if (spoil)
		spoil(header);
}

static void flag(Simpul__Body *body)
{
	static Simpul__Flag flag = SIMPUL__FLAG__INIT;

	flag.reason = SIMPUL__FLAG_REASON__FLAG_REASON_WRONG_REGION;
	body->content_case = SIMPUL__BODY__CONTENT_FLAG;
	body->flag = &flag;
}

static void request(Simpul__Body *body)
{
	static Simpul__ReleaseRequest request = SIMPUL__RELEASE_REQUEST__INIT;
	static char *nodes[] = {(char *)"health.oku"};

	request.reason = SIMPUL__RELEASE_REASON__RELEASE_REASON_OTHER_COMPETENCE;
	request.nodes = nodes;
	request.n_nodes = 1;
	body->content_case = SIMPUL__BODY__CONTENT_RELEASE_REQUEST;
	body->release_request = &request;
}

static void release(Simpul__Body *body)
{
	static Simpul__Release release = SIMPUL__RELEASE__INIT;

	release.decision = SIMPUL__RELEASE_DECISION__RELEASE_DECISION_REFUSED;
	body->content_case = SIMPUL__BODY__CONTENT_RELEASE;
	body->release = &release;
}

static void two_references(Simpul__Header *header)
{
	static Simpul__Name *references[] = {&meant, &meant};

	header->references = references;
	header->n_references = 2;
}
static void no_reference(Simpul__Header *header)
{
	header->n_references = 0;
}
static void a_category(Simpul__Header *header)
{
	header->category = (char *)"wanted";
}
static void an_exercise(Simpul__Header *header)
{
	header->status = SIMPUL__STATUS__STATUS_EXERCISE;
	header->name->stream = SIMPUL__STREAM__STREAM_EXERCISE;
}

static const Simpul__Receipt *answer(size_t node, size_t to, uint64_t number, Simpul__Kind kind,
				     void (*body)(Simpul__Body *), Simpul__Stream stream)
{
	struct speech speech = {.node = node, .kind = kind, .stream = stream, .spoil_header = bare, .spoil_body = body};
	static uint64_t exercises;

	meant.origin = (char *)(uintptr_t)world_names[to];
	meant.epoch = 1;
	meant.number = number;
	speech.to[0] = world_names[to];
	speech.first = stream == SIMPUL__STREAM__STREAM_MAIN ? next[node]++ : ++exercises;
	return world_accepts(world, speech);
}

static void assert_heard_by(const Simpul__Receipt *receipt, size_t node)
{
	if (receipt->n_verdicts > 0)
		fail_msg("%s at %s", error_name(error_of_code(receipt->verdicts[0]->code)),
			 receipt->verdicts[0]->field);
	assert_int_equal(receipt->n_audience, 1);
	assert_string_equal(receipt->audience[0], world_names[node]);
	for (size_t other = 0; other < WORLD_NODES; other++)
		assert_int_equal(world_pushes(world, other), other == node);
}

#define FLAGS SIMPUL__KIND__KIND_FLAG, flag, SIMPUL__STREAM__STREAM_MAIN
#define ASKS SIMPUL__KIND__KIND_RELEASE_REQUEST, request, SIMPUL__STREAM__STREAM_MAIN
#define ANSWERS SIMPUL__KIND__KIND_RELEASE, release, SIMPUL__STREAM__STREAM_MAIN

/* ---- promises */

/* The army's answers need no grant of the policy, and go to nobody else. */
static void who_got_it_is_heard_by_its_origin_alone(void **state)
{
	(void)state;
	spoil = NULL;
	assert_heard_by(answer(ARMY, POLICE, 1, FLAGS), POLICE);
	assert_heard_by(answer(ARMY, POLICE, 1, ASKS), POLICE);
	assert_heard_by(answer(POLICE, ARMY, 2, ANSWERS), ARMY);
}

/* Immigration was not told of police.oku#1, and police.oku#99 does not exist: nobody can tell one from the other. */
static void who_did_not_get_it_learns_nothing(void **state)
{
	(void)state;
	spoil = NULL;
	world_judged(world, answer(IMMIGRATION, POLICE, 1, FLAGS), E_REFERENCE_UNKNOWN, "header.references[0]");
	world_judged(world, answer(IMMIGRATION, POLICE, 1, ASKS), E_REFERENCE_UNKNOWN, "header.references[0]");
	world_judged(world, answer(IMMIGRATION, POLICE, 99, FLAGS), E_REFERENCE_UNKNOWN, "header.references[0]");
	world_judged(world, answer(ARMY, HEALTH, 1, FLAGS), E_REFERENCE_UNKNOWN, "header.references[0]");
	assert_heard_by(answer(ARMY, POLICE, 1, ASKS), POLICE);
	/* An answer to somebody who did not ask. */
	world_judged(world, answer(IMMIGRATION, ARMY, 1, ANSWERS), E_REFERENCE_UNKNOWN, "header.references[0]");
}

/* An office cannot use a flag to speak to others, or to say something else. */
static void an_answer_says_nothing_else_to_nobody_else(void **state)
{
	static const struct {
		void (*spoil)(Simpul__Header *);
		enum error code;
		const char *field;
	} cases[] = {{two_references, E_INVALID, "header.references"},
		     {no_reference, E_MISSING, "header.references"},
		     {a_category, E_INVALID, "header.category"}};
	struct speech other = {.node = ARMY, .kind = SIMPUL__KIND__KIND_FLAG, .spoil_header = bare, .spoil_body = flag};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		spoil = cases[i].spoil;
		world_judged(world, answer(ARMY, POLICE, 1, FLAGS), cases[i].code, cases[i].field);
	}
	spoil = NULL;
	meant.origin = (char *)(uintptr_t)world_names[POLICE];
	other.first = next[ARMY]++;
	other.to[0] = world_names[IMMIGRATION];
	world_forget(world);
	world_say(world, &other);
	world_commit(world, E_OK);
	world_judged(world, world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt, E_INVALID, "routing.to[0]");
}

static void an_exercise_answers_exercises_alone(void **state)
{
	(void)state;
	spoil = an_exercise;
	world_judged(world, answer(ARMY, POLICE, 1, SIMPUL__KIND__KIND_FLAG, flag, SIMPUL__STREAM__STREAM_EXERCISE),
		     E_STREAM, "header.references[0].stream");
}

static void a_test(Simpul__Header *header)
{
	header->status = SIMPUL__STATUS__STATUS_TEST;
}
static void a_test_of_the_police(Simpul__Header *header, size_t index)
{
	(void)index;
	header->status = SIMPUL__STATUS__STATUS_TEST;
}

/* Tests are numbered with what is in earnest: the name does not tell them apart. */
static void a_test_answers_and_takes_back_tests_alone(void **state)
{
	struct speech test = {.node = POLICE,
			      .kind = SIMPUL__KIND__KIND_CANCEL,
			      .reference = 1,
			      .spoil_header = a_test_of_the_police};

	(void)state;
	spoil = a_test;
	world_judged(world, answer(ARMY, POLICE, 1, FLAGS), E_INVALID, "header.status");
	for (int i = 0; i < 2; i++) {
		test.kind = i == 0 ? SIMPUL__KIND__KIND_UPDATE : SIMPUL__KIND__KIND_CANCEL;
		test.first = next[POLICE]++;
		world_forget(world);
		world_say(world, &test);
		world_commit(world, E_OK);
		world_judged(world, world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt, E_INVALID,
			     "header.status");
	}
}

/* Answers are no updates: a cancel goes where the report went. */
static void answers_do_not_widen_what_follows_the_report(void **state)
{
	const Simpul__Receipt *receipt;

	(void)state;
	spoil = NULL;
	assert_heard_by(answer(ARMY, POLICE, 1, FLAGS), POLICE);
	world_forget(world);
	world_say(world,
		  &(struct speech){
			  .node = POLICE, .first = next[POLICE]++, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1});
	world_commit(world, E_OK);
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->n_verdicts, 0);
	assert_int_equal(receipt->n_audience, 1);
	assert_string_equal(receipt->audience[0], "army.oku");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_got_it_is_heard_by_its_origin_alone, setup, journaled_teardown),
		cmocka_unit_test_setup_teardown(who_did_not_get_it_learns_nothing, setup, journaled_teardown),
		cmocka_unit_test_setup_teardown(an_answer_says_nothing_else_to_nobody_else, setup, journaled_teardown),
		cmocka_unit_test_setup_teardown(an_exercise_answers_exercises_alone, setup, journaled_teardown),
		cmocka_unit_test_setup_teardown(a_test_answers_and_takes_back_tests_alone, setup, journaled_teardown),
		cmocka_unit_test_setup_teardown(answers_do_not_widen_what_follows_the_report, setup,
						journaled_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
