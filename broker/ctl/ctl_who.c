/* ctl_who - simpulctl policy who: who may receive such a report now, by the policy and by the state of his key. */
#include "broker/ctl/ctl_policy.h"

#include "broker/journal/journal_case.h"
#include "common/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known: the policy, and the offices' keys from the running broker or else from the journal. */
struct who {
	const struct policy *policy;
	struct policy *own;	/* the same, where it is to be freed */
	json_t *answer;		/* the broker's nodes; NULL: none runs */
	struct journal_case *c; /* NULL: the journal was not asked, or could not be */
};

static void who_free(struct who *who)
{
	policy_free(who->own);
	json_decref(who->answer);
	journal_case_close(who->c);
}

/* ---- sources, the best first */

static enum error who_of_broker(const struct ctl *ctl, struct who *who, struct fault *fault)
{
	enum error error = ctl_policy_fetch(ctl, &who->own, fault);

	who->policy = who->own;
	return error == E_OK ? ctl_question(ctl, "nodes", NULL, &who->answer, fault) : error;
}

static bool who_of_journal(const struct ctl *ctl, struct who *who)
{
	uint32_t version;

	if (ctl_case_open(ctl, &who->c, NULL) == E_OK &&
	    journal_case_policy(who->c, journal_case_end(who->c), &who->policy, &version, NULL) == E_OK &&
	    who->policy != NULL)
		return true;
	journal_case_close(who->c);
	who->c = NULL;
	return false;
}

static enum error who_of_file(const struct ctl *ctl, struct who *who, struct fault *fault)
{
	char *path = ctl_policy_path(ctl, fault);
	const enum error error = path == NULL ? fault->code : policy_load(path, &who->own, fault);

	who->policy = who->own;
	if (error == E_OK)
		fprintf(stderr,
			"no broker runs here and this user cannot read the journal: this is what %s says, and no "
			"more;\n"
			"whose key is revoked, retired, expired or was never enrolled gets nothing all the same\n",
			path);
	free(path);
	return error;
}

static enum error who_open(const struct ctl *ctl, struct who *who, struct fault *fault)
{
	const enum error error = who_of_broker(ctl, who, fault);

	if (error != E_UNREACHABLE)
		return error;
	*fault = (struct fault){.code = E_OK};
	return who_of_journal(ctl, who) ? E_OK : who_of_file(ctl, who, fault);
}

/* ---- keys */

static struct case_node node_of_answer(const json_t *answer, const char *node)
{
	const json_t *nodes = json_object_get(answer, "nodes");
	struct case_node as = {.member = false};

	for (size_t i = 0; i < json_array_size(nodes); i++) {
		const json_t *one = json_array_get(nodes, i);
		int standing = 0;

		if (strcmp(ctl_text(one, "node"), node) != 0)
			continue;
		enum_parse(&simpul__standing__descriptor, ctl_text(one, "standing"), &standing);
		as = (struct case_node){.member = true, .standing = (Simpul__Standing)standing};
		time_parse(ctl_text(one, "expires_at"), &as.expires_at);
	}
	return as;
}

static enum error node_look(const struct who *who, const char *node, struct case_node *as, struct fault *fault)
{
	*as = (struct case_node){.member = true, .standing = SIMPUL__STANDING__STANDING_ACTIVE};
	if (who->answer != NULL)
		*as = node_of_answer(who->answer, node);
	else if (who->c != NULL)
		return journal_case_node(who->c, node, journal_case_end(who->c), as, fault);
	return E_OK;
}

/* Why it gets nothing, whatever the policy says; NULL: its key is good. */
static const char *key_obstacle(const struct case_node *as)
{
	const struct member member = {.expires_at = as->expires_at};

	if (!as->member)
		return "it was never enrolled";
	switch (as->standing) {
	case SIMPUL__STANDING__STANDING_ACTIVE:
		return member_lapsed(&member, clock_now().wall)
			       ? "its key has expired: what is for it waits until it has a newer one"
			       : NULL;
	case SIMPUL__STANDING__STANDING_COMPROMISED:
		return "its key is revoked";
	case SIMPUL__STANDING__STANDING_RETIRED:
		return "it is retired";
	default:
		return "it is suspended";
	}
}

/* ---- the answer */

static enum error who_print(const struct who *who, const struct routing_class *class, struct fault *fault)
{
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < policy_node_count(who->policy); i++) {
		const char *node = policy_node_name(who->policy, i), *why;
		const enum denial denial = policy_admits(who->policy, node, class);
		struct case_node as;

		error = node_look(who, node, &as, fault);
		if (error != E_OK)
			break;
		why = key_obstacle(&as);
		if (why == NULL && denial != ADMITTED)
			why = denial_text(denial);
		printf("%-32s %-4s %s\n", node, why == NULL ? "yes" : "no", why == NULL ? "" : why);
	}
	return error;
}

int ctl_policy_who(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_who asked = {0};
	const struct ctl_option options[] = {
		{"kind", &asked.kind, NULL},   {"category", &asked.category, NULL},	{"region", &asked.region, NULL},
		{"label", &asked.label, NULL}, {"protection", &asked.protection, NULL}, {0}};
	struct routing_class class;
	struct who who = {0};
	struct fault fault = {0};
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (asked.category == NULL || asked.region == NULL)
		return ctl_usage(ctl, "--category and --region are needed");
	error = who_open(ctl, &who, &fault);
	if (error == E_OK)
		error = ctl_class(&asked, who.policy, &class, &fault);
	if (error == E_OK)
		error = who_print(&who, &class, &fault);
	who_free(&who);
	return error == E_OK ? EX_OK : ctl_unanswered(&fault);
}
