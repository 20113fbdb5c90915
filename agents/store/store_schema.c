/* store_schema - the tables of the agent's database and what each is read for. */
#include "agents/store/store_schema.h"

/* clang-format off */
/* What is in which table. Numbers are milliseconds where they are times; blobs are the bytes as signed or received.
 *
 *   meta              exchange (blob), node (text), epoch (of the outbox, integer); 'epoch 2' and so on: why it began;
 *                     'epoch told': the highest that a broker had and this store had not; in a backup its mark
 *                     (backup.h); 'broker keys': an encoded BrokerTerms (broker_ring.h)
 *
 *   outbox_report     one row a report of this office, from the moment that it was taken. Nothing in a row changes
 *                     later but code and field (why it was refused), cut, and what erasure takes, so that accepting 256
 *                     reports does not write 256 rows. body is the plain Body, also for RED: the sealed form stands in
 *                     the submission. routing is a Routing without salt and wraps; routing_key the hash of all that
 *                     must be equal within a submission, alone is 1 for kinds that travel alone; sealed 1 when the body
 *                     leaves this machine sealed; cut 1: a submission ends with this report (it was part of a split
 *                     one). A row with a code and no submission awaits its VOID. reference: the name of the own report
 *                     that an update or cancel is about, or ''. expires: of the header, 0 for kinds without. erased_at
 *                     and rule (PurgeRule), 0 until body was emptied
 *   submission        frozen: bounds, digest and bytes as they are sent, signed with key_id. void 1: stands in for a
 *                     report that was refused. holed 1: bodies were erased from the message, which can never be sent
 *                     again as it was
 *   broken            holed submissions that a restored broker lost: what is left of each goes again, in pieces, with
 *                     the routing and the strings that it had (or who has the report would take it for another one)
 *   receipt           of a submission; apart from it because updating a row rewrites its message too
 *   former_receipt    given by a broker that lost it and was restored from a backup: evidence; the submission goes
 *                     again
 *   stream            last: number of the newest report; frozen: of the newest that was ever part of a submission;
 *                     receipted: up to here every number has a receipt
 *   outbox (view)     outbox_report with state (enum outbox_state) and the entry of its receipt; a cross join keeps
 *                     SQLite from sorting a million reports by stream first
 *   taken_file        drop-folder files that were taken, for the intake, and how many lines of each came back then:
 *                     no names, for these may be of persons, and nothing here is ever erased
 *
 *   inbox             one row a report received; no number is given twice, for sinks go by it. body: the plain Body,
 *                     opened where it travelled sealed; empty when it was erased or could not be opened. trust: enum
 *                     inbox_trust. expires: of the header, 0 for kinds without. erased_at and rule, 0 until then;
 *                     body_hash: of the body string as it was signed, once it is erased. notice 1: no report, but the
 *                     origin's word that the one of this name says something else by now, which this office may not
 *                     have: its header is a cancel's, made here (inbox_notice.h); proof of its delivery is a
 *                     Superseded. place: its turn in the order in which all was received, which stays when a row that
 *                     is verified later gets a new number
 *   inbox_delivery    the submission that a row came in: proof is the Delivery with each report reduced to its leaf
 *                     (those marked bad are kept whole, as evidence); content_key opens and seals its bodies (empty
 *                     when plain): sealing the row's body again gives the very bytes that were signed. wrap: that
 *                     key as it came, where none of this office's keys opened it: those of wrap_key_id may. incarnation
 *                     0: of a notice that the broker lost, when it was restored, and may bring again
 *   quarantine        what could not be applied or handed on, why, and what became of it (quarantine.h): cause and
 *                     state as there; row 0 and entry for what was withheld
 *   mark              inbox.row and inbox.place of each update, cancel and notice (kind 0) under the name of the report
 *                     that it is about, whether that one came before, comes later or never: what it means for a reader
 *                     stands in view_rows.c
 *   retraction        reports whose origin took them back for good, this office's own among them: what they said, and
 *                     what their updates said, is erased as soon as it is there
 *   purge             what was erased in the inbox, in that order, for the sinks and for the origin. row 0: it never
 *                     came, or is a further answer about what has a note. identifies: the body said who somebody is.
 *                     answer: 0 none is due, 1 due, not before `due`, 2 in the outbox. alone: no other goes with it,
 *                     for the broker refused a receipt of several. refused_at: when it refused this one for what it
 *                     says, so that it is not said again; 0: it did not
 *   purged            what the recipients of this office's reports answered, each the newest by accepted_at and entry of
 *                     its receipt; sinks is a Purged with nothing but these
 *   purge_sink        what each sink that had a copy said last became of it (PurgeOutcome; code, number and until when
 *                     it is held), under the first note of the report's name; 'office-store' is this store itself
 *   subject_read      who looked for what is held of a person, when, and on which request (subject_record.h): the names
 *                     of the reports that were seen, and not a word of them. Kept for good
 *   reading           who had what reports say shown to him otherwise, by which command, and when (reading.h)
 *
 *   withheld          entries that were meant for this node and may not be delivered to it; each waits in quarantine,
 *                     or has left a notice in the inbox
 *   member, standing  records of keys and decisions about them, as the feed told of them
 *   head              signed positions of the broker, the newest of each day: evidence against a changed history
 *   former_head       those of a history that is over since the broker was restored from a backup: evidence
 *   cursor            one row: everything up to here is stored
 *   sink              how far each sink has been served, by inbox.row, and told of what was erased, by purge.id; up to
 *                     `unsure` it may have rows that failed. ceiling, statuses and persons: the widest limits under
 *                     which it was served (sink.h). place: the folder of one that has files, else ''; rows up to `moved`
 *                     were handed on at another
 *
 *   hold              orders by which something is kept, and words that lift one (lifts: its id), each of two persons:
 *                     who placed it and who confirmed it, by Unix user. ended_at: lifted, or over by a clock that was
 *                     right
 *   kept              what such an order keeps: its strings are erased in inbox or outbox. purge: a note of that, under
 *                     a name that its origin is answered about, 0 where it is not; proof: a Proof, empty where there
 *                     is none
 *   opening           who read what is kept, when and why */
