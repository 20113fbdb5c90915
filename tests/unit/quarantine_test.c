/* Tries to break what agents/reports/quarantine.h and quarantine_desk.h promise of what cannot be applied. */
#include "agents/reports/erase.h"
#include "agents/reports/purge_receipt.h"
#include "agents/reports/quarantine.h"
#include "agents/reports/store_progress.h"
#include "agents/reports/view.h"
#include "agents/serve/quarantine_desk.h"
#include "common/wire.h"
#include "tests/support/offices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define NOW UINT64_C(1795190003000)

static Simpul__Submission *send_sighting(struct offices *f)
{
	return offices_send_sighting(f, "a car at the market");
}

/* The office's one item. */
static struct quarantine_item item_of(struct offices *f, uint64_t id)
{
	struct quarantine_item item;

	assert_int_equal(quarantine_find(&f->store, id, &item, NULL), E_OK);
	return item;
}

/* How many wait for any cause. */
static uint64_t waiting(struct offices *f)
{
	uint64_t counts[QUARANTINE_CAUSES], all = 0;

	assert_int_equal(quarantine_count(&f->store, counts, NULL), E_OK);
	for (size_t i = 0; i < QUARANTINE_CAUSES; i++)
		all += counts[i];
	return all;
}

/* What the desk says to a request; E_OK, and its state in *state, or the refusal. */
static enum error desk(struct offices *f, const char *action, uint64_t item, const char *reason, char word[16])
{
	const struct quarantine_desk desk = {&f->store, &f->army.keys, &f->ring, NULL};
	json_t *request = json_pack("{s:s, s:I, s:s*}", "action", action, "item", (json_int_t)item, "reason", reason);
	json_t *answer;

	memset(&f->fault, 0, sizeof f->fault);
	answer = quarantine_answer(&desk, request, "ani", NOW, &f->fault);
	json_decref(request);
	if (answer == NULL)
		return f->fault.code;
	strncpy(word, json_string_value(json_object_get(answer, "state")), 15);
	word[15] = '\0';
	json_decref(answer);
	return E_OK;
}

/* The record of the origin's key is not here; and it is. */
static void member_forget(struct offices *f)
{
	assert_int_equal(sqlite3_exec(f->store.db, "DELETE FROM member WHERE node = 'police.oku'", NULL, NULL, NULL),
			 0);
}

static void member_learn(struct offices *f)
{
	assert_int_equal(store_member(&f->store, 1, &f->police.member, NULL), E_OK);
}

/* ---- what does not verify */

static void a_forged_report_waits_and_stays_forged(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sighting(f));
	char word[16];

	entry->delivery->reports[0]->body.data[20] ^= 1;
	offices_apply(f, entry);
	assert_int_equal(item_of(f, 1).cause, QUARANTINE_UNVERIFIED);
	assert_int_equal(item_of(f, 1).code, E_BAD_SIGNATURE);
	assert_int_equal(item_of(f, 1).name.number, 1);
	assert_non_null(strstr(f->warning, "quarantine.waits cause=unverified name=police.oku#1 entry=3"));
	assert_null(strstr(f->warning, "market"));
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_BAD_SIGNATURE);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_BAD_SIGNATURE);
	assert_int_equal(item_of(f, 1).tries, 2);
	assert_int_equal(waiting(f), 1);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE trust = 2"), 1);
}

/* The member record comes under an entry before the report's, in the history of a broker that was restored. */
static void it_becomes_good_once_the_record_of_its_key_is_here(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sighting(f));
	char word[16];

	member_forget(f);
	offices_apply(f, entry);
	offices_apply(f, agent_standing(&f->world, "army.oku", 1, SIMPUL__STANDING__STANDING_ACTIVE, 0));
	assert_int_equal(item_of(f, 1).code, E_KEY_UNKNOWN);
	member_learn(f);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_string_equal(word, "solved");
	assert_int_equal(item_of(f, 1).state, QUARANTINE_SOLVED);
	assert_int_equal(item_of(f, 1).decided_at, NOW);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE trust = 0 AND row = 2"), 1);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_UNEXPECTED);
	assert_string_equal(f->fault.field, "solved");
}

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

