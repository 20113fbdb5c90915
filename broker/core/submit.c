/* submit - takes a SUBMIT: who speaks, how much, which numbers, whose signature; and answers when it is on disk.
 *
 * Checks stand in the order of their cost. A refused message uses up no number; a refused report inside an accepted
 * submission does, and its verdict is stored like the report itself. */
#include "broker/core/bulletin.h"
#include "broker/core/history.h"
#include "broker/core/submit_state.h"
#include "common/content.h"
#include "common/submission.h"
#include "common/superseded.h"
#include "common/wire.h"
#include <string.h>

enum { DOWN_RECEIPT = 3 }; /* field number of link.proto */

static void submit_refuse(struct core *core, struct node *node, const struct peer *peer, uint64_t seq,
			  const struct fault *fault)
{
	send_refusal(core, peer, seq, fault);
	log_refused(core, "submission.refused", node, fault);
}

/* ---------------------------------------------------------------------------- how much */

/* A second's worth is kept. */
static bool rate_take(struct core *core, struct bucket *bucket, uint32_t rate, uint64_t cost, uint64_t *wait)
{
	const struct bucket_size size = {.rate = rate, .most = rate};

	return bucket_take(bucket, &size, cost, core->now->steady, wait);
}

bool submit_admit(struct core *core, struct node *node, const struct peer *peer, uint64_t seq, struct bytes frame)
{
	struct fault fault = {0};
	uint64_t wait;

	if (core->stopping)
		fault_at(&fault, E_STOPPING, "%s", "");
	else if (core->disk_low)
		fault_at(&fault, E_DISK_FULL, "%s", "");
	else if (frame.size > LIMIT_SUBMIT_FRAME)
		fault_at(&fault, E_TOO_LARGE, "submit");
	else if (!rate_take(core, &node->bytes, core->options.rate_bytes, frame.size, &wait))
		fault_expecting(&fault, E_RATE, wait, "submit");
	else if (!bucket_take(&node->audiences, &AUDIENCE_BUCKET, 0, core->now->steady, &wait))
		fault_expecting(&fault, E_RATE, wait, "submit.routing");
	if (fault.code == E_OK)
		return true;
	submit_refuse(core, node, peer, seq, &fault);
	return false;
}

/* ---------------------------------------------------------------------------- who and which number */

static enum error speaker_check(struct core *core, struct submit *submit, struct fault *fault)
{
	const Simpul__Submission *message = submit->message;
	struct node *node = submit->node;
	uint64_t wait;

	submit->count = message->n_reports;
	if (strcmp(message->origin, node->name) != 0)
		return fault_at(fault, E_WRONG_ORIGIN, "submit.origin");
	if (submit->count == 0)
		return fault_at(fault, E_MISSING, "submit.reports");
	if (submit->count > LIMIT_SUBMISSION_REPORTS)
		return fault_at(fault, E_TOO_LARGE, "submit.reports");
	if (!rate_take(core, &node->reports, core->options.rate_reports, submit->count, &wait))
		return fault_expecting(fault, E_RATE, wait, "submit");
	if (message->epoch == 0)
		return fault_at(fault, E_MISSING, "submit.epoch");
	if (message->first == 0 || message->first > UINT64_MAX - LIMIT_SUBMISSION_REPORTS)
		return fault_at(fault, E_INVALID, "submit.first");
	submit->first = (struct report_name){
		.epoch = message->epoch, .stream = (uint32_t)message->stream, .number = message->first};
	memcpy(submit->first.origin, node->name, sizeof(submit->first.origin));
	return E_OK;
}

uint32_t epoch_highest(const struct node *node)
{
	uint32_t highest = 0;

	for (size_t i = 0; i < node->stream_count; i++)
		if (node->streams[i].epoch > highest)
			highest = node->streams[i].epoch;
	for (size_t i = 0; i < node->pending_count; i++)
		if (!node->pending[i].rewound && node->pending[i].first.epoch > highest)
			highest = node->pending[i].first.epoch;
	return highest;
}

static bool same_stream(const struct report_name *a, const struct report_name *b)
{
	return a->epoch == b->epoch && a->stream == b->stream;
}

