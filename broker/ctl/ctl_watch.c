/* ctl_watch - one question at a time over a socket that is thrown away when no answer comes. */
#include "broker/ctl/ctl_watch.h"

#include "broker/ctl/ctl.h"
#include "broker/serve/watch_file.h"
#include "common/arena.h"
#include "common/limit.h"
#include "common/memory.h"
#include "common/safe_text.h"
#include "common/socket.h"
#include "common/wire.h"
#include "proto/watch.pb-c.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAUSE_MS 200 /* before a new socket */

struct follower {
	const struct ctl_watch *options;
	struct watch_file file;
	void *context, *socket, *monitor;
	unsigned sockets; /* so far */
	uint64_t start, after; /* where it is; 0: nowhere yet */
	bool quiet;	       /* that no answer comes was said */
	bool done;
	int status;
};

/* ---- printing */

static json_t *json_of_start(uint64_t start)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, start);
	return json_string(text);
}

/* The value that begins at `at`, without quotes and escapes; returns where it ends. */
static const char *value_take(const char *at, char *value, size_t size)
{
	const bool quoted = *at == '"';
	size_t used = 0;

	for (at += quoted; *at != '\0' && *at != (quoted ? '"' : ' '); at++) {
		char c = *at;

		if (c == '\\' && (at[1] == '"' || at[1] == '\\'))
			c = *++at;
		if (used + 1 < size)
			value[used++] = c;
	}
	value[used] = '\0';
	return at + (quoted && *at == '"');
}

/* Puts the fields of a line (logfmt, as log.c writes it) into an object, all as texts. */
static void fields_add(json_t *object, const char *line)
{
	char key[64], value[LIMIT_LOG_LINE + 1];

	while (*line != '\0') {
		const size_t size = strcspn(line, "= ");

		if (line[size] != '=' || size >= sizeof(key))
			return;
		snprintf(key, sizeof(key), "%.*s", (int)size, line);
		line = value_take(line + size + 1, value, sizeof(value));
		json_object_set_new(object, key, json_string(value));
		line += strspn(line, " ");
	}
}

