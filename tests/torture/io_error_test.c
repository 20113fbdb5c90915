/* io_error_test - every call that can fail fails in a life: nothing is acknowledged that is not on the disk, the end
 * has a reason, and a restart checks before it serves.
 *
 * A life (journal_life.h, store_life.h) is run in a child for each call that fails; the child then looks at what is
 * left of it after a kill and after a power cut. */
#include "common/log.h"
#include "common/memory.h"
#include "tests/support/journal_life.h"
#include "tests/support/memory_fault.h"
#include "tests/support/store_life.h"
#include "tests/support/trial.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

/* What fails. */
struct failure {
	const char *name;
	enum { FAILS_CALL, FAILS_MEMORY } type;
	enum disk_call call;
	int code;
	enum memory_of memory;
	uint64_t brief, full; /* how many are tried in the short form, in the long one (0: all) */
	bool is_borne;	      /* a life may go on in spite of each */
};

/* How it was lived until then. */
struct outcome {
	enum error error;
	bool is_exhausted; /* the program ended for want of memory */
};

/* ---------------------------------------------------------------------------- the program's end */

static struct {
	bool is_caught;
	int status;
	sigjmp_buf back;
} end;

void __real__exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));

/* In the place of the end of the program. */
void __wrap__exit(int status)
{
	if (!end.is_caught)
		__real__exit(status);
	end.is_caught = false;
	end.status = status;
	siglongjmp(end.back, 1);
}

/* ---------------------------------------------------------------------------- one failure */

static void failure_set(const struct trial *trial, const struct failure *failure, struct disk_fault *fault)
{
	if (failure->type == FAILS_CALL)
		disk_fault_add(trial->disk, fault);
	else
		memory_fault_set(failure->memory, fault->nth, fault->once);
}

/* Returns how many calls were seen. */
static uint64_t failure_clear(const struct trial *trial, const struct failure *failure, struct disk_fault *fault)
{
	if (failure->type == FAILS_MEMORY)
		return memory_fault_clear();
	disk_fault_remove(trial->disk, fault);
	return fault->seen;
}

static enum error live(struct trial *trial)
{
	return trial->journal != NULL ? journal_life_run(trial->journal) : store_life_run(trial->store);
}

static struct outcome live_until_failure(struct trial *trial)
{
	struct outcome outcome = {.error = E_OK};
	const int errors = open("/dev/null", O_WRONLY | O_CLOEXEC), before = dup(STDERR_FILENO);

	dup2(errors, STDERR_FILENO);
	end.is_caught = true;
	if (sigsetjmp(end.back, 1) == 0)
		outcome.error = live(trial);
	else
		outcome.is_exhausted = true;
	end.is_caught = false;
	dup2(before, STDERR_FILENO);
	close(before);
	close(errors);
	return outcome;
}

/* After E_IO nothing more is committed, nor even tried. */
static void journal_refuses_check(struct trial *trial)
{
	struct journal_life *life = trial->journal;
	const uint64_t before = disk_recorded(trial->disk);

	if (life->ledger.journal == NULL || life->reason.code != E_IO)
		return;
	if (journal_life_say(life, 1) != E_IO || disk_recorded(trial->disk) != before)
		found(&trial->findings, FOUND_INVENTED, "a commit was tried after E_IO");
	if (life->reason.field[0] == '\0')
		found(&trial->findings, FOUND_LOST, "an end without a reason");
}

static void store_refuses_check(struct trial *trial)
{
	struct store_life *life = trial->store;
	const enum error failure = life->store.failure.code;
	const uint64_t before = disk_recorded(trial->disk);

	if (life->store.db == NULL || failure == E_OK)
		return;
	if (store_life_take(life) != failure || disk_recorded(trial->disk) != before)
		found(&trial->findings, FOUND_INVENTED, "a report was taken after a commit that failed");
	if (life->store.failure.field[0] == '\0')
		found(&trial->findings, FOUND_LOST, "an end without a reason");
}

/* A disk that was full is used again once it has room. */
static void goes_on_check(struct trial *trial)
{
	enum error error = E_OK;

	if (trial->journal != NULL && trial->journal->ledger.journal != NULL)
		error = journal_life_say(trial->journal, 1);
	else if (trial->journal == NULL && trial->store->store.db != NULL)
		error = store_life_take(trial->store);
	if (error != E_OK)
		found(&trial->findings, FOUND_LOST, "after a full disk: %s", error_name(error));
}

static void life_stop(struct trial *trial)
{
	if (trial->journal != NULL)
		journal_life_stop(trial->journal);
	else
		store_life_stop(trial->store);
}