/* The last number on disk, and the last one with what is on its way there. */
static void numbers_of(struct node *node, const struct report_name *first, uint64_t *durable, uint64_t *last)
{
	const struct stream *stream = stream_find(node, first->epoch, first->stream);

	*durable = *last = stream ? stream->last : 0;
	for (size_t i = 0; i < node->pending_count; i++)
		if (!node->pending[i].rewound && same_stream(&node->pending[i].first, first))
			*last += node->pending[i].count;
}

static enum error digest_compute(struct core *core, struct submit *submit, struct fault *fault)
{
	enum error error;

	submit->leaves = arena_alloc(&core->arena, submit->count * sizeof(*submit->leaves));
	submit->body_hashes = arena_alloc(&core->arena, submit->count * sizeof(*submit->body_hashes));
	error = submission_digest(submit->message, core->options.exchange, submit->leaves, submit->body_hashes,
				  &submit->digest, fault);
	if (error != E_OK)
		fault_within(fault, "submit");
	return error;
}

/* On disk already: its receipt is read. */
static enum error repeat_ask(struct core *core, struct submit *submit, struct fault *fault)
{
	struct node *node = submit->node;
	struct core_read *read;

	for (size_t i = 0; i < LIMIT_IN_FLIGHT; i++) {
		if (node->asked[i].ticket != 0)
			continue;
		read = core_read_new();
		read->type = READ_RECEIPT;
		read->ticket = next_ticket(core);
		memcpy(read->node, node->name, sizeof(read->node));
		read->first = submit->first;
		read->count = submit->count;
		read->digest = submit->digest;
		node->asked[i] = (struct asked){read->ticket, node->session.feed.session, submit->seq};
		read_start(core, read);
		submit->settled = true;
		return E_OK;
	}
	return fault_expecting(fault, E_BUSY, RETRY_SOON_MS, "submit");
}

/* On its way to disk: the same submission is answered when it is there, another one is a fraud or a fault. */
static enum error pending_match(struct submit *submit, struct fault *fault)
{
	struct node *node = submit->node;

	for (size_t i = 0; i < node->pending_count; i++) {
		struct pending *pending = &node->pending[i];

		if (pending->rewound || !same_stream(&pending->first, &submit->first) ||
		    pending->first.number != submit->first.number)
			continue;
		if (pending->count != submit->count || !hash_equal(&pending->digest, &submit->digest))
			break;
		pending->seq = submit->seq;
		submit->settled = true;
		return E_OK;
	}
	return fault_at(fault, E_NUMBER_REUSED, "submit.first");
}

static bool may_follow(const struct node *node)
{
	size_t bytes = 0;

	for (size_t i = 0; i < node->pending_count; i++)
		bytes += node->pending[i].size;
	return limit_in_flight_has_room(node->pending_count, bytes);
}

static enum error number_check(struct core *core, struct submit *submit, struct fault *fault)
{
	struct node *node = submit->node;
	uint64_t durable, last;
	enum error error;

	if (submit->first.epoch < epoch_highest(node))
		return fault_at(fault, E_EPOCH, "submit.epoch");
	numbers_of(node, &submit->first, &durable, &last);
	if (submit->first.number > last + 1)
		return fault_expecting(fault, E_GAP, last + 1, "submit.first");
	if (submit->first.number <= last) {
		error = digest_compute(core, submit, fault);
		if (error != E_OK)
			return error;
		if (submit->first.number > durable)
			return pending_match(submit, fault);
		if (submit->first.number + submit->count - 1 <= durable)
			return repeat_ask(core, submit, fault);
		return fault_at(fault, E_NUMBER_REUSED, "submit.first");
	}
	if (!may_follow(node))
		return fault_expecting(fault, E_BUSY, RETRY_SOON_MS, "submit");
	return E_OK;
}

/* ---------------------------------------------------------------------------- signature and history */

/* What is new must be signed with the key in force at its entry, so it waits while a new one is on its way to disk. (A
 * repeat is told by its digest: the origin may have a new key since, and its receipt is due all the same.) */
static enum error signature_check(struct core *core, struct submit *submit, struct fault *fault)
{
	enum error error;

