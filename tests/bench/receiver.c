/* receiver - verifies deliveries one for one: signature, head, names and numbers; counts when the cursor is on disk. */
#include "tests/bench/receiver.h"
#include "common/clock.h"
#include "common/content.h"
#include "common/submission.h"
#include "common/wire.h"
#include "tests/bench/workload.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Says that reports up to `delivered` are safe. */
static void seat_note(struct team *team, struct seat *seat, uint64_t delivered)
{
	if (!seat || atomic_load(&seat->delivered) == delivered)
		return;
	atomic_store(&seat->finished_us, clock_steady_us());
	atomic_store(&seat->delivered, delivered);
	if (team->options->latency)
		team_wake(team);
}

/* One report at a time: it was submitted at sent_us and is verified (or stored) now. */
static void latency_note(struct team *team, uint64_t number)
{
	if (team->options->latency)
		team->shared->latency_us[(number - 1) % LATENCIES_MOST] =
			(uint32_t)(clock_steady_us() - atomic_load(&team->shared->sent_us));
}

/* ------------------------------------------------------------------ checking */

static void member_note(struct checker *checker, const Simpul__MemberRecord *record)
{
	struct member member;

	if (member_of_message(&member, record, NULL) != E_OK ||
	    member_check(&member, checker->join->exchange, checker->join->authority, NULL) != E_OK)
		bench_fail(checker->team->shared, "%s: a member record does not verify", checker->node);
	if (strcmp(member.node, WORKLOAD_SENDER) == 0) {
		checker->origin = member;
		checker->origin_known = true;
	} else if (strcmp(member.node, WORKLOAD_OTHER) == 0) {
		checker->other = member;
		checker->other_known = true;
	}
}

/* The header is canonical, keeps the rules, and names the report that is due: none twice, none left out. */
static void report_check(struct checker *checker, const Simpul__DeliveredReport *report)
{
	const Simpul__Header *header = wire_view(
		&simpul__header__descriptor, BYTES(report->header.data, report->header.len), &checker->arena, NULL);

	if (!header || !header->name || strcmp(header->name->origin, WORKLOAD_SENDER) != 0 || report->body.len == 0)
		bench_fail(checker->team->shared, "%s: a report is not whole", checker->node);
	if (header->name->number != checker->verified + 1)
		bench_fail(checker->team->shared, "%s: report %llu came where %llu was due", checker->node,
			   (unsigned long long)header->name->number, (unsigned long long)checker->verified + 1);
	checker->verified++;
}

static void signature_check(struct checker *checker, const struct member *origin, const Simpul__Delivery *delivery)
{
	struct hash digest;

	if (delivery_digest(delivery, checker->join->exchange, &digest, NULL) != E_OK ||
	    !digest_verify(origin->signing_key, SIGN_TAG_SUBMISSION, &digest, of_binary(delivery->signature)))
		bench_fail(checker->team->shared, "%s: a delivery does not verify", checker->node);
}

/* The background load is verified and not counted. */
static void delivery_check(struct checker *checker, const Simpul__Delivery *delivery)
{
	if (checker->other_known && strcmp(delivery->origin, WORKLOAD_OTHER) == 0) {
		signature_check(checker, &checker->other, delivery);
		return;
	}
	if (!checker->origin_known)
		bench_fail(checker->team->shared, "%s: a delivery came before its origin's record", checker->node);
	signature_check(checker, &checker->origin, delivery);
	for (size_t i = 0; i < delivery->n_reports; i++)
		report_check(checker, delivery->reports[i]);
	latency_note(checker->team, checker->verified);
}

static void entry_check(struct checker *checker, const Simpul__Entry *entry)
{
	switch (entry->content_case) {
	case SIMPUL__ENTRY__CONTENT_MEMBER:
		member_note(checker, entry->member);
		break;
	case SIMPUL__ENTRY__CONTENT_DELIVERY:
		delivery_check(checker, entry->delivery);
		break;
	case SIMPUL__ENTRY__CONTENT_STUB:
		bench_fail(checker->team->shared, "%s: an entry was withheld", checker->node);
	default:
		break;
	}
}

static enum error checker_apply(void *context, struct bytes data, struct fault *fault)
{
	struct checker *checker = context;
	struct position upto;
	const Simpul__Batch *batch;

