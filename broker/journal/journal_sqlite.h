/* journal_sqlite - what the files that write journal.db share: the open journal and its statements. */
#ifndef SIMPUL_JOURNAL_SQLITE_H
#define SIMPUL_JOURNAL_SQLITE_H

#include "broker/journal/journal_row.h"
#include "broker/journal/journal_schema.h"
#include "broker/journal/vault.h"
#include <stdatomic.h>

/* X(name, SQL): prepared once when the journal is opened. */
#define JOURNAL_STATEMENTS(X) \
	X(ORIGIN_FIND, "SELECT id FROM origin WHERE node = ?1") \
	X(ORIGIN_ADD, "INSERT INTO origin(node) VALUES(?1)") \
	X(EPOCH_HIGHEST, "SELECT max(epoch) FROM stream WHERE origin_id = ?1") \
	X(STREAM_LAST, "SELECT last FROM stream WHERE origin_id = ?1 AND epoch = ?2 AND stream = ?3") \
	X(STREAM_SET, "INSERT INTO stream(origin_id, epoch, stream, last, digest) VALUES(?1, ?2, ?3, ?4, ?5) " \
		      "ON CONFLICT DO UPDATE SET last = excluded.last, digest = excluded.digest") \
	X(SUBMISSION_ADD, \
	  "INSERT INTO submission_of(origin_id, epoch, stream, first, entry) VALUES(?1, ?2, ?3, ?4, ?5)") \
	X(SUBMISSION_FIND, "SELECT entry FROM submission_of WHERE origin_id = ?1 AND epoch = ?2 AND stream = ?3 " \
			   "AND first <= ?4 ORDER BY first DESC LIMIT 1") \
	X(REFERENCE_ADD, "INSERT INTO reference(target, number, entry) VALUES(?1, ?2, ?3)") \
	X(REFERENCE_NEWEST, "SELECT audience_id FROM reference JOIN entry USING(entry) " \
			    "JOIN audience ON audience.id = audience_id " \
			    "WHERE target = ?1 AND number = ?2 AND audience.kind <> 0 ORDER BY entry DESC LIMIT 1") \
	X(REFERENCE_OF, "SELECT 1 FROM reference WHERE entry = ?1") \
	X(AUDIENCE_ADD, "INSERT INTO audience(id, kind, category, region, label, protection, nodes) " \
			"VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)") \
	X(MEMBER_ADD, "INSERT INTO member_of(node, audience_id) VALUES(?1, ?2)") \
	X(ENTRY_ADD, "INSERT INTO entry(" ENTRY_COLUMNS ") " \
		     "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)") \
	X(ENTRY_GET, "SELECT " ENTRY_COLUMNS " FROM entry WHERE entry = ?1") \
	X(CONTENT_ADD, "INSERT INTO content(entry, content, nonce, bodies) VALUES(?1, ?2, ?3, ?4)") \
	X(CONTENT_GET, "SELECT content FROM content WHERE entry = ?1") \
	X(ENTRY_FIRST, "SELECT first FROM entry WHERE entry = ?1") \
	/* A report and its updates, and theirs. Cancels have audiences of no class. */ \
	X(FAMILY, "WITH RECURSIVE family(entry, number, audience_id) AS (" \
		  "SELECT entry, ?2, audience_id FROM entry WHERE entry = ?1 " \
		  "UNION SELECT entry.entry, entry.first, entry.audience_id FROM family " \
		  "JOIN reference ON reference.target = family.entry AND reference.number = family.number " \
		  "JOIN entry ON entry.entry = reference.entry JOIN audience ON audience.id = entry.audience_id " \
		  "WHERE audience.kind <> 0) SELECT entry, number, audience_id FROM family") \
	X(RETRACTED_ADD, "INSERT OR IGNORE INTO retracted(entry, number) VALUES(?1, ?2)") \
	X(RETRACTED_FIND, "SELECT 1 FROM retracted WHERE entry = ?1 AND number = ?2") \
	X(DUE_ADD, "INSERT OR IGNORE INTO due(at, entry, place, cause) VALUES(?1, ?2, ?3, ?4)") \
	X(DUE_REMOVE, "DELETE FROM due WHERE at = ?1 AND entry = ?2 AND place = ?3") \
	X(ERASING_ADD, "INSERT OR IGNORE INTO erasing(entry, place, count) VALUES(?1, ?2, ?3)") \
	X(ERASING_ALL, "SELECT entry, place, erasing.count, entry.count, nonce FROM erasing JOIN entry USING(entry) " \
		       "JOIN content USING(entry)") \
	X(ERASING_CLEAR, "DELETE FROM erasing") \
	X(ERASING_FIND, "SELECT 1 FROM erasing WHERE entry = ?1 AND place <= ?2 AND ?2 < place + count") \
	X(NONCE_GET, "SELECT nonce FROM content WHERE entry = ?1") \
	X(HOLD_ADD, "INSERT INTO hold(entry, place, hold, until) VALUES(?1, ?2, ?3, ?4)") \
	X(HOLD_LIFT, "DELETE FROM hold WHERE entry = ?1 AND place = ?2 AND hold = ?3") \
	X(HOLD_UNTIL, "SELECT until FROM hold WHERE entry = ?1 AND place = ?2 AND hold = ?3") \
	X(HOLD_LONGEST, "SELECT max(until) FROM hold WHERE entry = ?1 AND place >= ?2 AND place < ?2 + ?3") \
	X(HOLD_BURY, "DELETE FROM hold WHERE entry = ?1 AND place >= ?2 AND place < ?2 + ?3") \
	X(KEPT_ADD, "INSERT OR IGNORE INTO kept(entry, place) VALUES(?1, ?2)") \
	X(KEPT_BURY, "DELETE FROM kept WHERE entry = ?1 AND place >= ?2 AND place < ?2 + ?3") \
	X(PURGED_ADD, "INSERT INTO purged(entry, place, node, receipt, at) VALUES(?1, ?2, ?3, ?4, ?5) " \
		      "ON CONFLICT DO UPDATE SET receipt = excluded.receipt, at = excluded.at") \
	X(SIGNATURE_SET, "UPDATE entry SET signature = ?2 WHERE entry = ?1") \
	X(CURSOR_SET, \
	  "INSERT INTO cursor(node, entry) VALUES(?1, ?2) ON CONFLICT DO UPDATE SET entry = excluded.entry") \
	X(WITHHELD_ADD, "INSERT OR IGNORE INTO withheld(node, entry, policy_version, at) VALUES(?1, ?2, ?3, ?4)")

