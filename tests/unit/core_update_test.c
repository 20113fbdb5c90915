/* Tries to break what PROTOCOL.md, "Updates", promises: who has the report and may not have its update hears that it is
 * superseded, in its origin's own words, and nothing else. On a real journal. */
#include "common/superseded.h"
#include "common/wire.h"
#include "tests/support/core_expect.h"
#include "tests/support/journaled_world.h"
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void say(struct world *world, struct speech speech)
{
	assert_int_equal(world_accepts(world, speech)->n_verdicts, 0);
}

static void header_erase(Simpul__Header *header, size_t index)
{
	(void)index;
	header->erase = true;
}

/* An update of the first report, of a category that the army is not granted. */
static const struct speech update = {
	.node = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_UPDATE, .reference = 1, .category = "missing"};

/* The entry that the last publication to a node ends with. */
static const Simpul__Entry *pushed(struct world *world, size_t node)
{
	const Simpul__Entry *last = NULL;

	for (size_t i = 0; i < world_count(world, ACTION_PUBLISH); i++) {
		const struct event_seen *seen = world_find(world, ACTION_PUBLISH, i);

		if (strcmp(seen->node, world_names[node]) == 0 && seen->batch->n_entries > 0)
			last = seen->batch->entries[seen->batch->n_entries - 1];
	}
	assert_non_null(last);
	return last;
}

static void assert_superseded(const struct world *world, const Simpul__Entry *entry)
{
	const Simpul__Superseded *said;

	assert_int_equal(entry->content_case, SIMPUL__ENTRY__CONTENT_STUB);
	said = entry->stub->superseded;
	assert_non_null(said);
	assert_string_equal(said->report->origin, "police.oku");
	assert_int_equal(said->report->number, 1);
	assert_int_equal(said->key_id, 1);
	assert_true(superseded_verify(world->options.exchange, world->keys[POLICE].signing.public_key, said->report,
				      BYTES(said->signature.data, said->signature.len)));
}

static void who_has_the_report_and_may_not_have_the_update_is_told(void **state)
{
	struct world *world = journaled_world(state);

	say(world, (struct speech){.node = POLICE});
	say(world, update);
	assert_superseded(world, pushed(world, ARMY));
	assert_int_equal(pushed(world, IMMIGRATION)->content_case, SIMPUL__ENTRY__CONTENT_DELIVERY);
}

/* Nothing of the update but that it is one: all of the stub is accounted for. */
static void nothing_of_the_update_is_told(void **state)
{
	struct world *world = journaled_world(state);
	Simpul__Stub stub = SIMPUL__STUB__INIT;
	Simpul__Superseded said = SIMPUL__SUPERSEDED__INIT;
	Simpul__Name report = SIMPUL__NAME__INIT;
	const Simpul__Entry *entry;
	struct buffer expected = {0}, actual = {0};

	say(world, (struct speech){.node = POLICE});
	say(world, update);
	entry = pushed(world, ARMY);
	report.origin = (char *)(uintptr_t) "police.oku";
	report.epoch = report.number = 1;
	said.report = &report;
	said.key_id = 1;
	said.signature = entry->stub->superseded->signature;
	stub.policy_version = 1;
	stub.superseded = &said;
	wire_pack(&stub, &expected);
	wire_pack(entry->stub, &actual);
	assert_true(bytes_equal(buffer_view(&expected), buffer_view(&actual)));
	buffer_free(&expected);
	buffer_free(&actual);
}

/* What the node fetches from the beginning; after a restart, by way of a reader. */
static const Simpul__Batch *fetched(struct world *world, size_t node, bool from_disk)
{
	if (from_disk)
		world_restart(world);
	world_forget(world);
	world_hello(world, node, JOURNALED_HEAD);
	world_read(world);
	world_fetch(world, node, JOURNALED_HEAD);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	return world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
}

static void it_is_told_the_same_from_disk(void **state)
{
	struct world *world = journaled_world(state);
	const Simpul__Batch *batch;

	say(world, (struct speech){.node = POLICE});
	say(world, update);
	batch = fetched(world, ARMY, true);
	assert_int_equal(batch->n_entries, 2);
	assert_int_equal(batch->entries[0]->content_case, SIMPUL__ENTRY__CONTENT_DELIVERY);
	assert_superseded(world, batch->entries[1]);
}

