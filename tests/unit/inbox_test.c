/* Tries to break what inbox.h promises. */
#include "agents/reports/view.h"
#include "common/wire.h"
#include "tests/support/offices.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define MOST 8

static void apply_entries(struct offices *f, Simpul__Entry **entries, size_t count, uint64_t after,
			  enum inbox_result expected)
{
	agent_batch(&f->world, after, entries, count, NULL, &f->batch);
	assert_int_equal(inbox_apply(f->inbox, buffer_view(&f->batch), &f->fault), expected);
}

/* A frozen submission of `count` times this report, after what was sent before. */
static Simpul__Submission *send(struct offices *f, struct prepared *prepared, size_t count)
{
	struct prepared *list[MOST];

	for (size_t i = 0; i < count; i++)
		list[i] = prepared;
	return offices_send_all(f, list, count);
}

static Simpul__Submission *send_sightings(struct offices *f, size_t count)
{
	return send(f, agent_sighting(&f->world, AMBER, "a car at the market"), count);
}

/* ---- once, in order, all */

static void a_batch_twice_is_applied_once(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sightings(f, 3));

	offices_apply(f, entry);
	assert_int_equal(offices_rows(f, "trust = 0"), 3);
	assert_int_equal(inbox_apply(f->inbox, buffer_view(&f->batch), &f->fault), INBOX_IGNORED);
	offices_reopen(f);
	assert_int_equal(inbox_apply(f->inbox, buffer_view(&f->batch), &f->fault), INBOX_IGNORED);
	assert_int_equal(offices_rows(f, "1"), 3);
	assert_int_equal(inbox_cursor(f->inbox).entry, 3);
}

static void what_overlaps_brings_its_new_part_only(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entries[2];

	entries[0] = agent_delivery(&f->world, send_sightings(f, 2));
	offices_apply(f, entries[0]);
	entries[0]->delivery->reports[0]->body.data[20] ^= 1; /* is not even looked at */
	entries[1] = agent_delivery(&f->world, send_sightings(f, 2));
	apply_entries(f, entries, 2, 2, INBOX_APPLIED);
	assert_int_equal(offices_rows(f, "trust = 0"), 4);
	assert_int_equal(offices_rows(f, "trust = 2"), 0);
	assert_int_equal(offices_rows(f, "entry = 3"), 2);
}

static void an_entry_is_never_skipped(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *missed = agent_delivery(&f->world, send_sightings(f, 1));
	Simpul__Entry *entry = agent_delivery(&f->world, send_sightings(f, 1));
	Simpul__Entry *both[] = {missed, entry}, *swapped[] = {entry, missed};

	apply_entries(f, &entry, 1, 3, INBOX_BEHIND);
	assert_int_equal(inbox_cursor(f->inbox).entry, 2);
	assert_int_equal(offices_rows(f, "1"), 0);
	apply_entries(f, swapped, 2, 2, INBOX_FAILED);
	assert_int_equal(f->fault.code, E_INVALID);
	apply_entries(f, &missed, 1, 3, INBOX_BEHIND);
	apply_entries(f, both, 2, 2, INBOX_APPLIED);
	assert_int_equal(offices_rows(f, "1"), 2);
}

static void a_batch_that_fails_in_the_middle_leaves_nothing(void **state)
{
	struct offices *f = *state;
	struct agent_office forged;
	Simpul__Entry *entries[2];

	agent_office_make(&f->world, "navy.oku", 1, &forged);
	forged.member.authority_signature[3] ^= 1;
	entries[0] = agent_delivery(&f->world, send_sightings(f, 1));
	entries[1] = agent_member(&f->world, &forged);
	apply_entries(f, entries, 2, 2, INBOX_FAILED);
	assert_int_equal(f->fault.code, E_BAD_SIGNATURE);
	assert_non_null(strstr(f->alarm, "inbox.bad_member"));
	assert_int_equal(offices_rows(f, "1"), 0);
	assert_int_equal(inbox_cursor(f->inbox).entry, 2);
	assert_int_equal(agent_number(&f->store, "SELECT entry FROM cursor"), 2);
}

