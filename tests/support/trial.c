/* trial - counts, prints and judges. */
#include "tests/support/trial.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

struct trial *trial_new(void)
{
	struct trial *trial = mmap(NULL, sizeof *trial, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(trial != MAP_FAILED);
	trial->seed = 1;
	torture_replay(&trial->seed);
	trial->disk = disk_start(trial->seed);
	return trial;
}

void trial_check_kind(const struct trial *before, const struct trial *trial, const char *name, bool is_borne)
{
	const uint64_t met = trial->met - before->met, ended = trial->ended - before->ended;

	printf("# %s: %" PRIu64 " of %" PRIu64 " failures met, %" PRIu64 " ended by it\n", name, met,
	       trial->tried - before->tried - 1, ended);
	assert_true(met > 0);
	assert_true(ended > 0 || is_borne);
}

void trial_close(struct trial *trial, const char *what)
{
	const uint64_t ended = trial->ended;
	char note[80];

	snprintf(note, sizeof note, "%" PRIu64 " ended by it", ended);
	disk_stop(trial->disk);
	findings_close(&trial->findings, what, trial->tried, "failures", note);
	munmap(trial, sizeof *trial);
	assert_true(ended > 0);
}
