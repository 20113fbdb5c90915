/* copies_test - tries to have simpulctl say that nobody has a report which somebody has, or that somebody has what is
 * gone. */
#include "broker/control/copies.h"
#include "broker/ctl/ctl_breach.h"
#include "broker/ctl/ctl_report.h"

#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/resource.h>
#include <cmocka.h>

#define TO(node) (1u << (node))
#define DUE_TO_THREE (TO(ARMY) | TO(IMMIGRATION) | TO(OTHER_POLICE))

struct place {
	struct ledger ledger;
	char config[96];
};

static int setup(void **state)
{
	struct place *place = *state = memory_zero(1, sizeof(*place));

	ledger_open(&place->ledger);
	ledger_configure(&place->ledger, place->config);
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	ledger_close(&place->ledger);
	free(place);
	return 0;
}

/* police.oku#1, which goes to three; two have it, and one of these says that it is gone. */
static uint64_t story(struct place *place, Simpul__SinkPurge *sink)
{
	struct ledger *ledger = &place->ledger;
	const uint64_t entry = ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = DUE_TO_THREE});
	struct buffer body = {0};

	ledger_purge_receipt(&body, 1, 77, sink);
	ledger_say(ledger, &(struct saying){.origin = ARMY,
					    .first = 1,
					    .kind = SIMPUL__KIND__KIND_PURGE_RECEIPT,
					    .audience = TO(POLICE),
					    .encoded = buffer_view(&body)});
	buffer_free(&body);
	journal_note_cursor(ledger->journal, ledger_nodes[ARMY], entry);
	journal_note_cursor(ledger->journal, ledger_nodes[IMMIGRATION], entry);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	return entry;
}

static json_t *report_of(const struct place *place, const char *text)
{
	const struct ctl ctl = {.config = place->config};
	struct report_name name;
	struct fault fault = {0};
	json_t *report;

	assert_true(report_name_parse(text, &name));
	if (ctl_report_json(&ctl, &name, &report, &fault) != E_OK)
		fail_msg("%s at %s", error_name(fault.code), fault.field);
	return report;
}

static const json_t *copy_at(const json_t *report, int node)
{
	const json_t *copies = json_object_get(report, "copies");

	for (size_t i = 0; i < json_array_size(copies); i++)
		if (strcmp(ctl_text(json_array_get(copies, i), "node"), ledger_nodes[node]) == 0)
			return json_array_get(copies, i);
	return NULL;
}

static void assert_names(const json_t *report, const char *key, const char *expected)
{
	const json_t *names = json_object_get(report, key);
	char text[200] = "";

	for (size_t i = 0; i < json_array_size(names); i++) {
		strcat(text, json_string_value(json_array_get(names, i)));
		strcat(text, " ");
	}
	assert_string_equal(text, expected);
}

static void every_recipient_is_there_with_what_is_known_of_it(void **state)
{
	struct place *place = *state;
	json_t *report;

	story(place, NULL);
	report = report_of(place, "police.oku#1");
	assert_int_equal(json_array_size(json_object_get(report, "copies")), 3);
	assert_string_equal(ctl_text(copy_at(report, ARMY), "state"), "erased");
	assert_string_equal(ctl_text(copy_at(report, IMMIGRATION), "state"), "acknowledged");
	assert_string_equal(ctl_text(copy_at(report, OTHER_POLICE), "state"), "maybe");
	assert_names(report, "held_by", "immigration.oku police.muara-enim ");
	assert_names(report, "by_letter", "");
	json_decref(report);
}

static void a_sink_that_did_not_erase_is_a_copy(void **state)
{
	struct place *place = *state;
	Simpul__LegalBasis basis = SIMPUL__LEGAL_BASIS__INIT;
	Simpul__SinkPurge sink = SIMPUL__SINK_PURGE__INIT;
	json_t *report;
	const json_t *told;

	basis.code = (char *)(uintptr_t)"UU";
	basis.number = (char *)(uintptr_t)"6/2011";
	sink.sink = (char *)(uintptr_t)"registry";
	sink.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD;
	sink.basis = &basis;
	sink.until = LEDGER_START + 1000;
	story(place, &sink);
	report = report_of(place, "police.oku#1");
	told = json_array_get(json_object_get(copy_at(report, ARMY), "sinks"), 0);
	assert_string_equal(ctl_text(told, "sink"), "registry");
	assert_string_equal(ctl_text(told, "outcome"), "held");
	assert_string_equal(ctl_text(told, "basis"), "UU 6/2011");
	assert_names(report, "held_by", "army.oku immigration.oku police.muara-enim ");
	json_decref(report);
}

