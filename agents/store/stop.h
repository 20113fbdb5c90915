/* stop - a descriptor by which a thread is told to end: it becomes readable, and stays so. */
#ifndef SIMPUL_STOP_H
#define SIMPUL_STOP_H

#include <stdbool.h>

/* Whether the thread is to end; costs a system call. -1: nobody tells it to. */
bool stop_asked(int stop);

#endif
