/* memory_fault - stands in for the allocators and counts. */
#include "tests/support/memory_fault.h"
#include "tests/support/disk.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* A test's own, as allocators have no context. */
static struct {
	bool is_set, once;
	enum memory_of whose;
	uint64_t nth, seen;
} fault;

static sqlite3_mem_methods sqlite_memory;

static bool fails(enum memory_of whose)
{
	if (!fault.is_set || fault.whose != whose || disk_is_inside())
		return false;
	fault.seen++;
	return fault.nth > 0 && (fault.once ? fault.seen == fault.nth : fault.seen >= fault.nth);
}

void memory_fault_set(enum memory_of whose, uint64_t nth, bool once)
{
	fault.whose = whose;
	fault.nth = nth;
	fault.once = once;
	fault.seen = 0;
	fault.is_set = true;
}

uint64_t memory_fault_clear(void)
{
	fault.is_set = false;
	return fault.seen;
}

/* ---------------------------------------------------------------------------- SQLite's */

static void *sqlite_malloc(int size)
{
	return fails(MEMORY_OF_SQLITE) ? NULL : sqlite_memory.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
	return fails(MEMORY_OF_SQLITE) ? NULL : sqlite_memory.xRealloc(old, size);
}

void memory_fault_prepare(void)
{
	sqlite3_mem_methods wrapped;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory) != SQLITE_OK)
		abort();
	wrapped = sqlite_memory;
	wrapped.xMalloc = sqlite_malloc;
	wrapped.xRealloc = sqlite_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped) != SQLITE_OK)
		abort();
}

/* ---------------------------------------------------------------------------- the program's */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
	return fails(MEMORY_OF_PROGRAM) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails(MEMORY_OF_PROGRAM) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails(MEMORY_OF_PROGRAM) ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	return fails(MEMORY_OF_PROGRAM) ? NULL : __real_reallocarray(old, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails(MEMORY_OF_PROGRAM) ? NULL : __real_strdup(text);
}
