/* sink_kind - what a kind of sink is made of; sink.c gives it one report after the other, on the sink's thread. */
#ifndef SIMPUL_SINK_KIND_H
#define SIMPUL_SINK_KIND_H

#include "agents/reports/view.h"
#include "agents/sink/sink.h"
#include "common/bytes.h"

/* One report on its way; borrowed. */
struct sink_report {
	/* "police.oku#12"; of a notice that it says something else by now "police.oku#12.superseded-57": it must not
	 * take the place of the report. */
	const char *key;
	const char *mark; /* "EXERCISE" ...; NULL: it is in earnest */
	const char *label;
	struct bytes json; /* with its line end */
	bool moved;	   /* of one that must go: it may be where the sink was before (sink_begin.h) */
};

/* Why something failed; it goes into the log. */
struct sink_reason {
	char text[SINK_REASON_SIZE];
	bool is_away; /* whatever the report, none could be handed on now */
};

/* Both fill in the reason and return false. After sink_fails the report may be at fault, after sink_is_away it is not.
 */
bool sink_fails(struct sink_reason *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool sink_is_away(struct sink_reason *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define SINK_KEY_SIZE (REPORT_NAME_SIZE + 32)
/* A document about a row, as one line, for as long as it takes to hand it on; `report` borrows from the rest. */
struct sink_document {
	char key[SINK_KEY_SIZE];
	json_t *json;
	char *line;
	struct sink_report report;
};
/* Takes over `json`. */
void sink_document_begin(struct sink_document *document, const struct inbox_row *row, json_t *json);
void sink_document_end(struct sink_document *document);
/* What `erases` makes of an event that was taken. */
Simpul__PurgeOutcome sink_outcome_declared(enum sink_erases erases);

/* Where a sink's files are, by what the store knows (sink_begin.h). */
struct sink_home {
	char *path;		   /* as the settings had it; "": it has none yet, or no files */
	char mark[SINK_MARK_SIZE]; /* of the folder (sink_mark.h); "": none yet */
};

struct sink_kind {
	bool slow; /* each report takes its time: none is held back for the others of a page */
	/* Never fails; `stop` becomes readable when nothing is to be waited for any more. */
	void *(*open)(const struct sink_options *options, int stop);
	/* Of one whose files have a home; NULL: they have none. Before each page: true, with the mark that is there,
	 * when it can be used; false when it is away. */
	bool (*arrive)(void *self, const struct sink_home *home, char mark[SINK_MARK_SIZE], struct sink_reason *why);
	bool (*put)(void *self, const struct sink_report *report, struct sink_reason *why);
	/* The report must go: `json` is the event (sink_erase.h). Safe when it returns. */
	bool (*erase)(void *self, const struct sink_report *report, struct sink_outcome *outcome,
		      struct sink_reason *why);
	/* After some `put`: all of it is safe, or has to be put again. NULL: it is already. */
	bool (*settle)(void *self, struct sink_reason *why);
	void (*close)(void *self);
	bool (*able)(const struct sink_options *options, struct sink_reason *why);
};

extern const struct sink_kind sink_jsonl, sink_folder, sink_program, sink_http;

#endif
