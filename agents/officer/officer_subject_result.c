/* officer_subject_result - simpul subject result: all answers to a request, for programs and to print. */
#include "agents/officer/officer_subject.h"
#include "agents/reports/view.h"
#include "agents/subject/subject_page.h"
#include "agents/subject/subject_result.h"
#include "common/file.h"
#include "common/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct printing {
	bool json, html;
	const char *file; /* NULL: standard output */
};

/* ------------------------------------------------------------------ writing */

/* In a few lines, where nothing else was asked for. */
static void overview(const json_t *result, struct buffer *out)
{
	char line[256];
	json_t *office;
	size_t i;

	json_array_foreach(json_object_get(result, "offices"), i, office) {
		const size_t reports = json_array_size(json_object_get(office, "reports"));

		snprintf(line, sizeof(line), "%-32s %-11s %zu reports%s\n", json_text(office, "node"),
			 json_text(office, "state"), reports,
			 json_object_get(office, "undecided") != NULL ? ", and some undecided: simpul subject search"
								      : "");
		buffer_text(out, line);
	}
	snprintf(line, sizeof(line), "%" JSON_INTEGER_FORMAT " missing; --html prints what the person gets\n",
		 json_integer_value(json_object_get(result, "missing")));
	buffer_text(out, line);
}

static void result_write(const json_t *result, const struct printing *printing, struct buffer *out)
{
	char *text;

	if (printing->html) {
		subject_page(result, local_zone(clock_now().wall), out);
	} else if (printing->json) {
		text = json_dumps(result, JSON_PRESERVE_ORDER | JSON_INDENT(2));
		buffer_text(out, text);
		buffer_text(out, "\n");
		free(text);
	} else {
		overview(result, out);
	}
}

/* Who may read the file: this user alone (the process's umask). */
static int result_put(const struct officer *officer, const struct printing *printing, const struct buffer *out)
{
	struct fault fault = {0};

	if (printing->file == NULL)
		return officer_print(out) ? EX_OK : EX_IOERR;
	return file_write(printing->file, buffer_view(out), 0600, &fault) == E_OK ? EX_OK
										  : officer_fail(officer, &fault, NULL);
}

/* On standard error what the person does not get yet, which nobody sees in a file. */
static void lacks_say(const json_t *result)
{
	json_t *office, *name;
	size_t i, k;

	json_array_foreach(json_object_get(result, "offices"), i, office) {
		const json_t *undecided = json_object_get(office, "undecided");
		const char *state = json_text(office, "state");

		if (strcmp(state, "silent") == 0 || strcmp(state, "incomplete") == 0 ||
		    strcmp(state, "to-be-asked") == 0)
			fprintf(stderr, "simpul subject: missing: %s (%s)\n", json_text(office, "node"), state);
		if (undecided == NULL)
			continue;
		fputs("simpul subject: not decided, and not told (--disclose, --withhold with --why, or --other):",
		      stderr);
		json_array_foreach(undecided, k, name)
			fprintf(stderr, " %s", json_string_value(name));
		fputs("\n", stderr);
	}
}

/* ------------------------------------------------------------------ the command */

/* The reports of this office that the result names. */
static const json_t *own_reports(const json_t *result)
{
	return json_object_get(json_array_get(json_object_get(result, "offices"), 0), "reports");
}

/* For each query of the request. What is only looked at has not been made for the person. */
static bool queries_record(const struct officer *officer, const json_t *made, const char *action, int *status)
{
	const json_int_t missing = json_integer_value(json_object_get(made, "missing"));
	json_t *query;
	size_t i;

	json_array_foreach(json_object_get(made, "queries"), i, query)
		if (!subject_case_record(officer, action, json_string_value(query), missing, own_reports(made), status))
			return false;
	return true;
}

static int result(const struct officer *officer, const char *name, const struct subject_decisions *decisions,
		  const struct printing *printing)
{
	struct buffer out = {0};
	struct fault fault = {0};
	struct subject_case c;
	json_t *made = NULL;
	int status = EX_OK;
	enum error error;

	if (!subject_case_open(officer, name, &c, &status))
		return status;
	error = !json_is_true(json_object_get(c.request, "own")) ? fault_at(&fault, E_NOT_ORIGIN, "%s", name)
		: strcmp(json_text(c.request, "state"), "refused") == 0
			? fault_at(&fault, E_NOT_FOUND, "%s was refused", name)
			: subject_result(&c.store, &c.book, c.request, decisions, clock_now().wall, &made, &fault);
	subject_case_close(&c);
	if (error != E_OK)
		status = officer_fail(officer, &fault,
				      error == E_NOT_ORIGIN && made == NULL
					      ? "the office that asked puts the answers together"
					      : subject_advice(error));
	else if (queries_record(officer, made, printing->json || printing->html ? "result" : "search", &status)) {
		result_write(made, printing, &out);
		status = result_put(officer, printing, &out);
		if (printing->json || printing->html)
			lacks_say(made);
	}
	json_decref(made);
	buffer_free(&out);
	return status;
}

int officer_subject_result(struct officer *officer, int argc, char **argv)
{
	static const struct option list[] = {SUBJECT_OPTIONS,
					     {"json", no_argument, NULL, 'j'},
					     {"html", no_argument, NULL, 'h'},
					     {"output", required_argument, NULL, 'o'},
					     {NULL, 0, NULL, 0}};
	struct printing printing = {.file = NULL};
	struct subject_options options;
	int option, status = EX_USAGE;
	const char *name = NULL;

	subject_options_begin(&options);
	while ((option = officer_option(officer, argc, argv, list)) != -1) {
		if (option == 'o')
			printing.file = optarg;
		else if (option == 'j' || option == 'h')
			*(option == 'j' ? &printing.json : &printing.html) = true;
		else if (!subject_options_take(&options, option, optarg))
			break;
	}
	if (option == -1 && printing.json && printing.html)
		officer_misused(officer, "give --json or --html");
	else if (option == -1 && subject_options_check(officer, &options))
		name = officer_name_of(officer, argc, argv);
	if (name != NULL)
		status = result(officer, name, &options.decisions, &printing);
	subject_options_end(&options);
	return status;
}
