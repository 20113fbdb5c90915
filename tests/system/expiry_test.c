/* expiry_test - a report whose time comes, with real processes whose clocks go on by weeks: its origin is warned, and then it is gone
 * everywhere, from the copies of programs too, and who may have one yet is named. */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/other_clock.h"
#include "tests/support/policy.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

enum { POLICE, ARMY, CUSTOMS };

#define CANARY "ERIKSSON-canary"
#define BARE "bare-canary"

static const char policy[] = POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_AGENCY("army")
	POLICY_RECEIVES POLICY_AGENCY("customs") POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01")
		POLICY_NODE("army.oku", "16.01") POLICY_NODE("customs.oku", "16.01");

/* Copies what it gets into files: what came, and what events there were. */
static const char clerk[] = "#!/bin/sh\n"
			    "echo \"$SIMPUL_EVENT\" >>\"$0.events\"\n"
			    "cat >>\"$0.got\"\n";

/* One clock for all programs. */
static struct other_clock own_clock;

static char *program_put(struct exchange *x, const char *name)
{
	char *path = office_path(x, CUSTOMS, name);

	file_put(path, clerk);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

/* The army keeps a file for each report; the customs have a program that erases, and one that cannot. */
static void sinks_put(struct exchange *x)
{
	static const char before[] = "  - {name: lines, type: jsonl, path: inbox.jsonl}\n";
	char *army = office_path(x, ARMY, "agent.yaml"), *files = office_path(x, ARMY, "files");
	char *customs = office_path(x, CUSTOMS, "agent.yaml");
	char *erases = program_put(x, "erases"), *keeps = program_put(x, "keeps");
	char *sinks = memory_format("  - {name: erases, type: program, path: %s, erases: yes}\n"
				    "  - {name: keeps, type: program, path: %s, erases: no}\n",
				    erases, keeps);

	assert_int_equal(mkdir(files, 0700), 0);
	file_swap(army, before, "  - {name: files, type: folder, path: files}\n");
	file_swap(customs, before, sinks);
	free(sinks);
	free(keeps);
	free(erases);
	free(customs);
	free(files);
	free(army);
}

static int set_up(void **state)
{
	static struct exchange x;

	exchange_make(&x, policy);
	other_clock_open(&own_clock, x.folder);
	other_clock_begin(x.folder);
	exchange_start_broker(&x);
	exchange_add(&x, "police.oku", NULL);
	exchange_add(&x, "army.oku", NULL);
	exchange_add(&x, "customs.oku", NULL);
	sinks_put(&x);
	*state = &x;
	return exchange_serve(&x);
}

static int tear_down(void **state)
{
	other_clock_end();
	other_clock_close(&own_clock);
	return exchange_tear_down(state);
}

static void days_go_by(int64_t days)
{
	other_clock_set(&own_clock, days * (int64_t)DAY_MS, days * (int64_t)DAY_MS);
}

/* ------------------------------------------------------------------ what the programs show */

struct awaited {
	struct exchange *x;
	size_t office;
	const char *text, *file, *value;
};

static bool file_has(void *context)
{
	const struct awaited *awaited = context;
	char *path = office_path(awaited->x, awaited->office, awaited->file);
	char *text = file_there(path) ? file_text(path) : memory_string("");
	const bool has = strstr(text, awaited->text) != NULL;

	free(text);
	free(path);
	return has;
}

static bool writes(struct exchange *x, size_t office, const char *file, const char *text)
{
	struct awaited awaited = {.x = x, .office = office, .file = file, .text = text};

	return wait_for(file_has, &awaited, 20);
}

/* What a program prints. */
static char *printed(struct buffer *out)
{
	buffer_u8(out, 0);
	return (char *)out->data;
}

static void hand_in(struct exchange *x, const char *summary, const char *more, const char *name)
{
	char *draft = memory_format("{\"category\": \"public-order\", \"label\": \"AMBER\", \"region\": \"16.01\","
				    " \"purpose\": \"law-enforcement\", \"sighting\": {\"first_seen\":"
				    " \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\": \"%s\"%s}}",
				    summary, more);
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, POLICE, draft, &out, "report", "--json", "-", NULL), 0);
	assert_non_null(strstr(printed(&out), name));
	buffer_free(&out);
	free(draft);
}

#define PERSON \
	", \"persons\": [{\"capacity\": \"seen\", \"identity\": \"claimed\", \"age\": \"adult\"," \
	" \"primary_identifier\": \"" CANARY "\"}]"

/* ------------------------------------------------------------------ tests */

