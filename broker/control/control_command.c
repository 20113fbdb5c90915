/* control_command - what operators and auditors may ask for: looks at the core, events for it, and the record of both. */
#include "broker/control/control_state.h"

#include "broker/control/control_view.h"
#include "broker/control/hold_request.h"
#include "common/memory.h"
#include "common/wire.h"
#include <string.h>

/* ---- what all share */


/* A text of the request; NULL when it is missing or not a text. */
static const char *request_text(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

/* What is recorded of a request, without the entry that it makes. */
static void act_of(const struct asker *asker, const json_t *request, const char *command, const char *object,
		   struct buffer *out)
{
	const struct act act = {.user = asker->user,
				.person = request_text(request, "as"),
				.auditor = asker->role == CONTROL_AUDITOR,
				.command = command,
				.object = object,
				.reason = request_text(request, "reason"),
				.signed_at = asker->approved != NULL ? asker->approved->at : 0,
				.signatures = asker->approved != NULL ? asker->approved->signatures : NULL};

	act_pack(&act, out);
}

/* Steps an event that has its ticket; the answer follows when both change and act are on disk. */
static void step_recorded(struct control *control, const struct asker *asker, const json_t *request,
			  struct core_event *event, const char *command, const char *object)
{
	struct buffer act = {0};

	act_of(asker, request, command, object, &act);
	event->act = buffer_view(&act);
	control_port_of(control)->step(control_port_of(control)->loop, event);
	buffer_free(&act);
}

void control_step(struct control *control, const struct asker *asker, const json_t *request, struct core_event *event,
		  const char *command, const char *object)
{
	event->operator_ticket = ticket_take(control, asker, false);
	if (event->operator_ticket == 0)
		answer_code(control, asker, E_BUSY, "");
	else
		step_recorded(control, asker, request, event, command, object);
}

bool control_reason_good(struct control *control, const struct asker *asker, const json_t *request)
{
	if (json_object_get(request, "reason") == NULL || user_text_valid(request_text(request, "reason")))
		return true;
	answer_code(control, asker, E_INVALID, "reason");
	return false;
}

static bool is_one_of(const char *text, const char *const list[])
{
	for (size_t i = 0; text != NULL && list[i] != NULL; i++)
		if (strcmp(text, list[i]) == 0)
			return true;
	return false;
}

/* ---- looking */

static void do_status(struct control *control, const struct asker *asker, const json_t *request)
{
	(void)request;
	answer_view(control, asker, view_status(control_port_of(control)));
}

/* Whether this role may be told of all members now. */
static bool members_may_be_told(struct control *control, enum control_role role)
{
	struct core_status status;
	uint64_t wait;

	core_status(control_port_of(control)->core, &status);
	return bucket_take(&control->looks[role], &LOOKS_BUCKET, status.members, clock_now().steady, &wait);
}

static void do_nodes(struct control *control, const struct asker *asker, const json_t *request)
{
	(void)request;
	if (members_may_be_told(control, asker->role))
		answer_view(control, asker, view_nodes(control_port_of(control)->core));
	else
		answer_code(control, asker, E_BUSY, "");
}

static void do_policy_show(struct control *control, const struct asker *asker, const json_t *request)
{
	answer_view(control, asker, view_policy(control_port_of(control)->core, request_text(request, "node")));
}

static void do_policy_reload(struct control *control, const struct asker *asker, const json_t *request)
{
	const struct control_port *port = control_port_of(control);
	struct fault fault = {0};
	struct buffer act = {0};
	const struct hash *approved = asker->approved != NULL ? &asker->approved->content : NULL;
	uint64_t ticket;

	if (!control_reason_good(control, asker, request))
		return;
	ticket = ticket_take(control, asker, false);
	act_of(asker, request, "policy reload", "", &act);
	if (ticket == 0)
		answer_code(control, asker, E_BUSY, "");
	else if (port->reload(port->loop, ticket, approved, buffer_view(&act), &fault) != E_OK)
		control_done(control, ticket, &fault, 0);
	buffer_free(&act);
}

static void do_watchers_reload(struct control *control, const struct asker *asker, const json_t *request)
{
	const struct control_port *port = control_port_of(control);
	struct core_event event = {.type = CORE_ACT};
	struct fault fault = {0};

	if (port->reload_watchers(port->loop, &fault) == E_OK)
		control_step(control, asker, request, &event, "watchers reload", "");
	else
		answer_fault(control, asker, &fault);
}

/* A look at the journal that simpulctl is about to have by itself: shown when it is recorded. */
static void do_look(struct control *control, const struct asker *asker, const json_t *request)
{
	static const char *const nodes[] = {"got", "breach-report", NULL}, *const reports[] = {"report", "policy explain", NULL};
	const char *what = request_text(request, "what"), *object = request_text(request, "object");
	struct core_event event = {.type = CORE_ACT};
	struct report_name name;

	if (!is_one_of(what, nodes) && !is_one_of(what, reports))
		answer_code(control, asker, E_UNKNOWN_VALUE, "what");
	else if (object == NULL ||
		 !(is_one_of(what, nodes) ? node_name_valid(object) : report_name_parse(object, &name)))
		answer_code(control, asker, E_INVALID, "object");
	else if (control_reason_good(control, asker, request))
		control_step(control, asker, request, &event, what, object);
}

/* What can be told out of the journal; false when this cannot be. */
static bool question_of(const char *what, enum archive_question *question)
{
	static const char *const words[] = {
		[ARCHIVE_REPORT] = "report", [ARCHIVE_SENT] = "got", [ARCHIVE_EXPLAIN] = "policy explain"};

	for (size_t i = 0; what != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(what, words[i]) != 0)
			continue;
		*question = (enum archive_question)i;
		return true;
	}
	return false;
}

