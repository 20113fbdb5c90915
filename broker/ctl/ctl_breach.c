/* ctl_breach - simpulctl breach-report: counts what a node had and got, by category and label, and whose it was. */
#include "broker/ctl/ctl_breach.h"

#include "broker/control/copies.h"

#include "common/json.h"
#include "common/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reports of one category and label. */
struct breach_group {
	char category[33];
	Simpul__Label label;
	uint64_t stored, later, sealed, protected, erased, erased_since;
};

struct breach_origin {
	char node[LIMIT_NODE_NAME + 1];
	uint64_t reports;
};

struct breach {
	const char *node;
	wall_ms since;
	struct breach_group *groups;
	size_t group_count;
	struct breach_origin *origins;
	size_t origin_count;
	json_t *reports;
	uint64_t own;
	bool active;
};

/* ---- gathering */

static struct breach_group *group_of(struct breach *breach, const Simpul__Header *header)
{
	struct breach_group *group;

	for (size_t i = 0; i < breach->group_count; i++)
		if (strcmp(breach->groups[i].category, header->category) == 0 &&
		    breach->groups[i].label == header->label)
			return &breach->groups[i];
	breach->groups = memory_grow(breach->groups, breach->group_count + 1, sizeof(*group));
	group = &breach->groups[breach->group_count++];
	*group = (struct breach_group){.label = header->label};
	snprintf(group->category, sizeof(group->category), "%s", header->category);
	return group;
}

static void origin_add(struct breach *breach, const char *node)
{
	struct breach_origin *origin = breach->origins;
	const struct breach_origin *end = origin + breach->origin_count;

	while (origin < end && strcmp(origin->node, node) != 0)
		origin++;
	if (origin == end) {
		breach->origins = memory_grow(breach->origins, breach->origin_count + 1, sizeof(*origin));
		origin = &breach->origins[breach->origin_count++];
		*origin = (struct breach_origin){.reports = 0};
		snprintf(origin->node, sizeof(origin->node), "%s", node);
	}
	origin->reports++;
}

/* Cancels and purge receipts tell nothing that their header does not. */
static bool tells_something(const Simpul__Header *header)
{
	return header->kind != SIMPUL__KIND__KIND_CANCEL && header->kind != SIMPUL__KIND__KIND_VOID &&
	       header->kind != SIMPUL__KIND__KIND_PURGE_RECEIPT;
}

static void report_list(struct breach *breach, const struct found_report *report, bool later)
{
	const Simpul__Header *header = report->header;
	char name[REPORT_NAME_SIZE], time[TIME_TEXT_SIZE];

	json_array_append_new(
		breach->reports,
		json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "name",
			  report_name_text(&report->name, name), "entry", (json_int_t)report->entry, "accepted_at",
			  time_text(time, report->accepted_at, 0), "category", header->category, "region",
			  header->region, "label", enum_text(&simpul__label__descriptor, (int)header->label), "state",
			  copy_state_text(&report->copy), "sealed", header->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED,
			  "when", later ? "later" : "stored"));
}

/* Whether it was acknowledged before or after that time the journal does not know; when it was accepted it does. */
static enum error received_take(void *context, const struct found_report *report, struct fault *fault)
{
	struct breach *breach = context;
	const bool later = report->accepted_at >= breach->since;
	const wall_ms purged = report->copy.purged_at;
	struct breach_group *group;

	(void)fault;
	if (!tells_something(report->header))
		return E_OK;
	group = group_of(breach, report->header);
	if (purged != 0 && purged < breach->since) {
		group->erased++;
		return E_OK;
	}
	group->stored += !later;
	group->later += later;
	group->sealed += report->header->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED;
	group->protected += report->header->n_protection > 0;
	group->erased_since += purged != 0;
	origin_add(breach, report->name.origin);
	report_list(breach, report, later);
	return E_OK;
}

static enum error sent_take(void *context, const struct found_report *report, struct fault *fault)
{
	struct breach *breach = context;

	(void)fault;
	breach->own += tells_something(report->header);
	return E_OK;
}

static enum error breach_gather(const struct ctl *ctl, struct breach *breach, struct fault *fault)
{
	struct journal_case *c = NULL;
	struct case_node as = {0};
	enum error error = ctl_case_open(ctl, &c, fault);

	if (error == E_OK)
		error = journal_case_node(c, breach->node, journal_case_end(c), &as, fault);
	if (error == E_OK && !as.member)
		error = fault_at(fault, E_NOT_FOUND, "%s", breach->node);
	breach->active = as.standing == SIMPUL__STANDING__STANDING_ACTIVE;
	if (error == E_OK)
		error = journal_copy_each_due(c, breach->node, 0, 0, received_take, breach, fault);
	if (error == E_OK)
		error = journal_copy_each_sent(c, breach->node, sent_take, breach, fault);
	journal_case_close(c);
	return error;
}

