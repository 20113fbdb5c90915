/* io_error_journal_test - calls that fail where a journal begins and ends: while it is founded, under the writer's
 * thread, and a newest entry that is not what was written. */
#include "broker/journal/journal_sqlite.h"
#include "broker/serve/writer.h"
#include "common/log.h"
#include "common/memory.h"
#include "tests/support/journal_life.h"
#include "tests/support/trial.h"

#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------------------- founding */

/* Returns how many calls were seen. */
static uint64_t found_and_fail(struct trial *trial, enum disk_call call, uint64_t nth)
{
	struct disk_fault fault = {.prefix = TRIAL_MACHINE, .call = call, .nth = nth, .once = true};
	struct journal_life *life = memory_zero(1, sizeof *life);
	char where[80];

	snprintf(where, sizeof where, "founding, %s %" PRIu64 " fails", disk_call_names[call], nth);
	trial->findings.where = where;
	trial->tried++;
	life->disk = trial->disk;
	life->founded = UINT64_MAX;
	ledger_prepare(&life->ledger);
	disk_record(trial->disk, TRIAL_MACHINE);
	disk_fault_add(trial->disk, &fault);
	trial->ended += journal_create(&life->ledger.options, life->ledger.exchange, life->ledger.authority.public_key,
				       LEDGER_START, NULL) != E_OK;
	disk_fault_remove(trial->disk, &fault);
	trial->met += fault.failed > 0;
	disk_rewind(trial->disk, disk_recorded(trial->disk), nth % 2 ? DISK_KEPT : DISK_DROPPED, nth);
	journal_life_check(life, 0, &trial->findings);
	journal_life_end(life);
	free(life);
	return fault.seen;
}

static void a_founding_that_failed_is_done_again(void **state)
{
	static const enum disk_call each[] = {DISK_WRITE, DISK_SYNC, DISK_OPEN, DISK_FOLDER, DISK_DELETE};
	struct trial *trial = trial_new();

	(void)state;
	for (size_t i = 0; i < COUNT(each); i++) {
		const struct trial before = *trial;
		const uint64_t all = found_and_fail(trial, each[i], 0);
		const uint64_t step = torture_long() ? 1 : 1 + all / 5;

		for (uint64_t nth = 1; nth <= all; nth += step)
			found_and_fail(trial, each[i], nth);
		trial_check_kind(&before, trial, disk_call_names[each[i]], false);
		assert_int_equal(trial->met - before.met, trial->tried - before.tried - 1);
	}
	trial_close(trial, "foundings that fail, broker's journal");
}

/* ---------------------------------------------------------------------------- the writer's thread */

/* Appends that the writer may gather as it likes; their answers must be good up to the first E_IO, which is the last.
 */
struct answers {
	uint64_t good;
	bool is_dead;
};

static void answers_take(struct trial *trial, struct mailbox *mailbox, struct answers *answers)
{
	struct letter *letter = mailbox_take_all(mailbox), *next;

	for (; letter != NULL; letter = next) {
		struct writer_answer *answer = (struct writer_answer *)letter;
		const struct journal_append *append = answer->appends;

		next = letter->next;
		if (answers->is_dead)
			found(&trial->findings, FOUND_INVENTED, "an answer after E_IO");
		for (; append != NULL; append = (const struct journal_append *)append->letter.next) {
			if ((append->receipt.size > 0) != (answer->error == E_OK))
				found(&trial->findings, FOUND_INVENTED, "a receipt with %s", error_name(answer->error));
			answers->good += answer->error == E_OK;
		}
		answers->is_dead |= answer->error == E_IO;
		writer_answer_free(answer);
	}
}

static void writer_feed(struct trial *trial, struct ledger *ledger, struct answers *answers)
{
	enum { REPORTS = 12 };
	struct mailbox *mailbox = mailbox_new();
	struct writer *writer = writer_start(ledger->journal, mailbox);

	for (uint64_t i = 1; i <= REPORTS; i++) {
		struct journal_append *append =
			ledger_append(ledger, &(struct saying){.origin = POLICE, .first = i, .audience = 1});

		writer_append(writer, append);
		/* The one before has its answer first, by turns. */
		if (i % 3 == 0 && !answers->is_dead)
			poll(&(struct pollfd){.fd = mailbox_fd(mailbox), .events = POLLIN}, 1, 1000);
		answers_take(trial, mailbox, answers);
	}
	writer_stop(writer);
	answers_take(trial, mailbox, answers);
	mailbox_free(mailbox);
}

/* As many reports are in the journal as were answered, or more: those of the commit that failed. */
static void fed_check(struct trial *trial, struct ledger *ledger, uint64_t good)
{
	struct journal_verdict verdict = {0};
	struct fault fault = {0};

	if (journal_open(&ledger->journal, &ledger->options, &fault) != E_OK ||
	    journal_verify(&ledger->options, NULL, &verdict, &fault) != E_OK || verdict.bad_entry != 0)
		found(&trial->findings, FOUND_LOST, "%s %s %s", error_name(fault.code), fault.field, verdict.what);
	if (verdict.reports < good)
		found(&trial->findings, FOUND_LOST, "%" PRIu64 " of %" PRIu64 " receipted reports", verdict.reports,
		      good);
}

