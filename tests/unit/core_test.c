/* Tries to break what broker/core.h promises: receipts, identity, entitlement, windows and numbering. */
#include "common/submission.h"
#include "common/wire.h"
#include "tests/support/core_world.h"
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define FIRST_ENTRY 6 /* after four members and a policy */
#define ALARM_AFTER_MS 2001

static int setup(void **state)
{
	struct world *world = world_new();

	for (size_t node = POLICE; node <= IMMIGRATION; node++)
		world_hello(world, node, FIRST_ENTRY - 1);
	world_forget(world);
	*state = world;
	return 0;
}

static struct core_node node_of(struct world *world, size_t node)
{
	struct core_node out;

	assert_true(world_node(world, node, &out));
	return out;
}

/* Says it, expects this refusal, and that no number was used up by it. */
static void assert_refused(struct world *world, struct speech speech, enum error code)
{
	world_forget(world);
	world_say(world, &speech);
	if (world_refusal(world) != code)
		fail_msg("refused with %s at %s, not %s", error_name(world_refusal(world)), world_refusal_field(world),
			 error_name(code));
	assert_int_equal(world_queued(world), 0);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->seq, 9);
	assert_true(world_logged(world, error_name(code)));
}

static void accept(struct world *world, struct speech speech)
{
	world_forget(world);
	world_say(world, &speech);
	world_commit(world, E_OK);
	if (!world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT))
		fail_msg("%s at %s", error_name(world_refusal(world)), world_refusal_field(world));
}

static const Simpul__Receipt *receipt_of(struct world *world)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT);

	assert_non_null(down);
	return down->receipt;
}

/* Says it, commits it, and expects this verdict for its first report. */
static void assert_verdict(struct world *world, struct speech speech, enum error code, const char *field)
{
	const Simpul__Receipt *receipt;

	accept(world, speech);
	receipt = receipt_of(world);
	if (receipt->n_verdicts == 0 || receipt->verdicts[0]->code != (uint32_t)code)
		fail_msg("verdict %s, not %s",
			 receipt->n_verdicts ? error_name(error_of_code(receipt->verdicts[0]->code)) : "OK",
			 error_name(code));
	assert_string_equal(receipt->verdicts[0]->field, field);
	assert_int_equal(receipt->n_audience, 0);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	assert_true(world_logged(world, "report.refused"));
	assert_false(world_logged(world, "report.accepted"));
}

/* ---------------------------------------------------------------------------- receipts mean on disk */

static void nothing_is_answered_pushed_or_logged_before_the_commit(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	assert_int_equal(world_queued(world), 1);
	assert_int_equal(world->seen_count, 1); /* the append alone */
	world_tick(world, 10);
	assert_int_equal(world->seen_count, 1);
}

static void a_receipt_comes_before_the_push_and_both_after_the_commit(void **state)
{
	struct world *world = *state;
	const struct event_seen *push;

	accept(world, (struct speech){.node = POLICE, .count = 3});
	assert_int_equal(world->seen[1].type, ACTION_SEND);
	assert_int_equal(receipt_of(world)->entry, FIRST_ENTRY);
	assert_int_equal(world_pushes(world, ARMY), 1);
	assert_int_equal(world_pushes(world, IMMIGRATION), 1);
	assert_int_equal(world_pushes(world, POLICE), 0);
	assert_int_equal(world_pushes(world, HEALTH), 0);
	push = world_find(world, ACTION_PUBLISH, 0);
	assert_int_equal(push->head.after, FIRST_ENTRY - 1);
	assert_int_equal(push->head.upto, FIRST_ENTRY);
	assert_int_equal(push->head.counter, 1);
	assert_int_equal(push->batch->entries[0]->delivery->n_reports, 3);
	assert_true(world_logged(world, "report.accepted node=police.oku report=police.oku#1 count=3"));
	assert_ptr_equal(push->data, world_find(world, ACTION_PUBLISH, 1)->data);
}

static void what_is_delivered_proves_its_origin(void **state)
{
	struct world *world = *state;
	struct hash digest;
	const Simpul__Delivery *delivery;
	struct fault fault;

	accept(world, (struct speech){.node = POLICE, .count = 5});
	delivery = world_find(world, ACTION_PUBLISH, 0)->batch->entries[0]->delivery;
	assert_int_equal(delivery_digest(delivery, world->options.exchange, &digest, &fault), E_OK);
	assert_true(digest_verify(world->members[POLICE].signing_key, SIGN_TAG_SUBMISSION, &digest,
				  BYTES(delivery->signature.data, delivery->signature.len)));
}

static void a_receipt_goes_only_to_the_session_that_asked(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_hello(world, POLICE, FIRST_ENTRY - 1);
	world_commit(world, E_OK);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT));
}

static void a_repeat_after_a_reconnect_is_answered_in_the_new_session(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_hello(world, POLICE, FIRST_ENTRY - 1);
	world_say(world, &(struct speech){.node = POLICE, .seq = 77});
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->seq, 77);
}

/* ---------------------------------------------------------------------------- identity */

static void spoil_origin(Simpul__Submission *message)
{
	message->origin = (char *)(uintptr_t)world_names[ARMY];
}

static void a_submission_in_the_name_of_another_node_is_refused_and_alarmed(void **state)
{
	assert_refused(*state, (struct speech){.node = POLICE, .spoil_message = spoil_origin}, E_WRONG_ORIGIN);
	assert_true(world_alarmed(*state, "submission.refused node=police.oku code=WRONG_ORIGIN"));
}

static void an_unknown_key_gets_nothing_but_a_refusal(void **state)
{
	struct world *world = *state;
	const char *name = "x";

	world->keys[HEALTH].curve_public[0] ^= 1;
	world_hello(world, HEALTH, 0);
	assert_int_equal(world_refusal(world), E_KEY_UNKNOWN);
	assert_string_equal(world_refusal_field(world), "key");
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
	assert_int_equal(core_key_status(world->core, world->keys[HEALTH].curve_public, &name), E_KEY_UNKNOWN);
	assert_null(name);
}

static void without_a_session_nothing_but_hello_is_taken(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = HEALTH});
	assert_int_equal(world_refusal(world), E_UNEXPECTED);
	world_forget(world);
	world_ack(world, HEALTH, 0);
	assert_int_equal(world_refusal(world), E_UNEXPECTED);
}

static void send_hello(struct world *world, size_t node, uint8_t peer, void (*spoil)(Simpul__Hello *hello))
{
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Hello hello = SIMPUL__HELLO__INIT;
	Simpul__Position message;
	struct position position;

	world_position(world, world->position.entry, &position);
	position_to_message(&position, &message);
	hello.version = 1;
	hello.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, world->options.exchange};
	hello.node = (char *)(uintptr_t)world_names[node];
	hello.key_id = world->members[node].key_id;
	hello.cursor = &message;
	hello.epoch = 2;
	if (spoil)
		spoil(&hello);
	up.seq = 3;
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &hello;
	world_forget(world);
	world_up(world, node, peer, &up);
}

static uint8_t other_bytes[HASH_SIZE] = {1, 2, 3};

static void hello_version(Simpul__Hello *hello)
{
	hello->version = 2;
}
static void hello_exchange(Simpul__Hello *hello)
{
	hello->exchange.data = other_bytes;
}
static void hello_node(Simpul__Hello *hello)
{
	hello->node = (char *)(uintptr_t)world_names[POLICE];
}
static void hello_key(Simpul__Hello *hello)
{
	hello->key_id = 2;
}
static void hello_no_epoch(Simpul__Hello *hello)
{
	hello->epoch = 0;
}
static void hello_old_epoch(Simpul__Hello *hello)
{
	hello->epoch = 1;
}
static void hello_no_cursor(Simpul__Hello *hello)
{
	hello->cursor = NULL;
}
static void hello_short_head(Simpul__Hello *hello)
{
	hello->cursor->head.len = 31;
}
static void hello_incarnation(Simpul__Hello *hello)
{
	hello->cursor->incarnation = 2;
}
static void hello_beyond(Simpul__Hello *hello)
{
	hello->cursor->entry++;
}
static void hello_head(Simpul__Hello *hello)
{
	hello->cursor->head.data = other_bytes;
}

