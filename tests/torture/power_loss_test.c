/* power_loss_test - the power goes at every moment: what was acknowledged is there, nothing is there by half, and it
 * goes on. */
#include "common/log.h"
#include "tests/support/journal_life.h"
#include "tests/support/store_life.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MACHINE "/tmp"	 /* all that is on the disk */
#define LARGE_COMMITS 60 /* the log is copied and begun anew once */
#define LARGE_TIMES 4	 /* twice */

/* Below that much of a life there is little to lose, and a suite that finds nothing lost says nothing. */
#define OPERATIONS_LEAST 300
#define PROMISES_LEAST 30

/* A life that was recorded, and how to look at what a cut left of it. */
struct recorded {
	struct disk *disk;
	void *life;
	void (*check)(void *life, uint64_t at, struct findings *findings);
	uint64_t seed, all, cuts;
	uint64_t promises; /* what was acknowledged in it */
	struct findings findings;
};

static void cut(struct recorded *recorded, uint64_t at, enum disk_loss how)
{
	char where[160];
	const uint64_t seed = recorded->seed + recorded->cuts++;

	snprintf(where, sizeof where, "after %" PRIu64 " of %" PRIu64 " operations, %s (seed %" PRIu64 ")", at,
		 recorded->all, disk_loss_names[how], seed);
	recorded->findings.where = where;
	disk_rewind(recorded->disk, at, how, seed);
	recorded->check(recorded->life, at, &recorded->findings);
}

/* In the long form every prefix with every loss, or with one of them in turn; in the short one so many of both by lot.
 */
static void cut_everywhere(struct recorded *recorded, uint64_t brief, bool each_loss)
{
	recorded->all = disk_recorded(recorded->disk);
	for (uint64_t at = 0; torture_long() && at <= recorded->all; at++)
		for (uint64_t how = 0; how < (each_loss ? DISK_LOSSES : 1); how++)
			cut(recorded, at, (enum disk_loss)((at + how) % DISK_LOSSES));
	while (!torture_long() && recorded->cuts < brief) {
		/* Spread evenly, each stretch at a place of its own. */
		uint64_t stretch = recorded->cuts * recorded->all / brief, width = recorded->all / brief + 1;
		uint64_t at = stretch + (recorded->seed + recorded->cuts) * UINT64_C(2654435761) % width;

		cut(recorded, at <= recorded->all ? at : recorded->all, (enum disk_loss)(recorded->cuts % DISK_LOSSES));
	}
}

/* Prints the row. A life that wrote or promised next to nothing had nothing to lose. */
static void recorded_close(const struct recorded *recorded, const char *what)
{
	char note[100];

	snprintf(note, sizeof note, "%" PRIu64 " operations, %" PRIu64 " promises", recorded->all, recorded->promises);
	findings_close(&recorded->findings, what, recorded->cuts, "cuts", note);
	assert_true(recorded->all >= OPERATIONS_LEAST);
	assert_true(recorded->promises >= PROMISES_LEAST);
}

static uint64_t seed_of(void)
{
	uint64_t seed = 1;

	torture_replay(&seed);
	return seed;
}

/* ---------------------------------------------------------------------------- the journal */

static void check_journal(void *life, uint64_t at, struct findings *findings)
{
	journal_life_check(life, at, findings);
}

static uint64_t journal_promises(const struct journal_life *life)
{
	uint64_t count = 0;

	for (size_t i = 0; i < life->entry_count; i++)
		count += life->entries[i].promise.acknowledged;
	for (size_t i = 0; i < life->cursor_count; i++)
		count += life->cursors[i].promise.acknowledged;
	for (size_t i = 0; i < life->erasure_count; i++)
		count += life->erasures[i].promise.acknowledged;
	return count;
}

static void cut_journal(enum error (*run)(struct journal_life *), uint64_t brief, bool each_loss, const char *what)
{
	struct journal_life life;
	struct recorded recorded = {.life = &life, .check = check_journal, .seed = seed_of()};
	enum error error;

	recorded.disk = disk_start(recorded.seed);
	disk_record(recorded.disk, MACHINE);
	journal_life_found(&life, recorded.disk);
	error = run(&life);
	if (error != E_OK)
		found(&recorded.findings, FOUND_LOST, "the life itself ends: %s", error_name(error));
	journal_life_stop(&life);
	recorded.promises = journal_promises(&life);
	cut_everywhere(&recorded, brief, each_loss);
	journal_life_end(&life);
	disk_stop(recorded.disk);
	recorded_close(&recorded, what);
}

static enum error run_large(struct journal_life *life)
{
	return journal_life_run_large(life, LARGE_COMMITS);
}

static void every_receipt_survives_a_power_cut(void **state)
{
	(void)state;
	cut_journal(journal_life_run, 300, true, "power cut, broker's journal");
}

static void every_receipt_survives_a_power_cut_while_the_log_is_copied(void **state)
{
	(void)state;
	cut_journal(run_large, 60, false, "power cut while the log is copied, journal");
}

/* ---------------------------------------------------------------------------- the agent's outbox and inbox */

static void check_store(void *life, uint64_t at, struct findings *findings)
{
	store_life_check(life, at, findings);
}

static uint64_t store_promises(const struct store_life *life)
{
	uint64_t count = 0;

	for (size_t i = 0; i < life->row_count; i++)
		count += life->rows[i].promise.acknowledged;
	for (size_t i = 0; i < life->number_count; i++)
		count += life->numbers[i].promise.acknowledged;
	return count;
}

static void cut_store(enum error (*run)(struct store_life *), bool sealed, uint64_t brief, bool each_loss,
		      const char *what)
{
	struct store_life life;
	struct recorded recorded = {.life = &life, .check = check_store, .seed = seed_of()};
	enum error error;

	recorded.disk = disk_start(recorded.seed);
	store_life_prepare(&life, recorded.disk, sealed);
	error = run(&life);
	if (error != E_OK)
		found(&recorded.findings, FOUND_LOST, "the life itself ends: %s", error_name(error));
	store_life_stop(&life);
	recorded.promises = store_promises(&life);
	cut_everywhere(&recorded, brief, each_loss);
	store_life_end(&life);
	disk_stop(recorded.disk);
	recorded_close(&recorded, what);
}

static enum error run_large_store(struct store_life *life)
{
	return store_life_run_large(life, LARGE_TIMES);
}

static void what_was_taken_or_received_survives_a_power_cut(void **state)
{
	(void)state;
	cut_store(store_life_run, false, 300, true, "power cut, agent's outbox and inbox");
}

static void what_was_taken_or_received_survives_a_power_cut_while_the_log_is_copied(void **state)
{
	(void)state;
	cut_store(run_large_store, false, 40, false, "power cut while the log is copied, agent");
}

/* Of a sealed page no sector says anything without the others: a torn one must be one that the log has. */
static void an_encrypted_store_survives_a_power_cut_as_a_plain_one_does(void **state)
{
	(void)state;
	cut_store(store_life_run, true, 100, true, "power cut, encrypted store");
	cut_store(run_large_store, true, 30, false, "power cut while the log is copied, encrypted store");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_receipt_survives_a_power_cut),
		cmocka_unit_test(every_receipt_survives_a_power_cut_while_the_log_is_copied),
		cmocka_unit_test(what_was_taken_or_received_survives_a_power_cut),
		cmocka_unit_test(what_was_taken_or_received_survives_a_power_cut_while_the_log_is_copied),
		cmocka_unit_test(an_encrypted_store_survives_a_power_cut_as_a_plain_one_does),
	};

	log_init("power_loss_test", LOG_LEVEL_ALARM);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
