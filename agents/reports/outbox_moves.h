/* outbox_moves - reports of this office on their way to other numbers, behind all that the present epoch has.
 *
 * outbox_epoch.c moves them. What this office said of them since, under the present epoch, would then reach the broker
 * before they do: outbox_since.c sees to that. Every function works inside the caller's transaction. */
#ifndef SIMPUL_OUTBOX_MOVES_H
#define SIMPUL_OUTBOX_MOVES_H

#include "agents/store/store.h"

/* A report on its way. */
struct move {
	uint32_t epoch, stream;
	uint64_t number, becomes;
	bool is_void; /* nothing but a VOID goes under its number */
};

/* Ascending by where they stand. */
struct moves {
	struct move *list;
	size_t count, capacity;
};

/* Behind all others. */
void moves_add(struct moves *moves, struct move move);
/* The one of this name, which is one of this office's own; NULL when it does not move. Good until the next is added. */
const struct move *moves_seek(const struct moves *moves, const struct report_name *name);

/* Heeds what was said since of reports that move. What was cancelled, and every update of it, is not sent again
 * (E_WITHDRAWN); an update that is newer than what moves, and was not cancelled, moves behind it. Whatever refers to a
 * name that nobody will know, and does not move, is logged. */
enum error moves_heed(struct store *store, struct moves *moves, struct fault *fault);
/* Gives an update of the present epoch its new number, with this header, as one about `reference`. A VOID goes under
 * the old one. */
enum error moves_repeat(struct store *store, const struct move *move, struct bytes header, const char *reference,
			struct fault *fault);

#endif
