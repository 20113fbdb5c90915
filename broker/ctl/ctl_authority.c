/* ctl_authority - simpulctl authority passphrase, renew: what is done with the authority's key itself, where it is kept; and
 * keys passphrase, the same for every other key. */
#include "broker/ctl/ctl.h"

#include "broker/journal/authority.h"
#include "common/exchange.h"
#include "common/key_file.h"
#include "common/key_hold.h"
#include "common/memory.h"
#include "common/overwrite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether another file has the name by now: what fails after that leaves a key that is changed all the same. */
static bool is_replaced(const char *path, const struct stat *before)
{
	struct stat after;

	return stat(path, &after) == 0 && (after.st_ino != before->st_ino || after.st_dev != before->st_dev);
}

static enum error passphrase_change(const char *what, const char *path, const char *old_file, const char *new_file, bool open,
				    struct fault *fault)
{
	struct key_lock from = {.file = old_file, .what = what}, to = {.file = NULL};
	struct passphrase passphrase = {{0}};
	/* The old one is asked for, and tried, first. */
	enum error error = key_file_check(&from, path, fault);
	int hold = -1;

	if (error == E_OK && !open)
		error = passphrase_new(new_file, what, &passphrase, fault);
	if (error == E_OK && !open)
		error = key_lock_new(&to, passphrase.text, &KEY_LOCK_COST, fault);
	if (error == E_OK)
		error = key_hold(path, &hold, fault);
	if (error == E_OK)
		error = key_file_relock(&from, key_lock_same(&to), path, fault);
	key_hold_end(hold);
	keys_wipe(&passphrase, sizeof(passphrase));
	key_lock_wipe(&from);
	key_lock_wipe(&to);
	return error;
}

/* Beside the keys of an office lies the key of its store, which would keep the former passphrase. */
static bool is_office(const char *path, struct fault *fault)
{
	char *store_key = memory_format("%s.store", path);
	const bool there = access(store_key, F_OK) == 0;

	if (there)
		fault_at(fault, E_EXISTS, "%s", store_key);
	free(store_key);
	return there;
}

/* `what` as the questions name it, NULL: its name; `open_note`: what it means that it lies open. */
static int passphrase_command(struct ctl *ctl, int argc, char **argv, const char *what, const char *open_note)
{
	const char *old_file = NULL, *new_file = NULL;
	bool open = false;
	const struct ctl_option options[] = {{"passphrase-file", &old_file, NULL},
					     {"new-passphrase-file", &new_file, NULL},
					     {"no-passphrase", NULL, &open},
					     {0}};
	struct fault fault = {0};
	struct stat before = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (open && new_file != NULL)
		return ctl_usage(ctl, "--new-passphrase-file and --no-passphrase exclude each other");
	if (is_office(argv[first], &fault))
		return ctl_fail(&fault, "an office's keys and its store have one passphrase: simpul keys passphrase");
	stat(argv[first], &before); /* of one that is not there nothing becomes another */
	if (passphrase_change(what != NULL ? what : argv[first], argv[first], old_file, new_file, open, &fault) != E_OK)
		return ctl_fail(&fault, is_replaced(argv[first], &before)
						? "the key is changed, and what it was before may lie beside it still "
						  "(" OVERWRITE_FORMER "): change it once more, from what it is now"
						: "the key is as it was");
	printf("%s %s%s; copies that you have elsewhere are as they were\n", argv[first],
	       open ? "lies open now: whoever has the file " : "has the new passphrase", open ? open_note : "");
	return EX_OK;
}

int ctl_authority_passphrase(struct ctl *ctl, int argc, char **argv)
{
	return passphrase_command(ctl, argc, argv, AUTHORITY_KEY, "can make members");
}

int ctl_keys_passphrase(struct ctl *ctl, int argc, char **argv)
{
	return passphrase_command(ctl, argc, argv, NULL, "can use it");
}

/* ---- renew */

struct renewal {
	const char *key, *out, *exchange_file, *old_file, *new_file;
	bool open;
};

