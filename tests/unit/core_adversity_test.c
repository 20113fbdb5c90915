/* Tries the broker's core with what goes wrong around it: disks that fail or fill up, the end of the program, and
 * members that do for ever what costs the broker something. */
#include "tests/support/core_expect.h"
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* What was asked of the readers comes back with this error. */
static void fail_reads(struct world *world, enum error code)
{
	struct core_event event = {.type = CORE_READ_DONE};

	assert_non_null(world->reads);
	while (world->reads) {
		event.read = world->reads;
		world->reads = (struct core_read *)event.read->letter.next;
		fault_at(&event.read->result, code, "journal.db: entry 3");
		world_step(world, &event);
	}
}

/* The office is told to wait, the operators what is wrong. */
static void assert_unreadable(const struct world *world, const char *line)
{
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected, 5000);
	assert_true(world_alarmed(world, line));
}

/* ---------------------------------------------------------------------------- a damaged disk */

static void what_cannot_be_read_halts_no_office(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, (struct speech){.node = POLICE, .first = 2});
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE});
	fail_reads(world, E_CORRUPT);
	assert_unreadable(world, "journal.unreadable node=police.oku code=CORRUPT");
	world_restart(world);
	world_forget(world);
	world_hello(world, ARMY, FIRST_ENTRY);
	fail_reads(world, E_IO);
	assert_unreadable(world, "journal.unreadable node=army.oku code=IO");
	world_hello(world, ARMY, FIRST_ENTRY);
	world_read(world);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY);
	fail_reads(world, E_CORRUPT);
	assert_unreadable(world, "journal.unreadable node=army.oku code=CORRUPT");
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
}

static void a_disk_that_fills_up_is_an_alarm_once(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_DISK, .disk_low = true};

	world_step(world, &event);
	assert_true(world_alarmed(world, "disk.low"));
	world_forget(world);
	world_step(world, &event);
	assert_false(world_logged(world, "disk.low"));
	event.disk_low = false;
	world_step(world, &event);
	assert_true(world_logged(world, "disk.free"));
}

static void the_cursor_that_a_reseed_moves_back_is_written_no_later_than_its_use(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_RESEED};

	world_accepts(world, (struct speech){.node = POLICE});
	world_ack(world, ARMY, FIRST_ENTRY);
	event.reseed.node = world_names[ARMY];
	event.reseed.from_entry = FIRST_ENTRY;
	world_step(world, &event);
	world_commit(world, E_OK);
	world_forget(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_count(world, ACTION_CURSOR), 1);
	assert_int_equal(world_count(world, ACTION_APPEND), 1);
	for (size_t i = 0; world->seen[i].type != ACTION_CURSOR; i++)
		assert_int_not_equal(world->seen[i].type, ACTION_APPEND);
}

static void a_clock_that_jumps_is_an_alarm_and_one_that_is_set_right_is_not(void **state)
{
	struct world *world = *state;

	world_tick(world, 50);
	world->now.wall += 3500 * 1000;
	world_tick(world, 50);
	assert_false(world_logged(world, "clock.jumped"));
	world->now.wall -= 2 * 3600 * 1000;
	world_tick(world, 50);
	assert_true(world_alarmed(world, "clock.jumped direction=back"));
	world_forget(world);
	world_tick(world, 50);
	assert_false(world_logged(world, "clock.jumped"));
	world->now.wall += 3 * 3600 * 1000;
	world_tick(world, 50);
	assert_true(world_alarmed(world, "clock.jumped direction=ahead"));
}

/* ---------------------------------------------------------------------------- the end */

