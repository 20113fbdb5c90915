/* dump - reads what is mapped and writable of a process, piece by piece. */
#include "tests/support/dump.h"
#include "common/memory.h"
#include "tests/support/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20, PATIENCE_S = 30 };

bool dump_permitted(void)
{
	return access("/proc/1/mem", R_OK) == 0;
}

bool dump_overwritten(void)
{
#ifdef __SANITIZE_THREAD__
	return false;
#else
	return true;
#endif
}

void dump_prepare(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char *more = memory_format("%s:max_free_fill_size=1073741824:free_fill_byte=85", options ? options : "");

	setenv("ASAN_OPTIONS", more, true);
	free(more);
}

/* Whether the piece of memory holds the bytes; what cannot be read, or is only reserved, does not. */
static bool piece_holds(int memory, uint64_t from, uint64_t to, struct bytes bytes)
{
	static char piece[PIECE];
	bool holds = false;

	for (uint64_t at = from; !holds && at < to; at += PIECE - bytes.size) {
		const size_t wanted = to - at < PIECE ? (size_t)(to - at) : PIECE;
		const ssize_t got = pread(memory, piece, wanted, (off_t)at);

		holds = got >= (ssize_t)bytes.size && memmem(piece, (size_t)got, bytes.data, bytes.size) != NULL;
		if (got < (ssize_t)wanted)
			break;
	}
	return holds;
}

bool dump_holds(pid_t pid, struct bytes bytes)
{
	const uint64_t most = UINT64_C(1) << 32; /* the sanitizer reserves more, and writes little of it */
	char path[64], line[512], rights[8];
	uint64_t from, to;
	bool holds = false;
	FILE *maps;
	int memory;

	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (maps == NULL || memory < 0)
		abort(); /* nobody was looked at, so nothing was found */
	while (!holds && fgets(line, sizeof line, maps))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) == 3 && rights[1] == 'w' &&
		    to - from < most)
			holds = piece_holds(memory, from, to, bytes);
	close(memory);
	fclose(maps);
	return holds;
}

struct held {
	pid_t pid;
	struct bytes bytes;
};

static bool is_gone(void *context)
{
	const struct held *held = context;

	return !dump_holds(held->pid, held->bytes);
}

bool dump_forgets(pid_t pid, struct bytes bytes)
{
	struct held held = {pid, bytes};

	return wait_for(is_gone, &held, PATIENCE_S);
}
