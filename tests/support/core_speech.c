/* core_speech - makes the submission that a speech stands for, signed by its node. */
#include "tests/support/core_world.h"
#include "common/content.h"
#include "common/submission.h"
#include "common/superseded.h"
#include "common/wire.h"

#include <string.h>

static ProtobufCBinaryData packed(struct world *world, const void *message)
{
	struct buffer out = {0};
	ProtobufCBinaryData data;

	wire_pack(message, &out);
	data.len = out.size;
	data.data = arena_alloc(&world->arena, out.size + 1);
	if (out.size > 0)
		memcpy(data.data, out.data, out.size);
	buffer_free(&out);
	return data;
}

static ProtobufCBinaryData salt_of(struct world *world, uint8_t value)
{
	ProtobufCBinaryData salt = {16, arena_alloc(&world->arena, 16)};

	memset(salt.data, value + 1, 16);
	return salt;
}

/* That the first report of whom it is for was taken back. */
static Simpul__PurgeReceipt *purge_receipt_make(struct world *world, const struct speech *speech)
{
	Simpul__PurgeReceipt *receipt = arena_alloc(&world->arena, sizeof(*receipt));
	Simpul__Purged *purged = arena_alloc(&world->arena, sizeof(*purged));
	Simpul__Name *name = arena_alloc(&world->arena, sizeof(*name));

	simpul__purge_receipt__init(receipt);
	simpul__purged__init(purged);
	simpul__name__init(name);
	name->origin = (char *)(uintptr_t)(speech->to[0] ? speech->to[0] : world_names[speech->node]);
	name->epoch = name->number = 1;
	purged->name = name;
	purged->rule = SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED;
	purged->at = WORLD_START;
	receipt->purged = arena_alloc(&world->arena, sizeof(*receipt->purged));
	receipt->purged[receipt->n_purged++] = purged;
	return receipt;
}

static ProtobufCBinaryData body_make(struct world *world, const struct speech *speech, Simpul__Kind kind)
{
	Simpul__Body body = SIMPUL__BODY__INIT;
	Simpul__Sighting sighting = SIMPUL__SIGHTING__INIT;
	Simpul__Update update = SIMPUL__UPDATE__INIT;
	Simpul__Cancel cancel = SIMPUL__CANCEL__INIT;
	Simpul__Void void_ = SIMPUL__VOID__INIT;
	char summary[4001] = "";
	Simpul__SealedBody sealed = SIMPUL__SEALED_BODY__INIT;

	if (speech->sealed) {
		sealed.commitment = (ProtobufCBinaryData){HASH_SIZE, arena_alloc(&world->arena, HASH_SIZE)};
		memset(sealed.commitment.data, 9, HASH_SIZE);
		sealed.ciphertext = sealed.commitment;
		return packed(world, &sealed);
	}
	memset(summary, 'x', speech->summary);
	body.salt = salt_of(world, speech->salt);
	sighting.first_seen = WORLD_START;
	sighting.assertion = SIMPUL__ASSERTION__ASSERTION_FACT;
	sighting.summary = summary;
	body.content_case = SIMPUL__BODY__CONTENT_SIGHTING;
	body.sighting = &sighting;
	update.replacement_case = SIMPUL__UPDATE__REPLACEMENT_SIGHTING;
	update.sighting = &sighting;
	cancel.reason = SIMPUL__CANCEL_REASON__CANCEL_REASON_RESOLVED;
	void_.code = E_TOO_LARGE;
	if (kind == SIMPUL__KIND__KIND_UPDATE) {
		body.content_case = SIMPUL__BODY__CONTENT_UPDATE;
		body.update = &update;
	} else if (kind == SIMPUL__KIND__KIND_CANCEL) {
		body.content_case = SIMPUL__BODY__CONTENT_CANCEL;
		body.cancel = &cancel;
	} else if (kind == SIMPUL__KIND__KIND_VOID) {
		body.content_case = SIMPUL__BODY__CONTENT_VOID;
		body.void_ = &void_;
	} else if (kind == SIMPUL__KIND__KIND_PURGE_RECEIPT) {
		body.content_case = SIMPUL__BODY__CONTENT_PURGE_RECEIPT;
		body.purge_receipt = purge_receipt_make(world, speech);
	}
	if (speech->spoil_body)
		speech->spoil_body(&body);
	return packed(world, &body);
}

static void header_say(struct world *world, const struct speech *speech, Simpul__Header *header)
{
	const bool refers = header->kind == SIMPUL__KIND__KIND_UPDATE || header->kind == SIMPUL__KIND__KIND_CANCEL;

	header->category = (char *)(uintptr_t)(speech->category ? speech->category : "wanted");
	header->region = (char *)(uintptr_t)(speech->region ? speech->region : "16.01");
	header->label = speech->label ? speech->label : SIMPUL__LABEL__LABEL_AMBER;
	header->purpose = (char *)"law-enforcement";
	header->expires = WORLD_START + 30 * DAY_MS;
	if (!refers)
		return;
	Simpul__Name *reference = arena_alloc(&world->arena, sizeof(*reference));

	simpul__name__init(reference);
	*reference = *header->name;
	reference->number = speech->reference;
	header->about = SIMPUL__KIND__KIND_SIGHTING;
	header->n_references = 1;
	header->references = arena_alloc(&world->arena, sizeof(*header->references));
	header->references[0] = reference;
}

