/* renewal_test - keys of offices are renewed while everybody works: nothing is lost, nothing sealed stays shut, and nobody
 * touches an agent. */
#include "agents/store/keyring.h"
#include "common/key_hold.h"
#include "common/memory.h"
#include "tests/support/operate.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY };
enum { PIECE = 150 };

static const char policy[] =
	"purposes: [law-enforcement, immigration-oversight, state-security]\n"
	"categories: [public-order]\n"
	"agencies:\n"
	"  - agency: police\n"
	"    ceiling: RED\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"  - agency: army\n"
	"    ceiling: RED\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n";

static const char red_draft[] =
	"{\"category\": \"public-order\", \"label\": \"RED\", \"to\": [\"army.oku\"], \"region\": \"16.01\", \"purpose\": "
	"\"law-enforcement\", \"sighting\": {\"first_seen\": "
	"\"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\": \"sealed-before\"}}";

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

/* ------------------------------------------------------------------ steps of a renewal */

static char *keys_file(struct exchange *x, size_t office, const char *ending)
{
	char *name = memory_format("%s.keys%s", x->offices[office].node, ending), *path = office_path(x, office, name);

	free(name);
	return path;
}

/* The path of the request; free it. */
static char *rotate(struct exchange *x, size_t office)
{
	char *name = memory_format("%s.request", x->offices[office].node), *path = office_path(x, office, name);

	assert_int_equal(exchange_simpul(x, office, NULL, NULL, "keys", "rotate", NULL), 0);
	free(name);
	return path;
}

/* The status of simpulctl enroll. */
static int enroll(struct exchange *x, const char *request, const char *days)
{
	static unsigned made;
	char *authority = broker_path(x, "authority.key"), *join = memory_format("%s/%u.join", x->folder, ++made);
	char fingerprint[FINGERPRINT_SIZE];
	const int status = exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "--fingerprint",
					request_fingerprint(request, fingerprint), "--expires-days", days, "-o", join, NULL);

	free(join);
	free(authority);
	return status;
}

struct expected_key {
	struct exchange *x;
	size_t office;
	uint32_t key_id;
};

/* By the agent's own word, live, and with its files in their places. */
static bool goes_under(void *context)
{
	const struct expected_key *expected = context;
	json_t *status = office_status(expected->x, expected->office);
	const char *state = json_string_value(json_object_get(status, "state"));
	char *path = keys_file(expected->x, expected->office, "");
	struct node_keys keys;
	const bool is = state && strcmp(state, "live") == 0 &&
			json_integer_value(json_object_get(status, "key_id")) == expected->key_id &&
			node_keys_load(&keys, NULL, path, NULL) == E_OK && keys.key_id == expected->key_id;

	free(path);
	json_decref(status);
	return is;
}

static bool office_goes_under(struct exchange *x, size_t office, uint32_t key_id)
{
	struct expected_key expected = {x, office, key_id};

	return wait_for(goes_under, &expected, 20);
}

static void assert_files_of(struct exchange *x, size_t office, const char *former)
{
	char *next = keys_file(x, office, ".next"), *old = keys_file(x, office, former);

	assert_false(file_there(next));
	assert_true(file_there(old));
	free(old);
	free(next);
}

static void drop_piece(struct exchange *x, unsigned piece)
{
	char name[32];

	snprintf(name, sizeof name, "%u.jsonl", piece);
	drop_many(x, POLICE, name, "seen", PIECE);
}

/* ------------------------------------------------------------------ while everybody works */

static void keys_are_renewed_under_load_and_nothing_is_lost(void **state)
{
	struct exchange *x = *state;
	const pid_t police = x->offices[POLICE].pid, army = x->offices[ARMY].pid;
	char *of_police, *of_army;

	drop_piece(x, 1);
	of_police = rotate(x, POLICE);
	of_army = rotate(x, ARMY);
	drop_piece(x, 2);
	assert_int_equal(enroll(x, of_police, "730"), 0);
	drop_piece(x, 3);
	assert_int_equal(enroll(x, of_army, "730"), 0);
	drop_piece(x, 4);
	assert_true(office_goes_under(x, POLICE, 2));
	assert_true(office_goes_under(x, ARMY, 2));
	assert_true(office_settled(x, POLICE, 4 * PIECE, 60));
	assert_true(office_received(x, ARMY, 4 * PIECE, 60));
	assert_true(office_has_run(x, ARMY, "police.oku", 1, 4 * PIECE));
	assert_false(exchange_logged(x, "inbox.bad_report"));
	/* Nobody started them anew. */
	assert_true(process_alive(police) && process_alive(army));
	assert_int_equal(x->offices[POLICE].pid, police);
	assert_files_of(x, POLICE, ".1");
	assert_files_of(x, ARMY, ".1");
	free(of_army);
	free(of_police);
}

