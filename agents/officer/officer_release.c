/* officer_release - simpul flag and release: what an office tells an origin about its report, and how that answers. */
#include "agents/officer/officer_hand.h"
#include "agents/officer/officer_list.h"
#include "agents/reports/release.h"
#include "agents/reports/view.h"
#include "common/bytes.h"
#include <string.h>

static const char flag_usage[] =
	"usage: simpul flag NAME --reason R\n"
	"\n"
	"Tells the office that sent a report, and nobody else, that this one does not act on it.\n"
	"\n"
	"  --reason R   legally-barred, no-capacity, wrong-region\n";

static const char release_usage[] =
	"usage: simpul release request NAME --for NODE [--for NODE ...] --reason R\n"
	"       simpul release list [--json]\n"
	"       simpul release grant|refuse REQUEST\n"
	"\n"
	"What another office said is not handed on: its origin is asked, and decides who has it.\n"
	"\n"
	"request   asks the origin of a report to share it with these offices, and tells nobody else\n"
	"list      one line a request: its name, the report, for whom, why, and what became of it\n"
	"grant     shares it, as an update that says to them what the report says by now, and tells who asked. Whoever the\n"
	"          policy does not let have it does not get it: list then says \"not reached\" here, at its origin, which\n"
	"          tells who asked; the operators' simpulctl policy explain says why\n"
	"refuse    tells who asked\n"
	"\n"
	"  --reason R   other-region, other-competence, investigation, victim-protection, legal-duty\n";

/* ------------------------------------------------------------------ telling the origin */

int officer_flag(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"reason", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	const char *reason = NULL, *name;
	int option;

	if (officer_helped(argc, argv, flag_usage))
		return EX_OK;
	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option != 'r')
			return EX_USAGE;
		reason = optarg;
	}
	name = officer_name_of(officer, argc, argv);
	if (name == NULL)
		return EX_USAGE;
	if (reason == NULL)
		return officer_misused(officer, "say why with --reason");
	return officer_hand_in(officer, json_pack("{s:s, s:{s:s}}", "reference", name, "flag", "reason", reason));
}

static int request(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {
		{"for", required_argument, NULL, 'f'}, {"reason", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	const char *reason = NULL, *name = NULL;
	json_t *nodes = json_array();
	int option, status = EX_USAGE;

	while ((option = officer_option(officer, argc, argv, options)) == 'f' || option == 'r') {
		if (option == 'r')
			reason = optarg;
		else
			json_array_append_new(nodes, json_string(optarg));
	}
	if (option == -1)
		name = officer_name_of(officer, argc, argv);
	if (name != NULL && (reason == NULL || json_array_size(nodes) == 0))
		status = officer_misused(officer, "say for whom with --for, and why with --reason");
	else if (name != NULL)
		status = officer_hand_in(officer, json_pack("{s:s, s:{s:s, s:O}}", "reference", name,
							    "release_request", "reason", reason, "nodes", nodes));
	json_decref(nodes);
	return status;
}

/* ------------------------------------------------------------------ looking */

static void put(struct buffer *line, const char *before, const json_t *text)
{
	buffer_text(line, before);
	view_safe_text(line, json_string_value(text));
}

static bool line_print(const json_t *request)
{
	const json_t *mark = json_object_get(request, "mark"), *nodes = json_object_get(request, "nodes");
	const json_t *missed = json_object_get(request, "not_reached");
	struct buffer line = {0};

	if (mark != NULL) {
		put(&line, "", mark);
		buffer_text(&line, " ");
	}
	put(&line, "", json_object_get(request, "request"));
	put(&line, ": ", json_object_get(request, "report"));
	for (size_t i = 0; i < json_array_size(nodes); i++)
		put(&line, i == 0 ? " for " : ", ", json_array_get(nodes, i));
	put(&line, ", ", json_object_get(request, "reason"));
	put(&line, ": ", json_object_get(request, "decision"));
	for (size_t i = 0; i < json_array_size(missed); i++)
		put(&line, i == 0 ? ", not reached: " : ", ", json_array_get(missed, i));
	return officer_print_line(&line);
}

/* ------------------------------------------------------------------ answering */

static int answer(const struct officer *officer, int argc, char **argv, bool grants)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	struct fault fault = {0};
	struct store store;
	const char *name;
	json_t *drafts;
	enum error error;

	if (officer_option(officer, argc, argv, options) != -1)
		return EX_USAGE;
	name = officer_name_of(officer, argc, argv);
	if (name == NULL)
		return EX_USAGE;
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	error = grants ? release_grant(&store, name, &drafts, &fault) : release_refuse(&store, name, &drafts, &fault);
	store_close(&store);
	if (error != E_OK)
		return officer_fail(officer, &fault,
				    error == E_REFERENCE_UNKNOWN ? "there is nothing left to share; refuse the request"
								 : "simpul release list shows what there is");
	return officer_hand_in(officer, drafts);
}

int officer_release(struct officer *officer, int argc, char **argv)
{
	const char *what = argc < 2 ? "" : argv[1];

	if (officer_helped(argc, argv, release_usage))
		return EX_OK;
	if (strcmp(what, "request") == 0)
		return request(officer, argc - 1, argv + 1);
	if (strcmp(what, "list") == 0)
		return officer_list(officer, argc - 1, argv + 1, release_list, line_print);
	if (strcmp(what, "grant") == 0 || strcmp(what, "refuse") == 0)
		return answer(officer, argc - 1, argv + 1, what[0] == 'g');
	return officer_misused(officer, "say what: request, list, grant or refuse");
}