static void who_fetches_for_ever_does_not_keep_the_broker_from_ending(void **state)
{
	struct world *world = *state;
	const struct core_event stop = {.type = CORE_STOP};

	world_accepts(world, (struct speech){.node = POLICE});
	world_restart(world); /* so that a reader has to be asked */
	for (size_t node = ARMY; node <= IMMIGRATION; node++)
		world_hello(world, node, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	world_step(world, &stop);
	assert_int_equal(world_count(world, ACTION_DRAINED), 0);
	world_forget(world);
	world_fetch(world, IMMIGRATION, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_STOPPING);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	assert_int_equal(world_count(world, ACTION_DRAINED), 1);
}

/* ---------------------------------------------------------------------------- bad bytes */

static uint8_t doubled[2 * LIMIT_HEADER];

static void give_header_twice(Simpul__Submission *message)
{
	ProtobufCBinaryData *header = &message->reports[0]->header;

	memcpy(doubled, header->data, header->len);
	memcpy(doubled + header->len, header->data, header->len);
	header->data = doubled;
	header->len *= 2;
}

static void write_latin1(Simpul__Body *body)
{
	static char summary[] = "caf\xe9";

	body->sighting->summary = summary;
}

static void invent_label(Simpul__Header *header, size_t index)
{
	(void)index;
	header->label = (Simpul__Label)99;
}

static Simpul__Person *person_add(Simpul__Body *body)
{
	static Simpul__Person person, *persons[] = {&person};

	simpul__person__init(&person);
	person.capacity = SIMPUL__CAPACITY__CAPACITY_SEEN;
	person.identity = SIMPUL__IDENTITY__IDENTITY_CLAIMED;
	person.age = SIMPUL__AGE__AGE_ADULT;
	body->sighting->persons = persons;
	body->sighting->n_persons = 1;
	return &person;
}

static void forget_capacity(Simpul__Body *body)
{
	person_add(body)->capacity = SIMPUL__CAPACITY__CAPACITY_UNSPECIFIED;
}

static void forget_identity(Simpul__Body *body)
{
	person_add(body)->identity = SIMPUL__IDENTITY__IDENTITY_UNSPECIFIED;
}

static void forget_age(Simpul__Body *body)
{
	person_add(body)->age = SIMPUL__AGE__AGE_UNSPECIFIED;
}

static void bad_bytes_are_refused_and_logged_with_their_place(void **state)
{
	static const struct {
		struct speech speech;
		const char *line;
	} cases[] = {
		{{.spoil_message = give_header_twice}, "code=NOT_CANONICAL field=reports[0].header"},
		{{.spoil_body = write_latin1}, "code=NOT_UTF8 field=reports[0].body.sighting.summary"},
		{{.spoil_header = invent_label}, "code=UNKNOWN_VALUE field=reports[0].header.label"},
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		world_forget(world);
		world_say(world, &cases[i].speech);
		assert_int_equal(world_queued(world), 0);
		assert_true(world_refusal(world) != E_OK);
		if (!world_logged(world, cases[i].line))
			fail_msg("%s: %s at %s", cases[i].line, error_name(world_refusal(world)),
				 world_refusal_field(world));
	}
	world_accepts(world, (struct speech){.node = POLICE});
}

static void a_person_lacks_nothing_that_is_required(void **state)
{
	static const struct {
		void (*spoil)(Simpul__Body *body);
		const char *line;
	} cases[] = {
		{forget_capacity, "report.refused node=police.oku report=police.oku#1 code=MISSING "
				  "field=body.sighting.persons[0].capacity"},
		{forget_identity, "report.refused node=police.oku report=police.oku#2 code=MISSING "
				  "field=body.sighting.persons[0].identity"},
		{forget_age, "report.refused node=police.oku report=police.oku#3 code=MISSING "
			     "field=body.sighting.persons[0].age"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		world_accepts(*state, (struct speech){.node = POLICE, .first = i + 1, .spoil_body = cases[i].spoil});
		if (!world_logged(*state, cases[i].line))
			fail_msg("%s", cases[i].line);
	}
}

/* ---------------------------------------------------------------------------- hostile members */

static void hello(struct world *world, size_t node, uint32_t epoch, const Simpul__Subscription *subscription)
{
	Simpul__Hello hello = SIMPUL__HELLO__INIT;
	Simpul__Position position;
	Simpul__Up up = SIMPUL__UP__INIT;

	world_forget(world);
	position_to_message(&world->position, &position);
	hello.version = LINK_VERSION;
	hello.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, world->options.exchange};
	hello.node = (char *)(uintptr_t)world_names[node];
	hello.key_id = 1;
	hello.epoch = epoch;
	hello.cursor = &position;
	hello.subscription = (Simpul__Subscription *)(uintptr_t)subscription;
	up.seq = 3;
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &hello;
	world_up(world, node, 0, &up);
}

/* Greets wanting `count` categories that nobody wanted before. */
static void hello_wanting(struct world *world, size_t node, size_t count, unsigned salt)
{
	Simpul__Subscription subscription = SIMPUL__SUBSCRIPTION__INIT;
	char text[256][200], *list[256];

	for (size_t i = 0; i < count; i++) {
		snprintf(text[i], sizeof(text[i]), "category-%u-%0180zu", salt, i);
		list[i] = text[i];
	}
	subscription.categories = list;
	subscription.n_categories = count;
	hello(world, node, 1, &subscription);
}

static void speak_for_health(Simpul__Submission *message)
{
	message->origin = (char *)(uintptr_t)world_names[HEALTH];
}

static void who_greets_for_ever_is_slowed_down(void **state)
{
	struct world *world = *state;
	size_t welcomed = 0;

	for (unsigned i = 0; i < 1000; i++) {
		world_forget(world);
		world_hello(world, ARMY, world->position.entry);
		welcomed += world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME) != NULL;
	}
	assert_in_range(welcomed, 5, 20);
	assert_int_equal(world_refusal(world), E_RATE);
	assert_string_equal(world_refusal_field(world), "hello");
	world_tick(world, world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected);
	world_forget(world);
	world_hello(world, ARMY, world->position.entry);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
}