/* ------------------------------------------------------------------ what is sealed */

/* The name of a RED report to the army; free it. */
static char *say_red(struct exchange *x)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, POLICE, red_draft, &out, "report", "--json", "-", NULL), 0);
	buffer_u8(&out, 0);
	out.data[strcspn((const char *)out.data, "\n")] = '\0';
	return (char *)out.data;
}

static void what_was_sealed_to_the_former_key_and_not_fetched_yet_opens_under_the_new_one(void **state)
{
	struct exchange *x = *state;
	const size_t before = office_inbox(x, ARMY, NULL, NULL);
	struct buffer page = {0};
	char *name, *request;

	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 20), 0);
	name = say_red(x);
	assert_true(exchange_settled(x, 20));
	/* Renewed while its agent is away: what it comes with is refused at the door, without a word why. */
	request = rotate(x, ARMY);
	assert_int_equal(enroll(x, request, "730"), 0);
	exchange_start_office(x, ARMY);
	assert_true(office_received(x, ARMY, before + 1, 30));
	assert_true(office_goes_under(x, ARMY, 3));
	assert_int_equal(exchange_simpul(x, ARMY, NULL, &page, "inbox", "show", name, NULL), 0);
	assert_non_null(memmem(page.data, page.size, "sealed-before", 13));
	assert_false(exchange_logged(x, "inbox.bad_report"));
	assert_files_of(x, ARMY, ".2");
	/* After a start it is what it was. */
	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 20), 0);
	exchange_start_office(x, ARMY);
	assert_true(office_goes_under(x, ARMY, 3));
	buffer_free(&page);
	free(request);
	free(name);
}

static void what_is_said_without_a_broker_is_sealed_to_the_key_that_its_recipient_has_when_it_is_sent(void **state)
{
	struct exchange *x = *state;
	const size_t before = office_inbox(x, ARMY, NULL, NULL);
	struct buffer page = {0};
	char *name, *request;

	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	name = say_red(x);
	assert_int_equal(process_end(x->offices[POLICE].pid, SIGTERM, 20), 0);
	exchange_start_broker(x);
	request = rotate(x, ARMY);
	assert_int_equal(enroll(x, request, "730"), 0);
	assert_true(office_goes_under(x, ARMY, 4));
	exchange_start_office(x, POLICE);
	assert_true(office_received(x, ARMY, before + 1, 30));
	assert_int_equal(exchange_simpul(x, ARMY, NULL, &page, "inbox", "show", name, NULL), 0);
	assert_non_null(memmem(page.data, page.size, "sealed-before", 13));
	buffer_free(&page);
	free(request);
	free(name);
}

/* ------------------------------------------------------------------ who may renew */

static void a_renewal_that_the_present_key_did_not_sign_is_refused(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "forged.request"), *known = office_path(x, POLICE, "exchange.join");
	struct node_keys forged;
	struct signing_key other;
	struct member member;
	struct join join;

	assert_int_equal(join_load(&join, known, NULL), E_OK);
	node_keys_generate(&forged, 3);
	signing_key_generate(&other);
	member_request(&member, join.exchange, "police.oku", &forged, clock_now().wall);
	member_sign_former(&member, &other);
	assert_int_equal(member_save(&member, path, NULL), E_OK);
	assert_int_equal(enroll(x, path, "730"), 65);
	assert_true(office_goes_under(x, POLICE, 2));
	free(known);
	free(path);
}

