/* tap - accepts once, copies both ways, remembers one. */
#include "tests/support/tap.h"
#include "tests/support/zmtp.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* False when one of the two ended. */
static bool pass(int from, int to, struct buffer *said)
{
	uint8_t piece[16384];
	const ssize_t size = recv(from, piece, sizeof piece, MSG_DONTWAIT);

	if (size <= 0)
		return false;
	if (said)
		buffer_append(said, piece, (size_t)size);
	return zmtp_write(to, piece, (size_t)size);
}

static void *relay(void *context)
{
	struct tap *tap = context;
	const int client = accept(tap->listener, NULL, NULL), server = zmtp_connect(tap->beyond, NULL);
	struct pollfd items[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
	bool open = client >= 0 && server >= 0;

	while (open && poll(items, 2, -1) > 0) {
		if (items[0].revents)
			open = pass(client, server, &tap->said);
		if (open && items[1].revents)
			open = pass(server, client, NULL);
	}
	close(client);
	close(server);
	return NULL;
}

void tap_start(struct tap *tap, const char *endpoint)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;

	*tap = (struct tap){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	snprintf(tap->beyond, sizeof tap->beyond, "%s", endpoint);
	if (bind(tap->listener, (const struct sockaddr *)&address, size) != 0 || listen(tap->listener, 1) != 0 ||
	    getsockname(tap->listener, (struct sockaddr *)&address, &size) != 0 ||
	    pthread_create(&tap->thread, NULL, relay, tap) != 0)
		abort();
	snprintf(tap->endpoint, sizeof tap->endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
}

void tap_end(struct tap *tap)
{
	pthread_join(tap->thread, NULL);
	close(tap->listener);
}
