/* Tries to break what agents/settings/settings.h promises. */
#include "agents/settings/settings.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/reports.h"
#include <unistd.h>

#define EXAMPLE "deploy/example/oku-raya/agent.yaml"

static const char required[] = "node: police.oku\nkeys: k\njoin: j\nstore: /s\n";

struct place {
	char *folder, *path;
};

/* Loads `text` as agent.yaml. */
static enum error load(struct place *place, const char *text, struct settings *settings, struct fault *fault)
{
	assert_int_equal(file_write(place->path, BYTES(text, strlen(text)), 0600, NULL), E_OK);
	return settings_load(place->path, settings, fault);
}

/* The error and the beginning of its place. */
static void refused(struct place *place, const char *more, const char *where)
{
	char *text = memory_format("%s%s", required, more);
	struct settings settings;
	struct fault fault = {0};

	assert_int_equal(load(place, text, &settings, &fault), E_CONFIG);
	if (strstr(fault.field, where) == NULL)
		fail_msg("'%s' is not in '%s'", where, fault.field);
	free(text);
}

static void paths_are_relative_to_the_file(void **state)
{
	struct place *place = *state;
	struct settings settings;
	char *expected = memory_format("%s/sub/x.db", place->folder);
	char *local = memory_format("%s/sub/local.sock", place->folder);

	assert_int_equal(load(place, "node: police.oku\nkeys: k\njoin: /etc/j\nstore: sub/x.db\n", &settings, NULL),
			 E_OK);
	assert_string_equal(settings.store, expected);
	assert_string_equal(settings.local, local);
	assert_string_equal(settings.join, "/etc/j");
	settings_free(&settings);
	free(expected);
	free(local);
}

static void a_store_without_ending_is_a_folder(void **state)
{
	struct settings settings;

	assert_int_equal(load(*state, required, &settings, NULL), E_OK);
	assert_string_equal(settings.store, "/s/agent.db");
	assert_string_equal(settings.local, "/s/local.sock");
	assert_false(settings.subscribes);
	assert_int_equal(settings.log_level, LOG_LEVEL_INFO);
	settings_free(&settings);
}

