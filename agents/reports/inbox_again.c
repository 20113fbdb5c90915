/* inbox_again - takes a bad row and the delivery that is kept as evidence, and judges them as if they came now. */
#include "agents/reports/inbox_again.h"
#include "agents/reports/purge_receipt.h"
#include "agents/reports/quarantine.h"
#include "common/clock.h"
#include "common/wire.h"

#include <sodium.h>
#include <string.h>

/* One row, the delivery that it came in, and the verdict. All of it in the arena. */
struct again {
	struct arena arena;
	uint64_t row, index, delivery_id;
	Simpul__Entry entry;
	Simpul__Delivery *delivery;
	struct delivery_key key;
	struct verified_delivery whole;
	struct verified_report *reports; /* only that of the row is present */
	struct report_name name;
};

static void key_read(struct again *again, sqlite3_stmt *from)
{
	const struct bytes content = column_bytes(from, 4);

	again->key.wrap = arena_bytes(&again->arena, column_bytes(from, 7));
	again->key.wrap_key_id = (uint32_t)column_number(from, 6);
	again->key.is_open = content.size == KEY_SIZE;
	if (again->key.is_open)
		memcpy(again->key.content, content.data, KEY_SIZE);
}

static enum error again_read(struct store *store, struct again *again, struct fault *fault)
{
	static const char sql[] =
		"SELECT i.idx, i.delivery_id, i.entry, i.accepted_at, d.content_key, d.proof, d.wrap_key_id,"
		" d.wrap FROM inbox i JOIN inbox_delivery d USING(delivery_id)"
		" WHERE i.row = ?1 AND i.trust = 2";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, again->row);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		again->index = column_number(get, 0);
		again->delivery_id = column_number(get, 1);
		again->entry.entry = column_number(get, 2);
		again->entry.accepted_at = column_number(get, 3);
		key_read(again, get);
		again->delivery =
			wire_unpack(&simpul__delivery__descriptor, column_bytes(get, 5), &again->arena, fault);
		if (again->delivery == NULL || again->index >= again->delivery->n_reports)
			error = fault_at(fault, E_CORRUPT, "inbox_delivery.proof");
	} else if (error == E_NOT_FOUND) {
		fault_at(fault, error, "row");
	}
	sqlite3_reset(get);
	again->entry.delivery = again->delivery;
	return error;
}

/* None present. */
static struct verified_report *reports_new(struct again *again)
{
	const size_t size = again->delivery->n_reports * sizeof(struct verified_report);

	return memset(arena_alloc(&again->arena, size), 0, size);
}

/* As delivery_apply has it, for one report of the delivery. */
static enum error again_judge(struct store *store, struct again *again, enum error *why, struct fault *fault)
{
	struct verified_report *report;
	enum error error = delivery_verify(store, &again->entry, &again->whole, fault);

	if (error != E_OK)
		return error;
	again->reports = reports_new(again);
	report = &again->reports[again->index];
	report_verify(store, again->delivery, again->index, &again->whole,
		      again->key.is_open ? again->key.content : NULL, &again->arena, report);
	error = inbox_unrepeat(store, again->delivery, again->whole.leaves, again->reports, &again->arena, fault);
	if (error == E_OK)
		error = purge_receipts_take(store, &again->entry, again->reports, &again->arena, fault);
	*why = report->is_present && report->trust == TRUST_BAD ? report->why : E_OK;
	return error;
}

/* ---- it is good */

static enum error proof_put(struct store *store, struct again *again, struct fault *fault)
{
	static const char sql[] = "UPDATE inbox_delivery SET proof = ?2, content_key = ?3, wrap_key_id = ?4, wrap = ?5"
				  " WHERE delivery_id = ?1";
	sqlite3_stmt *put = store_statement(store, sql);
	struct verified_report *kept = reports_new(again);
	struct buffer proof = {0};
	enum error error;

