/* reports - builds small sightings and puts them into an inbox by SQL. */
#include "tests/support/reports.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include <stdio.h>
#include <unistd.h>

#define OR(value, otherwise) ((value) != 0 ? (value) : (otherwise))

static uint8_t salt[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* The same for all reports of a test, whenever that runs: none of them expires while it does. */
static wall_ms expiry(void)
{
	static wall_ms at;

	if (at == 0)
		at = clock_now().wall + 30 * DAY_MS;
	return at;
}

static Simpul__Name name_message(const struct report_name *name)
{
	Simpul__Name message = SIMPUL__NAME__INIT;

	message.origin = (char *)(uintptr_t)name->origin;
	message.epoch = name->epoch;
	message.stream = (Simpul__Stream)name->stream;
	message.number = name->number;
	return message;
}

void test_header(const struct test_report *report, struct buffer *out)
{
	Simpul__Header header = SIMPUL__HEADER__INIT;
	Simpul__Name name = name_message(&report->name), about, *references[] = {&about};

	if (report->about != NULL) {
		about = name_message(report->about);
		header.n_references = 1;
		header.references = references;
	}
	header.salt = (ProtobufCBinaryData){sizeof(salt), salt};
	header.name = &name;
	header.created_at = 1795190000000;
	header.status = OR(report->status, SIMPUL__STATUS__STATUS_ACTUAL);
	header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT;
	header.kind = OR(report->kind, SIMPUL__KIND__KIND_SIGHTING);
	header.category = (char *)(uintptr_t)(report->category == NULL ? "overstay" : report->category);
	header.region = (char *)(uintptr_t)"16.01";
	header.label = OR(report->label, SIMPUL__LABEL__LABEL_AMBER);
	header.purpose = (char *)"law-enforcement";
	header.expires = expiry();
	header.form = OR(report->form, SIMPUL__BODY_FORM__BODY_FORM_PLAIN);
	wire_pack(&header, out);
}

static void sighting_put(const struct test_report *report, struct buffer *out)
{
	Simpul__Body body = SIMPUL__BODY__INIT;
	Simpul__Sighting sighting = SIMPUL__SIGHTING__INIT;
	Simpul__Person person = SIMPUL__PERSON__INIT;
	Simpul__Person *persons[] = {&person};

	person.capacity = SIMPUL__CAPACITY__CAPACITY_SEEN;
	person.identity = SIMPUL__IDENTITY__IDENTITY_CLAIMED;
	person.age = SIMPUL__AGE__AGE_ADULT;
	person.primary_identifier = (char *)(uintptr_t)(report->surname == NULL ? "ERIKSSON" : report->surname);
	sighting.first_seen = 1795180000000;
	sighting.summary = (char *)(uintptr_t)(report->summary == NULL ? "at the terminal" : report->summary);
	sighting.assertion = SIMPUL__ASSERTION__ASSERTION_FACT;
	sighting.n_persons = report->nobody ? 0 : 1;
	sighting.persons = persons;
	body.salt = (ProtobufCBinaryData){sizeof(salt), salt};
	body.content_case = SIMPUL__BODY__CONTENT_SIGHTING;
	body.sighting = &sighting;
	wire_pack(&body, out);
}

/* That the district may have it, and what is said to that. */
static void release_put(const struct test_report *report, struct buffer *out)
{
	Simpul__Body body = SIMPUL__BODY__INIT;
	Simpul__ReleaseRequest request = SIMPUL__RELEASE_REQUEST__INIT;
	Simpul__Release release = SIMPUL__RELEASE__INIT;
	char district[] = "district.oku", *nodes[] = {district};

	body.salt = (ProtobufCBinaryData){sizeof(salt), salt};
	if (report->kind == SIMPUL__KIND__KIND_RELEASE) {
		release.decision = report->decision;
		body.content_case = SIMPUL__BODY__CONTENT_RELEASE;
		body.release = &release;
	} else {
		request.reason = SIMPUL__RELEASE_REASON__RELEASE_REASON_OTHER_REGION;
		request.n_nodes = 1;
		request.nodes = nodes;
		body.content_case = SIMPUL__BODY__CONTENT_RELEASE_REQUEST;
		body.release_request = &request;
	}
	wire_pack(&body, out);
}

void test_body(const struct test_report *report, struct buffer *out)
{
	if (report->kind == SIMPUL__KIND__KIND_RELEASE || report->kind == SIMPUL__KIND__KIND_RELEASE_REQUEST)
		release_put(report, out);
	else
		sighting_put(report, out);
}

void test_store_open(struct store *store, const char *folder)
{
	char *path = memory_format("%s/agent.db", folder);

	assert_int_equal(store_open(store, path, NULL, fixed_exchange(), "police.oku", NULL), E_OK);
	free(path);
}

static void mark_add(struct store *store, const struct report_name *about, Simpul__Kind kind, uint64_t row)
{
	sqlite3_stmt *put = store_statement(
		store, "INSERT INTO mark(origin, epoch, stream, number, kind, place, row)"
		       " SELECT ?1, ?2, ?3, ?4, ?5, place, row FROM inbox WHERE row = ?6");

	bind_text(put, 1, about->origin);
	bind_number(put, 2, about->epoch);
	bind_number(put, 3, about->stream);
	bind_number(put, 4, about->number);
	bind_number(put, 5, kind);
	bind_number(put, 6, row);
	assert_int_equal(database_step(put, NULL), E_OK);
}

uint64_t test_inbox_add(struct store *store, const struct test_report *report, enum inbox_trust trust,
			uint64_t delivery)
{
	sqlite3_stmt *put = store_statement(
		store,
		"INSERT INTO inbox(entry, idx, origin, epoch, stream, number, accepted_at, received_at, trust, kind,"
		" label, category, region, delivery_id, header, body)"
		" VALUES(7, coalesce((SELECT max(row) FROM inbox), 0), ?1, ?2, ?3, ?4, 1795190001000,"
		" 1795190002000, ?5, ?9, 3, 'overstay', '16.01', ?6, ?7, ?8)");
	struct buffer header = {0}, body = {0};
	uint64_t row;

	test_header(report, &header);
	test_body(report, &body);
	bind_text(put, 1, report->name.origin);
	bind_number(put, 2, report->name.epoch);
	bind_number(put, 3, report->name.stream);
	bind_number(put, 4, report->name.number);
	bind_number(put, 5, trust);
	bind_number(put, 6, delivery);
	bind_bytes(put, 7, buffer_view(&header));
	bind_bytes(put, 8, buffer_view(&body));
	bind_number(put, 9, OR(report->kind, SIMPUL__KIND__KIND_SIGHTING));
	assert_int_equal(database_step(put, NULL), E_OK);
	buffer_free(&header);
	buffer_free(&body);
	row = (uint64_t)sqlite3_last_insert_rowid(store->db);
	if (report->about != NULL && trust != TRUST_BAD)
		mark_add(store, report->about, report->kind, row);
	return row;
}

void test_sql(struct store *store, const char *sql)
{
	assert_int_equal(database_run(store->db, sql, NULL), E_OK);
}

uint64_t test_steps(struct store *store)
{
	uint64_t steps = 0;

	for (size_t i = 0; i < STORE_STATEMENTS && store->statements[i].sql != NULL; i++)
		steps += (uint64_t)sqlite3_stmt_status(store->statements[i].statement, SQLITE_STMTSTATUS_VM_STEP, 1);
	return steps;
}

char *test_folder(void)
{
	char *folder = memory_string("/tmp/simpul-unit-XXXXXX");

	assert_non_null(mkdtemp(folder));
	return folder;
}

void test_folder_remove(char *folder)
{
	tree_remove(folder);
	free(folder);
}