static void json_print(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void line_print(const struct follower *f, uint64_t number, const char *text)
{
	char shown[LIMIT_LOG_LINE + 1];
	json_t *object;

	/* A broker writes nothing that a terminal may not be shown, unless it is in other hands. */
	if (!f->options->json) {
		snprintf(shown, sizeof(shown), "%s", text);
		safe_text_clean(shown);
		puts(shown);
		return;
	}
	object = json_pack("{s:o, s:I}", "start", json_of_start(f->start), "number", (json_int_t)number);
	fields_add(object, text);
	json_print(object);
}

/* The broker let go of lines before it was asked for them. */
static void missing_print(const struct follower *f, uint64_t count)
{
	if (f->options->json)
		json_print(json_pack("{s:o, s:I}", "start", json_of_start(f->start), "missing", (json_int_t)count));
	else
		fprintf(stderr, "simpulctl: %" PRIu64 " lines are missing: the broker keeps those of an hour, at most %d MiB\n",
			count, LIMIT_LOG_RING >> 20);
}

static void anew_print(const struct follower *f, uint64_t before)
{
	if (f->options->json)
		json_print(json_pack("{s:o, s:o}", "start", json_of_start(f->start), "previous", json_of_start(before)));
	else
		fprintf(stderr, "simpulctl: the broker was started anew; what it logged last before that may be missing\n");
}

/* Whether the line is as late as was asked for; its time stands in front. */
static bool is_late_enough(const struct follower *f, const char *text)
{
	char time[TIME_TEXT_SIZE];
	wall_ms at;

	if (f->options->since == 0 || strncmp(text, "time=", 5) != 0)
		return true;
	value_take(text + 5, time, sizeof(time));
	return !time_parse(time, &at) || at >= f->options->since;
}

/* ---- answers */

/* A first answer may begin later than with line 1: what was before an hour ago is not missing. */
static void lines_take(struct follower *f, const Simpul__LogLines *lines)
{
	const uint64_t before = f->start;

	if (lines->start != f->start) {
		f->start = lines->start;
		f->after = before == 0 && lines->first > 0 ? lines->first - 1 : 0;
		if (before != 0)
			anew_print(f, before);
	}
	if (lines->first > f->after + 1)
		missing_print(f, lines->first - f->after - 1);
	for (size_t i = 0; i < lines->n_lines; i++) {
		const Simpul__LogLine *line = lines->lines[i];

		if ((int)line->level >= f->options->least && is_late_enough(f, line->text))
			line_print(f, lines->first + i, line->text);
	}
	f->after = lines->first + lines->n_lines - 1;
	f->done = fflush(stdout) != 0 || (!f->options->follow && f->after >= lines->newest);
	f->status = ferror(stdout) ? EX_IOERR : EX_OK;
}

/* False when it was no answer of a broker. */
static bool answer_take(struct follower *f, struct bytes frame)
{
	const Simpul__LogLines *lines;
	struct arena arena;
	bool good;

	arena_init(&arena);
	lines = wire_unpack(&simpul__log_lines__descriptor, frame, &arena, NULL);
	/* Older than what was asked for is an answer to an earlier question. */
	good = lines != NULL && lines->start != 0 && lines->first != 0;
	if (good && (lines->start != f->start || lines->first > f->after))
		lines_take(f, lines);
	if (good && f->quiet)
		fprintf(stderr, "simpulctl: the broker answers again\n");
	f->quiet = f->quiet && !good;
	arena_fini(&arena);
	return good;
}

/* ---- the socket */

static void socket_end(struct follower *f)
{
	if (f->socket != NULL) {
		zmq_socket_monitor(f->socket, NULL, 0);
		zmq_close(f->socket);
	}
	if (f->monitor != NULL)
		zmq_close(f->monitor);
	f->socket = f->monitor = NULL;
}

static bool socket_begin(struct follower *f, struct fault *fault)
{
	const int events = ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED;
	struct node_keys keys = {.key_id = 0};
	/* A name for each: libzmq gives the last one's free some time after its socket was closed. */
	char *name = memory_format("inproc://watch.%u", f->sockets++);
	bool good;

	memcpy(keys.curve_public, f->file.key.public_key, KEY_SIZE);
	memcpy(keys.curve_secret, f->file.key.secret, KEY_SIZE);
	f->context = f->context != NULL ? f->context : zmq_ctx_new();
	f->socket = socket_client(f->context, ZMQ_DEALER, f->file.server, &keys);
	f->monitor = zmq_socket(f->context, ZMQ_PAIR);
	keys_wipe(&keys, sizeof(keys));
	good = f->socket != NULL && f->monitor != NULL && zmq_socket_monitor(f->socket, name, events) == 0 &&
	       zmq_connect(f->monitor, name) == 0 && zmq_connect(f->socket, f->file.endpoint) == 0;
	if (!good)
		fault_at(fault, E_IO, "%s: %s", f->file.endpoint, zmq_strerror(zmq_errno()));
	free(name);
	return good;
}

static void question_send(const struct follower *f)
{
	Simpul__LogAsk ask = SIMPUL__LOG_ASK__INIT;
	struct buffer frame = {0};

	ask.start = f->start;
	ask.after = f->after;
	wire_pack(&ask, &frame);
	/* An empty question is a question: from the beginning. */
	socket_send(f->socket, frame.size > 0 ? (const void *)frame.data : "", frame.size, false);
	buffer_free(&frame);
}

enum outcome { OUTCOME_ANSWER, OUTCOME_BREAK, OUTCOME_REFUSED };

/* The answer to the question that was sent, or why there is none. */
static enum outcome answer_wait(struct follower *f)
{
	zmq_pollitem_t items[] = {{.socket = f->socket, .events = ZMQ_POLLIN}, {.socket = f->monitor, .events = ZMQ_POLLIN}};
	enum outcome outcome = OUTCOME_BREAK;
	zmq_msg_t frame;
	uint16_t event;
	int32_t value;

	if (zmq_poll(items, 2, LIMIT_SILENCE_MS) <= 0)
		return OUTCOME_BREAK;
	zmq_msg_init(&frame);
	if (zmq_msg_recv(&frame, f->socket, ZMQ_DONTWAIT) >= 0 && !zmq_msg_more(&frame) &&
	    answer_take(f, BYTES(zmq_msg_data(&frame), zmq_msg_size(&frame))))
		outcome = OUTCOME_ANSWER;
	zmq_msg_close(&frame);
	while (outcome == OUTCOME_BREAK && socket_event(f->monitor, &event, &value))
		if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
			outcome = OUTCOME_REFUSED;
	return outcome;
}

/* ---- following */

static void break_take(struct follower *f, struct fault *fault)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

	if (!f->options->follow) {
		fault_at(fault, E_UNREACHABLE, "%s", f->file.endpoint);
		f->status = ctl_fail(fault, "is the broker running, and does it offer its log there?");
		f->done = true;
		return;
	}
	if (!f->quiet)
		fprintf(stderr, "simpulctl: no answer from %s; asking until one comes\n", f->file.endpoint);
	f->quiet = true;
	socket_end(f);
	nanosleep(&pause, NULL);
	if (!socket_begin(f, fault)) {
		f->status = ctl_fail(fault, NULL);
		f->done = true;
	}
}

static void follow(struct follower *f, struct fault *fault)
{
	while (!f->done) {
		question_send(f);
		switch (answer_wait(f)) {
		case OUTCOME_ANSWER:
			break;
		case OUTCOME_BREAK:
			break_take(f, fault);
			break;
		case OUTCOME_REFUSED:
			fault_at(fault, E_KEY_UNKNOWN, "%s", f->file.endpoint);
			f->status = ctl_fail(fault, "is the watcher in the broker's file?");
			f->done = true;
		}
	}
}

int ctl_watch(const struct ctl_watch *options, const char *path)
{
	struct follower f = {.options = options};
	struct fault fault = {0};

	if (watch_file_load(&f.file, path, &fault) != E_OK || !socket_begin(&f, &fault))
		f.status = ctl_fail(&fault, NULL);
	else
		follow(&f, &fault);
	socket_end(&f);
	if (f.context != NULL)
		zmq_ctx_term(f.context);
	keys_wipe(&f.file, sizeof(f.file));
	return f.status;
}
