/* real - an exchange as users have it: the broker and its tools as programs, sender and receivers as processes that run
 * the agent's uplink.
 *
 * wire: reports in memory to a target that verifies everything.   full: rows in an outbox to rows in inboxes. */
#include "tests/bench/bench.h"
#include "common/log.h"
#include "common/memory.h"
#include "tests/bench/receiver.h"
#include "tests/bench/workload.h"
#include "tests/support/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 50
#define OUTBOX_TAKE 500 /* reports in one transaction while rows are laid in */
#define UPLINK_ITEMS 2

/* Everybody of the agency "army" receives everything that "police" says. */
static const char policy_yaml[] = "purposes: [law-enforcement, immigration-oversight, state-security]\n"
				  "categories: [overstay]\n"
				  "agencies:\n"
				  "  - agency: police\n"
				  "    ceiling: AMBER\n"
				  "    publish:\n"
				  "      - {kinds: [sighting], categories: [\"*\"]}\n"
				  "  - agency: army\n"
				  "    ceiling: AMBER\n"
				  "    receive:\n"
				  "      - {kinds: [sighting], categories: [\"*\"]}\n"
				  "nodes:\n"
				  "  - {node: " WORKLOAD_SENDER ", regions: [\"16\"]}\n"
				  "  - {node: " WORKLOAD_OTHER ", regions: [\"16\"]}\n";

/* ------------------------------------------------------------------ one process */

/* What an office has: keys, join file, connection. */
struct member_process {
	struct team *team;
	const char *node;
	struct node_keys keys;
	struct join join;
	char folder[300];
	void *zmq;
	struct uplink *uplink;
};

static void member_open(struct member_process *member, struct team *team, const struct office *office)
{
	char path[400];
	struct fault fault;

	*member = (struct member_process){.team = team, .node = office->node};
	snprintf(member->folder, sizeof member->folder, "%s", office->folder);
	log_init("simpul-bench", LOG_LEVEL_INFO);
	snprintf(path, sizeof path, "%s/%s.keys", office->folder, office->node);
	if (node_keys_load(&member->keys, NULL, path, &fault) != E_OK)
		bench_fail(team->shared, "%s: %s", path, error_sentence(fault.code));
	snprintf(path, sizeof path, "%s/exchange.join", office->folder);
	if (join_load(&member->join, path, &fault) != E_OK)
		bench_fail(team->shared, "%s: %s", path, error_sentence(fault.code));
	member->zmq = zmq_ctx_new();
}

static void member_connect(struct member_process *member, struct uplink_source source, struct uplink_target target)
{
	const struct uplink_options options = {.join = &member->join,
					       .keys = &member->keys,
					       .node = member->node,
					       .epoch = 1,
					       .source = source,
					       .target = target};

	member->uplink = uplink_new(member->zmq, &options);
}

static void member_close(struct member_process *member)
{
	uplink_free(member->uplink);
	zmq_ctx_term(member->zmq);
}

/* Waits for something and handles it; the state after it. */
static enum uplink_state member_step(struct member_process *member, bool sends, long wait_ms)
{
	zmq_pollitem_t items[UPLINK_ITEMS + 1] = {{.fd = member->team->wake[0], .events = ZMQ_POLLIN}};
	const int first = sends ? 0 : 1;
	struct uplink_status status;
	const int count = 1 + uplink_poll_items(member->uplink, &items[1]);
	struct now now;

	zmq_poll(&items[first], count - first, wait_ms);
	if (sends)
		wake_drain(member->team);
	now = clock_now();
	uplink_step(member->uplink, &now);
	uplink_status(member->uplink, &status);
	if (status.state == UPLINK_HALTED)
		bench_fail(member->team->shared, "%s halted: %s at %s", member->node,
			   error_name(status.last_fault.code), status.last_fault.field);
	return status.state;
}

/* ------------------------------------------------------------------ receivers */

static enum error source_welcome(void *context, const Simpul__Welcome *welcome, struct fault *fault)
{
	(void)context;
	(void)welcome;
	(void)fault;
	return E_OK;
}

static bool nothing_next(void *context, uint32_t stream, uint64_t after, const struct position *seen, bool caught_up,
			 struct uplink_submission *submission)
{
	(void)context;
	(void)stream;
	(void)after;
	(void)seen;
	(void)caught_up;
	(void)submission;
	return false;
}

