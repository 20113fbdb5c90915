/* journal_read - a reader's connection: pages for nodes that fetch, receipts told again, positions. */
#include "broker/journal/journal_item.h"
#include "broker/journal/journal_reader.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_AT_A_STRETCH = 8 };

/* ---------------------------------------------------------------------------- life */

static void statements_prepare(struct journal_reader *r)
{
	r->last = database_prepare(r->db, "SELECT max(entry) FROM entry");
	r->memberships = database_prepare(r->db, "SELECT audience_id FROM member_of WHERE node IN (?1, '*')");
	r->next = database_prepare(r->db, "SELECT entry FROM entry INDEXED BY entry_audience "
					  "WHERE audience_id = ?1 AND entry > ?2 ORDER BY entry LIMIT 1");
	r->row = database_prepare(r->db, "SELECT " ENTRY_COLUMNS " FROM entry WHERE entry = ?1");
	r->content = database_prepare(r->db, "SELECT content, nonce, bodies FROM content WHERE entry = ?1");
	r->submission =
		database_prepare(r->db, "SELECT entry FROM submission_of WHERE origin_id = (SELECT id FROM origin "
					"WHERE node = ?1) AND epoch = ?2 AND stream = ?3 AND first <= ?4 "
					"ORDER BY first DESC LIMIT 1");
	r->updated = database_prepare(
		r->db, "SELECT audience_id, EXISTS (SELECT 1 FROM reference WHERE entry = said.target), content "
		       "FROM reference AS said JOIN entry ON entry.entry = said.target "
		       "JOIN content ON content.entry = said.target WHERE said.entry = ?1");
	r->newest = database_prepare(r->db, "SELECT accepted_at FROM entry ORDER BY entry DESC LIMIT 1");
	r->due = database_prepare(r->db, "SELECT entry, place, cause FROM due WHERE at <= ?1 ORDER BY at");
	r->hold = database_prepare(r->db, "SELECT hold.hold, max(until), kept.entry IS NOT NULL FROM hold "
					  "LEFT JOIN kept USING(entry, place) "
					  "WHERE entry = ?1 AND place = ?2 AND until > ?3 GROUP BY entry");
	r->ending = database_prepare(r->db,
				     "SELECT node, epoch, stream, first + place, hold, until FROM hold AS h "
				     "JOIN entry USING(entry) JOIN origin ON id = origin_id "
				     "WHERE until > ?1 AND until <= ?2 AND NOT EXISTS (SELECT 1 FROM hold "
				     "WHERE entry = h.entry AND place = h.place AND until > h.until) ORDER BY until");
	r->any_held = database_prepare(r->db, "SELECT 1 FROM hold WHERE entry = ?1 LIMIT 1");
	r->any_hidden = database_prepare(r->db, "SELECT EXISTS (SELECT 1 FROM erasing) OR EXISTS (SELECT 1 FROM kept)");
	r->hidden = database_prepare(r->db, "SELECT place, count FROM erasing WHERE entry = ?1 "
					    "UNION ALL SELECT place, 1 FROM kept WHERE entry = ?1 AND ?2");
	r->later = database_prepare(r->db, "SELECT entry_hash, signature FROM entry WHERE entry >= ?1 ORDER BY entry");
}

static bool opening_add(struct journal_reader *r, uint64_t entry, struct bytes content)
{
	struct arena arena;
	Simpul__Genesis *genesis;

	arena_init(&arena);
	genesis = stored_unpack(&simpul__genesis__descriptor, content, &arena);
	if (genesis != NULL) {
		r->openings = memory_grow(r->openings, r->opening_count + 1, sizeof(*r->openings));
		r->openings[r->opening_count++] = (struct reader_opening){entry, genesis->incarnation};
	}
	arena_fini(&arena);
	return genesis != NULL;
}

static enum error openings_load(struct journal_reader *r, struct fault *fault)
{
	sqlite3_stmt *rows =
		database_prepare(r->db, "SELECT entry, content FROM entry INDEXED BY entry_other JOIN content "
					"USING(entry) WHERE type = 1 AND type <> 2 ORDER BY entry");
	enum error error = E_OK;

