/* exercise_test - an exercise runs on the live system and says so first, at every place where a person or a program looks. */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

enum { POLICE, ARMY };

/* What the three reports say, and what they are called. */
static const struct {
	const char *status, *words, *mark, *name;
} said[] = {
	{"Actual", "canary-earnest", "", "police.oku#1"},
	{"Exercise", "canary-exercise", "EXERCISE", "police.oku#X1"},
	{"Test", "canary-test", "TEST", "police.oku#2"},
};

enum { SAID = sizeof said / sizeof said[0] };

static const char policy[] = POLICY_POLICE_TO_ARMY;

#define ALL "statuses: [actual, exercise, test]"

/* What the army's program is given: its mark, and the beginning of the document. */
static const char script[] = "#!/bin/sh\nhere=$(dirname \"$0\")\n"
			     "printf '%s|' \"$SIMPUL_MARK\" >>\"$here/handed\"\nhead -c 24 >>\"$here/handed\"\n"
			     "echo >>\"$here/handed\"\n";

/* ------------------------------------------------------------------ the exchange */

static void army_takes_all(struct exchange *x)
{
	char *config = office_path(x, ARMY, "agent.yaml"), *program = office_path(x, ARMY, "hand-on");
	char *folder = office_path(x, ARMY, "received");
	const char sinks[] = "sinks:\n"
			     "  - {name: rows, type: jsonl, path: rows.jsonl, " ALL "}\n"
			     "  - {name: files, type: folder, path: received, " ALL "}\n"
			     "  - {name: program, type: program, path: hand-on, erases: manual, " ALL "}\n";

	assert_int_equal(mkdir(folder, 0700), 0);
	file_put(program, script);
	chmod(program, 0700);
	file_swap(config, "sinks:\n", sinks);
	free(folder);
	free(program);
	free(config);
}

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	army_takes_all(&x);
	exchange_start_offices(&x);
	*state = &x;
	for (size_t i = 0; i < SAID; i++) {
		char *more = memory_format("\"status\": \"%s\",", said[i].status);
		struct buffer line = {0};

		draft_line(&line, "public-order", "16.01", said[i].words, more);
		buffer_u8(&line, 0);
		office_drop(&x, POLICE, said[i].words, (const char *)line.data);
		buffer_free(&line);
		free(more);
		if (!office_received(&x, ARMY, i + 1, 20))
			return 1;
	}
	return office_settled(&x, POLICE, SAID, 20) ? 0 : 1;
}

/* ------------------------------------------------------------------ looking */

/* The line of a text that holds `word`; NULL when there is none. It is cut out of the text. */
static char *line_of(const char *text, const char *word)
{
	const char *at = strstr(text, word), *begin = at;

	if (at == NULL)
		return NULL;
	while (begin > text && begin[-1] != '\n')
		begin--;
	return memory_format("%.*s", (int)strcspn(begin, "\n"), begin);
}

/* In the order of `said`: the line with the report's name begins with its mark (after `before`), that of what is in
 * earnest holds none at all. */
static void assert_marked(struct buffer *out, const char *before)
{
	buffer_u8(out, 0);
	for (size_t i = 0; i < SAID; i++) {
		char *name = memory_format("%s%s", said[i].name, strstr((char *)out->data, "\"name\"") ? "\"" : " ");
		char *line = line_of((const char *)out->data, name), *head;

		if (line == NULL)
			fail_msg("no %s in:\n%s", name, (const char *)out->data);
		head = memory_format("%s%s", before, said[i].mark);
		if (strncmp(line, head, strlen(head)) != 0)
			fail_msg("\"%s\" does not begin with %s", line, head);
		if (i == 0 && (strstr(line, "EXERCISE") || strstr(line, "TEST")))
			fail_msg("\"%s\" is in earnest", line);
		free(head);
		free(line);
		free(name);
	}
	buffer_free(out);
}

#define IN_JSON "{\"mark\":\""

/* JSON has no mark at all where a report is in earnest. */
static void assert_marked_json(struct buffer *out)
{
	buffer_u8(out, 0);
	for (size_t i = 0; i < SAID; i++) {
		char *name = memory_format("\"%s\"", said[i].name), *line = line_of((const char *)out->data, name);
		char *head = memory_format(IN_JSON "%s\"", said[i].mark);

		assert_non_null(line);
		if (said[i].mark[0] == '\0' ? strstr(line, "mark") != NULL : strncmp(line, head, strlen(head)) != 0)
			fail_msg("\"%s\" does not begin with %s", line, head);
		free(head);
		free(line);
		free(name);
	}
	buffer_free(out);
}

static void lists_of_offices_say_so_first(void **state)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(*state, ARMY, NULL, &out, "inbox", "list", NULL), 0);
	assert_marked(&out, "");
	assert_int_equal(exchange_simpul(*state, POLICE, NULL, &out, "outbox", "list", NULL), 0);
	assert_marked(&out, "");
	assert_int_equal(exchange_simpul(*state, ARMY, NULL, &out, "inbox", "list", "--json", NULL), 0);
	assert_marked_json(&out);
	assert_int_equal(exchange_simpul(*state, POLICE, NULL, &out, "outbox", "list", "--json", NULL), 0);
	assert_marked_json(&out);
}

