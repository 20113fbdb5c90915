/* config - loads YAML through libcyaml, and finds the line of what is wrong. */
#include "common/config.h"
#include "common/file.h"
#include "common/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { CONFIG_LARGEST = 4 * 1024 * 1024, LONGEST_SHOWN_PATH = 60 };

/* What libcyaml said about a file, taken apart. */
struct complaint {
	char message[160];
	char field[48]; /* the innermost field it was in, "" when none */
	unsigned line;	/* 0 when unknown */
};

/* ------------------------------------------------------------------ complaints */

/* "in mapping field 'limit' (line: 2, column: 8)"; only the innermost place counts, which comes first. */
static void place_take(struct complaint *complaint, const char *place)
{
	const char *line = strstr(place, "(line: ");

	if (complaint->line != 0 || line == NULL)
		return;
	complaint->line = (unsigned)strtoul(line + strlen("(line: "), NULL, 10);
	sscanf(place, "in mapping field '%47[^']", complaint->field);
}

/* Takes libcyaml's log: "Load: <message>", "Load: Backtrace:", then places. */
static void complaint_take(cyaml_log_t level, void *context, const char *format, va_list args)
{
	struct complaint *complaint = context;
	char text[256];
	char *start = text;

	(void)level;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(start, "Load: ", 6) == 0)
		start += 6;
	start += strspn(start, " ");
	if (strncmp(start, "in ", 3) == 0)
		place_take(complaint, start);
	else if (complaint->message[0] == '\0' && strcmp(start, "Backtrace:") != 0)
		snprintf(complaint->message, sizeof(complaint->message), "%.*s", (int)sizeof(complaint->message) - 1,
			 start);
}

/* The word after "Unexpected key: " and the like, NULL when the message ends with a value or with nothing. */
static const char *key_named(const char *message)
{
	static const char *const heads[] = {"Unexpected key: ", "Mapping field already seen: "};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (strncmp(message, heads[i], strlen(heads[i])) == 0)
			return message + strlen(heads[i]);
	return NULL;
}

/* Faults never hold values: what follows the colon is one, except where it is the name of a key or an event. */
static void value_cut(char *message)
{
	static const char *const named[] = {"Missing required mapping field: ", "Expecting ", "libyaml: "};
	char *colon = strstr(message, ": ");

	if (key_named(message) != NULL || colon == NULL)
		return;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (strncmp(message, named[i], strlen(named[i])) == 0)
			return;
	*colon = '\0';
}