static void a_wrong_hello_is_refused_with_its_reason(void **state)
{
	static const struct {
		void (*spoil)(Simpul__Hello *hello);
		enum error code;
		bool alarm;
	} cases[] = {
		{hello_version, E_VERSION, false},
		{hello_exchange, E_EXCHANGE, false},
		{hello_node, E_WRONG_ORIGIN, true},
		{hello_key, E_KEY_EXPIRED, false},
		{hello_no_epoch, E_MISSING, false},
		{hello_old_epoch, E_EPOCH, false},
		{hello_no_cursor, E_MISSING, false},
		{hello_short_head, E_INVALID, false},
		{hello_incarnation, E_HISTORY_DIFFERS, true},
		{hello_beyond, E_HISTORY_DIFFERS, true},
		{hello_head, E_HISTORY_DIFFERS, true},
	};
	struct world *world = *state;

	accept(world, (struct speech){.node = ARMY, .epoch = 2});
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		send_hello(world, ARMY, 99, cases[i].spoil);
		if (world_refusal(world) != cases[i].code)
			fail_msg("case %zu: %s", i, error_name(world_refusal(world)));
		assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->seq, 3);
		assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
		assert_int_equal(world_alarmed(world, "session.refused"), cases[i].alarm);
	}
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->position);
}

static void a_newer_session_takes_over_and_the_older_hears_of_it(void **state)
{
	struct world *world = *state;

	send_hello(world, ARMY, 99, NULL);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_SUPERSEDED);
	assert_true(world_alarmed(world, "session.superseded node=army.oku"));
	world_forget(world);
	world_ack(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_SUPERSEDED);
	world_tick(world, ALARM_AFTER_MS);
	send_hello(world, ARMY, 98, NULL);
	assert_true(world_logged(world, "session.superseded"));
	assert_false(world_alarmed(world, "session.superseded"));
}

/* The topic that the last HELLO was given. */
static void topic_of(const struct world *world, uint8_t topic[FEED_TOPIC_SIZE])
{
	memcpy(topic, world->options.exchange, FEED_TOPIC_SIZE - 4);
	memcpy(topic + FEED_TOPIC_SIZE - 4, world->random + 8, 4);
}

static void welcome_tells_where_both_sides_stand(void **state)
{
	struct world *world = *state;
	const Simpul__Welcome *welcome;
	uint8_t topic[FEED_TOPIC_SIZE];

	accept(world, (struct speech){.node = ARMY, .count = 7});
	send_hello(world, ARMY, 99, NULL);
	welcome = world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)->welcome;
	assert_int_equal(welcome->head->entry, FIRST_ENTRY);
	assert_int_equal(welcome->policy_version, 1);
	assert_int_equal(welcome->n_streams, 1);
	assert_int_equal(welcome->streams[0]->last, 7);
	assert_int_equal(welcome->streams[0]->epoch, 1);
	assert_int_equal(welcome->feed_topic.len, FEED_TOPIC_SIZE);
	topic_of(world, topic);
	assert_memory_equal(welcome->feed_topic.data, topic, FEED_TOPIC_SIZE);
	assert_memory_equal(welcome->feed_key.data, world->random + 24, KEY_SIZE);
	assert_int_equal(welcome->limits->submission_reports, LIMIT_SUBMISSION_REPORTS);
}

static void hello_speaks_for_all_that_is_stored(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = ARMY});
	world_forget(world);
	world_hello(world, POLICE, FIRST_ENTRY);
	assert_int_equal(world_find(world, ACTION_CURSOR, 0)->entry, FIRST_ENTRY);
	assert_true(node_of(world, POLICE).live);
}

/* ---------------------------------------------------------------------------- below the cursor */

static void reseed(struct world *world, size_t node, uint64_t from)
{
	struct core_event event = {.type = CORE_RESEED};

	event.reseed.node = world_names[node];
	event.reseed.from_entry = from;
	event.reseed.reason = "inbox lost";
	world_forget(world);
	world_step(world, &event);
	world_commit(world, E_OK);
}

static void a_stolen_key_does_not_open_the_past(void **state)
{
	struct world *world = *state;

	world_hello(world, ARMY, 2);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
	assert_true(world_alarmed(world, "session.refused node=army.oku code=BELOW_CURSOR"));
	world_forget(world);
	world_fetch(world, ARMY, 2);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
	reseed(world, ARMY, 4);
	world_hello(world, ARMY, 2); /* the reseed does not reach so far */
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
}

static void a_reseed_opens_the_past_once_even_over_a_restart(void **state)
{
	struct world *world = *state;
	const uint64_t end = world->position.entry;

	reseed(world, ARMY, 2);
	assert_int_equal(world_answer(world), E_OK);
	assert_true(world_logged(world, "reseed.recorded node=army.oku from_entry=2"));
	world_forget(world);
	world_hello(world, ARMY, 2);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
	assert_int_equal(node_of(world, ARMY).cursor, 2);
	world_fetch(world, ARMY, 2);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 2); /* members 3 and 4 */
	world_ack(world, ARMY, end);
	world_commit(world, E_OK);
	world_forget(world);
	world_hello(world, ARMY, 2);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
	world_restart(world);
	world_hello(world, ARMY, 2);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
}

/* ---------------------------------------------------------------------------- numbering */

static void a_gap_is_refused_with_the_number_expected(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .count = 4});
	assert_refused(world, (struct speech){.node = POLICE, .first = 6}, E_GAP);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected, 5);
}

static void a_repeat_gets_the_same_receipt_and_no_second_entry(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .count = 2});
	for (int i = 0; i < 2; i++) {
		world_forget(world);
		world_say(world, &(struct speech){.node = POLICE, .count = 2, .seq = 40});
		assert_int_equal(world_queued(world), 0);
		assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT));
		world_read(world);
		assert_int_equal(receipt_of(world)->entry, FIRST_ENTRY);
		assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->seq, 40);
		assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	}
}

static void assert_reused(struct world *world, struct speech speech)
{
	world_forget(world);
	world_say(world, &speech);
	world_read(world);
	assert_int_equal(world_refusal(world), E_NUMBER_REUSED);
	assert_true(world_alarmed(world, "NUMBER_REUSED"));
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT));
}

static void a_number_used_for_other_bytes_is_refused_and_alarmed(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .count = 3});
	assert_reused(world, (struct speech){.node = POLICE, .count = 3, .salt = 1});
	assert_reused(world, (struct speech){.node = POLICE, .count = 2});
	assert_reused(world, (struct speech){.node = POLICE, .first = 2, .count = 2});
	assert_reused(world, (struct speech){.node = POLICE, .first = 3, .count = 2});
	world_say(world, &(struct speech){.node = POLICE, .first = 4, .count = 3});
	assert_reused(world, (struct speech){.node = POLICE, .first = 4, .count = 3, .salt = 1});
	assert_reused(world, (struct speech){.node = POLICE, .first = 5});
	assert_reused(world, (struct speech){.node = POLICE, .first = 3, .count = 3});
}

static void a_repeat_of_something_under_way_gets_no_answer_yet(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .seq = 31});
	assert_int_equal(world->seen_count, 0);
	world_commit(world, E_OK);
	assert_int_equal(world_count(world, ACTION_SEND), 1);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->seq, 31);
}

static void a_fifth_submission_under_way_is_busy(void **state)
{
	struct world *world = *state;

	for (uint64_t first = 1; first <= LIMIT_IN_FLIGHT; first++)
		world_say(world, &(struct speech){.node = POLICE, .first = first});
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .first = LIMIT_IN_FLIGHT + 1});
	assert_int_equal(world_refusal(world), E_BUSY);
	world_commit(world, E_OK);
	accept(world, (struct speech){.node = POLICE, .first = LIMIT_IN_FLIGHT + 1});
}

static void repeats_without_end_are_busy_too(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE});
	for (int i = 0; i < LIMIT_IN_FLIGHT; i++)
		world_say(world, &(struct speech){.node = POLICE});
	assert_refused(world, (struct speech){.node = POLICE}, E_BUSY);
	world_read(world);
	world_say(world, &(struct speech){.node = POLICE});
	world_read(world);
	receipt_of(world);
}

static void an_aborted_commit_leaves_numbering_as_if_never_tried(void **state)
{
	struct world *world = *state;
	struct core_status status;

	world_say(world, &(struct speech){.node = POLICE, .epoch = 2});
	world_say(world, &(struct speech){.node = POLICE, .epoch = 2, .first = 2});
	world_forget(world);
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_count(world, ACTION_SEND), 2);
	assert_int_equal(world_refusal(world), E_DISK_FULL);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	assert_false(world_logged(world, "report.accepted"));
	core_status(world->core, &status);
	assert_int_equal(status.position.entry, FIRST_ENTRY - 1);
	assert_int_equal(status.under_way, 0);
	assert_refused(world, (struct speech){.node = POLICE, .epoch = 2, .first = 2}, E_GAP);
	accept(world, (struct speech){.node = POLICE, .epoch = 1, .salt = 3}); /* the epoch was never opened */
	assert_int_equal(receipt_of(world)->entry, FIRST_ENTRY);
}