enum journal_statement {
#define X(name, sql) SQL_##name,
	JOURNAL_STATEMENTS(X)
#undef X
		SQL_COUNT
};

/* What an aborted commit must put back. */
struct journal_state {
	struct position position; /* of the last entry */
	uint8_t signature[SIGNATURE_SIZE];
	wall_ms accepted_at; /* of the last entry */
	uint32_t policy_version;
	struct hash policy_hash;
	bool begins; /* nothing came since a recovery but tombstones of what was erased in the history before it */
};

/* A cursor or the record of something withheld, not yet written. */
struct journal_note {
	char node[LIMIT_NODE_NAME + 1];
	uint64_t entry;
	uint32_t policy_version;
};

struct journal_notes {
	struct journal_note *list;
	size_t count, capacity;
};

/* How far the destruction of keys is. */
enum erasing {
	ERASING_NOTHING,
	ERASING_KEYS, /* some are to be destroyed, or may be */
	ERASING_LOG,  /* all are, and the log that still holds them is to be cut off */
};

struct journal {
	struct journal_options options; /* path is owned */
	uint8_t exchange[EXCHANGE_SIZE], authority[KEY_SIZE];
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_COUNT];
	struct vault *vault;
	struct journal_state state;
	struct audience_set audiences;
	struct journal_notes cursors; /* one a node */
	struct journal_notes withheld;
	enum erasing erasing;
	bool keys_wait;	      /* on a full disk: an alarm says so */
	bool dead;	      /* after an error that is not a full disk ... */
	struct fault failure; /* ... namely this one */
	int log_pages;	      /* of the write-ahead log after the last commit */
	steady_ms log_waited; /* when readers were last waited for to begin the log anew */
	atomic_bool disk_low;
};

/* The statement, reset, without bindings of the last use. */
sqlite3_stmt *journal_statement(struct journal *journal, enum journal_statement which);
/* Steps for one number and resets; `otherwise` when there is no row or it is NULL. */
enum error journal_number(sqlite3_stmt *statement, uint64_t otherwise, uint64_t *value, struct fault *fault);

/* Nothing is certain any more: nothing will be written. */
void journal_die(struct journal *journal, const struct fault *fault);

/* Takes the place of SQLite's own checkpoints. */
void journal_log_watch(struct journal *journal);

/* As journal_open, also what came out of a backup. */
enum error journal_open_marked(struct journal **journal, const struct journal_options *options, struct fault *fault);
/* Notes the incarnation of journal->state, which is one that goes on: no backup any more. Inside a transaction. */
enum error journal_incarnation_write(struct journal *journal, struct fault *fault);