/* It is said twice in one receipt, as it was and as it is. */
static void of_two_words_in_a_receipt_the_newest_counts(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;
	Simpul__SinkPurge sink = SIMPUL__SINK_PURGE__INIT;
	struct buffer body = {0};
	Simpul__Body *twice;
	json_t *report;

	sink.sink = (char *)(uintptr_t)"registry";
	sink.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED;
	ledger_purge_receipt(&body, 1, 1, &sink);
	twice = simpul__body__unpack(NULL, body.size, body.data);
	twice->purge_receipt->purged[1]->sinks[0]->outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN;
	buffer_clear(&body);
	wire_pack(twice, &body);
	simpul__body__free_unpacked(twice, NULL);
	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = DUE_TO_THREE});
	ledger_say(ledger, &(struct saying){.origin = ARMY,
					    .first = 1,
					    .kind = SIMPUL__KIND__KIND_PURGE_RECEIPT,
					    .audience = TO(POLICE),
					    .encoded = buffer_view(&body)});
	buffer_free(&body);
	report = report_of(place, "police.oku#1");
	assert_string_equal(ctl_text(json_array_get(json_object_get(copy_at(report, ARMY), "sinks"), 0), "outcome"),
			    "unknown");
	json_decref(report);
}

static void say_standing_since(struct place *place, const char *node, uint32_t key_id, Simpul__Standing said,
			       wall_ms since)
{
	struct journal_append *append = journal_append_new();
	Simpul__MemberStanding standing = SIMPUL__MEMBER_STANDING__INIT;

	standing.node = (char *)(uintptr_t)node;
	standing.key_id = key_id;
	standing.standing = said;
	standing.since = since;
	standing.reason = (char *)(uintptr_t)"moved to another building, and is now closed";
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING;
	wire_pack(&standing, &append->content);
	assert_int_equal(ledger_commit(&place->ledger, append, NULL), E_OK);
	journal_append_free(append);
}

static void say_standing(struct place *place, const char *node, Simpul__Standing said)
{
	say_standing_since(place, node, 1, said, 0);
}

static void who_was_shut_out_and_has_a_copy_is_told_by_letter(void **state)
{
	struct place *place = *state;
	json_t *report;

	story(place, NULL);
	say_standing(place, ledger_nodes[IMMIGRATION], SIMPUL__STANDING__STANDING_RETIRED);
	report = report_of(place, "police.oku#1");
	assert_names(report, "held_by", "police.muara-enim ");
	assert_names(report, "by_letter", "immigration.oku ");
	assert_string_equal(ctl_text(copy_at(report, IMMIGRATION), "standing"), "retired");
	json_decref(report);
}

/* The proof of a report that was opened says since when its key is in doubt. */
static void a_key_is_compromised_since_the_earliest_time_and_no_newer_key_with_it(void **state)
{
	static const wall_ms said[] = {LEDGER_START, LEDGER_START - 5, LEDGER_START - 3};
	struct place *place = *state;
	struct journal_append *renewed = ledger_member(&place->ledger, IMMIGRATION, 2);
	const Simpul__MemberStanding *standing;
	const Simpul__MemberRecord *record;
	struct journal_case *c;
	struct case_node node;
	uint64_t entry;

	assert_int_equal(ledger_commit(&place->ledger, renewed, NULL), E_OK);
	journal_append_free(renewed);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		say_standing_since(place, ledger_nodes[IMMIGRATION], 1, SIMPUL__STANDING__STANDING_COMPROMISED, said[i]);
	assert_int_equal(journal_case_open(&c, place->ledger.options.path, NULL), E_OK);
	assert_int_equal(journal_case_member(c, ledger_nodes[IMMIGRATION], 1, INT64_MAX, &record, &entry, &standing, NULL),
			 E_OK);
	assert_non_null(standing);
	assert_int_equal(standing->since, LEDGER_START - 5);
	assert_int_equal(journal_case_node(c, ledger_nodes[IMMIGRATION], journal_case_end(c), &node, NULL), E_OK);
	assert_int_equal(node.key_id, 2);
	assert_int_equal(node.standing, SIMPUL__STANDING__STANDING_ACTIVE);
	journal_case_close(c);
}

