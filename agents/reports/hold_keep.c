/* hold_keep - moves what an order keeps into the table `kept`, and out of the world at its end. */
#include "agents/reports/hold_keep.h"

#include "agents/reports/legal_hold.h"
#include "agents/reports/proof.h"
#include "agents/reports/purge_note.h"
#include "common/submission.h"
#include "common/wire.h"

#include <stdio.h>
#include <string.h>

enum { ENDS_AT_ONCE = 64 };

/* ---- what was received */

static enum error kept_add(struct store *store, const struct report_name *name, Simpul__PurgeRule rule, wall_ms now,
			   struct bytes header, struct bytes body, struct bytes proof, struct fault *fault)
{
	static const char sql[] =
		"INSERT OR IGNORE INTO kept(origin, epoch, stream, number, rule, at, header, body, proof)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
	sqlite3_stmt *put = store_statement(store, sql);

	name_bind(put, 1, name);
	bind_number(put, 5, rule);
	bind_number(put, 6, now);
	bind_bytes(put, 7, header);
	bind_bytes(put, 8, body);
	bind_bytes(put, 9, proof);
	return database_step(put, fault);
}

/* The strings of a row, in memory of the arena. */
static enum error strings_read(struct store *store, sqlite3_stmt *get, struct arena *arena, struct bytes *header,
			       struct bytes *body, struct fault *fault)
{
	struct bytes *strings[2] = {header, body};
	enum error error = store_ask(store, get, fault);

	for (int i = 0; error == E_OK && i < 2; i++)
		*strings[i] = arena_bytes(arena, column_bytes(get, i));
	sqlite3_reset(get);
	return error;
}

/* What cannot be proven, for want of a key or because something of the proof is damaged, is kept all the same, and must
 * not stand in the way of erasing. A database that cannot be read is none of this. */
static enum error unproven(const struct store *store, enum error error)
{
	const bool lacks = error == E_NOT_FOUND || error == E_KEY_UNKNOWN || error == E_CORRUPT;

	return lacks && store->failure.code == E_OK ? E_OK : error;
}

/* Nothing in `encoded` where it cannot be proven. */
static enum error row_proof_pack(struct store *store, uint64_t row, const struct report_name *name, struct arena *arena,
				 struct buffer *encoded, struct fault *fault)
{
	Simpul__Proof *proof;
	const enum error error = proof_make_row(store, row, name, arena, &proof, fault);

	if (error == E_OK)
		wire_pack(proof, encoded);
	return unproven(store, error);
}

