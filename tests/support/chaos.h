/* chaos - kills broker and agents at random moments under load and keeps an account of its own of what must arrive where.
 *
 * Four offices drop files with numbered canaries; the account knows from the policy below who must have each of them. */
#ifndef SIMPUL_TEST_CHAOS_H
#define SIMPUL_TEST_CHAOS_H

#include "tests/support/exchange.h"

struct chaos_options {
	const char *broker_program; /* NULL: simpul-broker */
	unsigned rounds;	    /* one SIGKILL each */
	unsigned seed;
	unsigned broker_percent;    /* how often the broker is the victim */
	int settle_seconds;	    /* for everything to arrive after the last kill */
};

struct chaos_account {
	unsigned sent, accepted, delivered, kills_broker, kills_agent;
	unsigned lost;	     /* accepted and not in an entitled inbox, or taken and never accepted */
	unsigned duplicated; /* more than once in an inbox */
	unsigned leaked;     /* in the inbox or in any file of an office that is not entitled */
	unsigned invented;   /* in an inbox and never sent */
	bool settled;	     /* everything was accepted within the time */
	bool journal_good;   /* simpulctl journal verify */
};

void chaos_run(const struct chaos_options *options, struct chaos_account *account);

#endif
