/* subject_search_test - what is told of a report is what a person decided, no more than its office may tell, and of
 * whom it was given to nobody who never got it. */
#include "agents/reports/copies.h"
#include "agents/reports/legal_hold.h"
#include "agents/reports/outbox_erase.h"
#include "agents/subject/subject_record.h"
#include "agents/subject/subject_search.h"
#include "common/wire.h"
#include "tests/support/agent_world.h"
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct agent_world world;
static struct agent_office office;
static struct store store;

static int setup(void **state)
{
	(void)state;
	agent_world_start(&world);
	agent_office_make(&world, "police.oku", 1, &office);
	agent_store_open(&world, "police.oku", &store);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(&store);
	agent_world_end(&world);
	return 0;
}

/* A sighting of the specimen by this office, taken and, unless `waits`, accepted. */
static void tell(uint64_t number, bool waits)
{
	struct prepared *prepared = agent_sighting(&world, SIMPUL__LABEL__LABEL_AMBER, "at the terminal");
	Simpul__Person person = SIMPUL__PERSON__INIT, *persons[] = {&person};
	struct outbox_submission next = {.count = 0};
	struct buffer encoded = {0};
	struct report_name name;
	Simpul__Receipt *receipt;

	person.capacity = SIMPUL__CAPACITY__CAPACITY_SEEN;
	person.identity = SIMPUL__IDENTITY__IDENTITY_CLAIMED;
	person.age = SIMPUL__AGE__AGE_ADULT;
	person.primary_identifier = (char *)"ERIKSSON";
	person.date_of_birth = (char *)"1974-08-12";
	prepared->body->sighting->persons = persons;
	prepared->body->sighting->n_persons = 1;
	assert_int_equal(outbox_take(&store, &prepared, NULL, 1, false, &name, NULL), E_OK);
	assert_int_equal(name.number, number);
	if (waits)
		return;
	assert_int_equal(outbox_next(&store, &office.keys, 0, number - 1, &world.head, &next, NULL), E_OK);
	receipt = agent_receipt(&world, &next.digest, NULL, &encoded);
	assert_int_equal(outbox_receipt(&store, receipt, buffer_view(&encoded), &next.first, NULL), E_OK);
	buffer_free(&encoded);
	buffer_free(&next.message);
}

/* By a query with this mark. */
static json_t *search_as(const char *mark)
{
	json_t *request = json_pack("{s:s, s:{s:{s:s, s:s, s:s}}}", "mark", mark, "query", "subject", "identity",
				    "claimed", "primary_identifier", "Eriksson", "date_of_birth", "1974-08-12"),
	       *hits;

	assert_int_equal(subject_search(&store, request, &hits, NULL), E_OK);
	json_decref(request);
	return hits;
}

static json_t *search(void)
{
	return search_as("");
}

/* Decides about the hits, of which a new reference is taken; the code, and what is told in `reports`. */
static enum error decide(json_t *hits, const char *decisions_text, json_t **reports, size_t *undecided_count)
{
	json_t *text = json_loads(decisions_text, 0, NULL), *undecided;
	const struct subject_decisions decisions = {
		.disclose = json_object_get(text, "disclose"),
		.withhold = json_object_get(text, "withhold"),
		.other = json_object_get(text, "other"),
		.origins = json_is_true(json_object_get(text, "origins")),
	};
	struct fault fault = {0};
	enum error error;

	assert_non_null(text);
	error = subject_holdings(&store, hits, &decisions, reports, &undecided, &fault);
	*undecided_count = json_array_size(undecided);
	json_decref(undecided);
	json_decref(text);
	json_decref(hits);
	return error;
}

static size_t holders_of(const json_t *reports, size_t index)
{
	const json_t *holders = json_object_get(json_array_get(reports, index), "holders");

	assert_non_null(holders);
	return json_array_size(holders);
}

/* The receipt before it is not its own. */
static void nobody_has_what_was_not_accepted(void **state)
{
	json_t *reports;
	size_t undecided;

	(void)state;
	tell(1, false);
	tell(2, true);
	assert_int_equal(decide(search(), "{\"disclose\": [\"police.oku#1\", \"police.oku#2\"]}", &reports, &undecided),
			 E_OK);
	assert_int_equal(json_array_size(reports), 2);
	assert_true(holders_of(reports, 0) > 0);
	assert_int_equal(holders_of(reports, 1), 0);
	json_decref(reports);
}

