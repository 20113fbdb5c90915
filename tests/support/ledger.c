/* ledger - builds members, reports and their signatures, as offices would, without any network. */
#include "tests/support/ledger.h"

#include "common/exchange.h"
#include "common/memory.h"
#include "common/submission.h"
#include "common/wire.h"
#include "tests/support/process.h"
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

const char *const ledger_nodes[LEDGER_NODES] = {"army.oku", "immigration.oku", "police.muara-enim", "police.oku"};

/* ---------------------------------------------------------------------------- the journal */

static void append_everyone(struct journal_append *append)
{
	append->audience.count = 1;
	append->audience.nodes = memory_zero(1, sizeof(*append->audience.nodes));
	strcpy(append->audience.nodes[0], "*");
}

struct journal_append *ledger_member(struct ledger *ledger, int node, uint32_t key_id)
{
	struct journal_append *append = journal_append_new();
	struct member member;
	Simpul__MemberRecord record;

	node_keys_generate(&ledger->keys[node], key_id);
	member_request(&member, ledger->exchange, ledger_nodes[node], &ledger->keys[node], LEDGER_START);
	member_countersign(&member, &ledger->authority);
	member_to_message(&member, &record);
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER;
	wire_pack(&record, &append->content);
	append_everyone(append);
	return append;
}

struct journal_append *ledger_policy(uint32_t version)
{
	char text[300];
	struct journal_append *append = journal_append_new();
	Simpul__PolicyVersion policy = SIMPUL__POLICY_VERSION__INIT;
	struct hash hash;

	snprintf(text, sizeof(text),
		 "# version %u\n"
		 "purposes: [law-enforcement]\n"
		 "categories: [wanted]\n"
		 "agencies:\n"
		 "  - agency: police\n    ceiling: RED\n"
		 "    publish:\n      - {kinds: [sighting], categories: ['*']}\n"
		 "    receive:\n      - {kinds: [sighting], categories: ['*']}\n"
		 "nodes:\n"
		 "  - {node: police.oku, regions: ['16.01']}\n",
		 version);
	hash = hash_of(BYTES(text, strlen(text)));
	policy.version = version;
	policy.hash = (ProtobufCBinaryData){HASH_SIZE, hash.bytes};
	policy.text = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY;
	wire_pack(&policy, &append->content);
	return append;
}

static void commit_one(struct ledger *ledger, struct journal_append *append)
{
	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	assert_int_equal(append->result.code, E_OK);
	journal_append_free(append);
}

void ledger_prepare(struct ledger *ledger)
{
	*ledger = (struct ledger){.path = "/tmp/journal_test.XXXXXX", .now = LEDGER_START};
	keys_init();
	assert_non_null(mkdtemp(ledger->path));
	ledger->options.path = ledger->path;
	signing_key_generate(&ledger->options.broker);
	signing_key_generate(&ledger->authority);
	randombytes_buf(ledger->options.master, KEY_SIZE);
	randombytes_buf(ledger->exchange, EXCHANGE_SIZE);
}

void ledger_open(struct ledger *ledger)
{
	ledger_prepare(ledger);
	assert_int_equal(
		journal_create(&ledger->options, ledger->exchange, ledger->authority.public_key, ledger->now, NULL),
		E_OK);
	assert_int_equal(journal_open(&ledger->journal, &ledger->options, NULL), E_OK);
	for (int i = 0; i < LEDGER_NODES; i++)
		commit_one(ledger, ledger_member(ledger, i, 1));
	commit_one(ledger, ledger_policy(1));
}

void ledger_reopen(struct ledger *ledger)
{
	journal_close(ledger->journal);
	assert_int_equal(journal_open(&ledger->journal, &ledger->options, NULL), E_OK);
}

void ledger_close(struct ledger *ledger)
{
	journal_close(ledger->journal);
	tree_remove(ledger->path);
}

