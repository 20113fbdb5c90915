/* sinks - an inbox with reports in it and one sink, "registry", that hands them on; and what was logged meanwhile. */
#ifndef SIMPUL_TEST_SINKS_H
#define SIMPUL_TEST_SINKS_H

#include "agents/sink/sink.h"
#include "tests/support/reports.h"

struct sink_place {
	char *folder, *path; /* `path` lies in the folder, and is not there yet */
	char *store_path;
	struct store store;
	struct mailbox *letters;
	struct buffer log; /* for sink_place_log */
};

/* For cmocka: the state is a place. */
int sink_place_begin(void **state);
int sink_place_end(void **state);

/* A sink of this type at place->path that may have all but RED and all but exercises, and erases. */
struct sink_options sink_place_options(const struct sink_place *place, enum sink_type type);
/* Adds army.oku#NUMBER, AMBER, of a person. */
void sink_place_add(struct sink_place *place, uint64_t number);
struct sinks *sink_place_start(struct sink_place *place, const struct sink_options *options);
/* Does what the loop does with the letters that are there; the row that "registry" has come to by the last of them. */
uint64_t sink_place_note(struct sink_place *place);
/* The same until "registry" has come to `row`. False when it does not come. */
bool sink_place_reaches(struct sink_place *place, uint64_t row);
/* Erases a row as the inbox does, as the next event. */
void sink_place_erase(struct sink_place *place, uint64_t row);
/* Does what the loop does with letters, until "registry" was told of this event. */
bool sink_place_told(struct sink_place *place, uint64_t event);
/* What the store says that became of its copy by this event; 0: nothing. */
uint64_t sink_place_outcome(struct sink_place *place, uint64_t event);
/* Row up to which the store says that "registry" has come. */
uint64_t sink_place_position(struct sink_place *place);
/* Waits until the sink fails for a reason that holds these words. */
bool sink_place_fails(struct sinks *sinks, const char *reason);
/* What was logged since the start of the test; stop the sinks first. */
const char *sink_place_log(struct sink_place *place);
/* The whole of a file of the place's folder, "" when it is not there; free it. */
char *sink_place_file(const struct sink_place *place, const char *name);

#endif
