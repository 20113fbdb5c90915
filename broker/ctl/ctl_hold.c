/* ctl_hold - simpulctl hold place, lift, list, open: bodies that an authority's order keeps beyond their time. */
#include "broker/ctl/ctl_hold.h"

#include "broker/control/hold_request.h"
#include "broker/journal/journal_held.h"
#include "common/hold.h"
#include "common/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_ADVICE \
	"two operators: simpulctl --key FILE ... proposes it, simpulctl --key FILE approve puts it through; their " \
	"keys stand in " \
	"the file operators (simpulctl operator new)"

/* ---- what is there */

/* Finds the one hold that is meant. */
struct choice {
	const char *order; /* its number; NULL: whichever */
	uint64_t hold;
	size_t found;
	Simpul__BodyForm form;
};

static void choice_take(void *context, const struct held *held)
{
	struct choice *choice = context;

	if (!held->in_force || (choice->order != NULL && strcmp(choice->order, held->order->order) != 0))
		return;
	choice->hold = held->hold;
	choice->form = held->form;
	choice->found++;
}

static enum error holds_find(const struct ctl *ctl, const struct report_name *report, struct choice *choice,
			     struct fault *fault)
{
	struct journal_case *c = NULL;
	enum error error = ctl_case_open(ctl, &c, fault);

	if (error == E_OK)
		error = journal_held_each(c, report, clock_now().wall, choice_take, choice, fault);
	journal_case_close(c);
	if (error == E_OK && choice->found == 0)
		error = fault_at(fault, E_NOT_FOUND, "hold");
	return error;
}

enum error ctl_hold_openable(const struct ctl *ctl, const struct report_name *report, struct fault *fault)
{
	struct choice choice = {0};
	const enum error error = holds_find(ctl, report, &choice, fault);

	if (error == E_OK && choice.form == SIMPUL__BODY_FORM__BODY_FORM_SEALED)
		return fault_at(fault, E_CANNOT_OPEN, "body");
	return error;
}

/* ---- placing */

/* What the operators should know before they sign. */
static enum error notes_print(const struct ctl *ctl, const struct report_name *name, struct fault *fault)
{
	struct journal_case *c = NULL;
	struct case_report report;
	const struct report_name *names;
	char text[REPORT_NAME_SIZE];
	size_t count = 0;
	enum error error = ctl_case_open(ctl, &c, fault);

	if (error == E_OK)
		error = journal_case_report(c, name, &report, fault);
	if (error == E_OK)
		error = journal_copy_references(c, &report, name->number, &names, &count, fault);
	if (error == E_OK && report.header->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED)
		fputs("it is sealed: the broker keeps the ciphertext, which only its recipients can open\n", stderr);
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "%s refers to it; an order for that too needs a hold of its own\n",
			report_name_text(&names[i], text));
	journal_case_close(c);
	return error;
}

static int hold_order(const struct ctl *ctl, json_t *request, const char *report)
{
	struct fault fault = {0};
	json_t *answer;
	const enum error error = ctl_ask(ctl, request, &answer, &fault);

	if (error == E_TWO_OPERATORS)
		return ctl_fail(&fault, KEYS_ADVICE);
	if (error == E_EXPIRES_TOO_LATE)
		return ctl_fail(&fault, "an order keeps for 366 days at most; after that it takes a new one");
	if (error != E_OK)
		return ctl_unanswered(&fault);
	if (!ctl_proposed(answer))
		printf("%s: done\n", report);
	json_decref(answer);
	return EX_OK;
}

int ctl_hold_place(struct ctl *ctl, int argc, char **argv)
{
	const char *authority = NULL, *order = NULL, *until_text = NULL, *reason = NULL;
	const struct ctl_option options[] = {{"authority", &authority, NULL},
					     {"order", &order, NULL},
					     {"until", &until_text, NULL},
					     {"reason", &reason, NULL},
					     {0}};
	struct report_name name;
	struct fault fault = {0};
	wall_ms until;
	json_t *request;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!report_name_parse(argv[first], &name))
		return ctl_usage(ctl, "REPORT is the name of a report, such as police.oku#1842");
	if (authority == NULL || order == NULL || until_text == NULL || reason == NULL)
		return ctl_usage(ctl, "--authority, --order, --until and --reason are needed");
	if (!local_end_take(until_text, &until))
		return ctl_usage(ctl, "--until " LOCAL_DAY_ADVICE);
	if (hold_order_check(authority, order, &fault) != E_OK || hold_reason_check(reason, &fault) != E_OK)
		return ctl_fail(&fault, "simpulctl hold place --help says what may stand there");
	if (notes_print(ctl, &name, &fault) != E_OK)
		return ctl_fail(&fault, NULL);
	request = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "command", "hold-place", "report", argv[first],
			    "authority", authority, "order", order, "until", (json_int_t)until, "reason", reason);
	return hold_order(ctl, request, argv[first]);
}