static void an_empty_batch_is_not_acknowledged_before_it_is_on_disk(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry;

	agent_entry(&f->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY); /* for somebody else */
	apply_entries(f, NULL, 0, 2, INBOX_APPLIED);
	assert_int_equal(inbox_cursor(f->inbox).entry, agent_number(&f->store, "SELECT entry FROM cursor"));
	assert_int_equal(inbox_cursor(f->inbox).entry, 2);
	entry = agent_delivery(&f->world, send_sightings(f, 1));
	apply_entries(f, &entry, 1, 3, INBOX_APPLIED); /* what was seen counts all the same */
	assert_int_equal(inbox_cursor(f->inbox).entry, 4);
	assert_int_equal(agent_number(&f->store, "SELECT entry FROM cursor"), 4);
}

/* Or its cursor might follow, and be acknowledged, before the new session has handed anything over. */
static void what_was_seen_and_is_not_on_disk_is_forgotten_when_a_session_begins(void **state)
{
	struct offices *f = *state;

	agent_entry(&f->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY);
	apply_entries(f, NULL, 0, 2, INBOX_APPLIED);
	apply_entries(f, NULL, 0, 3, INBOX_IGNORED);
	inbox_begin(f->inbox);
	apply_entries(f, NULL, 0, 3, INBOX_BEHIND);
	apply_entries(f, NULL, 0, 2, INBOX_APPLIED);
	assert_int_equal(inbox_cursor(f->inbox).entry, 2);
}

static void many_empty_batches_do_move_the_cursor(void **state)
{
	struct offices *f = *state;

	for (int i = 0; i < 1000; i++) {
		agent_entry(&f->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY);
		apply_entries(f, NULL, 0, f->world.head.entry - 1, INBOX_APPLIED);
	}
	assert_in_range(inbox_cursor(f->inbox).entry, 500, 1002);
	offices_reopen(f); /* a clean end writes it */
	assert_int_equal(inbox_cursor(f->inbox).entry, 1002);
}

static void a_withheld_entry_is_on_record(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_entry(&f->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	Simpul__Stub stub = SIMPUL__STUB__INIT;

	stub.policy_version = 7;
	entry->content_case = SIMPUL__ENTRY__CONTENT_STUB;
	entry->stub = &stub;
	offices_apply(f, entry);
	assert_int_equal(agent_number(&f->store, "SELECT policy_version FROM withheld WHERE entry = 3"), 7);
}

/* ---- superseded, and what it says by now is not for this office */

struct seen_row {
	size_t rows;
	uint64_t superseded_by; /* of the first row */
	bool has_notice;
	char updated_by[REPORT_NAME_SIZE];
};

static bool row_see(void *context, const struct inbox_row *row)
{
	struct seen_row *seen = context;

	if (seen->rows++ == 0) {
		seen->superseded_by = row->superseded_by;
		strcpy(seen->updated_by, row->updated_by);
	}
	seen->has_notice = seen->has_notice || row->is_notice;
	return true;
}

/* What a reader sees under the name police.oku#NUMBER. */
static struct seen_row see(struct offices *f, uint64_t number)
{
	const struct report_name name = {.origin = "police.oku", .epoch = 1, .number = number};
	struct seen_row seen = {.rows = 0};

	assert_int_equal(view_inbox_by_name(&f->store, &name, row_see, &seen, NULL), E_OK);
	return seen;
}

static void a_superseded_report_counts_no_longer(void **state)
{
	struct offices *f = *state;

	offices_apply(f, agent_delivery(&f->world, send_sightings(f, 1)));
	offices_apply(f, agent_superseded(&f->world, 1, &f->police.keys));
	assert_int_equal(see(f, 1).superseded_by, 4);
	assert_true(see(f, 1).has_notice);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM withheld"), 1);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM quarantine"), 0);
	/* What was said after that counts again. */
	offices_apply(f,
		      agent_delivery(&f->world, send(f, agent_update(&f->world, "police.oku", 1, "for all again"), 1)));
	assert_int_equal(see(f, 1).superseded_by, 0);
	assert_string_equal(see(f, 1).updated_by, "police.oku#2");
	assert_int_equal(see(f, 2).superseded_by, 0);
	offices_apply(f, agent_superseded(&f->world, 1, &f->police.keys));
	assert_int_equal(see(f, 1).superseded_by, 6);
	assert_int_equal(see(f, 2).superseded_by, 6);
}

