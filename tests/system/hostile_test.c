/* hostile_test - promises 4, 8 and 10: what strangers, members and thieves get when they try. */
#include "tests/support/client.h"
#include "common/socket.h"
#include "tests/support/operate.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The first three are played by clients; the others have real agents. */
enum { POLICE, ARMY, IMMIGRATION, TIMUR, SELATAN };

static const char policy[] =
	"purposes: [law-enforcement, immigration-oversight, state-security]\n"
	"categories: [public-order, lodging]\n"
	"agencies:\n"
	"  - agency: police\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [public-order]}]\n"
	"  - agency: army\n"
	"    ceiling: GREEN\n"
	"    publish: [{kinds: [sighting], categories: [public-order]}]\n"
	"    receive: [{kinds: [sighting], categories: [public-order]}]\n"
	"  - agency: immigration\n"
	"    ceiling: RED\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: police.oku-timur, regions: [\"16.01\"]}\n"
	"  - {node: police.oku-selatan, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n"
	"  - {node: immigration.muara-enim, regions: [\"16.01\"]}\n";

/* A broker and five offices. */
static int set_up(void **state)
{
	static const char *const nodes[] = {
		"police.oku", "army.oku", "immigration.muara-enim", "police.oku-timur", "police.oku-selatan", NULL};
	static struct exchange x;

	exchange_lay(&x, policy, nodes);
	exchange_start_office(&x, TIMUR);
	exchange_start_office(&x, SELATAN);
	*state = &x;
	return 0;
}

static struct client_report lodging(uint64_t number, const char *summary)
{
	return (struct client_report){.category = "lodging", .region = "16.01.14", .summary = summary, .number = number};
}

/* How far the clients that play an office have acknowledged, for the next one that plays it. */
static struct position cursors[TIMUR + 1];

/* A client that goes on where the office's last one left. */
static void client_join(struct client *c, const struct exchange *x, size_t office)
{
	client_open(c, x, office, false);
	c->cursor = cursors[office];
	assert_int_equal(client_refused(client_hello(c, c->node, 5000)), E_OK);
}

static void client_leave(struct client *c, size_t office)
{
	cursors[office] = c->cursor;
	client_close(c);
}

/* Fetches until nothing new comes; the client's cursor is then the newest position. Returns deliveries seen. */
static size_t client_catch_up(struct client *c)
{
	size_t deliveries = 0;

	for (;;) {
		const Simpul__Down *down = client_fetch(c, &c->cursor, 5000);

		assert_non_null(down);
		assert_int_equal(client_refused(down), E_OK);
		assert_int_equal(down->message_case, SIMPUL__DOWN__MESSAGE_BATCH);
		for (size_t i = 0; i < down->batch->n_entries; i++)
			deliveries += down->batch->entries[i]->content_case == SIMPUL__ENTRY__CONTENT_DELIVERY;
		if (down->batch->upto->entry <= c->cursor.entry)
			return deliveries;
		assert_int_equal(position_of_message(&c->cursor, down->batch->upto), E_OK);
	}
}

static void a_stranger_gets_no_answer(void **state)
{
	struct client c;

	client_open(&c, *state, POLICE, true);
	assert_null(client_hello(&c, "police.oku", 1500));
	client_close(&c);
	assert_true(exchange_logged(*state, "zap.refused"));
}

static void a_member_cannot_say_hello_under_another_name(void **state)
{
	struct client c;

	client_open(&c, *state, ARMY, false);
	assert_int_equal(client_refused(client_hello(&c, "police.oku", 5000)), E_WRONG_ORIGIN);
	client_close(&c);
}

static void a_member_cannot_report_under_another_name(void **state)
{
	struct client c;
	struct client_report report = {.origin = "police.oku", .category = "public-order", .region = "16.01", .summary = "x",
				       .number = 1};

	client_join(&c, *state, ARMY);
	client_submit(&c, &report);
	assert_int_equal(client_refused(client_answer(&c, 5000)), E_WRONG_ORIGIN);
	client_leave(&c, ARMY);
}

static void what_policy_does_not_grant_is_refused_and_uses_its_number_up(void **state)
{
	struct client c;
	struct client_report report = {.category = "public-order", .region = "16.01", .summary = "x", .number = 1,
				       .label = SIMPUL__LABEL__LABEL_AMBER};
	const Simpul__Down *down;

	client_join(&c, *state, ARMY);
	client_submit(&c, &report);
	down = client_answer(&c, 5000);
	assert_non_null(down);
	assert_int_equal(down->message_case, SIMPUL__DOWN__MESSAGE_RECEIPT);
	assert_int_equal(down->receipt->n_verdicts, 1);
	assert_int_equal(down->receipt->verdicts[0]->code, E_LABEL_ABOVE_CEILING);
	assert_int_equal(down->receipt->n_audience, 0);
	report.number = 3;
	client_submit(&c, &report);
	down = client_answer(&c, 5000);
	assert_int_equal(client_refused(down), E_GAP);
	assert_int_equal(down->refusal->expected, 2);
	client_leave(&c, ARMY);
}

