/* journal_check_hold - holds: each signed by two operators and of a report that is there, and no body buried against
 * one. */
#include "broker/journal/journal_check.h"

#include "broker/journal/act.h"
#include "common/hold.h"
#include "common/memory.h"
#include <stdlib.h>

/* ---------------------------------------------------------------------------- lists */

static void list_add(struct check_holds *holds, const struct check_hold *hold)
{
	if (holds->count == holds->capacity) {
		holds->capacity = 2 * holds->capacity + 16;
		holds->list = memory_grow(holds->list, holds->capacity, sizeof(*holds->list));
	}
	holds->list[holds->count++] = *hold;
}

static void list_remove(struct check_holds *holds, size_t index)
{
	holds->list[index] = holds->list[--holds->count];
}

static bool is_covered(const struct check_hold *hold, const Simpul__TombstoneTarget *target)
{
	return hold->entry == target->entry && hold->place >= target->index &&
	       hold->place - target->index < target->count;
}

static void list_bury(struct check_holds *holds, const Simpul__TombstoneTarget *target)
{
	for (size_t i = holds->count; i-- > 0;)
		if (is_covered(&holds->list[i], target))
			list_remove(holds, i);
}

/* The hold in this entry, which must be of this place; the count of the list when there is none. */
static size_t hold_find(const struct check *check, uint64_t hold, uint64_t entry, uint64_t place)
{
	size_t i = 0;

	while (i < check->holds.count && (check->holds.list[i].hold != hold || check->holds.list[i].entry != entry ||
					  check->holds.list[i].place != place))
		i++;
	return i;
}

/* ---------------------------------------------------------------------------- orders */

/* Where the report stands that the order names. */
static bool report_find(struct check *check, const Simpul__Name *name, struct check_hold *hold)
{
	bool found;

	bind_text(check->named, 1, name->origin);
	bind_number(check->named, 2, name->epoch);
	bind_number(check->named, 3, name->stream);
	bind_number(check->named, 4, name->number);
	found = journal_row_step(check->named, check->fault) == E_OK;
	if (found) {
		hold->entry = column_number(check->named, 0);
		hold->place = name->number - column_number(check->named, 1);
		found = hold->place < column_number(check->named, 2) && hold->entry < check->row.entry;
	}
	sqlite3_reset(check->named);
	return found;
}

static bool form_check(const Simpul__Hold *hold)
{
	if (hold->report == NULL || hold_reason_check(hold->reason, NULL) != E_OK)
		return false;
	if (hold->lifts != 0)
		return hold->authority[0] == '\0' && hold->order[0] == '\0' && hold->until == 0;
	/* accepted_at says nothing: where the clock once ran ahead it is that time until then. */
	return hold_order_check(hold->authority, hold->order, NULL) == E_OK &&
	       hold_signed_check(hold->until, hold->signed_at, NULL) == E_OK;
}

bool check_hold(struct check *check)
{
	const Simpul__Hold *hold = stored_unpack(&simpul__hold__descriptor, check->content, &check->arena);
	struct check_hold one = {.hold = check->row.entry};
	struct hash content;
	size_t lifted;

	if (hold == NULL || !form_check(hold))
		return check_bad(check, "the hold has not the form it must have");
	content = act_hold_content(hold);
	if (!check_two_operators(check, hold->signed_at, hold->lifts != 0 ? HOLD_LIFT : HOLD_PLACE, &content,
				 hold->signatures, hold->n_signatures))
		return check_bad(check, "two operators did not sign the hold");
	if (!report_find(check, hold->report, &one))
		return check_bad(check, "the hold is of a report that is not there");
	one.until = hold->until;
	if (hold->lifts == 0) {
		list_add(&check->holds, &one);
		return true;
	}
	lifted = hold_find(check, hold->lifts, one.entry, one.place);
	if (lifted == check->holds.count)
		return check_bad(check, "the hold that is lifted is not there");
	list_remove(&check->holds, lifted);
	return true;
}

/* ---------------------------------------------------------------------------- tombstones */

static bool keep_check(struct check *check, const Simpul__TombstoneTarget *target)
{
	const struct check_hold kept = {.entry = target->entry, .place = target->index};

	if (target->count != 1 || hold_find(check, target->hold, target->entry, target->index) == check->holds.count)
		return check_bad(check, "the tombstone names a hold that does not keep the report");
	for (size_t i = 0; i < check->kept.count; i++)
		if (is_covered(&check->kept.list[i], target))
			return true;
	list_add(&check->kept, &kept);
	return true;
}

bool check_hold_target(struct check *check, const Simpul__TombstoneTarget *target)
{
	if (target->hold != 0)
		return keep_check(check, target);
	for (size_t i = 0; target->rule != SIMPUL__PURGE_RULE__PURGE_RULE_FORMER && i < check->holds.count; i++)
		if (is_covered(&check->holds.list[i], target) && check->holds.list[i].until > check->row.accepted_at)
			return check_bad(check, "the tombstone buries what is held");
	list_bury(&check->holds, target);
	list_bury(&check->kept, target);
	return true;
}

void check_holds_free(struct check *check)
{
	free(check->holds.list);
	free(check->kept.list);
}
