/* ctl_enroll - simpulctl countersign, enroll, join: from an office's request to a member and its join file. */
#include "broker/ctl/ctl.h"

#include "broker/journal/authority.h"
#include "common/member.h"
#include "common/memory.h"
#include "common/wire.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPIRES_DAYS "730"
#define EXPIRES_DAYS_MOST 3660

/* What is said about a request on the command line. */
struct wish {
	const char *authority, *passphrase_file, *fingerprint, *days, *out;
	uint64_t expires_days; /* 0: never */
};

#define WISH_OPTIONS(wish) \
	{"authority-key", &(wish).authority, NULL}, {"passphrase-file", &(wish).passphrase_file, NULL}, \
		{"fingerprint", &(wish).fingerprint, NULL}, {"expires-days", &(wish).days, NULL}, {"o", &(wish).out, NULL}

/* False when the days are no number. */
static bool wish_complete(struct wish *wish)
{
	char *end;

	wish->expires_days = strtoul(wish->days, &end, 10);
	return wish->days[0] >= '0' && wish->days[0] <= '9' && *end == '\0' && wish->expires_days <= EXPIRES_DAYS_MOST;
}

/* ---- files */

/* "a/police.oku.request" with another ending, or with it added. */
static char *with_ending(const char *path, const char *old, const char *new)
{
	size_t size = strlen(path), ending = strlen(old);

	if (size > ending && strcmp(path + size - ending, old) == 0)
		size -= ending;
	return memory_format("%.*s%s", (int)size, path, new);
}

/* False, and said, when the output file is there already. */
static bool output_free(const char *path, const char *undone)
{
	if (access(path, F_OK) != 0)
		return true;
	fprintf(stderr, "simpulctl: the output file %s is there already, and nothing is overwritten: nothing was %s; -o FILE "
		"names another\n", path, undone);
	return false;
}

static void print_member(const struct member *member)
{
	char fingerprint[FINGERPRINT_SIZE], exchange[2 * EXCHANGE_SIZE + 1];

	printf("node         %s\n", member->node);
	printf("key          %" PRIu32 "\n", member->key_id);
	printf("exchange     %s\n", hex_of(exchange, BYTES(member->exchange, EXCHANGE_SIZE)));
	if (member->former_signed)
		puts("renews       the office's key before it, which signed this one too; the broker checks that");
	printf("fingerprint  %s\n", member_fingerprint(member, fingerprint));
	fflush(stdout);
}

/* ---- countersign */

/* Who signs a request says that it is the office's: the fingerprint was given, or is compared now. */
static enum error fingerprint_confirm(const struct member *member, const char *given, struct fault *fault)
{
	bool same;

	if (given == NULL) {
		const enum error error = terminal_confirm(
			"Does the office read the same fingerprint from its screen? Type yes when it does: ", &same, fault);

		if (error != E_OK)
			return error;
	} else {
		same = member_fingerprint_is(member, given);
	}
	return same ? E_OK : fault_at(fault, E_FINGERPRINT, "%s", member->node);
}

/* A record that is countersigned already was confirmed then; a fingerprint that is given must fit all the same. */
static enum error member_sign(struct member *member, const struct wish *wish, struct fault *fault)
{
	struct signing_key key;
	enum error error;

	if (!member->authority_signed && wish->authority == NULL)
		return fault_at(fault, E_MISSING, "authority_signature");
	if (!member->authority_signed || wish->fingerprint != NULL) {
		error = fingerprint_confirm(member, wish->fingerprint, fault);
		if (error != E_OK || member->authority_signed)
			return error;
	}
	if (member->authority_signed)
		return E_OK;
	error = authority_successions(wish->authority, &member->successions, fault);
	if (error == E_OK)
		error = authority_open(&key, wish->authority, wish->passphrase_file, fault);
	if (error == E_OK) {
		member->expires_at = wish->expires_days > 0 ? clock_now().wall + wish->expires_days * DAY_MS : 0;
		member_countersign(member, &key);
	}
	keys_wipe(&key, sizeof(key));
	return error;
}

static const char *sign_advice(const struct fault *fault)
{
	switch (fault->code) {
	case E_FINGERPRINT:
		return "the request may be a stranger's: ask the office, and sign nothing until the digits agree";
	case E_PASSPHRASE:
		return "or the file was changed; nothing was signed";
	case E_MISSING:
		return strncmp(fault->field, "fingerprint", 11) == 0
			       ? "--fingerprint DIGITS says what the office reads from its screen"
			       : "--passphrase-file FILE holds it";
	default:
		return NULL;
	}
}

static void print_expiry(const struct member *member)
{
	char time[TIME_TEXT_SIZE];

	printf("expires      %s\n", member->expires_at > 0 ? time_text(time, member->expires_at, 0) : "never");
}

