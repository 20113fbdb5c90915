/* control_state - what control.c (sockets, requests, answers) and control_command.c (what is asked) share. */
#ifndef SIMPUL_CONTROL_STATE_H
#define SIMPUL_CONTROL_STATE_H

#include "broker/control/control.h"
#include "broker/core/bucket.h"
#include "broker/journal/act.h"
#include "broker/settings/operators.h"
#include <jansson.h>

#define PENDING 64
#define PENDING_AUDITORS 32 /* of these: the rest is for operators */
#define PENDING_TELLS 8	    /* of these, of each role: such a place is held until the archivist has answered */
/* Members that a role is told of a second: their JSON is made in the loop's thread, before which every office waits. */
#define LOOKS_BUCKET ((struct bucket_size){.rate = 10000, .most = 4 * LIMIT_NODES})
#define PROPOSALS 32
#define PROPOSALS_EACH 8 /* of these may wait that one operator signed first */

struct control_command;

/* What one operator signed, and, once it is done or under way, two. */
struct proposal {
	uint64_t id; /* 0: free */
	bool done;
	const struct control_command *command;
	json_t *request; /* owned */
	wall_ms at;
	struct hash content, digest;
	struct act_signature signatures[2];
};

/* Who waits for an answer: the routing id of a REQ socket. */
struct asker {
	const struct proposal *approved; /* what both operators signed; NULL: one asks. While it is carried out only */
	uint64_t proposal;		 /* its id; 0: none */
	enum control_role role;
	char user[USER_NAME_SIZE]; /* "" when it could not be told */
	uint8_t id[32];
	size_t size;
};

/* What was carried out: it is not done a second time, however the wall clock is set. */
struct spent {
	struct hash digest;
	wall_ms at;
	steady_ms since; /* it is known here */
};

struct control_command {
	const char *name;
	bool changes; /* for operators alone */
	enum act_kind kind; /* may take two operators; 0: never */
	const char *act;    /* what it is called in an act; NULL: by the command itself */
	void (*run)(struct control *control, const struct asker *asker, const json_t *request);
};
/* Ends with one without a name. */
extern const struct control_command control_commands[];
/* NULL: there is none of this name; NULL is allowed. */
const struct control_command *control_command_find(const char *name);

/* Who waits for what is on its way to disk, or being looked up. */
struct pending {
	uint64_t ticket; /* 0: free */
	struct asker asker;
	bool tells; /* an answer of the archivist is waited for, or will be */
	struct archive_letter *question; /* asked once it is recorded that it is; owned; NULL: nothing more is asked */
};

struct control {
	void *sockets[CONTROL_ROLES]; /* NULL: there is none */
	const struct control_port *port;
	uint64_t next_ticket;
	struct pending pending[PENDING];
	struct bucket looks[CONTROL_ROLES];
	struct proposal proposals[PROPOSALS];
	uint64_t last_proposal;
	struct spent *spent; /* of proposals that gave up their place, and from before the start */
	size_t spent_count;
};

const struct control_port *control_port_of(const struct control *control);
/* Answers. Take over `view`; NULL: there is no such thing. */
void answer_view(struct control *control, const struct asker *asker, json_t *view);
void answer_fault(struct control *control, const struct asker *asker, const struct fault *fault);
void answer_code(struct control *control, const struct asker *asker, enum error code, const char *field);
/* A ticket whose answer goes to `asker`, and comes from the archivist if it `tells`; 0 when too many are waiting. */
uint64_t ticket_take(struct control *control, const struct asker *asker, bool tells);
/* The archivist is asked this, which is taken over, once what the ticket is for is on disk; its answer is that of the
 * ticket. */
void ticket_ask(struct control *control, uint64_t ticket, struct archive_letter *question);

/* "record": an encoded MemberRecord in hexadecimal. */
enum error member_of_request(const json_t *request, struct member *member, struct fault *fault);

/* control_proposal.c */
void spent_add(struct control *control, const struct hash *digest, wall_ms at);
void proposal_take(struct control *control, const struct asker *asker, const struct control_command *command,
		   const json_t *request);
void do_proposals(struct control *control, const struct asker *asker, const json_t *request);
/* What two operators signed was refused: nothing of it stands in the journal, and the second can approve it again. */
void proposal_reopen(struct control *control, uint64_t id);
void do_approve(struct control *control, const struct asker *asker, const json_t *request);
/* Takes one of them away, for which one operator is enough, whoever proposed it. */
void do_withdraw(struct control *control, const struct asker *asker, const json_t *request);

/* control_command.c: steps an event with the act that records it; answered when that is on disk. */
void control_step(struct control *control, const struct asker *asker, const json_t *request, struct core_event *event,
		  const char *command, const char *object);
/* False, and answered, when the request's reason is none; it may be left out. */
bool control_reason_good(struct control *control, const struct asker *asker, const json_t *request);

#endif
