/* log_ring - the newest lines of the log in memory, numbered from 1: those of the last hour, as far as 16 MiB hold them.
 *
 * For the loop's thread alone. */
#ifndef SIMPUL_LOG_RING_H
#define SIMPUL_LOG_RING_H

#include "common/clock.h"
#include "common/log.h"
#include "common/mailbox.h"

struct log_line {
	struct letter letter; /* on its way to the ring */
	enum log_level level;
	steady_ms at;
	size_t size; /* of `text` without its final zero */
	char text[];
};

struct log_ring;

struct log_ring *log_ring_new(void);
void log_ring_free(struct log_ring *ring); /* NULL is allowed */
/* Takes the line over and gives it the next number; lets go what is too old or too much. */
void log_ring_put(struct log_ring *ring, struct log_line *line);
/* Lets go what is older than an hour. */
void log_ring_expire(struct log_ring *ring, steady_ms now);
/* The numbers of the oldest line that is there and of the next one to come; equal when there is none. */
uint64_t log_ring_first(const struct log_ring *ring);
uint64_t log_ring_next(const struct log_ring *ring);
/* first <= number < next. The ring keeps owning it. */
const struct log_line *log_ring_at(const struct log_ring *ring, uint64_t number);

#endif
