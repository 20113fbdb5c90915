/* Tries to erase without the origin hearing of it, to tell it what is not so, and to take its word from others. */
#include "common/wire.h"
#include "tests/support/offices.h"
#include "tests/support/reports.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAIN SIMPUL__STREAM__STREAM_MAIN
#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define CANARY "ERIKSSON<<ANNA<MARIA"

/* ---- what the origin hears */

static void take_answers(struct offices *f, uint32_t stream, size_t expected, struct buffer *body)
{
	const struct position seen = {0};
	struct outbox_submission answer = {0};
	const Simpul__Submission *submission;
	const Simpul__Header *header;

	assert_int_equal(outbox_next(&f->store, &f->army.keys, stream, 0, &seen, &answer, &f->fault), E_OK);
	assert_int_equal(answer.count, expected);
	if (expected > 0) {
		submission = agent_submission(&f->world, buffer_view(&answer.message));
		header = wire_unpack(&simpul__header__descriptor, of_binary(submission->reports[0]->header),
				     &f->world.arena, NULL);
		assert_int_equal(header->kind, SIMPUL__KIND__KIND_PURGE_RECEIPT);
		assert_int_equal(header->msg_type, SIMPUL__MSG_TYPE__MSG_TYPE_ACK);
		assert_int_equal(header->expires, 0);
		buffer_bytes(body, of_binary(submission->reports[0]->body));
	}
	buffer_free(&answer.message);
}

