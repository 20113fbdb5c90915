/* officer_report - simpul report, update and cancel: makes a draft from options, questions or a file, and hands it to
 * the agent. */
#include "agents/officer/officer_draft.h"
#include "agents/officer/officer_hand.h"
#include "agents/officer/officer_words.h"
#include "common/json.h"
#include "proto/report.pb-c.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char report_usage[] =
	"usage: simpul report sighting|alert OPTION ...\n"
	"       simpul report --json FILE|- [--wait[=SECONDS]]    a draft, or a list of drafts that are\n"
	"                                                         taken together or not at all\n"
	"\n"
	"Prints the name of the report once it is on this office's disk; the agent sends it as soon as it can, and\n"
	"the broker may refuse it: see --wait.\n"
	"What is left out is filled in from the agent's defaults where there are any.\n"
	"\n"
	"every report needs   --category; --region, --label, --purpose and an expiry, here or in the agent's defaults;\n"
	"                     --protection child or trafficking where a person is a child or a possible victim;\n"
	"                     grades and a legal basis where the exchange's policy demands them\n"
	"a sighting needs     --assertion and --first-seen\n"
	"an alert needs       --assertion, --headline, --urgency, --severity and --certainty\n"
	"\n"
	"  --category C --region R    R: a code (16.01) or a name (\"Baturaja Timur\")\n"
	"  --label L                  the widest circle that may have it\n"
	"  --purpose P                one of the exchange's list: tppo, wanted, overstay, public-order, health ...\n"
	"  --legal-basis C --order N  the law (UU-6-2011-75) and the number of the order or letter\n"
	"  --source-grade G           how far the source is to be trusted\n"
	"  --information-grade G      how far what it says is\n"
	"  --protection P             may be repeated, as --handling, --to ...\n"
	"  --to N --not-to N          an office (police.oku) or an agency (police)\n"
	"  --handling H               a handling code\n"
	"  --status S                 Actual unless given\n"
	"  --expires-days D           or --expires TIME\n"
	"  --operation O --case-ref C --actor A\n"
	"  --assertion A --requested-action A\n"
	"  --summary T                of a sighting\n"
	"  --first-seen T --last-seen T --count N --sighting-of NAME\n"
	"  --headline T --description T --instruction T    of an alert\n"
	"  --urgency U --severity S --certainty C --response-type R    as in CAP 1.2\n"
	"  --place-region R --place-name T --address T\n"
	"  --plate T                  of a vehicle; may be repeated\n"
	"  --person SPEC              capacity=seen,identity=claimed,age=adult; may be repeated\n"
	"  --person -                 asks for a person, or reads \"key=value\" lines up to an empty one: capacity,\n"
	"                             identity, age, surname, given, born, sex, nationality, document, permit,\n"
	"                             permit-number, permit-until, telephone, address, sponsor, remark\n"
	"\n" WAIT_USAGE "\n" LOCAL_TIME_RULES ".\nA text that is \"-\" is asked for.\n"
	"Every user of this computer can see what stands in arguments. Names, documents and the like are therefore not\n"
	"taken as arguments: use --person - or --json, and give texts that tell of a person as \"-\".\n";

static const char update_usage[] =
	"usage: simpul update NAME --json FILE|- [--note TEXT|-] [--wait[=SECONDS]]\n"
	"\n"
	"Replaces what a report of this office said. The file holds the whole new content: {\"sighting\": {...}} or\n"
	"{\"alert\": {...}}. Category, region, label, audience and the like stay unless the file gives them.\n"
	"The short way is to edit what there is: simpul outbox show NAME --json > it.json, and give that file.\n"
	"\n" WAIT_USAGE;

static const char cancel_usage[] =
	"usage: simpul cancel NAME --reason R [--erase] [--wait[=SECONDS]]\n"
	"\n"
	"Takes a report of this office back: everybody who received it, and every update of it, is told.\n"
	"\n"
	"  --reason R   why, in one of the words below\n"
	"  --erase      a retraction: what the report and its updates said is erased, here, at the broker and at everybody\n"
	"               who received it. It cannot be undone; who said what to whom stays provable. simpul outbox show NAME\n"
	"               tells who has done so\n" WAIT_USAGE;

/* "--json FILE", and how long to wait. */
static int hand_in_file(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", required_argument, NULL, 'j'}, WAIT_OPTION, {NULL, 0, NULL, 0}};
	struct officer_wait wait = {0};
	struct fault fault = {0};
	const char *path = NULL;
	json_t *drafts;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'j')
			path = optarg;
		else if (option != 'w' || !officer_wait_take(officer, optarg, &wait))
			return EX_USAGE;
	}
	if (path == NULL || optind < argc)
		return officer_misused(officer, "say what: sighting, alert, or --json FILE");
	drafts = officer_json(path, &fault);
	return drafts == NULL ? officer_fail(officer, &fault, NULL) : officer_hand_in_wait(officer, drafts, &wait);
}

/* ------------------------------------------------------------------ commands */

