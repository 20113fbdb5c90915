/* store_life - lives, takes note of what was acknowledged, and compares with a store that was started anew. */
#include "tests/support/store_life.h"
#include "agents/reports/store_progress.h"
#include "common/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODE "police.oku"
#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define RED SIMPUL__LABEL__LABEL_RED
#define MAIN SIMPUL__STREAM__STREAM_MAIN
#define RED_STREAM SIMPUL__STREAM__STREAM_RED
#define MOST 256
#define LARGE_SUMMARY 4000

/* ---------------------------------------------------------------------------- preparing and ending */

/* A submission of `count` reports, as its broker has it. */
static void letter_write(struct store_life *life, struct store *sender, size_t count, uint64_t *number)
{
	const struct position seen = {0};
	struct outbox_submission submission = {0};
	struct prepared *prepared[MOST];
	struct report_name names[MOST];

	for (size_t i = 0; i < count; i++)
		prepared[i] = agent_sighting(&life->world, AMBER, "a car at the market");
	assert_int_equal(outbox_take(sender, prepared, NULL, count, false, names, NULL), E_OK);
	assert_int_equal(outbox_next(sender, &life->army.keys, MAIN, *number, &seen, &submission, NULL), E_OK);
	*number += submission.count;
	life->letters[life->letter_count++] = agent_submission(&life->world, buffer_view(&submission.message));
	buffer_free(&submission.message);
}

void store_life_prepare(struct store_life *life, struct disk *disk, bool sealed)
{
	struct store sender;
	uint64_t number = 0;

	memset(life, 0, sizeof *life);
	life->disk = disk;
	life->cipher = sealed ? cipher_new((const uint8_t[CIPHER_KEY_SIZE]){1}) : NULL;
	agent_world_start(&life->world);
	agent_office_make(&life->world, NODE, 1, &life->police);
	agent_office_make(&life->world, "army.oku", 1, &life->army);
	agent_store_open(&life->world, "army.oku", &sender);
	for (size_t i = 0; i < STORE_LIFE_LETTERS; i++)
		letter_write(life, &sender, 1 + i * i % 7, &number);
	store_close(&sender);
	disk_record(disk, life->world.folder);
}

enum error store_life_start(struct store_life *life)
{
	enum error error;

	if (life->store.db != NULL)
		return E_OK;
	error = store_open(&life->store, agent_world_path(&life->world, NODE), life->cipher, life->world.join.exchange,
			   NODE, NULL);

	if (error != E_OK)
		return error;
	life->inbox = inbox_new(&life->store, &life->police.keys, &life->world.join);
		return E_OK;
}

void store_life_stop(struct store_life *life)
{
	inbox_free(life->inbox);
	life->inbox = NULL;
	store_close(&life->store);
}

void store_life_end(struct store_life *life)
{
	for (size_t i = 0; i < life->batch_count; i++)
		buffer_free(&life->batches[i].encoded);
	agent_world_end(&life->world);
	cipher_free(life->cipher);
	memset(life, 0, sizeof *life);
}

/* ---------------------------------------------------------------------------- promises */

/* Number and hash of what a query gives; false when it cannot be asked. */
static bool rows_ask(sqlite3 *db, const char *sql, uint64_t *count, struct hash *hash)
{
	sqlite3_stmt *ask;
	struct buffer all = {0};
	int result;

	*count = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &ask, NULL) != SQLITE_OK)
		return false;
	while ((result = sqlite3_step(ask)) == SQLITE_ROW) {
		++*count;
		for (int i = 0; i < sqlite3_column_count(ask); i++) {
			buffer_u64(&all, column_bytes(ask, i).size);
			buffer_bytes(&all, column_bytes(ask, i));
		}
	}
	sqlite3_finalize(ask);
	*hash = hash_of(buffer_view(&all));
	buffer_free(&all);
	return result == SQLITE_DONE;
}

/* What was answered with E_OK must give `count` rows from now on, the same ones. */
static enum error rows_promise(struct store_life *life, struct promise *promise, enum error error, uint64_t count,
			       const char *format, ...) __attribute__((format(printf, 5, 6)));

