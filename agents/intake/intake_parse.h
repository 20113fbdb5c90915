/* intake_parse - the bytes of a file become drafts: the one way of drop folders and of `simpul try`. */
#ifndef SIMPUL_INTAKE_PARSE_H
#define SIMPUL_INTAKE_PARSE_H

#include "agents/intake/profile.h"

/* What decides what a file becomes, beside its bytes. */
struct intake_source {
	const struct profile *profile;
	const char *file_name;
	const char *node;
	struct store *outbox; /* as profile_parse has it; may be NULL */
	wall_ms now;
	int stop; /* a descriptor that becomes readable when there is no time any more; -1: none */
};

/* Takes what the source's file holds, as profile_parse does; of a workbook (workbook.h) its first sheet, with rows for
 * lines. */
void intake_parse(const struct intake_source *source, struct bytes content, struct parsed_file *file);
/* Under which name the lines that come back stand in rejected/; those of a workbook are CSV. free() it. */
char *intake_rejects_name(const struct profile *profile, const char *file_name);

#endif
