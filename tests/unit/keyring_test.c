/* keyring_test - newer keys take the older ones' place in memory and in the folder, and none is ever lost on the way. */
#include "agents/store/keyring.h"
#include "agents/store/store_key.h"
#include "agents/uplink/uplink_state.h"
#include "common/backup.h"
#include "common/key_file.h"
#include "common/log.h"
#include "tests/support/fixed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS "a river of the south"

/* The least that Argon2id takes: what is tested is not its cost. */
static const struct lock_cost cheap = {1, 8};

static char folder[64], path[96], next[112], former[112], store[112], words[112];

static int start(void **state)
{
	struct node_keys keys;

	(void)state;
	strcpy(folder, "/tmp/simpul-keyring-XXXXXX");
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof path, "%s/police.oku.keys", folder);
	snprintf(next, sizeof next, "%s.next", path);
	snprintf(former, sizeof former, "%s.1", path);
	snprintf(store, sizeof store, "%s.store", path);
	snprintf(words, sizeof words, "%s/words", folder);
	node_keys_generate(&keys, 1);
	return node_keys_save(&keys, NULL, path, NULL) == E_OK ? 0 : 1;
}

static int end(void **state)
{
	(void)state;
	chmod(folder, 0700);
	unlink(path);
	unlink(next);
	unlink(former);
	unlink(store);
	unlink(words);
	return rmdir(folder);
}

static struct node_keys saved(uint32_t key_id, const char *file)
{
	struct node_keys keys;

	node_keys_generate(&keys, key_id);
	assert_int_equal(node_keys_save(&keys, NULL, file, NULL), E_OK);
	return keys;
}

static void assert_holds(const char *file, const struct node_keys *keys)
{
	struct node_keys there;

	assert_int_equal(node_keys_load(&there, NULL, file, NULL), E_OK);
	assert_memory_equal(&there, keys, sizeof there);
}

static void newer_keys_take_the_place_and_the_former_ones_are_kept(void **state)
{
	struct keyring ring;
	struct node_keys first, second;

	(void)state;
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	first = ring.keys;
	assert_null(keyring_next(&ring));
	second = saved(2, next); /* made while the agent runs */
	assert_memory_equal(keyring_next(&ring), &second, sizeof second);
	assert_memory_equal(&ring.keys, &first, sizeof first); /* not before the broker has taken it */
	keyring_renew(&ring);
	assert_memory_equal(&ring.keys, &second, sizeof second);
	assert_memory_equal(keyring_find(&ring, 1), &first, sizeof first);
	assert_ptr_equal(keyring_find(&ring, 2), &ring.keys);
	assert_null(keyring_find(&ring, 3));
	assert_null(keyring_next(&ring));
	assert_holds(path, &second);
	assert_holds(former, &first);
	keyring_free(&ring);
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	assert_memory_equal(&ring.keys, &second, sizeof second);
	assert_memory_equal(keyring_find(&ring, 1), &first, sizeof first);
	keyring_free(&ring);
}

static void who_has_no_ring_finds_newer_keys_wherever_the_renewal_is(void **state)
{
	struct keyring ring;
	struct node_keys keys, second, third;

	(void)state;
	assert_int_equal(node_keys_load(&keys, NULL, path, NULL), E_OK);
	assert_false(keyring_newer(path, &(struct key_lock){0}, &keys));
	second = saved(2, next);
	assert_true(keyring_newer(path, &(struct key_lock){0}, &keys));
	assert_memory_equal(&keys, &second, sizeof keys);
	assert_false(keyring_newer(path, &(struct key_lock){0}, &keys));
	/* Now they lie where the first ones lay, and still newer ones beside them. */
	assert_int_equal(node_keys_load(&keys, NULL, path, NULL), E_OK);
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	keyring_renew(&ring);
	keyring_free(&ring);
	third = saved(3, next);
	assert_true(keyring_newer(path, &(struct key_lock){0}, &keys));
	assert_memory_equal(&keys, &second, sizeof keys);
	assert_true(keyring_newer(path, &(struct key_lock){0}, &keys));
	assert_memory_equal(&keys, &third, sizeof keys);
}

static void a_power_cut_between_the_two_steps_costs_nothing(void **state)
{
	struct keyring ring;
	struct node_keys first, second;

	(void)state;
	second = saved(2, next);
	assert_int_equal(link(path, former), 0); /* and no more */
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	first = ring.keys;
	assert_non_null(keyring_next(&ring));
	keyring_renew(&ring);
	assert_holds(path, &second);
	assert_holds(former, &first);
	keyring_free(&ring);
}

static bool one_name_only;

/* In the place of the C library's: as on a file system whose files have one name each. */
int link(const char *from, const char *to)
{
	if (!one_name_only || access(to, F_OK) == 0)
		return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
	errno = EPERM;
	return -1;
}

