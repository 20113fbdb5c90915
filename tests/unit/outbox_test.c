/* Tries to break what outbox.h promises. */
#include "agents/reports/outbox_erase.h"
#include "agents/reports/purge.h"
#include "common/content.h"
#include "common/limit.h"
#include "common/seal.h"
#include "common/wire.h"
#include "tests/support/agent_world.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAIN SIMPUL__STREAM__STREAM_MAIN
#define RED SIMPUL__STREAM__STREAM_RED
#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define MANY 600

struct fixture {
	struct agent_world world;
	struct store store;
	struct agent_office police, army;
	struct position seen;
	struct outbox_submission next;
	struct fault fault;
};

static int start(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);

	agent_world_start(&f->world);
	agent_store_open(&f->world, "police.oku", &f->store);
	agent_office_make(&f->world, "police.oku", 1, &f->police);
	agent_office_make(&f->world, "army.oku", 1, &f->army);
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	buffer_free(&f->next.message);
	store_close(&f->store);
	agent_world_end(&f->world);
	test_free(f);
	return 0;
}

static struct report_name take(struct fixture *f, struct prepared *prepared)
{
	struct report_name name;

	assert_int_equal(outbox_take(&f->store, &prepared, NULL, 1, false, &name, &f->fault), E_OK);
	return name;
}

static void take_many(struct fixture *f, size_t count)
{
	struct prepared *prepared[MANY];
	struct report_name names[MANY];

	for (size_t i = 0; i < count; i++)
		prepared[i] = agent_sighting(&f->world, AMBER, "a car at the market");
	assert_int_equal(outbox_take(&f->store, prepared, NULL, count, false, names, &f->fault), E_OK);
}

static size_t next(struct fixture *f, uint32_t stream, uint64_t after)
{
	assert_int_equal(outbox_next(&f->store, &f->police.keys, stream, after, &f->seen, &f->next, &f->fault), E_OK);
	return f->next.count;
}

static Simpul__Submission *message(struct fixture *f)
{
	return agent_submission(&f->world, buffer_view(&f->next.message));
}

static Simpul__Header *header_of(struct fixture *f, const Simpul__Submission *submission, size_t i)
{
	Simpul__Header *header = wire_unpack(&simpul__header__descriptor,
					     BYTES(submission->reports[i]->header.data,
						   submission->reports[i]->header.len),
					     &f->world.arena, &f->fault);

	assert_non_null(header);
	return header;
}

static struct bytes body_of(const Simpul__Submission *submission, size_t i)
{
	return BYTES(submission->reports[i]->body.data, submission->reports[i]->body.len);
}

static enum error receive_receipt(struct fixture *f, const struct report_name *first, const struct hash *digest,
				  Simpul__Verdict *verdict)
{
	struct buffer encoded = {0};
	Simpul__Receipt *receipt = agent_receipt(&f->world, digest, verdict, &encoded);
	enum error error = outbox_receipt(&f->store, receipt, buffer_view(&encoded), first, &f->fault);

	buffer_free(&encoded);
	return error;
}

static void member_know(struct fixture *f, const struct agent_office *office)
{
	assert_int_equal(store_member(&f->store, 1, &office->member, &f->fault), E_OK);
}

static void assert_counts(struct fixture *f, uint64_t waiting, uint64_t sent, uint64_t accepted, uint64_t refused)
{
	struct outbox_counts counts;
	const uint64_t in_view[] = {agent_number(&f->store, "SELECT count(*) FROM outbox WHERE state = 0"),
				    agent_number(&f->store, "SELECT count(*) FROM outbox WHERE state = 1"),
				    agent_number(&f->store, "SELECT count(*) FROM outbox WHERE state = 2"),
				    agent_number(&f->store, "SELECT count(*) FROM outbox WHERE state = 3")};

	outbox_count(&f->store, &counts);
	assert_int_equal(counts.waiting, waiting);
	assert_int_equal(counts.sent, sent);
	assert_int_equal(counts.accepted, accepted);
	assert_int_equal(counts.refused, refused);
	assert_int_equal(in_view[0], waiting);
	assert_int_equal(in_view[1], sent);
	assert_int_equal(in_view[2], accepted);
	assert_int_equal(in_view[3], refused);
}

