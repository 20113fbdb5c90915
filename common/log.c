/* log - writes events as logfmt lines to stderr, or as native fields when stderr leads to the journal. */
#define SD_JOURNAL_SUPPRESS_LOCATION /* it would be this file for every event */
#include "common/log.h"
#include "common/clock.h"
#include "common/limit.h"
#include "common/memory.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000 }; /* with whoever reads standard error, once until he reads again */
enum { LINE_SIZE = LIMIT_LOG_LINE, JOURNAL_FIXED = 4, JOURNAL_FIELDS = 32 };

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
	[LOG_LEVEL_INFO] = {"info", LOG_INFO},
	[LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE},
	[LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
	[LOG_LEVEL_ERROR] = {"error", LOG_ERR},
	[LOG_LEVEL_ALARM] = {"alarm", LOG_ALERT},
};

/* The only mutable state in common/: a process has one stderr. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int least_level = LOG_LEVEL_INFO;
static char identifier[64] = "simpul";
static bool to_journal;
static void (*copy_line)(void *context, enum log_level level, const char *line);
static void *copy_context;
static uint64_t lost; /* lines, since nobody read standard error any more */

/* A line under construction. What does not fit sets `full`. */
struct line {
	char *text;
	size_t size;
	size_t used;
	bool full;
};

static void put(struct line *line, const char *text)
{
	size_t length = strlen(text);

	if (line->full || line->used + length >= line->size) {
		line->full = true;
		return;
	}
	memcpy(line->text + line->used, text, length + 1);
	line->used += length;
}

/* Printable ASCII only, whatever the value holds: a line can neither be forged nor steer a terminal. */
static void put_escaped(struct line *line, unsigned char c)
{
	char escaped[8];

	if (c == '"' || c == '\\')
		snprintf(escaped, sizeof(escaped), "\\%c", c);
	else if (c == '\n')
		snprintf(escaped, sizeof(escaped), "\\n");
	else if (c == '\t')
		snprintf(escaped, sizeof(escaped), "\\t");
	else if (c < 0x20 || c > 0x7e)
		snprintf(escaped, sizeof(escaped), "\\x%02x", c);
	else
		snprintf(escaped, sizeof(escaped), "%c", c);
	put(line, escaped);
}

static bool needs_quotes(const char *value)
{
	if (*value == '\0')
		return true;
	for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++)
		if (*c <= ' ' || *c > 0x7e || *c == '=' || *c == '"' || *c == '\\')
			return true;
	return false;
}

static void put_value(struct line *line, const char *value)
{
	if (!needs_quotes(value)) {
		put(line, value);
		return;
	}
	put(line, "\"");
	for (; *value != '\0'; value++)
		put_escaped(line, (unsigned char)*value);
	put(line, "\"");
}

/* The text of a field's value; `number` (at least 24 bytes) holds it where it is a number. */
static const char *value_of(const struct log_field *field, char number[24])
{
	if (field->type == LOG_TEXT)
		return field->text == NULL ? "" : field->text;
	snprintf(number, 24, "%" PRIu64, field->number);
	return number;
}

/* Leaves out a field that does not fit whole, and says so. */
static void put_fields(struct line *line, const struct log_field *fields)
{
	static const char mark[] = " cut=true";
	bool cut = false;
	char number[24];

	if (line->size <= sizeof(mark))
		return;
	line->size -= sizeof(mark) - 1;
	for (; fields->type != LOG_END; fields++) {
		size_t before = line->used;

		put(line, " ");
		put(line, fields->key);
		put(line, "=");
		put_value(line, value_of(fields, number));
		if (line->full) {
			line->used = before;
			line->text[before] = '\0';
			line->full = false;
			cut = true;
		}
	}
	line->size += sizeof(mark) - 1;
	if (cut)
		put(line, mark);
}

char *log_format(char *text, size_t size, enum log_level level, const char *event, const struct log_field *fields)
{
	struct line line = {.text = text, .size = size};
	char time[TIME_TEXT_SIZE];
	struct now now = clock_now();
	char stamp[TIME_TEXT_SIZE + 16];

	text[0] = '\0';
	/* Always with milliseconds, so that lines stay aligned. */
	time_text(time, now.wall / 1000 * 1000, 0);
	time[strlen(time) - 1] = '\0';
	snprintf(stamp, sizeof(stamp), "time=%s.%03uZ", time, (unsigned)(now.wall % 1000));
	put(&line, stamp);
	put(&line, " level=");
	put(&line, levels[level].name);
	put(&line, " event=");
	put_value(&line, event);
	put_fields(&line, fields);
	return text;
}