static void everything_that_is_given_arrives(void **state)
{
	struct settings settings;
	const char *text = "node: police.oku\nkeys: k\njoin: j\nstore: /s\nlocal: /run/x.sock\nlog_level: debug\n"
			   "folders:\n  - {path: /d, profile: /p.yaml, settle_seconds: 10, keep_days: 0, poll: true}\n"
			   "  - {path: /e, profile: /p.yaml}\n"
			   "sinks:\n  - {name: a, type: jsonl, path: /a}\n  - {name: b, type: folder, path: /b}\n"
			   "subscribe: {kinds: [alert, sighting], categories: [wanted, overstay], regions: [\"16.08\", \"16.01\"]}\n"
			   "defaults: {label: AMBER+STRICT, purpose: law-enforcement, region: \"16.01\", expires_days: 30}\n";

	assert_int_equal(load(*state, text, &settings, NULL), E_OK);
	assert_string_equal(settings.local, "/run/x.sock");
	assert_int_equal(settings.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(settings.folder_count, 2);
	assert_string_equal(settings.folders[0].profile, "/p.yaml");
	assert_int_equal(settings.folders[0].keep_days, 0);
	assert_int_equal(settings.folders[1].keep_days, 7);
	assert_false(settings.folders[1].poll);
	assert_int_equal(settings.folders[0].settle_seconds, 10);
	assert_true(settings.folders[0].poll);
	assert_int_equal(settings.sink_count, 2);
	assert_int_equal(settings.sinks[1].type, SINK_FOLDER);
	assert_int_equal(settings.defaults.label, SIMPUL__LABEL__LABEL_AMBER_STRICT);
	assert_int_equal(settings.defaults.expires_days, 30);
	assert_true(settings.subscribes);
	/* A canonical message has its lists in ascending order. */
	assert_int_equal(settings.subscription.kinds[0], SIMPUL__KIND__KIND_SIGHTING);
	assert_int_equal(settings.subscription.kinds[1], SIMPUL__KIND__KIND_ALERT);
	assert_string_equal(settings.subscription.categories[0], "overstay");
	assert_string_equal(settings.subscription.regions[0], "16.01");
	settings_free(&settings);
}

static void a_sink_has_what_it_declares(void **state)
{
	struct place *place = *state;
	struct settings settings;
	char *program = memory_format("%s/bin/mail", place->folder), *token = memory_format("%s/t", place->folder);
	const char *text = "node: police.oku\nkeys: k\njoin: j\nstore: /s\nsinks:\n"
			   "  - {name: mail, type: program, path: bin/mail, args: [-q, \"two words\", \"\"], erases: no,\n"
			   "     ceiling: green, statuses: [Actual, exercise]}\n"
			   "  - {name: desk, type: http, url: \"http://[::1]:80/r\", path: /d.sock, token_file: t, seconds: 7,\n"
			   "     erases: yes, ceiling: RED, statuses: [test]}\n";

	assert_int_equal(load(place, text, &settings, NULL), E_OK);
	assert_string_equal(settings.sinks[0].path, program);
	assert_int_equal(settings.sinks[0].arg_count, 3);
	assert_string_equal(settings.sinks[0].args[1], "two words");
	assert_string_equal(settings.sinks[0].args[2], "");
	assert_int_equal(settings.sinks[0].seconds, 30);
	assert_int_equal(settings.sinks[0].erases, SINK_ERASES_NO);
	assert_int_equal(settings.sinks[0].ceiling, SIMPUL__LABEL__LABEL_GREEN);
	assert_int_equal(settings.sinks[0].statuses, SINK_STATUS(SIMPUL__STATUS__STATUS_ACTUAL) |
							     SINK_STATUS(SIMPUL__STATUS__STATUS_EXERCISE));
	assert_string_equal(settings.sinks[1].url, "http://[::1]:80/r");
	assert_string_equal(settings.sinks[1].path, "/d.sock");
	assert_string_equal(settings.sinks[1].token_file, token);
	assert_int_equal(settings.sinks[1].seconds, 7);
	assert_int_equal(settings.sinks[1].erases, SINK_ERASES_YES);
	assert_int_equal(settings.sinks[1].ceiling, SIMPUL__LABEL__LABEL_RED);
	assert_int_equal(settings.sinks[1].statuses, SINK_STATUS(SIMPUL__STATUS__STATUS_TEST));
	settings_free(&settings);
	free(token);
	free(program);
}

/* Neither RED nor an exercise goes anywhere that nobody thought of. */
static void a_sink_that_declares_nothing_is_careful(void **state)
{
	struct settings settings;
	const char *text = "node: police.oku\nkeys: k\njoin: j\nstore: /s\n"
			   "sinks:\n  - {name: a, type: jsonl, path: /a}\n  - {name: b, type: folder, path: /b}\n";

	assert_int_equal(load(*state, text, &settings, NULL), E_OK);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(settings.sinks[i].ceiling, SIMPUL__LABEL__LABEL_AMBER_STRICT);
		assert_int_equal(settings.sinks[i].statuses, SINK_STATUS(SIMPUL__STATUS__STATUS_ACTUAL));
	}
	assert_int_equal(settings.sinks[0].erases, SINK_ERASES_MANUAL);
	assert_int_equal(settings.sinks[1].erases, SINK_ERASES_YES);
	settings_free(&settings);
}

