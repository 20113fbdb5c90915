/* fuzz - promises, files in memory, and pieces of an input. */
#include "tests/fuzz/fuzz.h"
#include "common/keys.h"
#include "common/log.h"
#include "common/memory.h"
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void fuzz_broken(const char *promise, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken: %s\n", file, line, promise);
	abort();
}

void fuzz_clock(bool on)
{
	sigset_t clock;

	sigemptyset(&clock);
	sigaddset(&clock, SIGALRM);
	PROMISE(pthread_sigmask(on ? SIG_UNBLOCK : SIG_BLOCK, &clock, NULL) == 0);
}

void fuzz_terminal_safe(struct bytes page)
{
	for (size_t i = 0; i < page.size; i++) {
		const uint8_t c = page.data[i], second = i + 1 < page.size ? page.data[i + 1] : 0,
			      third = i + 2 < page.size ? page.data[i + 2] : 0;

		PROMISE(c == '\n' || (c >= ' ' && c != 0x7f));
		/* U+0080..U+009F; U+202A..U+202E; U+2066..U+2069 */
		PROMISE(c != 0xc2 || second > 0x9f);
		PROMISE(c != 0xe2 || second != 0x80 || third < 0xaa || third > 0xae);
		PROMISE(c != 0xe2 || second != 0x81 || third < 0xa6 || third > 0xa9);
	}
}

/* ------------------------------------------------------------------ the same in each run */

static uint64_t random_state = 1;

static uint32_t random_next(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(random_state >> 32);
}

static void random_fill(void *const buffer, const size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buffer)[i] = (uint8_t)random_next();
}

static const char *random_name(void)
{
	return "fuzz";
}

static void log_drop(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	for (; *line != '\0'; line++)
		PROMISE(*line >= ' ' && *line <= '~');
}

void fuzz_start(void)
{
	static struct randombytes_implementation implementation = {
		.implementation_name = random_name, .random = random_next, .buf = random_fill};

	random_state = 1;
	randombytes_set_implementation(&implementation);
	keys_init();
	log_init("fuzz", (enum log_level)(LOG_LEVEL_ALARM + 1));
	log_copy(log_drop, NULL);
}

/* ------------------------------------------------------------------ files */

const char *fuzz_file(struct bytes content)
{
	static char path[64];
	static int fd = -1;
	size_t at = 0;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		PROMISE(fd >= 0 && fchmod(fd, 0600) == 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	PROMISE(ftruncate(fd, 0) == 0);
	while (at < content.size) {
		const ssize_t written = pwrite(fd, content.data + at, content.size - at, (off_t)at);

		PROMISE(written > 0);
		at += (size_t)written;
	}
	return path;
}

static char folder[64];

static void folder_remove(void)
{
	char command[96];

	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s stays\n", folder);
}

const char *fuzz_folder(void)
{
	if (folder[0] == '\0') {
		snprintf(folder, sizeof folder, "%s/simpul-fuzz-XXXXXX",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		PROMISE(mkdtemp(folder) != NULL);
		atexit(folder_remove);
	}
	return folder;
}

/* ------------------------------------------------------------------ pieces */

static uint64_t take_number(struct bytes *rest, size_t size)
{
	uint64_t value = 0;

	for (; size > 0; size--) {
		value = value << 8 | (rest->size > 0 ? rest->data[0] : 0);
		if (rest->size > 0)
			*rest = BYTES(rest->data + 1, rest->size - 1);
	}
	return value;
}

uint8_t take_u8(struct bytes *rest)
{
	return (uint8_t)take_number(rest, 1);
}

uint16_t take_u16(struct bytes *rest)
{
	return (uint16_t)take_number(rest, 2);
}

uint64_t take_u64(struct bytes *rest)
{
	return take_number(rest, 8);
}

struct bytes take_bytes(struct bytes *rest)
{
	const size_t asked = take_u16(rest), size = asked < rest->size ? asked : rest->size;
	const struct bytes piece = BYTES(rest->data, size);

	if (size > 0)
		*rest = BYTES(rest->data + size, rest->size - size);
	return piece;
}

char *take_text(struct bytes text)
{
	char *copy = memory_alloc(text.size + 1);

	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}