static void updates_cancels_and_the_tombstone_are_there(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;
	const uint64_t entry = story(place, NULL);
	struct erasure erasure = {.entry = entry, .count = 1, .rule = SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED};
	json_t *report;
	const json_t *references, *erased;
	uint64_t buried;

	ledger_say(ledger, &(struct saying){.origin = POLICE,
					    .first = 2,
					    .kind = SIMPUL__KIND__KIND_UPDATE,
					    .reference = 1,
					    .audience = TO(IMMIGRATION)});
	erasure.cause = ledger_say(ledger, &(struct saying){.origin = POLICE,
							    .first = 3,
							    .kind = SIMPUL__KIND__KIND_CANCEL,
							    .reference = 1,
							    .erase = true});
	buried = ledger_bury(ledger, &erasure, 1);
	report = report_of(place, "police.oku#1");
	erased = json_object_get(report, "erased");
	assert_int_equal(ctl_number(erased, "entry"), buried);
	assert_int_equal(ctl_number(erased, "cause"), erasure.cause);
	assert_string_equal(ctl_text(erased, "rule"), "retracted");
	references = json_object_get(report, "references");
	assert_int_equal(json_array_size(references), 2);
	assert_string_equal(ctl_text(json_array_get(references, 0), "name"), "police.oku#2");
	assert_true(json_is_null(json_object_get(json_array_get(references, 0), "erased")));
	assert_string_equal(ctl_text(json_array_get(references, 1), "kind"), "cancel");
	assert_true(json_is_true(json_object_get(json_array_get(references, 1), "erase")));
	/* The army has said that it erased the report, and not that it erased the update. */
	assert_names(report, "held_by", "immigration.oku police.muara-enim army.oku ");
	json_decref(report);
}

/* The office had the stub alone, and no CANCEL of the update will ever be told to it. */
static void who_never_had_an_update_does_not_hold_it(void **state)
{
	struct place *place = *state;
	json_t *report;

	ledger_say(&place->ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	ledger_say(&place->ledger, &(struct saying){.origin = POLICE,
						    .first = 2,
						    .kind = SIMPUL__KIND__KIND_UPDATE,
						    .reference = 1,
						    .left_out = "army",
						    .audience = TO(ARMY) | TO(IMMIGRATION)});
	report = report_of(place, "police.oku#2");
	assert_string_equal(ctl_text(copy_at(report, ARMY), "state"), "stub");
	assert_names(report, "held_by", "immigration.oku ");
	json_decref(report);
}

static void a_report_that_was_refused_is_with_nobody(void **state)
{
	struct place *place = *state;
	json_t *report;

	ledger_say(&place->ledger,
		   &(struct saying){.origin = POLICE, .first = 1, .count = 2, .refused = 1, .audience = TO(ARMY)});
	report = report_of(place, "police.oku#1");
	assert_true(json_is_object(json_object_get(report, "refused")));
	assert_int_equal(json_array_size(json_object_get(report, "copies")), 0);
	assert_names(report, "held_by", "");
	json_decref(report);
	report = report_of(place, "police.oku#2");
	assert_true(json_is_null(json_object_get(report, "refused")));
	assert_int_equal(json_array_size(json_object_get(report, "copies")), 1);
	json_decref(report);
}

static void a_report_that_is_not_there_is_not_found(void **state)
{
	const struct place *place = *state;
	const struct ctl ctl = {.config = place->config};
	const struct report_name name = {.origin = "police.oku", .epoch = 1, .number = 9};
	struct fault fault = {0};
	json_t *report;

	assert_int_equal(ctl_report_json(&ctl, &name, &report, &fault), E_NOT_FOUND);
	assert_null(report);
}

/* ---------------------------------------------------------------------------- what it may cost */

static long memory_peak(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return used.ru_maxrss; /* KiB */
}

/* As of a report with many updates, among many members of which much was said. */
static void many_copies_among_many_members_take_little_memory(void **state)
{
	struct place *place = *state;
	struct journal_case *c;
	long before;

	story(place, NULL);
	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "office.oku-%d", i);
		say_standing(place, name, SIMPUL__STANDING__STANDING_SUSPENDED);
	}
	assert_int_equal(journal_case_open(&c, place->ledger.options.path, NULL), E_OK);
	before = memory_peak();
	for (int i = 0; i < 5000; i++) {
		const char *node = i % 2 == 0 ? "office.oku-7" : ledger_nodes[ARMY];
		struct case_node as;

		assert_int_equal(journal_case_node(c, node, journal_case_end(c), &as, NULL), E_OK);
		assert_int_equal(as.standing,
				 i % 2 == 0 ? SIMPUL__STANDING__STANDING_SUSPENDED : SIMPUL__STANDING__STANDING_ACTIVE);
	}
	assert_in_range(memory_peak() - before, 0, 16 * 1024);
	journal_case_close(c);
}

