/* Tries to erase without the origin hearing of it, to tell it what is not so, and to take its word from others. */
#include "agents/reports/by_hand.h"
#include "agents/reports/inbox_again.h"
#include "agents/reports/legal_hold.h"
#include "agents/reports/purge_receipt.h"
#include "agents/reports/store_progress.h"
#include "agents/serve/waits.h"
#include "agents/store/reading.h"
#include "common/json.h"
#include "common/wire.h"
#include "tests/support/offices.h"
#include "tests/support/reports.h"

#include <stdio.h>
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
		database_run(f->store.db,
			     "INSERT INTO sink(name, row, purged, unsure, ceiling, statuses) VALUES"
			     "('registry', 1, 0, 1, 9, 255), ('files', 0, 1, 0, 9, 255), ('former', 1, 0, 1, 9, 255),"
			     " ('late', 0, 0, 1, 9, 255)",
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

/* ---- a further answer */

#define UNKNOWN SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN
#define ERASED SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED
#define REQUESTED SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED
#define HELD SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD

static const struct sink_options two_sinks[] = {{.name = "lines"}, {.name = "cases"}};

/* police.oku#1 was given to both sinks of the army, and is taken back. */
static void two_have_it(struct offices *f)
{
	purge_init(&f->purge, &f->store, two_sinks, 2, &f->now);
	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	test_sql(&f->store, "INSERT INTO sink(name, row, unsure, ceiling, statuses, persons)"
			    " VALUES('lines', 1, 1, 9, 255, 1), ('cases', 1, 1, 9, 255, 1)");
}

/* As a sink's thread says it of the first erase event. */
static void sink_says(struct offices *f, const char *sink, Simpul__PurgeOutcome outcome)
{
	struct sink_letter letter = {.purge = 1, .outcome = {.outcome = outcome}};

	snprintf(letter.name, sizeof letter.name, "%s", sink);
	if (outcome == HELD)
		letter.outcome.until = f->now.wall + HOUR_MS;
	if (outcome == HELD)
		strcpy(letter.outcome.code, "UU-6-2011");
	assert_int_equal(store_sink_letters(&f->store, &letter.letter, &f->fault), E_OK);
}

static enum error person_says(struct offices *f, const char *sink)
{
	json_t *request = json_pack("{s:s, s:s}", "report", "police.oku#1", "sink", sink);
	const enum error error = by_hand_done(&f->store, request, "ani", f->now.wall, &f->fault);

	json_decref(request);
	return error;
}

/* What the army's receipts behind `*after` say last of police.oku#1; NULL: nothing. The notice of what took it back
 * expires meanwhile, and is answered as well. */
static const Simpul__Purged *answer_next(struct offices *f, uint64_t *after)
{
	const struct position seen = {0};
	struct outbox_submission answer = {0};
	const Simpul__PurgeReceipt *receipt;
	const Simpul__Purged *found = NULL;
	struct buffer body = {0};

	while (offices_purge(f))
		;
	assert_int_equal(outbox_next(&f->store, &f->army.keys, MAIN, *after, &seen, &answer, &f->fault), E_OK);
	*after += answer.count;
	for (size_t i = 0; i < answer.count; i++) {
		buffer_clear(&body);
		buffer_bytes(&body,
			     of_binary(agent_submission(&f->world, buffer_view(&answer.message))->reports[i]->body));
		receipt = offices_purge_receipt(f, &body);
		for (size_t k = 0; k < receipt->n_purged; k++)
			if (receipt->purged[k]->name->number == 1)
				found = receipt->purged[k];
	}
	buffer_free(&body);
	buffer_free(&answer.message);
	return found;
}

/* -1: it is not named, or nothing was said. */
static int outcome_of(const Simpul__Purged *purged, const char *sink)
{
	for (size_t i = 0; purged != NULL && i < purged->n_sinks; i++)
		if (strcmp(purged->sinks[i]->sink, sink) == 0)
			return (int)purged->sinks[i]->outcome;
	return -1;
}

/* ... before the first answer went out: then it is the first that says so. */
static void what_a_person_removed_hides_no_copy_that_is_kept(void **state)
{
	struct offices *f = *state;
	const Simpul__Purged *purged;
	uint64_t after = 0;

	two_have_it(f);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	sink_says(f, "lines", REQUESTED);
	assert_false(offices_purge(f));
	assert_int_equal(person_says(f, "lines"), E_OK);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM purge"), 1);
	sink_says(f, "cases", HELD);
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "lines"), ERASED);
	assert_int_equal(outcome_of(purged, "cases"), HELD);
	assert_int_equal(person_says(f, "lines"), E_NOT_FOUND);
}

