/* Tries to keep what a report said alive at an office that has to erase it, and to lose what must be told of it. */
#include "agents/erase.h"
#include "agents/hold_keep.h"
#include "agents/legal_hold.h"
#include "agents/outbox_erase.h"
#include "agents/proof.h"
#include "agents/purge.h"
#include "agents/purge_receipt.h"
#include "agents/view.h"
#include "common/config.h"
#include "common/log.h"
#include "common/wire.h"
#include "tests/support/agent_world.h"
#include "tests/support/reports.h"

#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAIN SIMPUL__STREAM__STREAM_MAIN
#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define HOUR_MS (UINT64_C(3600) * 1000)
#define CANARY "ERIKSSON<<ANNA<MARIA"
#define MOST 64

/* police.oku sends, army.oku receives. */
struct fixture {
	struct agent_world world;
	struct store sender, store;
	struct agent_office police, army;
	struct inbox *inbox;
	struct purge purge, sender_purge;
	struct outbox_submission sent;
	struct buffer batch;
	struct fault fault;
	struct now now;
	char log[4096];
};

static void log_note(void *context, enum log_level level, const char *line)
{
	struct fixture *f = context;

	(void)level;
	strncat(f->log, line, sizeof f->log - strlen(f->log) - 1);
}

static void apply(struct fixture *f, Simpul__Entry *entry)
{
	agent_batch(&f->world, entry->entry - 1, &entry, 1, NULL, &f->batch);
	assert_int_equal(inbox_apply(f->inbox, buffer_view(&f->batch), &f->fault), INBOX_APPLIED);
}

static int start(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);

	agent_world_start(&f->world);
	agent_office_make(&f->world, "police.oku", 1, &f->police);
	agent_office_make(&f->world, "army.oku", 1, &f->army);
	agent_store_open(&f->world, "police.oku", &f->sender);
	agent_store_open(&f->world, "army.oku", &f->store);
	f->inbox = inbox_new(&f->store, &f->army.keys, &f->world.join);
	f->now = clock_now();
	purge_init(&f->purge, &f->store, &f->army.keys, NULL, 0, &f->now);
	purge_init(&f->sender_purge, &f->sender, &f->police.keys, NULL, 0, &f->now);
	log_copy(log_note, f);
	apply(f, agent_member(&f->world, &f->police));
	apply(f, agent_member(&f->world, &f->army));
	assert_int_equal(store_member(&f->sender, 2, &f->army.member, NULL), E_OK);
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	log_copy(NULL, NULL);
	inbox_free(f->inbox);
	buffer_free(&f->batch);
	buffer_free(&f->sent.message);
	store_close(&f->store);
	store_close(&f->sender);
	agent_world_end(&f->world);
	test_free(f);
	return 0;
}

/* As after a kill: nothing is written on the way out. */
static void reopen(struct fixture *f)
{
	inbox_free(f->inbox);
	store_close(&f->store);
	agent_store_open(&f->world, "army.oku", &f->store);
	f->inbox = inbox_new(&f->store, &f->army.keys, &f->world.join);
	purge_init(&f->purge, &f->store, &f->army.keys, NULL, 0, &f->now);
}

/* A frozen submission of `count` reports, after what was sent before. */
static Simpul__Submission *send_all(struct fixture *f, struct prepared **list, size_t count)
{
	const struct position seen = {0};
	struct report_name names[MOST];

	assert_int_equal(outbox_take(&f->sender, &f->police.keys, list, NULL, count, false, names, &f->fault), E_OK);
	assert_int_equal(outbox_next(&f->sender, &f->police.keys, list[0]->stream, names[0].number - 1, &seen, &f->sent,
				     &f->fault),
			 E_OK);
	assert_int_equal(f->sent.count, count);
	return agent_submission(&f->world, buffer_view(&f->sent.message));
}

static Simpul__Submission *send(struct fixture *f, struct prepared *prepared)
{
	return send_all(f, &prepared, 1);
}

static Simpul__Submission *send_sighting(struct fixture *f)
{
	return send(f, agent_sighting(&f->world, AMBER, CANARY));
}

static void deliver(struct fixture *f, struct prepared *prepared)
{
	apply(f, agent_delivery(&f->world, send(f, prepared)));
}

/* The receipt of what was sent last. */
static void receipted(struct fixture *f)
{
	struct buffer encoded = {0};
	Simpul__Receipt *receipt = agent_receipt(&f->world, &f->sent.digest, NULL, &encoded);

	assert_int_equal(outbox_receipt(&f->sender, receipt, buffer_view(&encoded), &f->sent.first, &f->fault), E_OK);
	buffer_free(&encoded);
}

static uint64_t rows(struct fixture *f, const char *where)
{
	char sql[256] = "SELECT count(*) FROM inbox WHERE ";

	return agent_number(&f->store, strncat(sql, where, sizeof sql - strlen(sql) - 1));
}

