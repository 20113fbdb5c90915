/* authority_test - who may sign members in: with the passphrase, and after a person has compared the fingerprint. */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define WORDS "a river of the south"
#define OTHER "another river entirely"

static const char policy[] = "purposes: [law-enforcement, immigration-oversight, state-security]\n"
			     "categories: [public-order]\n"
			     "agencies:\n"
			     "  - {agency: police, ceiling: AMBER}\n"
			     "nodes:\n"
			     "  - {node: police.oku, regions: [\"16.01\"]}\n";

static int set_up(void **state)
{
	static struct exchange x;
	const char *const nobody[] = {NULL};

	exchange_lay(&x, policy, nobody);
	*state = &x;
	return 0;
}

/* A request in the broker's folder, with its fingerprint; free it. */
static char *request_of(struct exchange *x, const char *node, char fingerprint[FINGERPRINT_SIZE])
{
	char *identity = broker_path(x, "exchange.id"), *folder = broker_path(x, node);
	char *path = memory_format("%s/%s.request", folder, node);
	struct buffer said = {0};

	assert_int_equal(operate_run(x, &said, "simpul", "join", "--node", node, "--exchange-file", identity, "-o", folder,
				     "--no-passphrase", NULL),
			 0);
	request_fingerprint(path, fingerprint);
	/* What the office sees is what the operator will see. */
	assert_non_null(memmem(said.data, said.size, fingerprint, strlen(fingerprint)));
	buffer_free(&said);
	free(folder);
	free(identity);
	return path;
}

static bool is_member(struct exchange *x, const char *node)
{
	json_t *found = ctl_node(x, node);
	const bool is = found != NULL;

	json_decref(found);
	return is;
}

/* simpulctl at a terminal with what is typed there; the status. `said` may be NULL. */
static int ctl_at_terminal(struct exchange *x, const struct terminal_line *lines, struct buffer *said, ...)
{
	char program[300], *config = broker_path(x, "broker.yaml");
	const char *argv[24] = {process_program("simpulctl", program, sizeof program), "-c", config};
	struct buffer shown = {0};
	size_t count = 3;
	va_list rest;
	int status;

	va_start(rest, said);
	while (count < 23 && (argv[count] = va_arg(rest, const char *)))
		count++;
	va_end(rest);
	status = terminal_run(argv, lines, &shown, 60);
	/* What is typed without echo is not shown. */
	assert_null(shown.size > 0 ? memmem(shown.data, shown.size, "river", 5) : NULL);
	if (said)
		buffer_bytes(said, buffer_view(&shown));
	buffer_free(&shown);
	free(config);
	return status;
}

/* ------------------------------------------------------------------ the fingerprint */

static void a_request_with_another_fingerprint_is_not_enrolled(void **state)
{
	struct exchange *x = *state;
	char *authority = broker_path(x, "authority.key"), *join = broker_path(x, "wrong.join");
	char fingerprint[FINGERPRINT_SIZE], *request = request_of(x, "police.wrong", fingerprint);

	fingerprint[3] = fingerprint[3] == '7' ? '8' : '7';
	assert_int_equal(exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "--fingerprint", fingerprint,
				      "-o", join, NULL),
			 65);
	assert_int_equal(exchange_ctl(x, NULL, "countersign", request, "--authority-key", authority, "--fingerprint",
				      fingerprint, NULL),
			 65);
	/* Without a terminal nobody can be asked, and silence is no yes. */
	assert_int_not_equal(exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "-o", join, NULL), 0);
	assert_false(file_there(join));
	assert_false(is_member(x, "police.wrong"));
	free(request);
	free(join);
	free(authority);
}