/* ---- taking */

/* Takes reports and tells each number once it is taken, until it is killed. */
static void child_take(struct fixture *f, int told)
{
	struct store store;

	agent_store_open(&f->world, "army.oku", &store);
	for (;;) {
		struct prepared *prepared = agent_sighting(&f->world, AMBER, "x");
		struct report_name name;

		if (outbox_take(&store, &prepared, NULL, 1, false, &name, NULL) != E_OK ||
		    write(told, &name.number, sizeof name.number) != sizeof name.number)
			_exit(1);
	}
}

static void numbers_have_no_gap_across_a_crash(void **state)
{
	struct fixture *f = *state;
	uint64_t number, last = 0, rows;
	struct store store;

	for (int round = 0; round < 5; round++) {
		int told[2];
		pid_t child;

		assert_int_equal(pipe(told), 0);
		child = fork();
		if (child == 0)
			child_take(f, told[1]);
		close(told[1]);
		for (int i = 0; i < 7 + round; i++)
			assert_int_equal(read(told[0], &number, sizeof number), sizeof number);
		kill(child, SIGKILL);
		while (read(told[0], &number, sizeof number) == sizeof number)
			;
		assert_int_equal(waitpid(child, NULL, 0), child);
		close(told[0]);
		agent_store_open(&f->world, "army.oku", &store);
		rows = agent_number(&store, "SELECT count(*) FROM outbox");
		assert_true(rows >= number);	 /* taken means on disk */
		assert_true(rows <= number + 1); /* and nothing appears that was not asked for */
		assert_true(number > last);
		assert_int_equal(agent_number(&store, "SELECT max(number) FROM outbox"), rows);
		last = rows;
		store_close(&store);
	}
}

static void taken_means_on_disk(void **state)
{
	struct fixture *f = *state;
	struct store reader;
	struct report_name name = take(f, agent_sighting(&f->world, AMBER, "x"));

	assert_int_equal(name.number, 1);
	assert_string_equal(name.origin, "police.oku");
	assert_int_equal(store_open_reader(&reader, agent_world_path(&f->world, "police.oku"), NULL, NULL), E_OK);
	assert_int_equal(agent_number(&reader, "SELECT count(*) FROM outbox WHERE number = 1 AND state = 0"), 1);
	store_close(&reader);
}

static void one_bad_report_of_many_takes_none(void **state)
{
	struct fixture *f = *state;
	struct prepared *prepared[] = {agent_sighting(&f->world, AMBER, "x"),
				       agent_sighting(&f->world, SIMPUL__LABEL__LABEL_RED, "x")};
	char *to[] = {(char[]){"navy.oku"}};
	struct report_name names[2];

	prepared[1]->routing->n_to = 1;
	prepared[1]->routing->to = to;
	assert_int_equal(outbox_take(&f->store, prepared, NULL, 2, false, names, &f->fault), E_RECIPIENT_UNKNOWN);
	assert_string_equal(f->fault.field, "reports[1].to[0]");
	assert_counts(f, 0, 0, 0, 0);
	assert_int_equal(take(f, agent_sighting(&f->world, AMBER, "x")).number, 1);
}

static void a_joined_take_goes_with_its_transaction(void **state)
{
	struct fixture *f = *state;
	struct prepared *prepared = agent_sighting(&f->world, AMBER, "x");
	struct report_name name;

	assert_int_equal(store_begin(&f->store, NULL), E_OK);
	assert_int_equal(outbox_take(&f->store, &prepared, NULL, 1, true, &name, NULL), E_OK);
	store_rollback(&f->store);
	assert_counts(f, 0, 0, 0, 0);
	assert_int_equal(take(f, prepared).number, 1);
}

static void equal_reports_have_different_bytes(void **state)
{
	struct fixture *f = *state;
	const Simpul__Submission *submission;

	take_many(f, 2);
	assert_int_equal(next(f, MAIN, 0), 2);
	submission = message(f);
	assert_false(bytes_equal(body_of(submission, 0), body_of(submission, 1)));
	assert_int_equal(header_of(f, submission, 1)->name->number, 2);
	assert_int_equal(header_check(header_of(f, submission, 0), clock_now().wall, &f->fault), E_OK);
}

