/* workload - reports that are the same but for name and salts, and submissions made of them as an agent makes them.
 *
 * Reports lie in memory, encoded; a submission is put together, hashed and signed when the uplink asks for it. */
#ifndef SIMPUL_BENCH_WORKLOAD_H
#define SIMPUL_BENCH_WORKLOAD_H

#include "agents/reports/draft.h"
#include "agents/uplink/uplink.h"
#include "common/keys.h"

#define WORKLOAD_SENDER "police.sender"
#define WORKLOAD_OTHER "police.other" /* makes the background load */
#define WORKLOAD_HELD 8 /* submissions that may be asked for again: more than can be under way */

struct workload {
	const char *origin;
	const struct node_keys *keys;
	uint8_t exchange[EXCHANGE_SIZE];
	size_t per_submission;
	size_t summary_size; /* bytes of text that make a report as long as it shall be */
	wall_ms made_at;

	struct buffer data;	 /* headers and bodies of the numbers first .. last, one after the other */
	struct workload_report { /* where they stand in it */
		size_t header, body, end;
	} * reports;
	uint64_t first, last;
	struct bytes routing;
	struct buffer routing_data;

	struct workload_held {
		struct report_name first;
		size_t count;
		struct hash digest;
		struct buffer message;
	} held[WORKLOAD_HELD];
	size_t next_held;
};

/* Reports of `origin` whose header and body have `size` bytes together (at first: names grow with their numbers). */
void workload_init(struct workload *workload, const char *origin, const struct node_keys *keys,
		   const uint8_t exchange[EXCHANGE_SIZE], size_t size, size_t per_submission);
/* Makes the reports up to `last`, in place of those before. */
void workload_prepare(struct workload *workload, uint64_t last);
/* As uplink_source.next, up to number `limit`: the same bytes when asked again. */
bool workload_next(struct workload *workload, uint64_t after, uint64_t limit, const struct position *seen,
		   struct uplink_submission *submission);
/* The last number of the submission that begins with `first`. */
uint64_t workload_last(struct workload *workload, uint64_t first);
/* One report as the outbox takes it, in memory of `arena`. */
void workload_draft(const struct workload *workload, struct arena *arena, struct prepared *prepared);
void workload_fini(struct workload *workload);

#endif
