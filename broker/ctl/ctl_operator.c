/* ctl_operator - simpulctl operator new, proposals, approve, withdraw: what takes two operators, and their keys. */
#include "broker/ctl/ctl.h"

#include "broker/control/hold_request.h"
#include "broker/ctl/ctl_hold.h"
#include "broker/ctl/ctl_policy.h"
#include "common/key_hold.h"
#include "common/member.h"
#include "common/memory.h"
#include "common/passphrase.h"
#include "common/wire.h"
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_ADVICE "ID is the number of a proposal (simpulctl proposals)"

/* ---- what is signed */

static enum error record_content(const char *hex, struct hash *content, struct fault *fault)
{
	const size_t size = hex == NULL ? 0 : strlen(hex) / 2;
	uint8_t *data = memory_alloc(size + 1);
	const bool good = hex != NULL && hex_parse(hex, data, size);

	if (good)
		*content = hash_of(BYTES(data, size));
	free(data);
	return good ? E_OK : fault_at(fault, E_INVALID, "record");
}

/* Of the file as it is here: what is signed is what the operator can read. */
static enum error policy_content(const struct broker_settings *settings, struct hash *content, struct fault *fault)
{
	struct policy *policy = NULL;
	enum error error = policy_load(settings->policy, &policy, fault);

	if (error == E_OK)
		*content = policy_hash(policy);
	policy_free(policy);
	return error;
}

/* `*act` becomes NULL when the request never takes two. */
static enum error request_content(const struct broker_settings *settings, const json_t *request, const char **act,
				  struct hash *content, struct fault *fault)
{
	const char *command = ctl_text(request, "command");

	*act = NULL;
	if (strcmp(command, "policy-reload") == 0) {
		*act = "policy reload";
		return policy_content(settings, content, fault);
	}
	if (strcmp(command, "enroll") == 0) {
		*act = "enroll";
		return record_content(json_string_value(json_object_get(request, "record")), content, fault);
	}
	if (strncmp(command, "hold-", strlen("hold-")) == 0) {
		*act = strcmp(command, "hold-place") == 0  ? HOLD_PLACE
		       : strcmp(command, "hold-lift") == 0 ? HOLD_LIFT
							   : HOLD_OPEN;
		return hold_request_content(request, content, fault);
	}
	if (strcmp(command, "reseed") == 0) {
		*act = "reseed";
		*content = act_reseed_content(ctl_text(request, "node"), (uint64_t)ctl_number(request, "from_entry"),
					      ctl_text(request, "reason"));
	}
	return E_OK;
}

/* The key that --key names; wipe it. */
static enum error operator_key_load(const struct ctl *ctl, struct signing_key *key, struct fault *fault)
{
	struct key_lock lock = {.file = ctl->key_passphrase_file};
	const enum error error = signing_key_load(key, &lock, ctl->key, fault);

	key_lock_wipe(&lock);
	return error;
}

static enum error digest_signature(const struct broker_settings *settings, const struct signing_key *key, wall_ms at,
				   const char *act, const struct hash *content, char hex[2 * SIGNATURE_SIZE + 1],
				   struct fault *fault)
{
	struct exchange exchange;
	uint8_t signature[SIGNATURE_SIZE];
	struct hash digest;
	const enum error error = exchange_load(&exchange, settings->exchange, fault);

	if (error != E_OK)
		return error;
	digest = act_digest(exchange.id, at, act, content);
	digest_sign(key, SIGN_TAG_ACT, &digest, signature);
	hex_of(hex, BYTES(signature, SIGNATURE_SIZE));
	return E_OK;
}

enum error ctl_sign(const struct ctl *ctl, const struct broker_settings *settings, json_t *request, struct fault *fault)
{
	const wall_ms at = clock_now().wall;
	char hex[2 * SIGNATURE_SIZE + 1];
	struct signing_key key;
	struct hash content;
	const char *act;
	enum error error = request_content(settings, request, &act, &content, fault);

	if (error != E_OK || act == NULL)
		return error;
	error = operator_key_load(ctl, &key, fault);
	if (error == E_OK)
		error = digest_signature(settings, &key, at, act, &content, hex, fault);
	keys_wipe(&key, sizeof(key));
	if (error != E_OK)
		return error;
	json_object_set_new(request, "at", json_integer((json_int_t)at));
	json_object_set_new(request, "signature", json_string(hex));
	return error;
}

