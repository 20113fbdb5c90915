/* Tries to break what agents/reports/release.h promises: on a report decides its origin alone. */
#include "agents/reports/copies.h"
#include "agents/reports/release.h"
#include "tests/support/desk.h"
#include "tests/support/reports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct report_name own = {.origin = "police.oku", .epoch = 1, .number = 12},
				request = {.origin = "army.oku", .epoch = 1, .number = 5};

static void request_come(struct desk *desk, const struct report_name *about)
{
	test_inbox_add(
		&desk->store,
		&(struct test_report){.name = request, .about = about, .kind = SIMPUL__KIND__KIND_RELEASE_REQUEST},
		TRUST_GOOD, 0);
}

static void release_come(struct desk *desk, const char *origin, Simpul__ReleaseDecision decision,
			 enum inbox_trust trust)
{
	struct test_report release = {.name = {.epoch = 1, .number = 7},
				      .about = &request,
				      .kind = SIMPUL__KIND__KIND_RELEASE,
				      .decision = decision};

	strcpy(release.name.origin, origin);
	test_inbox_add(&desk->store, &release, trust, 0);
}

static void assert_decision(struct desk *desk, const char *expected)
{
	uint64_t open;
	json_t *list;

	assert_int_equal(release_list(&desk->store, &list, NULL), E_OK);
	assert_int_equal(json_array_size(list), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "request")), "army.oku#5");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "decision")), expected);
	/* What nobody answered is counted as well, for who looks at status or doctor alone. */
	assert_int_equal(release_open_count(&desk->store, &open, NULL), E_OK);
	if (strcmp(expected, "open") == 0)
		assert_int_equal(open, 1);
	json_decref(list);
}

#define GRANTED SIMPUL__RELEASE_DECISION__RELEASE_DECISION_GRANTED
#define REFUSED SIMPUL__RELEASE_DECISION__RELEASE_DECISION_REFUSED

/* Neither whoever heard of it, nor who asked, nor one whose name only begins like the origin's. */
static void an_outsiders_release_decides_nothing(void **state)
{
	static const char *const outsiders[] = {"health.oku", "army.oku", "police.oku-timur", "police"};
	struct desk *desk = *state;

	request_come(desk, &own);
	for (size_t i = 0; i < sizeof(outsiders) / sizeof(outsiders[0]); i++) {
		json_t *draft;

		release_come(desk, outsiders[i], i % 2 == 0 ? GRANTED : REFUSED, TRUST_GOOD);
		assert_decision(desk, "open");
		assert_int_equal(release_refuse(&desk->store, "army.oku#5", &draft, NULL), E_OK);
		json_decref(draft);
	}
}

/* Also not a release that only says that it is the origin's. */
static void the_origins_own_release_decides(void **state)
{
	static const struct report_name theirs = {.origin = "health.oku", .epoch = 1, .number = 3};
	struct desk *desk = *state;
	json_t *draft;

	request_come(desk, &theirs);
	release_come(desk, "health.oku", GRANTED, TRUST_BAD);
	assert_decision(desk, "open");
	release_come(desk, "health.oku", GRANTED, TRUST_GOOD);
	assert_decision(desk, "granted");
	assert_int_equal(release_refuse(&desk->store, "army.oku#5", &draft, NULL), E_EXISTS);
	assert_null(draft);
}

/* Who looks, and who answers one, does not go through a million other reports. */
static void what_waits_is_found_without_going_through_the_rest(void **state)
{
	enum { OTHERS = 300 };
	struct desk *desk = *state;
	json_t *list;

	for (uint64_t i = 1; i <= OTHERS; i++)
		test_inbox_add(&desk->store,
			       &(struct test_report){.name = {.origin = "health.oku", .epoch = 1, .number = 100 + i}},
			       TRUST_GOOD, 0);
	test_sql(&desk->store,
		 "INSERT OR IGNORE INTO stream VALUES(1, 0, 300, 300, 300);"
		 "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
		 " INSERT INTO outbox_report(epoch, stream, number, routing_key, alone, sealed, kind, label,"
		 " category, region, taken_at, source, reference, routing, header, body)"
		 " SELECT 1, 0, i, x'', 0, 0, 3, 1, '', '', 1, '', 'police.oku#' || i, x'', x'', x'' FROM n");
	request_come(desk, &own);
	test_steps(&desk->store);
	assert_int_equal(release_list(&desk->store, &list, NULL), E_OK);
	assert_int_equal(json_array_size(list), 1);
	assert_in_range(test_steps(&desk->store), 1, 1500);
	json_decref(list);
}

static void whom_updates_reached_is_found_without_going_through_the_rest(void **state)
{
	struct desk *desk = *state;
	json_t *copies = json_array(), *missed = json_array();
	bool under_way;

	test_sql(&desk->store,
		 "INSERT OR IGNORE INTO stream VALUES(1, 0, 300, 300, 300);"
		 "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
		 " INSERT INTO outbox_report(epoch, stream, number, routing_key, alone, sealed, kind, label,"
		 " category, region, taken_at, source, routing, header, body)"
		 " SELECT 1, 0, i, x'', 0, 0, 3, 1, '', '', 1, '', x'', x'', x'' FROM n");
	test_steps(&desk->store);
	assert_int_equal(copies_of_updates(&desk->store, &own, copies, missed, &under_way, NULL), E_OK);
	assert_false(under_way);
	assert_in_range(test_steps(&desk->store), 1, 300);
	json_decref(copies);
	json_decref(missed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_open, desk_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_outsiders_release_decides_nothing),
		TEST(the_origins_own_release_decides),
		TEST(what_waits_is_found_without_going_through_the_rest),
		TEST(whom_updates_reached_is_found_without_going_through_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