static void who_changes_its_subscription_for_ever_does_not_fill_the_journal(void **state)
{
	struct world *world = *state;
	const uint64_t before = world->position.entry;

	for (unsigned i = 0; i < 600; i++) {
		world_tick(world, 500);
		hello_wanting(world, ARMY, 3, i);
		world_commit(world, E_OK);
	}
	assert_in_range(world->position.entry - before, 8, 8 + 5); /* in five minutes */
	assert_int_equal(world_refusal(world), E_RATE);
	assert_string_equal(world_refusal_field(world), "hello.subscription");
	world_tick(world, 500);
	hello_wanting(world, ARMY, 256, 1);
	assert_int_equal(world_refusal(world), E_TOO_LARGE);
	assert_string_equal(world_refusal_field(world), "hello.subscription");
}

/* The disk is slow, and the office comes again as soon as it is told to. */
static void who_waits_for_its_submission_pays_for_its_subscription_once(void **state)
{
	enum { TIMES = 12 };
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	for (unsigned i = 0; i < TIMES; i++) {
		hello_wanting(world, POLICE, 3, 1);
		assert_int_equal(world_refusal(world), E_BUSY);
		world_tick(world, 500);
	}
	world_commit(world, E_OK);
	hello_wanting(world, POLICE, 3, 1);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
}

static void a_flood_of_refusals_does_not_fill_the_log(void **state)
{
	struct world *world = *state;
	size_t lines = 0;

	for (unsigned i = 0; i < 1000; i++) {
		world_forget(world);
		world_say(world, &(struct speech){.node = ARMY, .spoil_message = speak_for_health});
		assert_int_equal(world_refusal(world), E_WRONG_ORIGIN);
		lines += world_count(world, ACTION_LOG);
	}
	assert_int_equal(lines, 20);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .spoil_message = speak_for_health});
	assert_true(world_alarmed(world, "submission.refused node=police.oku")); /* the other's are not lost in it */
	world_tick(world, 1000);
	assert_true(world_logged(world, "refusals.unlogged node=army.oku count=980"));
}

static void who_is_refused_for_ever_is_not_listened_to_for_a_while(void **state)
{
	struct world *world = *state;
	size_t answers = 0;
	bool named = false;

	for (unsigned i = 0; i < 3000; i++) {
		world_forget(world);
		world_say(world, &(struct speech){.node = ARMY, .spoil_message = speak_for_health});
		answers += world_count(world, ACTION_SEND);
		named |= world_logged(world, "node.slowed node=army.oku reason=patience");
	}
	assert_in_range(answers, 2000, 2001);
	assert_true(named);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .spoil_message = speak_for_health});
	assert_int_equal(world_refusal(world), E_WRONG_ORIGIN); /* the others are heard */
	world_tick(world, 1000);
	world_forget(world);
	world_say(world, &(struct speech){.node = ARMY, .spoil_message = speak_for_health});
	assert_int_equal(world_refusal(world), E_WRONG_ORIGIN);
}

