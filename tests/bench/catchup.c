/* catchup - how fast a node that was away gets what it missed from the journal, and what that costs the others.
 *
 *   simpul-bench catchup [--reports N] [--per-submission K] [--size S] [--live R] [--receivers M] [--json]
 *
 * The journal is laid in before the broker starts, so that nothing of it is in the broker's memory. The node that was away
 * runs the agent's uplink and verifies every signature, head, header and number; its cursor is synced for each batch. With
 * --live a sender says R reports a second meanwhile to M others that were there all the time. */
#include "tests/bench/laid.h"
#include "tests/bench/scale.h"
#include "common/clock.h"
#include "common/memory.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OTHERS = 3,
	LIVE_PER_SUBMISSION = 10,
	STEP_MS = 10,
	QUIET_SECONDS = 5,
	CATCHUP_SECONDS = 120,
	LIVE_REPORTS = 200000, /* that lie ready */
	SAMPLES_MOST = CATCHUP_SECONDS * 1000 / STEP_MS,
};

struct arguments {
	uint64_t reports;
	size_t per_submission, size, live, receivers;
	bool json;
};

/* What the others get while time passes. */
struct live {
	double offered, delivered;	      /* reports a second */
	uint32_t lag_ms_median, lag_ms_worst; /* how long the slowest of them waits for what was said */
};

struct figures {
	double reports_per_s, broker_us, receiver_us; /* of CPU, a report */
	struct live before, during;
};

/* The team's goal grows with time; the others' least delivery is compared with it at each step. */
struct pace {
	struct team *team;
	size_t per_s;
	uint64_t began_us, said, first_said, first_delivered;
	uint32_t lags[SAMPLES_MOST];
	size_t count;
};

/* ------------------------------------------------------------------ live traffic */

static uint64_t delivered_least(const struct team *team)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < team->options->receivers; i++) {
		const uint64_t delivered = atomic_load(&team->shared->seats[i].delivered);

		least = delivered < least ? delivered : least;
	}
	return least;
}

static void pace_begin(struct pace *pace, struct team *team, size_t per_s)
{
	*pace = (struct pace){.team = team, .per_s = per_s, .began_us = clock_steady_us()};
	if (!team)
		return;
	pace->said = pace->first_said = atomic_load(&team->shared->goal);
	pace->first_delivered = delivered_least(team);
}

/* Says what is due. */
static void pace_step(struct pace *pace)
{
	uint64_t due;

	sleep_ms(STEP_MS);
	if (!pace->team)
		return;
	team_check(pace->team);
	due = pace->first_said + (clock_steady_us() - pace->began_us) * pace->per_s / 1000000;
	due -= due % LIVE_PER_SUBMISSION;
	if (due > pace->said) {
		pace->said = due;
		atomic_store(&pace->team->shared->goal, due);
		team_wake(pace->team);
	}
	if (pace->count < SAMPLES_MOST)
		pace->lags[pace->count++] =
			(uint32_t)((pace->said - delivered_least(pace->team)) * 1000 / pace->per_s);
}

