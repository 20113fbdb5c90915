/* Tries to get past the core what is malformed, too much or not as it must be. */
#include "tests/support/core_expect.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

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
		world_refuses(*state, cases[i].speech, cases[i].code);
		if (cases[i].field)
			assert_string_equal(world_refusal_field(*state), cases[i].field);
	}
	world_accepts(*state, (struct speech){.node = POLICE});
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
	world_refuses(world, (struct speech){.node = POLICE}, E_DISK_FULL);
	world_forget(world);
	world_ack(world, POLICE, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_OK);
	event.disk_low = false;
	world_step(world, &event);
	world_accepts(world, (struct speech){.node = POLICE});
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
		world_accepts(world, (struct speech){.node = POLICE, .first = first});
	world_refuses(world, (struct speech){.node = POLICE, .first = first}, E_RATE);
	wait = world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected;
	assert_in_range(wait, 90, 110);
	world_tick(world, wait);
	world_accepts(world, (struct speech){.node = POLICE, .first = first++});
	world_tick(world, 2000);
	world_accepts(world, (struct speech){.node = POLICE,
					     .first = first,
					     .count = 50}); /* more than a second's worth, on credit */
	first += 50;
	world_tick(world, 2000);
	world_refuses(world, (struct speech){.node = POLICE, .first = first}, E_RATE);
}

static void a_node_is_held_to_its_bytes(void **state)
{
	struct world *world = *state;

	world->options.rate_bytes = 2000;
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	world_accepts(world, (struct speech){.node = POLICE, .summary = 3000});
	world_refuses(world, (struct speech){.node = POLICE, .first = 2}, E_RATE);
}

/* ---------------------------------------------------------------------------- verdicts */

static void assert_verdict(struct world *world, struct speech speech, enum error code, const char *field)
{
	world_judged(world, world_accepts(world, speech), code, field);
	assert_true(world_logged(world, "report.refused"));
	assert_false(world_logged(world, "report.accepted"));
}

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
		{{.kind = SIMPUL__KIND__KIND_VOID, .to = {"army.oku"}}, E_INVALID, "routing.to"},
		{{.kind = SIMPUL__KIND__KIND_VOID, .not_to = {"army"}}, E_INVALID, "routing.not_to"},
		{{.kind = SIMPUL__KIND__KIND_VOID, .wraps = {"army.oku"}}, E_INVALID, "routing.wraps"},
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

	world_accepts(world, (struct speech){.node = POLICE,
					     .sealed = true,
					     .wraps = {world_names[ARMY], world_names[IMMIGRATION]}});
	assert_int_equal(world_receipt(world)->n_verdicts, 0);
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

	world_accepts(world, (struct speech){.node = POLICE, .count = 3, .spoil_header = spoil_second});
	assert_int_equal(world_receipt(world)->n_verdicts, 1);
	assert_int_equal(world_receipt(world)->verdicts[0]->number, 2);
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

	world_accepts(world, (struct speech){.node = POLICE, .count = 200, .spoil_header = spoil_all});
	assert_int_equal(world_receipt(world)->n_verdicts, 200);
	for (size_t i = 0; i < world->seen_count; i++)
		lines += world->seen[i].type == ACTION_LOG && strstr(world->seen[i].text, "report.refused") != NULL;
	assert_int_equal(lines, 20);
	world_tick(world, 1000);
	assert_true(world_logged(world, "refusals.unlogged node=police.oku count=180"));
}

static void a_void_uses_up_a_number_and_goes_to_nobody(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .kind = SIMPUL__KIND__KIND_VOID});
	assert_int_equal(world_receipt(world)->n_verdicts, 0);
	assert_int_equal(world_receipt(world)->n_audience, 0);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	world_accepts(world, (struct speech){.node = POLICE, .first = 2});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
