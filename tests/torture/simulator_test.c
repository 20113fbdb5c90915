/* Tries to break every promise at once, by seed: the real core, journal, outbox, inbox and uplink in one process, with
 * simulated clocks, network and disks. SIMPUL_SEED=N replays one seed with a trace. */
#include "tests/sim/seed.h"
#include "tests/sim/trace.h"
#include "tests/support/torture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

enum { SEEDS_BRIEF = 100, SEEDS_FULL = 10000, ENOUGH = 10 /* seeds that failed */ };

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What all seeds come to. */
struct sum {
	struct seed_result all;
	uint64_t seeds, failed;
	double began;
};

static void sum_add(struct sum *sum, uint64_t seed, const struct seed_result *result)
{
	struct seed_result *all = &sum->all;

	sum->seeds++;
	for (size_t i = 0; i < WRONGS; i++)
		all->wrongs[i] += result->wrongs[i];
	all->milliseconds += result->milliseconds;
	all->reports += result->reports;
	all->entries += result->entries;
	all->frames += result->frames;
	all->broker_crashes += result->broker_crashes;
	all->office_crashes += result->office_crashes;
	all->halts += result->halts;
	if (result->first_wrong[0] == '\0')
		return;
	sum->failed++;
	printf("# seed %" PRIu64 ": %s (SIMPUL_SEED=%" PRIu64 " replays it)\n", seed, result->first_wrong, seed);
	fflush(stdout);
}

static void sum_tell(const struct sum *sum)
{
	const double hours = (double)sum->all.milliseconds / 3.6e6, took = seconds() - sum->began;
	char note[240];
	const struct torture_row row = {.what = "simulated exchange",
					.tried = sum->seeds,
					.times = "seeds",
					.lost = sum->all.wrongs[LOST],
					.duplicated = sum->all.wrongs[DUPLICATED],
					.leaked = sum->all.wrongs[LEAKED],
					.invented = sum->all.wrongs[INVENTED],
					.note = note};

	snprintf(note, sizeof note,
		 "%.1f simulated hours a second (%.0f h in %.0f s); %" PRIu64 " reports, %" PRIu64 " entries, %" PRIu64
		 " frames, %" PRIu64 " broker and %" PRIu64 " agent crashes",
		 hours / took, hours, took, sum->all.reports, sum->all.entries, sum->all.frames,
		 sum->all.broker_crashes, sum->all.office_crashes);
	printf("# %" PRIu64 " of %" PRIu64 " seeds failed; a person looked after %" PRIu64 " agents that had halted\n",
	       sum->failed, sum->seeds, sum->all.halts);
	torture_row(&row);
	torture_check(&row);
}

static void nothing_is_lost_doubled_leaked_or_invented_whatever_fails(void **state)
{
	struct cast cast;
	struct sum sum = {.began = seconds()};
	uint64_t first = 1, count = torture_times(SEEDS_BRIEF, SEEDS_FULL);

	(void)state;
	if (torture_replay(&first))
		count = 1;
	trace_turn(count == 1);
	cast_make(&cast);
	for (uint64_t seed = first; seed < first + count && sum.failed < ENOUGH; seed++) {
		struct seed_result result;

		seed_run(&cast, seed, &result);
		sum_add(&sum, seed, &result);
	}
	cast_end(&cast);
	sum_tell(&sum);
}

/* Otherwise a failure could not be replayed. */
static void the_same_seed_is_the_same_world(void **state)
{
	const uint64_t seeds[] = {3, 4, 3};
	struct seed_result results[3];
	struct cast cast;

	(void)state;
	trace_turn(false);
	cast_make(&cast);
	for (size_t i = 0; i < 3; i++)
		seed_run(&cast, seeds[i], &results[i]);
	cast_end(&cast);
	assert_memory_equal(&results[0], &results[2], sizeof results[0]);
	assert_memory_not_equal(&results[0], &results[1], sizeof results[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_seed_is_the_same_world),
		cmocka_unit_test(nothing_is_lost_doubled_leaked_or_invented_whatever_fails),
	};

	return cmocka_run_group_tests_name("simulator", tests, NULL, NULL);
}
