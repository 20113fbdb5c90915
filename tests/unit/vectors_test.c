/* vectors_test - the code makes and reads the committed vectors, byte for byte; PROTOCOL.md's tables are the code's.
 *
 * Run in the project's folder, as tests/run does. */
#include "common/chain.h"
#include "common/file.h"
#include "common/content.h"
#include "common/json.h"
#include "common/limit.h"
#include "common/member.h"
#include "common/memory.h"
#include "common/seal.h"
#include "common/submission.h"
#include "common/wire.h"
#include "tests/support/fixed.h"
#include "tests/support/vectors.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>

#define FOLDER "proto/vectors/v1"
#define PAGE "proto/PROTOCOL.md"
#define FILE_LIMIT (1024 * 1024)

/* The committed vectors and memory for what is decoded. */
struct golden {
	json_t *steps;
	struct arena arena;
	struct buffer files[8]; /* what file_read_golden gave out */
	size_t file_count;
};

static int golden_open(void **state)
{
	struct golden *golden = memory_zero(1, sizeof *golden);

	keys_init();
	arena_init(&golden->arena);
	golden->steps = json_load_file(FOLDER "/vectors.json", JSON_REJECT_DUPLICATES, NULL);
	*state = golden;
	return golden->steps ? 0 : -1;
}

static int golden_close(void **state)
{
	struct golden *golden = *state;

	for (size_t i = 0; i < golden->file_count; i++)
		buffer_free(&golden->files[i]);
	json_decref(golden->steps);
	arena_fini(&golden->arena);
	free(golden);
	return 0;
}

static void file_load(const char *name, struct buffer *out)
{
	char path[200];

	snprintf(path, sizeof path, FOLDER "/%s", name);
	assert_int_equal(file_read(path, FILE_LIMIT, out, NULL), E_OK);
}

static struct bytes golden_file(struct golden *golden, const char *name)
{
	struct buffer *file = &golden->files[golden->file_count++];

	assert_true(golden->file_count <= sizeof golden->files / sizeof golden->files[0]);
	file_load(name, file);
	return buffer_view(file);
}

static const void *golden_message(struct golden *golden, const char *name, const ProtobufCMessageDescriptor *type)
{
	struct fault fault;
	const void *message = wire_unpack(type, golden_file(golden, name), &golden->arena, &fault);

	assert_non_null(message);
	return message;
}

static const json_t *golden_step(const struct golden *golden, const char *name)
{
	const json_t *step;
	size_t i;

	json_array_foreach(golden->steps, i,
			   step) if (strcmp(json_string_value(json_object_get(step, "name")), name) == 0) return step;
	fail_msg("no step %s", name);
	return NULL;
}

/* A result or an input of a step. */
static void golden_value(const struct golden *golden, const char *name, const char *key, uint8_t *out, size_t size)
{
	assert_true(hex_parse(json_string_value(json_object_get(golden_step(golden, name), key)), out, size));
}

/* ------------------------------------------------------------------ made and read */

static void assert_file_is(const char *name, const char *hex)
{
	struct buffer expected = {0}, found = {0};

	assert_true(vector_bytes(hex, &expected));
	file_load(name, &found);
	assert_true(bytes_equal(buffer_view(&expected), buffer_view(&found)));
	buffer_free(&expected);
	buffer_free(&found);
}

static void every_step_gives_what_was_committed(void **state)
{
	const struct golden *golden = *state;
	vector_files *files = json_object();
	const json_t *step;
	const char *name;
	json_t *hex;
	size_t i;

	assert_true(json_array_size(golden->steps) > 50);
	json_array_foreach(golden->steps, i, step)
	{
		json_t *again = json_deep_copy(step);
		struct fault fault;

		if (!vector_run(again, files, &fault))
			fail_msg("%s: %s", json_string_value(json_object_get(step, "name")), fault.field);
		if (!json_equal(again, step))
			fail_msg("%s differs", json_string_value(json_object_get(step, "name")));
		json_decref(again);
	}
	json_object_foreach(files, name, hex) assert_file_is(name, json_string_value(hex));
	json_decref(files);
}

static void every_message_decodes_to_what_the_vectors_say(void **state)
{
	struct golden *golden = *state;
	size_t i, count = 0;
	const json_t *step;

	json_array_foreach(golden->steps, i, step)
	{
		const ProtobufCMessageDescriptor *type =
			vector_message(json_string_value(json_object_get(step, "message")));
		struct buffer file = {0};
		const void *message;
		struct fault fault;
		json_t *json;

		if (!type)
			continue;
		file_load(json_string_value(json_object_get(step, "file")), &file);
		message = wire_unpack(type, buffer_view(&file), &golden->arena, &fault);
		assert_non_null(message);
		json = json_of_message(message, VECTOR_ZONE_MINUTES);
		if (!json_equal(json, json_object_get(step, "value")))
			fail_msg("%s reads differently", json_string_value(json_object_get(step, "file")));
		json_decref(json);
		buffer_free(&file);
		count++;
	}
	assert_true(count > 30);
}