static uint64_t nothing_receipted(void *context, uint32_t stream)
{
	(void)context;
	(void)stream;
	return 0;
}

static const struct uplink_source silent_source = {
	.welcome = source_welcome, .next = nothing_next, .receipted = nothing_receipted};

void real_receiver(struct team *team, size_t index, void *context)
{
	const struct exchange *exchange = context;
	struct seat *seat = &team->shared->seats[index];
	struct member_process member;
	struct checker checker;
	struct counter counter;
	char path[400];

	member_open(&member, team, &exchange->offices[index + 1]);
	if (team->options->path == PATH_FULL) {
		snprintf(path, sizeof path, "%s/store/agent.db", member.folder);
		counter_init(&counter, team, seat, &member.join, &member.keys, member.node, path);
		member_connect(&member, silent_source, counter_target(&counter));
	} else {
		snprintf(path, sizeof path, "%s/cursor", member.folder);
		checker_init(&checker, team, seat, &member.join, member.node, path);
		member_connect(&member, silent_source, checker_target(&checker));
	}
	while (!atomic_load(&team->shared->stop))
		if (member_step(&member, false, POLL_MS) == UPLINK_LIVE)
			atomic_store(&seat->ready, true);
	member_close(&member);
}

/* ------------------------------------------------------------------ sender */

struct sender {
	struct member_process member;
	struct workload workload;
	struct counter counter; /* its own store: the outbox on the full path, the inbox of an empty feed on both */
	struct uplink_source feeder_source;
	bool from_outbox;
};

/* What may be sent: up to the goal, or the next report when the one before has arrived. */
static uint64_t limit_of(const struct team *team)
{
	const struct bench_shared *shared = team->shared;
	const uint64_t goal = atomic_load(&shared->goal), delivered = atomic_load(&shared->seats[0].delivered);

	if (!team->options->latency)
		return goal;
	if (atomic_load(&shared->receipted) < delivered)
		return delivered;
	return delivered < goal ? delivered + 1 : goal;
}

static bool sender_next(void *context, uint32_t stream, uint64_t after, const struct position *seen, bool caught_up,
			struct uplink_submission *submission)
{
	struct sender *sender = context;
	const uint64_t limit = limit_of(sender->member.team);

	if (stream != 0 || after >= limit)
		return false;
	if (sender->member.team->options->latency)
		atomic_store(&sender->member.team->shared->sent_us, clock_steady_us());
	if (sender->from_outbox)
		return sender->feeder_source.next(sender->feeder_source.context, stream, after, seen, caught_up,
						  submission);
	return workload_next(&sender->workload, after, limit, seen, submission);
}

static uint64_t sender_receipted(void *context, uint32_t stream)
{
	const struct sender *sender = context;

	return stream == 0 ? atomic_load(&sender->member.team->shared->receipted) : 0;
}

static enum error sender_receipt(void *context, const struct report_name *first, const Simpul__Receipt *receipt,
				 struct bytes encoded)
{
	struct sender *sender = context;
	struct bench_shared *shared = sender->member.team->shared;
	uint64_t last;

	if (receipt->n_verdicts > 0)
		bench_fail(shared, "a report was refused: %s at %s",
			   error_name(error_of_code(receipt->verdicts[0]->code)), receipt->verdicts[0]->field);
	if (sender->from_outbox) {
		enum error error =
			sender->feeder_source.receipt(sender->feeder_source.context, first, receipt, encoded);

		if (error != E_OK)
			return error;
		last = outbox_receipted(&sender->counter.store, 0);
	} else {
		last = workload_last(&sender->workload, first->number);
	}
	atomic_store(&shared->receipted, last);
	return E_OK;
}

static void sender_reject(void *context, const struct report_name *first, const struct fault *fault)
{
	const struct sender *sender = context;

	(void)first;
	bench_fail(sender->member.team->shared, "a submission was refused: %s at %s", error_name(fault->code),
		   fault->field);
}

