/* key_lock_test - a locked key file opens with its passphrase and with nothing else, whatever keys it holds. */
#include "broker/ctl/ctl.h"
#include "common/key_file.h"
#include "common/keys.h"
#include "common/memory.h"
#include "common/overwrite.h"
#include "tests/support/fixed.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS "correct horse battery"

/* The least that Argon2id takes: what is tested is not its cost. */
static const struct lock_cost cheap = {1, 8};

static char folder[] = "/tmp/simpul-key-lock-XXXXXX";
static char path[64];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/some.key", folder);
	return 0;
}

static int file_away(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

static char *text_of(void)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 4096);

	assert_non_null(file);
	assert_true(fread(text, 1, 4095, file) > 0);
	fclose(file);
	return text;
}

static void text_put(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* `words` NULL: open. */
static enum error key_save(const struct signing_key *key, const char *words, struct fault *fault)
{
	struct key_lock lock = {.file = NULL};
	enum error error = words ? key_lock_new(&lock, words, &cheap, fault) : E_OK;

	return error == E_OK ? signing_key_save(key, "operator", key_lock_same(&lock), path, fault) : error;
}

static struct key_lock lock_of(const char *words)
{
	struct key_lock lock = {.has_passphrase = true};

	strcpy(lock.passphrase.text, words);
	return lock;
}

static enum error key_load(struct signing_key *key, const char *words, struct fault *fault)
{
	struct key_lock lock = lock_of(words);

	return signing_key_load(key, &lock, path, fault);
}

static void its_passphrase_opens_it_and_no_other(void **state)
{
	static const char *const wrong[] = {"", "correct horse batter", "correct horse battery ",
					    "Correct horse battery"};
	const struct signing_key key = fixed_signing_key(0x01);
	struct signing_key back;
	struct fault fault;
	bool locked = false;

	(void)state;
	assert_int_equal(key_save(&key, WORDS, &fault), E_OK);
	assert_int_equal(key_file_locked(path, &locked, &fault), E_OK);
	assert_true(locked);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(key_load(&back, wrong[i], &fault), E_PASSPHRASE);
	assert_int_equal(signing_key_load(&back, NULL, path, &fault), E_PASSPHRASE);
	assert_string_equal(fault.field, path);
	assert_int_equal(key_load(&back, WORDS, &fault), E_OK);
	assert_memory_equal(&back, &key, sizeof key);
}

static void an_open_one_asks_for_nothing(void **state)
{
	const struct signing_key key = fixed_signing_key(0x01);
	struct signing_key back;
	struct fault fault;
	bool locked = true;

	(void)state;
	assert_int_equal(key_save(&key, NULL, &fault), E_OK);
	assert_int_equal(key_file_locked(path, &locked, &fault), E_OK);
	assert_false(locked);
	assert_int_equal(signing_key_load(&back, NULL, path, &fault), E_OK);
	assert_memory_equal(&back, &key, sizeof key);
}

static void the_file_gives_nothing_of_the_secret_away_and_never_the_same_bytes_twice(void **state)
{
	const struct signing_key key = fixed_signing_key(0x01);
	char seed[2 * KEY_SIZE + 1], *first, *second;
	struct fault fault;
	struct stat status;

	(void)state;
	hex_of(seed, BYTES(key.secret, KEY_SIZE)); /* libsodium's secret key begins with the seed */
	assert_int_equal(key_save(&key, WORDS, &fault), E_OK);
	first = text_of();
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(key_save(&key, WORDS, &fault), E_EXISTS);
	unlink(path);
	assert_int_equal(key_save(&key, WORDS, &fault), E_OK);
	second = text_of();
	assert_null(strstr(first, seed));
	assert_null(strstr(first, "horse"));
	assert_string_not_equal(strstr(first, "argon2id-salt"), strstr(second, "argon2id-salt"));
	free(first);
	free(second);
}

/* Turns the last digit of each line, one at a time. */
static void a_changed_file_is_refused(void **state)
{
	const struct signing_key key = fixed_signing_key(0x01);
	struct signing_key back;
	struct fault fault;
	char *text;

	(void)state;
	assert_int_equal(key_save(&key, WORDS, &fault), E_OK);
	text = text_of();
	for (char *end = strchr(text, '\n') + 1; (end = strchr(end, '\n')) != NULL; end++) {
		const char digit = end[-1];
		enum error error;

		end[-1] = digit == '7' ? '8' : '7';
		text_put(text);
		error = key_load(&back, WORDS, &fault);
		assert_true(error == E_PASSPHRASE || error == E_INVALID);
		end[-1] = digit;
	}
	text_put(text);
	assert_int_equal(key_load(&back, WORDS, &fault), E_OK);
	free(text);
}

static void a_file_cannot_make_this_machine_work_for_hours(void **state)
{
	static const char *const lines[] = {"argon2id-passes = 00000001",     "argon2id-passes = 00000011",
					    "argon2id-memory-kib = 00000008", "argon2id-memory-kib = 7fffffff",
					    "argon2id-passes = 00000001",     "argon2id-passes = 00000000"};
	const struct signing_key key = fixed_signing_key(0x01);
	struct signing_key back;
	struct fault fault;
	char *text;

	(void)state;
	assert_int_equal(key_save(&key, WORDS, &fault), E_OK);
	text = text_of();
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i += 2) {
		char *line = strstr(text, lines[i]);

		assert_non_null(line);
		memcpy(line, lines[i + 1], strlen(lines[i]));
		text_put(text);
		assert_int_equal(key_load(&back, WORDS, &fault), E_INVALID);
		memcpy(line, lines[i], strlen(lines[i]));
	}
	free(text);
}

