/* local - takes requests of programs of this machine off a ROUTER socket, and answers each after its transaction is
 * synced. */
#include "agents/serve/local.h"
#include "agents/reports/by_hand.h"
#include "agents/reports/complete.h"
#include "agents/reports/hold_door.h"
#include "agents/reports/purge.h"
#include "agents/reports/quarantine.h"
#include "agents/serve/outcome.h"
#include "agents/serve/quarantine_desk.h"
#include "agents/serve/waits.h"
#include "agents/store/reading.h"
#include "agents/subject/subject_due.h"
#include "agents/subject/subject_record.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REQUESTS_AT_ONCE = 64, MOST_MS = 100, QUEUE = 64, LAST_ANSWERS_MS = 200, MOST_FRAMES = 3 };

struct local {
	struct local_host host;
	void *socket;
	char *path; /* NULL until it is bound */
};

/* A request as it came: routing id, the empty frame of a REQ socket if there is one, and the JSON. */
struct request {
	zmq_msg_t frames[MOST_FRAMES];
	size_t count;
	bool too_many;
};

/* ------------------------------------------------------------------ answers */

static void set_fault(json_t *json, const struct fault *fault)
{
	json_t *field = json_string(fault->field);

	json_object_set_new(json, "code", json_string(error_name(fault->code)));
	/* Cut to its size, a field may end within a character, and is then no text. */
	json_object_set_new(json, "field", field != NULL ? field : json_string(""));
	json_object_set_new(json, "sentence", json_string(error_sentence(fault->code)));
}

static json_t *refusal(const struct fault *fault)
{
	json_t *answer = json_pack("{s:b}", "ok", 0);

	set_fault(answer, fault);
	return answer;
}

static json_t *position_json(const struct position *position)
{
	char head[2 * HASH_SIZE + 1];

	return json_pack("{s:I, s:I, s:s}", "incarnation", (json_int_t)position->incarnation, "entry",
			 (json_int_t)position->entry, "head", hex_of(head, BYTES(position->head.bytes, HASH_SIZE)));
}

