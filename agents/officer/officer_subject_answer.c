/* officer_subject_answer - simpul subject search and answer: what this office holds of a person, and what it says of
 * that to the office that asked. */
#include "agents/officer/officer_hand.h"
#include "agents/officer/officer_subject.h"
#include "agents/reports/view.h"
#include "common/json.h"
#include <stdio.h>
#include <string.h>

/* An answer is cut into parts of so much JSON, which is longer than what it becomes, and of so many reports. */
enum { PART_MOST = 40000, PART_REPORTS = 64 };

/* ------------------------------------------------------------------ search */

static void put(struct buffer *out, const char *before, const char *text)
{
	if (text[0] == '\0')
		return;
	buffer_text(out, before);
	view_safe_text(out, text);
}

static void put_person(struct buffer *out, const json_t *person)
{
	json_t *document;
	size_t i;

	put(out, "    ", json_text(person, "primary_identifier"));
	put(out, ", ", json_text(person, "secondary_identifier"));
	put(out, "  born ", json_text(person, "date_of_birth"));
	put(out, "  ", json_text(person, "nationality"));
	json_array_foreach(json_object_get(person, "documents"), i, document) {
		put(out, "  ", json_text(document, "type"));
		put(out, "/", json_text(document, "issuing_state"));
		put(out, "/", json_text(document, "number"));
	}
	put(out, "  ", json_text(person, "capacity"));
	put(out, ", ", json_text(person, "identity"));
	buffer_text(out, "\n");
}

static bool hit_print(const json_t *hit)
{
	const json_int_t others = json_integer_value(json_object_get(hit, "others"));
	char count[64];
	struct buffer out = {0};
	json_t *person;
	bool printed;
	wall_ms time;
	size_t i;

	put(&out, "", json_text(hit, "label"));
	put(&out, "  ", json_text(hit, "name"));
	put(&out, "  ",
	    strcmp(json_text(hit, "state"), "kept") == 0 ? "kept by an authority's order: withhold it as law-enforcement"
	    : json_is_true(json_object_get(hit, "own"))  ? "of this office"
							 : "of another office: its origin decides");
	put(&out, "  ", json_text(hit, "kind"));
	put(&out, " ", json_text(hit, "category"));
	if (time_parse(json_text(hit, "at"), &time)) {
		buffer_text(&out, "  ");
		view_time(&out, time);
	}
	put(&out, "  found by ", json_text(hit, "how"));
	buffer_text(&out, "\n");
	put(&out, "    ", json_text(hit, "summary"));
	buffer_text(&out, json_text(hit, "summary")[0] == '\0' ? "" : "\n");
	json_array_foreach(json_object_get(hit, "persons"), i, person)
		put_person(&out, person);
	snprintf(count, sizeof(count), "    and %" JSON_INTEGER_FORMAT " other persons, whose data is not disclosed\n",
		 others);
	buffer_text(&out, others > 0 ? count : "");
	printed = officer_print(&out);
	buffer_free(&out);
	return printed;
}

static enum error hits_find(struct subject_case *c, json_t **hits, struct fault *fault)
{
	return subject_search(&c->store, c->request, hits, fault);
}

int officer_subject_search(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	bool json = false, heard = true;
	struct fault fault = {0};
	struct subject_case c;
	const char *name;
	json_t *hits, *hit;
	int option, status = EX_OK;
	size_t i;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option != 'j')
			return EX_USAGE;
		json = true;
	}
	name = officer_name_of(officer, argc, argv);
	if (name == NULL)
		return EX_USAGE;
	if (!subject_case_open(officer, name, &c, &status))
		return status;
	if (hits_find(&c, &hits, &fault) != E_OK)
		status = officer_fail(officer, &fault, NULL);
	subject_case_close(&c);
	if (status == EX_OK && subject_case_record(officer, "search", name, 0, hits, &status)) {
		json_array_foreach(hits, i, hit)
			heard = heard && (json ? officer_print_json(json_incref(hit), false) : hit_print(hit));
		if (!json && json_array_size(hits) == 0)
			puts("nothing is found here: simpul subject answer with --nothing says so");
	}
	json_decref(hits);
	return status;
}

