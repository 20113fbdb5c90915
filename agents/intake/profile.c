/* profile - turns the rows of a CSV file into reports. */
#include "agents/intake/csv.h"
#include "agents/intake/profile_schema.h"
#include "agents/reports/complete.h"
#include "agents/store/stop.h"
#include "common/memory.h"
#include "common/region.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	REGION_MEMOS = 64,
	REGION_NAME_LONGEST = 63,
	STOP_LINES = 256, /* between two looks at whether to go on: some ten milliseconds */
};

/* A name of a region that was looked up. */
struct region_memo {
	char name[REGION_NAME_LONGEST + 1];
	const char *code; /* NULL: the name stands for itself */
};

/* What the rows of one file share. */
struct rows {
	const struct parsing *parsing;
	const struct profile *profile; /* the parsing's, as `file` */
	struct parsed_file *file;
	int positions[CSV_MOST_CELLS]; /* cell of each column of the profile; -1: not in this file */
	struct region_memo *regions;   /* REGION_MEMOS */
	struct date_signs *dates;      /* of each column of the profile */
};

enum profile_format profile_format(const struct profile *profile)
{
	return profile->config->format;
}

const struct draft_defaults *profile_defaults(const struct profile *profile)
{
	return &profile->defaults;
}

struct workbook_form profile_workbook_form(const struct profile *profile)
{
	return (struct workbook_form){.separator = profile->separator,
				      .iso_dates = profile->config->date_format == DATES_ISO};
}

/* ------------------------------------------------------------------ header line */

static int position_of(const struct csv_record *header, const char *name, bool *twice)
{
	int position = -1;

	*twice = false;
	for (size_t i = 0; i < header->count; i++) {
		if (strcasecmp(header->cells[i], name) != 0)
			continue;
		*twice = position >= 0;
		position = (int)i;
	}
	return position;
}

/* True when each cell of the header is a column of the profile, or one that profile_rejects added. */
static bool header_known(const struct profile *profile, const struct csv_record *header)
{
	for (size_t i = 0; i < header->count; i++) {
		bool known = strcmp(header->cells[i], "line") == 0 || strcmp(header->cells[i], "reason") == 0;

		for (unsigned j = 0; j < profile->config->columns_count && !known; j++)
			known = strcasecmp(header->cells[i], profile->columns[j].config->column) == 0;
		if (!known)
			return false;
	}
	return true;
}

static const char *separator_name(char separator)
{
	return separator == ',' ? "a comma" : separator == ';' ? "a semicolon" : separator == '\t' ? "a tab" : "another";
}

/* Why a header line holds none of the profile's columns, for the mistakes that everybody makes once; E_OK when it is
 * none of them. */
static enum error header_explain(const struct profile *profile, const struct csv_record *header, struct fault *fault)
{
	static const char others[] = ",;\t";

	if (header->raw.size > 2 && memcmp(header->raw.data, "PK", 2) == 0)
		return fault_say(fault, E_INVALID, "a workbook, not CSV: name it .xlsx, or save it as CSV");
	if (header->count == 1 && strncasecmp(header->cells[0], "sep=", 4) == 0)
		return fault_say(fault, E_INVALID, "the line sep= before the header line: delete it");
	for (const char *c = others; *c != '\0'; c++)
		if (*c != profile->separator && header->count == 1 && strchr(header->cells[0], *c) != NULL)
			return fault_at(fault, E_INVALID, "%s is the profile's separator, the header line has %s",
					separator_name(profile->separator), separator_name(*c));
	return E_OK;
}

/* Finds the profile's columns; a file without them is not what the profile is for. */
static enum error header_match(struct rows *rows, const struct csv_record *header)
{
	const struct profile *profile = rows->profile;
	struct fault *fault = &rows->file->fault;
	size_t found = 0;
	bool twice;

