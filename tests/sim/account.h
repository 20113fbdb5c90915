/* account - what must be true of a simulated exchange, kept beside it: every report that an office took, what has to
 * become of it, and who may and must hold it in the end. It knows the rules (rules.h) and what was put on disk, in its
 * order; whatever broker and agents do is compared with it at once, and their stores at the end.
 *
 *   account.c          reports as they are taken; what went wrong
 *   account_core.c     what the core decides and hands to sockets
 *   account_journal.c  what is on the broker's disk, and what the core knows of it
 *   account_end.c      the stores of broker and offices when all has settled */
#ifndef SIMPUL_SIM_ACCOUNT_H
#define SIMPUL_SIM_ACCOUNT_H

#include "agents/store/store.h"
#include "broker/core/core.h"
#include "tests/sim/rules.h"

#define NO_ITEM SIZE_MAX
#define LABEL_RED SIMPUL__LABEL__LABEL_RED

enum verb { SAYS, UPDATES, CANCELS };

/* A report. */
struct item {
	/* what the office says */
	size_t origin;
	enum verb verb;
	struct topic topic;
	bool exercise;
	offices to;
	size_t about; /* UPDATES, CANCELS: the report that is meant */
	wall_ms created_at, expires;
	/* once it was taken */
	struct report_name name;
	struct hash content; /* account_content */
	/* once it is in the journal */
	uint64_t entry; /* 0: it is not */
	size_t index;	/* within the entry */
	enum error verdict;
	bool voided;		   /* a VOID went in its place */
	offices reach;		   /* who got it, or the newest update of it */
	uint32_t key_ids[OFFICES]; /* in force when it was decided on */
	/* at the end */
	offices held;
};

/* Of a header and the hash of a plain body, which stays when the body is erased. */
struct hash account_content(struct bytes header, const struct hash *body);

/* An entry of the journal. */
struct entry_note {
	Simpul__EntryType type;
	offices audience;
	struct hash head;
	bool asked; /* the policy is asked again at each delivery */
	struct topic topic;
	uint32_t policy;     /* the version that it was decided by */
	size_t first, count; /* items; of a submission */
};

/* What the core handed to the journal. */
struct decision {
	uint64_t ticket;
	Simpul__EntryType type;
	struct report_name first;
	struct hash digest;
	struct entry_note note;
	offices decided;
	enum error verdicts[LIMIT_SUBMISSION_REPORTS];
	struct buffer content; /* of what is no submission */
};

enum wrong { LOST, DUPLICATED, LEAKED, INVENTED, WRONGS };

struct account {
	size_t count; /* offices that take part */
	struct item *items;
	size_t item_count;
	size_t *numbers[OFFICES][STREAMS]; /* items in the order of their numbers */
	size_t number_counts[OFFICES][STREAMS];

	struct entry_note *entries; /* by entry, from 1; of what is durable */
	uint64_t last;
	struct decision *decisions; /* handed to the journal, nothing heard of it; oldest first */
	size_t decision_count;
	struct rules *offered; /* every text of rules that was made, by version - 1 */
	size_t offered_count;
	uint32_t *policies; /* which of them each policy of the journal is, by version - 1 */
	size_t policy_count;

	/* what the core knows */
	uint32_t policy;
	offices active, leaving;
	struct wish wishes[OFFICES];
	uint32_t key_ids[OFFICES];

	struct arena arena; /* for one message */
	uint64_t wrongs[WRONGS];
	char first_wrong[240];
};

/* The first `count` offices are members; nothing was said. */
void account_start(struct account *account, size_t count);
void account_end(struct account *account);
void account_wrong(struct account *account, enum wrong wrong, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool account_clean(const struct account *account);

/* Rules were written as a text with the version that is returned. */
uint32_t account_offer(struct account *account, const struct rules *rules);

/* ---- account.c: the offices' own */

/* `item` was taken under this name: the outbox said so. */
size_t account_taken(struct account *account, const struct item *item, const struct report_name *name,
		     struct store *store);
/* An office is back whose taking of `item` was cut short: it may have been taken or not. */
void account_maybe(struct account *account, const struct item *item, struct store *store);
/* NO_ITEM when there is none of this name. */
size_t account_find(const struct account *account, size_t origin, uint32_t stream, uint64_t number);
uint32_t item_stream(const struct item *item);

/* ---- account_core.c */

/* The core hands an append over, at a time that its clock shows. */
void account_decided(struct account *account, const struct journal_append *append, wall_ms now);
/* A frame goes to an office, or a batch is published for it. */
void account_sends(struct account *account, size_t office, struct bytes frame);
void account_publishes(struct account *account, size_t office, struct bytes batch);

/* ---- account_journal.c */

/* A commit was reported to be on disk. */
void account_committed(struct account *account, const struct journal_append *appends);
/* The core has heard of it. Before it takes the list over. */
void account_heard(struct account *account, const struct journal_append *appends);
/* The broker comes up: first every entry that is no submission, in order, then the end of it. */
void account_load_begins(struct account *account);
void account_loads(struct account *account, Simpul__EntryType type, uint64_t entry, struct bytes content);
void account_load_ends(struct account *account, struct journal_reader *reader, uint64_t last);

/* Rules of a version of the journal's; offices of an audience; whose standing an entry is about, and which. */
const struct rules *account_rules(const struct account *account, uint32_t policy);
offices account_audience(const struct audience *audience);
offices account_standing(struct account *account, struct bytes content, Simpul__Standing *standing);

/* ---- account_end.c: everything has settled */

/* Whether a cursor leaves nothing out that is meant for the office. */
bool account_caught_up(const struct account *account, size_t office, uint64_t cursor);
void account_check_office(struct account *account, size_t office, struct store *store, struct journal_reader *reader);
void account_check_journal(struct account *account, const struct journal_options *options, const struct position *held);
/* After all offices. */
void account_check_held(struct account *account);

#endif
