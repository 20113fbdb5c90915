/* sink - hands stored reports on to files, programs and servers of this machine, on threads of their own: a sink that
 * fails is tried again and blocks neither the inbox nor other sinks. At least once, in order, with a stable id (the
 * report's name).
 *
 * A report that a sink does not take must not stop the others, and a sink that is away must not lose one:
 *
 *   away      the program cannot be run or ends with EX_TEMPFAIL (75), nobody listens, the answer is 429, 502, 503 or
 *             504, a file cannot be written, the folder is not the one of before: waited out for as long as it takes
 *   failed    anything else. After `attempts` of them, with growing pauses, the reports behind it are tried, some at a
 *             time: when the sink takes one of them and then fails once more on this one, this one goes to quarantine
 *             (quarantine.h) and the sink goes on. While it takes none, it counts as away. Until it has caught up, the
 *             next that fails gets one attempt: the others wait for the first alone.
 *
 * So what fails for every report quarantines none. What was taken before its turn is not handed on again, but after a
 * new start. The same holds of the word that a report was erased: where that alone is refused it waits in quarantine,
 * and nobody knows what became of the copy (UNKNOWN).
 *
 * What does not verify is handed to no sink: it waits in quarantine, and comes, at the end, when it does.
 *
 * Every sink gets the same JSON, one line: that of view_json, with "event": "report" after the label, which comes first
 * as it does in files' names; before it stands the mark of what is not in earnest ("mark": "EXERCISE"). What a sink may
 * not have by its ceiling, its statuses or because it cannot erase is passed over, counted and not tried again; it
 * stays in the inbox. What it was given before its limits were narrowed is asked back all the same. What was erased
 * before its turn came is never handed on.
 *
 *   sink.c            threads, order, pauses
 *   sink_begin.c      what the store knows of them before they start
 *   sink_mark.c       whether a folder is the one of before
 *   sink_limit.c      what a sink may have
 *   sink_erase.c      what a sink is told of reports that must go
 *   sink_kind.h       what a kind of sink is made of
 *   sink_file.c       jsonl and folder
 *   sink_program.c    a process a report
 *   sink_http.c       POST to a server of this machine */
#ifndef SIMPUL_SINK_H
#define SIMPUL_SINK_H

#include "common/cipher_vfs.h"
#include "common/error.h"
#include "common/limit.h"
#include "common/mailbox.h"
#include "common/name.h"
#include "proto/report.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

#define SINK_NAME_SIZE 64
#define SINK_REASON_SIZE 120
#define SINK_MARK_SIZE 33 /* of the mark of a folder: 32 hex digits (sink_mark.h) */

enum sink_type {
	SINK_JSONL, /* appends one line a report to a file */
	/* one file a report: "AMBER-police.oku-12.json", "EXERCISE-AMBER-police.oku-X12.json", of a flag or what is
	 * said about a release "ANSWER-police.oku-13.json"; written to a dot-file, then renamed */
	SINK_FOLDER,
	/* one process a report, the JSON as its standard input, a file that can be read twice; exit status 0: taken. It
	 * and all that it began is killed when its time is over. What it writes to its standard output and error is
	 * thrown away, but of the output for an erase event (sink_held_read). It runs in "/", as the agent's user, with
	 * PATH, LANG, SIMPUL_EVENT=report or erase, SIMPUL_NAME, the key of the report (sink_kind.h), and SIMPUL_MARK,
	 * "EXERCISE" ... or "", as its whole environment. */
	SINK_PROGRAM,
	/* POST of the JSON; 2xx: taken. "Idempotency-Key" is the key of the report. The answer's body is thrown away;
	 * redirects and proxies are not followed, and no connection is made to another machine. */
	SINK_HTTP,
};

/* What becomes of a report there when it must be erased. */
enum sink_erases {
	SINK_ERASES_YES,    /* it goes by itself */
	SINK_ERASES_MANUAL, /* somebody sees to it */
	SINK_ERASES_NO,	    /* nothing: so persons, vehicles and lodgings never go there */
};

struct sink_options {
	const char *name; /* key of its position in the store */
	enum sink_type type;
	const char *path;	 /* file, folder or program; of SINK_HTTP a local socket, or NULL */
	const char *const *args; /* of a program, without its name */
	size_t arg_count;
	const char *url, *token_file; /* of SINK_HTTP; NULL: no token */
	unsigned seconds;	      /* the most that a program or an answer may take */
	unsigned attempts;	      /* that fail before a report may go to quarantine */
	Simpul__Label ceiling;
	unsigned statuses; /* SINK_STATUS of each that it may have */
	enum sink_erases erases;
};

#define SINK_STATUS(status) (1u << (status))

/* What decides of a report whether a sink may have had it. */
struct sink_limits {
	Simpul__Label ceiling;
	unsigned statuses;
	bool persons; /* and what else identifies: it has, or had, a way to erase */
};

/* What became of a copy. */
struct sink_outcome {
	Simpul__PurgeOutcome outcome;			   /* UNSPECIFIED: there was none */
	char code[LIMIT_TEXT + 1], number[LIMIT_TEXT + 1]; /* HELD: the law, "" when it has no number */
	uint64_t until;					   /* HELD, ms */
};

/* From a sink's thread to the loop, which stores it (store thread rule): reports up to this row are handed on and those
 * up to `unsure` may be, within these limits; or the erase event `purge` was; or an item of quarantine was tried
 * again. */
struct sink_letter {
	struct letter letter;
	char name[SINK_NAME_SIZE];
	uint64_t row, unsure;
	struct sink_limits limits;
	const char *place;	   /* NULL, or its files are there from now on; of its options */
	char mark[SINK_MARK_SIZE]; /* of that place */
	uint64_t moved;		   /* and those up to this row are elsewhere */
	uint64_t purge; /* 0: none */
	struct sink_outcome outcome;
	uint64_t item; /* 0: none */
	/* 0, or `refused` is not handed on, or with `purge` its erasure not: it failed so often, and others did not */
	unsigned tries;
	uint64_t refused;	       /* the row of which `tries` speaks */
	struct report_name report;     /* its name */
	uint64_t entry;		       /* it came in */
	char reason[SINK_REASON_SIZE]; /* of the failure; "": the item was taken */
};

/* How a sink does. */
struct sink_status {
	const char *name;
	bool failing;
	char reason[SINK_REASON_SIZE]; /* why; no word of a report */
	uint64_t passed_over;	       /* since the start */
};

struct sinks;
struct sinks *sinks_start(const char *store_path, const struct cipher *cipher, const struct sink_options *options,
			  size_t count, struct mailbox *to_loop);
void sinks_wake(struct sinks *sinks); /* new rows are in the inbox */
/* Hands one row to the sink once more, as soon as it can. E_NOT_FOUND: there is no such sink; E_EXISTS: this item is
 * under way; E_BUSY: too many are. */
enum error sinks_retry(struct sinks *sinks, const char *name, uint64_t item, uint64_t row);
/* False when there is none at this place; NULL has none. From any thread. */
bool sinks_status(struct sinks *sinks, size_t index, struct sink_status *status);
/* Ends what is under way, a program too, and waits for the threads. */
void sinks_stop(struct sinks *sinks);

/* False, and why, when a report could not be handed on now: the file is not writable, the program not there, the server
 * does not listen. Hands nothing on. */
bool sink_able(const struct sink_options *options, char reason[SINK_REASON_SIZE]);
/* What is wrong with the URL of a sink, half a sentence; NULL: nothing. */
const char *sink_url_wrong(const char *url);

#endif
