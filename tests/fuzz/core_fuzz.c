/* core_fuzz - the broker's core against any order of frames from members and strangers, operators' events, commits that
 * fail, restarts: nothing is handed to a node without a session, outside an entry's audience or against the policy of
 * the moment; nothing is appended for a stranger, nor without the signature of the node whose key sent it.
 *
 * An input is a list of steps: a verb, three numbers, and for a frame its length and bytes. */
#include "common/memory.h"
#include "common/submission.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/core_world.h"
#include <stdlib.h>
#include <string.h>

enum { STRANGER = WORLD_NODES, SENDERS, MOST_STEPS = 64, STEP_SIZE = 4 };

enum verb {
	VERB_FRAME,  /* as it stands */
	VERB_SIGNED, /* a submission in it gets the signature of who sends it */
	VERB_HELLO,
	VERB_FETCH,
	VERB_ACK,
	VERB_SAY,
	VERB_COMMIT,
	VERB_READ,
	VERB_TICK,
	VERB_STANDING,
	VERB_SUBSCRIBED,
	VERB_POLICY,
	VERB_RESTART,
	VERB_DISK,
	VERB_RESEED,
	VERBS,
};

struct step {
	enum verb verb;
	uint8_t a, b, c;
	struct bytes frame;
};

static bool has_frame(enum verb verb)
{
	return verb == VERB_FRAME || verb == VERB_SIGNED;
}

static struct step step_take(struct bytes *rest)
{
	struct step step = {.verb = (enum verb)(take_u8(rest) % VERBS)};

	step.a = take_u8(rest);
	step.b = take_u8(rest);
	step.c = take_u8(rest);
	if (has_frame(step.verb))
		step.frame = take_bytes(rest);
	return step;
}

/* ------------------------------------------------------------------ one world, as it was at first */

static struct world *world;
static struct {
	struct position position;
	struct now now;
	uint32_t policy_version, audiences;
	uint8_t random[CORE_RANDOM_SIZE];
} first;
static struct node_keys stranger;

static void world_begin(void)
{
	if (world == NULL) {
		fuzz_start();
		node_keys_generate(&stranger, 1);
		world = world_new();
		first.position = world->position;
		first.now = world->now;
		first.policy_version = world->policy_version;
		first.audiences = world->audiences;
		memcpy(first.random, world->random, sizeof first.random);
	}
	for (uint64_t entry = first.position.entry + 1; entry <= world->position.entry; entry++) {
		struct record *record = &world->records[entry];

		buffer_free(&record->content);
		buffer_free(&record->encoded);
		buffer_free(&record->receipt);
		audience_clear(&record->audience);
		memset(record, 0, sizeof *record);
	}
	world->position = first.position;
	world->now = first.now;
	world->policy_version = first.policy_version;
	world->audiences = first.audiences;
	memcpy(world->random, first.random, sizeof first.random);
	for (size_t i = 0; i < WORLD_NODES; i++)
		world->cursors[i].entry = 0;
	world_restart(world);
}

/* ------------------------------------------------------------------ who speaks */

/* Each sender has two connections; those of world_hello and the like are the first. */
static uint8_t peer_of(size_t sender, bool second)
{
	return (uint8_t)(10 + sender + (second ? 10 : 0));
}

static size_t sender_of(const struct peer *peer)
{
	return (size_t)(peer->id[0] - 10) % 10;
}

static void frame_send(size_t sender, bool second, struct bytes frame)
{
	struct core_event event = {.type = CORE_MESSAGE};

	if (sender < WORLD_NODES) {
		world_send(world, sender, peer_of(sender, second), frame);
		return;
	}
	event.message.peer = (struct peer){.id = {peer_of(sender, second)}, .size = 5};
	event.message.curve_key = stranger.curve_public;
	event.message.frame = frame;
	world_step(world, &event);
}

static void submission_sign(const struct node_keys *keys, Simpul__Submission *submission, uint8_t *signature)
{
	struct hash leaves[LIMIT_SUBMISSION_REPORTS], digest;

	if (submission->n_reports < 1 ||
	    submission_digest(submission, world->options.exchange, leaves, NULL, &digest, NULL) != E_OK)
		return;
	digest_sign(&keys->signing, SIGN_TAG_SUBMISSION, &digest, signature);
	submission->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
}