static void what_follows_a_failed_number_comes_back_as_busy(void **state)
{
	struct world *world = *state;

	for (uint64_t first = 1; first <= 3; first++)
		world_say(world, &(struct speech){.node = POLICE, .first = first, .seq = first + 20});
	world_commit_some(world, 1, E_STALE_POLICY);
	assert_int_equal(world_refusal(world), E_STALE_POLICY);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .seq = 30}); /* again, while the others are still under way */
	assert_int_equal(world_queued(world), 3);
	world_commit(world, E_OK);
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->seq, 30);
	accept(world, (struct speech){.node = POLICE, .first = 2});
	accept(world, (struct speech){.node = POLICE, .first = 3});
}

static void an_older_epoch_is_refused(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .epoch = 2});
	assert_refused(world, (struct speech){.node = POLICE, .epoch = 1}, E_EPOCH);
}

static void streams_are_numbered_apart(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .count = 3});
	accept(world, (struct speech){.node = POLICE,
				      .stream = SIMPUL__STREAM__STREAM_RED,
				      .label = SIMPUL__LABEL__LABEL_RED,
				      .to = {world_names[IMMIGRATION]},
				      .wraps = {world_names[IMMIGRATION]},
				      .sealed = true});
	assert_int_equal(receipt_of(world)->n_verdicts, 0);
}

static void a_policy_that_moved_on_means_try_again(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world->policy_version++; /* the journal has a newer one */
	world_commit(world, E_OK);
	assert_int_equal(world_refusal(world), E_STALE_POLICY);
	world->policy_version--;
	accept(world, (struct speech){.node = POLICE});
}

/* ---------------------------------------------------------------------------- messages that are refused */

static void spoil_signature(Simpul__Submission *message)
{
	message->signature.data[5] ^= 1;
}
static void spoil_key_id(Simpul__Submission *message)
{
	message->key_id = 2;
}
static void spoil_count(Simpul__Submission *message)
{
	message->n_reports = 0;
}
static void spoil_first(Simpul__Submission *message)
{
	message->first = 0;
}
static void spoil_last(Simpul__Submission *message)
{
	message->first = UINT64_MAX;
}
static void spoil_epoch(Simpul__Submission *message)
{
	message->epoch = 0;
}
static void spoil_seen(Simpul__Submission *message)
{
	message->seen_entry = 1000;
}
static void spoil_seen_head(Simpul__Submission *message)
{
	message->seen_entry = 2;
}
static void spoil_seen_size(Simpul__Submission *message)
{
	message->seen_head.len = 8;
}
static void spoil_header_bytes(Simpul__Submission *message)
{
	message->reports[0]->header.data[0] = 0xff;
}
static void spoil_body_bytes(Simpul__Submission *message)
{
	message->reports[0]->body.len--;
}
static void spoil_routing_bytes(Simpul__Submission *message)
{
	message->routing.len--;
}
static void spoil_routing_salt(Simpul__Routing *routing)
{
	routing->salt.len = 15;
}
static void spoil_number(Simpul__Header *header, size_t index)
{
	header->name->number += index == 1;
}
static void spoil_name(Simpul__Header *header, size_t index)
{
	header->name->origin = (char *)(uintptr_t)world_names[index];
}
static void spoil_class(Simpul__Header *header, size_t index)
{
	if (index == 1)
		header->label = SIMPUL__LABEL__LABEL_GREEN;
}

static void a_message_that_cannot_be_taken_uses_up_no_number(void **state)
{
	static const struct {
		struct speech speech;
		enum error code;
		const char *field;
	} cases[] = {
		{{.spoil_message = spoil_key_id}, E_KEY_EXPIRED, "submit.key_id"},
		{{.spoil_message = spoil_count}, E_MISSING, "submit.reports"},
		{{.spoil_message = spoil_first}, E_INVALID, "submit.first"},
		{{.spoil_message = spoil_last}, E_INVALID, "submit.first"},
		{{.spoil_message = spoil_epoch}, E_MISSING, "submit.epoch"},
		{{.spoil_signed = spoil_signature}, E_BAD_SIGNATURE, "submit.signature"},
		{{.spoil_signed = spoil_seen}, E_BAD_SIGNATURE, "submit.signature"},
		{{.spoil_message = spoil_seen}, E_HISTORY_DIFFERS, "submit.seen_entry"},
		{{.spoil_message = spoil_seen_head}, E_HISTORY_DIFFERS, "submit.seen_head"},
		{{.spoil_message = spoil_seen_size}, E_INVALID, "submit.seen_head"},
		{{.spoil_message = spoil_header_bytes}, E_UNKNOWN_FIELD, "reports[0].header"},
		{{.spoil_message = spoil_body_bytes}, E_MALFORMED, NULL},
		{{.spoil_message = spoil_routing_bytes}, E_MALFORMED, NULL},
		{{.spoil_routing = spoil_routing_salt}, E_INVALID, "routing.salt"},
		{{.count = 2, .spoil_header = spoil_number}, E_INVALID, "reports[1].header.name"},
		{{.count = 2, .spoil_header = spoil_name}, E_INVALID, "reports[1].header.name"},
		{{.count = 2, .spoil_header = spoil_class}, E_MIXED_ROUTING, "reports[1].header"},
		{{.count = 2, .kind = SIMPUL__KIND__KIND_VOID}, E_MIXED_ROUTING, "reports[1].header.kind"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_refused(*state, cases[i].speech, cases[i].code);
		if (cases[i].field)
			assert_string_equal(world_refusal_field(*state), cases[i].field);
	}
	accept(*state, (struct speech){.node = POLICE});
}

static void bytes_that_are_no_message_are_refused(void **state)
{
	struct world *world = *state;
	static uint8_t large[LIMIT_SUBMISSION + 100];
	const uint8_t no_message[] = {0x08, 0x05};

	world_send(world, POLICE, 0, BYTES("\x08\x07\x1a\x05xx", 6));
	assert_int_equal(world_refusal(world), E_MALFORMED);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->seq, 7);
	world_forget(world);
	world_send(world, POLICE, 0, BYTES(no_message, sizeof(no_message)));
	assert_int_equal(world_refusal(world), E_MISSING);
	world_forget(world);
	memcpy(large, "\x08\x01\x1a", 3);
	world_send(world, POLICE, 0, BYTES(large, sizeof(large)));
	assert_int_equal(world_refusal(world), E_TOO_LARGE);
}

static void mutated_frames_never_do_harm(void **state)
{
	struct world *world = *state;
	struct buffer frame = {0};
	uint32_t seed = 12345;

	world_say(world, &(struct speech){.node = POLICE, .count = 3});
	buffer_bytes(&frame, buffer_view(&world->said));
	world_commit(world, E_OK);
	for (int i = 0; i < 3000; i++) {
		struct buffer copy = {0};

		buffer_bytes(&copy, buffer_view(&frame));
		for (int hits = 0; hits < 1 + i % 3; hits++) {
			seed = seed * 1664525 + 1013904223;
			copy.data[seed / 65536 % copy.size] ^= (uint8_t)(1 << seed % 8);
		}
		world_send(world, POLICE, 0, BYTES(copy.data, copy.size - (size_t)(i % 7 == 0 ? i % 50 : 0)));
		world_read(world);
		assert_int_equal(world_queued(world), 0);
		world_forget(world);
		buffer_free(&copy);
	}
	buffer_free(&frame);
}

static void a_low_disk_refuses_submissions_and_nothing_else(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_DISK, .disk_low = true};

	world_step(world, &event);
	assert_refused(world, (struct speech){.node = POLICE}, E_DISK_FULL);
	world_forget(world);
	world_ack(world, POLICE, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_OK);
	event.disk_low = false;
	world_step(world, &event);
	accept(world, (struct speech){.node = POLICE});
}

static void a_node_is_held_to_its_rate_and_told_how_long_to_wait(void **state)
{
	struct world *world = *state;
	uint64_t wait, first = 1;

	world_free(world);
	*state = world = world_new();
	world->options.rate_reports = 10;
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	for (; first <= 10; first++)
		accept(world, (struct speech){.node = POLICE, .first = first});
	assert_refused(world, (struct speech){.node = POLICE, .first = first}, E_RATE);
	wait = world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected;
	assert_in_range(wait, 90, 110);
	world_tick(world, wait);
	accept(world, (struct speech){.node = POLICE, .first = first++});
	world_tick(world, 2000);
	accept(world, (struct speech){
			      .node = POLICE, .first = first, .count = 50}); /* more than a second's worth, on credit */
	first += 50;
	world_tick(world, 2000);
	assert_refused(world, (struct speech){.node = POLICE, .first = first}, E_RATE);
}

