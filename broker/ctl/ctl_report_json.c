/* ctl_report_json - what simpulctl report shows where no broker runs that could be asked: out of the journal's files.
 */
#include "broker/ctl/ctl_report.h"

#include "broker/control/copies.h"

/* The right to read bodies is of use and may be missing. */
static struct journal_reader *bodies_open(const struct ctl *ctl)
{
	struct broker_settings settings;
	struct broker_identity identity;
	struct journal_reader *reader = NULL;
	struct fault unheeded = {0};

	if (broker_settings_load(ctl->config, &settings, &unheeded) == E_OK &&
	    broker_identity_load(&settings, &identity, &unheeded) == E_OK) {
		struct journal_options options = broker_journal_options(&settings, &identity);

		if (journal_reader_open(&reader, &options, &unheeded) != E_OK)
			reader = NULL;
		keys_wipe(&options, sizeof(options));
		broker_identity_wipe(&identity);
	}
	broker_settings_free(&settings);
	return reader;
}

enum error ctl_report_json(const struct ctl *ctl, const struct report_name *name, json_t **report, struct fault *fault)
{
	struct copies_source source = {.c = NULL};
	enum error error = ctl_case_open(ctl, &source.c, fault);

	*report = NULL;
	if (error == E_OK) {
		source.reader = bodies_open(ctl);
		error = copies_report(&source, name, report, fault);
	}
	journal_reader_close(source.reader);
	journal_case_close(source.c);
	return error;
}
