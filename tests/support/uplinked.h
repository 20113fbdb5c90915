/* uplinked - the uplink of army.oku and the broker that it talks to, in one thread: the test turns them in turn, and
 * lets time pass by adding to the clock. */
#ifndef SIMPUL_TEST_UPLINKED_H
#define SIMPUL_TEST_UPLINKED_H

#include "agents/uplink/uplink.h"
#include "tests/support/scripted_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { UPLINKED_TURNS = 2000 }; /* of 1 ms: until a test gives up waiting */

struct uplinked {
	struct agent_world world;
	struct store store, sender; /* of the army, of the police */
	struct agent_office police, army;
	struct inbox *inbox;
	struct broker_ring ring;
	struct outbox_submission next[4], sent;
	struct uplink *uplink;
	struct scripted_broker broker; /* its first entry is the police's key */
	struct fault fault;
	uint64_t skipped; /* ms by which the uplink's clock is ahead */
	unsigned handshake_alarms;
	bool waits;	      /* what is to be sent, until the uplink has caught up */
	unsigned asked_early; /* how often it was asked for before */
	unsigned full_disks; /* receipts that our store has no room for */
};

/* For cmocka. */
int uplinked_start(void **state);
int uplinked_end(void **state);

void uplinked_turn(struct uplinked *f);
void uplinked_turns(struct uplinked *f, int count);
/* Turns until the condition holds. */
#define UNTIL(f, condition) \
	do { \
		int turns_; \
		for (turns_ = 0; turns_ < UPLINKED_TURNS && !(condition); turns_++) \
			uplinked_turn(f); \
		if (turns_ == UPLINKED_TURNS) \
			fail_msg("never came true: %s", #condition); \
	} while (0)
void uplinked_live(struct uplinked *f); /* turns until it is */

enum uplink_state uplinked_state(struct uplinked *f);
enum error uplinked_fault(struct uplinked *f);	/* the last */
uint64_t uplinked_received(struct uplinked *f); /* reports in the inbox */

/* The next sighting of the police's, as an entry. */
Simpul__Entry *uplinked_sighting(struct uplinked *f);
/* The army has `count` sightings to send, with a summary of so many bytes. */
void uplinked_take_sightings(struct uplinked *f, size_t count, size_t summary);
/* The army has `count` cancels to send, each of which travels alone. */
void uplinked_take_cancels(struct uplinked *f, size_t count);

#endif
