/* journal - the broker's ordered, durable, hash-chained record; all that the broker knows of storage.
 *
 * Happy path: the core hands an append over, the writer puts what has gathered into one transaction, compares, extends
 * the chain, signs the last head, commits (one fsync), and hands every append back with its result and receipt.
 *
 * What can fail, and what happens:
 *   a number or the policy moved on   that append alone is refused; the others of the commit stand
 *   disk full                         the whole commit is rolled back, every append gets E_DISK_FULL, serving goes on
 *   any other write or sync error     every append gets E_IO and the broker stops: pages may be lost though a retry
 *                                     would succeed
 *   a kill at any point               the transaction is there or it is not; origins send again what has no receipt
 *
 * journal_sqlite.c implements it on SQLite: journal.db (WAL, one row a submission) and keys.db (vault.h). */
#ifndef SIMPUL_JOURNAL_H
#define SIMPUL_JOURNAL_H

#include "broker/policy/policy.h"
#include "common/arena.h"
#include "common/bulletin.h"
#include "common/chain.h"
#include "common/mailbox.h"
#include "common/name.h"
#include "proto/journal.pb-c.h"
#include <stdatomic.h>

/* ---------------------------------------------------------------------------- what is stored */

/* An audience is stored once and referred to by number: audiences are few, entries many. */
struct audience {
	uint32_t id;		    /* from 1; 0: not stored yet */
	struct routing_class class; /* asked again at each delivery; kind UNSPECIFIED: never (member records, cancels)
				     */
	size_t count;
	char (*nodes)[LIMIT_NODE_NAME + 1]; /* owned, sorted; the single name "*": every member, also later ones */
};

/* How an audience follows from that of the report referred to. */
enum inherit {
	INHERIT_NONE,
	INHERIT_ADD,  /* update: who may receive it now, and who received the original */
	/* cancel: who received the original or an update of it. A retraction (EFFECT_RETRACT) of a number that a VOID
	 * has: whom the core decided, for the report was lost with a former history and may be with them yet. */
	INHERIT_ONLY,
	INHERIT_HEARD, /* answer: as decided, if its author is in the audience of what it refers to */
};

/* What an append does to reports that are there already. */
enum append_effect {
	EFFECT_NONE,
	EFFECT_RETRACT, /* a CANCEL that takes back what it refers to */
	EFFECT_PURGED,	/* a purge receipt */
};

/* Reports whose bodies are to be erased, or were: neighbours of one entry. PROTOCOL.md, "Erasure". */
struct erasure {
	uint64_t entry;
	uint32_t first, count; /* places within the entry, from 0 */
	Simpul__PurgeRule rule;
	uint64_t cause; /* RETRACTED: the entry of the CANCEL */
	uint64_t hold;	/* not erased, but kept by the order in this entry: nobody gets it any more; 0: erased */
};
#define LIMIT_ERASURES LIMIT_REPEATED /* in one tombstone */

/* The content of an ENTRY_TYPE_TOMBSTONE for these, which are due at `now`. */
void tombstone_pack(const struct erasure *erasures, size_t count, wall_ms now, struct buffer *out);

struct stored_report {
	struct bytes body; /* as it travels, within `delivery`; empty when refused */
	struct hash body_hash;
	enum error verdict; /* E_OK or why this report was refused */
	char field[64];	    /* at fault */
};

/* The report that an UPDATE is about: whoever may not have the update may learn, or not, that this one is superseded. */
struct updated {
	uint32_t audience_id; /* 0: there is none, or an UPDATE that its origin kept from some of its audience */
	bool is_update;	      /* itself: with it, some of its audience only learned that there is something newer */
};

/* An entry on its way into the journal; handed over whole, handed back whole. journal_append_free releases it. */
struct journal_append {
	struct letter letter;
	uint64_t ticket; /* the core's number for it; storage does not look at it */

	Simpul__EntryType type;
	uint32_t policy_version;  /* must still be the current one; 0: whichever is */
	struct audience audience; /* in: as the core decided; out: as stored, inherited nodes included, with its id */
	struct hash digest;	  /* of the submission; for other types computed here from `content` */
	struct buffer content;	  /* StoredSubmission, MemberRecord, MemberStanding, PolicyVersion, NodeSubscription,
				     FetchGrant, Tombstone, Act, Hold */

