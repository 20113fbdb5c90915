/* loop - the agent at work: one thread that owns the store and joins intake, local endpoint, uplink and sinks.
 *
 * Start:  store, inbox, uplink, sinks, local endpoint, intake. Stop is the reverse; on SIGTERM the uplink has up to 2 s
 * to get receipts for what is under way. SIGHUP reads the profiles anew and keeps the old ones when one is wrong. */
#ifndef SIMPUL_LOOP_H
#define SIMPUL_LOOP_H

#include "agents/intake/profile.h"
#include "agents/settings/settings.h"
#include "agents/store/keyring.h"
#include "common/member.h"

/* The profiles of the settings' folders, in their order; NULL with `fault` filled ("profile.yaml:line: what"). */
struct profile **profiles_load(const struct settings *settings, struct fault *fault);
void profiles_free(struct profile **profiles, size_t count);

/* SIGTERM, SIGINT and SIGHUP: blocked before any thread starts, read by the loop. The descriptor, or -1. */
int loop_signals(void);

/* Runs until a signal or an error that needs a new start, under the store_lock of its store, which the caller holds
 * from before the keys are read until afterwards. Takes `profiles` over; `ring` is renewed when the broker has newer
 * keys. */
enum error loop_run(const struct settings *settings, struct keyring *ring, const struct join *join,
		    struct profile **profiles, int signals, struct fault *fault);

#endif
