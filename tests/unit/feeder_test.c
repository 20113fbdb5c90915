/* Tries to have the feeder send what is sealed to a key that another has taken the place of: the broker refuses it, and
 * its number is used up. */
#include "agents/serve/feeder.h"
#include "common/wire.h"
#include "tests/support/agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define MAIN SIMPUL__STREAM__STREAM_MAIN
#define RED SIMPUL__STREAM__STREAM_RED

/* Entries of the broker: of the army's keys, and where it stands when it greets. */
enum { FIRST_KEY = 1, SECOND_KEY = 3, GREETED = 5, LATER_KEY = 7, LATEST_KEY = 9 };

struct fixture {
	struct agent_world world;
	struct store store; /* of the police */
	struct agent_office police, army;
	struct feeder feeder;
	struct uplink_source source;
	struct uplink_submission next;
	struct fault fault;
};

static int start(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);

	agent_world_start(&f->world);
	agent_store_open(&f->world, "police.oku", &f->store);
	agent_office_make(&f->world, "police.oku", 1, &f->police);
	agent_office_make(&f->world, "army.oku", 1, &f->army);
	assert_int_equal(store_member(&f->store, FIRST_KEY, &f->army.member, &f->fault), E_OK);
	feeder_init(&f->feeder, &f->store, &f->police.keys, NULL);
	f->source = feeder_source(&f->feeder);
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	feeder_fini(&f->feeder);
	store_close(&f->store);
	agent_world_end(&f->world);
	test_free(f);
	return 0;
}

/* ---- steps */

static void take(struct fixture *f, Simpul__Label label)
{
	struct prepared *prepared = agent_sighting(&f->world, label, "x");
	char *to[] = {(char[]){"army.oku"}};
	struct report_name name;

	prepared->routing->n_to = 1;
	prepared->routing->to = to;
	assert_int_equal(outbox_take(&f->store, &prepared, NULL, 1, false, &name, &f->fault), E_OK);
}

/* With what the broker has of the RED stream: a submission of this digest, or nothing. */
static void greet(struct fixture *f, const struct hash *digest)
{
	Simpul__StreamState stream = SIMPUL__STREAM_STATE__INIT, *streams = &stream;
	Simpul__Position head = SIMPUL__POSITION__INIT;
	Simpul__Welcome welcome = SIMPUL__WELCOME__INIT;

	head.entry = GREETED;
	welcome.head = &head;
	if (digest != NULL) {
		stream.epoch = 1;
		stream.stream = RED;
		stream.last = 1;
		stream.digest = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)digest->bytes};
		welcome.n_streams = 1;
		welcome.streams = &streams;
	}
	assert_int_equal(f->source.welcome(f->source.context, &welcome, &f->fault), E_OK);
}

static void army_renews(struct fixture *f, uint32_t key_id, uint64_t entry)
{
	struct agent_office renewed;

	agent_office_make(&f->world, "army.oku", key_id, &renewed);
	assert_int_equal(store_member(&f->store, entry, &renewed.member, &f->fault), E_OK);
}

static bool next(struct fixture *f, uint32_t stream, bool caught_up)
{
	const struct position seen = {.entry = 0};

	return f->source.next(f->source.context, stream, 0, &seen, caught_up, &f->next);
}

/* Of the army's key that the submission is sealed to. */
static uint32_t sealed_to(struct fixture *f)
{
	const Simpul__Submission *submission = agent_submission(&f->world, f->next.message);
	const Simpul__Routing *routing =
		wire_unpack(&simpul__routing__descriptor, of_binary(submission->routing), &f->world.arena, &f->fault);

	assert_non_null(routing);
	for (size_t i = 0; i < routing->n_wraps; i++)
		if (strcmp(routing->wraps[i]->node, "army.oku") == 0)
			return routing->wraps[i]->key_id;
	return 0;
}

/* One that was sealed and sent in an earlier session, of which no receipt came. */
static struct hash sent_before(struct fixture *f)
{
	take(f, SIMPUL__LABEL__LABEL_RED);
	greet(f, NULL);
	assert_true(next(f, RED, true));
	assert_int_equal(sealed_to(f), 1);
	return f->next.digest;
}

