/* profile_schema - loads a profile, resolves its paths by reflection and checks that it makes sense before any file is
 * read. */
#include "agents/intake/profile_schema.h"
#include "common/bytes.h"
#include "common/json.h"
#include "common/limit.h"
#include "common/memory.h"
#include "common/region.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 80, LONGEST_PATH = 100, MOST_COLUMNS = 128, MOST_MAPPED = 512, MOST_DIGITS = 64 };

/* ------------------------------------------------------------------ the file's schema */

static const cyaml_strval_t formats[] = {{"csv", PROFILE_CSV}, {"json", PROFILE_JSON}};
static const cyaml_strval_t encodings[] = {{"utf-8", ENCODING_UTF8}, {"windows-1252", ENCODING_WINDOWS_1252}};
static const cyaml_strval_t date_forms[] = {{"dd/mm/yyyy", DATES_DD_MM_YYYY}, {"iso", DATES_ISO}};
static const cyaml_strval_t kinds[] = {
	{"text", CELL_TEXT},	 {"date", CELL_DATE}, {"time", CELL_TIME},     {"datetime", CELL_DATETIME},
	{"region", CELL_REGION}, {"enum", CELL_ENUM}, {"number", CELL_NUMBER}, {"degrees", CELL_DEGREES},
	{"mrz", CELL_MRZ},
};

#define OPTIONAL_TEXT(key, type, member, longest) \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0, longest)
#define REQUIRED_TEXT(key, type, member, longest) \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 1, longest)
#define OPTIONAL_WORD(key, type, member, words) \
	CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, type, member, words, CYAML_ARRAY_LEN(words))
#define OPTIONAL_LIST(key, type, member, entry, most) \
	CYAML_FIELD_SEQUENCE(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, entry, 0, most)

static const cyaml_schema_field_t map_fields[] = {
	REQUIRED_TEXT("from", struct map_config, from, LIMIT_TEXT),
	CYAML_FIELD_STRING_PTR("to", CYAML_FLAG_POINTER, struct map_config, to, 0, LIMIT_TEXT),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t map_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct map_config, map_fields)};

static const cyaml_schema_field_t column_fields[] = {
	REQUIRED_TEXT("column", struct column_config, column, LONGEST_NAME),
	REQUIRED_TEXT("field", struct column_config, field, LONGEST_PATH),
	OPTIONAL_WORD("kind", struct column_config, kind, kinds),
	CYAML_FIELD_BOOL("required", CYAML_FLAG_OPTIONAL, struct column_config, required),
	OPTIONAL_TEXT("default", struct column_config, fallback, LIMIT_TEXT),
	OPTIONAL_TEXT("join", struct column_config, join, 16),
	OPTIONAL_TEXT("at", struct column_config, at, 8),
	CYAML_FIELD_UINT("digits", CYAML_FLAG_OPTIONAL, struct column_config, digits),
	OPTIONAL_LIST("map", struct column_config, map, &map_schema, MOST_MAPPED),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t column_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct column_config, column_fields)};

static const cyaml_schema_field_t fixed_fields[] = {
	REQUIRED_TEXT("field", struct fixed_config, field, LONGEST_PATH),
	REQUIRED_TEXT("value", struct fixed_config, value, LIMIT_TEXT),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t fixed_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fixed_config, fixed_fields)};

static const cyaml_schema_field_t profile_fields[] = {
	CYAML_FIELD_ENUM("format", CYAML_FLAG_STRICT, struct profile_config, format, formats, CYAML_ARRAY_LEN(formats)),
	OPTIONAL_TEXT("separator", struct profile_config, separator, 1),
	OPTIONAL_TEXT("zone", struct profile_config, zone, 6),
	OPTIONAL_WORD("encoding", struct profile_config, encoding, encodings),
	OPTIONAL_WORD("date_format", struct profile_config, date_format, date_forms),
	CYAML_FIELD_BOOL("strict", CYAML_FLAG_OPTIONAL, struct profile_config, strict),
	CYAML_FIELD_MAPPING("defaults", CYAML_FLAG_OPTIONAL, struct profile_config, defaults, defaults_fields),
	OPTIONAL_LIST("fixed", struct profile_config, fixed, &fixed_schema, MOST_COLUMNS),
	OPTIONAL_LIST("columns", struct profile_config, columns, &column_schema, MOST_COLUMNS),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t profile_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct profile_config, profile_fields)};