static void subscribe(struct world *world, const uint8_t *curve, const uint8_t topic[FEED_TOPIC_SIZE])
{
	struct core_event event = {.type = CORE_SUBSCRIBED};

	event.subscribed.curve_key = curve;
	event.subscribed.added = true;
	event.subscribed.topic = BYTES(topic, FEED_TOPIC_SIZE);
	world_step(world, &event);
}

/* Whoever stole the former key says and subscribes what it can, and the office that replaced it is heard as ever. */
static void the_holder_of_a_former_key_does_not_use_up_the_patience_with_the_node(void **state)
{
	struct world *world = *state;
	const struct node_keys former = world->keys[ARMY];
	uint8_t topic[FEED_TOPIC_SIZE];
	size_t lines = 0;

	world_rekeys(world, ARMY, 2);
	world_forget(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	memcpy(topic, world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)->welcome->feed_topic.data, sizeof(topic));
	for (unsigned i = 0; i < 3000; i++) {
		struct core_event event = {.type = CORE_MESSAGE};

		world_forget(world);
		event.message.peer = (struct peer){.id = {99}, .size = 1};
		event.message.curve_key = former.curve_public;
		event.message.frame = BYTES("?", 1);
		world_step(world, &event);
		subscribe(world, former.curve_public, topic);
		lines += world_count(world, ACTION_LOG);
		assert_int_equal(world_count(world, ACTION_REBIND_FEED), 0);
	}
	assert_int_equal(lines, 10);
	world_forget(world);
	subscribe(world, world->keys[ARMY].curve_public, topic);
	assert_int_equal(world->seen_count, 0);
	world_accepts(world, (struct speech){.node = ARMY});
}

static void a_flood_of_foreign_subscriptions_is_one_alarm(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_SUBSCRIBED};

	event.subscribed.curve_key = world->keys[ARMY].curve_public;
	event.subscribed.added = true;
	for (unsigned i = 0; i < 1000; i++) {
		event.subscribed.topic = BYTES("everything", i % 10);
		world_step(world, &event);
	}
	assert_int_equal(world_count(world, ACTION_REBIND_FEED), 1);
	assert_in_range(world_count(world, ACTION_LOG), 1, 3);
}

static void who_fetches_without_reading_waits_longer_each_time_over_sessions(void **state)
{
	struct world *world = *state;
	const uint64_t waits[] = {1000, 2000, 4000};

	world_accepts(world, (struct speech){.node = POLICE});
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		world_hello(world, ARMY, FIRST_ENTRY - 1);
		world_forget(world);
		world_fetch(world, ARMY, FIRST_ENTRY - 1);
		assert_int_equal(world_refusal(world), E_BUSY);
		assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected, waits[i]);
		world_tick(world, waits[i]);
		world_forget(world);
		world_fetch(world, ARMY, FIRST_ENTRY - 1);
		assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	}
	world_fetch(world, ARMY, FIRST_ENTRY);
	world_accepts(world, (struct speech){.node = POLICE, .first = 2});
	world_fetch(world, ARMY, FIRST_ENTRY);
	world_tick(world, 1000);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY); /* what was read is forgiven */
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
}

static void an_origin_of_many_epochs_costs_no_memory(void **state)
{
	struct world *world = *state;

	for (uint32_t epoch = 1; epoch <= 100; epoch++) {
		world_accepts(world, (struct speech){.node = POLICE, .epoch = epoch});
		world_accepts(
			world,
			(struct speech){.node = POLICE, .epoch = epoch, .stream = SIMPUL__STREAM__STREAM_EXERCISE});
	}
	world_restart(world);
	world_forget(world);
	hello(world, POLICE, 100, NULL);
	world_commit(world, E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)->welcome->n_streams, 2);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)->welcome->streams[0]->epoch, 100);
}