/* Whether a file of the node's store holds the text. */
static bool files_hold(struct fixture *f, const char *node, const char *text)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	bool found = false;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct buffer bytes = {0};
		char path[300];

		snprintf(path, sizeof path, "%s%s", agent_world_path(&f->world, node), ends[i]);
		if (file_read(path, 64 << 20, &bytes, NULL) == E_OK)
			found = found || memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
		buffer_free(&bytes);
	}
	return found;
}

static bool step(struct fixture *f)
{
	const struct uplink_status status = {.broker_time = f->now.wall};

	f->now.steady += PURGE_EVERY_MS;
	return purge_step(&f->purge, &status, &f->now);
}

static bool sender_step(struct fixture *f)
{
	const struct uplink_status status = {.broker_time = f->now.wall};

	f->now.steady += PURGE_EVERY_MS;
	return purge_step(&f->sender_purge, &status, &f->now);
}

/* ---- retraction */

static void a_retraction_leaves_nothing_of_the_report_and_its_updates(void **state)
{
	struct fixture *f = *state;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	deliver(f, agent_update(&f->world, "police.oku", 1, CANARY));
	deliver(f, agent_sighting(&f->world, AMBER, "KEPT"));
	assert_true(files_hold(f, "army.oku", CANARY));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(rows(f, "erased_at > 0 AND rule = 2 AND length(body) = 0 AND length(body_hash) = 32"), 2);
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
	reopen(f);
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
	assert_true(files_hold(f, "army.oku", "KEPT"));
	assert_int_equal(rows(f, "erased_at = 0"), 2); /* another report, and the retraction itself */
}

static void an_update_or_report_that_comes_after_its_retraction_never_stays(void **state)
{
	struct fixture *f = *state;
	Simpul__Entry *report = agent_delivery(&f->world, send_sighting(f)), *update, *of_update;

	update = agent_delivery(&f->world, send(f, agent_update(&f->world, "police.oku", 1, CANARY)));
	of_update = agent_delivery(&f->world, send(f, agent_update(&f->world, "police.oku", 2, CANARY)));
	f->world.head.entry = 2; /* they come later than they were accepted */
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	of_update->entry = ++f->world.head.entry;
	apply(f, of_update);
	update->entry = ++f->world.head.entry;
	apply(f, update);
	report->entry = ++f->world.head.entry;
	apply(f, report);
	assert_int_equal(rows(f, "erased_at > 0 AND rule = 2"), 3);
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
}

static void a_chain_of_updates_ends(void **state)
{
	struct fixture *f = *state;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	for (uint64_t i = 1; i <= 300; i++)
		deliver(f, agent_update(&f->world, "police.oku", i, CANARY));
	deliver(f, agent_update(&f->world, "police.oku", 303, CANARY)); /* of itself */
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(rows(f, "erased_at > 0"), 301);
	deliver(f, agent_retraction(&f->world, "police.oku", 302));
	assert_int_equal(rows(f, "erased_at > 0"), 302);
}

static void what_is_kept_as_evidence_loses_its_body_too(void **state)
{
	struct fixture *f = *state;
	Simpul__Entry *report = agent_delivery(&f->world, send_sighting(f)), *update;
	uint8_t none[SIGNATURE_SIZE] = {0};

	report->delivery->signature.data = none;
	apply(f, report);
	update = agent_delivery(&f->world, send(f, agent_update(&f->world, "police.oku", 1, CANARY)));
	update->delivery->signature.data = none;
	apply(f, update);
	assert_int_equal(rows(f, "trust = 2"), 2);
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(rows(f, "trust = 2 AND erased_at > 0"), 2);
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
}

static void only_a_good_retraction_by_the_origin_erases(void **state)
{
	struct fixture *f = *state;
	Simpul__Entry *forged;
	uint8_t none[SIGNATURE_SIZE] = {0};

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	deliver(f, agent_cancel(&f->world, "police.oku", 1));
	deliver(f, agent_retraction(&f->world, "army.oku", 1));
	forged = agent_delivery(&f->world, send(f, agent_retraction(&f->world, "police.oku", 1)));
	forged->delivery->signature.data = none;
	apply(f, forged);
	apply(f, agent_standing(&f->world, "police.oku", 1, SIMPUL__STANDING__STANDING_COMPROMISED, 1));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(rows(f, "erased_at > 0"), 0);
	assert_true(files_hold(f, "army.oku", CANARY));
}

/* ---- what stays */

static void who_said_it_is_proven_all_the_same(void **state)
{
	struct fixture *f = *state;
	const struct report_name name = {"police.oku", 1, MAIN, 1};
	struct proof_finding finding;
	Simpul__Proof *proof;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(proof_make(&f->store, &name, &f->world.arena, &proof, &f->fault), E_OK);
	assert_int_equal(proof_check(proof, f->world.join.exchange, f->world.join.authority, &f->world.arena, &finding,
				     &f->fault),
			 E_OK);
	assert_null(finding.body);
	assert_int_equal(finding.name.number, 1);
	proof->delivery->reports[0]->body_hash.data[3] ^= 1;
	assert_int_equal(proof_check(proof, NULL, NULL, &f->world.arena, &finding, &f->fault), E_BAD_SIGNATURE);
}