/* ---- freezing */

static void a_frozen_submission_never_changes(void **state)
{
	struct fixture *f = *state;
	struct buffer first = {0};

	take_many(f, 3);
	assert_int_equal(next(f, MAIN, 0), 3);
	buffer_bytes(&first, buffer_view(&f->next.message));
	take_many(f, 3);
	f->seen.entry = 77;
	store_close(&f->store);
	agent_store_open(&f->world, "police.oku", &f->store);
	assert_int_equal(next(f, MAIN, 0), 3);
	assert_true(bytes_equal(buffer_view(&first), buffer_view(&f->next.message)));
	assert_int_equal(next(f, MAIN, 3), 3);
	assert_int_equal(next(f, MAIN, 6), 0);
	assert_counts(f, 0, 6, 0, 0);
	buffer_free(&first);
}

static void a_submission_proves_its_origin(void **state)
{
	struct fixture *f = *state;
	struct hash leaves[LIMIT_SUBMISSION_REPORTS], digest;
	const Simpul__Submission *submission;

	take_many(f, 5);
	next(f, MAIN, 0);
	submission = message(f);
	assert_int_equal(submission_digest(submission, f->world.join.exchange, leaves, NULL, &digest, NULL), E_OK);
	assert_true(hash_equal(&digest, &f->next.digest));
	assert_true(digest_verify(f->police.keys.signing.public_key, SIGN_TAG_SUBMISSION, &digest,
				  BYTES(submission->signature.data, submission->signature.len)));
}

static void a_submission_stays_within_the_limits(void **state)
{
	struct fixture *f = *state;
	char summary[4001];
	size_t count;

	take_many(f, 300);
	assert_int_equal(next(f, MAIN, 0), LIMIT_SUBMISSION_REPORTS);
	assert_int_equal(next(f, MAIN, 256), 44);
	memset(summary, 'x', 4000);
	summary[4000] = '\0';
	for (int i = 0; i < 80; i++)
		take(f, agent_sighting(&f->world, AMBER, summary));
	count = next(f, MAIN, 300);
	assert_in_range(count, 40, 79);
	assert_true(f->next.message.size <= LIMIT_SUBMISSION);
	assert_int_equal(next(f, MAIN, 300 + count), 80 - count);
}

static void reports_of_different_routing_never_share_a_submission(void **state)
{
	struct fixture *f = *state;
	struct prepared *prepared = agent_sighting(&f->world, AMBER, "x");
	char *to[] = {(char[]){"army"}}, region[] = "16.08";

	take_many(f, 2);
	prepared->routing->n_to = 1;
	prepared->routing->to = to;
	take(f, prepared);
	prepared = agent_sighting(&f->world, AMBER, "x");
	prepared->header->region = region;
	take(f, prepared);
	take(f, agent_cancel(&f->world, "police.oku", 1));
	take(f, agent_cancel(&f->world, "police.oku", 2));
	assert_int_equal(next(f, MAIN, 0), 2);
	for (uint64_t after = 2; after < 6; after++)
		assert_int_equal(next(f, MAIN, after), 1);
	assert_int_equal(next(f, MAIN, 6), 0);
}

static void red_leaves_sealed_and_only_its_recipients_can_open_it(void **state)
{
	struct fixture *f = *state;
	struct prepared *prepared = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_RED, "the word is heron");
	char *to[] = {(char[]){"army.oku"}};
	struct body_place place = {.exchange = f->world.join.exchange};
	const Simpul__Submission *submission;
	const Simpul__Routing *routing;
	uint8_t key[KEY_SIZE], own[KEY_SIZE];
	struct bytes body;

	member_know(f, &f->army);
	prepared->routing->n_to = 1;
	prepared->routing->to = to;
	assert_int_equal(take(f, prepared).stream, RED);
	assert_int_equal(next(f, RED, 0), 1);
	assert_null(memmem(f->next.message.data, f->next.message.size, "heron", 5));
	submission = message(f);
	routing = wire_unpack(&simpul__routing__descriptor, BYTES(submission->routing.data, submission->routing.len),
			      &f->world.arena, NULL);
	assert_int_equal(routing->n_wraps, 2);
	assert_string_equal(routing->wraps[0]->node, "army.oku");
	assert_string_equal(routing->wraps[1]->node, "police.oku");
	assert_true(content_key_unwrap(BYTES(routing->wraps[0]->wrapped.data, WRAP_SIZE), &f->army.keys, key));
	assert_true(content_key_unwrap(BYTES(routing->wraps[1]->wrapped.data, WRAP_SIZE), &f->police.keys, own));
	assert_memory_equal(key, own, KEY_SIZE);
	place.name = f->next.first;
	assert_int_equal(body_open(key, &place, body_of(submission, 0), &f->world.arena, &body, &f->fault), E_OK);
	assert_non_null(memmem(body.data, body.size, "heron", 5));
}

