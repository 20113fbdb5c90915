/* draft - turns what a person or a program states (a Draft) into the three strings of a report.
 *
 * Used by everything that takes reports in: CSV, JSON, the local endpoint. Fills in what follows from the rest (kind,
 * msg_type, stream), resolves region names, checks with content.h, so that an error is heard of before anything is
 * taken. */
#ifndef SIMPUL_DRAFT_H
#define SIMPUL_DRAFT_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/name.h"
#include "proto/report.pb-c.h"
#include <jansson.h>

/* A report that has everything but its number and salts. Lives in the arena it was made in.
 *
 * Checked as it will be sent, so it carries provisional values that the outbox overwrites: a name with epoch 1 and
 * number 1, salts of 16 zeros. Their memory is the arena's and theirs alone. */
struct prepared {
	Simpul__Header *header; /* name and salt provisional */
	Simpul__Body *body;	/* salt provisional */
	Simpul__Routing *routing; /* salt provisional; wraps not yet made */
	uint32_t stream;
};

/* What a drop folder's profile or the agent's configuration adds where a draft is silent. */
struct draft_defaults {
	Simpul__Label label;	  /* UNSPECIFIED: none */
	const char *purpose;	  /* NULL: none */
	const char *legal_basis;  /* code; NULL: none */
	Simpul__SourceGrade source_grade;
	Simpul__InformationGrade information_grade;
	const char *region;	  /* code; NULL: none */
	const char *region_within; /* names of regions are looked for within this code; NULL or "": all */
	unsigned expires_days;	  /* 0: none; a report with a protection gets no more than it may be kept */
};

/* From JSON: the form in PROTOCOL.md, "Drafts". `fault->field` is the path in the draft ("sighting.persons[0].age").
 *
 * A cancel needs `about`, `category`, `region` and what else its header must have: whoever knows the report that is
 * meant (from the outbox) puts them into the JSON first. What an update is about follows from its replacement. Beyond
 * what content.h and wire.h find: E_INVALID (a recipient malformed, named twice or both in to and not_to),
 * E_RED_NEEDS_NODES, E_MISSING at "to" (the age of a person is unknown, and neither `to` nor PROTECTION_CHILD is
 * given). */
enum error draft_of_json(const json_t *json, const struct draft_defaults *defaults, const char *node, wall_ms now,
			 struct arena *arena, struct prepared *prepared, struct fault *fault);

/* Whether a draft (JSON) is a question about a person or an answer to one. Those are taken from `simpul subject` alone,
 * which has it recorded who asks and answers: E_UNRECORDED, at the content, is what all others get. */
enum error draft_unrecorded(const json_t *json, struct fault *fault);

#endif