	if (enrolment_runs(core, submit->node))
		return fault_expecting(fault, E_BUSY, RETRY_SOON_MS, "submit.key_id");
	if (submit->message->key_id != submit->node->member.key_id)
		return fault_at(fault, E_KEY_EXPIRED, "submit.key_id");
	error = digest_compute(core, submit, fault);
	if (error != E_OK)
		return error;
	if (!digest_verify(submit->node->member.signing_key, SIGN_TAG_SUBMISSION, &submit->digest,
			   of_binary(submit->message->signature)))
		return fault_at(fault, E_BAD_SIGNATURE, "submit.signature");
	return E_OK;
}

static enum error seen_check(struct core *core, struct submit *submit, struct fault *fault)
{
	struct hash head, seen;

	if (!hash_load(&seen, of_binary(submit->message->seen_head)))
		return fault_at(fault, E_INVALID, "submit.seen_head");
	/* What comes again after a recovery was signed when the origin had seen what is gone. */
	if (history_is_over(core, submit->message->seen_entry))
		return E_OK;
	if (submit->message->seen_entry > core->position.entry)
		return fault_at(fault, E_HISTORY_DIFFERS, "submit.seen_entry");
	if (tail_head(&core->tail, submit->message->seen_entry, &head) && !hash_equal(&head, &seen))
		return fault_at(fault, E_HISTORY_DIFFERS, "submit.seen_head");
	return E_OK;
}

/* ---------------------------------------------------------------------------- decoding */

static enum error routing_decode(struct core *core, struct submit *submit, struct fault *fault)
{
	submit->routing =
		wire_view(&simpul__routing__descriptor, of_binary(submit->message->routing), &core->arena, fault);
	if (!submit->routing) {
		fault_within(fault, "routing");
		return fault->code;
	}
	if (submit->routing->salt.len != SALT_SIZE)
		return fault_at(fault, E_INVALID, "routing.salt");
	return E_OK;
}

static bool header_named(const struct submit *submit, const Simpul__Header *header, size_t index)
{
	const Simpul__Name *name = header->name;

	return name && strcmp(name->origin, submit->first.origin) == 0 && name->epoch == submit->first.epoch &&
	       (uint32_t)name->stream == submit->first.stream && name->number == submit->first.number + index;
}

/* Sealed bodies are checked for their outer form only. */
static enum error body_decode(struct core *core, struct submit *submit, size_t index, struct fault *fault)
{
	const struct bytes body = of_binary(submit->message->reports[index]->body);
	const ProtobufCMessageDescriptor *type = NULL;
	const void *message;

	submit->bodies[index] = NULL;
	if (submit->headers[index]->form == SIMPUL__BODY_FORM__BODY_FORM_PLAIN)
		type = &simpul__body__descriptor;
	else if (submit->headers[index]->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED)
		type = &simpul__sealed_body__descriptor;
	if (!type)
		return E_OK; /* header_check has a verdict for it */
	message = wire_view(type, body, &core->arena, fault);
	if (!message) {
		fault_within(fault, "reports[%zu].body", index);
		return fault->code;
	}
	if (type == &simpul__body__descriptor)
		submit->bodies[index] = message;
	else if (((const Simpul__SealedBody *)message)->commitment.len != HASH_SIZE)
		return fault_at(fault, E_INVALID, "reports[%zu].body.commitment", index);
	return E_OK;
}

static enum error report_decode(struct core *core, struct submit *submit, size_t index, struct fault *fault)
{
	const Simpul__SubmittedReport *report = submit->message->reports[index];
	const Simpul__Header *header;

	if (report->header.len + report->body.len > LIMIT_REPORT)
		return fault_at(fault, E_TOO_LARGE, "reports[%zu]", index);
	header = wire_view(&simpul__header__descriptor, of_binary(report->header), &core->arena, fault);
	if (!header) {
		fault_within(fault, "reports[%zu].header", index);
		return fault->code;
	}
	if (!header_named(submit, header, index))
		return fault_at(fault, E_INVALID, "reports[%zu].header.name", index);
	submit->headers[index] = header;
	if (index > 0 && !header_same_class(submit->headers[0], header))
		return fault_at(fault, E_MIXED_ROUTING, "reports[%zu].header", index);
	return body_decode(core, submit, index, fault);
}

