/* process - starts, watches and ends the programs under test; each is known by its pid and ended by it alone.
 *
 * All seconds are the most that is waited, and are multiplied by SIMPUL_PATIENCE where it is given. */
#ifndef SIMPUL_TEST_PROCESS_H
#define SIMPUL_TEST_PROCESS_H

#include "common/bytes.h"
#include <sys/types.h>

/* Starts argv[0] (a NULL-terminated list) with standard output and error appended to `log`. The child dies with the test. */
pid_t process_start(const char *const argv[], const char *log);
/* Runs to the end, at most `seconds`; standard output into `out` (may be NULL), standard error appended to `log`. `input` (may be
 * NULL) is its standard input. Returns the exit status, -1 when it was killed or timed out. */
int process_run(const char *const argv[], const char *input, struct buffer *out, const char *log, int seconds);
/* Sends `signal` and waits at most `seconds`, then SIGKILL. Returns the exit status, 128 + signal when killed by one. */
int process_end(pid_t pid, int signal, int seconds);
bool process_alive(pid_t pid);
/* Resident memory in KiB. */
size_t process_rss(pid_t pid);

/* The folder of the programs under test: $SIMPUL_BIN. */
const char *process_program(const char *name, char *path, size_t size);

void sleep_ms(unsigned ms);

/* Removes a folder and all that is in it, following no link. */
void tree_remove(const char *path);

/* So many milliseconds with patience: for limits of a test's own. */
int patient_ms(int ms);

/* Repeats `condition` every 20 ms for at most `seconds`; true as soon as it holds. */
bool wait_for(bool (*condition)(void *context), void *context, int seconds);

#endif
