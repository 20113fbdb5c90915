/* laid - members and reports straight into a journal, many to a commit. */
#include "tests/bench/laid.h"
#include "broker/journal/journal_sqlite.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/bench/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PREPARED_AT_ONCE 8192 /* reports in memory */
#define START_SECONDS 60

static const char policy_yaml[] = "purposes: [law-enforcement, immigration-oversight, state-security]\n"
				  "categories: [overstay, public-order]\n"
				  "agencies:\n"
				  "  - agency: police\n"
				  "    ceiling: AMBER\n"
				  "    publish:\n"
				  "      - {kinds: [sighting], categories: [\"*\"]}\n"
				  "  - agency: army\n"
				  "    ceiling: AMBER\n"
				  "    receive:\n"
				  "      - {kinds: [sighting], categories: [\"*\"]}\n"
				  "nodes:\n"
				  "  - {node: " WORKLOAD_SENDER ", regions: [\"16\"]}\n";

void laid_fail(const struct laid *laid, const char *what)
{
	fprintf(stderr, "simpul-bench: %s; see %s\n", what, laid->exchange.log);
	exit(1);
}

static void must(const struct laid *laid, enum error error, const char *what)
{
	if (error != E_OK)
		laid_fail(laid, what);
}

void laid_name(size_t receiver, char name[LIMIT_NODE_NAME + 1])
{
	snprintf(name, LIMIT_NODE_NAME + 1, "army.r%04zu", receiver);
}

/* ------------------------------------------------------------------ making */

static void policy_write(struct laid *laid, size_t receivers)
{
	struct buffer yaml = {0};
	char name[LIMIT_NODE_NAME + 1];

	buffer_text(&yaml, policy_yaml);
	for (size_t i = 0; i < receivers; i++) {
		char *line;

		laid_name(i, name);
		line = memory_format("  - {node: %s, regions: [\"16\"]}\n", name);
		buffer_text(&yaml, line);
		free(line);
	}
	buffer_u8(&yaml, 0);
	exchange_make(&laid->exchange, (const char *)yaml.data);
	buffer_free(&yaml);
}

static void identity_take(struct laid *laid)
{
	char path[300];

	snprintf(path, sizeof path, "%s/broker.yaml", laid->exchange.folder);
	must(laid, identity_load(path, &laid->options, &laid->join, NULL), "the broker's configuration and keys");
}

/* Commits a list of appends and releases them. */
static void commit(struct laid *laid, struct journal_append *first)
{
	enum error error = journal_commit(laid->journal, first, clock_now().wall);

	while (first) {
		struct journal_append *next = (struct journal_append *)first->letter.next;

		if (first->result.code != E_OK)
			error = first->result.code;
		journal_append_free(first);
		first = next;
	}
	must(laid, error, "laying in");
}

static struct journal_append *member_append(struct laid *laid, const struct signing_key *authority, const char *node,
					    struct node_keys *keys)
{
	struct journal_append *append = journal_append_new();
	struct member member;
	Simpul__MemberRecord record;

	node_keys_generate(keys, 1);
	member_request(&member, laid->join.exchange, node, keys, clock_now().wall);
	member_countersign(&member, authority);
	member_to_message(&member, &record);
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER;
	append->audience = (struct audience){.count = 1, .nodes = memory_zero(1, sizeof(*append->audience.nodes))};
	strcpy(append->audience.nodes[0], "*");
	wire_pack(&record, &append->content);
	return append;
}

static void members_lay_in(struct laid *laid)
{
	struct signing_key authority;
	struct journal_append *list = NULL;
	char path[300], name[LIMIT_NODE_NAME + 1];

	snprintf(path, sizeof path, "%s/authority.key", laid->exchange.folder);
	must(laid, signing_key_load(&authority, NULL, path, NULL), "authority.key");
	commit(laid, member_append(laid, &authority, WORKLOAD_SENDER, &laid->sender));
	for (size_t i = 0; i < laid->receivers; i++) {
		struct journal_append *append;

		laid_name(i, name);
		append = member_append(laid, &authority, name, &laid->keys[i]);
		append->letter.next = (struct letter *)list;
		list = append;
		if ((i + 1) % LIMIT_COMMIT_ENTRIES != 0 && i + 1 < laid->receivers)
			continue;
		commit(laid, list);
		list = NULL;
	}
	keys_wipe(&authority, sizeof authority);
}