/* A sealed report whose key this office has no more: it was sealed to a former one. */
static void a_sealed_body_opens_once_the_former_key_is_back(void **state)
{
	struct offices *f = *state;
	struct prepared *red = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_RED, "the word is heron");
	char *to[] = {(char[]){"army.oku"}}, word[16];
	const Simpul__Submission *submission;
	Simpul__EntryWrap wrap;
	Simpul__Entry *entry;
	struct agent_office former = f->army;

	red->routing->n_to = 1;
	red->routing->to = to;
	submission = offices_send(f, red);
	agent_office_make(&f->world, "army.oku", 2, &f->army);
	offices_apply(f, agent_member(&f->world, &f->army));
	entry = agent_delivery(&f->world, submission);
	wrap = wrap_of(f, submission, entry->entry);
	offices_apply_with(f, entry, &wrap);
	assert_int_equal(item_of(f, 1).code, E_CANNOT_OPEN);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_CANNOT_OPEN);
	f->ring.former[0] = former.keys;
	f->ring.former_count = 1;
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE trust = 0"
						 " AND instr(body, CAST('heron' AS BLOB)) > 0"),
			 1);
	assert_int_equal(agent_number(&f->store, "SELECT length(content_key) + length(wrap) FROM inbox_delivery"),
			 KEY_SIZE);
}

/* Two reports in one submission. */
static Simpul__Submission *send_two(struct offices *f, Simpul__Label label)
{
	struct prepared *both[2];
	char *to[] = {f->army.member.node};

	for (int i = 0; i < 2; i++) {
		both[i] = agent_sighting(&f->world, label, "the word is heron");
		both[i]->routing->n_to = 1;
		both[i]->routing->to = to;
	}
	return offices_send_all(f, both, 2);
}

/* The first came without its body, so it verifies without the key that the second waits for. */
static void what_verifies_without_the_key_leaves_it_to_the_others(void **state)
{
	struct offices *f = *state;
	const struct agent_office former = f->army;
	const Simpul__Submission *submission = send_two(f, SIMPUL__LABEL__LABEL_RED);
	Simpul__EntryWrap wrap;
	Simpul__Entry *entry;
	char word[16];

	agent_office_make(&f->world, "army.oku", 2, &f->army);
	offices_apply(f, agent_member(&f->world, &f->army));
	entry = agent_delivery(&f->world, submission);
	agent_erase(&f->world, entry->delivery, 0);
	wrap = wrap_of(f, submission, entry->entry);
	member_forget(f);
	offices_apply_with(f, entry, &wrap);
	member_learn(f);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_int_equal(desk(f, "retry", 2, NULL, word), E_CANNOT_OPEN);
	f->ring.former[0] = former.keys;
	f->ring.former_count = 1;
	assert_int_equal(desk(f, "retry", 2, NULL, word), E_OK);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE trust = 0"
						 " AND instr(body, CAST('heron' AS BLOB)) > 0"),
			 1);
}

/* A cancel that does not verify means nothing, until it does. */
static void a_cancel_takes_effect_when_it_verifies(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry;
	char word[16];

	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	entry = agent_delivery(&f->world, offices_send(f, agent_retraction(&f->world, "police.oku", 1)));
	member_forget(f);
	offices_apply(f, entry);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE erased_at > 0"), 0);
	member_learn(f);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE erased_at > 0 AND number = 1"), 1);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM mark WHERE kind = 4"), 1);
}

static void what_expires_while_it_waits_is_emptied_and_waits_no_longer(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sighting(f));
	size_t count = 0;
	char word[16];

	member_forget(f);
	offices_apply(f, entry);
	assert_int_equal(store_begin(&f->store, NULL), E_OK);
	assert_int_equal(erase_expired(&f->store, INT64_MAX, 16, &count, NULL), E_OK);
	assert_int_equal(store_commit(&f->store, NULL), E_OK);
	assert_int_equal(count, 1);
	assert_int_equal(item_of(f, 1).state, QUARANTINE_SOLVED);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_UNEXPECTED);
	assert_int_equal(agent_number(&f->store, "SELECT instr(proof, CAST('market' AS BLOB)) FROM inbox_delivery"), 0);
}

static void what_waits_of_a_delivery_is_told_in_one_line(void **state)
{
	struct offices *f = *state;

	member_forget(f);
	offices_apply(f, agent_delivery(&f->world, send_two(f, AMBER)));
	assert_int_equal(waiting(f), 2);
	assert_int_equal(f->warnings, 1);
	assert_non_null(strstr(f->warning, "quarantine.waits cause=unverified name=police.oku#1 entry=3"));
	assert_non_null(strstr(f->warning, "items=2"));
}