static void a_sealed_report_loses_its_key_and_stays_proven(void **state)
{
	struct fixture *f = *state;
	const struct report_name name = {"police.oku", 1, SIMPUL__STREAM__STREAM_RED, 1};
	struct prepared *red = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_RED, CANARY);
	struct prepared *retraction = agent_retraction(&f->world, "police.oku", 1);
	Simpul__EntryWrap wrap = SIMPUL__ENTRY_WRAP__INIT;
	struct proof_finding finding;
	Simpul__Submission *submission;
	Simpul__Routing *routing;
	Simpul__Entry *entry;
	Simpul__Proof *proof;
	char to_army[] = "army.oku", *to = to_army;

	red->routing->n_to = 1;
	red->routing->to = &to;
	submission = send(f, red);
	routing = wire_unpack(&simpul__routing__descriptor, of_binary(submission->routing), &f->world.arena, NULL);
	entry = agent_delivery(&f->world, submission);
	wrap.entry = entry->entry;
	wrap.key_id = 1;
	wrap.wrapped = routing->wraps[0]->wrapped;
	agent_batch(&f->world, entry->entry - 1, &entry, 1, &wrap, &f->batch);
	assert_int_equal(inbox_apply(f->inbox, buffer_view(&f->batch), &f->fault), INBOX_APPLIED);
	assert_int_equal(rows(f, "trust = 0 AND length(body) > 0"), 1);
	retraction->header->references[0]->stream = SIMPUL__STREAM__STREAM_RED;
	deliver(f, retraction);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox_delivery WHERE length(content_key) > 0"),
			 0);
	assert_int_equal(proof_make(&f->store, &name, &f->world.arena, &proof, &f->fault), E_OK);
	assert_int_equal(proof_check(proof, NULL, NULL, &f->world.arena, &finding, &f->fault), E_OK);
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
}

static bool line_note(void *line, const struct inbox_row *row)
{
	view_line(row, line);
	return true;
}

static void a_report_that_comes_erased_is_shown_as_such_and_not_as_bad(void **state)
{
	struct fixture *f = *state;
	const struct report_name name = {"police.oku", 1, MAIN, 1};
	Simpul__Submission *submission = send_sighting(f);
	Simpul__Entry *entry = agent_delivery(&f->world, submission);
	struct proof_finding finding;
	struct buffer line = {0};
	Simpul__Proof *proof;

	agent_erase(&f->world, entry->delivery, 0);
	apply(f, entry);
	assert_int_equal(rows(f, "trust = 0 AND erased_at > 0"), 1);
	assert_int_equal(view_inbox(&f->store, 0, 1, line_note, &line, NULL), E_OK);
	buffer_u8(&line, 0);
	assert_non_null(strstr((const char *)line.data, "ERASED"));
	assert_null(strstr((const char *)line.data, "BAD"));
	buffer_free(&line);
	assert_int_equal(proof_make(&f->store, &name, &f->world.arena, &proof, &f->fault), E_OK);
	assert_int_equal(proof_check(proof, NULL, NULL, &f->world.arena, &finding, &f->fault), E_OK);
	/* A broker that was restored sends it whole. */
	apply(f, agent_delivery(&f->world, submission));
	assert_int_equal(rows(f, "1"), 1);
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
}

/* ---- expiry */

static void only_what_expired_goes_and_only_by_a_clock_that_is_right(void **state)
{
	struct fixture *f = *state;
	struct uplink_status status = {.broker_time = 0};

	deliver(f, agent_sighting(&f->world, AMBER, CANARY)); /* lives a day */
	step(f);
	assert_int_equal(rows(f, "erased_at > 0"), 0);
	f->now.wall += 25 * HOUR_MS;
	f->now.steady += PURGE_EVERY_MS;
	status.broker_time = f->now.wall - 2 * HOUR_MS;
	purge_step(&f->purge, &status, &f->now);
	assert_int_equal(rows(f, "erased_at > 0"), 0);
	assert_non_null(strstr(f->log, "clock.doubted"));
	f->now.wall -= 50 * HOUR_MS; /* before what came last */
	f->now.steady += PURGE_EVERY_MS;
	status.broker_time = 0;
	purge_step(&f->purge, &status, &f->now);
	assert_int_equal(rows(f, "erased_at > 0"), 0);
	f->now.wall += 50 * HOUR_MS;
	step(f);
	assert_int_equal(rows(f, "erased_at > 0 AND rule = 1"), 1);
	assert_false(files_hold(f, "army.oku", CANARY));
}

static void without_a_session(struct fixture *f, wall_ms wall)
{
	const struct uplink_status status = {.broker_time = 0};

	f->now.wall = wall;
	f->now.steady += PURGE_EVERY_MS;
	purge_step(&f->purge, &status, &f->now);
}

