/* proof - one report with everything that proves its origin, made from the inbox and checked without it.
 *
 * The delivery's other reports are leaves, so that a proof tells nothing of them. What is proven: the origin signed
 * this header and this body under this name, with a key that the authority confirmed as its own. The entry and the time
 * of acceptance are what the exporting office states. */
#ifndef SIMPUL_PROOF_H
#define SIMPUL_PROOF_H

#include "agents/store/store.h"
#include "common/arena.h"
#include "proto/journal.pb-c.h"

/* Into memory of `arena`; of several under that name one that its origin signed. E_NOT_FOUND: not in the inbox;
 * E_KEY_UNKNOWN. Of a report that was erased it has the header and, in the place of what it said, the hash: enough to
 * prove who said something when. */
enum error proof_make(struct store *store, const struct report_name *name, struct arena *arena, Simpul__Proof **proof,
		      struct fault *fault);

/* The same of one row of the inbox. */
enum error proof_make_row(struct store *store, uint64_t row, const struct report_name *name, struct arena *arena,
			  Simpul__Proof **proof, struct fault *fault);
/* The record of the origin's key into a proof that has entry and delivery. E_KEY_UNKNOWN. */
enum error proof_member_put(struct store *store, const struct report_name *name, struct arena *arena,
			    Simpul__Proof *proof, struct fault *fault);

/* What a good proof says. Texts are in the arena. */
struct proof_finding {
	struct report_name name;
	struct member member;
	const Simpul__Header *header;
	const Simpul__Body *body; /* NULL: erased */
	bool countersigned; /* by the authority that was given */
	bool doubtful;	    /* the key was compromised when the report was made or accepted */
	bool retired;	    /* the key was taken out of use later; its reports stay good */
};

/* `exchange` and `authority` may be NULL: then the file's own exchange is taken, and the countersignature is not
 * checked. E_EXCHANGE, E_INVALID, E_MISSING, E_BAD_SIGNATURE, E_CANNOT_OPEN; `fault->field` is the path in it. */
enum error proof_check(const Simpul__Proof *proof, const uint8_t *exchange, const uint8_t *authority,
		       struct arena *arena, struct proof_finding *finding, struct fault *fault);

#endif