static enum error row_take(struct store *store, uint64_t row, const struct report_name *name, Simpul__PurgeRule rule,
			   wall_ms now, struct arena *arena, struct fault *fault)
{
	sqlite3_stmt *get =
		store_statement(store, "SELECT header, body FROM inbox WHERE row = ?1 AND length(body) > 0");
	struct bytes header, body;
	struct buffer proof = {0};
	enum error error;

	bind_number(get, 1, row);
	error = strings_read(store, get, arena, &header, &body, fault);
	if (error == E_OK)
		error = row_proof_pack(store, row, name, arena, &proof, fault);
	if (error == E_OK)
		error = kept_add(store, name, rule, now, header, body, buffer_view(&proof), fault);
	buffer_free(&proof);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error hold_keep_row(struct store *store, uint64_t row, const struct report_name *name, Simpul__PurgeRule rule,
			 wall_ms now, struct fault *fault)
{
	struct hold_basis basis;
	struct arena arena;
	enum error error = legal_hold_find(store, name, &basis, fault);

	if (error != E_OK)
		return error == E_NOT_FOUND ? E_OK : error;
	arena_init(&arena);
	error = row_take(store, row, name, rule, now, &arena, fault);
	arena_fini(&arena);
	return error;
}

/* What the origin reads of this office's own copy: that it is held. */
static struct sink_outcome held_outcome(const struct hold_basis *basis)
{
	struct sink_outcome held = {.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD, .until = basis->until};

	snprintf(held.code, sizeof held.code, "%s", basis->authority);
	snprintf(held.number, sizeof held.number, "%s", basis->order);
	return held;
}

/* Nothing where the origin gets no answer under this name; which of its notes is answered does not matter. */
enum error hold_keep_told(struct store *store, const struct report_name *name, uint64_t purge, wall_ms now,
			  struct fault *fault)
{
	static const char sql[] =
		"UPDATE kept SET purge = ?5 WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4"
		" AND purge = 0 AND EXISTS(SELECT 1 FROM purge p WHERE p.origin = ?1 AND p.epoch = ?2"
		" AND p.stream = ?3 AND p.number = ?4 AND p.answer > 0)";
	sqlite3_stmt *put = store_statement(store, sql);
	struct sink_outcome held;
	struct hold_basis basis;
	enum error error;

	name_bind(put, 1, name);
	bind_number(put, 5, purge);
	error = database_step(put, fault);
	if (error != E_OK || sqlite3_changes(store->db) == 0)
		return error;
	error = legal_hold_find(store, name, &basis, fault);
	if (error != E_OK)
		return error == E_NOT_FOUND ? E_OK : error;
	held = held_outcome(&basis);
	return purge_note_said(store, purge, HOLD_KEEP_SINK, &held, now, fault);
}

/* ---- what this office said */

/* The submission as a recipient would have it, with the other reports as leaves; NULL where a hole keeps it from being
 * proven, and where it is sealed: its content key went out with it. */
static Simpul__Delivery *delivery_of(const Simpul__Submission *submission, size_t index, struct arena *arena)
{
	Simpul__Delivery *delivery = arena_alloc(arena, sizeof *delivery);
	const struct hash routing = hash_of(of_binary(submission->routing));
	uint8_t *hashes = arena_alloc(arena, (submission->n_reports + 1) * HASH_SIZE);

	simpul__delivery__init(delivery);
	delivery->origin = submission->origin;
	delivery->key_id = submission->key_id;
	delivery->epoch = submission->epoch;
	delivery->stream = submission->stream;
	delivery->first = submission->first;
	delivery->seen_entry = submission->seen_entry;
	delivery->seen_head = submission->seen_head;
	delivery->signature = submission->signature;
	memcpy(hashes, routing.bytes, HASH_SIZE);
	delivery->routing_hash = (ProtobufCBinaryData){HASH_SIZE, hashes};
	delivery->n_reports = submission->n_reports;
	delivery->reports = arena_alloc(arena, submission->n_reports * sizeof *delivery->reports);
	for (size_t i = 0; i < submission->n_reports; i++) {
		const Simpul__SubmittedReport *from = submission->reports[i];
		const struct hash header = hash_of(of_binary(from->header)), body = hash_of(of_binary(from->body));
		const struct hash leaf = leaf_of(&routing, &header, &body);
		Simpul__DeliveredReport *to = delivery->reports[i] = arena_alloc(arena, sizeof *to);

		if (from->body.len == 0)
			return NULL;
		simpul__delivered_report__init(to);
		memcpy(hashes + (i + 1) * HASH_SIZE, leaf.bytes, HASH_SIZE);
		if (i == index) {
			to->header = from->header;
			to->body = from->body;
		} else {
			to->leaf = (ProtobufCBinaryData){HASH_SIZE, hashes + (i + 1) * HASH_SIZE};
		}
	}
	return delivery;
}

/* Where it stands in the journal; E_NOT_FOUND without a receipt. */
static enum error own_proof_read(struct store *store, const struct report_name *name, struct arena *arena,
				 Simpul__Proof *proof, struct fault *fault)
{
	static const char sql[] =
		"SELECT n.first, n.message, r.entry, r.accepted_at FROM submission n"
		" JOIN receipt r USING(epoch, stream, first)"
		" JOIN outbox_report o ON o.epoch = n.epoch AND o.stream = n.stream AND o.number = ?3 AND o.sealed = 0"
		" WHERE n.epoch = ?1 AND n.stream = ?2 AND n.first + n.count > ?3 AND n.void = 0 AND n.holed = 0"
		" AND n.first = (SELECT max(first) FROM submission"
		" WHERE epoch = ?1 AND stream = ?2 AND first <= ?3)";
	sqlite3_stmt *get = store_statement(store, sql);
	const Simpul__Submission *submission;
	enum error error;

	own_name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		proof->index = (uint32_t)(name->number - column_number(get, 0));
		proof->entry = column_number(get, 2);
		proof->accepted_at = column_number(get, 3);
		submission = wire_unpack(&simpul__submission__descriptor, column_bytes(get, 1), arena, fault);
		if (submission == NULL || proof->index >= submission->n_reports)
			error = fault_at(fault, E_CORRUPT, "submission");
		else
			proof->delivery = delivery_of(submission, proof->index, arena);
	}
	sqlite3_reset(get);
	return error == E_OK && proof->delivery == NULL ? E_NOT_FOUND : error;
}

/* Nothing in `encoded` where it cannot be proven from here. */
static enum error own_proof_pack(struct store *store, const struct report_name *name, struct arena *arena,
				 struct buffer *encoded, struct fault *fault)
{
	Simpul__Proof proof = SIMPUL__PROOF__INIT;
	enum error error = own_proof_read(store, name, arena, &proof, fault);

	proof.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, store->exchange};
	if (error == E_OK)
		error = proof_member_put(store, name, arena, &proof, fault);
	if (error == E_OK)
		wire_pack(&proof, encoded);
	return unproven(store, error);
}

static enum error own_take(struct store *store, const struct report_name *name, Simpul__PurgeRule rule, wall_ms now,
			   struct arena *arena, struct fault *fault)
{
	static const char sql[] =
		"SELECT header, body FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number = ?3"
		" AND erased_at = 0 AND length(body) > 0";
	sqlite3_stmt *get = store_statement(store, sql);
	struct bytes header, body;
	struct buffer proof = {0};
	enum error error;

