/* purge_note - what is to be told of an erasure, to the sinks and to the origin (table `purge`), and what became of the
 * copy of each sink (`purge_sink`).
 *
 * What a sink said last stands under the name that was erased, and an answer to the origin says of every sink what is
 * known by then. Until the first went out, a sink's word changes only what that one will say; afterwards it makes
 * another one due. Every function works inside the caller's transaction. */
#ifndef SIMPUL_PURGE_NOTE_H
#define SIMPUL_PURGE_NOTE_H

#include "agents/sink/sink.h"
#include "agents/store/store.h"
#include "common/clock.h"
#include "common/name.h"

struct purge_note {
	struct report_name name;
	uint64_t row;	 /* of the inbox; 0: it never came */
	bool identifies; /* sink_body_identifies, of the body that it had */
	bool told;	 /* to the origin, which gets one answer for each name */
	Simpul__PurgeRule rule;
};

/* The next event for the sinks, and an answer that is due. *id receives its number. */
enum error purge_note_add(struct store *store, const struct purge_note *note, wall_ms now, uint64_t *id,
			  struct fault *fault);
/* What became of the copy of `sink` under the name of the note `purge`. Where the origin was told something else,
 * another answer is due. */
enum error purge_note_said(struct store *store, uint64_t purge, const char *sink, const struct sink_outcome *outcome,
			   wall_ms now, struct fault *fault);
/* The answer of this name and time (Purged.at) did not reach the origin: it is due again at `due`; `alone`: with no
 * other. Nothing where another was given since, or is due: that one says all. */
enum error purge_note_unheard(struct store *store, const struct report_name *name, wall_ms at, wall_ms due, bool alone,
			      struct fault *fault);
/* The same of one that was refused for what it says: another is due when there is something else to say. */
enum error purge_note_refused(struct store *store, const struct report_name *name, wall_ms at, wall_ms now,
			      struct fault *fault);
/* How many were refused so since then, and nothing was said after them. */
enum error purge_notes_refused(struct store *store, wall_ms since, uint64_t *count, struct fault *fault);

#endif
