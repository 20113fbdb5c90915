/* clock_test - programs on machines whose clocks are wrong: who is wrong is told so, by both doctors, and nothing is erased by a
 * clock that nobody believes. */
#include "tests/support/doctors.h"
#include "tests/support/operate.h"
#include "tests/support/other_clock.h"
#include "tests/support/policy.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY };
enum { MINUTE_MS = 60 * 1000 };

/* Two offices and a broker that offers its log; the clocks of all are the test's. */
struct stage {
	struct exchange x;
	struct other_clock broker, office;
};

static int set_up(void **state)
{
	static struct stage stage;
	struct exchange *x = &stage.x;
	char endpoint[64], *watcher;

	exchange_make(x, POLICY_POLICE_TO_ARMY);
	exchange_offer(x, "log", endpoint);
	other_clock_open(&stage.broker, x->folder);
	other_clock_begin(x->folder);
	exchange_start_broker(x);
	other_clock_end();
	exchange_add(x, "police.oku", NULL);
	exchange_add(x, "army.oku", NULL);
	other_clock_open(&stage.office, x->offices[POLICE].folder);
	watcher = broker_path(x, "duty.watch");
	assert_int_equal(exchange_ctl(x, NULL, "watcher", "new", "duty", "-o", watcher, NULL), 0);
	free(watcher);
	exchange_start_office(x, ARMY);
	*state = &stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	other_clock_close(&stage->office);
	other_clock_close(&stage->broker);
	return exchange_end(&stage->x, false) ? 0 : 1;
}

/* ------------------------------------------------------------------ an office */

/* Its agent, started on a machine that is so far ahead, and live. */
static void police_begin(struct stage *stage, int64_t ahead_ms)
{
	struct exchange *x = &stage->x;

	other_clock_set(&stage->office, ahead_ms, 0);
	other_clock_begin(x->offices[POLICE].folder);
	exchange_start_office(x, POLICE);
	other_clock_end();
	assert_true(office_in_state(x, POLICE, "live", 20));
}

static void police_end(struct stage *stage)
{
	assert_int_equal(process_end(stage->x.offices[POLICE].pid, SIGTERM, 20), 0);
	stage->x.offices[POLICE].pid = 0;
}

static void report_drop(struct exchange *x, const char *name, const char *summary)
{
	struct buffer line = {0};

	draft_line(&line, "public-order", "16.01", summary, "");
	buffer_u8(&line, 0);
	office_drop(x, POLICE, name, (const char *)line.data);
	buffer_free(&line);
}

static bool is_refused(void *context)
{
	return office_outbox(context, POLICE).refused == 1;
}

static void an_office_that_is_ahead_is_told_to_set_its_clock_and_sends_nothing_from_the_future(void **state)
{
	struct stage *stage = *state;
	struct exchange *x = &stage->x;

	police_begin(stage, 10 * MINUTE_MS);
	assert_doctor_says(x, POLICE, "FAIL", "s ahead of the broker's; set it (timedatectl set-ntp true)");
	report_drop(x, "ahead.json", "From ten minutes on");
	assert_true(wait_for(is_refused, x, 20));
	police_end(stage);
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), 0);
}

static void an_office_that_is_behind_is_warned_and_goes_on(void **state)
{
	struct stage *stage = *state;
	struct exchange *x = &stage->x;

	police_begin(stage, -2 * MINUTE_MS);
	assert_doctor_says(x, POLICE, "warn", "s behind the broker's; let a time service keep it");
	report_drop(x, "behind.json", "From two minutes ago");
	assert_true(office_received(x, ARMY, 1, 20));
	police_end(stage);
}

static void an_office_that_is_right_is_told_so(void **state)
{
	struct stage *stage = *state;

	police_begin(stage, 0);
	assert_doctor_says(&stage->x, POLICE, "ok", "as the broker's");
	police_end(stage);
}

/* ------------------------------------------------------------------ the broker */

static bool is_doubted(struct exchange *x)
{
	int status;
	char *text = broker_doctor_text(x, &status);
	const bool doubted = strstr(text, "its clock jumped") != NULL;

	free(text);
	return doubted;
}

static void a_broker_whose_clock_jumps_is_doubted_until_an_operator_says_that_it_is_right(void **state)
{
	struct stage *stage = *state;
	struct exchange *x = &stage->x;

	assert_false(is_doubted(x));
	other_clock_set(&stage->broker, 2 * HOUR_MS, 0);
	assert_true(log_has(x, "event=clock.jumped", 20));
	assert_broker_doctor_says(x, "FAIL", "simpulctl clock confirm");
	assert_broker_doctor_says(x, "FAIL", "nothing that has expired is erased");
	other_clock_set(&stage->broker, 0, 0);
	assert_true(is_doubted(x));
	assert_int_equal(exchange_ctl(x, NULL, "clock", "confirm", NULL), 0);
	assert_false(is_doubted(x));
}

/* ------------------------------------------------------------------ the last hour of its log */

/* An operator who comes now reads that it happened. */
static bool is_told(struct exchange *x, const char *event)
{
	char *file = broker_path(x, "duty.watch");
	struct buffer told = {0};
	bool found;

	assert_int_equal(exchange_ctl(x, &told, "log", "--broker", file, NULL), 0);
	buffer_u8(&told, 0);
	found = strstr((const char *)told.data, event) != NULL;
	buffer_free(&told);
	free(file);
	return found;
}

static void who_comes_late_reads_the_last_hour_and_no_more(void **state)
{
	struct stage *stage = *state;
	struct exchange *x = &stage->x;

	assert_true(is_told(x, "event=broker.serving"));
	other_clock_set(&stage->broker, 50 * MINUTE_MS, 50 * MINUTE_MS);
	assert_true(is_told(x, "event=broker.serving"));
	assert_int_equal(exchange_ctl(x, NULL, "retire", "army.oku", "--reason", "a test", NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "restore", "army.oku", NULL), 0);
	assert_true(is_told(x, "event=member.standing"));
	other_clock_set(&stage->broker, 61 * MINUTE_MS, 61 * MINUTE_MS);
	sleep_ms(patient_ms(200));
	assert_false(is_told(x, "event=broker.serving"));
	assert_true(is_told(x, "event=member.standing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_office_that_is_ahead_is_told_to_set_its_clock_and_sends_nothing_from_the_future),
		cmocka_unit_test(an_office_that_is_behind_is_warned_and_goes_on),
		cmocka_unit_test(an_office_that_is_right_is_told_so),
		cmocka_unit_test(a_broker_whose_clock_jumps_is_doubted_until_an_operator_says_that_it_is_right),
		cmocka_unit_test(who_comes_late_reads_the_last_hour_and_no_more),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
