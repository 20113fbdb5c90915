/* trace - writes lines to stderr, among those that broker and agents log. */
#include "tests/sim/trace.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static struct {
	bool on;
	uint64_t now;
} tracer;

void trace_turn(bool on)
{
	tracer.on = on;
	log_init("simulator", on ? LOG_LEVEL_DEBUG : (enum log_level)(LOG_LEVEL_ALARM + 1));
}

void trace_time(uint64_t now)
{
	tracer.now = now;
}

void trace(const char *format, ...)
{
	va_list arguments;

	if (!tracer.on)
		return;
	fprintf(stderr, "%" PRIu64 ".%03u ", tracer.now / 1000, (unsigned)(tracer.now % 1000));
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}