/* The second of a long delivery was refused by the broker, the others are forged: each waits as the row that it is. */
static void each_of_a_long_delivery_waits_as_its_own_row(void **state)
{
	enum { COUNT = 21 };
	static const char own_rows[] = "SELECT count(*) FROM quarantine q JOIN inbox i ON i.row = q.row"
				       " WHERE i.number = q.id + (q.id > 1) AND i.idx = i.number - 1";
	struct offices *f = *state;
	struct prepared *list[COUNT];
	Simpul__Submission *submission;
	Simpul__Entry *entry;
	struct hash leaves[COUNT], digest;

	for (size_t i = 0; i < COUNT; i++)
		list[i] = agent_sighting(&f->world, AMBER, "a car at the market");
	submission = offices_send_all(f, list, COUNT);
	entry = agent_delivery(&f->world, submission);
	assert_int_equal(submission_digest(submission, f->world.join.exchange, leaves, NULL, &digest, NULL), E_OK);
	simpul__delivered_report__init(entry->delivery->reports[1]);
	entry->delivery->reports[1]->leaf = (ProtobufCBinaryData){HASH_SIZE, leaves[1].bytes};
	entry->delivery->reports[20]->body.data[20] ^= 1;
	offices_apply(f, entry);
	assert_int_equal(waiting(f), COUNT - 1);
	assert_int_equal(agent_number(&f->store, own_rows), COUNT - 1);
}

/* What the police erased of a report of the army's, in a receipt that the army has. */
static Simpul__Entry *purge_receipt(struct offices *f)
{
	static const char purge[] = "INSERT INTO purge(row, origin, epoch, stream, number, rule, at, answer)"
				    " VALUES(0, 'army.oku', 1, 1, 1, 1, 1, 1)";
	const struct purge_sinks sinks = {0};
	const struct position seen = {0};
	bool made = false;

	assert_int_equal(sqlite3_exec(f->sender.db, purge, NULL, NULL, NULL), 0);
	assert_int_equal(purge_receipt_make(&f->sender, &sinks, NOW, &made, &f->fault), E_OK);
	assert_true(made);
	assert_int_equal(outbox_next(&f->sender, &f->police.keys, 1, 0, &seen, &f->sent, &f->fault), E_OK);
	return agent_delivery(&f->world, agent_submission(&f->world, buffer_view(&f->sent.message)));
}

/* A receipt that verifies leaves the inbox; a sink that stands behind it must get what comes next. */
static void the_number_of_a_row_that_went_is_not_given_again(void **state)
{
	struct offices *f = *state;
	char word[16];

	member_forget(f);
	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	offices_apply(f, purge_receipt(f));
	member_learn(f);
	assert_int_equal(desk(f, "retry", 2, NULL, word), E_OK);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	assert_int_equal(item_of(f, 2).name.number, 0);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE row IN (3, 4)"), 2);
}

/* ---- the order in which it came */

static Simpul__Submission *send_update(struct offices *f, const char *summary)
{
	return offices_send(f, agent_update(&f->world, "police.oku", 1, summary));
}