static void only_yes_enrols_at_the_terminal(void **state)
{
	static const char question[] = "Does the office read the same fingerprint";
	struct exchange *x = *state;
	char *authority = broker_path(x, "authority.key"), *join = broker_path(x, "yes.join");
	char fingerprint[FINGERPRINT_SIZE], *request = request_of(x, "police.yes", fingerprint);
	struct buffer said = {0};

	for (const char *const *answer = (const char *const[]){"", "no", "y", "yes please", NULL}; *answer; answer++) {
		const struct terminal_line lines[] = {{question, *answer}, {NULL, NULL}};

		assert_int_equal(ctl_at_terminal(x, lines, NULL, "enroll", request, "--authority-key", authority, "-o", join,
						 NULL),
				 65);
	}
	assert_false(is_member(x, "police.yes"));
	assert_int_equal(ctl_at_terminal(x, (const struct terminal_line[]){{question, "yes"}, {NULL, NULL}}, &said, "enroll",
					 request, "--authority-key", authority, "-o", join, NULL),
			 0);
	assert_non_null(memmem(said.data, said.size, fingerprint, strlen(fingerprint)));
	assert_true(is_member(x, "police.yes"));
	buffer_free(&said);
	free(request);
	free(join);
	free(authority);
}

static void an_output_file_that_is_there_keeps_the_office_out(void **state)
{
	struct exchange *x = *state;
	char *authority = broker_path(x, "authority.key"), *join = broker_path(x, "there.join"), *again = broker_path(x, "again.join");
	char fingerprint[FINGERPRINT_SIZE], *request = request_of(x, "police.there", fingerprint);

	file_put(join, "");
	assert_int_equal(exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "--fingerprint", fingerprint,
				      "-o", join, NULL),
			 73);
	assert_true(exchange_logged(x, "there.join is there already, and nothing is overwritten: nothing was enrolled"));
	assert_false(is_member(x, "police.there"));
	assert_int_equal(exchange_ctl(x, NULL, "join", "police.there", "-o", again, NULL), 66);
	assert_false(file_there(again));
	assert_int_equal(unlink(join), 0);
	assert_int_equal(exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "--fingerprint", fingerprint,
				      "-o", join, NULL),
			 0);
	assert_int_equal(exchange_ctl(x, NULL, "join", "police.there", "-o", again, NULL), 0);
	assert_true(file_there(again));
	free(request);
	free(again);
	free(join);
	free(authority);
}

static void a_request_for_another_exchange_is_refused_before_anybody_is_asked(void **state)
{
	struct exchange *x = *state;
	char *authority = broker_path(x, "authority.key"), *folder = broker_path(x, "foreign");
	char *request = memory_format("%s/police.foreign.request", folder);
	char fingerprint[FINGERPRINT_SIZE];

	assert_int_equal(operate_run(x, NULL, "simpul", "join", "--node", "police.foreign", "--exchange",
				     "00112233445566778899aabbccddeeff", "-o", folder, "--no-passphrase", NULL),
			 0);
	request_fingerprint(request, fingerprint);
	assert_int_equal(exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "--fingerprint", fingerprint,
				      NULL),
			 78);
	assert_false(is_member(x, "police.foreign"));
	free(request);
	free(folder);
	free(authority);
}

/* ------------------------------------------------------------------ the passphrase */

static char *secret_file(struct exchange *x, const char *name, const char *words)
{
	char *path = broker_path(x, name);

	file_put(path, words); /* with mode 0600 */
	return path;
}