/* A machine that lost its clock's battery comes up years ahead and has no line. */
static void a_clock_far_ahead_of_all_that_is_known_erases_nothing(void **state)
{
	struct fixture *f = *state;
	const wall_ms start = f->now.wall;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY)); /* lives a day */
	without_a_session(f, start + 365 * 24 * HOUR_MS);
	without_a_session(f, start + 15 * 24 * HOUR_MS);
	assert_int_equal(rows(f, "erased_at > 0"), 0);
	assert_non_null(strstr(f->log, "event=clock.doubted against=store"));
	without_a_session(f, start + 13 * 24 * HOUR_MS);
	assert_int_equal(rows(f, "erased_at > 0 AND rule = 1"), 1);
}

static void what_time_it_was_in_a_session_is_known_after_a_start(void **state)
{
	struct fixture *f = *state;
	const wall_ms start = f->now.wall;
	Simpul__Entry *last;

	f->now.wall = start + 10 * 24 * HOUR_MS;
	step(f);
	last = agent_delivery(&f->world, send_sighting(f));
	last->accepted_at = start;
	apply(f, last);
	reopen(f);
	without_a_session(f, start + 20 * 24 * HOUR_MS);
	assert_int_equal(rows(f, "erased_at > 0 AND rule = 1"), 1);
}

/* ---- what the origin hears */

static void take_answers(struct fixture *f, uint32_t stream, size_t expected, struct buffer *body)
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

static const Simpul__PurgeReceipt *answer_of(struct fixture *f, const struct buffer *body)
{
	const Simpul__Body *decoded =
		wire_unpack(&simpul__body__descriptor, buffer_view(body), &f->world.arena, &f->fault);

	assert_non_null(decoded);
	assert_int_equal(decoded->content_case, SIMPUL__BODY__CONTENT_PURGE_RECEIPT);
	return decoded->purge_receipt;
}

