/* subject_search - the reports of this office's inbox and outbox, and those that it keeps by order of an authority, that
 * may be about a person, and what is told of them.
 *
 * Read-only. Reports whose signature is bad are left out: nobody can say whose they are (simpul quarantine lists
 * them). */
#ifndef SIMPUL_SUBJECT_SEARCH_H
#define SIMPUL_SUBJECT_SEARCH_H

#include "agents/store/store.h"
#include <jansson.h>

/* Everything that matches the subject of a request of the book and is as much in earnest as it is, that of others first;
 * a new reference:
 * [{"name": "police.oku#12", "own": false, "how": "document"|"name"|"likeness", "state", "kind": "sighting",
 *   "category", "label",
 *   "at", "expires", "persons": [those who match], "others": 2 (persons who do not), "seen_at", "place", "summary"}]
 * `state` is "kept" of what has expired or was taken back and an order keeps (legal_hold.h). */
enum error subject_search(struct store *store, const json_t *request, json_t **hits, struct fault *fault);

/* What a person decided about hits: names of reports. */
struct subject_decisions {
	json_t *disclose; /* [name] */
	json_t *withhold; /* {name: reason} */
	json_t *other;	  /* [name]: about somebody else */
	bool origins;	  /* of all else that other offices said its origin decides */
};

/* The HeldReports (as JSON) of an answer, a new reference in `reports`, and in `undecided` the names of hits about
 * which nothing was said. Of what is disclosed the persons that match are told without their sponsor, who is somebody
 * else, and when they were seen; where, and in which words, and their own telephone, address and remark, unless the
 * report names somebody else too; and who was given it. Of what is withheld nothing but its name and why.
 *
 * `fault->field` is a name. E_NOT_FOUND: it is none of the hits. E_NOT_ORIGIN: what another office said is its to
 * disclose, and is withheld as "origin-decides". E_ERASED: what an order keeps, whoever said it, is withheld as
 * "law-enforcement". E_INVALID: a reason that is none of the list, or "origin-decides" for
 * an own report. E_EXISTS: two decisions about one. */
enum error subject_holdings(struct store *store, const json_t *hits, const struct subject_decisions *decisions,
			    json_t **reports, json_t **undecided, struct fault *fault);

#endif
