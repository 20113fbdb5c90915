/* key_notice - looks up the office's own record and counts the days. */
#include "agents/serve/key_notice.h"

#include "common/log.h"

#define MINUTE_MS 60000

void key_notice_step(struct key_notice *notice, struct store *store, const struct now *now)
{
	struct member_key key;
	unsigned days;

	if (notice->asked != 0 && now->steady - notice->asked < MINUTE_MS)
		return;
	notice->asked = now->steady;
	/* A clock that was set back is no reason to be silent. */
	if (notice->told != 0 && now->wall >= notice->told && now->wall - notice->told < DAY_MS)
		return;
	if (store_current_key(store, store->node, &key, NULL) != E_OK)
		return;
	days = member_days_left(&key.member, now->wall);
	if (days > EXPIRY_NOTICE_DAYS)
		return;
	notice->told = now->wall;
	log_event(days > EXPIRY_ALARM_DAYS ? LOG_LEVEL_WARNING : LOG_LEVEL_ALARM, "key.expiring",
		  F_TEXT("node", store->node), F_NUM("key_id", key.member.key_id), F_NUM("days", days));
}
