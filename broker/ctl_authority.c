/* ctl_authority - simpulctl authority passphrase: what is done with the authority's key itself, where it is kept. */
#include "broker/ctl.h"

#include "broker/ctl_passphrase.h"
#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* There is a whole file at every moment: the new one is made beside the old one and takes its place. */
static enum error key_replace(const struct signing_key *key, const char *passphrase, const char *path,
			      struct fault *fault)
{
	char *fresh = memory_format("%s.new", path);
	enum error error = authority_save(key, passphrase, &AUTHORITY_COST, fresh, fault);

	if (error == E_OK && rename(fresh, path) != 0) {
		error = fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
		unlink(fresh);
	}
	free(fresh);
	return error;
}

static enum error passphrase_change(const char *path, const char *old_file, const char *new_file, bool open,
				    struct fault *fault)
{
	struct passphrase passphrase = {{0}};
	struct signing_key key;
	enum error error = authority_open(&key, path, old_file, fault);

	if (error == E_OK && !open)
		error = passphrase_new(new_file, &passphrase, fault);
	if (error == E_OK)
		error = key_replace(&key, open ? NULL : passphrase.text, path, fault);
	keys_wipe(&passphrase, sizeof(passphrase));
	keys_wipe(&key, sizeof(key));
	return error;
}

int ctl_authority_passphrase(struct ctl *ctl, int argc, char **argv)
{
	const char *old_file = NULL, *new_file = NULL;
	bool open = false;
	const struct ctl_option options[] = {{"passphrase-file", &old_file, NULL},
					     {"new-passphrase-file", &new_file, NULL},
					     {"no-passphrase", NULL, &open},
					     {0}};
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (open && new_file != NULL)
		return ctl_usage(ctl, "--new-passphrase-file and --no-passphrase exclude each other");
	if (passphrase_change(argv[first], old_file, new_file, open, &fault) != E_OK)
		return ctl_fail(&fault, "the key is as it was");
	printf("%s %s; copies that you have elsewhere are as they were\n", argv[first],
	       open ? "lies open now: whoever has the file can make members" : "has the new passphrase");
	return EX_OK;
}
