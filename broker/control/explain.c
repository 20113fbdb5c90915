/* explain - whether a node got a report, or would, and which rule decides: in words, out of the journal. */
#include "broker/control/explain.h"

#include "broker/journal/journal_row.h"
#include "common/content.h"
#include "common/json.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void put(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct buffer *out, const char *format, ...)
{
	va_list args;
	char line[512];

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buffer_text(out, line);
}

/* One node and one class of reports, at one entry of the journal. */
struct question {
	const char *node;
	struct routing_class class;
	const struct policy *policy;
	uint32_t policy_version;
	struct case_node as;
	const Simpul__Routing *routing; /* NULL: nobody is named */
};

/* ---- deciding: audience_decide, one node at a time and with a reason */

/* What is asked again at each delivery; NULL: nothing is in its way. */
static const char *bar(const struct question *q)
{
	enum denial denial;

	if (!q->as.member)
		return "no member of the exchange";
	if (q->as.standing != SIMPUL__STANDING__STANDING_ACTIVE)
		return "shut out (suspended, retired or revoked)";
	denial = q->policy == NULL ? DENIED_NOT_IN_POLICY : policy_admits(q->policy, q->node, &q->class);
	return denial == ADMITTED ? NULL : denial_text(denial);
}

/* NULL: it is in the audience. */
static const char *obstacle(const struct question *q)
{
	const Simpul__Routing *routing = q->routing;
	const char *why = bar(q);

	if (why != NULL)
		return why;
	if (routing != NULL && routing_names(routing->not_to, routing->n_not_to, q->node))
		return "excluded by its origin (not_to)";
	if (routing != NULL && routing->n_to > 0)
		return routing_names(routing->to, routing->n_to, q->node) ? NULL : "its origin named others (to)";
	if (q->as.wants != NULL && !subscription_wants(q->as.wants, &q->class))
		return "not subscribed to such reports";
	return NULL;
}

static void put_rules(struct buffer *out, const struct question *q, const char *node, bool publish)
{
	put(out, "rules of policy version %u:\n", q->policy_version);
	if (q->policy == NULL)
		put(out, "  NO   there was no policy\n");
	else
		policy_explain(q->policy, node, &q->class, publish, out);
}

static enum error question_ask(struct journal_case *c, struct question *q, const char *node, uint64_t at,
			       struct fault *fault)
{
	enum error error = journal_case_policy(c, at, &q->policy, &q->policy_version, fault);

	q->node = node;
	return error == E_OK ? journal_case_node(c, node, at, &q->as, fault) : error;
}

/* ---- a report that may be */

enum error explain_class(struct journal_case *c, const char *node, explain_classify *classify, const void *context,
			 struct buffer *out, struct fault *fault)
{
	struct question q = {.routing = NULL};
	const char *why;
	enum error error = question_ask(c, &q, node, journal_case_end(c), fault);

	if (error == E_OK && q.policy == NULL)
		error = fault_at(fault, E_NOT_FOUND, "policy");
	if (error == E_OK)
		error = classify(context, q.policy, &q.class, fault);
	if (error != E_OK)
		return error;
	why = obstacle(&q);
	put(out, why == NULL ? "%s would get it\n" : "%s would not get it: %s\n", node, why);
	put_rules(out, &q, node, false);
	return E_OK;
}

/* ---- a report that was sent */

static void put_report(struct buffer *out, const char *name, const struct case_report *report,
		       const struct routing_class *class)
{
	const Simpul__Header *header = report->header;
	const bool about = header->kind != class->kind;
	char time[TIME_TEXT_SIZE];

	if (kind_is_bare(header->kind)) { /* it has neither category nor region nor label */
		put(out, "%s%s%s: %s; entry %" PRIu64 ", accepted %s\n", status_mark((int)header->status),
		    header->status == SIMPUL__STATUS__STATUS_ACTUAL ? "" : " ", name,
		    enum_text(&simpul__kind__descriptor, (int)header->kind), report->entry,
		    time_text(time, report->accepted_at, 0));
		return;
	}
	put(out, "%s%s%s: %s%s%s, %s, region %s, TLP:%s; entry %" PRIu64 ", accepted %s\n",
	    status_mark((int)header->status), header->status == SIMPUL__STATUS__STATUS_ACTUAL ? "" : " ", name,
	    enum_text(&simpul__kind__descriptor, (int)header->kind), about ? " of " : "",
	    about ? enum_text(&simpul__kind__descriptor, (int)class->kind) : "", class->category, class->region,
	    enum_text(&simpul__label__descriptor, (int)class->label), report->entry,
	    time_text(time, report->accepted_at, 0));
}

/* Why nobody gets it. */
static void put_refusal(struct buffer *out, const struct question *q, const struct case_report *report,
			const char *origin)
{
	const char *why = obstacle(q);

	put(out, "nobody gets it, it was refused: %s (%s)%s%s\n", error_sentence(report->verdict),
	    error_name(report->verdict), report->field[0] == '\0' ? "" : " at ", report->field);
	if (report->verdict == E_MAY_NOT_PUBLISH || report->verdict == E_MAY_NOT_ASK ||
	    report->verdict == E_LABEL_ABOVE_CEILING) {
		put(out, "%s sent it; ", origin);
		put_rules(out, q, origin, true);
	} else if (report->verdict == E_EMPTY_AUDIENCE && why != NULL) {
		put(out, "%s: %s\n", q->node, why);
		put_rules(out, q, q->node, false);
	}
}