static enum error rows_promise(struct store_life *life, struct promise *promise, enum error error, uint64_t count,
			       const char *format, ...)
{
	struct rows_promise *rows = &life->rows[life->row_count++];
	uint64_t there;
	va_list args;

	assert_true(life->row_count <= STORE_LIFE_PROMISES);
	promise_end(promise, life->disk, error);
	rows->promise = (struct promise){promise->begun, promise->at, false};
	rows->count = count;
	va_start(args, format);
	vsnprintf(rows->sql, sizeof rows->sql, format, args);
	va_end(args);
	if (error == E_DISK_FULL)
		life->row_count--; /* as if it had never been begun */
	if (error != E_OK)
		return error;
	/* Asking may fail as well. */
	rows->promise.acknowledged = rows_ask(life->store.db, rows->sql, &there, &rows->rows) && there == count;
	return rows->promise.acknowledged ? E_OK : E_INTERNAL;
}

static void number_promise(struct store_life *life, const struct promise *promise, uint64_t number, const char *sql)
{
	struct number_promise *grown = &life->numbers[life->number_count++];

	assert_true(life->number_count <= STORE_LIFE_PROMISES);
	grown->promise = *promise;
	grown->number = number;
	snprintf(grown->sql, sizeof grown->sql, "%s", sql);
}

/* ---------------------------------------------------------------------------- the outbox */

static enum error take_promised(struct store_life *life, struct promise *promise, enum error error, size_t count,
				const struct report_name *names)
{
	if (names->number == 0) /* failed before it had one */
		return error;
	if (names->stream == MAIN && error == E_OK)
		life->taken = names[count - 1].number;
	return rows_promise(life, promise, error, count,
			    "SELECT routing_key, routing, header, body FROM outbox_report WHERE stream = %u AND number"
			    " BETWEEN %llu AND %llu ORDER BY number",
			    names->stream, (unsigned long long)names->number,
			    (unsigned long long)names->number + count - 1);
}

static enum error take(struct store_life *life, size_t count, const char *summary, Simpul__Label label)
{
	struct promise promise = promise_begin(life->disk);
	struct prepared *prepared[MOST];
	struct report_name names[MOST] = {0};
	char *army = arena_text(&life->world.arena, "army.oku");
	enum error error;

	for (size_t i = 0; i < count; i++) {
		prepared[i] = agent_sighting(&life->world, label, summary);
		if (label != RED)
			continue;
		prepared[i]->routing->n_to = 1;
		prepared[i]->routing->to = arena_alloc(&life->world.arena, sizeof(char *));
		prepared[i]->routing->to[0] = army;
	}
	error = outbox_take(&life->store, prepared, NULL, count, false, names, NULL);
	return take_promised(life, &promise, error, count, names);
}

/* The reports of a drop file and the note that it was taken. */
static enum error file_take(struct store_life *life)
{
	struct promise promise = promise_begin(life->disk);
	const struct hash identity = hash_of(BYTES("guests.csv", 10));
	const char *const sources[] = {"file guests.csv:2", "file guests.csv:3"};
	struct prepared *prepared[] = {agent_sighting(&life->world, AMBER, "one"),
				       agent_sighting(&life->world, AMBER, "two")};
	struct report_name names[2] = {0};
	enum error error = store_begin(&life->store, NULL);

	if (error == E_OK)
		error = store_take_file(&life->store, &identity, 0, clock_now().wall, NULL);
	if (error == E_OK)
		error = outbox_take(&life->store, prepared, sources, 2, true, names, NULL);
	if (error == E_OK)
		error = store_commit(&life->store, NULL);
	else
		store_rollback(&life->store);
	error = take_promised(life, &promise, error, 2, names);
	if (error == E_OK)
		error = rows_promise(life, &promise, error, 1, "SELECT * FROM taken_file");
	return error;
}

/* What is handed to the network never changes from then on. */
static enum error freeze(struct store_life *life, uint32_t stream, uint64_t after, struct outbox_submission *submission,
			 bool is_lasting)
{
	struct promise promise = promise_begin(life->disk);
	enum error error = outbox_next(&life->store, &life->police.keys, stream, after, &life->seen, submission, NULL);

	if (error == E_OK && submission->count == 0)
		return E_INTERNAL;
	if (error != E_OK || !is_lasting)
		return error;
	return rows_promise(
		life, &promise, error, 1,
		"SELECT count, digest, message FROM submission WHERE stream = %u AND first = %llu AND void = %d",
		stream, (unsigned long long)submission->first.number, submission->is_void);
}

