/* memory - allocation that either succeeds or ends the program with EX_OSERR.
 *
 * Every process of Simpul may be killed at any moment without losing anything, so running out of
 * memory is handled as a kill: one line in the log, no unwinding. */
#ifndef SIMPUL_MEMORY_H
#define SIMPUL_MEMORY_H

#include <stddef.h>

/* Ends the program so; for libraries that say that they have no memory where nothing can be returned. */
_Noreturn void memory_exhausted(void);

void *memory_alloc(size_t size);		     /* uninitialised; free() it */
void *memory_zero(size_t count, size_t size);	     /* zeroed */
void *memory_grow(void *old, size_t count, size_t size); /* realloc(old, count * size), checked for overflow */
char *memory_string(const char *text);		     /* copy; NULL gives NULL */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
