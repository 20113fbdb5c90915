/* journal - what an append and a start cost at ten thousand, a hundred thousand, a million, ten million entries.
 *
 *   simpul-bench journal [--entries N] [--per-submission K] [--size S] [--json] [--verified]
 *
 * The journal grows without waiting for the disk; what is measured does wait. At each size: appends one to a commit and
 * 256 to a commit; then the writer dies without closing, the files leave the page cache, and a broker starts. */
#include "tests/bench/laid.h"
#include "tests/bench/scale.h"
#include "common/clock.h"
#include "common/memory.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECEIVERS = 3, FIRST_SIZE = 10000, SINGLE = 500, FULL_COMMITS = 20, VERIFY_SECONDS = 7200 };

struct arguments {
	uint64_t entries; /* the largest journal */
	size_t per_submission, size;
	bool json, verified;
};

/* At one size. */
struct figures {
	uint64_t entries; /* before it was measured; from the child: reports afterwards */
	double singles_per_s, singles_us, full_per_s, full_us; /* entries a second; CPU of one */
	double serve_ms, verified_s;			       /* verified_s 0: not waited for */
	uint64_t bytes;
};

/* ------------------------------------------------------------------ appending */

/* `commits` commits of `per_commit` entries, synced. */
static void appends_time(struct laid *laid, const struct arguments *a, size_t commits, size_t per_commit, double *per_s,
			 double *cpu_us)
{
	const uint64_t count = (uint64_t)commits * per_commit;
	const uint64_t cpu = process_cpu_us(getpid()), start = clock_steady_us();

	for (size_t i = 0; i < commits; i++)
		laid_reports(laid, laid->reports + per_commit * a->per_submission, per_commit);
	*per_s = (double)count * 1e6 / (double)(clock_steady_us() - start);
	*cpu_us = (double)(process_cpu_us(getpid()) - cpu) / (double)count;
}

/* What the child found goes to the parent in a pipe. The child ends without closing: the log stays as it is. */
static void measure_and_die(struct laid *laid, const struct arguments *a, int out)
{
	struct figures f = {0};

	laid_open(laid, true);
	appends_time(laid, a, SINGLE, 1, &f.singles_per_s, &f.singles_us);
	appends_time(laid, a, FULL_COMMITS, LIMIT_COMMIT_ENTRIES, &f.full_per_s, &f.full_us);
	f.entries = laid->reports;
	_exit(write(out, &f, sizeof f) == (ssize_t)sizeof f ? 0 : 1);
}

static struct figures appends_measure(struct laid *laid, const struct arguments *a)
{
	struct figures f = {0};
	int ends[2], status = 1;
	pid_t child;

	if (pipe(ends) != 0 || (child = fork()) < 0)
		laid_fail(laid, "fork");
	if (child == 0)
		measure_and_die(laid, a, ends[1]);
	if (read(ends[0], &f, sizeof f) != (ssize_t)sizeof f || waitpid(child, &status, 0) != child || status != 0)
		laid_fail(laid, "appending");
	close(ends[0]);
	close(ends[1]);
	laid->reports = f.entries;
	laid->workload.last = laid->reports;
	return f;
}

/* ------------------------------------------------------------------ starting */

/* As after a loss of power: nothing of the file is in memory. Its size. */
static uint64_t file_forget(const struct laid *laid, const char *name)
{
	char *path = memory_format("%s/%s", laid->options.path, name);
	const int file = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status = {0};

	free(path);
	if (file < 0)
		return 0;
	fdatasync(file);
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	fstat(file, &status);
	close(file);
	return (uint64_t)status.st_size;
}

static void start_measure(struct laid *laid, const struct arguments *a, struct figures *f)
{
	f->bytes = file_forget(laid, "journal.db") + file_forget(laid, "journal.db-wal") + file_forget(laid, "keys.db") +
		   file_forget(laid, "keys.db-wal");
	f->serve_ms = (double)laid_start_us(laid) / 1000;
	if (a->verified)
		f->verified_s = laid_inspected_s(laid, VERIFY_SECONDS);
	process_end(laid->exchange.broker, SIGKILL, 10);
	laid->exchange.broker = 0;
}

/* ------------------------------------------------------------------ output */

static void print(const struct arguments *a, const struct figures *f)
{
	if (a->json)
		printf("{\"what\": \"journal\", \"entries\": %llu, \"per_submission\": %zu, \"size\": %zu, "
		       "\"single_per_s\": %.0f, \"single_cpu_us\": %.1f, \"full_per_s\": %.0f, \"full_cpu_us\": %.1f, "
		       "\"serve_ms\": %.0f, \"verified_s\": %.1f, \"mib\": %llu}\n",
		       (unsigned long long)f->entries, a->per_submission, a->size, f->singles_per_s, f->singles_us,
		       f->full_per_s, f->full_us, f->serve_ms, f->verified_s, (unsigned long long)f->bytes >> 20);
	else
		printf("%9llu entries, %5llu MiB: %6.0f appends/s one to a commit (%.0f us CPU), %6.0f/s in commits of %d "
		       "(%.0f us); serves after %.0f ms\n",
		       (unsigned long long)f->entries, (unsigned long long)f->bytes >> 20, f->singles_per_s, f->singles_us,
		       f->full_per_s, LIMIT_COMMIT_ENTRIES, f->full_us, f->serve_ms);
	fflush(stdout);
}

static struct arguments arguments_read(int argc, char **argv)
{
	static const struct option names[] = {{"entries", required_argument, NULL, 'n'},
					      {"per-submission", required_argument, NULL, 'k'},
					      {"size", required_argument, NULL, 's'},
					      {"json", no_argument, NULL, 'j'},
					      {"verified", no_argument, NULL, 'v'},
					      {0}};
	struct arguments a = {.entries = 1000000, .per_submission = 1, .size = 260};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'n')
			a.entries = scale_number(optarg, FIRST_SIZE, 100000000);
		else if (option == 'k')
			a.per_submission = scale_number(optarg, 1, LIMIT_SUBMISSION_REPORTS);
		else if (option == 's')
			a.size = scale_number(optarg, 200, 4000);
		else if (option == 'v')
			a.verified = true;
		else if (option == 'j')
			a.json = true;
		else
			scale_number("", 0, 0);
	}
	return a;
}

int journal_main(int argc, char **argv)
{
	const struct arguments a = arguments_read(argc, argv);
	struct laid laid;

	laid_make(&laid, RECEIVERS, a.size, a.per_submission);
	for (uint64_t entries = FIRST_SIZE; entries <= a.entries; entries *= 10) {
		struct figures f;

		laid_open(&laid, false);
		laid_reports(&laid, entries * a.per_submission, LIMIT_COMMIT_ENTRIES);
		laid_close(&laid);
		f = appends_measure(&laid, &a);
		f.entries = entries;
		start_measure(&laid, &a, &f);
		print(&a, &f);
	}
	laid_end(&laid);
	return 0;
}
