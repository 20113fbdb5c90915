/* profile_schema - a profile as it stands in its YAML file, and as it is used: paths resolved, kinds known, words
 * checked. */
#ifndef SIMPUL_PROFILE_SCHEMA_H
#define SIMPUL_PROFILE_SCHEMA_H

#include "agents/intake/profile.h"
#include "agents/intake/profile_path.h"
#include "agents/settings/defaults.h"

enum cell_kind {
	CELL_INFERRED, /* from the field: a date for "..date", a word for an enumeration ... */
	CELL_TEXT,
	CELL_DATE,
	CELL_TIME,
	CELL_DATETIME,
	CELL_REGION,
	CELL_ENUM,
	CELL_NUMBER,
	CELL_DEGREES, /* decimal degrees, for latitude_e7 and longitude_e7 */
	CELL_MRZ,     /* the machine-readable zone of a travel document, for a person as a whole */
};

enum date_form { DATES_DD_MM_YYYY, DATES_ISO };

struct map_config {
	char *from, *to;
};

struct column_config {
	char *column, *field;
	enum cell_kind kind;
	bool required;
	char *fallback; /* "default": when the cell is empty; may be NULL */
	char *join;	/* what stands between this text and that of an earlier column of the same field; may be NULL */
	char *at;	/* time of the day for a date that has no time; may be NULL */
	unsigned digits; /* a text of exactly so many digits; 0: any text */
	struct map_config *map;
	unsigned map_count;
};

struct fixed_config {
	char *field, *value;
};

struct profile_config {
	enum profile_format format;
	char *separator, *zone; /* may be NULL */
	enum profile_encoding encoding;
	enum date_form date_format;
	bool strict;
	struct defaults_words defaults;
	struct fixed_config *fixed;
	unsigned fixed_count;
	struct column_config *columns;
	unsigned columns_count;
};

struct profile_column {
	const struct column_config *config;
	struct field_path path;
	enum cell_kind kind;		   /* never CELL_INFERRED */
	const struct profile_column *time; /* CELL_DATE of a time: the column with the time of the day, or NULL */
	bool is_time_of_date;		   /* CELL_TIME: read together with its date */
};

struct profile_fixed {
	const struct fixed_config *config;
	struct field_path path;
	json_t *value;
	/* The value is meant for a list element that columns fill: it counts only in rows where one of them does. */
	bool with_columns;
};

struct profile {
	struct profile_config *config;
	struct draft_defaults defaults;
	char separator;
	struct profile_column *columns; /* config->columns_count */
	struct profile_fixed *fixed;	/* config->fixed_count */
};

/* ---- cells, in profile_cell.c */

/* The value of one cell as a draft has it. NULL when it does not have the form: `code` says why. */
json_t *cell_value(const struct profile *profile, const struct profile_column *column, const char *text,
		   enum error *code);
/* The form that cell_value or cell_moment wants, for people: "not a date as dd/mm/yyyy". Words of a list, and of
 * a text that has a map, are those of the column's map where it has them. Nothing of it comes from a cell. */
enum { WANTED_SIZE = 100 };
const char *cell_wanted(const struct profile *profile, const struct profile_column *column, char text[WANTED_SIZE]);
struct date_signs;
/* What a spreadsheet did to a cell, for people; NULL when nothing can be seen of it. `signs` are its column's. In
 * profile_spoiled.c. */
const char *cell_spoiled(const struct profile *profile, const struct profile_column *column, const char *cell,
			 const struct date_signs *signs, wall_ms now, char text[WANTED_SIZE]);
/* Whether a column says when somebody was seen, which cannot be still to come. In profile_spoiled.c. */
bool column_of_sight(const struct profile_column *column);
/* A date and a time of the day as one time. */
json_t *cell_moment(const struct profile *profile, const char *date, const char *time, enum error *code);
/* "7:30", "07.30", "07:30:15" as "07:30:15"; false when there is no such time. */
bool time_of_day(const char *text, char out[9]);

/* ---- dates */

enum { DATE_SIZE = 11 }; /* "YYYY-MM-DD" */

/* The three numbers of a date, whether or not there is such a day. */
struct date_parts {
	int year, month, day;
};

/* Reads them at `*text` and moves it past. */
bool date_parts_read(enum date_form form, const char **text, struct date_parts *parts);
/* Writes YYYY-MM-DD when there is such a day. */
bool date_parts_write(const struct date_parts *parts, char out[DATE_SIZE]);

/* ---- day and month the other way round, in profile_swap.c */

/* What the cells of a column tell together; begins as zeros. */
struct date_signs {
	size_t swapped, ordered; /* cells that can be read in one way alone: the wrong one, the profile's */
	bool typed_late;	 /* a text of a day after the 12th */
	bool made, made_late;	 /* a workbook's date; of a day after the 12th */
};

void date_signs_note(struct date_signs *signs, enum date_form form, const char *cell);
/* Whether a cell that is a date either way is likely one the other way, as its column shows. */
bool date_doubtful(const struct date_signs *signs, enum date_form form, const char *cell);
/* Whether a text that begins with no date would with day and month the other way round. */
bool date_swapped(enum date_form form, const char *text);
/* Whether a cell's day is still to come, and would not be the other way round. */
bool date_ahead(enum date_form form, const char *cell, wall_ms now);

/* ---- machine-readable zones, in profile_mrz.c */

/* What a machine-readable zone says of the column's person, as far as `root` does not say it already. A fault names
 * the column, and line and column of the zone. */
enum error zone_take(const struct profile_column *column, const char *text, wall_ms now, json_t *root,
		     struct fault *fault);

/* ---- files */

/* What the reports of one file share. */
struct parsing {
	const struct profile *profile;
	struct store *outbox; /* may be NULL */
	const char *node;
	wall_ms now;
	int stop; /* as profile_parse has it */
	struct parsed_file *file;
};

/* Makes a report of what a line states. An outbox that cannot be read is a fault of the whole file. */
enum error draft_prepare(const struct parsing *parsing, json_t *draft, struct prepared *prepared, struct fault *fault);

/* ---- JSON files, in profile_json.c */

/* As profile_parse and profile_rejects, for PROFILE_JSON; `content` lives in the file's arena. */
void json_file_parse(const struct parsing *parsing, struct bytes content, const char *file_name);
void json_file_rejects(const struct parsed_file *file, const char *file_name, struct buffer *out);
/* Whether the file is given up because the thread is to end; a fault of the file then. Looks at every 256th `line` or
 * piece, counted from 0. */
bool parsing_stopped(const struct parsing *parsing, size_t line);
/* A new line at the end of the file's list. */
struct parsed_line *parsed_line_add(struct parsed_file *file, size_t line, struct bytes raw);

/* Largest number of reports in one file. */
enum { PROFILE_MOST_LINES = 100000 };

#endif
