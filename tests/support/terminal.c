/* terminal - a pseudo-terminal whose other side is a test. */
#include "tests/support/terminal.h"
#include "common/clock.h"
#include "tests/support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether `prompt` stands in what came since `from`; moves `from` behind it. */
static bool asked(const struct buffer *out, size_t *from, const char *prompt)
{
	const uint8_t *at = out->size > *from ? memmem(out->data + *from, out->size - *from, prompt, strlen(prompt)) : NULL;

	if (!at)
		return false;
	*from = (size_t)(at - out->data) + strlen(prompt);
	return true;
}

/* Returns the number of lines that were typed. */
static size_t converse(int terminal, const struct terminal_line *lines, struct buffer *out, steady_ms deadline)
{
	size_t typed = 0, from = out->size;
	uint8_t piece[1024];

	for (;;) {
		struct pollfd item = {.fd = terminal, .events = POLLIN};
		const steady_ms now = clock_now().steady;
		ssize_t size;

		if (now >= deadline || poll(&item, 1, (int)(deadline - now)) <= 0)
			return typed;
		size = read(terminal, piece, sizeof piece); /* EIO when the last program at the terminal has ended */
		if (size <= 0)
			return typed;
		buffer_append(out, piece, (size_t)size);
		while (lines && lines[typed].prompt && asked(out, &from, lines[typed].prompt)) {
			dprintf(terminal, "%s\n", lines[typed].answer);
			typed++;
		}
	}
}

int terminal_run(const char *const argv[], const struct terminal_line *lines, struct buffer *out, int seconds)
{
	const steady_ms deadline = clock_now().steady + (steady_ms)patient_ms(seconds * 1000);
	size_t typed;
	int terminal, status = 0;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0)
		return -1;
	typed = converse(terminal, lines, out, deadline);
	if (clock_now().steady >= deadline)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(terminal);
	if (lines && lines[typed].prompt)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void terminal_leave(void)
{
	const int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (terminal < 0)
		return;
	/* Of a session's first process the others are told so. */
	signal(SIGHUP, SIG_IGN);
	ioctl(terminal, TIOCNOTTY);
	signal(SIGHUP, SIG_DFL);
	close(terminal);
}