static void a_locked_key_signs_with_its_passphrase_only(void **state)
{
	struct exchange *x = *state;
	char *words = secret_file(x, "words", WORDS "\n"), *other = secret_file(x, "other", OTHER "\n");
	char *made = broker_path(x, "made"), *key = broker_path(x, "made/authority.key"), *record = broker_path(x, "record");
	char fingerprint[FINGERPRINT_SIZE], *request = request_of(x, "police.locked", fingerprint), *text;

	assert_int_equal(exchange_ctl(x, NULL, "init", made, "--name", "Made", "--passphrase-file", words, NULL), 0);
	text = file_text(key);
	assert_non_null(strstr(text, "argon2id-memory-kib = 00040000")); /* 256 MiB */
	assert_null(strstr(text, "signing-seed"));
	assert_int_equal(exchange_ctl(x, NULL, "countersign", request, "--authority-key", key, "--fingerprint", fingerprint,
				      "--passphrase-file", other, "-o", record, NULL),
			 77);
	assert_false(file_there(record));
	assert_int_equal(exchange_ctl(x, NULL, "countersign", request, "--authority-key", key, "--fingerprint", fingerprint,
				      "--passphrase-file", words, "-o", record, NULL),
			 0);
	assert_true(file_there(record));
	/* A file that others can read is no secret. */
	assert_int_equal(chmod(words, 0644), 0);
	unlink(record);
	assert_int_equal(exchange_ctl(x, NULL, "countersign", request, "--authority-key", key, "--fingerprint", fingerprint,
				      "--passphrase-file", words, "-o", record, NULL),
			 78);
	assert_int_equal(chmod(words, 0600), 0);
	/* Changed, the old one opens nothing any more. */
	assert_int_equal(exchange_ctl(x, NULL, "authority", "passphrase", key, "--passphrase-file", other,
				      "--new-passphrase-file", words, NULL),
			 77);
	assert_int_equal(exchange_ctl(x, NULL, "authority", "passphrase", key, "--passphrase-file", words,
				      "--new-passphrase-file", other, NULL),
			 0);
	assert_int_equal(exchange_ctl(x, NULL, "countersign", request, "--authority-key", key, "--fingerprint", fingerprint,
				      "--passphrase-file", words, "-o", record, NULL),
			 77);
	assert_int_equal(exchange_ctl(x, NULL, "countersign", request, "--authority-key", key, "--fingerprint", fingerprint,
				      "--passphrase-file", other, "-o", record, NULL),
			 0);
	free(text);
	free(request);
	free(record);
	free(key);
	free(made);
	free(other);
	free(words);
}

static void a_passphrase_is_typed_twice_and_never_shown(void **state)
{
	static const char first[] = "New passphrase of the authority's key (at least 12 characters): ", second[] = "The same once more: ";
	const struct terminal_line differs[] = {{first, WORDS}, {second, OTHER}, {NULL, NULL}};
	const struct terminal_line shorter[] = {{first, "river"}, {second, "river"}, {NULL, NULL}};
	const struct terminal_line same[] = {{first, WORDS}, {second, WORDS}, {NULL, NULL}};
	const struct terminal_line typed[] = {{"Passphrase of the authority's key: ", WORDS}, {NULL, NULL}};
	struct exchange *x = *state;
	char *made = broker_path(x, "typed"), *key = broker_path(x, "typed/authority.key");
	char *record = broker_path(x, "typed.record");
	char fingerprint[FINGERPRINT_SIZE], *request = request_of(x, "police.typed", fingerprint);

	assert_int_not_equal(ctl_at_terminal(x, differs, NULL, "init", made, "--name", "Typed", NULL), 0);
	assert_int_not_equal(ctl_at_terminal(x, shorter, NULL, "init", made, "--name", "Typed", NULL), 0);
	assert_false(file_there(key));
	assert_int_equal(ctl_at_terminal(x, same, NULL, "init", made, "--name", "Typed", NULL), 0);
	assert_int_equal(ctl_at_terminal(x, typed, NULL, "countersign", request, "--authority-key", key, "--fingerprint",
					 fingerprint, "-o", record, NULL),
			 0);
	assert_true(file_there(record));
	free(request);
	free(record);
	free(key);
	free(made);
}

static void a_key_is_not_left_open_because_nobody_could_be_asked(void **state)
{
	struct exchange *x = *state;
	char *made = broker_path(x, "unasked"), *key = broker_path(x, "unasked/authority.key");

	assert_int_not_equal(exchange_ctl(x, NULL, "init", made, "--name", "Unasked", NULL), 0);
	assert_false(file_there(made));
	assert_int_equal(exchange_ctl(x, NULL, "init", made, "--name", "Unasked", "--no-passphrase", NULL), 0);
	assert_true(file_there(key));
	free(key);
	free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_with_another_fingerprint_is_not_enrolled),
		cmocka_unit_test(only_yes_enrols_at_the_terminal),
		cmocka_unit_test(an_output_file_that_is_there_keeps_the_office_out),
		cmocka_unit_test(a_request_for_another_exchange_is_refused_before_anybody_is_asked),
		cmocka_unit_test(a_locked_key_signs_with_its_passphrase_only),
		cmocka_unit_test(a_passphrase_is_typed_twice_and_never_shown),
		cmocka_unit_test(a_key_is_not_left_open_because_nobody_could_be_asked),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