	/* ENTRY_TYPE_SUBMISSION only */
	struct report_name first; /* the first report's name */
	size_t count;
	struct stored_report *reports;		  /* owned, `count` of them */
	char (*unreachable)[LIMIT_NODE_NAME + 1]; /* owned */
	size_t unreachable_count;
	enum inherit inherit;	      /* not NONE: count is 1 */
	struct report_name reference; /* when inherit is not NONE */
	enum append_effect effect;
	wall_ms due;		      /* when the first of the reports expires; 0: none does */
	struct buffer delivery;	      /* an encoded Delivery: what recipients get; reports[] point into it */
	struct buffer routing;	      /* an encoded Routing */

	/* Owned, wiped with it. Of a BROKER_KEY in force: the keys that it puts in force, and that it is the first to
	 * be signed with. It is the only one of its commit. NULL: no key changes. */
	struct broker_keys *newer;

	/* The core's alone (broker/core/bulletin.h): what is published in the open once it is stored; empty: nothing. */
	struct buffer bulletin;
	bool *published; /* owned; by report */
	char topic[BULLETIN_TOPIC_SIZE];

	/* Results. E_OK: stored. E_GAP, E_NUMBER_REUSED, E_EPOCH, E_STALE_POLICY: refused alone, no number used up. So
	 * are E_NOT_FOUND and E_ERASED of a hold, E_CLOCK of one that was signed when the clock ran ahead, and E_BUSY
	 * of a tombstone of what is held by now, or made by a clock ahead of the commit's. E_DISK_FULL, E_IO: the
	 * whole commit. A reference that is not known is stored as the verdict of the report. */
	struct fault result;
	uint64_t entry;
	wall_ms accepted_at;
	struct updated updated;
	struct hash entry_hash, head;
	bool head_signed; /* the last one of a commit */
	uint8_t signature[SIGNATURE_SIZE]; /* of the head after this entry, then */
	struct buffer receipt;		   /* an encoded Receipt, for submissions */
};

struct journal_append *journal_append_new(void);
void journal_append_free(struct journal_append *append);
void audience_copy(struct audience *to, const struct audience *from);
void audience_clear(struct audience *audience);

/* ---------------------------------------------------------------------------- writing: one thread */

struct journal;
struct journal_verdict;

struct journal_options {
	const char *path; /* folder of journal.db and keys.db */
	uint8_t master[KEY_SIZE];
	struct signing_key broker;
	uint64_t reserve_bytes; /* free space below which intake is refused; a ballast file of this size is let go on a
				   full disk */
};

/* A new journal whose first entry is the genesis. E_EXISTS when there is one. */
enum error journal_create(const struct journal_options *options, const uint8_t exchange[EXCHANGE_SIZE],
			  const uint8_t authority[KEY_SIZE], wall_ms now, struct fault *fault);
/* Opens, checks the newest entries' chain and signature. E_CORRUPT (also: keys.db is missing or older than the
 * journal), E_NOT_FOUND, E_INVALID (another broker's key), E_HISTORY_DIFFERS (out of a backup: journal_recover). */
enum error journal_open(struct journal **journal, const struct journal_options *options, struct fault *fault);
void journal_close(struct journal *journal);
/* Puts newer keys of the broker in force that were announced (an entry of type BROKER_KEY): by an entry in a commit of its
 * own, the first that they sign. Before anything else is done with the journal. E_NOT_FOUND when they were not announced;
 * otherwise as journal_commit. */
enum error journal_succeed(struct journal *journal, const struct broker_keys *next, wall_ms now, struct fault *fault);
/* Two programs must not write one journal: *lock is an open file that is closed when all is done, and ends with the
 * process. E_CONFIG when there is no journal, or another holds it. */
enum error journal_lock(const char *folder, int *lock, struct fault *fault);

/* One transaction for a list of appends (linked by letter.next, at most LIMIT_COMMIT_ENTRIES), in order; fills in the
 * results. accepted_at is `now`, or that of the entry before if that is later. From an append with newer keys on the
 * journal signs with those, unless it fails. The result is E_OK, E_DISK_FULL or E_IO. */
enum error journal_commit(struct journal *journal, struct journal_append *appends, wall_ms now);

