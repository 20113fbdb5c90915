/* pollset - a list of what is waited for, and the array that poll(2) wants beside it. */
#include "broker/serve/pollset.h"

#include "common/memory.h"
#include <assert.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define MEMBERS_MOST 16

struct member {
	void *socket; /* NULL: a descriptor */
	bool is_shared;
	bool more;	/* was left when it was asked last */
	uint64_t asked; /* the set's `done` then */
	pollset_fn *handler;
	void *context;
};

struct pollset {
	struct member members[MEMBERS_MOST];
	struct pollfd fds[MEMBERS_MOST];
	size_t count;
	uint64_t done; /* how often a handler had something to do */
};

struct pollset *pollset_new(void)
{
	return memory_zero(1, sizeof(struct pollset));
}

void pollset_free(struct pollset *set)
{
	free(set);
}

static void member_add(struct pollset *set, int fd, const struct member *member)
{
	assert(set->count < MEMBERS_MOST);
	set->fds[set->count] = (struct pollfd){.fd = fd, .events = POLLIN};
	set->members[set->count++] = *member;
}

void pollset_add_socket(struct pollset *set, void *socket, bool is_shared, pollset_fn *handler, void *context)
{
	int fd = -1;
	size_t size = sizeof(fd);

	zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
	member_add(set, fd,
		   &(struct member){.socket = socket,
				    .is_shared = is_shared,
				    .more = true, /* what came before is told to nobody */
				    .handler = handler,
				    .context = context});
}

void pollset_add_fd(struct pollset *set, int fd, pollset_fn *handler, void *context)
{
	member_add(set, fd, &(struct member){.handler = handler, .context = context});
}

void pollset_remove_socket(struct pollset *set, void *socket)
{
	size_t i = 0;

	while (i < set->count && set->members[i].socket != socket)
		i++;
	if (i == set->count)
		return;
	set->count--;
	memmove(&set->members[i], &set->members[i + 1], (set->count - i) * sizeof(set->members[0]));
	memmove(&set->fds[i], &set->fds[i + 1], (set->count - i) * sizeof(set->fds[0]));
}

void pollset_touched(struct pollset *set)
{
	set->done++;
}

static bool is_worth_asking(const struct pollset *set, size_t i)
{
	const struct member *member = &set->members[i];

	return set->fds[i].revents != 0 || member->more || (member->is_shared && member->asked != set->done);
}

static enum pollset_result ask(struct pollset *set, size_t i)
{
	struct member *member = &set->members[i];
	void *socket = member->socket;
	enum pollset_result result = member->handler(member->context);

	set->done += result != POLLSET_NOTHING;
	if (i < set->count && set->members[i].socket == socket) { /* it may have removed itself */
		member->more = result == POLLSET_MORE;
		member->asked = set->done;
	}
	return result;
}

static bool ask_all(struct pollset *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (is_worth_asking(set, i) && ask(set, i) == POLLSET_STOP)
			return false;
	return true;
}

static bool is_anybody_waiting(const struct pollset *set)
{
	for (size_t i = 0; i < set->count; i++)
		if (is_worth_asking(set, i))
			return true;
	return false;
}

bool pollset_turn(struct pollset *set, unsigned ms)
{
	for (size_t i = 0; i < set->count; i++)
		set->fds[i].revents = 0;
	if (poll(set->fds, set->count, is_anybody_waiting(set) ? 0 : (int)ms) < 0)
		for (size_t i = 0; i < set->count; i++)
			set->fds[i].revents = 0; /* a signal came first */
	return ask_all(set);
}
