/* dump - what a dump of a running program's memory would show: searches /proc/PID/mem, for which one has to be root. */
#ifndef SIMPUL_TEST_DUMP_H
#define SIMPUL_TEST_DUMP_H

#include "common/bytes.h"
#include <sys/types.h>

/* Whether the memory of others can be read here at all. */
bool dump_permitted(void);
/* Whether what was freed is overwritten in programs of this build: ThreadSanitizer's free() does not. */
bool dump_overwritten(void);
/* Before the programs are started: AddressSanitizer keeps what was freed for a while, and then overwrites all of it. */
void dump_prepare(void);

bool dump_holds(pid_t pid, struct bytes bytes);
/* Waits until the memory does not hold them; false when it still does after half a minute. */
bool dump_forgets(pid_t pid, struct bytes bytes);

#endif