static void a_forged_notice_changes_nothing_and_waits(void **state)
{
	struct offices *f = *state;

	offices_apply(f, agent_delivery(&f->world, send_sightings(f, 1)));
	offices_apply(f, agent_superseded(&f->world, 1, &f->army.keys));
	assert_int_equal(see(f, 1).superseded_by, 0);
	assert_int_equal(offices_rows(f, "notice = 1 AND trust <> 2"), 0);
	assert_non_null(strstr(f->alarm, "inbox.bad_notice entry=4 code=BAD_SIGNATURE"));
	assert_int_equal(agent_number(&f->store, "SELECT code FROM quarantine WHERE cause = 5 AND state = 0"),
			 E_BAD_SIGNATURE);
}

static void a_notice_of_what_never_came_leaves_no_trace_in_the_inbox(void **state)
{
	struct offices *f = *state;

	offices_apply(f, agent_superseded(&f->world, 1, &f->police.keys));
	assert_int_equal(offices_rows(f, "1"), 0);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM quarantine"), 0);
}

/* A thief of the key may have said it. */
static void a_notice_counts_no_more_once_its_key_is_compromised(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *stub, *report = agent_delivery(&f->world, send_sightings(f, 1));

	report->accepted_at = 1000;
	offices_apply(f, report);
	stub = agent_superseded(&f->world, 1, &f->police.keys);
	stub->accepted_at = 3000;
	offices_apply(f, stub);
	assert_int_not_equal(see(f, 1).superseded_by, 0);
	offices_apply(f, agent_standing(&f->world, "police.oku", 1, SIMPUL__STANDING__STANDING_COMPROMISED, 2000));
	assert_int_equal(see(f, 1).superseded_by, 0);
}

/* A broker that was restored sends it all again. */
static void a_notice_stands_in_no_repeats_way(void **state)
{
	struct offices *f = *state;
	const Simpul__Submission *submission = send_sightings(f, 1);

	offices_apply(f, agent_delivery(&f->world, submission));
	offices_apply(f, agent_superseded(&f->world, 1, &f->police.keys));
	offices_apply(f, agent_delivery(&f->world, submission));
	assert_int_equal(offices_rows(f, "trust = 2"), 0);
	assert_int_equal(offices_rows(f, "notice = 0"), 1);
	/* Nor in that of an erasure. */
	offices_apply(f, agent_delivery(&f->world, send(f, agent_retraction(&f->world, "police.oku", 1), 1)));
	assert_int_equal(offices_rows(f, "erased_at > 0"), 1);
}

/* ---- trust */

static void a_forged_report_is_marked_bad(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sightings(f, 2));

	entry->delivery->reports[1]->body.data[20] ^= 1;
	offices_apply(f, entry);
	assert_int_equal(offices_rows(f, "trust = 2"), 2);
	assert_non_null(strstr(f->alarm, "inbox.bad_report"));
	assert_non_null(strstr(f->alarm, "BAD_SIGNATURE"));
	assert_int_equal(inbox_cursor(f->inbox).entry, 3);
}

static void a_report_under_another_name_is_marked_bad(void **state)
{
	struct offices *f = *state;
	struct hash leaves[MOST], digest;
	Simpul__Submission *submission = send_sightings(f, 2);
	uint8_t signature[SIGNATURE_SIZE];

	/* The origin itself signs a header that names another number. */
	submission->reports[1]->header = submission->reports[0]->header;
	assert_int_equal(submission_digest(submission, f->world.join.exchange, leaves, NULL, &digest, NULL), E_OK);
	digest_sign(&f->police.keys.signing, SIGN_TAG_SUBMISSION, &digest, signature);
	submission->signature.data = signature;
	offices_apply(f, agent_delivery(&f->world, submission));
	assert_int_equal(offices_rows(f, "trust = 0 AND number = 1"), 1);
	assert_int_equal(offices_rows(f, "trust = 2 AND number = 2"), 1);
}

