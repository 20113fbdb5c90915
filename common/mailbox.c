/* mailbox - a locked list of letters with an eventfd that says that it is worth looking. */
#include "common/mailbox.h"
#include "common/memory.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
	pthread_mutex_t lock;
	struct letter *first;
	struct letter **last; /* where the next letter is hung up */
	int fd;
};

struct mailbox *mailbox_new(void)
{
	struct mailbox *box = memory_zero(1, sizeof(*box));

	pthread_mutex_init(&box->lock, NULL);
	box->last = &box->first;
	box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (box->fd < 0)
		abort(); /* made at the start of a program only, when descriptors cannot have run out */
	return box;
}

void mailbox_free(struct mailbox *box)
{
	if (box == NULL)
		return;
	assert(box->first == NULL); /* whoever put it gave up owning it: it would leak */
	close(box->fd);
	pthread_mutex_destroy(&box->lock);
	free(box);
}

static void signal_set(struct mailbox *box)
{
	const uint64_t one = 1;

	while (write(box->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void signal_clear(struct mailbox *box)
{
	uint64_t count;

	while (read(box->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

void mailbox_put(struct mailbox *box, struct letter *letter)
{
	bool was_empty;

	letter->next = NULL;
	pthread_mutex_lock(&box->lock);
	was_empty = box->first == NULL;
	*box->last = letter;
	box->last = &letter->next;
	pthread_mutex_unlock(&box->lock);
	if (was_empty)
		signal_set(box); /* only now, or who wakes up would wait for the lock */
}

struct letter *mailbox_take_all(struct mailbox *box)
{
	struct letter *letters;

	signal_clear(box); /* first: what is put in from here on is seen below or signalled again */
	pthread_mutex_lock(&box->lock);
	letters = box->first;
	box->first = NULL;
	box->last = &box->first;
	pthread_mutex_unlock(&box->lock);
	return letters;
}

struct letter *mailbox_wait_all(struct mailbox *box)
{
	struct pollfd wait = {.fd = box->fd, .events = POLLIN};
	struct letter *letters;

	while ((letters = mailbox_take_all(box)) == NULL)
		poll(&wait, 1, -1);
	return letters;
}

int mailbox_fd(const struct mailbox *box)
{
	return box->fd;
}
