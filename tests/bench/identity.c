/* identity - what a broker's configuration leads to: how to open its journal and what a join file says. Apart from
 * laid.c, for broker and tests each have their own `struct exchange`. */
#include "tests/bench/identity.h"
#include "broker/settings/settings.h"
#include "common/memory.h"

#include <stdio.h>
#include <string.h>

static void join_fill(const struct broker_settings *settings, const struct broker_identity *identity, struct join *join)
{
	memset(join, 0, sizeof *join);
	memcpy(join->exchange, identity->exchange.id, EXCHANGE_SIZE);
	memcpy(join->authority, identity->exchange.authority, KEY_SIZE);
	memcpy(join->broker_curve, identity->keys.curve_public, KEY_SIZE);
	memcpy(join->broker_signing, identity->keys.signing.public_key, KEY_SIZE);
	snprintf(join->link_endpoint, sizeof join->link_endpoint, "%s", settings->link_public);
	snprintf(join->feed_endpoint, sizeof join->feed_endpoint, "%s", settings->feed_public);
}

enum error identity_load(const char *config, struct journal_options *options, struct join *join, struct fault *fault)
{
	struct broker_settings settings;
	struct broker_identity identity;
	enum error error = broker_settings_load(config, &settings, fault);

	if (error == E_OK)
		error = broker_identity_load(&settings, &identity, fault);
	if (error == E_OK) {
		*options = broker_journal_options(&settings, &identity);
		options->path = memory_string(options->path);
		join_fill(&settings, &identity, join);
		broker_identity_wipe(&identity);
	}
	broker_settings_free(&settings);
	return error;
}