static uint64_t write_and_fail(struct trial *trial, enum disk_call call, uint64_t nth, bool once)
{
	struct disk_fault fault = {.prefix = TRIAL_MACHINE, .call = call, .nth = nth, .once = once};
	struct ledger ledger;
	struct answers answers = {0};
	char where[80];

	snprintf(where, sizeof where, "writer, %s %" PRIu64 " fails", disk_call_names[call], nth);
	trial->findings.where = where;
	trial->tried++;
	ledger_open(&ledger);
	disk_fault_add(trial->disk, &fault);
	writer_feed(trial, &ledger, &answers);
	trial->met += fault.failed > 0;
	trial->ended += answers.is_dead;
	if (fault.failed > 0 && !answers.is_dead && once)
		found(&trial->findings, FOUND_INVENTED, "nobody hears of it");
	if (fault.failed > 0 && answers.good == 12)
		found(&trial->findings, FOUND_INVENTED, "everything is receipted");
	journal_close(ledger.journal);
	ledger.journal = NULL;
	disk_fault_remove(trial->disk, &fault);
	disk_restore(trial->disk, TRIAL_MACHINE, DISK_DROPPED, nth);
	fed_check(trial, &ledger, answers.good);
	ledger_close(&ledger);
	disk_restore(trial->disk, TRIAL_MACHINE, DISK_DROPPED, 1);
	return fault.seen;
}

static void after_an_io_error_the_writer_gives_no_receipt(void **state)
{
	static const enum disk_call each[] = {DISK_WRITE, DISK_SYNC};
	struct trial *trial = trial_new();

	(void)state;
	for (size_t i = 0; i < COUNT(each); i++) {
		const struct trial before = *trial;
		const uint64_t all = write_and_fail(trial, each[i], 0, true);
		const uint64_t step = torture_long() ? 1 : 1 + all / 8;

		/* The last is of the closing. A writer that gathers more at once makes fewer calls. */
		for (uint64_t nth = 1; nth < all; nth += step)
			write_and_fail(trial, each[i], nth, nth % 2 == 0);
		trial_check_kind(&before, trial, disk_call_names[each[i]], false);
	}
	trial_close(trial, "disk calls that fail, broker's writer");
}

/* ---------------------------------------------------------------------------- checked before it serves */

static uint64_t offset_of(struct disk *disk, const char *path, struct bytes wanted)
{
	const struct bytes content = disk_content(disk, path);
	const uint8_t *at = memmem(content.data, content.size, wanted.data, wanted.size);

	assert_non_null(at);
	return (uint64_t)(at - content.data);
}

/* Opens with one byte of the newest entry changed. */
static void damage_and_open(struct trial *trial, struct journal_life *life, const char *path, struct bytes wanted)
{
	const uint64_t offset = offset_of(trial->disk, path, wanted);
	const uint8_t good = wanted.data[0], bad = good ^ 0x40;
	struct journal *journal = NULL;
	struct fault fault = {0};

	trial->tried++;
	disk_overwrite(trial->disk, path, offset, BYTES(&bad, 1));
	if (journal_open(&journal, &life->ledger.options, &fault) != E_CORRUPT ||
	    strstr(fault.field, "journal.db") == NULL)
		found(&trial->findings, FOUND_INVENTED, "a damaged entry is served: %s %s", error_name(fault.code),
		      fault.field);
	trial->ended += journal == NULL;
	journal_close(journal);
	disk_overwrite(trial->disk, path, offset, BYTES(&good, 1));
}

static void a_damaged_newest_entry_is_not_served(void **state)
{
	struct trial *trial = trial_new();
	struct journal_life life;
	struct journal_append *append;
	uint8_t signature[SIGNATURE_SIZE];
	char *path;

	(void)state;
	trial->findings.where = "newest entry";
	journal_life_found(&life, trial->disk);
	path = memory_format("%s/%s", life.ledger.path, JOURNAL_FILE);
	append = ledger_append(&life.ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = 1});
	assert_int_equal(ledger_commit(&life.ledger, append, NULL), E_OK);
	memcpy(signature, life.ledger.journal->state.signature, SIGNATURE_SIZE);
	journal_life_stop(&life);
	damage_and_open(trial, &life, path, BYTES(append->head.bytes, HASH_SIZE));
	damage_and_open(trial, &life, path, BYTES(append->entry_hash.bytes, HASH_SIZE));
	damage_and_open(trial, &life, path, BYTES(append->digest.bytes, HASH_SIZE));
	damage_and_open(trial, &life, path, BYTES(signature, SIGNATURE_SIZE));
	assert_int_equal(journal_open(&life.ledger.journal, &life.ledger.options, NULL), E_OK);
	journal_append_free(append);
	journal_life_end(&life);
	free(path);
	trial_close(trial, "newest entries damaged, broker's journal");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_founding_that_failed_is_done_again),
		cmocka_unit_test(after_an_io_error_the_writer_gives_no_receipt),
		cmocka_unit_test(a_damaged_newest_entry_is_not_served),
	};

	log_init("io_error_journal_test", LOG_LEVEL_ALARM);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
