/* aged - makes a journal as of a day in the past. */
#include "tests/support/aged.h"
#include "broker/settings/settings.h"
#include "common/memory.h"
#include "tests/support/must.h"
#include "tests/support/process.h"

#include <stdlib.h>

void journal_make_aged(const char *config, unsigned days)
{
	struct broker_settings settings;
	struct broker_identity identity;
	struct journal_options options;

	must(broker_settings_load(config, &settings, NULL) == E_OK, config);
	must(broker_identity_load(&settings, &identity, NULL) == E_OK, config);
	const char *const remove[] = {"/bin/rm", "-rf", settings.journal, NULL};

	must(process_run(remove, NULL, NULL, "/dev/null", 20) == 0, settings.journal);
	options = broker_journal_options(&settings, &identity);
	must(journal_create(&options, identity.exchange.id, identity.exchange.authority,
			    clock_now().wall - days * DAY_MS, NULL) == E_OK,
	     settings.journal);
	keys_wipe(&options, sizeof options);
	broker_identity_wipe(&identity);
	broker_settings_free(&settings);
}