static bool is_listed(const struct golden *golden, const char *name)
{
	const json_t *step;
	size_t i;

	json_array_foreach(golden->steps, i, step)
	{
		const char *file = json_string_value(json_object_get(step, "file"));

		if (file && strcmp(file, name) == 0)
			return true;
	}
	return false;
}

static void no_file_lies_there_that_nothing_explains(void **state)
{
	DIR *folder = opendir(FOLDER);
	const struct dirent *entry;

	assert_non_null(folder);
	while ((entry = readdir(folder)))
		if (strstr(entry->d_name, ".bin") && !is_listed(*state, entry->d_name))
			fail_msg("%s", entry->d_name);
	closedir(folder);
}

/* ------------------------------------------------------------------ checked as a member checks */

static void a_delivery_proves_its_origin_with_reports_erased_and_refused(void **state)
{
	struct golden *golden = *state;
	const Simpul__Delivery *delivery = golden_message(golden, "delivery.bin", &simpul__delivery__descriptor);
	const Simpul__Submission *submission =
		golden_message(golden, "submission.bin", &simpul__submission__descriptor);
	struct hash leaves[LIMIT_SUBMISSION_REPORTS], sent, delivered;
	uint8_t origin[KEY_SIZE];

	golden_value(golden, "police-signing", "public", origin, KEY_SIZE);
	assert_int_equal(delivery_digest(delivery, fixed_exchange(), &delivered, NULL), E_OK);
	assert_int_equal(submission_digest(submission, fixed_exchange(), leaves, NULL, &sent, NULL), E_OK);
	assert_true(hash_equal(&sent, &delivered));
	assert_true(digest_verify(origin, SIGN_TAG_SUBMISSION, &delivered,
				  BYTES(delivery->signature.data, delivery->signature.len)));
}

static void a_receipt_leads_to_its_signed_head(void **state)
{
	struct golden *golden = *state;
	const Simpul__Receipt *receipt = golden_message(golden, "receipt.bin", &simpul__receipt__descriptor);
	struct position position;
	uint8_t broker[KEY_SIZE];
	struct hash head;

	golden_value(golden, "broker", "public", broker, KEY_SIZE);
	golden_value(golden, "entry-6", "head", head.bytes, HASH_SIZE);
	assert_int_equal(receipt_check(receipt, fixed_exchange(), broker, &position, NULL), E_OK);
	assert_int_equal(position.entry, 6);
	assert_true(hash_equal(&position.head, &head));
}

static void a_publication_opens_to_its_batch(void **state)
{
	struct golden *golden = *state;
	const struct bytes frame = golden_file(golden, "publication.bin"), batch = golden_file(golden, "batch.bin");
	const Simpul__Down *down = golden_message(golden, "frame-welcome.bin", &simpul__down__descriptor);
	struct feed feed = {.node = "army.oku", .session = down->welcome->session};
	uint8_t *out = arena_alloc(&golden->arena, frame.size);
	struct feed_head head;
	size_t size;

	memcpy(feed.exchange, fixed_exchange(), EXCHANGE_SIZE);
	memcpy(feed.key, down->welcome->feed_key.data, KEY_SIZE);
	assert_int_equal(feed_open(&feed, frame, &head, out, &size), E_OK);
	assert_true(bytes_equal(BYTES(out, size), batch));
	assert_int_equal(head.upto, 7);
	feed.session++;
	assert_int_equal(feed_open(&feed, frame, &head, out, &size), E_CANNOT_OPEN);
}

static void a_recipient_opens_the_sealed_body_with_its_own_wrap(void **state)
{
	struct golden *golden = *state;
	const struct body_place place = {.exchange = fixed_exchange(),
					 .name = {.origin = "police.oku", .epoch = 1, .stream = 2, .number = 17}};
	struct node_keys army = {0};
	uint8_t key[KEY_SIZE], wrapped[WRAP_SIZE];
	struct bytes body;

	golden_value(golden, "army-sealing", "public", army.sealing_public, KEY_SIZE);
	golden_value(golden, "army-sealing", "secret", army.sealing_secret, KEY_SIZE);
	golden_value(golden, "wrap-army", "wrapped", wrapped, WRAP_SIZE);
	assert_true(content_key_unwrap(BYTES(wrapped, WRAP_SIZE), &army, key));
	assert_int_equal(body_open(key, &place, golden_file(golden, "body-sealed.bin"), &golden->arena, &body, NULL),
			 E_OK);
	assert_true(bytes_equal(body, golden_file(golden, "body-sealed-plain.bin")));
	golden_value(golden, "wrap-police", "wrapped", wrapped, WRAP_SIZE);
	assert_false(content_key_unwrap(BYTES(wrapped, WRAP_SIZE), &army, key));
}

