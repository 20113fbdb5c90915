/* limit - every limit of the protocol in one place. PROTOCOL.md, "Limits", repeats this table. */
#ifndef SIMPUL_LIMIT_H
#define SIMPUL_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

enum limit {
	LIMIT_FRAME = 1024 * 1024,	   /* one ZeroMQ frame, bytes */
	LIMIT_REPORT = 64 * 1024,	   /* header and body of one report, bytes */
	LIMIT_HEADER = 4 * 1024,	   /* header, bytes */
	LIMIT_ROUTING = 32 * 1024,	   /* routing, bytes: 256 key wraps */
	LIMIT_SUBMISSION = 256 * 1024,	   /* encoded submission, bytes */
	LIMIT_SUBMIT_FRAME = LIMIT_SUBMISSION + 32, /* frame that holds one, bytes */
	LIMIT_SUBMISSION_REPORTS = 256,	   /* reports in a submission */
	LIMIT_IN_FLIGHT = 16,		   /* submissions of a node that wait for their commit ... */
	LIMIT_IN_FLIGHT_BYTES = 1024 * 1024,   /* ... and their frames together */
	LIMIT_BATCH = 512 * 1024,	   /* encoded batch, bytes */
	LIMIT_WINDOW = 4 * 1024 * 1024,	   /* unacknowledged bytes pushed to a node */
	LIMIT_TAIL = 64 * 1024 * 1024,	   /* newest part of the journal held in memory, bytes */
	LIMIT_NODES = 4096,		   /* members of an exchange */
	LIMIT_NESTING = 8,		   /* messages within messages */
	LIMIT_REPEATED = 256,		   /* elements of a repeated field, unless the table below says less */
	LIMIT_TEXT = 256,		   /* bytes of a text, unless the table below says otherwise */
	LIMIT_NODE_NAME = 64,		   /* bytes of a node's name */
	LIMIT_LIFE_DAYS = 5 * 366,	   /* a report expires at most so long after it was made */
	LIMIT_PROTECTED_LIFE_DAYS = 92,	   /* the same for a report with a protection */
	LIMIT_QUERY_LIFE_DAYS = 31,	   /* the same for queries and answers */
	LIMIT_CLOCK_AHEAD_MS = 300 * 1000, /* a report may be made so far in the broker's future */
	LIMIT_COMMIT_ENTRIES = 256,	   /* entries of one commit, and so of a receipt's path */
	LIMIT_HANDSHAKE_MS = 5000,	   /* CURVE handshake */
	LIMIT_RATE_REPORTS = 1000000,	   /* reports per second of a node, unless the broker is configured for less */
	LIMIT_HEARTBEAT_MS = 2300,	   /* an empty batch when nothing else was sent */
	LIMIT_SIGN_OF_LIFE_MS = 5000,	   /* an office that has nothing to say says so by then ... */
	LIMIT_SILENCE_MS = 10000,	   /* ... and a session ends without one for twice as long at least */
	LIMIT_PURGED = 64,		   /* reports in a purge receipt */
	LIMIT_BACKUP_DAYS = 7,		   /* a copy of the data keys is overwritten by then */
	LIMIT_HOLD_DAYS = 366,	  /* an authority's order keeps a body at most so long; then it takes a new one */
	LIMIT_SESSION_TOPICS = 4, /* subscriptions a node may hold on the feed socket */
	LIMIT_LOG_LINE = 2048,	  /* a line of the log, bytes */
	LIMIT_LOG_RING = 16 * 1024 * 1024, /* newest lines of the log held in memory, bytes ... */
	LIMIT_LOG_RING_MS = 3600 * 1000,   /* ... and how long */
	LIMIT_LOG_ANSWER = 64 * 1024,	   /* lines that a watcher gets at once, bytes */
	LIMIT_LISTENER_TOPICS = 64,	   /* topics that a listener begins or ends, a connection */
	LIMIT_BULLETINS_QUEUED = 256,	   /* bulletins that wait to leave for a listener */
	LIMIT_WATCHERS = 32,		   /* keys that may follow the log from afar */
	LIMIT_WATCH_CONNECTIONS = 256,	   /* of watchers, and of whoever knocks there */
};

/* Whether a node may send another submission while so many, with frames of so many bytes, wait for their commit: the
 * largest would find room. */
static inline bool limit_in_flight_has_room(size_t count, size_t bytes)
{
	return count < LIMIT_IN_FLIGHT && bytes + LIMIT_SUBMIT_FRAME <= LIMIT_IN_FLIGHT_BYTES;
}

#define LINK_VERSION 2 /* of the messages in link.proto: what is added to them raises it */

#define SALT_SIZE 16 /* of routing, header and body: each has one of its own, bytes */

/* Longest text in bytes, or most elements, of a field of a message that a foreigner sends.
 *
 * X(message, field, limit): bytes of a text or of a bytes field; elements of a repeated field. The message is named as
 * in its generated descriptor, so that wire.c compares pointers. No text is allowed less than LIMIT_TEXT. What every
 * report has comes first, since the table is searched from the front. */
#define FIELD_LIMITS(X) \
	X(delivered_report, header, LIMIT_HEADER) \
	X(delivered_report, body, LIMIT_REPORT) \
	X(submitted_report, header, LIMIT_HEADER) \
	X(submitted_report, body, LIMIT_REPORT) \
	X(header, references, 8) \
	X(header, handling, 4) \
	X(header, protection, 8) \
	X(header, salt, SALT_SIZE) \
	X(body, salt, SALT_SIZE) \
	X(sighting, summary, 4000) \
	X(sighting, persons, 64) \
	X(sighting, vehicles, 16) \
	X(alert, description, 4000) \
	X(alert, instruction, 2000) \
	X(alert, persons, 64) \
	X(alert, vehicles, 16) \
	X(update, note, 2000) \
	X(purge_receipt, purged, LIMIT_PURGED) \
	X(purged, sinks, 16) \
	X(release_request, nodes, 16) \
	X(subject_holdings, reports, 64) \
	X(held_report, persons, 64) \
	X(held_report, holders, 1024) \
	X(held_report, summary, 4000) \
	X(person, remark, 1000) \
	X(person, documents, 8) \
	X(vehicle, remark, 1000) \
	X(draft, handling, 4) \
	X(draft, protection, 8) \
	X(draft, to, 64) \
	X(draft, not_to, 64) \
	X(routing, salt, SALT_SIZE) \
	X(routing, to, 64) \
	X(routing, not_to, 64) \
	X(routing, wraps, 256) \
	X(key_wrap, wrapped, 80) \
	X(entry_wrap, wrapped, 80) \
	X(sealed_body, commitment, 32) \
	X(sealed_body, ciphertext, LIMIT_REPORT) \
	X(submission, routing, LIMIT_ROUTING) \
	X(submission, reports, LIMIT_SUBMISSION_REPORTS) \
	X(delivery, reports, LIMIT_SUBMISSION_REPORTS) \
	X(batch, entries, 65536) \
	X(batch, wraps, 65536) \
	X(receipt, audience, LIMIT_NODES) \
	X(receipt, later, LIMIT_COMMIT_ENTRIES) \
	X(welcome, streams, 1024) \
	X(member_record, successions, 832) \
	X(broker_succession, successions, 832) \
	X(stored_submission, routing, LIMIT_ROUTING) \
	X(stored_submission, body_hashes, 32 * LIMIT_SUBMISSION_REPORTS) \
	X(policy_version, text, LIMIT_FRAME) \
	X(log_line, text, LIMIT_LOG_LINE)

#endif