static void left_check(struct trial *trial)
{
	const uint64_t all = disk_recorded(trial->disk);

	for (int how = 0; how < DISK_LOSSES; how++) {
		/* In the short form after a kill and after one kind of cut. */
		if (!torture_long() && how != DISK_KEPT && how != 1 + (int)(trial->tried % 3))
			continue;
		disk_rewind(trial->disk, all, (enum disk_loss)how, trial->seed + trial->tried);
		if (trial->journal != NULL)
			journal_life_check(trial->journal, all, &trial->findings);
		else
			store_life_check(trial->store, all, &trial->findings);
	}
}

static void child_run(struct trial *trial, const struct failure *failure, struct disk_fault *fault)
{
	struct outcome outcome;

	alarm(120);
	disk_record(trial->disk, TRIAL_MACHINE);
	if (trial->journal != NULL)
		trial->journal->fault = fault;
	failure_set(trial, failure, fault);
	outcome = live_until_failure(trial);
	trial->ended += outcome.error != E_OK || outcome.is_exhausted;
	if (outcome.error == E_DISK_FULL && fault->once)
		goes_on_check(trial);
	else if (outcome.error != E_OK && trial->journal != NULL)
		journal_refuses_check(trial);
	else if (outcome.error != E_OK)
		store_refuses_check(trial);
	if (fault->nth == 0 && outcome.error != E_OK)
		found(&trial->findings, FOUND_LOST, "without a failure: %s", error_name(outcome.error));
	if (trial->journal != NULL && trial->journal->went_on)
		found(&trial->findings, FOUND_INVENTED, "a commit after a sync that failed");
	/* Whoever has ended cannot close its files. */
	if (!outcome.is_exhausted)
		life_stop(trial);
	else if (end.status != EX_OSERR)
		found(&trial->findings, FOUND_LOST, "the end has status %d", end.status);
	trial->seen = failure_clear(trial, failure, fault);
	trial->met += fault->nth > 0 && trial->seen >= fault->nth;
	left_check(trial);
}

static void try(struct trial *trial, const struct failure *failure, uint64_t nth, bool once)
{
	struct disk_fault fault = {
		.prefix = TRIAL_MACHINE, .call = failure->call, .nth = nth, .once = once, .code = failure->code};
	char where[120];
	int status;
	pid_t child;

	snprintf(where, sizeof where, "%s %" PRIu64 " fails%s", failure->name, nth, once ? "" : ", and from then on");
	trial->findings.where = where;
	trial->tried++;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		child_run(trial, failure, &fault);
		fflush(stdout);
		__real__exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		found(&trial->findings, FOUND_LOST, "the program crashes with %d", status);
}

/* Each of the calls that a life makes, or so many by even steps; a life meets every one. */
static void try_each(struct trial *trial, const struct failure *failure)
{
	const struct trial before = *trial;
	uint64_t all, most;

	try(trial, failure, 0, true);
	all = trial->seen;
	most = torture_times(failure->brief, failure->full > 0 ? failure->full : all);
	if (most > all)
		most = all;
	for (uint64_t i = 0; i < most; i++) {
		const uint64_t nth = 1 + i * all / most;

		try(trial, failure, nth, true);
		if (torture_long() || i % 2 == 0)
			try(trial, failure, nth, false);
	}
	trial_check_kind(&before, trial, failure->name, failure->is_borne);
	assert_int_equal(trial->met - before.met, trial->tried - before.tried - 1);
}

static void journal_try(const struct failure *failures, size_t count, const char *what)
{
	struct trial *trial = trial_new();
	struct journal_life life;

	journal_life_found(&life, trial->disk);
	journal_life_stop(&life);
	trial->journal = &life;
	for (size_t i = 0; i < count; i++)
		try_each(trial, &failures[i]);
	journal_life_end(&life);
	trial_close(trial, what);
}

static void store_try(const struct failure *failures, size_t count, const char *what)
{
	struct trial *trial = trial_new();
	struct store_life *life = memory_zero(1, sizeof *life);

	store_life_prepare(life, trial->disk, false);
	trial->store = life;
	for (size_t i = 0; i < count; i++)
		try_each(trial, &failures[i]);
	store_life_end(life);
	free(life);
	trial_close(trial, what);
}

/* ---------------------------------------------------------------------------- lives in which something fails */

static const struct failure calls[] = {
	{.name = "write", .call = DISK_WRITE, .brief = 9},
	{.name = "write (full)", .call = DISK_WRITE, .code = SQLITE_FULL, .brief = 5},
	{.name = "sync", .call = DISK_SYNC, .brief = 9},
	{.name = "truncate", .call = DISK_TRUNCATE, .brief = 2},
	{.name = "open", .call = DISK_OPEN, .brief = 4},
	{.name = "read", .call = DISK_READ, .brief = 4},
	{.name = "delete", .call = DISK_DELETE, .brief = 2, .is_borne = true}, /* a log that stays is read again */
	{.name = "folder sync", .call = DISK_FOLDER, .brief = 3},
};

