/* guard_door_test - an address that knocks too often is dropped by the kernel, for a while, and nobody else is. */
#include "broker/serve/guard_door.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_MS 100

static socklen_t address_make(struct sockaddr_storage *address, const char *text, uint16_t port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		return sizeof *four;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	return sizeof *six;
}

/* A listening socket that accepts nothing; -1: this machine has no such address. */
static int listen_at(const char *text, uint16_t *port)
{
	struct sockaddr_storage address;
	socklen_t size = address_make(&address, text, 0);
	const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 64) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(((struct sockaddr_in *)&address)->sin_port); /* where IPv6 has it too */
	return fd;
}

/* -1: no answer. */
static int connect_from(const char *source, const char *to, uint16_t port)
{
	const struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
	struct sockaddr_storage address;
	socklen_t size = address_make(&address, source, 0);
	const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	size = address_make(&address, to, port);
	if (connect(fd, (struct sockaddr *)&address, size) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool is_let_in(const char *source, const char *to, uint16_t port)
{
	const int fd = connect_from(source, to, port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void the_door_is_shut_to_who_knocks_too_often_and_to_nobody_else(void **state)
{
	struct door door = {0};
	uint16_t port;
	const int listener = listen_at("127.0.0.1", &port);

	(void)state;
	door_listener(&door, listener);
	for (unsigned i = 1; i < DOOR_KNOCKS; i++)
		door_knocked(&door, "127.0.0.7", 1, 100);
	assert_true(is_let_in("127.0.0.7", "127.0.0.1", port));
	door_knocked(&door, "127.0.0.7", 1, 100);
	assert_false(is_let_in("127.0.0.7", "127.0.0.1", port));
	assert_true(is_let_in("127.0.0.8", "127.0.0.1", port));
	door_knocked(&door, "127.0.0.8", DOOR_KNOCKS, 100);
	assert_false(is_let_in("127.0.0.7", "127.0.0.1", port));
	assert_false(is_let_in("127.0.0.8", "127.0.0.1", port));
	assert_true(is_let_in("127.0.0.1", "127.0.0.1", port));
	close(listener);
}

/* libzmq tells that a listener is closed after it closed it. */
static void a_listener_that_is_told_before_the_end_of_its_predecessor_has_the_door(void **state)
{
	enum { SOCKETS = 4 };
	struct door door = {0};
	uint16_t port[SOCKETS + 1];
	int listeners[SOCKETS + 1];

	(void)state;
	for (size_t i = 0; i < SOCKETS + 1; i++)
		door_listener(&door, listeners[i] = listen_at("127.0.0.1", &port[i]));
	door_closed(&door, listeners[0]); /* whose successor is the last */
	door_listener(&door, listeners[1]);
	door_closed(&door, listeners[1]); /* the one before it, of the same descriptor */
	door_knocked(&door, "127.0.0.7", DOOR_KNOCKS, 100);
	assert_true(is_let_in("127.0.0.7", "127.0.0.1", port[0]));
	for (size_t i = 1; i < SOCKETS + 1; i++)
		assert_false(is_let_in("127.0.0.7", "127.0.0.1", port[i]));
	for (size_t i = 0; i < SOCKETS + 1; i++)
		close(listeners[i]);
}

static void a_connection_that_is_there_is_not_touched(void **state)
{
	struct door door = {0};
	uint16_t port;
	char said[8] = "";
	const int listener = listen_at("127.0.0.1", &port), fd = connect_from("127.0.0.7", "127.0.0.1", port);
	const int accepted = accept(listener, NULL, NULL);
	int later, other;

	(void)state;
	door_listener(&door, listener);
	later = connect_from("127.0.0.7", "127.0.0.1", port); /* inherits the filter */
	other = accept(listener, NULL, NULL);
	door_knocked(&door, "127.0.0.7", DOOR_KNOCKS, 100);
	assert_int_equal(send(fd, "word", 5, 0), 5);
	assert_int_equal(recv(accepted, said, sizeof said, 0), 5);
	assert_int_equal(send(later, "word", 5, 0), 5);
	assert_int_equal(recv(other, said, sizeof said, 0), 5);
	close(fd);
	close(accepted);
	close(later);
	close(other);
	close(listener);
}

static void each_time_it_is_shut_for_longer_and_in_the_end_forgotten(void **state)
{
	struct door door = {0};
	uint64_t expected = DOOR_SHUT_MS;
	steady_ms now = 1000;

	(void)state;
	for (int time = 0; time < 6; time++) {
		door_knocked(&door, "127.0.0.7", DOOR_KNOCKS, now);
		door_tick(&door, now + expected - 1);
		assert_true(door.addresses[0].until != 0);
		now += expected;
		door_tick(&door, now);
		assert_true(door.addresses[0].until == 0);
		expected = expected * 2 < DOOR_SHUT_MOST_MS ? expected * 2 : DOOR_SHUT_MOST_MS;
	}
	now += DOOR_SHUT_MOST_MS + 1001;
	door_tick(&door, now);
	assert_int_equal(door.count, 0);
}

static void knocks_that_take_longer_than_a_second_do_not_shut_it(void **state)
{
	struct door door = {0};

	(void)state;
	for (steady_ms now = 0; now < 60 * 1000; now += 1000 / (DOOR_KNOCKS - 4))
		door_knocked(&door, "127.0.0.7", 1, now);
	assert_true(door.addresses[0].until == 0);
}

static void more_addresses_than_fit_are_left_to_be_cut_one_by_one(void **state)
{
	struct door door = {0};
	char address[PEER_ADDRESS_SIZE];
	uint16_t port;
	const int listener = listen_at("127.0.0.1", &port);

	(void)state;
	door_listener(&door, listener);
	for (unsigned i = 0; i < 2 * DOOR_ADDRESSES; i++) {
		snprintf(address, sizeof address, "127.0.1.%u", i + 1);
		door_knocked(&door, address, DOOR_KNOCKS, 100);
	}
	assert_int_equal(door.count, DOOR_ADDRESSES);
	snprintf(address, sizeof address, "127.0.1.%u", DOOR_ADDRESSES);
	assert_false(is_let_in(address, "127.0.0.1", port));
	snprintf(address, sizeof address, "127.0.1.%u", DOOR_ADDRESSES + 1);
	assert_true(is_let_in(address, "127.0.0.1", port));
	close(listener);
}

static void an_address_of_ipv6_is_told_from_its_neighbour(void **state)
{
	struct door door = {0};
	uint16_t port;
	const int listener = listen_at("::1", &port);

	(void)state;
	if (listener < 0)
		skip();
	door_listener(&door, listener);
	door_knocked(&door, "::2", DOOR_KNOCKS, 100);
	door_knocked(&door, "1::1", DOOR_KNOCKS, 100);
	door_knocked(&door, "0.0.0.1", DOOR_KNOCKS, 100);
	assert_true(is_let_in("::1", "::1", port));
	door_knocked(&door, "::1", DOOR_KNOCKS, 100);
	assert_false(is_let_in("::1", "::1", port));
	door_tick(&door, 100 + DOOR_SHUT_MS);
	assert_true(is_let_in("::1", "::1", port));
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_door_is_shut_to_who_knocks_too_often_and_to_nobody_else),
		cmocka_unit_test(a_listener_that_is_told_before_the_end_of_its_predecessor_has_the_door),
		cmocka_unit_test(a_connection_that_is_there_is_not_touched),
		cmocka_unit_test(each_time_it_is_shut_for_longer_and_in_the_end_forgotten),
		cmocka_unit_test(knocks_that_take_longer_than_a_second_do_not_shut_it),
		cmocka_unit_test(more_addresses_than_fit_are_left_to_be_cut_one_by_one),
		cmocka_unit_test(an_address_of_ipv6_is_told_from_its_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
