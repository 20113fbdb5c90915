/* Tries to break what mailbox.h promises. */
#include "common/mailbox.h"
#include "common/memory.h"
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { SENDERS = 4, EACH = 5000 };

struct note {
	struct letter letter;
	int sender;
	int number;
};

struct sender {
	struct mailbox *box;
	int id;
};

static void put_note(struct mailbox *box, int sender, int number)
{
	struct note *note = memory_zero(1, sizeof(*note));

	note->sender = sender;
	note->number = number;
	mailbox_put(box, &note->letter);
}

static bool readable(const struct mailbox *box)
{
	struct pollfd wait = {.fd = mailbox_fd(box), .events = POLLIN};

	return poll(&wait, 1, 0) == 1;
}

static void the_descriptor_agrees_with_the_content(void **state)
{
	struct mailbox *box = mailbox_new();
	struct letter *letters, *second;

	(void)state;
	assert_false(readable(box));
	assert_null(mailbox_take_all(box));
	put_note(box, 0, 1);
	put_note(box, 0, 2);
	assert_true(readable(box));
	letters = mailbox_take_all(box);
	assert_false(readable(box));
	assert_null(mailbox_take_all(box));
	second = letters->next;
	assert_int_equal(((struct note *)letters)->number, 1);
	assert_int_equal(((struct note *)second)->number, 2);
	assert_null(second->next);
	free(letters);
	free(second);
	mailbox_free(box);
}

static void a_letter_that_is_put_again_loses_its_old_list(void **state)
{
	struct mailbox *box = mailbox_new();
	struct letter *letters, *second;

	(void)state;
	put_note(box, 0, 1);
	put_note(box, 0, 2);
	letters = mailbox_take_all(box);
	second = letters->next;
	mailbox_put(box, letters);
	assert_ptr_equal(mailbox_take_all(box), letters);
	assert_null(letters->next);
	free(letters);
	free(second);
	mailbox_free(box);
}

static void *send_all(void *argument)
{
	struct sender *sender = argument;

	for (int i = 0; i < EACH; i++)
		put_note(sender->box, sender->id, i);
	return NULL;
}

static void many_senders_lose_nothing_and_keep_their_order(void **state)
{
	struct mailbox *box = mailbox_new();
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	int next[SENDERS] = {0};

	(void)state;
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){box, i};
		assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	for (int got = 0; got < SENDERS * EACH;) {
		struct letter *letter = mailbox_wait_all(box);

		assert_non_null(letter);
		while (letter != NULL) {
			struct note *note = (struct note *)letter;

			letter = letter->next;
			assert_int_equal(note->number, next[note->sender]++);
			free(note);
			got++;
		}
	}
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_null(mailbox_take_all(box)); /* the signal of what was taken already may have come late */
	assert_false(readable(box));
	mailbox_free(box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_descriptor_agrees_with_the_content),
		cmocka_unit_test(a_letter_that_is_put_again_loses_its_old_list),
		cmocka_unit_test(many_senders_lose_nothing_and_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
