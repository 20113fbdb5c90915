/* terminal - runs a program at a terminal of its own and answers what it asks there, as a person would. */
#ifndef SIMPUL_TEST_TERMINAL_H
#define SIMPUL_TEST_TERMINAL_H

#include "common/bytes.h"

/* What is typed when this text has appeared. */
struct terminal_line {
	const char *prompt, *answer;
};

/* Runs argv[0] to its end, at most `seconds`. Everything that the terminal shows, both outputs of the program together,
 * goes to `out`. Each of `lines`, in this order and up to one without a prompt, is typed once it was asked for. Returns the
 * exit status; -1 when it was killed or timed out, or when a line was never asked for. */
int terminal_run(const char *const argv[], const struct terminal_line *lines, struct buffer *out, int seconds);

/* From now on this process and those that it starts have no terminal to ask at, wherever the test was started. */
void terminal_leave(void);

#endif