static void a_report_that_is_withheld_supersedes_nothing(void **state)
{
	struct world *world = journaled_world(state);
	char *without = strdup(world_policy), *line = strstr(without, "  - {node: army.oku");

	say(world, (struct speech){.node = POLICE, .to = {"army.oku"}});
	memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n')));
	world_load_policy(world, without);
	world_commit(world, E_OK);
	assert_null(fetched(world, ARMY, true)->entries[0]->stub->superseded);
	free(without);
}

/* The army had the report, and of its first update a stub, which did not say how that is called. */
static void an_update_that_was_withheld_is_not_named_by_the_next(void **state)
{
	struct world *world = journaled_world(state);
	struct speech next = update;
	const Simpul__Batch *batch;

	say(world, (struct speech){.node = POLICE});
	say(world, update);
	next.first = 3;
	next.reference = 2;
	say(world, next);
	assert_int_equal(pushed(world, ARMY)->content_case, SIMPUL__ENTRY__CONTENT_STUB);
	assert_null(pushed(world, ARMY)->stub->superseded);
	batch = fetched(world, ARMY, true);
	assert_int_equal(batch->n_entries, 3);
	assert_superseded(world, batch->entries[1]);
	assert_null(batch->entries[2]->stub->superseded);
}

static void an_update_that_was_had_is_named_by_the_next(void **state)
{
	struct world *world = journaled_world(state);
	struct speech next = update;

	say(world, (struct speech){.node = POLICE});
	say(world, (struct speech){.node = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_UPDATE, .reference = 1});
	next.first = 3;
	next.reference = 2;
	say(world, next);
	assert_non_null(pushed(world, ARMY)->stub->superseded);
	assert_int_equal(pushed(world, ARMY)->stub->superseded->report->number, 2);
}

/* The army was not among those whom the report named. It was to have the update, and later may not. */
static void a_report_that_it_never_got_is_not_named_to_an_office(void **state)
{
	struct world *world = journaled_world(state);
	char *without = strdup(world_policy), *line = strstr(without, "  - {node: army.oku");

	say(world, (struct speech){.node = POLICE, .to = {"immigration.muara-enim"}});
	say(world, (struct speech){.node = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_UPDATE, .reference = 1});
	assert_int_equal(pushed(world, ARMY)->content_case, SIMPUL__ENTRY__CONTENT_DELIVERY);
	memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n')));
	world_load_policy(world, without);
	world_commit(world, E_OK);
	for (int from_disk = 0; from_disk <= 1; from_disk++) {
		const Simpul__Batch *batch = fetched(world, ARMY, from_disk);

		assert_int_equal(batch->n_entries, 1);
		assert_int_equal(batch->entries[0]->content_case, SIMPUL__ENTRY__CONTENT_STUB);
		assert_null(batch->entries[0]->stub->superseded);
	}
	free(without);
}

/* ---- whom the policy lets have it, and its origin does not */

/* The report to all, and an update of it of which the army is to get the stub: pushed, out of memory, out of the
 * journal. */
static void assert_kept_from_the_army(struct world *world, struct speech narrow)
{
	narrow.node = POLICE;
	narrow.first = 2;
	narrow.kind = SIMPUL__KIND__KIND_UPDATE;
	narrow.reference = 1;
	say(world, (struct speech){.node = POLICE});
	say(world, narrow);
	assert_superseded(world, pushed(world, ARMY));
	assert_true(world_logged(world, "delivery.withheld node=army.oku"));
	assert_int_equal(pushed(world, IMMIGRATION)->content_case, SIMPUL__ENTRY__CONTENT_DELIVERY);
	for (int from_disk = 0; from_disk <= 1; from_disk++) {
		const Simpul__Batch *batch = fetched(world, ARMY, from_disk);

		assert_int_equal(batch->entries[0]->content_case, SIMPUL__ENTRY__CONTENT_DELIVERY);
		assert_superseded(world, batch->entries[1]);
		assert_int_equal(batch->n_wraps, 0);
		batch = fetched(world, IMMIGRATION, from_disk);
		assert_int_equal(batch->entries[1]->content_case, SIMPUL__ENTRY__CONTENT_DELIVERY);
		assert_int_equal(batch->n_wraps, narrow.sealed);
	}
}

