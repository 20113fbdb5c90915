/* offices - police.oku, which sends, and army.oku, which receives, as a test's set-up and end; the broker between them
 * is agent_world. */
#ifndef SIMPUL_TEST_OFFICES_H
#define SIMPUL_TEST_OFFICES_H

#include "agents/reports/purge.h"
#include "agents/reports/view.h"
#include "agents/store/keyring.h"
#include "tests/support/agent_world.h"

enum { OFFICES_MOST = 64 }; /* reports in a submission */

struct offices {
	struct agent_world world;
	struct store sender, store; /* of the police, of the army */
	struct agent_office police, army;
	struct inbox *inbox; /* of the army */
	struct keyring ring; /* of the army: its former keys; those in use are army.keys */
	struct purge purge, sender_purge;
	struct outbox_submission sent; /* what the police sent last */
	struct buffer batch;	       /* what the army was given last */
	struct fault fault;
	struct now now;			 /* of both purges; stands still */
	char log[4096];			 /* all that was logged, as far as there is room */
	char alarm[1024], warning[1024]; /* the last line at that level */
	size_t warnings;
};

/* For cmocka: each knows the other's key, and the army has entries 1 and 2, the two members. */
int offices_start(void **state);
int offices_end(void **state);

/* The police's next submission, frozen: `count` reports, or one; `sources` as outbox_take has them. */
Simpul__Submission *offices_send_from(struct offices *offices, struct prepared **list, const char *const *sources,
				      size_t count);
Simpul__Submission *offices_send_all(struct offices *offices, struct prepared **list, size_t count);
Simpul__Submission *offices_send(struct offices *offices, struct prepared *prepared);
Simpul__Submission *offices_send_sighting(struct offices *offices, const char *summary); /* AMBER */
void offices_receipted(struct offices *offices); /* the police have the receipt of what they sent last */

/* The army applies this entry as the next one, with a key wrap that may be NULL; or one report of the police's. */
void offices_apply_with(struct offices *offices, Simpul__Entry *entry, const Simpul__EntryWrap *wrap);
void offices_apply(struct offices *offices, Simpul__Entry *entry);
void offices_deliver(struct offices *offices, struct prepared *prepared);

uint64_t offices_rows(struct offices *offices, const char *where); /* how many of the army's inbox this SQL selects */

/* The army's row of police.oku#NUMBER, as readers see it, without header and body. */
struct inbox_row offices_row(struct offices *offices, uint64_t number);

/* The army's agent, killed and started: nothing is written on the way out. */
void offices_reopen(struct offices *offices);

/* A step of the army's purge or of the police's, in a session whose broker has the same time; see purge_step. */
bool offices_purge(struct offices *offices);
bool offices_sender_purge(struct offices *offices);
/* Whether a file of the node's store holds the text. */
bool offices_files_hold(struct offices *offices, const char *node, const char *text);
/* The purge receipt in a body, which must be one. */
const Simpul__PurgeReceipt *offices_purge_receipt(struct offices *offices, const struct buffer *body);

#endif
