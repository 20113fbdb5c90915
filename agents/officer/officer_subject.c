/* officer_subject - simpul subject: asks all offices what they hold of a person, and lists what was asked and is due.
 */
#include "agents/officer/officer_subject.h"
#include "agents/officer/officer_hand.h"
#include "agents/officer/officer_person.h"
#include "agents/subject/subject_offices.h"
#include "common/content.h"
#include "common/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECIPIENTS = 64, EXPIRES_DAYS = 14 };

#define LEGAL_BASIS "UU-27-2022-32"

static const char usage[] =
	"usage: simpul subject ask --request-number N --person -|FILE [--received TIME] [--again]\n"
	"       simpul subject list [--json]\n"
	"       simpul subject search REQUEST [--json]\n"
	"       simpul subject answer REQUEST [--disclose REPORT ...] [--withhold REPORT ... --why REASON] [--other "
	"REPORT ...]\n"
	"       simpul subject answer REQUEST --nothing\n"
	"       simpul subject result REQUEST [--json|--html] [-o FILE] [--disclose ...] [--withhold ... --why ...] "
	"[--other ...]\n"
	"       simpul subject record [--json]\n"
	"\n"
	"A person asks what is held of him: the law gives three days (UU 27/2022 Pasal 32). Nobody in the middle "
	"knows: the offices\n"
	"are asked, sealed, and each answers from its own store.\n"
	"\n"
	"ask      asks every office of the province. --person reads \"key=value\" lines as simpul report does: identity (how far you "
	"have seen who\n"
	"         asks), surname, given, born, sex, nationality, document (P/UTO/L898902C3); a document, or a name and "
	"a birth date\n"
	"list     what this office asked and was asked, the most urgent first, and who has answered\n"
	"search   what this office has that may be about the person: proposals, which you look at one by one. It is "
	"recorded that\n"
	"         you did, before anything is shown\n"
	"answer   says to who asked, of each report that was found, what it says (--disclose, of this office's own), "
	"why not\n"
	"         (--withhold), or that it is about somebody else (--other)\n"
	"result   puts the answers together, for the office that asked. Of its own reports it is told the same way as "
	"in answer\n"
	"record   who asked, searched, answered and put together what, and when. simpul inbox and outbox show of a question "
	"and an\n"
	"         answer no more than that they are there\n"
	"\n"
	"  --request-number N   this office's number of the request\n"
	"  --again              asks although a request of this number stands: without it that is taken for a mistake\n"
	"  --received TIME      when the person asked, if not now: three days are counted from it (simpul report --help says\n"
	"                       what a TIME may be)\n"
	"  --region R           of the offices to ask; unless given the province of region_within, or of region, of the "
	"agent's defaults.\n"
	"                       What offices of other regions hold is not asked for: result lists them\n"
	"  --purpose P          subject-access unless given\n"
	"  --expires-days D     everything that was asked and answered is erased everywhere after D days, 14 unless "
	"given\n"
	"  --status S           Exercise, Test\n"
	"  --why REASON         of all --withhold before it: law-enforcement, defence-security, state-interest, "
	"rights-of-others;\n"
	"                       for what another office said: origin-decides\n"
	"  --origins            says that of all that was found and other offices said\n"
	"  --html               a page to print for the person, in Indonesian\n";

/* ------------------------------------------------------------------ shared */

bool subject_case_open(const struct officer *officer, const char *name, struct subject_case *c, int *status)
{
	struct fault fault = {0};
	enum error error = officer_store(officer, &c->store, &fault);

	if (error != E_OK) {
		*status = officer_unread(officer, &fault);
		return false;
	}
	error = subject_book_read(&c->store, false, clock_now().wall, &c->book, &fault);
	c->request = error == E_OK ? subject_book_find(&c->book, name) : NULL;
	if (error == E_OK && c->request == NULL)
		error = fault_at(&fault, E_NOT_FOUND, "%s", name);
	else if (error == E_OK && json_object_get(c->request, "query") == NULL)
		error = fault_at(&fault, E_EXPIRED, "%s", name);
	else if (error == E_OK && strcmp(json_text(c->request, "state"), "cancelled") == 0)
		error = fault_at(&fault, E_NOT_FOUND, "%s was taken back", name);
	if (error == E_OK)
		return true;
	*status = officer_fail(officer, &fault, "simpul subject list shows what there is");
	subject_case_close(c);
	return false;
}

