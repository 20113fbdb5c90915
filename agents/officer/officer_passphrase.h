/* officer_passphrase - simpul keys passphrase. */
#ifndef SIMPUL_OFFICER_PASSPHRASE_H
#define SIMPUL_OFFICER_PASSPHRASE_H

#include "agents/officer/officer.h"

struct passphrase_wish {
	const char *old_file, *new_file; /* NULL: that of the settings; credential or terminal */
	bool open;			 /* no passphrase any more */
	bool new_store_key;
	const struct lock_cost *cost; /* of guessing the new one */
};

/* The exit status. The agent must not run. */
int officer_passphrase(const struct officer *officer, const struct passphrase_wish *wish);

#endif
