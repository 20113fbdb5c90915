/* control_stage - a control without a loop: what would be stepped is kept, what is asked comes by real sockets. */
#ifndef SIMPUL_TEST_CONTROL_STAGE_H
#define SIMPUL_TEST_CONTROL_STAGE_H

#include "broker/control/control.h"
#include "broker/journal/act.h"
#include "proto/journal.pb-c.h"
#include <jansson.h>

struct stage {
	char folder[64], path[96], audit[96];
	void *context, *operator, *auditor;
	struct broker_settings settings;
	struct broker_identity identity;
	struct control_port port;
	struct control *control;
	unsigned steps, reloads;
	enum core_event_type type;
	uint64_t ticket;
	char node[LIMIT_NODE_NAME + 1];
	Simpul__Standing standing;
	wall_ms since;
	enum error reload_error;
	struct hash reload_approved; /* zero: whatever stands in the file */
	unsigned watcher_reloads, take_ups;
	struct buffer act; /* of the last step or reload */
};

/* For cmocka: the state is a stage. */
int stage_open(void **state);
int stage_close(void **state);
/* The control ends and another one begins with what stands in the journal's folder. */
void stage_restart(struct stage *stage);

/* Another socket of somebody who asks there. */
void *stage_connect(struct stage *stage, const char *path);

/* Lets the control take one request as a REQ socket of this role would send it; as an operator. */
void stage_request_as(struct stage *stage, enum control_role role, const char *text, size_t size);
void stage_request(struct stage *stage, const char *text, size_t size);
/* The answer that came, a new reference; ends the test when there is none. */
json_t *stage_answer_as(struct stage *stage, enum control_role role);
json_t *stage_answer(struct stage *stage);
/* Asks as an operator, and is refused. */
void stage_refused(struct stage *stage, const char *text, const char *code, const char *field);
/* The act of the last step or reload, until the next call. */
const Simpul__Act *stage_act(const struct stage *stage);

#endif
