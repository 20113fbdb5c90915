/* mailbox - hands owned messages from one thread to another.
 *
 * Unbounded in itself; the protocol's windows bound what can be in it. The receiver polls the file
 * descriptor. Whoever takes a message owns it. */
#ifndef SIMPUL_MAILBOX_H
#define SIMPUL_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

/* First member of every message. */
struct letter {
	struct letter *next;
};

struct mailbox;

struct mailbox *mailbox_new(void);
void mailbox_free(struct mailbox *box); /* must be empty */
void mailbox_put(struct mailbox *box, struct letter *letter);
/* Everything that is there, oldest first, as a list; NULL when empty. */
struct letter *mailbox_take_all(struct mailbox *box);
/* Waits until something is there. */
struct letter *mailbox_wait_all(struct mailbox *box);
/* Readable (eventfd) when something was put in since mailbox_take_all, which may have taken that already. */
int mailbox_fd(const struct mailbox *box);

#endif
