/* sink_state - one sink at work, as the files see it that work it; private to them.
 *
 *   sink.c        threads, order, pauses
 *   sink_again.c  a report that fails while others do not, and what somebody wants tried once more */
#ifndef SIMPUL_SINK_STATE_H
#define SIMPUL_SINK_STATE_H

#include "agents/sink/sink_kind.h"
#include "agents/sink/sink_limit.h"
#include "agents/store/store.h"
#include "common/clock.h"
#include <pthread.h>

enum {
	AHEAD_MOST = 256, /* as a submission may have reports: one is taken ahead for each that goes to quarantine */
	RETRIES_MOST = 16,
};

/* The report that fails, or its erasure, how often it did, and those behind it that the sink took meanwhile. */
struct suspect {
	uint64_t row;	/* 0: none */
	uint64_t event; /* 0: the report itself fails; else the erase event of it */
	unsigned failures;
	bool hurry;	 /* one went to quarantine, and the sink has not caught up since */
	uint64_t looked; /* rows up to here were tried before their turn; those behind it are next. 0: begin anew */
	uint64_t ahead[AHEAD_MOST]; /* 0: free; what finds no place is handed on twice */
};

/* What somebody wants to have tried once more. */
struct retry {
	uint64_t item, row;
};

struct sinks;

/* One sink. Everything but `thread`, and what is under the lock, belongs to its thread. */
struct sink {
	struct sinks *all;
	struct sink_options options;
	struct sink_limits widest; /* of all that it ever had: what it may hold */
	const struct sink_kind *kind;
	void *self; /* the kind's */
	pthread_t thread;
	struct store store;
	bool store_open;
	uint64_t row;	  /* handed on */
	uint64_t purge;	  /* the last erase event that it was told of */
	struct sink_home home;
	uint64_t moved;	  /* rows up to here were handed on at another home */
	uint64_t unsure;  /* rows up to here may be there: tried, or before a kill that let nobody note it */
	unsigned pause_s; /* before the next attempt; 0: it works */
	uint64_t passed_over[SINK_VERDICTS]; /* since it was last said */
	steady_ms passed_over_said;	     /* 0: never */
	struct suspect suspect;
	struct arena arena;
	struct sink_status shown; /* under the lock, as the rest */
	bool noted;		  /* by the loop (sink_begin.h) */
	struct retry retries[RETRIES_MOST];
	size_t retry_count;
};

struct sinks {
	struct mailbox *to_loop;
	char *store_path;
	const struct cipher *cipher;
	struct sink *sinks;
	size_t count;
	int stop; /* an eventfd, readable once they are to end */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t wakes; /* calls of sinks_wake; under the lock, as the next */
	bool stopping;
};

/* What a page of rows comes to. */
struct page {
	struct sink *sink;
	uint64_t last;			     /* row up to which the page goes */
	uint64_t put;			     /* the last that the sink may have */
	uint64_t passed_over[SINK_VERDICTS]; /* of those rows */
	bool failed;
	bool more; /* there may be another one */
	struct sink_reason why;
	struct failed_report {
		uint64_t row, entry; /* row 0: it was none in particular */
		uint64_t event;	     /* 0: it was the report; else the erase event of it */
		struct report_name name;
		char key[SINK_KEY_SIZE];
	} report; /* that failed */
};

struct sink_letter *sink_letter_new(const struct sink *sink); /* that says how far it has come */
/* Hands a row on that the sink may have; false with what failed in `page`. */
bool sink_row_put(struct page *page, const struct inbox_row *row);
/* Reports that the sink was told of the erase events up to sink->purge, and what came of that one. */
void sink_event_report(struct sink *sink, const struct sink_outcome *outcome);
bool sinks_stopping(struct sinks *all);
/* Opens the store and reads how far the sink has come, where that is not done; false when it cannot be. */
bool sink_store_ready(struct sink *sink);

/* ---- sink_again.c */

/* True, and forgotten, when the sink took the row before its turn. */
bool ahead_take(struct suspect *suspect, uint64_t row);
/* A page failed: notes it. Where its report has had its attempts and the sink takes others, it is left for quarantine,
 * and the page did not fail. */
void suspect_judge(struct sink *sink, struct page *page);
/* The sink has caught up: what fails next gets all its attempts. */
void suspect_rest(struct sink *sink);
/* Hands on what somebody wants tried once more. */
void retries_run(struct sink *sink);

#endif