/* The same, and says in `fault` (may be NULL) why not. */
enum error journal_commit_told(struct journal *journal, struct journal_append *appends, wall_ms now, struct fault *fault);

/* What a commit left to do about its log, if much. Each commit begins with it; to be called once the answers of one were given, so
 * that the next has less to do. When it fails the next commit says so. */
void journal_tend(struct journal *journal);

/* Cursors are not entries: the newest is enough. Written with the next commit, or by journal_flush. */
void journal_note_cursor(struct journal *journal, const char *node, uint64_t entry);
/* Records that an entry was withheld from a node under a policy version; written like cursors. */
void journal_note_withheld(struct journal *journal, const char *node, uint64_t entry, uint32_t policy_version);
/* Once a second: writes those, destroys keys that are due, lays in slots ahead, sees how much room the disk has. */
enum error journal_flush(struct journal *journal);
/* Why the last of them gave E_IO. */
const struct fault *journal_failure(const struct journal *journal);

/* True when there is less than reserve_bytes free, until a quarter more is. */
bool journal_disk_low(const struct journal *journal);

/* ---------------------------------------------------------------------------- backups: simpulctl */

/* Copies of journal.db and keys.db, taken beside a running broker or without one: the journal first, for a keys.db that
 * is older would lack what opens its newest entries. Neither file may be there. Checked: each as a whole, the signature of
 * the newest entry, that every entry has its key. `last` becomes the newest position. */
enum error journal_backup(const struct journal_options *options, const char *journal_file, const char *keys_file,
			  struct position *last, struct fault *fault);
/* Whether a copy of data keys may take the place of an earlier one, if there is one: E_EXISTS when that opens what the
 * copy does not, or the copy what was erased there. */
enum error journal_keys_follow(const char *keys_file, const char *earlier, struct fault *fault);
/* Puts such copies into the folder of `options`, which has no journal; it is then checked from end to end (E_CORRUPT).
 * journal_open refuses it until journal_recover. */
enum error journal_restore(const struct journal_options *options, const char *journal_file, const char *keys_file,
			   struct journal_verdict *verdict, struct fault *fault);

struct journal_recovery {
	struct position from;	/* the last position kept */
	struct position begins; /* of the genesis of the new incarnation */
};
/* Begins a new incarnation, from now on: `incarnation`, or for 0 the time in seconds (one above the journal's where that is
 * not larger), which no other recovery from the same backup has that is a second apart. Bodies that were erased since the
 * backup get tombstones. No broker may run. E_INVALID when it is not above the journal's. `reason` is for people, at most
 * 255 bytes. */
enum error journal_recover(const struct journal_options *options, uint32_t incarnation, const char *reason, wall_ms now,
			   struct journal_recovery *recovery, struct fault *fault);

/* ---------------------------------------------------------------------------- loading: before serving */

/* Everything the core must know to go on, in this order; content is valid during the call only. */
struct journal_visitor {
	void *context;
	/* Every entry that makes who and what there is, in order: no submissions, tombstones, acts and holds. */
	void (*entry)(void *context, Simpul__EntryType type, uint64_t entry, wall_ms accepted_at, struct bytes content);
	void (*audience)(void *context, const struct audience *audience);
	/* The last report of each (origin, epoch, stream) and the digest of the submission that carried it. */
	void (*origin)(void *context, const struct report_name *last, const struct hash *digest);
	void (*cursor)(void *context, const char *node, uint64_t entry);
	void (*position)(void *context, const struct position *position, const uint8_t signature[SIGNATURE_SIZE]);
};
enum error journal_load(struct journal *journal, const struct journal_visitor *visitor, struct fault *fault);

/* ---------------------------------------------------------------------------- reading: a connection for each thread */

struct journal_reader;

enum error journal_reader_open(struct journal_reader **reader, const struct journal_options *options,
			       struct fault *fault);
void journal_reader_close(struct journal_reader *reader);

/* An entry as it goes into a batch. */
struct journal_item {
	uint64_t entry;
	uint32_t audience_id;
	struct buffer encoded; /* an encoded Entry: delivery (erased bodies as hashes), member record, standing */
	uint32_t wrap_key_id;  /* sealed bodies: the node's own key wrap; 0: none */
	uint8_t wrap[80];
	bool left_out; /* Routing.not_to names the node */
	struct updated updated;
	size_t superseded_size; /* of an UPDATE: 64; 0: none */
	uint8_t superseded[64]; /* Routing.superseded */
};

