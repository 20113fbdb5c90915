/* settings_sinks - the sinks of agent.yaml: their schema, and what it cannot say. */
#include "agents/reports/hold_keep.h"
#include "agents/settings/settings_check.h"
#include "common/config.h"
#include "common/json.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum {
	NAME_LONGEST = SINK_NAME_SIZE - 1,
	TEXT_LONGEST = 4096,
	MOST_ARGS = 64,
	MOST_STATUSES = 4,
	MOST_SECONDS = 3600,
	DEFAULT_SECONDS = 30,
	MOST_ATTEMPTS = 1000,
	DEFAULT_ATTEMPTS = 8
};

/* RED is for those alone to whom it was addressed. */
#define DEFAULT_CEILING SIMPUL__LABEL__LABEL_AMBER_STRICT

/* ------------------------------------------------------------------ schema */

static const cyaml_strval_t types[] = {
	{"jsonl", SINK_JSONL}, {"folder", SINK_FOLDER}, {"program", SINK_PROGRAM}, {"http", SINK_HTTP}};
static const cyaml_strval_t erasures[] = {
	{"yes", SINK_ERASES_YES}, {"manual", SINK_ERASES_MANUAL}, {"no", SINK_ERASES_NO}};
static const cyaml_schema_value_t text_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, TEXT_LONGEST)};

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define OPTIONAL_TEXT(key) CYAML_FIELD_STRING_PTR(#key, OPTIONAL, struct settings_file_sink, key, 1, TEXT_LONGEST)
static const cyaml_schema_field_t fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct settings_file_sink, name, 1, NAME_LONGEST),
	CYAML_FIELD_ENUM("type", CYAML_FLAG_STRICT, struct settings_file_sink, type, types, CYAML_ARRAY_LEN(types)),
	OPTIONAL_TEXT(path),
	CYAML_FIELD_SEQUENCE("args", OPTIONAL, struct settings_file_sink, args, &text_value, 0, MOST_ARGS),
	OPTIONAL_TEXT(url),
	OPTIONAL_TEXT(token_file),
	CYAML_FIELD_UINT_PTR("seconds", OPTIONAL, struct settings_file_sink, seconds),
	CYAML_FIELD_UINT_PTR("attempts", OPTIONAL, struct settings_file_sink, attempts),
	OPTIONAL_TEXT(ceiling),
	CYAML_FIELD_SEQUENCE("statuses", OPTIONAL, struct settings_file_sink, statuses, &text_value, 1, MOST_STATUSES),
	CYAML_FIELD_ENUM_PTR("erases", OPTIONAL | CYAML_FLAG_STRICT, struct settings_file_sink, erases, erasures,
			     CYAML_ARRAY_LEN(erasures)),
	CYAML_FIELD_END,
};
const cyaml_schema_value_t settings_sink_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct settings_file_sink, fields),
};

/* ------------------------------------------------------------------ checks */

/* E_CONFIG at the line where the sink's name stands. */
static enum error sink_wrong(const struct settings_check *check, const struct settings_file_sink *sink,
			     const char *what)
{
	char *place = memory_format("name: %s", sink->name);
	bool there = memmem(check->text.data, check->text.size, place, strlen(place)) != NULL;
	enum error error = settings_wrong(check, there ? place : sink->name, what);

	free(place);
	return error;
}

/* A sink's name is a key in the store and a word in the log. */
static bool name_valid(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
}

static enum error names_check(const struct settings_file_sink *sinks, uint32_t count,
			      const struct settings_check *check)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!name_valid(sinks[i].name))
			return settings_wrong(check, sinks[i].name,
					      "a sink's name has small letters, digits, '-', '_' and '.' only");
		if (strcmp(sinks[i].name, HOLD_KEEP_SINK) == 0)
			return settings_wrong(check, sinks[i].name, "this is what the agent's own store is called");
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(sinks[j].name, sinks[i].name) == 0)
				return settings_wrong(check, sinks[i].name, "two sinks have this name");
	}
	return E_OK;
}

/* Which keys the type has, and which it cannot do without. */
static enum error keys_check(const struct settings_file_sink *sink, const struct settings_check *check)
{
	const bool http = sink->type == SINK_HTTP, program = sink->type == SINK_PROGRAM;