static void no_person_is_handed_to_a_program_that_cannot_erase(void **state)
{
	struct exchange *x = *state;

	hand_in(x, CANARY, PERSON, "police.oku#1");
	hand_in(x, BARE, "", "police.oku#2");
	assert_true(writes(x, CUSTOMS, "erases.got", CANARY));
	assert_true(writes(x, CUSTOMS, "keeps.got", BARE)); /* the second, after the first was passed over */
	assert_false(file_has(&(struct awaited){.x = x, .office = CUSTOMS, .file = "keeps.got", .text = CANARY}));
	assert_true(inbox_shows(x, ARMY, "police.oku#1", "state", "current"));
	assert_true(inbox_shows(x, ARMY, "police.oku#2", "state", "current"));
}

static bool lists_expiring(struct exchange *x, const char *name)
{
	struct buffer out = {0};
	bool listed;

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, "outbox", "list", "--expiring", NULL), 0);
	listed = strstr(printed(&out), name) != NULL;
	buffer_free(&out);
	return listed;
}

/* Thirty days are what the office gives a report. */
static void its_origin_is_warned_a_week_before(void **state)
{
	struct exchange *x = *state;

	days_go_by(20);
	assert_false(lists_expiring(x, "police.oku#1"));
	days_go_by(25);
	assert_true(log_has(x, "event=report.expires_soon reports=2 days=7", 20));
	assert_true(lists_expiring(x, "police.oku#1"));
	assert_true(office_holds(x, ARMY, CANARY));
}

static bool told_of_erasure(void *context)
{
	const struct awaited *awaited = context;
	struct buffer out = {0};
	bool told;

	exchange_simpul(awaited->x, POLICE, NULL, &out, "outbox", "show", awaited->text, NULL);
	told = strstr(printed(&out), awaited->value) != NULL;
	buffer_free(&out);
	return told;
}

static void what_expired_is_gone_everywhere_and_from_the_copies_of_programs(void **state)
{
	struct exchange *x = *state;
	char *file = office_path(x, ARMY, "files/AMBER-police.oku-1.json");
	struct buffer out = {0};

	assert_true(file_there(file));
	days_go_by(31);
	assert_true(log_has(x, "event=bodies.erased expired=2 retracted=0", 20));
	assert_true(inbox_shows(x, ARMY, "police.oku#1", "erased_by", "expired"));
	assert_true(inbox_shows(x, CUSTOMS, "police.oku#1", "erased_by", "expired"));
	assert_true(writes(x, CUSTOMS, "erases.events", "erase\n"));
	assert_true(office_forgets(x, ARMY, CANARY));
	assert_true(office_forgets(x, POLICE, CANARY));
	assert_false(file_there(file));
	assert_true(wait_for(told_of_erasure, &(struct awaited){.x = x, .text = "police.oku#1", .value = "erases: erased"}, 20));
	assert_int_equal(exchange_simpul(x, ARMY, NULL, &out, "inbox", "show", "police.oku#1", NULL), 0);
	assert_null(strstr(printed(&out), CANARY));
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	buffer_free(&out);
	free(file);
}

static void who_was_shut_out_with_a_copy_is_named_for_a_letter(void **state)
{
	struct exchange *x = *state;
	struct buffer out = {0};

	hand_in(x, "after a month", PERSON, "police.oku#3");
	assert_true(inbox_shows(x, ARMY, "police.oku#3", "state", "current"));
	assert_true(inbox_shows(x, CUSTOMS, "police.oku#3", "state", "current"));
	assert_int_equal(exchange_ctl(x, NULL, "revoke", "army.oku", "--reason", "stolen", NULL), 0);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", "police.oku#3", "--reason", "wrong-person",
					 "--erase", NULL),
			 0);
	assert_true(inbox_shows(x, CUSTOMS, "police.oku#3", "erased_by", "retracted"));
	/* What shows a body is not even proposed without a reason. */
	assert_int_equal(exchange_ctl(x, NULL, "hold", "open", "police.oku#3", NULL), 64);
	assert_int_equal(exchange_ctl(x, &out, "report", "police.oku#3", NULL), 0);
	assert_non_null(strstr(printed(&out), "by letter, for they are shut out and have a copy, perhaps: army.oku"));
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_person_is_handed_to_a_program_that_cannot_erase),
		cmocka_unit_test(its_origin_is_warned_a_week_before),
		cmocka_unit_test(what_expired_is_gone_everywhere_and_from_the_copies_of_programs),
		cmocka_unit_test(who_was_shut_out_with_a_copy_is_named_for_a_letter),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