	while (error == E_OK && (error = journal_row_step(rows, fault)) == E_OK)
		if (!opening_add(r, column_number(rows, 0), column_bytes(rows, 1)))
			error = fault_at(fault, E_CORRUPT, "journal.db: genesis");
	sqlite3_finalize(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error journal_reader_open(struct journal_reader **reader, const struct journal_options *options,
			       struct fault *fault)
{
	struct journal_reader *r = memory_zero(1, sizeof(*r));
	char *file = memory_format("%s/%s", options->path, JOURNAL_FILE);
	enum error error;

	*reader = NULL;
	error = database_open(&r->db, file, DATABASE_READ, JOURNAL_VERSION, NULL, fault);
	free(file);
	if (error == E_OK) {
		statements_prepare(r);
		error = journal_meta_get(r->db, "exchange", r->exchange, EXCHANGE_SIZE, fault);
	}
	if (error == E_OK)
		error = openings_load(r, fault);
	if (error == E_OK)
		error = vault_open(&r->vault, options->path, options->master, false, fault);
	if (error == E_OK)
		*reader = r;
	else
		journal_reader_close(r);
	return error;
}

void journal_reader_close(struct journal_reader *reader)
{
	if (reader == NULL)
		return;
	vault_close(reader->vault);
	database_close(reader->db); /* and its statements */
	audience_set_free(&reader->audiences);
	free(reader->openings);
	keys_wipe(reader, sizeof(*reader));
	free(reader);
}

/* ---------------------------------------------------------------------------- single rows */

/* What is read in one go is read from one state of the journal and one of its keys; never for long, or the WALs could
 * not be cut. */
static enum error read_begin(struct journal_reader *r, struct fault *fault)
{
	enum error error = database_run(r->db, "BEGIN", fault);

	if (error != E_OK)
		return error;
	error = vault_read_begin(r->vault, fault);
	if (error != E_OK)
		database_run(r->db, "ROLLBACK", NULL);
	return error;
}

static void read_end(struct journal_reader *r)
{
	sqlite3_stmt *statements[] = {r->last,	     r->memberships, r->next,	    r->row,    r->content,
				      r->submission, r->later,	     r->any_hidden, r->hidden, r->updated};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		sqlite3_reset(statements[i]);
	vault_read_end(r->vault);
	database_run(r->db, "ROLLBACK", NULL);
}

/* One number of a row; E_NOT_FOUND when there is no row. */
static enum error number_read(sqlite3_stmt *statement, uint64_t *number, struct fault *fault)
{
	enum error error = journal_row_step(statement, fault);

	if (error == E_OK)
		*number = column_number(statement, 0);
	sqlite3_reset(statement);
	return error;
}

/* row->outcome lives until the next use of r->row. */
static enum error row_read(struct journal_reader *r, uint64_t entry, struct entry_row *row, struct fault *fault)
{
	enum error error;

	sqlite3_reset(r->row);
	bind_number(r->row, 1, entry);
	error = journal_row_step(r->row, fault);
	if (error == E_NOT_FOUND)
		return fault_at(fault, E_NOT_FOUND, "entry");
	if (error == E_OK && !row_load(r->row, row))
		error = entry_corrupt(entry, fault);
	return error;
}

static uint32_t incarnation_at(const struct journal_reader *r, uint64_t entry)
{
	uint32_t incarnation = r->opening_count > 0 ? r->openings[0].incarnation : 0;

	for (size_t i = 0; i < r->opening_count && r->openings[i].entry <= entry; i++)
		incarnation = r->openings[i].incarnation;
	return incarnation;
}

/* The head after `entry`. */
static enum error position_read(struct journal_reader *r, uint64_t entry, struct position *position,
				struct fault *fault)
{
	struct entry_row row;
	enum error error;

	*position = (struct position){.incarnation = incarnation_at(r, entry), .entry = entry};
	if (entry == 0)
		return E_OK;
	error = row_read(r, entry, &row, fault);
	if (error == E_OK)
		position->head = row.head;
	return error;
}

enum error journal_read_position(struct journal_reader *reader, uint64_t entry, struct position *position,
				 struct fault *fault)
{
	enum error error = position_read(reader, entry, position, fault);

	sqlite3_reset(reader->row);
	return error;
}

/* ---------------------------------------------------------------------------- pages */

/* The next entry of one audience; a heap of these, the smallest entry first, merges them. */
struct front {
	uint64_t entry;
	uint32_t audience_id;
};

struct fronts {
	struct front *heap;
	size_t count;
};

static void front_sink(struct fronts *fronts, size_t at)
{
	for (;;) {
		struct front *heap = fronts->heap, swap = heap[at];
		size_t least = at, left = 2 * at + 1;

		if (left < fronts->count && heap[left].entry < heap[least].entry)
			least = left;
		if (left + 1 < fronts->count && heap[left + 1].entry < heap[least].entry)
			least = left + 1;
		if (least == at)
			return;
		heap[at] = heap[least];
		heap[least] = swap;
		at = least;
	}
}

/* The audience's first entry beyond `after`; E_NOT_FOUND when there is none. */
static enum error front_read(struct journal_reader *r, struct front *front, uint64_t after, struct fault *fault)
{
	bind_number(r->next, 1, front->audience_id);
	bind_number(r->next, 2, after);
	return number_read(r->next, &front->entry, fault);
}

static enum error fronts_open(struct journal_reader *r, const char *node, uint64_t after, struct fronts *fronts,
			      struct fault *fault)
{
	enum error error = E_OK;

	bind_text(r->memberships, 1, node);
	while (error == E_OK && (error = journal_row_step(r->memberships, fault)) == E_OK) {
		struct front front = {.audience_id = (uint32_t)column_number(r->memberships, 0)};

		error = front_read(r, &front, after, fault);
		if (error == E_OK) {
			fronts->heap = memory_grow(fronts->heap, fronts->count + 1, sizeof(*fronts->heap));
			fronts->heap[fronts->count++] = front;
		} else if (error == E_NOT_FOUND) {
			error = E_OK;
		}
	}
	sqlite3_reset(r->memberships);
	for (size_t i = fronts->count / 2; i-- > 0;)
		front_sink(fronts, i);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Moves the first front on to its audience's next entry. */
static enum error fronts_next(struct journal_reader *r, struct fronts *fronts, struct fault *fault)
{
	enum error error = front_read(r, &fronts->heap[0], fronts->heap[0].entry, fault);

	if (error == E_NOT_FOUND) {
		fronts->heap[0] = fronts->heap[--fronts->count];
		error = E_OK;
	}
	if (error == E_OK)
		front_sink(fronts, 0);
	return error;
}

enum error reader_hidden_read(struct journal_reader *r, uint64_t entry, enum hiding hiding,
			      bool hidden[LIMIT_SUBMISSION_REPORTS], struct fault *fault)
{
	enum error error;

	memset(hidden, 0, LIMIT_SUBMISSION_REPORTS * sizeof(*hidden));
	bind_number(r->hidden, 1, entry);
	bind_number(r->hidden, 2, hiding == HIDING_KEPT);
	while ((error = journal_row_step(r->hidden, fault)) == E_OK) {
		const uint64_t first = column_number(r->hidden, 0), count = column_number(r->hidden, 1);

		for (uint64_t i = first; i < LIMIT_SUBMISSION_REPORTS && i - first < count; i++)
			hidden[i] = true;
	}
	sqlite3_reset(r->hidden);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* An UPDATE that its origin kept from some of its audience is not named to any of them: there is no telling who had
 * it. */
static uint32_t nameable(sqlite3_stmt *updated)
{
	const Simpul__StoredSubmission *stored;
	struct arena arena;
	bool kept;

	if (column_number(updated, 1) == 0)
		return (uint32_t)column_number(updated, 0);
	arena_init(&arena);
	stored = stored_unpack(&simpul__stored_submission__descriptor, column_bytes(updated, 2), &arena);
	kept = stored == NULL || stored_is_kept_from_some(stored, &arena);
	arena_fini(&arena);
	return kept ? 0 : (uint32_t)column_number(updated, 0);
}

static enum error updated_read(struct journal_reader *r, struct journal_item *item, struct fault *fault)
{
	enum error error;

	bind_number(r->updated, 1, item->entry);
	error = journal_row_step(r->updated, fault);
	if (error == E_OK)
		item->updated = (struct updated){nameable(r->updated), column_number(r->updated, 1) != 0};
	sqlite3_reset(r->updated);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error item_read(struct journal_reader *r, const char *node, uint64_t entry, struct journal_item *item,
			    struct fault *fault)
{
	struct entry_row row;
	bool hidden[LIMIT_SUBMISSION_REPORTS];
	struct item_source source = {.row = &row, .hidden = r->hiding != HIDING_NOTHING ? hidden : NULL};
	enum error error = row_read(r, entry, &row, fault);

	if (error == E_OK && r->hiding != HIDING_NOTHING)
		error = reader_hidden_read(r, entry, r->hiding, hidden, fault);
	if (error != E_OK)
		return error;
	bind_number(r->content, 1, entry);
	error = journal_row_step(r->content, fault);
	if (error == E_OK) {
		source.content = column_bytes(r->content, 0);
		source.nonce = column_bytes(r->content, 1);
		source.bodies = column_bytes(r->content, 2);
		error = item_build(r->vault, &source, node, item, fault);
	} else if (error == E_NOT_FOUND) {
		error = entry_corrupt(entry, fault);
	}
	sqlite3_reset(r->content);
	return error == E_OK && item->superseded_size > 0 ? updated_read(r, item, fault) : error;
}

/* What an item adds to a batch: its bytes, a wrap, and the fields around them. */
static size_t item_size(const struct journal_item *item)
{
	enum { FIELD = 6, WRAP = 120 };

	return item->encoded.size + FIELD + (item->wrap_key_id != 0 ? WRAP : 0);
}

/* Who was away for a week has waited for a week: after a few items whoever is live may have the processor. Without this
 * a page is one stretch of some milliseconds, and the kernel leaves a thread its slice whatever its priority is. */
static void others_first(size_t items)
{
	if (items % ITEMS_AT_A_STRETCH == 0)
		sched_yield();
}

/* Takes items in order until the page is full; `*all` tells whether there was nothing more. */
static enum error items_read(struct journal_reader *r, const char *node, struct fronts *fronts, size_t limit,
			     struct journal_page *page, bool *all, struct fault *fault)
{
	size_t used = 0, capacity = 0;
	enum error error = E_OK;

	*all = true;
	while (error == E_OK && fronts->count > 0) {
		struct journal_item item = {0};

		others_first(page->count);
		error = item_read(r, node, fronts->heap[0].entry, &item, fault);
		*all = error == E_OK && (page->count == 0 || used + item_size(&item) <= limit);
		if (!*all) {
			buffer_free(&item.encoded);
			break;
		}
		used += item_size(&item);
		if (page->count == capacity) {
			capacity = capacity > 0 ? 2 * capacity : 64;
			page->items = memory_grow(page->items, capacity, sizeof(*page->items));
		}
		page->items[page->count++] = item;
		error = fronts_next(r, fronts, fault);
	}
	return error;
}

static enum error page_read(struct journal_reader *r, const char *node, uint64_t after, size_t limit,
			    struct journal_page *page, struct fault *fault)
{
	struct fronts fronts = {0};
	uint64_t last = 0, any_hidden = 0;
	bool all = false;
	enum error error = number_read(r->last, &last, fault);

	if (error == E_OK)
		error = number_read(r->any_hidden, &any_hidden, fault);
	r->hiding = any_hidden != 0 ? HIDING_KEPT : HIDING_NOTHING;
	if (error == E_OK)
		error = fronts_open(r, node, after, &fronts, fault);
	if (error == E_OK)
		error = items_read(r, node, &fronts, limit, page, &all, fault);
	if (error == E_OK)
		error = position_read(r, all ? last : page->items[page->count - 1].entry, &page->upto, fault);
	free(fronts.heap);
	return error;
}

enum error journal_read_page(struct journal_reader *reader, const char *node, uint64_t after, size_t limit,
			     struct journal_page *page, struct fault *fault)
{
	enum error error = read_begin(reader, fault);

	*page = (struct journal_page){0};
	if (error != E_OK)
		return error;
	error = page_read(reader, node, after, limit, page, fault);
	read_end(reader);
	if (error != E_OK)
		journal_page_free(page);
	return error;
}

/* Bodies that an order keeps as well. */
enum error journal_read_held(struct journal_reader *reader, const char *node, uint64_t entry, struct journal_item *item,
			     struct fault *fault)
{
	enum error error;

	*item = (struct journal_item){0};
	reader->hiding = HIDING_BURIED;
	error = read_begin(reader, fault);
	if (error != E_OK)
		return error;
	error = item_read(reader, node, entry, item, fault);
	read_end(reader);
	return error;
}

void journal_page_free(struct journal_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		buffer_free(&page->items[i].encoded);
	free(page->items);
	*page = (struct journal_page){0};
}

/* ---------------------------------------------------------------------------- receipts */

/* The entry of the report with this name. */
static enum error submission_find(struct journal_reader *r, const struct report_name *name, uint64_t *entry,
				  struct fault *fault)
{
	enum error error;

	bind_text(r->submission, 1, name->origin);
	bind_number(r->submission, 2, name->epoch);
	bind_number(r->submission, 3, name->stream);
	bind_number(r->submission, 4, name->number);
	error = number_read(r->submission, entry, fault);
	sqlite3_clear_bindings(r->submission);
	return error;
}

/* Entry hashes after the receipt's own, up to the end of its commit. */
static enum error later_read(struct journal_reader *r, const struct entry_row *row, struct hash *later, size_t *count,
			     uint8_t signature[SIGNATURE_SIZE], struct fault *fault)
{
	enum error error;

	bind_number(r->later, 1, row->entry);
	for (*count = 0;; (*count)++) {
		error = journal_row_step(r->later, fault);
		if (error != E_OK || *count == LIMIT_COMMIT_ENTRIES)
			break;
		if (*count > 0 && !hash_load(&later[*count - 1], column_bytes(r->later, 0)))
			break;
		if (column_bytes(r->later, 1).size == SIGNATURE_SIZE) {
			memcpy(signature, column_bytes(r->later, 1).data, SIGNATURE_SIZE);
			sqlite3_reset(r->later);
			return E_OK;
		}
	}
	sqlite3_reset(r->later);
	return error == E_OK || error == E_NOT_FOUND ? entry_corrupt(row->entry, fault) : error;
}

static enum error receipt_read(struct journal_reader *r, const struct entry_row *row, const struct hash *previous_head,
			       struct buffer *receipt, struct fault *fault)
{
	struct receipt_parts parts = {
		.row = row, .incarnation = incarnation_at(r, row->entry), .previous_head = *previous_head};
	struct hash later[LIMIT_COMMIT_ENTRIES];
	uint8_t signature[SIGNATURE_SIZE];
	uint32_t version;
	enum error error = journal_policy_at(r->db, row->entry, &version, &parts.policy_hash, fault);

	if (error == E_OK)
		error = audience_set_load(&r->audiences, r->db, fault);
	if (error == E_OK)
		error = later_read(r, row, later, &parts.later_count, signature, fault);
	if (error != E_OK)
		return error;
	parts.audience = audience_set_get(&r->audiences, row->audience_id);
	parts.later = later;
	parts.signature = signature;
	if (parts.audience == NULL || !receipt_build(&parts, receipt))
		return entry_corrupt(row->entry, fault);
	return E_OK;
}

static enum error receipt_find(struct journal_reader *r, const struct report_name *first, size_t count,
			       const struct hash *digest, struct buffer *receipt, struct fault *fault)
{
	struct entry_row row;
	struct position previous;
	uint64_t entry = 0;
	enum error error = submission_find(r, first, &entry, fault);

	if (error == E_NOT_FOUND)
		return fault_at(fault, E_NOT_FOUND, "first");
	if (error == E_OK)
		error = journal_read_position(r, entry - 1, &previous, fault);
	if (error == E_OK)
		error = row_read(r, entry, &row, fault);
	if (error != E_OK)
		return error;
	if (first->number >= row.first + row.count)
		return fault_at(fault, E_NOT_FOUND, "first");
	if (first->number != row.first || count != row.count || !hash_equal(digest, &row.digest))
		return fault_at(fault, E_NUMBER_REUSED, "first");
	return receipt_read(r, &row, &previous.head, receipt, fault);
}

enum error journal_read_receipt(struct journal_reader *reader, const struct report_name *first, size_t count,
				const struct hash *digest, struct buffer *receipt, struct fault *fault)
{
	enum error error = read_begin(reader, fault);

	if (error != E_OK)
		return error;
	error = receipt_find(reader, first, count, digest, receipt, fault);
	read_end(reader);
	return error;
}
