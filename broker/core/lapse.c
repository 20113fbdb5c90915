/* lapse - keys whose time is over: from that moment refused, and said for weeks before. An office whose key has ended
 * stops until a person comes, so a clock in doubt ends none. */
#include "broker/core/core_state.h"

/* When the next key ends among those that are good; 0: at once, for the clock was set or is no longer in doubt. */
static void lapse_find(struct core *core)
{
	core->lapse_next = UINT64_MAX;
	for (size_t i = 0; i < core->node_count; i++) {
		struct node *node = core->nodes[i];
		const wall_ms end = node->member.expires_at;
		const bool over = member_lapsed(&node->member, core->now->wall);
		const bool lapsed = over && (node->lapsed || !core->clock_doubted);

		if (!over && end != 0 && end < core->lapse_next)
			core->lapse_next = end;
		if (lapsed && !node->lapsed && node->standing == SIMPUL__STANDING__STANDING_ACTIVE)
			LOG(core, ALARM, "member.lapsed", F_TEXT("node", node->name), F_NUM("key_id", node->member.key_id));
		node->lapsed = lapsed;
		if (lapsed)
			session_end(core, node, E_KEY_LAPSED);
	}
}

void lapse_watch(struct core *core)
{
	if (core->now->wall >= core->lapse_next)
		lapse_find(core);
}

static void expiry_tell(struct core *core, const struct node *node)
{
	const unsigned days = member_days_left(&node->member, core->now->wall);

	if (node->lapsed || node->standing != SIMPUL__STANDING__STANDING_ACTIVE || days > EXPIRY_NOTICE_DAYS)
		return;
	log_fields(core, days > EXPIRY_ALARM_DAYS ? LOG_LEVEL_WARNING : LOG_LEVEL_ALARM, "member.expiring",
		   (const struct log_field[]){F_TEXT("node", node->name), F_NUM("key_id", node->member.key_id),
					      F_NUM("days", days), {.type = LOG_END}});
}

void lapse_tick(struct core *core)
{
	/* A clock that was set back is no reason to be silent. */
	if (core->expiry_told != 0 && core->now->wall >= core->expiry_told &&
	    core->now->wall - core->expiry_told < DAY_MS)
		return;
	core->expiry_told = core->now->wall;
	for (size_t i = 0; i < core->node_count; i++)
		expiry_tell(core, core->nodes[i]);
}
