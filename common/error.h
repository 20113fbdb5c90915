/* error - the one table of what can go wrong: code on the wire, exit status, what to do, sentence.
 *
 * A code never changes its number or meaning; new ones are added at the end of their range.
 * The sentence is for people: it names no value of a report, for it goes into logs. */
#ifndef SIMPUL_ERROR_H
#define SIMPUL_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

/* What the sender of a refused message does about it. */
enum remedy {
	REMEDY_NONE,	/* nothing went wrong */
	REMEDY_RETRY,	/* send the same bytes again after a pause */
	REMEDY_RESYNC,	/* send again from the number that the refusal names */
	REMEDY_CORRECT, /* these bytes will never be taken: correct the report, split the submission, or void the number */
	REMEDY_STOP,	/* stop and call a person */
};

/* X(name, code, exit status, remedy, sentence) */
#define ERROR_TABLE(X) \
	X(OK, 0, EX_OK, NONE, "no error") \
	/* 1..19: the message itself */ \
	X(MALFORMED, 1, EX_DATAERR, CORRECT, "the message cannot be decoded: truncated, trailing or invalid bytes") \
	X(NOT_CANONICAL, 2, EX_DATAERR, CORRECT, "the bytes are not the canonical encoding of their message") \
	X(NOT_UTF8, 3, EX_DATAERR, CORRECT, "a text is not valid UTF-8") \
	X(TOO_LARGE, 4, EX_DATAERR, CORRECT, "a size, length or count is above its limit") \
	X(TOO_DEEP, 5, EX_DATAERR, CORRECT, "messages are nested too deeply") \
	X(UNKNOWN_FIELD, 6, EX_DATAERR, CORRECT, "a field is not known to this version") \
	X(UNKNOWN_VALUE, 7, EX_DATAERR, CORRECT, "a value is not in its list") \
	X(MISSING, 8, EX_DATAERR, CORRECT, "a required field is missing") \
	X(INVALID, 9, EX_DATAERR, CORRECT, "a value does not have the required form") \
	X(UNEXPECTED, 10, EX_PROTOCOL, STOP, "the message is not allowed in this state") \
	X(VERSION, 11, EX_PROTOCOL, STOP, "the protocol version is not supported") \
	X(EXCHANGE, 12, EX_CONFIG, STOP, "the message is for another exchange") \
	/* 20..39: who speaks */ \
	X(KEY_UNKNOWN, 20, EX_NOPERM, STOP, "the key is not enrolled") \
	X(KEY_EXPIRED, 21, EX_NOPERM, STOP, "the key was replaced by a newer one") \
	X(KEY_REVOKED, 22, EX_NOPERM, STOP, "the key was revoked") \
	X(KEY_SUSPENDED, 23, EX_NOPERM, STOP, "the node is suspended until an operator restores it") \
	X(WRONG_ORIGIN, 24, EX_NOPERM, STOP, "the message names another node than the key that sent it") \
	X(BAD_SIGNATURE, 25, EX_DATAERR, CORRECT, "the signature does not verify") \
	X(SUPERSEDED, 26, EX_UNAVAILABLE, STOP, "a newer session of this node took over") \
	X(FOREIGN_FEED, 27, EX_NOPERM, STOP, "the node subscribed to a feed that is not its own") \
	X(KEY_LAPSED, 28, EX_NOPERM, STOP, "the key's time is over: the office needs a new one") \
	/* 40..59: numbering and histories */ \
	X(GAP, 40, EX_TEMPFAIL, RESYNC, "a number before this one is missing") \
	X(NUMBER_REUSED, 41, EX_DATAERR, STOP, "this number was used for another report") \
	X(HISTORY_DIFFERS, 42, EX_DATAERR, STOP, "the histories of sender and broker differ") \
	X(BELOW_CURSOR, 43, EX_NOPERM, STOP, "fetching below the acknowledged cursor needs an operator's reseed") \
	X(EPOCH, 44, EX_DATAERR, STOP, "the epoch is older than one that was already used") \
	X(MIXED_ROUTING, 45, EX_DATAERR, CORRECT, "the reports of a submission differ in what decides the audience") \
	X(STREAM, 46, EX_DATAERR, CORRECT, "the stream does not fit the status and the label") \
	/* 60..79: not now */ \
	X(BUSY, 60, EX_TEMPFAIL, RETRY, "what was asked for before is under way") \
	X(RATE, 61, EX_TEMPFAIL, RETRY, "the node sends more than it may per second") \
	X(DISK_FULL, 62, EX_TEMPFAIL, RETRY, "the disk is too full to take more") \
	X(STOPPING, 63, EX_TEMPFAIL, RETRY, "the broker is shutting down") \
	X(STALE_POLICY, 64, EX_TEMPFAIL, RETRY, "the policy changed while the report was under way") \
	/* 80..119: verdicts about one report; its number is used up */ \
	X(MAY_NOT_PUBLISH, 80, EX_NOPERM, CORRECT, "the policy does not let this node publish this") \
	X(LABEL_ABOVE_CEILING, 81, EX_NOPERM, CORRECT, "the label is above the node's ceiling") \
	X(RED_NEEDS_NODES, 82, EX_DATAERR, CORRECT, "a RED report must name the nodes it is for") \
	X(EMPTY_AUDIENCE, 83, EX_DATAERR, CORRECT, "nobody may receive this report") \
	X(EXPIRED, 84, EX_DATAERR, CORRECT, "the report has expired") \
	X(REGION_UNKNOWN, 85, EX_DATAERR, CORRECT, "the region does not exist") \
	X(CATEGORY_UNKNOWN, 86, EX_DATAERR, CORRECT, "the category is not in the exchange's list") \
	X(RECIPIENT_UNKNOWN, 87, EX_DATAERR, CORRECT, "a named recipient does not exist") \
	X(REFERENCE_UNKNOWN, 88, EX_DATAERR, CORRECT, "the report referred to is not known") \
	X(NOT_ORIGIN, 89, EX_NOPERM, CORRECT, "only its origin may update or cancel a report") \
	X(EXPIRES_TOO_LATE, 90, EX_DATAERR, CORRECT, "the report would be kept longer than it may") \
	X(CLOCK, 91, EX_DATAERR, CORRECT, "a time that must have passed is still to come") \
	X(UNSEALED, 92, EX_DATAERR, CORRECT, "this body must be sealed to the named nodes") \
	X(PURPOSE_UNKNOWN, 93, EX_DATAERR, CORRECT, "the purpose is not in the exchange's list") \
	X(MAY_NOT_ASK, 94, EX_NOPERM, CORRECT, "the policy does not let this node ask this") \
	X(WITHDRAWN, 95, EX_DATAERR, CORRECT, "its origin took it back, or numbered it anew, when the broker had lost it") \
	/* 120..139: at this machine */ \
	X(IO, 120, EX_IOERR, STOP, "reading or writing a file failed") \
	X(CORRUPT, 121, EX_IOERR, STOP, "stored data is damaged") \
	X(NO_MEMORY, 122, EX_OSERR, STOP, "out of memory") \
	X(CONFIG, 123, EX_CONFIG, STOP, "the configuration is wrong") \
	X(USAGE, 124, EX_USAGE, CORRECT, "wrong arguments") \
	X(UNREACHABLE, 125, EX_UNAVAILABLE, RETRY, "the other side does not answer") \
	X(NOT_FOUND, 126, EX_NOINPUT, CORRECT, "there is no such thing") \
	X(EXISTS, 127, EX_CANTCREAT, CORRECT, "it exists already") \
	X(CANNOT_OPEN, 128, EX_DATAERR, STOP, "the sealed bytes cannot be opened with this key") \
	X(INTERNAL, 129, EX_SOFTWARE, STOP, "a program error") \
	X(PASSPHRASE, 130, EX_NOPERM, STOP, "the passphrase is wrong") \
	X(FINGERPRINT, 131, EX_DATAERR, STOP, "the fingerprint is not confirmed") \
	X(OPERATORS_ONLY, 132, EX_NOPERM, STOP, "an auditor may look at everything and change nothing") \
	X(TWO_OPERATORS, 133, EX_NOPERM, STOP, "this takes two persons: two operators, or two users at an office") \
	X(ERASED, 134, EX_DATAERR, CORRECT, "what it said was erased already") \
	X(STORE_LOCKED, 135, EX_NOPERM, STOP, "it is encrypted, and its key is not there") \
	X(STORE_PLAIN, 136, EX_CONFIG, STOP, "it is not encrypted, though the keys have a passphrase") \
	X(STORE_KEY, 137, EX_NOPERM, STOP, "it is encrypted with another key") \
	X(UNRECORDED, 138, EX_NOPERM, CORRECT, \
	  "only simpul subject asks about a person and answers: who did is recorded") \
	X(PERMISSION, 139, EX_NOPERM, STOP, "this user may not read or write it")

