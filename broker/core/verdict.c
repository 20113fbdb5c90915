/* verdict - what becomes of a submission that may be taken: a verdict for each report, an audience, and the append.
 *
 * A refused report uses up its number, so its verdict is stored like the report itself. */
#include "broker/core/bulletin.h"
#include "broker/core/submit_state.h"
#include "broker/journal/encode.h"
#include "common/content.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdio.h>
#include <string.h>

/* Field numbers of link.proto. A Delivery has those of a Submission, but for the eighth. */
enum {
	UP_SUBMIT = 3,
	SUBMISSION_ROUTING = 8,
	SUBMISSION_REPORT = 9,
	DELIVERY_ROUTING_HASH = 8,
	DELIVERY_REPORT = 9,
	REPORT_BODY = 2,
	REPORT_LEAF = 4,
	ENCODED_LEAF = 2 + HASH_SIZE, /* of a report that is a leaf alone */
};

/* ---------------------------------------------------------------------------- verdicts */

/* A cancel names whom its report named: they may be gone by now, but what names them is a name still. */
static bool recipient_known(const struct core *core, Simpul__Kind kind, const char *name)
{
	return kind == SIMPUL__KIND__KIND_CANCEL
		       ? agency_name_valid(name) || node_name_valid(name)
		       : policy_knows_agency(core->policy, name) || policy_knows_node(core->policy, name) ||
				 node_find(core, name);
}

static bool opener_known(const struct core *core, Simpul__Kind kind, const char *node)
{
	return kind == SIMPUL__KIND__KIND_CANCEL ? node_name_valid(node) : node_find(core, node) != NULL;
}

static enum error recipients_check(const struct core *core, const struct submit *submit, struct fault *fault)
{
	const Simpul__Kind kind = submit->headers[0]->kind;
	const Simpul__Routing *routing = submit->routing;

	for (size_t i = 0; i < routing->n_to; i++)
		if (!recipient_known(core, kind, routing->to[i]))
			return fault_at(fault, E_RECIPIENT_UNKNOWN, "routing.to[%zu]", i);
	for (size_t i = 0; i < routing->n_not_to; i++)
		if (!recipient_known(core, kind, routing->not_to[i]))
			return fault_at(fault, E_RECIPIENT_UNKNOWN, "routing.not_to[%zu]", i);
	for (size_t i = 0; i < routing->n_wraps; i++) {
		if (!opener_known(core, kind, routing->wraps[i]->node))
			return fault_at(fault, E_RECIPIENT_UNKNOWN, "routing.wraps[%zu].node", i);
		if (routing->wraps[i]->wrapped.len != WRAP_SIZE)
			return fault_at(fault, E_INVALID, "routing.wraps[%zu].wrapped", i);
	}
	return E_OK;
}

/* A cancel goes where the report went, so it names nobody. header_check has seen to the seal. */
static enum error red_check(const struct submit *submit, struct fault *fault)
{
	const Simpul__Header *header = submit->headers[0];

	if (header->label != SIMPUL__LABEL__LABEL_RED || header->kind == SIMPUL__KIND__KIND_CANCEL)
		return E_OK;
	if (submit->routing->n_to == 0)
		return fault_at(fault, E_RED_NEEDS_NODES, "routing.to");
	for (size_t i = 0; i < submit->routing->n_to; i++)
		if (!node_name_valid(submit->routing->to[i]))
			return fault_at(fault, E_RED_NEEDS_NODES, "routing.to[%zu]", i);
	return E_OK;
}

/* The recipient opens with the key in force alone; of several wraps any may be the one that it is handed. */
static enum error wrap_check(const struct node *recipient, const Simpul__Routing *routing, struct fault *fault)
{
	bool found = false;

	for (size_t i = 0; i < routing->n_wraps; i++) {
		if (strcmp(routing->wraps[i]->node, recipient->name) != 0)
			continue;
		if (routing->wraps[i]->key_id != recipient->member.key_id)
			return fault_at(fault, E_KEY_EXPIRED, "routing.wraps");
		if (recipient->lapsed)
			return fault_at(fault, E_KEY_LAPSED, "routing.wraps");
		found = true;
	}
	return found ? E_OK : fault_at(fault, E_MISSING, "routing.wraps");
}

/* Who gets a sealed body must be able to open it. */
static enum error wraps_check(const struct core *core, const struct submit *submit, struct fault *fault)
{
	enum error error = E_OK;