bool ctl_proposed(const json_t *answer)
{
	const long long proposal = ctl_number(answer, "proposal");

	if (proposal == 0)
		return false;
	printf("proposed: a second operator puts it through with simpulctl --key FILE approve %lld, within a day\n",
	       proposal);
	return true;
}

/* ---- keys */

/* `passphrase_file` as passphrase_new has it; `open`: without a passphrase. */
static enum error operator_key_make(struct signing_key *key, const char *path, const char *passphrase_file, bool open,
				    struct fault *fault)
{
	struct key_lock lock = {.file = NULL};
	struct passphrase passphrase = {{0}};
	enum error error = open ? E_OK : passphrase_new(passphrase_file, path, &passphrase, fault);
	int hold = -1;

	if (error == E_OK && !open)
		error = key_lock_new(&lock, passphrase.text, &KEY_LOCK_COST, fault);
	signing_key_generate(key);
	if (error == E_OK)
		error = key_hold(path, &hold, fault);
	if (error == E_OK)
		error = signing_key_save(key, "operator", key_lock_same(&lock), path, fault);
	key_hold_end(hold);
	keys_wipe(&passphrase, sizeof(passphrase));
	key_lock_wipe(&lock);
	return error;
}

int ctl_operator_new(struct ctl *ctl, int argc, char **argv)
{
	const char *path = NULL, *passphrase_file = NULL;
	bool open = false;
	const struct ctl_option options[] = {
		{"o", &path, NULL}, {"passphrase-file", &passphrase_file, NULL}, {"no-passphrase", NULL, &open}, {0}};
	char *own = NULL, hex[2 * KEY_SIZE + 1];
	struct signing_key key;
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!watcher_name_valid(argv[first]))
		return ctl_usage(ctl, "NAME has small letters, digits and hyphens, at most 32");
	if (open && passphrase_file != NULL)
		return ctl_usage(ctl, "--passphrase-file and --no-passphrase exclude each other");
	own = memory_format("%s.operator", argv[first]);
	status = EX_OK;
	if (operator_key_make(&key, path != NULL ? path : own, passphrase_file, open, &fault) == E_OK) {
		printf("%s = %s\n", argv[first], hex_of(hex, BYTES(key.public_key, KEY_SIZE)));
		fputs("This line goes into the file operators beside broker.yaml; then the broker is started anew.\n",
		      stderr);
	} else {
		status = ctl_fail(&fault,
				  fault.code == E_MISSING
					  ? "--passphrase-file FILE holds one; --no-passphrase leaves the key open"
					  : NULL);
	}
	keys_wipe(&key, sizeof(key));
	free(own);
	return status;
}

/* ---- proposals */

static void member_print(const json_t *request)
{
	const char *hex = ctl_text(request, "record");
	const size_t size = strlen(hex) / 2;
	uint8_t *data = memory_alloc(size + 1);
	const Simpul__MemberRecord *record = NULL;
	char fingerprint[FINGERPRINT_SIZE];
	struct member member;
	struct arena arena;

	arena_init(&arena);
	if (hex_parse(hex, data, size))
		record = wire_unpack(&simpul__member_record__descriptor, BYTES(data, size), &arena, NULL);
	if (record != NULL && member_of_message(&member, record, NULL) == E_OK)
		printf("%s, key %u, fingerprint %s", member.node, member.key_id,
		       member_fingerprint(&member, fingerprint));
	arena_fini(&arena);
	free(data);
}

static void hold_print(const json_t *request)
{
	char until[TIME_TEXT_SIZE];

	printf("%s, ", ctl_text(request, "report"));
	if (ctl_number(request, "hold") != 0)
		printf("the hold of entry %lld", ctl_number(request, "hold"));
	else if (ctl_number(request, "until") != 0)
		printf("%s %s, until %s", ctl_text(request, "authority"), ctl_text(request, "order"),
		       local_time_text(until, (wall_ms)ctl_number(request, "until")));
	else
		fputs("into a file that the second operator names with -o", stdout);
	printf(", \"%s\"", ctl_text(request, "reason"));
}

static void proposal_print(const json_t *proposal)
{
	const json_t *request = json_object_get(proposal, "request");
	const char *command = ctl_text(proposal, "command");

	printf("%4lld  %s by %s, until %s: ", ctl_number(proposal, "proposal"), command, ctl_text(proposal, "operator"),
	       ctl_text(proposal, "expires"));
	if (strcmp(command, "enroll") == 0)
		member_print(request);
	else if (strncmp(command, "hold ", strlen("hold ")) == 0)
		hold_print(request);
	else if (strcmp(command, "reseed") == 0)
		printf("%s from entry %lld, \"%s\"", ctl_text(request, "node"), ctl_number(request, "from_entry"),
		       ctl_text(request, "reason"));
	else
		printf("policy.yaml with the hash %s (simpulctl policy diff shows it)", ctl_text(proposal, "content"));
	putchar('\n');
}