enum error {
#define X(name, code, status, remedy, sentence) E_##name = code,
	ERROR_TABLE(X)
#undef X
};

/* An error and the place it stands at. `field` is a path such as "reports[3].header.region" or
 * "agent.yaml:12"; it never holds a value. */
struct fault {
	enum error code;
	char field[120];
	uint64_t expected; /* E_GAP: the number expected; E_BUSY, E_RATE: milliseconds to wait */
	bool whole;	   /* `field` is a sentence that says what is wrong, so that the code's own would only follow it */
};

/* "GAP" */
const char *error_name(enum error code);
/* "a number before this one is missing" */
const char *error_sentence(enum error code);
/* sysexits(3) status for a program that ends with this error */
int error_exit(enum error code);
enum remedy error_remedy(enum error code);
/* The error with this code on the wire; E_INTERNAL for a code that this version does not know. */
enum error error_of_code(uint32_t code);
/* The error that is called so ("GAP"); E_INTERNAL when none is. */
enum error error_named(const char *name);

/* Fills `fault` (may be NULL) and returns `code`, so that `return fault_at(f, E_MISSING, "header.%s", n)` works. Where it is
 * too long a path at its beginning loses folders, never the name of the file; then the end is cut. */
enum error fault_at(struct fault *fault, enum error code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same of a sentence that is whole. */
enum error fault_say(struct fault *fault, enum error code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Hands a fault on as it is; `fault` may be NULL. Returns its code. */
enum error fault_pass(struct fault *fault, const struct fault *inner);
/* Puts "outer." before the field of `fault` (or "outer" alone where it is empty, no dot before '['). */
void fault_within(struct fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "region: the region does not exist (REGION_UNKNOWN)"; of a configuration, and of a whole sentence, the field and the code
 * alone; returns `text`. */
char *fault_text(const struct fault *fault, char *text, size_t size);

#endif