static void a_page_says_so_above_and_below(void **state)
{
	for (size_t i = 0; i < SAID; i++) {
		char *rule = memory_format("=== %s%sAMBER ===", said[i].mark, i == 0 ? "" : " "), *second;
		struct buffer out = {0};

		assert_int_equal(exchange_simpul(*state, ARMY, NULL, &out, "inbox", "show", said[i].name, NULL), 0);
		buffer_u8(&out, 0);
		assert_int_equal(strncmp((char *)out.data, rule, strlen(rule)), 0);
		second = strstr((char *)out.data + 1, rule);
		assert_non_null(second);
		buffer_clear(&out);
		assert_int_equal(
			exchange_simpul(*state, ARMY, NULL, &out, "inbox", "show", said[i].name, "--json", NULL), 0);
		buffer_u8(&out, 0);
		assert_true((strstr((char *)out.data, "\"mark\"") != NULL) == (i > 0));
		buffer_free(&out);
		free(rule);
	}
}

static void what_follows_says_so_first(void **state)
{
	struct exchange *x = *state;
	char *config = office_path(x, ARMY, "agent.yaml"), *output = broker_path(x, "followed"), program[300];
	const char *argv[] = {process_program("simpul", program, sizeof program), "-c", config, "inbox", "follow",
			      "--since", "2026-01-01T00:00:00Z", NULL};
	const pid_t pid = process_start(argv, output);
	struct buffer out = {0};
	char *text = NULL;

	for (int i = 0; i < 200 && (text == NULL || strstr(text, said[2].name) == NULL); i++) {
		sleep_ms(100);
		free(text);
		text = file_text(output);
	}
	process_end(pid, SIGTERM, 20);
	buffer_text(&out, text);
	assert_marked(&out, "");
	free(text);
	free(output);
	free(config);
}

static void a_proof_says_so_first(void **state)
{
	struct exchange *x = *state;
	char *proof = office_path(x, ARMY, "proof.json");

	for (size_t i = 0; i < SAID; i++) {
		struct buffer out = {0};
		char *head = memory_format("%s%sAMBER %s: ", said[i].mark, i == 0 ? "" : " ", said[i].name);

		assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "export", said[i].name, "-o", proof, NULL), 0);
		assert_int_equal(exchange_simpul(x, ARMY, NULL, &out, "verify", proof, NULL), 0);
		assert_int_equal(strncmp((char *)out.data, head, strlen(head)), 0);
		buffer_free(&out);
		free(head);
	}
	free(proof);
}

static void operators_see_it_first(void **state)
{
	struct buffer out = {0};

	assert_int_equal(exchange_ctl(*state, &out, "got", "army.oku", NULL), 0);
	assert_marked(&out, "");
	assert_int_equal(exchange_ctl(*state, &out, "got", "army.oku", "--json", NULL), 0);
	assert_marked_json(&out);
	for (size_t i = 0; i < SAID; i++) {
		char *head = memory_format("%s%s%s: ", said[i].mark, i == 0 ? "" : " ", said[i].name);

		assert_int_equal(
			exchange_ctl(*state, &out, "policy", "explain", "army.oku", "--report", said[i].name, NULL), 0);
		assert_int_equal(strncmp((char *)out.data, head, strlen(head)), 0);
		buffer_free(&out);
		free(head);
	}
}

static bool has_all(void *context)
{
	char *text = file_text(context);
	size_t count = 0;

	for (const char *c = text; *c; c++)
		count += *c == '\n';
	free(text);
	return count >= SAID;
}

static void sinks_are_given_it_first(void **state)
{
	struct exchange *x = *state;
	char *lines = office_path(x, ARMY, "rows.jsonl"), *handed = office_path(x, ARMY, "handed"), *text;
	char *files[] = {office_path(x, ARMY, "received/AMBER-police.oku-1.json"),
			 office_path(x, ARMY, "received/EXERCISE-AMBER-police.oku-X1.json"),
			 office_path(x, ARMY, "received/TEST-AMBER-police.oku-2.json")};
	struct buffer out = {0};

	assert_true(wait_for(has_all, lines, 10));
	text = file_text(lines);
	buffer_text(&out, text);
	assert_marked_json(&out);
	free(text);
	for (size_t i = 0; i < SAID; i++) {
		assert_true(file_comes(files[i], 10));
		free(files[i]);
	}
	assert_true(wait_for(has_all, handed, 10));
	text = file_text(handed);
	assert_string_equal(text, "|{\"label\":\"AMBER\",\"event\"\n"
				  "EXERCISE|{\"mark\":\"EXERCISE\",\"labe\n"
				  "TEST|{\"mark\":\"TEST\",\"label\":\"\n");
	free(text);
	free(handed);
	free(lines);
}

static void what_is_only_tried_says_so_first(void **state)
{
	struct exchange *x = *state;
	char *file = broker_path(x, "tried.jsonl"), *text = memory_string("");

	for (size_t i = 0; i < SAID; i++) {
		char *more = memory_format("\"status\": \"%s\",", said[i].status), *all;
		struct buffer line = {0};

		draft_line(&line, "public-order", "16.01", said[i].words, more);
		buffer_u8(&line, 0);
		all = memory_format("%s%s\n", text, (char *)line.data);
		free(text);
		text = all;
		buffer_free(&line);
		free(more);
	}
	file_put(file, text);
	struct buffer out = {0};
	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, "try", file, NULL), 0);
	buffer_u8(&out, 0);
	assert_non_null(strstr((char *)out.data, "line 1      AMBER "));
	assert_non_null(strstr((char *)out.data, "EXERCISE AMBER "));
	assert_non_null(strstr((char *)out.data, "TEST AMBER "));
	buffer_free(&out);
	free(text);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_offices_say_so_first),
		cmocka_unit_test(a_page_says_so_above_and_below),
		cmocka_unit_test(what_follows_says_so_first),
		cmocka_unit_test(a_proof_says_so_first),
		cmocka_unit_test(operators_see_it_first),
		cmocka_unit_test(sinks_are_given_it_first),
		cmocka_unit_test(what_is_only_tried_says_so_first),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
