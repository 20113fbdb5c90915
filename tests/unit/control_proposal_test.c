/* control_proposal_test - tries to have done with one operator what takes two, and with the word of two what they did not
 * say, or said once. */
#include "common/file.h"
#include "common/limit.h"
#include "tests/support/control_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct pair {
	struct signing_key keys[2];
};

static struct pair pair_enlist(struct stage *stage)
{
	struct watchers *list = &stage->settings.signers.list;
	struct pair pair;

	for (int i = 0; i < 2; i++) {
		signing_key_generate(&pair.keys[i]);
		snprintf(list->list[i].name, sizeof(list->list[i].name), "operator-%d", i);
		memcpy(list->list[i].key, pair.keys[i].public_key, KEY_SIZE);
	}
	list->count = 2;
	stage->settings.two_operators = ACT_RESEED;
	return pair;
}

/* The signature of a reseed of police.oku from entry 1, for "x". */
static char *reseed_signed(const struct stage *stage, const struct signing_key *key, wall_ms at,
			  char hex[2 * SIGNATURE_SIZE + 1])
{
	const struct hash content = act_reseed_content("police.oku", 1, "x");
	const struct hash digest = act_digest(stage->identity.exchange.id, at, "reseed", &content);
	uint8_t signature[SIGNATURE_SIZE];

	digest_sign(key, SIGN_TAG_ACT, &digest, signature);
	return hex_of(hex, BYTES(signature, SIGNATURE_SIZE));
}

/* Its number, 0 when it is to be refused. */
static uint64_t propose(struct stage *stage, const struct signing_key *key, wall_ms at, const char *code,
			const char *field)
{
	uint64_t proposal;
	char text[512], hex[2 * SIGNATURE_SIZE + 1];
	json_t *json;

	snprintf(text, sizeof(text),
		 "{\"command\": \"reseed\", \"node\": \"police.oku\", \"from_entry\": 1, \"reason\": \"x\", "
		 "\"at\": %llu, \"signature\": \"%s\"}",
		 (unsigned long long)at, reseed_signed(stage, key, at, hex));
	if (code != NULL) {
		stage_refused(stage, text, code, field);
		return 0;
	}
	stage_request(stage, text, strlen(text));
	json = stage_answer(stage);
	assert_true(json_is_true(json_object_get(json, "ok")));
	proposal = (uint64_t)json_integer_value(json_object_get(json, "proposal"));
	assert_in_range(proposal, 1, 1000000);
	json_decref(json);
	return proposal;
}

static char *approval_of(const struct stage *stage, uint64_t proposal, const struct signing_key *key, wall_ms at,
			 char text[400])
{
	char hex[2 * SIGNATURE_SIZE + 1];

	snprintf(text, 400, "{\"command\": \"approve\", \"proposal\": %llu, \"signature\": \"%s\"}",
		 (unsigned long long)proposal, reseed_signed(stage, key, at, hex));
	return text;
}

static char *approval(const struct stage *stage, const struct signing_key *key, wall_ms at, char text[400])
{
	return approval_of(stage, 1, key, at, text);
}

static void two_different_operators_are_needed_and_their_word_counts_once(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	struct signing_key stranger;
	const Simpul__Act *act;
	char text[400];

	signing_key_generate(&stranger);
	stage_refused(stage,
		      "{\"command\": \"reseed\", \"node\": \"police.oku\", \"from_entry\": 1, \"reason\": \"x\"}",
		      "TWO_OPERATORS", "");
	propose(stage, &stranger, at, "BAD_SIGNATURE", "signature");
	propose(stage, &pair.keys[0], at, NULL, NULL);
	propose(stage, &pair.keys[1], at, "EXISTS", "proposal");
	stage_refused(stage, approval(stage, &pair.keys[0], at, text), "TWO_OPERATORS", "signature");
	stage_refused(stage, approval(stage, &stranger, at, text), "BAD_SIGNATURE", "signature");
	stage_refused(stage, approval(stage, &pair.keys[1], at + 1, text), "BAD_SIGNATURE", "signature");
	assert_int_equal(stage->steps, 0);
	approval(stage, &pair.keys[1], at, text);
	stage_request(stage, text, strlen(text));
	assert_int_equal(stage->steps, 1);
	assert_int_equal(stage->type, CORE_RESEED);
	act = stage_act(stage);
	assert_int_equal(act->n_signatures, 2);
	assert_string_equal(act->signatures[0]->operator_, "operator-0");
	assert_string_equal(act->signatures[1]->operator_, "operator-1");
	assert_int_equal(act->signed_at, at);
	/* Both stand in the journal now, for everybody to say again. */
	stage_refused(stage, text, "NOT_FOUND", "proposal");
	propose(stage, &pair.keys[0], at, "EXISTS", "proposal");
	assert_int_equal(stage->steps, 1);
}