int ctl_proposals(struct ctl *ctl, int argc, char **argv)
{
	bool json = false;
	const struct ctl_option options[] = {{"json", NULL, &json}, {0}};
	struct fault fault = {0};
	json_t *answer;
	const json_t *list;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (ctl_question(ctl, "proposals", NULL, &answer, &fault) != E_OK)
		return ctl_unanswered(&fault);
	list = json_object_get(answer, "proposals");
	for (size_t i = 0; !json && i < json_array_size(list); i++)
		proposal_print(json_array_get(list, i));
	if (json)
		ctl_print_json(answer);
	json_decref(answer);
	return EX_OK;
}

size_t ctl_proposals_waiting(const struct ctl *ctl)
{
	struct fault fault = {0};
	json_t *answer;
	size_t count;

	if (ctl_question(ctl, "proposals", NULL, &answer, &fault) != E_OK)
		return 0;
	count = json_array_size(json_object_get(answer, "proposals"));
	json_decref(answer);
	return count;
}

static const json_t *proposal_at(const json_t *answer, long long id)
{
	const json_t *list = json_object_get(answer, "proposals");

	for (size_t i = 0; i < json_array_size(list); i++)
		if (ctl_number(json_array_get(list, i), "proposal") == id)
			return json_array_get(list, i);
	return NULL;
}

/* Computed from what the proposal shows and from the policy's file, not from what the broker says that it signs. */
static enum error approval_make(const struct broker_settings *settings, const struct signing_key *key,
				const json_t *proposal, json_t **request, struct fault *fault)
{
	char hex[2 * SIGNATURE_SIZE + 1];
	struct hash content;
	const char *act = NULL;
	enum error error = request_content(settings, json_object_get(proposal, "request"), &act, &content, fault);

	if (error == E_OK && act == NULL)
		error = fault_at(fault, E_MALFORMED, "proposal");
	if (error == E_OK)
		error = digest_signature(settings, key, (wall_ms)ctl_number(proposal, "at_ms"), act, &content, hex,
					 fault);
	if (error == E_OK)
		*request = json_pack("{s:s, s:I, s:s}", "command", "approve", "proposal",
				     (json_int_t)ctl_number(proposal, "proposal"), "signature", hex);
	return error;
}

/* E_TWO_OPERATORS when who proposed it would approve it too. Who may not read the file of operators hears so from the
 * broker. */
static enum error signer_check(const struct broker_settings *settings, const struct signing_key *key,
			       const json_t *proposal, struct fault *fault)
{
	const char *proposer = ctl_text(proposal, "operator");
	struct watchers operators;

	if (watchers_load(&operators, settings->operators, NULL) != E_OK)
		return E_OK;
	for (size_t i = 0; i < operators.count; i++)
		if (memcmp(operators.list[i].key, key->public_key, KEY_SIZE) == 0 &&
		    strcmp(operators.list[i].name, proposer) == 0)
			return fault_at(fault, E_TWO_OPERATORS, "%s proposed it", proposer);
	return E_OK;
}

static enum error place_check(const char *path, struct fault *fault)
{
	char *copy = memory_string(path);
	const bool writable = access(dirname(copy), W_OK | X_OK) == 0;

	free(copy);
	if (access(path, F_OK) == 0)
		return fault_at(fault, E_EXISTS, "%s", path);
	return writable ? E_OK : fault_at(fault, E_IO, "%s", path);
}

/* A report that is to be opened: read before anything is signed. */
static enum error opening_check(const struct ctl *ctl, const json_t *proposal, const char *path,
				struct ctl_opening **opening, struct fault *fault)
{
	const char *name = ctl_text(json_object_get(proposal, "request"), "report");
	struct report_name report;
	enum error error;

	if (strcmp(ctl_text(proposal, "command"), HOLD_OPEN) != 0)
		return path == NULL ? E_OK : fault_at(fault, E_USAGE, "-o");
	if (path == NULL)
		return fault_at(fault, E_USAGE, "-o FILE: where the report goes");
	error = report_name_parse(name, &report) ? place_check(path, fault) : fault_at(fault, E_MALFORMED, "proposal");
	if (error == E_OK)
		error = ctl_hold_openable(ctl, &report, fault);
	return error == E_OK ? ctl_hold_read(ctl, &report, opening, fault) : error;
}