enum error ledger_commit(struct ledger *ledger, struct journal_append *first, ...)
{
	struct journal_append *append;
	struct letter *last = &first->letter;
	va_list args;

	va_start(args, first);
	while ((append = va_arg(args, struct journal_append *)) != NULL) {
		last->next = &append->letter;
		last = &append->letter;
	}
	va_end(args);
	last->next = NULL;
	ledger->now += 1000;
	return journal_commit(ledger->journal, first, ledger->now);
}

/* ---------------------------------------------------------------------------- reports */

static void header_write(const struct saying *saying, uint64_t number, struct buffer *out)
{
	uint8_t salt[16];
	Simpul__Header header = SIMPUL__HEADER__INIT;
	Simpul__Name name = SIMPUL__NAME__INIT, reference = SIMPUL__NAME__INIT, *references[1] = {&reference};

	randombytes_buf(salt, sizeof(salt));
	header.salt = (ProtobufCBinaryData){sizeof(salt), salt};
	name.origin = reference.origin = (char *)(uintptr_t)ledger_nodes[saying->origin];
	name.epoch = reference.epoch = saying->epoch;
	name.stream = reference.stream = (Simpul__Stream)saying->stream;
	name.number = number;
	reference.number = saying->reference;
	header.name = &name;
	header.created_at = LEDGER_START;
	header.status = SIMPUL__STATUS__STATUS_ACTUAL;
	header.kind = saying->kind;
	header.about = saying->reference != 0 ? SIMPUL__KIND__KIND_SIGHTING : SIMPUL__KIND__KIND_UNSPECIFIED;
	header.category = (char *)(uintptr_t) "overstay";
	header.region = (char *)(uintptr_t) "16.01";
	header.label = SIMPUL__LABEL__LABEL_AMBER;
	header.form = SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	header.expires = saying->expires == 0 ? 0 : saying->expires + 1000 * (number - saying->first);
	if (saying->never && number > saying->first)
		header.expires = UINT64_MAX;
	header.erase = saying->erase;
	header.references = references;
	header.n_references = saying->reference != 0;
	wire_pack(&header, out);
}

static void routing_write(const struct saying *saying, struct buffer *out)
{
	static uint8_t wrapped[80] = {7}, superseded[SIGNATURE_SIZE] = {7};
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	Simpul__KeyWrap wraps[LEDGER_NODES], *list[LEDGER_NODES];
	char *to[] = {(char *)(uintptr_t)saying->named};
	char *not_to[] = {(char *)(uintptr_t)saying->left_out};
	uint8_t salt[16];

	randombytes_buf(salt, sizeof(salt));
	routing.salt = (ProtobufCBinaryData){sizeof(salt), salt};
	if (saying->superseded)
		routing.superseded = (ProtobufCBinaryData){sizeof(superseded), superseded};
	routing.to = to;
	routing.n_to = saying->named != NULL;
	routing.not_to = not_to;
	routing.n_not_to = saying->left_out != NULL;
	routing.wraps = list;
	for (int i = 0; saying->wraps && i < LEDGER_NODES; i++) {
		if (!(saying->audience & 1u << i))
			continue;
		list[routing.n_wraps] = &wraps[i];
		simpul__key_wrap__init(list[routing.n_wraps++]);
		wraps[i].node = (char *)(uintptr_t)ledger_nodes[i];
		wraps[i].key_id = 1 + (uint32_t)i;
		wraps[i].wrapped = (ProtobufCBinaryData){sizeof(wrapped), wrapped};
	}
	wire_pack(&routing, out);
}

/* Bodies one after another in append->delivery, where reports[] point. */
static void reports_write(const struct saying *saying, struct journal_append *append)
{
	struct buffer *all = &append->delivery;
	const size_t size = saying->encoded.size;

	for (size_t i = 0; i < saying->count; i++)
		buffer_bytes(all, saying->encoded);
	for (size_t i = 0; i < saying->count; i++) {
		struct stored_report *report = &append->reports[i];

		report->body = BYTES(all->data + i * size, size);
		report->body_hash = hash_of(report->body);
		report->verdict = i < saying->refused ? E_EXPIRED : E_OK;
		if (i < saying->refused)
			strcpy(report->field, "header.expires");
	}
}