/* What one node is to get of (after, upto]: at least one item, or all there is, and no more than `limit` bytes. */
struct journal_page {
	struct journal_item *items; /* owned, ascending */
	size_t count;
	struct position upto; /* the last entry looked at */
};

/* `node` must be in the audience of an item, or the audience be "*". */
enum error journal_read_page(struct journal_reader *reader, const char *node, uint64_t after, size_t limit,
			     struct journal_page *page, struct fault *fault);
void journal_page_free(struct journal_page *page);
/* One entry as it would go to `node`, also what an order keeps and nobody gets any more: for who gave the order. The
 * caller frees item->encoded in any case. */
enum error journal_read_held(struct journal_reader *reader, const char *node, uint64_t entry, struct journal_item *item,
			     struct fault *fault);
/* The receipt of the submission that begins with this name; E_NUMBER_REUSED when its digest or count differs,
 * E_NOT_FOUND. */
enum error journal_read_receipt(struct journal_reader *reader, const struct report_name *first, size_t count,
				const struct hash *digest, struct buffer *receipt, struct fault *fault);
/* The head after `entry` (0: zeros) and the incarnation that wrote it. E_NOT_FOUND beyond the end. */
enum error journal_read_position(struct journal_reader *reader, uint64_t entry, struct position *position,
				 struct fault *fault);

/* A hold that ends within HOLD_NOTICE_DAYS, of a report that no other keeps for longer. */
struct ending_hold {
	struct report_name report;
	uint64_t hold; /* the entry of the order */
	wall_ms until;
};
#define LIMIT_ENDING 16

/* What has to be erased. */
struct journal_due {
	struct erasure list[LIMIT_ERASURES]; /* the longest due first */
	size_t count;
	wall_ms newest;	  /* when the last entry was accepted */
	uint64_t damaged; /* an entry that is due and cannot be read; 0: none */
	wall_ms held_until; /* when the first of the holds ends by which something is kept that is due; 0: none is */
	struct ending_hold ending[LIMIT_ENDING]; /* the first of them first; with `now` 0 none */
	size_t ending_count;
};
/* At `now`; with `now` 0 only what was taken back, and no hold has ended. What is held is listed once, with its hold.
 */
enum error journal_read_due(struct journal_reader *reader, wall_ms now, struct journal_due *due, struct fault *fault);

/* ---------------------------------------------------------------------------- checking */

struct journal_verdict {
	uint64_t entries, submissions, reports;
	struct position last;
	uint64_t bad_entry; /* 0: all is well */
	char what[160];	    /* of the bad entry, for people */
};

/* Recomputes every hash, signature, number sequence and body of the journal, read-only, also beside a running broker.
 * `held` (may be NULL) is a position that somebody else holds: a fork, a cut or a rollback shows against it. */
enum error journal_verify(const struct journal_options *options, const struct position *held,
			  struct journal_verdict *verdict, struct fault *fault);
/* The same of a file alone, for whoever has nothing else than the authority's public key: no broker's key, no data keys, no
 * right to write. All but the bodies is checked: that they are what was hashed, and that none is gone without a tombstone. */
enum error journal_audit(const char *file, const uint8_t authority[KEY_SIZE], const struct position *held,
			 struct journal_verdict *verdict, struct fault *fault);
/* What journal_open checks, of the newest entries only: read-only, also beside a running broker. `last` becomes the end of
 * the journal. Errors as of journal_open. */
enum error journal_tail_verify(const struct journal_options *options, struct position *last, struct fault *fault);
struct erasures {
	struct erasure *list; /* to be freed */
	size_t count, capacity;
};
/* For a check in a thread of its own, or of a journal whose newest tombstones are lost. */
struct journal_watch {
	struct erasures *former; /* takes bodies that are gone without a tombstone, which are no damage then; NULL: they are */
	atomic_bool stop;    /* set by another thread: then E_STOPPING, and no verdict */
	void (*hurry)(void); /* from now on a snapshot is held, and the log cannot begin anew; NULL: none */
};
enum error journal_verify_until(const struct journal_options *options, const struct position *held,
				const struct journal_watch *watch, struct journal_verdict *verdict, struct fault *fault);

#endif
