/* journal_check_erased - bodies that are gone, and the tombstones that say why: one without the other is damage.
 *
 * A tombstone whose bodies are still there is none: the keys may be destroyed a moment later. */
#include "broker/journal_check.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------- what is gone */

static bool bit(const struct gone *gone, size_t place)
{
	return gone->places[place / 8] >> place % 8 & 1;
}

void check_gone(struct check *check, size_t index)
{
	struct gone *last = check->gone_count > 0 ? &check->gone[check->gone_count - 1] : NULL;

	if (last == NULL || last->entry != check->row.entry) {
		if (check->gone_count == check->gone_capacity) {
			check->gone_capacity = check->gone_capacity * 2 + 64;
			check->gone = memory_grow(check->gone, check->gone_capacity, sizeof(*check->gone));
		}
		last = &check->gone[check->gone_count++];
		*last = (struct gone){.entry = check->row.entry};
	}
	last->places[index / 8] |= (uint8_t)(1u << index % 8);
	last->left++;
}

static int by_entry(const void *key, const void *item)
{
	const uint64_t entry = *(const uint64_t *)key, other = ((const struct gone *)item)->entry;

	return (entry > other) - (entry < other);
}

static struct gone *gone_find(struct check *check, uint64_t entry)
{
	return check->gone_count == 0
		       ? NULL
		       : bsearch(&entry, check->gone, check->gone_count, sizeof(*check->gone), by_entry);
}

/* Those that have their tombstones are forgotten from time to time. */
static void gone_compact(struct check *check)
{
	size_t kept = 0;

	if (check->gone_covered < 64 || check->gone_covered < check->gone_count / 2)
		return;
	for (size_t i = 0; i < check->gone_count; i++)
		if (check->gone[i].left > 0)
			check->gone[kept++] = check->gone[i];
	check->gone_count = kept;
	check->gone_covered = 0;
}

static void gone_cover(struct check *check, const Simpul__TombstoneTarget *target)
{
	struct gone *gone = gone_find(check, target->entry);

	if (gone == NULL || gone->left == 0)
		return;
	for (size_t place = target->index; place < target->index + target->count; place++) {
		if (!bit(gone, place))
			continue;
		gone->places[place / 8] &= (uint8_t)~(1u << place % 8);
		gone->left--;
	}
	check->gone_covered += gone->left == 0;
}

/* ---------------------------------------------------------------------------- tombstones */

static bool target_check(struct check *check, const Simpul__TombstoneTarget *target)
{
	const bool retracted = target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED;

	if (target->entry == 0 || target->entry >= check->row.entry || target->count == 0 ||
	    target->index >= LIMIT_SUBMISSION_REPORTS || target->count > LIMIT_SUBMISSION_REPORTS - target->index)
		return check_bad(check, "the tombstone names reports that cannot be");
	if (target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_UNSPECIFIED ||
	    retracted != (target->cause > target->entry && target->cause < check->row.entry))
		return check_bad(check, "the tombstone gives no good reason");
	return true;
}

bool check_tombstone(struct check *check)
{
	const Simpul__Tombstone *tombstone =
		stored_unpack(&simpul__tombstone__descriptor, check->content, &check->arena);

	if (tombstone == NULL)
		return check_bad(check, "the tombstone cannot be read");
	for (size_t i = 0; i < tombstone->n_targets; i++) {
		if (!target_check(check, tombstone->targets[i]))
			return false;
		gone_cover(check, tombstone->targets[i]);
	}
	gone_compact(check);
	return true;
}

/* Neighbours are one. */
static void former_add(struct erasures *former, const struct gone *gone)
{
	for (size_t place = 0; place < LIMIT_SUBMISSION_REPORTS; place++) {
		if (!bit(gone, place))
			continue;
		if (place > 0 && bit(gone, place - 1)) {
			former->list[former->count - 1].count++;
			continue;
		}
		if (former->count == former->capacity) {
			former->capacity = former->capacity * 2 + 64;
			former->list = memory_grow(former->list, former->capacity, sizeof(*former->list));
		}
		former->list[former->count++] = (struct erasure){gone->entry, (uint32_t)place, 1,
								 SIMPUL__PURGE_RULE__PURGE_RULE_FORMER, 0};
	}
}

bool check_gone_all(struct check *check)
{
	for (size_t i = 0; i < check->gone_count; i++) {
		size_t place = 0;

		if (check->gone[i].left == 0)
			continue;
		if (check->watch != NULL && check->watch->former != NULL) {
			former_add(check->watch->former, &check->gone[i]);
			continue;
		}
		while (!bit(&check->gone[i], place))
			place++;
		check->row.entry = check->gone[i].entry;
		return check_bad(check, "the body of report %zu is gone without a tombstone", place);
	}
	return true;
}