/* What is wrong with a request for it; NULL: nothing. */
static const char *question_fault(const json_t *request, enum archive_question question)
{
	const char *object = request_text(request, "object"), *node = request_text(request, "node");
	struct report_name name;

	if (object == NULL ||
	    !(question == ARCHIVE_SENT ? node_name_valid(object) : report_name_parse(object, &name)))
		return "object";
	if (question == ARCHIVE_EXPLAIN && (node == NULL || !node_name_valid(node)))
		return "node";
	if (json_integer_value(json_object_get(request, "since")) < 0)
		return "since";
	return json_integer_value(json_object_get(request, "after")) < 0 ? "after" : NULL;
}

/* Of a request that is well formed. */
static struct archive_letter *question_new(const struct control_port *port, const json_t *request,
					   enum archive_question question)
{
	struct archive_letter *letter = memory_zero(1, sizeof(*letter));

	letter->question = question;
	letter->asked_at = clock_now().steady;
	letter->since = (wall_ms)json_integer_value(json_object_get(request, "since"));
	letter->after = (uint64_t)json_integer_value(json_object_get(request, "after"));
	strcpy(letter->object, request_text(request, "object"));
	if (question == ARCHIVE_EXPLAIN)
		strcpy(letter->node, request_text(request, "node"));
	if (question == ARCHIVE_REPORT) {
		letter->status = view_status(port);
		letter->nodes = view_nodes(port->core);
	}
	return letter;
}

/* Whether there is room for one more is asked before any work is done for it. */
static uint64_t question_admit(struct control *control, const struct asker *asker, enum archive_question question)
{
	if (control_port_of(control)->archivist == NULL)
		return 0;
	if (question == ARCHIVE_REPORT && !members_may_be_told(control, asker->role))
		return 0;
	return ticket_take(control, asker, true);
}

/* The same as a look, but the broker looks, once it is recorded: who asks needs none of its files. */
static void do_tell(struct control *control, const struct asker *asker, const json_t *request)
{
	const char *what = request_text(request, "what"), *field;
	struct core_event event = {.type = CORE_ACT};
	enum archive_question question;

	if (!question_of(what, &question)) {
		answer_code(control, asker, E_UNKNOWN_VALUE, "what");
		return;
	}
	if (!control_reason_good(control, asker, request))
		return;
	field = question_fault(request, question);
	if (field != NULL) {
		answer_code(control, asker, E_INVALID, field);
		return;
	}
	event.operator_ticket = question_admit(control, asker, question);
	if (event.operator_ticket == 0) {
		answer_code(control, asker, E_BUSY, "");
		return;
	}
	ticket_ask(control, event.operator_ticket, question_new(control_port_of(control), request, question));
	step_recorded(control, asker, request, &event, what, request_text(request, "object"));
}

/* ---- changing */

/* A message that stands in the request encoded and in hexadecimal; in the arena's memory. NULL: see the fault. */
static const void *message_of_request(const json_t *request, const char *key,
				      const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
				      struct fault *fault)
{
	const char *hex = request_text(request, key);
	const size_t size = hex == NULL ? 0 : strlen(hex) / 2;
	uint8_t *data = arena_alloc(arena, size + 1);

	if (hex != NULL && hex_parse(hex, data, size))
		return wire_unpack(descriptor, BYTES(data, size), arena, fault);
	fault_at(fault, E_INVALID, "%s", key);
	return NULL;
}

