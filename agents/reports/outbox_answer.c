/* outbox_answer - applies what the broker says of what was sent: receipts with their verdicts, and refusals. */
#include "agents/reports/outbox.h"
#include "agents/reports/outbox_erase.h"
#include "agents/reports/purge_receipt.h"
#include "common/log.h"
#include "common/wire.h"

#include <string.h>

/* A submission as the outbox remembers it. */
struct frozen {
	uint64_t count;
	struct hash digest;
	bool is_void;
};

static enum error frozen_get(struct store *store, const struct report_name *first, struct frozen *frozen,
			     struct fault *fault)
{
	static const char sql[] = "SELECT count, digest, void FROM submission WHERE epoch = ?1 AND stream = ?2"
				  " AND first = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, first);
	error = store_ask(store, get, fault);
	if (error == E_NOT_FOUND) {
		fault_at(fault, error, "submission");
	} else if (error == E_OK) {
		frozen->count = column_number(get, 0);
		frozen->is_void = column_number(get, 2) != 0;
		if (!hash_load(&frozen->digest, column_bytes(get, 1)))
			error = fault_at(fault, E_CORRUPT, "submission");
	}
	sqlite3_reset(get);
	return error;
}

static enum error refusal_store(struct store *store, const struct report_name *name, enum error code, const char *field,
				struct fault *fault)
{
	static const char sql[] = "UPDATE outbox_report SET code = ?4, field = ?5"
				  " WHERE epoch = ?1 AND stream = ?2 AND number = ?3 AND code = 0";
	sqlite3_stmt *put = store_statement(store, sql);

	enum error error;

	own_name_bind(put, 1, name);
	bind_number(put, 4, code);
	bind_text(put, 5, field ? field : "");
	error = database_step(put, fault);
	return error == E_OK ? purge_receipt_refused(store, name, code, clock_now().wall, fault) : error;
}

static void refusal_log(const struct report_name *name, enum error code, const char *field)
{
	char text[REPORT_NAME_SIZE];

	log_event(LOG_LEVEL_WARNING, "report.refused", F_TEXT("name", report_name_text(name, text)),
		  F_TEXT("code", error_name(code)), F_TEXT("field", field ? field : ""));
}

static enum error receipt_store(struct store *store, const Simpul__Receipt *receipt, struct bytes encoded,
				const struct report_name *first, struct fault *fault)
{
	static const char sql[] = "INSERT OR IGNORE INTO receipt(epoch, stream, first, entry, accepted_at, receipt)"
				  " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
	sqlite3_stmt *put = store_statement(store, sql);

	own_name_bind(put, 1, first);
	bind_number(put, 4, receipt->entry);
	bind_number(put, 5, receipt->accepted_at);
	bind_bytes(put, 6, encoded);
	return database_step(put, fault);
}

static enum error receipted_before(struct store *store, const struct report_name *name, uint64_t *receipted,
				   struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT receipted FROM stream WHERE epoch = ?1 AND stream = ?2");
	enum error error;

	bind_number(get, 1, name->epoch);
	bind_number(get, 2, name->stream);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		*receipted = column_number(get, 0);
	sqlite3_reset(get);
	return error;
}

/* The number up to which every submission has a receipt. */
static enum error receipted_after(struct store *store, const struct report_name *name, uint64_t *receipted,
				  struct fault *fault)
{
	static const char sql[] = "SELECT s.count FROM submission s JOIN receipt r USING(epoch, stream, first)"
				  " WHERE s.epoch = ?1 AND s.stream = ?2 AND s.first = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error = receipted_before(store, name, receipted, fault);

