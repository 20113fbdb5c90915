/* control_proposal - what takes two operators: kept when the first has signed it, carried out when the second has.
 *
 * For a day, also over a restart (proposal_file.h), and until an operator withdraws it. Of what was carried out the
 * digest stays until its day is over, over a restart as well, so that its signatures, which stand in the journal, do
 * nothing a second time; signatures from before the start are good for what waits alone. What was refused instead (busy,
 * stopping, a file that could not be read) was not carried out, and waits for the second operator again. */
#include "broker/control/control_state.h"

#include "broker/control/control_view.h"
#include "broker/control/hold_request.h"
#include "broker/control/proposal_file.h"
#include "common/json.h"
#include "common/limit.h"
#include "common/memory.h"
#include "common/wire.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- what is signed */

static enum error policy_content(const struct control *control, struct hash *content, struct fault *fault)
{
	struct policy *policy = NULL;
	enum error error = policy_load(control->port->settings->policy, &policy, fault);

	if (error == E_OK)
		*content = policy_hash(policy);
	policy_free(policy);
	return error;
}

static enum error enroll_content(const json_t *request, struct hash *content, struct fault *fault)
{
	struct member member;
	Simpul__MemberRecord record;
	struct buffer encoded = {0};
	enum error error = member_of_request(request, &member, fault);

	if (error != E_OK)
		return error;
	member_to_message(&member, &record);
	wire_pack(&record, &encoded);
	*content = hash_of(buffer_view(&encoded));
	buffer_free(&encoded);
	return E_OK;
}

static enum error grant_content(const json_t *request, struct hash *content, struct fault *fault)
{
	const char *node = json_string_value(json_object_get(request, "node"));
	const char *reason = json_string_value(json_object_get(request, "reason"));
	const json_int_t from = json_integer_value(json_object_get(request, "from_entry"));

	if (node == NULL || !node_name_valid(node))
		return fault_at(fault, E_INVALID, "node");
	if (from < 1)
		return fault_at(fault, E_INVALID, "from_entry");
	if (!user_text_valid(reason) || reason[0] == '\0')
		return fault_at(fault, E_INVALID, "reason");
	*content = act_reseed_content(node, (uint64_t)from, reason);
	return E_OK;
}

static enum error content_of(const struct control *control, const struct control_command *command, const json_t *request,
			     struct hash *content, struct fault *fault)
{
	switch (command->kind) {
	case ACT_POLICY:
		return policy_content(control, content, fault);
	case ACT_ENROLL:
		return enroll_content(request, content, fault);
	case ACT_HOLD:
		return hold_request_content(request, content, fault);
	default:
		return grant_content(request, content, fault);
	}
}

/* ---- proposals */

void spent_add(struct control *control, const struct hash *digest, wall_ms at)
{
	control->spent = memory_grow(control->spent, control->spent_count + 1, sizeof(*control->spent));
	control->spent[control->spent_count++] = (struct spent){*digest, at, clock_now().steady};
}

/* Both clocks must say so: a wall clock that jumps ahead and back makes no signature good again. */
static void spent_expire(struct control *control, const struct now *now)
{
	size_t kept = 0;

	for (size_t i = 0; i < control->spent_count; i++) {
		const struct spent *spent = &control->spent[i];

		if (now->wall < spent->at + ACT_LIFE_MS || now->steady < spent->since + ACT_LIFE_MS)
			control->spent[kept++] = *spent;
	}
	control->spent_count = kept;
}

static void proposal_spend(struct control *control, struct proposal *proposal)
{
	spent_add(control, &proposal->digest, proposal->at);
	json_decref(proposal->request);
	*proposal = (struct proposal){.id = 0};
}

static void proposals_expire(struct control *control)
{
	const struct now now = clock_now();

	spent_expire(control, &now);
	for (size_t i = 0; i < PROPOSALS; i++) {
		struct proposal *proposal = &control->proposals[i];

		if (proposal->id == 0 || now.wall < proposal->at + ACT_LIFE_MS)
			continue;
		if (proposal->done) {
			proposal_spend(control, proposal);
			continue;
		}
		json_decref(proposal->request);
		*proposal = (struct proposal){.id = 0};
	}
}

static struct proposal *proposal_find(struct control *control, uint64_t id)
{
	for (size_t i = 0; id != 0 && i < PROPOSALS; i++)
		if (control->proposals[i].id == id && !control->proposals[i].done)
			return &control->proposals[i];
	return NULL;
}

static bool is_taken(const struct control *control, const struct hash *digest)
{
	for (size_t i = 0; i < PROPOSALS; i++)
		if (control->proposals[i].id != 0 && hash_equal(&control->proposals[i].digest, digest))
			return true;
	for (size_t i = 0; i < control->spent_count; i++)
		if (hash_equal(&control->spent[i].digest, digest))
			return true;
	return false;
}