static void renewed_on_a_stick(bool was_broken_off)
{
	struct node_keys first, second;
	struct keyring ring;

	one_name_only = true;
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	first = ring.keys;
	if (was_broken_off)
		assert_int_equal(backup_file(path, former, NULL), E_OK);
	second = saved(2, next);
	assert_non_null(keyring_next(&ring));
	keyring_renew(&ring);
	assert_holds(path, &second);
	assert_holds(former, &first);
	assert_int_not_equal(access(next, F_OK), 0);
	keyring_free(&ring);
	one_name_only = false;
}

static void on_a_stick_where_files_have_one_name_too(void **state)
{
	(void)state;
	renewed_on_a_stick(false);
}

static void on_a_stick_a_power_cut_between_the_two_steps_costs_nothing_either(void **state)
{
	(void)state;
	renewed_on_a_stick(true);
}

static void another_file_under_the_name_of_the_former_keys_is_not_overwritten_nor_are_they(void **state)
{
	struct keyring ring;
	struct node_keys first, second, other;

	(void)state;
	other = saved(1, former);
	second = saved(2, next);
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	first = ring.keys;
	assert_non_null(keyring_next(&ring));
	keyring_renew(&ring);
	/* It speaks with the newer ones; the files wait for a person. */
	assert_memory_equal(&ring.keys, &second, sizeof second);
	assert_memory_equal(keyring_find(&ring, 1), &first, sizeof first);
	assert_holds(path, &first);
	assert_holds(next, &second);
	assert_holds(former, &other);
	keyring_free(&ring);
}

static void older_keys_are_no_newer_ones(void **state)
{
	struct keyring ring;

	(void)state;
	saved(1, next);
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	assert_null(keyring_next(&ring));
	keyring_free(&ring);
}

static void former_keys_that_cannot_be_read_keep_nobody_from_working(void **state)
{
	struct keyring ring;
	FILE *file;

	(void)state;
	unlink(path);
	saved(2, path);
	file = fopen(former, "w");
	assert_non_null(file);
	fputs("signing-seed = 00\n", file);
	fclose(file);
	assert_int_equal(chmod(former, 0600), 0);
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	assert_null(keyring_find(&ring, 1));
	assert_non_null(keyring_find(&ring, 2));
	keyring_free(&ring);
	unlink(path);
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_NOT_FOUND);
	keyring_free(&ring);
}

static void put(const char *file, const char *text)
{
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	assert_int_equal(chmod(file, 0600), 0);
}

/* Locks a file that lies open under a salt of its own. */
static void lock(const char *file)
{
	struct key_lock alone;

	assert_int_equal(key_lock_new(&alone, WORDS, &cheap, NULL), E_OK);
	assert_int_equal(key_file_relock(NULL, &alone, file, NULL), E_OK);
}

/* As `simpul keys rotate` does it. */
static struct node_keys rotated(void)
{
	struct key_lock opener = {.file = words};
	struct node_keys keys, newer;

	node_keys_generate(&newer, 2);
	assert_int_equal(node_keys_load(&keys, &opener, path, NULL), E_OK);
	assert_int_equal(node_keys_save(&newer, key_lock_same(&opener), next, NULL), E_OK);
	return newer;
}

/* Same passphrase, two commands: keys and the key of the store come from different backups, for one. */
static void newer_keys_are_taken_up_though_the_store_s_key_was_locked_apart(void **state)
{
	struct keyring ring;
	struct node_keys newer;

	(void)state;
	put(words, WORDS "\n");
	assert_int_equal(store_key_make(store, NULL, NULL), E_OK);
	lock(store);
	lock(path);
	assert_int_equal(keyring_load(&ring, path, words, NULL), E_OK);
	newer = rotated();
	assert_non_null(keyring_next(&ring));
	assert_memory_equal(&ring.next, &newer, sizeof newer);
	keyring_free(&ring);
}

/* A passphrase that is gone is not tried as if it were empty, nor asked for in the middle of the agent's work. */
static void newer_keys_that_were_locked_apart_are_taken_up_at_the_next_start(void **state)
{
	struct keyring ring;
	struct node_keys newer;

	(void)state;
	put(words, WORDS "\n");
	assert_int_equal(store_key_make(store, NULL, NULL), E_OK);
	lock(store);
	lock(path);
	assert_int_equal(keyring_load(&ring, path, words, NULL), E_OK);
	newer = saved(2, next);
	lock(next);
	assert_null(keyring_next(&ring));
	keyring_free(&ring);
	assert_int_equal(keyring_load(&ring, path, words, NULL), E_OK);
	assert_non_null(keyring_next(&ring));
	assert_memory_equal(&ring.next, &newer, sizeof newer);
	keyring_free(&ring);
}

