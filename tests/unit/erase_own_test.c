/* Tries to keep an office's own report in its outbox beyond its time, and to lose what goes out with it. */
#include "tests/support/offices.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAIN SIMPUL__STREAM__STREAM_MAIN
#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define CANARY "ERIKSSON<<ANNA<MARIA"

static void own_reports_go_when_their_retraction_has_its_receipt(void **state)
{
	struct offices *f = *state;

	offices_send_sighting(f, CANARY);
	offices_receipted(f);
	offices_send(f, agent_update(&f->world, "police.oku", 1, CANARY));
	offices_receipted(f);
	offices_send(f, agent_sighting(&f->world, AMBER, "KEPT"));
	offices_receipted(f);
	offices_send(f, agent_retraction(&f->world, "police.oku", 1));
	offices_sender_purge(f);
	assert_true(offices_files_hold(f, "police.oku", CANARY));
	offices_receipted(f);
	offices_sender_purge(f);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM outbox WHERE erased_at > 0 AND rule = 2"), 2);
	assert_false(offices_files_hold(f, "police.oku", CANARY));
	assert_true(offices_files_hold(f, "police.oku", "KEPT"));
}

static void own_reports_that_wait_do_not_expire_here(void **state)
{
	struct offices *f = *state;

	offices_send_sighting(f, CANARY);
	offices_receipted(f);
	offices_send_sighting(f, CANARY);
	f->now.wall += 25 * HOUR_MS;
	offices_sender_purge(f);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM outbox WHERE erased_at > 0"), 1);
	assert_int_equal(agent_number(&f->sender, "SELECT number FROM outbox WHERE erased_at > 0"), 1);
	offices_receipted(f);
	offices_sender_purge(f);
	assert_false(offices_files_hold(f, "police.oku", CANARY));
}

/* People name files after persons. */
static void the_name_of_a_file_goes_with_what_came_in_it(void **state)
{
	struct offices *f = *state;
	const char *const sources[] = {"file " CANARY ".xlsx:2", "file kept.csv:3"};
	struct prepared *list[] = {agent_sighting(&f->world, AMBER, "seen"), agent_sighting(&f->world, AMBER, "seen")};

	list[1]->header->expires += HOUR_MS;
	offices_send_from(f, list, sources, 2);
	offices_receipted(f);
	assert_true(offices_files_hold(f, "police.oku", CANARY));
	f->now.wall += 24 * HOUR_MS + HOUR_MS / 2;
	offices_sender_purge(f);
	assert_false(offices_files_hold(f, "police.oku", CANARY));
	assert_true(offices_files_hold(f, "police.oku", "kept.csv"));
}

static const Simpul__Submission *next_sent(struct offices *f, uint64_t after, size_t count)
{
	const struct position seen = {0};

	assert_int_equal(outbox_next(&f->sender, &f->police.keys, MAIN, after, &seen, &f->sent, &f->fault), E_OK);
	assert_int_equal(f->sent.count, count);
	return agent_submission(&f->world, buffer_view(&f->sent.message));
}

static struct hash leaf_at(struct offices *f, const Simpul__Submission *submission, size_t index)
{
	struct hash leaves[OFFICES_MOST], digest;

	assert_int_equal(submission_digest(submission, f->world.join.exchange, leaves, NULL, &digest, NULL), E_OK);
	return leaves[index];
}

