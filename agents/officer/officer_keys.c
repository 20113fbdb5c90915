/* officer_keys - simpul keys rotate: newer keys for an office that has keys, and the request to have them enrolled. */
#include "agents/officer/officer.h"
#include "agents/officer/officer_passphrase.h"
#include "agents/store/keyring.h"
#include "common/key_hold.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: simpul keys rotate [-o FILE]\n"
	"       simpul keys passphrase [--passphrase-file FILE] [--new-passphrase-file FILE | --no-passphrase]\n"
	"                              [--new-store-key]\n"
	"\n"
	"rotate makes newer keys beside those that the settings name, and a request to enrol them, which the present keys sign as\n"
	"well. Send it to the operators and read them the fingerprint; nobody has to travel. The agent goes on with the\n"
	"keys that it has and takes up the newer ones by itself, when the operators have enrolled them; it keeps the older\n"
	"file (police.oku.keys.1), which opens what was sealed to it. Once more before that: the same keys,\n"
	"and the same request where it is still there, with the same fingerprint.\n"
	"\n"
	"  -o FILE   where the request goes; NODE.request beside the keys unless given\n"
	"\n"
	"passphrase gives the keys a passphrase, another one, or none. While they have one the office's store is encrypted, so\n"
	"the store is written anew when they get the first or give up the last. The agent must not run. Broken off, it goes on\n"
	"when the same is said once more. Backups that you have are as they were.\n"
	"\n"
	"  --passphrase-file FILE      first line: the one that they have; unless given as the agent finds it, or the terminal\n"
	"  --new-passphrase-file FILE  first line: the new one\n"
	"  --no-passphrase             leaves keys and store open to whoever has the files\n"
	"  --new-store-key             writes an encrypted store anew under another key: who had a copy of both and knew the\n"
	"                              passphrase then reads no more\n";

/* The newer keys: those that an earlier run made, or new ones. */
static enum error newer_keys(const char *path, struct key_lock *lock, const struct node_keys *keys, struct node_keys *next,
			     struct fault *fault)
{
	char *next_path = keyring_next_path(path);
	enum error error = node_keys_load(next, lock, next_path, fault);

	if (error == E_NOT_FOUND) {
		node_keys_generate(next, keys->key_id + 1);
		error = node_keys_save(next, key_lock_same(lock), next_path, fault);
	} else if (error == E_OK && next->key_id != keys->key_id + 1) {
		error = fault_at(fault, E_INVALID, "%s", next_path);
	}
	free(next_path);
	return error;
}

/* Under a hold, and with the keys as they are by then: a command that had it before may have given them another
 * passphrase, or the agent may have taken up the newer ones. */
static enum error newer_held(const struct settings *settings, struct key_lock *lock, struct node_keys *keys,
			     struct node_keys *next, struct fault *fault)
{
	int hold;
	enum error error = key_hold(settings->keys, &hold, fault);

	if (error == E_OK)
		error = node_keys_load(keys, lock, settings->keys, fault);
	if (error == E_OK)
		error = newer_keys(settings->keys, lock, keys, next, fault);
	key_hold_end(hold);
	return error;
}

/* Whether the request is that of these keys, as an earlier run made it: then its fingerprint, which may have been read to the
 * operators already, stays good. */
static bool request_stands(const struct member *made, const struct node_keys *keys, const char *path)
{
	struct member fresh = *made, there;
	struct hash a, b;

	if (member_load(&there, path, NULL) != E_OK || member_check(&there, made->exchange, NULL, NULL) != E_OK ||
	    member_check_former(&there, keys->signing.public_key, NULL) != E_OK)
		return false;
	fresh.created_at = there.created_at;
	a = member_digest(&fresh);
	b = member_digest(&there);
	return hash_equal(&a, &b);
}

/* "police.oku.request" beside the keys. */
static char *request_path(const struct settings *settings)
{
	const char *slash = strrchr(settings->keys, '/');

	return memory_format("%.*s%s.request", slash ? (int)(slash + 1 - settings->keys) : 0, settings->keys,
			     settings->node);
}

static enum error request_make(const struct officer *officer, const struct settings *settings, const char *path, struct member *request,
			       struct fault *fault)
{
	struct node_keys keys, next;
	struct join join;
	enum error error = officer_node_keys(officer, settings, &keys, fault);

	if (error == E_OK)
		error = join_load(&join, settings->join, fault);
	if (error == E_OK)
		error = newer_held(settings, &officer->secrets->lock, &keys, &next, fault);
	if (error == E_OK) {
		member_request(request, join.exchange, settings->node, &next, clock_now().wall);
		member_sign_former(request, &keys.signing);
		error = request_stands(request, &keys, path) ? member_load(request, path, fault)
							     : member_save(request, path, fault);
	}
	keys_wipe(&keys, sizeof(keys));
	keys_wipe(&next, sizeof(next));
	return error;
}

static int rotate(const struct officer *officer, const char *out)
{
	char fingerprint[FINGERPRINT_SIZE], *path;
	struct settings settings = {.file = NULL};
	struct fault fault = {0};
	struct member request;
	enum error error = officer_settings(officer, &settings, &fault);

	if (error != E_OK)
		return officer_fail(officer, &fault, NULL);
	path = out != NULL ? memory_string(out) : request_path(&settings);
	error = request_make(officer, &settings, path, &request, &fault);
	if (error == E_OK) {
		printf("%s.next   secret: it stays on this computer\n", settings.keys);
		printf("%s   send this to the operators\n", path);
		printf("fingerprint  %s\n", member_fingerprint(&request, fingerprint));
		puts("Read the fingerprint to the operators on the phone. The agent takes the keys up when they are enrolled.");
	}
	free(path);
	settings_free(&settings);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, NULL);
}

int officer_keys(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
						{"passphrase-file", required_argument, NULL, 'p'},
						{"new-passphrase-file", required_argument, NULL, 'n'},
						{"no-passphrase", no_argument, NULL, 'N'},
						{"new-store-key", no_argument, NULL, 'S'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct passphrase_wish wish = {.cost = &KEY_LOCK_COST};
	const char *out = NULL;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'h')
			fputs(usage, stdout);
		if (option == 'h' || option == '?')
			return option == 'h' ? EX_OK : EX_USAGE;
		if (option == 'o')
			out = optarg;
		else if (option == 'p')
			wish.old_file = optarg;
		else if (option == 'n')
			wish.new_file = optarg;
		else if (option == 'N')
			wish.open = true;
		else
			wish.new_store_key = true;
	}
	if (argc - optind == 1 && strcmp(argv[optind], "rotate") == 0)
		return rotate(officer, out);
	if (argc - optind != 1 || strcmp(argv[optind], "passphrase") != 0)
		return officer_misused(officer, "say what: rotate or passphrase");
	if (wish.open && (wish.new_file != NULL || wish.new_store_key))
		return officer_misused(officer, "--no-passphrase stands alone");
	return officer_passphrase(officer, &wish);
}