static void a_node_is_held_to_its_bytes(void **state)
{
	struct world *world = *state;

	world->options.rate_bytes = 2000;
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	accept(world, (struct speech){.node = POLICE, .summary = 3000});
	assert_refused(world, (struct speech){.node = POLICE, .first = 2}, E_RATE);
}

/* ---------------------------------------------------------------------------- verdicts */

static void spoil_expired(Simpul__Header *header, size_t index)
{
	(void)index;
	header->expires = header->created_at - 5;
}
static void spoil_clock(Simpul__Header *header, size_t index)
{
	(void)index;
	header->created_at += UINT64_C(3600000);
}
static void spoil_far(Simpul__Header *header, size_t index)
{
	(void)index;
	header->expires += UINT64_C(86400000) * 5 * 370;
}
static void spoil_purpose(Simpul__Header *header, size_t index)
{
	(void)index;
	header->purpose = (char *)"";
}
static void spoil_reference(Simpul__Header *header, size_t index)
{
	(void)index;
	header->references[0]->origin = (char *)(uintptr_t)world_names[ARMY];
}
static void spoil_assertion(Simpul__Body *body)
{
	body->sighting->assertion = 0;
}

static void spoil_age(Simpul__Body *body)
{
	static Simpul__Person person = SIMPUL__PERSON__INIT;
	static Simpul__Person *persons[] = {&person};

	person.capacity = SIMPUL__CAPACITY__CAPACITY_SEEN;
	person.identity = SIMPUL__IDENTITY__IDENTITY_CLAIMED;
	person.age = SIMPUL__AGE__AGE_UNKNOWN;
	body->sighting->persons = persons;
	body->sighting->n_persons = 1;
}

static void a_verdict_uses_up_the_number_and_says_where(void **state)
{
	static const struct {
		struct speech speech;
		enum error code;
		const char *field;
	} cases[] = {
		{{.spoil_header = spoil_expired}, E_EXPIRED, "header.expires"},
		{{.spoil_header = spoil_clock}, E_CLOCK, "header.created_at"},
		{{.spoil_header = spoil_far}, E_EXPIRES_TOO_LATE, "header.expires"},
		{{.spoil_header = spoil_purpose}, E_MISSING, "header.purpose"},
		{{.region = "99.99"}, E_REGION_UNKNOWN, "header.region"},
		{{.category = "unheard-of"}, E_CATEGORY_UNKNOWN, "header.category"},
		{{.spoil_body = spoil_assertion}, E_MISSING, "body.sighting.assertion"},
		{{.spoil_body = spoil_age}, E_MISSING, "routing.to"},
		{{.node = ARMY, .category = "missing"}, E_MAY_NOT_PUBLISH, "header.kind"},
		{{.node = HEALTH}, E_MAY_NOT_PUBLISH, "header.kind"},
		{{.node = ARMY, .label = SIMPUL__LABEL__LABEL_AMBER_STRICT}, E_LABEL_ABOVE_CEILING, "header.label"},
		{{.to = {"army.oku", "navy.oku"}}, E_RECIPIENT_UNKNOWN, "routing.to[1]"},
		{{.not_to = {"navy"}}, E_RECIPIENT_UNKNOWN, "routing.not_to[0]"},
		{{.to = {"health.oku"}}, E_EMPTY_AUDIENCE, "routing"},
		{{.not_to = {"army", "immigration.muara-enim"}}, E_EMPTY_AUDIENCE, "routing"},
		{{.label = SIMPUL__LABEL__LABEL_RED}, E_STREAM, "header.name.stream"},
		{{.kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1, .spoil_header = spoil_reference},
		 E_NOT_ORIGIN,
		 "header.references[0]"},
		{{.kind = SIMPUL__KIND__KIND_UPDATE, .reference = 400}, E_REFERENCE_UNKNOWN, ""},
	};
	struct world *world = *state;
	uint64_t next[WORLD_NODES] = {1, 1, 1, 1};

	world_hello(world, HEALTH, 0);
	world_fetch(world, HEALTH, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct speech speech = cases[i].speech;

		speech.first = next[speech.node]++;
		assert_verdict(world, speech, cases[i].code, cases[i].field);
	}
}

static void red_must_name_nodes_and_seal_to_each(void **state)
{
	const char *police = world_names[IMMIGRATION];
	struct speech red = {.node = POLICE, .stream = SIMPUL__STREAM__STREAM_RED, .label = SIMPUL__LABEL__LABEL_RED};

	assert_verdict(*state, red, E_UNSEALED, "header.form");
	red.sealed = true;
	red.first = 2;
	assert_verdict(*state, red, E_RED_NEEDS_NODES, "routing.to");
	red.first = 3;
	red.to[0] = "immigration";
	assert_verdict(*state, red, E_RED_NEEDS_NODES, "routing.to[0]");
	red.first = 4;
	red.to[0] = police;
	assert_verdict(*state, red, E_MISSING, "routing.wraps");
	red.first = 5;
	red.wraps[0] = "navy.oku";
	assert_verdict(*state, red, E_RECIPIENT_UNKNOWN, "routing.wraps[0].node");
}

static void a_sealed_body_travels_with_the_recipients_own_wrap_only(void **state)
{
	struct world *world = *state;
	const Simpul__Batch *batch;

	accept(world,
	       (struct speech){.node = POLICE, .sealed = true, .wraps = {world_names[ARMY], world_names[IMMIGRATION]}});
	assert_int_equal(receipt_of(world)->n_verdicts, 0);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 2);
	for (size_t i = 0; i < 2; i++) {
		batch = world_find(world, ACTION_PUBLISH, i)->batch;
		assert_int_equal(batch->n_wraps, 1);
		assert_int_equal(batch->wraps[0]->entry, FIRST_ENTRY);
		assert_int_equal(batch->wraps[0]->wrapped.data[0], i + 1);
	}
}

static void spoil_second(Simpul__Header *header, size_t index)
{
	if (index == 1)
		header->expires = header->created_at - 5;
}

static void a_refused_report_among_others_is_delivered_as_a_leaf(void **state)
{
	struct world *world = *state;
	const Simpul__Delivery *delivery;

	accept(world, (struct speech){.node = POLICE, .count = 3, .spoil_header = spoil_second});
	assert_int_equal(receipt_of(world)->n_verdicts, 1);
	assert_int_equal(receipt_of(world)->verdicts[0]->number, 2);
	delivery = world_find(world, ACTION_PUBLISH, 0)->batch->entries[0]->delivery;
	assert_int_equal(delivery->reports[1]->leaf.len, HASH_SIZE);
	assert_int_equal(delivery->reports[1]->body.len, 0);
	assert_true(delivery->reports[2]->body.len > 0);
	assert_true(world_logged(world, "report.accepted node=police.oku report=police.oku#1 count=2"));
	assert_true(world_logged(world, "report.refused node=police.oku report=police.oku#2 code=EXPIRED"));
}

static void spoil_all(Simpul__Header *header, size_t index)
{
	(void)index;
	header->expires = header->created_at - 5;
}

static void many_refused_reports_do_not_fill_the_log(void **state)
{
	struct world *world = *state;
	size_t lines = 0;

	accept(world, (struct speech){.node = POLICE, .count = 200, .spoil_header = spoil_all});
	assert_int_equal(receipt_of(world)->n_verdicts, 200);
	for (size_t i = 0; i < world->seen_count; i++)
		lines += world->seen[i].type == ACTION_LOG && strstr(world->seen[i].text, "report.refused") != NULL;
	assert_int_equal(lines, 20);
	world_tick(world, 1000);
	assert_true(world_logged(world, "refusals.unlogged node=police.oku count=180"));
}

static void a_void_uses_up_a_number_and_goes_to_nobody(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .kind = SIMPUL__KIND__KIND_VOID});
	assert_int_equal(receipt_of(world)->n_verdicts, 0);
	assert_int_equal(receipt_of(world)->n_audience, 0);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	accept(world, (struct speech){.node = POLICE, .first = 2});
}

/* ---------------------------------------------------------------------------- audience */