static void a_broker_that_lost_it_gets_a_void_for_what_is_erased_and_the_rest_as_it_was(void **state)
{
	struct offices *f = *state;
	const struct recovery recovery = {.incarnation = 2, .from = {.incarnation = 1, .entry = 0}};
	struct prepared *list[5];
	struct hash before[5], after;
	const Simpul__Submission *submission;

	for (size_t i = 0; i < 5; i++)
		list[i] = agent_sighting(&f->world, AMBER, i == 2 ? CANARY : "KEPT");
	submission = offices_send_all(f, list, 5);
	for (size_t i = 0; i < 5; i++)
		before[i] = leaf_at(f, submission, i);
	offices_receipted(f);
	offices_send(f, agent_retraction(&f->world, "police.oku", 3));
	offices_receipted(f);
	offices_sender_purge(f);
	assert_false(offices_files_hold(f, "police.oku", CANARY));
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	f->world.head.incarnation = 2;
	submission = next_sent(f, 0, 2);
	for (size_t i = 0; i < 2; i++) {
		after = leaf_at(f, submission, i);
		assert_memory_equal(after.bytes, before[i].bytes, HASH_SIZE);
	}
	offices_receipted(f);
	submission = next_sent(f, 2, 1);
	assert_true(f->sent.is_void);
	offices_receipted(f);
	submission = next_sent(f, 3, 2);
	for (size_t i = 0; i < 2; i++) {
		after = leaf_at(f, submission, i);
		assert_memory_equal(after.bytes, before[3 + i].bytes, HASH_SIZE);
	}
	offices_receipted(f);
	next_sent(f, 5, 1); /* the retraction goes again, as it was */
	offices_receipted(f);
	assert_int_equal(outbox_receipted(&f->sender, MAIN), 6);
	assert_int_equal(agent_number(&f->sender, "SELECT code FROM outbox WHERE number = 3"), E_EXPIRED);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM broken"), 0);
}

static void what_is_erased_while_pieces_wait_goes_from_them_too(void **state)
{
	struct offices *f = *state;
	const struct recovery recovery = {.incarnation = 2, .from = {.incarnation = 1, .entry = 0}};
	struct prepared *list[3];

	for (size_t i = 0; i < 3; i++)
		list[i] = agent_sighting(&f->world, AMBER, i == 1 ? "KEPT" : CANARY);
	list[1]->header->expires += HOUR_MS;
	offices_send_all(f, list, 3);
	offices_receipted(f);
	f->now.wall += 24 * HOUR_MS + HOUR_MS / 2;
	offices_sender_purge(f);
	assert_false(offices_files_hold(f, "police.oku", CANARY));
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	f->world.head.incarnation = 2;
	next_sent(f, 0, 1);
	assert_true(f->sent.is_void);
	offices_receipted(f);
	next_sent(f, 1, 1);
	assert_false(f->sent.is_void);
	offices_receipted(f);
	f->now.wall += HOUR_MS;
	offices_sender_purge(f);
	assert_false(offices_files_hold(f, "police.oku", "KEPT"));
	next_sent(f, 2, 1);
	assert_true(f->sent.is_void);
}

static void an_erased_report_of_an_old_epoch_is_a_void_in_the_new_one(void **state)
{
	struct offices *f = *state;
	const struct recovery recovery = {.incarnation = 2, .from = {.incarnation = 1, .entry = 0}};
	uint64_t moved;

	offices_send_sighting(f, CANARY);
	offices_receipted(f);
	f->now.wall += 25 * HOUR_MS;
	offices_sender_purge(f);
	assert_int_equal(outbox_begin_epoch(&f->sender, 2, "test", &moved, &f->fault), E_OK);
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	f->world.head.incarnation = 2;
	next_sent(f, 0, 1);
	assert_true(f->sent.is_void);
}

static void the_origin_is_told_before_something_expires_once_a_day(void **state)
{
	struct offices *f = *state;
	const char *first;

	offices_send_sighting(f, CANARY);
	offices_receipted(f);
	offices_sender_purge(f);
	first = strstr(f->log, "report.expires_soon");
	assert_non_null(first);
	assert_null(strstr(f->log, CANARY));
	offices_sender_purge(f);
	assert_null(strstr(first + 1, "report.expires_soon"));
	assert_int_equal(purge_expiring(&f->sender, f->now.wall), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, offices_start, offices_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(own_reports_go_when_their_retraction_has_its_receipt),
		TEST(own_reports_that_wait_do_not_expire_here),
		TEST(the_name_of_a_file_goes_with_what_came_in_it),
		TEST(a_broker_that_lost_it_gets_a_void_for_what_is_erased_and_the_rest_as_it_was),
		TEST(what_is_erased_while_pieces_wait_goes_from_them_too),
		TEST(an_erased_report_of_an_old_epoch_is_a_void_in_the_new_one),
		TEST(the_origin_is_told_before_something_expires_once_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
