/* listener - takes bulletins, which the broker publishes in the open to all members, and checks each report in them.
 *
 * A connection beside the agent's with the same key, without a session: it disturbs nothing and is told of nothing that was
 * missed. */
#ifndef SIMPUL_LISTENER_H
#define SIMPUL_LISTENER_H

#include "agents/reports/proof.h"
#include "agents/reports/view.h"
#include "common/keys.h"

struct listener_options {
	struct join *join; /* `lost` may put newer keys of the broker into it */
	const struct node_keys *keys; /* `refused` may put newer ones into them */
	const char *topic; /* "alert.tppo" and all below it; "" for everything */
	/* A report whose origin is proven; false ends the listening. */
	bool (*each)(void *context, const struct inbox_row *row, const struct proof_finding *finding);
	void (*unproven)(void *context, const struct fault *fault); /* one that was not shown */
	void (*lost)(void *context);  /* there has been no connection for some seconds; again while there is none */
	void (*found)(void *context); /* there is one */
	/* The broker does not admit the keys; true: there are newer ones now. */
	bool (*refused)(void *context);
	void *context;
};

/* "", or KIND[.CATEGORY[.REGION]] with a kind that there are bulletins of. */
bool listener_topic_valid(const char *topic);
/* Until `each` says so (E_OK), over breaks of network and broker and renewals of keys; E_KEY_UNKNOWN when the broker
 * does not admit the key and no newer one turns up, E_IO. */
enum error listener_run(const struct listener_options *options, struct fault *fault);

#endif