static void each_erased_report_is_answered_once_whatever_is_killed(void **state)
{
	struct offices *f = *state;
	const Simpul__PurgeReceipt *receipt;
	struct buffer body = {0};

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_update(&f->world, "police.oku", 1, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	offices_reopen(f); /* killed before anything was told */
	assert_true(offices_purge(f));
	offices_reopen(f);
	assert_false(offices_purge(f));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_false(offices_purge(f));
	take_answers(f, MAIN, 1, &body);
	receipt = offices_purge_receipt(f, &body);
	assert_int_equal(receipt->n_purged, 2);
	assert_string_equal(receipt->purged[0]->name->origin, "police.oku");
	assert_int_equal(receipt->purged[0]->rule, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM outbox_report"), 1);
	buffer_free(&body);
}

static void an_exercise_is_answered_among_exercises(void **state)
{
	struct offices *f = *state;
	struct prepared *drill = agent_sighting(&f->world, AMBER, CANARY);
	struct buffer body = {0};

	drill->header->status = SIMPUL__STATUS__STATUS_EXERCISE;
	drill->stream = SIMPUL__STREAM__STREAM_EXERCISE;
	offices_deliver(f, drill);
	f->now.wall += 25 * HOUR_MS;
	assert_true(offices_purge(f));
	take_answers(f, MAIN, 0, &body);
	take_answers(f, SIMPUL__STREAM__STREAM_EXERCISE, 1, &body);
	assert_int_equal(offices_purge_receipt(f, &body)->purged[0]->rule, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED);
	buffer_free(&body);
}

/* A report that was withheld from this office is not here: the origin may know. */
static void what_never_came_is_answered_too(void **state)
{
	struct offices *f = *state;
	struct buffer body = {0};

	offices_send_sighting(f, CANARY);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_true(offices_purge(f));
	take_answers(f, MAIN, 1, &body);
	assert_int_equal(offices_purge_receipt(f, &body)->purged[0]->name->number, 1);
	buffer_free(&body);
}

static void nothing_is_told_while_a_reader_keeps_the_log(void **state)
{
	struct offices *f = *state;
	struct store reader;
	sqlite3_stmt *held;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	assert_int_equal(store_open_reader(&reader, agent_world_path(&f->world, "army.oku"), NULL, NULL), E_OK);
	held = store_statement(&reader, "SELECT row FROM inbox");
	assert_int_equal(sqlite3_step(held), SQLITE_ROW);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_false(offices_purge(f));
	assert_false(offices_purge(f));
	assert_true(f->store.wipe_due);
	assert_non_null(strstr(f->log, "store.log_held"));
	sqlite3_reset(held);
	store_close(&reader);
	assert_true(offices_purge(f));
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

static void an_answer_waits_for_the_sinks_an_hour_and_then_says_what_it_does_not_know(void **state)
{
	struct offices *f = *state;
	const struct sink_options sinks[] = {{.name = "registry"}, {.name = "files"}};
	const Simpul__Purged *purged;
	struct buffer body = {0};

	purge_init(&f->purge, &f->store, sinks, 2, &f->now);
	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	/* "files" has not come to it yet, one that is no longer there had it, and "late" took it and failed. */
	assert_int_equal(
		database_run(
			f->store.db,
			"INSERT INTO sink(name, row, purged, unsure) VALUES('registry', 1, 0, 1), ('files', 0, 1, 0),"
			" ('former', 1, 0, 1), ('late', 0, 0, 1)",
			NULL),
		E_OK);
	assert_false(offices_purge(f));
	f->now.wall = clock_now().wall + HOUR_MS;
	assert_true(offices_purge(f));
	take_answers(f, MAIN, 1, &body);
	purged = offices_purge_receipt(f, &body)->purged[0];
	assert_int_equal(purged->n_sinks, 3);
	assert_string_equal(purged->sinks[0]->sink, "former");
	assert_string_equal(purged->sinks[1]->sink, "late");
	assert_int_equal(purged->sinks[1]->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN);
	assert_string_equal(purged->sinks[2]->sink, "registry");
	assert_int_equal(purged->sinks[2]->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN);
	buffer_free(&body);
}

static void what_a_sink_holds_is_told_with_the_law(void **state)
{
	struct offices *f = *state;
	const struct sink_options sinks[] = {{.name = "registry"}};
	const Simpul__SinkPurge *sink;
	struct buffer body = {0};

	purge_init(&f->purge, &f->store, sinks, 1, &f->now);
	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(
		database_run(
			f->store.db,
			"INSERT INTO sink(name, row, purged, unsure) VALUES('registry', 1, 1, 1);"
			"INSERT INTO purge_sink VALUES(1, 'registry', 3, 'UU-6-2011-72', '12/2026', 1798761600000)",
			NULL),
		E_OK);
	assert_true(offices_purge(f));
	take_answers(f, MAIN, 1, &body);
	sink = offices_purge_receipt(f, &body)->purged[0]->sinks[0];
	assert_int_equal(sink->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD);
	assert_string_equal(sink->basis->code, "UU-6-2011-72");
	assert_true(sink->until == UINT64_C(1798761600000));
	buffer_free(&body);
}

/* ---- the origin */

/* The army's answer, as an entry. */
static Simpul__Entry *answer_entry(struct offices *f)
{
	const struct position seen = {0};
	struct outbox_submission answer = {0};
	Simpul__Entry *entry;

	assert_int_equal(outbox_next(&f->store, &f->army.keys, MAIN, 0, &seen, &answer, &f->fault), E_OK);
	entry = agent_delivery(&f->world, agent_submission(&f->world, buffer_view(&answer.message)));
	buffer_free(&answer.message);
	return entry;
}

static void sender_apply(struct offices *f, struct inbox *inbox, Simpul__Entry *entry)
{
	agent_batch(&f->world, inbox_cursor(inbox).entry, &entry, 1, NULL, &f->batch);
	assert_int_equal(inbox_apply(inbox, buffer_view(&f->batch), &f->fault), INBOX_APPLIED);
}

static void an_answer_is_kept_and_no_report_to_anybody(void **state)
{
	struct offices *f = *state;
	struct inbox *inbox = inbox_new(&f->sender, &f->police.keys, &f->world.join);

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	offices_purge(f);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM inbox"), 0);
	sender_apply(f, inbox, answer_entry(f));
	assert_int_equal(agent_number(&f->sender, "SELECT rule FROM purged WHERE node = 'army.oku' AND number = 1"), 2);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM inbox"), 0);
	/* A thief's word counts for nothing. */
	sender_apply(f, inbox, agent_standing(&f->world, "army.oku", 1, SIMPUL__STANDING__STANDING_COMPROMISED, 1));
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM purged"), 0);
	inbox_free(inbox);
}

static void names_of_others_and_of_nothing_are_ignored(void **state)
{
	struct offices *f = *state;
	struct inbox *inbox = inbox_new(&f->sender, &f->police.keys, &f->world.join);

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(database_run(f->store.db, "UPDATE purge SET number = 77", NULL), E_OK);
	offices_purge(f);
	sender_apply(f, inbox, answer_entry(f));
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM purged"), 0);
	assert_non_null(strstr(f->log, "inbox.purge_ignored"));
	inbox_free(inbox);
}

static void what_a_sink_tells_one_by_one_is_answered_together(void **state)
{
	struct offices *f = *state;
	const struct uplink_status status = {.broker_time = f->now.wall};
	const struct sink_options sinks[] = {{.name = "registry"}};
	struct buffer body = {0};

	purge_init(&f->purge, &f->store, sinks, 1, &f->now);
	for (int i = 0; i < 3; i++)
		offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	for (uint64_t i = 1; i <= 3; i++)
		offices_deliver(f, agent_retraction(&f->world, "police.oku", i));
	test_sql(&f->store, "INSERT INTO sink(name, row, unsure) VALUES('registry', 3, 3)");
	assert_false(offices_purge(f));
	for (int i = 0; i < 3; i++) {
		test_sql(&f->store, "UPDATE sink SET purged = purged + 1");
		purge_soon(&f->purge, &f->now);
		f->now.steady += 100;
		assert_int_equal(purge_step(&f->purge, &status, &f->now), i == 2); /* it was the last */
	}
	take_answers(f, MAIN, 1, &body);
	assert_int_equal(offices_purge_receipt(f, &body)->n_purged, 3);
	buffer_free(&body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, offices_start, offices_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_erased_report_is_answered_once_whatever_is_killed),
		TEST(an_exercise_is_answered_among_exercises),
		TEST(what_never_came_is_answered_too),
		TEST(nothing_is_told_while_a_reader_keeps_the_log),
		TEST(an_answer_waits_for_the_sinks_an_hour_and_then_says_what_it_does_not_know),
		TEST(what_a_sink_holds_is_told_with_the_law),
		TEST(an_answer_is_kept_and_no_report_to_anybody),
		TEST(names_of_others_and_of_nothing_are_ignored),
		TEST(what_a_sink_tells_one_by_one_is_answered_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