	if (submit->headers[0]->form != SIMPUL__BODY_FORM__BODY_FORM_SEALED)
		return E_OK;
	for (size_t i = 0; error == E_OK && i < submit->audience.count; i++)
		error = wrap_check(node_find(core, submit->audience.nodes[i]), submit->routing, fault);
	return error;
}

static enum error audience_check(struct core *core, struct submit *submit, struct fault *fault)
{
	const Simpul__Kind kind = submit->headers[0]->kind;

	/* A cancel goes to whoever got the report: the journal knows, unless it has lost the report that is taken back. */
	if (kind != SIMPUL__KIND__KIND_CANCEL || submit->headers[0]->erase)
		audience_decide(core, submit->node, submit->routing, &submit->class, &submit->audience);
	if (kind == SIMPUL__KIND__KIND_CANCEL)
		return E_OK;
	if (submit->audience.count == 0 && kind != SIMPUL__KIND__KIND_UPDATE)
		return fault_at(fault, E_EMPTY_AUDIENCE, "routing");
	return wraps_check(core, submit, fault);
}

/* An answer is for one node, whatever the policy grants: the one whose report it is about. Whoever is in the policy may and
 * must answer. */
static enum error answer_audience(struct core *core, struct submit *submit, struct fault *fault)
{
	const Simpul__Routing *routing = submit->routing;
	const Simpul__Header *header = submit->headers[0];
	const struct node *origin = routing->n_to == 1 ? node_find(core, routing->to[0]) : NULL;
	enum error error;

	if (routing->n_to != 1 || routing->n_not_to > 0 || (routing->n_wraps > 0 && !kind_is_sealed(header->kind)))
		return fault_at(fault, E_INVALID, "routing.to");
	if (!core->policy || !policy_knows_node(core->policy, submit->node->name))
		return fault_at(fault, E_MAY_NOT_PUBLISH, "header.kind");
	if (header->n_references == 1 && strcmp(header->references[0]->origin, routing->to[0]) != 0)
		return fault_at(fault, E_INVALID, "routing.to[0]");
	if (!origin)
		return fault_at(fault, E_RECIPIENT_UNKNOWN, "routing.to[0]");
	if (origin == submit->node || origin->standing != SIMPUL__STANDING__STANDING_ACTIVE || origin->leaving)
		return fault_at(fault, E_EMPTY_AUDIENCE, "routing");
	submit->audience.nodes = memory_zero(1, sizeof(*submit->audience.nodes));
	memcpy(submit->audience.nodes[0], origin->name, sizeof(*submit->audience.nodes));
	submit->audience.count = 1;
	error = recipients_check(core, submit, fault);
	return error == E_OK ? wraps_check(core, submit, fault) : error;
}

/* What was said can be taken back by whoever is in the policy, whatever that lets be said by now: it goes to whoever
 * got the report, and to nobody else. */
static enum error publish_check(const struct core *core, const struct submit *submit, struct fault *fault)
{
	const Simpul__Header *header = submit->headers[0];
	const char *origin = submit->node->name;
	enum error error;

	if (!core->policy)
		return fault_at(fault, E_MAY_NOT_PUBLISH, "header.kind");
	if (header->kind == SIMPUL__KIND__KIND_CANCEL)
		return policy_knows_node(core->policy, origin) ? E_OK
							       : fault_at(fault, E_MAY_NOT_PUBLISH, "header.kind");
	if (!policy_knows_category(core->policy, header->category))
		return fault_at(fault, E_CATEGORY_UNKNOWN, "header.category");
	error = policy_may_publish(core->policy, origin, &submit->class);
	return error == E_OK ? E_OK
			     : fault_at(fault, error, "%s",
					error == E_LABEL_ABOVE_CEILING ? "header.label"
					: error == E_MAY_NOT_ASK       ? "header.category"
								       : "header.kind");
}

/* It goes to nobody. */
static enum error void_check(const Simpul__Routing *routing, struct fault *fault)
{
	if (routing->n_to > 0 || routing->n_not_to > 0)
		return fault_at(fault, E_INVALID, routing->n_to > 0 ? "routing.to" : "routing.not_to");
	return routing->n_wraps > 0 ? fault_at(fault, E_INVALID, "routing.wraps") : E_OK;
}

/* The verdict that all reports of the submission share. */
static enum error common_verdict(struct core *core, struct submit *submit, struct fault *fault)
{
	const Simpul__Kind kind = submit->headers[0]->kind;
	enum error error;

