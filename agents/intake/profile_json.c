/* profile_json - takes drafts out of JSON files: one, a list, or one a line; and writes back those that are no reports.
 */
#include "agents/intake/profile_schema.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LARGEST_LINE = 64 * 1024, VALUE_FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY };

static bool is_lines(const char *file_name)
{
	const char *dot = strrchr(file_name, '.');

	return dot != NULL && (strcasecmp(dot, ".jsonl") == 0 || strcasecmp(dot, ".ndjson") == 0);
}

/* NULL when the bytes are no JSON value. */
static json_t *value_load(struct bytes raw, json_error_t *error)
{
	return json_loadb((const char *)raw.data, raw.size, VALUE_FLAGS, error);
}

/* ------------------------------------------------------------------ one draft */

/* A corrected file out of rejected/ holds the drafts one level deeper. */
static json_t *draft_in(json_t *value)
{
	json_t *draft = json_object_get(value, "draft");

	return draft != NULL && json_object_get(value, "reason") != NULL ? draft : value;
}

static enum error draft_take(const struct parsing *parsing, struct bytes raw, struct prepared *prepared,
			     struct fault *fault)
{
	json_error_t where;
	json_t *value;
	enum error error;

	if (raw.size > LARGEST_LINE)
		return fault_at(fault, E_TOO_LARGE, "%s", "");
	value = value_load(raw, &where);
	if (value == NULL)
		return fault_at(fault, E_MALFORMED, "%s", "");
	error = draft_prepare(parsing, draft_in(value), prepared, fault);
	json_decref(value);
	return error;
}

static void line_take(const struct parsing *parsing, size_t number, struct bytes raw)
{
	struct parsed_file *file = parsing->file;
	struct parsed_line *line;
	struct prepared *prepared;

	if (file->count == PROFILE_MOST_LINES) {
		fault_at(&file->fault, E_TOO_LARGE, "drafts");
		return;
	}
	line = parsed_line_add(file, number, raw);
	prepared = arena_alloc(&file->arena, sizeof(*prepared));
	if (draft_take(parsing, raw, prepared, &line->fault) == E_OK)
		line->prepared = prepared;
	else
		file->rejected++;
}

/* ------------------------------------------------------------------ files */

/* A place in JSON that is known to be well-formed. */
struct scan {
	struct bytes text;
	size_t at, line;
};

static void scan_step(struct scan *scan)
{
	if (scan->text.data[scan->at++] == '\n')
		scan->line++;
}

/* Moves past spaces and the given punctuation. */
static void scan_skip(struct scan *scan, const char *punctuation)
{
	while (scan->at < scan->text.size) {
		char c = (char)scan->text.data[scan->at];

		if (c == '\0' || (strchr(" \t\r\n", c) == NULL && strchr(punctuation, c) == NULL))
			return;
		scan_step(scan);
	}
}

/* Moves past one value and gives its bytes. */
static struct bytes scan_value(struct scan *scan)
{
	size_t start = scan->at, depth = 0;
	bool quoted = false;