void laid_make(struct laid *laid, size_t receivers, size_t size, size_t per_submission)
{
	memset(laid, 0, sizeof *laid);
	laid->receivers = receivers;
	laid->keys = memory_zero(receivers, sizeof *laid->keys);
	policy_write(laid, receivers);
	identity_take(laid);
	laid_open(laid, false);
	members_lay_in(laid);
	laid_close(laid);
	laid->audience = (struct audience){.class = {.kind = SIMPUL__KIND__KIND_SIGHTING,
						     .category = "overstay",
						     .region = "16.01",
						     .label = SIMPUL__LABEL__LABEL_AMBER},
					   .count = receivers,
					   .nodes = memory_zero(receivers, sizeof(*laid->audience.nodes))};
	for (size_t i = 0; i < receivers; i++)
		laid_name(i, laid->audience.nodes[i]);
	workload_init(&laid->workload, WORKLOAD_SENDER, &laid->sender, laid->join.exchange, size, per_submission);
}

void laid_open(struct laid *laid, bool synced)
{
	must(laid, journal_open(&laid->journal, &laid->options, NULL), "opening the journal");
	if (!synced)
		must(laid, database_run(laid->journal->db, "PRAGMA synchronous=OFF", NULL), "synchronous");
}

void laid_close(struct laid *laid)
{
	laid->position = laid->journal->state.position;
	journal_close(laid->journal);
	laid->journal = NULL;
}

/* ------------------------------------------------------------------ reports */

/* What the broker's core makes of a submission that it takes, as far as the journal looks at it. */
static struct journal_append *submission_append(const struct laid *laid, const struct uplink_submission *submission,
						struct arena *arena)
{
	struct journal_append *append = journal_append_new();
	const Simpul__Submission *message = simpul__submission__unpack(&arena->protobuf, submission->message.size,
									submission->message.data);
	Simpul__StoredSubmission stored = SIMPUL__STORED_SUBMISSION__INIT;
	uint8_t *hashes = arena_alloc(arena, message->n_reports * HASH_SIZE);

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION;
	append->first = submission->first;
	append->count = submission->count;
	append->digest = submission->digest;
	append->reports = memory_zero(append->count, sizeof *append->reports);
	audience_copy(&append->audience, &laid->audience);
	stored = (Simpul__StoredSubmission){.base = stored.base,
					    .origin = message->origin,
					    .key_id = message->key_id,
					    .epoch = message->epoch,
					    .stream = message->stream,
					    .first = message->first,
					    .seen_entry = message->seen_entry,
					    .seen_head = message->seen_head,
					    .routing = message->routing,
					    .headers = arena_alloc(arena, message->n_reports * sizeof *stored.headers),
					    .n_headers = message->n_reports,
					    .body_hashes = {message->n_reports * HASH_SIZE, hashes},
					    .signature = message->signature};
	for (size_t i = 0; i < append->count; i++) {
		const ProtobufCBinaryData *header = &message->reports[i]->header, *body = &message->reports[i]->body;
		struct stored_report *report = &append->reports[i];

		stored.headers[i] = *header;
		*report = (struct stored_report){.body = BYTES(body->data, body->len),
						 .body_hash = hash_of(BYTES(body->data, body->len))};
		memcpy(hashes + i * HASH_SIZE, report->body_hash.bytes, HASH_SIZE);
	}
	wire_pack(&stored, &append->content);
	return append;
}

static void commit_reports(struct laid *laid, uint64_t last, size_t per_commit, struct arena *arena)
{
	const struct position nowhere = {0};
	struct journal_append *first = NULL, **next = &first;
	struct uplink_submission submission;

	for (size_t i = 0; i < per_commit && workload_next(&laid->workload, laid->reports, last, &nowhere, &submission);
	     i++) {
		*next = submission_append(laid, &submission, arena);
		laid->reports += submission.count;
		next = (struct journal_append **)&(*next)->letter.next;
	}
	commit(laid, first);
	arena_reset(arena);
}