	if (kind == SIMPUL__KIND__KIND_VOID)
		return void_check(submit->routing, fault);
	if (kind_is_answer(kind))
		return answer_audience(core, submit, fault);
	error = publish_check(core, submit, fault);
	if (error == E_OK)
		error = recipients_check(core, submit, fault);
	if (error == E_OK)
		error = red_check(submit, fault);
	if (error == E_OK)
		error = audience_check(core, submit, fault);
	return error;
}

static bool protects_child(const Simpul__Header *header)
{
	for (size_t i = 0; i < header->n_protection; i++)
		if (header->protection[i] == SIMPUL__PROTECTION__PROTECTION_CHILD)
			return true;
	return false;
}

static enum error report_verdict(struct core *core, const struct submit *submit, size_t index, struct fault *fault)
{
	const Simpul__Header *header = submit->headers[index];
	const Simpul__Body *body = submit->bodies[index];
	enum error error = header_check(header, core->now->wall, fault);

	if (error == E_OK && body)
		error = body_check(header, body, fault);
	if (error == E_OK && body && submit->routing->n_to == 0 && body_age_unknown(body) && !protects_child(header))
		error = fault_at(fault, E_MISSING, "routing.to");
	if (error == E_OK && submit->common.code != E_OK) {
		*fault = submit->common;
		error = submit->common.code;
	}
	/* Of what is sealed the header alone tells: there may be a person in it. */
	if (error == E_OK && core->policy)
		error = policy_lawful(core->policy, header, !body || body_person_count(body) > 0, fault);
	return error;
}

/* ---------------------------------------------------------------------------- the append */

/* The Submission in a frame that wire_view found canonical. */
static struct bytes submission_part(struct bytes frame)
{
	struct encoded_field field;

	while (next_field(&frame, &field) && field.field != UP_SUBMIT)
		;
	return field.data;
}

/* Where the bodies stand in what recipients get; a refused report has none there. */
static void bodies_locate(struct bytes delivery, struct stored_report *reports)
{
	struct encoded_field report, part;

	while (next_field(&delivery, &report)) {
		if (report.field != DELIVERY_REPORT)
			continue;
		while (next_field(&report.data, &part))
			if (part.field == REPORT_BODY)
				reports->body = part.data;
		reports++;
	}
}

static void due_note(struct journal_append *append, wall_ms expires)
{
	if (expires != 0 && (append->due == 0 || expires < append->due))
		append->due = expires;
}

static enum append_effect effect_of(const Simpul__Header *header)
{
	if (header->kind == SIMPUL__KIND__KIND_PURGE_RECEIPT)
		return EFFECT_PURGED;
	return header->kind == SIMPUL__KIND__KIND_CANCEL && header->erase ? EFFECT_RETRACT : EFFECT_NONE;
}

/* Returns how many reports were accepted. */
static size_t verdicts_give(struct core *core, const struct submit *submit, struct journal_append *append)
{
	size_t accepted = 0;

	for (size_t i = 0; i < submit->count; i++) {
		struct stored_report *report = &append->reports[i];
		struct fault fault = {0};

		report->body_hash = submit->body_hashes[i];
		report->verdict = report_verdict(core, submit, i, &fault);
		if (report->verdict == E_OK) {
			accepted++;
			due_note(append, submit->headers[i]->expires);
			continue;
		}
		memcpy(report->field, fault.field, sizeof(report->field) - 1); /* it is the shorter one */
	}
	return accepted;
}

static void content_write(struct core *core, const struct submit *submit, struct buffer *out)
{
	const Simpul__Submission *message = submit->message;
	Simpul__StoredSubmission stored = SIMPUL__STORED_SUBMISSION__INIT;

	stored.origin = message->origin;
	stored.key_id = message->key_id;
	stored.epoch = message->epoch;
	stored.stream = message->stream;
	stored.first = message->first;
	stored.seen_entry = message->seen_entry;
	stored.seen_head = message->seen_head;
	stored.routing = message->routing;
	stored.headers = arena_alloc(&core->arena, submit->count * sizeof(*stored.headers));
	for (size_t i = 0; i < submit->count; i++)
		stored.headers[stored.n_headers++] = message->reports[i]->header;
	stored.body_hashes = (ProtobufCBinaryData){submit->count * HASH_SIZE, submit->body_hashes[0].bytes};
	stored.signature = message->signature;
	wire_pack(&stored, out);
}