/* What was refused stands in no journal: the first operator need not be found again for it. */
static void finish(struct stage *stage, uint64_t ticket, const struct fault *fault)
{
	json_t *json;

	control_done(stage->control, ticket, fault, 7);
	json = stage_answer(stage);
	assert_int_equal(json_is_true(json_object_get(json, "ok")), fault->code == E_OK);
	json_decref(json);
}

/* The Unix user is the second's, so the words must not be the first's. */
static void who_approves_is_recorded_in_his_own_words(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	const struct fault good = {0};
	char hex[2 * SIGNATURE_SIZE + 1], text[600];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(text, sizeof(text),
			 "{\"command\": \"reseed\", \"node\": \"police.oku\", \"from_entry\": 1, \"reason\": \"x\", "
			 "\"at\": %llu, \"signature\": \"%s\", \"as\": \"Ms A\"}",
			 (unsigned long long)at + i, reseed_signed(stage, &pair.keys[0], at + i, hex));
		stage_request(stage, text, strlen(text));
		json_decref(stage_answer(stage));
		snprintf(text, sizeof(text),
			 "{\"command\": \"approve\", \"proposal\": %u, \"signature\": \"%s\"%s}", i + 1,
			 reseed_signed(stage, &pair.keys[1], at + i, hex), i == 0 ? ", \"as\": \"Mr B\"" : "");
		stage_request(stage, text, strlen(text));
		assert_string_equal(stage_act(stage)->person, i == 0 ? "Mr B" : "");
		assert_string_equal(stage_act(stage)->reason, "x");
		finish(stage, stage->ticket, &good);
	}
}

static void an_approval_is_spent_by_what_is_done_and_not_by_a_refusal(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	const struct fault full = {.code = E_DISK_FULL}, good = {0};
	char text[400];
	json_t *json;

	propose(stage, &pair.keys[0], at, NULL, NULL);
	approval(stage, &pair.keys[1], at, text);
	for (unsigned i = 1; i <= 2; i++) {
		stage_request(stage, text, strlen(text));
		assert_int_equal(stage->steps, i);
		stage_refused(stage, text, "NOT_FOUND", "proposal"); /* under way */
		control_done(stage->control, stage->ticket, i == 1 ? &full : &good, 7);
		json = stage_answer(stage);
		assert_int_equal(json_is_true(json_object_get(json, "ok")), i == 2);
		json_decref(json);
	}
	stage_refused(stage, text, "NOT_FOUND", "proposal");
	assert_int_equal(stage->steps, 2);
}

/* The first is under way all the time, and refused in the end. */
static void what_is_done_leaves_room_and_is_not_done_again(void **state)
{
	enum { MANY = 70 };
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	const struct fault full = {.code = E_DISK_FULL}, good = {0};
	uint64_t proposal, ticket;
	char text[400], first[400];

	proposal = propose(stage, &pair.keys[0], at, NULL, NULL);
	approval_of(stage, proposal, &pair.keys[1], at, first);
	stage_request(stage, first, strlen(first));
	ticket = stage->ticket;
	for (unsigned i = 1; i <= MANY; i++) {
		proposal = propose(stage, &pair.keys[0], at + i, NULL, NULL);
		approval_of(stage, proposal, &pair.keys[1], at + i, text);
		stage_request(stage, text, strlen(text));
		assert_int_equal(stage->steps, 1 + i);
		finish(stage, stage->ticket, &good);
	}
	for (unsigned i = 0; i <= MANY; i++)
		propose(stage, &pair.keys[i % 2], at + i, "EXISTS", "proposal");
	finish(stage, ticket, &full);
	stage_request(stage, first, strlen(first));
	assert_int_equal(stage->steps, 1 + MANY + 1);
}

