/* store - the agent's database: one file (agent.db) that holds outbox, inbox, members and cursor.
 *
 * One connection writes, on the agent's loop thread; `simpul` and the sinks' thread read with connections of their own.
 * What is in which table stands in store_schema.c. */
#ifndef SIMPUL_STORE_H
#define SIMPUL_STORE_H

#include "common/backup.h"
#include "common/chain.h"
#include "common/database.h"
#include "common/member.h"
#include "common/name.h"

#define STORE_VERSION 17
#define STORE_STATEMENTS 320 /* store_test counts those that there are */

struct store {
	sqlite3 *db;
	struct store_statement {
		const char *sql; /* compared by address */
		sqlite3_stmt *statement;
	} statements[STORE_STATEMENTS]; /* prepared once, finalised by store_close */
	uint8_t exchange[EXCHANGE_SIZE];
	char node[LIMIT_NODE_NAME + 1];
	uint32_t epoch; /* of the outbox */
	/* E_OK, or what a read or a commit failed with that no repetition mends (after a sync that failed a retry would
	 * lie): store_begin refuses from then on, and the agent ends. */
	struct fault failure;
	/* Something was erased, and its old pages may still stand in the log: database_wipe_log. True after opening, for
	 * nobody knows how the last run ended. */
	bool wipe_due;
};

/* Opens or creates; a store of another exchange or node is E_EXCHANGE / E_WRONG_ORIGIN, one out of a backup
 * E_HISTORY_DIFFERS (outbox_begin_epoch). `cipher` (store_key.h): NULL where it is plain; as database_open_store. */
enum error store_open(struct store *store, const char *path, const struct cipher *cipher,
		      const uint8_t exchange[EXCHANGE_SIZE], const char *node, struct fault *fault);
/* As store_open, also what came out of a backup. */
enum error store_open_marked(struct store *store, const char *path, const struct cipher *cipher,
			     const uint8_t exchange[EXCHANGE_SIZE], const char *node, struct fault *fault);
/* One agent for each store, for two would number the same reports: *lock is an open file that is closed when all is
 * done, and ends with the process. E_EXISTS: another runs, and did not end within `patience_ms`. */
#define STORE_PATIENCE_MS 3000
enum error store_lock(const char *store, int patience_ms, int *lock, struct fault *fault);
enum error store_open_reader(struct store *store, const char *path, const struct cipher *cipher, struct fault *fault);
/* A copy that nobody writes (DATABASE_COPY), of this exchange and node; as store_open. */
enum error store_open_copy(struct store *store, const char *path, const struct cipher *cipher,
			   const uint8_t exchange[EXCHANGE_SIZE], const char *node, struct fault *fault);
void store_close(struct store *store);
/* The prepared statement for `sql`, a constant. Whoever steps it resets it, or the transaction stays open. */
sqlite3_stmt *store_statement(struct store *store, const char *sql);
/* A name as the tables have it, in four columns from `column` on; and one of this office's own, whose origin is in
 * none. */
void name_bind(sqlite3_stmt *statement, int column, const struct report_name *name);
void own_name_bind(sqlite3_stmt *statement, int column, const struct report_name *name);
/* The same, out of the row that a question stands on; one of this office's own with `node` as its origin. */
struct report_name name_column(sqlite3_stmt *row, int column);
struct report_name own_name_column(sqlite3_stmt *row, int column, const char *node);
/* Steps a question that one row answers: E_OK with the row, E_NOT_FOUND (`fault` untouched) without one, anything else
 * when it cannot be read. Whoever asked resets the statement. */
enum error store_ask(struct store *store, sqlite3_stmt *question, struct fault *fault);

/* Runs one that changes something and is a transaction of its own, or part of one that was begun. */
enum error store_put(struct store *store, sqlite3_stmt *put, struct fault *fault);

/* A transaction: begin, then commit (one fsync) or rollback. E_DISK_FULL: rolled back, nothing changed. */
enum error store_begin(struct store *store, struct fault *fault);
enum error store_commit(struct store *store, struct fault *fault);
void store_rollback(struct store *store);
/* One of the two, by what came of the work between; what came of it all. */
enum error store_end(struct store *store, enum error error, struct fault *fault);

/* ---- members, as the feed tells of them; inside a transaction */
enum error store_member(struct store *store, uint64_t entry, const struct member *member, struct fault *fault);
enum error store_standing(struct store *store, uint64_t entry, const Simpul__MemberStanding *standing,
			  struct fault *fault);

/* The key that was in force for `node` with this key id at `entry`. */
struct member_key {
	struct member member;
	uint64_t valid_from;  /* entry of its record */
	uint64_t valid_until; /* entry of the next record of the node; UINT64_MAX: still in force */
	Simpul__Standing standing;
	wall_ms doubtful_since; /* STANDING_COMPROMISED: reports made since then are doubtful */
};
/* E_KEY_UNKNOWN, E_KEY_EXPIRED (not in force at `entry`). */
enum error store_key(struct store *store, const char *node, uint32_t key_id, uint64_t entry, struct member_key *key,
		     struct fault *fault);
/* The newest active key of a node: whom to seal to. */
enum error store_current_key(struct store *store, const char *node, struct member_key *key, struct fault *fault);

/* ---- cursor */
enum error store_cursor(struct store *store, struct position *cursor, struct fault *fault);

#endif
