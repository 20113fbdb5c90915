/* zmtp - greeting, CURVE's four commands and frames, byte by byte. */
#include "tests/support/zmtp.h"
#include "common/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 5000
#define CONNECT_MS 100 /* on this machine; a request that was dropped is repeated after a second */
#define GREETING_SIZE 64
#define SIGNATURE_PART 10
#define MECHANISM_AT 12
#define COOKIE_SIZE 96
#define HELLO_SIZE 200
#define WELCOME_SIZE 168
#define NONCE_SIZE crypto_box_NONCEBYTES
#define NONCE_PREFIX_SHORT 16 /* and eight bytes that count */
#define NONCE_PREFIX_LONG 8   /* and sixteen by chance */

/* ------------------------------------------------------------------ TCP */

static bool address_of(const char *host, uint16_t port, struct sockaddr_in *address)
{
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static int connect_with(const char *endpoint, const char *source, bool wait)
{
	const struct timeval patience = {.tv_usec = CONNECT_MS * 1000};
	struct sockaddr_in to, from;
	char host[64];
	unsigned port;
	int fd;

	if (sscanf(endpoint, "tcp://%63[0-9.]:%u", host, &port) != 2 || !address_of(host, (uint16_t)port, &to))
		return -1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
	    (!source || (address_of(source, 0, &from) && bind(fd, (const struct sockaddr *)&from, sizeof from) == 0)) &&
	    (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || (!wait && errno == EINPROGRESS)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int zmtp_connect(const char *endpoint, const char *source)
{
	return connect_with(endpoint, source, true);
}

int zmtp_knock(const char *endpoint, const char *source)
{
	return connect_with(endpoint, source, false);
}

bool zmtp_write(int fd, const void *data, size_t size)
{
	const uint8_t *at = data;

	while (size > 0) {
		struct pollfd item = {.fd = fd, .events = POLLOUT};
		ssize_t done;

		if (poll(&item, 1, ANSWER_MS) != 1)
			return false;
		done = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (done > 0) {
			at += done;
			size -= (size_t)done;
		}
	}
	return true;
}

static bool read_exactly(int fd, void *data, size_t size)
{
	uint8_t *at = data;

	while (size > 0) {
		struct pollfd item = {.fd = fd, .events = POLLIN};
		ssize_t done;

		if (poll(&item, 1, ANSWER_MS) != 1)
			return false;
		done = recv(fd, at, size, MSG_DONTWAIT);
		if (done == 0 || (done < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (done > 0) {
			at += done;
			size -= (size_t)done;
		}
	}
	return true;
}

bool zmtp_ended(int fd, int ms)
{
	const steady_ms deadline = clock_now().steady + (steady_ms)ms;
	uint8_t piece[4096];
	steady_ms now;

	while ((now = clock_now().steady) < deadline) {
		struct pollfd item = {.fd = fd, .events = POLLIN};

		if (poll(&item, 1, (int)(deadline - now)) == 1 && recv(fd, piece, sizeof piece, MSG_DONTWAIT) <= 0)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ frames */

bool zmtp_frame(struct zmtp *z, uint8_t flags, uint64_t claimed, const void *data, size_t size)
{
	struct buffer frame = {0};
	bool good;

	buffer_u8(&frame, flags);
	if (flags & ZMTP_LONG)
		buffer_u64(&frame, claimed);
	else
		buffer_u8(&frame, (uint8_t)claimed);
	buffer_append(&frame, data, size);
	good = zmtp_write(z->fd, frame.data, frame.size);
	buffer_free(&frame);
	return good;
}

static bool send_sized(struct zmtp *z, uint8_t flags, const void *data, size_t size)
{
	return zmtp_frame(z, size > 255 ? flags | ZMTP_LONG : flags, size, data, size);
}

/* One command; false when something else comes. */
static bool command_read(struct zmtp *z, void *data, size_t most, size_t *size)
{
	uint8_t head[2], length[8];

	if (!read_exactly(z->fd, head, 1) || !(head[0] & ZMTP_COMMAND))
		return false;
	if (head[0] & ZMTP_LONG) {
		if (!read_exactly(z->fd, length, sizeof length))
			return false;
		*size = (size_t)load_u64(length);
	} else {
		if (!read_exactly(z->fd, head + 1, 1))
			return false;
		*size = head[1];
	}
	return *size <= most && read_exactly(z->fd, data, *size);
}

/* ------------------------------------------------------------------ CURVE */

static void nonce_short(uint8_t nonce[NONCE_SIZE], const char *prefix, uint64_t number)
{
	memcpy(nonce, prefix, NONCE_PREFIX_SHORT);
	for (int i = 0; i < 8; i++)
		nonce[NONCE_PREFIX_SHORT + i] = (uint8_t)(number >> (56 - 8 * i));
}

static bool greet(struct zmtp *z, size_t size)
{
	uint8_t greeting[GREETING_SIZE] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};

	return zmtp_write(z->fd, greeting, size);
}

static bool hello(struct zmtp *z)
{
	static const uint8_t zeros[64];
	uint8_t command[HELLO_SIZE] = "\x05HELLO\x01", nonce[NONCE_SIZE];

	crypto_box_keypair(z->own_public, z->own_secret);
	memcpy(command + 80, z->own_public, KEY_SIZE);
	nonce_short(nonce, "CurveZMQHELLO---", ++z->nonce);
	memcpy(command + 112, nonce + NONCE_PREFIX_SHORT, 8);
	return crypto_box_easy(command + 120, zeros, sizeof zeros, nonce, z->server, z->own_secret) == 0 &&
	       send_sized(z, ZMTP_COMMAND, command, sizeof command);
}

static bool welcome(struct zmtp *z)
{
	uint8_t command[512], nonce[NONCE_SIZE], plain[KEY_SIZE + COOKIE_SIZE];
	size_t size;

	if (!command_read(z, command, sizeof command, &size) || size != WELCOME_SIZE ||
	    memcmp(command, "\x07WELCOME", 8) != 0)
		return false;
	memcpy(nonce, "WELCOME-", NONCE_PREFIX_LONG);
	memcpy(nonce + NONCE_PREFIX_LONG, command + 8, 16);
	if (crypto_box_open_easy(plain, command + 24, size - 24, nonce, z->server, z->own_secret) != 0)
		return false;
	memcpy(z->their_public, plain, KEY_SIZE);
	memcpy(z->cookie, plain + KEY_SIZE, COOKIE_SIZE);
	return crypto_box_beforenm(z->shared, z->their_public, z->own_secret) == 0;
}

/* The vouch: the node's own key says that the connection's key is its. */
static bool vouch(struct zmtp *z, const struct node_keys *keys, struct buffer *out)
{
	uint8_t nonce[NONCE_SIZE], plain[2 * KEY_SIZE], box[2 * KEY_SIZE + crypto_box_MACBYTES];

	memcpy(nonce, "VOUCH---", NONCE_PREFIX_LONG);
	randombytes_buf(nonce + NONCE_PREFIX_LONG, 16);
	memcpy(plain, z->own_public, KEY_SIZE);
	memcpy(plain + KEY_SIZE, z->server, KEY_SIZE);
	if (crypto_box_easy(box, plain, sizeof plain, nonce, z->their_public, keys->curve_secret) != 0)
		return false;
	buffer_append(out, keys->curve_public, KEY_SIZE);
	buffer_append(out, nonce + NONCE_PREFIX_LONG, 16);
	buffer_append(out, box, sizeof box);
	return true;
}

/* The command `name`, clear part included, followed by the box of `plain`. */
static bool send_boxed(struct zmtp *z, uint8_t flags, const char *prefix, struct buffer *command, struct bytes plain)
{
	uint8_t nonce[NONCE_SIZE], *box = malloc(plain.size + crypto_box_MACBYTES);
	bool good;

	nonce_short(nonce, prefix, ++z->nonce);
	buffer_append(command, nonce + NONCE_PREFIX_SHORT, 8);
	good = crypto_box_easy_afternm(box, plain.data, plain.size, nonce, z->shared) == 0;
	buffer_append(command, box, plain.size + crypto_box_MACBYTES);
	good = good && send_sized(z, flags, command->data, command->size);
	free(box);
	buffer_free(command);
	return good;
}

static bool initiate(struct zmtp *z, const struct node_keys *keys, const char *socket_type)
{
	struct buffer plain = {0}, command = {0};
	bool good = vouch(z, keys, &plain);

	buffer_append(&plain, "\x0bSocket-Type", 12);
	buffer_u32(&plain, (uint32_t)strlen(socket_type));
	buffer_append(&plain, socket_type, strlen(socket_type));
	buffer_append(&command, "\x08INITIATE", 9);
	buffer_append(&command, z->cookie, COOKIE_SIZE);
	good = good && send_boxed(z, ZMTP_COMMAND, "CurveZMQINITIATE", &command, buffer_view(&plain));
	buffer_free(&plain);
	return good;
}

static bool ready(struct zmtp *z)
{
	uint8_t command[512];
	size_t size;

	return command_read(z, command, sizeof command, &size) && size > 6 && memcmp(command, "\x05READY", 6) == 0;
}

bool zmtp_message(struct zmtp *z, uint8_t flags, const void *data, size_t size)
{
	struct buffer plain = {0}, command = {0};
	bool good;

	buffer_u8(&plain, flags);
	buffer_append(&plain, data, size);
	buffer_append(&command, "\x07MESSAGE", 8);
	good = send_boxed(z, 0, "CurveZMQMESSAGEC", &command, buffer_view(&plain));
	buffer_free(&plain);
	return good;
}

/* ------------------------------------------------------------------ a connection */

static bool greetings_pass(struct zmtp *z)
{
	uint8_t theirs[GREETING_SIZE];

	return greet(z, GREETING_SIZE) && read_exactly(z->fd, theirs, sizeof theirs) &&
	       memcmp(theirs + MECHANISM_AT, "CURVE", 6) == 0;
}

bool zmtp_open(struct zmtp *z, const char *endpoint, const char *source, const uint8_t server[KEY_SIZE],
	       const struct node_keys *keys, const char *socket_type, enum zmtp_step until)
{
	bool good;

	memset(z, 0, sizeof *z);
	memcpy(z->server, server, KEY_SIZE);
	z->fd = zmtp_connect(endpoint, source);
	good = z->fd >= 0;
	if (until == ZMTP_HALF_GREETING)
		good = good && greet(z, SIGNATURE_PART);
	if (until >= ZMTP_GREETING)
		good = good && greetings_pass(z);
	if (until >= ZMTP_HELLO)
		good = good && hello(z);
	if (until >= ZMTP_INITIATE)
		good = good && welcome(z) && initiate(z, keys, socket_type);
	if (until >= ZMTP_READY)
		good = good && ready(z);
	if (!good)
		zmtp_close(z);
	return good;
}

void zmtp_close(struct zmtp *z)
{
	if (z->fd >= 0)
		close(z->fd);
	z->fd = -1;
}