static void a_key_from_before_rotation_still_verifies_old_entries(void **state)
{
	struct offices *f = *state;
	const Simpul__Submission *early = send_sightings(f, 1), *late = send_sightings(f, 1);
	struct agent_office renewed;
	Simpul__Entry *entries[3];

	agent_office_make(&f->world, "police.oku", 2, &renewed);
	entries[0] = agent_delivery(&f->world, early);
	entries[1] = agent_member(&f->world, &renewed);
	entries[2] = agent_delivery(&f->world, late);
	apply_entries(f, entries, 3, 2, INBOX_APPLIED);
	assert_int_equal(offices_rows(f, "trust = 0 AND number = 1"), 1);
	assert_int_equal(offices_rows(f, "trust = 2 AND number = 2"), 1);
}

static void a_compromise_makes_what_came_since_doubtful(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *before = agent_delivery(&f->world, send_sightings(f, 1)), *since;

	before->accepted_at = 1000;
	offices_apply(f, before);
	since = agent_delivery(&f->world, send_sightings(f, 1));
	since->accepted_at = 3000;
	offices_apply(f, since);
	offices_apply(f, agent_standing(&f->world, "police.oku", 1, SIMPUL__STANDING__STANDING_COMPROMISED, 2000));
	assert_int_equal(offices_rows(f, "trust = 0 AND number = 1"), 1);
	assert_int_equal(offices_rows(f, "trust = 1 AND number = 2"), 1);
	offices_apply(f, agent_delivery(&f->world, send_sightings(f, 1)));
	assert_int_equal(offices_rows(f, "trust = 1 AND number = 3"), 1);
}

/* A broker that goes on taking reports under a key that has ended does not make them good. */
static void what_came_long_after_the_end_of_a_key_is_doubtful(void **state)
{
	struct offices *f = *state;
	const wall_ms end = f->police.member.created_at + 1000, day = 24 * 3600 * 1000;
	Simpul__Entry *entry;

	agent_office_make(&f->world, "police.oku", 2, &f->police);
	f->police.member.expires_at = end;
	member_countersign(&f->police.member, &f->world.authority);
	offices_apply(f, agent_member(&f->world, &f->police));
	entry = agent_delivery(&f->world, send_sightings(f, 1));
	entry->accepted_at = end + day;
	offices_apply(f, entry);
	entry = agent_delivery(&f->world, send_sightings(f, 1));
	entry->accepted_at = end + day + 1;
	offices_apply(f, entry);
	assert_int_equal(offices_rows(f, "trust = 0 AND number = 1"), 1);
	assert_int_equal(offices_rows(f, "trust = 1 AND number = 2"), 1);
}

static void a_reused_number_is_alarmed_and_both_are_kept(void **state)
{
	struct offices *f = *state;
	struct hash leaves[MOST], digest;
	Simpul__Submission *submission = send_sightings(f, 2);
	uint8_t signature[SIGNATURE_SIZE];

	offices_apply(f, agent_delivery(&f->world, submission));
	offices_apply(f, agent_delivery(&f->world, submission)); /* a broker that was restored sends it again */
	assert_int_equal(offices_rows(f, "1"), 2);
	submission->reports[1]->body.data[20] ^= 1;
	assert_int_equal(submission_digest(submission, f->world.join.exchange, leaves, NULL, &digest, NULL), E_OK);
	digest_sign(&f->police.keys.signing, SIGN_TAG_SUBMISSION, &digest, signature);
	submission->signature.data = signature;
	offices_apply(f, agent_delivery(&f->world, submission));
	assert_int_equal(offices_rows(f, "number = 1"), 1);
	assert_int_equal(offices_rows(f, "number = 2 AND trust = 0"), 1);
	assert_int_equal(offices_rows(f, "number = 2 AND trust = 2"), 1);
	assert_non_null(strstr(f->alarm, "NUMBER_REUSED"));
}

