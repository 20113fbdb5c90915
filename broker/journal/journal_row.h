/* journal_row - what the writer, the readers and the check share: a row of `entry`, receipts, audiences in memory. */
#ifndef SIMPUL_JOURNAL_ROW_H
#define SIMPUL_JOURNAL_ROW_H

#include "broker/journal/journal.h"
#include "common/database.h"

/* ---------------------------------------------------------------------------- rows */

/* Columns in the order that row_load reads them. */
#define ENTRY_COLUMNS \
	"entry, type, accepted_at, policy_version, digest, entry_hash, head, signature, audience_id, origin_id, " \
	"epoch, stream, " \
	"first, count, outcome"
#define ENTRY_COLUMN_COUNT 15

struct entry_row {
	uint64_t entry;
	uint32_t type; /* Simpul__EntryType */
	wall_ms accepted_at;
	uint32_t policy_version;
	struct hash digest, entry_hash, head;
	bool is_signed; /* last of its commit */
	uint8_t signature[SIGNATURE_SIZE];
	uint32_t audience_id; /* 0: goes to nobody */
	uint64_t origin_id, first, count;
	uint32_t epoch, stream;
	struct bytes outcome; /* until the statement's next step */
};

/* Steps a statement for one row: E_OK, E_NOT_FOUND (no fault filled), or what the database says. The caller resets it.
 */
enum error journal_row_step(sqlite3_stmt *statement, struct fault *fault);
/* E_CORRUPT at "journal.db: entry N". */
enum error entry_corrupt(uint64_t entry, struct fault *fault);
/* False when a column has not the size it must have. */
bool row_load(sqlite3_stmt *statement, struct entry_row *row);

/* ---------------------------------------------------------------------------- audiences */

/* All audiences of a journal, found by number and by content. Numbers have no gaps. */
struct audience_set {
	struct audience *list; /* number n at n - 1 */
	size_t count, capacity;
	uint32_t *buckets, *next; /* numbers; 0: none */
	size_t bucket_count;
};

/* Reads those that are not in memory yet. */
enum error audience_set_load(struct audience_set *all, sqlite3 *db, struct fault *fault);
/* NULL when there is none; 0 gives the empty audience. */
const struct audience *audience_set_get(const struct audience_set *all, uint32_t id);
/* The number of the audience of equal class and nodes; 0 when there is none. */
uint32_t audience_set_find(const struct audience_set *all, const struct audience *audience);
/* Takes a copy under the next number, which is returned. */
uint32_t audience_set_add(struct audience_set *all, const struct audience *audience);
/* Forgets the newest ones beyond `count`. */
void audience_set_cut(struct audience_set *all, size_t count);
void audience_set_free(struct audience_set *all);

/* Adds the nodes of `more` that are not in `to`. Both sorted, and so is the result. */
void audience_merge(struct audience *to, const struct audience *more);
/* True for a node of the audience, and for an agency of which a node is in it. */
bool audience_reaches(const struct audience *audience, const char *name);
/* Node names as protobuf and chain want them; free() the array, not the names. */
char **audience_names(const struct audience *audience);

/* ---------------------------------------------------------------------------- outcomes, hashes and receipts */

/* The refused reports' verdicts and the unreachable nodes of an append; nothing when there are none. */
void outcome_pack(const struct journal_append *append, struct buffer *out);
/* In memory of `arena`; never NULL for bytes that outcome_pack wrote, also none. */
Simpul__Receipt *outcome_unpack(struct bytes outcome, struct arena *arena);
/* E_OK, or why the report with this number was refused. */
enum error outcome_verdict(const Simpul__Receipt *outcome, uint64_t number);

/* The hash that `row` should have. */
struct hash row_hash(const struct entry_row *row, const uint8_t broker_key[KEY_SIZE], const Simpul__Receipt *outcome,
		     const struct audience *audience);

/* All that a receipt says, borrowed. The first receipt and every repeat come from here, so that they are equal. */
struct receipt_parts {
	const struct entry_row *row; /* its signature is not looked at */
	uint32_t incarnation;
	struct hash policy_hash, previous_head;
	const struct audience *audience;
	const struct hash *later; /* entry hashes up to the signed head */
	size_t later_count;
	const uint8_t *signature; /* SIGNATURE_SIZE */
};
/* False when the row's outcome cannot be read. */
bool receipt_build(const struct receipt_parts *parts, struct buffer *out);

/* A stored message in memory of `arena`; NULL when the bytes are not that message in canonical form. */
void *stored_unpack(const ProtobufCMessageDescriptor *type, struct bytes content, struct arena *arena);
/* Whether an UPDATE's origin kept it from some of those who have what it is about: by `not_to`, or sealed to others. */
bool stored_is_kept_from_some(const Simpul__StoredSubmission *stored, struct arena *arena);
/* Why an UPDATE's origin keeps it from a node that has what it is about: DENIED_LEFT_OUT, DENIED_NO_KEY. ADMITTED: it does
 * not, or this is no UPDATE. */
enum denial update_denial(const Simpul__Header *header, const Simpul__Routing *routing, const char *node);
/* Takes those out of an audience; false when the submission cannot be read. */
bool stored_kept_remove(const Simpul__StoredSubmission *stored, struct audience *audience, struct arena *arena);
/* The hash of a report's body; false when the submission does not have that many. */
bool stored_body_hash(const Simpul__StoredSubmission *stored, size_t index, struct hash *hash);

#endif