/* ------------------------------------------------------------------ what all checks share */

struct checking {
	struct profile *profile;
	const char *path;
	struct bytes text;
	struct fault *fault;
};

/* E_CONFIG at the line that holds `word`. */
static enum error wrong(const struct checking *c, const char *word, const char *what)
{
	return config_fault(c->fault, c->path, c->text, word, "%s: %s", word, what);
}

static bool zone_valid(const char *zone)
{
	char text[TIME_TEXT_SIZE];
	wall_ms time;

	snprintf(text, sizeof(text), "2000-01-01T00:00:00%s", zone);
	return time_parse(text, &time);
}

/* ------------------------------------------------------------------ defaults */

static enum error defaults_resolve(const struct checking *c)
{
	struct defaults_wrong wrong;

	return defaults_read(&c->profile->config->defaults, &c->profile->defaults, &wrong)
		       ? E_OK
		       : config_fault(c->fault, c->path, c->text, wrong.word, "%s", wrong.what);
}

/* ------------------------------------------------------------------ kinds */

/* What a field wants when the profile does not say. */
static enum cell_kind kind_natural(const ProtobufCFieldDescriptor *field)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_FIXED64:
		return CELL_DATETIME;
	case PROTOBUF_C_TYPE_ENUM:
		return CELL_ENUM;
	case PROTOBUF_C_TYPE_UINT32:
		return CELL_NUMBER;
	case PROTOBUF_C_TYPE_SINT32:
		return text_ends_with(field->name, "_e7") ? CELL_DEGREES : CELL_NUMBER;
	case PROTOBUF_C_TYPE_STRING:
		if (strcmp(field->name, "region") == 0)
			return CELL_REGION;
		return strstr(field->name, "date") != NULL ? CELL_DATE : CELL_TEXT;
	default:
		return CELL_TEXT;
	}
}

/* A time may also be given as date and time; everything else is read as its field wants it. */
static bool kind_fits(const ProtobufCFieldDescriptor *field, enum cell_kind kind)
{
	enum cell_kind natural = kind_natural(field);

	return kind == natural || (natural == CELL_DATETIME && (kind == CELL_DATE || kind == CELL_TIME));
}

static bool is_time(const struct profile_column *column)
{
	return column->path.leaf->type == PROTOBUF_C_TYPE_FIXED64;
}

/* ------------------------------------------------------------------ columns */

static enum error word_check(const struct checking *c, const struct profile_column *column, const char *word)
{
	int value;

	if (column->kind != CELL_ENUM || enum_parse(column->path.leaf->descriptor, word, &value))
		return E_OK;
	return wrong(c, word[0] == '\0' ? column->config->column : word, "is not in the field's list");
}

static enum error words_check(const struct checking *c, const struct profile_column *column)
{
	const struct column_config *config = column->config;
	enum error error = E_OK;

	if (config->fallback != NULL)
		error = word_check(c, column, config->fallback);
	/* "" leaves the field out. */
	for (unsigned i = 0; i < config->map_count && error == E_OK; i++)
		if (config->map[i].to[0] != '\0')
			error = word_check(c, column, config->map[i].to);
	return error;
}

/* A machine-readable zone is about a person as a whole, and is taken as it stands. */
static enum error zone_resolve(const struct checking *c, struct profile_column *column)
{
	const struct column_config *config = column->config;

	column->kind = CELL_MRZ;
	if (!path_parse_message(config->field, &simpul__person__descriptor, &column->path))
		return wrong(c, config->field, "kind mrz is for a person, such as sighting.persons[0]");
	if (config->map_count > 0 || config->fallback != NULL || config->join != NULL || config->at != NULL ||
	    config->digits > 0)
		return wrong(c, config->column, "kind mrz has no map, default, join or at, and no digits");
	return E_OK;
}

static enum error column_resolve(const struct checking *c, struct profile_column *column)
{
	const struct column_config *config = column->config;
	char time[9];