static int compare_lags(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static struct live pace_end(struct pace *pace)
{
	const double seconds = (double)(clock_steady_us() - pace->began_us) / 1e6;
	struct live live = {0};

	if (!pace->team || pace->count == 0)
		return live;
	live.offered = (double)(pace->said - pace->first_said) / seconds;
	live.delivered = (double)(delivered_least(pace->team) - pace->first_delivered) / seconds;
	qsort(pace->lags, pace->count, sizeof *pace->lags, compare_lags);
	live.lag_ms_median = pace->lags[pace->count / 2];
	live.lag_ms_worst = pace->lags[pace->count - 1];
	return live;
}

/* ------------------------------------------------------------------ who was away */

/* The node is the last office, and its seat the last one. */
static struct seat *node_start(struct laid *laid, struct team *team, const struct bench_options *options)
{
	const size_t index = laid->exchange.count - 2;

	team_init(team, options);
	team->log = laid->exchange.log;
	team->broker = laid->exchange.broker;
	team->receivers[0] = team_fork(team, real_receiver, index, &laid->exchange);
	return &team->shared->seats[index];
}

/* The time counts from the first batch on: what comes before it is a process that starts. */
static void catch_up(struct laid *laid, const struct arguments *a, struct pace *pace, struct figures *f)
{
	const struct bench_options options = {.receivers = 1, .size = a->size};
	const uint64_t broker = process_cpu_us(laid->exchange.broker), start = clock_steady_us();
	uint64_t first = 0, first_us = 0;
	struct team team;
	struct seat *seat = node_start(laid, &team, &options);

	while (atomic_load(&seat->delivered) < a->reports) {
		if (first == 0 && (first = atomic_load(&seat->delivered)) > 0)
			first_us = atomic_load(&seat->finished_us);
		team_check(&team);
		if (clock_steady_us() - start > CATCHUP_SECONDS * 1000000ULL)
			laid_fail(laid, "the node does not catch up in time");
		pace_step(pace);
	}
	f->reports_per_s = (double)(a->reports - first) * 1e6 / (double)(atomic_load(&seat->finished_us) - first_us);
	f->broker_us = (double)(process_cpu_us(laid->exchange.broker) - broker) / (double)a->reports;
	f->receiver_us = (double)process_cpu_us(team.receivers[0]) / (double)a->reports;
	team_stop(&team);
}

/* ------------------------------------------------------------------ the others */

static void others_start(struct laid *laid, struct team *team, const struct bench_options *options)
{
	team_init(team, options);
	team->log = laid->exchange.log;
	team->broker = laid->exchange.broker;
	atomic_store(&team->shared->prepare, laid->reports);
	atomic_store(&team->shared->prepared, laid->reports);
	atomic_store(&team->shared->receipted, laid->reports);
	atomic_store(&team->shared->goal, laid->reports);
	real_members_start(team, &laid->exchange);
	/* They too were away; now they are not any more. */
	while (delivered_least(team) < laid->reports) {
		team_check(team);
		sleep_ms(STEP_MS);
	}
	atomic_store(&team->shared->prepare, laid->reports + LIVE_REPORTS);
	team_wake(team);
	while (atomic_load(&team->shared->prepared) < atomic_load(&team->shared->prepare)) {
		team_check(team);
		sleep_ms(STEP_MS);
	}
}

static void quiet_measure(struct pace *pace, struct figures *f)
{
	const uint64_t until = clock_steady_us() + QUIET_SECONDS * 1000000ULL;

	while (clock_steady_us() < until)
		pace_step(pace);
	f->before = pace_end(pace);
}

static void run(struct laid *laid, const struct arguments *a, struct figures *f)
{
	const struct bench_options options = {
		.receivers = a->receivers, .size = a->size, .per_submission = LIVE_PER_SUBMISSION};
	struct pace *pace = memory_zero(1, sizeof *pace);
	struct team others;

	if (a->live > 0) {
		others_start(laid, &others, &options);
		pace_begin(pace, &others, a->live);
		quiet_measure(pace, f);
	}
	pace_begin(pace, a->live > 0 ? &others : NULL, a->live);
	catch_up(laid, a, pace, f);
	f->during = pace_end(pace);
	if (a->live > 0)
		team_stop(&others);
	free(pace);
}

/* ------------------------------------------------------------------ output */

static void print(const struct arguments *a, const struct figures *f)
{
	if (a->json)
		printf("{\"what\": \"catchup\", \"reports\": %llu, \"per_submission\": %zu, \"size\": %zu, \"live\": %zu, "
		       "\"receivers\": %zu, \"reports_per_s\": %.0f, \"broker_us\": %.2f, \"receiver_us\": %.2f, "
		       "\"others_before_per_s\": %.0f, \"others_during_per_s\": %.0f, \"lag_ms_before\": %u, "
		       "\"lag_ms_during\": %u, \"worst_lag_ms_before\": %u, \"worst_lag_ms_during\": %u}\n",
		       (unsigned long long)a->reports, a->per_submission, a->size, a->live, a->receivers, f->reports_per_s,
		       f->broker_us, f->receiver_us, f->before.delivered, f->during.delivered, f->before.lag_ms_median,
		       f->during.lag_ms_median, f->before.lag_ms_worst, f->during.lag_ms_worst);
	else
		printf("%.0f reports/s (CPU a report: broker %.2f us, receiver %.2f us)\n", f->reports_per_s, f->broker_us,
		       f->receiver_us);
	if (!a->json && a->live > 0)
		printf("others: %.0f of %.0f reports/s before, %.0f of %.0f meanwhile; behind %u ms (at most %u) before, %u "
		       "ms (at most %u) meanwhile\n",
		       f->before.delivered, f->before.offered, f->during.delivered, f->during.offered,
		       f->before.lag_ms_median, f->before.lag_ms_worst, f->during.lag_ms_median, f->during.lag_ms_worst);
}

static void argument_take(struct arguments *a, int option)
{
	switch (option) {
	case 'n':
		a->reports = scale_number(optarg, 256, 100000000);
		break;
	case 'k':
		a->per_submission = scale_number(optarg, 1, LIMIT_SUBMISSION_REPORTS);
		break;
	case 's':
		a->size = scale_number(optarg, 200, 4000);
		break;
	case 'l':
		a->live = scale_number(optarg, LIVE_PER_SUBMISSION, 10000);
		break;
	case 'r':
		a->receivers = scale_number(optarg, 1, RECEIVERS_MOST);
		break;
	case 'j':
		a->json = true;
		break;
	default:
		scale_number("", 0, 0);
	}
}

static struct arguments arguments_read(int argc, char **argv)
{
	static const struct option names[] = {{"reports", required_argument, NULL, 'n'},
					      {"per-submission", required_argument, NULL, 'k'},
					      {"size", required_argument, NULL, 's'},
					      {"live", required_argument, NULL, 'l'},
					      {"receivers", required_argument, NULL, 'r'},
					      {"json", no_argument, NULL, 'j'},
					      {0}};
	struct arguments a = {.reports = 512000, .per_submission = 256, .size = 512, .receivers = OTHERS};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		argument_take(&a, option);
	return a;
}

int catchup_main(int argc, char **argv)
{
	const struct arguments a = arguments_read(argc, argv);
	struct figures figures = {0};
	struct laid laid;

	laid_make(&laid, a.receivers + 1, a.size, a.per_submission);
	laid_open(&laid, false);
	laid_reports(&laid, a.reports, LIMIT_COMMIT_ENTRIES);
	laid_close(&laid);
	laid_offices(&laid, a.receivers + 1);
	laid_start_us(&laid);
	laid_inspected_s(&laid, CATCHUP_SECONDS);
	run(&laid, &a, &figures);
	print(&a, &figures);
	laid_end(&laid);
	return 0;
}