static struct hash digest_of(const struct ledger *ledger, const struct saying *saying,
			     const struct journal_append *append, const struct buffer *headers)
{
	static const uint8_t seen[HASH_SIZE];
	const struct statement statement = {.exchange = ledger->exchange,
					    .origin = ledger_nodes[saying->origin],
					    .key_id = 1,
					    .epoch = saying->epoch,
					    .stream = saying->stream,
					    .first = saying->first,
					    .seen_head = seen};
	const struct hash routing = hash_of(buffer_view(&append->routing));
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];

	for (size_t i = 0; i < saying->count; i++) {
		const struct hash header = hash_of(buffer_view(&headers[i]));

		leaves[i] = leaf_of(&routing, &header, &append->reports[i].body_hash);
	}
	return statement_digest(&statement, leaves, saying->count);
}

static void content_write(struct ledger *ledger, const struct saying *saying, struct journal_append *append,
			  const struct buffer *list)
{
	static uint8_t seen[HASH_SIZE];
	Simpul__StoredSubmission stored = SIMPUL__STORED_SUBMISSION__INIT;
	ProtobufCBinaryData headers[LIMIT_SUBMISSION_REPORTS];
	uint8_t hashes[LIMIT_SUBMISSION_REPORTS * HASH_SIZE], signature[SIGNATURE_SIZE];

	for (size_t i = 0; i < saying->count; i++) {
		headers[i] = (ProtobufCBinaryData){list[i].size, list[i].data};
		memcpy(hashes + i * HASH_SIZE, append->reports[i].body_hash.bytes, HASH_SIZE);
	}
	digest_sign(&ledger->keys[saying->origin].signing, SIGN_TAG_SUBMISSION, &append->digest, signature);
	stored.origin = append->first.origin;
	stored.key_id = 1;
	stored.epoch = saying->epoch;
	stored.stream = (Simpul__Stream)saying->stream;
	stored.first = saying->first;
	stored.seen_head = (ProtobufCBinaryData){HASH_SIZE, seen};
	stored.routing = (ProtobufCBinaryData){append->routing.size, append->routing.data};
	stored.headers = headers;
	stored.n_headers = saying->count;
	stored.body_hashes = (ProtobufCBinaryData){saying->count * HASH_SIZE, hashes};
	stored.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	wire_pack(&stored, &append->content);
}

/* The class that the policy would be asked about; a cancel has none. */
static void audience_fill(const struct saying *saying, struct journal_append *append)
{
	struct audience *audience = &append->audience;

	audience->nodes = memory_zero(LEDGER_NODES, sizeof(*audience->nodes));
	for (int i = 0; i < LEDGER_NODES; i++)
		if (saying->audience & 1u << i)
			strcpy(audience->nodes[audience->count++], ledger_nodes[i]);
	if (saying->kind == SIMPUL__KIND__KIND_CANCEL || saying->kind == SIMPUL__KIND__KIND_PURGE_RECEIPT)
		return;
	audience->class.kind = SIMPUL__KIND__KIND_SIGHTING;
	audience->class.label = SIMPUL__LABEL__LABEL_AMBER;
	strcpy(audience->class.category, "overstay");
	strcpy(audience->class.region, "16.01");
}

static void reference_fill(const struct saying *saying, struct journal_append *append)
{
	if (saying->reference == 0)
		return;
	append->inherit = saying->kind == SIMPUL__KIND__KIND_CANCEL ? INHERIT_ONLY : INHERIT_ADD;
	append->reference = append->first;
	append->reference.number = saying->reference;
}