/* Whoever has the disk for an hour puts a key there that he knows, for the store that is made after it. */
static void a_key_of_the_store_that_lies_open_beside_locked_keys_is_refused(void **state)
{
	struct key_lock made;
	struct cipher *cipher;
	struct keyring ring;

	(void)state;
	put(words, WORDS "\n");
	assert_int_equal(store_key_make(store, NULL, NULL), E_OK);
	lock(path);
	assert_int_equal(keyring_load(&ring, path, words, NULL), E_CONFIG);
	assert_null(ring.cipher);
	keyring_free(&ring);
	/* Nor are keys made beside it, which would lie open as it does. */
	assert_int_equal(store_key_ready(store, WORDS, &cheap, &made, &cipher, NULL), E_CONFIG);
	assert_null(cipher);
}

static void warning_count(void *context, enum log_level level, const char *line)
{
	*(unsigned *)context += level == LOG_LEVEL_WARNING && strstr(line, "key.unreadable") != NULL;
}

/* An agent that is halted for its key looks each second. */
static void newer_keys_that_cannot_be_read_are_told_of_once(void **state)
{
	struct keyring ring;
	unsigned warnings = 0;

	(void)state;
	saved(2, next);
	chmod(next, 0644);
	log_copy(warning_count, &warnings);
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	for (int i = 0; i < 3; i++)
		assert_null(keyring_next(&ring));
	assert_int_equal(warnings, 1);
	chmod(next, 0600);
	assert_non_null(keyring_next(&ring));
	log_copy(NULL, NULL);
	keyring_free(&ring);
}

/* Whether /proc says this of the mapping that an address lies in. */
static bool mapping_has(const void *address, const char *flag)
{
	FILE *maps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false, has = false;
	unsigned long from, to;

	assert_non_null(maps);
	while (fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= (unsigned long)address && (unsigned long)address < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			has = strstr(line, flag) != NULL;
	}
	fclose(maps);
	return has;
}

static void nothing_close(void *context, int linger_ms)
{
	(void)context;
	(void)linger_ms;
}

static void nothing_release(void *context)
{
	(void)context;
}

/* Under a sanitizer no page is ever locked. */
static void keys_and_the_key_of_the_store_stay_out_of_swap(void **state)
{
	const struct uplink_options none = {.node = "police.oku"};
	struct uplink *uplink =
		uplink_over(&(struct uplink_transport){.close = nothing_close, .release = nothing_release}, &none);
	struct keyring ring;

	(void)state;
	assert_true(mapping_has(uplink->session_keys, " dd"));
	assert_int_equal(store_key_make(store, NULL, NULL), E_OK);
	assert_int_equal(keyring_load(&ring, path, NULL, NULL), E_OK);
	assert_true(mapping_has(ring.cipher, " dd")); /* nor do they get into a core file */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(mapping_has(&ring, " lo"));
	assert_true(mapping_has(uplink->session_keys, " lo"));
	assert_true(mapping_has(ring.cipher, " lo"));
#endif
	keyring_free(&ring);
	uplink_free(uplink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(newer_keys_take_the_place_and_the_former_ones_are_kept, start, end),
		cmocka_unit_test_setup_teardown(who_has_no_ring_finds_newer_keys_wherever_the_renewal_is, start, end),
		cmocka_unit_test_setup_teardown(a_power_cut_between_the_two_steps_costs_nothing, start, end),
		cmocka_unit_test_setup_teardown(on_a_stick_where_files_have_one_name_too, start, end),
		cmocka_unit_test_setup_teardown(on_a_stick_a_power_cut_between_the_two_steps_costs_nothing_either,
						start, end),
		cmocka_unit_test_setup_teardown(
			another_file_under_the_name_of_the_former_keys_is_not_overwritten_nor_are_they, start, end),
		cmocka_unit_test_setup_teardown(older_keys_are_no_newer_ones, start, end),
		cmocka_unit_test_setup_teardown(former_keys_that_cannot_be_read_keep_nobody_from_working, start, end),
		cmocka_unit_test_setup_teardown(newer_keys_are_taken_up_though_the_store_s_key_was_locked_apart, start,
						end),
		cmocka_unit_test_setup_teardown(newer_keys_that_were_locked_apart_are_taken_up_at_the_next_start, start,
						end),
		cmocka_unit_test_setup_teardown(newer_keys_that_cannot_be_read_are_told_of_once, start, end),
		cmocka_unit_test_setup_teardown(keys_and_the_key_of_the_store_stay_out_of_swap, start, end),
		cmocka_unit_test_setup_teardown(a_key_of_the_store_that_lies_open_beside_locked_keys_is_refused, start,
						end),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
