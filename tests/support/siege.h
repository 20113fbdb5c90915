/* siege - an exchange under attack (hostile.h): what two honest offices notice of it, how the broker's memory grows,
 * and whether its log says who it was. */
#ifndef SIMPUL_TEST_SIEGE_H
#define SIMPUL_TEST_SIEGE_H

#include "tests/support/hostile.h"
#include "tests/support/probe.h"
#include "tests/support/torture.h"

/* The honest pair, and one member for each attack that needs one. */
enum siege_office {
	SENDER,
	RECIPIENT,
	ENDLESS,
	EVERYTHING,
	MALFORMED,
	RESETTING,
	FLOOD,
	TOPICS,
	DEAF,
	REPEATING,
	REPLAYED,
	STRANGER,
	OFFICES
};
extern const char *const siege_nodes[OFFICES];

#define SIEGE_ATTEMPTS 3 /* of the windows under attack: others use this machine too */
/* Long form: promise 9. Short form, under sanitizers and beside other tests: that nothing hangs. */
#define SIEGE_RATIO_MOST (torture_long() ? 2.0 : 50.0)

struct siege {
	struct exchange x;
	struct probe probe; /* of SENDER and RECIPIENT */
};

struct siege_plan {
	const char *what, *times;
	void (*run)(struct attack *attack);
	size_t office;
	uint64_t amount;   /* for `run` */
	uint64_t reach;	   /* how much of it must be done before the others are asked */
	const char *event; /* one line of the log has this ... */
	const char *who;   /* ... and this */
	const char *summary;
	struct bytes captured;
};

struct siege_outcome {
	uint64_t normal, attacked; /* p99, microseconds */
	size_t lost;
	size_t idle; /* windows of the attempt that counts in which the attack stood still */
	size_t kib_before, kib_most;
};

/* Before anything is started. AddressSanitizer is to keep 16 MiB of freed memory, not 256: so much would hide what is
 * measured. */
void siege_prepare(void);
/* An exchange with this broker and the first so many offices. */
void siege_lay(struct siege *siege, const char *broker_program, size_t offices);
/* The same with the true broker and all offices, as a group's set-up and its end. */
int siege_set_up(void **state);
int siege_tear_down(void **state);

/* One attack from beginning to end: prints the row and fails the test unless the others hardly noticed. */
void siege_survives(struct siege *siege, const struct siege_plan *plan);

/* Its parts; the probe is open. */
void siege_normal(struct siege *siege, struct siege_outcome *outcome);
void siege_attacked(struct siege *siege, const struct attack *attack, struct siege_outcome *outcome);
/* The broker's memory now. */
void siege_look(const struct siege *siege, struct siege_outcome *outcome);
bool siege_is_quick(const struct siege_outcome *outcome);
bool siege_is_bounded(const struct siege_outcome *outcome);

struct CMUnitTest;
/* The main of a suite: `tests` against the true broker, then `seeded`, in which a broker lies on purpose. SIMPUL_TEST
 * names the only ones to run. Returns how many failed. */
int siege_run(const struct CMUnitTest *tests, size_t count, const struct CMUnitTest *seeded, size_t seeded_count);
/* A test: simpulctl journal verify. */
void siege_journal_verifies(void **state);

#endif
