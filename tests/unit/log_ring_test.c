/* Tries to break what broker/serve/log_ring.h promises: numbers in a run, an hour, 16 MiB. */
#include "broker/serve/log_ring.h"
#include "common/limit.h"
#include "common/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct log_line *line_of(steady_ms at, size_t size, uint64_t number)
{
	struct log_line *line = memory_zero(1, sizeof *line + size + 1);

	line->at = at;
	line->size = size;
	snprintf(line->text, size + 1, "%llu", (unsigned long long)number);
	return line;
}

static void put(struct log_ring *ring, steady_ms at, size_t size)
{
	log_ring_put(ring, line_of(at, size, log_ring_next(ring)));
}

/* Every number from the first to the last is there with its own text. */
static void expect_whole(const struct log_ring *ring)
{
	for (uint64_t number = log_ring_first(ring); number < log_ring_next(ring); number++) {
		char expected[32];

		snprintf(expected, sizeof expected, "%llu", (unsigned long long)number);
		assert_string_equal(log_ring_at(ring, number)->text, expected);
	}
}

static void numbers_begin_at_one_and_have_no_gap(void **state)
{
	struct log_ring *ring = log_ring_new();

	(void)state;
	assert_int_equal(log_ring_first(ring), 1);
	assert_int_equal(log_ring_next(ring), 1);
	for (size_t i = 0; i < 5000; i++)
		put(ring, 1000, 20);
	assert_int_equal(log_ring_first(ring), 1);
	assert_int_equal(log_ring_next(ring), 5001);
	expect_whole(ring);
	log_ring_free(ring);
}

static void a_line_is_kept_for_an_hour_and_no_longer(void **state)
{
	struct log_ring *ring = log_ring_new();

	(void)state;
	put(ring, 1000, 20);
	put(ring, 2000, 20);
	log_ring_expire(ring, 1000 + LIMIT_LOG_RING_MS);
	assert_int_equal(log_ring_first(ring), 1);
	log_ring_expire(ring, 1001 + LIMIT_LOG_RING_MS);
	assert_int_equal(log_ring_first(ring), 2);
	put(ring, 2001 + LIMIT_LOG_RING_MS, 20);
	assert_int_equal(log_ring_first(ring), 3);
	assert_int_equal(log_ring_next(ring), 4);
	expect_whole(ring);
	log_ring_free(ring);
}

static void however_much_is_logged_it_holds_sixteen_mib(void **state)
{
	struct log_ring *ring = log_ring_new();
	size_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < 20000; i++)
		put(ring, 1000, LIMIT_LOG_LINE);
	for (uint64_t number = log_ring_first(ring); number < log_ring_next(ring); number++)
		bytes += sizeof(struct log_line) + log_ring_at(ring, number)->size;
	assert_true(bytes <= LIMIT_LOG_RING);
	assert_true(bytes > LIMIT_LOG_RING - 2 * LIMIT_LOG_LINE - 256 * 1024);
	assert_int_equal(log_ring_next(ring), 20001);
	expect_whole(ring);
	log_ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_begin_at_one_and_have_no_gap),
		cmocka_unit_test(a_line_is_kept_for_an_hour_and_no_longer),
		cmocka_unit_test(however_much_is_logged_it_holds_sixteen_mib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