static void assert_audience(struct world *world, struct speech speech, const char *first, const char *second)
{
	const Simpul__Receipt *receipt;

	accept(world, speech);
	receipt = receipt_of(world);
	assert_int_equal(receipt->n_verdicts, 0);
	assert_int_equal(receipt->n_audience, second ? 2 : 1);
	assert_string_equal(receipt->audience[0], first);
	if (second)
		assert_string_equal(receipt->audience[1], second);
}

static void to_and_not_to_narrow_the_audience(void **state)
{
	struct world *world = *state;

	assert_audience(world, (struct speech){.node = POLICE}, "army.oku", "immigration.muara-enim");
	assert_audience(world, (struct speech){.node = POLICE, .first = 2, .to = {"army"}}, "army.oku", NULL);
	assert_audience(world, (struct speech){.node = POLICE, .first = 3, .not_to = {"army.oku"}},
			"immigration.muara-enim", NULL);
	assert_int_equal(world_pushes(world, ARMY), 0);
	assert_audience(world, (struct speech){.node = POLICE, .first = 4, .category = "missing"},
			"immigration.muara-enim", NULL);
}

static void who_was_named_and_not_reached_is_told(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .to = {"army", "health", "health.oku", "police.timur"}});
	assert_int_equal(receipt_of(world)->n_audience, 1);
	assert_int_equal(receipt_of(world)->n_unreachable, 3);
	assert_string_equal(receipt_of(world)->unreachable[0], "health");
	assert_string_equal(receipt_of(world)->unreachable[2], "police.timur");
}

static void hello_missing_only(Simpul__Hello *hello)
{
	static Simpul__Subscription subscription = SIMPUL__SUBSCRIPTION__INIT;
	static char category[] = "missing";
	static char *categories[] = {category};

	subscription.n_categories = 1;
	subscription.categories = categories;
	hello->subscription = &subscription;
}

static void a_subscription_narrows_when_it_is_on_disk_and_to_overrides_it(void **state)
{
	struct world *world = *state;

	send_hello(world, IMMIGRATION, 0, hello_missing_only);
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_DISK_FULL); /* as if it had never been asked for */
	assert_audience(world, (struct speech){.node = POLICE}, "army.oku", "immigration.muara-enim");
	send_hello(world, IMMIGRATION, 0, hello_missing_only);
	world_commit(world, E_OK);
	assert_true(world_logged(world, "subscription.changed node=immigration.muara-enim"));
	send_hello(world, IMMIGRATION, 0, hello_missing_only);
	assert_int_equal(world_queued(world), 0); /* nothing changed */
	assert_audience(world, (struct speech){.node = POLICE, .first = 2}, "army.oku", NULL);
	assert_audience(world, (struct speech){.node = POLICE, .first = 3, .to = {"immigration"}},
			"immigration.muara-enim", NULL);
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	assert_audience(world, (struct speech){.node = POLICE, .first = 4}, "army.oku", NULL);
}

static void a_cancel_goes_to_whoever_got_the_report(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .to = {"army.oku"}});
	assert_audience(world,
			(struct speech){.node = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1},
			"army.oku", NULL);
	assert_int_equal(world_pushes(world, ARMY), 1);
	assert_int_equal(world_pushes(world, IMMIGRATION), 0);
}

static void member_records_go_to_everybody(void **state)
{
	struct world *world = *state;

	world_hello(world, HEALTH, 0);
	world_forget(world);
	world_fetch(world, HEALTH, 0);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 4);
	assert_string_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->entries[3]->member->node,
			    "health.oku");
	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED);
	world_commit(world, E_OK);
	assert_int_equal(world_pushes(world, HEALTH), 1);
	assert_int_equal(world_pushes(world, POLICE), 1);
}

/* ---------------------------------------------------------------------------- entitlement at delivery */

static const char *policy_without_army(char text[4096])
{
	char *place;

	strcpy(text, world_policy);
	place = strstr(text, "  - {node: army.oku");
	memmove(place, strchr(place, '\n') + 1, strlen(strchr(place, '\n')));
	return text;
}

static void a_new_policy_holds_for_what_was_accepted_before(void **state)
{
	struct world *world = *state;
	const Simpul__Batch *batch;
	char text[4096];

	world_tick(world, 10);
	accept(world, (struct speech){.node = POLICE}); /* pushed, perhaps lost */
	world_load_policy(world, policy_without_army(text));
	world_commit(world, E_OK);
	assert_true(world_logged(world, "policy.changed version=2"));
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->n_entries, 1);
	assert_int_equal(batch->entries[0]->content_case, SIMPUL__ENTRY__CONTENT_STUB);
	assert_int_equal(batch->entries[0]->stub->policy_version, 2);
	assert_int_equal(batch->entries[0]->entry, FIRST_ENTRY);
	assert_int_equal(world_find(world, ACTION_WITHHELD, 0)->entry, FIRST_ENTRY);
	assert_true(world_logged(world, "delivery.withheld node=army.oku entry=6"));
}

static void a_new_policy_holds_for_what_readers_bring(void **state)
{
	struct world *world = *state;
	const Simpul__Batch *batch;
	char text[4096];

	accept(world, (struct speech){.node = POLICE});
	world_load_policy(world, policy_without_army(text));
	world_commit(world, E_OK);
	world_restart(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_read(world);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->entries[0]->content_case, SIMPUL__ENTRY__CONTENT_STUB);
	assert_int_equal(batch->entries[0]->type, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	assert_int_equal(world_count(world, ACTION_WITHHELD), 1);
}

static void nothing_is_handed_to_a_revoked_node_even_before_the_entry(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED);
	world_forget(world);
	world_commit_some(world, 1, E_OK); /* the report; the standing is still under way */
	assert_int_equal(world_pushes(world, ARMY), 0);
	assert_int_equal(world_pushes(world, IMMIGRATION), 1);
	world_tick(world, LIMIT_HEARTBEAT_MS);
	for (size_t i = 0; i < world_count(world, ACTION_PUBLISH); i++)
		assert_string_not_equal(world_find(world, ACTION_PUBLISH, i)->node, "army.oku");
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_KEY_REVOKED);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_commit(world, E_OK);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_REVOKED);
	world_forget(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_KEY_REVOKED);
}

static void a_read_under_way_is_not_answered_to_a_revoked_node(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE});
	world_restart(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED);
	world_forget(world);
	world_read(world);
	assert_int_equal(world->seen_count, 0);
}

static void a_revocation_that_fails_is_undone(void **state)
{
	struct world *world = *state;

	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED);
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_answer(world), E_DISK_FULL);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_OK);
	assert_true(node_of(world, ARMY).live);
}

static void a_page_beyond_what_was_committed_here_waits(void **state)
{
	struct world *world = *state;
	struct journal_append *waiting;
	const Simpul__Batch *batch;
	struct core_event event = {.type = CORE_COMMITTED};

	accept(world, (struct speech){.node = POLICE});
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_say(world, &(struct speech){.node = POLICE, .first = 2});
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	waiting = world->queue;
	world->queue = NULL;
	/* The journal has committed, a reader sees it, and the core has not heard of it yet. */
	world_store(world, waiting);
	world_forget(world);
	world_read(world);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->n_entries, 1);
	assert_int_equal(batch->upto->entry, FIRST_ENTRY);
	assert_int_equal(world_count(world, ACTION_WITHHELD), 0);
	event.committed = waiting;
	world_forget(world);
	world_step(world, &event);
	assert_int_equal(world_pushes(world, ARMY), 1);
}

/* Or the office, to which nothing is left, would hear of what came meanwhile with the next heartbeat. */
static void a_page_that_the_journal_outran_goes_on_to_the_end(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_READ_DONE};
	const Simpul__Batch *batch;

	accept(world, (struct speech){.node = ARMY});
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	event.read = world->reads;
	world->reads = NULL;
	event.read->page.upto = world->position;
	accept(world, (struct speech){.node = POLICE});
	world_forget(world);
	world_step(world, &event);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->n_entries, 1);
	assert_int_equal(batch->upto->entry, world->position.entry);
	assert_true(node_of(world, ARMY).live);
}

/* ---------------------------------------------------------------------------- windows, fetching, time */

