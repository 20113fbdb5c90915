/* ctl_got - simpulctl got: what a node was sent, out of the journal. Headers only: what stands in a report is for those
 * whom it was for. */
#include "broker/ctl.h"

#include "broker/journal_copy.h"
#include "common/json.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is asked, and what was found. */
struct got {
	const char *node;
	wall_ms since;
	bool json;
	uint64_t reports, unacknowledged;
};

const char *ctl_copy_state(const struct copy *copy)
{
	if (copy->purged_at != 0)
		return "erased";
	if (copy->withheld > 0)
		return "withheld";
	return copy->acknowledged ? "acknowledged" : "maybe";
}

static void report_print(const struct found_report *report)
{
	const Simpul__Header *header = report->header;
	char name[REPORT_NAME_SIZE], time[TIME_TEXT_SIZE];

	printf("%s%s%-12s  %-20s  %-28s  %-12s  %-8s  %-16s  %s\n", status_mark((int)header->status),
	       header->status == SIMPUL__STATUS__STATUS_ACTUAL ? "" : " ", ctl_copy_state(&report->copy),
	       time_text(time, report->accepted_at, 0), report_name_text(&report->name, name),
	       enum_text(&simpul__label__descriptor, (int)header->label),
	       enum_text(&simpul__kind__descriptor, (int)header->kind), header->category, header->region);
}

static void report_print_json(const struct found_report *report)
{
	const Simpul__Header *header = report->header;
	const char *mark = status_mark((int)header->status);
	char name[REPORT_NAME_SIZE], time[TIME_TEXT_SIZE];
	json_t *object = json_pack("{s:s*, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s}", "mark",
				   mark[0] == '\0' ? NULL : mark, "state", ctl_copy_state(&report->copy), "name",
				   report_name_text(&report->name, name), "entry", (json_int_t)report->entry,
				   "accepted_at", time_text(time, report->accepted_at, 0), "label",
				   enum_text(&simpul__label__descriptor, (int)header->label), "kind",
				   enum_text(&simpul__kind__descriptor, (int)header->kind), "category",
				   header->category, "region", header->region);

	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static enum error report_found(void *context, const struct found_report *report, struct fault *fault)
{
	struct got *got = context;

	(void)fault;
	got->reports++;
	got->unacknowledged += strcmp(ctl_copy_state(&report->copy), "maybe") == 0;
	if (got->json)
		report_print_json(report);
	else
		report_print(report);
	return E_OK;
}

static enum error journal_search(const struct ctl *ctl, struct got *got, struct fault *fault)
{
	struct journal_case *c = NULL;
	enum error error = ctl_case_open(ctl, &c, fault);

	if (error == E_OK)
		error = journal_copy_each_due(c, got->node, got->since, report_found, got, fault);
	journal_case_close(c);
	return error;
}

static int got_print(const struct ctl *ctl, struct got *got, const char *reason)
{
	struct fault fault = {0};
	const int status = ctl_look(ctl, "got", got->node, reason);

	if (status != EX_OK)
		return status;
	if (journal_search(ctl, got, &fault) != E_OK)
		return ctl_fail(&fault, NULL);
	if (!got->json)
		printf("%s: %" PRIu64 " reports, %" PRIu64 " of them not acknowledged\n", got->node, got->reports,
		       got->unacknowledged);
	return EX_OK;
}

int ctl_got_ever(const struct ctl *ctl, const char *node, const char *reason)
{
	struct got got = {.node = node};

	return got_print(ctl, &got, reason);
}

int ctl_got(struct ctl *ctl, int argc, char **argv)
{
	const char *since = NULL, *reason = NULL;
	struct got got = {0};
	const struct ctl_option options[] = {{"since", &since, NULL}, {"reason", &reason, NULL}, {"json", NULL, &got.json}, {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	got.node = argv[first];
	if (!node_name_valid(got.node))
		return ctl_usage(ctl, "NODE is the name of an office, such as police.oku");
	if (since != NULL && !time_parse(since, &got.since))
		return ctl_usage(ctl, "--since takes a time with a zone, such as 2026-11-20T10:00:00+07:00");
	return got_print(ctl, &got, reason);
}
