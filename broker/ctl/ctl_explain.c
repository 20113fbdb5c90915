/* ctl_explain - simpulctl policy explain: whether a node got a report, or would, and which rule decides. */
#include "broker/ctl/ctl_policy.h"

#include "broker/control/explain.h"
#include <stdio.h>

static enum error classify(const void *context, const struct policy *policy, struct routing_class *class,
			   struct fault *fault)
{
	return ctl_class(context, policy, class, fault);
}

static int text_print(enum error error, const struct buffer *text, const struct fault *fault)
{
	if (error != E_OK)
		return ctl_fail(fault, NULL);
	fwrite(text->data, 1, text->size, stdout);
	return EX_OK;
}

/* By hand: no broker runs, or a report that may be is meant, which is nobody's secret. */
static int explain(const struct ctl *ctl, const char *node, const char *report, const struct ctl_who *who)
{
	struct journal_case *c = NULL;
	struct fault fault = {0};
	struct buffer text = {0};
	enum error error = ctl_case_open(ctl, &c, &fault);
	int status;

	if (error == E_OK)
		error = report != NULL ? explain_report(c, node, report, &text, &fault)
				       : explain_class(c, node, classify, who, &text, &fault);
	journal_case_close(c);
	status = text_print(error, &text, &fault);
	buffer_free(&text);
	return status;
}

/* By the broker that runs. */
static int explain_told(const json_t *answer)
{
	fputs(ctl_text(answer, "text"), stdout);
	return EX_OK;
}

int ctl_policy_explain(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_who who = {0};
	struct report_name name;
	const char *report = NULL, *reason = NULL;
	json_t *answer;
	const struct ctl_option options[] = {{"report", &report, NULL},
					     {"reason", &reason, NULL},
					     {"kind", &who.kind, NULL},
					     {"category", &who.category, NULL},
					     {"region", &who.region, NULL},
					     {"label", &who.label, NULL},
					     {"protection", &who.protection, NULL},
					     {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!node_name_valid(argv[first]))
		return ctl_usage(ctl, "NODE is a name such as police.oku");
	if (report != NULL ? who.category != NULL || who.region != NULL : who.category == NULL || who.region == NULL)
		return ctl_usage(ctl, "give --report, or --category and --region");
	if (report != NULL && !report_name_parse(report, &name))
		return ctl_fail(&(struct fault){.code = E_INVALID, .field = "--report"}, NULL);
	if (report == NULL)
		return explain(ctl, argv[first], NULL, &who);
	status = ctl_tell(ctl, "policy explain", report, json_pack("{s:s}", "node", argv[first]), reason, &answer);
	if (answer != NULL)
		status = explain_told(answer);
	json_decref(answer);
	return answer != NULL || status != EX_OK ? status : explain(ctl, argv[first], report, &who);
}