static void each_erased_report_is_answered_once_whatever_is_killed(void **state)
{
	struct fixture *f = *state;
	const Simpul__PurgeReceipt *receipt;
	struct buffer body = {0};

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	deliver(f, agent_update(&f->world, "police.oku", 1, CANARY));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	reopen(f); /* killed before anything was told */
	assert_true(step(f));
	reopen(f);
	assert_false(step(f));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_false(step(f));
	take_answers(f, MAIN, 1, &body);
	receipt = answer_of(f, &body);
	assert_int_equal(receipt->n_purged, 2);
	assert_string_equal(receipt->purged[0]->name->origin, "police.oku");
	assert_int_equal(receipt->purged[0]->rule, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM outbox_report"), 1);
	buffer_free(&body);
}

static void an_exercise_is_answered_among_exercises(void **state)
{
	struct fixture *f = *state;
	struct prepared *drill = agent_sighting(&f->world, AMBER, CANARY);
	struct buffer body = {0};

	drill->header->status = SIMPUL__STATUS__STATUS_EXERCISE;
	drill->stream = SIMPUL__STREAM__STREAM_EXERCISE;
	deliver(f, drill);
	f->now.wall += 25 * HOUR_MS;
	assert_true(step(f));
	take_answers(f, MAIN, 0, &body);
	take_answers(f, SIMPUL__STREAM__STREAM_EXERCISE, 1, &body);
	assert_int_equal(answer_of(f, &body)->purged[0]->rule, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED);
	buffer_free(&body);
}

/* A report that was withheld from this office is not here: the origin may know. */
static void what_never_came_is_answered_too(void **state)
{
	struct fixture *f = *state;
	struct buffer body = {0};

	send_sighting(f);
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_true(step(f));
	take_answers(f, MAIN, 1, &body);
	assert_int_equal(answer_of(f, &body)->purged[0]->name->number, 1);
	buffer_free(&body);
}

static void nothing_is_told_while_a_reader_keeps_the_log(void **state)
{
	struct fixture *f = *state;
	struct store reader;
	sqlite3_stmt *held;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	assert_int_equal(store_open_reader(&reader, agent_world_path(&f->world, "army.oku"), NULL, NULL), E_OK);
	held = store_statement(&reader, "SELECT row FROM inbox");
	assert_int_equal(sqlite3_step(held), SQLITE_ROW);
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_false(step(f));
	assert_false(step(f));
	assert_true(f->store.wipe_due);
	assert_non_null(strstr(f->log, "store.log_held"));
	sqlite3_reset(held);
	store_close(&reader);
	assert_true(step(f));
	assert_false(files_hold(f, "army.oku", CANARY));
}

static void an_answer_waits_for_the_sinks_an_hour_and_then_says_what_it_does_not_know(void **state)
{
	struct fixture *f = *state;
	const struct sink_options sinks[] = {{.name = "registry"}, {.name = "files"}};
	const Simpul__Purged *purged;
	struct buffer body = {0};

	purge_init(&f->purge, &f->store, &f->army.keys, sinks, 2, &f->now);
	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	/* "files" has not come to it yet, one that is no longer there had it, and "late" took it and failed. */
	assert_int_equal(
		database_run(
			f->store.db,
			"INSERT INTO sink(name, row, purged, unsure) VALUES('registry', 1, 0, 1), ('files', 0, 1, 0),"
			" ('former', 1, 0, 1), ('late', 0, 0, 1)",
			NULL),
		E_OK);
	assert_false(step(f));
	f->now.wall = clock_now().wall + HOUR_MS;
	assert_true(step(f));
	take_answers(f, MAIN, 1, &body);
	purged = answer_of(f, &body)->purged[0];
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
	struct fixture *f = *state;
	const struct sink_options sinks[] = {{.name = "registry"}};
	const Simpul__SinkPurge *sink;
	struct buffer body = {0};

	purge_init(&f->purge, &f->store, &f->army.keys, sinks, 1, &f->now);
	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(
		database_run(
			f->store.db,
			"INSERT INTO sink(name, row, purged, unsure) VALUES('registry', 1, 1, 1);"
			"INSERT INTO purge_sink VALUES(1, 'registry', 3, 'UU-6-2011-72', '12/2026', 1798761600000)",
			NULL),
		E_OK);
	assert_true(step(f));
	take_answers(f, MAIN, 1, &body);
	sink = answer_of(f, &body)->purged[0]->sinks[0];
	assert_int_equal(sink->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD);
	assert_string_equal(sink->basis->code, "UU-6-2011-72");
	assert_true(sink->until == UINT64_C(1798761600000));
	buffer_free(&body);
}

/* ---- the origin */

/* The army's answer, as an entry. */
static Simpul__Entry *answer_entry(struct fixture *f)
{
	const struct position seen = {0};
	struct outbox_submission answer = {0};
	Simpul__Entry *entry;

	assert_int_equal(outbox_next(&f->store, &f->army.keys, MAIN, 0, &seen, &answer, &f->fault), E_OK);
	entry = agent_delivery(&f->world, agent_submission(&f->world, buffer_view(&answer.message)));
	buffer_free(&answer.message);
	return entry;
}

static void sender_apply(struct fixture *f, struct inbox *inbox, Simpul__Entry *entry)
{
	agent_batch(&f->world, inbox_cursor(inbox).entry, &entry, 1, NULL, &f->batch);
	assert_int_equal(inbox_apply(inbox, buffer_view(&f->batch), &f->fault), INBOX_APPLIED);
}

static void an_answer_is_kept_and_no_report_to_anybody(void **state)
{
	struct fixture *f = *state;
	struct inbox *inbox = inbox_new(&f->sender, &f->police.keys, &f->world.join);

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	step(f);
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
	struct fixture *f = *state;
	struct inbox *inbox = inbox_new(&f->sender, &f->police.keys, &f->world.join);

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(database_run(f->store.db, "UPDATE purge SET number = 77", NULL), E_OK);
	step(f);
	sender_apply(f, inbox, answer_entry(f));
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM purged"), 0);
	assert_non_null(strstr(f->log, "inbox.purge_ignored"));
	inbox_free(inbox);
}

/* ---- the office's own */

static void own_reports_go_when_their_retraction_has_its_receipt(void **state)
{
	struct fixture *f = *state;

	send_sighting(f);
	receipted(f);
	send(f, agent_update(&f->world, "police.oku", 1, CANARY));
	receipted(f);
	send(f, agent_sighting(&f->world, AMBER, "KEPT"));
	receipted(f);
	send(f, agent_retraction(&f->world, "police.oku", 1));
	sender_step(f);
	assert_true(files_hold(f, "police.oku", CANARY));
	receipted(f);
	sender_step(f);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM outbox WHERE erased_at > 0 AND rule = 2"), 2);
	assert_false(files_hold(f, "police.oku", CANARY));
	assert_true(files_hold(f, "police.oku", "KEPT"));
}

static void own_reports_that_wait_do_not_expire_here(void **state)
{
	struct fixture *f = *state;

	send_sighting(f);
	receipted(f);
	send_sighting(f);
	f->now.wall += 25 * HOUR_MS;
	sender_step(f);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM outbox WHERE erased_at > 0"), 1);
	assert_int_equal(agent_number(&f->sender, "SELECT number FROM outbox WHERE erased_at > 0"), 1);
	receipted(f);
	sender_step(f);
	assert_false(files_hold(f, "police.oku", CANARY));
}

static const Simpul__Submission *next_sent(struct fixture *f, uint64_t after, size_t count)
{
	const struct position seen = {0};

	assert_int_equal(outbox_next(&f->sender, &f->police.keys, MAIN, after, &seen, &f->sent, &f->fault), E_OK);
	assert_int_equal(f->sent.count, count);
	return agent_submission(&f->world, buffer_view(&f->sent.message));
}

static struct hash leaf_at(struct fixture *f, const Simpul__Submission *submission, size_t index)
{
	struct hash leaves[MOST], digest;

	assert_int_equal(submission_digest(submission, f->world.join.exchange, leaves, NULL, &digest, NULL), E_OK);
	return leaves[index];
}

static void a_broker_that_lost_it_gets_a_void_for_what_is_erased_and_the_rest_as_it_was(void **state)
{
	struct fixture *f = *state;
	const struct recovery recovery = {.incarnation = 2, .from = {.incarnation = 1, .entry = 0}};
	struct prepared *list[5];
	struct hash before[5], after;
	const Simpul__Submission *submission;

	for (size_t i = 0; i < 5; i++)
		list[i] = agent_sighting(&f->world, AMBER, i == 2 ? CANARY : "KEPT");
	submission = send_all(f, list, 5);
	for (size_t i = 0; i < 5; i++)
		before[i] = leaf_at(f, submission, i);
	receipted(f);
	send(f, agent_retraction(&f->world, "police.oku", 3));
	receipted(f);
	sender_step(f);
	assert_false(files_hold(f, "police.oku", CANARY));
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	f->world.head.incarnation = 2;
	submission = next_sent(f, 0, 2);
	for (size_t i = 0; i < 2; i++) {
		after = leaf_at(f, submission, i);
		assert_memory_equal(after.bytes, before[i].bytes, HASH_SIZE);
	}
	receipted(f);
	submission = next_sent(f, 2, 1);
	assert_true(f->sent.is_void);
	receipted(f);
	submission = next_sent(f, 3, 2);
	for (size_t i = 0; i < 2; i++) {
		after = leaf_at(f, submission, i);
		assert_memory_equal(after.bytes, before[3 + i].bytes, HASH_SIZE);
	}
	receipted(f);
	next_sent(f, 5, 1); /* the retraction goes again, as it was */
	receipted(f);
	assert_int_equal(outbox_receipted(&f->sender, MAIN), 6);
	assert_int_equal(agent_number(&f->sender, "SELECT code FROM outbox WHERE number = 3"), E_EXPIRED);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM broken"), 0);
}

static void what_is_erased_while_pieces_wait_goes_from_them_too(void **state)
{
	struct fixture *f = *state;
	const struct recovery recovery = {.incarnation = 2, .from = {.incarnation = 1, .entry = 0}};
	struct prepared *list[3];

	for (size_t i = 0; i < 3; i++)
		list[i] = agent_sighting(&f->world, AMBER, i == 1 ? "KEPT" : CANARY);
	list[1]->header->expires += HOUR_MS;
	send_all(f, list, 3);
	receipted(f);
	f->now.wall += 24 * HOUR_MS + HOUR_MS / 2;
	sender_step(f);
	assert_false(files_hold(f, "police.oku", CANARY));
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	f->world.head.incarnation = 2;
	next_sent(f, 0, 1);
	assert_true(f->sent.is_void);
	receipted(f);
	next_sent(f, 1, 1);
	assert_false(f->sent.is_void);
	receipted(f);
	f->now.wall += HOUR_MS;
	sender_step(f);
	assert_false(files_hold(f, "police.oku", "KEPT"));
	next_sent(f, 2, 1);
	assert_true(f->sent.is_void);
}

static void an_erased_report_of_an_old_epoch_is_a_void_in_the_new_one(void **state)
{
	struct fixture *f = *state;
	const struct recovery recovery = {.incarnation = 2, .from = {.incarnation = 1, .entry = 0}};
	uint64_t moved;

	send_sighting(f);
	receipted(f);
	f->now.wall += 25 * HOUR_MS;
	sender_step(f);
	assert_int_equal(outbox_begin_epoch(&f->sender, 2, "test", &moved, &f->fault), E_OK);
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	f->world.head.incarnation = 2;
	next_sent(f, 0, 1);
	assert_true(f->sent.is_void);
}

static void the_origin_is_told_before_something_expires_once_a_day(void **state)
{
	struct fixture *f = *state;
	const char *first;

	send_sighting(f);
	receipted(f);
	sender_step(f);
	first = strstr(f->log, "report.expires_soon");
	assert_non_null(first);
	assert_null(strstr(f->log, CANARY));
	sender_step(f);
	assert_null(strstr(first + 1, "report.expires_soon"));
	assert_int_equal(purge_expiring(&f->sender, f->now.wall), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

/* ---- what an authority orders to be kept */

static const struct hold_person ani = {1001, "ani"}, budi = {1002, "budi"};

static enum error hold_place(struct fixture *f, struct store *store, uint64_t number, uint64_t hours, uint64_t *id)
{
	const struct hold_order order = {.report = {"police.oku", 1, 0, number},
					 .authority = "PN-BATURAJA",
					 .order = "12/Pid.Sus/2026",
					 .reason = "investigation",
					 .until = f->now.wall + hours * HOUR_MS};

	return legal_hold_place(store, &order, &ani, f->now.wall, id, &f->fault);
}

static uint64_t hold(struct fixture *f, struct store *store, uint64_t number, uint64_t hours)
{
	uint64_t id;

	assert_int_equal(hold_place(f, store, number, hours, &id), E_OK);
	assert_int_equal(legal_hold_confirm(store, id, &budi, f->now.wall, &f->fault), E_OK);
	return id;
}

static void assert_kept(struct fixture *f, struct store *store, const char *summary, bool proven)
{
	const struct report_name name = {"police.oku", 1, 0, 1};
	struct proof_finding finding;
	struct kept kept;

	assert_int_equal(hold_keep_read(store, &name, &f->world.arena, &kept, &f->fault), E_OK);
	assert_string_equal(kept.body->sighting->summary, summary);
	assert_true((kept.proof != NULL) == proven);
	if (proven)
		assert_int_equal(proof_check(kept.proof, f->world.join.exchange, f->world.join.authority,
					     &f->world.arena, &finding, &f->fault),
				 E_OK);
}

/* What the army's newest answer says of its own copy; answers from number `first` on were not sent yet. */
static const Simpul__SinkPurge *own_copy(struct fixture *f, uint64_t first, struct buffer *body)
{
	const struct position seen = {0};
	struct outbox_submission answer = {0};
	const Simpul__Submission *submission;
	const Simpul__PurgeReceipt *receipt;

	assert_int_equal(outbox_next(&f->store, &f->army.keys, MAIN, first - 1, &seen, &answer, &f->fault), E_OK);
	assert_in_range(answer.count, 1, MOST);
	submission = agent_submission(&f->world, buffer_view(&answer.message));
	buffer_clear(body);
	buffer_bytes(body, of_binary(submission->reports[answer.count - 1]->body));
	receipt = answer_of(f, body);
	assert_int_equal(receipt->n_purged, 1);
	assert_int_equal(receipt->purged[0]->n_sinks, 1);
	assert_string_equal(receipt->purged[0]->sinks[0]->sink, HOLD_KEEP_SINK);
	buffer_free(&answer.message);
	return receipt->purged[0]->sinks[0];
}

static void what_is_held_leaves_the_inbox_and_its_origin_hears_held_and_at_the_end_erased(void **state)
{
	struct fixture *f = *state;
	const Simpul__SinkPurge *copy;
	struct buffer body = {0};

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 48);
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(rows(f, "number = 1 AND erased_at > 0 AND length(body) = 0"), 1);
	assert_true(step(f));
	assert_kept(f, &f->store, CANARY, true);
	copy = own_copy(f, 1, &body);
	assert_int_equal(copy->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD);
	assert_string_equal(copy->basis->code, "PN-BATURAJA");
	assert_string_equal(copy->basis->number, "12/Pid.Sus/2026");
	assert_true(copy->until == f->now.wall + 48 * HOUR_MS);
	f->now.wall += 47 * HOUR_MS;
	reopen(f);
	step(f);
	assert_true(files_hold(f, "army.oku", CANARY));
	f->now.wall += 2 * HOUR_MS;
	step(f);
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
	assert_int_equal(own_copy(f, 2, &body)->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	buffer_free(&body);
}

static void one_person_is_not_enough_to_keep_anything(void **state)
{
	struct fixture *f = *state;
	uint64_t id;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	assert_int_equal(hold_place(f, &f->store, 1, 48, &id), E_OK);
	assert_int_equal(legal_hold_confirm(&f->store, id, &ani, f->now.wall, &f->fault), E_TWO_OPERATORS);
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall + 25 * HOUR_MS, &f->fault), E_NOT_FOUND);
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall, &f->fault), E_ERASED); /* too late */
	assert_int_equal(hold_place(f, &f->store, 1, 48, &id), E_ERASED);
	assert_int_equal(hold_place(f, &f->store, 9, 48, &id), E_NOT_FOUND);
	assert_int_equal(hold_place(f, &f->store, 1, 367 * 24, &id), E_EXPIRES_TOO_LATE);
}

