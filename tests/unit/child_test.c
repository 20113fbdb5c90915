/* Tries to outlive what agents/store/child.h promises of a child's end. */
#include "agents/store/child.h"
#include "tests/support/fixed.h"
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLIP_AWAY "slip-away"

enum { LONG_MS = 30 * 1000 };

/* What this program is as a child: it goes over to its parent's process group, says so and stays. */
static void slip_away(void)
{
	if (setpgid(0, getpgid(getppid())) == 0 && write(STDOUT_FILENO, "x", 1) == 1)
		sleep(30);
}

static void a_child_that_leaves_its_group_is_ended_all_the_same(void **state)
{
	char self[] = "/proc/self/exe", word[] = SLIP_AWAY;
	char *argv[] = {self, word, NULL}, *environment[] = {NULL};
	const struct child_command command = {.program = self, .argv = argv, .environment = environment, .heard = true};
	const steady_ms start = clock_now().steady;
	struct child child;
	char said = 0;
	int status = 0;

	(void)state;
	assert_int_equal(child_start(&child, &command, BYTES("", 0), clock_now().steady + LONG_MS, -1), E_OK);
	assert_int_equal(read(child.output, &said, 1), 1);
	assert_int_equal(child_end(&child, clock_now().steady, -1, &status), CHILD_LATE);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(clock_now().steady - start < LONG_MS); /* and was not waited for */
}

static void what_a_child_began_does_not_hold_up_its_answer(void **state)
{
	char shell[] = "/bin/sh", option[] = "-c", script[] = "sleep 30 & echo all", path[] = "PATH=/usr/bin:/bin";
	char *argv[] = {shell, option, script, NULL}, *environment[] = {path, NULL};
	const struct child_command command = {
		.program = shell, .argv = argv, .environment = environment, .heard = true};
	const steady_ms start = clock_now().steady, deadline = start + LONG_MS;
	struct buffer heard = {0};
	struct child child;
	int status = -1;

	(void)state;
	assert_int_equal(child_start(&child, &command, BYTES("", 0), clock_now().steady + LONG_MS, -1), E_OK);
	assert_int_equal(child_read(&child, 100, deadline, -1, &heard, "answer", NULL), E_OK);
	assert_int_equal(child_end(&child, deadline, -1, &status), CHILD_ENDED);
	assert_int_equal(status, 0);
	assert_true(bytes_equal(buffer_view(&heard), BYTES("all\n", 4)));
	assert_true(clock_now().steady < deadline);
	buffer_free(&heard);
}

/* A file system that hangs keeps a process in execve; so does a lease that somebody holds on the program, for 45 s. */
static void a_program_that_does_not_begin_is_not_waited_for(void **state)
{
	char path[] = "/tmp/child-test-XXXXXX";
	char *argv[] = {path, NULL}, *environment[] = {NULL};
	const struct child_command command = {.program = path, .argv = argv, .environment = environment};
	const int made = mkostemp(path, O_CLOEXEC), stop = eventfd(1, EFD_CLOEXEC);
	const steady_ms start = clock_now().steady;
	struct child child;
	int lease;

	(void)state;
	assert_true(made >= 0 && stop >= 0);
	assert_int_equal(fchmod(made, 0700), 0);
	close(made);
	lease = open(path, O_RDONLY | O_CLOEXEC);
	signal(SIGIO, SIG_IGN); /* "give it back" */
	assert_int_equal(fcntl(lease, F_SETLEASE, F_WRLCK), 0);
	assert_int_equal(child_start(&child, &command, BYTES("", 0), start + LONG_MS, stop), E_STOPPING);
	assert_int_equal(child_start(&child, &command, BYTES("", 0), clock_now().steady + 100, -1), E_IO);
	assert_true(clock_now().steady - start < LONG_MS / 2);
	close(lease);
	close(stop);
	unlink(path);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_that_leaves_its_group_is_ended_all_the_same),
		cmocka_unit_test(what_a_child_began_does_not_hold_up_its_answer),
		cmocka_unit_test(a_program_that_does_not_begin_is_not_waited_for),
	};

	if (argc == 2 && strcmp(argv[1], SLIP_AWAY) == 0) {
		slip_away();
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
