/* operate - what operators and officers do to a running exchange, and how a test waits for what comes of it. */
#ifndef SIMPUL_TEST_OPERATE_H
#define SIMPUL_TEST_OPERATE_H

#include "tests/support/exchange.h"
#include "common/clock.h"
#include <jansson.h>

/* A program under test with these arguments; the status, and what it prints into `out` (may be NULL). */
int operate_run(struct exchange *x, struct buffer *out, const char *program, ...) __attribute__((sentinel));
/* "<folder of the broker or of an office>/<name>"; free it. */
char *broker_path(const struct exchange *x, const char *name);
char *office_path(const struct exchange *x, size_t office, const char *name);
/* Puts `to` in the place of the first `from` in a text file, which must have it. */
void file_swap(const char *path, const char *from, const char *to);
/* The time so many days from now, as a draft has it. */
const char *days_ahead(unsigned days, char text[TIME_TEXT_SIZE]);
void file_put(const char *path, const char *content);
bool file_there(const char *path);
bool file_comes(char *path, int seconds);
/* The whole file as text, "" when there is none; free it. */
char *file_text(const char *path);

/* How often `text` stands in the log; whether it stands there within so many seconds. */
size_t log_count(struct exchange *x, const char *text);
bool log_has(struct exchange *x, const char *text, int seconds);

/* The first line that a command printed, without its end; free it. The test fails unless `status` is 0. */
char *printed_line(struct buffer *out, int status);
/* Hands in what `simpul report --json` takes, and gives the report's name; free it. */
char *office_reports(struct exchange *x, size_t office, const char *draft);
/* The last entry of the journal, as simpulctl status has it. */
long long journal_entry(struct exchange *x);

/* What `simpulctl COMMAND --json` prints (status, nodes), and one node of the latter; NULL when it fails. */
json_t *ctl_json(struct exchange *x, const char *command);
json_t *ctl_node(struct exchange *x, const char *node);
/* What `simpul status --json` prints, also when the status is not 0. */
json_t *office_status(struct exchange *x, size_t office);
bool office_in_state(struct exchange *x, size_t office, const char *state, int seconds);
/* Waits until the office's cursor is where the journal ends. */
bool office_caught_up(struct exchange *x, size_t office, int seconds);
/* Starts every office that was added and waits until each has caught up; for cmocka: 0, or 1 when one has not. */
int exchange_serve(struct exchange *x);

/* Drops `count` public-order sightings "<words> <serial>" as one file. */
void drop_many(struct exchange *x, size_t office, const char *name, const char *words, size_t count);
/* True when the inbox holds exactly the numbers first..last of the origin's main stream, in this order. */
bool office_has_run(struct exchange *x, size_t office, const char *origin, uint64_t first, uint64_t last);
/* The row of a report in `simpul inbox list --json`, NULL when it is not there. */
json_t *inbox_find(struct exchange *x, size_t office, const char *name);
/* Waits until that row says `value` under `key`; with NULL, until it says anything there. */
bool inbox_shows(struct exchange *x, size_t office, const char *name, const char *key, const char *value);
/* Waits until the text is gone from the office's files: the log is wiped a moment after the rows are. */
bool office_forgets(struct exchange *x, size_t office, const char *text);

/* Gives the test mounts of its own, which end with it; false where that is not permitted. */
bool mounts_private(void);
/* A file system of so many KiB in memory over a folder, with what the folder held. */
bool disk_small(const char *folder, unsigned kib);
void disk_away(const char *folder);
/* A file that takes all the space there is, and its end. */
void disk_fill(const char *folder);
void disk_free(const char *folder);

#endif
