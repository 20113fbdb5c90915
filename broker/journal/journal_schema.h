/* journal_schema - the tables of journal.db and what each is read for.
 *
 * Ten million entries are to be expected: rows of `entry` are narrow, what is long stands in `content`, and there is no
 * index that no query uses. */
#ifndef SIMPUL_JOURNAL_SCHEMA_H
#define SIMPUL_JOURNAL_SCHEMA_H

#define JOURNAL_FILE "journal.db"
#define JOURNAL_BALLAST "ballast"
#define JOURNAL_VERSION 5

#define DUE_EXPIRES (-1) /* in `due`: as a place */

#define JOURNAL_SCHEMA \
	/* 'exchange', 'authority', 'broker', 'incarnation'; in a backup also its mark (backup.h) */ \
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;" \
	/* One row an entry. `signature` is of the head, at the last entry of each commit. `outcome` is a Receipt with \
	 * verdicts and unreachable only, NULL when there are none. Entries that go to nobody have no audience; other \
	 * entries than submissions have no origin. */ \
	"CREATE TABLE entry(entry INTEGER PRIMARY KEY, type INTEGER NOT NULL, accepted_at INTEGER NOT NULL," \
	" policy_version INTEGER NOT NULL, digest BLOB NOT NULL, entry_hash BLOB NOT NULL, head BLOB NOT NULL," \
	" signature BLOB, audience_id INTEGER, origin_id INTEGER, epoch INTEGER, stream INTEGER, first INTEGER," \
	" count INTEGER, outcome BLOB);" \
	/* Both end in the entry's number, as every index does: pages of a node; what is not a submission. */ \
	"CREATE INDEX entry_audience ON entry(audience_id) WHERE audience_id IS NOT NULL;" \
	"CREATE INDEX entry_other ON entry(type) WHERE type <> 2;" \
	/* `nonce` and `bodies` as vault.h says; NULL when the entry is not a submission. */ \
	"CREATE TABLE content(entry INTEGER PRIMARY KEY, content BLOB NOT NULL, nonce BLOB, bodies BLOB);" \
	"CREATE TABLE origin(id INTEGER PRIMARY KEY, node TEXT NOT NULL UNIQUE);" \
	/* The last report of each sequence, and the digest of the submission that carried it. */ \
	"CREATE TABLE stream(origin_id INTEGER, epoch INTEGER, stream INTEGER, last INTEGER NOT NULL," \
	" digest BLOB NOT NULL, PRIMARY KEY(origin_id, epoch, stream)) WITHOUT ROWID;" \
	/* The entry of a report is that of the greatest `first` that is not above its number. */ \
	"CREATE TABLE submission_of(origin_id INTEGER, epoch INTEGER, stream INTEGER, first INTEGER," \
	" entry INTEGER NOT NULL, PRIMARY KEY(origin_id, epoch, stream, first)) WITHOUT ROWID;" \
	/* `nodes` sorted, a newline between two. */ \
	"CREATE TABLE audience(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, category TEXT NOT NULL," \
	" region TEXT NOT NULL, label INTEGER NOT NULL, protection INTEGER NOT NULL, nodes TEXT NOT NULL);" \
	"CREATE TABLE member_of(node TEXT, audience_id INTEGER, PRIMARY KEY(node, audience_id)) WITHOUT ROWID;" \
	/* Updates and cancels of report `number` in entry `target`. */ \
	"CREATE TABLE reference(target INTEGER, number INTEGER, entry INTEGER, PRIMARY KEY(target, number, entry))" \
	" WITHOUT ROWID;" \
	"CREATE INDEX reference_entry ON reference(entry);" \
	/* What has to be erased. `place` -1: at this time the first reports of the entry expire that are not erased; else the \
	 * report that the CANCEL in entry `cause` took back, at once. */ \
	"CREATE TABLE due(at INTEGER, entry INTEGER, place INTEGER, cause INTEGER NOT NULL," \
	" PRIMARY KEY(at, entry, place)) WITHOUT ROWID;" \
	/* Taken back: nothing can be added to them. */ \
	"CREATE TABLE retracted(entry INTEGER, number INTEGER, PRIMARY KEY(entry, number)) WITHOUT ROWID;" \
	/* Under a tombstone; their keys are to be destroyed, if that was not done yet. Nobody gets the bodies. */ \
	"CREATE TABLE erasing(entry INTEGER, place INTEGER, count INTEGER, PRIMARY KEY(entry, place, count)) WITHOUT ROWID;" \
	/* Orders by which a report is kept, until they are lifted or it is erased; `hold` is the entry of the order. */ \
	"CREATE TABLE hold(entry INTEGER, place INTEGER, hold INTEGER, until INTEGER NOT NULL," \
	" PRIMARY KEY(entry, place, hold)) WITHOUT ROWID;" \
	/* Due and kept by such an order: nobody gets the body any more. */ \
	"CREATE TABLE kept(entry INTEGER, place INTEGER, PRIMARY KEY(entry, place)) WITHOUT ROWID;" \
	/* Who says that it no longer has a report, and in which entry. */ \
	"CREATE TABLE purged(entry INTEGER, place INTEGER, node TEXT, receipt INTEGER NOT NULL, at INTEGER NOT NULL," \
	" PRIMARY KEY(entry, place, node)) WITHOUT ROWID;" \
	"CREATE TABLE cursor(node TEXT PRIMARY KEY, entry INTEGER NOT NULL) WITHOUT ROWID;" \
	"CREATE TABLE withheld(node TEXT, entry INTEGER, policy_version INTEGER, at INTEGER NOT NULL," \
	" PRIMARY KEY(node, entry, policy_version)) WITHOUT ROWID;"

#endif
