/* profile - what each step costs a report, from the origin's hash to the receiver's last check. */
#ifndef SIMPUL_BENCH_PROFILE_H
#define SIMPUL_BENCH_PROFILE_H

#include "tests/bench/bench.h"

/* Prints the table; with options->json one object. The exit status. */
int profile_run(const struct bench_options *options);

#endif
