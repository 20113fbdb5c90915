/* outbox_epoch - begins a new epoch of this office's numbers, and gives what has no receipt its number there.
 *
 * After a backup was put back nobody knows which of the old numbers the broker has under another report, so none of
 * them is used again. A report that the broker had taken in the time that was lost is then said twice, under two names:
 * better than not at all. */
#include "agents/reports/outbox.h"
#include "agents/reports/outbox_erase.h"
#include "agents/reports/outbox_moves.h"
#include "agents/store/reference.h"
#include "agents/store/store_stream.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

/* ---- which, and where to */

void moves_add(struct moves *moves, struct move move)
{
	if (moves->count == moves->capacity) {
		moves->capacity = moves->capacity > 0 ? 2 * moves->capacity : 64;
		moves->list = memory_grow(moves->list, moves->capacity, sizeof *moves->list);
	}
	moves->list[moves->count++] = move;
}

static enum error moves_find(struct store *store, struct moves *moves, struct fault *fault)
{
	static const char sql[] = "SELECT o.epoch, o.stream, o.number, o.code FROM stream s CROSS JOIN outbox_report o"
				  " ON o.epoch = s.epoch AND o.stream = s.stream AND o.number > s.receipted"
				  " WHERE s.epoch < ?1 ORDER BY s.epoch, s.stream, o.number";
	sqlite3_stmt *rows = store_statement(store, sql);
	enum error error;

