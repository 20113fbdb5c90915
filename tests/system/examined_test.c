/* examined_test - after an erasure somebody examines what is left, with every file of broker and offices, the broker's
 * keys, its memory, and a backup from before: he reads nothing of what was taken back, and everything else. */
#include "common/memory.h"
#include "tests/support/dump.h"
#include "tests/support/examiner.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

enum { POLICE, ARMY, OFFICES };
enum { STREAM_MAIN = 0, STREAM_RED = 2 };

#define TAKEN_BACK "canary-that-is-going-to-be-taken-back"
#define SEALED "canary-sealed-and-taken-back"
#define KEPT "canary-of-the-same-submission-that-is-kept"

static const char policy[] = POLICY_WANTED_UP_TO_RED;

struct examined {
	struct exchange x;
	char *top; /* all that there is of broker, offices and backups */
	struct examiner examiner;
};

/* The army's sink is a folder: it removes its files by itself. */
static int set_up(void **state)
{
	static struct examined examined;
	struct exchange *x = &examined.x;
	char *config, *files;

	dump_prepare();
	exchange_lay(x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	config = office_path(x, ARMY, "agent.yaml");
	files = office_path(x, ARMY, "files");
	file_swap(config, "  - {name: lines, type: jsonl, path: inbox.jsonl}\n",
		  "  - {name: files, type: folder, path: files, ceiling: RED}\n");
	assert_int_equal(mkdir(files, 0700), 0);
	free(files);
	free(config);
	examined.top = memory_string(x->folder);
	*strrchr(examined.top, '/') = '\0';
	*state = &examined;
	return exchange_serve(x);
}

static int tear_down(void **state)
{
	struct examined *examined = *state;
	void *exchange = &examined->x;

	examiner_free(&examined->examiner);
	free(examined->top);
	return exchange_tear_down(&exchange);
}

/* ------------------------------------------------------------------ what is done */

/* So that what comes later, and is shorter, does not overwrite the end of it. */
#define TEN "and so on "
#define LONG \
	TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

#define DRAFT(label, more, words) \
	"{\"category\": \"wanted\", \"region\": \"16.01\", \"purpose\": \"law-enforcement\", \"label\": \"" label \
	"\"" more ", \"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", " \
	"\"summary\": \"" words \
	"\", \"persons\": [{\"capacity\": \"seen\", \"identity\": \"claimed\", \"age\": \"adult\", " \
	"\"remark\": \"" LONG words "\", \"primary_identifier\": \"" words "\"}]}}"

/* police.oku#1 and #2 in one submission, and #R1. */
static void reports_send(struct exchange *x)
{
	static const char open[] = "[" DRAFT("AMBER", "", TAKEN_BACK) ", " DRAFT("AMBER", "", KEPT) "]";

	assert_int_equal(exchange_simpul(x, POLICE, open, NULL, "report", "--json", "-", NULL), 0);
	assert_int_equal(exchange_simpul(x, POLICE, DRAFT("RED", ", \"to\": [\"army.oku\"]", SEALED), NULL, "report",
					 "--json", "-", NULL),
			 0);
	assert_true(exchange_settled(x, 20));
	assert_true(office_received(x, ARMY, 3, 20));
}

static void retract(struct exchange *x, const char *name)
{
	assert_int_equal(
		exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-person", "--erase", NULL), 0);
}

static char *backup_make(struct examined *examined, const char *name)
{
	char *folder = memory_format("%s/%s", examined->top, name);

	assert_int_equal(exchange_ctl(&examined->x, NULL, "backup", "make", folder, NULL), 0);
	return folder;
}

/* keys.db with its log, and the data keys of the backups as they are now. */
static void keys_take(struct examined *examined, bool of_backups)
{
	static const char *const files[] = {"journal/keys.db", "journal/keys.db-wal", "broker.keys"};
	char *pattern = memory_format("%s/data-keys-*.db", examined->top);
	glob_t found;

	examiner_material_drop(&examined->examiner);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = broker_path(&examined->x, files[i]);

		examiner_material(&examined->examiner, path);
		free(path);
	}
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; of_backups && i < found.gl_pathc; i++)
		examiner_material(&examined->examiner, found.gl_pathv[i]);
	globfree(&found);
	free(pattern);
}

static struct exhibit *body_of(struct examined *examined, uint32_t stream, uint64_t number)
{
	struct exhibit *exhibit = examiner_find(&examined->examiner, stream, number);

