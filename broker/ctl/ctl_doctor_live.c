/* ctl_doctor_live - whether the broker runs and is well, its ports are its own, and its members are heard of. */
#include "broker/ctl/ctl_doctor.h"

#include "broker/policy/policy.h"
#include "broker/serve/take_up.h"
#include "common/member.h"
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the broker */

static void absence_explain(struct ctl_doctor *doctor, const struct fault *fault)
{
	const char *socket = doctor->ctl->auditor ? doctor->settings.audit : doctor->settings.control;

	if (fault->code == E_PERMISSION) {
		doctor->shut_out = true;
		checkup_note(&doctor->checkup, CHECKUP_FAIL, "broker", "become a member of the file's group",
			     "%s: this user may not speak to the broker", fault->field);
	} else if (fault->code != E_UNREACHABLE) {
		checkup_fault(&doctor->checkup, "broker", fault, "see its log");
	} else {
		checkup_note(&doctor->checkup, CHECKUP_FAIL, "broker", "start it; its log says why it ended, if it did",
			     "simpul-broker does not run, or does not answer at %s", socket);
	}
}

static bool status_is(const struct ctl_doctor *doctor, const char *key, const char *text)
{
	return strcmp(ctl_text(doctor->status, key), text) == 0;
}

static void status_judge(struct ctl_doctor *doctor)
{
	struct checkup *checkup = &doctor->checkup;
	const size_t before = checkup->failed + checkup->warned;
	char exchange[2 * EXCHANGE_SIZE + 1];

	hex_of(exchange, BYTES(doctor->identity.exchange.id, EXCHANGE_SIZE));
	if (doctor->identity.exchange.name[0] != '\0' && !status_is(doctor, "exchange", exchange))
		checkup_note(checkup, CHECKUP_FAIL, "broker",
			     "name the configuration that the broker was started with (-c FILE)",
			     "the running broker serves another exchange than these files");
	if (status_is(doctor, "verified", "damaged"))
		checkup_note(checkup, CHECKUP_FAIL, "broker",
			     "stop it, keep a copy of the journal, put a good copy in its place",
			     "its check of the whole journal found damage at entry %lld",
			     ctl_number(doctor->status, "damaged_entry"));
	else if (status_is(doctor, "verified", "failed"))
		checkup_note(checkup, CHECKUP_WARN, "broker", "see its log (journal.unverified)",
			     "it could not check the whole journal");
	if (json_is_true(json_object_get(doctor->status, "disk_low")))
		checkup_note(checkup, CHECKUP_FAIL, "broker", "free some space",
			     "it takes nothing new, the disk is too full");
	if (json_is_true(json_object_get(doctor->status, "clock_doubted")))
		checkup_note(checkup, CHECKUP_FAIL, "broker",
			     "set this machine's clock right (timedatectl), then simpulctl clock confirm",
			     "its clock jumped or is far from its newest entry: nothing that has expired is erased");
	if (json_is_true(json_object_get(doctor->status, "stopping")))
		checkup_note(checkup, CHECKUP_WARN, "broker", "wait some seconds, then start it",
			     "it is shutting down");
	if (checkup->failed + checkup->warned == before)
		checkup_note(checkup, CHECKUP_OK, "broker", NULL, "runs since %s, %lld of %lld members connected",
			     ctl_text(doctor->status, "started_at"), ctl_number(doctor->status, "connected"),
			     ctl_number(doctor->status, "members"));
}

/* Newer keys that lie beside the present ones are meant to be taken up; those that are kept elsewhere are not yet. */
static void announced_judge(struct ctl_doctor *doctor, long long entry)
{
	char *path = newer_keys_path(&doctor->settings);

	if (entry != 0 && access(path, F_OK) == 0)
		checkup_note(&doctor->checkup, CHECKUP_WARN, "broker",
			     "simpulctl broker-keys take-up, once every office has a cursor that is not below (simpulctl nodes)",
			     "newer keys of it are announced by entry %lld and not in force", entry);
	else if (entry != 0)
		checkup_note(&doctor->checkup, CHECKUP_OK, "broker", NULL,
			     "newer keys of it are announced by entry %lld, and kept elsewhere until they are needed", entry);
	free(path);
}

