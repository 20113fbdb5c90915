/* team - processes of one measurement: started, waited for, timed and ended by the parent. */
#include "tests/bench/bench.h"
#include "common/clock.h"
#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_SECONDS 60
#define ROUND_SECONDS 120

void bench_fail(struct bench_shared *shared, const char *format, ...)
{
	va_list arguments;

	if (!atomic_exchange(&shared->failed, true)) {
		va_start(arguments, format);
		vsnprintf(shared->why, sizeof shared->why, format, arguments);
		va_end(arguments);
	}
	_exit(1);
}

void team_init(struct team *team, const struct bench_options *options)
{
	memset(team, 0, sizeof *team);
	team->options = options;
	team->shared = mmap(NULL, sizeof *team->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (team->shared == MAP_FAILED || pipe2(team->wake, O_NONBLOCK | O_CLOEXEC) != 0)
		abort();
}

pid_t team_fork(struct team *team, team_work *work, size_t index, void *context)
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (team->log && !freopen(team->log, "a", stderr))
		_exit(1);
	work(team, index, context);
	_exit(0);
}

static bool alive(pid_t pid)
{
	return pid == 0 || process_alive(pid);
}

/* The folder of the exchange is left for whoever wants to know more. */
_Noreturn static void give_up(const struct team *team, const char *why)
{
	fprintf(stderr, "simpul-bench: %s%s%s\n", why, team->log ? "; see " : "", team->log ? team->log : "");
	exit(1);
}

void team_check(struct team *team)
{
	bool good = alive(team->sender) && alive(team->other) && alive(team->broker);

	for (size_t i = 0; i < team->options->receivers; i++)
		good = good && alive(team->receivers[i]);
	if (good && !atomic_load(&team->shared->failed))
		return;
	give_up(team, team->shared->why[0] ? team->shared->why : "a process ended");
}

static bool everybody_ready(const struct team *team)
{
	bool ready = atomic_load(&team->shared->sender_ready);

	for (size_t i = 0; i < team->options->receivers; i++)
		ready = ready && atomic_load(&team->shared->seats[i].ready);
	return ready;
}

/* Repeats a condition every millisecond; nothing of it is on a path that is measured. */
static void wait_for_team(struct team *team, bool (*done)(const struct team *team, uint64_t total), uint64_t total,
			  int seconds)
{
	const uint64_t deadline = clock_steady_us() + (uint64_t)seconds * 1000000;

	while (!done(team, total)) {
		team_check(team);
		if (clock_steady_us() > deadline)
			give_up(team, "not done in time: reports were lost, or the machine is too slow");
		sleep_ms(1);
	}
}

static bool is_ready(const struct team *team, uint64_t total)
{
	(void)total;
	return everybody_ready(team);
}

static bool is_prepared(const struct team *team, uint64_t total)
{
	return atomic_load(&team->shared->prepared) >= total;
}

static bool is_delivered(const struct team *team, uint64_t total)
{
	for (size_t i = 0; i < team->options->receivers; i++)
		if (atomic_load(&team->shared->seats[i].delivered) < total)
			return false;
	return atomic_load(&team->shared->receipted) >= total;
}

void team_wait_ready(struct team *team)
{
	wait_for_team(team, is_ready, 0, READY_SECONDS);
}

void team_wake(struct team *team)
{
	const ssize_t written = write(team->wake[1], "", 1);

	(void)written; /* a full pipe wakes as well */
}

void wake_drain(const struct team *team)
{
	char bytes[64];

	while (read(team->wake[0], bytes, sizeof bytes) > 0)
		;
}

uint64_t process_cpu_us(pid_t pid)
{
	struct timespec time = {0};
	clockid_t clock;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
		return 0;
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

struct cpu team_cpu(const struct team *team)
{
	struct cpu cpu = {.sender_us = process_cpu_us(team->sender), .broker_us = process_cpu_us(team->broker)};

	for (size_t i = 0; i < team->options->receivers; i++)
		cpu.receivers_us += process_cpu_us(team->receivers[i]);
	return cpu;
}

struct round team_round(struct team *team, uint64_t total)
{
	struct bench_shared *shared = team->shared;
	struct round round = {0};
	struct cpu before, after;
	uint64_t start;

	atomic_store(&shared->prepare, total);
	team_wake(team);
	wait_for_team(team, is_prepared, total, ROUND_SECONDS);
	before = team_cpu(team);
	start = clock_steady_us();
	atomic_store(&shared->goal, total);
	team_wake(team);
	wait_for_team(team, is_delivered, total, ROUND_SECONDS);
	for (size_t i = 0; i < team->options->receivers; i++) {
		const uint64_t took = atomic_load(&shared->seats[i].finished_us) - start;

		if (took > round.elapsed_us)
			round.elapsed_us = took;
	}
	after = team_cpu(team);
	round.cpu = (struct cpu){.sender_us = after.sender_us - before.sender_us,
				 .broker_us = after.broker_us - before.broker_us,
				 .receivers_us = after.receivers_us - before.receivers_us};
	return round;
}

void team_stop(struct team *team)
{
	atomic_store(&team->shared->stop, true);
	team_wake(team);
	for (size_t i = 0; i < team->options->receivers; i++)
		process_end(team->receivers[i], SIGTERM, 5);
	process_end(team->sender, SIGTERM, 5);
	if (team->other)
		process_end(team->other, SIGTERM, 5);
	if (team->ends_broker)
		process_end(team->broker, SIGTERM, 5);
	close(team->wake[0]);
	close(team->wake[1]);
	munmap(team->shared, sizeof *team->shared);
}