/* The one who was given the report said that it erased it, and what became of it in one of its sinks. */
static void purged_put(Simpul__PurgeOutcome outcome)
{
	static const char sql[] = "INSERT OR REPLACE INTO purged SELECT 1, 0, 1, ?1, 1, 1, 1, 1, 5, ?2";
	sqlite3_stmt *put = store_statement(&store, sql);
	Simpul__Purged purged = SIMPUL__PURGED__INIT;
	Simpul__SinkPurge sink = SIMPUL__SINK_PURGE__INIT, *sinks[] = {&sink};
	struct report_name name = {"police.oku", 1, 0, 1};
	struct buffer packed = {0};
	json_t *copies = json_array();

	assert_int_equal(copies_given(&store, &name, copies, NULL), E_OK);
	sink.sink = (char *)"registry";
	sink.outcome = outcome;
	purged.sinks = sinks;
	purged.n_sinks = 1;
	wire_pack(&purged, &packed);
	assert_int_equal(store_begin(&store, NULL), E_OK);
	bind_text(put, 1, json_string_value(json_object_get(json_array_get(copies, 0), "node")));
	bind_bytes(put, 2, buffer_view(&packed));
	assert_int_equal(store_end(&store, database_step(put, NULL), NULL), E_OK);
	buffer_free(&packed);
	json_decref(copies);
}

static void nobody_has_erased_what_one_of_his_sinks_keeps(void **state)
{
	static const struct {
		Simpul__PurgeOutcome outcome;
		bool gone;
	} cases[] = {{SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED, true},
		     {SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED, false},
		     {SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD, false},
		     {SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN, false}};
	json_t *reports, *holder;
	size_t undecided;

	(void)state;
	tell(1, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		purged_put(cases[i].outcome);
		assert_int_equal(decide(search(), "{\"disclose\": [\"police.oku#1\"]}", &reports, &undecided), E_OK);
		holder = json_array_get(json_object_get(json_array_get(reports, 0), "holders"), 0);
		assert_int_equal(json_object_get(holder, "erased_at") != NULL, cases[i].gone);
		json_decref(reports);
	}
}

/* One report of this office and one of another. */
static json_t *two_hits(void)
{
	return json_loads("[{\"name\": \"army.oku#1\", \"own\": false, \"persons\": [{}], \"summary\": \"theirs\"},"
			  " {\"name\": \"police.oku#1\", \"own\": true, \"state\": \"waiting\", \"others\": 1,"
			  " \"persons\": [{}], \"summary\": \"about two\"}]",
			  0, NULL);
}

static void what_may_not_be_decided_is_refused(void **state)
{
	static const struct {
		const char *decisions;
		enum error error;
	} cases[] = {
		{"{\"disclose\": [\"army.oku#1\"]}", E_NOT_ORIGIN},
		{"{\"withhold\": {\"army.oku#1\": \"law-enforcement\"}}", E_NOT_ORIGIN},
		{"{\"withhold\": {\"police.oku#1\": \"origin-decides\"}}", E_INVALID},
		{"{\"withhold\": {\"police.oku#1\": \"no-time\"}}", E_INVALID},
		{"{\"withhold\": {\"police.oku#1\": \"\"}}", E_INVALID},
		{"{\"disclose\": [\"police.oku#2\"]}", E_NOT_FOUND},
		{"{\"disclose\": [\"police.oku#1\"], \"other\": [\"police.oku#1\"]}", E_EXISTS},
		{"{\"disclose\": [\"police.oku#1\"], \"withhold\": {\"police.oku#1\": \"state-interest\"}}", E_EXISTS},
	};
	json_t *reports;
	size_t undecided;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(decide(two_hits(), cases[i].decisions, &reports, &undecided), cases[i].error);
		assert_int_equal(json_array_size(reports), 0);
		json_decref(reports);
	}
}

static void what_is_not_decided_is_named_and_not_told(void **state)
{
	json_t *reports;
	size_t undecided;

	(void)state;
	assert_int_equal(decide(two_hits(), "{}", &reports, &undecided), E_OK);
	assert_int_equal(undecided, 2);
	assert_int_equal(json_array_size(reports), 0);
	json_decref(reports);
	assert_int_equal(decide(two_hits(), "{\"origins\": true}", &reports, &undecided), E_OK);
	assert_int_equal(undecided, 1);
	json_decref(reports);
	assert_int_equal(decide(two_hits(), "{\"other\": [\"army.oku#1\", \"police.oku#1\"]}", &reports, &undecided),
			 E_OK);
	assert_int_equal(undecided + json_array_size(reports), 0);
	json_decref(reports);
}

