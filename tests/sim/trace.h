/* trace - what happens in a simulated world, line by line, when a single seed is replayed. */
#ifndef SIMPUL_SIM_TRACE_H
#define SIMPUL_SIM_TRACE_H

#include "common/bytes.h"

/* Off: nothing is written, and nothing that broker and agents log. */
void trace_turn(bool on);
/* The world's time in milliseconds, written before each line. */
void trace_time(uint64_t now);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What the broker receives from an office and sends to it. */
void trace_up(const char *office, uint64_t connection, struct bytes frame);
void trace_down(const char *office, uint64_t connection, struct bytes frame);

#endif