enum error member_of_request(const json_t *request, struct member *member, struct fault *fault)
{
	struct fault why = {0};
	struct arena arena;
	const Simpul__MemberRecord *record;
	enum error error;

	arena_init(&arena);
	record = message_of_request(request, "record", &simpul__member_record__descriptor, &arena, &why);
	error = record != NULL ? member_of_message(member, record, fault) : fault_pass(fault, &why);
	arena_fini(&arena);
	return error;
}

static void do_enroll(struct control *control, const struct asker *asker, const json_t *request)
{
	struct member member;
	struct fault fault = {0};
	struct core_event event = {.type = CORE_ENROLL, .enroll = &member};

	if (member_of_request(request, &member, &fault) != E_OK)
		answer_fault(control, asker, &fault);
	else if (control_reason_good(control, asker, request))
		control_step(control, asker, request, &event, "enroll", member.node);
}

/* The word of the request, and the command that people know. */
static bool standing_of_request(const json_t *request, Simpul__Standing *standing, const char **command)
{
	static const struct {
		const char *word, *command;
		Simpul__Standing standing;
	} words[] = {
		{"active", "restore", SIMPUL__STANDING__STANDING_ACTIVE},
		{"retired", "retire", SIMPUL__STANDING__STANDING_RETIRED},
		{"compromised", "revoke", SIMPUL__STANDING__STANDING_COMPROMISED},
	};
	const char *text = request_text(request, "standing");

	for (size_t i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word) != 0)
			continue;
		*standing = words[i].standing;
		*command = words[i].command;
		return true;
	}
	return false;
}

static void do_standing(struct control *control, const struct asker *asker, const json_t *request)
{
	struct core_event event = {.type = CORE_STANDING};
	const char *command;
	json_int_t since = json_integer_value(json_object_get(request, "since"));
	json_int_t key_id = json_integer_value(json_object_get(request, "key_id"));

	event.standing.node = request_text(request, "node");
	event.standing.reason = request_text(request, "reason");
	if (event.standing.node == NULL || !node_name_valid(event.standing.node))
		answer_code(control, asker, E_INVALID, "node");
	else if (!standing_of_request(request, &event.standing.standing, &command))
		answer_code(control, asker, E_UNKNOWN_VALUE, "standing");
	else if (!user_text_valid(event.standing.reason))
		answer_code(control, asker, E_INVALID, "reason");
	else if (since < 0)
		answer_code(control, asker, E_INVALID, "since");
	else if (key_id < 0 || key_id > UINT32_MAX)
		answer_code(control, asker, E_INVALID, "key_id");
	else if (key_id > 0 && event.standing.standing != SIMPUL__STANDING__STANDING_COMPROMISED)
		answer_code(control, asker, E_UNEXPECTED, "key_id");
	else {
		event.standing.key_id = (uint32_t)key_id;
		if (event.standing.standing == SIMPUL__STANDING__STANDING_COMPROMISED)
			event.standing.since = since > 0 ? (wall_ms)since : clock_now().wall;
		control_step(control, asker, request, &event, command, event.standing.node);
	}
}

static void do_reseed(struct control *control, const struct asker *asker, const json_t *request)
{
	struct core_event event = {.type = CORE_RESEED};
	json_int_t from = json_integer_value(json_object_get(request, "from_entry"));

	event.reseed.node = request_text(request, "node");
	event.reseed.reason = request_text(request, "reason");
	if (event.reseed.node == NULL || !node_name_valid(event.reseed.node))
		answer_code(control, asker, E_INVALID, "node");
	else if (from < 1)
		answer_code(control, asker, E_INVALID, "from_entry");
	else if (!user_text_valid(event.reseed.reason) || event.reseed.reason[0] == '\0')
		answer_code(control, asker, E_INVALID, "reason");
	else {
		event.reseed.from_entry = (uint64_t)from;
		control_step(control, asker, request, &event, "reseed", event.reseed.node);
	}
}

/* Never without two signatures: those of the proposal. */
static void do_hold(struct control *control, const struct asker *asker, const json_t *request)
{
	const struct proposal *approved = asker->approved;
	struct core_event event = {.type = CORE_HOLD};
	struct buffer hold = {0};
	struct fault fault = {0};

	if (hold_request_pack(request, approved->at, approved->signatures, &hold, &fault) != E_OK) {
		answer_fault(control, asker, &fault);
		return;
	}
	event.hold = buffer_view(&hold);
	control_step(control, asker, request, &event, approved->command->act, request_text(request, "report"));
	buffer_free(&hold);
}

