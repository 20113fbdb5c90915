/* ctl_member - simpulctl countersign, enroll, join, revoke, retire, restore, grant: who is a member. */
#include "broker/ctl.h"

#include "common/member.h"
#include "common/memory.h"
#include "common/wire.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- files */

/* "a/police.oku.request" with another ending, or with it added. */
static char *with_ending(const char *path, const char *old, const char *new)
{
	size_t size = strlen(path), ending = strlen(old);

	if (size > ending && strcmp(path + size - ending, old) == 0)
		size -= ending;
	return memory_format("%.*s%s", (int)size, path, new);
}

static enum error not_there(const char *path, struct fault *fault)
{
	return access(path, F_OK) == 0 ? fault_at(fault, E_EXISTS, "%s", path) : E_OK;
}

static void print_member(const struct member *member)
{
	char fingerprint[FINGERPRINT_SIZE], exchange[2 * EXCHANGE_SIZE + 1];

	printf("node         %s\n", member->node);
	printf("key          %" PRIu32 "\n", member->key_id);
	printf("exchange     %s\n", hex_of(exchange, BYTES(member->exchange, EXCHANGE_SIZE)));
	printf("fingerprint  %s\n", member_fingerprint(member, fingerprint));
}

/* Loads a request or record and countersigns it unless that was done; `authority` may be NULL for a record. */
static enum error member_signed(struct member *member, const char *path, const char *authority, struct fault *fault)
{
	struct signing_key key;
	enum error error = member_load(member, path, fault);

	if (error == E_OK)
		error = member_check(member, NULL, NULL, fault);
	if (error != E_OK || member->authority_signed)
		return error;
	if (authority == NULL)
		return fault_at(fault, E_MISSING, "authority_signature");
	error = signing_key_load(&key, authority, fault);
	if (error == E_OK)
		member_countersign(member, &key);
	keys_wipe(&key, sizeof(key));
	return error;
}

/* ---- countersign */

int ctl_countersign(struct ctl *ctl, int argc, char **argv)
{
	const char *authority = NULL, *out = NULL;
	const struct ctl_option options[] = {{"authority-key", &authority, NULL}, {"o", &out, NULL}, {0}};
	struct fault fault = {0};
	struct member member;
	char *path;
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (authority == NULL)
		return ctl_usage(ctl, "--authority-key FILE is needed");
	path = out != NULL ? memory_string(out) : with_ending(argv[first], ".request", ".member");
	error = not_there(path, &fault);
	if (error == E_OK)
		error = member_signed(&member, argv[first], authority, &fault);
	if (error == E_OK)
		error = member_save(&member, path, &fault);
	if (error == E_OK) {
		print_member(&member);
		printf("record       %s\n", path);
		puts("Compare the fingerprint with the office in person or on the phone before you enroll it.");
	}
	free(path);
	return error == E_OK ? EX_OK : ctl_fail(&fault, NULL);
}

/* ---- enroll */

static json_t *enroll_request(const struct member *member)
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

static enum error enroll_one(const struct ctl *ctl, const struct member *member, const char *path, struct fault *fault)
{
	struct join join;
	json_t *answer = NULL;
	enum error error = not_there(path, fault);