	bind_number(get, 1, name->epoch);
	bind_number(get, 2, name->stream);
	while (error == E_OK) {
		bind_number(get, 3, *receipted + 1);
		error = store_ask(store, get, fault);
		if (error == E_OK)
			*receipted += column_number(get, 0);
		sqlite3_reset(get);
	}
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error receipted_advance(struct store *store, const struct report_name *name, struct fault *fault)
{
	static const char sql[] = "UPDATE stream SET receipted = ?3 WHERE epoch = ?1 AND stream = ?2";
	sqlite3_stmt *put = store_statement(store, sql);
	uint64_t receipted = 0;
	enum error error = receipted_after(store, name, &receipted, fault);

	if (error != E_OK)
		return error;
	bind_number(put, 1, name->epoch);
	bind_number(put, 2, name->stream);
	bind_number(put, 3, receipted);
	return database_step(put, fault);
}

static enum error receipt_apply(struct store *store, const Simpul__Receipt *receipt, struct bytes encoded,
				const struct report_name *first, uint64_t count, struct fault *fault)
{
	enum error error = receipt_store(store, receipt, encoded, first, fault);

	/* The first receipt stands, whatever a later one says. */
	if (error == E_OK && sqlite3_changes(store->db) == 0)
		return E_OK;
	for (size_t i = 0; error == E_OK && i < receipt->n_verdicts; i++) {
		const Simpul__Verdict *verdict = receipt->verdicts[i];
		struct report_name name = *first;

		name.number = verdict->number;
		error = refusal_store(store, &name, error_of_code(verdict->code), verdict->field, fault);
	}
	if (error == E_OK)
		error = receipted_advance(store, first, fault);
	return error == E_OK ? outbox_erase_receipted(store, first, count, clock_now().wall, fault) : error;
}

enum error outbox_receipt(struct store *store, const Simpul__Receipt *receipt, struct bytes encoded,
			  const struct report_name *first, struct fault *fault)
{
	struct frozen frozen;
	enum error error = frozen_get(store, first, &frozen, fault);

	if (error != E_OK)
		return error;
	if (!bytes_equal(BYTES(receipt->digest.data, receipt->digest.len), BYTES(frozen.digest.bytes, HASH_SIZE)))
		return fault_at(fault, E_INVALID, "receipt.digest");
	for (size_t i = 0; i < receipt->n_verdicts; i++)
		if (receipt->verdicts[i]->number - first->number >= frozen.count)
			return fault_at(fault, E_INVALID, "receipt.verdicts[%zu]", i);
	error = store_begin(store, fault);
	if (error != E_OK)
		return error;
	error = receipt_apply(store, receipt, encoded, first, frozen.count, fault);
	error = store_end(store, error, fault);
	for (size_t i = 0; error == E_OK && i < receipt->n_verdicts; i++) {
		struct report_name name = *first;

		name.number = receipt->verdicts[i]->number;
		refusal_log(&name, error_of_code(receipt->verdicts[i]->code), receipt->verdicts[i]->field);
	}
	return error;
}

/* ---- taking back */

/* After submissions of a stream were taken back: what they held waits again. */
static enum error frozen_mark(struct store *store, uint32_t epoch, uint32_t stream, struct fault *fault)
{
	static const char sql[] =
		"UPDATE stream SET frozen = coalesce((SELECT first + count - 1 FROM submission WHERE epoch = ?1"
		" AND stream = ?2 ORDER BY first DESC LIMIT 1), 0) WHERE epoch = ?1 AND stream = ?2";
	sqlite3_stmt *mark = store_statement(store, sql);

	bind_number(mark, 1, epoch);
	bind_number(mark, 2, stream);
	return database_step(mark, fault);
}

enum error outbox_unfreeze(struct store *store, const struct report_name *first, struct fault *fault)
{
	static const char drop_sql[] = "DELETE FROM submission WHERE epoch = ?1 AND stream = ?2 AND first = ?3";
	sqlite3_stmt *drop = store_statement(store, drop_sql);
	enum error error;

	own_name_bind(drop, 1, first);
	error = database_step(drop, fault);
	return error == E_OK ? frozen_mark(store, first->epoch, first->stream, fault) : error;
}

void outbox_hear(const struct store *store, const Simpul__Welcome *welcome, struct outbox_heard *heard)
{
	*heard = (struct outbox_heard){.entry = welcome->head ? welcome->head->entry : 0};
	for (size_t i = 0; i < welcome->n_streams; i++) {
		const Simpul__StreamState *state = welcome->streams[i];

		if (state->epoch == store->epoch && (uint32_t)state->stream < STREAMS)
			heard->last[state->stream] = state->last;
	}
}

static enum error stream_thaw(struct store *store, uint32_t key_id, uint32_t stream, uint64_t last, struct fault *fault)
{
	static const char sql[] =
		"DELETE FROM submission WHERE epoch = ?1 AND stream = ?2 AND first > ?3 AND key_id <> ?4";
	sqlite3_stmt *drop = store_statement(store, sql);
	enum error error;

