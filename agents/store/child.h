/* child - runs a program for one piece of work: gives it its input, waits for its end, and brings that about in time.
 *
 * The child gets its input as its standard input, a file in memory: nobody waits for it to read. It has no other
 * descriptor of the agent's, no word of the agent's environment, the folder "/" and a process group of its own, which
 * is ended whole with it: nothing that it began goes on but what left the group. It is itself ended wherever it went.
 * What it complains of is thrown away, for it may hold personal data. It dies with the thread that started it. It has
 * the agent's user: this is no cage for a program that was taken over. */
#ifndef SIMPUL_CHILD_H
#define SIMPUL_CHILD_H

#include "common/bytes.h"
#include "common/clock.h"
#include "common/error.h"
#include <sys/types.h>

/* For programs that take foreign bytes apart; they gain no privileges either, and write into no file. */
struct child_limits {
	unsigned seconds; /* of the processor */
	size_t memory;	  /* bytes */
};

struct child_command {
	const char *program;			/* absolute */
	char *const *argv, *const *environment; /* NULL at the end of each */
	const struct child_limits *limits;	/* NULL: those of the agent */
	bool heard;				/* its standard output can be read; otherwise it is thrown away */
};

struct child {
	pid_t pid;  /* and its process group */
	int end;    /* readable once it has ended */
	int output; /* to be read from; -1 unless it is heard */
};

enum child_outcome {
	CHILD_ENDED,   /* by itself */
	CHILD_LATE,    /* its time was over */
	CHILD_STOPPED, /* it was not waited for any longer */
};

/* E_IO: the system has no file, pipe or process to give, or the program's file system does not answer before
 * `deadline`; E_STOPPING: nor before `stop` (stop.h) asked for the end; E_NOT_FOUND: this cannot be run. errno says
 * why, and then there is no child. */
enum error child_start(struct child *child, const struct child_command *command, struct bytes input, steady_ms deadline,
		       int stop);
/* Appends what a child that is heard writes, up to its end; what it began may go on. E_TOO_LARGE (more than `most`
 * bytes, or the deadline has passed), E_STOPPING, E_IO; `what` names it in the fault. */
enum error child_read(const struct child *child, size_t most, steady_ms deadline, int stop, struct buffer *out,
		      const char *what, struct fault *fault);
/* Reads on, up to its end or the deadline, and throws away what comes: a child whose output is closed while it writes
 * ends by a signal. */
void child_drain(const struct child *child, steady_ms deadline, int stop);
/* Waits for its end until `deadline` or until the descriptor `stop` becomes readable (-1: none); then ends what is left
 * of it. Call it once for each that was started. `status` is that of waitpid. */
enum child_outcome child_end(struct child *child, steady_ms deadline, int stop, int *status);

#endif