/* ---- showing */

static json_t *breach_json(const struct breach *breach)
{
	json_t *groups = json_array(), *origins = json_array();
	char time[TIME_TEXT_SIZE];

	for (size_t i = 0; i < breach->group_count; i++) {
		const struct breach_group *group = &breach->groups[i];

		json_array_append_new(groups, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "category",
							group->category, "label",
							enum_text(&simpul__label__descriptor, (int)group->label),
							"stored", (json_int_t)group->stored, "later",
							(json_int_t)group->later, "sealed", (json_int_t)group->sealed,
							"protected", (json_int_t)group->protected, "erased_before",
							(json_int_t)group->erased, "erased_since",
							(json_int_t)group->erased_since));
	}
	for (size_t i = 0; i < breach->origin_count; i++)
		json_array_append_new(origins, json_pack("{s:s, s:I}", "node", breach->origins[i].node, "reports",
							 (json_int_t)breach->origins[i].reports));
	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:I, s:O}", "node", breach->node, "since",
			 time_text(time, breach->since, 0), "active", breach->active, "groups", groups, "notify",
			 origins, "own", (json_int_t)breach->own, "reports", breach->reports);
}

static void breach_print(const struct breach *breach)
{
	char time[TIME_TEXT_SIZE];

	printf("%s, lost %s: what machine and key could have revealed of others' reports\n\n", breach->node,
	       time_text(time, breach->since, 0));
	printf("%-16s  %-12s  %8s  %8s  %8s  %9s  %12s  %13s\n", "CATEGORY", "LABEL", "STORED", "LATER", "SEALED",
	       "PROTECTED", "ERASED SINCE", "ERASED BEFORE");
	for (size_t i = 0; i < breach->group_count; i++) {
		const struct breach_group *group = &breach->groups[i];

		printf("%-16s  %-12s  %8" PRIu64 "  %8" PRIu64 "  %8" PRIu64 "  %9" PRIu64 "  %12" PRIu64 "  %13" PRIu64 "\n",
		       group->category, enum_text(&simpul__label__descriptor, (int)group->label), group->stored,
		       group->later, group->sealed, group->protected, group->erased_since, group->erased);
	}
	printf("\nto be told, for they sent them:");
	for (size_t i = 0; i < breach->origin_count; i++)
		printf("%s %s (%" PRIu64 ")", i > 0 ? "," : "", breach->origins[i].node, breach->origins[i].reports);
	printf("%s\nits own reports, which stand in its outbox: %" PRIu64 "\n", breach->origin_count == 0 ? " nobody" : "",
	       breach->own);
	if (breach->active)
		printf("%s is active still: simpulctl revoke %s --compromised-since %s\n", breach->node, breach->node, time);
}

static void breach_free(struct breach *breach)
{
	json_decref(breach->reports);
	free(breach->groups);
	free(breach->origins);
}

enum error ctl_breach_json(const struct ctl *ctl, const char *node, wall_ms since, json_t **object, struct fault *fault)
{
	struct breach breach = {.node = node, .since = since, .reports = json_array()};
	enum error error = breach_gather(ctl, &breach, fault);

	*object = error == E_OK ? breach_json(&breach) : NULL;
	breach_free(&breach);
	return error;
}

int ctl_breach_report(struct ctl *ctl, int argc, char **argv)
{
	const char *since = NULL, *reason = NULL;
	struct breach breach = {0};
	bool json = false;
	const struct ctl_option options[] = {{"node", &breach.node, NULL},
					     {"since", &since, NULL},
					     {"reason", &reason, NULL},
					     {"json", NULL, &json},
					     {0}};
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (breach.node == NULL || !node_name_valid(breach.node))
		return ctl_usage(ctl, "--node takes the name of an office, such as police.oku");
	if (since == NULL || !local_time_take(since, &breach.since))
		return ctl_usage(ctl, "--since " LOCAL_TIME_ADVICE);
	if ((status = ctl_look(ctl, "breach-report", breach.node, reason)) != EX_OK)
		return status;
	breach.reports = json_array();
	if (breach_gather(ctl, &breach, &fault) != E_OK) {
		status = ctl_fail(&fault, NULL);
	} else if (json) {
		json_t *object = breach_json(&breach);

		ctl_print_json(object);
		json_decref(object);
	} else {
		breach_print(&breach);
	}
	breach_free(&breach);
	return status;
}
