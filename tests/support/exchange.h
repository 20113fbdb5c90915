/* exchange - a whole exchange in a private folder: broker and agents as real processes on loopback ports of their own.
 *
 * Everything is done with the programs that users have: simpulctl init and enroll, simpul join, simpul report, drop folders. */
#ifndef SIMPUL_TEST_EXCHANGE_H
#define SIMPUL_TEST_EXCHANGE_H

#include "agents/reports/outbox.h"
#include "common/member.h"
#include "tests/support/process.h"

#define EXCHANGE_OFFICES 40

struct office {
	char node[LIMIT_NODE_NAME + 1];
	char folder[256]; /* agent.yaml, keys, drop/, store/ */
	pid_t pid;	  /* 0: not running */
};

struct exchange {
	char folder[200];
	char broker_program[300]; /* another one than simpul-broker for seeded bugs */
	char log[256];		  /* what all processes write to standard error */
	pid_t broker;
	struct office offices[EXCHANGE_OFFICES];
	size_t count;
};

/* Two ports of loopback that nobody has now. */
void free_ports(int *ports, size_t count);
/* Makes the folder, keys, journal and configuration with this policy.yaml; starts nothing. Ends the test on failure. */
void exchange_make(struct exchange *x, const char *policy_yaml);
/* The same with a broker that listens on an address of its own. */
void exchange_make_at(struct exchange *x, const char *policy_yaml, const char *host);
/* Has broker.yaml offer what it only mentions ("# log: tcp://..."), at a port of its own; before the broker starts. Returns
 * `endpoint`. */
char *exchange_offer(struct exchange *x, const char *key, char endpoint[64]);
/* Starts the broker and waits until it answers operators. */
void exchange_start_broker(struct exchange *x);
/* Keys, enrolment and agent.yaml of a new office; the broker must run. `more` is added to its agent.yaml. Returns its index. */
size_t exchange_add(struct exchange *x, const char *node, const char *more);
/* What the office would read to the operators on the phone: of the request that is in this file. Returns `text`. */
const char *request_fingerprint(const char *path, char text[FINGERPRINT_SIZE]);
void exchange_start_office(struct exchange *x, size_t office);
/* A broker with this policy that runs, and these offices, NULL at the end, of which none does. */
void exchange_lay(struct exchange *x, const char *policy_yaml, const char *const nodes[]);
/* Starts every office that was added. */
void exchange_start_offices(struct exchange *x);
/* For cmocka: the state is an exchange. */
int exchange_tear_down(void **state);
/* Ends everything with SIGTERM; false when something did not end with status 0. */
bool exchange_stop(struct exchange *x);
/* Ends everything with SIGTERM and removes the folder unless `keep`. False when something did not end with status 0. */
bool exchange_end(struct exchange *x, bool keep);

/* simpulctl and simpul with the right configuration; the status and, when `out` is not NULL, what they print. */
int exchange_ctl(struct exchange *x, struct buffer *out, ...) __attribute__((sentinel));
int exchange_simpul(struct exchange *x, size_t office, const char *input, struct buffer *out, ...)
	__attribute__((sentinel));

/* Writes a file into the office's drop folder as a careful program does: under a dot-name, then renamed. */
void office_drop(struct exchange *x, size_t office, const char *name, const char *content);
/* {"category": ..., "region": ..., "sighting": {... "summary": summary}} as one line of JSON, ready to be dropped. */
void draft_line(struct buffer *out, const char *category, const char *region, const char *summary, const char *more);

/* What the office's own store says. */
struct outbox_counts office_outbox(struct exchange *x, size_t office);
/* Calls `each` with the summary of every sighting in the inbox and its row; returns the number of rows. */
size_t office_inbox(struct exchange *x, size_t office, void (*each)(void *context, const char *summary), void *context);
/* Waits until nothing is waiting or sent in any outbox. */
bool exchange_settled(struct exchange *x, int seconds);
/* Waits until this office has at least so many accepted reports and none that waits. */
bool office_settled(struct exchange *x, size_t office, size_t accepted, int seconds);
/* Waits until the inbox has this many rows. */
bool office_received(struct exchange *x, size_t office, size_t rows, int seconds);
/* True when `text` stands in any file of the office (store, sinks, logs): for leaks. */
bool office_holds(struct exchange *x, size_t office, const char *text);
/* True when `text` stands in a file below `folder`. */
bool folder_holds(const char *folder, const char *text);
bool folder_holds_bytes(const char *folder, struct bytes bytes);
/* True when `text` stands in what the processes wrote to standard error. */
bool exchange_logged(struct exchange *x, const char *text);

#endif