/* Of an update of the police's report 1: what the origin lets others know of it. */
static Simpul__Entry *stub_of(struct offices *f, const Simpul__Submission *update)
{
	static Simpul__Name report = SIMPUL__NAME__INIT;
	static Simpul__Superseded said = SIMPUL__SUPERSEDED__INIT;
	static Simpul__Stub stub = SIMPUL__STUB__INIT;
	Simpul__Entry *entry = agent_entry(&f->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	const Simpul__Routing *routing = wire_unpack(
		&simpul__routing__descriptor, BYTES(update->routing.data, update->routing.len), &f->world.arena, NULL);

	report.origin = f->police.member.node;
	report.epoch = report.number = 1;
	said.report = &report;
	said.key_id = update->key_id;
	said.signature = routing->superseded;
	stub.policy_version = 7;
	stub.superseded = &said;
	entry->content_case = SIMPUL__ENTRY__CONTENT_STUB;
	entry->stub = &stub;
	return entry;
}

static void an_update_that_verifies_late_does_not_come_before_a_newer_one(void **state)
{
	struct offices *f = *state;
	char word[16];

	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	member_forget(f);
	offices_apply(f, agent_delivery(&f->world, send_update(f, "two cars")));
	member_learn(f);
	offices_apply(f, agent_delivery(&f->world, send_update(f, "three cars")));
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_string_equal(offices_row(f, 1).updated_by, "police.oku#3");
	assert_string_equal(offices_row(f, 2).updated_by, "police.oku#3");
	assert_string_equal(offices_row(f, 3).updated_by, "");
}

static void an_update_that_verifies_late_does_not_undo_a_newer_notice(void **state)
{
	struct offices *f = *state;
	char word[16];

	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	member_forget(f);
	offices_apply(f, agent_delivery(&f->world, send_update(f, "two cars")));
	member_learn(f);
	offices_apply(f, stub_of(f, send_update(f, "three cars")));
	assert_int_equal(offices_row(f, 1).superseded_by, 5);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_int_equal(offices_row(f, 1).superseded_by, 5);
	assert_int_equal(offices_row(f, 2).superseded_by, 5);
}

static void a_notice_holds_for_what_verifies_after_it(void **state)
{
	struct offices *f = *state;
	char word[16];

	member_forget(f);
	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	member_learn(f);
	offices_apply(f, stub_of(f, send_update(f, "two cars")));
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_int_equal(offices_row(f, 1).superseded_by, 4);
	/* No word of what was not trusted went into it. */
	assert_int_equal(agent_number(&f->store, "SELECT length(header) FROM inbox WHERE notice = 1"), 0);
}

static void a_notice_that_does_not_verify_waits_with_its_report_and_can_be_tried_again(void **state)
{
	struct offices *f = *state;
	char word[16];

	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	member_forget(f);
	offices_apply(f, stub_of(f, send_update(f, "two cars")));
	assert_int_equal(item_of(f, 1).cause, QUARANTINE_NOTICE);
	assert_int_equal(item_of(f, 1).code, E_KEY_UNKNOWN);
	assert_int_equal(item_of(f, 1).name.number, 1);
	assert_int_equal(offices_row(f, 1).superseded_by, 0);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_KEY_UNKNOWN);
	member_learn(f);
	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_int_equal(item_of(f, 1).state, QUARANTINE_SOLVED);
	assert_int_equal(offices_row(f, 1).superseded_by, 4);
	/* Readers have it now, behind all others. */
	assert_int_equal(agent_number(&f->store, "SELECT row FROM inbox WHERE notice = 1 AND trust = 0"
						 " AND length(header) > 0"),
			 4);
	assert_int_equal(item_of(f, 1).row, 4);
}

/* An office may be in the audience of an update and never have had the report. */
static void a_notice_reaches_an_office_that_has_an_update_alone(void **state)
{
	struct offices *f = *state;

	send_sighting(f);
	offices_apply(f, agent_delivery(&f->world, send_update(f, "two cars")));
	offices_apply(f, stub_of(f, send_update(f, "three cars")));
	assert_int_equal(offices_row(f, 2).superseded_by, 4);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE notice = 1 AND number = 1"
						 " AND category <> '' AND length(header) > 0"),
			 1);
	/* It is not what a retraction takes back. */
	assert_int_equal(waiting(f), 0);
	offices_apply(f, agent_delivery(&f->world, offices_send(f, agent_retraction(&f->world, "police.oku", 1))));
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM purge WHERE number = 1 AND answer = 1"), 1);
}

/* A retraction reaches updates by their place as well. */
static void what_verified_late_is_taken_back_with_its_report(void **state)
{
	struct offices *f = *state;
	char word[16];

	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	member_forget(f);
	offices_apply(f, agent_delivery(&f->world, send_update(f, "two cars")));
	member_learn(f);
	offices_apply(f, agent_delivery(&f->world, send_update(f, "three cars")));
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	offices_apply(f, agent_delivery(&f->world, offices_send(f, agent_retraction(&f->world, "police.oku", 1))));
	assert_true(offices_row(f, 1).erased_at > 0 && offices_row(f, 2).erased_at > 0 &&
		    offices_row(f, 3).erased_at > 0);
}

/* ---- what misses its reference */

