/* profile - how one office's files map to drafts: columns, formats, fixed values. Configuration, not code.
 *
 * A CSV row becomes a draft in JSON (fields set by path, "sighting.persons[0].primary_identifier"), and from there on
 * goes the way of JSON files. */
#ifndef SIMPUL_PROFILE_H
#define SIMPUL_PROFILE_H

#include "agents/intake/encoding.h"
#include "agents/intake/workbook.h"
#include "agents/reports/draft.h"
#include "agents/store/store.h"
#include "common/config.h"

enum profile_format { PROFILE_CSV, PROFILE_JSON }; /* JSON: .json one draft or a list; .jsonl one draft a line */

enum { PROFILE_LARGEST_FILE = 64 * 1024 * 1024 }; /* bytes */

struct profile; /* immutable */

/* E_CONFIG with "profile.yaml:line: what". */
enum error profile_load(const char *path, struct profile **profile, struct fault *fault);
void profile_free(struct profile *profile);

enum profile_format profile_format(const struct profile *profile);
const struct draft_defaults *profile_defaults(const struct profile *profile);
/* What the sheet of a workbook must look like to be read as this profile's CSV. */
struct workbook_form profile_workbook_form(const struct profile *profile);

/* One report out of a file, or why there is none. */
struct parsed_line {
	size_t line;		   /* in the file, from 1 */
	struct prepared *prepared; /* NULL when rejected */
	struct fault fault;
	struct bytes raw; /* the line as it stands in the file, for rejected/ */
};

/* Stays where it was filled: the arena points into it. */
struct parsed_file {
	struct arena arena; /* holds a copy of the content, too */
	struct parsed_line *lines;
	size_t count, rejected;
	struct bytes header; /* CSV: the header line as it stands in the file, with BOM and line end */
	/* The file as a whole cannot be read: no such column, wrong encoding ...; E_OK: it can. Where the remedy is not
	 * CORRECT the outbox could not be read, or the parsing was stopped: the file is to be parsed again later. */
	struct fault fault;
};

/* Parses a whole file. Good lines are good whatever the others are. A fault names columns of the profile or paths in
 * the draft, never a value. Empty lines count for nothing. What an UPDATE or CANCEL leaves out comes from the report
 * that it means in `outbox` (complete.h); with NULL it must say all itself. A long file is given up (E_STOPPING) soon
 * after `stop` (stop.h) asks for it. */
void profile_parse(const struct profile *profile, struct bytes content, const char *file_name, const char *node,
		   wall_ms now, struct store *outbox, int stop, struct parsed_file *file);
void parsed_file_free(struct parsed_file *file);
/* What goes to rejected/: the file's own format, encoding and line ends, so that it can be corrected and dropped
 * again. CSV: the bad lines as they stand, with two columns before them (line, reason); JSON: a list of {line,
 * reason, draft}; JSON Lines: one such object a line, with `text` (or `hex`, when it is not UTF-8) instead of `draft`
 * where the line is not JSON. */
void profile_rejects(const struct profile *profile, const struct parsed_file *file, const char *file_name,
		     struct buffer *out);

#endif
