/* sink_begin - what the store must know of a sink before it hands anything on, and where its files are. */
#ifndef SIMPUL_SINK_BEGIN_H
#define SIMPUL_SINK_BEGIN_H

#include "agents/sink/sink_state.h"

/* After sinks_start, on the loop: notes which sinks there are, that those of an earlier start may have been given any
 * row by now, and which have no folder any more. Each sink waits for its note, and the others do not wait with it:
 * where one cannot be made now (E_DISK_FULL: `fault`) this is called again, and goes on. */
enum error sinks_note(struct sinks *sinks, struct store *store, struct fault *fault);
/* Where the sink's files are by the store, and up to which row they were elsewhere. For readers; free home->path. */
enum error sink_home_read(struct store *store, const char *sink, struct sink_home *home, uint64_t *moved,
			  struct fault *fault);
/* Before a page, on the sink's thread: false, and why, when its folder is not there or is not the one of before. One
 * that the settings or a person put in its place is reported to the loop, for its files of before are not looked
 * for. */
bool sink_arrive(struct sink *sink, struct sink_reason *why);

#endif
