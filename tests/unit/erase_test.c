/* Tries to keep what a report said alive at an office that has to erase it, and to lose what must stay. */
#include "agents/reports/proof.h"
#include "agents/reports/view.h"
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

/* ---- retraction */

static void a_retraction_leaves_nothing_of_the_report_and_its_updates(void **state)
{
	struct offices *f = *state;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_update(&f->world, "police.oku", 1, CANARY));
	offices_deliver(f, agent_sighting(&f->world, AMBER, "KEPT"));
	assert_true(offices_files_hold(f, "army.oku", CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(offices_rows(f, "erased_at > 0 AND rule = 2 AND length(body) = 0 AND length(body_hash) = 32"),
			 2);
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
	offices_reopen(f);
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
	assert_true(offices_files_hold(f, "army.oku", "KEPT"));
	assert_int_equal(offices_rows(f, "erased_at = 0"), 2); /* another report, and the retraction itself */
}

static void an_update_or_report_that_comes_after_its_retraction_never_stays(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *report = agent_delivery(&f->world, offices_send_sighting(f, CANARY)), *update, *of_update;

	update = agent_delivery(&f->world, offices_send(f, agent_update(&f->world, "police.oku", 1, CANARY)));
	of_update = agent_delivery(&f->world, offices_send(f, agent_update(&f->world, "police.oku", 2, CANARY)));
	f->world.head.entry = 2; /* they come later than they were accepted */
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	of_update->entry = ++f->world.head.entry;
	offices_apply(f, of_update);
	update->entry = ++f->world.head.entry;
	offices_apply(f, update);
	report->entry = ++f->world.head.entry;
	offices_apply(f, report);
	assert_int_equal(offices_rows(f, "erased_at > 0 AND rule = 2"), 3);
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

static void a_chain_of_updates_ends(void **state)
{
	struct offices *f = *state;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	for (uint64_t i = 1; i <= 300; i++)
		offices_deliver(f, agent_update(&f->world, "police.oku", i, CANARY));
	offices_deliver(f, agent_update(&f->world, "police.oku", 303, CANARY)); /* of itself */
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(offices_rows(f, "erased_at > 0"), 301);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 302));
	assert_int_equal(offices_rows(f, "erased_at > 0"), 302);
}

static void what_is_kept_as_evidence_loses_its_body_too(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *report = agent_delivery(&f->world, offices_send_sighting(f, CANARY)), *update;
	uint8_t none[SIGNATURE_SIZE] = {0};

	report->delivery->signature.data = none;
	offices_apply(f, report);
	update = agent_delivery(&f->world, offices_send(f, agent_update(&f->world, "police.oku", 1, CANARY)));
	update->delivery->signature.data = none;
	offices_apply(f, update);
	assert_int_equal(offices_rows(f, "trust = 2"), 2);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(offices_rows(f, "trust = 2 AND erased_at > 0"), 2);
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

static void only_a_good_retraction_by_the_origin_erases(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *forged;
	uint8_t none[SIGNATURE_SIZE] = {0};

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_cancel(&f->world, "police.oku", 1));
	offices_deliver(f, agent_retraction(&f->world, "army.oku", 1));
	forged = agent_delivery(&f->world, offices_send(f, agent_retraction(&f->world, "police.oku", 1)));
	forged->delivery->signature.data = none;
	offices_apply(f, forged);
	offices_apply(f, agent_standing(&f->world, "police.oku", 1, SIMPUL__STANDING__STANDING_COMPROMISED, 1));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(offices_rows(f, "erased_at > 0"), 0);
	assert_true(offices_files_hold(f, "army.oku", CANARY));
}

/* ---- what stays */

static void who_said_it_is_proven_all_the_same(void **state)
{
	struct offices *f = *state;
	const struct report_name name = {"police.oku", 1, MAIN, 1};
	struct proof_finding finding;
	Simpul__Proof *proof;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
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
	struct offices *f = *state;
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
	submission = offices_send(f, red);
	routing = wire_unpack(&simpul__routing__descriptor, of_binary(submission->routing), &f->world.arena, NULL);
	entry = agent_delivery(&f->world, submission);
	wrap.entry = entry->entry;
	wrap.key_id = 1;
	wrap.wrapped = routing->wraps[0]->wrapped;
	offices_apply_with(f, entry, &wrap);
	assert_int_equal(offices_rows(f, "trust = 0 AND length(body) > 0"), 1);
	retraction->header->references[0]->stream = SIMPUL__STREAM__STREAM_RED;
	offices_deliver(f, retraction);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox_delivery WHERE length(content_key) > 0"),
			 0);
	assert_int_equal(proof_make(&f->store, &name, &f->world.arena, &proof, &f->fault), E_OK);
	assert_int_equal(proof_check(proof, NULL, NULL, &f->world.arena, &finding, &f->fault), E_OK);
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