static enum error gather(const struct place *place, size_t most)
{
	struct copies_source source = {.c = NULL, .most = most};
	struct report_name name;
	struct fault fault = {0};
	json_t *report;
	enum error error;

	assert_true(report_name_parse("police.oku#1", &name));
	assert_int_equal(journal_case_open(&source.c, place->ledger.options.path, NULL), E_OK);
	error = copies_report(&source, &name, &report, &fault);
	journal_case_close(source.c);
	assert_int_equal(report != NULL, error == E_OK);
	json_decref(report);
	return error;
}

/* Three copies, an update, and its copy. */
static void what_is_too_much_for_an_answer_is_not_gathered(void **state)
{
	struct place *place = *state;

	story(place, NULL);
	assert_int_equal(gather(place, 2), E_TOO_LARGE);
	assert_int_equal(gather(place, 3), E_OK);
	ledger_say(&place->ledger, &(struct saying){.origin = POLICE,
						    .first = 2,
						    .kind = SIMPUL__KIND__KIND_UPDATE,
						    .reference = 1,
						    .audience = TO(IMMIGRATION)});
	assert_int_equal(gather(place, 3), E_TOO_LARGE);
	assert_int_equal(gather(place, 4), E_TOO_LARGE);
	assert_int_equal(gather(place, 0), E_OK);
}

static bool ends_after(void *context)
{
	int *left = context;

	return --*left < 0;
}

/* Both one long question and many short ones. */
static void a_look_ends_when_it_is_to_end(void **state)
{
	struct place *place = *state;
	struct copies_source source = {.c = NULL};
	const struct report_name name = {.origin = "police.oku", .epoch = 1, .stream = SIMPUL__STREAM__STREAM_MAIN, .number = 1};
	struct case_node as;
	json_t *report;
	int left = 2;

	story(place, NULL);
	for (int i = 0; i < 500; i++)
		say_standing(place, "office.oku-1", SIMPUL__STANDING__STANDING_SUSPENDED);
	assert_int_equal(journal_case_open(&source.c, place->ledger.options.path, NULL), E_OK);
	journal_case_watch(source.c, ends_after, &left);
	assert_int_equal(copies_report(&source, &name, &report, NULL), E_STOPPING);
	assert_null(report);
	left = 0;
	assert_int_not_equal(journal_case_node(source.c, "office.oku-1", journal_case_end(source.c), &as, NULL), E_OK);
	left = INT_MAX;
	assert_int_equal(copies_report(&source, &name, &report, NULL), E_OK);
	json_decref(report);
	journal_case_close(source.c);
}

/* ---------------------------------------------------------------------------- what a thief could have read */

static long long breach_number(const struct place *place, int node, wall_ms since, const char *key)
{
	const struct ctl ctl = {.config = place->config};
	struct fault fault = {0};
	json_t *breach;
	long long number;

	if (ctl_breach_json(&ctl, ledger_nodes[node], since, &breach, &fault) != E_OK)
		fail_msg("%s at %s", error_name(fault.code), fault.field);
	assert_int_equal(json_array_size(json_object_get(breach, "groups")), 1);
	number = ctl_number(json_array_get(json_object_get(breach, "groups"), 0), key);
	json_decref(breach);
	return number;
}