/* systemd names the device and inode of the stream it connected; stderr may have been redirected since. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	char *end;

	if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
		return false;
	device = strtoull(stream, &end, 10);
	if (*end != ':')
		return false;
	inode = strtoull(end + 1, &end, 10);
	return *end == '\0' && device == status.st_dev && inode == status.st_ino;
}

void log_init(const char *program, enum log_level least)
{
	pthread_mutex_lock(&lock);
	snprintf(identifier, sizeof(identifier), "%s", program);
	atomic_store(&least_level, (int)least);
	to_journal = stderr_is_journal();
	pthread_mutex_unlock(&lock);
}

void log_copy(void (*copy)(void *context, enum log_level level, const char *line), void *context)
{
	pthread_mutex_lock(&lock);
	copy_line = copy;
	copy_context = context;
	pthread_mutex_unlock(&lock);
}

static struct iovec journal_item(char *text)
{
	return (struct iovec){.iov_base = text, .iov_len = strlen(text)};
}

static char *journal_field(const struct log_field *field)
{
	char number[24];
	char *item = memory_format("SIMPUL_%s=%s", field->key, value_of(field, number));

	for (char *c = item; *c != '='; c++)
		*c = (char)toupper((unsigned char)*c);
	return item;
}

/* `message` is the line without its time and level, which the journal keeps itself. */
static void write_journal(enum log_level level, const char *event, const struct log_field *fields, const char *message)
{
	struct iovec items[JOURNAL_FIXED + JOURNAL_FIELDS];
	int count = 0;

	items[count++] = journal_item(memory_format("MESSAGE=%s", message));
	items[count++] = journal_item(memory_format("PRIORITY=%d", levels[level].priority));
	items[count++] = journal_item(memory_format("SYSLOG_IDENTIFIER=%s", identifier));
	items[count++] = journal_item(memory_format("SIMPUL_EVENT=%s", event));
	for (; fields->type != LOG_END && count < JOURNAL_FIXED + JOURNAL_FIELDS; fields++)
		items[count++] = journal_item(journal_field(fields));
	sd_journal_sendv(items, count);
	for (int i = 0; i < count; i++)
		free(items[i].iov_base);
}

static void write_line(const char *line)
{
	char text[LINE_SIZE + 1];
	size_t size = (size_t)snprintf(text, sizeof(text), "%s\n", line);

	for (size_t done = 0; done < size;) {
		ssize_t n = write(STDERR_FILENO, text + done, size - done);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0)
			done += (size_t)n;
	}
}

static bool has_room(int patience_ms)
{
	struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
	int ready;

	do
		ready = poll(&reader, 1, patience_ms);
	while (ready < 0 && errno == EINTR);
	return ready != 0;
}

static void lost_say(void)
{
	const struct log_field fields[] = {F_NUM("lines", lost), {.type = LOG_END}};
	char line[LINE_SIZE];

	write_line(log_format(line, sizeof(line), LOG_LEVEL_WARNING, "log.lost", fields));
	lost = 0;
}

/* A pager or a stopped terminal at the other end must not stop the program: what finds no room is lost, and counted. A
 * pipe with room takes a whole line, for that is shorter than PIPE_BUF. Others have the same standard error, so that it
 * blocks is not ours to change. */
static void write_stderr(const char *line)
{
	if (lost > 0 && has_room(0))
		lost_say();
	if (lost > 0 || !has_room(PATIENCE_MS))
		lost++;
	else
		write_line(line);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	char line[LINE_SIZE];

	if ((int)level < atomic_load(&least_level))
		return;
	pthread_mutex_lock(&lock);
	log_format(line, sizeof(line), level, event, fields);
	if (to_journal)
		write_journal(level, event, fields, strstr(line, "event="));
	else
		write_stderr(line);
	if (copy_line != NULL)
		copy_line(copy_context, level, line);
	pthread_mutex_unlock(&lock);
}