/* Or the keys of one of the two would be lost, or come back under a former passphrase. */
static void while_keys_are_changed_nobody_else_changes_them(void **state)
{
	struct exchange *x = *state;
	char *keys = office_path(x, POLICE, "police.oku.keys"), *next = office_path(x, POLICE, "police.oku.keys.next");
	char *broker_keys = broker_path(x, "broker.keys");
	int office, broker;

	assert_int_equal(key_hold(keys, &office, NULL), E_OK);
	assert_int_equal(key_hold(broker_keys, &broker, NULL), E_OK);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "keys", "rotate", NULL), 73);
	assert_false(file_there(next));
	assert_int_equal(exchange_ctl(x, NULL, "keys", "passphrase", broker_keys, "--no-passphrase", NULL), 73);
	key_hold_end(office);
	key_hold_end(broker);
	free(broker_keys);
	free(next);
	free(keys);
}

/* And so the fingerprint that the operators have on paper stays good. */
static void asked_twice_it_is_the_same_request(void **state)
{
	struct exchange *x = *state;
	char *first_path = rotate(x, POLICE), *second_path;
	struct member first, second;

	assert_int_equal(member_load(&first, first_path, NULL), E_OK);
	second_path = rotate(x, POLICE);
	assert_int_equal(member_load(&second, second_path, NULL), E_OK);
	assert_memory_equal(first.signing_key, second.signing_key, KEY_SIZE);
	assert_true(first.created_at == second.created_at);
	/* Until it is enrolled the agent goes on under the key that it has. */
	assert_true(office_goes_under(x, POLICE, 2));
	assert_int_equal(enroll(x, second_path, "20"), 0);
	assert_true(office_goes_under(x, POLICE, 3));
	free(second_path);
	free(first_path);
}

/* ------------------------------------------------------------------ keys that end */

/* The key that was enrolled for 20 days. */
static void a_key_that_ends_soon_is_spoken_of_at_both_ends(void **state)
{
	struct exchange *x = *state;
	struct buffer page = {0};

	assert_int_equal(process_end(x->offices[POLICE].pid, SIGTERM, 20), 0);
	exchange_start_office(x, POLICE);
	assert_true(log_has(x, "key.expiring", 20));
	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	exchange_start_broker(x);
	assert_true(log_has(x, "member.expiring", 20));
	assert_true(office_goes_under(x, POLICE, 3));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, &page, "status", NULL), 0);
	assert_non_null(memmem(page.data, page.size, "it ends in 19 days", 18));
	buffer_clear(&page);
	exchange_simpul(x, POLICE, NULL, &page, "doctor", NULL);
	assert_non_null(memmem(page.data, page.size, "the key of police.oku ends in 19 days", 37));
	buffer_free(&page);
}

/* Enrols the request for less than the least that simpulctl takes. */
static void enroll_for_ms(struct exchange *x, const char *request, uint64_t ms)
{
	char *key = broker_path(x, "authority.key"), *record = broker_path(x, "short.member");
	struct signing_key authority;
	struct member member;

	assert_int_equal(member_load(&member, request, NULL), E_OK);
	assert_int_equal(signing_key_load(&authority, NULL, key, NULL), E_OK);
	member.expires_at = clock_now().wall + ms;
	member_countersign(&member, &authority);
	assert_int_equal(member_save(&member, record, NULL), E_OK);
	assert_int_equal(enroll(x, record, "730"), 0);
	free(record);
	free(key);
}

static void an_office_whose_key_has_ended_goes_on_by_itself_when_it_has_a_new_one(void **state)
{
	struct exchange *x = *state;
	const size_t accepted = office_outbox(x, POLICE).accepted, received = office_inbox(x, ARMY, NULL, NULL);
	const pid_t agent = x->offices[POLICE].pid;
	char *request = rotate(x, POLICE);
	struct buffer page = {0};

	enroll_for_ms(x, request, 1500);
	assert_true(office_in_state(x, POLICE, "halted", 30));
	assert_true(log_has(x, "member.lapsed", 10));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, &page, "doctor", NULL), 1);
	assert_non_null(memmem(page.data, page.size, "the key of police.oku has ended: it is not let in", 49));
	assert_non_null(memmem(page.data, page.size, "simpul keys rotate", 18));
	buffer_clear(&page);
	assert_int_equal(exchange_ctl(x, &page, "doctor", NULL), 1);
	assert_non_null(memmem(page.data, page.size, "the key of police.oku has ended: it is not let in", 49));
	buffer_free(&page);
	drop_piece(x, 5); /* it goes on taking reports */
	free(request);
	request = rotate(x, POLICE);
	assert_int_equal(enroll(x, request, "730"), 0);
	assert_true(office_goes_under(x, POLICE, 5));
	assert_true(office_settled(x, POLICE, accepted + PIECE, 30));
	assert_true(office_received(x, ARMY, received + PIECE, 30));
	assert_true(process_alive(agent));
	assert_false(exchange_logged(x, "inbox.bad_report"));
	free(request);
}