static void what_is_pushed_and_not_acknowledged_stays_within_the_window(void **state)
{
	struct world *world = *state;
	uint64_t first = 1, last_pushed = 0;
	size_t bytes = 0;
	bool told = false;

	while (node_of(world, ARMY).live && first < 4000) {
		accept(world, (struct speech){.node = POLICE, .first = first, .count = 40, .summary = 4000});
		first += 40;
		for (size_t i = 0; i < world_count(world, ACTION_PUBLISH); i++) {
			if (strcmp(world_find(world, ACTION_PUBLISH, i)->node, "army.oku") != 0)
				continue;
			told = world_find(world, ACTION_PUBLISH, i)->head.after == world->position.entry;
			if (told)
				continue;
			bytes += world_find(world, ACTION_PUBLISH, i)->size;
			last_pushed = world_find(world, ACTION_PUBLISH, i)->head.upto;
		}
		world_ack(world, IMMIGRATION, world->position.entry);
	}
	assert_in_range(bytes, LIMIT_WINDOW - 200 * 1024, LIMIT_WINDOW);
	assert_true(world_logged(world, "feed.behind node=army.oku"));
	assert_true(told); /* at once that it must fetch */
	assert_int_equal(node_of(world, ARMY).queued_bytes, bytes);
	assert_true(node_of(world, IMMIGRATION).live); /* the slow one costs the other nothing */
	world_forget(world);
	world_tick(world, LIMIT_HEARTBEAT_MS);
	for (size_t i = 0; i < world_count(world, ACTION_PUBLISH); i++)
		if (strcmp(world_find(world, ACTION_PUBLISH, i)->node, "army.oku") == 0) {
			assert_int_equal(world_find(world, ACTION_PUBLISH, i)->head.after, world->position.entry);
			assert_int_equal(world_find(world, ACTION_PUBLISH, i)->head.upto, world->position.entry);
		}
	world_fetch(world, ARMY, last_pushed);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 1);
	assert_true(node_of(world, ARMY).live);
	assert_int_equal(node_of(world, ARMY).queued_bytes, 0);
}

static void a_fetch_of_much_comes_in_batches_within_the_limit(void **state)
{
	struct world *world = *state;
	uint64_t cursor = FIRST_ENTRY - 1, entries = 0;
	int fetches = 0;

	for (uint64_t i = 0; i < 10; i++)
		accept(world, (struct speech){.node = POLICE, .first = 1 + i * 40, .count = 40, .summary = 4000});
	while (cursor < world->position.entry && fetches++ < 20) {
		world_forget(world);
		world_fetch(world, ARMY, cursor);
		entries += world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries;
		cursor = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->upto->entry;
	}
	assert_int_equal(entries, 10);
	assert_in_range(fetches, 3, 5);
	assert_true(node_of(world, ARMY).live);
}

/* Where the last answer to FETCH led. */
static uint64_t fetched_upto(struct world *world)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH);

	assert_non_null(down);
	return down->batch->upto->entry;
}

static void the_next_batch_may_be_fetched_while_one_is_stored_but_no_more(void **state)
{
	struct world *world = *state;
	const uint64_t start = FIRST_ENTRY - 1;
	uint64_t first, second;

	for (uint64_t i = 0; i < 12; i++)
		accept(world, (struct speech){.node = POLICE, .first = 1 + i * 40, .count = 40, .summary = 4000});
	world_forget(world);
	world_fetch(world, ARMY, start);
	first = fetched_upto(world);
	world_forget(world);
	world_fetch_ahead(world, ARMY, start, first);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->after, first);
	second = fetched_upto(world);
	assert_true(second > first);
	assert_int_equal(node_of(world, ARMY).cursor, start); /* what is fetched ahead is not acknowledged */
	world_forget(world);
	world_fetch_ahead(world, ARMY, start, second); /* two are unstored */
	assert_int_equal(world_refusal(world), E_BUSY);
	world_forget(world);
	world_fetch_ahead(world, ARMY, first, world->position.entry + 1);
	assert_int_equal(world_refusal(world), E_INVALID);
	world_forget(world);
	world_fetch_ahead(world, ARMY, first, second); /* the first one is stored */
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->after, second);
	assert_int_equal(node_of(world, ARMY).cursor, first);
}

static void a_commit_larger_than_a_batch_goes_out_in_several(void **state)
{
	struct world *world = *state;
	uint64_t upto = FIRST_ENTRY - 1;
	size_t pushes;

	for (uint64_t i = 0; i < 4; i++)
		world_say(world, &(struct speech){.node = POLICE, .first = 1 + i * 45, .count = 45, .summary = 4000});
	world_commit(world, E_OK);
	pushes = world_count(world, ACTION_PUBLISH) / 2;
	assert_in_range(pushes, 2, 3);
	for (size_t i = 0; i < pushes; i++) {
		const struct event_seen *push = world_find(world, ACTION_PUBLISH, i);

		assert_int_equal(push->head.after, upto);
		assert_int_equal(push->head.counter, i + 1);
		upto = push->head.upto;
	}
	assert_int_equal(upto, world->position.entry);
}

static void a_node_fetches_one_page_at_a_time(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE});
	world_restart(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_true(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected > 0);
	world_read(world);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 1);
	assert_true(node_of(world, ARMY).live);
}

static void who_fetches_without_reading_is_answered_once_a_second(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE});
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_BUSY);
	world_tick(world, 1000);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_fetch(world, ARMY, FIRST_ENTRY); /* it has read */
	assert_int_equal(world_refusal(world), E_OK);
}

static void after_a_restart_the_head_of_a_hello_is_read_and_must_match(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE});
	world_restart(world);
	send_hello(world, ARMY, 0, NULL);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)); /* at the head, which is known */
	world_forget(world);
	world_hello(world, IMMIGRATION, FIRST_ENTRY - 1);
	assert_int_equal(world->seen_count, 1);
	world_hello(world, IMMIGRATION, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_BUSY);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
	world_forget(world);
	world->records[FIRST_ENTRY - 1].head.bytes[0] ^= 1; /* the agent's head */
	world_hello(world, IMMIGRATION, FIRST_ENTRY - 1);
	world->records[FIRST_ENTRY - 1].head.bytes[0] ^= 1;
	world_read(world);
	assert_int_equal(world_refusal(world), E_HISTORY_DIFFERS);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
}

static void an_acknowledgement_of_what_was_never_handed_over_ends_the_session(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .to = {"army.oku"}});
	world_forget(world);
	world_ack(world, IMMIGRATION, FIRST_ENTRY);
	assert_int_equal(world_refusal(world), E_HISTORY_DIFFERS);
	assert_false(node_of(world, IMMIGRATION).connected);
	world->records[FIRST_ENTRY].head.bytes[3] ^= 1;
	world_forget(world);
	world_ack(world, ARMY, FIRST_ENTRY);
	world->records[FIRST_ENTRY].head.bytes[3] ^= 1;
	assert_int_equal(world_refusal(world), E_HISTORY_DIFFERS);
	assert_false(node_of(world, ARMY).connected);
	assert_int_equal(node_of(world, ARMY).cursor, FIRST_ENTRY - 1);
}

static void an_acknowledgement_is_kept_and_cannot_be_taken_back(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE});
	world_forget(world);
	world_ack(world, ARMY, FIRST_ENTRY);
	assert_int_equal(world_find(world, ACTION_CURSOR, 0)->entry, FIRST_ENTRY);
	assert_int_equal(node_of(world, ARMY).queued_bytes, 0);
	assert_true(world_logged(world, "cursor.advanced node=army.oku entry=6"));
	world_forget(world);
	world_ack(world, ARMY, FIRST_ENTRY);
	assert_int_equal(world_count(world, ACTION_CURSOR), 0);
	world_ack(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_HISTORY_DIFFERS);
}

static void a_heartbeat_moves_the_cursor_over_what_was_not_for_the_node(void **state)
{
	struct world *world = *state;
	const struct event_seen *beat = NULL;

	accept(world, (struct speech){.node = POLICE, .to = {"army.oku"}});
	assert_int_equal(world_count(world, ACTION_PUBLISH), 1);
	world_forget(world);
	world_tick(world, LIMIT_HEARTBEAT_MS - 1);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	world_tick(world, LIMIT_HEARTBEAT_MS / 8);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 3);
	for (size_t i = 0; !beat || strcmp(beat->node, "immigration.muara-enim") != 0; i++)
		beat = world_find(world, ACTION_PUBLISH, i);
	assert_int_equal(beat->head.after, FIRST_ENTRY - 1);
	assert_int_equal(beat->head.upto, FIRST_ENTRY);
	assert_int_equal(beat->batch->n_entries, 0);
	assert_false(world_logged(world, "batch.sent"));
	world_ack(world, IMMIGRATION, FIRST_ENTRY);
	assert_int_equal(world_refusal(world), E_OK);
}