/* Until it is answered it may be refused yet, and wait again. */
static bool is_under_way(const struct control *control, const struct proposal *proposal)
{
	for (size_t i = 0; i < PENDING; i++)
		if (control->pending[i].ticket != 0 && control->pending[i].asker.proposal == proposal->id)
			return true;
	return false;
}

/* A free place, or that of one that is done. */
static struct proposal *proposal_room(struct control *control)
{
	struct proposal *done = NULL;

	for (size_t i = 0; i < PROPOSALS; i++) {
		struct proposal *proposal = &control->proposals[i];

		if (proposal->id == 0)
			return proposal;
		if (proposal->done && !is_under_way(control, proposal))
			done = proposal;
	}
	if (done != NULL)
		proposal_spend(control, done);
	return done;
}

static size_t proposals_open(const struct control *control, const uint8_t key[KEY_SIZE])
{
	size_t count = 0;

	for (size_t i = 0; i < PROPOSALS; i++) {
		const struct proposal *proposal = &control->proposals[i];

		count += proposal->id != 0 && !proposal->done &&
			 memcmp(proposal->signatures[0].key, key, KEY_SIZE) == 0;
	}
	return count;
}

/* Whose word the request has; E_TWO_OPERATORS when it has none. */
static enum error signature_take(const struct control *control, const json_t *request, const struct hash *digest,
				 struct act_signature *signature, struct fault *fault)
{
	const char *hex = json_string_value(json_object_get(request, "signature"));
	uint8_t bytes[SIGNATURE_SIZE];

	if (hex == NULL)
		return fault_at(fault, E_TWO_OPERATORS, "%s", "");
	if (!hex_parse(hex, bytes, SIGNATURE_SIZE) ||
	    !operators_verify(&control->port->settings->signers, digest, BYTES(bytes, SIGNATURE_SIZE), signature))
		return fault_at(fault, E_BAD_SIGNATURE, "signature");
	return E_OK;
}

static enum error proposal_check(struct control *control, const struct control_command *command, const json_t *request,
				 struct proposal *made, struct fault *fault)
{
	const wall_ms now = clock_now().wall;
	enum error error = content_of(control, command, request, &made->content, fault);

	if (error == E_OK && control->port->settings->signers.list.count < 2)
		error = fault_at(fault, E_TWO_OPERATORS,
				 "the file operators has not the keys of two (simpulctl operator new)");

	made->at = (wall_ms)json_integer_value(json_object_get(request, "at"));
	made->digest = act_digest(control->port->identity->exchange.id, made->at, command->act, &made->content);
	if (error == E_OK)
		error = signature_take(control, request, &made->digest, &made->signatures[0], fault);
	if (error == E_OK && (made->at < control->port->started_at || made->at > now + LIMIT_CLOCK_AHEAD_MS ||
			      now >= made->at + ACT_LIFE_MS))
		error = fault_at(fault, E_CLOCK, "at");
	if (error == E_OK && is_taken(control, &made->digest))
		error = fault_at(fault, E_EXISTS, "proposal");
	if (error == E_OK && proposals_open(control, made->signatures[0].key) >= PROPOSALS_EACH)
		error = fault_at(fault, E_BUSY, "proposals");
	return error;
}

/* On disk before its number is told. */
static enum error proposal_put(struct control *control, struct proposal *made, const json_t *request,
			       struct fault *fault)
{
	struct proposal *room = proposal_room(control);
	enum error error;

	if (room == NULL)
		return fault_at(fault, E_BUSY, "proposals");
	made->id = ++control->last_proposal;
	made->request = json_deep_copy(request);
	*room = *made;
	error = proposals_save(control, fault);
	if (error == E_OK)
		return E_OK;
	json_decref(room->request);
	*room = (struct proposal){.id = 0};
	return error;
}

void proposal_take(struct control *control, const struct asker *asker, const struct control_command *command,
		   const json_t *request)
{
	struct proposal made = {.command = command};
	struct fault fault = {0};

	proposals_expire(control);
	if (proposal_check(control, command, request, &made, &fault) != E_OK ||
	    proposal_put(control, &made, request, &fault) != E_OK) {
		answer_fault(control, asker, &fault);
	} else {
		log_event(LOG_LEVEL_NOTICE, "operator.proposed", F_NUM("proposal", made.id),
			  F_TEXT("command", command->act), F_TEXT("operator", made.signatures[0].operator_name));
		answer_view(control, asker, json_pack("{s:I}", "proposal", (json_int_t)made.id));
	}
}

