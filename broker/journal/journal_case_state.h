/* journal_case_state - what the files share that look things up for an explanation: the connection and what it gave out. */
#ifndef SIMPUL_JOURNAL_CASE_STATE_H
#define SIMPUL_JOURNAL_CASE_STATE_H

#include "broker/journal/journal_case.h"
#include "broker/journal/journal_row.h"

#define CASE_POLICIES_MOST 4

/* A run of reports under a tombstone. */
struct grave {
	uint64_t entry; /* of the reports */
	uint32_t first, count;
	struct burial burial;
};

/* A node that was looked up before. */
struct seen_node {
	const struct seen_node *next;
	const char *node;
	uint64_t at;
	struct case_node as;
};

struct journal_case {
	sqlite3 *db;
	sqlite3_stmt *purged, *cursor, *withheld; /* asked of each copy: prepared when first asked */
	struct audience_set audiences;
	struct arena arena;
	case_ended *ended; /* NULL: nobody asks */
	void *ended_context;
	uint64_t end;
	const struct seen_node *nodes; /* the latest first; of the arena */
	struct policy *policies[CASE_POLICIES_MOST]; /* handed out */
	size_t policy_count;
	struct grave *graves; /* by entry; read when first asked for */
	size_t grave_count, grave_capacity;
	bool graves_read;
};

/* E_STOPPING once it has ended: for what asks many short questions. */
enum error case_goes_on(const struct journal_case *c, struct fault *fault);

/* `*kept`, prepared with this text when it is first asked for, and reset; closed with the case. */
sqlite3_stmt *case_statement(struct journal_case *c, sqlite3_stmt **kept, const char *sql);

/* A copy in the case's memory of what a row holds, for that ends with the next step. */
struct bytes case_keep(struct journal_case *c, struct bytes bytes);

#endif