static void a_member_record_stands_under_both_signatures(void **state)
{
	struct golden *golden = *state;
	const Simpul__MemberRecord *record = golden_message(golden, "member.bin", &simpul__member_record__descriptor);
	uint8_t authority[KEY_SIZE];
	struct member member;

	golden_value(golden, "authority", "public", authority, KEY_SIZE);
	assert_int_equal(member_of_message(&member, record, NULL), E_OK);
	assert_int_equal(member_check(&member, fixed_exchange(), authority, NULL), E_OK);
}

static void the_reports_keep_the_rules_of_content(void **state)
{
	static const char *const reports[] = {"sighting", "sighting-2", "sighting-3", "alert",
					      "update",	  "cancel",	"void"};
	struct golden *golden = *state;
	wall_ms now;

	assert_true(time_parse("2026-11-20T10:00:00+07:00", &now));
	for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
		struct buffer header = {0}, body = {0};
		const Simpul__Header *head;
		char name[64];

		snprintf(name, sizeof name, "header-%s.bin", reports[i]);
		file_load(name, &header);
		snprintf(name, sizeof name, "body-%s.bin", reports[i]);
		file_load(name, &body);
		head = wire_unpack(&simpul__header__descriptor, buffer_view(&header), &golden->arena, NULL);
		assert_int_equal(header_check(head, now, NULL), E_OK);
		assert_int_equal(
			body_check(head,
				   wire_unpack(&simpul__body__descriptor, buffer_view(&body), &golden->arena, NULL),
				   NULL),
			E_OK);
		buffer_free(&header);
		buffer_free(&body);
	}
}

/* ------------------------------------------------------------------ the page */

/* The page's text from the heading on, up to the next one of its rank; free it. */
static char *page_section(const char *heading)
{
	struct buffer page = {0};
	char *start, *end, *section;

	assert_int_equal(file_read(PAGE, FILE_LIMIT, &page, NULL), E_OK);
	buffer_u8(&page, 0);
	start = strstr((char *)page.data, heading);
	assert_non_null(start);
	end = strstr(start + 1, "\n## ");
	if (end)
		*end = '\0';
	section = memory_string(start);
	buffer_free(&page);
	return section;
}

static void assert_has(const char *section, const char *row)
{
	if (!strstr(section, row))
		fail_msg("PROTOCOL.md does not say: %s", row);
}

static void every_code_stands_on_the_page_as_in_the_code(void **state)
{
	static const char *const remedies[] = {"none", "retry", "resync", "correct", "stop"};
	static const enum error codes[] = {
#define X(name, code, status, remedy, sentence) E_##name,
		ERROR_TABLE(X)
#undef X
	};
	const size_t count = sizeof codes / sizeof codes[0];
	char *section = page_section("\n## Codes\n");
	size_t rows = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char row[256];

		if (codes[i] == E_OK)
			continue;
		snprintf(row, sizeof row, "\n| %d | `%s` | %s | %d | %s |\n", codes[i], error_name(codes[i]),
			 remedies[error_remedy(codes[i])], error_exit(codes[i]), error_sentence(codes[i]));
		assert_has(section, row);
	}
	for (const char *row = section; (row = strstr(row, "| `")); row++)
		rows++;
	assert_int_equal(rows, count - 1);
	free(section);
}