static void a_sink_that_did_not_answer_is_unknown_until_it_does(void **state)
{
	struct offices *f = *state;
	const Simpul__Purged *purged;
	uint64_t after = 0;

	two_have_it(f);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	sink_says(f, "lines", REQUESTED);
	f->now.wall = clock_now().wall + HOUR_MS;
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "lines"), REQUESTED);
	assert_int_equal(outcome_of(purged, "cases"), UNKNOWN);
	assert_int_equal(person_says(f, "lines"), E_OK);
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "lines"), ERASED);
	assert_int_equal(outcome_of(purged, "cases"), UNKNOWN);
	sink_says(f, "cases", ERASED);
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "lines"), ERASED);
	assert_int_equal(outcome_of(purged, "cases"), ERASED);
	sink_says(f, "cases", ERASED); /* once more, after a new start */
	assert_null(answer_next(f, &after));
}

static void order_place(struct offices *f, uint64_t hours)
{
	const struct hold_person ani = {1001, "ani"}, budi = {1002, "budi"};
	const struct hold_order order = {.report = {"police.oku", 1, 0, 1},
					 .authority = "PN-BATURAJA",
					 .order = "12/Pid.Sus/2026",
					 .reason = "investigation",
					 .until = f->now.wall + hours * HOUR_MS};
	uint64_t id;

	assert_int_equal(legal_hold_place(&f->store, &order, &ani, f->now.wall, &id, &f->fault), E_OK);
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall, &f->fault), E_OK);
}

/* Nor does what is over come back with what is told later. */
static void the_end_of_an_order_undoes_nothing_that_was_done(void **state)
{
	struct offices *f = *state;
	const Simpul__Purged *purged;
	uint64_t after = 0;
	json_t *list;

	two_have_it(f);
	order_place(f, 48);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	sink_says(f, "lines", REQUESTED);
	sink_says(f, "cases", UNKNOWN); /* it refuses the event, which waits in quarantine */
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "office-store"), HELD);
	assert_int_equal(outcome_of(purged, "lines"), REQUESTED);
	assert_int_equal(person_says(f, "lines"), E_OK);
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "office-store"), HELD);
	assert_int_equal(outcome_of(purged, "lines"), ERASED);
	f->now.wall += 49 * HOUR_MS;
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "office-store"), ERASED);
	assert_int_equal(outcome_of(purged, "lines"), ERASED);
	assert_int_equal(outcome_of(purged, "cases"), UNKNOWN);
	assert_int_equal(by_hand_list(&f->store, &list, &f->fault), E_OK);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	sink_says(f, "cases", ERASED);
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "office-store"), ERASED);
	assert_int_equal(outcome_of(purged, "cases"), ERASED);
}

/* By the table that bears its name, in which each user has what he saw. */
static void who_said_that_a_copy_is_removed_is_on_record(void **state)
{
	struct offices *f = *state;
	const json_t *said;
	json_t *list;

	two_have_it(f);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(person_says(f, "lines"), E_NOT_FOUND); /* nobody was asked to */
	sink_says(f, "lines", REQUESTED);
	assert_int_equal(person_says(f, "lines"), E_OK);
	assert_int_equal(reading_list(&f->store, 0, &list, &f->fault), E_OK);
	assert_int_equal(json_array_size(list), 1);
	said = json_array_get(list, 0);
	assert_string_equal(json_text(said, "user"), "ani");
	assert_string_equal(json_text(said, "command"), "erasures done");
	assert_string_equal(json_text(said, "about"), "police.oku#1 lines");
	json_decref(list);
}

