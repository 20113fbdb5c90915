/* journal_check - what the check of a whole journal carries from entry to entry. */
#ifndef SIMPUL_JOURNAL_CHECK_H
#define SIMPUL_JOURNAL_CHECK_H

#include "broker/journal/journal_row.h"
#include "broker/journal/vault.h"
#include "common/broker_succession.h"
#include "common/member.h"

/* The last report of one sequence. */
struct sequence {
	uint64_t origin_id, last;
	uint32_t epoch, stream;
	struct hash digest;
};

/* The reports of an entry whose bodies were erased, as bits. */
struct gone {
	uint64_t entry;
	uint32_t left; /* without a tombstone so far */
	uint8_t places[LIMIT_SUBMISSION_REPORTS / 8];
};

/* A hold that was placed and neither lifted nor buried; or a place whose body is kept. */
struct check_hold {
	uint64_t entry, place;
	uint64_t hold; /* its entry */
	wall_ms until;
};

/* A report, and the CANCEL it was found to be taken back by. */
struct check_taken {
	uint64_t entry, number;
	uint64_t cause; /* 0: none yet */
};

#define CHECK_TAKEN 512 /* as many are remembered, whatever the journal holds */

struct check_holds {
	struct check_hold *list;
	size_t count, capacity;
};

struct check {
	const struct journal_options *options; /* NULL: only the file is there ... */
	const char *file;		       /* ... namely this one ... */
	const uint8_t *given_authority;	       /* ... and this key: no body is looked at */
	const struct journal_watch *watch; /* NULL: goes on to the end */
	sqlite3 *db;
	struct vault *vault; /* NULL: no body is looked at */
	sqlite3_stmt *page, *origin_name, *submission_entry, *target, *reference, *submission, *other, *named;
	struct audience_set audiences;
	struct journal_verdict *verdict;
	struct fault *fault;

	/* as of the entry before */
	uint8_t exchange[EXCHANGE_SIZE], authority[KEY_SIZE], broker_key[KEY_SIZE];
	struct broker_succession announced; /* newer keys of the broker, not in force yet */
	bool has_announced;
	wall_ms accepted_at;
	uint32_t policy_version;
	size_t unsigned_run;	/* entries since the last signature */
	struct member *members; /* the newest record of each node, by name */
	size_t member_count, member_capacity;
	struct sequence *sequences; /* ascending */
	size_t sequence_count, sequence_capacity;
	uint64_t references;
	struct gone *gone; /* bodies that were erased, ascending, until their tombstone comes */
	size_t gone_count, gone_capacity, gone_covered;
	struct check_holds holds, kept;
	bool begins; /* nothing came since a recovery but tombstones of what was erased in the history before it */
	struct check_taken taken[CHECK_TAKEN]; /* at entry % CHECK_TAKEN */

	/* of the entry looked at */
	struct entry_row row;
	struct bytes content, nonce, bodies;
	Simpul__Receipt *outcome;
	const struct audience *audience;
	struct arena arena;
};

/* Notes what is wrong with the entry looked at, for people; nothing when check->fault says that something could not be
 * read. Returns false. */
bool check_bad(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* False when something is wrong, or with check->fault->code set when the check cannot go on. */
bool check_submission(struct check *check);
bool check_other(struct check *check);

/* The entry of the report of this origin that a reference names. */
bool check_reference_find(struct check *check, uint64_t origin_id, const Simpul__Name *name, uint64_t *entry);

/* journal_check_broker.c */
bool check_broker_key(struct check *check);
/* journal_check_act.c */
bool check_act(struct check *check);

/* Both signatures are good, of two keys, and of this. */
bool check_two_operators(const struct check *check, wall_ms signed_at, const char *command, const struct hash *content,
			 Simpul__ActSignature *const *signatures, size_t count);

/* journal_check_hold.c */
bool check_hold(struct check *check);
/* What a tombstone says of holds, and what it ends of them. */
bool check_hold_target(struct check *check, const Simpul__TombstoneTarget *target);
void check_holds_free(struct check *check);

/* journal_check_erased.c: a body of the entry looked at is not there. */
void check_gone(struct check *check, size_t index);
bool check_tombstone(struct check *check);
/* Whether something is gone that has no tombstone so far. */
bool check_gone_any(const struct check *check);
/* At the end: nothing is gone without a tombstone. */
bool check_gone_all(struct check *check);

#endif