/* Lays rows into the outbox. */
static void outbox_fill(struct sender *sender, uint64_t from, uint64_t to)
{
	struct prepared prepared[OUTBOX_TAKE];
	struct prepared *list[OUTBOX_TAKE];
	const char *sources[OUTBOX_TAKE];
	struct report_name names[OUTBOX_TAKE];
	struct arena arena;
	struct fault fault;

	arena_init(&arena);
	while (from < to) {
		const size_t count = to - from < OUTBOX_TAKE ? to - from : OUTBOX_TAKE;

		arena_reset(&arena);
		for (size_t i = 0; i < count; i++) {
			workload_draft(&sender->workload, &arena, &prepared[i]);
			list[i] = &prepared[i];
			sources[i] = "bench";
		}
		if (outbox_take(&sender->counter.store, list, sources, count, false, names, &fault) != E_OK)
			bench_fail(sender->member.team->shared, "the outbox takes nothing: %s", fault.field);
		from += count;
	}
	arena_fini(&arena);
}

static void prepare(struct sender *sender)
{
	struct bench_shared *shared = sender->member.team->shared;
	const uint64_t wanted = atomic_load(&shared->prepare), have = atomic_load(&shared->prepared);

	if (wanted == have)
		return;
	if (sender->from_outbox)
		outbox_fill(sender, have, wanted);
	else
		workload_prepare(&sender->workload, wanted);
	atomic_store(&shared->prepared, wanted);
}

static void sender_open(struct sender *sender, struct team *team, const struct office *office)
{
	const struct bench_options *options = team->options;
	const struct uplink_source source = {.context = sender,
					     .welcome = source_welcome,
					     .next = sender_next,
					     .receipted = sender_receipted,
					     .receipt = sender_receipt,
					     .reject = sender_reject};
	char path[400];

	memset(sender, 0, sizeof *sender);
	member_open(&sender->member, team, office);
	sender->from_outbox = options->path == PATH_FULL && !options->latency;
	workload_init(&sender->workload, WORKLOAD_SENDER, &sender->member.keys, sender->member.join.exchange,
		      options->size, options->per_submission);
	sender->workload.last = atomic_load(&team->shared->prepared);
	snprintf(path, sizeof path, "%s/store/agent.db", sender->member.folder);
	counter_init(&sender->counter, team, NULL, &sender->member.join, &sender->member.keys, sender->member.node,
		     path);
	sender->feeder_source = feeder_source(&sender->counter.feeder);
	member_connect(&sender->member, source, counter_target(&sender->counter));
}

static void sender_work(struct team *team, size_t index, void *context)
{
	const struct exchange *exchange = context;
	struct sender sender;
	uint64_t limit = 0;

	(void)index;
	sender_open(&sender, team, &exchange->offices[0]);
	while (!atomic_load(&team->shared->stop)) {
		if (member_step(&sender.member, true, POLL_MS) == UPLINK_LIVE)
			atomic_store(&team->shared->sender_ready, true);
		prepare(&sender);
		if (limit_of(team) > limit) {
			const struct now now = clock_now();

			limit = limit_of(team);
			uplink_wake(sender.member.uplink);
			uplink_step(sender.member.uplink, &now);
		}
	}
	member_close(&sender.member);
	workload_fini(&sender.workload);
}

/* ------------------------------------------------------------------ background */

/* An office that says so many reports a second, each in a submission of its own. */
struct other {
	struct member_process member;
	struct workload workload;
	struct checker checker; /* of its own feed, which brings nothing */
	uint64_t begin_us, receipted;
};

static uint64_t other_limit(const struct other *other)
{
	return (clock_steady_us() - other->begin_us) * other->member.team->options->background / 1000000;
}

static bool other_next(void *context, uint32_t stream, uint64_t after, const struct position *seen, bool caught_up,
		       struct uplink_submission *submission)
{
	struct other *other = context;
	const uint64_t limit = other_limit(other);

	(void)caught_up;
	if (stream != 0 || after >= limit)
		return false;
	if (after >= other->workload.last)
		workload_prepare(&other->workload, after + other->member.team->options->background);
	return workload_next(&other->workload, after, limit, seen, submission);
}

static uint64_t other_receipted(void *context, uint32_t stream)
{
	const struct other *other = context;

	return stream == 0 ? other->receipted : 0;
}

static enum error other_receipt(void *context, const struct report_name *first, const Simpul__Receipt *receipt,
				struct bytes encoded)
{
	struct other *other = context;

	(void)receipt;
	(void)encoded;
	other->receipted = first->number;
	return E_OK;
}

