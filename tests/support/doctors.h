/* doctors - what simpul doctor and simpulctl doctor say, and whether it is what they must say. */
#ifndef SIMPUL_TEST_DOCTORS_H
#define SIMPUL_TEST_DOCTORS_H

#include "tests/support/exchange.h"

#include <pthread.h>

/* What the doctor of an office prints, or the broker's; free it. Keys of an office are never in it. */
char *doctor_text(struct exchange *x, size_t office, int *status);
char *broker_doctor_text(struct exchange *x, int *status);
/* How many lines begin with this word. */
size_t lines_with(const char *text, const char *result);
/* A line begins with this word and holds the words; says what was printed when none does. */
void assert_said(const char *text, const char *result, const char *said);
/* Asks, and holds a doctor to ending with 0 exactly when nothing failed. */
void assert_doctor_says(struct exchange *x, size_t office, const char *result, const char *said);
void assert_broker_doctor_says(struct exchange *x, const char *result, const char *said);

/* A change of a file, and what must be said about it. */
struct mistake {
	const char *file, *from, *to, *result, *said;
};

/* An agent or a broker that answers so many questions, each with this. */
struct pretended {
	void *socket;
	const char *answer;
	unsigned questions;
};
/* Listens at the path until they are answered, on a thread that is to be joined; then close the socket. */
pthread_t pretend(struct pretended *pretended, void *context, const char *path);

#endif
