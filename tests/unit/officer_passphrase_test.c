/* officer_passphrase_test - wherever a change of the passphrase was broken off, the same command brings it to its end,
 * and the store is lost at no moment. */
#include "agents/officer/officer_passphrase.h"
#include "agents/store/keyring.h"
#include "agents/store/store_convert.h"
#include "common/key_file.h"
#include "common/memory.h"
#include "common/overwrite.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define OLD "a river of the south"
#define NEW "another river entirely"
#define KEYS "police.oku.keys"
#define STORE_KEY KEYS ".store"
#define STORE "store/agent.db"
#define FRESH OVERWRITE_FRESH
#define FORMER OVERWRITE_FORMER

/* The least that Argon2id takes: what is tested is not its cost. */
static const struct lock_cost cheap = {1, 8};
static const uint8_t exchange[EXCHANGE_SIZE] = {1};

static char folder[] = "/tmp/simpul-passphrase-XXXXXX";
static struct key_lock old, new;

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
}

/* An office with open keys, former ones too, and a plain store. */
static int set_up(void **state)
{
	struct node_keys keys, former;
	struct store store;

	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	if (mkdtemp(folder) == NULL || chdir(folder) != 0 || mkdir("store", 0700) != 0)
		return 1;
	put("agent.yaml", "node: police.oku\nkeys: " KEYS "\njoin: none.join\nstore: store\npassphrase_file: old\n");
	put("old", OLD "\n");
	put("new", NEW "\n");
	node_keys_generate(&keys, 2);
	node_keys_generate(&former, 1);
	assert_int_equal(node_keys_save(&keys, NULL, KEYS, NULL), E_OK);
	assert_int_equal(node_keys_save(&former, NULL, KEYS ".1", NULL), E_OK);
	assert_int_equal(key_lock_new(&old, OLD, &cheap, NULL), E_OK);
	assert_int_equal(key_lock_new(&new, NEW, &cheap, NULL), E_OK);
	assert_int_equal(store_open(&store, STORE, NULL, exchange, "police.oku", NULL), E_OK);
	store_close(&store);
	return 0;
}

static int tear_down(void **state)
{
	char command[80];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return chdir("/") != 0 || system(command) != 0;
}

/* ---- states */

static void lock(const char *path, struct key_lock *from, const struct key_lock *to)
{
	assert_int_equal(key_file_relock(from, to, path, NULL), E_OK);
}

static struct cipher *cipher_of(const char *path, struct key_lock *with)
{
	struct cipher *cipher;

	assert_int_equal(store_key_open(path, with, &cipher, NULL), E_OK);
	return cipher;
}

static void key_make(const char *path, const struct key_lock *with)
{
	assert_int_equal(store_key_make(path, with, NULL), E_OK);
}

/* From the key in one file to that in the other, NULL: plain. */
static void store_turn(const char *from, const char *to, struct key_lock *with)
{
	struct cipher *former = from != NULL ? cipher_of(from, with) : NULL,
		      *newer = to != NULL ? cipher_of(to, with) : NULL;

	assert_int_equal(store_convert(STORE, former, newer, NULL), E_OK);
	cipher_free(former);
	cipher_free(newer);
}

/* Everything under the old passphrase. */
static void all_locked(void)
{
	key_make(STORE_KEY, &old);
	store_turn(NULL, STORE_KEY, &old);
	lock(KEYS ".1", NULL, &old);
	lock(KEYS, NULL, &old);
}

static bool one_name_only;

/* In the place of the C library's: as on a file system whose files have one name each. */
int link(const char *from, const char *to)
{
	if (!one_name_only)
		return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
	errno = EPERM;
	return -1;
}

/* A file that is overwritten, and what must be so before: that another one has its name is on the disk. */
static struct stat watched;
static bool folder_is_synced;

int fsync(int fd)
{
	struct stat status;

	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
		folder_is_synced = true;
	else if (status.st_ino == watched.st_ino)
		assert_true(folder_is_synced);
	return (int)syscall(SYS_fsync, fd);
}

/* What will be left in the blocks of a file whose name goes: it stays open here. */
struct trace {
	int fd;
	off_t size;
};