static void what_is_wrong_with_a_sink_is_named_with_its_line(void **state)
{
	static const struct {
		const char *keys, *said;
	} mistakes[] = {
		{"type: jsonl", "path: it is missing"},
		{"type: program, erases: no", "path: it is missing"},
		{"type: program, path: /p", "erases: say yes, manual or no"},
		{"type: program, path: /p, erases: maybe", "erases"},
		{"type: program, path: /p, erases: no, url: \"http://127.0.0.1/\"", "of type http alone"},
		{"type: program, path: /p, erases: no, seconds: 0", "seconds: 1 to 3600"},
		{"type: program, path: /p, erases: no, seconds: 3601", "seconds: 1 to 3600"},
		{"type: program, path: /p, erases: no, seconds: soon", "seconds: Invalid"},
		{"type: jsonl, path: /p, seconds: 3", "seconds: of type program and http alone"},
		{"type: folder, path: /p, args: [a]", "args: of type program alone"},
		{"type: jsonl, path: /p, token_file: t", "of type http alone"},
		{"type: http, erases: no", "url: it is missing"},
		{"type: http, url: \"http://127.0.0.1/\"", "erases: say yes, manual or no"},
		{"type: http, erases: no, url: \"http://10.16.1.5/r\"", "url: http to 127.0.0.1"},
		{"type: http, erases: no, url: \"https://127.0.0.1/r\"", "url: http to 127.0.0.1"},
		{"type: http, erases: no, url: \"http://u:p@127.0.0.1/r\"", "use token_file"},
		{"type: http, erases: no, url: desk", "url: it is no URL"},
		{"type: http, erases: no, url: \"http://127.0.0.1/\", token: x", "token"},
		{"type: jsonl, path: /p, ceiling: MAUVE", "ceiling: CLEAR, GREEN"},
		{"type: jsonl, path: /p, statuses: [real]", "statuses: actual, exercise"},
		{"type: jsonl, path: /p, statuses: [test, TEST]", "statuses: one is given twice"},
		{"type: jsonl, path: /p, statuses: []", "Insufficient"},
	};

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		char *text = memory_format("sinks:\n  - {name: fine, type: jsonl, path: /x-1}\n  - {name: x, %s}\n",
					   mistakes[i].keys);

		refused(*state, text, "agent.yaml:7: ");
		refused(*state, text, mistakes[i].said);
		free(text);
	}
}

static void the_example_is_good(void **state)
{
	struct settings settings;
	struct fault fault = {0};

	(void)state;
	if (settings_load(EXAMPLE, &settings, &fault) != E_OK)
		fail_msg("%s", fault.field);
	assert_string_equal(settings.local, "deploy/example/oku-raya/store/local.sock");
	assert_int_equal(access(settings.folders[0].profile, R_OK), 0);
	assert_int_equal(settings.sink_count, 2);
	assert_int_equal(settings.defaults.expires_days, 30);
	assert_false(settings.subscribes);
	settings_free(&settings);
}

/* Takes "# " from the lines of the example from the one that begins so on; free the text with buffer_free. */
static struct buffer example_without_comment(const char *first)
{
	struct buffer text = {0};

	assert_int_equal(file_read(EXAMPLE, 65536, &text, NULL), E_OK);
	buffer_u8(&text, 0);
	for (char *line = strstr((char *)text.data, first); strncmp(line, "# ", 2) == 0; line = strchr(line, '\n') + 1)
		memmove(line, line + 2, strlen(line + 2) + 1);
	return text;
}

static void the_subscription_in_the_examples_comment_is_good(void **state)
{
	struct buffer text = example_without_comment("# subscribe:");
	struct settings settings;
	struct fault fault = {0};

	if (load(*state, (char *)text.data, &settings, &fault) != E_OK)
		fail_msg("%s", fault.field);
	assert_int_equal(settings.subscription.n_kinds, 4);
	assert_int_equal(settings.subscription.n_regions, 2);
	settings_free(&settings);
	buffer_free(&text);
}

