/* ctl_member - simpulctl revoke, retire, restore, reseed, clock confirm: what an operator decides. */
#include "broker/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- standings */

/* `key_id` 0: the node's present key. */
static int standing_order(const struct ctl *ctl, const char *node, uint32_t key_id, const char *standing, wall_ms since,
			  const char *reason)
{
	json_t *request = json_pack("{s:s, s:s, s:I, s:s, s:I, s:s}", "command", "standing", "node", node, "key_id",
				    (json_int_t)key_id, "standing", standing, "since", (json_int_t)since, "reason",
				    reason);
	char done[2 * LIMIT_NODE_NAME + 80];

	if (request == NULL)
		return ctl_usage(ctl, "an argument is not UTF-8");
	if (strcmp(standing, "active") == 0)
		snprintf(done, sizeof(done), "%.64s is %s; its agent must be started again", node, standing);
	else if (strcmp(standing, "retired") == 0)
		snprintf(done, sizeof(done), "%.64s is %s; simpulctl got %.64s lists what it was sent", node, standing, node);
	else if (key_id != 0)
		snprintf(done, sizeof(done), "key %u of %.64s is %s", key_id, node, standing);
	else
		snprintf(done, sizeof(done), "%.64s is %s and shut out", node, standing);
	return ctl_order(ctl, request, done);
}

int ctl_revoke(struct ctl *ctl, int argc, char **argv)
{
	const char *since_text = NULL, *key_text = NULL, *reason = "";
	const struct ctl_option options[] = {
		{"compromised-since", &since_text, NULL}, {"key-id", &key_text, NULL}, {"reason", &reason, NULL}, {0}};
	wall_ms since = 0;
	uint64_t key_id = 0;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (since_text != NULL && !local_time_take(since_text, &since))
		return ctl_usage(ctl, "--compromised-since " LOCAL_TIME_ADVICE "; nothing was revoked");
	if (key_text != NULL && !ctl_number_take(key_text, UINT32_MAX, &key_id))
		return ctl_usage(ctl, "--key-id takes the number of a key; nothing was revoked");
	status = standing_order(ctl, argv[first], (uint32_t)key_id, "compromised", since, reason);
	/* What the thief may have. The office is shut out also when that cannot be read. */
	if (status == EX_OK && fflush(stdout) == 0 && ctl_got_ever(ctl, argv[first], reason) != EX_OK)
		fprintf(stderr, "simpulctl got %s lists what it was sent, where the journal can be read\n", argv[first]);
	return status;
}

static int standing_simple(struct ctl *ctl, int argc, char **argv, const char *standing)
{
	const char *reason = "";
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	return first < 0 ? status : standing_order(ctl, argv[first], 0, standing, 0, reason);
}

int ctl_retire(struct ctl *ctl, int argc, char **argv)
{
	return standing_simple(ctl, argc, argv, "retired");
}

int ctl_restore(struct ctl *ctl, int argc, char **argv)
{
	return standing_simple(ctl, argc, argv, "active");
}

/* ---- reseed */

int ctl_reseed(struct ctl *ctl, int argc, char **argv)
{
	const char *from = "1", *reason = NULL;
	const struct ctl_option options[] = {{"from", &from, NULL}, {"reason", &reason, NULL}, {0}};
	char done[LIMIT_NODE_NAME + 80];
	uint64_t entry;
	json_t *request;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (reason == NULL || reason[0] == '\0')
		return ctl_usage(ctl, "--reason TEXT is needed");
	if (!ctl_number_take(from, INT64_MAX, &entry))
		return ctl_usage(ctl, "--from takes the number of an entry");
	request = json_pack("{s:s, s:s, s:I, s:s}", "command", "reseed", "node", argv[first], "from_entry",
			    (json_int_t)entry, "reason", reason);
	if (request == NULL)
		return ctl_usage(ctl, "an argument is not UTF-8");
	snprintf(done, sizeof(done), "%.64s may fetch from entry %" PRIu64 " on, once its store is recovered",
		 argv[first], entry);
	return ctl_order(ctl, request, done);
}

/* ---- clock */

int ctl_clock_confirm(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = "";
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	return first < 0 ? status
			 : ctl_order(ctl, json_pack("{s:s, s:s}", "command", "clock-confirm", "reason", reason),
				     "the broker's clock is right");
}