static void what_is_lifted_goes_unless_another_order_keeps_it(void **state)
{
	struct fixture *f = *state;
	uint64_t first, second, id;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	first = hold(f, &f->store, 1, 48);
	second = hold(f, &f->store, 1, 72);
	f->now.wall += 25 * HOUR_MS; /* it has expired */
	step(f);
	assert_kept(f, &f->store, CANARY, true);
	assert_int_equal(legal_hold_lift(&f->store, first, "order withdrawn", &ani, f->now.wall, &id, &f->fault), E_OK);
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall, &f->fault), E_OK);
	step(f);
	assert_kept(f, &f->store, CANARY, true);
	assert_int_equal(legal_hold_lift(&f->store, second, "order withdrawn", &budi, f->now.wall, &id, &f->fault),
			 E_OK);
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall, &f->fault), E_TWO_OPERATORS);
	assert_int_equal(legal_hold_confirm(&f->store, id, &ani, f->now.wall, &f->fault), E_OK);
	step(f);
	assert_false(files_hold(f, "army.oku", CANARY));
}

/* Retractions need no clock: what is over by one that is wrong is not over. */
static void no_order_ends_by_a_clock_that_is_in_doubt(void **state)
{
	struct fixture *f = *state;
	struct uplink_status status;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 1);
	f->now.wall += 90 * 24 * HOUR_MS;
	f->now.steady += PURGE_EVERY_MS;
	status = (struct uplink_status){.broker_time = f->now.wall - 80 * 24 * HOUR_MS};
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	purge_step(&f->purge, &status, &f->now);
	assert_kept(f, &f->store, CANARY, true);
}

