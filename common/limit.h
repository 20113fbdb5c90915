/* limit - every limit of the protocol in one place. PROTOCOL.md, "Limits", repeats this table. */
#ifndef SIMPUL_LIMIT_H
#define SIMPUL_LIMIT_H

enum limit {
	LIMIT_FRAME = 1024 * 1024,	   /* one ZeroMQ frame, bytes */
	LIMIT_REPORT = 64 * 1024,	   /* header and body of one report, bytes */
	LIMIT_HEADER = 4 * 1024,	   /* header, bytes */
	LIMIT_ROUTING = 32 * 1024,	   /* routing, bytes: 256 key wraps */
	LIMIT_SUBMISSION = 256 * 1024,	   /* encoded submission, bytes */
	LIMIT_SUBMISSION_REPORTS = 256,	   /* reports in a submission */
	LIMIT_IN_FLIGHT = 4,		   /* submissions of a node that wait for their commit */
	LIMIT_BATCH = 512 * 1024,	   /* encoded batch, bytes */
	LIMIT_WINDOW = 1024 * 1024,	   /* unacknowledged bytes pushed to a node */
	LIMIT_TAIL = 64 * 1024 * 1024,	   /* newest part of the journal held in memory, bytes */
	LIMIT_NODES = 256,		   /* members of an exchange */
	LIMIT_NESTING = 8,		   /* messages within messages */
	LIMIT_REPEATED = 256,		   /* elements of a repeated field, unless the table below says less */
	LIMIT_TEXT = 256,		   /* bytes of a text, unless the table below says otherwise */
	LIMIT_NODE_NAME = 64,		   /* bytes of a node's name */
	LIMIT_LIFE_DAYS = 5 * 366,	   /* a report expires at most so long after it was made */
	LIMIT_PROTECTED_LIFE_DAYS = 92,	   /* the same for a report with a protection */
	LIMIT_CLOCK_AHEAD_MS = 300 * 1000, /* a report may be made so far in the broker's future */
	LIMIT_COMMIT_ENTRIES = 256,	   /* entries of one commit, and so of a receipt's path */
	LIMIT_HANDSHAKE_MS = 5000,	   /* CURVE handshake */
	LIMIT_RATE_REPORTS = 1000000,	   /* reports per second of a node, unless the broker is configured for less */
	LIMIT_HEARTBEAT_MS = 1000,	   /* an empty batch when nothing else was sent */
	LIMIT_SILENCE_MS = 10000,	   /* a session without a sign of life ends */
	LIMIT_SESSION_TOPICS = 4,	   /* subscriptions a node may hold on the feed socket */
};

/* Longest text in bytes, or most elements, of a field of a message that a foreigner sends. */
struct field_limit {
	const char *message; /* protobuf name: "simpul.Sighting" */
	const char *field;
	unsigned limit;
};

/* X(message, field, limit): bytes of a text or of a bytes field; elements of a repeated field */
#define FIELD_LIMITS(X) \
	X("simpul.Sighting", "summary", 4000) \
	X("simpul.Alert", "description", 4000) \
	X("simpul.Alert", "instruction", 2000) \
	X("simpul.Update", "note", 2000) \
	X("simpul.Person", "remark", 1000) \
	X("simpul.Vehicle", "remark", 1000) \
	X("simpul.Sighting", "persons", 64) \
	X("simpul.Alert", "persons", 64) \
	X("simpul.Sighting", "vehicles", 16) \
	X("simpul.Alert", "vehicles", 16) \
	X("simpul.Person", "documents", 8) \
	X("simpul.Header", "references", 8) \
	X("simpul.Header", "handling", 4) \
	X("simpul.Header", "protection", 4) \
	X("simpul.Header", "salt", 16) \
	X("simpul.Draft", "handling", 4) \
	X("simpul.Draft", "protection", 4) \
	X("simpul.Draft", "to", 64) \
	X("simpul.Draft", "not_to", 64) \
	X("simpul.Body", "salt", 16) \
	X("simpul.Routing", "salt", 16) \
	X("simpul.Routing", "to", 64) \
	X("simpul.Routing", "not_to", 64) \
	X("simpul.Routing", "wraps", 256) \
	X("simpul.KeyWrap", "wrapped", 80) \
	X("simpul.EntryWrap", "wrapped", 80) \
	X("simpul.SealedBody", "commitment", 32) \
	X("simpul.SealedBody", "ciphertext", LIMIT_REPORT) \
	X("simpul.SubmittedReport", "header", LIMIT_HEADER) \
	X("simpul.SubmittedReport", "body", LIMIT_REPORT) \
	X("simpul.Submission", "routing", LIMIT_ROUTING) \
	X("simpul.Submission", "reports", LIMIT_SUBMISSION_REPORTS) \
	X("simpul.DeliveredReport", "header", LIMIT_HEADER) \
	X("simpul.DeliveredReport", "body", LIMIT_REPORT) \
	X("simpul.Delivery", "reports", LIMIT_SUBMISSION_REPORTS) \
	X("simpul.Batch", "entries", 65536) \
	X("simpul.Batch", "wraps", 65536) \
	X("simpul.Receipt", "later", LIMIT_COMMIT_ENTRIES) \
	X("simpul.Welcome", "streams", 1024) \
	X("simpul.StoredSubmission", "routing", LIMIT_ROUTING) \
	X("simpul.StoredSubmission", "body_hashes", 32 * LIMIT_SUBMISSION_REPORTS) \
	X("simpul.PolicyVersion", "text", LIMIT_FRAME)

#endif