void subject_case_close(struct subject_case *c)
{
	subject_book_free(&c->book);
	store_close(&c->store);
}

bool subject_case_record(const struct officer *officer, const char *action, const char *query, json_int_t missing,
			 const json_t *named, int *status)
{
	json_t *names = json_array(), *each, *answer;
	struct fault fault = {0};
	size_t i;

	json_array_foreach(named, i, each) json_array_append(names, json_object_get(each, "name"));
	if (officer_ask(officer,
			json_pack("{s:i, s:s, s:s, s:s, s:I, s:o}", "simpul", 1, "command", "subject-record", "action",
				  action, "query", query, "missing", missing, "reports", names),
			&answer, &fault) == E_OK) {
		json_decref(answer);
		return true;
	}
	*status = officer_fail(officer, &fault, "nothing is shown that is not recorded: simpul-agent must run");
	return false;
}

void subject_options_begin(struct subject_options *options)
{
	*options = (struct subject_options){
		.decisions = {.disclose = json_array(), .withhold = json_object(), .other = json_array()},
		.unexplained = json_array()};
}

bool subject_options_take(struct subject_options *options, int option, const char *value)
{
	json_t *name;
	size_t i;

	if (option == 'd')
		json_array_append_new(options->decisions.disclose, json_string(value));
	else if (option == 'n')
		json_array_append_new(options->decisions.other, json_string(value));
	else if (option == 'w')
		json_array_append_new(options->unexplained, json_string(value));
	else if (option == 'g')
		options->decisions.origins = true;
	else if (option != 'y')
		return false;
	if (option == 'y') {
		json_array_foreach(options->unexplained, i, name)
			json_object_set_new(options->decisions.withhold, json_string_value(name), json_string(value));
		json_array_clear(options->unexplained);
	}
	return true;
}

bool subject_options_check(const struct officer *officer, const struct subject_options *options)
{
	if (json_array_size(options->unexplained) == 0)
		return true;
	officer_misused(officer, "say why with --why after --withhold");
	return false;
}

void subject_options_end(struct subject_options *options)
{
	json_decref(options->decisions.disclose);
	json_decref(options->decisions.withhold);
	json_decref(options->decisions.other);
	json_decref(options->unexplained);
}

const char *subject_advice(enum error error)
{
	switch (error) {
	case E_NOT_FOUND:
		return "simpul subject search does not propose it";
	case E_NOT_ORIGIN:
		return "what another office said is not this one's to tell or to keep: --withhold it with --why "
		       "origin-decides";
	case E_ERASED:
		return "it has expired or was taken back, and an authority's order keeps it: --withhold it with --why "
		       "law-enforcement";
	case E_INVALID:
		return "--why is law-enforcement, defence-security, state-interest or rights-of-others for an own "
		       "report";
	case E_EXISTS:
		return "one decision for each report";
	default:
		return NULL;
	}
}

/* ------------------------------------------------------------------ asking */

struct asking {
	const char *number, *person, *region, *purpose, *status;
	wall_ms received;
	unsigned long days;
	bool again;
};

static bool days_take(const char *text, unsigned long *days)
{
	char *end;

	*days = strtoul(text, &end, 10);
	return *end == '\0' && *days > 0 && *days <= LIMIT_QUERY_LIFE_DAYS;
}