/* ---- answers */

static void a_verdict_refuses_its_report_alone(void **state)
{
	struct fixture *f = *state;
	Simpul__Verdict verdict = SIMPUL__VERDICT__INIT;
	char field[] = "header.region";

	take_many(f, 3);
	next(f, MAIN, 0);
	verdict.number = 2;
	verdict.code = E_REGION_UNKNOWN;
	verdict.field = field;
	assert_int_equal(receive_receipt(f, &f->next.first, &f->next.digest, &verdict), E_OK);
	assert_counts(f, 0, 0, 2, 1);
	assert_int_equal(agent_number(&f->store, "SELECT code FROM outbox WHERE number = 2"), E_REGION_UNKNOWN);
	assert_int_equal(agent_number(&f->store, "SELECT entry FROM outbox WHERE number = 3"), 1);
	assert_int_equal(outbox_receipted(&f->store, MAIN), 3);
}

static void what_has_a_receipt_is_not_refused_any_more(void **state)
{
	struct fixture *f = *state;
	Simpul__Verdict verdict = SIMPUL__VERDICT__INIT;

	take_many(f, 3);
	next(f, MAIN, 0);
	assert_int_equal(receive_receipt(f, &f->next.first, &f->next.digest, NULL), E_OK);
	verdict.number = 2;
	verdict.code = E_REGION_UNKNOWN;
	assert_int_equal(receive_receipt(f, &f->next.first, &f->next.digest, &verdict), E_OK);
	assert_counts(f, 0, 0, 3, 0);
	assert_int_equal(outbox_reject(&f->store, &f->next.first, E_MALFORMED, "", &f->fault), E_HISTORY_DIFFERS);
	assert_counts(f, 0, 0, 3, 0);
	assert_int_equal(outbox_receipted(&f->store, MAIN), 3);
}

static void receipted_advances_in_order_whatever_the_order_of_receipts(void **state)
{
	struct fixture *f = *state;
	struct report_name first;
	struct hash digest;

	take_many(f, 2);
	next(f, MAIN, 0);
	first = f->next.first;
	digest = f->next.digest;
	take_many(f, 2);
	next(f, MAIN, 2);
	assert_int_equal(receive_receipt(f, &f->next.first, &f->next.digest, NULL), E_OK);
	assert_int_equal(outbox_receipted(&f->store, MAIN), 0);
	assert_int_equal(receive_receipt(f, &first, &digest, NULL), E_OK);
	assert_int_equal(outbox_receipted(&f->store, MAIN), 4);
	assert_int_equal(receive_receipt(f, &first, &digest, NULL), E_OK);
	assert_int_equal(outbox_receipted(&f->store, MAIN), 4);
}

static void a_receipt_for_other_bytes_is_not_taken(void **state)
{
	struct fixture *f = *state;
	Simpul__Verdict verdict = SIMPUL__VERDICT__INIT;
	struct hash other;

	take_many(f, 2);
	next(f, MAIN, 0);
	other = f->next.digest;
	other.bytes[0] ^= 1;
	assert_int_equal(receive_receipt(f, &f->next.first, &other, NULL), E_INVALID);
	verdict.number = 3;
	verdict.code = E_EXPIRED;
	assert_int_equal(receive_receipt(f, &f->next.first, &f->next.digest, &verdict), E_INVALID);
	assert_counts(f, 0, 2, 0, 0);
}

