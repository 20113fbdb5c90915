/* control_state - what control.c (sockets, requests, answers) and control_command.c (what is asked) share. */
#ifndef SIMPUL_CONTROL_STATE_H
#define SIMPUL_CONTROL_STATE_H

#include "broker/act.h"
#include "broker/control.h"
#include <jansson.h>

/* Who waits for an answer: the routing id of a REQ socket. */
struct asker {
	enum control_role role;
	char user[ACT_USER_SIZE]; /* "" when it could not be told */
	uint8_t id[32];
	size_t size;
};

struct control_command {
	const char *name;
	bool changes; /* for operators alone */
	void (*run)(struct control *control, const struct asker *asker, const json_t *request);
};
/* Ends with one without a name. */
extern const struct control_command control_commands[];

const struct control_port *control_port_of(const struct control *control);
/* Answers. Take over `view`; NULL: there is no such thing. */
void answer_view(struct control *control, const struct asker *asker, json_t *view);
void answer_fault(struct control *control, const struct asker *asker, const struct fault *fault);
void answer_code(struct control *control, const struct asker *asker, enum error code, const char *field);
/* A ticket whose answer goes to `asker`; 0 when too many are waiting. */
uint64_t ticket_take(struct control *control, const struct asker *asker);

#endif