/* A receipt has places for 16. */
static void no_sink_that_kept_its_copy_is_left_out_for_want_of_room(void **state)
{
	struct offices *f = *state;
	const Simpul__Purged *purged;
	uint64_t after = 0;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	test_sql(&f->store, "WITH RECURSIVE n(i) AS (VALUES(10) UNION ALL SELECT i + 1 FROM n WHERE i < 29)"
			    " INSERT INTO purge_sink SELECT 1, 'a' || i, 1, '', '', 0 FROM n;"
			    "INSERT INTO purge_sink VALUES(1, 'zeta', 2, '', '', 0)");
	purged = answer_next(f, &after);
	assert_int_equal(purged->n_sinks, 16);
	assert_int_equal(outcome_of(purged, "zeta"), REQUESTED);
	assert_int_equal(outcome_of(purged, PURGE_OTHER_SINKS), ERASED);
	test_sql(&f->store, "UPDATE purge_sink SET outcome = 2; UPDATE purge SET answer = 1");
	purged = answer_next(f, &after);
	assert_int_equal(purged->n_sinks, 16);
	assert_int_equal(outcome_of(purged, PURGE_OTHER_SINKS), UNKNOWN);
}

/* Not above its ceiling, not of another status, and of nobody when it cannot erase. */
static void a_sink_that_never_had_it_is_not_unknown(void **state)
{
	struct offices *f = *state;
	struct prepared *guest = agent_sighting(&f->world, AMBER, CANARY);
	Simpul__Lodging lodging = SIMPUL__LODGING__INIT;
	const Simpul__Purged *purged;
	uint64_t after = 0;

	lodging.establishment = (char *)(uintptr_t)"Hotel Sinar";
	guest->body->sighting->lodging = &lodging;
	offices_deliver(f, guest);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	test_sql(&f->store, "INSERT INTO sink(name, row, unsure, ceiling, statuses, persons)"
			    " VALUES('low', 9, 9, 1, 255, 1), ('drill', 9, 9, 9, 4, 1), ('nobody', 9, 9, 9, 255, 0),"
			    " ('had', 9, 9, 9, 255, 1)");
	purged = answer_next(f, &after);
	assert_int_equal(outcome_of(purged, "had"), UNKNOWN);
	assert_int_equal(purged->n_sinks, 1);
}

/* ---- who cannot be told */

/* The broker's verdict on the army's receipt with this number. */
static void refuse(struct offices *f, uint64_t number, enum error code)
{
	const struct position seen = {0};
	Simpul__Verdict verdict = SIMPUL__VERDICT__INIT;
	struct outbox_submission answer = {0};
	struct buffer encoded = {0};
	Simpul__Receipt *receipt;

	assert_int_equal(outbox_next(&f->store, &f->army.keys, MAIN, number - 1, &seen, &answer, &f->fault), E_OK);
	assert_true(answer.count > 0);
	verdict.number = number;
	verdict.code = code;
	verdict.field = (char *)(uintptr_t)"routing";
	receipt = agent_receipt(&f->world, &answer.digest, &verdict, &encoded);
	assert_int_equal(outbox_receipt(&f->store, receipt, buffer_view(&encoded), &answer.first, &f->fault), E_OK);
	buffer_free(&encoded);
	buffer_free(&answer.message);
}

static uint64_t waiting(struct offices *f, enum wait wait)
{
	uint64_t counts[WAITS];

	assert_int_equal(waits_count(&f->store, f->now.wall, counts, &f->fault), E_OK);
	return counts[wait];
}

static void a_refused_answer_is_told_again_when_its_origin_is_back(void **state)
{
	struct offices *f = *state;
	uint64_t after = 1;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_true(offices_purge(f));
	refuse(f, 1, E_EMPTY_AUDIENCE);
	assert_false(offices_purge(f));
	assert_int_equal(waiting(f, WAIT_REFUSED), 0); /* nobody has to report anything anew */
	assert_int_equal(waiting(f, WAIT_UNHEARD), 0);
	f->now.wall += DAY_MS + HOUR_MS;
	assert_non_null(answer_next(f, &after));
}