static void a_refused_submission_is_split_down_to_the_report_at_fault(void **state)
{
	struct fixture *f = *state;

	take_many(f, 5);
	next(f, MAIN, 0);
	take_many(f, 2);
	assert_int_equal(outbox_reject(&f->store, &f->next.first, E_MALFORMED, "reports[3]", &f->fault), E_OK);
	assert_counts(f, 7, 0, 0, 0);
	assert_int_equal(next(f, MAIN, 0), 2);
	assert_int_equal(next(f, MAIN, 2), 3);
	assert_int_equal(outbox_reject(&f->store, &f->next.first, E_MALFORMED, "reports[1]", &f->fault), E_OK);
	assert_int_equal(next(f, MAIN, 2), 1);
	assert_int_equal(next(f, MAIN, 3), 2);
	assert_int_equal(next(f, MAIN, 5), 2);
}

static void a_number_that_can_carry_nothing_is_sent_as_void(void **state)
{
	struct fixture *f = *state;
	const Simpul__Submission *submission;
	Simpul__Header *header;
	Simpul__Body *body;

	take_many(f, 1);
	next(f, MAIN, 0);
	assert_int_equal(outbox_reject(&f->store, &f->next.first, E_NOT_UTF8, "body", &f->fault), E_OK);
	assert_counts(f, 0, 0, 0, 1);
	take_many(f, 1);
	assert_int_equal(next(f, MAIN, 0), 1);
	submission = message(f);
	header = header_of(f, submission, 0);
	assert_int_equal(header->kind, SIMPUL__KIND__KIND_VOID);
	assert_int_equal(header->name->number, 1);
	assert_int_equal(header_check(header, clock_now().wall, &f->fault), E_OK);
	body = wire_unpack(&simpul__body__descriptor, body_of(submission, 0), &f->world.arena, &f->fault);
	assert_int_equal(body_check(header, body, &f->fault), E_OK);
	assert_int_equal(body->void_->code, E_NOT_UTF8);
	assert_counts(f, 1, 0, 0, 1);
	assert_int_equal(outbox_reject(&f->store, &f->next.first, E_MALFORMED, "", &f->fault), E_INTERNAL);
	assert_int_equal(receive_receipt(f, &f->next.first, &f->next.digest, NULL), E_OK);
	assert_counts(f, 1, 0, 0, 1);
	assert_int_equal(next(f, MAIN, 1), 1);
	assert_int_equal(header_of(f, message(f), 0)->kind, SIMPUL__KIND__KIND_SIGHTING);
}

static void a_recipient_who_left_voids_the_report_and_holds_up_nothing(void **state)
{
	struct fixture *f = *state;
	struct prepared *prepared = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_RED, "x");
	Simpul__MemberStanding standing = SIMPUL__MEMBER_STANDING__INIT;
	char node[] = "army.oku";
	char *to[] = {node};

	member_know(f, &f->army);
	prepared->routing->n_to = 1;
	prepared->routing->to = to;
	take(f, prepared);
	take(f, prepared);
	standing.node = node;
	standing.key_id = 1;
	standing.standing = SIMPUL__STANDING__STANDING_RETIRED;
	assert_int_equal(store_standing(&f->store, 9, &standing, NULL), E_OK);
	for (uint64_t after = 0; after < 2; after++) {
		assert_int_equal(next(f, RED, after), 1);
		assert_int_equal(header_of(f, message(f), 0)->kind, SIMPUL__KIND__KIND_VOID);
		assert_int_equal(header_check(header_of(f, message(f), 0), clock_now().wall, &f->fault), E_OK);
	}
	assert_counts(f, 0, 0, 0, 2);
	assert_int_equal(agent_number(&f->store, "SELECT code FROM outbox WHERE number = 1"), E_RECIPIENT_UNKNOWN);
}

/* ---- comparing */

static enum error compare(struct fixture *f, uint32_t epoch, uint64_t last, const struct hash *digest)
{
	Simpul__Welcome welcome = SIMPUL__WELCOME__INIT;
	Simpul__StreamState stream = SIMPUL__STREAM_STATE__INIT, *streams = &stream;

