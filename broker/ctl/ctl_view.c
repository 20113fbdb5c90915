/* ctl_view - simpulctl status, nodes, journal: looking at a broker and at its record. */
#include "broker/ctl/ctl.h"

#include "broker/journal/journal_checkpoint.h"
#include "common/member.h"
#include "common/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- printing */

static const char *yes_no(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

/* Asks the broker and shows the answer: as `print` has it, or with --json as it came. */
static int show(struct ctl *ctl, int argc, char **argv, const char *question,
		void (*print)(struct ctl *ctl, const json_t *answer))
{
	bool json = false;
	const struct ctl_option options[] = {{"json", NULL, &json}, {0}};
	struct fault fault = {0};
	json_t *answer;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (ctl_question(ctl, question, NULL, &answer, &fault) != E_OK)
		return ctl_unanswered(&fault);
	if (json)
		ctl_print_json(answer);
	else
		print(ctl, answer);
	json_decref(answer);
	return EX_OK;
}

/* ---- status */

/* What came of the check of the whole journal that follows a start. */
static void print_inspection(const json_t *status)
{
	const char *verified = ctl_text(status, "verified");

	printf("journal check     ");
	if (strcmp(verified, "good") == 0)
		printf("good up to entry %lld\n", ctl_number(status, "verified_entries"));
	else if (strcmp(verified, "damaged") == 0)
		printf("DAMAGED at entry %lld: %s\n", ctl_number(status, "damaged_entry"), ctl_text(status, "damage"));
	else
		printf("%s\n", strcmp(verified, "running") == 0 ? "under way" : "could not be done: see the log");
}

static void print_status(struct ctl *ctl, const json_t *status)
{
	const size_t proposals = ctl_proposals_waiting(ctl);

	printf("exchange          %s (%s)\n", ctl_text(status, "name"), ctl_text(status, "exchange"));
	printf("broker            since %s, link %s, feed %s%s\n", ctl_text(status, "started_at"),
	       ctl_text(status, "link"), ctl_text(status, "feed"),
	       json_is_true(json_object_get(status, "stopping")) ? ", stopping" : "");
	printf("journal           entry %lld of incarnation %lld\n", ctl_number(status, "entry"),
	       ctl_number(status, "incarnation"));
	printf("head              %s\n", ctl_text(status, "head"));
	print_inspection(status);
	printf("policy            version %lld, %s\n", ctl_number(status, "policy_version"),
	       ctl_text(status, "policy_hash"));
	printf("members           %lld, of which %lld connected\n", ctl_number(status, "members"),
	       ctl_number(status, "connected"));
	printf("reports           %lld accepted, %lld refused; %lld messages refused\n", ctl_number(status, "accepted"),
	       ctl_number(status, "refused_reports"), ctl_number(status, "refused_messages"));
	printf("delivered         %lld\n", ctl_number(status, "delivered"));
	printf("under way         %lld commits; %lld entries (%lld KiB) in memory\n", ctl_number(status, "under_way"),
	       ctl_number(status, "tail_entries"), ctl_number(status, "tail_bytes") / 1024);
	printf("master key        %s\n", yes_no(status, "master_key"));
	printf("disk              %s\n", json_is_true(json_object_get(status, "disk_low"))
						 ? "LOW: nothing new is taken; free some space"
						 : "enough");
	if (json_is_true(json_object_get(status, "clock_doubted")))
		puts("clock             IN DOUBT: nothing expires; set it right, then simpulctl clock confirm");
	if (proposals > 0)
		printf("proposals         %zu wait for a second operator: simpulctl proposals, then approve\n", proposals);
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
	return show(ctl, argc, argv, "status", print_status);
}

/* ---- nodes */

/* The width of the longest name. */
static int names_width(const json_t *nodes)
{
	int width = (int)strlen("NODE");

	for (size_t i = 0; i < json_array_size(nodes); i++) {
		int size = (int)strlen(ctl_text(json_array_get(nodes, i), "node"));

		width = size > width ? size : width;
	}
	return width;
}

static void print_node(const json_t *node, int width)
{
	printf("%-*s  %4lld  %-10.10s  %-11s  %-9s  %-4s  %-19.19s  %8lld  %6lld  %12lld  %s\n", width,
	       ctl_text(node, "node"), ctl_number(node, "key_id"), ctl_text(node, "expires_at"),
	       ctl_text(node, "standing"), yes_no(node, "connected"), yes_no(node, "live"),
	       ctl_text(node, "last_seen"), ctl_number(node, "cursor"), ctl_number(node, "lag"),
	       ctl_number(node, "queued_bytes"), yes_no(node, "in_policy"));
}

/* Below the table, so that it is not overlooked in it. */
static void print_expiring(const json_t *node)
{
	struct member member = {.expires_at = 0};
	const wall_ms now = clock_now().wall;
	const char *name = ctl_text(node, "node");

	if (!time_parse(ctl_text(node, "expires_at"), &member.expires_at) ||
	    strcmp(ctl_text(node, "standing"), "active") != 0)
		return;
	if (member_lapsed(&member, now))
		printf("%s: its key has ended: it is not let in\n", name);
	else if (member_days_left(&member, now) <= EXPIRY_NOTICE_DAYS)
		printf("%s: its key ends in %u days\n", name, member_days_left(&member, now));
}

static void print_nodes(const json_t *nodes)
{
	int width = names_width(nodes);

	printf("%-*s  %4s  %-10s  %-11s  %-9s  %-4s  %-19s  %8s  %6s  %12s  %s\n", width, "NODE", "KEY", "EXPIRES", "STANDING",
	       "CONNECTED", "LIVE", "LAST SEEN (UTC)", "CURSOR", "LAG", "QUEUED BYTES", "POLICY");
	for (size_t i = 0; i < json_array_size(nodes); i++)
		print_node(json_array_get(nodes, i), width);
	for (size_t i = 0; i < json_array_size(nodes); i++)
		print_expiring(json_array_get(nodes, i));
}

static void print_members(struct ctl *ctl, const json_t *answer)
{
	(void)ctl;
	print_nodes(json_object_get(answer, "nodes"));
}

int ctl_nodes(struct ctl *ctl, int argc, char **argv)
{
	return show(ctl, argc, argv, "nodes", print_members);
}

/* ---- journal */

/* A position that somebody else holds; false when the texts are not one. */
static bool held_parse(const char *incarnation, const char *entry, const char *head, struct position *held)
{
	uint64_t number;

	if (!ctl_number_take(incarnation, UINT32_MAX, &number) || entry == NULL || head == NULL)
		return false;
	held->incarnation = (uint32_t)number;
	return ctl_number_take(entry, INT64_MAX, &held->entry) && hex_parse(head, held->head.bytes, HASH_SIZE);
}

static void print_verdict(const struct journal_verdict *verdict, bool alone, bool json)
{
	const bool good = verdict->bad_entry == 0;
	char head[2 * HASH_SIZE + 1];

	hex_of(head, BYTES(verdict->last.head.bytes, HASH_SIZE));
	if (json) {
		json_t *object = json_pack("{s:b, s:I, s:I, s:I, s:I, s:s, s:I, s:s}", "good", good, "entries",
					   (json_int_t)verdict->entries, "submissions",
					   (json_int_t)verdict->submissions, "reports", (json_int_t)verdict->reports,
					   "incarnation", (json_int_t)verdict->last.incarnation, "head", head,
					   "bad_entry", (json_int_t)verdict->bad_entry, "what", verdict->what);

		ctl_print_json(object);
		json_decref(object);
		return;
	}
	if (good)
		printf("ok: %" PRIu64 " entries, %" PRIu64 " submissions, %" PRIu64 " reports; head %s%s\n",
		       verdict->entries, verdict->submissions, verdict->reports, head,
		       alone ? " (bodies were not looked at)" : "");
	else
		printf("BAD at entry %" PRIu64 ": %s\n", verdict->bad_entry, verdict->what);
}

static enum error verify_here(const struct ctl *ctl, const struct position *held, struct journal_verdict *verdict,
			      struct fault *fault)
{
	struct broker_settings settings;
	struct broker_identity identity = {0};
	enum error error = broker_settings_load(ctl->config, &settings, fault);

	if (error == E_OK)
		error = broker_identity_load(&settings, &identity, fault);
	if (error == E_OK) {
		struct journal_options options = broker_journal_options(&settings, &identity);

		error = journal_verify(&options, held, verdict, fault);
		keys_wipe(&options, sizeof(options));
	}
	broker_identity_wipe(&identity);
	broker_settings_free(&settings);
	return error;
}

/* A file alone: whose journal it is to be stands in exchange.id, or is given. */
static enum error verify_file(const char *file, const char *authority, const char *exchange_file,
			      const struct position *held, struct journal_verdict *verdict, struct fault *fault)
{
	struct exchange exchange;

	if (authority != NULL && !hex_parse(authority, exchange.authority, KEY_SIZE))
		return fault_at(fault, E_INVALID, "--authority");
	if (authority == NULL && exchange_load(&exchange, exchange_file, fault) != E_OK)
		return fault->code;
	return journal_audit(file, exchange.authority, held, verdict, fault);
}

static enum error checkpoint_here(const struct ctl *ctl, const char *file, const struct checkpoint *checkpoint,
				  struct fault *fault)
{
	struct broker_settings settings;
	enum error error;

	if (file != NULL)
		return journal_checkpoint_check(file, checkpoint, fault);
	error = broker_settings_load(ctl->config, &settings, fault);
	if (error == E_OK) {
		char *path = memory_format("%s/journal.db", settings.journal);

		error = journal_checkpoint_check(path, checkpoint, fault);
		free(path);
	}
	broker_settings_free(&settings);
	return error;
}

static void print_checkpoint(const struct checkpoint *checkpoint)
{
	printf("checkpoint at entry %" PRIu64 " of incarnation %u: signed by the broker", checkpoint->position.entry,
	       checkpoint->position.incarnation);
	for (size_t i = 0; i < checkpoint->count; i++)
		printf("%s %s", i == 0 ? ", countersigned by" : ",", checkpoint->signers[i].node);
	putchar('\n');
}

int ctl_journal_verify(struct ctl *ctl, int argc, char **argv)
{
	const char *incarnation = "1", *entry = NULL, *head = NULL;
	const char *file = NULL, *authority = NULL, *exchange_file = NULL, *checkpoint_file = NULL;
	struct checkpoint checkpoint;
	bool json = false;
	const struct ctl_option options[] = {{"held-incarnation", &incarnation, NULL},
					     {"held-entry", &entry, NULL},
					     {"held-head", &head, NULL},
					     {"checkpoint", &checkpoint_file, NULL},
					     {"file", &file, NULL},
					     {"authority", &authority, NULL},
					     {"exchange-file", &exchange_file, NULL},
					     {"json", NULL, &json},
					     {0}};
	struct position held = {0}, *given;
	struct journal_verdict verdict = {0};
	struct fault fault = {0};
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	given = entry != NULL || head != NULL ? &held : NULL;
	if (given != NULL && !held_parse(incarnation, entry, head, &held))
		return ctl_usage(ctl, "--held-entry takes a number and --held-head 64 hexadecimal digits, both");
	if ((file != NULL) != ((authority != NULL) != (exchange_file != NULL)))
		return ctl_usage(ctl, "--file goes with either --authority or --exchange-file");
	if (given != NULL && checkpoint_file != NULL)
		return ctl_usage(ctl, "--checkpoint and --held-entry exclude each other");
	if (checkpoint_file != NULL && checkpoint_load(&checkpoint, checkpoint_file, &fault) != E_OK)
		return ctl_fail(&fault, "simpulctl journal checkpoint makes one");
	if (checkpoint_file != NULL)
		given = &checkpoint.position;
	error = file == NULL ? verify_here(ctl, given, &verdict, &fault)
			     : verify_file(file, authority, exchange_file, given, &verdict, &fault);
	if (error == E_OK && verdict.bad_entry == 0 && checkpoint_file != NULL)
		error = checkpoint_here(ctl, file, &checkpoint, &fault);
	if (error != E_OK)
		return ctl_fail(&fault, NULL);
	if (verdict.bad_entry == 0 && checkpoint_file != NULL && !json)
		print_checkpoint(&checkpoint);
	print_verdict(&verdict, file != NULL, json);
	return verdict.bad_entry != 0 ? EX_DATAERR : EX_OK;
}