static void an_own_report_is_kept_too(void **state)
{
	struct fixture *f = *state;

	send_sighting(f);
	receipted(f);
	hold(f, &f->sender, 1, 48);
	assert_int_equal(store_member(&f->sender, 1, &f->police.member, NULL), E_OK);
	send(f, agent_retraction(&f->world, "police.oku", 1));
	receipted(f);
	sender_step(f);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM outbox WHERE erased_at > 0"), 1);
	assert_kept(f, &f->sender, CANARY, true);
	f->now.wall += 49 * HOUR_MS;
	sender_step(f);
	sender_step(f);
	assert_false(files_hold(f, "police.oku", CANARY));
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM outbox_report"), 2); /* nobody is told */
}

static void who_reads_what_is_kept_is_recorded(void **state)
{
	const struct report_name name = {"police.oku", 1, 0, 1};
	struct fixture *f = *state;
	json_t *list;

	deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 48);
	assert_int_equal(legal_hold_note_opening(&f->store, &name, "for the court", &ani, f->now.wall, &f->fault),
			 E_NOT_FOUND);
	deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(legal_hold_note_opening(&f->store, &name, "Anna, Maria", &ani, f->now.wall, &f->fault),
			 E_INVALID);
	assert_int_equal(legal_hold_note_opening(&f->store, &name, "for the court", &ani, f->now.wall, &f->fault),
			 E_OK);
	assert_int_equal(legal_hold_list(&f->store, f->now.wall, &list, &f->fault), E_OK);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "state")), "kept");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "confirmed_by")), "budi");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "opened_by")), "ani");
	json_decref(list);
}

