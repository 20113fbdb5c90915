/* ctl_got - simpulctl got: what a node was sent, out of the journal. Headers only: what stands in a report is for those
 * whom it was for. */
#include "broker/ctl/ctl.h"

#include "broker/control/copies.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 4096 };

/* What is asked, and what was found. */
struct got {
	const char *node, *reason;
	wall_ms since;
	bool json;
	uint64_t reports, unacknowledged;
};

static void report_print(const json_t *report)
{
	const json_t *mark = json_object_get(report, "mark");

	printf("%s%s%-12s  %-20s  %-28s  %-12s  %-8s  %-16s  %s\n", mark == NULL ? "" : json_string_value(mark),
	       mark == NULL ? "" : " ", ctl_text(report, "state"), ctl_text(report, "accepted_at"),
	       ctl_text(report, "name"), ctl_text(report, "label"), ctl_text(report, "kind"),
	       ctl_text(report, "category"), ctl_text(report, "region"));
}

static void page_print(struct got *got, const json_t *page)
{
	const json_t *reports = json_object_get(page, "reports");

	for (size_t i = 0; i < json_array_size(reports); i++) {
		const json_t *report = json_array_get(reports, i);

		got->reports++;
		got->unacknowledged += strcmp(ctl_text(report, "state"), "maybe") == 0;
		if (got->json) {
			json_dumpf(report, stdout, JSON_COMPACT);
			putchar('\n');
		} else {
			report_print(report);
		}
	}
}

/* By hand: no broker runs. */
static int page_read(const struct ctl *ctl, const struct got *got, uint64_t after, json_t **page)
{
	struct journal_case *c = NULL;
	struct fault fault = {0};
	enum error error = ctl_case_open(ctl, &c, &fault);

	if (error == E_OK)
		error = copies_sent(c, got->node, got->since, after, PAGE, page, &fault);
	journal_case_close(c);
	return error == E_OK ? EX_OK : ctl_fail(&fault, NULL);
}

/* Page by page; each is recorded, for each says more. */
static int pages_print(const struct ctl *ctl, struct got *got)
{
	uint64_t after = 0;
	bool more = true;

	while (more) {
		json_t *page = NULL;
		int status =
			ctl_tell(ctl, "got", got->node,
				 json_pack("{s:I, s:I}", "since", (json_int_t)got->since, "after", (json_int_t)after),
				 got->reason, &page);

		if (status == EX_OK && page == NULL)
			status = page_read(ctl, got, after, &page);
		if (status != EX_OK)
			return status;
		page_print(got, page);
		after = (uint64_t)ctl_number(page, "last");
		more = json_is_true(json_object_get(page, "more"));
		json_decref(page);
	}
	return EX_OK;
}

static int got_print(const struct ctl *ctl, struct got *got)
{
	const int status = pages_print(ctl, got);

	if (status == EX_OK && !got->json)
		printf("%s: %" PRIu64 " reports, %" PRIu64 " of them not acknowledged\n", got->node, got->reports,
		       got->unacknowledged);
	return status;
}

int ctl_got_ever(const struct ctl *ctl, const char *node, const char *reason)
{
	struct got got = {.node = node, .reason = reason};

	return got_print(ctl, &got);
}

int ctl_got(struct ctl *ctl, int argc, char **argv)
{
	const char *since = NULL;
	struct got got = {0};
	const struct ctl_option options[] = {
		{"since", &since, NULL}, {"reason", &got.reason, NULL}, {"json", NULL, &got.json}, {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	got.node = argv[first];
	if (!node_name_valid(got.node))
		return ctl_usage(ctl, "NODE is the name of an office, such as police.oku");
	if (since != NULL && !local_time_take(since, &got.since))
		return ctl_usage(ctl, "--since " LOCAL_TIME_ADVICE);
	return got_print(ctl, &got);
}
