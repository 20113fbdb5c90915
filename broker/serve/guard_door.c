/* guard_door - a table of addresses, and the filter made of it. */
#include "broker/serve/guard_door.h"

#include "common/log.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>

/* Where things stand, seen from the TCP header: RFC 9293, 3.1; RFC 791, 3.1; RFC 8200, 3. */
enum { TCP_FLAGS = 13, TCP_SYN = 0x02, TCP_ACK = 0x10, IP4_SOURCE = 12, IP6_SOURCE = 8, IP6_WORDS = 4 };

enum { WORDS_MOST = 8 + DOOR_ADDRESSES * (1 + 2 * IP6_WORDS + 2) };

/* ---- the filter */

struct program {
	struct sock_filter words[WORDS_MOST];
	unsigned short count;
};

static void say(struct program *program, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t k)
{
	program->words[program->count++] = (struct sock_filter){code, if_true, if_false, k};
}

static void say_verdict(struct program *program, bool pass)
{
	say(program, BPF_RET | BPF_K, 0, 0, pass ? UINT32_MAX : 0);
}

/* Goes on behind its words when the packet is not from this address. */
static void say_address(struct program *program, const char *text)
{
	uint32_t words[IP6_WORDS];
	const bool four = inet_pton(AF_INET, text, words) == 1;
	const uint8_t count = four ? 1 : IP6_WORDS;

	if (!four && inet_pton(AF_INET6, text, words) != 1)
		return;
	say(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	say(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * count + 1), four ? ETH_P_IP : ETH_P_IPV6);
	for (uint8_t i = 0; i < count; i++) {
		const int at = SKF_NET_OFF + (four ? IP4_SOURCE : IP6_SOURCE) + 4 * i;

		say(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)at);
		say(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * (count - i) - 1), ntohl(words[i]));
	}
	say_verdict(program, false);
}

/* Whatever is no request to connect passes: connections inherit the filter of their listener. */
static void program_make(struct program *program, const struct door *door)
{
	program->count = 0;
	say(program, BPF_LD | BPF_B | BPF_ABS, 0, 0, TCP_FLAGS);
	say(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, TCP_SYN | TCP_ACK);
	say(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, TCP_SYN);
	say_verdict(program, true);
	for (size_t i = 0; i < door->count; i++)
		if (door->addresses[i].until != 0)
			say_address(program, door->addresses[i].address);
	say_verdict(program, true);
}

/* Where the kernel takes no filter each of them is turned away as before. */
static void door_apply(const struct door *door)
{
	struct program program;
	const struct sock_fprog filter = {.filter = program.words};
	struct sock_fprog told = filter;

	program_make(&program, door);
	told.len = program.count;
	for (size_t i = 0; i < door->listener_count; i++)
		setsockopt(door->listeners[i], SOL_SOCKET, SO_ATTACH_FILTER, &told, sizeof(told));
}

/* ---- addresses */

void door_listener(struct door *door, int fd)
{
	if (door->listener_count < DOOR_LISTENERS)
		door->listeners[door->listener_count++] = fd;
	door_apply(door);
}

void door_closed(struct door *door, int fd)
{
	for (size_t i = 0; i < door->listener_count; i++) {
		if (door->listeners[i] != fd)
			continue;
		door->listeners[i] = door->listeners[--door->listener_count];
		return;
	}
}

/* NULL: there are too many. */
static struct door_address *address_of(struct door *door, const char *address, steady_ms now)
{
	struct door_address *fresh;

	for (size_t i = 0; i < door->count; i++)
		if (strcmp(door->addresses[i].address, address) == 0)
			return &door->addresses[i];
	if (door->count == DOOR_ADDRESSES)
		return NULL;
	fresh = &door->addresses[door->count++];
	*fresh = (struct door_address){.since = now};
	memcpy(fresh->address, address, strnlen(address, PEER_ADDRESS_SIZE - 1));
	return fresh;
}

static void address_shut(struct door_address *entry, steady_ms now)
{
	const uint64_t longer = 2 * entry->shut_ms;

	entry->shut_ms = longer == 0 ? DOOR_SHUT_MS : longer < DOOR_SHUT_MOST_MS ? longer : DOOR_SHUT_MOST_MS;
	entry->until = now + entry->shut_ms;
	entry->knocks = 0;
	log_event(LOG_LEVEL_WARNING, "connections.shut_out", F_TEXT("address", entry->address),
		  F_NUM("seconds", entry->shut_ms / 1000));
}

void door_knocked(struct door *door, const char *address, unsigned knocks, steady_ms now)
{
	struct door_address *entry = address_of(door, address, now);

	if (entry == NULL || entry->until != 0)
		return;
	if (now - entry->since >= 1000) {
		entry->since = now;
		entry->knocks = 0;
	}
	entry->knocks += knocks;
	if (entry->knocks < DOOR_KNOCKS)
		return;
	address_shut(entry, now);
	door_apply(door);
}

/* As long as it was shut it is remembered. */
static bool is_quiet(const struct door_address *entry, steady_ms now)
{
	return entry->until == 0 && now - entry->since > entry->shut_ms + 1000;
}

void door_tick(struct door *door, steady_ms now)
{
	bool opened = false;

	for (size_t i = 0; i < door->count; i++) {
		struct door_address *entry = &door->addresses[i];

		if (entry->until != 0 && now >= entry->until) {
			entry->until = 0;
			entry->since = now;
			opened = true;
		}
		if (is_quiet(entry, now))
			door->addresses[i--] = door->addresses[--door->count];
	}
	if (opened)
		door_apply(door);
}
