/* checkpoint_test - a broker that shows two histories with one key: the offices notice, and what they signed proves it. */
#include "common/checkpoint.h"
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY, OFFICES };

static const char policy[] = POLICY_POLICE_TO_ARMY;

static char *paper; /* the checkpoint of the history that the offices saw */

static void shell(struct exchange *x, const char *command)
{
	char *line = memory_format("cd '%s' && %s", x->folder, command);
	const char *argv[] = {"/bin/sh", "-c", line, NULL};

	assert_int_equal(process_run(argv, NULL, NULL, x->log, 60), 0);
	free(line);
}

static void broker_end(struct exchange *x)
{
	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	x->broker = 0;
}

/* One history up to a point, a copy of the whole broker there, and more of the first history. */
static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	broker_end(&x);
	shell(&x, "mkdir ../other && cp -a . ../other");
	exchange_start_broker(&x);
	paper = broker_path(&x, "../paper.json");
	drop_many(&x, POLICE, "one.jsonl", "one", 1);
	*state = &x;
	if (exchange_serve(&x) != 0 || !office_received(&x, ARMY, 1, 20))
		return 1;
	return office_caught_up(&x, POLICE, 20) && office_caught_up(&x, ARMY, 20) ? 0 : 1;
}

static int tear_down(void **state)
{
	free(paper);
	return exchange_tear_down(state);
}

static void assert_verifies(struct exchange *x, const char *expected)
{
	struct buffer out = {0};

	assert_int_equal(exchange_ctl(x, &out, "journal", "verify", "--checkpoint", paper, NULL), 0);
	buffer_u8(&out, 0);
	if (strstr((const char *)out.data, expected) == NULL)
		fail_msg("no \"%s\" in %s", expected, (const char *)out.data);
	buffer_free(&out);
}

static void offices_sign_what_they_hold(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(exchange_ctl(x, NULL, "journal", "checkpoint", "-o", paper, NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "checkpoint", "-o", paper, NULL), 73);
	assert_verifies(x, "signed by the broker\n");
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "checkpoint", "sign", paper, NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "checkpoint", "sign", paper, NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "checkpoint", "sign", paper, NULL), 0); /* once more: one */
	assert_verifies(x, "countersigned by police.oku, army.oku\n");
}

static void an_office_signs_nothing_that_it_does_not_hold(void **state)
{
	struct exchange *x = *state;
	char *early = broker_path(x, "../early.json");

	assert_int_equal(exchange_ctl(x, NULL, "journal", "checkpoint", "--entry", "2", "-o", early, NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "checkpoint", "sign", early, NULL), 66);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "checkpoint", "--entry", "999999", "-o", paper, NULL), 73);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "checkpoint", "sign", "/nowhere.json", NULL), 66);
	free(early);
}

static void a_signature_of_nobody_is_named(void **state)
{
	struct exchange *x = *state;
	struct checkpoint checkpoint;
	char *forged = broker_path(x, "../forged.json");

	assert_int_equal(checkpoint_load(&checkpoint, paper, NULL), E_OK);
	checkpoint.signers[1].signature[7] ^= 1;
	assert_int_equal(checkpoint_save(&checkpoint, forged, NULL), E_OK);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", "--checkpoint", forged, NULL), 65);
	checkpoint.signers[1].signature[7] ^= 1;
	checkpoint.signers[1].key_id = 7;
	assert_int_equal(checkpoint_save(&checkpoint, forged, NULL), E_OK);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", "--checkpoint", forged, NULL), 77);
	checkpoint.count = 0;
	checkpoint.signature[0] ^= 1;
	assert_int_equal(checkpoint_save(&checkpoint, forged, NULL), E_OK);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", "--checkpoint", forged, NULL), 65);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "checkpoint", "sign", forged, NULL), 65);
	free(forged);
}

/* Another history with the same keys, as long as the first one and longer. */
static void other_history_begin(struct exchange *x)
{
	broker_end(x);
	shell(x, "mkdir ../first && cp -a . ../first && rm -rf journal && cp -a ../other/journal .");
	for (size_t i = 0; i < OFFICES; i++) {
		assert_int_equal(process_end(x->offices[i].pid, SIGTERM, 20), 0);
		x->offices[i].pid = 0;
	}
	exchange_start_broker(x);
	for (int i = 0; i < 10; i++)
		assert_int_equal(exchange_ctl(x, NULL, "reseed", "army.oku", "--from", "1", "--reason", "another history", NULL),
				 0);
}

static void a_node_that_saw_one_history_raises_an_alarm_at_the_other(void **state)
{
	struct exchange *x = *state;

	other_history_begin(x);
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, ARMY, "halted", 20));
	assert_true(log_has(x, "level=alarm event=uplink.halted node=army.oku code=HISTORY_DIFFERS", 10));
	assert_true(log_has(x, "event=session.refused node=army.oku code=HISTORY_DIFFERS", 10));
}

/* After the test above: the other history is good in itself. */
static void what_was_signed_proves_that_there_are_two(void **state)
{
	struct exchange *x = *state;
	struct checkpoint checkpoint;
	char entry[24], *other = broker_path(x, "../other.json"), *exchange = broker_path(x, "exchange.id");
	char *journal = broker_path(x, "journal/journal.db");

	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", "--checkpoint", paper, NULL), 65);
	assert_int_equal(operate_run(x, NULL, "simpulctl", "journal", "verify", "--file", journal, "--exchange-file", exchange,
				     "--checkpoint", paper, NULL),
			 65);
	assert_int_equal(checkpoint_load(&checkpoint, paper, NULL), E_OK);
	snprintf(entry, sizeof entry, "%llu", (unsigned long long)checkpoint.position.entry);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "checkpoint", "--entry", entry, "-o", other, NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "checkpoint", "sign", other, NULL), 65);
	assert_true(exchange_logged(x, "the broker shows two histories"));
	free(journal);
	free(exchange);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offices_sign_what_they_hold),
		cmocka_unit_test(an_office_signs_nothing_that_it_does_not_hold),
		cmocka_unit_test(a_signature_of_nobody_is_named),
		cmocka_unit_test(a_node_that_saw_one_history_raises_an_alarm_at_the_other),
		cmocka_unit_test(what_was_signed_proves_that_there_are_two),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
