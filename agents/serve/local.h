/* local - where programs of this machine hand in reports and ask how the agent is: a ZeroMQ ROUTER socket on a local
 * file.
 *
 * The file has mode 0660: who may write to it may report under the node's name. One request is one frame of JSON, at
 * most 1 MiB (REQ and DEALER sockets both work), and gets one answer:
 *
 *   {"simpul": 1, "command": "report", "draft": {...}}       a draft as PROTOCOL.md, "Drafts", describes it
 *   {"simpul": 1, "command": "report", "drafts": [{...}]}    all or nothing, in one transaction
 *       {"ok": true, "names": ["police.oku#12"]}             synced to disk before the answer is given
 *   {"simpul": 1, "command": "subject", "draft" or "drafts"}   the same of questions about persons and answers to them,
 *                                                            which "report" does not take
 *   {"simpul": 1, "command": "status"}
 *       {"ok": true, "node": "police.oku", "state": "live", "since": "...",
 *        "cursor": {"incarnation": 1, "entry": 7, "head": "..."}, "in_flight": 0,
 *        "clock_ahead_ms": -12,       this machine's clock less the broker's at the last WELCOME, where there was one
 *        "outbox": {"waiting": 0, "sent": 0, "accepted": 12, "refused": 0, "expiring": 0},
 *        "requests": {"open": 0, "urgent": 1, "overdue": 0, "first": "immigration.muara-enim#5"},     of persons
 *        "waits": {"refused": 0, "releases": 1, "holds": 0, "erasures": 0, "unheard": 0},    for a person: waits.h
 *        "sinks": [{"name": "registry", "state": "good"|"failing", "reason": "nobody listens there", "passed_over": 3}],
 *        "quarantine": {"unverified": 0, "unreferenced": 0, "undelivered": 0, "withheld": 0, "notice": 0},   what waits
 *        "fault": {"code": "...", "field": "...", "sentence": "..."}}      the last one, where there was one
 *   {"simpul": 1, "command": "outcome", ...}                 what the broker said to reports: outcome.h
 *   holds                                                    as hold_door.h says
 *   {"simpul": 1, "command": "quarantine", ...}              quarantine_desk.h
 *   {"simpul": 1, "command": "subject-record", ...}          that somebody looks for what is held of a person:
 * subject_record.h
 *       {"ok": true}                                         synced to disk before the answer is given
 *   {"simpul": 1, "command": "read", "what": "inbox show", "about": "police.oku#12"}      that it is shown: reading.h
 *       {"ok": true}                                         likewise
 *   {"simpul": 1, "command": "erasure-done", "report": "army.oku#7", "sink": "registry"}     by_hand.h
 *       {"ok": true}
 *   anything that is not taken
 *       {"ok": false, "code": "MISSING", "field": "sighting.persons[0].age", "sentence": "a required field is missing"}
 *
 * `field` is a path in the draft; with "drafts" it begins with "drafts[3].". state: offline, greeting, catching-up,
 * live, halted. A CANCEL or UPDATE needs `reference` and its content alone; the rest is filled in from the report that
 * is meant (complete.h). */
#ifndef SIMPUL_LOCAL_H
#define SIMPUL_LOCAL_H

#include "agents/reports/outbox.h"
#include "agents/sink/sink.h"
#include "agents/store/keyring.h"
#include "agents/uplink/uplink.h"

#define LOCAL_VERSION 1

/* Borrowed for as long as the endpoint is open. */
struct local_host {
	struct store *store;
	const struct node_keys *keys;
	const struct draft_defaults *defaults;
	const struct uplink *uplink;
	struct sinks *sinks;	    /* may be NULL */
	const struct keyring *ring; /* former keys; may be NULL */
};

struct local;

/* E_IO when the file cannot be made. */
enum error local_open(struct local **local, void *zmq_context, const char *path, const struct local_host *host,
		      struct fault *fault);
/* The socket to poll for input. */
void *local_socket(struct local *local);
/* Answers what has arrived, at most 64 requests and, begun after it, none later than 100 ms: on a slow disk the agent's
 * other work goes on. True when reports were taken. */
bool local_step(struct local *local, const struct now *now);
/* Gives the last answers 200 ms to leave. */
void local_close(struct local *local);

#endif
