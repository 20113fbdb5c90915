/* sink_begin - what the store must know of the sinks before one of them hands anything on. */
#ifndef SIMPUL_SINK_BEGIN_H
#define SIMPUL_SINK_BEGIN_H

#include "agents/sink/sink.h"
#include "agents/store/store.h"

/* Before sinks_start, in a transaction of its own: which sinks there are, that those of an earlier start may have been
 * given any row by now, and where the folder of each is that has files. A folder that is not the one of the last start
 * is logged, for what was put there is not looked for. */
enum error sinks_begin(struct store *store, const struct sink_options *sinks, size_t count, struct fault *fault);
/* Rows up to here were handed on when the sink had another folder, or was of another type. For readers. */
enum error sink_moved(struct store *store, const char *sink, uint64_t *row, struct fault *fault);

#endif