static struct trace trace_of(const char *path)
{
	struct stat status;
	const struct trace trace = {.fd = open(path, O_RDONLY | O_CLOEXEC),
				    .size = stat(path, &status) == 0 ? status.st_size : 0};

	assert_true(trace.fd >= 0 && trace.size > 0);
	return trace;
}

static void assert_zeros(const struct trace *trace)
{
	char bytes[4096];
	off_t at = 0;
	ssize_t got;

	while ((got = pread(trace->fd, bytes, sizeof bytes, at)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			assert_int_equal(bytes[i], 0);
		at += got;
	}
	assert_true(at >= trace->size);
	close(trace->fd);
}

/* ---- the command, and what must be so afterwards */

static int change(const char *old_file, const char *new_file, bool new_store_key)
{
	const struct passphrase_wish wish = {.old_file = old_file,
					     .new_file = new_file,
					     .open = new_file == NULL,
					     .new_store_key = new_store_key,
					     .cost = &cheap};
	struct officer_secrets secrets = {.cipher = NULL};
	const struct officer officer = {.config = "agent.yaml", .command = "keys", .secrets = &secrets};
	const int status = officer_passphrase(&officer, &wish);

	key_lock_wipe(&secrets.lock);
	return status;
}

/* `passphrase_file` NULL: all lies open. */
static void assert_whole(const char *passphrase_file)
{
	struct keyring ring;
	struct store store;

	assert_int_equal(keyring_load(&ring, KEYS, passphrase_file, NULL), E_OK);
	assert_int_equal(ring.former_count, 1);
	assert_int_equal(ring.lock.has_key, passphrase_file != NULL);
	assert_int_equal(ring.cipher != NULL, passphrase_file != NULL);
	assert_int_equal(store_open(&store, STORE, ring.cipher, exchange, "police.oku", NULL), E_OK);
	store_close(&store);
	keyring_free(&ring);
	assert_int_not_equal(access(STORE_KEY ".next", F_OK), 0);
	assert_int_equal(access(STORE_KEY, F_OK) == 0, passphrase_file != NULL);
}

static void the_first_passphrase(void **state)
{
	(void)state;
	/* The key was there, the store not encrypted yet. */
	key_make(STORE_KEY, &new);
	/* Another passphrase than that of the broken attempt is not taken. */
	assert_int_equal(change(NULL, "old", false), EX_NOPERM);
	assert_int_equal(change(NULL, "new", false), EX_OK);
	assert_whole("new");
}

static void the_first_passphrase_when_the_store_is_encrypted_already(void **state)
{
	(void)state;
	key_make(STORE_KEY, &new);
	store_turn(NULL, STORE_KEY, &new);
	lock(KEYS ".1", NULL, &new);
	assert_int_equal(change(NULL, "new", false), EX_OK);
	assert_whole("new");
}

/* Somebody reads the store, which therefore stays plain: so does the office, and goes on. */
static void a_first_passphrase_that_fails_changes_nothing(void **state)
{
	struct store reader;

	(void)state;
	assert_int_equal(store_open(&reader, STORE, NULL, exchange, "police.oku", NULL), E_OK);
	assert_int_not_equal(change(NULL, "new", false), EX_OK);
	store_close(&reader);
	assert_whole(NULL);
	assert_int_equal(change(NULL, "new", false), EX_OK);
	assert_whole("new");
}

/* Broken off before or after the store was encrypted, and with the passphrase forgotten or known. */
static void a_first_passphrase_that_was_broken_off_is_given_up(void **state)
{
	(void)state;
	key_make(STORE_KEY, &new);
	assert_int_equal(change(NULL, NULL, false), EX_OK);
	assert_whole(NULL);
	key_make(STORE_KEY, &new);
	store_turn(NULL, STORE_KEY, &new);
	lock(KEYS ".1", NULL, &new);
	assert_int_equal(change("new", NULL, false), EX_OK);
	assert_whole(NULL);
}

static void another_passphrase(void **state)
{
	(void)state;
	all_locked();
	lock(STORE_KEY, &old, &new);
	lock(KEYS ".1", &old, &new);
	assert_int_equal(change("new", "new", false), EX_NOPERM);
	assert_int_equal(change("old", "new", false), EX_OK);
	assert_whole("new");
}

static void none_any_more(void **state)
{
	(void)state;
	all_locked();
	store_turn(STORE_KEY, NULL, &old);
	lock(KEYS ".1", &old, NULL);
	assert_int_equal(change("old", NULL, false), EX_OK);
	assert_whole(NULL);
}

/* Its disk is not mounted: what opens it must be there when it is. */
static void the_key_of_a_store_that_is_away_is_kept(void **state)
{
	struct keyring ring;
	struct store store;

	(void)state;
	all_locked();
	key_make(STORE_KEY ".next", &old);
	store_turn(STORE_KEY, STORE_KEY ".next", &old);
	assert_int_equal(rename(STORE, "away"), 0);
	assert_int_equal(change("old", NULL, false), EX_NOINPUT);
	assert_int_equal(rename(STORE_KEY ".next", STORE_KEY), 0);
	assert_int_equal(change("old", NULL, false), EX_OK);
	assert_int_equal(rename("away", STORE), 0);
	assert_int_equal(keyring_load(&ring, KEYS, NULL, NULL), E_OK);
	assert_int_equal(store_open(&store, STORE, ring.cipher, exchange, "police.oku", NULL), E_OK);
	store_close(&store);
	keyring_free(&ring);
	assert_int_equal(change(NULL, "new", false), EX_OK);
	assert_whole("new");
	assert_int_equal(change("new", NULL, false), EX_OK);
	assert_whole(NULL);
}

/* The store has the newer key already, which has not got its name yet. */
static void another_key_of_the_store(void **state)
{
	struct cipher *former, *present;
	bool there, fits;

	(void)state;
	all_locked();
	key_make(STORE_KEY ".next", &old);
	store_turn(STORE_KEY, STORE_KEY ".next", &old);
	former = cipher_of(STORE_KEY, &old);
	assert_int_equal(change("old", "new", true), EX_OK);
	assert_whole("new");
	present = cipher_of(STORE_KEY, &(struct key_lock){.file = "new"});
	assert_int_equal(store_fits(STORE, former, &there, &fits, NULL), E_OK);
	assert_false(fits);
	assert_int_equal(store_fits(STORE, present, &there, &fits, NULL), E_OK);
	assert_true(fits);
	cipher_free(former);
	cipher_free(present);
}

/* The key of an encrypted store is lost: no new one is made as if that were nothing. */
static void a_lost_key_is_not_replaced(void **state)
{
	(void)state;
	all_locked();
	assert_int_equal(unlink(STORE_KEY), 0);
	assert_int_equal(change("old", "new", false), EX_NOPERM);
	assert_int_not_equal(access(STORE_KEY, F_OK), 0);
}

/* Whatever passphrase the next change is to. */
static void copies_that_a_broken_change_left_are_overwritten(void **state)
{
	static const char *const left[] = {
		STORE FRESH, STORE FRESH "-wal", KEYS FRESH,	  KEYS ".1" FRESH,
		KEYS FORMER, KEYS ".1" FORMER,	 STORE_KEY FRESH, "." KEYS ".1" FRESH ".0123456789abcdef"};
	enum { LEFT = sizeof left / sizeof left[0] };
	struct trace traces[LEFT];

	(void)state;
	all_locked();
	for (size_t i = 0; i < LEFT; i++) {
		put(left[i], "signing-seed = 00ff\n");
		traces[i] = trace_of(left[i]);
	}
	put("police.oku.keysake" FRESH, "of another office");
	assert_int_equal(change("old", "new", false), EX_OK);
	for (size_t i = 0; i < LEFT; i++) {
		assert_int_not_equal(access(left[i], F_OK), 0);
		assert_zeros(&traces[i]);
	}
	assert_int_equal(access("police.oku.keysake" FRESH, F_OK), 0);
	assert_whole("new");
}

/* Under names that people think of. */
static void copies_that_somebody_made_are_left_alone(void **state)
{
	static const char *const copies[] = {KEYS ".former", KEYS ".new", KEYS ".old", STORE ".new", STORE ".former"};

	(void)state;
	all_locked();
	for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++)
		put(copies[i], "a copy");
	assert_int_equal(change("old", "new", false), EX_OK);
	for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++)
		assert_int_equal(access(copies[i], F_OK), 0);
}