/* ------------------------------------------------------------------ the authority */

/* simpulctl enroll with another key than the exchange's first. */
static int enroll_with(struct exchange *x, const char *request, const char *key)
{
	char *join = memory_format("%s.%s.join", request, strrchr(key, '/') + 1);
	char fingerprint[FINGERPRINT_SIZE];
	const int status = exchange_ctl(x, NULL, "enroll", request, "--authority-key", key, "--fingerprint",
					request_fingerprint(request, fingerprint), "-o", join, NULL);

	free(join);
	return status;
}

static char *made_by_stranger(struct exchange *x)
{
	char *path = broker_path(x, "stranger.key");
	struct signing_key key;

	signing_key_generate(&key);
	assert_int_equal(signing_key_save(&key, "authority", NULL, path, NULL), E_OK);
	return path;
}

/* Nobody gets a new join file, and nobody is started anew but to see that it holds afterwards. */
static void the_authority_hands_on_and_everybody_accepts_what_either_key_signs(void **state)
{
	struct exchange *x = *state;
	char *first = broker_path(x, "authority.key"), *second = broker_path(x, "second.key");
	char *identity = broker_path(x, "exchange.id"), *stranger = made_by_stranger(x), *forged = broker_path(x, "forged.key");
	char *request = rotate(x, POLICE), *proof = office_path(x, ARMY, "proof.json"), *join = office_path(x, ARMY, "exchange.join");
	const size_t accepted = office_outbox(x, POLICE).accepted, received = office_inbox(x, ARMY, NULL, NULL);
	char *last = memory_format("police.oku#%d", 6 * PIECE);

	/* Not by a key that is not the authority's. */
	assert_int_equal(exchange_ctl(x, NULL, "authority", "renew", stranger, "-o", forged, "--exchange-file", identity,
				      "--no-passphrase", NULL),
			 65);
	assert_int_equal(enroll_with(x, request, stranger), 65);
	assert_int_equal(exchange_ctl(x, NULL, "authority", "renew", first, "-o", second, "--exchange-file", identity,
				      "--no-passphrase", NULL),
			 0);
	assert_int_equal(enroll_with(x, request, second), 0);
	assert_true(office_goes_under(x, POLICE, 6));
	free(request);
	request = rotate(x, ARMY);
	assert_int_equal(enroll_with(x, request, first), 0);
	assert_true(office_goes_under(x, ARMY, 5));
	drop_piece(x, 6);
	assert_true(office_settled(x, POLICE, accepted + PIECE, 30));
	assert_true(office_received(x, ARMY, received + PIECE, 30));
	assert_false(exchange_logged(x, "inbox.bad"));
	/* Offline, with the join file of the beginning. */
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "export", last, "-o", proof, NULL), 0);
	assert_int_equal(operate_run(x, NULL, "simpul", "-c", "/nonexistent", "verify", proof, "--join", join, NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	exchange_start_broker(x);
	assert_true(office_goes_under(x, POLICE, 6));
	assert_true(office_goes_under(x, ARMY, 5));
	free(last);
	free(join);
	free(proof);
	free(request);
	free(forged);
	free(stranger);
	free(identity);
	free(second);
	free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_renewed_under_load_and_nothing_is_lost),
		cmocka_unit_test(what_was_sealed_to_the_former_key_and_not_fetched_yet_opens_under_the_new_one),
		cmocka_unit_test(
			what_is_said_without_a_broker_is_sealed_to_the_key_that_its_recipient_has_when_it_is_sent),
		cmocka_unit_test(a_renewal_that_the_present_key_did_not_sign_is_refused),
		cmocka_unit_test(while_keys_are_changed_nobody_else_changes_them),
		cmocka_unit_test(asked_twice_it_is_the_same_request),
		cmocka_unit_test(a_key_that_ends_soon_is_spoken_of_at_both_ends),
		cmocka_unit_test(an_office_whose_key_has_ended_goes_on_by_itself_when_it_has_a_new_one),
		cmocka_unit_test(the_authority_hands_on_and_everybody_accepts_what_either_key_signs),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