/* Argon2id at its real cost takes a second: an agent with four key files pays it once. */
static void files_that_were_locked_together_cost_one_passphrase(void **state)
{
	const struct signing_key key = fixed_signing_key(0x01), other = fixed_signing_key(0x02);
	char *second = memory_format("%s.2", path);
	struct key_lock lock, opener = lock_of(WORDS);
	struct signing_key back;
	uint8_t made[AEAD_KEY_SIZE];
	struct fault fault;

	(void)state;
	assert_int_equal(key_lock_new(&lock, WORDS, &cheap, &fault), E_OK);
	assert_int_equal(signing_key_save(&key, "operator", &lock, path, &fault), E_OK);
	assert_int_equal(signing_key_save(&other, "operator", &lock, second, &fault), E_OK);
	assert_int_equal(signing_key_load(&back, &opener, path, &fault), E_OK);
	memcpy(made, opener.key, sizeof made);
	/* With another passphrase in its place it can only open the second by the key that it has. */
	opener.passphrase.text[0] = '\0';
	assert_int_equal(signing_key_load(&back, &opener, second, &fault), E_OK);
	assert_memory_equal(&back, &other, sizeof other);
	assert_memory_equal(opener.key, made, sizeof made);
	unlink(second);
	free(second);
}

static void a_passphrase_is_changed_added_and_taken_away_without_knowing_the_kind_of_key(void **state)
{
	struct node_keys keys, back;
	struct key_lock first, second, from = lock_of(WORDS), wrong = lock_of("wrong horse battery");
	struct fault fault;
	bool locked;

	(void)state;
	node_keys_generate(&keys, 3);
	assert_int_equal(key_lock_new(&first, WORDS, &cheap, &fault), E_OK);
	assert_int_equal(key_lock_new(&second, "another battery", &cheap, &fault), E_OK);
	assert_int_equal(node_keys_save(&keys, NULL, path, &fault), E_OK);
	assert_int_equal(key_file_relock(&from, &first, path, &fault), E_OK);
	assert_int_equal(node_keys_load(&back, &wrong, path, &fault), E_PASSPHRASE);
	assert_int_equal(key_file_relock(&wrong, NULL, path, &fault), E_PASSPHRASE);
	assert_int_equal(key_file_relock(&from, &second, path, &fault), E_OK);
	assert_int_equal(node_keys_load(&back, &from, path, &fault), E_PASSPHRASE);
	assert_int_equal(node_keys_load(&back, &second, path, &fault), E_OK);
	assert_memory_equal(&back, &keys, sizeof keys);
	assert_int_equal(key_file_relock(&second, NULL, path, &fault), E_OK);
	assert_int_equal(key_file_locked(path, &locked, &fault), E_OK);
	assert_false(locked);
	assert_int_equal(node_keys_load(&back, NULL, path, &fault), E_OK);
	assert_memory_equal(&back, &keys, sizeof keys);
}