static void one_operator_leaves_the_others_room_to_propose(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	const struct fault good = {0};
	uint64_t proposal = 0;
	char text[400];

	for (unsigned i = 0; i < 8; i++)
		proposal = propose(stage, &pair.keys[0], at + i, NULL, NULL);
	propose(stage, &pair.keys[0], at + 8, "BUSY", "proposals");
	propose(stage, &pair.keys[1], at + 9, NULL, NULL);
	approval_of(stage, proposal, &pair.keys[1], at + 7, text);
	stage_request(stage, text, strlen(text));
	finish(stage, stage->ticket, &good);
	propose(stage, &pair.keys[0], at + 8, NULL, NULL);
}

/* So that what was signed before is from before the next start. */
static void sleep_until_later(wall_ms at)
{
	while (clock_now().wall <= at)
		usleep(1000);
}

static size_t waiting(struct stage *stage)
{
	json_t *json;
	size_t count;

	stage_request(stage, "{\"command\": \"proposals\"}", 24);
	json = stage_answer(stage);
	count = json_array_size(json_object_get(json, "proposals"));
	json_decref(json);
	return count;
}

static void what_waits_is_approved_after_a_restart_and_what_was_done_is_not(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	const struct fault full = {.code = E_DISK_FULL}, good = {0};
	const uint64_t first = propose(stage, &pair.keys[0], at, NULL, NULL);
	const uint64_t second = propose(stage, &pair.keys[0], at + 1, NULL, NULL);
	char text[400];

	approval_of(stage, first, &pair.keys[1], at, text);
	stage_request(stage, text, strlen(text));
	finish(stage, stage->ticket, &good);
	approval_of(stage, second, &pair.keys[1], at + 1, text);
	stage_request(stage, text, strlen(text));
	finish(stage, stage->ticket, &full);
	sleep_until_later(at + 1);
	stage_restart(stage);
	assert_int_equal(waiting(stage), 1);
	approval_of(stage, first, &pair.keys[1], at, text);
	stage_refused(stage, text, "NOT_FOUND", "proposal");
	propose(stage, &pair.keys[0], at, "CLOCK", "at");
	approval_of(stage, second, &pair.keys[1], at + 1, text);
	stage_request(stage, text, strlen(text));
	assert_int_equal(stage_act(stage)->signed_at, at + 1);
	/* It is under way, and killed: nobody knows whether it was done, so it is not done again. */
	stage_restart(stage);
	assert_int_equal(waiting(stage), 0);
}

/* Both signatures stand in the journal: whoever reads it must not have it done again by them, not after a restart either. */
static void what_was_done_is_not_done_again_after_a_restart(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall + LIMIT_CLOCK_AHEAD_MS / 2;
	const struct fault good = {0};
	const uint64_t proposal = propose(stage, &pair.keys[0], at, NULL, NULL);
	char text[400];

	approval_of(stage, proposal, &pair.keys[1], at, text);
	stage_request(stage, text, strlen(text));
	finish(stage, stage->ticket, &good);
	for (int starts = 0; starts < 2; starts++) {
		stage_restart(stage);
		propose(stage, &pair.keys[0], at, "EXISTS", "proposal");
		propose(stage, &pair.keys[1], at, "EXISTS", "proposal");
		propose(stage, &pair.keys[0], at + 1 + (unsigned)starts, NULL, NULL); /* the file is written anew */
	}
	assert_int_equal(stage->steps, 1);
}

