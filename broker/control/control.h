/* control - the sockets of operators and of auditors: one JSON request, one JSON answer, over a ZeroMQ ipc REQ/ROUTER pair.
 *
 *   request  {"command": "status"} ...          see the table in control_command.c
 *   answer   {"ok": true, ...} or {"ok": false, "code": "NOT_FOUND", "number": 126, "field": "node"}
 *
 * Who may speak is decided by the files' group, mode (0660) and folder: by the operators' everything may be asked, by the
 * auditors' what changes nothing (E_OPERATORS_ONLY). What changes the journal is answered when it is on disk, and so is the
 * record of it (broker/control/acts.c), with the Unix user at the other end. */
#ifndef SIMPUL_CONTROL_H
#define SIMPUL_CONTROL_H

#include "broker/control/archivist.h"
#include "broker/core/core.h"
#include "broker/journal/inspector.h"
#include "broker/settings/settings.h"

/* What control needs of the loop. */
struct control_port {
	void *loop;
	const struct core *core;
	const struct broker_settings *settings;
	const struct broker_identity *identity;
	wall_ms started_at;
	struct inspector *inspector; /* NULL until serving begins */
	struct archivist *archivist; /* likewise: E_BUSY until then */
	void (*step)(void *loop, const struct core_event *event); /* calls control_done, now or later */
	/* Reads policy.yaml again and steps CORE_POLICY with this ticket; E_CONFIG when the file is wrong, E_INVALID when it is
	 * not the one that was `approved` (policy_hash; NULL: any). */
	enum error (*reload)(void *loop, uint64_t ticket, const struct hash *approved, struct bytes act,
			     struct fault *fault);
	/* Loads the newer keys of the broker and steps CORE_TAKE_UP with this ticket. As newer_keys_load. */
	enum error (*take_up)(void *loop, uint64_t ticket, struct bytes act, struct fault *fault);
	/* Reads the file of watchers again; E_CONFIG when it is wrong. */
	enum error (*reload_watchers)(void *loop, struct fault *fault);
};

struct control;
enum control_role { CONTROL_OPERATOR, CONTROL_AUDITOR, CONTROL_ROLES };

/* Binds the sockets of the settings. E_CONFIG, E_IO. `port` must outlive the control. */
enum error control_new(struct control **control, void *context, const struct control_port *port, struct fault *fault);
void control_free(struct control *control);
void *control_socket(const struct control *control, enum control_role role); /* to poll; NULL: there is none */
/* The names of all commands, and whether each is for operators alone; NULL behind the last. */
const char *control_command(size_t index, bool *changes);
/* Takes requests that are waiting, at most a bounded number. */
bool control_take(struct control *control);
/* The core's ACTION_ANSWER for a ticket that control gave out; others are ignored. */
void control_done(struct control *control, uint64_t ticket, const struct fault *fault, uint64_t entry);

/* What the archivist found, taken over: answers whoever asked. */
void control_told(struct control *control, struct archive_letter *letter);

#endif