static enum error receipt_take(struct store_life *life, const struct outbox_submission *submission)
{
	struct promise promise = promise_begin(life->disk);
	struct buffer encoded = {0};
	const Simpul__Receipt *receipt = agent_receipt(&life->world, &submission->digest, NULL, &encoded);
	enum error error = outbox_receipt(&life->store, receipt, buffer_view(&encoded), &submission->first, NULL);

	buffer_free(&encoded);
	error = rows_promise(life, &promise, error, 1,
			     "SELECT entry, accepted_at, receipt FROM receipt WHERE stream = %u AND first = %llu",
			     submission->first.stream, (unsigned long long)submission->first.number);
	if (error == E_OK && submission->first.stream == MAIN) {
		life->sent = submission->first.number + submission->count - 1;
		number_promise(life, &promise, life->sent, "SELECT receipted FROM stream WHERE stream = 0");
	}
	return error;
}

/* Everything that waits is sent and receipted. */
static enum error send_all(struct store_life *life)
{
	struct outbox_submission submission = {0};
	enum error error = E_OK;

	while (error == E_OK && life->sent < life->taken) {
		error = freeze(life, MAIN, life->sent, &submission, true);
		if (error == E_OK)
			error = receipt_take(life, &submission);
	}
	buffer_free(&submission.message);
	return error;
}

static enum error send_red(struct store_life *life)
{
	struct outbox_submission submission = {0};
	enum error error = take(life, 2, "sealed", RED);

	if (error == E_OK)
		error = freeze(life, RED_STREAM, 0, &submission, true);
	if (error == E_OK)
		error = receipt_take(life, &submission);
	buffer_free(&submission.message);
	return error;
}

/* A report that the broker never takes: marked, and a VOID goes in its place. */
static enum error send_refused(struct store_life *life)
{
	struct outbox_submission submission = {0};
	struct promise promise;
	enum error error = send_all(life);

	if (error == E_OK)
		error = take(life, 1, "refused", AMBER);
	if (error == E_OK)
		error = freeze(life, MAIN, life->sent, &submission, false);
	promise = promise_begin(life->disk);
	if (error == E_OK) {
		error = outbox_reject(&life->store, &submission.first, E_MALFORMED, "body", NULL);
		error = rows_promise(
			life, &promise, error, 1,
			"SELECT code, field FROM outbox_report WHERE stream = 0 AND number = %llu AND code > 0",
			(unsigned long long)submission.first.number);
	}
	buffer_free(&submission.message);
	return error == E_OK ? send_all(life) : error;
}

/* ---------------------------------------------------------------------------- the inbox */

/* Applies the batch that ends with the newest entry, and promises its cursor when that was written. A batch counts once it
 * is made: without memory it may never be. */
static enum error batch_apply(struct store_life *life, Simpul__Entry *const *entries, size_t count, uint64_t reports,
			      struct promise *promise)
{
	struct stored_batch *batch = &life->batches[life->batch_count];
	struct fault fault = {0};
	enum inbox_result result;

	assert_true(life->batch_count < STORE_LIFE_BATCHES);
	batch->after = life->seen.entry;
	batch->upto = life->world.head.entry;
	agent_batch(&life->world, batch->after, entries, count, NULL, &batch->encoded);
	life->batch_count++;
	life->received += reports;
	life->seen = life->world.head;
	*promise = promise_begin(life->disk);
	result = inbox_apply(life->inbox, buffer_view(&batch->encoded), &fault);
	promise_end(promise, life->disk, result == INBOX_FAILED ? fault.code : E_OK);
	if (promise->acknowledged)
		number_promise(life, promise, inbox_cursor(life->inbox).entry, "SELECT entry FROM cursor");
	return result == INBOX_APPLIED ? E_OK : result == INBOX_FAILED ? fault.code : E_INTERNAL;
}

static enum error meet_members(struct store_life *life)
{
	Simpul__Entry *entries[] = {agent_member(&life->world, &life->police), agent_member(&life->world, &life->army)};
	struct promise promise;
	enum error error = batch_apply(life, entries, 2, 0, &promise);

	return rows_promise(life, &promise, error, 2, "SELECT node, key_id, entry, record FROM member ORDER BY node");
}

