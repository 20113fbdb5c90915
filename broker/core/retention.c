/* retention - bodies that have to die: asks the journal which are due, buries them under a tombstone, forgets them here.
 *
 * One question or tombstone is under way at a time, so that each starts from what the last one left. */
#include "broker/core/core_state.h"

#define AGAIN_MS 1000	    /* what was to be buried is held by now, or not due yet by a clock that was set back */
#define LOOK_MS (60 * 1000) /* between two looks when nothing was taken back */
/* At the start the journal is the only witness of the time: so long after its newest entry, or so long before. */
#define SILENT_MOST_MS (7 * DAY_MS)
#define BEHIND_MOST_MS (3600 * 1000)

void retention_soon(struct core *core)
{
	core->retention.look_at = core->now->steady;
}

void retention_tick(struct core *core)
{
	struct retention *retention = &core->retention;
	struct core_read *read;

	if (retention->ticket != 0 || core->stopping || core->now->steady < retention->look_at)
		return;
	read = core_read_new();
	read->type = READ_DUE;
	read->ticket = retention->ticket = next_ticket(core);
	/* With a clock in doubt nothing expires; what was taken back goes all the same. */
	read->now = core->clock_doubted ? 0 : core->now->wall;
	retention->look_at = core->now->steady + LOOK_MS;
	read_start(core, read);
}

static void tombstone_start(struct core *core, const struct core_read *read)
{
	struct journal_append *append = journal_append_new();

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE;
	append->ticket = core->retention.ticket = next_ticket(core);
	tombstone_pack(read->due->list, read->due->count, core->now->wall, &append->content);
	append_start(core, append);
}

/* A machine that was started with a clock that is years ahead would erase everything at once. False: it is in doubt. */
static bool clock_compare(struct core *core, wall_ms newest)
{
	const wall_ms now = core->now->wall;
	const bool ahead = now > newest + SILENT_MOST_MS;

	if (core->retention.begun)
		return true;
	core->retention.begun = true;
	core->retention.waits = core->retention.recovered_at != 0 && newest < core->retention.recovered_at + DAY_MS;
	if (!ahead && now + BEHIND_MOST_MS >= newest)
		return true;
	core->clock_doubted = true;
	LOG(core, ALARM, "clock.doubted", F_TEXT("direction", ahead ? "ahead" : "back"),
	    F_NUM("seconds", (ahead ? now - newest : newest - now) / 1000));
	return false;
}

/* Holds that two operators placed after the backup are theirs to place again, and take a while. A new machine's clock
 * may be behind the recovery, which is never earlier than the backup's last entry; and one in doubt ends nothing. */
static bool just_recovered(struct core *core)
{
	struct retention *retention = &core->retention;

	if (!core->clock_doubted && core->now->wall >= retention->recovered_at + DAY_MS)
		retention->waits = false;
	return retention->waits;
}

static void unreadable(struct core *core, const char *code, const char *field, uint64_t entry)
{
	LOG(core, ALARM, "journal.unreadable", F_TEXT("node", ""), F_TEXT("code", code), F_TEXT("field", field),
	    F_NUM("entry", entry));
}

/* What an order kept goes when it ends, and not up to a minute later. */
static void hold_end_await(struct core *core, const struct core_read *read)
{
	const wall_ms until = read->due->held_until;
	steady_ms at;

	if (until == 0 || read->now == 0)
		return;
	at = core->now->steady + (until > core->now->wall ? until - core->now->wall : 0);
	if (at < core->retention.look_at)
		core->retention.look_at = at;
}

void retention_read_done(struct core *core, const struct core_read *read)
{
	core->retention.ticket = 0;
	if (read->result.code != E_OK) {
		unreadable(core, error_name(read->result.code), read->result.field, 0);
		return;
	}
	if (read->due->damaged != 0)
		unreadable(core, error_name(E_CORRUPT), "due", read->due->damaged);
	if (!clock_compare(core, read->due->newest))
		retention_soon(core); /* again, for what was taken back alone */
	else if (core->now->wall < read->now)
		retention_soon(core); /* by a clock that was set back since, it may not be due */
	else if (!just_recovered(core) && read->due->count > 0 && !core->stopping)
		tombstone_start(core, read);
	if (read->now != 0)
		holds_tell(core, read->due);
	hold_end_await(core, read);
}

/* The keys are destroyed by now, or on a full disk readers take the bodies for erased; what is left of these is in the
 * tail, and in pages that a reader has read. */
void retention_done(struct core *core, const struct journal_append *append)
{
	const Simpul__Tombstone *tombstone;
	uint64_t expired = 0, retracted = 0, held = 0;

	core->retention.ticket = 0;
	if (append->result.code == E_BUSY)
		core->retention.look_at = core->now->steady + AGAIN_MS;
	if (append->result.code != E_OK)
		return;
	tombstone = simpul__tombstone__unpack(&core->arena.protobuf, append->content.size, append->content.data);
	for (size_t i = 0; tombstone && i < tombstone->n_targets; i++) {
		const Simpul__TombstoneTarget *target = tombstone->targets[i];

		tail_forget(&core->tail, target->entry);
		erased_note(&core->retention.erased, target->entry);
		if (target->hold != 0)
			held += target->count;
		else if (target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED)
			retracted += target->count;
		else
			expired += target->count;
	}
	core->retention.forget = true;
	if (expired + retracted > 0)
		LOG(core, NOTICE, "bodies.erased", F_NUM("expired", expired), F_NUM("retracted", retracted),
		    F_NUM("entry", append->entry));
	if (held > 0)
		LOG(core, NOTICE, "bodies.held", F_NUM("reports", held), F_NUM("entry", append->entry));
	retention_soon(core); /* there may be more */
}

void clock_confirm(struct core *core, const struct core_event *event)
{
	const struct fault good = {0};

	if (core->clock_doubted)
		LOG(core, NOTICE, "clock.confirmed", F_NUM("entry", core->position.entry));
	if (core->clock_doubted && core->retention.waits)
		core->retention.recovered_at = core->now->wall; /* nobody knows better since when */
	core->clock_doubted = false;
	core->lapse_next = 0;
	retention_soon(core);
	if (event->act.size > 0)
		act_take(core, event);
	else
		answer(core, event->operator_ticket, &good, core->position.entry);
}