static bool line_note(void *line, const struct inbox_row *row)
{
	view_line(row, line);
	return true;
}

/* The first of a submission is gone at the broker when it comes, the second is not. */
static void a_report_that_came_erased_takes_no_key_from_those_behind_it(void **state)
{
	struct offices *f = *state;
	const struct report_name second = {"police.oku", 1, SIMPUL__STREAM__STREAM_RED, 2};
	struct prepared *both[2];
	Simpul__EntryWrap wrap = SIMPUL__ENTRY_WRAP__INIT;
	struct proof_finding finding;
	Simpul__Submission *submission;
	const Simpul__Routing *routing;
	Simpul__Entry *entry;
	Simpul__Proof *proof;
	char to_army[] = "army.oku", *to = to_army;

	for (int i = 0; i < 2; i++) {
		both[i] = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_RED, CANARY);
		both[i]->routing->n_to = 1;
		both[i]->routing->to = &to;
	}
	submission = offices_send_all(f, both, 2);
	routing = wire_unpack(&simpul__routing__descriptor, of_binary(submission->routing), &f->world.arena, NULL);
	entry = agent_delivery(&f->world, submission);
	agent_erase(&f->world, entry->delivery, 0);
	wrap.entry = entry->entry;
	wrap.key_id = 1;
	wrap.wrapped = routing->wraps[0]->wrapped;
	offices_apply_with(f, entry, &wrap);
	assert_int_equal(proof_make(&f->store, &second, &f->world.arena, &proof, &f->fault), E_OK);
	assert_int_equal(proof_check(proof, NULL, NULL, &f->world.arena, &finding, &f->fault), E_OK);
	assert_non_null(finding.body);
}

static void a_report_that_comes_erased_is_shown_as_such_and_not_as_bad(void **state)
{
	struct offices *f = *state;
	const struct report_name name = {"police.oku", 1, MAIN, 1};
	Simpul__Submission *submission = offices_send_sighting(f, CANARY);
	Simpul__Entry *entry = agent_delivery(&f->world, submission);
	struct proof_finding finding;
	struct buffer line = {0};
	Simpul__Proof *proof;

	agent_erase(&f->world, entry->delivery, 0);
	offices_apply(f, entry);
	assert_int_equal(offices_rows(f, "trust = 0 AND erased_at > 0"), 1);
	assert_int_equal(view_inbox(&f->store, 0, 1, line_note, &line, NULL), E_OK);
	buffer_u8(&line, 0);
	assert_non_null(strstr((const char *)line.data, "ERASED"));
	assert_null(strstr((const char *)line.data, "BAD"));
	buffer_free(&line);
	assert_int_equal(proof_make(&f->store, &name, &f->world.arena, &proof, &f->fault), E_OK);
	assert_int_equal(proof_check(proof, NULL, NULL, &f->world.arena, &finding, &f->fault), E_OK);
	/* A broker that was restored sends it whole. */
	offices_apply(f, agent_delivery(&f->world, submission));
	assert_int_equal(offices_rows(f, "1"), 1);
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

/* ---- expiry */

static void only_what_expired_goes_and_only_by_a_clock_that_is_right(void **state)
{
	struct offices *f = *state;
	struct uplink_status status = {.broker_time = 0};

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY)); /* lives a day */
	offices_purge(f);
	assert_int_equal(offices_rows(f, "erased_at > 0"), 0);
	f->now.wall += 25 * HOUR_MS;
	f->now.steady += PURGE_EVERY_MS;
	status.broker_time = f->now.wall - 2 * HOUR_MS;
	purge_step(&f->purge, &status, &f->now);
	assert_int_equal(offices_rows(f, "erased_at > 0"), 0);
	assert_non_null(strstr(f->log, "clock.doubted"));
	f->now.wall -= 50 * HOUR_MS; /* before what came last */
	f->now.steady += PURGE_EVERY_MS;
	status.broker_time = 0;
	purge_step(&f->purge, &status, &f->now);
	assert_int_equal(offices_rows(f, "erased_at > 0"), 0);
	f->now.wall += 50 * HOUR_MS;
	offices_purge(f);
	assert_int_equal(offices_rows(f, "erased_at > 0 AND rule = 1"), 1);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

