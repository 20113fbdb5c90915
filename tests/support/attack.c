/* attack - forks the hostile program and counts what it does in memory that both see. */
#include "tests/support/attack.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define SHARED_SIZE ((2 + ATTACK_MARKS) * sizeof(uint64_t))

void attack_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

void attack_start(struct attack *attack, void (*run)(struct attack *attack))
{
	attack->done = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (attack->done == MAP_FAILED)
		abort();
	attack->turns = attack->done + 1;
	attack->marks = attack->done + 2;
	attack->pid = fork();
	if (attack->pid != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!attack->has_priority)
		setpriority(PRIO_PROCESS, 0, 19);
	attack_raise_descriptors();
	run(attack);
	for (;;)
		pause();
}

struct wanted {
	const struct attack *attack;
	uint64_t amount;
};

static bool is_done(void *context)
{
	const struct wanted *wanted = context;

	return __atomic_load_n(wanted->attack->done, __ATOMIC_RELAXED) >= wanted->amount;
}

bool attack_done(struct attack *attack, uint64_t amount, int seconds)
{
	struct wanted wanted = {attack, amount};

	return wait_for(is_done, &wanted, seconds);
}

uint64_t attack_turns(const struct attack *attack)
{
	return __atomic_load_n(attack->turns, __ATOMIC_RELAXED);
}

uint64_t attack_end(struct attack *attack)
{
	uint64_t done;

	attack->was_alive = process_end(attack->pid, SIGKILL, 5) == 128 + SIGKILL;
	done = *attack->done;
	munmap(attack->done, SHARED_SIZE);
	attack->pid = 0;
	return done;
}
