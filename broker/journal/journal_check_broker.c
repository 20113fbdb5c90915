/* journal_check_broker - the check of an entry by which the broker's keys change, the only way in which they may. */
#include "broker/journal/journal_check.h"
#include <string.h>

static bool is_announced(const struct check *check, const struct broker_succession *succession)
{
	return check->has_announced && memcmp(check->announced.signing_key, succession->signing_key, KEY_SIZE) == 0 &&
	       memcmp(check->announced.curve_key, succession->curve_key, KEY_SIZE) == 0;
}

bool check_broker_key(struct check *check)
{
	const Simpul__BrokerKey *key = stored_unpack(&simpul__broker_key__descriptor, check->content, &check->arena);
	struct broker_succession succession;

	if (key == NULL || broker_succession_of_message(&succession, key->succession, NULL) != E_OK)
		return check_bad(check, "the broker's newer keys cannot be read");
	if (broker_succession_check(&succession, check->exchange, check->authority, NULL) != E_OK)
		return check_bad(check, "a signature of the broker's newer keys does not verify");
	if (memcmp(succession.former_key, check->broker_key, KEY_SIZE) != 0)
		return check_bad(check, "the broker's newer keys do not follow on the ones that it has");
	if (!key->in_force) {
		check->announced = succession;
		check->has_announced = true;
		return true;
	}
	if (!is_announced(check, &succession))
		return check_bad(check, "keys of the broker are in force that were not announced");
	if (check->unsigned_run > 0)
		return check_bad(check, "the broker's key changes within a commit");
	check->has_announced = false;
	memcpy(check->broker_key, succession.signing_key, KEY_SIZE);
	return true;
}
