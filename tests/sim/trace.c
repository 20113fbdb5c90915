/* trace - writes lines to stderr, among those that broker and agents log. */
#include "tests/sim/trace.h"
#include "common/error.h"
#include "common/log.h"
#include "proto/link.pb-c.h"

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

static unsigned long long cursor_of(const Simpul__Position *position)
{
	return position ? position->entry : 0;
}

void trace_up(const char *office, uint64_t connection, struct bytes frame)
{
	Simpul__Up *up = tracer.on ? simpul__up__unpack(NULL, frame.size, frame.data) : NULL;
	const unsigned long long on = connection;

	if (!up)
		return;
	switch (up->message_case) {
	case SIMPUL__UP__MESSAGE_HELLO:
		trace("%s > HELLO at %llu (%llu)", office, cursor_of(up->hello->cursor), on);
		break;
	case SIMPUL__UP__MESSAGE_SUBMIT:
		trace("%s > SUBMIT %u/%llu (%llu)", office, up->submit->stream, (unsigned long long)up->submit->first,
		      on);
		break;
	case SIMPUL__UP__MESSAGE_FETCH:
		trace("%s > FETCH at %llu (%llu)", office, cursor_of(up->fetch->cursor), on);
		break;
	case SIMPUL__UP__MESSAGE_ACK:
		trace("%s > ACK at %llu (%llu)", office, cursor_of(up->ack->cursor), on);
		break;
	default:
		trace("%s > BYE (%llu)", office, on);
	}
	simpul__up__free_unpacked(up, NULL);
}

void trace_down(const char *office, uint64_t connection, struct bytes frame)
{
	Simpul__Down *down = tracer.on ? simpul__down__unpack(NULL, frame.size, frame.data) : NULL;
	const unsigned long long on = connection;

	if (!down)
		return;
	switch (down->message_case) {
	case SIMPUL__DOWN__MESSAGE_WELCOME:
		trace("%s < WELCOME at %llu (%llu)", office, cursor_of(down->welcome->head), on);
		break;
	case SIMPUL__DOWN__MESSAGE_RECEIPT:
		trace("%s < RECEIPT entry %llu (%llu)", office, (unsigned long long)down->receipt->entry, on);
		break;
	case SIMPUL__DOWN__MESSAGE_REFUSAL:
		trace("%s < REFUSAL %s %s (%llu)", office, error_name(error_of_code(down->refusal->code)),
		      down->refusal->field, on);
		break;
	case SIMPUL__DOWN__MESSAGE_BATCH:
		trace("%s < BATCH after %llu to %llu (%llu)", office, (unsigned long long)down->batch->after,
		      cursor_of(down->batch->upto), on);
		break;
	default:
		trace("%s < GOODBYE %s (%llu)", office, error_name(error_of_code(down->goodbye->code)), on);
	}
	simpul__down__free_unpacked(down, NULL);
}