static enum error receive(struct store_life *life, size_t from, size_t count)
{
	Simpul__Entry *entries[STORE_LIFE_LETTERS];
	uint64_t first = 0, reports = 0;
	struct promise promise;
	enum error error;

	for (size_t i = 0; i < count; i++) {
		entries[i] = agent_delivery(&life->world, life->letters[from + i]);
		first = i == 0 ? entries[i]->entry : first;
		reports += life->letters[from + i]->n_reports;
	}
	error = batch_apply(life, entries, count, reports, &promise);
	return rows_promise(
		life, &promise, error, reports,
		"SELECT i.entry, i.idx, i.number, i.header, i.body, d.proof FROM inbox i JOIN inbox_delivery d"
		" USING(delivery_id) WHERE i.entry BETWEEN %llu AND %llu ORDER BY i.entry, i.idx",
		(unsigned long long)first, (unsigned long long)life->world.head.entry);
}

static enum error receive_one(struct store_life *life, size_t letter)
{
	return receive(life, letter, 1);
}

/* The sender's key turns out to be known to others: what came under it becomes doubtful. */
static enum error doubt(struct store_life *life)
{
	Simpul__Entry *entry = agent_standing(&life->world, "army.oku", 1, SIMPUL__STANDING__STANDING_COMPROMISED, 1);
	struct promise promise;
	enum error error;

	entry->standing->reason = arena_text(&life->world.arena, "");
	error = batch_apply(life, &entry, 1, 0, &promise);
	error = rows_promise(life, &promise, error, 1, "SELECT * FROM standing WHERE node = 'army.oku'");
	if (error == E_OK)
		number_promise(life, &promise, 1,
			       "SELECT count(*) > 0 AND min(trust) = 1 FROM inbox WHERE origin = 'army.oku'");
	return error;
}

static enum error miss(struct store_life *life)
{
	Simpul__Entry *entry = agent_entry(&life->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	Simpul__Stub *stub = arena_alloc(&life->world.arena, sizeof *stub);
	struct promise promise;
	enum error error;

	simpul__stub__init(stub);
	stub->policy_version = 1;
	entry->content_case = SIMPUL__ENTRY__CONTENT_STUB;
	entry->stub = stub;
	error = batch_apply(life, &entry, 1, 0, &promise);
	return rows_promise(life, &promise, error, 1, "SELECT * FROM withheld WHERE entry = %llu",
			    (unsigned long long)entry->entry);
}

static enum error hand_on(struct store_life *life, uint64_t row)
{
	struct promise promise = promise_begin(life->disk);
	const struct sink_letter position = {.name = "desk", .row = row, .unsure = row};
	enum error error = store_sink_letters(&life->store, &position.letter, NULL);

	promise_end(&promise, life->disk, error);
	if (error == E_OK)
		number_promise(life, &promise, row, "SELECT row FROM sink WHERE name = 'desk'");
	return error;
}

/* ---------------------------------------------------------------------------- lives */

static enum error take_some(struct store_life *life)
{
	enum error error = E_OK;

	for (int i = 0; error == E_OK && i < 3; i++)
		error = take(life, 1, "a car", AMBER);
	return error == E_OK ? take(life, 20, "a bus", AMBER) : error;
}

static enum error receive_some(struct store_life *life)
{
	enum error error = receive(life, 1, 3);

	if (error == E_OK)
		error = hand_on(life, 2);
	for (size_t i = 4; error == E_OK && i < 7; i++)
		error = receive_one(life, i);
	return error == E_OK ? hand_on(life, 5) : error;
}

static enum error restart(struct store_life *life)
{
	store_life_stop(life);
	return store_life_start(life);
}

/* Sending and receiving by turns. */
static enum error talk(struct store_life *life)
{
	enum error error = E_OK;

	for (size_t i = 7; error == E_OK && i < 10; i++) {
		error = take(life, 2, "a ferry", AMBER);
		if (error == E_OK)
			error = receive_one(life, i);
		if (error == E_OK)
			error = send_all(life);
	}
	return error;
}

static enum error receive_first(struct store_life *life)
{
	return receive_one(life, 0);
}

static enum error receive_last(struct store_life *life)
{
	return receive(life, 10, 2);
}

enum error store_life_run(struct store_life *life)
{
	static enum error (*const chapters[])(struct store_life *) = {
		meet_members, receive_first, take_some, send_all, receive_some, file_take,    restart,	 send_red,
		send_refused, talk,	     miss,	restart,  doubt,	receive_last, take_some, send_all,
	};
	enum error error = store_life_start(life);