	stream.epoch = epoch;
	stream.last = last;
	stream.digest = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)digest->bytes};
	welcome.n_streams = last > 0 ? 1 : 0;
	welcome.streams = &streams;
	return outbox_compare(&f->store, &welcome, &f->fault);
}

static void a_broker_with_another_history_is_found(void **state)
{
	struct fixture *f = *state;
	struct hash digest, other;

	take_many(f, 2);
	next(f, MAIN, 0);
	other = digest = f->next.digest;
	other.bytes[5] ^= 1;
	assert_int_equal(compare(f, 1, 0, &digest), E_OK);
	assert_int_equal(compare(f, 1, 2, &digest), E_OK);
	assert_int_equal(compare(f, 1, 2, &other), E_HISTORY_DIFFERS);
	assert_int_equal(compare(f, 1, 1, &digest), E_HISTORY_DIFFERS);
	assert_int_equal(compare(f, 1, 3, &digest), E_HISTORY_DIFFERS);
	assert_int_equal(compare(f, 2, 1, &digest), E_HISTORY_DIFFERS);
	assert_int_equal(receive_receipt(f, &f->next.first, &digest, NULL), E_OK);
	assert_int_equal(compare(f, 1, 2, &digest), E_OK);
	assert_int_equal(compare(f, 1, 0, &digest), E_HISTORY_DIFFERS);
}

/* What WELCOME says of the main stream, with the digest of the submission that ends at `last`. */
static enum error thaw(struct fixture *f, uint32_t key_id, uint64_t last)
{
	Simpul__Welcome welcome = SIMPUL__WELCOME__INIT;
	Simpul__StreamState state = SIMPUL__STREAM_STATE__INIT, *states = &state;
	struct outbox_heard heard;

	state.epoch = 1;
	state.stream = MAIN;
	state.last = last;
	welcome.n_streams = 1;
	welcome.streams = &states;
	outbox_hear(&f->store, &welcome, &heard);
	return outbox_thaw(&f->store, key_id, &heard, &f->fault);
}

static void what_was_frozen_under_a_former_key_is_signed_anew_unless_the_broker_has_it(void **state)
{
	struct fixture *f = *state;
	struct hash first, second;

	take_many(f, 2);
	assert_int_equal(next(f, MAIN, 0), 2);
	first = f->next.digest;
	take_many(f, 2);
	assert_int_equal(next(f, MAIN, 2), 2);
	second = f->next.digest;
	assert_int_equal(thaw(f, 1, 2), E_OK);
	next(f, MAIN, 2);
	assert_true(hash_equal(&f->next.digest, &second));
	f->police.keys.key_id = 2;
	assert_int_equal(thaw(f, 2, 2), E_OK);
	assert_counts(f, 2, 2, 0, 0);
	next(f, MAIN, 0);
	assert_true(hash_equal(&f->next.digest, &first));
	assert_int_equal(next(f, MAIN, 2), 2);
	assert_false(hash_equal(&f->next.digest, &second));
	assert_int_equal(message(f)->key_id, 2);
}

enum { LONG_PAST = 3000, FEW_STEPS = 2000 };

/* As if so many reports had each gone alone, and had its receipt. */
static void past_make(struct fixture *f)
{
	static const char *const steps[] = {
		"CREATE TEMP TABLE past(number INTEGER PRIMARY KEY)",
		"WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 3000)"
		" INSERT INTO past SELECT i FROM r",
		"INSERT INTO submission(epoch, stream, first, count, digest, void, key_id, message)"
		" SELECT 1, 0, number, 1, zeroblob(32), 1, 1, x'' FROM past",
		"INSERT INTO receipt(epoch, stream, first, entry, accepted_at, receipt)"
		" SELECT 1, 0, number, number, 1, x'' FROM past",
		"INSERT INTO outbox_report(epoch, stream, number, routing_key, alone, sealed, kind, label, category, region,"
		" taken_at, source, routing, header, body)"
		" SELECT 1, 0, number, x'', 0, 0, 1, 3, 'other', '16.01', 1, '', x'', x'', x'00' FROM past",
		"INSERT INTO stream(epoch, stream, last, frozen, receipted) VALUES(1, 0, 3000, 3000, 3000)",
	};

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		assert_int_equal(database_run(f->store.db, steps[i], &f->fault), E_OK);
}