	own_name_bind(get, 1, name);
	error = strings_read(store, get, arena, &header, &body, fault);
	if (error == E_OK)
		error = own_proof_pack(store, name, arena, &proof, fault);
	if (error == E_OK)
		error = kept_add(store, name, rule, now, header, body, buffer_view(&proof), fault);
	buffer_free(&proof);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error hold_keep_own(struct store *store, const struct report_name *name, Simpul__PurgeRule rule, wall_ms now,
			 struct fault *fault)
{
	struct hold_basis basis;
	struct arena arena;
	enum error error = legal_hold_find(store, name, &basis, fault);

	if (error != E_OK)
		return error == E_NOT_FOUND ? E_OK : error;
	arena_init(&arena);
	error = own_take(store, name, rule, now, &arena, fault);
	arena_fini(&arena);
	return error;
}

/* ---- the end */

/* What no order keeps any more. */
struct ending {
	struct report_name name;
	uint64_t purge; /* 0: nobody was told of it */
};

static enum error ending_find(struct store *store, struct ending *ending, struct fault *fault)
{
	static const char sql[] =
		"SELECT k.origin, k.epoch, k.stream, k.number, k.purge FROM kept k WHERE NOT EXISTS(SELECT 1"
		" FROM hold h WHERE h.origin = k.origin AND h.epoch = k.epoch AND h.stream = k.stream"
		" AND h.number = k.number AND h.lifts = 0 AND h.confirmed_at > 0 AND h.ended_at = 0) LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error = store_ask(store, get, fault);

	memset(ending, 0, sizeof *ending);
	if (error == E_OK) {
		ending->name = name_column(get, 0);
		ending->purge = column_number(get, 4);
	}
	sqlite3_reset(get);
	return error;
}

static enum error ending_tell(struct store *store, const struct ending *ending, wall_ms now, struct fault *fault)
{
	const struct sink_outcome erased = {.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED};

	return purge_note_said(store, ending->purge, HOLD_KEEP_SINK, &erased, now, fault);
}

static enum error ending_erase(struct store *store, const struct ending *ending, wall_ms now, struct fault *fault)
{
	static const char sql[] = "DELETE FROM kept WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4";
	sqlite3_stmt *drop = store_statement(store, sql);
	enum error error;

	name_bind(drop, 1, &ending->name);
	error = database_step(drop, fault);
	store->wipe_due = true;
	return error == E_OK && ending->purge != 0 ? ending_tell(store, ending, now, fault) : error;
}

static enum error over_note(struct store *store, wall_ms now, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "UPDATE hold SET ended_at = ?1 WHERE lifts = 0 AND confirmed_at > 0"
						   " AND ended_at = 0 AND until <= ?1");

	bind_number(put, 1, now);
	return database_step(put, fault);
}

static enum error all_end(struct store *store, wall_ms now, size_t *count, struct fault *fault)
{
	struct ending ending;
	enum error error = over_note(store, now, fault);

	while (error == E_OK && *count < ENDS_AT_ONCE && (error = ending_find(store, &ending, fault)) == E_OK) {
		error = ending_erase(store, &ending, now, fault);
		++*count;
	}
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Spares the disk a transaction when nothing ends, which is nearly always. */
static bool anything_ends(struct store *store, wall_ms now, wall_ms *next)
{
	sqlite3_stmt *get = store_statement(store, "SELECT coalesce(min(until), 0) FROM hold WHERE lifts = 0"
						   " AND confirmed_at > 0 AND ended_at = 0");
	struct ending ending;

	*next = store_ask(store, get, NULL) == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return (*next != 0 && *next <= now) || ending_find(store, &ending, NULL) == E_OK;
}

enum error hold_keep_end(struct store *store, wall_ms now, size_t *count, wall_ms *next, struct fault *fault)
{
	enum error error;

	*count = 0;
	if (!anything_ends(store, now, next))
		return E_OK;
	error = store_begin(store, fault);
	return error == E_OK ? store_end(store, all_end(store, now, count, fault), fault) : error;
}

/* ---- reading */

enum error hold_keep_read(struct store *store, const struct report_name *name, struct arena *arena, struct kept *kept,
			  struct fault *fault)
{
	static const char sql[] = "SELECT rule, at, header, body, proof FROM kept WHERE origin = ?1 AND epoch = ?2"
				  " AND stream = ?3 AND number = ?4";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	*kept = (struct kept){0};
	name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		kept->rule = (Simpul__PurgeRule)column_number(get, 0);
		kept->kept_at = column_number(get, 1);
		kept->header = wire_unpack(&simpul__header__descriptor, column_bytes(get, 2), arena, fault);
		kept->body = wire_unpack(&simpul__body__descriptor, column_bytes(get, 3), arena, fault);
		if (column_bytes(get, 4).size > 0)
			kept->proof = wire_unpack(&simpul__proof__descriptor, column_bytes(get, 4), arena, fault);
		if (kept->header == NULL || kept->body == NULL)
			error = fault_at(fault, E_CORRUPT, "kept");
	}
	sqlite3_reset(get);
	return error;
}