/* simpulctl opens it by itself, once this is recorded. */
static void do_hold_open(struct control *control, const struct asker *asker, const json_t *request)
{
	struct core_event event = {.type = CORE_ACT};

	control_step(control, asker, request, &event, HOLD_OPEN, request_text(request, "report"));
}

static enum error succession_of_request(const json_t *request, struct broker_succession *succession, struct fault *fault)
{
	const Simpul__BrokerSuccession *message;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	message = message_of_request(request, "succession", &simpul__broker_succession__descriptor, &arena, fault);
	error = message != NULL ? broker_succession_of_message(succession, message, fault) : fault->code;
	arena_fini(&arena);
	return error;
}

static void do_broker_key(struct control *control, const struct asker *asker, const json_t *request)
{
	struct broker_succession succession;
	struct fault fault = {0};
	struct core_event event = {.type = CORE_BROKER_KEY, .broker_key = &succession};

	if (succession_of_request(request, &succession, &fault) != E_OK)
		answer_fault(control, asker, &fault);
	else
		control_step(control, asker, request, &event, "broker-keys", "");
}

/* Those that lie beside the present ones, and were announced. */
static void do_broker_keys(struct control *control, const struct asker *asker, const json_t *request)
{
	const struct control_port *port = control_port_of(control);
	struct fault fault = {0};
	struct buffer act = {0};
	uint64_t ticket;

	if (!control_reason_good(control, asker, request))
		return;
	ticket = ticket_take(control, asker, false);
	act_of(asker, request, "broker-keys take-up", "", &act);
	if (ticket == 0)
		answer_code(control, asker, E_BUSY, "");
	else if (port->take_up(port->loop, ticket, buffer_view(&act), &fault) != E_OK)
		control_done(control, ticket, &fault, 0);
	buffer_free(&act);
}

static void do_clock_confirm(struct control *control, const struct asker *asker, const json_t *request)
{
	struct core_event event = {.type = CORE_CLOCK};

	if (control_reason_good(control, asker, request))
		control_step(control, asker, request, &event, "clock confirm", "");
}

/* Beside the keys named here each takes "as": who asks, in his own words. Those with a kind, where the settings say that they
 * take two operators, take "at" (ms) and "signature" (hexadecimal), and become a proposal. */
const struct control_command control_commands[] = {
	{"status", false, 0, NULL, do_status},		/* counters, position, identity */
	{"nodes", false, 0, NULL, do_nodes},		/* members */
	{"policy-show", false, 0, NULL, do_policy_show}, /* node (optional) */
	{"proposals", false, 0, NULL, do_proposals},	/* what waits for a second operator */
	{"look", false, 0, NULL, do_look}, /* what, object, reason (optional): a look at the journal is recorded */
	/* what, object, reason (optional), node (of policy explain), since (ms), after (entry; both of got): recorded, and told */
	{"tell", false, 0, NULL, do_tell},
	{"policy-reload", true, ACT_POLICY, "policy reload", do_policy_reload}, /* reason (optional): reads the file again */
	{"watchers-reload", true, 0, NULL, do_watchers_reload},			/* the same for watchers */
	{"enroll", true, ACT_ENROLL, "enroll", do_enroll}, /* record: MemberRecord, hexadecimal; reason (optional) */
	{"standing", true, 0, NULL, do_standing}, /* node, standing, reason; of compromised since (ms), key_id (optional) */
	{"reseed", true, ACT_RESEED, "reseed", do_reseed},	   /* node, from_entry, reason */
	{"hold-place", true, ACT_HOLD, HOLD_PLACE, do_hold}, /* report, authority, order, until (ms), reason */
	{"hold-lift", true, ACT_HOLD, HOLD_LIFT, do_hold},   /* report, hold (entry), reason */
	{"hold-open", true, ACT_HOLD, HOLD_OPEN, do_hold_open}, /* report, reason */
	{"broker-key", true, 0, NULL, do_broker_key},	   /* succession: BrokerSuccession, hexadecimal */
	{"broker-keys-take-up", true, 0, NULL, do_broker_keys}, /* reason (optional): the newer ones come in force */
	{"approve", true, 0, NULL, do_approve},		   /* proposal, signature */
	{"withdraw", true, 0, NULL, do_withdraw},	   /* proposal, reason (optional) */
	{"clock-confirm", true, 0, NULL, do_clock_confirm}, /* reason (optional): the clock is right */
	{NULL, false, 0, NULL, NULL},
};