/* A cancel, and an update too, follows the report that it is about. */
static void put_audience(struct buffer *out, const struct question *q, const struct case_report *report, bool got)
{
	const bool cancels = report->header->kind == SIMPUL__KIND__KIND_CANCEL;
	const char *why = obstacle(q);

	if (kind_is_answer(report->header->kind)) {
		put(out, "%s %s: an answer goes to the office whose report it is about, whatever the policy says\n",
		    q->node, got ? "is to get it" : "is not to get it");
		return;
	}
	if (cancels)
		put(out,
		    "%s %s: a cancel goes to those who had the report that it is about, whatever the policy says\n",
		    q->node, got ? "is to get it" : "is not to get it");
	else if (got && why != NULL)
		put(out, "%s is to get it: it had the report that this one is about\n", q->node);
	else if (got)
		put(out, "%s is to get it\n", q->node);
	else
		put(out, "%s is not to get it: %s\n", q->node, why != NULL ? why : "the journal does not say why");
	if (!got && routing_names(report->routing->to, report->routing->n_to, q->node))
		put(out, "its origin named it, and was told that it was not reached\n");
	if (!cancels)
		put_rules(out, q, q->node, false);
}

static struct report_name name_of(const Simpul__Name *message)
{
	struct report_name name = {
		.epoch = message->epoch, .stream = (uint32_t)message->stream, .number = message->number};

	snprintf(name.origin, sizeof(name.origin), "%s", message->origin);
	return name;
}

/* Of an UPDATE that was withheld, what the office gets instead (batch.c). */
static enum error put_notice(struct buffer *out, struct journal_case *c, const char *node,
			     const struct case_report *report, bool acknowledged, struct fault *fault)
{
	const char *verb = acknowledged ? "was told" : "is to be told";
	struct report_name name;
	struct case_report about;
	enum error error;

	if (report->header->kind != SIMPUL__KIND__KIND_UPDATE || report->header->n_references == 0)
		return E_OK;
	name = name_of(report->header->references[0]);
	error = journal_case_report(c, &name, &about, fault);
	if (error != E_OK)
		return error;
	if (report->routing->superseded.len == 0 || !audience_reaches(about.audience, node))
		put(out, "the office is not told that the report which it updates is superseded\n");
	else
		put(out, "instead of it, the office %s that the report which it updates is superseded%s\n", verb,
		    about.header->kind == SIMPUL__KIND__KIND_UPDATE ? ", if it might have that one" : "");
	return E_OK;
}

/* What became of it, and what the policy of today says to a delivery that is still to come. */
static enum error put_delivery(struct buffer *out, struct journal_case *c, const struct question *then,
			       const struct case_report *report, struct fault *fault)
{
	const enum denial kept = update_denial(report->header, report->routing, then->node);
	struct question now = *then;
	bool acknowledged;
	uint32_t withheld;
	enum error error = journal_case_delivery(c, then->node, report->entry, &acknowledged, &withheld, fault);

	if (error == E_OK)
		error = question_ask(c, &now, then->node, journal_case_end(c), fault);
	if (error != E_OK)
		return error;
	if (kept != ADMITTED && withheld > 0) {
		put(out, "it was withheld: %s\n", denial_text(kept));
		return put_notice(out, c, then->node, report, acknowledged, fault);
	}
	if (withheld > 0) {
		put(out,
		    "it was withheld under policy version %u: the grant was gone when it was its turn; it may have "
		    "been sent before or after that\n",
		    withheld);
		return put_notice(out, c, then->node, report, acknowledged, fault);
	}
	if (acknowledged)
		put(out, "it was delivered\n");
	else if (kept != ADMITTED)
		put(out, "it is not delivered yet and will be withheld: %s\n", denial_text(kept));
	else if (report->audience->class.kind != SIMPUL__KIND__KIND_UNSPECIFIED && bar(&now) != NULL)
		put(out, "it is not delivered yet and would be withheld now: %s (policy version %u)\n", bar(&now),
		    now.policy_version);
	else
		put(out, "it is not delivered yet\n");
	return E_OK;
}

enum error explain_report(struct journal_case *c, const char *node, const char *text, struct buffer *out,
			  struct fault *fault)
{
	struct report_name name;
	struct case_report report;
	struct question q = {0};
	bool got;
	enum error error;

	if (!report_name_parse(text, &name))
		return fault_at(fault, E_INVALID, "report");
	error = journal_case_report(c, &name, &report, fault);
	if (error == E_OK)
		error = question_ask(c, &q, node, report.entry, fault);
	if (error != E_OK)
		return error;
	q.class = routing_class_of(report.header);
	q.routing = report.routing;
	put_report(out, text, &report, &q.class);
	if (report.verdict != E_OK) {
		put_refusal(out, &q, &report, name.origin);
		return E_OK;
	}
	if (strcmp(node, name.origin) == 0) {
		put(out, "%s sent it itself\n", node);
		return E_OK;
	}
	got = audience_reaches(report.audience, node);
	put_audience(out, &q, &report, got);
	return got ? put_delivery(out, c, &q, &report, fault) : E_OK;
}