	for (size_t i = 0; error == E_OK && i < sizeof chapters / sizeof *chapters; i++)
		error = chapters[i](life);
	return error;
}

enum error store_life_take(struct store_life *life)
{
	return take(life, 1, "one more", AMBER);
}

enum error store_life_run_large(struct store_life *life, unsigned times)
{
	char summary[LARGE_SUMMARY + 1];
	enum error error = store_life_start(life);

	if (error == E_OK)
		error = meet_members(life);
	memset(summary, 'x', LARGE_SUMMARY);
	summary[LARGE_SUMMARY] = '\0';
	for (unsigned i = 0; error == E_OK && i < times; i++) {
		error = take(life, MOST, summary, AMBER);
		if (error == E_OK)
			error = send_all(life);
		if (error == E_OK)
			error = receive_one(life, i % STORE_LIFE_LETTERS);
	}
	return error;
}

/* ---------------------------------------------------------------------------- what must be there */

struct inspection {
	struct store_life *life;
	uint64_t at;
	struct findings *findings;
	struct store store;
};

static void rows_check(struct inspection *inspection, const struct rows_promise *rows)
{
	uint64_t count;
	struct hash hash;
	const bool asked = rows_ask(inspection->store.db, rows->sql, &count, &hash);

	if (promise_must_be(&rows->promise, inspection->at) &&
	    (!asked || count != rows->count || !hash_equal(&hash, &rows->rows)))
		found(inspection->findings, FOUND_LOST, "%llu of %llu rows: %s", (unsigned long long)count,
		      (unsigned long long)rows->count, rows->sql);
	else if (count > 0 && !promise_may_be(&rows->promise, inspection->at))
		found(inspection->findings, FOUND_INVENTED, "%s", rows->sql);
	else if (count > 0 && count != rows->count)
		found(inspection->findings, FOUND_LOST, "half, %llu of %llu rows: %s", (unsigned long long)count,
		      (unsigned long long)rows->count, rows->sql);
}

static void promises_check(struct inspection *inspection)
{
	const struct store_life *life = inspection->life;

	for (size_t i = 0; i < life->row_count; i++)
		rows_check(inspection, &life->rows[i]);
	for (size_t i = 0; i < life->number_count; i++) {
		const struct number_promise *grown = &life->numbers[i];
		const uint64_t number = agent_number(&inspection->store, grown->sql);

		if (promise_must_be(&grown->promise, inspection->at) && number < grown->number)
			found(inspection->findings, FOUND_LOST, "%llu and not %llu: %s", (unsigned long long)number,
			      (unsigned long long)grown->number, grown->sql);
	}
}

/* Each must count nothing. */
static const struct rule {
	enum finding finding;
	const char *sql;
} rules[] = {
	{FOUND_LOST, "SELECT count(*) FROM stream s WHERE last <> (SELECT count(*) FROM outbox_report o"
		     " WHERE o.epoch = s.epoch AND o.stream = s.stream)"},
	{FOUND_LOST, "SELECT count(*) FROM stream s WHERE last <> (SELECT max(number) FROM outbox_report o"
		     " WHERE o.epoch = s.epoch AND o.stream = s.stream)"},
	{FOUND_LOST, "SELECT count(*) FROM stream WHERE receipted > frozen OR frozen > last"},
	{FOUND_LOST,
	 "SELECT count(*) FROM stream s WHERE receipted <> (SELECT coalesce(sum(n.count), 0) FROM submission n"
	 " JOIN receipt r USING(epoch, stream, first) WHERE n.epoch = s.epoch AND n.stream = s.stream)"},
	{FOUND_LOST, "SELECT count(*) FROM receipt r WHERE NOT EXISTS (SELECT 1 FROM submission n"
		     " WHERE n.epoch = r.epoch AND n.stream = r.stream AND n.first = r.first)"},
	{FOUND_LOST, "SELECT count(*) FROM inbox WHERE delivery_id NOT IN (SELECT delivery_id FROM inbox_delivery)"},
	{FOUND_LOST, "SELECT count(*) FROM inbox_delivery WHERE delivery_id NOT IN (SELECT delivery_id FROM inbox)"},
	{FOUND_LOST, "SELECT count(*) FROM inbox WHERE entry > coalesce((SELECT entry FROM cursor), 0)"},
	{FOUND_LOST, "SELECT 2 * (SELECT count(*) FROM taken_file) <> (SELECT count(*) FROM outbox_report"
		     " WHERE source LIKE 'file %')"},
	{FOUND_LOST, "SELECT count(*) FROM outbox_report o WHERE number > coalesce((SELECT last FROM stream s"
		     " WHERE o.epoch = s.epoch AND o.stream = s.stream), 0)"},
	{FOUND_DUPLICATED, "SELECT count(*) FROM (SELECT 1 FROM inbox GROUP BY origin, epoch, stream, number"
			   " HAVING count(*) > 1)"},
};

static void rules_check(struct inspection *inspection)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (agent_number(&inspection->store, rules[i].sql) != 0)
			found(inspection->findings, rules[i].finding, "%s", rules[i].sql);
}

