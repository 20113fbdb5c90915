/* identity - what a broker's configuration leads to. */
#ifndef SIMPUL_BENCH_IDENTITY_H
#define SIMPUL_BENCH_IDENTITY_H

#include "broker/journal/journal.h"
#include "common/member.h"

/* From broker.yaml and the files that it names. options->path is to be freed, the rest to be wiped. */
enum error identity_load(const char *config, struct journal_options *options, struct join *join, struct fault *fault);

#endif
