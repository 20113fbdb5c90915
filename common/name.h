/* name - names of nodes, agencies and reports, as people write them. */
#ifndef SIMPUL_NAME_H
#define SIMPUL_NAME_H

#include "common/limit.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_NAME_SIZE (LIMIT_NODE_NAME + 48)
#define STREAMS 4 /* as in report.proto: 0 main, 1 exercise, 2 RED, 3 exercise and RED */

struct report_name {
	char origin[LIMIT_NODE_NAME + 1];
	uint32_t epoch;
	uint32_t stream;
	uint64_t number;
};

/* "police": [a-z][a-z0-9-]*, at most 32 bytes. */
bool agency_name_valid(const char *text);
/* "police.oku": an agency, a dot, an office [a-z0-9-]+; at most LIMIT_NODE_NAME bytes. */
bool node_name_valid(const char *text);
/* Copies the agency's part of a node's name; `agency` holds at least 33 bytes. */
void node_agency(const char *node, char *agency);
/* Whether a list of nodes and agencies (Routing.to, not_to) names this node. */
bool routing_names(char *const *list, size_t count, const char *node);

/* "police.oku#1842", "police.oku#X3", "police.oku#2.R17". Returns `text` (REPORT_NAME_SIZE). */
char *report_name_text(const struct report_name *name, char *text);
bool report_name_parse(const char *text, struct report_name *name);
const char *stream_prefix(uint32_t stream); /* "", "X", "R", "XR" */

#endif
