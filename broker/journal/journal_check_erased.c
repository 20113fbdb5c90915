/* journal_check_erased - bodies that are gone, and the tombstones that say why: one without the other is damage.
 *
 * A tombstone whose bodies are still there is none: the keys may be destroyed a moment later. */
#include "broker/journal/journal_check.h"

#include "common/memory.h"
#include "common/wire.h"
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

/* A submission that stands before the tombstone. */
struct buried {
	uint64_t origin_id;
	const Simpul__StoredSubmission *stored;
	const Simpul__Receipt *outcome;
};

static bool buried_load(struct check *check, uint64_t entry, struct buried *buried, struct arena *arena)
{
	enum error error;

	*buried = (struct buried){0};
	bind_number(check->submission, 1, entry);
	error = journal_row_step(check->submission, check->fault);
	if (error == E_OK) {
		buried->origin_id = column_number(check->submission, 0);
		buried->outcome = outcome_unpack(column_bytes(check->submission, 1), arena);
		buried->stored = stored_unpack(&simpul__stored_submission__descriptor,
					       column_bytes(check->submission, 2), arena);
	}
	sqlite3_reset(check->submission);
	return buried->stored != NULL && buried->outcome != NULL;
}

static const Simpul__Header *header_at(const struct buried *buried, size_t index, struct arena *arena)
{
	return index < buried->stored->n_headers
		       ? stored_unpack(&simpul__header__descriptor, of_binary(buried->stored->headers[index]), arena)
		       : NULL;
}

static bool expiry_check(struct check *check, const Simpul__TombstoneTarget *target, const struct buried *buried)
{
	for (size_t i = target->index; i < target->index + target->count; i++) {
		const Simpul__Header *header = header_at(buried, i, &check->arena);

		if (header == NULL || header->expires > check->row.accepted_at)
			return check_bad(check, "the tombstone says of a report that it has expired, and it had not");
	}
	return true;
}

/* The report of the same origin that a header refers to, as long as it stands earlier. */
static bool referred_find(struct check *check, const struct buried *buried, const Simpul__Header *header,
			  struct check_taken *report)
{
	uint64_t entry;

	if (header->n_references != 1 || strcmp(header->references[0]->origin, buried->stored->origin) != 0 ||
	    !check_reference_find(check, buried->origin_id, header->references[0], &entry) || entry >= report->entry)
		return false;
	report->entry = entry;
	report->number = header->references[0]->number;
	return true;
}

/* From an update to what it is an update of; false from any other report. */
static bool original_find(struct check *check, struct check_taken *report)
{
	const Simpul__Header *header = NULL;
	struct buried buried;
	struct arena arena;
	bool found;

	arena_init(&arena);
	if (buried_load(check, report->entry, &buried, &arena))
		header = header_at(&buried, report->number - buried.stored->first, &arena);
	found = header != NULL && header->kind == SIMPUL__KIND__KIND_UPDATE &&
		referred_find(check, &buried, header, report);
	arena_fini(&arena);
	return found;
}

/* A CANCEL takes back the report that it refers to, every update of it, and theirs. A tombstone names them in the order
 * in which they came, so what one is an update of is remembered by then: a chain is not walked once for each link. */
static bool is_taken_back(struct check *check, const struct check_taken *report, const struct check_taken *root)
{
	struct check_taken at = *report;

	while (at.entry != root->entry || at.number != root->number) {
		const struct check_taken *known = &check->taken[at.entry % CHECK_TAKEN];

		if (known->entry == at.entry && known->number == at.number && known->cause == at.cause)
			break;
		if (at.entry <= root->entry || !original_find(check, &at))
			return false;
	}
	check->taken[report->entry % CHECK_TAKEN] = *report;
	return true;
}

static bool retraction_check(struct check *check, const Simpul__TombstoneTarget *target, const struct buried *buried)
{
	const struct check_taken report = {target->entry, buried->stored->first + target->index, target->cause};
	struct check_taken root = {.entry = target->cause};
	const Simpul__Header *cause = NULL;
	struct buried cancel;

	if (buried_load(check, target->cause, &cancel, &check->arena) &&
	    outcome_verdict(cancel.outcome, cancel.stored->first) == E_OK)
		cause = header_at(&cancel, 0, &check->arena);
	if (cause == NULL || target->count != 1 || cancel.origin_id != buried->origin_id ||
	    cause->kind != SIMPUL__KIND__KIND_CANCEL || !cause->erase || !referred_find(check, &cancel, cause, &root) ||
	    !is_taken_back(check, &report, &root))
		return check_bad(check, "the tombstone names a CANCEL that did not take the report back");
	return true;
}

/* The reason was lost with the history that is over: that is so only where the next one begins. */
static bool former_check(struct check *check)
{
	return check->begins || check_bad(check, "the tombstone speaks of a history that is over where none ended");
}

static bool target_check(struct check *check, const Simpul__TombstoneTarget *target)
{
	struct buried buried;

	const bool retracted = target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED;

	if (target->entry == 0 || target->entry >= check->row.entry || target->count == 0 ||
	    target->index >= LIMIT_SUBMISSION_REPORTS || target->count > LIMIT_SUBMISSION_REPORTS - target->index)
		return check_bad(check, "the tombstone names reports that cannot be");
	if (target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_UNSPECIFIED ||
	    retracted != (target->cause > target->entry && target->cause < check->row.entry))
		return check_bad(check, "the tombstone gives no good reason");
	if (!buried_load(check, target->entry, &buried, &check->arena) ||
	    target->index + target->count > buried.stored->n_headers)
		return check_bad(check, "the tombstone names reports that cannot be");
	if (target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_FORMER)
		return former_check(check);
	check->begins = false;
	return retracted ? retraction_check(check, target, &buried) : expiry_check(check, target, &buried);
}

bool check_tombstone(struct check *check)
{
	const Simpul__Tombstone *tombstone =
		stored_unpack(&simpul__tombstone__descriptor, check->content, &check->arena);

	if (tombstone == NULL)
		return check_bad(check, "the tombstone cannot be read");
	for (size_t i = 0; i < tombstone->n_targets; i++) {
		const Simpul__TombstoneTarget *target = tombstone->targets[i];

		if (!target_check(check, target) || !check_hold_target(check, target))
			return false;
		if (target->hold == 0)
			gone_cover(check, target);
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
		former->list[former->count++] =
			(struct erasure){gone->entry, (uint32_t)place, 1, SIMPUL__PURGE_RULE__PURGE_RULE_FORMER, 0, 0};
	}
}

bool check_gone_any(const struct check *check)
{
	for (size_t i = 0; i < check->gone_count; i++)
		if (check->gone[i].left > 0)
			return true;
	return false;
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