static void other_reject(void *context, const struct report_name *first, const struct fault *fault)
{
	const struct other *other = context;

	(void)first;
	bench_fail(other->member.team->shared, "the background load was refused: %s", error_name(fault->code));
}

static void other_work(struct team *team, size_t index, void *context)
{
	const struct exchange *exchange = context;
	struct other other = {.receipted = 0};
	const struct uplink_source source = {.context = &other,
					     .welcome = source_welcome,
					     .next = other_next,
					     .receipted = other_receipted,
					     .receipt = other_receipt,
					     .reject = other_reject};
	char path[400];

	member_open(&other.member, team, &exchange->offices[index]);
	workload_init(&other.workload, WORKLOAD_OTHER, &other.member.keys, other.member.join.exchange,
		      team->options->size, 1);
	snprintf(path, sizeof path, "%s/cursor", other.member.folder);
	checker_init(&other.checker, team, NULL, &other.member.join, other.member.node, path);
	member_connect(&other.member, source, checker_target(&other.checker));
	other.begin_us = clock_steady_us();
	while (!atomic_load(&team->shared->stop)) {
		uplink_wake(other.member.uplink);
		member_step(&other.member, false, 1);
	}
	member_close(&other.member);
	workload_fini(&other.workload);
}

/* ------------------------------------------------------------------ all of it */

void bench_policy(size_t receivers, struct buffer *yaml)
{
	buffer_text(yaml, policy_yaml);
	for (size_t i = 0; i < receivers; i++) {
		char *line = memory_format("  - {node: army.r%zu, regions: [\"16\"]}\n", i);

		buffer_text(yaml, line);
		free(line);
	}
	buffer_u8(yaml, 0);
}

void real_members_start(struct team *team, struct exchange *exchange)
{
	if (team->options->background > 0)
		exchange_add(exchange, WORKLOAD_OTHER, NULL);
	team->log = exchange->log;
	team->broker = exchange->broker;
	for (size_t i = 0; i < team->options->receivers; i++)
		team->receivers[i] = team_fork(team, real_receiver, i, exchange);
	team->sender = team_fork(team, sender_work, 0, exchange);
	if (team->options->background > 0)
		team->other = team_fork(team, other_work, team->options->receivers + 1, exchange);
	team_wait_ready(team);
}

void real_start(struct team *team, struct exchange *exchange)
{
	struct buffer yaml = {0};

	bench_policy(team->options->receivers, &yaml);
	exchange_make(exchange, (const char *)yaml.data);
	buffer_free(&yaml);
	exchange_start_broker(exchange);
	exchange_add(exchange, WORKLOAD_SENDER, NULL);
	for (size_t i = 0; i < team->options->receivers; i++) {
		char node[32];

		snprintf(node, sizeof node, "army.r%zu", i);
		exchange_add(exchange, node, NULL);
	}
	real_members_start(team, exchange);
}

/* Every number once, all of them good. */
static void inbox_check(const char *path, const struct bench_options *options, uint64_t total)
{
	static const char sql[] =
		"SELECT count(*), count(DISTINCT number), coalesce(max(number), 0), coalesce(max(trust), 0)"
		" FROM inbox WHERE origin = '" WORKLOAD_SENDER "'";
	struct store store;
	sqlite3_stmt *get;

	if (store_open_reader(&store, path, counter_cipher(options), NULL) != E_OK) {
		fprintf(stderr, "simpul-bench: %s cannot be opened\n", path);
		exit(1);
	}
	get = store_statement(&store, sql);
	if (sqlite3_step(get) != SQLITE_ROW || column_number(get, 0) != total || column_number(get, 1) != total ||
	    column_number(get, 2) != total || column_number(get, 3) != TRUST_GOOD) {
		fprintf(stderr, "simpul-bench: %s: %llu rows of %llu\n", path,
			(unsigned long long)column_number(get, 0), (unsigned long long)total);
		exit(1);
	}
	sqlite3_reset(get);
	store_close(&store);
}

void real_check(struct team *team, struct exchange *exchange, uint64_t total)
{
	for (size_t i = 0; team->options->path == PATH_FULL && i < team->options->receivers; i++) {
		char path[400];

		snprintf(path, sizeof path, "%s/store/agent.db", exchange->offices[i + 1].folder);
		inbox_check(path, team->options, total);
	}
}
