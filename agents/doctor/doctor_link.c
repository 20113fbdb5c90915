/* doctor_link - whether the agent runs, is connected, and if not where on the way to the broker it ends. */
#include "agents/doctor/doctor.h"

#include "agents/serve/halt_advice.h"
#include "agents/serve/local.h"
#include "agents/uplink/knock.h"
#include "common/json.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 6, PAUSE_MS = 500 }; /* an agent that has just started needs a moment */

/* More than this is worth a look; LIMIT_CLOCK_AHEAD_MS gets reports refused. */
#define CLOCK_NEAR_MS 30000

/* ------------------------------------------------------------------ the agent */

static enum error agent_ask(const struct doctor *doctor, json_t **answer, struct fault *fault)
{
	return officer_ask(doctor->officer, json_pack("{s:i, s:s}", "simpul", LOCAL_VERSION, "command", "status"),
			   answer, fault);
}

static bool is_connected(const json_t *status)
{
	const char *state = json_text(status, "state");

	return strcmp(state, "live") == 0 || strcmp(state, "catching-up") == 0;
}

/* The agent's status, or NULL after a finding. */
static json_t *agent_status(struct doctor *doctor)
{
	struct fault fault = {0};
	json_t *status = NULL;

	for (int i = 0; i < TRIES && agent_ask(doctor, &status, &fault) == E_OK; i++) {
		if (i == TRIES - 1 || is_connected(status) || strcmp(json_text(status, "state"), "halted") == 0)
			return status;
		json_decref(status);
		status = NULL;
		usleep(PAUSE_MS * 1000);
	}
	if (fault.code != E_UNREACHABLE)
		checkup_fault(&doctor->checkup, "agent", &fault, "start simpul-agent anew");
	else if (access(doctor->settings.local, F_OK) == 0 && eaccess(doctor->settings.local, W_OK) != 0)
		checkup_note(&doctor->checkup, CHECKUP_FAIL, "agent", "become a member of the file's group",
			     "%s: this user may not speak to the agent", doctor->settings.local);
	else
		checkup_note(&doctor->checkup, CHECKUP_FAIL, "agent",
			     "start simpul-agent; its log says why it ended, if it did",
			     "simpul-agent does not run, or does not answer at %s", doctor->settings.local);
	return NULL;
}

/* True when it is connected. */
static bool agent_judge(struct doctor *doctor, const json_t *status)
{
	const json_t *fault = json_object_get(status, "fault");
	const char *state = json_text(status, "state"), *sentence = json_text(fault, "sentence");
	const char *separator = sentence[0] == '\0' ? "" : ": ";

	if (is_connected(status))
		checkup_note(&doctor->checkup, CHECKUP_OK, "agent", NULL, "runs and is connected to the broker (%s)",
			     state);
	else if (strcmp(state, "halted") == 0)
		checkup_note(&doctor->checkup, CHECKUP_FAIL, "agent", halt_advice(json_text(fault, "code")),
			     "has stopped talking to the broker%s%s (%s %s)", separator, sentence,
			     json_text(fault, "code"), json_text(fault, "field"));
	else
		checkup_note(&doctor->checkup, CHECKUP_FAIL, "agent", "see the lines below; it tries again by itself",
			     "runs and is not connected (%s)%s%s", state, separator, sentence);
	return is_connected(status);
}

/* ------------------------------------------------------------------ the broker */

/* What a knock shows and what to do; `%s` is the endpoint. */
static const struct {
	const char *what, *advice;
} knocks[] = {
	[KNOCK_OPENED] = {"%s lets this office in", NULL},
	[KNOCK_MALFORMED] = {"%s is no address such as tcp://192.0.2.1:7401",
			     "ask the operators for a right join file"},
	[KNOCK_NO_NAME] = {"%s: there is no host of this name",
			   "see the name in the join file and the name server's entries"},
	[KNOCK_NO_RESOLVER] = {"%s: the name cannot be looked up, no name server answers",
			       "see this machine's network"},
	[KNOCK_CLOSED] = {"%s: nobody listens there", "ask the operators whether the broker runs and at which port"},
	[KNOCK_SILENT] = {"%s: no answer", "see whether a firewall or the link between the offices stops it"},
	[KNOCK_NO_ROUTE] = {"%s: the network does not lead there", "see this machine's network and routes"},
	[KNOCK_STRANGER] =
		{"%s: who listens there is not the broker of the join file (broker_curve), or turns this address away",
		 "ask the operators for a new join file and compare it with them (its keys may have been renewed "
		 "while this office was away), whether something else is at that port, and whether the broker's log "
		 "names this address (connections.cut): from here these look the same"},
	[KNOCK_REFUSED] =
		{"%s: the broker does not let this office's key in: it is not enrolled, or was retired or revoked",
		 "ask the operators: simpulctl nodes shows it"},
	[KNOCK_HANGS] = {"%s: connected, but the broker does not go on",
			 "ask the operators whether the broker is well"},
};

