/* officer_list - what commands share that list: one thing a line, in words or as JSON. */
#ifndef SIMPUL_OFFICER_LIST_H
#define SIMPUL_OFFICER_LIST_H

#include "agents/officer/officer.h"

/* Prints what `read` finds in the store, a new reference to an array: each with `print`, or as JSON when --json is
 * given, the only option. Returns the exit status. */
int officer_list(const struct officer *officer, int argc, char **argv,
		 enum error (*read)(struct store *store, json_t **list, struct fault *fault),
		 bool (*print)(const json_t *each));

/* Ends the line, prints and frees it; false when nobody reads any more. */
bool officer_print_line(struct buffer *line);

#endif