static void who_has_no_key_for_the_update_is_told_that_there_is_one(void **state)
{
	assert_kept_from_the_army(
		journaled_world(state),
		(struct speech){.sealed = true, .to = {"immigration.muara-enim"}, .wraps = {"immigration.muara-enim"}});
}

static void who_is_left_out_of_the_update_is_told_that_there_is_one(void **state)
{
	assert_kept_from_the_army(journaled_world(state), (struct speech){.not_to = {"army.oku"}});
}

static void whose_agency_is_left_out_of_the_update_is_told_that_there_is_one(void **state)
{
	assert_kept_from_the_army(journaled_world(state), (struct speech){.not_to = {"army"}});
}

static void an_update_that_was_kept_from_an_office_is_not_named_to_it_by_the_next(void **state)
{
	struct world *world = journaled_world(state);
	struct speech next = update;

	assert_kept_from_the_army(world, (struct speech){.not_to = {"army"}});
	next.first = 3;
	next.reference = 2;
	world_hello(world, POLICE, world->position.entry);
	say(world, next);
	for (int from_disk = 0; from_disk <= 1; from_disk++) {
		const Simpul__Batch *batch = fetched(world, ARMY, from_disk);

		assert_int_equal(batch->entries[2]->content_case, SIMPUL__ENTRY__CONTENT_STUB);
		assert_null(batch->entries[2]->stub->superseded);
	}
}

/* ---- the end of an update: who never had it must not learn its name from that */

/* The next number of the police that takes back, or cancels, the report of that one. */
static struct speech end_of(uint64_t first, uint64_t reference, bool erase)
{
	return (struct speech){.node = POLICE,
			       .first = first,
			       .kind = SIMPUL__KIND__KIND_CANCEL,
			       .reference = reference,
			       .spoil_header = erase ? header_erase : NULL};
}

static void assert_ends_unheard(struct world *world, struct speech narrow, bool erase)
{
	struct speech cancel = end_of(3, 2, erase);

	cancel.sealed = narrow.sealed;
	memcpy(cancel.to, narrow.to, sizeof(cancel.to));
	memcpy(cancel.wraps, narrow.wraps, sizeof(cancel.wraps));
	assert_kept_from_the_army(world, narrow);
	world_hello(world, POLICE, world->position.entry);
	world_reaches(world, cancel, "immigration.muara-enim", NULL);
	assert_int_equal(world_pushes(world, ARMY), 0);
	for (int from_disk = 0; from_disk <= 1; from_disk++)
		assert_int_equal(fetched(world, ARMY, from_disk)->n_entries, 2);
}

static void who_has_no_key_for_the_update_does_not_hear_that_it_is_cancelled(void **state)
{
	assert_ends_unheard(
		journaled_world(state),
		(struct speech){.sealed = true, .to = {"immigration.muara-enim"}, .wraps = {"immigration.muara-enim"}},
		false);
}

static void nor_that_it_is_taken_back(void **state)
{
	assert_ends_unheard(
		journaled_world(state),
		(struct speech){.sealed = true, .to = {"immigration.muara-enim"}, .wraps = {"immigration.muara-enim"}},
		true);
}

static void who_is_left_out_of_the_update_does_not_hear_of_its_end(void **state)
{
	assert_ends_unheard(journaled_world(state), (struct speech){.not_to = {"army"}}, false);
}

static void unkey_second(Simpul__Routing *routing)
{
	if (routing->n_wraps > 1)
		routing->wraps[1]->key_id = 0;
}

/* What its wrap is for is no key of it: it got a stub. */
static void nor_does_who_cannot_be_handed_its_wrap(void **state)
{
	struct speech narrow = {.sealed = true,
				.to = {"immigration.muara-enim"},
				.wraps = {"immigration.muara-enim", "army.oku"},
				.spoil_routing = unkey_second};

	assert_ends_unheard(journaled_world(state), narrow, true);
}

static void who_has_an_update_of_the_update_hears_of_its_end(void **state)
{
	struct world *world = journaled_world(state);
	struct speech next = update;

	assert_kept_from_the_army(world, (struct speech){.not_to = {"army"}});
	world_hello(world, POLICE, world->position.entry);
	next.first = 3;
	next.reference = 2;
	next.category = NULL;
	say(world, next);
	world_reaches(world, end_of(4, 2, true), "army.oku", "immigration.muara-enim");
}