/* Keys that end by nobody's word but their age. */
static void keys_judge(struct ctl_doctor *doctor)
{
	struct checkup *checkup = &doctor->checkup;
	wall_ms broker = 0, authority = 0;

	announced_judge(doctor, ctl_number(doctor->status, "broker_keys_announced"));
	if (time_parse(ctl_text(doctor->status, "broker_key_made"), &broker))
		checkup_key(checkup, "broker", "the broker", broker, 0, "renew it: simpulctl broker-keys renew");
	if (time_parse(ctl_text(doctor->status, "authority_key_made"), &authority))
		checkup_key(checkup, "authority", "the authority", authority, 0,
			    "renew it where it is kept: simpulctl authority renew");
}

/* What one operator signed is dropped after a day unless a second approves it. */
static void proposals_judge(struct ctl_doctor *doctor)
{
	const size_t count = ctl_proposals_waiting(doctor->ctl);

	if (count > 0)
		checkup_note(&doctor->checkup, CHECKUP_WARN, "proposals",
			     "simpulctl proposals shows them; a second operator: simpulctl approve",
			     "%zu wait for a second operator, for a day at most", count);
}

void doctor_broker(struct ctl_doctor *doctor)
{
	struct fault fault = {0};

	if (ctl_question(doctor->ctl, "status", NULL, &doctor->status, &fault) != E_OK) {
		absence_explain(doctor, &fault);
		return;
	}
	status_judge(doctor);
	keys_judge(doctor);
	proposals_judge(doctor);
}

/* ---- ports */

/* The errno of binding there, as the broker does; 0: it is free. -1: it is an interface of this machine, -2: nothing that
 * a socket can be bound to. */
static int bind_error(const char *endpoint)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST};
	const char *start = endpoint + strlen("tcp://"), *colon = strrchr(endpoint, ':');
	struct addrinfo *address;
	const int yes = 1;
	char host[128];
	int fd, error;

	snprintf(host, sizeof(host), "%.*s", (int)(colon - start), start);
	if (getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, colon + 1, &hints, &address) != 0)
		return if_nametoindex(host) != 0 ? -1 : -2;
	fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	error = bind(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
	close(fd);
	freeaddrinfo(address);
	return error;
}

static void port_judge(struct ctl_doctor *doctor, const char *subject, const char *endpoint)
{
	struct checkup *checkup = &doctor->checkup;
	const bool runs = doctor->status != NULL;
	const int error = bind_error(endpoint);

	/* Its own, or another program's: that only the broker could say. */
	if (doctor->shut_out && (error == 0 || error == EADDRINUSE || error == EACCES))
		return;
	if (error == EADDRINUSE && !runs)
		checkup_note(checkup, CHECKUP_FAIL, subject,
			     "find it (ss -ltnp) and end it, or give the broker another port",
			     "%s: another program has this port", endpoint);
	else if (error == EADDRNOTAVAIL)
		checkup_note(checkup, CHECKUP_FAIL, subject,
			     "see the address in the configuration, and this machine's network",
			     "%s: this machine does not have this address", endpoint);
	else if (error == -2)
		checkup_note(checkup, CHECKUP_FAIL, subject,
			     "the broker listens at an address of this machine (or *); names are for link_public and its like",
			     "%s: neither an address nor an interface of this machine", endpoint);
	else if (error == EACCES && !runs)
		checkup_note(checkup, CHECKUP_FAIL, subject, "take a port from 1024 on",
			     "%s: this user may not use this port", endpoint);
	else if (error == 0 && runs)
		checkup_note(checkup, CHECKUP_FAIL, subject,
			     "the configuration was changed since its start, or it lost the port: start it anew",
			     "%s: the running broker does not listen there", endpoint);
	else
		checkup_note(checkup, CHECKUP_OK, subject, NULL, runs ? "%s is bound" : "%s is free", endpoint);
}

void doctor_ports(struct ctl_doctor *doctor)
{
	port_judge(doctor, "link", doctor->settings.link);
	port_judge(doctor, "feed", doctor->settings.feed);
	if (doctor->settings.bulletin != NULL)
		port_judge(doctor, "bulletin", doctor->settings.bulletin);
	if (doctor->settings.watch != NULL)
		port_judge(doctor, "log", doctor->settings.watch);
}

