/* officer_join - simpul join: the keys of an office and the request with which it asks to be enrolled. */
#include "agents/officer/officer.h"
#include "common/exchange.h"
#include "common/key_hold.h"
#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"usage: simpul join --node NODE --exchange-file FILE|--exchange HEX [--key-id N] [-o DIR]\n"
	"                   [--passphrase-file FILE|--no-passphrase]\n"
	"\n"
	"Asks for a passphrase and makes NODE.keys, which never leaves this computer, and NODE.request, which goes to the\n"
	"operators. Read them the fingerprint that is printed, in person or on the phone: it keeps a stranger from\n"
	"enrolling as this office. A join file comes back, and simpul-agent can start. With a passphrase the office's store\n"
	"is encrypted; its key is in NODE.keys.store.\n"
	"\n"
	"  --node NODE            such as police.oku\n"
	"  --exchange-file FILE   the exchange.id that the operators sent, or a join file\n"
	"  --exchange HEX         the id of the exchange, 32 hexadecimal digits\n"
	"  --key-id N             2, 3 ... for an office that was a member before and has lost its keys; 1 unless given.\n"
	"                         simpul keys rotate renews keys that are there\n"
	"  -o DIR                 where to put the files; the current folder unless given\n"
	"  --passphrase-file FILE first line: the passphrase; without it the systemd credential simpul.passphrase, or the\n"
	"                         terminal. Who does not have it can neither use the keys nor read the office's store\n"
	"  --no-passphrase        leaves both open to whoever has the files\n";

struct wish {
	const char *node, *exchange, *exchange_file, *folder, *passphrase_file;
	uint32_t key_id;
	bool no_passphrase;
};

/* 0: it is no such number. */
static uint32_t key_id_of(const char *text)
{
	char *end = NULL;
	const unsigned long number = strtoul(text, &end, 10);

	return *end == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static bool options_read(const struct officer *officer, int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = {{"node", required_argument, NULL, 'n'},
						{"exchange", required_argument, NULL, 'e'},
						{"exchange-file", required_argument, NULL, 'f'},
						{"key-id", required_argument, NULL, 'k'},
						{"output", required_argument, NULL, 'o'},
						{"passphrase-file", required_argument, NULL, 'p'},
						{"no-passphrase", no_argument, NULL, 'P'},
						{NULL, 0, NULL, 0}};
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'n')
			wish->node = optarg;
		else if (option == 'e')
			wish->exchange = optarg;
		else if (option == 'f')
			wish->exchange_file = optarg;
		else if (option == 'k')
			wish->key_id = key_id_of(optarg);
		else if (option == 'o')
			wish->folder = optarg;
		else if (option == 'p')
			wish->passphrase_file = optarg;
		else if (option == 'P')
			wish->no_passphrase = true;
		else
			return false;
	}
	return true;
}

/* False after a message. */
static bool wish_complete(const struct officer *officer, int argc, const struct wish *wish)
{
	if (optind < argc)
		officer_misused(officer, "everything is said with options");
	else if (wish->node == NULL || !node_name_valid(wish->node))
		officer_misused(officer, "give --node, a name such as police.oku");
	else if ((wish->exchange == NULL) == (wish->exchange_file == NULL))
		officer_misused(officer, "give either --exchange or --exchange-file");
	else if (wish->key_id == 0)
		officer_misused(officer, "--key-id is a number from 1");
	else if (wish->passphrase_file != NULL && wish->no_passphrase)
		officer_misused(officer, "--passphrase-file and --no-passphrase exclude each other");
	else
		return true;
	return false;
}

static enum error exchange_id(const struct wish *wish, uint8_t id[EXCHANGE_SIZE], struct fault *fault)
{
	struct exchange exchange;
	struct join join;
	enum error error;

	if (wish->exchange != NULL)
		return hex_parse(wish->exchange, id, EXCHANGE_SIZE) ? E_OK : fault_at(fault, E_INVALID, "--exchange");
	if (join_load(&join, wish->exchange_file, NULL) == E_OK) {
		memcpy(id, join.exchange, EXCHANGE_SIZE);
		return E_OK;
	}
	error = exchange_load(&exchange, wish->exchange_file, fault);
	if (error == E_OK)
		memcpy(id, exchange.id, EXCHANGE_SIZE);
	return error;
}