	if (header->error != E_OK)
		return header_explain(profile, header, fault) != E_OK ? fault->code
								      : fault_at(fault, header->error, "header line");
	for (unsigned i = 0; i < profile->config->columns_count; i++) {
		const struct column_config *config = profile->columns[i].config;

		rows->positions[i] = position_of(header, config->column, &twice);
		if (twice)
			return fault_at(fault, E_INVALID, "column \"%s\" is there twice", config->column);
		found += rows->positions[i] >= 0 ? 1 : 0;
	}
	if (found == 0 && header_explain(profile, header, fault) != E_OK)
		return fault->code;
	for (unsigned i = 0; i < profile->config->columns_count; i++)
		if (rows->positions[i] < 0 && profile->columns[i].config->required)
			return fault_say(fault, E_MISSING, "column \"%s\" is missing",
					profile->columns[i].config->column);
	if (found == 0)
		return fault_say(fault, E_MISSING, "no column of the profile is in the header line");
	/* Not named: what is no column of the profile may be anything, a person's data in a file without header line
	 * too. */
	if (profile->config->strict && !header_known(profile, header))
		return fault_at(fault, E_UNKNOWN_FIELD, "a column of the header line is not in the profile");
	return E_OK;
}

/* ------------------------------------------------------------------ cells */

static enum error column_fault(struct fault *fault, enum error code, const struct profile_column *column)
{
	return fault_at(fault, code, "column \"%s\"", column->config->column);
}

/* Not the cell itself: it may be about a person. */
static enum error cell_fault(struct fault *fault, enum error code, const struct profile *profile,
			     const struct profile_column *column)
{
	char text[WANTED_SIZE];

	return fault_at(fault, code, "column \"%s\": %s", column->config->column, cell_wanted(profile, column, text));
}

static const char *mapped(const struct column_config *config, const char *text)
{
	for (unsigned i = 0; i < config->map_count; i++)
		if (strcasecmp(config->map[i].from, text) == 0)
			return config->map[i].to;
	return text;
}

/* The text of a column in a row, mapped or by default; "" when the field is to be left out. */
static const char *cell_text(const struct rows *rows, const struct csv_record *record,
			       const struct profile_column *column)
{
	int position = rows->positions[column - rows->profile->columns];
	const char *text = position >= 0 ? record->cells[position] : "";

	if (text[0] == '\0')
		return column->config->fallback != NULL ? column->config->fallback : "";
	return mapped(column->config, text);
}

static bool has_passed(const json_t *moment, wall_ms now)
{
	wall_ms time;

	return moment != NULL && time_parse(json_string_value(moment), &time) && time <= now;
}

/* The hour that a profile makes up may be still to come on a day that has begun: then it is now. Takes `made_up` over. */
static json_t *hour_passed(const struct rows *rows, const struct profile_column *column, const char *date, json_t *made_up)
{
	const wall_ms now = rows->parsing->now / 1000 * 1000;
	enum error code = E_OK;
	json_t *midnight = cell_moment(rows->profile, date, "00:00", &code);
	const bool early = column_of_sight(column) && has_passed(midnight, now) && !has_passed(made_up, now);
	char text[TIME_TEXT_SIZE];

	json_decref(midnight);
	if (!early)
		return made_up;
	json_decref(made_up);
	return json_string(time_text(text, now, 0));
}

/* A date whose time stands in another column, or is always the same. */
static enum error moment_take(const struct rows *rows, const struct csv_record *record,
			      const struct profile_column *column, const char *date, json_t *root, struct fault *fault)
{
	const struct profile_column *other = column->time != NULL ? column->time : column;
	const char *time = column->time != NULL ? cell_text(rows, record, column->time) : "";
	const bool made_up = time[0] == '\0' && column->config->at != NULL;
	enum error code = E_OK;
	json_t *value;

	if (date[0] == '\0')
		return time[0] == '\0' ? E_OK : column_fault(fault, E_MISSING, column);
	if (made_up)
		time = column->config->at;
	if (time[0] == '\0')
		return column_fault(fault, E_MISSING, other);
	value = cell_moment(rows->profile, date, time, &code);
	if (value == NULL) {
		/* The day at midnight tells which of the two is wrong. */
		value = cell_moment(rows->profile, date, "00:00", &code);
		cell_fault(fault, E_INVALID, rows->profile, value == NULL ? column : other);
		json_decref(value);
		return E_INVALID;
	}
	path_set(&column->path, root, made_up ? hour_passed(rows, column, date, value) : value);
	return E_OK;
}

/* A text after one that an earlier column put there. */
static json_t *joined(const struct profile_column *column, const json_t *earlier, const char *text)
{
	char *whole = memory_format("%s%s%s", json_string_value(earlier), column->config->join, text);
	json_t *value = json_string(whole);

	free(whole);
	return value;
}

