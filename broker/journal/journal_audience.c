/* journal_audience - audiences in memory, found by number and by content; and how two become one. */
#include "broker/journal/journal_row.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 64 };

static const struct audience empty_audience;

/* ---------------------------------------------------------------------------- one audience */

void audience_copy(struct audience *to, const struct audience *from)
{
	*to = *from;
	to->nodes = memory_alloc(from->count * sizeof(*to->nodes));
	if (from->count > 0)
		memcpy(to->nodes, from->nodes, from->count * sizeof(*to->nodes));
}

void audience_clear(struct audience *audience)
{
	free(audience->nodes);
	audience->nodes = NULL;
	audience->count = 0;
	audience->id = 0;
}

static bool audience_equal(const struct audience *a, const struct audience *b)
{
	if (a->count != b->count || !routing_class_equal(&a->class, &b->class))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->nodes[i], b->nodes[i]) != 0)
			return false;
	return true;
}

void audience_merge(struct audience *to, const struct audience *more)
{
	char(*merged)[LIMIT_NODE_NAME + 1] = memory_alloc((to->count + more->count) * sizeof(*merged));
	size_t a = 0, b = 0, count = 0;

	while (a < to->count || b < more->count) {
		int order = a == to->count ? 1 : b == more->count ? -1 : strcmp(to->nodes[a], more->nodes[b]);

		memcpy(merged[count++], order <= 0 ? to->nodes[a] : more->nodes[b], sizeof(*merged));
		a += order <= 0;
		b += order >= 0;
	}
	free(to->nodes);
	to->nodes = merged;
	to->count = count;
}

bool audience_reaches(const struct audience *audience, const char *name)
{
	char agency[LIMIT_NODE_NAME + 1];

	for (size_t i = 0; i < audience->count; i++) {
		node_agency(audience->nodes[i], agency);
		if (strcmp(audience->nodes[i], name) == 0 || strcmp(agency, name) == 0)
			return true;
	}
	return false;
}

char **audience_names(const struct audience *audience)
{
	char **names = memory_alloc(audience->count * sizeof(*names));

	for (size_t i = 0; i < audience->count; i++)
		names[i] = audience->nodes[i];
	return names;
}

/* ---------------------------------------------------------------------------- all of them */

static uint64_t text_mix(uint64_t mix, const char *text)
{
	/* FNV-1a, with the final zero so that names do not run together. The content comes from policy and journal, so
	 * nobody outside can choose collisions. */
	do
		mix = (mix ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	while (*text++ != '\0');
	return mix;
}

static size_t bucket_of(const struct audience_set *all, const struct audience *audience)
{
	const struct routing_class *class = &audience->class;
	uint64_t mix = UINT64_C(0xcbf29ce484222325) ^ (uint64_t) class->kind ^ (uint64_t) class->label << 8 ^
		       (uint64_t) class->protection << 16;

	mix = text_mix(text_mix(mix, class->category), class->region);
	for (size_t i = 0; i < audience->count; i++)
		mix = text_mix(mix, audience->nodes[i]);
	return (size_t)((mix ^ mix >> 32) & (all->bucket_count - 1));
}

const struct audience *audience_set_get(const struct audience_set *all, uint32_t id)
{
	if (id == 0)
		return &empty_audience;
	return id <= all->count ? &all->list[id - 1] : NULL;
}

uint32_t audience_set_find(const struct audience_set *all, const struct audience *audience)
{
	uint32_t id = all->bucket_count > 0 ? all->buckets[bucket_of(all, audience)] : 0;

	while (id != 0 && !audience_equal(&all->list[id - 1], audience))
		id = all->next[id - 1];
	return id;
}

/* New ones go first, so that the newest can be cut off again. */
static void bucket_put(struct audience_set *all, uint32_t id)
{
	size_t bucket = bucket_of(all, &all->list[id - 1]);

	all->next[id - 1] = all->buckets[bucket];
	all->buckets[bucket] = id;
}

static void audiences_grow(struct audience_set *all)
{
	all->capacity = all->capacity > 0 ? 2 * all->capacity : FIRST_BUCKETS;
	all->list = memory_grow(all->list, all->capacity, sizeof(*all->list));
	all->next = memory_grow(all->next, all->capacity, sizeof(*all->next));
	free(all->buckets);
	all->bucket_count = all->capacity;
	all->buckets = memory_zero(all->bucket_count, sizeof(*all->buckets));
	for (uint32_t id = 1; id <= all->count; id++)
		bucket_put(all, id);
}

uint32_t audience_set_add(struct audience_set *all, const struct audience *audience)
{
	struct audience *copy;

	if (all->count == all->capacity)
		audiences_grow(all);
	copy = &all->list[all->count++];
	audience_copy(copy, audience);
	copy->id = (uint32_t)all->count;
	bucket_put(all, copy->id);
	return copy->id;
}

void audience_set_cut(struct audience_set *all, size_t count)
{
	while (all->count > count) {
		struct audience *newest = &all->list[all->count - 1];

		all->buckets[bucket_of(all, newest)] = all->next[all->count - 1];
		audience_clear(newest);
		all->count--;
	}
}

void audience_set_free(struct audience_set *all)
{
	for (size_t i = 0; i < all->count; i++)
		audience_clear(&all->list[i]);
	free(all->list);
	free(all->buckets);
	free(all->next);
	*all = (struct audience_set){0};
}

/* ---------------------------------------------------------------------------- from the database */

/* Takes the text of column `nodes` apart; false when a name is too long. */
static bool nodes_parse(const char *text, struct audience *audience)
{
	while (*text != '\0') {
		size_t length = strcspn(text, "\n");

		if (length > LIMIT_NODE_NAME)
			return false;
		audience->nodes = memory_grow(audience->nodes, audience->count + 1, sizeof(*audience->nodes));
		memcpy(audience->nodes[audience->count], text, length);
		audience->nodes[audience->count++][length] = '\0';
		text += length + (text[length] == '\n');
	}
	return true;
}

static enum error audience_load(struct audience_set *all, sqlite3_stmt *statement, struct fault *fault)
{
	struct audience audience = {0};
	struct routing_class *class = &audience.class;
	bool good = column_number(statement, 0) == all->count + 1;

	class->kind = (Simpul__Kind)column_number(statement, 1);
	snprintf(class->category, sizeof(class->category), "%s", column_text(statement, 2));
	snprintf(class->region, sizeof(class->region), "%s", column_text(statement, 3));
	class->label = (Simpul__Label)column_number(statement, 4);
	class->protection = (unsigned)column_number(statement, 5);
	good = nodes_parse(column_text(statement, 6), &audience) && good;
	if (good)
		audience_set_add(all, &audience);
	audience_clear(&audience);
	return good ? E_OK : fault_at(fault, E_CORRUPT, "journal.db: audience");
}

enum error audience_set_load(struct audience_set *all, sqlite3 *db, struct fault *fault)
{
	sqlite3_stmt *statement = database_prepare(db, "SELECT id, kind, category, region, label, protection, nodes "
						       "FROM audience WHERE id > ?1 ORDER BY id");
	enum error error = E_OK;
	int result = SQLITE_DONE;

	bind_number(statement, 1, all->count);
	while (error == E_OK && (result = sqlite3_step(statement)) == SQLITE_ROW)
		error = audience_load(all, statement, fault);
	if (error == E_OK && result != SQLITE_DONE)
		error = database_fault(db, fault);
	sqlite3_finalize(statement);
	return error;
}
