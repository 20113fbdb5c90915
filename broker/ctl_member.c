/* ctl_member - simpulctl revoke, retire, restore, reseed, clock confirm: what an operator decides. */
#include "broker/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- standings */

static int standing_order(const struct ctl *ctl, const char *node, const char *standing, wall_ms since,
			  const char *reason)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:I, s:s}", "command", "standing", "node", node, "standing",
				    standing, "since", (json_int_t)since, "reason", reason);
	char done[2 * LIMIT_NODE_NAME + 80];

	if (request == NULL)
		return ctl_usage(ctl, "an argument is not UTF-8");
	if (strcmp(standing, "active") == 0)
		snprintf(done, sizeof(done), "%.64s is %s; its agent must be started again", node, standing);
	else if (strcmp(standing, "retired") == 0)
		snprintf(done, sizeof(done), "%.64s is %s; simpulctl got %.64s lists what it was sent", node, standing, node);
	else
		snprintf(done, sizeof(done), "%.64s is %s and shut out", node, standing);
	return ctl_order(ctl, request, done);
}

int ctl_revoke(struct ctl *ctl, int argc, char **argv)
{
	const char *since_text = NULL, *reason = "";
	const struct ctl_option options[] = {{"compromised-since", &since_text, NULL}, {"reason", &reason, NULL}, {0}};
	wall_ms since = 0;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (since_text != NULL && !local_time_take(since_text, &since))
		return ctl_usage(ctl, "--compromised-since " LOCAL_TIME_ADVICE "; nothing was revoked");
	status = standing_order(ctl, argv[first], "compromised", since, reason);
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

	return first < 0 ? status : standing_order(ctl, argv[first], standing, 0, reason);
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
	char done[LIMIT_NODE_NAME + 80], *end = NULL;
	unsigned long long entry;
	json_t *request;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (reason == NULL || reason[0] == '\0')
		return ctl_usage(ctl, "--reason TEXT is needed");
	entry = strtoull(from, &end, 10);
	if (from[0] < '0' || from[0] > '9' || *end != '\0' || entry == 0 || entry > INT64_MAX)
		return ctl_usage(ctl, "--from takes the number of an entry");
	request = json_pack("{s:s, s:s, s:I, s:s}", "command", "reseed", "node", argv[first], "from_entry",
			    (json_int_t)entry, "reason", reason);
	if (request == NULL)
		return ctl_usage(ctl, "an argument is not UTF-8");
	snprintf(done, sizeof(done), "%.64s may fetch from entry %llu on, once its store is recovered", argv[first], entry);
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
