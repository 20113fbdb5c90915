/* officer_subject_list - simpul subject list and record: what was asked and is due, and who looked. */
#include "agents/officer/officer_list.h"
#include "agents/officer/officer_subject.h"
#include "agents/reports/view.h"
#include "agents/subject/subject_record.h"
#include "common/json.h"
#include <stdio.h>
#include <string.h>

enum { NUMBER_WIDTH = 20, NAME_WIDTH = 27 };

/* ------------------------------------------------------------------ requests */

static void put(struct buffer *line, const char *before, const char *text, size_t width)
{
	const size_t begin = line->size;

	buffer_text(line, before);
	view_safe_text(line, text);
	while (line->size - begin < width)
		buffer_u8(line, ' ');
}

/* Who was asked and has not answered. */
static void put_silent(struct buffer *line, const json_t *request)
{
	const json_t *answered = json_object_get(request, "answered");
	const char *before = "; not yet ";
	json_t *node;
	size_t i;

	json_array_foreach(json_object_get(request, "asked"), i, node) {
		if (json_list_holds(answered, json_string_value(node)))
			continue;
		put(line, before, json_string_value(node), 0);
		before = ", ";
	}
}

static void put_own(struct buffer *line, const json_t *request)
{
	const size_t asked = json_array_size(json_object_get(request, "asked"));
	const char *state = json_text(request, "state");
	char count[64];

	if (strcmp(state, "cancelled") == 0) {
		buffer_text(line, "taken back");
		return;
	}
	if (strcmp(state, "refused") == 0) {
		put(line, "REFUSED: ", json_text(request, "field"), 0);
		put(line, " ", json_text(request, "code"), 0);
		return;
	}
	if (asked == 0) {
		put(line, "not sent yet: ", state, 0);
		return;
	}
	snprintf(count, sizeof(count), "asked %zu, answered %zu", asked,
		 json_array_size(json_object_get(request, "answered")));
	buffer_text(line, count);
	put_silent(line, request);
}

/* Nobody has to do anything about what was refused, but done it is not. */
static const char *urgency_word(const json_t *request)
{
	if (strcmp(json_text(request, "state"), "refused") == 0)
		return "refused";
	return strcmp(json_text(request, "urgency"), "overdue") == 0 ? "OVERDUE" : json_text(request, "urgency");
}

static bool line_print(const json_t *request)
{
	const bool own = json_is_true(json_object_get(request, "own"));
	struct buffer line = {0};
	wall_ms time;

	if (json_object_get(request, "mark") != NULL)
		put(&line, json_text(request, "mark"), " ", 0);
	put(&line, "", urgency_word(request), 8);
	put(&line, "", json_text(request, "request"), NAME_WIDTH);
	put(&line, " ", json_text(json_object_get(request, "query"), "request_number"), NUMBER_WIDTH);
	buffer_text(&line, " due ");
	if (time_parse(json_text(request, "due"), &time))
		view_time(&line, time);
	buffer_text(&line, "  ");
	if (json_object_get(request, "erased_at") != NULL)
		buffer_text(&line, "erased");
	else if (own)
		put_own(&line, request);
	else
		buffer_text(&line, strcmp(json_text(request, "state"), "cancelled") == 0 ? "taken back"
				   : json_array_size(json_object_get(request, "answered")) > 0
					   ? "answered"
					   : "to be answered: simpul subject search");
	return officer_print_line(&line);
}

/* For programs as for persons: of the person nothing. */
static enum error requests_read(struct store *store, json_t **requests, struct fault *fault)
{
	struct subject_book book;
	const enum error error = subject_book_read(store, false, clock_now().wall, &book, fault);
	json_t *request;
	size_t i;

	json_array_foreach(book.requests, i, request) json_object_del(json_object_get(request, "query"), "subject");
	*requests = json_incref(book.requests);
	subject_book_free(&book);
	return error;
}

int officer_subject_list(struct officer *officer, int argc, char **argv)
{
	return officer_list(officer, argc, argv, requests_read, line_print);
}

/* ------------------------------------------------------------------ the record of reads */

static bool read_print(const json_t *read)
{
	json_t *reports = json_object_get(read, "reports"), *name;
	struct buffer line = {0};
	wall_ms time;
	size_t i;

	if (time_parse(json_text(read, "at"), &time))
		view_time(&line, time);
	buffer_text(&line, " ");
	put(&line, "", json_text(read, "user"), NUMBER_WIDTH);
	put(&line, " ", json_text(read, "action"), 8);
	put(&line, "", json_text(read, "query"), NAME_WIDTH);
	json_array_foreach(reports, i, name)
		put(&line, " ", json_string_value(name), 0);
	return officer_print_line(&line);
}

int officer_subject_record(struct officer *officer, int argc, char **argv)
{
	return officer_list(officer, argc, argv, subject_record_list, read_print);
}
