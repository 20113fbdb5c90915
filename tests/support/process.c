/* process - fork, exec, wait and kill for tests. */
#include "tests/support/process.h"
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void sleep_ms(unsigned ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&pause, NULL);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void tree_remove(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Where everything runs at a fraction of its speed, SIMPUL_PATIENCE says how many times longer a test waits. */
int patient_ms(int ms)
{
	const char *patience = getenv("SIMPUL_PATIENCE");
	const int times = patience ? atoi(patience) : 1;

	return ms * (times > 0 ? times : 1);
}

/* When a test that waits may give up. */
static steady_ms deadline_after(int seconds)
{
	return clock_now().steady + (steady_ms)patient_ms(seconds * 1000);
}

bool wait_for(bool (*condition)(void *context), void *context, int seconds)
{
	const steady_ms deadline = deadline_after(seconds);

	do {
		if (condition(context))
			return true;
		sleep_ms(20);
	} while (clock_now().steady < deadline);
	return condition(context);
}

const char *process_program(const char *name, char *path, size_t size)
{
	const char *folder = getenv("SIMPUL_BIN");

	if (!folder) {
		fprintf(stderr, "SIMPUL_BIN must name the folder of the programs under test\n");
		exit(64);
	}
	snprintf(path, size, "%s/%s", folder, name);
	return path;
}

static void child_run(const char *const argv[], int in, int out, const char *log)
{
	const int errors = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in, STDIN_FILENO);
	dup2(out < 0 ? errors : out, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	execv(argv[0], (char *const *)argv);
	fprintf(stderr, "cannot start %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

pid_t process_start(const char *const argv[], const char *log)
{
	const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const pid_t pid = fork();

	if (pid == 0)
		child_run(argv, nothing, -1, log);
	close(nothing);
	return pid;
}

/* The exit status of a child that ends before `deadline`; -1 when it does not. */
static int wait_until(pid_t pid, steady_ms deadline)
{
	int status;

	for (;;) {
		const pid_t ended = waitpid(pid, &status, WNOHANG);

		if (ended == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (ended < 0 || clock_now().steady >= deadline)
			return -1;
		sleep_ms(2);
	}
}

int process_end(pid_t pid, int signal, int seconds)
{
	int status;

	if (pid <= 0)
		return -1;
	kill(pid, signal);
	status = wait_until(pid, deadline_after(seconds));
	if (status >= 0)
		return status;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

bool process_alive(pid_t pid)
{
	return pid > 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

/* Reads what the child writes until it closes its output or the time is up. */
static void drain(int fd, struct buffer *out, steady_ms deadline)
{
	uint8_t piece[4096];

	for (;;) {
		struct pollfd item = {.fd = fd, .events = POLLIN};
		const steady_ms now = clock_now().steady;
		ssize_t size;

		if (now >= deadline || poll(&item, 1, (int)(deadline - now)) <= 0)
			return;
		size = read(fd, piece, sizeof piece);
		if (size <= 0)
			return;
		if (out)
			buffer_append(out, piece, (size_t)size);
	}
}

int process_run(const char *const argv[], const char *input, struct buffer *out, const char *log, int seconds)
{
	const steady_ms deadline = deadline_after(seconds);
	FILE *in = tmpfile();
	int pipes[2], status;
	pid_t pid;

	if (!in || pipe2(pipes, O_CLOEXEC) != 0)
		return -1;
	if (input)
		fputs(input, in);
	rewind(in);
	pid = fork();
	if (pid == 0)
		child_run(argv, fileno(in), pipes[1], log);
	close(pipes[1]);
	fclose(in);
	drain(pipes[0], out, deadline);
	close(pipes[0]);
	status = wait_until(pid, deadline);
	if (status < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return status;
}

size_t process_rss(pid_t pid)
{
	char path[64], line[256];
	size_t kib = 0;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "VmRSS: %zu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}