	/* What is bad beside it stays whole. */
	for (size_t i = 0; i < again->delivery->n_reports; i++) {
		kept[i].is_present = i != again->index && again->delivery->reports[i]->leaf.len == 0;
		kept[i].trust = TRUST_BAD;
	}
	inbox_proof_pack(again->delivery, again->whole.leaves, kept, &again->arena, &proof);
	bind_number(put, 1, again->delivery_id);
	bind_bytes(put, 2, buffer_view(&proof));
	bind_bytes(put, 3, BYTES(again->key.content, again->key.is_open ? KEY_SIZE : 0));
	/* What came without its body needs no key to verify; others of the delivery may. */
	bind_number(put, 4, again->key.is_open ? 0 : again->key.wrap_key_id);
	bind_bytes(put, 5, again->key.is_open ? (struct bytes){0} : again->key.wrap);
	error = database_step(put, fault);
	buffer_free(&proof);
	return error;
}

static enum error row_put(struct store *store, const struct again *again, uint64_t row, struct fault *fault)
{
	static const char sql[] = "UPDATE inbox SET row = ?2, trust = ?3, body = ?4, received_at = ?5 WHERE row = ?1";
	const struct verified_report *report = &again->reports[again->index];
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, again->row);
	bind_number(put, 2, row);
	bind_number(put, 3, report->trust);
	bind_bytes(put, 4, report->body);
	bind_number(put, 5, clock_now().wall);
	return database_step(put, fault);
}

/* Behind all others, those that were dropped among them: a sink may stand there already. */
static enum error number_next(struct store *store, uint64_t *row, struct fault *fault)
{
	static const char sql[] = "SELECT 1 + max((SELECT max(row) FROM inbox),"
				  " (SELECT seq FROM sqlite_sequence WHERE name = 'inbox'))";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error = store_ask(store, get, fault);

	*row = error == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error;
}

/* What stands elsewhere under the row's number. */
static enum error row_follow(struct store *store, uint64_t from, uint64_t to, struct fault *fault)
{
	sqlite3_stmt *marks = store_statement(store, "UPDATE mark SET row = ?2 WHERE row = ?1");
	sqlite3_stmt *purges = store_statement(store, "UPDATE purge SET row = ?2 WHERE row = ?1");
	enum error error;

	bind_number(marks, 1, from);
	bind_number(marks, 2, to);
	bind_number(purges, 1, from);
	bind_number(purges, 2, to);
	error = database_step(marks, fault);
	if (error == E_OK)
		error = database_step(purges, fault);
	return error == E_OK ? quarantine_move(store, from, to, fault) : error;
}

/* As purge_receipts_hide has it: what it says stands in another table. */
static enum error row_drop(struct store *store, uint64_t row, struct fault *fault)
{
	sqlite3_stmt *drop = store_statement(store, "DELETE FROM inbox WHERE row = ?1");

	bind_number(drop, 1, row);
	return database_step(drop, fault);
}

static enum error again_store(struct store *store, struct again *again, struct fault *fault)
{
	const struct verified_report *report = &again->reports[again->index];
	uint64_t row = 0;
	enum error error;

	if (!report->is_present) /* it came a second time, and that one was good */
		return E_OK;
	error = proof_put(store, again, fault);
	if (error == E_OK && report->header->kind == SIMPUL__KIND__KIND_PURGE_RECEIPT)
		return row_drop(store, again->row, fault);
	if (error == E_OK)
		error = number_next(store, &row, fault);
	if (error == E_OK)
		error = row_put(store, again, row, fault);
	if (error == E_OK)
		error = row_follow(store, again->row, row, fault);
	return error == E_OK ? inbox_settle(store, row, again->entry.entry, &again->name, report, true, fault) : error;
}

enum error inbox_verify_again(struct store *store, const struct node_keys *keys, const struct keyring *ring,
			      uint64_t row, enum error *why, struct fault *fault)
{
	struct again again = {.row = row};
	enum error error;

	arena_init(&again.arena);
	simpul__entry__init(&again.entry);
	error = again_read(store, &again, fault);
	if (error == E_OK && !again.key.is_open && again.key.wrap_key_id != 0)
		delivery_key_open(&again.key, keys, ring);
	if (error == E_OK)
		error = again_judge(store, &again, why, fault);
	if (error == E_OK && *why == E_OK) {
		again.name = (struct report_name){.epoch = again.delivery->epoch,
						  .stream = (uint32_t)again.delivery->stream,
						  .number = again.delivery->first + again.index};
		strcpy(again.name.origin, again.delivery->origin);
		error = again_store(store, &again, fault);
	}
	sodium_memzero(&again.key, sizeof again.key);
	arena_fini(&again.arena);
	return error;
}
