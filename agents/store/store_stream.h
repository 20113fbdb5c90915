/* store_stream - a stream of this office's numbers in the epoch of the store: how far it has come. */
#ifndef SIMPUL_STORE_STREAM_H
#define SIMPUL_STORE_STREAM_H

#include "agents/store/store.h"

enum stream_place { STREAM_LAST, STREAM_FROZEN, STREAM_RECEIPTED };

/* 0 before the first report. */
enum error store_stream(struct store *store, uint32_t stream, enum stream_place place, uint64_t *number,
			struct fault *fault);
/* Inside a transaction. */
enum error store_set_stream_last(struct store *store, uint32_t stream, uint64_t last, struct fault *fault);

#endif