static void who_makes_audiences_without_end_is_slowed_down(void **state)
{
	struct world *world = *state;
	uint64_t first = 1;

	for (; first <= 2049; first++) /* each has an audience of its own in this world */
		world_accepts(world, (struct speech){.node = POLICE, .first = first});
	assert_true(world_logged(world, "node.slowed node=police.oku reason=audiences"));
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .first = first});
	assert_int_equal(world_refusal(world), E_RATE);
	assert_string_equal(world_refusal_field(world), "submit.routing");
	world_accepts(world, (struct speech){.node = ARMY}); /* another is not slowed */
	world_tick(world, 30001);
	world_hello(world, POLICE, world->position.entry);
	world_accepts(world, (struct speech){.node = POLICE, .first = first});
}

/* ---------------------------------------------------------------------------- keys that change */

static void enroll_again(struct world *world, size_t node, uint32_t key_id)
{
	struct member *member = &world->members[node];
	struct core_event event = {.type = CORE_ENROLL, .enroll = member, .operator_ticket = 8};

	node_keys_generate(&world->keys[node], key_id);
	member_request(member, world->options.exchange, world_names[node], &world->keys[node], world->now.wall);
	member_countersign(member, &world->authority);
	world_step(world, &event);
	world_commit(world, E_OK);
	world_hello(world, node, world->position.entry);
}

static void wrap_first_to_second_key(Simpul__Routing *routing)
{
	routing->wraps[0]->key_id = 2;
}

static void assert_wraps_refused(struct world *world, struct speech speech)
{
	const Simpul__Receipt *receipt;

	world_accepts(world, speech);
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->n_verdicts, 1);
	assert_int_equal(receipt->verdicts[0]->code, E_KEY_EXPIRED);
	assert_string_equal(receipt->verdicts[0]->field, "routing.wraps");
	assert_int_equal(receipt->n_audience, 0);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
}

static void a_body_wrapped_to_a_former_key_is_refused_and_uses_up_its_number(void **state)
{
	struct world *world = *state;
	struct speech sealed = {.node = POLICE, .sealed = true, .wraps = {world_names[ARMY], world_names[IMMIGRATION]}};

	enroll_again(world, ARMY, 2);
	assert_wraps_refused(world, sealed);
	sealed.first = 2;
	sealed.wraps[2] = world_names[ARMY]; /* once to the new key, once more to the former */
	sealed.spoil_routing = wrap_first_to_second_key;
	assert_wraps_refused(world, sealed);
	sealed.first = 3;
	sealed.wraps[2] = NULL;
	world_accepts(world, sealed);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt->n_verdicts, 0);
	assert_int_equal(world_pushes(world, ARMY), 1);
	assert_int_equal(world_pushes(world, IMMIGRATION), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_read_halts_no_office),
		TEST(a_disk_that_fills_up_is_an_alarm_once),
		TEST(the_cursor_that_a_reseed_moves_back_is_written_no_later_than_its_use),
		TEST(a_clock_that_jumps_is_an_alarm_and_one_that_is_set_right_is_not),
		TEST(who_fetches_for_ever_does_not_keep_the_broker_from_ending),
		TEST(bad_bytes_are_refused_and_logged_with_their_place),
		TEST(a_person_lacks_nothing_that_is_required),
		TEST(who_greets_for_ever_is_slowed_down),
		TEST(who_changes_its_subscription_for_ever_does_not_fill_the_journal),
		TEST(who_waits_for_its_submission_pays_for_its_subscription_once),
		TEST(a_flood_of_refusals_does_not_fill_the_log),
		TEST(who_is_refused_for_ever_is_not_listened_to_for_a_while),
		TEST(the_holder_of_a_former_key_does_not_use_up_the_patience_with_the_node),
		TEST(a_flood_of_foreign_subscriptions_is_one_alarm),
		TEST(who_fetches_without_reading_waits_longer_each_time_over_sessions),
		TEST(an_origin_of_many_epochs_costs_no_memory),
		TEST(who_makes_audiences_without_end_is_slowed_down),
		TEST(a_body_wrapped_to_a_former_key_is_refused_and_uses_up_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
