/* ctl_checkpoint - simpulctl journal checkpoint: a signed position of the journal, for members to countersign. */
#include "broker/ctl/ctl.h"

#include "common/checkpoint.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* At `entry`, or at the end for 0. */
static enum error position_read(const struct journal_options *options, uint64_t entry, struct position *position,
				struct fault *fault)
{
	struct journal_reader *reader = NULL;
	enum error error;

	if (entry == 0)
		return journal_tail_verify(options, position, fault);
	error = journal_reader_open(&reader, options, fault);
	if (error == E_OK)
		error = journal_read_position(reader, entry, position, fault);
	if (error == E_NOT_FOUND)
		fault_at(fault, E_NOT_FOUND, "entry %" PRIu64, entry);
	journal_reader_close(reader);
	return error;
}

static enum error checkpoint_make(const struct ctl *ctl, uint64_t entry, struct checkpoint *checkpoint,
				  struct fault *fault)
{
	struct broker_settings settings;
	struct broker_identity identity = {0};
	enum error error = broker_settings_load(ctl->config, &settings, fault);

	*checkpoint = (struct checkpoint){.count = 0};
	if (error == E_OK)
		error = broker_identity_load(&settings, &identity, fault);
	if (error == E_OK) {
		struct journal_options options = broker_journal_options(&settings, &identity);

		error = position_read(&options, entry, &checkpoint->position, fault);
		keys_wipe(&options, sizeof(options));
	}
	if (error == E_OK) {
		memcpy(checkpoint->exchange, identity.exchange.id, EXCHANGE_SIZE);
		chain_sign(&identity.keys.signing, checkpoint->exchange, &checkpoint->position, checkpoint->signature);
	}
	broker_identity_wipe(&identity);
	broker_settings_free(&settings);
	return error;
}

int ctl_journal_checkpoint(struct ctl *ctl, int argc, char **argv)
{
	const char *path = NULL, *text = NULL;
	const struct ctl_option options[] = {{"o", &path, NULL}, {"entry", &text, NULL}, {0}};
	struct checkpoint checkpoint;
	struct fault fault = {0};
	uint64_t entry = 0;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (path == NULL)
		return ctl_usage(ctl, "-o FILE is needed");
	if (text != NULL && !ctl_number_take(text, INT64_MAX, &entry))
		return ctl_usage(ctl, "--entry takes the number of an entry");
	if (access(path, F_OK) == 0)
		return ctl_fail(&(struct fault){.code = E_EXISTS, .field = "-o"}, "a checkpoint that was signed is not overwritten");
	if (checkpoint_make(ctl, entry, &checkpoint, &fault) != E_OK ||
	    checkpoint_save(&checkpoint, path, &fault) != E_OK)
		return ctl_fail(&fault, NULL);
	printf("%s: entry %" PRIu64 "; each office that signs it: simpul checkpoint sign %s\n", path,
	       checkpoint.position.entry, path);
	return EX_OK;
}