static void an_answer_that_is_refused_for_what_it_says_is_not_given_again(void **state)
{
	struct offices *f = *state;
	uint64_t after = 1;

	two_have_it(f);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	sink_says(f, "lines", REQUESTED);
	sink_says(f, "cases", ERASED);
	assert_true(offices_purge(f));
	refuse(f, 1, E_INVALID);
	for (int day = 0; day < 5; day++) {
		assert_null(answer_next(f, &after));
		assert_int_equal(waiting(f, WAIT_UNHEARD), 1);
		f->now.wall += DAY_MS;
	}
	assert_int_equal(person_says(f, "lines"), E_OK);
	assert_int_equal(outcome_of(answer_next(f, &after), "lines"), ERASED);
	assert_int_equal(waiting(f, WAIT_UNHEARD), 0);
}

/* A person was quicker than the broker. */
static void what_was_said_since_is_not_refused_with_what_was_said_before(void **state)
{
	struct offices *f = *state;

	two_have_it(f);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	sink_says(f, "lines", REQUESTED);
	sink_says(f, "cases", ERASED);
	assert_true(offices_purge(f));
	f->now.wall += HOUR_MS;
	assert_int_equal(person_says(f, "lines"), E_OK);
	assert_true(offices_purge(f));
	refuse(f, 1, E_EMPTY_AUDIENCE);
	f->now.wall += 2 * DAY_MS;
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM purge WHERE answer = 1"), 0);
	refuse(f, 2, E_INVALID);
	assert_int_equal(waiting(f, WAIT_UNHEARD), 1);
}

static void what_an_origin_did_not_hear_is_told_for_a_week(void **state)
{
	struct offices *f = *state;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_true(offices_purge(f));
	refuse(f, 1, E_INVALID);
	assert_int_equal(waiting(f, WAIT_UNHEARD), 1);
	f->now.wall += 8 * DAY_MS;
	assert_int_equal(waiting(f, WAIT_UNHEARD), 0);
}

static void one_answer_that_is_refused_keeps_no_other_from_its_origin(void **state)
{
	struct offices *f = *state;

	for (int i = 0; i < 3; i++)
		offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	for (uint64_t i = 1; i <= 3; i++)
		offices_deliver(f, agent_retraction(&f->world, "police.oku", i));
	assert_true(offices_purge(f));
	refuse(f, 1, E_INVALID);
	assert_int_equal(waiting(f, WAIT_UNHEARD), 0);
	f->now.wall += HOUR_MS;
	assert_true(offices_purge(f));
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM outbox_report"), 1 + 3); /* one for each */
	refuse(f, 3, E_INVALID);
	assert_int_equal(waiting(f, WAIT_UNHEARD), 1);
	f->now.wall += HOUR_MS;
	assert_false(offices_purge(f));
}

static void who_is_suspended_is_told_when_he_is_not_any_more(void **state)
{
	struct offices *f = *state;
	uint64_t after = 0;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	offices_apply(f, agent_standing(&f->world, "police.oku", 1, SIMPUL__STANDING__STANDING_SUSPENDED, f->now.wall));
	for (int day = 0; day < 3; day++) {
		assert_false(offices_purge(f));
		f->now.wall += DAY_MS;
	}
	offices_apply(f, agent_standing(&f->world, "police.oku", 1, SIMPUL__STANDING__STANDING_ACTIVE, f->now.wall));
	f->now.wall += HOUR_MS;
	assert_non_null(answer_next(f, &after));
}

/* What is asked at any time does not go through what is kept for good. */
static void what_is_to_be_done_by_hand_is_counted_without_the_rest(void **state)
{
	struct offices *f = *state;

	test_sql(&f->store, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
			    " INSERT INTO purge(row, origin, epoch, stream, number, rule, at, answer)"
			    " SELECT 0, 'police.oku', 1, 0, i, 1, 1, 2 FROM n;"
			    "INSERT INTO purge_sink SELECT id, 'lines', 1 + (number = 1999), '', '', 0 FROM purge");
	test_steps(&f->store);
	assert_int_equal(by_hand_count(&f->store), 1);
	assert_in_range(test_steps(&f->store), 1, 200);
}