/* Killed between the new store's name and the last byte of the old one: the store is encrypted already. */
static void a_store_that_was_plain_is_overwritten_also_when_that_was_broken_off(void **state)
{
	struct trace trace;

	(void)state;
	assert_int_equal(rename(STORE, "plain"), 0);
	key_make(STORE_KEY, &new);
	{
		struct cipher *cipher = cipher_of(STORE_KEY, &new);
		struct store store;

		assert_int_equal(store_open(&store, STORE, cipher, exchange, "police.oku", NULL), E_OK);
		store_close(&store);
		cipher_free(cipher);
	}
	assert_int_equal(rename("plain", STORE FORMER), 0);
	trace = trace_of(STORE FORMER);
	assert_int_equal(fstat(trace.fd, &watched), 0);
	folder_is_synced = false;
	assert_int_equal(change(NULL, "new", false), EX_OK);
	watched.st_ino = 0;
	assert_zeros(&trace);
	assert_int_not_equal(access(STORE FORMER, F_OK), 0);
	assert_whole("new");
}

/* Killed before the new store had its name: both names are those of the store. */
static void a_store_with_two_names_is_not_overwritten(void **state)
{
	struct trace trace;

	(void)state;
	key_make(STORE_KEY, &new);
	assert_int_equal(link(STORE, STORE FORMER), 0);
	trace = trace_of(STORE);
	assert_int_equal(change(NULL, "new", false), EX_OK);
	assert_zeros(&trace);
	assert_int_not_equal(access(STORE FORMER, F_OK), 0);
	assert_whole("new");
}