static void named_fill(const struct saying *saying, struct journal_append *append)
{
	if (saying->named == NULL)
		return;
	append->unreachable = memory_zero(1, sizeof(*append->unreachable));
	strcpy(append->unreachable[0], saying->named);
	append->unreachable_count = 1;
}

static struct saying completed(const struct saying *saying)
{
	struct saying s = *saying;

	s.epoch = s.epoch != 0 ? s.epoch : 1;
	s.count = s.count != 0 ? s.count : 1;
	s.kind = s.kind != SIMPUL__KIND__KIND_UNSPECIFIED ? s.kind : SIMPUL__KIND__KIND_SIGHTING;
	s.body = s.body != NULL ? s.body : "what was seen";
	if (s.encoded.data == NULL)
		s.encoded = BYTES(s.body, strlen(s.body));
	return s;
}

struct journal_append *ledger_append(struct ledger *ledger, const struct saying *saying)
{
	const struct saying s = completed(saying);
	struct journal_append *append = journal_append_new();
	struct buffer *headers = memory_zero(s.count, sizeof(*headers));

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION;
	append->first = (struct report_name){.epoch = s.epoch, .stream = s.stream, .number = s.first};
	strcpy(append->first.origin, ledger_nodes[s.origin]);
	append->count = s.count;
	append->reports = memory_zero(s.count, sizeof(*append->reports));
	routing_write(&s, &append->routing);
	reports_write(&s, append);
	for (size_t i = 0; i < s.count; i++)
		header_write(&s, s.first + i, &headers[i]);
	append->digest = digest_of(ledger, &s, append, headers);
	content_write(ledger, &s, append, headers);
	for (size_t i = 0; i < s.count; i++)
		buffer_free(&headers[i]);
	free(headers);
	audience_fill(&s, append);
	reference_fill(&s, append);
	named_fill(&s, append);
	append->due = s.expires == 0 ? 0 : s.expires + 1000 * s.refused;
	if (s.kind == SIMPUL__KIND__KIND_PURGE_RECEIPT)
		append->effect = EFFECT_PURGED;
	else if (s.erase)
		append->effect = EFFECT_RETRACT;
	return append;
}

static uint64_t store_one(struct ledger *ledger, struct journal_append *append)
{
	uint64_t entry;

	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	assert_int_equal(append->result.code, E_OK);
	entry = append->entry;
	journal_append_free(append);
	return entry;
}

uint64_t ledger_say(struct ledger *ledger, const struct saying *saying)
{
	return store_one(ledger, ledger_append(ledger, saying));
}

uint64_t ledger_bury(struct ledger *ledger, const struct erasure *erasures, size_t count)
{
	struct journal_append *append = journal_append_new();

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE;
	tombstone_pack(erasures, count, ledger->now, &append->content);
	return store_one(ledger, append);
}

void ledger_purge_receipt(struct buffer *out, uint64_t first_number, uint64_t second_number, Simpul__SinkPurge *sink)
{
	uint8_t salt[16] = {1};
	Simpul__Body body = SIMPUL__BODY__INIT;
	Simpul__PurgeReceipt receipt = SIMPUL__PURGE_RECEIPT__INIT;
	Simpul__Purged purged[2], *list[2] = {&purged[0], &purged[1]};
	Simpul__Name names[2];
	const uint64_t numbers[2] = {first_number, second_number};

	for (size_t i = 0; i < 2; i++) {
		simpul__purged__init(&purged[i]);
		simpul__name__init(&names[i]);
		names[i].origin = (char *)(uintptr_t)ledger_nodes[POLICE];
		names[i].epoch = 1;
		names[i].number = numbers[i];
		purged[i].name = &names[i];
		purged[i].rule = SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED;
		purged[i].at = LEDGER_START;
		purged[i].sinks = &sink;
		purged[i].n_sinks = sink != NULL;
	}
	receipt.purged = list;
	receipt.n_purged = 2;
	body.salt = (ProtobufCBinaryData){sizeof(salt), salt};
	body.content_case = SIMPUL__BODY__CONTENT_PURGE_RECEIPT;
	body.purge_receipt = &receipt;
	wire_pack(&body, out);
}

