/* workbook - runs xlsx2csv under limits, and evens out the rows that it gives. */
#include "agents/workbook.h"
#include "agents/csv.h"
#include "common/clock.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDING ".xlsx"
#define UNREADABLE "a workbook that cannot be read, damaged or with a password: save it as CSV"

enum { BLOCK = 64 * 1024, END_POLL_MS = 5, ENDING_SIZE = sizeof(ENDING) - 1 };

const struct workbook_reader workbook_xlsx2csv = {
	.program = "/usr/bin/xlsx2csv", .seconds = 60, .memory = (size_t)1 << 30, .output = 64 * 1024 * 1024};

bool workbook_named(const char *file_name)
{
	size_t length = strlen(file_name);

	return length > ENDING_SIZE && strcasecmp(file_name + length - ENDING_SIZE, ENDING) == 0;
}

char *workbook_csv_name(const char *file_name)
{
	return memory_format("%.*s.csv", (int)(strlen(file_name) - ENDING_SIZE), file_name);
}

/* ------------------------------------------------------------------ the child */

/* A child that is under way. */
struct child {
	const struct workbook_reader *reader;
	pid_t pid; /* and its process group */
	int output;
	int stop;
	steady_ms deadline;
};

static void limit(int resource, size_t most)
{
	setrlimit((__rlimit_resource_t)resource, &(struct rlimit){most, most});
}

/* Between fork and exec of a program with threads: system calls only. */
static _Noreturn void child_run(const struct workbook_reader *reader, char *const argv[], int input, int output)
{
	static char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8";
	char *const environment[] = {path, locale, NULL};
	int nothing = open("/dev/null", O_WRONLY);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(nothing, STDERR_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
		_exit(EX_OSERR);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_CPU, reader->seconds);
	limit(RLIMIT_AS, reader->memory);
	execve(reader->program, argv, environment);
	_exit(EX_UNAVAILABLE);
}

/* The workbook as a file without a name, in memory. */
static int content_file(struct bytes content)
{
	int fd = memfd_create("workbook", MFD_CLOEXEC);

	for (size_t done = 0; fd >= 0 && done < content.size;) {
		ssize_t n = write(fd, content.data + done, content.size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	return fd;
}

/* False when the system has no file, pipe or process to give. */
static bool child_start(struct child *child, const struct workbook_form *form, struct bytes content)
{
	char program[] = "xlsx2csv", sheet[] = "--sheet=1", empty[] = "--skipemptycolumns";
	char separator[] = "--delimiter=?", input[] = "/proc/self/fd/0", times[] = "--timeformat=%H:%M:%S";
	char day_first[] = "--dateformat=%d/%m/%Y %H:%M:%S", iso[] = "--dateformat=%Y-%m-%d %H:%M:%S";
	char *const argv[] = {program, sheet, empty, separator, times, form->iso_dates ? iso : day_first, input, NULL};
	int file = content_file(content), ends[2] = {-1, -1};

	separator[sizeof(separator) - 2] = form->separator;
	child->pid = -1;
	if (file >= 0 && pipe2(ends, O_CLOEXEC) == 0)
		child->pid = fork();
	if (child->pid == 0)
		child_run(child->reader, argv, file, ends[1]);
	if (file >= 0)
		close(file);
	if (ends[1] >= 0)
		close(ends[1]);
	if (child->pid < 0 && ends[0] >= 0)
		close(ends[0]);
	child->output = ends[0];
	return child->pid > 0;
}

/* Reads up to the end of what the child writes. */
static enum error output_read(const struct child *child, struct buffer *out, struct fault *fault)
{
	struct pollfd polled[] = {{.fd = child->output, .events = POLLIN}, {.fd = child->stop, .events = POLLIN}};
	uint8_t block[BLOCK];
	ssize_t n;

	for (;;) {
		steady_ms now = clock_now().steady;

		if (now >= child->deadline)
			return fault_at(fault, E_TOO_LARGE, "workbook: it takes too long to read");
		polled[0].revents = 0;
		if (poll(polled, 2, (int)(child->deadline - now)) > 0 && polled[1].revents != 0)
			return fault_at(fault, E_STOPPING, "workbook");
		if (polled[0].revents == 0)
			continue;
		n = read(child->output, block, sizeof(block));
		if (n <= 0)
			return n == 0 ? E_OK : fault_at(fault, E_IO, "workbook");
		if (out->size + (size_t)n > child->reader->output)
			return fault_at(fault, E_TOO_LARGE, "workbook");
		buffer_append(out, block, (size_t)n);
	}
}

/* Waits for the end that follows the last output, and brings it about where it does not come. True when all went well.
 */
static bool child_end(const struct child *child, bool kill_now)
{
	int status = 0;
	pid_t ended;

	close(child->output);
	while (!kill_now && (ended = waitpid(child->pid, &status, WNOHANG)) == 0) {
		kill_now = clock_now().steady >= child->deadline;
		poll(NULL, 0, END_POLL_MS);
	}
	kill(-child->pid, SIGKILL); /* whatever it began; its group may not be there yet */
	if (kill_now) {
		kill(child->pid, SIGKILL);
		while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	return !kill_now && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ------------------------------------------------------------------ rows */

/* What stands within quotes loses its line ends, so that row and line are the same. */
static void row_append(struct bytes row, struct buffer *out)
{
	for (size_t i = 0; i < row.size; i++)
		buffer_u8(out, row.data[i] == '\n' || row.data[i] == '\r' ? ' ' : row.data[i]);
}

/* Rows end with their last cell that is not empty, and CSV wants as many in each. */
static void rows_even(struct bytes rows, char separator, struct buffer *out)
{
	struct csv_reader reader;
	struct csv_record record;
	size_t width = 0;

	csv_open(&reader, rows, separator, ENCODING_UTF8);
	buffer_text(out, ENCODING_BOM);
	while (csv_next(&reader, &record)) {
		reader.expected = 0; /* each may have a number of its own */
		if (width == 0 && !record.blank)
			width = record.count;
		row_append(record.raw, out);
		for (size_t i = record.count; i < width && !record.blank && record.error == E_OK; i++)
			buffer_u8(out, (uint8_t)separator);
		buffer_bytes(out, record.ending);
	}
	csv_close(&reader);
}

enum error workbook_csv(const struct workbook_reader *reader, const struct workbook_form *form, struct bytes content,
			int stop, struct buffer *csv, struct fault *fault)
{
	struct child child = {
		.reader = reader, .stop = stop, .deadline = clock_now().steady + (steady_ms)reader->seconds * 1000};
	struct buffer rows = {0};
	enum error error;

	if (content.size < 2 || memcmp(content.data, "PK", 2) != 0)
		return fault_at(fault, E_INVALID, "%s", UNREADABLE);
	if (access(reader->program, X_OK) != 0)
		return fault_at(fault, E_INVALID, "a workbook, and no xlsx2csv is installed: save it as CSV");
	if (!child_start(&child, form, content))
		return fault_at(fault, E_IO, "workbook");
	error = output_read(&child, &rows, fault);
	if (!child_end(&child, error != E_OK) && error == E_OK)
		error = fault_at(fault, E_INVALID, "%s", UNREADABLE);
	if (error == E_OK)
		rows_even(buffer_view(&rows), form->separator, csv);
	buffer_free(&rows);
	return error;
}
