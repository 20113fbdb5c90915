/* subject_book_test - only sound queries and answers count, whoever sent them. */
#include "agents/store/store_stream.h"
#include "agents/subject/subject_book.h"
#include "agents/subject/subject_due.h"
#include "common/content.h"
#include "common/json.h"
#include "common/wire.h"
#include "tests/support/agent_world.h"
#include <string.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW UINT64_C(1770000000000)
#define QUERY "police.oku#1"

static struct agent_world world;
static struct store store;
static uint64_t entry;

static int setup(void **state)
{
	(void)state;
	entry = 0;
	agent_world_start(&world);
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

/* ------------------------------------------------------------------ receiving */

static void row_put(const Simpul__Header *header, struct bytes body)
{
	static const char sql[] =
		"INSERT INTO inbox(entry, idx, origin, epoch, stream, number, accepted_at, received_at, trust, kind,"
		" label, category, region, delivery_id, header, body)"
		" VALUES(?1, 0, ?2, 1, 0, ?3, ?1, ?1, 0, ?4, 0, ?5, '', 1, ?6, ?7)";
	sqlite3_stmt *put = store_statement(&store, sql);
	struct buffer packed = {0};

	wire_pack(header, &packed);
	assert_int_equal(store_begin(&store, NULL), E_OK);
	bind_number(put, 1, ++entry);
	bind_text(put, 2, header->name->origin);
	bind_number(put, 3, header->name->number);
	bind_number(put, 4, (uint64_t)header->kind);
	bind_text(put, 5, header->category);
	bind_bytes(put, 6, buffer_view(&packed));
	bind_bytes(put, 7, body);
	assert_int_equal(store_end(&store, database_step(put, NULL), NULL), E_OK);
	buffer_free(&packed);
}

/* What an office sent of this kind, with the JSON of its body; an answer is one to QUERY. */
static void receive(const char *origin, uint64_t number, Simpul__Kind kind, wall_ms deadline, const char *text)
{
	Simpul__Header header = SIMPUL__HEADER__INIT;
	Simpul__Name name = SIMPUL__NAME__INIT, asked = SIMPUL__NAME__INIT, *references[] = {&asked};
	json_t *json = json_loads(text, 0, NULL);
	struct fault fault = {0};
	struct buffer packed = {0};
	uint8_t salt[16] = {1};
	Simpul__Body *body = json_to_message(&simpul__body__descriptor, json, &world.arena, &fault);

	if (body == NULL)
		fail_msg("%s", fault.field);
	json_decref(json);
	name.origin = (char *)(uintptr_t)origin;
	name.epoch = asked.epoch = asked.number = 1;
	name.number = number;
	asked.origin = (char *)"police.oku";
	header.name = &name;
	header.salt = body->salt = (ProtobufCBinaryData){sizeof(salt), salt};
	header.kind = kind;
	header.status = SIMPUL__STATUS__STATUS_ACTUAL;
	header.created_at = NOW;
	header.form = SIMPUL__BODY_FORM__BODY_FORM_SEALED;
	header.deadline = deadline;
	if (kind == SIMPUL__KIND__KIND_QUERY) {
		header.category = (char *)CATEGORY_SUBJECT_ACCESS;
	} else {
		header.n_references = 1;
		header.references = references;
	}
	wire_pack(body, &packed);
	row_put(&header, buffer_view(&packed));
	buffer_free(&packed);
}

#define TIMES \
	"\"kind\": \"sighting\", \"category\": \"wanted\", \"at\": \"2026-01-01T00:00:00Z\", \"expires\": " \
	"\"2027-01-01T00:00:00Z\""
#define PERSON \
	"{\"capacity\": \"seen\", \"identity\": \"claimed\", \"age\": \"adult\", \"primary_identifier\": \"ERIKSSON\"}"
#define ANSWER(report) \
	"{\"answer\": {\"subject_access\": {\"part\": 1, \"parts\": 1, \"reports\": [" report "]}}}"
#define NAMED(origin) "\"name\": \"" origin "#3\""

static size_t replies_count(const char *query)
{
	struct subject_book book;
	size_t count;

	assert_int_equal(subject_book_read(&store, false, NOW, &book, NULL), E_OK);
	count = json_array_size(json_object_get(book.replies, query));
	subject_book_free(&book);
	return count;
}

/* What the book has of replies to QUERY. */
static size_t replies(void)
{
	return replies_count(QUERY);
}

/* A part of this office's answer to army.oku#2, which the broker refused with `code`; 0: it did not. */
static void answer(uint64_t number, uint32_t part, uint32_t parts, enum error code)
{
	static const char sql[] =
		"INSERT INTO outbox_report(epoch, stream, number, routing_key, alone, sealed, kind, label, category,"
		" region, taken_at, source, code, routing, header, body)"
		" VALUES(1, 0, ?1, x'', 1, 1, 11, 0, '', '', 1, '', ?2, x'', ?3, ?4)";
	sqlite3_stmt *put = store_statement(&store, sql);
	Simpul__Header header = SIMPUL__HEADER__INIT;
	Simpul__Name name = SIMPUL__NAME__INIT, asked = SIMPUL__NAME__INIT, *references[] = {&asked};
	Simpul__SubjectHoldings holdings = SIMPUL__SUBJECT_HOLDINGS__INIT;
	Simpul__Answer reply = SIMPUL__ANSWER__INIT;
	Simpul__Body body = SIMPUL__BODY__INIT;
	struct buffer packed[2] = {{0}, {0}};

	name.origin = (char *)"police.oku";
	name.epoch = asked.epoch = 1;
	name.number = number;
	asked.origin = (char *)"army.oku";
	asked.number = 2;
	header.name = &name;
	header.kind = SIMPUL__KIND__KIND_ANSWER;
	header.n_references = 1;
	header.references = references;
	holdings.part = part;
	holdings.parts = parts;
	reply.reply_case = SIMPUL__ANSWER__REPLY_SUBJECT_ACCESS;
	reply.subject_access = &holdings;
	body.content_case = SIMPUL__BODY__CONTENT_ANSWER;
	body.answer = &reply;
	wire_pack(&header, &packed[0]);
	wire_pack(&body, &packed[1]);
	assert_int_equal(store_begin(&store, NULL), E_OK);
	bind_number(put, 1, number);
	bind_number(put, 2, code);
	bind_bytes(put, 3, buffer_view(&packed[0]));
	bind_bytes(put, 4, buffer_view(&packed[1]));
	assert_int_equal(database_step(put, NULL), E_OK);
	assert_int_equal(store_end(&store, store_set_stream_last(&store, 0, number, NULL), NULL), E_OK);
	buffer_free(&packed[0]);
	buffer_free(&packed[1]);
}

/* ------------------------------------------------------------------ promises */

static void nobody_discloses_what_another_office_said(void **state)
{
	(void)state;
	receive("army.oku", 1, SIMPUL__KIND__KIND_ANSWER, 0,
		ANSWER("{" NAMED("health.oku") ", " TIMES ", \"persons\": [" PERSON "], \"summary\": \"theirs\"}"));
	assert_int_equal(replies(), 0);
	receive("army.oku", 2, SIMPUL__KIND__KIND_ANSWER, 0,
		ANSWER("{" NAMED("health.oku") ", \"withheld\": \"origin-decides\", \"holders\": "
					       "[{\"node\": \"police.oku\"}]}"));
	assert_int_equal(replies(), 0);
	receive("army.oku", 3, SIMPUL__KIND__KIND_ANSWER, 0,
		ANSWER("{" NAMED("health.oku") ", \"withheld\": \"origin-decides\"}"));
	assert_int_equal(replies(), 1);
	receive("army.oku", 4, SIMPUL__KIND__KIND_ANSWER, 0,
		ANSWER("{" NAMED("army.oku") ", " TIMES ", \"persons\": [" PERSON "], \"summary\": \"own\"}"));
	assert_int_equal(replies(), 2);
}

#define QUESTION(received) \
	"{\"query\": {\"subject_access\": {\"request_number\": \"DS/1\", \"received_at\": \"" received \
	"\", \"subject\": {\"identity\": \"claimed\", \"primary_identifier\": \"ERIKSSON\", \"date_of_birth\": " \
	"\"1974\"}}}}"
/* NOW is 2026-02-02T02:40:00Z, and an answer is due three days after the question was received. */
#define OVERDUE QUESTION("2026-01-30T01:40:00Z"), NOW - 3600000
#define URGENT QUESTION("2026-01-30T03:40:00Z"), NOW + 3600000
#define LATER QUESTION("2026-02-01T02:40:00Z"), NOW + 2 * DAY_MS

static void ask(const char *origin, uint64_t number, const char *text, wall_ms deadline)
{
	receive(origin, number, SIMPUL__KIND__KIND_QUERY, deadline, text);
}

static void assert_due(uint64_t overdue, uint64_t urgent, uint64_t open, const char *first)
{
	struct subject_due due;

	assert_int_equal(subject_due_count(&store, NOW, &due, NULL), E_OK);
	assert_int_equal(due.overdue, overdue);
	assert_int_equal(due.urgent, urgent);
	assert_int_equal(due.open, open);
	assert_string_equal(due.first, first);
}

static void what_is_due_is_counted_by_the_clock(void **state)
{
	(void)state;
	assert_due(0, 0, 0, "");
	ask("army.oku", 1, LATER);
	assert_due(0, 0, 1, "army.oku#1");
	ask("army.oku", 2, URGENT);
	assert_due(0, 1, 1, "army.oku#2");
	ask("health.oku", 3, OVERDUE);
	assert_due(1, 1, 1, "health.oku#3");
	/* What is not what it says it is is not listed, and not counted either. */
	ask("army.oku", 4, QUESTION("2026-01-30T01:40:00Z"), NOW - 7200000);
	assert_due(1, 1, 1, "health.oku#3");
	assert_int_equal(store_begin(&store, NULL), E_OK);
	assert_int_equal(database_step(store_statement(&store, "UPDATE inbox SET erased_at = 5 WHERE number = 3"), NULL),
			 E_OK);
	assert_int_equal(store_commit(&store, NULL), E_OK);
	assert_due(0, 1, 1, "army.oku#2");
}

static void assert_urgency(const char *name, const char *urgency)
{
	struct subject_book book;

	assert_int_equal(subject_book_read(&store, false, NOW, &book, NULL), E_OK);
	assert_string_equal(json_text(subject_book_find(&book, name), "urgency"), urgency);
	subject_book_free(&book);
}

/* As when who asked has new keys between two parts. */
static void an_answer_of_which_a_part_was_refused_is_none(void **state)
{
	(void)state;
	ask("army.oku", 2, URGENT);
	answer(1, 1, 2, E_OK);
	assert_urgency("army.oku#2", "urgent"); /* nor is a part */
	answer(2, 2, 2, E_KEY_EXPIRED);
	assert_due(0, 1, 0, "army.oku#2");
	assert_urgency("army.oku#2", "urgent");
	answer(3, 1, 2, E_OK);
	answer(4, 2, 2, E_OK);
	assert_due(0, 0, 0, "");
	assert_urgency("army.oku#2", "done");
}

static void an_answer_that_was_refused_takes_no_other_ones_place(void **state)
{
	(void)state;
	ask("army.oku", 2, URGENT);
	answer(1, 1, 1, E_OK);
	answer(2, 1, 2, E_OK);
	answer(3, 2, 2, E_KEY_EXPIRED);
	answer(4, 1, 2, E_KEY_EXPIRED);
	answer(5, 2, 2, E_OK);
	assert_due(0, 0, 0, "");
	assert_urgency("army.oku#2", "done");
	assert_int_equal(replies_count("army.oku#2"), 1);
}

/* Another office may answer a question as often as it likes, and the agent counts each minute. */
static void answers_cost_nothing_while_what_is_due_is_counted(void **state)
{
	struct buffer text = {0};
	struct subject_book book;
	struct subject_due due;
	clock_t begun, read, counted;

	(void)state;
	buffer_text(&text, "{\"answer\": {\"subject_access\": {\"part\": 1, \"parts\": 1, \"reports\": [");
	for (int i = 0; i < 64; i++) {
		buffer_text(&text, i > 0 ? ", " : "");
		buffer_text(&text, "{" NAMED("army.oku") ", " TIMES ", \"persons\": [" PERSON "]}");
	}
	buffer_text(&text, "]}}}");
	buffer_u8(&text, 0);
	for (uint64_t i = 1; i <= 40; i++)
		receive("army.oku", i, SIMPUL__KIND__KIND_ANSWER, 0, (const char *)text.data);
	begun = clock();
	assert_int_equal(subject_book_read(&store, true, NOW, &book, NULL), E_OK);
	read = clock() - begun;
	subject_book_free(&book);
	begun = clock();
	assert_int_equal(subject_due_count(&store, NOW, &due, NULL), E_OK);
	counted = clock() - begun;
	assert_true(counted < read / 4);
	buffer_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_discloses_what_another_office_said, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_due_is_counted_by_the_clock, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_of_which_a_part_was_refused_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_that_was_refused_takes_no_other_ones_place, setup, teardown),
		cmocka_unit_test_setup_teardown(answers_cost_nothing_while_what_is_due_is_counted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
