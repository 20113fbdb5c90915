/* ctl_broker_keys - simpulctl broker-keys renew, which makes newer keys of the broker and has them announced to every
 * office, and take-up, which has the running broker use them. */
#include "broker/ctl/ctl.h"

#include "broker/journal/authority.h"
#include "broker/serve/take_up.h"
#include "common/broker_succession.h"
#include "common/key_hold.h"
#include "common/memory.h"
#include "common/wire.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEARD_MS = 10000, LOOK_MS = 200 };

struct renewal {
	const char *authority, *passphrase_file;
	struct broker_settings settings;
	struct broker_identity identity;
	char *path; /* of the newer keys */
	struct broker_keys newer;
	struct broker_succession succession;
	uint64_t entry; /* of the announcement */
};

static enum error renewal_load(struct renewal *renewal, const struct ctl *ctl, struct fault *fault)
{
	enum error error = broker_settings_load(ctl->config, &renewal->settings, fault);

	if (error == E_OK)
		error = broker_identity_load(&renewal->settings, &renewal->identity, fault);
	if (error == E_OK)
		renewal->path = newer_keys_path(&renewal->settings);
	return error;
}

static void renewal_free(struct renewal *renewal)
{
	broker_settings_free(&renewal->settings);
	free(renewal->path);
	keys_wipe(renewal, sizeof(*renewal));
}

/* ---- the statement */

static enum error newer_sign(struct renewal *renewal, struct fault *fault)
{
	const struct exchange *exchange = &renewal->identity.exchange;
	struct successions successions;
	struct signing_key authority = {.public_key = {0}};
	enum error error = authority_successions(renewal->authority, &successions, fault);

	if (error == E_OK)
		error = authority_open(&authority, renewal->authority, renewal->passphrase_file, fault);
	if (error == E_OK) {
		broker_succession_sign(&renewal->succession, exchange->id, &renewal->identity.keys.signing,
				       &renewal->newer, clock_now().wall, &authority, &successions);
		error = broker_succession_check(&renewal->succession, exchange->id, exchange->authority, fault);
	}
	keys_wipe(&authority, sizeof(authority));
	return error;
}

/* E_EXISTS: another one made some meanwhile. */
static enum error newer_save(const struct renewal *renewal, struct fault *fault)
{
	int hold;
	enum error error = key_hold(renewal->path, &hold, fault);

	if (error == E_OK)
		error = broker_keys_save(&renewal->newer, key_lock_same(&renewal->identity.lock), renewal->path, fault);
	key_hold_end(hold);
	return error;
}

/* Those that were made before, or new ones, which are kept only once the authority has signed. */
static enum error newer_make(struct renewal *renewal, struct fault *fault)
{
	const bool is_there = access(renewal->path, F_OK) == 0;
	enum error error = E_OK;

	if (is_there)
		error = broker_keys_load(&renewal->newer, &renewal->identity.lock, renewal->path, fault);
	else
		broker_keys_generate(&renewal->newer);
	if (error == E_OK)
		error = newer_sign(renewal, fault);
	return error == E_OK && !is_there ? newer_save(renewal, fault) : error;
}

/* ---- telling */

static enum error status_ask(const struct ctl *ctl, uint64_t *announced, struct fault *fault)
{
	json_t *status;
	const enum error error = ctl_ask(ctl, json_pack("{s:s}", "command", "status"), &status, fault);

	if (error == E_OK)
		*announced = (uint64_t)ctl_number(status, "broker_keys_announced");
	if (error == E_OK)
		json_decref(status);
	return error;
}

static enum error announce(const struct ctl *ctl, struct renewal *renewal, struct fault *fault)
{
	Simpul__BrokerSuccession message;
	struct buffer encoded = {0};
	json_t *answer = NULL;
	char *hex;
	enum error error;

	broker_succession_to_message(&renewal->succession, &message);
	wire_pack(&message, &encoded);
	hex = memory_alloc(2 * encoded.size + 1);
	hex_of(hex, buffer_view(&encoded));
	error = ctl_ask(ctl, json_pack("{s:s, s:s}", "command", "broker-key", "succession", hex), &answer, fault);
	if (error == E_OK)
		renewal->entry = (uint64_t)ctl_number(answer, "entry");
	else if (error == E_EXISTS)
		error = status_ask(ctl, &renewal->entry, fault);
	json_decref(answer);
	free(hex);
	buffer_free(&encoded);
	return error;
}

/* An office that can have it has it. */
static bool has_heard(const json_t *node, uint64_t entry)
{
	return (uint64_t)ctl_number(node, "cursor") >= entry;
}

static bool is_member(const json_t *node)
{
	return strcmp(ctl_text(node, "standing"), "active") == 0 ||
	       strcmp(ctl_text(node, "standing"), "suspended") == 0;
}