/* ---- the second operator */

void do_proposals(struct control *control, const struct asker *asker, const json_t *request)
{
	json_t *object = json_object(), *list = json_array();

	(void)request;
	proposals_expire(control);
	for (size_t i = 0; i < PROPOSALS; i++)
		if (control->proposals[i].id != 0 && !control->proposals[i].done)
			json_array_append_new(list, view_proposal(&control->proposals[i]));
	json_object_set_new(object, "proposals", list);
	answer_view(control, asker, object);
}

static enum error approval_check(struct control *control, struct proposal *proposal, const json_t *request,
				 struct fault *fault)
{
	struct hash content;
	enum error error = signature_take(control, request, &proposal->digest, &proposal->signatures[1], fault);

	if (error == E_OK && memcmp(proposal->signatures[0].key, proposal->signatures[1].key, KEY_SIZE) == 0)
		error = fault_at(fault, E_TWO_OPERATORS, "signature");
	if (error == E_OK)
		error = content_of(control, proposal->command, proposal->request, &content, fault);
	if (error == E_OK && !hash_equal(&content, &proposal->content))
		error = fault_at(fault, E_INVALID, "policy: the file was changed since");
	return error;
}

void proposal_reopen(struct control *control, uint64_t id)
{
	struct fault fault = {0};

	for (size_t i = 0; id != 0 && i < PROPOSALS; i++) {
		if (control->proposals[i].id != id || !control->proposals[i].done)
			continue;
		control->proposals[i].done = false;
		if (proposals_save(control, &fault) != E_OK) /* it waits, but no longer than the broker runs */
			log_event(LOG_LEVEL_ERROR, "proposals.unsaved", F_TEXT("code", error_name(fault.code)));
	}
}

/* In the file it is done from here on: what a crash leaves is proposed anew, and never done twice. */
static enum error proposal_begin(struct control *control, struct proposal *proposal, struct fault *fault)
{
	enum error error;

	proposal->done = true;
	error = proposals_save(control, fault);
	proposal->done = error == E_OK;
	return error;
}

/* What was proposed, in the words of who approves it: it is he who is named for it. */
static json_t *request_of(const struct proposal *proposal, const json_t *approval)
{
	json_t *request = json_copy(proposal->request), *person = json_object_get(approval, "as");

	json_object_del(request, "as");
	if (person != NULL)
		json_object_set(request, "as", person);
	return request;
}

void do_approve(struct control *control, const struct asker *asker, const json_t *request)
{
	const json_int_t id = json_integer_value(json_object_get(request, "proposal"));
	struct asker approved = *asker;
	struct proposal *proposal;
	struct fault fault = {0};
	json_t *approved_request;

	proposals_expire(control);
	proposal = proposal_find(control, id > 0 ? (uint64_t)id : 0);
	if (proposal == NULL) {
		answer_code(control, asker, E_NOT_FOUND, "proposal");
	} else if (approval_check(control, proposal, request, &fault) != E_OK ||
		   proposal_begin(control, proposal, &fault) != E_OK) {
		answer_fault(control, asker, &fault);
	} else {
		approved.approved = proposal;
		approved.proposal = proposal->id;
		approved_request = request_of(proposal, request);
		proposal->command->run(control, &approved, approved_request);
		json_decref(approved_request);
	}
}

/* ---- withdrawing */

/* What it was about, for the record: a node or a report; "" of a policy. */
static const char *object_of(const struct proposal *proposal, struct member *member)
{
	if (proposal->command->kind == ACT_ENROLL)
		return member_of_request(proposal->request, member, NULL) == E_OK ? member->node : "";
	return json_text(proposal->request, proposal->command->kind == ACT_HOLD ? "report" : "node");
}

void do_withdraw(struct control *control, const struct asker *asker, const json_t *request)
{
	const json_int_t id = json_integer_value(json_object_get(request, "proposal"));
	struct core_event event = {.type = CORE_ACT};
	struct asker withdrawing = *asker;
	struct proposal *proposal;
	struct fault fault = {0};
	struct member member;
	char command[40];

	proposals_expire(control);
	proposal = proposal_find(control, id > 0 ? (uint64_t)id : 0);
	if (proposal == NULL) {
		answer_code(control, asker, E_NOT_FOUND, "proposal");
	} else if (control_reason_good(control, asker, request)) {
		if (proposal_begin(control, proposal, &fault) != E_OK) {
			answer_fault(control, asker, &fault);
			return;
		}
		withdrawing.proposal = proposal->id;
		snprintf(command, sizeof(command), "withdraw %s", proposal->command->act);
		control_step(control, &withdrawing, request, &event, command, object_of(proposal, &member));
	}
}