static void frame_sign_and_send(size_t sender, bool second, struct bytes frame)
{
	const struct node_keys *keys = sender < WORLD_NODES ? &world->keys[sender] : &stranger;
	uint8_t signature[SIGNATURE_SIZE];
	struct buffer signed_frame = {0};
	struct arena arena;
	Simpul__Up *up;

	arena_init(&arena);
	up = wire_unpack(&simpul__up__descriptor, frame, &arena, NULL);
	if (up != NULL && up->message_case == SIMPUL__UP__MESSAGE_SUBMIT)
		submission_sign(keys, up->submit, signature);
	if (up != NULL) {
		wire_pack(up, &signed_frame);
		frame_send(sender, second, buffer_view(&signed_frame));
	}
	buffer_free(&signed_frame);
	arena_fini(&arena);
}

/* ------------------------------------------------------------------ steps */

static const char *const policies[] = {
	NULL, /* world_policy */
	"purposes: [law-enforcement, immigration-oversight, state-security]\n"
	"categories: [wanted, missing]\nagencies:\n  - {agency: police, ceiling: AMBER}\nnodes:\n"
	"  - {node: police.oku, regions: ['16.01']}\n",
	"purposes: [law-enforcement, immigration-oversight, state-security]\n"
	"categories: [wanted]\nagencies:\n  - agency: police\n    ceiling: GREEN\n    publish:\n"
	"      - {kinds: [sighting], categories: ['*']}\n  - agency: army\n    ceiling: RED\n    receive:\n"
	"      - {kinds: [sighting], categories: ['*']}\nnodes:\n  - {node: police.oku, regions: ['16']}\n"
	"  - {node: army.oku, regions: ['16']}\n",
};

static void signature_break(Simpul__Submission *submission)
{
	submission->signature.data[0] ^= 1;
}

/* Of `a`: the node, its connection, whether the signature is good, whom the report names, whether it is sealed. */
static void say(const struct step *step)
{
	static const Simpul__Kind kinds[] = {SIMPUL__KIND__KIND_SIGHTING, SIMPUL__KIND__KIND_ALERT,
					     SIMPUL__KIND__KIND_UPDATE, SIMPUL__KIND__KIND_CANCEL,
					     SIMPUL__KIND__KIND_VOID};
	static const char *const named[] = {NULL,	  "police.oku", "army.oku",	"immigration.muara-enim",
					    "health.oku", "army",	"police.timur", "nobody.oku"};
	const size_t node = step->a % WORLD_NODES;
	struct speech speech = {.node = node,
				.first = 1 + step->b % 8,
				.count = 1 + step->b / 8 % 4,
				.kind = kinds[step->c % 5],
				.label = (Simpul__Label)(step->c / 5 % 6),
				.epoch = 1 + step->b / 128,
				.reference = step->c / 30 % 4,
				.salt = step->c / 120,
				.to = {named[step->a >> 4 & 7]},
				.sealed = step->a >> 7,
				.peer = peer_of(node, step->a >> 2 & 1)};

	if (speech.sealed)
		speech.wraps[0] = speech.to[0];
	if (speech.label == SIMPUL__LABEL__LABEL_RED)
		speech.stream = SIMPUL__STREAM__STREAM_RED;
	if (step->a >> 3 & 1)
		speech.spoil_signed = signature_break;
	world_say(world, &speech);
}

static void standing_set(const struct step *step)
{
	static const Simpul__Standing standings[] = {SIMPUL__STANDING__STANDING_ACTIVE,
						     SIMPUL__STANDING__STANDING_RETIRED,
						     SIMPUL__STANDING__STANDING_COMPROMISED};

	world_standing(world, step->a % WORLD_NODES, standings[step->b % 3]);
}

