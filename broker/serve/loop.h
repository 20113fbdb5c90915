/* loop - the broker's one thread of decisions: sockets, timers, signals and mailboxes in, the core's actions out.
 *
 * Start: loop_new binds the inner sockets, loop_policy puts the policy in force, loop_serve opens the doors and runs
 * until the broker is told to stop or cannot go on. Nothing an office sends is looked at before that. */
#ifndef SIMPUL_LOOP_H
#define SIMPUL_LOOP_H

#include "broker/core/core.h"
#include "broker/settings/settings.h"
#include "broker/settings/watchers.h"

struct loop;

/* Borrowed; all must outlive the loop. */
struct loop_parts {
	const char *program; /* "simpul-broker 1.0.0" */
	const struct broker_settings *settings;
	struct broker_identity *identity; /* its keys are changed when newer ones come in force */
	struct core *core;
	struct journal *journal; /* opened; the loop starts and stops its writer and a reader */
	int signals;		 /* a signalfd of SIGTERM, SIGINT, SIGHUP */
	const struct curve_key *watch_key; /* NULL: nobody follows the log from afar */
	struct watchers *watchers;	   /* the loop reads them again when it is told to */
};

/* Starts writer and reader, binds the operators' sockets and the ZAP handler. E_CONFIG, E_IO. */
enum error loop_new(struct loop **loop, const struct loop_parts *parts, struct fault *fault);
/* Puts a policy in force and waits until it is an entry of the journal. Takes it over. Before loop_serve. */
enum error loop_policy(struct loop *loop, struct policy *policy, struct fault *fault);
/* Binds link and feed, makes sure that a stranger is refused, serves. E_OK after a signal to stop, with everything that
 * was under way finished or 10 s over; E_CONFIG when a socket cannot be bound; E_IO when the journal failed. */
enum error loop_serve(struct loop *loop, struct fault *fault);
/* Also stops writer and reader. */
void loop_free(struct loop *loop);

#endif