static void what_a_sink_tells_one_by_one_is_answered_together(void **state)
{
	struct fixture *f = *state;
	const struct uplink_status status = {.broker_time = f->now.wall};
	const struct sink_options sinks[] = {{.name = "registry"}};
	struct buffer body = {0};

	purge_init(&f->purge, &f->store, &f->army.keys, sinks, 1, &f->now);
	for (int i = 0; i < 3; i++)
		deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	for (uint64_t i = 1; i <= 3; i++)
		deliver(f, agent_retraction(&f->world, "police.oku", i));
	test_sql(&f->store, "INSERT INTO sink(name, row, unsure) VALUES('registry', 3, 3)");
	assert_false(step(f));
	for (int i = 0; i < 3; i++) {
		test_sql(&f->store, "UPDATE sink SET purged = purged + 1");
		purge_soon(&f->purge, &f->now);
		f->now.steady += 100;
		assert_int_equal(purge_step(&f->purge, &status, &f->now), i == 2); /* it was the last */
	}
	take_answers(f, MAIN, 1, &body);
	assert_int_equal(answer_of(f, &body)->n_purged, 3);
	buffer_free(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_retraction_leaves_nothing_of_the_report_and_its_updates),
		TEST(an_update_or_report_that_comes_after_its_retraction_never_stays),
		TEST(a_chain_of_updates_ends),
		TEST(what_is_kept_as_evidence_loses_its_body_too),
		TEST(only_a_good_retraction_by_the_origin_erases),
		TEST(who_said_it_is_proven_all_the_same),
		TEST(a_sealed_report_loses_its_key_and_stays_proven),
		TEST(a_report_that_comes_erased_is_shown_as_such_and_not_as_bad),
		TEST(only_what_expired_goes_and_only_by_a_clock_that_is_right),
		TEST(a_clock_far_ahead_of_all_that_is_known_erases_nothing),
		TEST(what_time_it_was_in_a_session_is_known_after_a_start),
		TEST(each_erased_report_is_answered_once_whatever_is_killed),
		TEST(an_exercise_is_answered_among_exercises),
		TEST(what_never_came_is_answered_too),
		TEST(nothing_is_told_while_a_reader_keeps_the_log),
		TEST(an_answer_waits_for_the_sinks_an_hour_and_then_says_what_it_does_not_know),
		TEST(what_a_sink_holds_is_told_with_the_law),
		TEST(an_answer_is_kept_and_no_report_to_anybody),
		TEST(names_of_others_and_of_nothing_are_ignored),
		TEST(own_reports_go_when_their_retraction_has_its_receipt),
		TEST(own_reports_that_wait_do_not_expire_here),
		TEST(a_broker_that_lost_it_gets_a_void_for_what_is_erased_and_the_rest_as_it_was),
		TEST(what_is_erased_while_pieces_wait_goes_from_them_too),
		TEST(an_erased_report_of_an_old_epoch_is_a_void_in_the_new_one),
		TEST(the_origin_is_told_before_something_expires_once_a_day),
		TEST(what_is_held_leaves_the_inbox_and_its_origin_hears_held_and_at_the_end_erased),
		TEST(one_person_is_not_enough_to_keep_anything),
		TEST(what_is_lifted_goes_unless_another_order_keeps_it),
		TEST(no_order_ends_by_a_clock_that_is_in_doubt),
		TEST(an_own_report_is_kept_too),
		TEST(who_reads_what_is_kept_is_recorded),
		TEST(what_a_sink_tells_one_by_one_is_answered_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