	bind_number(drop, 1, store->epoch);
	bind_number(drop, 2, stream);
	bind_number(drop, 3, last);
	bind_number(drop, 4, key_id);
	error = database_step(drop, fault);
	return error == E_OK ? frozen_mark(store, store->epoch, stream, fault) : error;
}

/* E_NOT_FOUND when every submission that has no receipt is under the present key, as nearly always. */
static enum error former_key_find(struct store *store, uint32_t key_id, struct fault *fault)
{
	static const char sql[] =
		"SELECT 1 FROM submission n JOIN stream s ON s.epoch = n.epoch AND s.stream = n.stream"
		" WHERE n.epoch = ?1 AND n.first > s.receipted AND n.key_id <> ?2 LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, store->epoch);
	bind_number(get, 2, key_id);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	return error;
}

enum error outbox_thaw(struct store *store, uint32_t key_id, const struct outbox_heard *heard, struct fault *fault)
{
	enum error error = former_key_find(store, key_id, fault);

	if (error != E_OK)
		return error == E_NOT_FOUND ? E_OK : error;
	error = store_begin(store, fault);
	if (error != E_OK)
		return error;
	for (uint32_t i = 0; error == E_OK && i < STREAMS; i++)
		error = stream_thaw(store, key_id, i, heard->last[i], fault);
	return store_end(store, error, fault);
}

/* ---- taking back what is sealed to former keys */

enum error outbox_is_sealed(struct store *store, uint32_t stream, uint64_t after, bool *sealed, struct fault *fault)
{
	static const char sql[] = "SELECT sealed FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, store->epoch);
	bind_number(get, 2, stream);
	bind_number(get, 3, after + 1);
	error = store_ask(store, get, fault);
	*sealed = error == E_OK && column_number(get, 0) != 0;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* The routing of the next sealed submission after `name`, which becomes its first; E_NOT_FOUND at the end. Recipients
 * may have what a broker that was restored has lost, and know it by its bytes: that goes as it was. */
static enum error sealed_next(struct store *store, struct report_name *name, struct arena *arena,
			      Simpul__Routing **routing, struct fault *fault)
{
	static const char sql[] =
		"SELECT n.first, n.message FROM submission n CROSS JOIN outbox_report o ON o.epoch = n.epoch"
		" AND o.stream = n.stream AND o.number = n.first WHERE n.epoch = ?1 AND n.stream = ?2 AND n.first > ?3"
		" AND n.void = 0 AND o.sealed = 1 AND NOT EXISTS(SELECT 1 FROM former_receipt f WHERE f.epoch = n.epoch"
		" AND f.stream = n.stream AND f.first = n.first) ORDER BY n.first LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	const Simpul__Submission *message;
	enum error error;

	*routing = NULL;
	own_name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		name->number = column_number(get, 0);
		message = wire_unpack(&simpul__submission__descriptor, column_bytes(get, 1), arena, fault);
		if (message)
			*routing = wire_unpack(&simpul__routing__descriptor, of_binary(message->routing), arena, fault);
		if (*routing == NULL)
			error = fault_at(fault, E_CORRUPT, "submission");
	}
	sqlite3_reset(get);
	return error;
}

/* Whether another key had taken this one's place by `entry`, whichever is in force now. One that came after WELCOME
 * proves nothing: what was sealed to the key before it may have been on its way to the broker's disk while it made the
 * list. A key that the store does not know is of entries that the broker has lost. */
static enum error wrap_check(struct store *store, const Simpul__KeyWrap *wrap, uint64_t entry, bool *former,
			     struct fault *fault)
{
	struct member_key key;
	enum error error = store_current_key(store, wrap->node, &key, fault);