/* ------------------------------------------------------------------ answer */

static size_t json_size(const json_t *json)
{
	return json_dumpb(json, NULL, 0, JSON_COMPACT);
}

/* The reports in parts, each a list; a list of none when there are none. */
static json_t *parts_of(const json_t *reports)
{
	json_t *parts = json_array(), *part = json_array(), *report;
	size_t i, size = 0;

	json_array_foreach(reports, i, report) {
		const size_t more = json_size(report);

		if (json_array_size(part) > 0 && (size + more > PART_MOST || json_array_size(part) == PART_REPORTS)) {
			json_array_append_new(parts, part);
			part = json_array();
			size = 0;
		}
		json_array_append(part, report);
		size += more;
	}
	json_array_append_new(parts, part);
	return parts;
}

static json_t *drafts_of(const char *query, const json_t *reports)
{
	json_t *drafts = json_array(), *parts = parts_of(reports), *part;
	size_t i;

	json_array_foreach(parts, i, part)
		json_array_append_new(drafts, json_pack("{s:s, s:{s:{s:O, s:I, s:I}}}", "reference", query, "answer",
							"subject_access", "reports", part, "part", (json_int_t)i + 1,
							"parts", (json_int_t)json_array_size(parts)));
	json_decref(parts);
	return drafts;
}

static void undecided_print(const json_t *undecided)
{
	json_t *name;
	size_t i;

	fputs("simpul subject: nothing was answered; of these nothing is said yet (--disclose, --withhold or --other):",
	      stderr);
	json_array_foreach(undecided, i, name)
		fprintf(stderr, " %s", json_string_value(name));
	fputs("\n", stderr);
}

/* EX_OK with the reports, or the status after a message. */
static int reports_decide(const struct officer *officer, struct subject_case *c,
			  const struct subject_decisions *decisions, bool nothing, json_t **reports)
{
	json_t *hits, *undecided = NULL;
	struct fault fault = {0};
	enum error error = hits_find(c, &hits, &fault);
	int status = EX_OK;

	*reports = NULL;
	if (error == E_OK)
		error = subject_holdings(&c->store, hits, decisions, reports, &undecided, &fault);
	if (error != E_OK)
		status = officer_fail(officer, &fault, subject_advice(error));
	else if (json_array_size(undecided) > 0) {
		undecided_print(undecided);
		status = EX_USAGE;
	} else if (nothing != (json_array_size(*reports) == 0))
		status = officer_misused(officer, nothing ? "--nothing is said when nothing else is"
							  : "say --nothing when nothing is held");
	json_decref(hits);
	json_decref(undecided);
	return status;
}

static int answer(const struct officer *officer, const char *name, const struct subject_decisions *decisions,
		  bool nothing)
{
	struct subject_case c;
	json_t *reports = NULL;
	int status = EX_OK;

	if (!subject_case_open(officer, name, &c, &status))
		return status;
	if (json_is_true(json_object_get(c.request, "own")))
		status = officer_misused(officer,
					 "this office asked it: simpul subject result says what it holds itself");
	else
		status = reports_decide(officer, &c, decisions, nothing, &reports);
	subject_case_close(&c);
	if (status == EX_OK)
		status = officer_hand_in_subject(officer, drafts_of(name, reports));
	json_decref(reports);
	return status;
}

int officer_subject_answer(struct officer *officer, int argc, char **argv)
{
	static const struct option list[] = {SUBJECT_OPTIONS, {"nothing", no_argument, NULL, '0'}, {NULL, 0, NULL, 0}};
	struct subject_options options;
	int option, status = EX_USAGE;
	bool nothing = false;
	const char *name;

	subject_options_begin(&options);
	while ((option = officer_option(officer, argc, argv, list)) == '0' ||
	       (option != -1 && subject_options_take(&options, option, optarg)))
		nothing = nothing || option == '0';
	name = option == -1 && subject_options_check(officer, &options) ? officer_name_of(officer, argc, argv) : NULL;
	if (name != NULL)
		status = answer(officer, name, &options.decisions, nothing);
	subject_options_end(&options);
	return status;
}