static void a_silent_session_ends(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 10; i++) {
		world_tick(world, 1000);
		world_ack(world, POLICE, FIRST_ENTRY - 1);
	}
	world_tick(world, 1);
	assert_true(world_logged(world, "session.lost node=army.oku"));
	assert_false(node_of(world, ARMY).connected);
	assert_true(node_of(world, POLICE).connected);
}

static void bye_ends_a_session(void **state)
{
	struct world *world = *state;
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Bye bye = SIMPUL__BYE__INIT;

	up.message_case = SIMPUL__UP__MESSAGE_BYE;
	up.bye = &bye;
	world_up(world, ARMY, 0, &up);
	assert_int_equal(world_count(world, ACTION_SEND), 0);
	assert_false(node_of(world, ARMY).connected);
	accept(world, (struct speech){.node = POLICE});
	assert_int_equal(world_pushes(world, ARMY), 0);
}

/* ---------------------------------------------------------------------------- members and operators */

static enum error enroll(struct world *world, const struct member *member)
{
	struct core_event event = {.type = CORE_ENROLL, .enroll = member, .operator_ticket = 8};

	world_forget(world);
	world_step(world, &event);
	world_commit(world, E_OK);
	return world_answer(world);
}

static void a_new_key_supersedes_the_older_one(void **state)
{
	struct world *world = *state;
	const struct node_keys old = world->keys[ARMY];
	struct member member;

	node_keys_generate(&world->keys[ARMY], 2);
	member_request(&member, world->options.exchange, "army.oku", &world->keys[ARMY], world->now.wall);
	assert_int_equal(enroll(world, &member), E_BAD_SIGNATURE); /* the authority has not signed */
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_KEY_EXPIRED);
	assert_true(world_logged(world, "member.enrolled node=army.oku key_id=2"));
	assert_int_equal(core_key_status(world->core, old.curve_public, NULL), E_KEY_EXPIRED);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
	assert_int_equal(enroll(world, &member), E_EXISTS);
	world_restart(world);
	assert_int_equal(core_key_status(world->core, old.curve_public, NULL), E_KEY_EXPIRED);
}

/* The new key is in force from its entry on, so what comes after that must not be signed with the former one. */
static void nothing_under_the_former_key_comes_after_the_record_of_the_new_one(void **state)
{
	struct world *world = *state;
	struct node_keys keys;
	struct member member;
	const struct core_event event = {.type = CORE_ENROLL, .enroll = &member, .operator_ticket = 8};

	node_keys_generate(&keys, 2);
	member_request(&member, world->options.exchange, "army.oku", &keys, world->now.wall);
	member_countersign(&member, &world->authority);
	world_say(world, &(struct speech){.node = ARMY}); /* on its way before */
	world_step(world, &event);
	world_forget(world);
	world_say(world, &(struct speech){.node = ARMY, .first = 2});
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_int_equal(world_queued(world), 2);
	world_commit(world, E_DISK_FULL); /* as if nothing had been tried */
	accept(world, (struct speech){.node = ARMY});
}

static void spoil_key_to_first(Simpul__Submission *message)
{
	message->key_id = 1;
}

static void what_was_accepted_under_a_former_key_still_gets_its_receipt(void **state)
{
	struct world *world = *state;
	struct member member;

	accept(world, (struct speech){.node = ARMY});
	node_keys_generate(&world->keys[ARMY], 2);
	member_request(&member, world->options.exchange, "army.oku", &world->keys[ARMY], world->now.wall);
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_OK);
	world->members[ARMY] = member;
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_forget(world);
	world_say(world, &(struct speech){.node = ARMY, .spoil_message = spoil_key_to_first});
	world_read(world);
	assert_int_equal(receipt_of(world)->entry, FIRST_ENTRY);
	assert_refused(world, (struct speech){.node = ARMY, .first = 2, .spoil_message = spoil_key_to_first},
		       E_KEY_EXPIRED);
}

static void a_record_that_does_not_fit_is_not_taken(void **state)
{
	struct world *world = *state;
	struct node_keys keys;
	struct member member;

	node_keys_generate(&keys, 3);
	member_request(&member, world->options.exchange, "army.oku", &keys, world->now.wall);
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_INVALID); /* key 2 was left out */
	keys.key_id = 1;
	memcpy(keys.curve_public, world->keys[POLICE].curve_public, KEY_SIZE);
	member_request(&member, world->options.exchange, "navy.oku", &keys, world->now.wall);
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_EXISTS); /* somebody else's transport key */
	node_keys_generate(&keys, 1);
	member_request(&member, world->options.exchange, "navy.oku", &keys, world->now.wall);
	member_countersign(&member, &world->options.broker); /* not the authority */
	assert_int_equal(enroll(world, &member), E_BAD_SIGNATURE);
}

static void standing(struct world *world, size_t node, Simpul__Standing to, enum error code)
{
	world_forget(world);
	world_standing(world, node, to);
	world_commit(world, E_OK);
	assert_int_equal(world_answer(world), code);
}

static void a_compromised_key_never_comes_back(void **state)
{
	struct world *world = *state;

	standing(world, ARMY, SIMPUL__STANDING__STANDING_ACTIVE, E_UNEXPECTED);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED, E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_KEY_REVOKED);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_ACTIVE, E_OK);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED, E_OK);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_ACTIVE, E_UNEXPECTED);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED, E_UNEXPECTED);
	world_restart(world);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_REVOKED);
	world_hello(world, POLICE, world->position.entry);
	assert_audience(world, (struct speech){.node = POLICE}, "immigration.muara-enim", NULL);
}

static void the_same_policy_is_no_new_entry(void **state)
{
	struct world *world = *state;
	char text[4096];

	world_load_policy(world, world_policy);
	assert_int_equal(world_answer(world), E_OK);
	assert_int_equal(world_queued(world), 0);
	world_forget(world);
	world_load_policy(world, policy_without_army(text));
	world_load_policy(world, policy_without_army(text));
	assert_int_equal(world_answer(world), E_BUSY);					 /* one at a time */
	assert_int_equal(policy_knows_node(core_policy(world->core), "army.oku"), true); /* not before it is on disk */
	world_commit(world, E_OK);
	assert_false(policy_knows_node(core_policy(world->core), "army.oku"));
}

static void operators_get_an_answer_for_what_does_not_exist(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_STANDING};

	event.standing.node = "navy.oku";
	event.standing.standing = SIMPUL__STANDING__STANDING_RETIRED;
	world_step(world, &event);
	assert_int_equal(world_answer(world), E_NOT_FOUND);
	world_forget(world);
	event = (struct core_event){.type = CORE_RESEED};
	event.reseed.node = "navy.oku";
	world_step(world, &event);
	assert_int_equal(world_answer(world), E_NOT_FOUND);
}

/* ---------------------------------------------------------------------------- foreign subscriptions */

/* What a node may subscribe to before it is too much. */
enum { TOPICS_AT_ONCE = 600 };

static void subscribe(struct world *world, size_t node, struct bytes topic)
{
	struct core_event event = {.type = CORE_SUBSCRIBED};

	event.subscribed.curve_key = world->keys[node].curve_public;
	event.subscribed.topic = topic;
	event.subscribed.added = true;
	world_forget(world);
	world_step(world, &event);
}

static void assert_cut_off(struct world *world, size_t node)
{
	assert_true(world_alarmed(world, "feed.foreign_subscription"));
	assert_int_equal(world_count(world, ACTION_REBIND_FEED), 1);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_FOREIGN_FEED);
	assert_int_equal(core_key_status(world->core, world->keys[node].curve_public, NULL), E_KEY_SUSPENDED);
	world_commit(world, E_OK);
	assert_int_equal(node_of(world, node).standing, SIMPUL__STANDING__STANDING_SUSPENDED);
	assert_int_equal(world_count(world, ACTION_ANSWER), 0);
}

static void who_subscribes_to_more_than_its_own_feed_is_cut_off(void **state)
{
	struct world *world = *state;
	uint8_t topic[FEED_TOPIC_SIZE], army[FEED_TOPIC_SIZE];

	send_hello(world, POLICE, 0, NULL);
	topic_of(world, topic);
	send_hello(world, ARMY, 0, NULL);
	topic_of(world, army);
	subscribe(world, ARMY, BYTES(army, sizeof(army)));
	assert_int_equal(world->seen_count, 0);
	subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
	assert_cut_off(world, ARMY);
	subscribe(world, IMMIGRATION, BYTES("", 0));
	assert_cut_off(world, IMMIGRATION);
	subscribe(world, POLICE, BYTES(topic, 8));
	assert_cut_off(world, POLICE);
	standing(world, POLICE, SIMPUL__STANDING__STANDING_ACTIVE, E_OK);
	assert_int_equal(core_key_status(world->core, world->keys[POLICE].curve_public, NULL), E_OK);
}