static json_t *sinks_answer(struct sinks *sinks)
{
	json_t *list = json_array(), *one;
	struct sink_status status;

	for (size_t i = 0; sinks_status(sinks, i, &status); i++) {
		one = json_pack("{s:s, s:s}", "name", status.name, "state", status.failing ? "failing" : "good");
		if (status.failing)
			json_object_set_new(one, "reason", json_string(status.reason));
		json_object_set_new(one, "passed_over", json_integer((json_int_t)status.passed_over));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *quarantine_counts(struct store *store)
{
	uint64_t counts[QUARANTINE_CAUSES];
	json_t *json = json_object();

	quarantine_count(store, counts, NULL);
	for (int cause = QUARANTINE_UNVERIFIED; cause < QUARANTINE_CAUSES; cause++)
		json_object_set_new(json, quarantine_cause_text((enum quarantine_cause)cause),
				    json_integer((json_int_t)counts[cause]));
	return json;
}

/* The office's newest key, once the feed has told of it. */
static void set_key(json_t *answer, struct store *store)
{
	struct member_key key;
	char time[TIME_TEXT_SIZE];

	if (store_current_key(store, store->node, &key, NULL) != E_OK)
		return;
	json_object_set_new(answer, "key_id", json_integer(key.member.key_id));
	if (key.member.expires_at != 0)
		json_object_set_new(answer, "key_expires_at", json_string(time_text(time, key.member.expires_at, 0)));
}

/* Requests of persons that are to be answered. */
static void set_due(json_t *answer, struct store *store)
{
	struct subject_due due;

	if (subject_due_count(store, clock_now().wall, &due, NULL) == E_OK)
		json_object_set_new(answer, "requests",
				    json_pack("{s:I, s:I, s:I, s:s}", "open", (json_int_t)due.open, "urgent",
					      (json_int_t)due.urgent, "overdue", (json_int_t)due.overdue, "first",
					      due.first));
}

static void set_waits(json_t *answer, struct store *store)
{
	uint64_t counts[WAITS];
	json_t *waits;

	if (waits_count(store, clock_now().wall, counts, NULL) != E_OK)
		return;
	waits = json_object();
	for (size_t i = 0; i < WAITS; i++)
		json_object_set_new(waits, wait_text((enum wait)i)->key, json_integer((json_int_t)counts[i]));
	json_object_set_new(answer, "waits", waits);
}

static json_t *status_answer(const struct local_host *host)
{
	struct uplink_status status;
	struct outbox_counts counts;
	char since[TIME_TEXT_SIZE];
	json_t *answer, *fault;

	uplink_status(host->uplink, &status);
	outbox_count(host->store, &counts);
	answer = json_pack("{s:b, s:s, s:s, s:s, s:o, s:I}", "ok", 1, "node", host->store->node, "state",
			   uplink_state_text(status.state), "since", time_text(since, status.since, 0), "cursor",
			   position_json(&status.cursor), "in_flight", (json_int_t)status.in_flight);
	json_object_set_new(answer, "outbox",
			    json_pack("{s:I, s:I, s:I, s:I, s:I}", "waiting", (json_int_t)counts.waiting, "sent",
				      (json_int_t)counts.sent, "accepted", (json_int_t)counts.accepted, "refused",
				      (json_int_t)counts.refused, "expiring",
				      (json_int_t)purge_expiring(host->store, clock_now().wall)));
	set_due(answer, host->store);
	set_waits(answer, host->store);
	json_object_set_new(answer, "sinks", sinks_answer(host->sinks));
	json_object_set_new(answer, "quarantine", quarantine_counts(host->store));
	set_key(answer, host->store);
	if (status.clock_known)
		json_object_set_new(answer, "clock_ahead_ms", json_integer((json_int_t)status.clock_ahead));
	if (status.last_fault.code != E_OK) {
		fault = json_object();
		set_fault(fault, &status.last_fault);
		json_object_set_new(answer, "fault", fault);
	}
	return answer;
}

/* ------------------------------------------------------------------ reports */

/* Turns every draft into a report; nothing is stored yet. */
static enum error prepare_all(const struct local_host *host, json_t *drafts, bool subject, wall_ms now,
			      struct arena *arena, struct prepared *prepared, struct fault *fault)
{
	json_t *draft;
	size_t i;

	json_array_foreach(drafts, i, draft)
	{
		enum error error = E_INVALID;

		if (!json_is_object(draft) || (subject && draft_unrecorded(draft, NULL) == E_OK))
			fault_at(fault, error, "%s", "");
		else
			error = subject ? E_OK : draft_unrecorded(draft, fault);
		if (error == E_OK)
			error = draft_complete(host->store, draft, now, fault);
		if (error == E_OK)
			error = draft_of_json(draft, host->defaults, host->store->node, now, arena, &prepared[i],
					      fault);
		if (error != E_OK) {
			fault_within(fault, "drafts[%zu]", i);
			return error;
		}
	}
	return E_OK;
}

static json_t *names_answer(const struct report_name *names, size_t count)
{
	json_t *list = json_array();
	char text[REPORT_NAME_SIZE];

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(report_name_text(&names[i], text)));
	return json_pack("{s:b, s:o}", "ok", 1, "names", list);
}

/* The outbox counts "reports[3]"; who asked knows "drafts[3]". */
static void fault_to_drafts(struct fault *fault)
{
	static const char theirs[] = "reports", ours[] = "drafts";

	if (strncmp(fault->field, theirs, strlen(theirs)) == 0) {
		memmove(fault->field, fault->field + strlen(theirs), strlen(fault->field + strlen(theirs)) + 1);
		fault_within(fault, "%s", ours);
	}
}

/* Whoever asks about a person or answers is put on record with it. */
static enum error subject_store(const struct local_host *host, struct prepared *const *prepared,
				const char *const *sources, const json_t *drafts, const char *asker, wall_ms now,
				struct report_name *names, struct fault *fault)
{
	enum error error = store_begin(host->store, fault);

	if (error != E_OK)
		return error;
	error = outbox_take(host->store, prepared, sources, json_array_size(drafts), true, names, fault);
	if (error == E_OK)
		error = subject_record_drafts(host->store, drafts, names, asker, now, fault);
	return store_end(host->store, error, fault);
}

/* All of `drafts` or none, synced when it returns. `asker`: who hands in questions and answers about persons, NULL for
 * everything else. */
static json_t *take_all(const struct local_host *host, json_t *drafts, const char *asker, wall_ms now,
			struct fault *fault)
{
	size_t count = json_array_size(drafts);
	struct prepared *prepared = memory_zero(count, sizeof(*prepared));
	struct prepared **list = memory_zero(count, sizeof(*list));
	const char **sources = memory_zero(count, sizeof(*sources));
	struct report_name *names = memory_zero(count, sizeof(*names));
	json_t *answer = NULL;
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < count; i++) {
		list[i] = &prepared[i];
		sources[i] = asker != NULL ? "subject" : "local";
	}
	if (prepare_all(host, drafts, asker != NULL, now, &arena, prepared, fault) == E_OK) {
		if ((asker != NULL ? subject_store(host, list, sources, drafts, asker, now, names, fault)
				   : outbox_take(host->store, list, sources, count, false, names, fault)) == E_OK)
			answer = names_answer(names, count);
		else
			fault_to_drafts(fault);
	}
	arena_fini(&arena);
	free(prepared);
	free(list);
	free(sources);
	free(names);
	return answer;
}

