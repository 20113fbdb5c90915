/* Tries to break what config.h promises. */
#include "common/config.h"
#include "common/file.h"
#include "common/memory.h"
#include <dirent.h>
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

struct item {
	char *name;
	unsigned port;
};

struct top {
	struct item *items;
	unsigned items_count;
	unsigned limit;
	char *title;
	bool strict;
};

static const cyaml_schema_field_t item_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct item, name, 1, 10),
	CYAML_FIELD_UINT("port", CYAML_FLAG_OPTIONAL, struct item, port),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t item_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct item, item_fields)};

static const cyaml_schema_field_t top_fields[] = {
	CYAML_FIELD_SEQUENCE("items", CYAML_FLAG_POINTER, struct top, items, &item_schema, 0, 3),
	CYAML_FIELD_UINT("limit", CYAML_FLAG_DEFAULT, struct top, limit),
	CYAML_FIELD_STRING_PTR("title", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct top, title, 0, 5),
	CYAML_FIELD_BOOL("strict", CYAML_FLAG_OPTIONAL, struct top, strict),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t top_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct top, top_fields)};

/* Every test runs in a new, empty folder. */
static char folder[64];

static int folder_make(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/config_test.XXXXXX");
	return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int folder_remove(void **state)
{
	DIR *dir = opendir(".");
	struct dirent *entry;

	(void)state;
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove(entry->d_name);
	closedir(dir);
	return chdir("/") != 0 || rmdir(folder) != 0;
}

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void a_right_file_is_loaded_with_its_text(void **state)
{
	static const char content[] = "items:\n  - name: a\n    port: 7\nlimit: 3\n";
	struct buffer text = {0};
	struct fault fault;
	void *result;

	(void)state;
	put_file("t.yaml", content);
	assert_int_equal(config_load("t.yaml", &top_schema, &result, &text, &fault), E_OK);
	assert_int_equal(((struct top *)result)->items_count, 1);
	assert_int_equal(((struct top *)result)->items[0].port, 7);
	assert_true(bytes_equal(buffer_view(&text), BYTES(content, strlen(content))));
	config_free(&top_schema, result);
	buffer_free(&text);
}

static void yes_and_no_mean_what_they_say(void **state)
{
	static const struct {
		const char *text;
		bool strict;
	} cases[] = {{"true", true}, {"yes", true}, {"false", false}, {"no", false}, {"\"no\"", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64];
		void *result;

		snprintf(text, sizeof(text), "items: []\nlimit: 1\nstrict: %s\n", cases[i].text);
		assert_int_equal(config_parse(BYTES(text, strlen(text)), "t", &top_schema, &result, NULL), E_OK);
		assert_int_equal(((struct top *)result)->strict, cases[i].strict);
		config_free(&top_schema, result);
	}
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct {
		const char *text;
		const char *field;
	} cases[] = {
		{"items: []\n# foo\nlimit: 3\n\nfoo: 3\n", "t.yaml:5: Unexpected key: foo"},
		{"items:\n  - name: a\n    prot: 1\nlimit: 3\n", "t.yaml:3: Unexpected key: prot"},
		{"items:\n  - port: 1\nlimit: 3\n", "t.yaml:2: Missing required mapping field: name"},
		{"items: []\nlimit: 3000000000000\n", "t.yaml:2: limit: Invalid UINT value"},
		{"items: []\nlimit: -1\n", "t.yaml:2: limit: Invalid UINT value"},
		{"items: []\nlimit: secret\n", "t.yaml:2: limit: Invalid uint64_t value"},
		{"items: []\nlimit: 64k\n", "t.yaml:2: limit: a number is written in digits alone"},
		{"items: []\nlimit: 0x10\n", "t.yaml:2: limit: a number is written in digits alone"},
		{"items:\n  - name: a\n    port: 7 or 8\nlimit: 1\n", "t.yaml:3: port: a number is written in digits alone"},
		{"items: []\nlimit: 1\nstrict: off\n", "t.yaml:3: strict: one of true, false, yes, no"},
		{"items: []\nlimit: 1\nstrict: False\n", "t.yaml:3: strict: one of true, false, yes, no"},
		{"items: []\nlimit: 1\nstrict: secret\n", "t.yaml:3: strict: one of true, false, yes, no"},
		{"items: []\nlimit: 1\nstrict:\n", "t.yaml:3: strict: one of true, false, yes, no"},
		{"items: []\nlimit: 1\ntitle: secret\n", "t.yaml:3: title: STRING length > 5"},
		{"items: []\nlimit: 1\nlimit: 2\n", "t.yaml:3: Mapping field already seen: limit"},
		{"items: 3\nlimit: 1\n", "t.yaml:1: items: Expecting SEQUENCE, got event: SCALAR"},
		{"items: []\nlimit: 1\ntitle: \"a\nb: c\n", "t.yaml:5: libyaml: found unexpected end of stream"},
		{"items: []\n\tlimit: 3\n", "t.yaml:2: libyaml: found character that cannot start any token"},
		{"", "t.yaml:1: the file is empty"},
		{"# nothing\n", "t.yaml:1: the file is empty"},
		{"items: []\nlimit: 1\n---\nfoo: 1\n", "t.yaml: Ignoring documents after first in stream"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault fault;
		void *result = &fault;

		put_file("t.yaml", cases[i].text);
		assert_int_equal(config_load("t.yaml", &top_schema, &result, NULL, &fault), E_CONFIG);
		assert_null(result);
		assert_string_equal(fault.field, cases[i].field);
		assert_int_equal(fault.code, E_CONFIG);
	}
}

static void an_alias_is_refused(void **state)
{
	struct fault fault;
	void *result;

	(void)state;
	put_file("t.yaml", "items: &a []\nlimit: 1\ntitle: *a\n");
	assert_int_equal(config_load("t.yaml", &top_schema, &result, NULL, &fault), E_CONFIG);
	assert_int_equal(strncmp(fault.field, "t.yaml:", 7), 0);
}

static void a_long_path_leaves_room_for_the_message(void **state)
{
	char path[200];
	struct fault fault;

	(void)state;
	snprintf(path, sizeof(path), "/%0100d/broker.yaml", 0);
	config_fault(&fault, path, BYTES("a\nb\n", 4), "b", "wrong");
	assert_string_equal(fault.field, "broker.yaml:2: wrong");
}

static void the_line_of_a_word_is_that_of_the_whole_word(void **state)
{
	static const char text[] = "# police.oku\nx: police.oku-timur\ny: apolice.oku\n"
				   "z: [a,police.oku]\nw: police.oku\n";
	struct bytes view = BYTES(text, sizeof(text) - 1);
	struct fault fault;

	(void)state;
	assert_int_equal(config_fault(&fault, "p.yaml", view, "police.oku", "%s is named twice", "a node"), E_CONFIG);
	assert_string_equal(fault.field, "p.yaml:4: a node is named twice");
	config_fault(&fault, "p.yaml", view, "army.oku", "no\nsuch\x1b node");
	assert_string_equal(fault.field, "p.yaml: no?such? node");
	config_fault(&fault, "p.yaml", view, "", "x");
	assert_string_equal(fault.field, "p.yaml: x");
	assert_int_equal(config_fault(NULL, "p.yaml", view, "w", "x"), E_CONFIG);
}

static void a_file_that_cannot_be_read_is_told_apart(void **state)
{
	struct buffer out = {0};
	struct fault fault;
	void *result;

	(void)state;
	assert_int_equal(config_load("none.yaml", &top_schema, &result, NULL, &fault), E_NOT_FOUND);
	assert_string_equal(fault.field, "none.yaml");
	assert_int_equal(file_read(".", 10, &out, &fault), E_IO);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(file_read("pipe", 10, &out, &fault), E_IO);
	assert_null(out.data);
}

static void a_file_above_its_limit_is_refused(void **state)
{
	struct buffer out = {0};
	struct fault fault;
	void *result;

	(void)state;
	put_file("ten", "0123456789");
	assert_int_equal(file_read("ten", 9, &out, &fault), E_TOO_LARGE);
	assert_int_equal(file_read("ten", 10, &out, &fault), E_OK);
	assert_int_equal(out.size, 10);
	assert_memory_equal(out.data, "0123456789", 10);
	buffer_free(&out);
	put_file("large.yaml", "x");
	assert_int_equal(truncate("large.yaml", 4 * 1024 * 1024 + 1), 0);
	assert_int_equal(config_load("large.yaml", &top_schema, &result, NULL, &fault), E_TOO_LARGE);
}

static int entries(void)
{
	DIR *dir = opendir(".");
	int count = 0;

	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

static void a_write_replaces_the_file_and_leaves_nothing_else(void **state)
{
	char *large = memory_zero(1, 300000);
	struct buffer out = {0};
	struct fault fault;
	struct stat status;
	char path[100];

	(void)state;
	memset(large, 'x', 300000);
	snprintf(path, sizeof(path), "%s/f", folder);
	assert_int_equal(file_write("f", BYTES("old", 3), 0600, &fault), E_OK);
	assert_int_equal(file_write(path, BYTES(large, 300000), 0600, &fault), E_OK);
	assert_int_equal(stat("f", &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(entries(), 1);
	assert_int_equal(file_read("f", 300000, &out, &fault), E_OK);
	assert_true(bytes_equal(buffer_view(&out), BYTES(large, 300000)));
	assert_int_equal(file_write("f", (struct bytes){0}, 0600, &fault), E_OK);
	assert_int_equal(file_read("f", 300000, &out, &fault), E_OK);
	assert_int_equal(out.size, 0);
	buffer_free(&out);
	free(large);
}

static void a_write_that_fails_leaves_nothing(void **state)
{
	struct fault fault;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(file_write("d", BYTES("x", 1), 0600, &fault), E_IO);
	assert_int_equal(file_write("none/f", BYTES("x", 1), 0600, &fault), E_IO);
	assert_int_equal(entries(), 1);
}

static void a_path_is_relative_to_the_configuration(void **state)
{
	static const struct {
		const char *file, *path, *expected;
	} cases[] = {
		{"/etc/simpul/broker.yaml", "policy.yaml", "/etc/simpul/policy.yaml"},
		{"/etc/simpul/broker.yaml", "/run/x", "/run/x"},
		{"broker.yaml", "policy.yaml", "policy.yaml"},
		{"/broker.yaml", "a/b", "/a/b"},
		{"../x/broker.yaml", "../y", "../x/../y"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = config_path(cases[i].file, cases[i].path);

		assert_string_equal(path, cases[i].expected);
		free(path);
	}
}

/* Who starts a program as the wrong user has to hear that it is that. */
static void what_keeps_a_file_from_being_read_or_written_is_said(void **state)
{
	struct buffer out = {0};
	struct fault fault;

	(void)state;
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(file_read("loop", 10, &out, &fault), E_IO);
	assert_string_equal(fault.field, "loop: Too many levels of symbolic links");
	assert_int_equal(file_read(".", 10, &out, &fault), E_IO);
	assert_string_equal(fault.field, ".: it is not a file");
	assert_int_equal(file_write("none/f", BYTES("x", 1), 0600, &fault), E_IO);
	assert_string_equal(fault.field, "none/f: No such file or directory");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_right_file_is_loaded_with_its_text),
		IN_FOLDER(yes_and_no_mean_what_they_say),
		IN_FOLDER(what_is_wrong_is_said_with_its_line),
		IN_FOLDER(an_alias_is_refused),
		cmocka_unit_test(a_long_path_leaves_room_for_the_message),
		cmocka_unit_test(the_line_of_a_word_is_that_of_the_whole_word),
		IN_FOLDER(a_file_that_cannot_be_read_is_told_apart),
		IN_FOLDER(a_file_above_its_limit_is_refused),
		IN_FOLDER(a_write_replaces_the_file_and_leaves_nothing_else),
		IN_FOLDER(a_write_that_fails_leaves_nothing),
		cmocka_unit_test(a_path_is_relative_to_the_configuration),
		IN_FOLDER(what_keeps_a_file_from_being_read_or_written_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