/* The key that signs in the journal from now on is the one of the options. Inside a transaction. */
enum error journal_broker_write(struct journal *journal, struct fault *fault);
/* The broker's key in whose name this entry is; that of the options where it never changed. journal_succeed.c */
enum error journal_broker_key_at(struct journal *journal, uint64_t entry, uint8_t key[KEY_SIZE], struct fault *fault);

/* Reads a journal of which only this file is there: one beside which no log stands is a copy that nobody writes. */
enum error journal_file_open(sqlite3 **db, const char *file, struct fault *fault);
/* A value of table meta. E_CORRUPT unless it is there with this size. */
enum error journal_meta_get(sqlite3 *db, const char *key, void *value, size_t size, struct fault *fault);
/* Position, policy and audiences as the journal has them, after checking its newest entries. E_NOT_FOUND when it is
 * empty. */
enum error journal_state_load(struct journal *journal, struct fault *fault);
/* The last policy at or before `entry`: version 0 and a zero hash when there is none. For any connection. */
enum error journal_policy_at(sqlite3 *db, uint64_t entry, uint32_t *version, struct hash *hash, struct fault *fault);

/* An append that was written in the transaction under way. */
struct written {
	struct journal_append *append;
	struct entry_row row;
	struct buffer outcome;
	struct hash policy_hash, previous_head;
};

/* What writing one append finds out on the way. */
struct draft {
	struct journal *journal;
	struct journal_append *append;
	struct written *written;
	uint64_t origin_id;	/* 0: not in the journal yet */
	uint64_t target;	/* entry of the report referred to, 0: none */
	wall_ms now;		/* by the clock of the commit */
	wall_ms accepted_at;	/* what it will be: later than that for as long as the clock once ran ahead */
	uint64_t held, place;	/* HOLD only: entry of the report that is meant, and its place there */
	bool lifts;		/* HOLD only */
	wall_ms until;		/* HOLD that lifts none */
	bool begins;		/* TOMBSTONE only: as in journal_state, after it */
	struct hash new_policy; /* POLICY only */
	uint32_t new_version;
	struct fault *fault;
};

/* The entry of a report that was accepted; of a VOID as well, which went to nobody and has no audience. `row->outcome` is not
 * to be used. */
enum error draft_report_find(struct draft *draft, const struct report_name *name, struct entry_row *row, bool *found);
/* Adds those who received the report referred to, or makes that report's absence the verdict of this one. */
enum error draft_audience_inherit(struct draft *draft);
/* Gives the audience its number, a new one when there was none like it. Nobody has none. */
enum error draft_audience_intern(struct draft *draft);
/* Checks one append against the journal and writes it. A refusal is append->result, `*stored` is false, and nothing was
 * written; any other error ends the transaction. */
enum error append_write(struct journal *journal, struct journal_append *append, wall_ms now, struct written *written,
			bool *stored, struct fault *fault);

/* What will have to be erased because of this append: at its reports' expiry, or because it takes another back. */
enum error draft_due_write(struct draft *draft);
/* Buries what a tombstone names; journal_keys_erase once it is committed. */
enum error draft_tombstone_write(struct draft *draft);
/* Whether a hold can be placed or lifted, and whether a tombstone buries nothing that is held: else append->result says why
 * not. */
enum error draft_hold_compare(struct draft *draft);
enum error draft_tombstone_compare(struct draft *draft);
/* Whether a body was erased, or is about to be. */
enum error journal_erased_look(struct journal *journal, uint64_t entry, uint64_t place, bool *erased, struct fault *fault);
/* Makes the hold that was compared good. */
enum error draft_hold_write(struct draft *draft);
/* Notes who no longer has which reports, of a purge receipt. */
enum error draft_purges_write(struct draft *draft);
/* Goes on with the destruction of keys. Where a reader is in the way what is left waits for the next call. */
enum error journal_keys_erase(struct journal *journal, struct fault *fault);

/* Writes cursors and withheld entries in the transaction under way; journal_notes_forget once it is committed. */
enum error journal_notes_write(struct journal *journal, struct fault *fault);
void journal_notes_forget(struct journal *journal);

/* Lets the ballast go, so that what is under way can be finished on a full disk. */
void journal_ballast_release(struct journal *journal);
/* Looks at the free space; lays the ballast in again when there is room for it twice. */
void journal_disk_watch(struct journal *journal);

#endif