static void the_sinks_in_the_examples_comment_are_good(void **state)
{
	struct buffer text = example_without_comment("#   - name: mail");
	struct settings settings;
	struct fault fault = {0};

	if (load(*state, (char *)text.data, &settings, &fault) != E_OK)
		fail_msg("%s", fault.field);
	assert_int_equal(settings.sink_count, 4);
	assert_int_equal(settings.sinks[2].type, SINK_PROGRAM);
	assert_int_equal(settings.sinks[3].type, SINK_HTTP);
	settings_free(&settings);
	buffer_free(&text);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
	refused(*state, "nodes: x\n", ":5");
	refused(*state, "log_level: loud\n", ":5");
	refused(*state, "sinks:\n  - {name: a, type: pipe, path: /a}\n", ":6");
	refused(*state, "sinks:\n  - {name: \"a b\", type: jsonl, path: /a}\n", "agent.yaml");
	refused(*state, "sinks:\n  - {name: a1, type: jsonl, path: /a}\n  - {name: a1, type: jsonl, path: /b}\n",
		"two sinks");
	refused(*state, "folders:\n  - {path: /d, profile: /p}\n  - {path: /d, profile: /q}\n", "given twice");
	refused(*state, "folders:\n  - {path: /d, profile: /p, settle_seconds: 3601}\n", "settle_seconds: at most");
	refused(*state, "folders:\n  - {path: /d, profile: /p, keep_days: 1831}\n", "keep_days: at most");
	refused(*state, "subscribe: {kinds: [void]}\n", ":5");
	refused(*state, "subscribe: {kinds: [alert, Alert]}\n", "twice");
	refused(*state, "subscribe: {regions: [\"99\"]}\n", "no such region");
	refused(*state, "subscribe: {categories: [overstay, overstay]}\n", "twice");
	refused(*state, "defaults: {label: PURPLE}\n", ":5");
	refused(*state, "defaults: {purpose: Fun!}\n", "purpose");
	refused(*state, "defaults: {legal_basis: a law}\n", "legal_basis");
	refused(*state, "defaults: {source_grade: E}\n", ":5: source_grade");
	refused(*state, "defaults: {region: \"99\"}\n", "region");
	refused(*state, "defaults: {expires_days: 4000}\n", "expires_days");
	refused(*state, "sinks:\n  - {name: a, type: csv, path: /a}\n", "type: one of jsonl, folder");
}

static void a_node_has_the_form_of_one(void **state)
{
	struct settings settings;
	struct fault fault;

	assert_int_equal(load(*state, "node: Police\nkeys: k\njoin: j\nstore: s\n", &settings, &fault), E_CONFIG);
	assert_int_equal(load(*state, "node: police.oku\nkeys: k\nstore: s\n", &settings, &fault), E_CONFIG);
}

static void a_path_too_long_for_a_socket_is_refused(void **state)
{
	char text[400];
	struct settings settings;
	struct fault fault;

	snprintf(text, sizeof(text), "%slocal: /%0200d\n", required, 1);
	assert_int_equal(load(*state, text, &settings, &fault), E_CONFIG);
	assert_non_null(strstr(fault.field, "too long"));
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
	struct settings settings;
	struct fault fault;

	(void)state;
	assert_int_equal(settings_load("/nowhere/agent.yaml", &settings, &fault), E_NOT_FOUND);
}

static int begin(void **state)
{
	struct place *place = memory_zero(1, sizeof(*place));

	place->folder = test_folder();
	place->path = memory_format("%s/agent.yaml", place->folder);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;

	test_folder_remove(place->folder);
	free(place->path);
	free(place);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_are_relative_to_the_file),
		TEST(a_store_without_ending_is_a_folder),
		TEST(everything_that_is_given_arrives),
		TEST(a_sink_has_what_it_declares),
		TEST(a_sink_that_declares_nothing_is_careful),
		TEST(what_is_wrong_with_a_sink_is_named_with_its_line),
		TEST(the_example_is_good),
		TEST(the_subscription_in_the_examples_comment_is_good),
		TEST(the_sinks_in_the_examples_comment_are_good),
		TEST(what_is_wrong_is_named_with_its_line),
		TEST(a_node_has_the_form_of_one),
		TEST(a_path_too_long_for_a_socket_is_refused),
		TEST(a_file_that_is_not_there_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