/* Its first line, which is a comment in a file of keys, would stay readable; and no program would open it. */
static void what_is_no_file_of_keys_is_not_said_to_be_locked(void **state)
{
	static const char *const texts[] = {"00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff\n",
					    "# settings\nnode: police.oku\n", "# words\na river = of the south\n"};
	struct key_lock lock;

	(void)state;
	assert_int_equal(key_lock_new(&lock, WORDS, &cheap, NULL), E_OK);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char *there;

		text_put(texts[i]);
		assert_int_equal(chmod(path, 0600), 0);
		assert_int_equal(key_file_relock(NULL, &lock, path, NULL), E_INVALID);
		there = text_of();
		assert_string_equal(there, texts[i]);
		free(there);
	}
}

/* The file whose zeros do not come to the disk; 0: every file's do. */
static ino_t failing;

/* In the place of the C library's. */
int fsync(int fd)
{
	struct stat status;

	if (failing == 0 || fstat(fd, &status) != 0 || status.st_ino != failing)
		return fdatasync(fd);
	errno = EIO;
	return -1;
}

/* Takes the passphrase away with simpulctl keys passphrase, which fails and says `expected`. */
static void assert_failed(const char *words, const char *expected)
{
	char command[][24] = {"passphrase", "--passphrase-file", "--no-passphrase"}, given[80], text[400] = "";
	char *arguments[] = {command[0], path, command[1], given, command[2], NULL};
	struct ctl ctl = {.config = "broker.yaml"};
	const int before = dup(STDERR_FILENO);
	FILE *file, *said = tmpfile();

	snprintf(given, sizeof given, "%s/words", folder);
	file = fopen(given, "w");
	fprintf(file, "%s\n", words);
	fclose(file);
	assert_int_equal(chmod(given, 0600), 0);
	dup2(fileno(said), STDERR_FILENO);
	assert_int_not_equal(ctl_keys_passphrase(&ctl, 5, arguments), 0);
	dup2(before, STDERR_FILENO);
	rewind(said);
	assert_true(fread(text, 1, sizeof text - 1, said) > 0);
	if (strstr(text, expected) == NULL)
		fail_msg("no \"%s\" in: %s", expected, text);
	fclose(said);
	close(before);
	unlink(given);
}

/* Also when the new one has the key's name, and only what it was before cannot be overwritten. */
static void who_is_told_that_a_key_is_as_it_was_can_rely_on_it(void **state)
{
	struct signing_key key;
	struct stat status;
	char former[80];
	bool locked;

	(void)state;
	signing_key_generate(&key);
	assert_int_equal(key_save(&key, WORDS, NULL), E_OK);
	assert_failed("wrong horse battery", "the key is as it was");
	assert_int_equal(key_load(&key, WORDS, NULL), E_OK);
	assert_int_equal(stat(path, &status), 0);
	failing = status.st_ino;
	assert_failed(WORDS, "the key is changed");
	failing = 0;
	assert_int_equal(key_file_locked(path, &locked, NULL), E_OK);
	assert_false(locked);
	snprintf(former, sizeof former, "%s" OVERWRITE_FORMER, path);
	assert_int_equal(unlink(former), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(its_passphrase_opens_it_and_no_other, file_away),
		cmocka_unit_test_teardown(an_open_one_asks_for_nothing, file_away),
		cmocka_unit_test_teardown(the_file_gives_nothing_of_the_secret_away_and_never_the_same_bytes_twice,
					  file_away),
		cmocka_unit_test_teardown(a_changed_file_is_refused, file_away),
		cmocka_unit_test_teardown(files_that_were_locked_together_cost_one_passphrase, file_away),
		cmocka_unit_test_teardown(a_passphrase_is_changed_added_and_taken_away_without_knowing_the_kind_of_key,
					  file_away),
		cmocka_unit_test_teardown(what_is_no_file_of_keys_is_not_said_to_be_locked, file_away),
		cmocka_unit_test_teardown(who_is_told_that_a_key_is_as_it_was_can_rely_on_it, file_away),
		cmocka_unit_test_teardown(a_file_cannot_make_this_machine_work_for_hours, file_away),
	};

	keys_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