/* Three commits: the report, the purge receipt, and a report that comes later. */
static void what_was_erased_before_the_theft_was_not_on_the_machine(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;
	const wall_ms before = ledger->now;
	wall_ms erased;

	story(place, NULL);
	erased = ledger->now + 500;
	ledger->now += 10000;
	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 2, .audience = TO(ARMY)});
	assert_int_equal(breach_number(place, ARMY, erased, "erased_before"), 1);
	assert_int_equal(breach_number(place, ARMY, erased, "stored"), 0);
	assert_int_equal(breach_number(place, ARMY, erased, "later"), 1);
	/* Stolen before: what the node said afterwards counts for nothing. */
	assert_int_equal(breach_number(place, ARMY, before, "erased_before"), 0);
	assert_int_equal(breach_number(place, ARMY, before, "erased_since"), 1);
	assert_int_equal(breach_number(place, ARMY, before, "later"), 2);
	assert_int_equal(breach_number(place, IMMIGRATION, erased, "stored"), 1);
	assert_int_equal(breach_number(place, IMMIGRATION, erased, "erased_since"), 0);
}

static void a_cancel_reveals_nothing_and_is_not_counted(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;

	story(place, NULL);
	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1});
	assert_int_equal(breach_number(place, IMMIGRATION, UINT64_MAX >> 1, "stored"), 1);
}

static size_t sent_since(struct journal_case *c, wall_ms since)
{
	size_t count;
	json_t *page;

	assert_int_equal(copies_sent(c, ledger_nodes[ARMY], since, 0, 100, &page, NULL), E_OK);
	count = json_array_size(json_object_get(page, "reports"));
	json_decref(page);
	return count;
}

/* Pages of what a node was sent, one after the other: every report once, and no entry torn apart. */
static void pages_leave_nothing_out_and_repeat_nothing(void **state)
{
	struct place *place = *state;
	struct journal_case *c = NULL;
	uint64_t after = 0, reports = 0, pages = 0, newest = 0;
	bool more = true;

	/* To different recipients in turn: the order is not that of audiences. */
	for (uint64_t first = 1; first < 13; first += 3)
		ledger_say(&place->ledger, &(struct saying){.origin = POLICE,
							    .first = first,
							    .count = 3,
							    .audience = first % 2 == 1 ? DUE_TO_THREE : TO(ARMY)});
	assert_int_equal(journal_case_open(&c, place->ledger.options.path, NULL), E_OK);
	for (; more; pages++) {
		json_t *page;

		assert_int_equal(copies_sent(c, ledger_nodes[ARMY], 0, after, 2, &page, NULL), E_OK);
		reports += json_array_size(json_object_get(page, "reports"));
		for (size_t i = 0; i < json_array_size(json_object_get(page, "reports")); i++) {
			const json_t *report = json_array_get(json_object_get(page, "reports"), i);

			assert_true((uint64_t)ctl_number(report, "entry") >= newest);
			newest = (uint64_t)ctl_number(report, "entry");
		}
		after = (uint64_t)ctl_number(page, "last");
		more = json_is_true(json_object_get(page, "more"));
		json_decref(page);
	}
	assert_int_equal(reports, 12);
	assert_int_equal(pages, 4);
	/* Each was accepted a second after the one before: since the third there are two, since after the last none. */
	assert_int_equal(sent_since(c, place->ledger.now - 1000), 6);
	assert_int_equal(sent_since(c, place->ledger.now - 999), 3);
	assert_int_equal(sent_since(c, place->ledger.now + 1), 0);
	journal_case_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_recipient_is_there_with_what_is_known_of_it),
		TEST(a_sink_that_did_not_erase_is_a_copy),
		TEST(of_two_words_in_a_receipt_the_newest_counts),
		TEST(who_was_shut_out_and_has_a_copy_is_told_by_letter),
		TEST(a_key_is_compromised_since_the_earliest_time_and_no_newer_key_with_it),
		TEST(updates_cancels_and_the_tombstone_are_there),
		TEST(who_never_had_an_update_does_not_hold_it),
		TEST(a_report_that_was_refused_is_with_nobody),
		TEST(a_report_that_is_not_there_is_not_found),
		TEST(many_copies_among_many_members_take_little_memory),
		TEST(what_is_too_much_for_an_answer_is_not_gathered),
		TEST(a_look_ends_when_it_is_to_end),
		TEST(what_was_erased_before_the_theft_was_not_on_the_machine),
		TEST(a_cancel_reveals_nothing_and_is_not_counted),
		TEST(pages_leave_nothing_out_and_repeat_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