/* What the keys are to be locked with, and the key of the store. */
static enum error lock_make(const struct wish *wish, const char *keys_path, struct key_lock *lock, struct fault *fault)
{
	char *store = store_key_path(keys_path);
	char *name = memory_format("%s.keys", wish->node);
	struct passphrase passphrase = {{0}};
	struct cipher *cipher = NULL;
	enum error error = E_OK;

	if (!wish->no_passphrase) {
		error = passphrase_new(wish->passphrase_file, name, &passphrase, fault);
		if (error == E_OK)
			error = store_key_ready(store, passphrase.text, &KEY_LOCK_COST, lock, &cipher, fault);
	} else if (access(store, F_OK) == 0) {
		error = fault_at(fault, E_EXISTS, "%s", store);
	}
	cipher_free(cipher);
	keys_wipe(&passphrase, sizeof(passphrase));
	free(name);
	free(store);
	return error;
}

static enum error files_make(const struct wish *wish, const uint8_t exchange[EXCHANGE_SIZE], struct member *request,
			     struct fault *fault)
{
	char *keys_path = memory_format("%s/%s.keys", wish->folder, wish->node);
	char *request_path = memory_format("%s/%s.request", wish->folder, wish->node);
	struct key_lock lock = {.file = NULL};
	struct node_keys keys;
	enum error error = E_OK;
	int hold = -1;

	if (mkdir(wish->folder, 0700) != 0 && errno != EEXIST)
		error = fault_at(fault, E_IO, "%s", wish->folder);
	else if (access(keys_path, F_OK) == 0)
		error = fault_at(fault, E_EXISTS, "%s", keys_path);
	if (error == E_OK)
		error = lock_make(wish, keys_path, &lock, fault);
	node_keys_generate(&keys, wish->key_id);
	member_request(request, exchange, wish->node, &keys, clock_now().wall);
	if (error == E_OK)
		error = key_hold(keys_path, &hold, fault);
	if (error == E_OK)
		error = node_keys_save(&keys, key_lock_same(&lock), keys_path, fault);
	if (error == E_OK)
		error = member_save(request, request_path, fault);
	key_hold_end(hold);
	keys_wipe(&keys, sizeof(keys));
	key_lock_wipe(&lock);
	free(keys_path);
	free(request_path);
	return error;
}

static const char *advice(enum error code)
{
	switch (code) {
	case E_EXISTS:
		return "keys are never overwritten: move them away or give another folder";
	case E_MISSING:
		return "--passphrase-file FILE holds one; --no-passphrase leaves keys and store open";
	case E_PASSPHRASE:
		return "it opens the store that is there: give the same, or move both away";
	default:
		return NULL;
	}
}

/* An office that joins again has a store, whose key is another one unless these were made beside it. */
static void store_key_say(const struct wish *wish)
{
	printf("%s/%s.keys.store   secret: the key of the store; keep it beside the keys\n", wish->folder, wish->node);
	if (wish->key_id > 1)
		printf("  a store that is there opens with the %s.keys.store that it has and with no other: never write over "
		       "that one\n",
		       wish->node);
}

static int join_request(const struct officer *officer, const struct wish *wish)
{
	char fingerprint[FINGERPRINT_SIZE];
	uint8_t exchange[EXCHANGE_SIZE];
	struct fault fault = {0};
	struct member request;

	if (exchange_id(wish, exchange, &fault) != E_OK)
		return officer_fail(officer, &fault, "give the file or the id that the operators sent");
	if (files_make(wish, exchange, &request, &fault) != E_OK)
		return officer_fail(officer, &fault, advice(fault.code));
	printf("%s/%s.keys      secret: it stays on this computer\n", wish->folder, wish->node);
	if (!wish->no_passphrase)
		store_key_say(wish);
	printf("%s/%s.request   send this to the operators\n", wish->folder, wish->node);
	printf("fingerprint  %s\n", member_fingerprint(&request, fingerprint));
	puts("Read the fingerprint to the operators in person or on the phone: they compare it before they enrol this office.");
	return EX_OK;
}

int officer_join(struct officer *officer, int argc, char **argv)
{
	struct wish wish = {.folder = ".", .key_id = 1};

	if (officer_helped(argc, argv, usage))
		return EX_OK;
	if (!options_read(officer, argc, argv, &wish) || !wish_complete(officer, argc, &wish))
		return EX_USAGE;
	return join_request(officer, &wish);
}
