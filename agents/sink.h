/* sink - hands stored reports on to files, on threads of their own: a sink that fails is tried again and blocks neither
 * the inbox nor other sinks. At least once, in order, with a stable id (the report's name).
 *
 * What a sink writes names its label first: first key, first column. */
#ifndef SIMPUL_SINK_H
#define SIMPUL_SINK_H

#include "common/error.h"
#include "common/mailbox.h"
#include <stdint.h>

enum sink_type {
	SINK_JSONL, /* appends one line a report to a file */
	/* one file a report: "AMBER-police.oku-12.json", a bad one "AMBER-police.oku-12.bad-7.json"; written to a
	 * dot-file, then renamed */
	SINK_FOLDER,
};

struct sink_options {
	const char *name; /* key of its position in the store */
	enum sink_type type;
	const char *path;
};

/* From a sink's thread to the loop: reports up to this row are handed on; the loop stores it (store thread rule). */
struct sink_letter {
	struct letter letter;
	char name[64];
	uint64_t row;
};

struct sinks;
struct sinks *sinks_start(const char *store_path, const struct sink_options *options, size_t count,
			  struct mailbox *to_loop);
void sinks_wake(struct sinks *sinks); /* new rows are in the inbox */
void sinks_stop(struct sinks *sinks);

#endif