/* ---- */

static void an_office_that_was_away_seals_to_the_keys_of_now(void **state)
{
	struct fixture *f = *state;

	take(f, SIMPUL__LABEL__LABEL_RED);
	take(f, SIMPUL__LABEL__LABEL_AMBER);
	greet(f, NULL);
	assert_false(next(f, RED, false));
	assert_true(next(f, MAIN, false)); /* which waits for nobody's key */
	army_renews(f, 2, SECOND_KEY);
	assert_true(next(f, RED, true));
	assert_int_equal(sealed_to(f), 2);
}

static void what_was_sealed_to_a_former_key_and_never_came_is_sealed_anew(void **state)
{
	struct fixture *f = *state;
	const struct hash before = sent_before(f);

	greet(f, NULL);
	assert_false(next(f, RED, false));
	army_renews(f, 2, SECOND_KEY);
	assert_true(next(f, RED, true));
	assert_int_equal(sealed_to(f), 2);
	assert_false(hash_equal(&f->next.digest, &before));
	assert_int_equal(f->next.count, 1);
}

static void what_the_broker_has_stays_as_it_was(void **state)
{
	struct fixture *f = *state;
	const struct hash before = sent_before(f);

	greet(f, &before);
	army_renews(f, 2, SECOND_KEY);
	assert_true(next(f, RED, true));
	assert_true(hash_equal(&f->next.digest, &before));
}

/* The broker may have been writing it while it greeted: other bytes under its number would pass for a fraud. */
static void a_key_that_came_after_the_greeting_changes_nothing_that_was_sent(void **state)
{
	struct fixture *f = *state;
	const struct hash before = sent_before(f);

	greet(f, NULL);
	army_renews(f, 2, LATER_KEY);
	assert_true(next(f, RED, true));
	assert_true(hash_equal(&f->next.digest, &before));
}

static void of_several_renewals_the_one_before_the_greeting_counts(void **state)
{
	struct fixture *f = *state;
	const struct hash before = sent_before(f);

	greet(f, NULL);
	army_renews(f, 2, SECOND_KEY);
	army_renews(f, 3, LATER_KEY);
	assert_true(next(f, RED, true));
	assert_int_equal(sealed_to(f), 3);
	assert_false(hash_equal(&f->next.digest, &before));
}

static void several_renewals_after_the_greeting_change_nothing_that_was_sent(void **state)
{
	struct fixture *f = *state;
	const struct hash before = sent_before(f);

	greet(f, NULL);
	army_renews(f, 2, LATER_KEY);
	army_renews(f, 3, LATEST_KEY);
	assert_true(next(f, RED, true));
	assert_true(hash_equal(&f->next.digest, &before));
}

/* A broker that was restored knows nothing of it. */
static void what_is_sealed_to_a_key_that_the_broker_lost_is_sealed_anew(void **state)
{
	struct fixture *f = *state;

	army_renews(f, 2, SECOND_KEY);
	take(f, SIMPUL__LABEL__LABEL_RED);
	greet(f, NULL);
	assert_true(next(f, RED, true));
	assert_int_equal(sealed_to(f), 2);
	assert_int_equal(database_run(f->store.db, "DELETE FROM member WHERE key_id = 2", &f->fault), E_OK);
	greet(f, NULL);
	assert_true(next(f, RED, true));
	assert_int_equal(sealed_to(f), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_office_that_was_away_seals_to_the_keys_of_now),
		TEST(what_was_sealed_to_a_former_key_and_never_came_is_sealed_anew),
		TEST(what_the_broker_has_stays_as_it_was),
		TEST(a_key_that_came_after_the_greeting_changes_nothing_that_was_sent),
		TEST(of_several_renewals_the_one_before_the_greeting_counts),
		TEST(several_renewals_after_the_greeting_change_nothing_that_was_sent),
		TEST(what_is_sealed_to_a_key_that_the_broker_lost_is_sealed_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
