/* store_progress - how far the agent has come with its files: which were taken from drop folders, and up to which row
 * of the inbox each sink has handed on. */
#ifndef SIMPUL_STORE_PROGRESS_H
#define SIMPUL_STORE_PROGRESS_H

#include "agents/sink/sink.h"
#include "agents/store/store.h"
#include "common/hash.h"

/* Notes that a file of a drop folder was taken, and how many of its lines came back, inside the transaction that takes
 * its reports. `identity` is of folder, name and content. E_EXISTS: it was taken before. */
enum error store_take_file(struct store *store, const struct hash *identity, uint64_t rejected, wall_ms now,
			   struct fault *fault);
/* Whether it was taken before, and how many of its lines came back then. For readers too. */
enum error store_file_taken(struct store *store, const struct hash *identity, bool *taken, uint64_t *rejected,
			    struct fault *fault);

/* The last row that the sink has handed on, 0 before the first; it may have those up to `unsure` (never less, NULL is
 * allowed) as well, for it failed after they were tried. For readers too. */
enum error store_sink_position(struct store *store, const char *sink, uint64_t *row, uint64_t *unsure,
			       struct fault *fault);
/* The widest limits under which the sink was ever served, which it may be no more; none before the first row. For
 * readers too. */
enum error store_sink_limits(struct store *store, const char *sink, struct sink_limits *limits, struct fault *fault);
/* The last erase event (purge.id) that the sink was told of, 0 before the first. For readers too. */
enum error store_sink_purged(struct store *store, const char *sink, uint64_t *purge, struct fault *fault);
/* What sinks have told, in the order in which they did, in one transaction of its own; all or nothing. An event that is
 * not noted is told again after the next start. */
enum error store_sink_letters(struct store *store, const struct letter *letters, struct fault *fault);

#endif