void laid_reports(struct laid *laid, uint64_t last, size_t per_commit)
{
	struct arena arena;

	arena_init(&arena);
	while (laid->reports < last) {
		const uint64_t upto = last - laid->reports > PREPARED_AT_ONCE ? laid->reports + PREPARED_AT_ONCE : last;

		workload_prepare(&laid->workload, upto);
		while (laid->reports < upto)
			commit_reports(laid, upto, per_commit, &arena);
	}
	arena_fini(&arena);
}

/* ------------------------------------------------------------------ offices and broker */

static void office_make(struct laid *laid, const char *node, const struct node_keys *keys)
{
	struct office *office = &laid->exchange.offices[laid->exchange.count++];
	char *folder = memory_format("%s/%s", laid->exchange.folder, node), path[600];

	snprintf(office->node, sizeof office->node, "%s", node);
	snprintf(office->folder, sizeof office->folder, "%s", folder);
	free(folder);
	mkdir(office->folder, 0700);
	snprintf(path, sizeof path, "%s/store", office->folder);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/%s.keys", office->folder, node);
	must(laid, node_keys_save(keys, NULL, path, NULL), "an office's keys");
	snprintf(path, sizeof path, "%s/exchange.join", office->folder);
	must(laid, join_save(&laid->join, path, NULL), "an office's join file");
}

void laid_offices(struct laid *laid, size_t count)
{
	char name[LIMIT_NODE_NAME + 1];

	office_make(laid, WORKLOAD_SENDER, &laid->sender);
	for (size_t i = 0; i < count; i++) {
		laid_name(i, name);
		office_make(laid, name, &laid->keys[i]);
	}
}

/* Whether the log says `text` beyond `from`. */
static bool log_says(const struct laid *laid, size_t from, const char *text)
{
	struct buffer log = {0};
	bool found = false;

	if (file_read(laid->exchange.log, 64 << 20, &log, NULL) == E_OK && log.size > from)
		found = memmem(log.data + from, log.size - from, text, strlen(text)) != NULL;
	buffer_free(&log);
	return found;
}

static size_t log_size(const struct laid *laid)
{
	struct stat status;

	return stat(laid->exchange.log, &status) == 0 ? (size_t)status.st_size : 0;
}

uint64_t laid_start_us(struct laid *laid)
{
	const size_t from = log_size(laid);
	const uint64_t start = clock_steady_us();
	char config[300];
	const char *argv[] = {laid->exchange.broker_program, "-c", config, NULL};

	snprintf(config, sizeof config, "%s/broker.yaml", laid->exchange.folder);
	laid->exchange.broker = process_start(argv, laid->exchange.log);
	while (!log_says(laid, from, "broker.serving")) {
		if (!process_alive(laid->exchange.broker) || clock_steady_us() - start > START_SECONDS * 1000000ULL)
			laid_fail(laid, "the broker does not serve");
		sleep_ms(1);
	}
	return clock_steady_us() - start;
}

/* The number after `key` in the last line of the log that holds `event`; -1 when there is none. */
static double log_number(const struct laid *laid, const char *event, const char *key)
{
	struct buffer log = {0};
	const char *line = NULL, *next;
	double number = -1;

	if (file_read(laid->exchange.log, 64 << 20, &log, NULL) == E_OK) {
		buffer_u8(&log, 0);
		for (next = (const char *)log.data; (next = strstr(next, event)) != NULL; next++)
			line = next;
		line = line ? strstr(line, key) : NULL;
		number = line ? atof(line + strlen(key)) : -1;
	}
	buffer_free(&log);
	return number;
}

double laid_inspected_s(struct laid *laid, int seconds)
{
	const uint64_t deadline = clock_steady_us() + (uint64_t)seconds * 1000000;
	double took;

	while ((took = log_number(laid, "journal.verified", "seconds=")) < 0) {
		if (log_says(laid, 0, "journal.damaged") || clock_steady_us() > deadline)
			laid_fail(laid, "the journal is damaged, or its check takes too long");
		sleep_ms(50);
	}
	return took;
}

void laid_end(struct laid *laid)
{
	if (!exchange_end(&laid->exchange, false))
		laid_fail(laid, "the broker did not end well");
	workload_fini(&laid->workload);
	audience_clear(&laid->audience);
	free((char *)(uintptr_t)laid->options.path);
	keys_wipe(&laid->options, sizeof laid->options);
	free(laid->keys);
}