static void a_spoiled_copy_does_not_keep_the_good_one_out(void **state)
{
	struct offices *f = *state;
	const Simpul__Submission *submission = send_sightings(f, 1);
	Simpul__Entry *spoiled = agent_delivery(&f->world, submission);
	uint8_t none[SIGNATURE_SIZE] = {0};

	spoiled->delivery->signature.data = none;
	offices_apply(f, spoiled);
	offices_apply(f, agent_delivery(&f->world, submission));
	assert_int_equal(offices_rows(f, "trust = 2"), 1);
	assert_int_equal(offices_rows(f, "trust = 0"), 1);
}

/* ---- marks */

static bool note_cancelled(void *cancelled, const struct inbox_row *row)
{
	*(bool *)cancelled = row->cancelled_by[0] != '\0';
	return false;
}

/* Whether the police's report with this number shows as cancelled. */
static bool is_cancelled(struct offices *f, uint64_t number)
{
	const struct report_name name = {"police.oku", 1, SIMPUL__STREAM__STREAM_MAIN, number};
	bool cancelled = false;

	assert_int_equal(view_inbox_by_name(&f->store, &name, note_cancelled, &cancelled, NULL), E_OK);
	return cancelled;
}

static void a_cancel_marks_the_report(void **state)
{
	struct offices *f = *state;

	offices_apply(f, agent_delivery(&f->world, send_sightings(f, 2)));
	offices_apply(f, agent_delivery(&f->world, send(f, agent_cancel(&f->world, "police.oku", 2), 1)));
	assert_true(is_cancelled(f, 2));
	assert_false(is_cancelled(f, 1));
}

static void a_cancel_by_a_thief_ends_with_his_key(void **state)
{
	struct offices *f = *state;

	offices_apply(f, agent_delivery(&f->world, send_sightings(f, 1)));
	offices_apply(f, agent_delivery(&f->world, send(f, agent_cancel(&f->world, "police.oku", 1), 1)));
	assert_true(is_cancelled(f, 1));
	offices_apply(f, agent_standing(&f->world, "police.oku", 1, SIMPUL__STANDING__STANDING_COMPROMISED, 1));
	assert_false(is_cancelled(f, 1));
}

static void only_the_origin_can_cancel(void **state)
{
	struct offices *f = *state;
	struct offices other = *f;
	const struct position seen = {0};
	struct prepared *cancel = agent_cancel(&f->world, "police.oku", 1);
	struct outbox_submission sent = {0};
	struct report_name name;
	Simpul__Submission *submission;

	offices_apply(f, agent_delivery(&f->world, send_sightings(f, 1)));
	/* The army cancels what the police said. */
	assert_int_equal(outbox_take(&other.store, &cancel, NULL, 1, false, &name, NULL), E_OK);
	assert_int_equal(outbox_next(&other.store, &other.army.keys, 0, 0, &seen, &sent, NULL), E_OK);
	submission = agent_submission(&f->world, buffer_view(&sent.message));
	buffer_free(&sent.message);
	offices_apply(f, agent_delivery(&f->world, submission));
	assert_int_equal(offices_rows(f, "origin = 'army.oku' AND trust = 0"), 1);
	assert_false(is_cancelled(f, 1));
}

static void a_forged_cancel_marks_nothing(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry;

	offices_apply(f, agent_delivery(&f->world, send_sightings(f, 1)));
	entry = agent_delivery(&f->world, send(f, agent_cancel(&f->world, "police.oku", 1), 1));
	entry->delivery->signature.data[0] ^= 1;
	offices_apply(f, entry);
	assert_int_equal(offices_rows(f, "trust = 2"), 1);
	assert_false(is_cancelled(f, 1));
}

/* ---- histories */

static void a_bad_head_signature_stops_the_agent(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sightings(f, 1));

	signing_key_generate(&f->world.broker.signing);
	apply_entries(f, &entry, 1, 2, INBOX_FAILED);
	assert_int_equal(f->fault.code, E_BAD_SIGNATURE);
	apply_entries(f, NULL, 0, 2, INBOX_FAILED);
	assert_int_equal(offices_rows(f, "1"), 0);
}