static enum error reports_decode(struct core *core, struct submit *submit, struct fault *fault)
{
	enum error error;

	submit->headers = arena_alloc(&core->arena, submit->count * sizeof(struct Simpul__Header *));
	submit->bodies = arena_alloc(&core->arena, submit->count * sizeof(struct Simpul__Body *));
	for (size_t i = 0; i < submit->count; i++) {
		error = report_decode(core, submit, i, fault);
		if (error != E_OK)
			return error;
	}
	if (submit->count > 1 && kind_travels_alone(submit->headers[0]->kind))
		return fault_at(fault, E_MIXED_ROUTING, "reports[1].header.kind");
	submit->class = routing_class_of(submit->headers[0]);
	return E_OK;
}

/* What may be shown of an UPDATE to those who may not have it must hold for them: they check it with the same key. */
static enum error superseded_check(struct core *core, struct submit *submit, struct fault *fault)
{
	const Simpul__Header *header = submit->headers[0];
	const struct bytes signature = of_binary(submit->routing->superseded);

	if (header->kind != SIMPUL__KIND__KIND_UPDATE || header->n_references != 1)
		return signature.size == 0 ? E_OK : fault_at(fault, E_INVALID, "routing.superseded");
	if (signature.size == 0)
		return fault_at(fault, E_MISSING, "routing.superseded");
	if (!superseded_verify(core->options.exchange, submit->node->member.signing_key, header->references[0],
			       signature))
		return fault_at(fault, E_BAD_SIGNATURE, "routing.superseded");
	return E_OK;
}

/* A recipient opens with the key in force at the entry, and may have lost the one before: what is sealed waits while a
 * new one of somebody that it names is on its way to disk. Its wrap is judged after that. */
static enum error openers_check(struct core *core, struct submit *submit, struct fault *fault)
{
	for (size_t i = 0; i < submit->routing->n_wraps; i++) {
		const struct node *opener = node_find(core, submit->routing->wraps[i]->node);

		if (opener && enrolment_runs(core, opener))
			return fault_expecting(fault, E_BUSY, RETRY_SOON_MS, "submit.routing.wraps");
	}
	return E_OK;
}

/* ---------------------------------------------------------------------------- taking one */

static enum error submit_check(struct core *core, struct submit *submit, struct fault *fault)
{
	static enum error (*const checks[])(struct core *, struct submit *, struct fault *) = {
		speaker_check,	number_check,	signature_check,  seen_check,
		routing_decode, reports_decode, superseded_check, openers_check,
	};
	enum error error = E_OK;

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks) && error == E_OK && !submit->settled; i++)
		error = checks[i](core, submit, fault);
	return error;
}

void submit_take(struct core *core, struct node *node, const struct peer *peer, const Simpul__Up *up,
		 struct bytes frame)
{
	struct submit submit = {.node = node, .seq = up->seq, .frame = frame, .message = up->submit};
	struct fault fault = {0};

	if (submit_check(core, &submit, &fault) != E_OK)
		submit_refuse(core, node, peer, up->seq, &fault);
	else if (!submit.settled)
		submit_accept(core, &submit);
}

/* ---------------------------------------------------------------------------- answering */

/* The session, if one lives. While submissions are under way it is the one that they came in: no other begins. */
static const struct peer *listener(const struct node *node)
{
	return node->session.state != SESSION_NONE && !node->leaving ? &node->session.peer : NULL;
}

static struct pending pending_take(struct node *node, uint64_t ticket)
{
	struct pending found = {0};

	for (size_t i = 0; i < node->pending_count; i++) {
		if (node->pending[i].ticket != ticket)
			continue;
		found = node->pending[i];
		node->pending_count--;
		memmove(&node->pending[i], &node->pending[i + 1], (node->pending_count - i) * sizeof(found));
		break;
	}
	return found;
}

