/* journal_acts - reads acts and changes side by side, and tells which changes no act names. */
#include "broker/journal/journal_acts.h"

#include "broker/journal/journal_case_state.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include <stdlib.h>

/* The entries that acts name, ascending once all were read. */
struct named {
	uint64_t *entries;
	size_t count, capacity;
};

static void named_add(struct named *named, uint64_t entry)
{
	if (named->count == named->capacity) {
		named->capacity = named->capacity * 2 + 64;
		named->entries = memory_grow(named->entries, named->capacity, sizeof(*named->entries));
	}
	named->entries[named->count++] = entry;
}

static int by_entry(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool is_named(const struct named *named, uint64_t entry)
{
	return named->count > 0 &&
	       bsearch(&entry, named->entries, named->count, sizeof(entry), by_entry) != NULL;
}

/* Calls `take` with each entry of these types, in order. */
typedef enum error row_take(void *context, const struct recorded *recorded, struct bytes content, struct arena *arena,
			    struct fault *fault);

static enum error rows_read(struct journal_case *c, const char *sql, row_take *take, void *context, struct fault *fault)
{
	sqlite3_stmt *rows = database_prepare(c->db, sql);
	struct arena arena;
	enum error error = E_OK;

	arena_init(&arena);
	while (error == E_OK && (error = journal_row_step(rows, fault)) == E_OK) {
		struct recorded recorded = {.entry = column_number(rows, 0),
					    .at = column_number(rows, 1),
					    .type = (Simpul__EntryType)column_number(rows, 2)};
		const struct bytes content = column_bytes(rows, 3);

		if (recorded.type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT)
			recorded.act = stored_unpack(&simpul__act__descriptor, content, &arena);
		if (recorded.type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT && recorded.act == NULL)
			error = entry_corrupt(recorded.entry, fault);
		else
			error = take(context, &recorded, content, &arena, fault);
		arena_reset(&arena);
	}
	sqlite3_finalize(rows);
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error name_take(void *context, const struct recorded *recorded, struct bytes content, struct arena *arena,
			    struct fault *fault)
{
	(void)content;
	(void)arena;
	(void)fault;
	if (recorded->act->entry != 0)
		named_add(context, recorded->act->entry);
	return E_OK;
}

/* What the broker itself decided, or did of its own accord, is no operator's. */
static bool is_an_operators(Simpul__EntryType type, struct bytes content, struct arena *arena)
{
	const Simpul__MemberStanding *standing;
	const Simpul__FetchGrant *grant;
	const Simpul__Genesis *genesis;

	switch (type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		standing = stored_unpack(&simpul__member_standing__descriptor, content, arena);
		return standing == NULL || standing->code == 0;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT:
		grant = stored_unpack(&simpul__fetch_grant__descriptor, content, arena);
		return grant == NULL || grant->from_entry != UINT64_MAX;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS:
		genesis = stored_unpack(&simpul__genesis__descriptor, content, arena);
		return genesis == NULL || genesis->incarnation > 1;
	default:
		return type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER || type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY ||
		       type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD ||
		       type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY;
	}
}

struct showing {
	struct named named;
	wall_ms since;
	recorded_visit *visit;
	void *context;
};

static enum error shown_take(void *context, const struct recorded *recorded, struct bytes content, struct arena *arena,
			     struct fault *fault)
{
	const struct showing *showing = context;

	(void)fault;
	if (recorded->at < showing->since)
		return E_OK;
	if (recorded->act != NULL || (is_an_operators(recorded->type, content, arena) &&
				      !is_named(&showing->named, recorded->entry)))
		showing->visit(showing->context, recorded);
	return E_OK;
}

#define SELECT_TYPES(types) \
	"SELECT entry, accepted_at, type, content FROM entry INDEXED BY entry_other JOIN content USING(entry) " \
	"WHERE type <> 2 AND type IN (" types ") ORDER BY entry"

enum error journal_acts_each(struct journal_case *c, wall_ms since, recorded_visit *visit, void *context,
			     struct fault *fault)
{
	struct showing showing = {.since = since, .visit = visit, .context = context};
	enum error error = rows_read(c, SELECT_TYPES("9"), name_take, &showing.named, fault);

	if (showing.named.count > 0)
		qsort(showing.named.entries, showing.named.count, sizeof(uint64_t), by_entry);
	if (error == E_OK)
		error = rows_read(c, SELECT_TYPES("1, 3, 4, 5, 7, 9, 10, 11"), shown_take, &showing, fault);
	free(showing.named.entries);
	return error;
}
