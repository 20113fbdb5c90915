/* Tries to break what broker/settings/settings.h and common/exchange.h promise. */
#include "broker/settings/settings.h"
#include "common/limit.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define EXAMPLE "deploy/example/oku-raya/broker.yaml"
#define FILES "journal: j\nkeys: k\nexchange: e\npolicy: p\n"
#define SOCKETS "link: tcp://127.0.0.1:7401\nfeed: tcp://127.0.0.1:7402\n"

struct folder {
	char path[64];
	char file[96];
};

static void folder_make(struct folder *folder)
{
	snprintf(folder->path, sizeof(folder->path), "/tmp/simpul-settings-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	snprintf(folder->file, sizeof(folder->file), "%s/broker.yaml", folder->path);
}

static void folder_drop(struct folder *folder)
{
	unlink(folder->file);
	rmdir(folder->path);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void the_example_is_good(void **state)
{
	struct broker_settings settings;
	struct fault fault = {0};

	(void)state;
	if (broker_settings_load(EXAMPLE, &settings, &fault) != E_OK)
		fail_msg("%s", fault.field);
	assert_string_equal(settings.policy, "deploy/example/oku-raya/policy.yaml");
	assert_string_equal(settings.link_public, "tcp://127.0.0.1:7401");
	assert_int_equal(settings.rate_bytes, 8 * 1024 * 1024);
	broker_settings_free(&settings);
}

static void what_is_left_out_has_a_standard(void **state)
{
	struct broker_settings settings;
	struct folder folder;
	char expected[128];

	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	folder_make(&folder);
	write_text(folder.file, FILES SOCKETS);
	assert_int_equal(broker_settings_load(folder.file, &settings, NULL), E_OK);
	snprintf(expected, sizeof(expected), "%s/control.sock", folder.path);
	assert_string_equal(settings.control, expected);
	assert_null(settings.master_key_file);
	assert_int_equal(settings.rate_reports, LIMIT_RATE_REPORTS);
	assert_int_equal(settings.heartbeat_ms, LIMIT_HEARTBEAT_MS);
	assert_int_equal(settings.silence_ms, LIMIT_SILENCE_MS);
	assert_int_equal(settings.log_level, LOG_LEVEL_INFO);
	broker_settings_free(&settings);
	folder_drop(&folder);
}

static void the_credential_of_the_service_manager_is_found(void **state)
{
	struct broker_settings settings;
	struct folder folder;
	char credential[96];

	(void)state;
	folder_make(&folder);
	write_text(folder.file, FILES SOCKETS);
	snprintf(credential, sizeof(credential), "%s/simpul.master", folder.path);
	setenv("CREDENTIALS_DIRECTORY", folder.path, 1);
	assert_int_equal(broker_settings_load(folder.file, &settings, NULL), E_OK);
	assert_null(settings.master_key_file);
	broker_settings_free(&settings);
	write_text(credential, "x");
	assert_int_equal(broker_settings_load(folder.file, &settings, NULL), E_OK);
	assert_string_equal(settings.master_key_file, credential);
	broker_settings_free(&settings);
	unsetenv("CREDENTIALS_DIRECTORY");
	unlink(credential);
	folder_drop(&folder);
}

static void what_cannot_work_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *fault;
	} bad[] = {
		{FILES SOCKETS "colour: red\n", "broker.yaml:7: "},
		{FILES "link: tcp://127.0.0.1:7401\n", "broker.yaml:"},
		{FILES "link: tcp://127.0.0.1\nfeed: tcp://127.0.0.1:2\n",
		 "broker.yaml:5: link must be tcp://HOST:PORT"},
		{FILES "link: tcp://127.0.0.1:*\nfeed: tcp://127.0.0.1:2\n",
		 "broker.yaml:5: link must be tcp://HOST:PORT"},
		{FILES "link: tcp://:1\nfeed: tcp://127.0.0.1:2\n", "broker.yaml:5: link must be tcp://HOST:PORT"},
		{FILES "link: tcp://h:70000\nfeed: tcp://127.0.0.1:2\n", "broker.yaml:5: link must be tcp://HOST:PORT"},
		{FILES "link: tcp://h:1\nfeed: ipc:///tmp/x:2\n", "broker.yaml:6: feed must be tcp://HOST:PORT"},
		{FILES "link: tcp://h:1\nfeed: tcp://h:1\n", "broker.yaml:6: link and feed need ports"},
		{FILES "link: tcp://h:1\nfeed: tcp://*:2\n", "broker.yaml:6: feed names no address"},
		{FILES SOCKETS "log: udp://h:1\n", "broker.yaml:7: log must be tcp://HOST:PORT"},
		{FILES SOCKETS "log: tcp://127.0.0.1:7402\n", "broker.yaml:7: log needs a port of its own"},
		{FILES SOCKETS "log: tcp://*:3\n", "broker.yaml:7: log names no address"},
		{FILES SOCKETS "log: tcp://h:9\nbulletin: tcp://h:9\n", "broker.yaml:8: bulletin needs a port of its own"},
		{FILES SOCKETS "reserve_mib: 1\n", "broker.yaml:7: reserve_mib must be"},
		{FILES SOCKETS "rate_mib: 5000\n", "broker.yaml:7: rate_mib must be"},
		{FILES SOCKETS "rate_reports: many\n", "broker.yaml:7: "},
		{FILES SOCKETS "heartbeat_ms: 5000\nsilence_ms: 6000\n", "broker.yaml:8: silence_ms must be"},
		{FILES SOCKETS "silence_ms: 9999\n", "broker.yaml:7: silence_ms must be 10000 to"},
		{FILES SOCKETS "log_level: loud\n", "broker.yaml:7: "},
		{FILES SOCKETS "two_operators: [revoke]\n", "broker.yaml:7: "},
		{FILES SOCKETS
		 "control: /a123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
		 "890123456789012345678\n",
		 "broker.yaml:7: the path of control"},
	};
	struct folder folder;

	(void)state;
	folder_make(&folder);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct broker_settings settings;
		struct fault fault = {0};
		enum error error;
		const char *place;

		write_text(folder.file, bad[i].text);
		error = broker_settings_load(folder.file, &settings, &fault);
		place = strstr(fault.field, "broker.yaml");
		if (error != E_CONFIG || place == NULL || strncmp(place, bad[i].fault, strlen(bad[i].fault)) != 0)
			fail_msg("case %zu: %s \"%s\", expected \"%s\"", i, error_name(error), fault.field,
				 bad[i].fault);
		broker_settings_free(&settings);
	}
	folder_drop(&folder);
}