static enum knock door_try(struct doctor *doctor, const char *subject, const char *endpoint, int type)
{
	const enum knock result = knock_at(endpoint, type, doctor->join.broker_curve, &doctor->keys);
	char what[256];

	snprintf(what, sizeof(what), "%.*s%s%s", (int)strcspn(knocks[result].what, "%"), knocks[result].what, endpoint,
		 strchr(knocks[result].what, '%') + 2);
	checkup_note(&doctor->checkup, result == KNOCK_OPENED ? CHECKUP_OK : CHECKUP_FAIL, subject,
		     knocks[result].advice, "%s", what);
	return result;
}

/* What is wrong at the first door is so at the second. */
static void doors_try(struct doctor *doctor)
{
	if (!doctor->has_keys || !doctor->has_join) {
		checkup_note(&doctor->checkup, CHECKUP_WARN, "broker", "see above",
			     "the way to it cannot be tried without keys and join file");
		return;
	}
	if (door_try(doctor, "broker", doctor->join.link_endpoint, ZMQ_DEALER) != KNOCK_OPENED)
		return;
	door_try(doctor, "feed", doctor->join.feed_endpoint, ZMQ_SUB);
	if (doctor->join.bulletin_endpoint[0] != '\0')
		door_try(doctor, "bulletin", doctor->join.bulletin_endpoint, ZMQ_SUB);
}

/* ------------------------------------------------------------------ the clock */

/* What the broker said when the agent's session began; without that, what this machine says of its clock. */
static void clock_judge(struct doctor *doctor, const json_t *status)
{
	const json_t *ahead_ms = json_object_get(status, "clock_ahead_ms");
	const int64_t ahead = json_integer_value(ahead_ms), apart = ahead < 0 ? -ahead : ahead;
	const bool refused = ahead > LIMIT_CLOCK_AHEAD_MS;

	if (ahead_ms == NULL)
		checkup_clock(&doctor->checkup);
	else if (apart < CLOCK_NEAR_MS)
		checkup_note(&doctor->checkup, CHECKUP_OK, "clock", NULL, "as the broker's");
	else
		checkup_note(&doctor->checkup, refused ? CHECKUP_FAIL : CHECKUP_WARN, "clock",
			     refused ? "set it (timedatectl set-ntp true): reports from the future are refused"
				     : "let a time service keep it (timedatectl set-ntp true)",
			     "%" PRId64 " s %s the broker's", apart / 1000, ahead < 0 ? "behind" : "ahead of");
}

/* What a look from outside does not show: a program that ends badly, a server that answers with an error. */
static void sinks_judge(struct doctor *doctor, const json_t *status)
{
	json_t *sinks = json_object_get(status, "sinks"), *sink;
	size_t i;

	json_array_foreach(sinks, i, sink) if (strcmp(json_text(sink, "state"), "failing") == 0)
		checkup_note(&doctor->checkup, CHECKUP_FAIL, "sink",
			     "see to it; the report is tried again, and what came in meanwhile follows",
			     "%s: the agent cannot hand on: %s", json_text(sink, "name"), json_text(sink, "reason"));
}

void doctor_link(struct doctor *doctor)
{
	json_t *status = agent_status(doctor);

	sinks_judge(doctor, status);
	if (status == NULL || !agent_judge(doctor, status))
		doors_try(doctor);
	clock_judge(doctor, status);
	json_decref(status);
}