/* "drafts[0].sighting" where one draft alone was given is "sighting". */
static void unlist(struct fault *fault)
{
	static const char head[] = "drafts[0]";
	const char *rest = fault->field + strlen(head);

	if (strncmp(fault->field, head, strlen(head)) != 0)
		return;
	rest += *rest == '.';
	memmove(fault->field, rest, strlen(rest) + 1);
}

static json_t *report_answer(const struct local_host *host, const json_t *request, const char *asker,
			     const struct now *now, struct fault *fault)
{
	json_t *draft = json_object_get(request, "draft");
	json_t *drafts = json_object_get(request, "drafts");
	json_t *answer;

	if ((draft == NULL) == (drafts == NULL)) {
		fault_at(fault, draft == NULL ? E_MISSING : E_INVALID, "draft");
		return NULL;
	}
	if (drafts != NULL && (!json_is_array(drafts) || json_array_size(drafts) == 0)) {
		fault_at(fault, E_INVALID, "drafts");
		return NULL;
	}
	drafts = drafts != NULL ? json_incref(drafts) : json_pack("[O]", draft);
	answer = take_all(host, drafts, asker, now->wall, fault);
	if (answer == NULL && draft != NULL)
		unlist(fault);
	json_decref(drafts);
	return answer;
}

/* ------------------------------------------------------------------ requests */

/* Who asks, of libzmq's "Peer-Address"; "" when nobody can tell. Returns `name`. */
static char *peer_name(const char *peer, char name[USER_NAME_SIZE])
{
	uid_t user;

	name[0] = '\0';
	return user_of_peer(peer, &user) ? user_name(user, name) : name;
}

static json_t *desk_answer(const struct local_host *host, const json_t *request, const char *user,
			   const struct now *now, struct fault *fault)
{
	const struct quarantine_desk desk = {host->store, host->keys, host->ring, host->sinks};

	return quarantine_answer(&desk, request, user, now->wall, fault);
}

/* An answer to `peer`, or NULL with `fault` filled. `taken` becomes true when reports were taken. */
static json_t *answer_of(const struct local_host *host, const json_t *request, const char *peer, const struct now *now,
			 bool *taken, struct fault *fault)
{
	const char *command = json_string_value(json_object_get(request, "command"));
	char user[USER_NAME_SIZE];
	json_t *answer = NULL;
	bool subject;

	peer_name(peer, user);
	if (!json_is_object(request))
		fault_at(fault, E_MALFORMED, "%s", "");
	else if (json_integer_value(json_object_get(request, "simpul")) != LOCAL_VERSION)
		fault_at(fault, E_VERSION, "simpul");
	else if (command != NULL && strcmp(command, "status") == 0)
		answer = status_answer(host);
	else if (command != NULL && strcmp(command, "outcome") == 0)
		answer = outcome_answer(host->store, host->uplink, request, fault);
	else if (command != NULL && hold_door_knows(command))
		answer = hold_door_answer(host->store, command, request, peer, now->wall, fault);
	else if (command != NULL && strcmp(command, "quarantine") == 0)
		answer = desk_answer(host, request, user, now, fault);
	else if (command != NULL && strcmp(command, "erasure-done") == 0)
		answer = by_hand_done(host->store, request, user, now->wall, fault) == E_OK
				 ? json_pack("{s:b}", "ok", 1)
				 : NULL;
	else if (command != NULL && strcmp(command, "subject-record") == 0)
		answer = subject_record_take(host->store, request, user, now->wall, fault) == E_OK
				 ? json_pack("{s:b}", "ok", 1)
				 : NULL;
	else if (command != NULL && strcmp(command, "read") == 0)
		answer = reading_take(host->store, request, user, now->wall, fault) == E_OK
				 ? json_pack("{s:b}", "ok", 1)
				 : NULL;
	else if (command != NULL && ((subject = strcmp(command, "subject") == 0) || strcmp(command, "report") == 0))
		*taken = (answer = report_answer(host, request, subject ? user : NULL, now, fault)) != NULL;
	else
		fault_at(fault, command == NULL ? E_MISSING : E_UNKNOWN_VALUE, "command");
	return answer;
}