static void a_cancel_of_what_never_came_waits_until_it_comes(void **state)
{
	struct offices *f = *state;
	const Simpul__Submission *original = send_sighting(f);
	Simpul__Entry *late;
	char word[16];

	offices_apply(f, agent_delivery(&f->world, offices_send(f, agent_cancel(&f->world, "police.oku", 1))));
	assert_int_equal(item_of(f, 1).cause, QUARANTINE_UNREFERENCED);
	assert_int_equal(item_of(f, 1).code, E_REFERENCE_UNKNOWN);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_REFERENCE_UNKNOWN);
	late = agent_delivery(&f->world, original); /* as from a broker that was restored */
	offices_apply(f, late);
	assert_int_equal(item_of(f, 1).state, QUARANTINE_SOLVED);
	assert_int_equal(waiting(f), 0);
}

/* As after a release: the office gets the update, and what takes it back, and never the report. */
static void an_update_needs_no_report_and_its_cancel_neither(void **state)
{
	struct offices *f = *state;

	send_sighting(f);
	offices_apply(f, agent_delivery(&f->world, send_update(f, "two cars")));
	assert_int_equal(waiting(f), 0);
	offices_apply(f, agent_delivery(&f->world, offices_send(f, agent_cancel(&f->world, "police.oku", 1))));
	assert_int_equal(waiting(f), 0);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM quarantine"), 0);
}

static void a_cancel_of_what_never_came_waits_and_a_retraction_does_not(void **state)
{
	struct offices *f = *state;

	send_sighting(f);
	offices_apply(f, agent_delivery(&f->world, offices_send(f, agent_cancel(&f->world, "police.oku", 1))));
	assert_int_equal(item_of(f, 1).cause, QUARANTINE_UNREFERENCED);
	offices_apply(f, agent_delivery(&f->world, offices_send(f, agent_retraction(&f->world, "police.oku", 1))));
	assert_int_equal(waiting(f), 1);
}

static void a_forged_report_does_not_solve_what_waits_for_the_true_one(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *forged = NULL;
	const Simpul__Submission *original = send_sighting(f);

	offices_apply(f, agent_delivery(&f->world, offices_send(f, agent_cancel(&f->world, "police.oku", 1))));
	forged = agent_delivery(&f->world, original);
	forged->delivery->reports[0]->body.data[20] ^= 1;
	offices_apply(f, forged);
	assert_int_equal(item_of(f, 1).state, QUARANTINE_WAITS);
	assert_int_equal(waiting(f), 2);
}

/* ---- what is withheld */

static void a_withheld_entry_waits_and_cannot_be_asked_for(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_entry(&f->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	Simpul__Stub stub = SIMPUL__STUB__INIT;
	char word[16];

	stub.policy_version = 7;
	entry->content_case = SIMPUL__ENTRY__CONTENT_STUB;
	entry->stub = &stub;
	offices_apply(f, entry);
	assert_int_equal(item_of(f, 1).cause, QUARANTINE_WITHHELD);
	assert_int_equal(item_of(f, 1).entry, 3);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_UNEXPECTED);
	assert_string_equal(f->fault.field, "withheld");
	assert_int_equal(waiting(f), 1);
}

/* ---- closing */

static void closing_takes_a_reason_and_is_on_record(void **state)
{
	struct offices *f = *state;
	Simpul__Entry *entry = agent_delivery(&f->world, send_sighting(f));
	char word[16];

	entry->delivery->reports[0]->body.data[20] ^= 1;
	offices_apply(f, entry);
	assert_int_equal(desk(f, "close", 1, NULL, word), E_MISSING);
	assert_int_equal(desk(f, "close", 1, "  ", word), E_MISSING);
	assert_int_equal(desk(f, "close", 1, "two\nlines", word), E_INVALID);
	assert_int_equal(desk(f, "close", 2, "no such item", word), E_NOT_FOUND);
	assert_int_equal(desk(f, "burn", 1, "no such verb", word), E_UNKNOWN_VALUE);
	assert_int_equal(waiting(f), 1);
	assert_int_equal(desk(f, "close", 1, "its origin never sent it", word), E_OK);
	assert_string_equal(word, "closed");
	assert_int_equal(waiting(f), 0);
	assert_int_equal(item_of(f, 1).state, QUARANTINE_CLOSED);
	assert_int_equal(item_of(f, 1).decided_at, NOW);
	assert_string_equal(item_of(f, 1).decided_by, "ani");
	assert_string_equal(item_of(f, 1).reason, "its origin never sent it");
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE length(body) > 0"), 1);
	assert_int_equal(desk(f, "close", 1, "again", word), E_UNEXPECTED);
	assert_string_equal(f->fault.field, "closed");
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_BAD_SIGNATURE);
	assert_int_equal(item_of(f, 1).state, QUARANTINE_CLOSED);
}