	if (!http && sink->path == NULL)
		return sink_wrong(check, sink, "path: it is missing");
	if (http && sink->url == NULL)
		return sink_wrong(check, sink, "url: it is missing");
	if (!http && (sink->url != NULL || sink->token_file != NULL))
		return sink_wrong(check, sink, "url, token_file: of type http alone");
	if (!program && sink->args_count > 0)
		return sink_wrong(check, sink, "args: of type program alone");
	if (!http && !program && sink->seconds != NULL)
		return sink_wrong(check, sink, "seconds: of type program and http alone");
	if (!http && !program && sink->attempts != NULL)
		return sink_wrong(check, sink, "attempts: of type program and http alone");
	if ((http || program) && sink->erases == NULL)
		return sink_wrong(check, sink, "erases: say yes, manual or no");
	return E_OK;
}

/* The values that no other key bears on. */
static enum error values_check(const struct settings_file_sink *sink, const struct settings_check *check)
{
	const char *wrong = sink->url == NULL ? NULL : sink_url_wrong(sink->url);
	char what[80];

	if (wrong != NULL) {
		snprintf(what, sizeof(what), "url: %s", wrong);
		return settings_wrong(check, sink->url, what);
	}
	if (sink->type == SINK_HTTP && sink->path != NULL &&
	    strlen(sink->path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return sink_wrong(check, sink, "path: too long for a local socket");
	if (sink->seconds != NULL && (*sink->seconds < 1 || *sink->seconds > MOST_SECONDS))
		return sink_wrong(check, sink, "seconds: 1 to 3600");
	if (sink->attempts != NULL && (*sink->attempts < 1 || *sink->attempts > MOST_ATTEMPTS))
		return sink_wrong(check, sink, "attempts: 1 to 1000");
	return E_OK;
}

static enum error ceiling_take(const struct settings_file_sink *given, struct sink_options *sink,
			       const struct settings_check *check)
{
	int label = DEFAULT_CEILING;

	if (given->ceiling != NULL && !enum_parse(&simpul__label__descriptor, given->ceiling, &label))
		return sink_wrong(check, given, "ceiling: CLEAR, GREEN, AMBER, AMBER+STRICT or RED");
	sink->ceiling = (Simpul__Label)label;
	return E_OK;
}

static enum error statuses_take(const struct settings_file_sink *given, struct sink_options *sink,
				const struct settings_check *check)
{
	int status;

	if (given->statuses_count == 0)
		sink->statuses = SINK_STATUS(SIMPUL__STATUS__STATUS_ACTUAL);
	for (uint32_t i = 0; i < given->statuses_count; i++) {
		if (!enum_parse(&simpul__status__descriptor, given->statuses[i], &status))
			return sink_wrong(check, given, "statuses: actual, exercise, system, test");
		if ((sink->statuses & SINK_STATUS(status)) != 0)
			return sink_wrong(check, given, "statuses: one is given twice");
		sink->statuses |= SINK_STATUS(status);
	}
	return E_OK;
}

static enum error sink_take(const struct settings_file_sink *given, struct sink_options *sink,
			    const struct settings_check *check)
{
	static const enum sink_erases defaults[] = {[SINK_FOLDER] = SINK_ERASES_YES, [SINK_JSONL] = SINK_ERASES_MANUAL};
	enum error error = keys_check(given, check);

	if (error == E_OK)
		error = values_check(given, check);
	if (error == E_OK)
		error = ceiling_take(given, sink, check);
	if (error == E_OK)
		error = statuses_take(given, sink, check);
	if (error != E_OK)
		return error;
	sink->name = given->name;
	sink->type = given->type;
	sink->path = given->path == NULL ? NULL : config_path(check->path, given->path);
	sink->args = (const char *const *)given->args;
	sink->arg_count = given->args_count;
	sink->url = given->url;
	sink->token_file = given->token_file == NULL ? NULL : config_path(check->path, given->token_file);
	sink->seconds = given->seconds == NULL ? DEFAULT_SECONDS : *given->seconds;
	sink->attempts = given->attempts == NULL ? DEFAULT_ATTEMPTS : *given->attempts;
	sink->erases = given->erases == NULL ? defaults[given->type] : *given->erases;
	return E_OK;
}

enum error settings_sinks_take(struct settings *settings, const struct settings_file_sink *given, uint32_t count,
			       const struct settings_check *check)
{
	enum error error = names_check(given, count, check);

	settings->sinks = memory_zero(count + 1, sizeof(*settings->sinks));
	for (uint32_t i = 0; error == E_OK && i < count; i++) {
		error = sink_take(&given[i], &settings->sinks[i], check);
		settings->sink_count = i + 1;
	}
	return error;
}

void settings_sinks_free(struct settings *settings)
{
	for (size_t i = 0; i < settings->sink_count; i++) {
		free((char *)(uintptr_t)settings->sinks[i].path);
		free((char *)(uintptr_t)settings->sinks[i].token_file);
	}
	free(settings->sinks);
}