int ctl_countersign(struct ctl *ctl, int argc, char **argv)
{
	struct wish wish = {.days = EXPIRES_DAYS};
	const struct ctl_option options[] = {WISH_OPTIONS(wish), {0}};
	struct fault fault = {0};
	struct member member;
	char *path;
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (wish.authority == NULL)
		return ctl_usage(ctl, "--authority-key FILE is needed");
	if (!wish_complete(&wish))
		return ctl_usage(ctl, "--expires-days takes a number of days, at most 3660");
	path = wish.out != NULL ? memory_string(wish.out) : with_ending(argv[first], ".request", ".member");
	if (!output_free(path, "signed"))
		return free(path), EX_CANTCREAT;
	error = member_load(&member, argv[first], &fault);
	if (error == E_OK)
		error = member_check(&member, NULL, NULL, &fault);
	if (error == E_OK) {
		print_member(&member);
		error = member_sign(&member, &wish, &fault);
	}
	if (error == E_OK)
		error = member_save(&member, path, &fault);
	if (error == E_OK) {
		print_expiry(&member);
		printf("record       %s\n", path);
	}
	free(path);
	return error == E_OK ? EX_OK : ctl_fail(&fault, sign_advice(&fault));
}

/* ---- enroll */

json_t *ctl_enroll_request(const struct member *member)
{
	Simpul__MemberRecord record;
	struct buffer encoded = {0};
	char *hex;
	json_t *request;

	member_to_message(member, &record);
	wire_pack(&record, &encoded);
	hex = memory_alloc(2 * encoded.size + 1);
	request = json_pack("{s:s, s:s}", "command", "enroll", "record", hex_of(hex, buffer_view(&encoded)));
	buffer_free(&encoded);
	free(hex);
	return request;
}

static bool status_hex(const json_t *status, const char *key, uint8_t *out, size_t size)
{
	const char *hex = json_string_value(json_object_get(status, key));

	return hex != NULL && hex_parse(hex, out, size);
}

static bool status_text(const json_t *status, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(status, key));

	return text != NULL && (size_t)snprintf(out, size, "%s", text) < size;
}

/* What an office needs, as the running broker tells it. */
static enum error join_of_broker(const struct ctl *ctl, struct join *join, struct fault *fault)
{
	json_t *status;
	enum error error = ctl_ask(ctl, json_pack("{s:s}", "command", "status"), &status, fault);

	memset(join, 0, sizeof(*join));
	if (error != E_OK)
		return error;
	if (!status_hex(status, "exchange", join->exchange, EXCHANGE_SIZE) ||
	    !status_hex(status, "authority", join->authority, KEY_SIZE) ||
	    !status_hex(status, "broker_curve", join->broker_curve, KEY_SIZE) ||
	    !status_hex(status, "broker_signing", join->broker_signing, KEY_SIZE) ||
	    !status_text(status, "link", join->link_endpoint, sizeof(join->link_endpoint)) ||
	    !status_text(status, "feed", join->feed_endpoint, sizeof(join->feed_endpoint)))
		error = fault_at(fault, E_MALFORMED, "status");
	/* Not every broker has bulletins. */
	status_text(status, "bulletin", join->bulletin_endpoint, sizeof(join->bulletin_endpoint));
	json_decref(status);
	return error;
}

/* The request is looked at before a person is asked about it, and a whole record before the broker is. */
static enum error enroll_one(const struct ctl *ctl, struct member *member, const struct wish *wish, const char *path,
			     bool *proposed, struct fault *fault)
{
	struct join join;
	json_t *answer = NULL;
	enum error error = join_of_broker(ctl, &join, fault);

	if (error == E_OK)
		error = member_check(member, join.exchange, NULL, fault);
	if (error == E_OK) {
		print_member(member);
		error = member_sign(member, wish, fault);
	}
	if (error == E_OK)
		error = member_check(member, join.exchange, join.authority, fault);
	if (error == E_OK)
		error = ctl_ask(ctl, ctl_enroll_request(member), &answer, fault);
	*proposed = error == E_OK && ctl_proposed(answer);
	if (error == E_OK && !*proposed)
		error = join_save(&join, path, fault);
	json_decref(answer);
	return error;
}

static const char *enroll_advice(const struct fault *fault)
{
	switch (fault->code) {
	case E_UNREACHABLE:
		return "enrolling needs a running broker: is it running?";
	case E_MISSING:
		if (strcmp(fault->field, "authority_signature") == 0)
			return "this is a request: countersign it first, or give --authority-key FILE";
		return sign_advice(fault);
	case E_EXCHANGE:
		return "the office has the exchange.id of another exchange: send it the right one";
	case E_BAD_SIGNATURE:
		if (strcmp(fault->field, "former_signature") == 0)
			return "the key that the office has now did not sign it: ask the office, somebody else may have made it";
		if (strcmp(fault->field, "authority_signature") == 0)
			return "this is not the authority key of this exchange, or its .successions file is not beside it";
		return NULL;
	case E_TWO_OPERATORS:
		return TWO_OPERATORS_ADVICE;
	case E_EXISTS:
		return "a key is enrolled once; simpulctl join NODE writes a lost join file again";
	default:
		return sign_advice(fault);
	}
}