/* libcyaml passes on what libyaml found wrong but not where: asks libyaml again. */
static void syntax_find(struct bytes text, struct complaint *complaint)
{
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;

	if (!yaml_parser_initialize(&parser))
		return;
	yaml_parser_set_input_string(&parser, text.data, text.size);
	while (!end && yaml_parser_parse(&parser, &event)) {
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	if (!end) {
		complaint->line = (unsigned)parser.problem_mark.line + 1;
		complaint->field[0] = '\0';
	}
	yaml_parser_delete(&parser);
}

/* ------------------------------------------------------------------ lines */

static bool word_character(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static bool word_at(struct bytes text, size_t at, const char *word, size_t length)
{
	return length <= text.size - at && memcmp(text.data + at, word, length) == 0 &&
	       (at == 0 || !word_character(text.data[at - 1])) &&
	       (at + length == text.size || !word_character(text.data[at + length]));
}

static bool comment_at(struct bytes text, size_t at)
{
	return text.data[at] == '#' && (at == 0 || strchr(" \t\n", text.data[at - 1]) != NULL);
}

/* The first line from `from` on that holds `word` outside a comment, 0 when there is none. */
static unsigned line_of(struct bytes text, const char *word, unsigned from)
{
	size_t length = strlen(word);
	bool comment = false;
	unsigned line = 1;

	for (size_t at = 0; at < text.size && length > 0; at++) {
		if (text.data[at] == '\n') {
			line++;
			comment = false;
			continue;
		}
		comment = comment || comment_at(text, at);
		if (!comment && line >= from && word_at(text, at, word, length))
			return line;
	}
	return 0;
}

/* The path as given, or its end where it would leave no room for the message. */
static const char *shown_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strlen(path) > LONGEST_SHOWN_PATH && slash != NULL ? slash + 1 : path;
}

static enum error fault_line(struct fault *fault, const char *path, unsigned line, const char *field,
			     const char *message)
{
	const char *joint = field[0] == '\0' ? "" : ": ";
	char number[16] = "";

	if (line > 0)
		snprintf(number, sizeof(number), ":%u", line);
	fault_at(fault, E_CONFIG, "%s%s: %s%s%s", shown_path(path), number, field, joint, message);
	if (fault != NULL)
		for (char *c = fault->field; *c != '\0'; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = '?';
	return E_CONFIG;
}

enum error config_fault(struct fault *fault, const char *path, struct bytes text, const char *word,
			const char *format, ...)
{
	char message[sizeof(fault->field)];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return fault_line(fault, path, line_of(text, word, 1), "", message);
}

/* ------------------------------------------------------------------ numbers, yes and no */

/* Whether `key` stands for a value of this type anywhere in the schema. */
static bool key_is(const cyaml_schema_value_t *schema, const char *key, cyaml_type_e type)
{
	if (schema->type == CYAML_SEQUENCE)
		return key_is(schema->sequence.entry, key, type);
	if (schema->type != CYAML_MAPPING)
		return false;
	for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key != NULL; field++)
		if ((field->value.type == type && strcmp(field->key, key) == 0) || key_is(&field->value, key, type))
			return true;
	return false;
}

static const char *scalar_of(yaml_document_t *document, int id)
{
	const yaml_node_t *node = yaml_document_get_node(document, id);

	return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

/* What is wrong with a value that libcyaml takes, NULL when nothing is: to it "64k" is 64, and "off" is true. */
static const char *value_wrong(const cyaml_schema_value_t *schema, const char *key, const char *value)
{
	static const char *const truths[] = {"true", "false", "yes", "no"};

	if (key_is(schema, key, CYAML_UINT) && (value[0] == '\0' || value[strspn(value, "0123456789")] != '\0'))
		return "a number is written in digits alone";
	if (!key_is(schema, key, CYAML_BOOL))
		return NULL;
	for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++)
		if (strcmp(value, truths[i]) == 0)
			return NULL;
	return "one of true, false, yes, no";
}

/* Describes the first wrong value: its key and line; NULL when there is none. */
static const char *values_wrong(yaml_document_t *document, const cyaml_schema_value_t *schema, char key[48],
				unsigned *line)
{
	const yaml_node_t *node;

	for (int id = 1; (node = yaml_document_get_node(document, id)) != NULL; id++) {
		if (node->type != YAML_MAPPING_NODE)
			continue;
		for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		     pair < node->data.mapping.pairs.top; pair++) {
			const char *what;

			snprintf(key, 48, "%s", scalar_of(document, pair->key));
			what = value_wrong(schema, key, scalar_of(document, pair->value));
			*line = (unsigned)yaml_document_get_node(document, pair->key)->start_mark.line + 1;
			if (what != NULL)
				return what;
		}
	}
	return NULL;
}

static enum error values_check(struct bytes text, const char *name, const cyaml_schema_value_t *schema,
			       struct fault *fault)
{
	yaml_parser_t parser;
	yaml_document_t document;
	const char *what = NULL;
	char key[48] = "";
	unsigned line = 0;

	if (!yaml_parser_initialize(&parser))
		return fault_at(fault, E_NO_MEMORY, "%s", name);
	yaml_parser_set_input_string(&parser, text.data, text.size);
	if (yaml_parser_load(&parser, &document)) {
		what = values_wrong(&document, schema, key, &line);
		yaml_document_delete(&document);
	}
	yaml_parser_delete(&parser);
	return what == NULL ? E_OK : fault_line(fault, name, line, key, what);
}

/* ------------------------------------------------------------------ loading */

/* The words that may stand at `key` anywhere in the schema, NULL when it is not for words of a list. */
static const cyaml_schema_value_t *words_at(const cyaml_schema_value_t *schema, const char *key)
{
	const cyaml_schema_value_t *found = NULL;

	if (schema->type == CYAML_SEQUENCE)
		return words_at(schema->sequence.entry, key);
	if (schema->type != CYAML_MAPPING)
		return NULL;
	for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key != NULL && found == NULL; field++)
		found = field->value.type == CYAML_ENUM && strcmp(field->key, key) == 0 ? &field->value
											: words_at(&field->value, key);
	return found;
}