/* EX_OK, or the status after a message. */
static int asking_take(const struct officer *officer, int argc, char **argv, struct asking *asking)
{
	static const struct option options[] = {
		{"request-number", required_argument, NULL, 'r'}, {"person", required_argument, NULL, 'p'},
		{"received", required_argument, NULL, 't'},	  {"region", required_argument, NULL, 'g'},
		{"purpose", required_argument, NULL, 'u'},	  {"expires-days", required_argument, NULL, 'e'},
		{"status", required_argument, NULL, 's'},	  {"again", no_argument, NULL, 'a'},
		{NULL, 0, NULL, 0}};
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'r')
			asking->number = optarg;
		else if (option == 'p')
			asking->person = optarg;
		else if (option == 'g')
			asking->region = optarg;
		else if (option == 'u')
			asking->purpose = optarg;
		else if (option == 's')
			asking->status = optarg;
		else if (option == 'a')
			asking->again = true;
		else if (option == 't' && !local_time_take(optarg, &asking->received))
			return officer_misused(officer, "--received takes a time such as \"2026-11-20 09:30\"");
		else if (option == 'e' && !days_take(optarg, &asking->days))
			return officer_misused(officer, "--expires-days takes 1 to %d", LIMIT_QUERY_LIFE_DAYS);
		else if (option != 't' && option != 'e')
			return EX_USAGE;
	}
	if (optind < argc)
		return officer_misused(officer, "everything is said with options");
	if (asking->number == NULL || asking->person == NULL)
		return officer_misused(officer, "give --request-number and --person");
	return EX_OK;
}

/* NULL after a message. */
static json_t *person_take(const struct officer *officer, const char *from)
{
	return strcmp(from, "-") == 0 ? officer_person_asked(officer, PERSON_SOUGHT)
				      : officer_person_of_file(officer, from);
}

static json_t *time_json(wall_ms time)
{
	char text[TIME_TEXT_SIZE];

	return json_string(time_text(text, time, 0));
}

/* One query to these offices. */
static json_t *draft_new(const struct asking *asking, json_t *person, json_t *to)
{
	const wall_ms expires = clock_now().wall / 1000 * 1000 + asking->days * DAY_MS;
	json_t *draft = json_pack("{s:s, s:s, s:s, s:s, s:{s:s}, s:o, s:o, s:O, s:{s:{s:s, s:o, s:O}}}", "category",
				  CATEGORY_SUBJECT_ACCESS, "region", asking->region, "label", "AMBER", "purpose",
				  asking->purpose, "legal_basis", "code", LEGAL_BASIS, "expires", time_json(expires),
				  "deadline", time_json(asking->received + SUBJECT_ACCESS_DUE_MS), "to", to, "query",
				  "subject_access", "request_number", asking->number, "received_at",
				  time_json(asking->received), "subject", person);

	if (asking->status != NULL)
		json_object_set_new(draft, "status", json_string(asking->status));
	return draft;
}

/* Every other office that can open a letter, 64 in a query, for so many it may name. */
static json_t *drafts_new(const struct asking *asking, json_t *person, const json_t *offices, const char *self)
{
	json_t *drafts = json_array(), *to = json_array(), *office;
	size_t i;

	json_array_foreach(offices, i, office)
	{
		if (!json_is_true(json_object_get(office, "open")) || strcmp(json_text(office, "node"), self) == 0)
			continue;
		json_array_append(to, json_object_get(office, "node"));
		if (json_array_size(to) < RECIPIENTS)
			continue;
		json_array_append_new(drafts, draft_new(asking, person, to));
		json_decref(to);
		to = json_array();
	}
	if (json_array_size(to) > 0)
		json_array_append_new(drafts, draft_new(asking, person, to));
	json_decref(to);
	return drafts;
}

enum { PROVINCE_SIZE = 3 };

/* NULL when the settings name no region. A person does not know which regency's offices he was seen by. */
static const char *province_of(const struct settings *settings, char province[PROVINCE_SIZE])
{
	const char *within = settings->defaults.region_within;
	const char *region = within != NULL && within[0] != '\0' ? within : settings->defaults.region;

	if (region == NULL)
		return NULL;
	snprintf(province, PROVINCE_SIZE, "%s", region);
	return province;
}