static void subscribed(const struct step *step)
{
	struct core_event event = {.type = CORE_SUBSCRIBED};
	uint8_t topic[FEED_TOPIC_SIZE];

	memset(topic, step->c, sizeof topic);
	event.subscribed.curve_key =
		step->a % SENDERS < WORLD_NODES ? world->keys[step->a % SENDERS].curve_public : stranger.curve_public;
	event.subscribed.topic = BYTES(topic, step->b % 2 ? sizeof topic : step->b % 20);
	event.subscribed.added = step->b & 64;
	world_step(world, &event);
}

static void disk(const struct step *step)
{
	struct core_event event = {.type = step->a % 8 == 7 ? CORE_STOP : CORE_DISK};

	event.disk_low = step->a & 1;
	world_step(world, &event);
}

static void reseed(const struct step *step)
{
	struct core_event event = {.type = CORE_RESEED};

	event.reseed.node = world_names[step->a % WORLD_NODES];
	event.reseed.from_entry = 1 + step->b;
	event.reseed.reason = "fuzz";
	world_step(world, &event);
}

static void commit(const struct step *step)
{
	static const enum error codes[] = {E_OK, E_OK, E_DISK_FULL, E_IO};

	if (step->b % 4 > 0 && world_queued(world) > 0)
		world_commit_some(world, step->b % 4, codes[step->a % 4]);
	else
		world_commit(world, codes[step->a % 4]);
}

static void step_do(const struct step *step)
{
	const size_t node = step->a % WORLD_NODES;
	const uint64_t entry = step->b % (world->position.entry + 1);

	switch (step->verb) {
	case VERB_FRAME:
		frame_send(step->a % SENDERS, step->b & 1, step->frame);
		break;
	case VERB_SIGNED:
		frame_sign_and_send(step->a % SENDERS, step->b & 1, step->frame);
		break;
	case VERB_HELLO:
		world_hello(world, node, entry);
		break;
	case VERB_FETCH:
		world_fetch(world, node, entry);
		break;
	case VERB_ACK:
		world_ack(world, node, entry);
		break;
	case VERB_SAY:
		say(step);
		break;
	case VERB_COMMIT:
		commit(step);
		break;
	case VERB_READ:
		world_read(world);
		break;
	case VERB_TICK:
		world_tick(world, (uint64_t)step->a * step->b);
		break;
	case VERB_STANDING:
		standing_set(step);
		break;
	case VERB_SUBSCRIBED:
		subscribed(step);
		break;
	case VERB_POLICY:
		world_load_policy(world, step->a % 3 == 0 ? world_policy : policies[step->a % 3]);
		break;
	case VERB_RESTART:
		world_restart(world);
		break;
	case VERB_DISK:
		disk(step);
		break;
	default:
		reseed(step);
	}
}

/* ------------------------------------------------------------------ promises */

struct before {
	struct core_node nodes[WORLD_NODES];
	size_t queued;
};

static void entry_allowed(size_t node, const Simpul__Entry *entry)
{
	const struct record *record = &world->records[entry->entry];
	const struct routing_class *class = &record->audience.class;
	bool meant = false;

	PROMISE(entry->entry >= 1 && entry->entry <= world->position.entry);
	if (entry->content_case != SIMPUL__ENTRY__CONTENT_DELIVERY)
		return;
	for (size_t i = 0; i < record->audience.count; i++)
		meant = meant || strcmp(record->audience.nodes[i], world_names[node]) == 0;
	PROMISE(meant);
	if (class->kind != SIMPUL__KIND__KIND_UNSPECIFIED)
		PROMISE(policy_admits(core_policy(world->core), world_names[node], class) == ADMITTED);
}

static void batch_allowed(const struct before *before, size_t node, const Simpul__Batch *batch)
{
	PROMISE(node < WORLD_NODES);
	PROMISE(before->nodes[node].connected || world_node(world, node).connected);
	PROMISE(before->nodes[node].standing == SIMPUL__STANDING__STANDING_ACTIVE);
	for (size_t i = 0; i < batch->n_entries; i++)
		entry_allowed(node, batch->entries[i]);
}