static void a_number_cannot_be_used_for_two_reports(void **state)
{
	struct client c;
	struct client_report report = lodging(1, "first words");
	struct buffer first = {0};
	const Simpul__Down *down;

	client_join(&c, *state, POLICE);
	client_submit(&c, &report);
	down = client_answer(&c, 5000);
	assert_int_equal(down->message_case, SIMPUL__DOWN__MESSAGE_RECEIPT);
	buffer_append(&first, down->receipt->digest.data, down->receipt->digest.len);
	report.summary = "other words";
	client_submit(&c, &report);
	assert_int_equal(client_refused(client_answer(&c, 5000)), E_NUMBER_REUSED);
	buffer_free(&first);
	client_leave(&c, POLICE);
}

static void whoever_subscribes_to_everything_sees_ciphertext_and_is_cut_off(void **state)
{
	struct exchange *x = *state;
	struct client thief, sender;
	struct buffer frame = {0};
	bool opened, seen = false;
	steady_ms began;

	client_join(&thief, x, ARMY);
	client_catch_up(&thief);
	client_join(&sender, x, IMMIGRATION);
	began = clock_now().steady;
	client_subscribe(&thief, BYTES("", 0));
	struct client_report report = lodging(1, "canary-everything");
	report.category = "public-order";
	client_submit(&sender, &report);
	assert_int_equal(client_refused(client_answer(&sender, 5000)), E_OK);
	assert_true(log_has(x, "level=alarm event=feed.foreign_subscription node=army.oku", 5));
	assert_true(clock_now().steady - began <= (steady_ms)patient_ms(1000));
	while (client_publication(&thief, 1500, &frame, &opened)) {
		seen |= memmem(frame.data, frame.size, "canary-everything", 17) != NULL;
	}
	assert_false(seen);
	/* Cut off: its session is gone, and a new one is refused. */
	assert_int_equal(client_refused(client_hello(&thief, "army.oku", 5000)), E_KEY_SUSPENDED);
	/* The others go on. */
	assert_true(office_received(x, TIMUR, 1, 20));
	buffer_free(&frame);
	client_leave(&thief, ARMY);
	client_leave(&sender, IMMIGRATION);
	assert_int_equal(exchange_ctl(x, NULL, "restore", "army.oku", NULL), 0);
}

static void after_a_revocation_nothing_more_is_handed_out(void **state)
{
	struct exchange *x = *state;
	struct client thief, sender;
	struct buffer frame = {0}, listed = {0};
	struct client_report report = {.category = "public-order", .region = "16.01", .summary = "before",
				       .label = SIMPUL__LABEL__LABEL_GREEN};
	bool opened = false;

	client_join(&thief, x, ARMY);
	client_catch_up(&thief);
	client_subscribe(&thief, BYTES(thief.topic, FEED_TOPIC_SIZE));
	sleep_ms(300);
	client_join(&sender, x, IMMIGRATION);
	report.number = 2;
	client_submit(&sender, &report);
	assert_int_equal(client_refused(client_answer(&sender, 5000)), E_OK);
	assert_true(client_publication(&thief, 5000, &frame, &opened) && opened);
	assert_int_equal(exchange_ctl(x, &listed, "revoke", "army.oku", "--reason", "stolen laptop", NULL), 0);
	assert_non_null(memmem(listed.data, listed.size, "army.oku is compromised and shut out", 36));
	assert_non_null(memmem(listed.data, listed.size, "  immigration.muara-enim#2 ", 27));
	while (client_publication(&thief, 300, &frame, &opened))
		continue;
	report.number = 3;
	report.summary = "after";
	client_submit(&sender, &report);
	assert_int_equal(client_refused(client_answer(&sender, 5000)), E_OK);
	assert_false(client_publication(&thief, 2500, &frame, &opened));
	/* Neither the present nor the past, in the old session or in a new one. */
	assert_int_equal(client_refused(client_fetch(&thief, &thief.cursor, 3000)), E_KEY_REVOKED);
	client_close(&thief);
	client_open(&thief, x, ARMY, false);
	assert_null(client_hello(&thief, "army.oku", 1500));
	client_close(&thief);
	client_leave(&sender, IMMIGRATION);
	buffer_free(&listed);
	buffer_free(&frame);
}

