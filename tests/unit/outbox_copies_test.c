/* Tries to count as holders of a copy offices that never had one. */
#include "agents/reports/copies.h"
#include "common/wire.h"
#include "tests/support/desk.h"
#include "tests/support/reports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct report_name own = {.origin = "police.oku", .epoch = 1, .number = 1};

static void row_put(struct desk *desk, const char *sql, int kind, bool sealed, const void *message)
{
	sqlite3_stmt *put = store_statement(&desk->store, sql);
	struct buffer packed = {0};

	wire_pack(message, &packed);
	bind_bytes(put, 1, buffer_view(&packed));
	if (kind != 0) {
		bind_number(put, 2, (uint64_t)kind);
		bind_number(put, 3, sealed);
	}
	assert_int_equal(store_begin(&desk->store, NULL), E_OK);
	assert_int_equal(store_end(&desk->store, database_step(put, NULL), NULL), E_OK);
	buffer_free(&packed);
}

/* The report went, as the receipt says, to the army and to immigration. */
static void report_put(struct desk *desk, Simpul__Kind kind, bool sealed, const Simpul__Routing *routing)
{
	static char *audience[] = {(char *)"army.oku", (char *)"immigration.oku"};
	Simpul__Receipt receipt = SIMPUL__RECEIPT__INIT;

	receipt.audience = audience;
	receipt.n_audience = 2;
	row_put(desk,
		"INSERT INTO outbox_report(epoch, stream, number, routing_key, alone, sealed, kind, label, category,"
		" region, taken_at, source, routing, header, body)"
		" VALUES(1, 0, 1, x'', 1, ?3, ?2, 1, '', '', 1, '', ?1, x'', x'')",
		(int)kind, sealed, routing);
	row_put(desk, "INSERT INTO receipt VALUES(1, 0, 1, 7, 1, ?1)", 0, false, &receipt);
}

static void assert_given(struct desk *desk, size_t count, const char *last)
{
	json_t *copies = json_array();

	assert_int_equal(copies_given(&desk->store, &own, copies, NULL), E_OK);
	assert_int_equal(json_array_size(copies), count);
	assert_string_equal(json_string_value(json_object_get(json_array_get(copies, count - 1), "node")), last);
	json_decref(copies);
}

static void whom_an_update_leaves_out_has_no_copy_of_it(void **state)
{
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	char *left_out[] = {(char *)"army"};

	routing.not_to = left_out;
	routing.n_not_to = 1;
	report_put(*state, SIMPUL__KIND__KIND_UPDATE, false, &routing);
	assert_given(*state, 1, "immigration.oku");
}

static void whom_an_update_is_not_sealed_to_has_no_copy_of_it(void **state)
{
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	char *to[] = {(char *)"army.oku"};

	routing.to = to;
	routing.n_to = 1;
	report_put(*state, SIMPUL__KIND__KIND_UPDATE, true, &routing);
	assert_given(*state, 1, "army.oku");
}

/* Who has the report gets a plain update of it, whomever that names. */
static void whom_a_plain_update_does_not_name_has_a_copy(void **state)
{
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	char *to[] = {(char *)"army.oku"};

	routing.to = to;
	routing.n_to = 1;
	report_put(*state, SIMPUL__KIND__KIND_UPDATE, false, &routing);
	assert_given(*state, 2, "immigration.oku");
}

/* What the broker says of a report that is no update is all that counts. */
static void of_a_report_the_receipt_alone_tells(void **state)
{
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;

	report_put(*state, SIMPUL__KIND__KIND_SIGHTING, true, &routing);
	assert_given(*state, 2, "immigration.oku");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, desk_open, desk_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whom_an_update_leaves_out_has_no_copy_of_it),
		TEST(whom_an_update_is_not_sealed_to_has_no_copy_of_it),
		TEST(whom_a_plain_update_does_not_name_has_a_copy),
		TEST(of_a_report_the_receipt_alone_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
