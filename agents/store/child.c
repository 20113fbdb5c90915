/* child - fork and exec with nothing left open, and the end of a whole process group. */
#include "agents/store/child.h"
#include "agents/store/stop.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TELL_FD = STDERR_FILENO + 1, EXEC_FAILED = 127, PIECE = 4096 };

/* ------------------------------------------------------------------ what the child does */

static void limit(int resource, size_t most)
{
	setrlimit((__rlimit_resource_t)resource, &(struct rlimit){most, most});
}

static void limits_set(const struct child_limits *limits)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_CPU, limits->seconds);
	limit(RLIMIT_AS, limits->memory);
}

/* The three standard descriptors and `tell`, and no other. */
static bool descriptors_set(int input, int output, int tell)
{
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

	return nothing >= 0 && dup2(input, STDIN_FILENO) >= 0 &&
	       dup2(output >= 0 ? output : nothing, STDOUT_FILENO) >= 0 && dup2(nothing, STDERR_FILENO) >= 0 &&
	       (tell == TELL_FD || dup2(tell, TELL_FD) >= 0) && fcntl(TELL_FD, F_SETFD, FD_CLOEXEC) == 0 &&
	       close_range(TELL_FD + 1, ~0U, 0) == 0;
}

/* Between fork and exec of a program with threads: system calls only. What fails is told to the parent. */
static _Noreturn void child_run(const struct child_command *command, int input, int output, int tell)
{
	sigset_t none;
	int cause;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (descriptors_set(input, output, tell) && chdir("/") == 0) {
		tell = TELL_FD;
		limit(RLIMIT_CORE, 0);
		if (command->limits != NULL)
			limits_set(command->limits);
		execve(command->program, command->argv, command->environment);
	}
	cause = errno;
	signal(SIGPIPE, SIG_IGN);
	if (write(tell, &cause, sizeof(cause)) != (ssize_t)sizeof(cause))
		_exit(EX_OSERR);
	_exit(EXEC_FAILED);
}

/* ------------------------------------------------------------------ start */