static void others_are_left_out_of_what_is_told(void **state)
{
	json_t *reports, *theirs, *own;
	size_t undecided;

	(void)state;
	assert_int_equal(
		decide(two_hits(), "{\"origins\": true, \"disclose\": [\"police.oku#1\"]}", &reports, &undecided),
		E_OK);
	theirs = json_array_get(reports, 0);
	assert_null(json_object_get(theirs, "persons"));
	assert_null(json_object_get(theirs, "summary"));
	assert_string_equal(json_string_value(json_object_get(theirs, "withheld")), "origin-decides");
	own = json_array_get(reports, 1);
	assert_non_null(json_object_get(own, "persons"));
	assert_null(json_object_get(own, "summary"));
	assert_string_equal(json_string_value(json_object_get(own, "withheld")), "rights-of-others");
	json_decref(reports);
}

/* An order keeps the first report of this office, and then all that is in the outbox expires. */
static void keep_first(void)
{
	const wall_ms now = clock_now().wall;
	const struct hold_order order = {.report = {"police.oku", 1, 0, 1},
					 .authority = "PN-BATURAJA",
					 .order = "12/Pid",
					 .reason = "investigation",
					 .until = now + 300 * DAY_MS};
	const struct hold_person first = {1001, "ani"}, second = {1002, "budi"};
	uint64_t id;
	size_t count;

	assert_int_equal(legal_hold_place(&store, &order, &first, now, &id, NULL), E_OK);
	assert_int_equal(legal_hold_confirm(&store, id, &second, now, NULL), E_OK);
	assert_int_equal(store_begin(&store, NULL), E_OK);
	assert_int_equal(outbox_erase_expired(&store, now + 10000 * DAY_MS, 100, &count, NULL), E_OK);
	assert_int_equal(store_commit(&store, NULL), E_OK);
	assert_int_equal(count, 1);
}

static void what_an_order_keeps_is_found_and_withheld(void **state)
{
	static const struct {
		const char *decisions;
		enum error error;
		size_t told, undecided;
	} cases[] = {
		{"{}", E_OK, 0, 1},
		{"{\"origins\": true}", E_OK, 0, 1},
		{"{\"disclose\": [\"police.oku#1\"]}", E_ERASED, 0, 0},
		{"{\"withhold\": {\"police.oku#1\": \"state-interest\"}}", E_ERASED, 0, 0},
		{"{\"withhold\": {\"police.oku#1\": \"law-enforcement\"}}", E_OK, 1, 0},
		{"{\"other\": [\"police.oku#1\"]}", E_OK, 0, 0},
	};
	json_t *reports;
	size_t undecided;

	(void)state;
	tell(1, false);
	keep_first();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(decide(search(), cases[i].decisions, &reports, &undecided), cases[i].error);
		assert_int_equal(json_array_size(reports), cases[i].told);
		assert_int_equal(undecided, cases[i].undecided);
		/* Its name and the reason. */
		if (cases[i].told > 0)
			assert_int_equal(json_object_size(json_array_get(reports, 0)), 2);
		json_decref(reports);
	}
}

static void who_finds_what_an_order_keeps_has_opened_it(void **state)
{
	json_t *read = json_pack("{s:s, s:s, s:[s]}", "action", "search", "query", "army.oku#1", "reports",
				 "police.oku#1");

	(void)state;
	tell(1, false);
	assert_int_equal(subject_record_take(&store, read, "ani", 1, NULL), E_OK);
	assert_int_equal(agent_number(&store, "SELECT count(*) FROM opening"), 0);
	keep_first();
	assert_int_equal(subject_record_take(&store, read, "ani", 2, NULL), E_OK);
	assert_int_equal(agent_number(&store, "SELECT count(*) FROM opening WHERE opened_by = 'ani' AND at = 2"), 1);
	assert_int_equal(agent_number(&store, "SELECT count(*) FROM subject_read"), 2);
	json_decref(read);
}