	if (config->kind == CELL_MRZ)
		return zone_resolve(c, column);
	if (!path_parse(config->field, &column->path))
		return wrong(c, config->field, "a report has no such field");
	column->kind = config->kind == CELL_INFERRED ? kind_natural(column->path.leaf) : config->kind;
	if (!kind_fits(column->path.leaf, column->kind))
		return wrong(c, config->column, "this kind does not fit the field");
	if (is_time(column) && c->profile->config->zone == NULL)
		return wrong(c, config->field, "times need a zone, such as zone: \"+07:00\"");
	if (config->at != NULL && (!is_time(column) || column->kind != CELL_DATE || !time_of_day(config->at, time)))
		return wrong(c, config->column, "at: is a time such as 12:00, for a date that lacks one");
	if (config->digits > MOST_DIGITS || (config->digits > 0 && column->kind != CELL_TEXT))
		return wrong(c, config->column, "digits: is how many digits a text has, at most 64");
	if (config->required && config->fallback != NULL)
		return wrong(c, config->column, "a required column has no use for a default");
	return words_check(c, column);
}

/* Two columns may fill one field: a date and a time, or texts that are joined. */
static enum error pair_resolve(const struct checking *c, struct profile_column *first, struct profile_column *second)
{
	struct profile_column *date = first->kind == CELL_DATE ? first : second;
	struct profile_column *time = first->kind == CELL_DATE ? second : first;

	if (first->path.count != second->path.count || !path_same(&first->path, &second->path, first->path.count))
		return E_OK;
	if (first->kind == CELL_TEXT && second->kind == CELL_TEXT && second->config->join != NULL)
		return E_OK;
	if (date->kind != CELL_DATE || time->kind != CELL_TIME || date->time != NULL || time->is_time_of_date)
		return wrong(c, second->config->column, "its field has a column already");
	date->time = time;
	time->is_time_of_date = true;
	return E_OK;
}

static enum error columns_resolve(const struct checking *c)
{
	struct profile *profile = c->profile;
	const struct profile_config *config = profile->config;
	enum error error = E_OK;

	for (unsigned i = 0; i < config->columns_count && error == E_OK; i++) {
		profile->columns[i].config = &config->columns[i];
		error = column_resolve(c, &profile->columns[i]);
		for (unsigned j = 0; j < i && error == E_OK; j++)
			error = pair_resolve(c, &profile->columns[j], &profile->columns[i]);
	}
	for (unsigned i = 0; i < config->columns_count && error == E_OK; i++) {
		const struct profile_column *column = &profile->columns[i];

		if (column->kind == CELL_TIME && !column->is_time_of_date)
			error = wrong(c, column->config->column,
				      "a time needs a column of kind date with the same field");
		if (is_time(column) && column->kind == CELL_DATE && column->time == NULL && column->config->at == NULL)
			error = wrong(c, column->config->column,
				      "a date needs a column of kind time with the same field, or at:");
	}
	return error;
}

/* ------------------------------------------------------------------ fixed values */

static bool columns_fill(const struct profile *profile, const struct field_path *path, size_t count)
{
	for (unsigned i = 0; i < profile->config->columns_count; i++)
		if (path_same(&profile->columns[i].path, path, count))
			return true;
	return false;
}

static enum error fixed_resolve(const struct checking *c, struct profile_fixed *fixed)
{
	const struct profile *profile = c->profile;
	struct profile_column as_column;
	enum error code = E_OK;
	size_t element;

	if (!path_parse(fixed->config->field, &fixed->path))
		return wrong(c, fixed->config->field, "a report has no such field");
	if (columns_fill(profile, &fixed->path, fixed->path.count))
		return wrong(c, fixed->config->field, "a column fills this field: give that column a default");
	as_column = (struct profile_column){.path = fixed->path, .kind = kind_natural(fixed->path.leaf)};
	if (is_time(&as_column) && profile->config->zone == NULL)
		return wrong(c, fixed->config->field, "times need a zone, such as zone: \"+07:00\"");
	fixed->value = cell_value(profile, &as_column, fixed->config->value, &code);
	if (fixed->value == NULL)
		return wrong(c, fixed->config->value, error_sentence(code));
	element = path_element(&fixed->path);
	fixed->with_columns = element > 0 && columns_fill(profile, &fixed->path, element);
	return E_OK;
}