static void a_stolen_key_does_not_open_the_past(void **state)
{
	struct exchange *x = *state;
	struct client owner, thief;
	struct client_report report = lodging(2, "long ago");

	client_join(&owner, x, POLICE);
	client_catch_up(&owner);
	client_submit(&owner, &report);
	assert_int_equal(client_refused(client_answer(&owner, 5000)), E_OK);
	client_leave(&owner, POLICE);
	client_join(&owner, x, IMMIGRATION);
	assert_true(client_catch_up(&owner) > 0);
	client_fetch(&owner, &owner.cursor, 5000);
	client_leave(&owner, IMMIGRATION);
	/* The thief has the keys and begins at the beginning. */
	client_open(&thief, x, IMMIGRATION, false);
	assert_int_equal(client_refused(client_hello(&thief, "immigration.muara-enim", 5000)), E_BELOW_CURSOR);
	client_close(&thief);
	/* An operator may allow it; that is on record. */
	assert_int_equal(exchange_ctl(x, NULL, "reseed", "immigration.muara-enim", "--from", "1", "--reason", "restored", NULL),
			 0);
	cursors[IMMIGRATION] = (struct position){0};
	client_join(&owner, x, IMMIGRATION);
	assert_true(client_catch_up(&owner) > 0);
	client_leave(&owner, IMMIGRATION);
}

static void the_newest_session_wins_and_the_other_is_told(void **state)
{
	struct client first, second;

	client_join(&first, *state, POLICE);
	client_join(&second, *state, POLICE);
	assert_int_equal(client_refused(client_receive(&first, 5000)), E_SUPERSEDED);
	assert_int_equal(client_refused(client_fetch(&first, &first.cursor, 5000)), E_SUPERSEDED);
	client_catch_up(&second);
	client_close(&first);
	client_leave(&second, POLICE);
}

/* A raw subscriber, for a SUB socket says each topic once. */
static void *feed_raw(struct client *c)
{
	void *socket = socket_client(c->context, ZMQ_XSUB, c->join.broker_curve, &c->keys);
	const int no_limit = 0;

	assert_non_null(socket);
	assert_int_equal(zmq_setsockopt(socket, ZMQ_SNDHWM, &no_limit, sizeof no_limit), 0);
	assert_int_equal(zmq_connect(socket, c->join.feed_endpoint), 0);
	return socket;
}

static void who_floods_the_feed_with_its_own_topic_is_cut_off(void **state)
{
	enum { SUBSCRIPTIONS = 500000 };
	struct exchange *x = *state;
	struct client thief;
	uint8_t topic[1 + FEED_TOPIC_SIZE] = {1};
	size_t rss = process_rss(x->broker);
	void *feed;

	client_join(&thief, x, POLICE);
	memcpy(topic + 1, thief.topic, FEED_TOPIC_SIZE);
	feed = feed_raw(&thief);
	sleep_ms(300);
	for (int i = 0; i < SUBSCRIPTIONS; i++)
		zmq_send(feed, topic, sizeof topic, ZMQ_DONTWAIT);
	assert_int_equal(client_refused(client_receive(&thief, 5000)), E_FOREIGN_FEED);
	sleep_ms(1000);
	assert_true(process_rss(x->broker) < rss + 32 * 1024);
	zmq_close(feed);
	client_leave(&thief, POLICE);
	assert_int_equal(exchange_ctl(x, NULL, "restore", "police.oku", NULL), 0);
}

static void who_says_anything_but_subscriptions_on_the_feed_is_cut_off(void **state)
{
	struct client thief;
	void *feed;

	client_join(&thief, *state, POLICE);
	feed = feed_raw(&thief);
	sleep_ms(300);
	zmq_send(feed, "\x07 hello", 7, ZMQ_DONTWAIT);
	assert_int_equal(client_refused(client_receive(&thief, 5000)), E_FOREIGN_FEED);
	zmq_close(feed);
	client_leave(&thief, POLICE);
	assert_int_equal(exchange_ctl(*state, NULL, "restore", "police.oku", NULL), 0);
}

static void no_text_of_a_report_stands_in_a_log(void **state)
{
	assert_false(exchange_logged(*state, "canary-everything"));
	assert_false(exchange_logged(*state, "first words"));
	assert_false(exchange_logged(*state, "long ago"));
	assert_true(exchange_logged(*state, "report.accepted"));
}

static void the_journal_verifies_after_all_that(void **state)
{
	assert_int_equal(exchange_ctl(*state, NULL, "journal", "verify", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_gets_no_answer),
		cmocka_unit_test(a_member_cannot_say_hello_under_another_name),
		cmocka_unit_test(a_member_cannot_report_under_another_name),
		cmocka_unit_test(what_policy_does_not_grant_is_refused_and_uses_its_number_up),
		cmocka_unit_test(a_number_cannot_be_used_for_two_reports),
		cmocka_unit_test(whoever_subscribes_to_everything_sees_ciphertext_and_is_cut_off),
		cmocka_unit_test(the_newest_session_wins_and_the_other_is_told),
		cmocka_unit_test(a_stolen_key_does_not_open_the_past),
		cmocka_unit_test(after_a_revocation_nothing_more_is_handed_out),
		cmocka_unit_test(who_floods_the_feed_with_its_own_topic_is_cut_off),
		cmocka_unit_test(who_says_anything_but_subscriptions_on_the_feed_is_cut_off),
		cmocka_unit_test(no_text_of_a_report_stands_in_a_log),
		cmocka_unit_test(the_journal_verifies_after_all_that),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