static void who_has_the_report_hears_of_its_end_whatever_was_kept_from_it(void **state)
{
	struct world *world = journaled_world(state);

	assert_kept_from_the_army(world, (struct speech){.not_to = {"army"}});
	world_hello(world, POLICE, world->position.entry);
	world_reaches(world, end_of(3, 1, true), "army.oku", "immigration.muara-enim");
}

/* Whoever has the report is concerned by what takes its place, however many updates were cancelled in between. */
static void who_does_not_hear_of_the_end_of_an_update_hears_of_the_next(void **state)
{
	struct world *world = journaled_world(state);
	struct speech next = update;

	assert_kept_from_the_army(world, (struct speech){.not_to = {"army"}});
	world_hello(world, POLICE, world->position.entry);
	world_reaches(world, end_of(3, 2, false), "immigration.muara-enim", NULL);
	next.first = 4;
	next.reference = 2;
	world_reaches(world, next, "army.oku", "immigration.muara-enim");
}

/* The policy that keeps it back is not the one under which it may have been sent before. */
static void whom_the_policy_keeps_the_update_from_hears_of_its_end(void **state)
{
	struct world *world = journaled_world(state);

	say(world, (struct speech){.node = POLICE});
	say(world, update);
	world_reaches(world, end_of(3, 2, true), "army.oku", "immigration.muara-enim");
}

static void who_was_revoked_is_told_nothing(void **state)
{
	struct world *world = journaled_world(state);

	say(world, (struct speech){.node = POLICE});
	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED);
	world_commit(world, E_OK);
	say(world, update);
	assert_int_equal(world_pushes(world, ARMY), 0);
}

/* ---- what the broker takes */

static void leave_out(Simpul__Routing *routing)
{
	routing->superseded = (ProtobufCBinaryData){0};
}

static void alter(Simpul__Routing *routing)
{
	routing->superseded.data[5] ^= 1;
}

static void add(Simpul__Routing *routing)
{
	static uint8_t signature[SIGNATURE_SIZE] = {1};

	routing->superseded = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
}

static void assert_refused(struct world *world, struct speech speech, enum error code)
{
	world_forget(world);
	world_say(world, &speech);
	assert_int_equal(world_refusal(world), code);
	assert_string_equal(world_refusal_field(world), "routing.superseded");
}

static void an_update_without_it_is_not_taken(void **state)
{
	struct world *world = journaled_world(state);
	struct speech speech = update;

	say(world, (struct speech){.node = POLICE});
	speech.spoil_routing = leave_out;
	assert_refused(world, speech, E_MISSING);
	speech.spoil_routing = alter;
	assert_refused(world, speech, E_BAD_SIGNATURE);
	assert_refused(world, (struct speech){.node = POLICE, .first = 2, .spoil_routing = add}, E_INVALID);
	say(world, update); /* no number was used up */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journaled_setup, journaled_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_has_the_report_and_may_not_have_the_update_is_told),
		TEST(nothing_of_the_update_is_told),
		TEST(it_is_told_the_same_from_disk),
		TEST(a_report_that_is_withheld_supersedes_nothing),
		TEST(an_update_that_was_withheld_is_not_named_by_the_next),
		TEST(an_update_that_was_had_is_named_by_the_next),
		TEST(a_report_that_it_never_got_is_not_named_to_an_office),
		TEST(who_has_no_key_for_the_update_is_told_that_there_is_one),
		TEST(who_is_left_out_of_the_update_is_told_that_there_is_one),
		TEST(whose_agency_is_left_out_of_the_update_is_told_that_there_is_one),
		TEST(an_update_that_was_kept_from_an_office_is_not_named_to_it_by_the_next),
		TEST(who_has_no_key_for_the_update_does_not_hear_that_it_is_cancelled),
		TEST(nor_that_it_is_taken_back),
		TEST(who_is_left_out_of_the_update_does_not_hear_of_its_end),
		TEST(nor_does_who_cannot_be_handed_its_wrap),
		TEST(who_has_an_update_of_the_update_hears_of_its_end),
		TEST(who_has_the_report_hears_of_its_end_whatever_was_kept_from_it),
		TEST(who_does_not_hear_of_the_end_of_an_update_hears_of_the_next),
		TEST(whom_the_policy_keeps_the_update_from_hears_of_its_end),
		TEST(who_was_revoked_is_told_nothing),
		TEST(an_update_without_it_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