	for (; scan->at < scan->text.size; scan_step(scan)) {
		char c = (char)scan->text.data[scan->at];

		if (quoted) {
			if (c == '\\')
				scan->at++;
			quoted = c != '"';
		} else if (depth == 0 && (c == ',' || c == ']' || c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
			break;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return BYTES(scan->text.data + start, scan->at - start);
}

/* A document on its way to what takes JSON apart, which for a large one takes seconds. */
struct feed {
	const struct parsing *parsing;
	struct bytes rest;
	size_t pieces;
};

static size_t piece_give(void *out, size_t size, void *context)
{
	struct feed *feed = context;
	const size_t given = size < feed->rest.size ? size : feed->rest.size;

	if (parsing_stopped(feed->parsing, feed->pieces++))
		return (size_t)-1;
	if (given > 0)
		memcpy(out, feed->rest.data, given);
	feed->rest = BYTES(feed->rest.data + given, feed->rest.size - given);
	return given;
}

static void whole_parse(const struct parsing *parsing, struct bytes content)
{
	struct scan scan = {.text = content, .line = 1};
	struct feed feed = {.parsing = parsing, .rest = content};
	json_error_t where;
	json_t *whole = json_load_callback(piece_give, &feed, VALUE_FLAGS, &where);
	bool list = json_is_array(whole);

	if (parsing->file->fault.code != E_OK) {
		json_decref(whole);
		return;
	}
	if (whole == NULL) {
		fault_at(&parsing->file->fault, E_MALFORMED, "line %d", where.line);
		return;
	}
	json_decref(whole);
	scan_skip(&scan, "");
	if (list) {
		scan_step(&scan);
		scan_skip(&scan, "");
	}
	while (scan.at < content.size && content.data[scan.at] != ']' && parsing->file->fault.code == E_OK &&
	       !parsing_stopped(parsing, parsing->file->count)) {
		size_t line = scan.line;

		line_take(parsing, line, scan_value(&scan));
		scan_skip(&scan, list ? "," : "");
	}
}

static void lines_parse(const struct parsing *parsing, struct bytes content)
{
	size_t at = 0;

	for (size_t number = 1; at < content.size && parsing->file->fault.code == E_OK; number++) {
		const uint8_t *start = content.data + at;
		const uint8_t *newline = memchr(start, '\n', content.size - at);
		size_t size = newline != NULL ? (size_t)(newline - start) : content.size - at;

		at += size + 1;
		while (size > 0 && strchr(" \t\r", start[size - 1]) != NULL && start[size - 1] != '\0')
			size--;
		if (!parsing_stopped(parsing, number - 1) && size > 0)
			line_take(parsing, number, BYTES(start, size));
	}
}

void json_file_parse(const struct parsing *parsing, struct bytes content, const char *file_name)
{
	const size_t skip = text_bom(content);

	content = BYTES(content.data + skip, content.size - skip);
	if (is_lines(file_name))
		lines_parse(parsing, content);
	else
		whole_parse(parsing, content);
}

/* ------------------------------------------------------------------ rejects */

static void text_append(json_t *text, struct buffer *out)
{
	char *dumped = json_dumps(text, JSON_ENCODE_ANY);

	buffer_text(out, dumped);
	free(dumped);
	json_decref(text);
}

/* The draft as it stands in the file; what is no JSON as a text, and what is not even a text in hexadecimal. */
static void raw_append(struct bytes raw, struct buffer *out)
{
	json_error_t where;
	json_t *value = value_load(raw, &where);
	json_t *text = json_stringn((const char *)raw.data, raw.size);

	if (value != NULL) {
		buffer_text(out, "\"draft\": ");
		buffer_bytes(out, raw);
		json_decref(text);
	} else if (text != NULL) {
		buffer_text(out, "\"text\": ");
		text_append(text, out);
	} else {
		buffer_text(out, "\"hex\": \"");
		hex_of((char *)buffer_room(out, 2 * raw.size + 1), raw);
		out->size--;
		buffer_text(out, "\"");
	}
	json_decref(value);
}

static void reject_append(const struct parsed_line *line, struct buffer *out)
{
	char reason[256], start[48];

	snprintf(start, sizeof(start), "{\"line\": %zu, \"reason\": ", line->line);
	buffer_text(out, start);
	text_append(json_string(fault_text(&line->fault, reason, sizeof(reason))), out);
	buffer_text(out, ", ");
	raw_append(line->raw, out);
	buffer_text(out, "}");
}

void json_file_rejects(const struct parsed_file *file, const char *file_name, struct buffer *out)
{
	const bool lines = is_lines(file_name);
	size_t written = 0;

	if (!lines)
		buffer_text(out, "[\n");
	for (size_t i = 0; i < file->count; i++) {
		if (file->lines[i].prepared != NULL)
			continue;
		if (written++ > 0)
			buffer_text(out, lines ? "\n" : ",\n");
		reject_append(&file->lines[i], out);
	}
	buffer_text(out, lines ? "\n" : "\n]\n");
}