static void a_broker_behind_a_nat_tells_its_public_address(void **state)
{
	struct broker_settings settings;
	struct folder folder;

	(void)state;
	folder_make(&folder);
	write_text(folder.file, FILES "link: tcp://*:1\nfeed: tcp://*:2\nlink_public: tcp://a.example:3\n"
				      "feed_public: tcp://a.example:4\n");
	assert_int_equal(broker_settings_load(folder.file, &settings, NULL), E_OK);
	assert_string_equal(settings.link, "tcp://*:1");
	assert_string_equal(settings.link_public, "tcp://a.example:3");
	broker_settings_free(&settings);
	folder_drop(&folder);
}

static void an_exchange_file_comes_back_as_it_was_and_is_never_overwritten(void **state)
{
	struct exchange out = {.name = "TIMPORA OKU Raya", .id = {1, 2, 3}, .authority = {4, 5, 6}}, in;
	struct folder folder;

	(void)state;
	folder_make(&folder);
	assert_int_equal(exchange_save(&out, folder.file, NULL), E_OK);
	assert_int_equal(exchange_save(&out, folder.file, NULL), E_EXISTS);
	assert_int_equal(exchange_load(&in, folder.file, NULL), E_OK);
	assert_string_equal(in.name, out.name);
	assert_memory_equal(in.id, out.id, EXCHANGE_SIZE);
	assert_memory_equal(in.authority, out.authority, KEY_SIZE);
	folder_drop(&folder);
}

static void a_damaged_exchange_file_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{\"format\": \"simpul exchange 2\", \"name\": \"a\", \"exchange\": \"\", \"authority\": \"\"}",
		"{\"format\": \"simpul exchange 1\", \"name\": \"a\", \"exchange\": \"00\", \"authority\": \"00\"}",
		"{\"format\": \"simpul exchange 1\", \"name\": \"a\"}",
	};
	struct exchange exchange;
	struct folder folder;

	(void)state;
	folder_make(&folder);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_text(folder.file, bad[i]);
		assert_int_equal(exchange_load(&exchange, folder.file, NULL), E_INVALID);
	}
	folder_drop(&folder);
	assert_int_equal(exchange_load(&exchange, folder.file, NULL), E_NOT_FOUND);
	assert_false(exchange_name_valid(""));
	assert_false(exchange_name_valid("a\nb"));
	assert_false(exchange_name_valid("\xff"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_is_good),
		cmocka_unit_test(what_is_left_out_has_a_standard),
		cmocka_unit_test(the_credential_of_the_service_manager_is_found),
		cmocka_unit_test(what_cannot_work_is_named_with_its_line),
		cmocka_unit_test(a_broker_behind_a_nat_tells_its_public_address),
		cmocka_unit_test(an_exchange_file_comes_back_as_it_was_and_is_never_overwritten),
		cmocka_unit_test(a_damaged_exchange_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