static const struct failure memory[] = {
	{.name = "allocation of SQLite's", .type = FAILS_MEMORY, .memory = MEMORY_OF_SQLITE, .brief = 10, .full = 400},
	{.name = "allocation", .type = FAILS_MEMORY, .memory = MEMORY_OF_PROGRAM, .brief = 10, .full = 400},
};

static void no_receipt_is_given_for_what_failed(void **state)
{
	(void)state;
	journal_try(calls, COUNT(calls), "disk calls that fail, broker's journal");
}

static void nothing_is_said_to_be_taken_that_failed(void **state)
{
	(void)state;
	store_try(calls, COUNT(calls), "disk calls that fail, agent's store");
}

static void a_broker_without_memory_ends_as_if_killed(void **state)
{
	(void)state;
	journal_try(memory, COUNT(memory), "allocations that fail, broker's journal");
}

static void an_agent_without_memory_ends_as_if_killed(void **state)
{
	(void)state;
	store_try(memory, COUNT(memory), "allocations that fail, agent's store");
}

/* ---------------------------------------------------------------------------- a disk that is full */

static void a_full_disk_refuses_and_then_goes_on(void **state)
{
	struct trial *trial = trial_new();
	const uint64_t step = torture_times(150, 10) * 1024;

	(void)state;
	for (uint64_t room = step; room < 1200 * 1024; room += step) {
		struct journal_life life;
		enum error error;

		trial->tried++;
		journal_life_found(&life, trial->disk);
		disk_record(trial->disk, TRIAL_MACHINE);
		disk_capacity(trial->disk, TRIAL_MACHINE, 300 * 1024 + room);
		error = journal_life_run_large(&life, 20);
		trial->ended += error == E_DISK_FULL;
		if (error != E_OK && error != E_DISK_FULL)
			found(&trial->findings, FOUND_LOST, "a full disk is %s", error_name(error));
		disk_capacity(trial->disk, TRIAL_MACHINE, 0);
		if (journal_life_say(&life, 3) != E_OK)
			found(&trial->findings, FOUND_LOST, "nothing is taken once there is room again");
		journal_life_stop(&life);
		disk_rewind(trial->disk, disk_recorded(trial->disk), DISK_DROPPED, trial->tried);
		journal_life_check(&life, UINT64_MAX, &trial->findings);
		journal_life_end(&life);
		disk_restore(trial->disk, TRIAL_MACHINE, DISK_DROPPED, 1);
	}
	trial_close(trial, "disks that fill up, broker's journal");
}

/* ---------------------------------------------------------------------------- the end for want of memory, unhindered
 */

static void child_exhaust(struct journal_life *life, uint64_t nth, int errors)
{
	dup2(errors, STDERR_FILENO);
	memory_fault_set(MEMORY_OF_PROGRAM, nth, true);
	journal_life_run(life);
	memory_fault_clear();
	__real__exit(EX_OK);
}

static void exhaust(struct trial *trial, uint64_t nth)
{
	struct journal_life *life = mmap(NULL, sizeof *life, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const int errors = memfd_create("errors", MFD_CLOEXEC);
	char text[256] = "";
	int status;
	pid_t child;

	trial->tried++;
	assert_true(life != MAP_FAILED);
	journal_life_found(life, NULL);
	journal_life_stop(life);
	fflush(stdout);
	child = fork();
	if (child == 0)
		child_exhaust(life, nth, errors);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(pread(errors, text, sizeof text - 1, 0) >= 0);
	close(errors);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EX_OSERR || strstr(text, "event=memory.exhausted") == NULL)
		found(&trial->findings, FOUND_LOST, "allocation %" PRIu64 ": status %x, \"%s\"", nth, (unsigned)status,
		      text);
	trial->ended += WIFEXITED(status) && WEXITSTATUS(status) == EX_OSERR;
	life->ledger.journal = NULL;
	journal_life_check(life, UINT64_MAX, &trial->findings);
	journal_life_end(life);
	munmap(life, sizeof *life);
}

static void without_memory_the_program_says_so_and_starts_again(void **state)
{
	struct trial *trial = trial_new();
	const uint64_t times = torture_times(6, 60);

	(void)state;
	disk_stop(trial->disk); /* on real files, which outlive the child */
	trial->findings.where = "for want of memory";
	for (uint64_t i = 0; i < times; i++)
		exhaust(trial, 1 + 300 * i / times);
	trial->disk = disk_start(1);
	trial_close(trial, "ends for want of memory, on real files");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_receipt_is_given_for_what_failed),
		cmocka_unit_test(nothing_is_said_to_be_taken_that_failed),
		cmocka_unit_test(a_broker_without_memory_ends_as_if_killed),
		cmocka_unit_test(an_agent_without_memory_ends_as_if_killed),
		cmocka_unit_test(a_full_disk_refuses_and_then_goes_on),
		cmocka_unit_test(without_memory_the_program_says_so_and_starts_again),
	};

	memory_fault_prepare();
	log_init("io_error_test", LOG_LEVEL_ALARM);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