/* What SQLite did since it was last asked. */
static int steps_done(struct fixture *f)
{
	int steps = 0;

	for (sqlite3_stmt *each = sqlite3_next_stmt(f->store.db, NULL); each;
	     each = sqlite3_next_stmt(f->store.db, each))
		steps += sqlite3_stmt_status(each, SQLITE_STMTSTATUS_VM_STEP, 1);
	return steps;
}

static void a_long_past_is_not_gone_through_for_one_report(void **state)
{
	struct fixture *f = *state;
	struct report_name name;

	past_make(f);
	name = take(f, agent_sighting(&f->world, AMBER, "a car at the market"));
	assert_int_equal(next(f, MAIN, LONG_PAST), 1);
	steps_done(f);
	assert_int_equal(outbox_reject(&f->store, &name, E_TOO_LARGE, "body", &f->fault), E_OK);
	assert_in_range(steps_done(f), 1, FEW_STEPS);

	assert_int_equal(next(f, MAIN, LONG_PAST), 1); /* the VOID */
	take(f, agent_retraction(&f->world, "police.oku", LONG_PAST - 1));
	assert_int_equal(next(f, MAIN, LONG_PAST + 1), 1);
	steps_done(f);
	assert_int_equal(receive_receipt(f, &f->next.first, &f->next.digest, NULL), E_OK);
	assert_in_range(steps_done(f), 1, FEW_STEPS);
	assert_int_equal(agent_number(&f->store, "SELECT max(number) FROM outbox_report WHERE erased_at > 0"),
			 LONG_PAST - 1);

	steps_done(f);
	assert_int_equal(purge_expiring(&f->store, clock_now().wall), 0);
	assert_in_range(steps_done(f), 1, FEW_STEPS);

	name.number = LONG_PAST - 2;
	assert_int_equal(outbox_break(&f->store, &name, &f->fault), E_OK);
	assert_in_range(steps_done(f), 1, FEW_STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_have_no_gap_across_a_crash, start, end),
		cmocka_unit_test_setup_teardown(taken_means_on_disk, start, end),
		cmocka_unit_test_setup_teardown(one_bad_report_of_many_takes_none, start, end),
		cmocka_unit_test_setup_teardown(a_joined_take_goes_with_its_transaction, start, end),
		cmocka_unit_test_setup_teardown(equal_reports_have_different_bytes, start, end),
		cmocka_unit_test_setup_teardown(a_frozen_submission_never_changes, start, end),
		cmocka_unit_test_setup_teardown(a_submission_proves_its_origin, start, end),
		cmocka_unit_test_setup_teardown(a_submission_stays_within_the_limits, start, end),
		cmocka_unit_test_setup_teardown(reports_of_different_routing_never_share_a_submission, start, end),
		cmocka_unit_test_setup_teardown(red_leaves_sealed_and_only_its_recipients_can_open_it, start, end),
		cmocka_unit_test_setup_teardown(a_verdict_refuses_its_report_alone, start, end),
		cmocka_unit_test_setup_teardown(what_has_a_receipt_is_not_refused_any_more, start, end),
		cmocka_unit_test_setup_teardown(receipted_advances_in_order_whatever_the_order_of_receipts, start, end),
		cmocka_unit_test_setup_teardown(a_receipt_for_other_bytes_is_not_taken, start, end),
		cmocka_unit_test_setup_teardown(a_refused_submission_is_split_down_to_the_report_at_fault, start, end),
		cmocka_unit_test_setup_teardown(a_number_that_can_carry_nothing_is_sent_as_void, start, end),
		cmocka_unit_test_setup_teardown(a_recipient_who_left_voids_the_report_and_holds_up_nothing, start, end),
		cmocka_unit_test_setup_teardown(a_broker_with_another_history_is_found, start, end),
		cmocka_unit_test_setup_teardown(a_long_past_is_not_gone_through_for_one_report, start, end),
		cmocka_unit_test_setup_teardown(
			what_was_frozen_under_a_former_key_is_signed_anew_unless_the_broker_has_it, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