/* The input as a file without a name, in memory. */
static int input_file(struct bytes input)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	for (size_t done = 0; fd >= 0 && done < input.size;) {
		ssize_t n = write(fd, input.data + done, input.size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static void descriptor_close(int fd)
{
	int cause = errno;

	if (fd >= 0)
		close(fd);
	errno = cause;
}

/* Waits until the child runs its program, or says why it does not: a file system that hangs keeps it in execve. False
 * when it does neither in time. */
static bool told_wait(int fd, steady_ms deadline, int stop)
{
	for (;;) {
		struct pollfd polled[] = {{.fd = fd, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
		const steady_ms now = clock_now().steady;

		if (poll(polled, 2, now < deadline ? (int)(deadline - now) : 0) > 0)
			return polled[0].revents != 0;
		if (now >= deadline)
			return false;
	}
}

/* What kept the child from running its program; 0: it runs. */
static int told(int fd, steady_ms deadline, int stop)
{
	int cause = 0;
	ssize_t n;

	if (!told_wait(fd, deadline, stop))
		return stop_asked(stop) ? ECANCELED : ETIMEDOUT;
	do
		n = read(fd, &cause, sizeof(cause));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(cause) ? cause : 0;
}

static void reap(const struct child *child, int *status)
{
	kill(child->pid, SIGKILL);  /* by its number, for it may have left its group */
	kill(-child->pid, SIGKILL); /* and whatever it began */
	while (waitpid(child->pid, status, 0) < 0 && errno == EINTR)
		;
	descriptor_close(child->end);
}

/* False when there is no process to be had, or nothing to wait for it with. */
static bool child_fork(struct child *child, const struct child_command *command, int input, int output, int tell)
{
	int status, cause;

	child->pid = fork();
	if (child->pid == 0)
		child_run(command, input, output, tell);
	if (child->pid < 0)
		return false;
	setpgid(child->pid, child->pid); /* whoever comes first: its group is there from now on */
	child->end = pidfd_open(child->pid, 0);
	if (child->end >= 0)
		return true;
	cause = errno;
	reap(child, &status);
	errno = cause;
	return false;
}

static enum error start_error(int cause)
{
	switch (cause) {
	case 0:
		return E_OK;
	case ECANCELED:
		return E_STOPPING;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
	case ETIMEDOUT:
		return E_IO;
	default:
		return E_NOT_FOUND;
	}
}

enum error child_start(struct child *child, const struct child_command *command, struct bytes input, steady_ms deadline,
		       int stop)
{
	int file = input_file(input), out[2] = {-1, -1}, tell[2] = {-1, -1}, status, cause;
	bool forked = file >= 0 && (!command->heard || pipe2(out, O_CLOEXEC) == 0) && pipe2(tell, O_CLOEXEC) == 0 &&
		      child_fork(child, command, file, out[1], tell[1]);

	child->output = out[0];
	descriptor_close(file);
	descriptor_close(out[1]);
	descriptor_close(tell[1]);
	if (!forked) {
		descriptor_close(out[0]);
		descriptor_close(tell[0]);
		return E_IO;
	}
	cause = told(tell[0], deadline, stop);
	close(tell[0]);
	if (cause != 0)
		child_end(child, 0, -1, &status);
	errno = cause;
	return start_error(cause);
}

/* ------------------------------------------------------------------ what it writes */

/* Waits for what it writes next; no byte: it has come to its end. What it began may hold the other end of the pipe for
 * longer, and is not waited for. */
static enum error piece_read(const struct child *child, steady_ms deadline, int stop, uint8_t *piece, size_t *size,
			     const char *what, struct fault *fault)
{
	struct pollfd polled[] = {{.fd = child->output, .events = POLLIN},
				  {.fd = child->end, .events = POLLIN},
				  {.fd = stop, .events = POLLIN}};
	ssize_t n = 0;

	do {
		steady_ms now = clock_now().steady;

		if (now >= deadline)
			return fault_at(fault, E_TOO_LARGE, "%s: it takes too long to read", what);
		polled[0].revents = polled[1].revents = 0;
		if (poll(polled, 3, (int)(deadline - now)) > 0 && polled[2].revents != 0)
			return fault_at(fault, E_STOPPING, "%s", what);
	} while (polled[0].revents == 0 && polled[1].revents == 0);
	/* It may have written between the two looks, and ended. */
	if (polled[0].revents != 0 || poll(polled, 1, 0) > 0)
		n = read(child->output, piece, PIECE);
	if (n < 0)
		return fault_at(fault, E_IO, "%s", what);
	*size = (size_t)n;
	return E_OK;
}

enum error child_read(const struct child *child, size_t most, steady_ms deadline, int stop, struct buffer *out,
		      const char *what, struct fault *fault)
{
	uint8_t piece[PIECE];
	size_t size;
	enum error error;

	while ((error = piece_read(child, deadline, stop, piece, &size, what, fault)) == E_OK && size > 0) {
		if (out->size + size > most)
			return fault_at(fault, E_TOO_LARGE, "%s", what);
		buffer_append(out, piece, size);
	}
	return error;
}

void child_drain(const struct child *child, steady_ms deadline, int stop)
{
	uint8_t piece[PIECE];
	size_t size;

	while (piece_read(child, deadline, stop, piece, &size, "output", NULL) == E_OK && size > 0)
		;
}

/* ------------------------------------------------------------------ end */

/* Waits for the end that it finds by itself; until it is reaped its number is no other's. */
static enum child_outcome end_wait(const struct child *child, steady_ms deadline, int stop)
{
	for (;;) {
		struct pollfd polled[] = {{.fd = child->end, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
		const steady_ms now = clock_now().steady;
		const int ready = poll(polled, 2, now < deadline ? (int)(deadline - now) : 0);

		if (ready > 0)
			return polled[0].revents != 0 ? CHILD_ENDED : CHILD_STOPPED;
		if (ready == 0 && now >= deadline)
			return CHILD_LATE;
	}
}

enum child_outcome child_end(struct child *child, steady_ms deadline, int stop, int *status)
{
	enum child_outcome outcome;

	if (child->output >= 0)
		close(child->output);
	outcome = end_wait(child, deadline, stop);
	reap(child, status);
	return outcome;
}