/* The code of a region given by name. Few names come again and again, and to find one costs five times the rest of a
 * row. */
static const char *region_code(const struct rows *rows, const char *text)
{
	const char *within = rows->profile->defaults.region_within != NULL ? rows->profile->defaults.region_within : "";
	size_t length = strlen(text), slot = length, matches;
	struct region_memo *memo;

	if (length == 0 || length > REGION_NAME_LONGEST)
		return text;
	for (size_t i = 0; i < length; i++)
		slot = slot * 31 + (unsigned char)text[i];
	memo = &rows->regions[slot % REGION_MEMOS];
	if (strcmp(memo->name, text) != 0) {
		const struct region *found = region_exists(text) ? NULL : region_by_name(text, within, &matches);

		memcpy(memo->name, text, length + 1);
		memo->code = found != NULL ? found->code : NULL;
	}
	return memo->code != NULL ? memo->code : text;
}

static enum error column_take(const struct rows *rows, const struct csv_record *record,
			      const struct profile_column *column, json_t *root, struct fault *fault)
{
	const char *text = cell_text(rows, record, column);
	const json_t *earlier = path_get(&column->path, column->path.count, root);
	const struct date_signs *signs = &rows->dates[column - rows->profile->columns];
	char spoiled[WANTED_SIZE];
	enum error code = E_OK;
	json_t *value;

	if (text[0] == '\0' && column->config->required)
		return column_fault(fault, E_MISSING, column);
	if (text[0] != '\0' && cell_spoiled(rows->profile, column, text, signs, rows->parsing->now, spoiled) != NULL)
		return fault_at(fault, E_INVALID, "column \"%s\": %s", column->config->column, spoiled);
	if (column->is_time_of_date)
		return E_OK;
	if (column->kind == CELL_MRZ)
		return text[0] == '\0' ? E_OK : zone_take(column, text, rows->parsing->now, root, fault);
	if (column->kind == CELL_DATE && column->path.leaf->type == PROTOBUF_C_TYPE_FIXED64)
		return moment_take(rows, record, column, text, root, fault);
	if (text[0] == '\0')
		return E_OK;
	if (column->kind == CELL_REGION)
		text = region_code(rows, text);
	value = earlier != NULL && column->config->join != NULL ? joined(column, earlier, text)
								: cell_value(rows->profile, column, text, &code);
	if (value == NULL)
		return cell_fault(fault, code, rows->profile, column);
	path_set(&column->path, root, value);
	return E_OK;
}

/* ------------------------------------------------------------------ rows */

static void fixed_take(const struct profile *profile, json_t *root)
{
	bool *counts = memory_zero(profile->config->fixed_count + 1, sizeof(*counts));

	/* Decided for all before one is put in, for then the element would be there. */
	for (unsigned i = 0; i < profile->config->fixed_count; i++) {
		const struct profile_fixed *fixed = &profile->fixed[i];

		counts[i] = !fixed->with_columns || path_get(&fixed->path, path_element(&fixed->path), root) != NULL;
	}
	for (unsigned i = 0; i < profile->config->fixed_count; i++)
		if (counts[i])
			path_set(&profile->fixed[i].path, root, json_incref(profile->fixed[i].value));
	free(counts);
}

/* Closes the gaps that empty cells leave in a list of words, such as to[0], to[1]. Lists of persons and things keep
 * theirs: the profile counts on their places. */
static void gaps_close(json_t *root)
{
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value)
	{
		bool objects = false;

		for (size_t i = 0; i < json_array_size(value); i++)
			objects = objects || json_is_object(json_array_get(value, i));
		for (size_t i = json_array_size(value); i > 0 && !objects; i--)
			if (json_is_null(json_array_get(value, i - 1)))
				json_array_remove(value, i - 1);
	}
}

/* How much of the path a fault stands at is that of a column: the length of the common beginning where one ends. */
static size_t path_match(const char *fault, const char *column)
{
	size_t inner = strlen(fault), outer = strlen(column);

	if (inner <= outer && strncmp(fault, column, inner) == 0 &&
	    (column[inner] == '\0' || strchr(".[", column[inner])))
		return inner;
	if (outer < inner && strncmp(fault, column, outer) == 0 && strchr(".[", fault[outer]))
		return outer;
	return 0;
}

