/* draft - turns what a person or a program states (a Draft) into the three strings of a report.
 *
 * Used by everything that takes reports in: CSV, JSON, the local endpoint. Fills in what follows from the rest (kind,
 * msg_type, stream), resolves region names, checks with content.h, so that an error is heard of before anything is taken. */
#ifndef SIMPUL_DRAFT_H
#define SIMPUL_DRAFT_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/name.h"
#include "proto/report.pb-c.h"
#include <jansson.h>

/* A report that has everything but its number and salts. Lives in the arena it was made in. */
struct prepared {
	Simpul__Header *header; /* name and salt not yet set */
	Simpul__Body *body;	/* salt not yet set */
	Simpul__Routing *routing; /* salt not yet set; wraps not yet made */
	uint32_t stream;
};

/* What a drop folder's profile or the agent's configuration adds where a draft is silent. */
struct draft_defaults {
	Simpul__Label label;	  /* UNSPECIFIED: none */
	Simpul__Purpose purpose;
	const char *region;	  /* code; NULL: none */
	const char *region_within; /* names of regions are looked for within this code; "" all */
	unsigned expires_days;	  /* 0: none */
};

/* From JSON: the form in PROTOCOL.md, "Drafts". `fault->field` is the path in the draft. */
enum error draft_of_json(const json_t *json, const struct draft_defaults *defaults, const char *node, wall_ms now,
			 struct arena *arena, struct prepared *prepared, struct fault *fault);

#endif