/* The most forgotten step: a member that the policy does not name is connected and reaches nobody. */
static void policy_remind(const struct ctl *ctl, const char *node)
{
	struct fault fault = {0};
	json_t *answer;

	if (ctl_ask(ctl, json_pack("{s:s}", "command", "nodes"), &answer, &fault) != E_OK)
		return;
	for (size_t i = 0; i < json_array_size(json_object_get(answer, "nodes")); i++) {
		const json_t *member = json_array_get(json_object_get(answer, "nodes"), i);

		if (strcmp(ctl_text(member, "node"), node) == 0 && !json_is_true(json_object_get(member, "in_policy")))
			fprintf(stderr,
				"policy.yaml does not name %s yet: it can neither send nor receive; add it and run "
				"simpulctl policy reload\n",
				node);
	}
	json_decref(answer);
}

/* Who renews a key has a join file that stays good, and an agent that follows by itself. */
static void print_join(const struct member *member, const char *path)
{
	if (member->former_signed)
		printf("join file    %s, which the office needs only if it has lost its own: its agent takes up the newer "
		       "keys by itself\n",
		       path);
	else
		printf("join file    %s: give it to the office\n", path);
}

int ctl_enroll(struct ctl *ctl, int argc, char **argv)
{
	struct wish wish = {.days = EXPIRES_DAYS};
	const struct ctl_option options[] = {WISH_OPTIONS(wish), {0}};
	struct fault fault = {0};
	struct member member;
	char *path = NULL;
	bool proposed = false;
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!wish_complete(&wish))
		return ctl_usage(ctl, "--expires-days takes a number of days, at most 3660");
	error = member_load(&member, argv[first], &fault);
	if (error == E_OK) {
		path = wish.out != NULL ? memory_string(wish.out) : memory_format("%s.join", member.node);
		if (!output_free(path, "enrolled"))
			return free(path), EX_CANTCREAT;
		error = enroll_one(ctl, &member, &wish, path, &proposed, &fault);
	}
	if (error == E_OK && proposed && !member.former_signed)
		printf("join file    simpulctl join %s -o %s, when that is done\n", member.node, path);
	if (error == E_OK && !proposed) {
		print_expiry(&member);
		print_join(&member, path);
		printf("policy       simpulctl policy show %s: what it may send and receive\n", member.node);
		fflush(stdout);
		policy_remind(ctl, member.node);
	}
	free(path);
	return error == E_OK ? EX_OK : ctl_fail(&fault, enroll_advice(&fault));
}

/* E_NOT_FOUND when no office of this name is enrolled. */
static enum error member_known(const struct ctl *ctl, const char *node, struct fault *fault)
{
	json_t *answer;
	bool found = false;
	const enum error error = ctl_question(ctl, "nodes", NULL, &answer, fault);

	if (error != E_OK)
		return error;
	for (size_t i = 0; i < json_array_size(json_object_get(answer, "nodes")); i++)
		found = found ||
			strcmp(ctl_text(json_array_get(json_object_get(answer, "nodes"), i), "node"), node) == 0;
	json_decref(answer);
	return found ? E_OK : fault_at(fault, E_NOT_FOUND, "%s", node);
}

int ctl_join(struct ctl *ctl, int argc, char **argv)
{
	const char *out = NULL, *node;
	const struct ctl_option options[] = {{"o", &out, NULL}, {0}};
	struct fault fault = {0};
	struct join join;
	char *path;
	enum error error = E_OK;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 1, &status);

	if (first < 0)
		return status;
	node = first < argc ? argv[first] : NULL;
	path = out != NULL ? memory_string(out) : memory_format("%s.join", node != NULL ? node : "exchange");
	if (!output_free(path, "written"))
		return free(path), EX_CANTCREAT;
	if (node != NULL)
		error = member_known(ctl, node, &fault);
	if (error == E_OK)
		error = join_of_broker(ctl, &join, &fault);
	if (error == E_OK)
		error = join_save(&join, path, &fault);
	if (error == E_OK)
		printf("%s: give it to the office\n", path);
	free(path);
	if (error == E_NOT_FOUND && node != NULL && strcmp(fault.field, node) == 0)
		return ctl_fail(&fault, "simpulctl nodes shows who is enrolled; simpulctl proposals what waits");
	return error == E_OK ? EX_OK : ctl_fail(&fault, enroll_advice(&fault));
}