static void leaf_put(struct buffer *out, const struct hash *leaf)
{
	put_head(out, DELIVERY_REPORT, ENCODED_LEAF);
	put_bytes(out, REPORT_LEAF, BYTES(leaf->bytes, HASH_SIZE));
}

/* A Delivery is the Submission as it was received, field for field, but for its routing, of which there is the hash. */
void delivery_encode(const struct submit *submit, const bool *whole, struct buffer *out)
{
	const struct hash routing_hash = hash_of(of_binary(submit->message->routing));
	struct bytes rest = submission_part(submit->frame);
	struct encoded_field field;
	size_t index = 0;

	buffer_reserve(out, rest.size + HASH_SIZE);
	for (const uint8_t *begin = rest.data; next_field(&rest, &field); begin = rest.data) {
		if (field.field == SUBMISSION_ROUTING)
			put_bytes(out, DELIVERY_ROUTING_HASH, BYTES(routing_hash.bytes, HASH_SIZE));
		else if (field.field == SUBMISSION_REPORT && !whole[index])
			leaf_put(out, &submit->leaves[index]);
		else
			buffer_append(out, begin, (size_t)(rest.data - begin));
		index += field.field == SUBMISSION_REPORT;
	}
}

/* What recipients get: whole reports, and of the refused ones the leaf alone. */
static void delivery_write(const struct submit *submit, struct journal_append *append)
{
	bool whole[LIMIT_SUBMISSION_REPORTS];

	for (size_t i = 0; i < submit->count; i++)
		whole[i] = append->reports[i].verdict == E_OK;
	delivery_encode(submit, whole, &append->delivery);
	bodies_locate(buffer_view(&append->delivery), append->reports);
}

static enum inherit inherit_of(Simpul__Kind kind)
{
	switch (kind) {
	case SIMPUL__KIND__KIND_CANCEL:
		return INHERIT_ONLY;
	case SIMPUL__KIND__KIND_UPDATE:
		return INHERIT_ADD;
	default:
		return kind_answers_one(kind) ? INHERIT_HEARD : INHERIT_NONE;
	}
}

/* Who gets it; nobody when every report was refused. */
static void audience_set(struct submit *submit, struct journal_append *append)
{
	const Simpul__Header *header = submit->headers[0];

	if (header->kind == SIMPUL__KIND__KIND_VOID)
		return;
	append->inherit = inherit_of(header->kind);
	if (append->inherit != INHERIT_NONE) {
		const Simpul__Name *meant = header->references[0];

		append->reference = (struct report_name){
			.epoch = meant->epoch, .stream = (uint32_t)meant->stream, .number = meant->number};
		snprintf(append->reference.origin, sizeof(append->reference.origin), "%s", meant->origin);
	}
	if (append->inherit != INHERIT_ONLY)
		append->unreachable =
			audience_unreachable(submit->routing, &submit->audience, &append->unreachable_count);
	append->audience = submit->audience;
	if (append->inherit == INHERIT_ONLY)
		append->audience.class = (struct routing_class){0}; /* no policy is asked about it at its delivery */
	submit->audience = (struct audience){0};
}

static void pending_add(struct submit *submit, const struct journal_append *append)
{
	struct node *node = submit->node;

	node->pending[node->pending_count++] = (struct pending){.ticket = append->ticket,
								.first = submit->first,
								.count = submit->count,
								.size = submit->frame.size,
								.digest = submit->digest,
								.seq = submit->seq};
}

void submit_accept(struct core *core, struct submit *submit)
{
	struct journal_append *append = journal_append_new();
	size_t accepted;

	append->ticket = next_ticket(core);
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION;
	append->policy_version = core->policy_version;
	append->digest = submit->digest;
	append->first = submit->first;
	append->count = submit->count;
	append->reports = memory_zero(submit->count, sizeof(*append->reports));
	buffer_bytes(&append->routing, of_binary(submit->message->routing));
	common_verdict(core, submit, &submit->common);
	accepted = verdicts_give(core, submit, append);
	content_write(core, submit, &append->content);
	delivery_write(submit, append);
	if (accepted > 0) {
		append->effect = effect_of(submit->headers[0]);
		audience_set(submit, append);
		bulletin_prepare(core, submit, append);
	}
	audience_clear(&submit->audience);
	pending_add(submit, append);
	append_start(core, append);
}