static void file_change(const struct stage *stage, const char *from, const char *to)
{
	char path[128];
	struct buffer text = {0};
	char *found;

	snprintf(path, sizeof(path), "%s/proposals.json", stage->folder);
	assert_int_equal(file_read(path, 1 << 20, &text, NULL), E_OK);
	buffer_u8(&text, 0);
	found = strstr((char *)text.data, from);
	assert_non_null(found);
	memcpy(found, to, strlen(to));
	assert_int_equal(file_write(path, BYTES(text.data, text.size - 1), 0600, NULL), E_OK);
	buffer_free(&text);
}

/* Nor for anything else than was signed, nor when its operator is none any more. */
static void what_stands_in_the_file_counts_for_what_it_is_signed_alone(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	char text[400];
	uint64_t proposal = propose(stage, &pair.keys[0], at, NULL, NULL);

	file_change(stage, "\"command\": \"reseed\"", "\"command\": \"enroll\"");
	stage_restart(stage);
	assert_int_equal(waiting(stage), 0);
	proposal = propose(stage, &pair.keys[0], clock_now().wall, NULL, NULL);
	file_change(stage, "\"from_entry\": 1", "\"from_entry\": 9");
	stage_restart(stage);
	approval_of(stage, proposal, &pair.keys[1], at, text);
	stage_refused(stage, text, "BAD_SIGNATURE", "signature");
	assert_int_equal(stage->steps, 0);
	file_change(stage, "[", "x");
	stage_restart(stage);
	assert_int_equal(waiting(stage), 0);
	propose(stage, &pair.keys[0], clock_now().wall, NULL, NULL);
	memset(stage->settings.signers.list.list[0].key, 1, KEY_SIZE);
	stage_restart(stage);
	assert_int_equal(waiting(stage), 0);
}

static void what_is_withdrawn_is_gone_and_on_record(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	const struct fault full = {.code = E_DISK_FULL}, good = {0};
	const uint64_t proposal = propose(stage, &pair.keys[0], at, NULL, NULL);
	char withdrawal[200], text[400];

	snprintf(withdrawal, sizeof(withdrawal),
		 "{\"command\": \"withdraw\", \"proposal\": %llu, \"reason\": \"wrong\"}",
		 (unsigned long long)proposal);
	stage_request(stage, withdrawal, strlen(withdrawal));
	finish(stage, stage->ticket, &full);
	assert_int_equal(waiting(stage), 1); /* what is not on record was not done */
	stage_request(stage, withdrawal, strlen(withdrawal));
	assert_int_equal(stage->type, CORE_ACT);
	assert_string_equal(stage_act(stage)->command, "withdraw reseed");
	assert_string_equal(stage_act(stage)->object, "police.oku");
	assert_string_equal(stage_act(stage)->reason, "wrong");
	assert_int_equal(stage_act(stage)->n_signatures, 0);
	finish(stage, stage->ticket, &good);
	approval_of(stage, proposal, &pair.keys[1], at, text);
	stage_refused(stage, text, "NOT_FOUND", "proposal");
	stage_refused(stage, withdrawal, "NOT_FOUND", "proposal");
	propose(stage, &pair.keys[0], at, "EXISTS", "proposal");
	stage_restart(stage);
	assert_int_equal(waiting(stage), 0);
}

/* And it is told which file that was, for another one may lie there by then. */
static void a_policy_that_could_not_be_read_is_approved_again(void **state)
{
	static const char policy[] = "deploy/example/oku-raya/policy.yaml";
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	char hex[2][2 * SIGNATURE_SIZE + 1], text[512];
	uint8_t signature[SIGNATURE_SIZE];
	struct policy *read;
	struct hash content, digest;

	stage->settings.two_operators = ACT_POLICY;
	stage->settings.policy = (char *)(uintptr_t)policy;
	assert_int_equal(policy_load(policy, &read, NULL), E_OK);
	content = policy_hash(read);
	policy_free(read);
	digest = act_digest(stage->identity.exchange.id, at, "policy reload", &content);
	for (int i = 0; i < 2; i++) {
		digest_sign(&pair.keys[i], SIGN_TAG_ACT, &digest, signature);
		hex_of(hex[i], BYTES(signature, SIGNATURE_SIZE));
	}
	snprintf(text, sizeof(text), "{\"command\": \"policy-reload\", \"at\": %llu, \"signature\": \"%s\"}",
		 (unsigned long long)at, hex[0]);
	stage_request(stage, text, strlen(text));
	json_decref(stage_answer(stage));
	snprintf(text, sizeof(text), "{\"command\": \"approve\", \"proposal\": 1, \"signature\": \"%s\"}", hex[1]);
	stage->reload_error = E_IO;
	for (unsigned i = 1; i <= 2; i++) {
		stage_refused(stage, text, "IO", "policy.yaml:7: wrong");
		assert_int_equal(stage->reloads, i);
		assert_true(hash_equal(&stage->reload_approved, &content));
	}
	stage->reload_error = E_OK;
	stage_request(stage, text, strlen(text));
	assert_int_equal(stage->reloads, 3);
	stage_refused(stage, text, "NOT_FOUND", "proposal");
}

