/* journal_copy - where the copies of reports are, as the journal knows it: who was to have them, who says that his is gone,
 * when the broker's own was erased. On top of a journal_case; needs no keys, and reads no body. */
#ifndef SIMPUL_JOURNAL_COPY_H
#define SIMPUL_JOURNAL_COPY_H

#include "broker/journal/journal_case.h"

/* One report at one node of its audience. */
struct copy {
	bool acknowledged;
	uint32_t withheld;  /* under this policy version, at some time; 0: never */
	wall_ms purged_at;  /* when the broker got the node's word that it is gone; 0: never */
	uint64_t receipt;   /* the entry with that word */
};

enum error journal_copy_of(struct journal_case *c, const char *node, uint64_t entry, uint32_t place, struct copy *copy,
			   struct fault *fault);
/* What became of the broker's own. */
enum error journal_copy_burial(struct journal_case *c, uint64_t entry, uint32_t place, struct burial *burial,
			       struct fault *fault);
/* The names of updates and cancels of a report, in order; they live as long as the case. */
enum error journal_copy_references(struct journal_case *c, const struct case_report *report, uint64_t number,
				   const struct report_name **names, size_t *count, struct fault *fault);

/* A report that was to go to a node, or that it sent. */
struct found_report {
	struct report_name name;
	uint64_t entry;
	wall_ms accepted_at;
	const Simpul__Header *header;
	struct copy copy; /* of what it sent: nothing */
	struct burial burial;
};
typedef enum error found_visit(void *context, const struct found_report *report, struct fault *fault);
/* Every accepted report that was to go to `node`, of entries after `after`, in order; what is visited lives until the
 * visit returns. Ends with the first error. */
enum error journal_copy_each_due(struct journal_case *c, const char *node, wall_ms since, uint64_t after,
				 found_visit *visit, void *context, struct fault *fault);
/* The same of those that it sent. */
enum error journal_copy_each_sent(struct journal_case *c, const char *node, found_visit *visit, void *context,
				  struct fault *fault);

#endif
