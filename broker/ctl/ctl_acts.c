/* ctl_acts - simpulctl acts: the record of what operators and auditors did and looked at. */
#include "broker/ctl/ctl.h"

#include "broker/journal/journal_acts.h"
#include <stdio.h>

/* What a change is called of which the operator is not known. */
static const char *change_text(Simpul__EntryType type)
{
	switch (type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS:
		return "journal recover";
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER:
		return "enroll";
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		return "standing";
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY:
		return "policy";
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD:
		return "hold";
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY:
		return "broker-keys";
	default:
		return "reseed";
	}
}

static void act_print(void *context, const struct recorded *recorded)
{
	const Simpul__Act *act = recorded->act;
	char time[TIME_TEXT_SIZE];

	(void)context;
	printf("%8llu  %-20s  ", (unsigned long long)recorded->entry, time_text(time, recorded->at, 0));
	if (act == NULL) {
		printf("%-16s  %s: by a signal, at a start or by hand\n", "-", change_text(recorded->type));
		return;
	}
	printf("%-16s  %s", act->user[0] == '\0' ? "?" : act->user, act->command);
	if (act->object[0] != '\0')
		printf(" %s", act->object);
	if (act->entry != 0)
		printf(" (entry %llu)", (unsigned long long)act->entry);
	if (act->person[0] != '\0')
		printf(", as %s", act->person);
	for (size_t i = 0; i < act->n_signatures; i++)
		printf("%s%s", i == 0 ? ", signed by " : " and ", act->signatures[i]->operator_);
	if (act->auditor)
		fputs(", auditor", stdout);
	printf(act->reason[0] != '\0' ? ": %s\n" : "%s\n", act->reason);
}

static void act_print_json(void *context, const struct recorded *recorded)
{
	const Simpul__Act *act = recorded->act;
	char time[TIME_TEXT_SIZE];
	json_t *signed_by = json_array(), *object = json_pack("{s:I, s:s, s:s}", "entry", (json_int_t)recorded->entry, "at",
				   time_text(time, recorded->at, 0), "command",
				   act == NULL ? change_text(recorded->type) : act->command);

	(void)context;
	for (size_t i = 0; act != NULL && i < act->n_signatures; i++)
		json_array_append_new(signed_by, json_string(act->signatures[i]->operator_));
	if (act != NULL)
		json_object_update_new(object,
				       json_pack("{s:s, s:s, s:b, s:s, s:s, s:I}", "user", act->user, "as", act->person,
						 "auditor", act->auditor, "object", act->object, "reason", act->reason,
						 "made", (json_int_t)act->entry));
	json_object_set_new(object, "signed_by", signed_by);
	ctl_print_json(object);
	json_decref(object);
}

int ctl_acts(struct ctl *ctl, int argc, char **argv)
{
	const char *text = NULL;
	bool json = false;
	const struct ctl_option options[] = {{"since", &text, NULL}, {"json", NULL, &json}, {0}};
	struct journal_case *c = NULL;
	struct fault fault = {0};
	wall_ms since = 0;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (text != NULL && !local_time_take(text, &since))
		return ctl_usage(ctl, "--since " LOCAL_TIME_ADVICE);
	if (ctl_case_open(ctl, &c, &fault) == E_OK)
		journal_acts_each(c, since, json ? act_print_json : act_print, NULL, &fault);
	journal_case_close(c);
	return fault.code == E_OK ? EX_OK : ctl_fail(&fault, NULL);
}