	*former = false;
	if (error != E_OK)
		return error == E_KEY_UNKNOWN ? E_OK : error; /* no member any more: the broker tells */
	*former = key.member.key_id != wrap->key_id && key.valid_from <= entry;
	error = store_key(store, wrap->node, wrap->key_id, entry, &key, fault);
	if (error == E_OK || error == E_KEY_EXPIRED)
		*former = key.valid_until <= entry;
	else if (error != E_KEY_UNKNOWN)
		return error;
	return E_OK;
}

static enum error wraps_check(struct store *store, const Simpul__Routing *routing, uint64_t entry, bool *former,
			      struct fault *fault)
{
	enum error error = E_OK;

	*former = false;
	for (size_t i = 0; error == E_OK && !*former && i < routing->n_wraps; i++)
		if (strcmp(routing->wraps[i]->node, store->node) != 0)
			error = wrap_check(store, routing->wraps[i], entry, former, fault);
	return error;
}

static enum error sealed_thaw(struct store *store, struct report_name *name, uint64_t entry, struct fault *fault)
{
	Simpul__Routing *routing;
	struct arena arena;
	enum error error;
	bool former;

	arena_init(&arena);
	while ((error = sealed_next(store, name, &arena, &routing, fault)) == E_OK) {
		error = wraps_check(store, routing, entry, &former, fault);
		if (error == E_OK && former)
			error = outbox_unfreeze(store, name, fault);
		if (error != E_OK)
			break;
		arena_reset(&arena);
	}
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error outbox_thaw_sealed(struct store *store, const struct outbox_heard *heard, struct fault *fault)
{
	enum error error = store_begin(store, fault);

	if (error != E_OK)
		return error;
	for (uint32_t i = 0; error == E_OK && i < STREAMS; i++) {
		struct report_name name = {.epoch = store->epoch, .stream = i, .number = heard->last[i]};

		error = sealed_thaw(store, &name, heard->entry, fault);
	}
	return store_end(store, error, fault);
}

/* ---- refused messages */

/* From now on a submission ends with this number. */
static enum error cut_store(struct store *store, const struct report_name *first, uint64_t number, struct fault *fault)
{
	static const char sql[] = "UPDATE outbox_report SET cut = 1 WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, first->epoch);
	bind_number(put, 2, first->stream);
	bind_number(put, 3, number);
	return database_step(put, fault);
}

static enum error reject_apply(struct store *store, const struct report_name *first, uint64_t count, enum error code,
			       const char *field, struct fault *fault)
{
	enum error error = outbox_unfreeze(store, first, fault);

	if (error == E_OK)
		error = outbox_broken_drop(store, first, fault);
	if (error != E_OK)
		return error;
	if (count == 1)
		return refusal_store(store, first, code, field, fault);
	/* Both halves end where they do now, so that the second does not grow by what has come since. */
	error = cut_store(store, first, first->number + count / 2 - 1, fault);
	return error == E_OK ? cut_store(store, first, first->number + count - 1, fault) : error;
}

/* A broker that gave its receipt has taken the submission, and cannot refuse it any more. */
static enum error receipt_absent(struct store *store, const struct report_name *first, struct fault *fault)
{
	static const char sql[] = "SELECT entry FROM receipt WHERE epoch = ?1 AND stream = ?2 AND first = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, first);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	if (error == E_OK)
		return fault_at(fault, E_HISTORY_DIFFERS, "receipt");
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error outbox_reject(struct store *store, const struct report_name *first, enum error code, const char *field,
			 struct fault *fault)
{
	struct frozen frozen;
	enum error error = frozen_get(store, first, &frozen, fault);

	if (error == E_OK)
		error = receipt_absent(store, first, fault);
	if (error != E_OK)
		return error;
	if (frozen.is_void)
		return fault_at(fault, E_INTERNAL, "void"); /* nothing is left to send under this number */
	error = store_begin(store, fault);
	if (error != E_OK)
		return error;
	error = reject_apply(store, first, frozen.count, code, field, fault);
	error = store_end(store, error, fault);
	if (error == E_OK && frozen.count == 1)
		refusal_log(first, code, field);
	return error;
}
