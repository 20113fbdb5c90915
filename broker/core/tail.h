/* tail - the newest entries of the journal in memory, ready to be put into batches, with the head at each.
 *
 * Every entry has an item, also those that go to nobody, so that a head is known for each. Bounded by LIMIT_TAIL bytes;
 * the oldest items go first. */
#ifndef SIMPUL_TAIL_H
#define SIMPUL_TAIL_H

#include "broker/journal/journal.h"

struct tail_item {
	uint64_t entry;
	struct hash head; /* after this entry */
	Simpul__EntryType type;
	wall_ms accepted_at;
	uint32_t policy_version;
	uint32_t audience_id;  /* 0: goes to nobody */
	/* An encoded Entry in two pieces: all up to the length of its content, and the content as the journal handed it
	 * back. Both are empty when the entry goes to nobody; what a reader brings stands whole in `content`. */
	struct buffer lead, content;
	struct buffer routing; /* the encoded Routing: for the wraps of sealed bodies, and what stands for an UPDATE */
	struct updated updated; /* for whom that may stand */
	/* What a reader brings is for one node and has no routing: what that holds for the node stands here. Borrowed. */
	const struct journal_item *read;
};

struct tail {
	struct position base; /* before the first item */
	struct tail_item *ring;
	size_t capacity, first, count;
	size_t bytes;
};

/* Empty, at this position of the journal. */
void tail_start(struct tail *tail, const struct position *base);
void tail_free(struct tail *tail);
/* Takes over the buffers of `item`, which follows the last one without a gap. */
void tail_add(struct tail *tail, struct tail_item *item);
/* Forgets every item up to this entry, and what it says. */
void tail_forget(struct tail *tail, uint64_t entry);
/* NULL when the entry is too old or not there yet. */
const struct tail_item *tail_at(const struct tail *tail, uint64_t entry);
/* The head after `entry`; false when it is not known here. */
bool tail_head(const struct tail *tail, uint64_t entry, struct hash *head);

#endif
