/* log_feed - copies log lines through a mailbox to a PUB socket; who does not keep up loses lines, nobody waits. */
#include "broker/serve/log_feed.h"

#include "broker/control/ipc.h"
#include "common/log.h"
#include "common/mailbox.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct log_feed {
	void *socket;
	struct mailbox *lines;
	struct log_ring *ring;
	char *path;
};

/* Called under the log's lock, from the thread that logs. */
static void copy_line(void *context, enum log_level level, const char *text)
{
	struct log_feed *feed = context;
	size_t size = strlen(text);
	struct log_line *line = memory_alloc(sizeof(*line) + size + 1);

	line->level = level;
	line->at = clock_now().steady;
	line->size = size;
	memcpy(line->text, text, size + 1);
	mailbox_put(feed->lines, &line->letter);
}

enum error log_feed_new(struct log_feed **feed, void *context, const char *path, const char *group,
			struct fault *fault)
{
	struct log_feed *made = memory_zero(1, sizeof(*made));
	void *socket = zmq_socket(context, ZMQ_PUB);
	const int linger = 0;
	enum error error;

	made->lines = mailbox_new();
	made->ring = log_ring_new();
	made->path = memory_string(path);
	if (socket == NULL || zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger)) != 0)
		error = fault_at(fault, E_IO, "%s: %s", path, zmq_strerror(zmq_errno()));
	else
		error = ipc_bind(socket, path, group, fault);
	if (error != E_OK) {
		if (socket != NULL)
			zmq_close(socket);
		log_feed_free(made);
		return error;
	}
	made->socket = socket;
	log_copy(copy_line, made);
	*feed = made;
	return E_OK;
}

void log_feed_free(struct log_feed *feed)
{
	if (feed == NULL)
		return;
	log_copy(NULL, NULL);
	if (feed->socket != NULL) {
		log_feed_send(feed);
		ipc_close(feed->socket, feed->path);
	}
	free(feed->path);
	mailbox_free(feed->lines);
	log_ring_free(feed->ring);
	free(feed);
}

int log_feed_fd(const struct log_feed *feed)
{
	return mailbox_fd(feed->lines);
}

struct log_ring *log_feed_ring(const struct log_feed *feed)
{
	return feed->ring;
}

void log_feed_send(struct log_feed *feed)
{
	struct letter *letter = mailbox_take_all(feed->lines);

	while (letter != NULL) {
		struct log_line *line = (struct log_line *)letter;
		const uint8_t level = (uint8_t)line->level;

		letter = letter->next;
		if (zmq_send(feed->socket, &level, 1, ZMQ_SNDMORE | ZMQ_DONTWAIT) == 1)
			zmq_send(feed->socket, line->text, line->size, ZMQ_DONTWAIT);
		log_ring_put(feed->ring, line);
	}
}