/* E_EXISTS with the request that stands under this number. What was erased is no longer known by it. */
static enum error number_free(struct store *store, const char *number, struct fault *fault)
{
	struct subject_book book;
	json_t *request;
	size_t i;
	enum error error = subject_book_read(store, false, clock_now().wall, &book, fault);

	if (error != E_OK)
		return error;
	json_array_foreach(book.requests, i, request)
	{
		const char *state = json_text(request, "state");

		if (error == E_OK && json_is_true(json_object_get(request, "own")) && strcmp(state, "refused") != 0 &&
		    strcmp(state, "cancelled") != 0 &&
		    strcmp(json_text(json_object_get(request, "query"), "request_number"), number) == 0)
			error = fault_say(fault, E_EXISTS, "request number %s was asked already, as %s", number,
					  json_text(request, "request"));
	}
	subject_book_free(&book);
	return error;
}

static const char *asking_advice(enum error error)
{
	return error == E_EXISTS ? "simpul subject list shows it; --again asks once more, simpul cancel takes it back"
				 : "this office knows of no other yet";
}

static int offices_ask(const struct officer *officer, const struct asking *asking, json_t *person)
{
	struct fault fault = {0};
	struct store store;
	json_t *offices, *drafts;
	enum error error = officer_store(officer, &store, &fault);

	if (error != E_OK)
		return officer_unread(officer, &fault);
	error = subject_offices(&store, clock_now().wall, &offices, &fault);
	drafts = drafts_new(asking, person, offices, store.node);
	json_decref(offices);
	if (error == E_OK && !asking->again)
		error = number_free(&store, asking->number, &fault);
	store_close(&store);
	if (error == E_OK && json_array_size(drafts) == 0)
		error = fault_at(&fault, E_EMPTY_AUDIENCE, "%s", "");
	if (error == E_OK)
		return officer_hand_in_subject(officer, drafts);
	json_decref(drafts);
	return officer_fail(officer, &fault, asking_advice(error));
}

static int ask(const struct officer *officer, int argc, char **argv)
{
	struct asking asking = {.purpose = CATEGORY_SUBJECT_ACCESS, .days = EXPIRES_DAYS};
	char province[PROVINCE_SIZE];
	struct settings settings;
	struct fault fault = {0};
	json_t *person;
	int status;

	local_time_take("now", &asking.received);
	status = asking_take(officer, argc, argv, &asking);
	if (status != EX_OK)
		return status;
	if (officer_settings(officer, &settings, &fault) != E_OK)
		return officer_fail(officer, &fault, NULL);
	asking.region = asking.region != NULL ? asking.region : province_of(&settings, province);
	if (asking.region == NULL)
		status = officer_misused(officer, "give --region: the offices of which region are asked");
	else if ((person = person_take(officer, asking.person)) == NULL)
		status = EX_USAGE;
	else {
		status = offices_ask(officer, &asking, person);
		json_decref(person);
	}
	settings_free(&settings);
	return status;
}

/* ------------------------------------------------------------------ the command */

int officer_subject(struct officer *officer, int argc, char **argv)
{
	const char *what = argc < 2 ? "" : argv[1];

	if (officer_helped(argc, argv, usage))
		return EX_OK;
	if (strcmp(what, "ask") == 0)
		return ask(officer, argc - 1, argv + 1);
	if (strcmp(what, "list") == 0)
		return officer_subject_list(officer, argc - 1, argv + 1);
	if (strcmp(what, "search") == 0)
		return officer_subject_search(officer, argc - 1, argv + 1);
	if (strcmp(what, "answer") == 0)
		return officer_subject_answer(officer, argc - 1, argv + 1);
	if (strcmp(what, "result") == 0)
		return officer_subject_result(officer, argc - 1, argv + 1);
	if (strcmp(what, "record") == 0)
		return officer_subject_record(officer, argc - 1, argv + 1);
	return officer_misused(officer, "say what: ask, list, search, answer, result or record");
}