static char *file_of(const struct ledger *ledger, const char *name)
{
	return memory_format("%s/%s", ledger->path, name);
}

static void file_write(const struct ledger *ledger, const char *name, const void *data, size_t size)
{
	char *path = file_of(ledger, name);
	const int fd = open(path, O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
	free(path);
}

void ledger_configure(const struct ledger *ledger, char config[96])
{
	static const char text[] = "journal: .\nkeys: broker.keys\nexchange: exchange.id\npolicy: policy.yaml\n"
				   "master_key_file: master.key\nlink: tcp://127.0.0.1:1\nfeed: tcp://127.0.0.1:2\n";
	char *keys_file = file_of(ledger, "broker.keys"), *exchange_file = file_of(ledger, "exchange.id");
	struct exchange exchange = {.name = "Test"};
	struct broker_keys keys;

	broker_keys_generate(&keys);
	keys.signing = ledger->options.broker;
	memcpy(exchange.id, ledger->exchange, EXCHANGE_SIZE);
	memcpy(exchange.authority, ledger->authority.public_key, KEY_SIZE);
	assert_int_equal(broker_keys_save(&keys, NULL, keys_file, NULL), E_OK);
	assert_int_equal(exchange_save(&exchange, exchange_file, NULL), E_OK);
	file_write(ledger, "broker.yaml", text, strlen(text));
	file_write(ledger, "master.key", ledger->options.master, KEY_SIZE);
	snprintf(config, 96, "%s/broker.yaml", ledger->path);
	free(keys_file);
	free(exchange_file);
}

/* ---------------------------------------------------------------------------- what readers see */

static struct journal_reader *reader_of(const struct journal_options *options)
{
	struct journal_reader *reader;

	assert_int_equal(journal_reader_open(&reader, options, NULL), E_OK);
	return reader;
}

static struct ledger_bodies bodies_count(const struct journal_item *item, uint64_t entry)
{
	Simpul__Entry *got = simpul__entry__unpack(NULL, item->encoded.size, item->encoded.data);
	struct ledger_bodies bodies = {0};

	assert_int_equal(got->entry, entry);
	for (size_t i = 0; i < got->delivery->n_reports; i++) {
		bodies.whole += got->delivery->reports[i]->body.len > 0;
		bodies.erased += got->delivery->reports[i]->body_hash.len == HASH_SIZE;
	}
	simpul__entry__free_unpacked(got, NULL);
	return bodies;
}

struct ledger_bodies ledger_sent(const struct ledger *ledger, int node, uint64_t entry)
{
	struct journal_reader *reader = reader_of(&ledger->options);
	struct ledger_bodies bodies;
	struct journal_page page;

	assert_int_equal(journal_read_page(reader, ledger_nodes[node], entry - 1, 1, &page, NULL), E_OK);
	bodies = bodies_count(&page.items[0], entry);
	journal_page_free(&page);
	journal_reader_close(reader);
	return bodies;
}

struct ledger_bodies ledger_held(const struct ledger *ledger, int node, uint64_t entry)
{
	struct journal_reader *reader = reader_of(&ledger->options);
	struct ledger_bodies bodies;
	struct journal_item item;

	assert_int_equal(journal_read_held(reader, ledger_nodes[node], entry, &item, NULL), E_OK);
	bodies = bodies_count(&item, entry);
	buffer_free(&item.encoded);
	journal_reader_close(reader);
	return bodies;
}

struct journal_due ledger_due(const struct journal_options *options, wall_ms now)
{
	struct journal_reader *reader = reader_of(options);
	struct journal_due due;

	assert_int_equal(journal_read_due(reader, now, &due, NULL), E_OK);
	journal_reader_close(reader);
	return due;
}