	bind_number(rows, 1, store->epoch);
	while ((error = store_ask(store, rows, fault)) == E_OK)
		moves_add(moves, (struct move){.epoch = (uint32_t)column_number(rows, 0),
					       .stream = (uint32_t)column_number(rows, 1),
					       .number = column_number(rows, 2),
					       .is_void = column_number(rows, 3) != 0});
	sqlite3_reset(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error numbers_give(struct store *store, struct moves *moves, struct fault *fault)
{
	uint64_t last[STREAMS] = {0};
	enum error error = E_OK;

	for (uint32_t i = 0; error == E_OK && i < STREAMS; i++)
		error = store_stream(store, i, STREAM_LAST, &last[i], fault);
	for (size_t i = 0; error == E_OK && i < moves->count; i++) {
		if (moves->list[i].stream >= STREAMS)
			return fault_at(fault, E_CORRUPT, "outbox_report.stream");
		moves->list[i].becomes = ++last[moves->list[i].stream];
	}
	for (uint32_t i = 0; error == E_OK && i < STREAMS; i++)
		if (last[i] > 0)
			error = store_set_stream_last(store, i, last[i], fault);
	return error;
}

static int move_compare(const void *a, const void *b)
{
	const struct move *x = a, *y = b;

	if (x->epoch != y->epoch)
		return x->epoch < y->epoch ? -1 : 1;
	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

const struct move *moves_seek(const struct moves *moves, const struct report_name *name)
{
	const struct move key = {.epoch = name->epoch, .stream = name->stream, .number = name->number};

	return moves->count == 0 ? NULL : bsearch(&key, moves->list, moves->count, sizeof key, move_compare);
}

/* ---- one report */

/* The name in a header, and in its references when what they mean moves too. */
static void name_move(const struct store *store, const struct moves *moves, Simpul__Name *message)
{
	struct report_name name;
	const struct move *found = NULL;

	if (name_read(message, &name) && strcmp(name.origin, store->node) == 0)
		found = moves_seek(moves, &name);
	if (found == NULL)
		return;
	message->epoch = store->epoch;
	message->number = found->becomes;
}

static enum error header_move(struct store *store, const struct moves *moves, const struct move *move,
			      struct buffer *out, char reference[REPORT_NAME_SIZE], struct fault *fault)
{
	struct report_name meant;
	static const char sql[] = "SELECT header FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	Simpul__Header *header;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	bind_number(get, 1, move->epoch);
	bind_number(get, 2, move->stream);
	bind_number(get, 3, move->number);
	error = store_ask(store, get, fault);
	header = error == E_OK ? wire_unpack(&simpul__header__descriptor, column_bytes(get, 0), &arena, fault) : NULL;
	if (header == NULL || header->name == NULL) {
		error = fault_at(fault, E_CORRUPT, "outbox_report.header");
	} else {
		name_move(store, moves, header->name);
		for (size_t i = 0; i < header->n_references; i++)
			name_move(store, moves, header->references[i]);
		if (reference_of(header, store->node, &meant))
			report_name_text(&meant, reference);
		buffer_clear(out);
		wire_pack(header, out);
	}
	sqlite3_reset(get);
	arena_fini(&arena);
	return error;
}

static enum error report_move(struct store *store, const struct moves *moves, const struct move *move,
			      struct buffer *header, struct fault *fault)
{
	char reference[REPORT_NAME_SIZE] = "";
	static const char sql[] = "UPDATE outbox_report SET epoch = ?4, number = ?5, header = ?6, cut = 0,"
				  " reference = ?7"
				  " WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *put = store_statement(store, sql);
	enum error error = header_move(store, moves, move, header, reference, fault);

	if (error != E_OK)
		return error;
	if (move->epoch == store->epoch)
		return moves_repeat(store, move, buffer_view(header), reference, fault);
	bind_number(put, 1, move->epoch);
	bind_number(put, 2, move->stream);
	bind_number(put, 3, move->number);
	bind_number(put, 4, store->epoch);
	bind_number(put, 5, move->becomes);
	bind_bytes(put, 6, buffer_view(header));
	bind_text(put, 7, reference);
	return database_step(put, fault);
}

/* What is known of it by its name: orders that keep it, what they kept when it was erased and who read that, that it
 * was taken back, and who erased it since. */
static enum error named_move(struct store *store, const struct move *move, struct fault *fault)
{
	static const char hold_sql[] = "UPDATE hold SET epoch = ?5, number = ?6"
				       " WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4";
	static const char kept_sql[] = "UPDATE kept SET epoch = ?5, number = ?6"
				       " WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4";
	static const char opening_sql[] = "UPDATE opening SET epoch = ?5, number = ?6"
					  " WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4";
	static const char retraction_sql[] = "UPDATE OR IGNORE retraction SET epoch = ?5, number = ?6"
					     " WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4";
	static const char purged_sql[] = "UPDATE purged SET epoch = ?5, number = ?6"
					 " WHERE epoch = ?2 AND stream = ?3 AND number = ?4";
	struct report_name name = {.epoch = move->epoch, .stream = move->stream, .number = move->number};
	const char *const steps[] = {hold_sql, kept_sql, opening_sql, retraction_sql, purged_sql};
	enum error error = E_OK;

	strcpy(name.origin, store->node);
	for (size_t i = 0; error == E_OK && i < sizeof steps / sizeof steps[0]; i++) {
		sqlite3_stmt *step = store_statement(store, steps[i]);

		name_bind(step, 1, &name);
		bind_number(step, 5, store->epoch);
		bind_number(step, 6, move->becomes);
		error = database_step(step, fault);
	}
	return error;
}

/* ---- all of them */

/* What was frozen for the old numbers is never sent again. */
static enum error rest_drop(struct store *store, struct fault *fault)
{
	static const char drop_sql[] =
		"DELETE FROM submission WHERE epoch < ?1 AND first > (SELECT s.receipted FROM stream s"
		" WHERE s.epoch = submission.epoch AND s.stream = submission.stream)";
	static const char end_sql[] = "UPDATE stream SET last = receipted, frozen = receipted WHERE epoch < ?1";
	static const char broken_sql[] = "DELETE FROM broken WHERE epoch < ?1";
	sqlite3_stmt *drop = store_statement(store, drop_sql), *end = store_statement(store, end_sql);
	sqlite3_stmt *broken = store_statement(store, broken_sql);
	enum error error;

	bind_number(drop, 1, store->epoch);
	bind_number(end, 1, store->epoch);
	bind_number(broken, 1, store->epoch);
	error = database_step(drop, fault);
	if (error == E_OK)
		error = database_step(broken, fault);
	return error == E_OK ? database_step(end, fault) : error;
}

enum error outbox_move(struct store *store, uint64_t *moved, struct fault *fault)
{
	struct moves moves = {0};
	struct buffer header = {0};
	enum error error = outbox_void_erased(store, fault);

	if (error == E_OK)
		error = moves_find(store, &moves, fault);
	if (error == E_OK)
		error = moves_heed(store, &moves, fault);
	if (error == E_OK)
		error = numbers_give(store, &moves, fault);
	for (size_t i = 0; error == E_OK && i < moves.count; i++)
		error = report_move(store, &moves, &moves.list[i], &header, fault);
	for (size_t i = 0; error == E_OK && i < moves.count; i++)
		error = named_move(store, &moves.list[i], fault);
	if (error == E_OK && moves.count > 0)
		error = rest_drop(store, fault);
	*moved = moves.count;
	free(moves.list);
	buffer_free(&header);
	return error;
}

/* ---- the epoch */

static enum error epoch_write(struct store *store, uint32_t epoch, const char *reason, struct fault *fault)
{
	static const char epoch_sql[] = "UPDATE meta SET value = ?1 WHERE key = 'epoch'";
	static const char reason_sql[] = "INSERT INTO meta(key, value) VALUES('epoch ' || ?1, ?2)";
	sqlite3_stmt *put = store_statement(store, epoch_sql), *why = store_statement(store, reason_sql);
	enum error error;

	bind_number(put, 1, epoch);
	bind_number(why, 1, epoch);
	bind_text(why, 2, reason);
	error = database_step(put, fault);
	if (error == E_OK)
		error = database_step(why, fault);
	if (error == E_OK)
		error = database_run(store->db, "DELETE FROM meta WHERE key = '" BACKUP_MARK "'", fault);
	if (error == E_OK)
		store->epoch = epoch;
	return error;
}

/* The highest that the broker has told of; 0: none that this store does not know. */
static enum error epoch_told(struct store *store, uint32_t *told, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT value FROM meta WHERE key = 'epoch told'");
	enum error error = store_ask(store, get, fault);

	*told = error == E_OK ? (uint32_t)column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error epoch_begin(struct store *store, uint32_t epoch, const char *reason, uint64_t *moved,
			      struct fault *fault)
{
	uint32_t told;
	enum error error = epoch_told(store, &told, fault);

	if (error != E_OK)
		return error;
	if (epoch == 0)
		epoch = (told > store->epoch ? told : store->epoch) + 1;
	if (epoch <= store->epoch || epoch <= told)
		return fault_at(fault, E_EPOCH, "epoch");
	error = epoch_write(store, epoch, reason, fault);
	return error == E_OK ? outbox_move(store, moved, fault) : error;
}

enum error outbox_begin_epoch(struct store *store, uint32_t epoch, const char *reason, uint64_t *moved,
			      struct fault *fault)
{
	const uint32_t before = store->epoch;
	enum error error = store_begin(store, fault);

	if (error != E_OK)
		return error;
	error = epoch_begin(store, epoch, reason, moved, fault);
	error = store_end(store, error, fault);
	if (error != E_OK)
		store->epoch = before;
	return error;
}

void outbox_note_epochs(struct store *store, const Simpul__Welcome *welcome)
{
	/* A broker that was put back in between knows less, and recipients have what it forgot. */
	static const char sql[] = "INSERT INTO meta(key, value) VALUES('epoch told', ?1)"
				  " ON CONFLICT(key) DO UPDATE SET value = max(value, excluded.value)";
	sqlite3_stmt *put = store_statement(store, sql);
	uint32_t highest = 0;

	for (size_t i = 0; i < welcome->n_streams; i++)
		if (welcome->streams[i]->epoch > highest)
			highest = welcome->streams[i]->epoch;
	bind_number(put, 1, highest);
	store_put(store, put, NULL);
}