static enum error all_fixed_resolve(const struct checking *c)
{
	struct profile *profile = c->profile;
	enum error error = E_OK;

	for (unsigned i = 0; i < profile->config->fixed_count && error == E_OK; i++) {
		profile->fixed[i].config = &profile->config->fixed[i];
		error = fixed_resolve(c, &profile->fixed[i]);
	}
	return error;
}

/* ------------------------------------------------------------------ the whole */

/* A draft is a sighting or an alert ..., never two of them. */
static enum error content_check(const struct checking *c)
{
	const struct profile *profile = c->profile;
	const struct profile_config *config = profile->config;
	const char *content = NULL;

	for (unsigned i = 0; i < config->columns_count + config->fixed_count; i++) {
		bool column = i < config->columns_count;
		const struct field_path *path =
			column ? &profile->columns[i].path : &profile->fixed[i - config->columns_count].path;
		const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
			&simpul__draft__descriptor, path->steps[0].name);

		if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
			continue;
		if (content != NULL && content != field->name)
			return wrong(c,
				     column ? config->columns[i].field : config->fixed[i - config->columns_count].field,
				     "a report is either a sighting or an alert");
		content = field->name;
	}
	return content != NULL ? E_OK : wrong(c, "columns", "no column fills a field of a sighting or an alert");
}

static enum error csv_resolve(const struct checking *c)
{
	struct profile *profile = c->profile;
	const char *separator = profile->config->separator;
	enum error error;

	if (separator != NULL && (strlen(separator) != 1 || isalnum((unsigned char)separator[0]) ||
				  separator[0] == '"' || separator[0] == ' ' || (unsigned char)separator[0] >= 0x80))
		return wrong(c, "separator", "one character, such as \";\"");
	profile->separator = separator != NULL ? separator[0] : ',';
	if (profile->config->zone != NULL && !zone_valid(profile->config->zone))
		return wrong(c, "zone", "an offset such as \"+07:00\"");
	if (profile->config->columns_count == 0)
		return wrong(c, "format", "a csv profile needs columns");
	if ((error = columns_resolve(c)) != E_OK || (error = all_fixed_resolve(c)) != E_OK)
		return error;
	return content_check(c);
}

static enum error json_resolve(const struct checking *c)
{
	const struct profile_config *config = c->profile->config;

	if (config->columns_count > 0)
		return wrong(c, "columns", "only for csv: a JSON file holds drafts as they are");
	if (config->fixed_count > 0)
		return wrong(c, "fixed", "only for csv: a JSON file holds drafts as they are");
	if (config->separator != NULL)
		return wrong(c, "separator", "only for csv");
	return config->encoding == ENCODING_UTF8 ? E_OK : wrong(c, "encoding", "JSON is always UTF-8");
}

enum error profile_load(const char *path, struct profile **profile, struct fault *fault)
{
	struct buffer text = {0};
	void *config = NULL;
	enum error error = config_load(path, &profile_schema, &config, &text, fault);
	struct checking c = {.path = path, .text = buffer_view(&text), .fault = fault};

	*profile = NULL;
	if (error == E_OK) {
		c.profile = memory_zero(1, sizeof(*c.profile));
		c.profile->config = config;
		c.profile->columns = memory_zero(c.profile->config->columns_count + 1, sizeof(*c.profile->columns));
		c.profile->fixed = memory_zero(c.profile->config->fixed_count + 1, sizeof(*c.profile->fixed));
		error = defaults_resolve(&c);
		if (error == E_OK)
			error = c.profile->config->format == PROFILE_CSV ? csv_resolve(&c) : json_resolve(&c);
		if (error == E_OK)
			*profile = c.profile;
		else
			profile_free(c.profile);
	}
	buffer_free(&text);
	return error;
}

void profile_free(struct profile *profile)
{
	if (profile == NULL)
		return;
	for (unsigned i = 0; i < profile->config->fixed_count; i++)
		json_decref(profile->fixed[i].value);
	free(profile->fixed);
	free(profile->columns);
	config_free(&profile_schema, profile->config);
	free(profile);
}
