/* web - one thread that serves one connection after the other, each for one request. */
#include "tests/support/web.h"
#include "common/bytes.h"
#include "common/memory.h"
#include "tests/support/must.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST_REQUESTS = 256, MOST_ANSWERS = 8 };

struct web {
	int listener, stop;
	unsigned port;
	pthread_t thread;
	enum web_answer answers[MOST_ANSWERS];
	size_t answer_count;
	pthread_mutex_t lock;
	char *requests[MOST_REQUESTS]; /* under the lock, as the next */
	size_t count;
};

/* False when the server ends. */
static bool readable(struct web *web, int fd)
{
	struct pollfd polled[] = {{.fd = fd, .events = POLLIN}, {.fd = web->stop, .events = POLLIN}};

	return poll(polled, 2, -1) > 0 && polled[1].revents == 0;
}

/* Whether head and body are there; the text ends with a zero. */
static bool request_whole(const char *text)
{
	const char *body = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "\r\ncontent-length:");
	size_t due = length == NULL ? 0 : strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);

	return body != NULL && strlen(body + 4) >= due;
}

/* NULL when the other side leaves before it is whole, or the server ends. */
static char *request_read(struct web *web, int fd)
{
	struct buffer text = {0};
	char block[4096];
	ssize_t n;

	while (readable(web, fd) && (n = read(fd, block, sizeof(block))) > 0) {
		buffer_append(&text, block, (size_t)n);
		buffer_u8(&text, 0);
		if (request_whole((const char *)text.data))
			return (char *)text.data;
		text.size--;
	}
	buffer_free(&text);
	return NULL;
}

/* Keeps the request; how it is to be answered. */
static enum web_answer request_keep(struct web *web, char *request)
{
	enum web_answer answer;

	pthread_mutex_lock(&web->lock);
	must(web->count < MOST_REQUESTS, "few requests");
	answer = web->count < web->answer_count ? web->answers[web->count] : WEB_TAKE;
	web->requests[web->count++] = request;
	pthread_mutex_unlock(&web->lock);
	return answer;
}

static void answer_give(struct web *web, int fd, enum web_answer answer)
{
	static const char *const texts[] = {
		[WEB_TAKE] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
		[WEB_TALK] = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\nRAHASIA",
		[WEB_ERROR] = "HTTP/1.1 500 RAHASIA\r\nConnection: close\r\nContent-Length: 7\r\n\r\nRAHASIA",
		[WEB_BUSY] = "HTTP/1.1 503 Later\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		[WEB_REDIRECT] = "HTTP/1.1 307 There\r\nLocation: /elsewhere\r\nConnection: close\r\n"
				 "Content-Length: 0\r\n\r\n",
		[WEB_STALL] = NULL,
		[WEB_DROP] = NULL,
	};
	char byte;

	if (texts[answer] != NULL && send(fd, texts[answer], strlen(texts[answer]), MSG_NOSIGNAL) < 0)
		return;
	if (answer == WEB_STALL && readable(web, fd) && read(fd, &byte, 1) < 0)
		return;
}

static void *web_run(void *argument)
{
	struct web *web = argument;

	while (readable(web, web->listener)) {
		int fd = accept4(web->listener, NULL, NULL, SOCK_CLOEXEC);
		char *request = fd < 0 ? NULL : request_read(web, fd);

		if (request != NULL)
			answer_give(web, fd, request_keep(web, request));
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(strlen(path) < sizeof(address.sun_path), "a short path");
	strcpy(address.sun_path, path);
	must(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
	return fd;
}

static int listen_on_loopback(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(address);

	must(bind(fd, (struct sockaddr *)&address, size) == 0, "bind");
	must(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
	*port = ntohs(address.sin_port);
	return fd;
}

struct web *web_start(const char *path, const enum web_answer *answers, size_t count)
{
	struct web *web = memory_zero(1, sizeof(*web));

	must(count <= MOST_ANSWERS, "few answers");
	for (size_t i = 0; i < count; i++)
		web->answers[i] = answers[i];
	web->answer_count = count;
	web->listener = path != NULL ? listen_at(path) : listen_on_loopback(&web->port);
	web->stop = eventfd(0, EFD_CLOEXEC);
	must(listen(web->listener, 16) == 0, "listen");
	pthread_mutex_init(&web->lock, NULL);
	must(pthread_create(&web->thread, NULL, web_run, web) == 0, "pthread_create");
	return web;
}

void web_stop(struct web *web)
{
	eventfd_write(web->stop, 1);
	pthread_join(web->thread, NULL);
	close(web->listener);
	close(web->stop);
	pthread_mutex_destroy(&web->lock);
	for (size_t i = 0; i < web->count; i++)
		free(web->requests[i]);
	free(web);
}

unsigned web_port(const struct web *web)
{
	return web->port;
}

size_t web_requests(struct web *web)
{
	size_t count;

	pthread_mutex_lock(&web->lock);
	count = web->count;
	pthread_mutex_unlock(&web->lock);
	return count;
}

const char *web_request(struct web *web, size_t index)
{
	return index < web_requests(web) ? web->requests[index] : NULL;
}