static void assert_found(const char *mark, size_t count)
{
	json_t *hits = search_as(mark);

	assert_int_equal(json_array_size(hits), count);
	json_decref(hits);
}

static void an_exercise_is_told_to_nobody_in_earnest(void **state)
{
	struct prepared *play = agent_sighting(&world, SIMPUL__LABEL__LABEL_AMBER, "play");
	Simpul__Person person = SIMPUL__PERSON__INIT, *persons[] = {&person};
	struct report_name name;

	(void)state;
	play->header->status = SIMPUL__STATUS__STATUS_EXERCISE;
	play->stream = SIMPUL__STREAM__STREAM_EXERCISE;
	person.primary_identifier = (char *)"ERIKSSON";
	person.date_of_birth = (char *)"1974-08-12";
	play->body->sighting->persons = persons;
	play->body->sighting->n_persons = 1;
	assert_int_equal(outbox_take(&store, &play, NULL, 1, false, &name, NULL), E_OK);
	assert_found("", 0);
	assert_found("TEST", 0);
	assert_found("EXERCISE", 1);
	tell(1, false);
	assert_found("", 1);
	assert_found("EXERCISE", 1);
}

/* What the outbox has comes in as another office's, under this trust. */
static void receive(enum inbox_trust trust)
{
	static const char sql[] =
		"INSERT INTO inbox(entry, idx, origin, epoch, stream, number, accepted_at, received_at, trust, kind, label,"
		" category, region, delivery_id, header, body) SELECT 1, 0, 'army.oku', 1, 0, ?1, 1, 1, ?1, kind, label,"
		" category, region, 1, header, body FROM outbox_report";
	sqlite3_stmt *put = store_statement(&store, sql);

	assert_int_equal(store_begin(&store, NULL), E_OK);
	bind_number(put, 1, (uint64_t)trust);
	assert_int_equal(store_end(&store, database_step(put, NULL), NULL), E_OK);
}

static void what_has_a_bad_signature_is_nobodys(void **state)
{
	(void)state;
	tell(1, false);
	receive(TRUST_BAD);
	assert_found("", 1);
	receive(TRUST_DOUBTFUL);
	assert_found("", 2);
}

/* The sponsor is another person himself; a remark beside other persons may be about them. */
static void what_may_be_anothers_is_left_out_of_a_person(void **state)
{
	static const char hit[] =
		"[{\"name\": \"police.oku#1\", \"own\": true, \"state\": \"waiting\", \"others\": %d, \"place\": {},"
		" \"summary\": \"words\", \"persons\": [{\"primary_identifier\": \"ERIKSSON\", \"sponsor\": \"x\","
		" \"remark\": \"x\", \"telephone\": \"x\", \"address\": \"x\"}]}]";
	static const char *const words[] = {"remark", "telephone", "address"};
	char text[512];
	json_t *reports;
	size_t undecided;

	(void)state;
	for (int others = 0; others < 2; others++) {
		json_t *report, *person;

		snprintf(text, sizeof(text), hit, others);
		assert_int_equal(decide(json_loads(text, 0, NULL), "{\"disclose\": [\"police.oku#1\"]}", &reports,
					&undecided),
				 E_OK);
		report = json_array_get(reports, 0);
		person = json_array_get(json_object_get(report, "persons"), 0);
		assert_non_null(json_object_get(person, "primary_identifier"));
		assert_null(json_object_get(person, "sponsor"));
		assert_string_equal(json_string_value(json_object_get(report, "withheld")), "rights-of-others");
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			assert_int_equal(json_object_get(person, words[i]) != NULL, others == 0);
		assert_int_equal(json_object_get(report, "place") != NULL, others == 0);
		assert_int_equal(json_object_get(report, "summary") != NULL, others == 0);
		json_decref(reports);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_has_what_was_not_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(what_may_not_be_decided_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_decided_is_named_and_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_an_order_keeps_is_found_and_withheld, setup, teardown),
		cmocka_unit_test_setup_teardown(who_finds_what_an_order_keeps_has_opened_it, setup, teardown),
		cmocka_unit_test_setup_teardown(an_exercise_is_told_to_nobody_in_earnest, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_a_bad_signature_is_nobodys, setup, teardown),
		cmocka_unit_test_setup_teardown(what_may_be_anothers_is_left_out_of_a_person, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_has_erased_what_one_of_his_sinks_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(others_are_left_out_of_what_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