/* Once it is recorded. */
static int opened_write(const struct ctl_opening *opening, const char *path)
{
	struct fault fault = {0};

	return opening == NULL || ctl_hold_write(opening, path, &fault) == E_OK ? EX_OK : ctl_fail(&fault, NULL);
}

/* What is to be signed; of a policy what it changes. */
static enum error proposal_show(const struct ctl *ctl, const struct broker_settings *settings, const json_t *proposal,
				struct fault *fault)
{
	enum error error = E_OK;

	proposal_print(proposal);
	if (strcmp(ctl_text(proposal, "command"), "policy reload") == 0)
		error = ctl_policy_changes(ctl, settings->policy, ctl_text(proposal, "content"), fault);
	fflush(stdout);
	return error;
}

/* At a terminal a person says yes to it. */
static enum error proposal_agreed(bool *yes, struct fault *fault)
{
	*yes = true;
	return isatty(STDIN_FILENO)
		       ? terminal_confirm("Is this what is to be done? Type yes when it is: ", yes, fault)
		       : E_OK;
}

/* *request stays NULL when a person did not say yes. */
static enum error proposal_sign(const struct ctl *ctl, const json_t *proposal, json_t **request, struct fault *fault)
{
	struct broker_settings settings;
	struct signing_key key = {.public_key = {0}};
	bool yes = false;
	enum error error = broker_settings_load(ctl->config, &settings, fault);

	if (error == E_OK)
		error = proposal_show(ctl, &settings, proposal, fault);
	if (error == E_OK)
		error = operator_key_load(ctl, &key, fault);
	if (error == E_OK)
		error = signer_check(&settings, &key, proposal, fault);
	if (error == E_OK)
		error = proposal_agreed(&yes, fault);
	if (error == E_OK && yes)
		error = approval_make(&settings, &key, proposal, request, fault);
	keys_wipe(&key, sizeof(key));
	broker_settings_free(&settings);
	return error;
}

static int not_approved(const struct fault *fault)
{
	if (fault->code == E_OK) {
		fputs("not approved; it still waits\n", stderr);
		return EX_NOPERM;
	}
	switch (fault->code) {
	case E_TWO_OPERATORS:
		return ctl_fail(fault, "not approved; it waits for another operator");
	case E_INVALID:
		return ctl_fail(fault, "not approved: the policy's file is not the one that was proposed");
	default:
		return ctl_fail(fault, "simpulctl proposals lists what waits");
	}
}

int ctl_approve(struct ctl *ctl, int argc, char **argv)
{
	const char *path = NULL;
	const struct ctl_option options[] = {{"o", &path, NULL}, {0}};
	struct ctl_opening *opening = NULL;
	struct fault fault = {0};
	json_t *answer, *request = NULL;
	const json_t *proposal;
	uint64_t id;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);
	enum error error;

	if (first < 0)
		return status;
	if (!ctl_number_take(argv[first], INT64_MAX, &id))
		return ctl_usage(ctl, ID_ADVICE);
	if (ctl->key == NULL)
		return ctl_usage(ctl, "simpulctl --key FILE approve ID: the key of an operator who did not propose it");
	if (ctl_question(ctl, "proposals", NULL, &answer, &fault) != E_OK)
		return ctl_unanswered(&fault);
	proposal = proposal_at(answer, (long long)id);
	error = proposal == NULL ? fault_at(&fault, E_NOT_FOUND, "proposal")
				 : opening_check(ctl, proposal, path, &opening, &fault);
	if (error == E_OK)
		error = proposal_sign(ctl, proposal, &request, &fault);
	json_decref(answer);
	status = request != NULL ? ctl_order(ctl, request, "done") : not_approved(&fault);
	if (status == EX_OK)
		status = opened_write(opening, path);
	ctl_hold_close(opening);
	return status;
}

int ctl_withdraw(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = "";
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {0}};
	uint64_t id;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!ctl_number_take(argv[first], INT64_MAX, &id))
		return ctl_usage(ctl, ID_ADVICE);
	return ctl_order(ctl,
			 json_pack("{s:s, s:I, s:s}", "command", "withdraw", "proposal", (json_int_t)id, "reason", reason),
			 "withdrawn");
}