/* Whose end nobody can read, and no command takes away. */
static void what_came_without_a_header_goes_as_well(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *report = agent_delivery(&f->world, offices_send_sighting(f, CANARY));

	report->delivery->reports[0]->header.data[0] = 0xff;
	offices_apply(f, report);
	assert_int_equal(offices_rows(f, "trust = 2 AND length(body) > 0"), 1);
	f->now.wall += 93 * DAY_MS;
	offices_purge(f);
	assert_int_equal(offices_rows(f, "erased_at > 0"), 1);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

static void without_a_session(struct offices *f, wall_ms wall)
{
	const struct uplink_status status = {.broker_time = 0};

	f->now.wall = wall;
	f->now.steady += PURGE_EVERY_MS;
	purge_step(&f->purge, &status, &f->now);
}

/* A machine that lost its clock's battery comes up years ahead and has no line. */
static void a_clock_far_ahead_of_all_that_is_known_erases_nothing(void **state)
{
	struct offices *f = *state;
	const wall_ms start = f->now.wall;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY)); /* lives a day */
	without_a_session(f, start + 365 * 24 * HOUR_MS);
	without_a_session(f, start + 15 * 24 * HOUR_MS);
	assert_int_equal(offices_rows(f, "erased_at > 0"), 0);
	assert_non_null(strstr(f->log, "event=clock.doubted against=store"));
	without_a_session(f, start + 13 * 24 * HOUR_MS);
	assert_int_equal(offices_rows(f, "erased_at > 0 AND rule = 1"), 1);
}

static void what_time_it_was_in_a_session_is_known_after_a_start(void **state)
{
	struct offices *f = *state;
	const wall_ms start = f->now.wall;
	Simpul__Entry *last;

	f->now.wall = start + 10 * 24 * HOUR_MS;
	offices_purge(f);
	last = agent_delivery(&f->world, offices_send_sighting(f, CANARY));
	last->accepted_at = start;
	offices_apply(f, last);
	offices_reopen(f);
	without_a_session(f, start + 20 * 24 * HOUR_MS);
	assert_int_equal(offices_rows(f, "erased_at > 0 AND rule = 1"), 1);
}

static void a_damaged_proof_keeps_nothing_from_being_erased(void **state)
{
	struct offices *f = *state;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	test_sql(&f->store, "UPDATE inbox_delivery SET proof = x'ff' WHERE delivery_id = 1");
	f->now.wall += 25 * HOUR_MS;
	offices_purge(f);
	assert_int_equal(offices_rows(f, "erased_at > 0 AND rule = 1"), 2);
	assert_non_null(strstr(f->log, "event=store.failed code=CORRUPT field=inbox_delivery.proof"));
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

/* A former key of this office, which is in no file any more but in a backup, may open it. */
static void no_wrap_of_what_nobody_could_open_outlives_it(void **state)
{
	struct offices *f = *state;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	test_sql(&f->store, "UPDATE inbox_delivery SET wrap = x'0102', wrap_key_id = 7");
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox_delivery WHERE length(wrap) > 0"), 0);
	assert_int_equal(agent_number(&f->store, "SELECT max(wrap_key_id) FROM inbox_delivery"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, offices_start, offices_end)

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
		TEST(a_report_that_came_erased_takes_no_key_from_those_behind_it),
		TEST(a_report_that_comes_erased_is_shown_as_such_and_not_as_bad),
		TEST(only_what_expired_goes_and_only_by_a_clock_that_is_right),
		TEST(what_came_without_a_header_goes_as_well),
		TEST(a_clock_far_ahead_of_all_that_is_known_erases_nothing),
		TEST(what_time_it_was_in_a_session_is_known_after_a_start),
		TEST(a_damaged_proof_keeps_nothing_from_being_erased),
		TEST(no_wrap_of_what_nobody_could_open_outlives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