static void another_head_at_the_same_entry_is_another_history(void **state)
{
	struct offices *f = *state;

	f->world.head.head.bytes[0] ^= 1;
	apply_entries(f, NULL, 0, 2, INBOX_FAILED);
	assert_int_equal(f->fault.code, E_HISTORY_DIFFERS);
}

static void another_incarnation_is_another_history(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sightings(f, 1));

	f->world.head.incarnation = 2;
	apply_entries(f, &entry, 1, 2, INBOX_FAILED);
	assert_int_equal(f->fault.code, E_HISTORY_DIFFERS);
}

static void a_cursor_that_cannot_be_read_is_not_the_beginning(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sightings(f, 1));

	assert_int_equal(database_run(f->store.db, "UPDATE cursor SET head = x'00'", NULL), E_OK);
	offices_reopen(f);
	apply_entries(f, &entry, 1, 2, INBOX_FAILED);
	assert_int_equal(f->fault.code, E_CORRUPT);
	apply_entries(f, &entry, 1, 0, INBOX_FAILED);
}

static void a_truncated_batch_is_refused_at_every_length(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sightings(f, 1));

	size_t empty;

	/* Cut right before the entries it is a whole batch that brings nothing; the seal of feed and link rules that
	 * out. */
	agent_batch(&f->world, 2, NULL, 0, NULL, &f->batch);
	empty = f->batch.size;
	agent_batch(&f->world, 2, &entry, 1, NULL, &f->batch);
	for (size_t size = 0; size < f->batch.size; size++)
		if (size != empty)
			assert_int_not_equal(inbox_apply(f->inbox, BYTES(f->batch.data, size), &f->fault),
					     INBOX_APPLIED);
	assert_int_equal(offices_rows(f, "1"), 0);
}

/* ---- sealed, erased, refused, and proof */

/* This node's wrap, as the broker picks it out of the routing. */
static Simpul__EntryWrap wrap_of(struct offices *f, const Simpul__Submission *submission, uint64_t entry)
{
	const Simpul__Routing *routing =
		wire_unpack(&simpul__routing__descriptor, BYTES(submission->routing.data, submission->routing.len),
			    &f->world.arena, NULL);
	Simpul__EntryWrap wrap = SIMPUL__ENTRY_WRAP__INIT;

	wrap.entry = entry;
	wrap.key_id = routing->wraps[0]->key_id;
	wrap.wrapped = routing->wraps[0]->wrapped;
	return wrap;
}

static struct prepared *red(struct offices *f, char **to)
{
	struct prepared *prepared = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_RED, "the word is heron");

	prepared->routing->n_to = 1;
	prepared->routing->to = to;
	return prepared;
}

static void a_sealed_body_is_opened_for_its_recipient(void **state)
{
	struct offices *f = *state;
	char *to[] = {(char[]){"army.oku"}};
	const Simpul__Submission *submission = send(f, red(f, to), 2);
	Simpul__Entry *entry = agent_delivery(&f->world, submission);
	Simpul__EntryWrap wrap = wrap_of(f, submission, entry->entry);

	agent_batch(&f->world, 2, &entry, 1, &wrap, &f->batch);
	assert_int_equal(inbox_apply(f->inbox, buffer_view(&f->batch), &f->fault), INBOX_APPLIED);
	assert_int_equal(offices_rows(f, "trust = 0 AND instr(body, CAST('heron' AS BLOB)) > 0"), 2);
	assert_int_equal(agent_number(&f->store, "SELECT length(content_key) FROM inbox_delivery WHERE entry = 3"),
			 KEY_SIZE);
}

static void a_sealed_body_that_does_not_open_is_marked_bad(void **state)
{
	struct offices *f = *state;
	char *to[] = {(char[]){"army.oku"}};
	const Simpul__Submission *submission = send(f, red(f, to), 1);

	offices_apply(f, agent_delivery(&f->world, submission));
	assert_int_equal(offices_rows(f, "trust = 2 AND length(body) = 0"), 1);
	assert_non_null(strstr(f->alarm, "CANNOT_OPEN"));
}