	arena_reset(&checker->arena);
	batch = wire_view(&simpul__batch__descriptor, data, &checker->arena, fault);
	if (!batch || position_of_message(&upto, batch->upto) != E_OK ||
	    !chain_verify(checker->join->broker_signing, checker->join->exchange, &upto,
			  BYTES(batch->signature.data, batch->signature.len)))
		bench_fail(checker->team->shared, "%s: a batch does not verify", checker->node);
	if (upto.entry <= checker->cursor.entry)
		return E_OK;
	if (batch->after > checker->cursor.entry)
		return E_GAP;
	for (size_t i = 0; i < batch->n_entries; i++)
		if (batch->entries[i]->entry > checker->cursor.entry)
			entry_check(checker, batch->entries[i]);
	checker->cursor = upto;
	return E_OK;
}

/* Nobody is told of a cursor before it is on disk; one sync serves all that one step of the uplink took. */
static struct position checker_cursor(void *context)
{
	struct checker *checker = context;
	uint8_t record[sizeof checker->cursor];

	if (checker->durable.entry == checker->cursor.entry)
		return checker->durable;
	memcpy(record, &checker->cursor, sizeof record);
	if (pwrite(checker->file, record, sizeof record, 0) != (ssize_t)sizeof record || fdatasync(checker->file) != 0)
		bench_fail(checker->team->shared, "%s: the cursor cannot be written", checker->node);
	checker->durable = checker->cursor;
	seat_note(checker->team, checker->seat, checker->verified);
	return checker->durable;
}

void checker_init(struct checker *checker, struct team *team, struct seat *seat, const struct join *join,
		  const char *node, const char *path)
{
	*checker = (struct checker){.team = team, .seat = seat, .join = join, .node = node};
	arena_init(&checker->arena);
	checker->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (checker->file < 0)
		bench_fail(team->shared, "%s: no file for the cursor", node);
}

struct uplink_target checker_target(struct checker *checker)
{
	return (struct uplink_target){.context = checker, .apply = checker_apply, .cursor = checker_cursor};
}

/* ------------------------------------------------------------------ the inbox */

/* The row's number is that of the report as long as nobody else says anything. */
static const char rows_of_all[] = "SELECT max(row) FROM inbox";
static const char rows_of_sender[] = "SELECT max(number) FROM inbox WHERE origin = '" WORKLOAD_SENDER "'";

static enum error counter_apply(void *context, struct bytes batch, struct fault *fault)
{
	struct counter *counter = context;
	enum error error = counter->feeder_target.apply(counter->feeder_target.context, batch, fault);
	sqlite3_stmt *get;
	uint64_t rows = 0;

	if (error != E_OK || !counter->seat)
		return error;
	get = store_statement(&counter->store, counter->team->options->background > 0 ? rows_of_sender : rows_of_all);
	if (sqlite3_step(get) == SQLITE_ROW)
		rows = column_number(get, 0);
	sqlite3_reset(get);
	if (rows > atomic_load(&counter->seat->delivered))
		latency_note(counter->team, rows);
	seat_note(counter->team, counter->seat, rows);
	return E_OK;
}

static struct position counter_cursor(void *context)
{
	const struct counter *counter = context;

	return counter->feeder_target.cursor(counter->feeder_target.context);
}

struct cipher *counter_cipher(const struct bench_options *options)
{
	return options->encrypted ? cipher_new((const uint8_t[CIPHER_KEY_SIZE]){1}) : NULL;
}

void counter_init(struct counter *counter, struct team *team, struct seat *seat, const struct join *join,
		  const struct node_keys *keys, const char *node, const char *path)
{
	struct fault fault;

	*counter = (struct counter){.team = team, .seat = seat};
	if (store_open(&counter->store, path, counter_cipher(team->options), join->exchange, node, &fault) != E_OK)
		bench_fail(team->shared, "%s: %s", node, fault.field);
	counter->inbox = inbox_new(&counter->store, keys, join);
	feeder_init(&counter->feeder, &counter->store, keys, counter->inbox);
	counter->feeder_target = feeder_target(&counter->feeder);
}

struct uplink_target counter_target(struct counter *counter)
{
	return (struct uplink_target){.context = counter, .apply = counter_apply, .cursor = counter_cursor};
}