/* ---- members */

enum { ABSENT_NAMED = 3 }; /* at most so many by their names */

/* When a member was last there: at the latest when the broker began, where it was not seen since. */
static bool silent_long(const struct ctl_doctor *doctor, const json_t *node)
{
	const char *seen = json_string_value(json_object_get(node, "last_seen"));
	const wall_ms now = clock_now().wall;
	wall_ms last;

	if (json_is_true(json_object_get(node, "connected")))
		return false;
	if (seen == NULL)
		seen = ctl_text(doctor->status, "started_at");
	return time_parse(seen, &last) && now > last && now - last >= doctor->silent_days * DAY_MS;
}

/* True when something was said about it. */
static bool member_judge(struct ctl_doctor *doctor, const json_t *node)
{
	struct checkup *checkup = &doctor->checkup;
	const size_t before = checkup->warned + checkup->failed;
	const char *name = ctl_text(node, "node"), *standing = ctl_text(node, "standing");
	wall_ms made = 0, expires = 0;

	if (strcmp(standing, "suspended") == 0)
		checkup_note(checkup, CHECKUP_WARN, "member", "its log says why; simpulctl restore lets it in again",
			     "%s was cut off for what it did", name);
	if (strcmp(standing, "active") != 0)
		return checkup->warned + checkup->failed > before;
	if (!json_is_true(json_object_get(node, "in_policy")))
		checkup_note(checkup, CHECKUP_WARN, "member", "name it in policy.yaml, or retire it",
			     "%s can neither send nor receive: the policy does not name it", name);
	if (silent_long(doctor, node))
		checkup_note(checkup, CHECKUP_WARN, "member", "call the office: simpul doctor says what is wrong there",
			     "%s is not connected, last seen %s", name,
			     json_is_string(json_object_get(node, "last_seen")) ? ctl_text(node, "last_seen")
										: "before the broker's start");
	time_parse(ctl_text(node, "key_made"), &made);
	time_parse(ctl_text(node, "expires_at"), &expires);
	checkup_key(checkup, "member", name, made, expires,
		    "have the office renew its keys (simpul keys rotate) and enrol them");
	return checkup->warned + checkup->failed > before;
}

static bool is_member(const json_t *nodes, const char *name)
{
	const json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node) if (strcmp(ctl_text(node, "node"), name) == 0) return true;
	return false;
}

/* Offices that the policy counts on and that nobody has enrolled; true when something was said about them. */
static bool absent_judge(struct ctl_doctor *doctor, const json_t *nodes)
{
	struct buffer names = {0};
	struct policy *policy;
	size_t count = 0;

	if (policy_load(doctor->settings.policy, &policy, NULL) != E_OK)
		return false;
	for (size_t i = 0; i < policy_node_count(policy); i++) {
		const char *name = policy_node_name(policy, i);

		if (is_member(nodes, name) || count++ >= ABSENT_NAMED)
			continue;
		buffer_text(&names, count > 1 ? ", " : "");
		buffer_text(&names, name);
	}
	buffer_text(&names, count > ABSENT_NAMED ? " ..." : "");
	buffer_u8(&names, 0);
	if (count > 0)
		checkup_note(&doctor->checkup, CHECKUP_WARN, "member",
			     "have them join (README.md, simpulctl enroll), or take them out of policy.yaml",
			     "%zu named by the policy and not enrolled: %s", count, (const char *)names.data);
	buffer_free(&names);
	policy_free(policy);
	return count > 0;
}

void doctor_members(struct ctl_doctor *doctor)
{
	struct fault fault = {0};
	json_t *answer, *nodes, *node;
	size_t i, said = 0;

	if (doctor->status == NULL || ctl_question(doctor->ctl, "nodes", NULL, &answer, &fault) != E_OK)
		return;
	nodes = json_object_get(answer, "nodes");
	json_array_foreach(nodes, i, node) said += member_judge(doctor, node);
	said += absent_judge(doctor, nodes);
	if (said == 0)
		checkup_note(&doctor->checkup, CHECKUP_OK, "members", NULL, "%zu, known to the policy and heard of",
			     json_array_size(nodes));
	json_decref(answer);
}