	if (error == E_OK)
		error = join_of_broker(ctl, &join, fault);
	if (error == E_OK)
		error = member_check(member, join.exchange, join.authority, fault);
	if (error == E_OK)
		error = ctl_ask(ctl, enroll_request(member), &answer, fault);
	if (error == E_OK)
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
		return "this is a request: countersign it first, or give --authority-key FILE";
	case E_EXISTS:
		return "a key is enrolled once; simpulctl join writes a lost join file again";
	default:
		return NULL;
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

int ctl_enroll(struct ctl *ctl, int argc, char **argv)
{
	const char *authority = NULL, *out = NULL;
	const struct ctl_option options[] = {{"authority-key", &authority, NULL}, {"o", &out, NULL}, {0}};
	struct fault fault = {0};
	struct member member;
	char *path = NULL;
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	error = member_signed(&member, argv[first], authority, &fault);
	if (error == E_OK) {
		path = out != NULL ? memory_string(out) : memory_format("%s.join", member.node);
		error = enroll_one(ctl, &member, path, &fault);
	}
	if (error == E_OK) {
		print_member(&member);
		printf("join file    %s: give it to the office\n", path);
		printf("policy       simpulctl policy show %s: what it may send and receive\n", member.node);
		fflush(stdout);
		policy_remind(ctl, member.node);
	}
	free(path);
	return error == E_OK ? EX_OK : ctl_fail(&fault, enroll_advice(&fault));
}

int ctl_join(struct ctl *ctl, int argc, char **argv)
{
	const char *out = "exchange.join";
	const struct ctl_option options[] = {{"o", &out, NULL}, {0}};
	struct fault fault = {0};
	struct join join;
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	error = not_there(out, &fault);
	if (error == E_OK)
		error = join_of_broker(ctl, &join, &fault);
	if (error == E_OK)
		error = join_save(&join, out, &fault);
	if (error != E_OK)
		return ctl_fail(&fault, enroll_advice(&fault));
	printf("%s: give it to the office\n", out);
	return EX_OK;
}

/* ---- standings */

static int standing_order(const struct ctl *ctl, const char *node, const char *standing, wall_ms since,
			  const char *reason)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:I, s:s}", "command", "standing", "node", node, "standing",
				    standing, "since", (json_int_t)since, "reason", reason);
	bool back = strcmp(standing, "active") == 0;
	char done[2 * LIMIT_NODE_NAME + 80];

	if (request == NULL)
		return ctl_usage(ctl, "an argument is not UTF-8");
	if (back)
		snprintf(done, sizeof(done), "%.64s is %s; its agent must be started again", node, standing);
	else
		snprintf(done, sizeof(done), "%.64s is %s; simpulctl got %.64s lists what it was sent", node, standing, node);
	return ctl_order(ctl, request, done);
}

int ctl_revoke(struct ctl *ctl, int argc, char **argv)
{
	const char *since_text = NULL, *reason = "";
	const struct ctl_option options[] = {{"compromised-since", &since_text, NULL}, {"reason", &reason, NULL}, {0}};
	wall_ms since = 0;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (since_text != NULL && !time_parse(since_text, &since))
		return ctl_usage(ctl,
				 "--compromised-since takes a time with a zone, such as 2026-11-20T10:00:00+07:00");
	return standing_order(ctl, argv[first], "compromised", since, reason);
}

static int standing_simple(struct ctl *ctl, int argc, char **argv, const char *standing)
{
	const char *reason = "";
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	return first < 0 ? status : standing_order(ctl, argv[first], standing, 0, reason);
}

int ctl_retire(struct ctl *ctl, int argc, char **argv)
{
	return standing_simple(ctl, argc, argv, "retired");
}

int ctl_restore(struct ctl *ctl, int argc, char **argv)
{
	return standing_simple(ctl, argc, argv, "active");
}

/* ---- grant */

int ctl_grant(struct ctl *ctl, int argc, char **argv)
{
	const char *from = NULL, *reason = NULL;
	const struct ctl_option options[] = {{"from", &from, NULL}, {"reason", &reason, NULL}, {0}};
	char done[LIMIT_NODE_NAME + 80], *end = NULL;
	unsigned long long entry;
	json_t *request;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (from == NULL || reason == NULL || reason[0] == '\0')
		return ctl_usage(ctl, "--from ENTRY and --reason TEXT are needed");
	entry = strtoull(from, &end, 10);
	if (from[0] < '0' || from[0] > '9' || *end != '\0' || entry == 0 || entry > INT64_MAX)
		return ctl_usage(ctl, "--from takes the number of an entry");
	request = json_pack("{s:s, s:s, s:I, s:s}", "command", "grant", "node", argv[first], "from_entry",
			    (json_int_t)entry, "reason", reason);
	if (request == NULL)
		return ctl_usage(ctl, "an argument is not UTF-8");
	snprintf(done, sizeof(done), "%.64s may fetch from entry %llu on", argv[first], entry);
	return ctl_order(ctl, request, done);
}
