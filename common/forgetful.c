/* forgetful - free() and realloc() that overwrite what they give back, in the place of the C library's, for programs that must
 * not show in a core dump what was erased: linked into simpul-broker and simpul-agent.
 *
 * All libraries of the program use them (ld exports them, since libraries refer to them). M_PERTURB of mallopt(3) would be
 * less: glibc's threads keep small pieces at hand without overwriting them. Sanitizers and valgrind bring their own. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void __libc_free(void *memory); /* glibc's, by its other name */

void free(void *memory)
{
	if (memory == NULL)
		return;
	explicit_bzero(memory, malloc_usable_size(memory));
	__libc_free(memory);
}

/* A piece that is large enough, and not far too large, stays where it is. */
void *realloc(void *old, size_t size)
{
	const size_t room = old == NULL ? 0 : malloc_usable_size(old);
	void *memory;

	if (old != NULL && size == 0) {
		free(old);
		return NULL;
	}
	if (old != NULL && size <= room && size >= room / 2)
		return old;
	memory = malloc(size);
	if (memory == NULL || old == NULL)
		return memory;
	memcpy(memory, old, size < room ? size : room);
	free(old);
	return memory;
}

/* The C library's would use its own realloc(). */
void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return realloc(old, bytes);
}

#else

extern int nothing_to_forget; /* for ISO C a file that holds nothing is none */

#endif