/* ---- the origin */

/* The army's next answer behind `after`, as an entry. */
static Simpul__Entry *answer_entry(struct offices *f, uint64_t after)
{
	const struct position seen = {0};
	struct outbox_submission answer = {0};
	Simpul__Entry *entry;

	assert_int_equal(outbox_next(&f->store, &f->army.keys, MAIN, after, &seen, &answer, &f->fault), E_OK);
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
	sender_apply(f, inbox, answer_entry(f, 0));
	assert_int_equal(agent_number(&f->sender, "SELECT rule FROM purged WHERE node = 'army.oku' AND number = 1"), 2);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM inbox"), 0);
	/* A thief's word counts for nothing. */
	sender_apply(f, inbox, agent_standing(&f->world, "army.oku", 1, SIMPUL__STANDING__STANDING_COMPROMISED, 1));
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM purged"), 0);
	inbox_free(inbox);
}

/* As by `simpul quarantine retry`. */
static void an_older_answer_that_verifies_late_does_not_take_the_place_of_a_newer_one(void **state)
{
	struct offices *f = *state;
	struct inbox *inbox = inbox_new(&f->sender, &f->police.keys, &f->world.join);
	enum error why;

	two_have_it(f);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	sink_says(f, "lines", ERASED);
	sink_says(f, "cases", HELD);
	assert_true(offices_purge(f));
	test_sql(&f->sender, "DELETE FROM member WHERE node = 'army.oku'");
	sender_apply(f, inbox, answer_entry(f, 0));
	assert_int_equal(agent_number(&f->sender, "SELECT trust FROM inbox"), TRUST_BAD);
	assert_int_equal(store_member(&f->sender, 1, &f->army.member, NULL), E_OK);
	sink_says(f, "cases", ERASED);
	assert_true(offices_purge(f));
	sender_apply(f, inbox, answer_entry(f, 1));
	test_sql(&f->sender, "UPDATE inbox_delivery SET accepted_at = (SELECT accepted_at FROM purged);" /* same ms */
			     "UPDATE inbox SET accepted_at = (SELECT accepted_at FROM purged);"
			     "CREATE TEMP TABLE newer AS SELECT sinks FROM purged");
	assert_int_equal(inbox_verify_again(&f->sender, &f->police.keys, NULL, 1, &why, &f->fault), E_OK);
	assert_int_equal(why, E_OK);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM inbox"), 0);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM purged JOIN newer USING(sinks)"), 1);
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
	sender_apply(f, inbox, answer_entry(f, 0));
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
		TEST(what_a_person_removed_hides_no_copy_that_is_kept),
		TEST(a_sink_that_did_not_answer_is_unknown_until_it_does),
		TEST(the_end_of_an_order_undoes_nothing_that_was_done),
		TEST(who_said_that_a_copy_is_removed_is_on_record),
		TEST(no_sink_that_kept_its_copy_is_left_out_for_want_of_room),
		TEST(a_sink_that_never_had_it_is_not_unknown),
		TEST(a_refused_answer_is_told_again_when_its_origin_is_back),
		TEST(an_answer_that_is_refused_for_what_it_says_is_not_given_again),
		TEST(what_was_said_since_is_not_refused_with_what_was_said_before),
		TEST(what_an_origin_did_not_hear_is_told_for_a_week),
		TEST(one_answer_that_is_refused_keeps_no_other_from_its_origin),
		TEST(who_is_suspended_is_told_when_he_is_not_any_more),
		TEST(what_is_to_be_done_by_hand_is_counted_without_the_rest),
		TEST(an_answer_is_kept_and_no_report_to_anybody),
		TEST(an_older_answer_that_verifies_late_does_not_take_the_place_of_a_newer_one),
		TEST(names_of_others_and_of_nothing_are_ignored),
		TEST(what_a_sink_tells_one_by_one_is_answered_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