static void log_accepted(struct core *core, struct node *node, const struct journal_append *append)
{
	struct report_name name = append->first;
	char text[REPORT_NAME_SIZE];
	size_t refused = 0;

	for (size_t i = 0; i < append->count; i++, name.number++) {
		if (append->reports[i].verdict == E_OK)
			continue;
		refused++;
		if (!log_has_room(core, node, LOG_LEVEL_NOTICE))
			continue;
		LOG(core, NOTICE, "report.refused", F_TEXT("node", node->name),
		    F_TEXT("report", report_name_text(&name, text)),
		    F_TEXT("code", error_name(append->reports[i].verdict)), F_TEXT("field", append->reports[i].field));
	}
	core->refused_reports += refused;
	core->accepted += append->count - refused;
	if (refused < append->count)
		LOG(core, INFO, "report.accepted", F_TEXT("node", node->name),
		    F_TEXT("report", report_name_text(&append->first, text)), F_NUM("count", append->count - refused),
		    F_NUM("entry", append->entry), F_NUM("audience", append->audience.count));
}

static void submit_stored(struct core *core, struct node *node, const struct pending *pending,
			  struct journal_append *append)
{
	struct stream *stream = stream_make(node, append->first.epoch, append->first.stream);
	const struct peer *peer = listener(node);

	stream->last = append->first.number + append->count - 1;
	stream->digest = append->digest;
	if (peer)
		send_encoded(core, peer, pending->seq, DOWN_RECEIPT, buffer_view(&append->receipt));
	log_accepted(core, node, append);
	bulletin_publish(core, append);
}

/* The numbers after a failed one cannot be stored either; they come back with E_GAP and are sent again. */
static void pending_rewind(struct node *node, const struct pending *failed)
{
	for (size_t i = 0; i < node->pending_count; i++)
		if (same_stream(&node->pending[i].first, &failed->first) &&
		    node->pending[i].first.number > failed->first.number)
			node->pending[i].rewound = true;
}

/* What the journal says, in the words of the link. */
static void failure_word(const struct pending *pending, struct fault *fault)
{
	if (pending->rewound && fault->code == E_GAP)
		fault_expecting(fault, E_BUSY, RETRY_SOON_MS, "submit");
	else if (fault->code != E_DISK_FULL && fault->code != E_IO)
		fault_within(fault, "submit");
}

static void submit_failed(struct core *core, struct node *node, const struct pending *pending,
			  const struct journal_append *append)
{
	const struct peer *peer = listener(node);
	struct fault fault = append->result;

	if (!pending->rewound) /* or what came since is counted without it */
		pending_rewind(node, pending);
	failure_word(pending, &fault);
	log_refused(core, "submission.refused", node, &fault);
	/* Where it was full is for the operators. After E_IO it is not certain whether it is on disk, and the broker
	 * stops: the office asks again when it is back. */
	if (fault.code == E_IO)
		fault_at(&fault, E_STOPPING, "journal");
	else if (fault.code == E_DISK_FULL)
		fault_at(&fault, E_DISK_FULL, "%s", "");
	if (peer)
		send_refusal(core, peer, pending->seq, &fault);
}

void submit_done(struct core *core, struct journal_append *append)
{
	struct node *node = node_find(core, append->first.origin);
	struct pending pending;

	if (!node)
		return;
	pending = pending_take(node, append->ticket);
	if (append->result.code == E_OK)
		submit_stored(core, node, &pending, append);
	else
		submit_failed(core, node, &pending, append);
}

void submit_read_done(struct core *core, struct node *node, const struct core_read *read)
{
	struct fault fault = read->result;
	struct asked asked = {0};
	const struct peer *peer;

	for (size_t i = 0; i < LIMIT_IN_FLIGHT; i++)
		if (node->asked[i].ticket == read->ticket) {
			asked = node->asked[i];
			node->asked[i].ticket = 0;
		}
	peer = asked.ticket && asked.session == node->session.feed.session ? listener(node) : NULL;
	if (!peer)
		return;
	if (fault.code == E_OK) {
		send_encoded(core, peer, asked.seq, DOWN_RECEIPT, buffer_view(&read->receipt));
		return;
	}
	/* A submission's bounds are frozen: no submission beginning here means that another one used the number. */
	if (fault.code == E_NOT_FOUND || fault.code == E_NUMBER_REUSED)
		fault_at(&fault, E_NUMBER_REUSED, "submit.first");
	else
		log_unreadable(core, node, &fault);
	submit_refuse(core, node, peer, asked.seq, &fault);
}
