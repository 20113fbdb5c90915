/* holds - bodies that an authority's order keeps: takes what two operators signed, and says for weeks which orders end.
 */
#include "broker/core/core_state.h"
#include "common/hold.h"
#include <stdio.h>

/* Whether there is such a report, and whether it is erased, the journal knows. */
static enum error hold_check(const struct core *core, const Simpul__Hold *hold, struct fault *fault)
{
	if (hold == NULL)
		return fault_at(fault, E_MALFORMED, "hold");
	if (core->stopping)
		return fault_at(fault, E_STOPPING, "%s", "");
	return hold->lifts != 0 ? E_OK : hold_until_check(hold->until, core->now->wall, fault);
}

void hold_take(struct core *core, const struct core_event *event)
{
	const Simpul__Hold *hold = simpul__hold__unpack(&core->arena.protobuf, event->hold.size, event->hold.data);
	struct fault fault = {0};

	if (hold_check(core, hold, &fault) != E_OK)
		answer(core, event->operator_ticket, &fault, 0);
	else
		answer_to(operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD, NULL, hold, false), event);
}

static char *name_text(struct core *core, const Simpul__Name *name)
{
	struct report_name report = {.epoch = name->epoch, .stream = (uint32_t)name->stream, .number = name->number};
	char text[REPORT_NAME_SIZE];

	snprintf(report.origin, sizeof(report.origin), "%s", name->origin);
	return arena_text(&core->arena, report_name_text(&report, text));
}

void hold_log(struct core *core, const struct journal_append *append)
{
	const Simpul__Hold *hold =
		simpul__hold__unpack(&core->arena.protobuf, append->content.size, append->content.data);

	if (hold && hold->report)
		LOG(core, NOTICE, hold->lifts != 0 ? "hold.lifted" : "hold.placed",
		    F_TEXT("report", name_text(core, hold->report)), F_NUM("entry", append->entry));
}

static void ending_tell(struct core *core, const struct ending_hold *ending)
{
	const uint64_t days = (ending->until - core->now->wall + DAY_MS - 1) / DAY_MS;
	char text[REPORT_NAME_SIZE];

	log_fields(core, days > HOLD_ALARM_DAYS ? LOG_LEVEL_WARNING : LOG_LEVEL_ALARM, "hold.ending",
		   (const struct log_field[]){
			   F_TEXT("report", arena_text(&core->arena, report_name_text(&ending->report, text))),
			   F_NUM("hold", ending->hold),
			   F_NUM("days", days),
			   {.type = LOG_END}});
}

void holds_tell(struct core *core, const struct journal_due *due)
{
	wall_ms *told = &core->retention.holds_told;

	/* A clock that was set back is no reason to be silent. */
	if (*told != 0 && core->now->wall >= *told && core->now->wall - *told < DAY_MS)
		return;
	*told = core->now->wall;
	for (size_t i = 0; i < due->ending_count; i++)
		if (due->ending[i].until > core->now->wall)
			ending_tell(core, &due->ending[i]);
}