static void file_check(struct inspection *inspection)
{
	sqlite3_stmt *ask = database_prepare(inspection->store.db, "PRAGMA integrity_check");

	if (sqlite3_step(ask) != SQLITE_ROW || strcmp(column_text(ask, 0), "ok") != 0)
		found(inspection->findings, FOUND_LOST, "integrity_check: %s", column_text(ask, 0));
	sqlite3_finalize(ask);
}

/* ---------------------------------------------------------------------------- going on */

static void outbox_go_on(struct inspection *inspection)
{
	struct store_life *life = inspection->life;
	const uint64_t last = agent_number(&inspection->store, "SELECT last FROM stream WHERE stream = 0"),
		       receipted = agent_number(&inspection->store, "SELECT receipted FROM stream WHERE stream = 0");
	struct prepared *prepared = agent_sighting(&life->world, AMBER, "next");
	struct outbox_submission submission = {0};
	struct report_name name = {0};
	struct fault fault = {0};

	if (outbox_take(&inspection->store, &prepared, NULL, 1, false, &name, &fault) != E_OK ||
	    name.number != last + 1)
		found(inspection->findings, FOUND_LOST, "the next report, %s", error_name(fault.code));
	if (outbox_next(&inspection->store, &life->police.keys, MAIN, receipted, &life->seen, &submission, &fault) !=
		    E_OK ||
	    submission.count == 0)
		found(inspection->findings, FOUND_LOST, "the next submission, %s", error_name(fault.code));
	buffer_free(&submission.message);
}

/* The broker gives out again what the cursor has not acknowledged. */
static void inbox_go_on(struct inspection *inspection)
{
	struct store_life *life = inspection->life;
	struct inbox *inbox = inbox_new(&inspection->store, &life->police.keys, &life->world.join);
	struct fault fault = {0};
	uint64_t rows;

	for (size_t i = 0; i < life->batch_count; i++)
		if (life->batches[i].upto > inbox_cursor(inbox).entry &&
		    inbox_apply(inbox, buffer_view(&life->batches[i].encoded), &fault) != INBOX_APPLIED)
			found(inspection->findings, FOUND_LOST, "the batch after %llu: %s %s",
			      (unsigned long long)life->batches[i].after, error_name(fault.code), fault.field);
	inbox_free(inbox);
	rows = agent_number(&inspection->store, "SELECT count(*) FROM inbox");
	if (rows != life->received)
		found(inspection->findings, rows < life->received ? FOUND_LOST : FOUND_INVENTED,
		      "%llu of %llu reports received in the end", (unsigned long long)rows,
		      (unsigned long long)life->received);
}

void store_life_check(struct store_life *life, uint64_t at, struct findings *findings)
{
	struct inspection inspection = {.life = life, .at = at, .findings = findings};
	struct fault fault = {0};

	if (store_open(&inspection.store, agent_world_path(&life->world, NODE), life->cipher, life->world.join.exchange,
		       NODE, &fault) != E_OK) {
		found(findings, FOUND_LOST, "the store does not open: %s %s", error_name(fault.code), fault.field);
		return;
	}
	file_check(&inspection);
	promises_check(&inspection);
	rules_check(&inspection);
	inbox_go_on(&inspection);
	outbox_go_on(&inspection);
	rules_check(&inspection);
	file_check(&inspection);
	store_close(&inspection.store);
}