static void a_topic_from_before_a_restart_is_no_crime_but_many_are(void **state)
{
	struct world *world = *state;
	uint8_t topic[FEED_TOPIC_SIZE] = {0};

	for (topic[0] = 1; topic[0] <= LIMIT_SESSION_TOPICS; topic[0]++) {
		subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
		subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
		assert_int_equal(world->seen_count, 0);
	}
	subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
	assert_cut_off(world, ARMY);
}

static void who_floods_with_its_own_topic_is_cut_off(void **state)
{
	struct world *world = *state;
	uint8_t topic[FEED_TOPIC_SIZE];

	send_hello(world, ARMY, 0, NULL);
	topic_of(world, topic);
	for (size_t i = 0; i < TOPICS_AT_ONCE; i++) {
		subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
		assert_int_equal(world->seen_count, 0);
	}
	world_tick(world, 100);
	subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
	assert_int_equal(world_count(world, ACTION_REBIND_FEED), 0);
	subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
	assert_cut_off(world, ARMY);
}

static void a_suspension_outlives_a_new_key(void **state)
{
	struct world *world = *state;
	struct member member;

	subscribe(world, ARMY, BYTES("", 0));
	world_commit(world, E_OK);
	node_keys_generate(&world->keys[ARMY], 2);
	member_request(&member, world->options.exchange, "army.oku", &world->keys[ARMY], world->now.wall);
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_OK);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_SUSPENDED);
}

/* ---------------------------------------------------------------------------- stopping */

static void stopping_finishes_what_is_under_way_and_takes_nothing_new(void **state)
{
	struct world *world = *state;
	const struct core_event stop = {.type = CORE_STOP};

	world_say(world, &(struct speech){.node = POLICE});
	world_step(world, &stop);
	assert_int_equal(world_count(world, ACTION_DRAINED), 0);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .first = 2});
	assert_int_equal(world_refusal(world), E_STOPPING);
	world_forget(world);
	world_hello(world, HEALTH, 0);
	assert_int_equal(world_refusal(world), E_STOPPING);
	world_forget(world);
	world_standing(world, HEALTH, SIMPUL__STANDING__STANDING_RETIRED);
	assert_int_equal(world_answer(world), E_STOPPING);
	world_forget(world);
	world_commit(world, E_OK);
	receipt_of(world);
	assert_int_equal(world_count(world, ACTION_DRAINED), 1);
	assert_int_equal(world->seen[world->seen_count - 1].type, ACTION_DRAINED);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_STOPPING);
	assert_int_equal(world_count(world, ACTION_SEND), 4);
	world_forget(world);
	world_tick(world, 5000);
	assert_int_equal(world_count(world, ACTION_DRAINED), 0);
}

static void a_failing_disk_is_an_alarm(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_forget(world);
	world_commit(world, E_IO);
	assert_int_equal(world_refusal(world), E_STOPPING); /* which makes nobody call a person */
	assert_true(world_logged(world, "submission.refused node=police.oku code=IO"));
	assert_true(world_alarmed(world, "journal.failed"));
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
}

static void logs_hold_no_text_of_reports(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE, .summary = 50});
	assert_false(world_logged(world, "xxxxxxxx"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_answered_pushed_or_logged_before_the_commit),
		TEST(a_receipt_comes_before_the_push_and_both_after_the_commit),
		TEST(what_is_delivered_proves_its_origin),
		TEST(a_receipt_goes_only_to_the_session_that_asked),
		TEST(a_repeat_after_a_reconnect_is_answered_in_the_new_session),
		TEST(a_submission_in_the_name_of_another_node_is_refused_and_alarmed),
		TEST(an_unknown_key_gets_nothing_but_a_refusal),
		TEST(without_a_session_nothing_but_hello_is_taken),
		TEST(a_wrong_hello_is_refused_with_its_reason),
		TEST(a_newer_session_takes_over_and_the_older_hears_of_it),
		TEST(welcome_tells_where_both_sides_stand),
		TEST(hello_speaks_for_all_that_is_stored),
		TEST(a_stolen_key_does_not_open_the_past),
		TEST(a_reseed_opens_the_past_once_even_over_a_restart),
		TEST(a_gap_is_refused_with_the_number_expected),
		TEST(a_repeat_gets_the_same_receipt_and_no_second_entry),
		TEST(a_number_used_for_other_bytes_is_refused_and_alarmed),
		TEST(a_repeat_of_something_under_way_gets_no_answer_yet),
		TEST(a_fifth_submission_under_way_is_busy),
		TEST(repeats_without_end_are_busy_too),
		TEST(an_aborted_commit_leaves_numbering_as_if_never_tried),
		TEST(what_follows_a_failed_number_comes_back_as_busy),
		TEST(an_older_epoch_is_refused),
		TEST(streams_are_numbered_apart),
		TEST(a_policy_that_moved_on_means_try_again),
		TEST(a_message_that_cannot_be_taken_uses_up_no_number),
		TEST(bytes_that_are_no_message_are_refused),
		TEST(mutated_frames_never_do_harm),
		TEST(a_low_disk_refuses_submissions_and_nothing_else),
		TEST(a_node_is_held_to_its_rate_and_told_how_long_to_wait),
		TEST(a_node_is_held_to_its_bytes),
		TEST(a_verdict_uses_up_the_number_and_says_where),
		TEST(red_must_name_nodes_and_seal_to_each),
		TEST(a_sealed_body_travels_with_the_recipients_own_wrap_only),
		TEST(a_refused_report_among_others_is_delivered_as_a_leaf),
		TEST(many_refused_reports_do_not_fill_the_log),
		TEST(a_void_uses_up_a_number_and_goes_to_nobody),
		TEST(to_and_not_to_narrow_the_audience),
		TEST(who_was_named_and_not_reached_is_told),
		TEST(a_subscription_narrows_when_it_is_on_disk_and_to_overrides_it),
		TEST(a_cancel_goes_to_whoever_got_the_report),
		TEST(member_records_go_to_everybody),
		TEST(a_new_policy_holds_for_what_was_accepted_before),
		TEST(a_new_policy_holds_for_what_readers_bring),
		TEST(nothing_is_handed_to_a_revoked_node_even_before_the_entry),
		TEST(a_read_under_way_is_not_answered_to_a_revoked_node),
		TEST(a_revocation_that_fails_is_undone),
		TEST(a_page_beyond_what_was_committed_here_waits),
		TEST(a_page_that_the_journal_outran_goes_on_to_the_end),
		TEST(what_is_pushed_and_not_acknowledged_stays_within_the_window),
		TEST(a_fetch_of_much_comes_in_batches_within_the_limit),
		TEST(the_next_batch_may_be_fetched_while_one_is_stored_but_no_more),
		TEST(a_commit_larger_than_a_batch_goes_out_in_several),
		TEST(a_node_fetches_one_page_at_a_time),
		TEST(who_fetches_without_reading_is_answered_once_a_second),
		TEST(after_a_restart_the_head_of_a_hello_is_read_and_must_match),
		TEST(an_acknowledgement_of_what_was_never_handed_over_ends_the_session),
		TEST(an_acknowledgement_is_kept_and_cannot_be_taken_back),
		TEST(a_heartbeat_moves_the_cursor_over_what_was_not_for_the_node),
		TEST(a_silent_session_ends),
		TEST(bye_ends_a_session),
		TEST(a_new_key_supersedes_the_older_one),
		TEST(nothing_under_the_former_key_comes_after_the_record_of_the_new_one),
		TEST(what_was_accepted_under_a_former_key_still_gets_its_receipt),
		TEST(a_record_that_does_not_fit_is_not_taken),
		TEST(a_compromised_key_never_comes_back),
		TEST(the_same_policy_is_no_new_entry),
		TEST(operators_get_an_answer_for_what_does_not_exist),
		TEST(who_subscribes_to_more_than_its_own_feed_is_cut_off),
		TEST(a_topic_from_before_a_restart_is_no_crime_but_many_are),
		TEST(who_floods_with_its_own_topic_is_cut_off),
		TEST(a_suspension_outlives_a_new_key),
		TEST(stopping_finishes_what_is_under_way_and_takes_nothing_new),
		TEST(a_failing_disk_is_an_alarm),
		TEST(logs_hold_no_text_of_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
