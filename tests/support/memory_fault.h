/* memory_fault - lets the Nth allocation of the program or of SQLite fail.
 *
 * The program's are seen in a test that is linked with --wrap of malloc, calloc, realloc, reallocarray and strdup; those
 * of the disk in memory (disk.h) do not count. One fault at a time, in one thread. */
#ifndef SIMPUL_TEST_MEMORY_FAULT_H
#define SIMPUL_TEST_MEMORY_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum memory_of { MEMORY_OF_PROGRAM, MEMORY_OF_SQLITE };

/* Before anything else touches SQLite. */
void memory_fault_prepare(void);
/* From now on the `nth` allocation (from 1; 0: none) fails, once or each from then on. */
void memory_fault_set(enum memory_of whose, uint64_t nth, bool once);
/* No more; returns how many were asked for since. */
uint64_t memory_fault_clear(void);

#endif