/* Says the column instead of the field where a column fills it: the office knows its columns. */
static void fault_to_column(const struct profile *profile, struct fault *fault)
{
	const struct profile_column *best = NULL;
	size_t longest = 0;

	for (unsigned i = 0; i < profile->config->columns_count; i++) {
		size_t length = path_match(fault->field, profile->columns[i].config->field);

		if (length > longest) {
			longest = length;
			best = &profile->columns[i];
		}
	}
	/* What the office's own words do not map to is no code. */
	if (best != NULL && fault->code == E_INVALID && best->config->map_count > 0)
		cell_fault(fault, fault->code, profile, best);
	else if (best != NULL)
		column_fault(fault, fault->code, best);
}

/* Machine-readable zones come last: they fill what no other column has. */
static enum error columns_take(const struct rows *rows, const struct csv_record *record, json_t *root,
			       struct fault *fault)
{
	const struct profile *profile = rows->profile;
	enum error error = E_OK;

	for (unsigned i = 0; i < profile->config->columns_count && error == E_OK; i++)
		if (profile->columns[i].kind != CELL_MRZ)
			error = column_take(rows, record, &profile->columns[i], root, fault);
	for (unsigned i = 0; i < profile->config->columns_count && error == E_OK; i++)
		if (profile->columns[i].kind == CELL_MRZ)
			error = column_take(rows, record, &profile->columns[i], root, fault);
	return error;
}

static enum error row_prepare(const struct rows *rows, const struct csv_record *record, struct prepared *prepared,
			      struct fault *fault)
{
	const struct profile *profile = rows->profile;
	json_t *root = json_object();
	enum error error = columns_take(rows, record, root, fault);

	if (error == E_OK) {
		fixed_take(profile, root);
		gaps_close(root);
		error = draft_prepare(rows->parsing, root, prepared, fault);
		if (error != E_OK)
			fault_to_column(profile, fault);
	}
	json_decref(root);
	return error;
}

enum error draft_prepare(const struct parsing *parsing, json_t *draft, struct prepared *prepared, struct fault *fault)
{
	enum error error = draft_unrecorded(draft, fault);

	if (error == E_OK && parsing->outbox != NULL)
		error = draft_complete(parsing->outbox, draft, parsing->now, fault);
	if (error == E_OK)
		return draft_of_json(draft, &parsing->profile->defaults, parsing->node, parsing->now,
				     &parsing->file->arena, prepared, fault);
	if (error_remedy(error) != REMEDY_CORRECT)
		parsing->file->fault = *fault;
	return error;
}

struct parsed_line *parsed_line_add(struct parsed_file *file, size_t line, struct bytes raw)
{
	struct parsed_line *added;

	/* Doubles at powers of two. */
	if ((file->count & (file->count - 1)) == 0)
		file->lines = memory_grow(file->lines, file->count > 0 ? 2 * file->count : 1, sizeof(*file->lines));
	added = &file->lines[file->count++];
	*added = (struct parsed_line){.line = line, .raw = raw};
	return added;
}

bool parsing_stopped(const struct parsing *parsing, size_t line)
{
	if (line % STOP_LINES != 0 || !stop_asked(parsing->stop))
		return false;
	fault_at(&parsing->file->fault, E_STOPPING, "%s", "");
	return true;
}

/* What to look at when a row could not even be split into cells. */
static const char *row_part(enum error error)
{
	switch (error) {
	case E_MALFORMED:
		return "quotes or number of columns";
	case E_TOO_LARGE:
		return "row";
	default:
		return "encoding";
	}
}

static void row_take(const struct rows *rows, const struct csv_record *record)
{
	struct parsed_line *line = parsed_line_add(rows->file, record->line, record->raw);
	struct prepared *prepared = arena_alloc(&rows->file->arena, sizeof(*prepared));

	if (record->error != E_OK)
		fault_at(&line->fault, record->error, "%s", row_part(record->error));
	else if (row_prepare(rows, record, prepared, &line->fault) == E_OK)
		line->prepared = prepared;
	rows->file->rejected += line->prepared == NULL ? 1 : 0;
}