static void a_word_from_before_the_start_or_for_another_day_is_refused(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms now = clock_now().wall;

	stage->port.started_at = now;
	propose(stage, &pair.keys[0], now - 1, "CLOCK", "at");
	stage->port.started_at = 0;
	propose(stage, &pair.keys[0], now - ACT_LIFE_MS, "CLOCK", "at");
	propose(stage, &pair.keys[0], now + LIMIT_CLOCK_AHEAD_MS + 10000, "CLOCK", "at");
	assert_int_equal(stage->steps, 0);
}

/* Whatever two_operators says, and with a word of what is missing. */
static void a_hold_always_takes_two_and_says_nothing_of_a_person(void **state)
{
	static const char nobodys[] = "the file operators has not the keys of two (simpulctl operator new)";
	struct stage *stage = *state;

	stage_refused(stage,
		      "{\"command\": \"hold-lift\", \"report\": \"police.oku#1\", \"hold\": 7, \"reason\": \"x\"}",
		      "TWO_OPERATORS", nobodys);
	pair_enlist(stage);
	stage->settings.two_operators = 0;
	stage_refused(stage,
		      "{\"command\": \"hold-lift\", \"report\": \"police.oku#1\", \"hold\": 7, \"reason\": \"x\"}",
		      "TWO_OPERATORS", "");
	stage_refused(stage, "{\"command\": \"hold-open\", \"report\": \"police.oku#1\", \"reason\": \"x\"}",
		      "TWO_OPERATORS", "");
	stage_refused(stage,
		      "{\"command\": \"hold-place\", \"report\": \"police.oku#1\", \"authority\": \"PN-BATURAJA\", "
		      "\"order\": \"12/2026\", \"until\": 1, \"reason\": \"x\"}",
		      "INVALID", "until"); /* it is over */
	stage_refused(stage,
		      "{\"command\": \"hold-place\", \"report\": \"police.oku#1\", \"authority\": \"Judge Anna\", "
		      "\"order\": \"12/2026\", \"until\": 1, \"reason\": \"x\"}",
		      "INVALID", "authority");
	stage_refused(
		stage,
		"{\"command\": \"hold-lift\", \"report\": \"police.oku#1\", \"hold\": 7, \"reason\": \"Anna, Maria\"}",
		"INVALID", "reason");
	assert_int_equal(stage->steps, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_different_operators_are_needed_and_their_word_counts_once),
		TEST(who_approves_is_recorded_in_his_own_words),
		TEST(an_approval_is_spent_by_what_is_done_and_not_by_a_refusal),
		TEST(what_is_done_leaves_room_and_is_not_done_again),
		TEST(one_operator_leaves_the_others_room_to_propose),
		TEST(what_waits_is_approved_after_a_restart_and_what_was_done_is_not),
		TEST(what_was_done_is_not_done_again_after_a_restart),
		TEST(what_stands_in_the_file_counts_for_what_it_is_signed_alone),
		TEST(what_is_withdrawn_is_gone_and_on_record),
		TEST(a_policy_that_could_not_be_read_is_approved_again),
		TEST(a_word_from_before_the_start_or_for_another_day_is_refused),
		TEST(a_hold_always_takes_two_and_says_nothing_of_a_person),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