static void erased_and_refused_reports_spoil_no_proof(void **state)
{
	struct offices *f = *state;
	const Simpul__Submission *submission = send_sightings(f, 3);
	Simpul__Entry *entry = agent_delivery(&f->world, submission);
	Simpul__DeliveredReport *const *reports = entry->delivery->reports;
	struct hash leaves[MOST], digest, body = hash_of(BYTES(reports[0]->body.data, reports[0]->body.len));

	assert_int_equal(submission_digest(submission, f->world.join.exchange, leaves, NULL, &digest, NULL), E_OK);
	reports[0]->body = (ProtobufCBinaryData){0, NULL};
	reports[0]->body_hash = (ProtobufCBinaryData){HASH_SIZE, body.bytes};
	simpul__delivered_report__init(reports[1]);
	reports[1]->leaf = (ProtobufCBinaryData){HASH_SIZE, leaves[1].bytes};
	offices_apply(f, entry);
	assert_int_equal(offices_rows(f, "trust = 0 AND number = 1 AND length(body) = 0"), 1);
	assert_int_equal(offices_rows(f, "number = 2"), 0);
	assert_int_equal(offices_rows(f, "trust = 0 AND number = 3 AND length(body) > 0"), 1);
}

static void what_is_kept_proves_the_origin(void **state)
{
	struct offices *f = *state;
	const Simpul__Delivery *proof;
	struct hash digest;
	sqlite3_stmt *get;

	offices_apply(f, agent_delivery(&f->world, send_sightings(f, 3)));
	get = database_prepare(f->store.db, "SELECT proof FROM inbox_delivery");
	assert_int_equal(sqlite3_step(get), SQLITE_ROW);
	proof = wire_unpack(&simpul__delivery__descriptor, column_bytes(get, 0), &f->world.arena, NULL);
	assert_int_equal(delivery_digest(proof, f->world.join.exchange, &digest, NULL), E_OK);
	assert_true(digest_verify(f->police.keys.signing.public_key, SIGN_TAG_SUBMISSION, &digest,
				  BYTES(proof->signature.data, proof->signature.len)));
	assert_int_equal(proof->reports[0]->body.len, 0);
	sqlite3_finalize(get);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM head WHERE entry = 3"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_batch_twice_is_applied_once, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(what_overlaps_brings_its_new_part_only, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(an_entry_is_never_skipped, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_batch_that_fails_in_the_middle_leaves_nothing, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(an_empty_batch_is_not_acknowledged_before_it_is_on_disk, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(what_was_seen_and_is_not_on_disk_is_forgotten_when_a_session_begins,
						offices_start, offices_end),
		cmocka_unit_test_setup_teardown(many_empty_batches_do_move_the_cursor, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_withheld_entry_is_on_record, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_superseded_report_counts_no_longer, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_forged_notice_changes_nothing_and_waits, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_notice_of_what_never_came_leaves_no_trace_in_the_inbox, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(a_notice_counts_no_more_once_its_key_is_compromised, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(a_notice_stands_in_no_repeats_way, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_forged_report_is_marked_bad, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_report_under_another_name_is_marked_bad, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_key_from_before_rotation_still_verifies_old_entries, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(a_compromise_makes_what_came_since_doubtful, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(what_came_long_after_the_end_of_a_key_is_doubtful, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(a_reused_number_is_alarmed_and_both_are_kept, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(a_spoiled_copy_does_not_keep_the_good_one_out, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(a_cancel_marks_the_report, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_cancel_by_a_thief_ends_with_his_key, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(only_the_origin_can_cancel, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_forged_cancel_marks_nothing, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_bad_head_signature_stops_the_agent, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(another_head_at_the_same_entry_is_another_history, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(another_incarnation_is_another_history, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_cursor_that_cannot_be_read_is_not_the_beginning, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(a_truncated_batch_is_refused_at_every_length, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(a_sealed_body_is_opened_for_its_recipient, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(a_sealed_body_that_does_not_open_is_marked_bad, offices_start,
						offices_end),
		cmocka_unit_test_setup_teardown(erased_and_refused_reports_spoil_no_proof, offices_start, offices_end),
		cmocka_unit_test_setup_teardown(what_is_kept_proves_the_origin, offices_start, offices_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