/* What root wrote in their place would be closed to the user that the agent runs as. */
static void the_files_of_another_user_are_left_alone(void **state)
{
	static const char *const files[] = {KEYS, STORE};

	(void)state;
	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(chown(files[i], 1, 1), 0);
		assert_int_equal(change(NULL, "new", false), EX_CONFIG);
		assert_int_equal(chown(files[i], 0, 0), 0);
	}
	assert_int_not_equal(access(STORE ".lock", F_OK), 0);
	assert_whole(NULL);
}

/* What is behind a link would be overwritten, and its content stand in the place of the link: of keys on a stick, on
 * this disk. */
static void what_a_link_leads_to_stays_where_it_is(void **state)
{
	static const char *const files[] = {KEYS, KEYS ".1", STORE};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *target = memory_format("%s/elsewhere", folder);

		assert_int_equal(rename(files[i], target), 0);
		assert_int_equal(symlink(target, files[i]), 0);
		assert_int_equal(change(NULL, "new", false), EX_CONFIG);
		assert_int_equal(rename(target, files[i]), 0);
		free(target);
		assert_int_equal(change("new", NULL, false), EX_OK);
		assert_whole(NULL);
	}
}

static void keys_that_lay_open_are_overwritten(void **state)
{
	struct trace present = trace_of(KEYS), former = trace_of(KEYS ".1");

	(void)state;
	assert_int_equal(change(NULL, "new", false), EX_OK);
	assert_zeros(&present);
	assert_zeros(&former);
	assert_whole("new");
}

static void on_a_stick_where_files_have_one_name_too(void **state)
{
	struct trace store = trace_of(STORE), keys = trace_of(KEYS);

	(void)state;
	one_name_only = true;
	assert_int_equal(change(NULL, "new", false), EX_OK);
	one_name_only = false;
	assert_zeros(&store);
	assert_zeros(&keys);
	assert_whole("new");
}

/* As when the agent was killed while newer keys took the place of the others. */
static void keys_with_two_names_stay_whole_under_both(void **state)
{
	(void)state;
	assert_int_equal(unlink(KEYS ".1"), 0);
	assert_int_equal(link(KEYS, KEYS ".1"), 0);
	assert_int_equal(change(NULL, "new", false), EX_OK);
	assert_int_equal(key_file_check(&(struct key_lock){.file = "new"}, KEYS, NULL), E_OK);
	assert_int_equal(key_file_check(&(struct key_lock){.file = "new"}, KEYS ".1", NULL), E_OK);
}