/* What the dates of a file tell together, before one of them is taken. `reader` stands behind the header line. */
static void dates_survey(const struct rows *rows, const struct csv_reader *reader)
{
	const struct profile *profile = rows->profile;
	struct csv_reader survey;
	struct csv_record record;

	csv_open(&survey, reader->content, reader->separator, reader->encoding);
	survey.at = reader->at;
	survey.expected = reader->expected;
	for (size_t row = 0; csv_next(&survey, &record) && !parsing_stopped(rows->parsing, row); row++)
		for (unsigned i = 0; i < profile->config->columns_count && !record.blank && record.error == E_OK; i++)
			if (profile->columns[i].kind == CELL_DATE || profile->columns[i].kind == CELL_DATETIME)
				date_signs_note(&rows->dates[i], profile->config->date_format,
						cell_text(rows, &record, &profile->columns[i]));
	csv_close(&survey);
}

static void rows_take(struct rows *rows, struct csv_reader *reader, struct csv_record *record)
{
	for (size_t row = 0; csv_next(reader, record) && rows->file->fault.code == E_OK; row++) {
		if (parsing_stopped(rows->parsing, row) || record->blank)
			continue;
		if (rows->file->count == PROFILE_MOST_LINES)
			fault_at(&rows->file->fault, E_TOO_LARGE, "lines");
		else
			row_take(rows, record);
	}
}

/* ------------------------------------------------------------------ files */

static void csv_file_parse(const struct parsing *parsing, struct bytes content)
{
	const struct profile *profile = parsing->profile;
	struct parsed_file *file = parsing->file;
	struct rows rows = {.parsing = parsing, .profile = profile, .file = file};
	const size_t skip = text_bom(content);
	/* A BOM is not written by mistake: the file is UTF-8 whatever the profile says. */
	enum profile_encoding encoding = skip > 0 ? ENCODING_UTF8 : profile->config->encoding;
	struct csv_reader reader;
	struct csv_record record;

	rows.regions = memory_zero(REGION_MEMOS, sizeof(*rows.regions));
	rows.dates = memory_zero(profile->config->columns_count + 1, sizeof(*rows.dates));
	csv_open(&reader, BYTES(content.data + skip, content.size - skip), profile->separator, encoding);
	do {
		if (!csv_next(&reader, &record)) {
			fault_at(&file->fault, E_MISSING, "header line");
			goto out;
		}
	} while (record.blank);
	if (header_match(&rows, &record) != E_OK)
		goto out;
	if (skip > 0 && record.raw.data == content.data + skip)
		record.raw = BYTES(content.data, record.raw.size + skip);
	file->header = BYTES(record.raw.data, record.raw.size + record.ending.size);
	dates_survey(&rows, &reader);
	rows_take(&rows, &reader, &record);
out:
	csv_close(&reader);
	free(rows.dates);
	free(rows.regions);
}

/* A copy in the file's arena, for what is parsed points into it. */
static struct bytes content_keep(struct parsed_file *file, struct bytes content)
{
	uint8_t *copy = arena_alloc(&file->arena, content.size);

	if (content.size > 0)
		memcpy(copy, content.data, content.size);
	return BYTES(copy, content.size);
}

void profile_parse(const struct profile *profile, struct bytes content, const char *file_name, const char *node,
		   wall_ms now, struct store *outbox, int stop, struct parsed_file *file)
{
	const struct parsing parsing = {
		.profile = profile, .outbox = outbox, .node = node, .now = now, .stop = stop, .file = file};

	*file = (struct parsed_file){.count = 0};
	arena_init(&file->arena);
	if (content.size > PROFILE_LARGEST_FILE) {
		fault_at(&file->fault, E_TOO_LARGE, "file");
		return;
	}
	if (content.size >= 2 &&
	    (memcmp(content.data, "\xff\xfe", 2) == 0 || memcmp(content.data, "\xfe\xff", 2) == 0)) {
		fault_at(&file->fault, E_INVALID, "encoding: UTF-16");
		return;
	}
	content = content_keep(file, content);
	if (profile->config->format == PROFILE_CSV)
		csv_file_parse(&parsing, content);
	else
		json_file_parse(&parsing, content, file_name);
	if (file->fault.code != E_OK)
		file->count = file->rejected = 0;
}

void parsed_file_free(struct parsed_file *file)
{
	free(file->lines);
	arena_fini(&file->arena);
	*file = (struct parsed_file){.count = 0};
}