/* clang-format on */

static const char schema_outbox[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE outbox_report("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,"
	" routing_key BLOB NOT NULL, alone INTEGER NOT NULL, sealed INTEGER NOT NULL, cut INTEGER NOT NULL DEFAULT 0,"
	" kind INTEGER NOT NULL, label INTEGER NOT NULL, category TEXT NOT NULL, region TEXT NOT NULL,"
	" taken_at INTEGER NOT NULL, source TEXT NOT NULL,"
	" code INTEGER NOT NULL DEFAULT 0, field TEXT NOT NULL DEFAULT '', reference TEXT NOT NULL DEFAULT '',"
	" expires INTEGER NOT NULL DEFAULT 0, erased_at INTEGER NOT NULL DEFAULT 0, rule INTEGER NOT NULL DEFAULT 0,"
	" routing BLOB NOT NULL, header BLOB NOT NULL, body BLOB NOT NULL,"
	" PRIMARY KEY(epoch, stream, number));"
	"CREATE INDEX outbox_refused ON outbox_report(code) WHERE code <> 0;"
	"CREATE INDEX outbox_reference ON outbox_report(reference) WHERE reference <> '';"
	"CREATE INDEX outbox_expires ON outbox_report(expires) WHERE erased_at = 0 AND expires > 0;"
	"CREATE TABLE submission("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,"
	" digest BLOB NOT NULL, void INTEGER NOT NULL, key_id INTEGER NOT NULL, holed INTEGER NOT NULL DEFAULT 0,"
	" message BLOB NOT NULL, PRIMARY KEY(epoch, stream, first));"
	"CREATE TABLE broken("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,"
	" message BLOB NOT NULL, PRIMARY KEY(epoch, stream, first));"
	"CREATE TABLE receipt("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL,"
	" entry INTEGER NOT NULL, accepted_at INTEGER NOT NULL, receipt BLOB NOT NULL,"
	" PRIMARY KEY(epoch, stream, first)) WITHOUT ROWID;"
	"CREATE TABLE former_receipt("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL,"
	" entry INTEGER NOT NULL, accepted_at INTEGER NOT NULL, receipt BLOB NOT NULL,"
	" PRIMARY KEY(epoch, stream, first, receipt)) WITHOUT ROWID;"
	"CREATE TABLE stream("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, last INTEGER NOT NULL, frozen INTEGER NOT NULL,"
	" receipted INTEGER NOT NULL, PRIMARY KEY(epoch, stream)) WITHOUT ROWID;"
	"CREATE VIEW outbox AS SELECT o.epoch, o.stream, o.number,"
	" CASE WHEN o.code <> 0 THEN 3 WHEN o.number <= s.receipted THEN 2 WHEN o.number <= s.frozen THEN 1 ELSE 0 END"
	" AS state, o.routing_key, o.routing, o.header, o.body, o.kind, o.label, o.category, o.region, o.taken_at, "
	"o.source,"
	" o.code, o.field, o.reference, o.expires, o.erased_at, o.rule, (SELECT r.entry FROM receipt r"
	" WHERE o.number <= s.receipted AND r.epoch = o.epoch AND r.stream = o.stream AND r.first <= o.number"
	" ORDER BY r.first DESC LIMIT 1) AS entry"
	" FROM outbox_report o CROSS JOIN stream s ON s.epoch = o.epoch AND s.stream = o.stream;"
	"CREATE INDEX outbox_query ON outbox_report(epoch, stream, number) WHERE kind IN (10, 11);"
	"CREATE INDEX outbox_release ON outbox_report(epoch, stream, number) WHERE kind IN (8, 9);"
	"CREATE TABLE taken_file("
	" identity BLOB PRIMARY KEY, taken_at INTEGER NOT NULL, rejected INTEGER NOT NULL) WITHOUT ROWID;";

static const char schema_inbox[] =
	"CREATE TABLE inbox("
	" row INTEGER PRIMARY KEY AUTOINCREMENT, entry INTEGER NOT NULL, idx INTEGER NOT NULL, origin TEXT NOT NULL,"
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL, accepted_at INTEGER NOT NULL,"
	" received_at INTEGER NOT NULL, trust INTEGER NOT NULL, kind INTEGER NOT NULL, label INTEGER NOT NULL,"
	" category TEXT NOT NULL, region TEXT NOT NULL, delivery_id INTEGER NOT NULL,"
	" expires INTEGER NOT NULL DEFAULT 0, erased_at INTEGER NOT NULL DEFAULT 0, rule INTEGER NOT NULL DEFAULT 0,"
	" notice INTEGER NOT NULL DEFAULT 0, body_hash BLOB NOT NULL DEFAULT x'', header BLOB NOT NULL,"
	" body BLOB NOT NULL, place INTEGER GENERATED ALWAYS AS (delivery_id * 256 + idx) VIRTUAL);"
	"CREATE INDEX inbox_name ON inbox(origin, epoch, stream, number);"
	"CREATE INDEX inbox_expires ON inbox(expires) WHERE erased_at = 0 AND expires > 0;"
	"CREATE INDEX inbox_query ON inbox(row) WHERE kind IN (10, 11);"
	"CREATE INDEX inbox_release ON inbox(row) WHERE kind IN (8, 9);"
	"CREATE TABLE subject_read("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, user TEXT NOT NULL, action TEXT NOT NULL,"
	" query TEXT NOT NULL, missing INTEGER NOT NULL, reports TEXT NOT NULL);"
	"CREATE TABLE reading(user TEXT NOT NULL, command TEXT NOT NULL, about TEXT NOT NULL, at INTEGER NOT NULL,"
	" until INTEGER NOT NULL, times INTEGER NOT NULL, PRIMARY KEY(user, command, about, at)) WITHOUT ROWID;"
	"CREATE TABLE mark("
	" origin TEXT NOT NULL, epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,"
	" kind INTEGER NOT NULL, place INTEGER NOT NULL, row INTEGER NOT NULL,"
	" PRIMARY KEY(origin, epoch, stream, number, kind, place)) WITHOUT ROWID;"
	"CREATE TABLE inbox_delivery("
	" delivery_id INTEGER PRIMARY KEY, incarnation INTEGER NOT NULL, entry INTEGER NOT NULL, origin TEXT NOT NULL,"
	" key_id INTEGER NOT NULL, accepted_at INTEGER NOT NULL, policy_version INTEGER NOT NULL,"
	" content_key BLOB NOT NULL, wrap_key_id INTEGER NOT NULL DEFAULT 0, wrap BLOB NOT NULL DEFAULT x'',"
	" proof BLOB NOT NULL);"
	"CREATE TABLE quarantine("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, cause INTEGER NOT NULL, row INTEGER NOT NULL, entry INTEGER NOT NULL,"
	" sink TEXT NOT NULL, code INTEGER NOT NULL, detail TEXT NOT NULL, tries INTEGER NOT NULL, since INTEGER NOT "
	"NULL,"
	" state INTEGER NOT NULL, decided_at INTEGER NOT NULL DEFAULT 0, decided_by TEXT NOT NULL DEFAULT '',"
	" reason TEXT NOT NULL DEFAULT '', UNIQUE(cause, row, entry, sink));"
	"CREATE INDEX quarantine_waits ON quarantine(cause) WHERE state = 0;";

static const char schema_erasure[] =
	"CREATE TABLE retraction("
	" origin TEXT NOT NULL, epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,"
	" PRIMARY KEY(origin, epoch, stream, number)) WITHOUT ROWID;"
	"CREATE TABLE purge("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, row INTEGER NOT NULL, origin TEXT NOT NULL, epoch INTEGER NOT NULL,"
	" stream INTEGER NOT NULL, number INTEGER NOT NULL, rule INTEGER NOT NULL, at INTEGER NOT NULL,"
	" identifies INTEGER NOT NULL DEFAULT 0, answer INTEGER NOT NULL, due INTEGER NOT NULL DEFAULT 0,"
	" alone INTEGER NOT NULL DEFAULT 0, refused_at INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX purge_due ON purge(answer) WHERE answer = 1;"
	"CREATE INDEX purge_refused ON purge(refused_at) WHERE refused_at > 0;"
	"CREATE INDEX purge_row ON purge(row);"
	"CREATE INDEX purge_name ON purge(origin, epoch, stream, number);"
	"CREATE TABLE purged("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL, node TEXT NOT NULL,"
	" key_id INTEGER NOT NULL, accepted_at INTEGER NOT NULL, entry INTEGER NOT NULL, rule INTEGER NOT NULL,"
	" at INTEGER NOT NULL, sinks BLOB NOT NULL, PRIMARY KEY(epoch, stream, number, node)) WITHOUT ROWID;"
	"CREATE TABLE purge_sink(purge INTEGER NOT NULL, sink TEXT NOT NULL, outcome INTEGER NOT NULL, code TEXT NOT "
	"NULL,"
	" number TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(purge, sink)) WITHOUT ROWID;"
	"CREATE INDEX purge_sink_asked ON purge_sink(purge) WHERE outcome = 2;";

static const char schema_feed[] =
	"CREATE TABLE withheld(entry INTEGER PRIMARY KEY, policy_version INTEGER NOT NULL,"
	" accepted_at INTEGER NOT NULL);"
	"CREATE TABLE member(node TEXT NOT NULL, key_id INTEGER NOT NULL, entry INTEGER NOT NULL, record BLOB NOT NULL,"
	" PRIMARY KEY(node, key_id)) WITHOUT ROWID;"
	"CREATE TABLE standing(node TEXT NOT NULL, key_id INTEGER NOT NULL, entry INTEGER NOT NULL,"
	" standing INTEGER NOT NULL, since INTEGER NOT NULL, code INTEGER NOT NULL, reason TEXT NOT NULL,"
	" PRIMARY KEY(node, key_id, entry)) WITHOUT ROWID;"
	"CREATE TABLE head(day INTEGER PRIMARY KEY, incarnation INTEGER NOT NULL, entry INTEGER NOT NULL,"
	" head BLOB NOT NULL, signature BLOB NOT NULL);"
	"CREATE TABLE former_head(incarnation INTEGER NOT NULL, entry INTEGER NOT NULL, head BLOB NOT NULL,"
	" signature BLOB NOT NULL, PRIMARY KEY(incarnation, entry)) WITHOUT ROWID;"
	"CREATE TABLE cursor(one INTEGER PRIMARY KEY CHECK(one = 1), incarnation INTEGER NOT NULL,"
	" entry INTEGER NOT NULL, head BLOB NOT NULL);"
	"CREATE TABLE sink(name TEXT PRIMARY KEY, row INTEGER NOT NULL, purged INTEGER NOT NULL DEFAULT 0,"
	" unsure INTEGER NOT NULL DEFAULT 0, ceiling INTEGER NOT NULL DEFAULT 0, statuses INTEGER NOT NULL DEFAULT 0,"
	" persons INTEGER NOT NULL DEFAULT 0, place TEXT NOT NULL DEFAULT '', mark TEXT NOT NULL DEFAULT '',"
	" moved INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;";

static const char schema_hold[] =
	"CREATE TABLE hold("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, epoch INTEGER NOT NULL, stream INTEGER NOT NULL,"
	" number INTEGER NOT NULL, authority TEXT NOT NULL, order_number TEXT NOT NULL, until INTEGER NOT NULL,"
	" reason TEXT NOT NULL, lifts INTEGER NOT NULL, placed_by TEXT NOT NULL, placed_uid INTEGER NOT NULL,"
	" placed_at INTEGER NOT NULL, confirmed_by TEXT NOT NULL DEFAULT '', confirmed_uid INTEGER NOT NULL DEFAULT 0,"
	" confirmed_at INTEGER NOT NULL DEFAULT 0, ended_at INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX hold_name ON hold(origin, epoch, stream, number);"
	"CREATE TABLE kept("
	" origin TEXT NOT NULL, epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,"
	" rule INTEGER NOT NULL, at INTEGER NOT NULL, purge INTEGER NOT NULL DEFAULT 0, header BLOB NOT NULL,"
	" body BLOB NOT NULL, proof BLOB NOT NULL, PRIMARY KEY(origin, epoch, stream, number)) WITHOUT ROWID;"
	"CREATE TABLE opening("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, origin TEXT NOT NULL, epoch INTEGER NOT NULL, stream INTEGER NOT NULL,"
	" number INTEGER NOT NULL, opened_by TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL);";

void store_schema(struct buffer *schema)
{
	buffer_text(schema, schema_outbox);
	buffer_text(schema, schema_inbox);
	buffer_text(schema, schema_erasure);
	buffer_text(schema, schema_feed);
	buffer_text(schema, schema_hold);
	buffer_u8(schema, 0);
}