/* The way to the newer key. E_BAD_SIGNATURE when the present one is not the exchange's. */
static enum error handed_on(const struct renewal *renewal, const struct signing_key *former, const uint8_t next[KEY_SIZE],
			    struct successions *successions, struct fault *fault)
{
	struct exchange exchange;
	uint8_t last[KEY_SIZE];
	enum error error = exchange_load(&exchange, renewal->exchange_file, fault);

	if (error == E_OK)
		error = authority_successions(renewal->key, successions, fault);
	if (error == E_OK)
		error = successions_follow(successions, exchange.id, exchange.authority, last, fault);
	if (error == E_OK && memcmp(last, former->public_key, KEY_SIZE) != 0)
		error = fault_at(fault, E_BAD_SIGNATURE, "%s", renewal->key);
	return error == E_OK ? succession_add(successions, exchange.id, former, next, clock_now().wall, fault) : error;
}

/* The two files of the newer key, which nobody else makes meanwhile. */
static enum error next_save(const struct renewal *renewal, const struct signing_key *next, const char *passphrase,
			    const struct successions *successions, struct fault *fault)
{
	char *beside = memory_format("%s.successions", renewal->out);
	int hold;
	enum error error = key_hold(renewal->out, &hold, fault);

	if (error == E_OK && access(renewal->out, F_OK) == 0)
		error = fault_at(fault, E_EXISTS, "%s", renewal->out);
	if (error == E_OK)
		error = successions_save(successions, beside, fault);
	if (error == E_OK)
		error = authority_save(next, passphrase, renewal->out, fault);
	key_hold_end(hold);
	free(beside);
	return error;
}

static enum error key_hand_on(const struct renewal *renewal, struct fault *fault)
{
	struct passphrase passphrase = {{0}};
	struct successions successions;
	struct signing_key former, next;
	enum error error = access(renewal->out, F_OK) == 0 ? fault_at(fault, E_EXISTS, "%s", renewal->out) : E_OK;

	signing_key_generate(&next);
	if (error == E_OK)
		error = authority_open(&former, renewal->key, renewal->old_file, fault);
	if (error == E_OK)
		error = handed_on(renewal, &former, next.public_key, &successions, fault);
	if (error == E_OK && !renewal->open)
		error = passphrase_new(renewal->new_file, AUTHORITY_KEY, &passphrase, fault);
	if (error == E_OK)
		error = next_save(renewal, &next, renewal->open ? NULL : passphrase.text, &successions, fault);
	keys_wipe(&passphrase, sizeof(passphrase));
	keys_wipe(&former, sizeof(former));
	keys_wipe(&next, sizeof(next));
	return error;
}

int ctl_authority_renew(struct ctl *ctl, int argc, char **argv)
{
	struct renewal renewal = {.exchange_file = "exchange.id"};
	const struct ctl_option options[] = {{"o", &renewal.out, NULL},
					     {"exchange-file", &renewal.exchange_file, NULL},
					     {"passphrase-file", &renewal.old_file, NULL},
					     {"new-passphrase-file", &renewal.new_file, NULL},
					     {"no-passphrase", NULL, &renewal.open},
					     {0}};
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	renewal.key = argv[first];
	if (renewal.out == NULL)
		return ctl_usage(ctl, "-o FILE says where the newer key goes");
	if (renewal.open && renewal.new_file != NULL)
		return ctl_usage(ctl, "--new-passphrase-file and --no-passphrase exclude each other");
	if (key_hand_on(&renewal, &fault) != E_OK)
		return ctl_fail(&fault, fault.code == E_BAD_SIGNATURE
						? "it is not the authority key of this exchange, or its .successions file is "
						  "not beside it"
						: NULL);
	printf("%s              signs members in from now on; the former key can still do so\n"
	       "%s.successions  keep it beside the key: it shows everybody that the former one handed on\n",
	       renewal.out, renewal.out);
	return EX_OK;
}