/* How many have not heard of it, of those that are connected or of all; named on standard output when `say`. */
static size_t unheard(const json_t *nodes, uint64_t entry, bool connected, bool say)
{
	const json_t *list = json_object_get(nodes, "nodes");
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *node = json_array_get(list, i);

		if (!is_member(node) || has_heard(node, entry) ||
		    (connected && !json_is_true(json_object_get(node, "connected"))))
			continue;
		count++;
		if (say)
			printf("  %s\n", ctl_text(node, "node"));
	}
	return count;
}

/* Gives those that are connected a moment; then says who is left. */
static void heard_print(const struct ctl *ctl, const struct renewal *renewal)
{
	struct fault fault = {0};
	json_t *nodes = NULL;

	for (unsigned waited = 0; waited < HEARD_MS; waited += LOOK_MS) {
		json_decref(nodes);
		nodes = NULL;
		if (ctl_ask(ctl, json_pack("{s:s}", "command", "nodes"), &nodes, &fault) != E_OK)
			return;
		if (unheard(nodes, renewal->entry, true, false) == 0)
			break;
		usleep(LOOK_MS * 1000);
	}
	if (unheard(nodes, renewal->entry, false, false) == 0) {
		puts("Every office has heard of them.");
	} else {
		puts("These offices have not heard of them yet; whoever comes only after they were taken up needs a\n"
		     "new join file (simpulctl join NODE):");
		unheard(nodes, renewal->entry, false, true);
	}
	json_decref(nodes);
}

static const char *renew_advice(const struct fault *fault)
{
	switch (fault->code) {
	case E_UNREACHABLE:
		return "offices hear of newer keys from the running broker: is it running?";
	case E_BAD_SIGNATURE:
		return "this is not the authority key of this exchange, or its .successions file is not beside it";
	case E_INVALID:
		return strcmp(fault->field, "former_key") == 0
			       ? "broker.keys is not what the running broker has: start it anew, then look again"
			       : NULL;
	default:
		return NULL;
	}
}

int ctl_broker_keys_renew(struct ctl *ctl, int argc, char **argv)
{
	struct renewal renewal = {.entry = 0};
	const struct ctl_option options[] = {
		{"authority-key", &renewal.authority, NULL}, {"passphrase-file", &renewal.passphrase_file, NULL}, {0}};
	struct fault fault = {0};
	uint64_t unheeded;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);
	enum error error;

	if (first < 0)
		return status;
	if (renewal.authority == NULL)
		return ctl_usage(ctl, "--authority-key FILE signs them");
	error = renewal_load(&renewal, ctl, &fault);
	if (error == E_OK)
		error = status_ask(ctl, &unheeded, &fault);
	if (error == E_OK)
		error = newer_make(&renewal, &fault);
	if (error == E_OK)
		error = announce(ctl, &renewal, &fault);
	if (error == E_OK) {
		printf("%s: newer keys, announced by entry %" PRIu64 "\n", renewal.path, renewal.entry);
		heard_print(ctl, &renewal);
		puts("Next: simpulctl broker-keys take-up. Then make a backup: older ones do not have them.");
	}
	renewal_free(&renewal);
	return error == E_OK ? EX_OK : ctl_fail(&fault, renew_advice(&fault));
}

/* ---- in force */

/* False when offices are left that would each need a new join file, which are named. */
static bool all_heard(const struct ctl *ctl, enum error *error, struct fault *fault)
{
	uint64_t entry = 0;
	json_t *nodes = NULL;
	bool all;

	*error = status_ask(ctl, &entry, fault);
	if (*error == E_OK)
		*error = ctl_ask(ctl, json_pack("{s:s}", "command", "nodes"), &nodes, fault);
	all = *error != E_OK || entry == 0 || unheard(nodes, entry, false, false) == 0;
	if (!all) {
		puts("These offices have not heard of the newer keys, and would each need a new join file:");
		unheard(nodes, entry, false, true);
		puts("Nothing was changed. --anyway leaves them behind.");
	}
	json_decref(nodes);
	return all;
}

static const char *take_up_advice(const struct fault *fault)
{
	switch (fault->code) {
	case E_UNREACHABLE:
		return "is the broker running?";
	case E_NOT_FOUND:
		return "simpulctl broker-keys renew makes newer keys and announces them";
	case E_PASSPHRASE:
		return "they were not locked together with broker.keys: start the broker anew, it takes them up then";
	default:
		return NULL;
	}
}

int ctl_broker_keys_take_up(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = "";
	bool anyway = false;
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {"anyway", NULL, &anyway}, {0}};
	struct fault fault = {0};
	json_t *answer = NULL;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);
	enum error error = E_OK;

	if (first < 0)
		return status;
	if (!anyway && !all_heard(ctl, &error, &fault))
		return EX_TEMPFAIL;
	if (error == E_OK)
		error = ctl_ask(ctl, json_pack("{s:s, s:s}", "command", "broker-keys-take-up", "reason", reason),
				&answer, &fault);
	if (error != E_OK)
		return ctl_fail(&fault, take_up_advice(&fault));
	printf("the newer keys are in force (entry %lld); make a backup, older ones do not have them\n",
	       ctl_number(answer, "entry"));
	json_decref(answer);
	return EX_OK;
}