/* Whoever closed it did not know that the key would come. */
static void what_was_closed_can_be_tried_again(void **state)
{
	struct offices *f = *state;
	char word[16];

	member_forget(f);
	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	assert_int_equal(desk(f, "close", 1, "nobody knows that office", word), E_OK);
	member_learn(f);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_OK);
	assert_int_equal(item_of(f, 1).state, QUARANTINE_SOLVED);
	assert_string_equal(item_of(f, 1).reason, "nobody knows that office");
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM inbox WHERE trust = 0"), 1);
	assert_int_equal(desk(f, "retry", 1, NULL, word), E_UNEXPECTED);
}

static bool item_count(void *context, const struct quarantine_item *item)
{
	(void)item;
	++*(size_t *)context;
	return true;
}

static void what_is_settled_is_listed_only_when_asked_for(void **state)
{
	struct offices *f = *state;
	size_t waits = 0, all = 0;
	char word[16];

	for (int i = 0; i < 2; i++) {
		Simpul__Entry *entry = agent_delivery(&f->world, send_sighting(f));

		entry->delivery->reports[0]->body.data[20] ^= 1;
		offices_apply(f, entry);
	}
	assert_int_equal(desk(f, "close", 2, "seen to", word), E_OK);
	assert_int_equal(quarantine_list(&f->store, 0, 256, false, item_count, &waits, NULL), E_OK);
	assert_int_equal(quarantine_list(&f->store, 0, 256, true, item_count, &all, NULL), E_OK);
	assert_int_equal(waits, 1);
	assert_int_equal(all, 2);
}

/* ---- what a sink does not take */

/* The sink's word is on its way to the loop while the loop erases the report. */
static void what_is_erased_before_its_refusal_is_noted_does_not_wait(void **state)
{
	struct offices *f = *state;
	struct sink_letter letter = {
		.name = "registry", .row = 1, .tries = 9, .refused = 1, .entry = 3, .reason = "it answered 400"};

	offices_apply(f, agent_delivery(&f->world, send_sighting(f)));
	assert_int_equal(store_begin(&f->store, NULL), E_OK);
	assert_int_equal(erase_row(&f->store, 1, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED, NOW, NULL), E_OK);
	assert_int_equal(store_commit(&f->store, NULL), E_OK);
	assert_int_equal(store_sink_letters(&f->store, &letter.letter, NULL), E_OK);
	assert_int_equal(waiting(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, offices_start, offices_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_forged_report_waits_and_stays_forged),
		TEST(it_becomes_good_once_the_record_of_its_key_is_here),
		TEST(a_sealed_body_opens_once_the_former_key_is_back),
		TEST(what_verifies_without_the_key_leaves_it_to_the_others),
		TEST(a_cancel_takes_effect_when_it_verifies),
		TEST(what_expires_while_it_waits_is_emptied_and_waits_no_longer),
		TEST(what_waits_of_a_delivery_is_told_in_one_line),
		TEST(each_of_a_long_delivery_waits_as_its_own_row),
		TEST(the_number_of_a_row_that_went_is_not_given_again),
		TEST(an_update_that_verifies_late_does_not_come_before_a_newer_one),
		TEST(an_update_that_verifies_late_does_not_undo_a_newer_notice),
		TEST(a_notice_holds_for_what_verifies_after_it),
		TEST(a_notice_that_does_not_verify_waits_with_its_report_and_can_be_tried_again),
		TEST(a_notice_reaches_an_office_that_has_an_update_alone),
		TEST(what_verified_late_is_taken_back_with_its_report),
		TEST(a_cancel_of_what_never_came_waits_until_it_comes),
		TEST(an_update_needs_no_report_and_its_cancel_neither),
		TEST(a_cancel_of_what_never_came_waits_and_a_retraction_does_not),
		TEST(a_forged_report_does_not_solve_what_waits_for_the_true_one),
		TEST(a_withheld_entry_waits_and_cannot_be_asked_for),
		TEST(closing_takes_a_reason_and_is_on_record),
		TEST(what_was_closed_can_be_tried_again),
		TEST(what_is_settled_is_listed_only_when_asked_for),
		TEST(what_is_erased_before_its_refusal_is_noted_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