/* ---- lifting */

int ctl_hold_lift(struct ctl *ctl, int argc, char **argv)
{
	struct choice choice = {0};
	const char *reason = NULL;
	const struct ctl_option options[] = {{"order", &choice.order, NULL}, {"reason", &reason, NULL}, {0}};
	struct report_name name;
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!report_name_parse(argv[first], &name))
		return ctl_usage(ctl, "REPORT is the name of a report, such as police.oku#1842");
	if (reason == NULL)
		return ctl_usage(ctl, "--reason is needed");
	if (hold_reason_check(reason, &fault) != E_OK)
		return ctl_fail(&fault, "simpulctl hold place --help says what may stand there");
	if (holds_find(ctl, &name, &choice, &fault) != E_OK)
		return ctl_fail(&fault, "simpulctl hold list shows what is held");
	if (choice.found > 1)
		return ctl_usage(ctl, "several orders keep it: say which with --order NUMBER");
	return hold_order(ctl,
			  json_pack("{s:s, s:s, s:I, s:s}", "command", "hold-lift", "report", argv[first], "hold",
				    (json_int_t)choice.hold, "reason", reason),
			  argv[first]);
}

/* ---- opening */

int ctl_hold_open(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL;
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {0}};
	struct report_name name;
	struct fault fault = {0};
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!report_name_parse(argv[first], &name))
		return ctl_usage(ctl, "REPORT is the name of a report, such as police.oku#1842");
	if (reason == NULL)
		return ctl_usage(ctl, "--reason is needed");
	if (hold_reason_check(reason, &fault) != E_OK)
		return ctl_fail(&fault, "simpulctl hold place --help says what may stand there");
	error = ctl_hold_openable(ctl, &name, &fault);
	if (error != E_OK)
		return ctl_fail(&fault, error == E_CANNOT_OPEN ? "it is sealed: only its recipients can open it"
							       : "only what an order keeps is opened");
	return hold_order(ctl,
			  json_pack("{s:s, s:s, s:s}", "command", "hold-open", "report", argv[first], "reason", reason),
			  argv[first]);
}

/* ---- listing */

struct listing {
	bool json, all;
	size_t shown;
};

static const char *state_of(const struct held *held)
{
	return held->kept ? "kept" : held->in_force ? "in-force" : "over";
}

static void held_print(void *context, const struct held *held)
{
	struct listing *listing = context;
	const Simpul__Hold *order = held->order;
	char name[REPORT_NAME_SIZE], until[TIME_TEXT_SIZE], placed[TIME_TEXT_SIZE];
	json_t *object;

	if (!held->in_force && !listing->all)
		return;
	listing->shown++;
	report_name_text(&held->report, name);
	if (!listing->json) {
		local_time_text(until, order->until);
		local_time_text(placed, held->placed_at);
		printf("%-24s  %-8s  until %s  %s %s (entry %llu, %s, by %s and %s: %s)\n", name, state_of(held), until,
		       order->authority, order->order, (unsigned long long)held->hold, placed,
		       order->signatures[0]->operator_, order->signatures[1]->operator_, order->reason);
		return;
	}
	time_text(until, order->until, 0);
	time_text(placed, held->placed_at, 0);
	object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:[s, s]}", "report", name, "state",
			   state_of(held), "until", until, "authority", order->authority, "order", order->order,
			   "reason", order->reason, "entry", (json_int_t)held->hold, "placed_at", placed, "sealed",
			   held->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED, "signed_by",
			   order->signatures[0]->operator_, order->signatures[1]->operator_);
	ctl_print_json(object);
	json_decref(object);
}

int ctl_hold_list(struct ctl *ctl, int argc, char **argv)
{
	struct listing listing = {0};
	const struct ctl_option options[] = {{"json", NULL, &listing.json}, {"all", NULL, &listing.all}, {0}};
	struct journal_case *c = NULL;
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (ctl_case_open(ctl, &c, &fault) == E_OK)
		journal_held_each(c, NULL, clock_now().wall, held_print, &listing, &fault);
	journal_case_close(c);
	if (fault.code != E_OK)
		return ctl_fail(&fault, NULL);
	if (listing.shown == 0 && !listing.json)
		puts("no report is held");
	return EX_OK;
}
