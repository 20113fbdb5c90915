/* memory - the allocator that ends the program when there is no memory left. */
#include "common/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Written past the log, which may itself be what asked for memory. */
void memory_exhausted(void)
{
	static const char line[] = "level=alarm event=memory.exhausted\n";

	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(EX_OSERR);
	_exit(EX_OSERR);
}

static void *checked(void *memory)
{
	if (memory == NULL)
		memory_exhausted();
	return memory;
}

void *memory_alloc(size_t size)
{
	return checked(malloc(size > 0 ? size : 1));
}

void *memory_zero(size_t count, size_t size)
{
	return checked(count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1));
}

void *memory_grow(void *old, size_t count, size_t size)
{
	/* realloc to nothing would free. */
	return checked(count > 0 && size > 0 ? reallocarray(old, count, size) : realloc(old, 1));
}

char *memory_string(const char *text)
{
	return text == NULL ? NULL : checked(strdup(text));
}

char *memory_format(const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		memory_exhausted();
	return text;
}