	assert_non_null(exhibit);
	return exhibit;
}

static bool says(const struct exhibit *exhibit, const char *text)
{
	return memmem(exhibit->plain.data, exhibit->plain.size, text, strlen(text)) != NULL;
}

/* ------------------------------------------------------------------ what must be gone */

struct sought {
	const struct examined *examined;
	struct bytes bytes;
};

static bool no_file_holds(void *context)
{
	const struct sought *sought = context;

	return !folder_holds_bytes(sought->examined->top, sought->bytes);
}

/* The log is wiped, and files removed, a moment after it is said that all is erased. */
static bool nowhere_on_disk(const struct examined *examined, struct bytes bytes)
{
	struct sought sought = {examined, bytes};

	return wait_for(no_file_holds, &sought, 20);
}

static bool nowhere_in_memory(const struct examined *examined, struct bytes bytes)
{
	return dump_forgets(examined->x.broker, bytes) && dump_forgets(examined->x.offices[ARMY].pid, bytes) &&
	       dump_forgets(examined->x.offices[POLICE].pid, bytes);
}

/* Neither what it said nor what opened it. */
static void assert_nowhere(const struct examined *examined, const struct exhibit *exhibit, const char *text)
{
	const struct bytes sought[] = {BYTES(text, strlen(text)), BYTES(exhibit->secret, sizeof(exhibit->secret)),
				       BYTES(exhibit->key, sizeof(exhibit->key))};
	const bool memory = dump_permitted() && dump_overwritten();

	for (size_t i = 0; i < sizeof(sought) / sizeof(sought[0]); i++) {
		assert_true(nowhere_on_disk(examined, sought[i]));
		assert_true(!memory || nowhere_in_memory(examined, sought[i]));
	}
}

/* ------------------------------------------------------------------ tests */

/* Or the search would find nothing in any case. */
static void before_it_everything_is_read(void **state)
{
	struct examined *examined = *state;
	char *before, *journal;

	reports_send(&examined->x);
	before = backup_make(examined, "before");
	journal = memory_format("%s/journal.db", before);
	examiner_take(&examined->examiner, journal);
	keys_take(examined, true);
	assert_int_equal(examined->examiner.count, 3);
	assert_int_equal(examiner_open_all(&examined->examiner), 3);
	assert_true(says(body_of(examined, STREAM_MAIN, 1), TAKEN_BACK));
	assert_true(says(body_of(examined, STREAM_MAIN, 2), KEPT));
	assert_false(says(body_of(examined, STREAM_RED, 1), SEALED)); /* he has no office's key, and needs none here */
	assert_true(folder_holds(examined->top, TAKEN_BACK));
	free(journal);
	free(before);
}

static bool broker_forgot(void *context)
{
	struct examined *examined = context;

	keys_take(examined, false);
	return !examiner_opens(&examined->examiner, body_of(examined, STREAM_MAIN, 1)) &&
	       !examiner_opens(&examined->examiner, body_of(examined, STREAM_RED, 1));
}

/* After the test above. The next backup overwrites the data keys: from then on the one from before helps nobody. */
static void after_it_nothing_of_it_is_read_and_all_the_rest(void **state)
{
	struct examined *examined = *state;
	struct exhibit *open = body_of(examined, STREAM_MAIN, 1), *red = body_of(examined, STREAM_RED, 1);
	struct exhibit was_open = *open, was_red = *red; /* what opened them */

	retract(&examined->x, "police.oku#1");
	retract(&examined->x, "police.oku#R1");
	assert_true(wait_for(broker_forgot, examined, 20));
	keys_take(examined, true);
	assert_true(examiner_opens(&examined->examiner, open)); /* the backup's data keys open it yet */
	free(backup_make(examined, "after"));
	assert_nowhere(examined, &was_open, TAKEN_BACK);
	assert_nowhere(examined, &was_red, SEALED);
	keys_take(examined, true);
	assert_false(examiner_opens(&examined->examiner, open));
	assert_false(examiner_opens(&examined->examiner, red));
	assert_true(examiner_opens(&examined->examiner, body_of(examined, STREAM_MAIN, 2)));
	assert_int_equal(exchange_ctl(&examined->x, NULL, "journal", "verify", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_it_everything_is_read),
		cmocka_unit_test(after_it_nothing_of_it_is_read_and_all_the_rest),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