/* "one of jsonl, folder" in place of libcyaml's "Invalid ENUM value". */
static void words_name(struct complaint *complaint, const cyaml_schema_value_t *schema)
{
	const cyaml_schema_value_t *words = words_at(schema, complaint->field);
	size_t used = 0;

	if (words == NULL || strncmp(complaint->message, "Invalid ENUM", strlen("Invalid ENUM")) != 0)
		return;
	for (uint32_t i = 0; i < words->enumeration.count && used < sizeof(complaint->message); i++)
		used += (size_t)snprintf(complaint->message + used, sizeof(complaint->message) - used, "%s%s",
					 i == 0 ? "one of " : ", ", words->enumeration.strings[i].str);
}

static enum error complain(struct fault *fault, const char *path, struct bytes text, struct complaint *complaint,
			   const cyaml_schema_value_t *schema, cyaml_err_t result)
{
	const char *key = key_named(complaint->message);

	if (result == CYAML_ERR_LIBYAML_PARSER)
		syntax_find(text, complaint);
	if (key != NULL) {
		/* libcyaml gives the place it had read before the key; the second of two stands after the first. */
		bool twice = strncmp(complaint->message, "Mapping", strlen("Mapping")) == 0;
		unsigned line = line_of(text, key, complaint->line + (twice ? 1 : 0));

		if (line > 0)
			complaint->line = line;
		complaint->field[0] = '\0';
	}
	if (strncmp(complaint->message, "Missing", strlen("Missing")) == 0)
		complaint->field[0] = '\0';
	value_cut(complaint->message);
	words_name(complaint, schema);
	if (complaint->message[0] == '\0')
		snprintf(complaint->message, sizeof(complaint->message), "%s", cyaml_strerror(result));
	return fault_line(fault, path, complaint->line, complaint->field, complaint->message);
}

static const cyaml_config_t *config_of(cyaml_config_t *config, struct complaint *complaint)
{
	/* No aliases: a small file could unfold into a huge one, and a policy should be read where it stands. */
	*config = (cyaml_config_t){
		.log_fn = complaint_take,
		.log_ctx = complaint,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_WARNING,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	return config;
}

enum error config_parse(struct bytes text, const char *name, const cyaml_schema_value_t *schema, void **result,
			struct fault *fault)
{
	struct complaint complaint = {.line = 0};
	cyaml_config_t config;
	cyaml_err_t error;
	enum error refused;

	*result = NULL;
	if (text.size == 0)
		return fault_line(fault, name, 1, "", "the file is empty");
	error = cyaml_load_data(text.data, text.size, config_of(&config, &complaint), schema, result, NULL);
	if (error != CYAML_OK)
		return complain(fault, name, text, &complaint, schema, error);
	if (*result == NULL)
		return fault_line(fault, name, 1, "", "the file is empty");
	/* A warning: something in the file, a second document for one, would have no effect. */
	refused = complaint.message[0] != '\0' ? complain(fault, name, text, &complaint, schema, error)
						: values_check(text, name, schema, fault);
	if (refused == E_OK)
		return E_OK;
	config_free(schema, *result);
	*result = NULL;
	return refused;
}

enum error config_load(const char *path, const cyaml_schema_value_t *schema, void **result, struct buffer *text,
		       struct fault *fault)
{
	struct buffer content = {0};
	enum error error = file_read(path, CONFIG_LARGEST, &content, fault);

	*result = NULL;
	if (error == E_OK)
		error = config_parse(buffer_view(&content), path, schema, result, fault);
	if (text != NULL)
		*text = content;
	else
		buffer_free(&content);
	return error;
}

void config_free(const cyaml_schema_value_t *schema, void *result)
{
	struct complaint complaint = {.line = 0};
	cyaml_config_t config;

	cyaml_free(config_of(&config, &complaint), schema, result, 0);
}

char *config_path(const char *config_file, const char *path)
{
	const char *slash = strrchr(config_file, '/');

	if (path[0] == '/' || slash == NULL)
		return memory_string(path);
	return memory_format("%.*s/%s", (int)(slash - config_file), config_file, path);
}