static void send_answer(struct local *local, struct request *request, const json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT | JSON_PRESERVE_ORDER);

	for (size_t i = 0; i + 1 < request->count; i++)
		if (zmq_msg_send(&request->frames[i], local->socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
			goto gone;
	if (zmq_send(local->socket, text, strlen(text), ZMQ_DONTWAIT) >= 0)
		goto out;
gone:
	/* Who asked has left or does not read: the report is taken all the same, `simpul outbox` shows it. */
	log_event(LOG_LEVEL_WARNING, "local.unanswered", F_TEXT("reason", zmq_strerror(errno)));
out:
	free(text);
}

/* False when nothing is there. */
static bool request_receive(struct local *local, struct request *request)
{
	zmq_msg_t extra;
	int more = 1;

	request->count = 0;
	request->too_many = false;
	while (more) {
		bool fits = request->count < MOST_FRAMES;
		zmq_msg_t *frame = fits ? &request->frames[request->count] : &extra;

		zmq_msg_init(frame);
		if (zmq_msg_recv(frame, local->socket, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(frame);
			return request->count > 0;
		}
		more = zmq_msg_more(frame);
		request->count += fits;
		if (!fits) {
			request->too_many = true;
			zmq_msg_close(frame);
		}
	}
	return true;
}

static void request_close(struct request *request)
{
	for (size_t i = 0; i < request->count; i++)
		zmq_msg_close(&request->frames[i]);
}

/* A routing id and one frame of content, with or without an empty frame between them. */
static bool request_formed(struct request *request)
{
	return !request->too_many && request->count >= 2 &&
	       (request->count == 2 || zmq_msg_size(&request->frames[1]) == 0);
}

static bool request_answer(struct local *local, struct request *request, const struct now *now)
{
	zmq_msg_t *content = &request->frames[request->count - 1];
	struct fault fault = {.code = E_MALFORMED};
	json_t *json, *answer = NULL;
	bool taken = false;

	if (!request_formed(request)) {
		log_event(LOG_LEVEL_WARNING, "local.malformed", F_NUM("frames", request->count));
		return false;
	}
	json = json_loadb(zmq_msg_data(content), zmq_msg_size(content), JSON_REJECT_DUPLICATES, NULL);
	if (json != NULL)
		answer = answer_of(&local->host, json, zmq_msg_gets(content, "Peer-Address"), now, &taken, &fault);
	if (answer == NULL)
		answer = refusal(&fault);
	send_answer(local, request, answer);
	json_decref(answer);
	json_decref(json);
	return taken;
}

bool local_step(struct local *local, const struct now *now)
{
	const steady_ms until = clock_now().steady + MOST_MS;
	struct request request;
	bool taken = false;

	for (int i = 0; i < REQUESTS_AT_ONCE && clock_now().steady < until && request_receive(local, &request); i++) {
		taken = request_answer(local, &request, now) || taken;
		request_close(&request);
	}
	return taken;
}

/* ------------------------------------------------------------------ opening */

static void set_option(void *socket, int option, int value)
{
	zmq_setsockopt(socket, option, &value, sizeof(value));
}

enum error local_open(struct local **local, void *zmq_context, const char *path, const struct local_host *host,
		      struct fault *fault)
{
	struct local *opened = memory_zero(1, sizeof(*opened));
	const int64_t largest = LIMIT_FRAME;
	char *endpoint = memory_format("ipc://%s", path);
	bool bound;
	int cause;

	opened->host = *host;
	opened->socket = zmq_socket(zmq_context, ZMQ_ROUTER);
	set_option(opened->socket, ZMQ_LINGER, LAST_ANSWERS_MS);
	set_option(opened->socket, ZMQ_RCVHWM, QUEUE);
	set_option(opened->socket, ZMQ_SNDHWM, QUEUE);
	set_option(opened->socket, ZMQ_ROUTER_MANDATORY, 1);
	zmq_setsockopt(opened->socket, ZMQ_MAXMSGSIZE, &largest, sizeof(largest));
	/* The umask of the agent lets nobody in until chmod does. */
	bound = zmq_bind(opened->socket, endpoint) == 0 && chmod(path, 0660) == 0;
	cause = errno;
	free(endpoint);
	if (bound) {
		opened->path = memory_string(path);
		*local = opened;
		return E_OK;
	}
	local_close(opened);
	*local = NULL;
	return fault_at(fault, E_IO, "%s: %s", path, zmq_strerror(cause));
}

void *local_socket(struct local *local)
{
	return local->socket;
}

void local_close(struct local *local)
{
	if (local == NULL)
		return;
	zmq_close(local->socket);
	if (local->path != NULL)
		unlink(local->path); /* a file that nobody listens behind only misleads */
	free(local->path);
	free(local);
}