static Simpul__SubmittedReport *report_make(struct world *world, const struct speech *speech,
					    const Simpul__Submission *message, size_t index)
{
	Simpul__SubmittedReport *report = arena_alloc(&world->arena, sizeof(*report));
	Simpul__Header header = SIMPUL__HEADER__INIT;
	Simpul__Name name = SIMPUL__NAME__INIT;

	name.origin = message->origin;
	name.epoch = message->epoch;
	name.stream = message->stream;
	name.number = message->first + index;
	header.salt = salt_of(world, speech->salt);
	header.name = &name;
	header.created_at = WORLD_START;
	header.status = SIMPUL__STATUS__STATUS_ACTUAL;
	header.kind = speech->kind ? speech->kind : SIMPUL__KIND__KIND_SIGHTING;
	header.msg_type = msg_type_of(header.kind);
	header.form = speech->sealed ? SIMPUL__BODY_FORM__BODY_FORM_SEALED : SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	if (!kind_is_bare(header.kind))
		header_say(world, speech, &header);
	if (speech->spoil_header)
		speech->spoil_header(&header, index);
	simpul__submitted_report__init(report);
	report->header = packed(world, &header);
	report->body = body_make(world, speech, header.kind);
	return report;
}

static size_t texts(const char *const from[4], char **to)
{
	size_t count = 0;

	for (; count < 4 && from[count]; count++)
		to[count] = (char *)(uintptr_t)from[count];
	return count;
}

/* What stands for an UPDATE of this speech. */
static ProtobufCBinaryData superseded_of(struct world *world, const struct speech *speech, uint32_t epoch)
{
	ProtobufCBinaryData signature = {SIGNATURE_SIZE, arena_alloc(&world->arena, SIGNATURE_SIZE)};
	Simpul__Name report = SIMPUL__NAME__INIT;

	report.origin = (char *)(uintptr_t)world_names[speech->node];
	report.epoch = epoch;
	report.stream = speech->stream;
	report.number = speech->reference;
	superseded_sign(world->options.exchange, &world->keys[speech->node].signing, &report, signature.data);
	return signature;
}

static ProtobufCBinaryData routing_make(struct world *world, const struct speech *speech, uint32_t epoch)
{
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	Simpul__KeyWrap wraps[4], *list[4];
	char *to[4], *not_to[4];

	routing.salt = salt_of(world, speech->salt);
	routing.to = to;
	routing.n_to = texts(speech->to, to);
	routing.not_to = not_to;
	routing.n_not_to = texts(speech->not_to, not_to);
	routing.wraps = list;
	for (; routing.n_wraps < 4 && speech->wraps[routing.n_wraps]; routing.n_wraps++) {
		simpul__key_wrap__init(list[routing.n_wraps] = &wraps[routing.n_wraps]);
		list[routing.n_wraps]->node = (char *)(uintptr_t)speech->wraps[routing.n_wraps];
		list[routing.n_wraps]->key_id = 1;
		list[routing.n_wraps]->wrapped =
			(ProtobufCBinaryData){WRAP_SIZE, arena_alloc(&world->arena, WRAP_SIZE)};
		memset(list[routing.n_wraps]->wrapped.data, (int)routing.n_wraps + 1, WRAP_SIZE);
	}
	if (speech->kind == SIMPUL__KIND__KIND_UPDATE)
		routing.superseded = superseded_of(world, speech, epoch);
	if (speech->spoil_routing)
		speech->spoil_routing(&routing);
	return packed(world, &routing);
}

static void message_sign(struct world *world, const struct speech *speech, Simpul__Submission *message)
{
	struct hash leaves[LIMIT_SUBMISSION_REPORTS + 1], digest = {{0}};

	submission_digest(message, world->options.exchange, leaves, NULL, &digest, NULL);
	message->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, arena_alloc(&world->arena, SIGNATURE_SIZE)};
	digest_sign(&world->keys[speech->node].signing, SIGN_TAG_SUBMISSION, &digest, message->signature.data);
}

void world_say(struct world *world, const struct speech *speech)
{
	const size_t count = speech->count ? speech->count : 1;
	Simpul__Submission message = SIMPUL__SUBMISSION__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;
	struct position seen;

	world_position(world, 0, &seen);
	message.origin = (char *)(uintptr_t)world_names[speech->node];
	message.key_id = world->members[speech->node].key_id;
	message.epoch = speech->epoch ? speech->epoch : 1;
	message.stream = speech->stream;
	message.first = speech->first ? speech->first : 1;
	message.seen_head = (ProtobufCBinaryData){HASH_SIZE, seen.head.bytes};
	message.routing = routing_make(world, speech, message.epoch);
	message.reports = arena_alloc(&world->arena, count * sizeof(*message.reports));
	for (size_t i = 0; i < count; i++)
		message.reports[message.n_reports++] = report_make(world, speech, &message, i);
	if (speech->spoil_message)
		speech->spoil_message(&message);
	message_sign(world, speech, &message);
	if (speech->spoil_signed)
		speech->spoil_signed(&message);
	up.seq = speech->seq ? speech->seq : 9;
	up.message_case = SIMPUL__UP__MESSAGE_SUBMIT;
	up.submit = &message;
	world_up(world, speech->node, speech->peer, &up);
}