int officer_report(struct officer *officer, int argc, char **argv)
{
	struct officer_wait wait = {0};
	json_t *draft;
	int status;

	if (officer_helped(argc, argv, report_usage)) {
		officer_draft_help();
		return EX_OK;
	}
	if (argc >= 2 && argv[1][0] == '-')
		return hand_in_file(officer, argc, argv);
	if (argc < 2 || (strcmp(argv[1], "sighting") != 0 && strcmp(argv[1], "alert") != 0))
		return officer_misused(officer, "say what: sighting, alert, or --json FILE");
	draft = officer_draft(officer, argv[1], argc - 1, argv + 1, &wait, &status);
	return draft == NULL ? status : officer_hand_in_wait(officer, draft, &wait);
}

int officer_cancel(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"reason", required_argument, NULL, 'r'},
						{"erase", no_argument, NULL, 'e'},
						WAIT_OPTION,
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *reason = NULL, *name;
	struct officer_wait wait = {0};
	bool erase = false;
	json_t *draft;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'h') {
			fputs(cancel_usage, stdout);
			officer_words_help("--reason", &simpul__cancel_reason__descriptor);
			return EX_OK;
		}
		if (option == 'e')
			erase = true;
		else if (option == 'r')
			reason = optarg;
		else if (option != 'w' || !officer_wait_take(officer, optarg, &wait))
			return EX_USAGE;
	}
	name = officer_name_of(officer, argc, argv);
	if (name == NULL)
		return EX_USAGE;
	if (reason == NULL)
		return officer_misused(officer, "say why with --reason");
	draft = json_pack("{s:s, s:{s:s}}", "reference", name, "cancel", "reason", reason);
	if (erase)
		json_object_set_new(draft, "erase", json_true());
	return officer_hand_in_wait(officer, draft, &wait);
}

/* Moves {"sighting"} or {"alert"} of a file into "update", where it is not there yet. */
static void replacement_wrap(json_t *draft, const char *note)
{
	static const char *const contents[] = {"sighting", "alert"};
	json_t *update = json_object_get(draft, "update");

	if (update == NULL) {
		update = json_object();
		json_object_set_new(draft, "update", update);
	}
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		json_t *content = json_object_get(draft, contents[i]);

		if (content == NULL)
			continue;
		json_object_set(update, contents[i], content);
		json_object_del(draft, contents[i]);
	}
	if (note != NULL)
		json_object_set_new(update, "note", json_string(note));
}

/* Whether what `outbox show` printed is of this report, or of an update of it. */
static bool shown_is_of(const json_t *shown, const char *name)
{
	return strcmp(json_text(shown, "name"), name) == 0 ||
	       json_list_holds(json_object_get(json_object_get(shown, "header"), "references"), name);
}

/* A draft of what `outbox show` printed: its content, and of its header what an update can say anew. Anything else is a draft
 * already. Takes `json` over. */
static json_t *shown_unwrap(json_t *json)
{
	static const char *const contents[] = {"sighting", "alert", "update"};
	static const char *const said[] = {"category", "region", "label", "handling", "protection", "purpose",
					   "legal_basis", "source_grade", "information_grade", "expires",
					   "operation", "case_ref"};
	const json_t *header = json_object_get(json, "header");
	json_t *draft = json_object();

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		if (json_object_get(json, contents[i]) != NULL)
			json_object_set(draft, contents[i], json_object_get(json, contents[i]));
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		if (json_object_get(header, said[i]) != NULL)
			json_object_set(draft, said[i], json_object_get(header, said[i]));
	json_decref(json);
	return draft;
}

static int update_send(struct officer *officer, const char *name, const char *path, const char *note,
		       const struct officer_wait *wait)
{
	struct fault fault = {0};
	json_t *draft = officer_json(path, &fault);

	if (draft == NULL)
		return officer_fail(officer, &fault, NULL);
	if (!json_is_object(draft)) {
		json_decref(draft);
		fault_at(&fault, E_INVALID, "%s", path);
		return officer_fail(officer, &fault, NULL);
	}
	if (json_is_object(json_object_get(draft, "header"))) {
		if (!shown_is_of(draft, name)) {
			json_decref(draft);
			return officer_misused(officer, "the file is of another report");
		}
		draft = shown_unwrap(draft);
	}
	replacement_wrap(draft, note);
	json_object_set_new(draft, "reference", json_string(name));
	return officer_hand_in_wait(officer, draft, wait);
}

int officer_update(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"json", required_argument, NULL, 'j'},
						{"note", required_argument, NULL, 'n'},
						WAIT_OPTION,
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *path = NULL, *note = NULL, *name;
	struct officer_wait wait = {0};
	int option, status;
	char *asked = NULL;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'h') {
			fputs(update_usage, stdout);
			return EX_OK;
		}
		if (option == 'j')
			path = optarg;
		else if (option == 'n')
			note = optarg;
		else if (option != 'w' || !officer_wait_take(officer, optarg, &wait))
			return EX_USAGE;
	}
	name = officer_name_of(officer, argc, argv);
	if (name == NULL)
		return EX_USAGE;
	if (path == NULL)
		return officer_misused(officer, "give the new content with --json FILE");
	if (note != NULL && strcmp(note, "-") == 0)
		note = asked = officer_line("note");
	status = update_send(officer, name, path, note, &wait);
	free(asked);
	return status;
}
