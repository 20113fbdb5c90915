/* memory_test - what a dump of a program's memory would show: nothing that the broker must not read, and after a retraction
 * nothing of what was taken back, neither at the broker nor at an office. */
#include "common/memory.h"
#include "tests/support/operate.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY, OFFICES };

/* Long enough that no half of it is taken for it, and nowhere else. */
#define SEALED "sealed-canary-for-the-named-office-alone"
#define TAKEN_BACK "open-canary-that-is-going-to-be-taken-back"

static const char policy[] = "purposes: [law-enforcement, immigration-oversight]\n"
			     "categories: [wanted]\n"
			     "agencies:\n"
			     "  - agency: police\n"
			     "    ceiling: RED\n"
			     "    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "  - agency: army\n"
			     "    ceiling: RED\n"
			     "    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "nodes:\n"
			     "  - {node: police.oku, regions: [\"16.01\"]}\n"
			     "  - {node: army.oku, regions: [\"16.01\"]}\n";

/* AddressSanitizer keeps what was freed for a while, and overwrites as little of it as it is told to. */
static void memory_filled(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char *more = memory_format("%s:max_free_fill_size=1073741824:free_fill_byte=85", options ? options : "");

	setenv("ASAN_OPTIONS", more, true);
	free(more);
}

static int set_up(void **state)
{
	static struct exchange x;

	memory_filled();
	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

/* ------------------------------------------------------------------ memory of others */

/* Whether the piece of memory holds the text; what cannot be read, or is only reserved, does not. */
static bool piece_holds(int memory, uint64_t from, uint64_t to, const char *text)
{
	enum { PIECE = 1 << 20 };
	const size_t length = strlen(text);
	static char piece[PIECE];
	bool holds = false;

	for (uint64_t at = from; !holds && at < to; at += PIECE - length) {
		const size_t wanted = to - at < PIECE ? (size_t)(to - at) : PIECE;
		const ssize_t got = pread(memory, piece, wanted, (off_t)at);

		holds = got >= (ssize_t)length && memmem(piece, (size_t)got, text, length) != NULL;
		if (got < (ssize_t)wanted)
			break;
	}
	return holds;
}

static bool memory_holds(pid_t pid, const char *text)
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
	assert_true(maps && memory >= 0);
	while (!holds && fgets(line, sizeof line, maps))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) == 3 && rights[1] == 'w' &&
		    to - from < most)
			holds = piece_holds(memory, from, to, text);
	close(memory);
	fclose(maps);
	return holds;
}

struct held {
	pid_t pid;
	const char *text;
};

static bool is_gone(void *context)
{
	const struct held *held = context;

	return !memory_holds(held->pid, held->text);
}

static bool forgets(pid_t pid, const char *text)
{
	struct held held = {pid, text};

	return wait_for(is_gone, &held, 30);
}

/* ------------------------------------------------------------------ tests */

/* By standard input, so that it stands in no argument. */
static void say(struct exchange *x, const char *summary, const char *label, const char *more)
{
	char *draft = memory_format("{\"category\": \"wanted\", \"region\": \"16.01\", \"label\": \"%s\", \"purpose\": "
				    "\"law-enforcement\"%s, \"sighting\": "
				    "{\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", "
				    "\"summary\": \"%s\"}}",
				    label, more, summary);

	assert_int_equal(exchange_simpul(x, POLICE, draft, NULL, "report", "--json", "-", NULL), 0);
	free(draft);
}

static bool readable(void)
{
	return access("/proc/1/mem", R_OK) == 0; /* root */
}

/* ThreadSanitizer brings a free() of its own that overwrites nothing. */
static bool overwritten(void)
{
#ifdef __SANITIZE_THREAD__
	return false;
#else
	return true;
#endif
}

static void a_sealed_report_is_nowhere_at_the_broker(void **state)
{
	struct exchange *x = *state;

	if (!readable())
		skip();
	say(x, SEALED, "RED", ", \"to\": [\"army.oku\"]");
	assert_true(office_received(x, ARMY, 1, 20));
	assert_true(office_holds(x, ARMY, SEALED));
	assert_false(memory_holds(x->broker, SEALED));
}

static void what_was_taken_back_is_in_nobodys_memory(void **state)
{
	struct exchange *x = *state;

	if (!readable() || !overwritten())
		skip();
	say(x, TAKEN_BACK, "AMBER", "");
	assert_true(office_received(x, ARMY, 2, 20));
	assert_true(memory_holds(x->broker, TAKEN_BACK)); /* or the search would find nothing anywhere */
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", "police.oku#1", "--reason", "wrong-person",
					 "--erase", NULL),
			 0);
	assert_true(log_has(x, "bodies.erased", 20));
	assert_true(forgets(x->broker, TAKEN_BACK));
	assert_true(forgets(x->offices[ARMY].pid, TAKEN_BACK));
	assert_true(forgets(x->offices[POLICE].pid, TAKEN_BACK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_report_is_nowhere_at_the_broker),
		cmocka_unit_test(what_was_taken_back_is_in_nobodys_memory),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