static void every_limit_stands_on_the_page_as_in_the_code(void **state)
{
	const struct {
		const char *row; /* with one %d */
		int value;
	} rows[] = {
		{"| ZeroMQ frame | %d MiB |", LIMIT_FRAME >> 20},
		{"| report: header and body together | %d KiB |", LIMIT_REPORT >> 10},
		{"| header | %d KiB |", LIMIT_HEADER >> 10},
		{"| routing | %d KiB |", LIMIT_ROUTING >> 10},
		{"| frame that holds a submission | %d KiB and 32 bytes |", LIMIT_SUBMISSION >> 10},
		{"| reports of a submission | %d |", LIMIT_SUBMISSION_REPORTS},
		{"| submissions of a node without an answer | %d |", LIMIT_IN_FLIGHT},
		{"| their frames together: another may be sent as long as the largest would find room | %d MiB |",
		 LIMIT_IN_FLIGHT_BYTES >> 20},
		{"| batch | %d KiB |", LIMIT_BATCH >> 10},
		{"| pushed and not acknowledged, a node | %d MiB |", LIMIT_WINDOW >> 20},
		{"| members of an exchange | %d |", LIMIT_NODES},
		{"| name of a node | %d bytes |", LIMIT_NODE_NAME},
		{"| nesting of messages | %d |", LIMIT_NESTING},
		{"| elements of a repeated field | %d, or as below |", LIMIT_REPEATED},
		{"| text, or bytes | %d bytes, or as below |", LIMIT_TEXT},
		{"| life of a report | %d days |", LIMIT_LIFE_DAYS},
		{"| life of a report with a protection | %d days |", LIMIT_PROTECTED_LIFE_DAYS},
		{"| made in the broker's future | %d s |", LIMIT_CLOCK_AHEAD_MS / 1000},
		{"| entries of one commit | %d |", LIMIT_COMMIT_ENTRIES},
		{"| CURVE handshake | %d s |", LIMIT_HANDSHAKE_MS / 1000},
		{"| heartbeat, unless WELCOME says otherwise | %d ms |", LIMIT_HEARTBEAT_MS},
		{"| a sign of life of an office, at the latest after | %d s |", LIMIT_SIGN_OF_LIFE_MS / 1000},
		{"| silence before a session ends | %d s |", LIMIT_SILENCE_MS / 1000},
		{"| reports in a purge receipt | %d |", LIMIT_PURGED},
		{"| days until a copy of the data keys is overwritten | %d |", LIMIT_BACKUP_DAYS},
		{"| topics of a node that the broker knows | %d |", LIMIT_SESSION_TOPICS},
		{"| connections at the log | %d; of more the oldest is cut that has not said a message |", LIMIT_WATCH_CONNECTIONS},
		{"| subscriptions that a listener begins or ends, a connection | %d; then it is cut |", LIMIT_LISTENER_TOPICS},
		{"| bulletins that wait to leave for a listener | %d; the next ones are lost for it |", LIMIT_BULLETINS_QUEUED},
		{"| line of the log | %d bytes |", LIMIT_LOG_LINE},
		{"| newest lines of the log | %d MiB of the last 3600 s |", LIMIT_LOG_RING >> 20},
		{"| newest lines of the log | 16 MiB of the last %d s |", LIMIT_LOG_RING_MS / 1000},
		{"| lines of an answer to a watcher | %d KiB |", LIMIT_LOG_ANSWER >> 10},
		{"| watchers | %d |", LIMIT_WATCHERS},
	};
	char *section = page_section("\n## Limits\n");

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char row[128];

/* The formats stand in the table above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(row, sizeof row, rows[i].row, rows[i].value);
#pragma GCC diagnostic pop
		assert_has(section, row);
	}
	free(section);
}

/* "sealed_body" and "salt" as `SealedBody.salt`. */
static void field_name(const char *message, const char *field, char *out)
{
	bool upper = true;

	*out++ = '`';
	for (; *message; message++) {
		if (*message != '_')
			*out++ = (char)(upper ? toupper((unsigned char)*message) : *message);
		upper = *message == '_';
	}
	sprintf(out, ".%s`", field);
}

static void every_limit_of_a_field_stands_on_the_page(void **state)
{
	static const struct {
		const char *message, *field;
		unsigned limit;
	} limits[] = {
#define X(message, field, limit) {#message, #field, limit},
		FIELD_LIMITS(X)
#undef X
	};
	char *section = page_section("\n## Limits\n");
	size_t named = 0;

	(void)state;
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		char name[100], most[40], *line;

		field_name(limits[i].message, limits[i].field, name);
		snprintf(most, sizeof most, "| %u |", limits[i].limit);
		assert_has(section, name);
		line = strndup(strstr(section, name), strcspn(strstr(section, name), "\n"));
		assert_has(line, most);
		free(line);
	}
	/* Messages alone have names that begin with a capital. */
	for (const char *mark = section; (mark = strchr(mark, '`')); mark++)
		named += isupper((unsigned char)mark[1]) != 0;
	assert_int_equal(named, sizeof limits / sizeof limits[0]);
	free(section);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, golden_open, golden_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_step_gives_what_was_committed),
		TEST(every_message_decodes_to_what_the_vectors_say),
		TEST(no_file_lies_there_that_nothing_explains),
		TEST(a_delivery_proves_its_origin_with_reports_erased_and_refused),
		TEST(a_receipt_leads_to_its_signed_head),
		TEST(a_publication_opens_to_its_batch),
		TEST(a_recipient_opens_the_sealed_body_with_its_own_wrap),
		TEST(a_member_record_stands_under_both_signatures),
		TEST(the_reports_keep_the_rules_of_content),
		cmocka_unit_test(every_code_stands_on_the_page_as_in_the_code),
		cmocka_unit_test(every_limit_stands_on_the_page_as_in_the_code),
		cmocka_unit_test(every_limit_of_a_field_stands_on_the_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