/* As when it was killed before the newer ones had their name. */
static void keys_that_were_to_be_former_ones_lie_open_under_no_name(void **state)
{
	struct trace trace = trace_of(KEYS);

	(void)state;
	assert_int_equal(link(KEYS, KEYS ".2"), 0);
	assert_int_equal(change(NULL, "new", false), EX_OK);
	assert_zeros(&trace);
	assert_int_not_equal(access(KEYS ".2", F_OK), 0);
	assert_whole("new");
}

/* ---- a backup beside it */

static enum error key_other(void)
{
	assert_int_equal(unlink(STORE_KEY), 0);
	key_make(STORE_KEY, &old);
	return E_STORE_KEY;
}

static enum error key_away(void)
{
	assert_int_equal(unlink(STORE_KEY), 0);
	return E_NOT_FOUND;
}

static enum error keys_opened(void)
{
	assert_int_equal(unlink(STORE_KEY), 0);
	lock(KEYS ".1", &old, NULL);
	lock(KEYS, &old, NULL);
	return E_STORE_LOCKED;
}

/* The cipher was read before, the files are copied after. */
static void assert_backup_refused(enum error (*meanwhile)(void))
{
	struct officer_secrets secrets = {.cipher = NULL};
	struct officer officer = {.config = "agent.yaml", .command = "backup", .secrets = &secrets};
	char words[][8] = {"backup", "make", "copy"}, *arguments[] = {words[0], words[1], words[2], NULL};
	const struct cipher *cipher;
	struct settings settings;

	all_locked();
	put("none.join", "{}");
	assert_int_equal(officer_settings(&officer, &settings, NULL), E_OK);
	assert_int_equal(officer_cipher(&officer, &settings, &cipher, NULL), E_OK);
	settings_free(&settings);
	assert_int_equal(officer_backup(&officer, 3, arguments), error_exit(meanwhile()));
	assert_int_not_equal(access("copy", F_OK), 0);
	assert_int_not_equal(access("copy.part", F_OK), 0);
	cipher_free(secrets.cipher);
	key_lock_wipe(&secrets.lock);
}

static void a_store_and_another_key_are_no_backup(void **state)
{
	(void)state;
	assert_backup_refused(key_other);
}

static void an_encrypted_store_without_its_key_is_no_backup(void **state)
{
	(void)state;
	assert_backup_refused(key_away);
}

static void an_encrypted_store_beside_open_keys_is_no_backup(void **state)
{
	(void)state;
	assert_backup_refused(keys_opened);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_first_passphrase),
		TEST(the_first_passphrase_when_the_store_is_encrypted_already),
		TEST(a_first_passphrase_that_fails_changes_nothing),
		TEST(a_first_passphrase_that_was_broken_off_is_given_up),
		TEST(another_passphrase),
		TEST(none_any_more),
		TEST(the_key_of_a_store_that_is_away_is_kept),
		TEST(another_key_of_the_store),
		TEST(a_lost_key_is_not_replaced),
		TEST(copies_that_a_broken_change_left_are_overwritten),
		TEST(copies_that_somebody_made_are_left_alone),
		TEST(a_store_that_was_plain_is_overwritten_also_when_that_was_broken_off),
		TEST(a_store_with_two_names_is_not_overwritten),
		TEST(keys_that_lay_open_are_overwritten),
		TEST(on_a_stick_where_files_have_one_name_too),
		TEST(keys_with_two_names_stay_whole_under_both),
		TEST(keys_that_were_to_be_former_ones_lie_open_under_no_name),
		TEST(the_files_of_another_user_are_left_alone),
		TEST(what_a_link_leads_to_stays_where_it_is),
		TEST(a_store_and_another_key_are_no_backup),
		TEST(an_encrypted_store_without_its_key_is_no_backup),
		TEST(an_encrypted_store_beside_open_keys_is_no_backup),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