static void down_allowed(const struct before *before, const struct event_seen *seen)
{
	const size_t sender = sender_of(&seen->peer);

	if (sender >= WORLD_NODES)
		PROMISE(seen->down->message_case == SIMPUL__DOWN__MESSAGE_REFUSAL ||
			seen->down->message_case == SIMPUL__DOWN__MESSAGE_GOODBYE);
	if (seen->batch != NULL)
		batch_allowed(before, sender, seen->batch);
	if (seen->down->message_case == SIMPUL__DOWN__MESSAGE_RECEIPT) {
		const uint64_t entry = seen->down->receipt->entry;

		PROMISE(entry >= 1 && entry <= world->position.entry);
		PROMISE(strcmp(world->records[entry].first.origin, world_names[sender]) == 0);
	}
}

static void actions_allowed(const struct before *before)
{
	for (size_t i = 0; i < world->seen_count; i++) {
		const struct event_seen *seen = &world->seen[i];

		if (seen->type == ACTION_SEND)
			down_allowed(before, seen);
		for (size_t node = 0; seen->type == ACTION_PUBLISH && node < WORLD_NODES; node++)
			if (strcmp(seen->node, world_names[node]) == 0)
				batch_allowed(before, node, seen->batch);
	}
}

/* What is on its way to the journal under a node's name was signed by that node, and sent by it. */
static void append_allowed(const struct step *step, const struct journal_append *append)
{
	const bool by_frame = has_frame(step->verb) || step->verb == VERB_SAY;
	const size_t sender = step->verb == VERB_SAY ? step->a % WORLD_NODES : step->a % SENDERS;
	const Simpul__Delivery *delivery;
	struct hash digest, routing;
	struct arena arena;

	PROMISE(!has_frame(step->verb) || sender != STRANGER);
	if (append->type != SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION)
		return;
	PROMISE(by_frame && strcmp(append->first.origin, world_names[sender]) == 0);
	arena_init(&arena);
	delivery = wire_unpack(&simpul__delivery__descriptor, buffer_view(&append->delivery), &arena, NULL);
	PROMISE(delivery != NULL && strcmp(delivery->origin, world_names[sender]) == 0);
	PROMISE(delivery_digest(delivery, world->options.exchange, &digest, NULL) == E_OK);
	PROMISE(digest_verify(world->keys[sender].signing.public_key, SIGN_TAG_SUBMISSION, &digest,
			      of_binary(delivery->signature)));
	routing = hash_of(buffer_view(&append->routing));
	PROMISE(bytes_equal(of_binary(delivery->routing_hash), BYTES(routing.bytes, HASH_SIZE)));
	arena_fini(&arena);
}

static void appends_allowed(const struct before *before, const struct step *step)
{
	const struct journal_append *append = world->queue;

	/* Those that were committed or dropped are gone from the front. */
	for (size_t i = 0; append != NULL; i++, append = (const struct journal_append *)append->letter.next)
		if (i >= before->queued)
			append_allowed(step, append);
}

static void step_try(const struct step *step)
{
	struct before before = {.queued = world_queued(world)};

	for (size_t i = 0; i < WORLD_NODES; i++)
		before.nodes[i] = world_node(world, i);
	step_do(step);
	actions_allowed(&before);
	appends_allowed(&before, step);
	world_forget(world);
}

/* ------------------------------------------------------------------ inputs */

/* Changes one frame of the list as a message. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	struct bytes rest = BYTES(data, size);
	size_t places[MOST_STEPS], count = 0;

	for (unsigned i = 0; i < MOST_STEPS && rest.size > STEP_SIZE; i++) {
		const size_t at = size - rest.size + STEP_SIZE;

		if (has_frame(step_take(&rest).verb) && at + 2 < size)
			places[count++] = at;
	}
	if (count == 0 || seed % 3 == 0)
		return LLVMFuzzerMutate(data, size, most);
	return mutate_piece(&simpul__up__descriptor, data, size, most, places[seed / 3 % count], seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	struct core_status status;

	world_begin();
	for (unsigned i = 0; i < MOST_STEPS && rest.size > 0; i++) {
		const struct step step = step_take(&rest);

		step_try(&step);
	}
	while (world->queue != NULL)
		step_try(&(struct step){.verb = VERB_COMMIT});
	core_status(world->core, &status);
	PROMISE(status.position.entry == world->position.entry && status.under_way == 0);
	return 0;
}
