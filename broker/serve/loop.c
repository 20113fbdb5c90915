/* loop - turns frames, subscriptions, commits, reads, signals and time into events of the core. */
#include "broker/serve/loop_state.h"

#include "broker/serve/frames.h"
#include "broker/serve/take_up.h"
#include "common/memory.h"
#include "common/socket.h"
#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define TICK_MS 50
#define DRAIN_MS 10000
#define DISK_CHECK_TICKS 20
#define QUIET_MS 3000 /* after the last session was opened memory is given back */

static bool goes_on(const struct loop *loop)
{
	return !loop->drained && loop->failure.code == E_OK;
}

static enum pollset_result verdict(const struct loop *loop, enum pollset_result result)
{
	return goes_on(loop) ? result : POLLSET_STOP;
}

/* Receipts and publications before lines of the log, which nobody waits for. */
static void actions_do(struct loop *loop, const struct core_actions *actions)
{
	for (size_t i = 0; i < actions->count; i++)
		if (actions->list[i].type != ACTION_LOG)
			loop_action(loop, &actions->list[i]);
	for (size_t i = 0; i < actions->count; i++)
		if (actions->list[i].type == ACTION_LOG)
			loop_action(loop, &actions->list[i]);
}

void loop_step(struct loop *loop, const struct core_event *event)
{
	uint8_t random[CORE_RANDOM_SIZE];
	struct now now = clock_now();
	struct core_actions actions;

	randombytes_buf(random, sizeof(random));
	actions = core_step(loop->parts.core, event, &now, random);
	actions_do(loop, &actions);
	loop_seals_end(loop);
}

/* ---- the two sockets of offices */

static bool link_receive(void *context, zmq_msg_t *frame)
{
	struct loop *loop = context;
	struct core_event event = {.type = CORE_MESSAGE};
	uint8_t key[KEY_SIZE];
	const enum frames_result result =
		frames_of_peer(loop->link, loop->guard, frame, &event.message.peer, key);

	if (result == FRAMES_MESSAGE) {
		event.message.curve_key = key;
		event.message.frame = BYTES(zmq_msg_data(frame), zmq_msg_size(frame));
		loop_step(loop, &event);
	}
	return result != FRAMES_NOTHING;
}

/* One subscription: a byte that says whether it begins (1) or ends (0), the topic. Ends at a disconnect have no
 * User-Id. Whatever else a member sends counts as a subscription to everything. */
static bool feed_receive(void *context, zmq_msg_t *frame)
{
	struct loop *loop = context;
	struct core_event event = {.type = CORE_SUBSCRIBED};
	uint8_t key[KEY_SIZE];
	const uint8_t *data;
	size_t size;
	bool formed;

	if (zmq_msg_recv(frame, loop->feed, ZMQ_DONTWAIT) < 0)
		return false;
	data = zmq_msg_data(frame);
	size = zmq_msg_size(frame);
	formed = !zmq_msg_more(frame) && size > 0 && data[0] <= 1;
	event.subscribed.curve_key = key;
	event.subscribed.added = !formed || data[0] == 1;
	event.subscribed.topic = formed ? BYTES(data + 1, size - 1) : BYTES("", 0);
	if (zap_key_of_user(zmq_msg_gets(frame, "User-Id"), key) && guard_heard(loop->guard, loop->feed, frame, key))
		loop_step(loop, &event);
	socket_drop_rest(loop->feed, frame);
	return true;
}

static enum pollset_result receive_some(struct loop *loop, void *socket, frames_receive *receive)
{
	return verdict(loop, frames_receive_some(socket, loop->guard, receive, loop));
}

static enum pollset_result on_link(void *context)
{
	struct loop *loop = context;

	return receive_some(loop, loop->link, link_receive);
}

static enum pollset_result on_feed(void *context)
{
	struct loop *loop = context;

	return receive_some(loop, loop->feed, feed_receive);
}

/* Which topics listeners asked for is libzmq's matter; that they asked at all, and how often, the guard's. */
static bool bulletin_receive(void *context, zmq_msg_t *frame)
{
	struct loop *loop = context;
	uint8_t key[KEY_SIZE];

	if (zmq_msg_recv(frame, loop->bulletin, ZMQ_DONTWAIT) < 0)
		return false;
	if (zap_key_of_user(zmq_msg_gets(frame, "User-Id"), key))
		guard_heard(loop->guard, loop->bulletin, frame, key);
	socket_drop_rest(loop->bulletin, frame);
	return true;
}

static enum pollset_result on_bulletin(void *context)
{
	struct loop *loop = context;

	return receive_some(loop, loop->bulletin, bulletin_receive);
}

/* ---- the inner sockets */

static enum pollset_result on_zap(void *context)
{
	struct loop *loop = context;

	return zap_answer(loop->zap, clock_now().steady) ? POLLSET_MORE : POLLSET_NOTHING;
}

static enum pollset_result on_control(void *context)
{
	struct loop *loop = context;

	return verdict(loop, control_take(loop->control) ? POLLSET_MORE : POLLSET_NOTHING);
}

static enum pollset_result on_log(void *context)
{
	struct loop *loop = context;

	log_feed_send(loop->log_feed);
	if (loop->watch != NULL)
		watch_answer(loop->watch);
	return POLLSET_SOME;
}

static enum pollset_result on_watch(void *context)
{
	struct loop *loop = context;

	return watch_take(loop->watch, clock_now().steady);
}

/* ---- what writer and reader hand back */

/* The core tells of appends that failed; cursors and slots are the shell's to tell of. */
static void journal_failed(struct loop *loop, const struct writer_answer *answer)
{
	fault_at(&loop->failure, E_IO, "%s", loop->parts.settings->journal);
	if (answer->appends == NULL)
		log_event(LOG_LEVEL_ALARM, "journal.failed", F_NUM("type", 0), F_TEXT("field", answer->fault.field));
}

static void take_commits(struct loop *loop, struct letter *letter)
{
	while (letter != NULL) {
		struct writer_answer *answer = (struct writer_answer *)letter;
		struct core_event event = {.type = CORE_COMMITTED, .committed = answer->appends};

		letter = letter->next;
		loop->progress = clock_now().steady;
		if (answer->error == E_IO)
			journal_failed(loop, answer);
		answer->appends = NULL;
		writer_answer_free(answer);
		if (event.committed != NULL)
			loop_step(loop, &event);
	}
}

static enum pollset_result on_commits(void *context)
{
	struct loop *loop = context;

	take_commits(loop, mailbox_take_all(loop->commits));
	return verdict(loop, POLLSET_SOME);
}

static enum pollset_result on_reads(void *context)
{
	struct loop *loop = context;
	struct letter *letter = mailbox_take_all(loop->reads);

	while (letter != NULL) {
		struct core_event event = {.type = CORE_READ_DONE, .read = (struct core_read *)letter};

		letter = letter->next;
		loop_step(loop, &event);
	}
	return verdict(loop, POLLSET_SOME);
}

static enum pollset_result on_told(void *context)
{
	struct loop *loop = context;
	struct letter *letter = mailbox_take_all(loop->told), *next;

	for (; letter != NULL; letter = next) {
		next = letter->next;
		control_told(loop->control, (struct archive_letter *)letter);
	}
	return verdict(loop, POLLSET_SOME);
}

/* ---- policy */

static void policy_rejected(enum error code, const char *place)
{
	log_event(LOG_LEVEL_ERROR, "policy.rejected", F_TEXT("code", error_name(code)), F_TEXT("place", place));
}

static enum error reload(void *context, uint64_t ticket, const struct hash *approved, struct bytes act,
			 struct fault *fault)
{
	struct loop *loop = context;
	struct core_event event = {.type = CORE_POLICY, .operator_ticket = ticket, .act = act};
	enum error error = policy_load_approved(loop->parts.settings->policy, approved, &event.policy, fault);

	if (error == E_OK)
		loop_step(loop, &event);
	else
		policy_rejected(error, fault->field);
	return error;
}

static enum error take_up(void *context, uint64_t ticket, struct bytes act, struct fault *fault)
{
	struct loop *loop = context;
	struct core_event event = {.type = CORE_TAKE_UP, .operator_ticket = ticket, .act = act};
	const enum error error = newer_keys_load(loop->parts.settings, loop->parts.identity, &event.take_up, fault);

	if (error == E_OK)
		loop_step(loop, &event);
	return error;
}

/* Who is not in the file any more is cut off by the guard. */
static enum error reload_watchers(void *context, struct fault *fault)
{
	struct loop *loop = context;
	enum error error = E_OK;

	if (loop->parts.watchers == NULL)
		return E_OK;
	error = watchers_load(loop->parts.watchers, loop->parts.settings->watchers, fault);
	if (error == E_OK)
		log_event(LOG_LEVEL_NOTICE, "watchers.loaded", F_NUM("count", loop->parts.watchers->count));
	else
		log_event(LOG_LEVEL_ERROR, "watchers.kept", F_TEXT("code", error_name(error)),
			  F_TEXT("place", fault->field));
	return error;
}

static void control_step(void *context, const struct core_event *event)
{
	loop_step(context, event);
}

/* ---- signals and time */

static void begin_stop(struct loop *loop)
{
	const struct core_event event = {.type = CORE_STOP};

	if (loop->stopping)
		return;
	loop->stopping = true;
	loop->stop_at = clock_now().steady + DRAIN_MS;
	sd_notify(0, "STOPPING=1");
	log_event(LOG_LEVEL_NOTICE, "broker.stopping", F_NUM("most_ms", DRAIN_MS));
	loop_step(loop, &event);
}

/* A signal is no second operator: says what it leaves undone. */
static void policy_keep(const struct loop *loop)
{
	struct policy *file = NULL;
	struct fault fault = {0};

	if (policy_load(loop->parts.settings->policy, &file, &fault) != E_OK)
		policy_rejected(fault.code, fault.field);
	else if (core_policy(loop->parts.core) != NULL && policy_same_rules(core_policy(loop->parts.core), file))
		log_event(LOG_LEVEL_NOTICE, "policy.kept", F_TEXT("reason", "the file changes nothing"));
	else
		policy_rejected(E_TWO_OPERATORS, "signal");
	policy_free(file);
}

static void reload_by_signal(struct loop *loop)
{
	struct fault fault = {0};

	sd_notify(0, "RELOADING=1");
	reload_watchers(loop, &fault);
	if ((loop->parts.settings->two_operators & ACT_POLICY) != 0) {
		policy_keep(loop);
		sd_notify(0, "READY=1");
	} else if (reload(loop, TICKET_SIGNAL, NULL, BYTES(NULL, 0), &fault) != E_OK)
		sd_notify(0, "READY=1");
}

static enum pollset_result on_signal(void *context)
{
	struct loop *loop = context;
	struct signalfd_siginfo info;

	while (read(loop->parts.signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload_by_signal(loop);
		else
			begin_stop(loop);
	}
	return verdict(loop, POLLSET_SOME);
}

static void check_disk(struct loop *loop)
{
	struct core_event event = {.type = CORE_DISK, .disk_low = journal_disk_low(loop->parts.journal)};

	if (event.disk_low == loop->disk_low)
		return;
	loop->disk_low = event.disk_low;
	loop_step(loop, &event);
}

/* A sign of life only when the writer gets on as well: a disk that hangs is a broker that hangs. */
static void feed_watchdog(struct loop *loop, steady_ms now)
{
	struct core_status status;

	core_status(loop->parts.core, &status);
	if (status.under_way == 0)
		loop->progress = now;
	if (loop->watchdog_ms == 0 || now < loop->watchdog_at || now - loop->progress > loop->watchdog_ms)
		return;
	loop->watchdog_at = now + loop->watchdog_ms / 3;
	sd_notify(0, "WATCHDOG=1");
}

/* What ZAP's socket holds for connections that were let in long ago goes with it. */
static void zap_anew(struct loop *loop)
{
	void *old = zap_socket(loop->zap);

	if (!zap_renew(loop->zap, clock_now().steady))
		return;
	pollset_remove_socket(loop->pollset, old);
	pollset_add_socket(loop->pollset, zap_socket(loop->zap), true, on_zap, loop);
}

/* Handshakes and long answers leave holes between what connections keep for good: with thousands of them more than that. */
static void trim_memory(struct loop *loop)
{
	const steady_ms now = clock_now().steady;
	struct core_status status;

	core_status(loop->parts.core, &status);
	if (status.sessions != loop->sessions) {
		loop->sessions = status.sessions;
		loop->zap_is_new = false;
		loop->trim_at = now + QUIET_MS;
	} else if (loop->trim_at != 0 && now >= loop->trim_at && !loop->zap_is_new) {
		zap_anew(loop);
		loop->zap_is_new = true;
		loop->trim_at = now + ZAP_LINGER_MS + QUIET_MS;
	} else if (loop->trim_at != 0 && now >= loop->trim_at) {
		malloc_trim(0);
		loop->trim_at = 0;
	}
}

static void tick(struct loop *loop, steady_ms now)
{
	const struct core_event event = {.type = CORE_TICK};

	loop_step(loop, &event);
	zap_answer(loop->zap, now);
	control_take(loop->control);
	loop_doors_bind(loop);
	loop_drops_log(loop, now);
	log_ring_expire(log_feed_ring(loop->log_feed), now);
	if (loop->watch != NULL)
		watch_tick(loop->watch, now);
	guard_tick(loop->guard, clock_now().steady); /* connections may have begun since `now` */
	feed_watchdog(loop, now);
	if (loop->stopping && now >= loop->stop_at) {
		log_event(LOG_LEVEL_WARNING, "broker.undrained", F_NUM("waited_ms", DRAIN_MS));
		loop->drained = true;
	}
	if (++loop->ticks < DISK_CHECK_TICKS)
		return;
	loop->ticks = 0;
	check_disk(loop);
	trim_memory(loop);
}

/* ---- life */

static enum error inner_sockets(struct loop *loop, struct fault *fault)
{
	const struct loop_parts *parts = &loop->parts;
	enum error error;

	loop->port = (struct control_port){.loop = loop,
					   .core = parts->core,
					   .settings = parts->settings,
					   .identity = parts->identity,
					   .started_at = clock_now().wall,
					   .step = control_step,
					   .reload = reload,
					   .take_up = take_up,
					   .reload_watchers = reload_watchers};
	error = zap_new(&loop->zap, loop->context, parts->core, fault);
	if (error == E_OK) {
		zap_tell(loop->zap, loop->guard);
		zap_admit_watchers(loop->zap, parts->watchers);
		error = log_feed_new(&loop->log_feed, loop->context, parts->settings->log,
				     parts->settings->auditors_group, fault);
	}
	if (error == E_OK)
		error = control_new(&loop->control, loop->context, &loop->port, fault);
	return error;
}

enum error loop_new(struct loop **result, const struct loop_parts *parts, struct fault *fault)
{
	struct loop *loop = memory_zero(1, sizeof(*loop));
	struct journal_options options = broker_journal_options(parts->settings, parts->identity);
	enum error error;

	*result = loop;
	loop->parts = *parts;
	loop->progress = clock_now().steady;
	loop->commits = mailbox_new();
	loop->reads = mailbox_new();
	loop->told = mailbox_new();
	loop->context = zmq_ctx_new();
	loop->guard = guard_new(loop->context, parts->core, &GUARD_LIMITS);
	loop->writer = writer_start(parts->journal, loop->commits);
	error = reader_start(&loop->reader, &options, loop->reads, fault);
	keys_wipe(&options, sizeof(options));
	if (error == E_OK)
		error = inner_sockets(loop, fault);
	return error;
}

enum error loop_policy(struct loop *loop, struct policy *policy, struct fault *fault)
{
	const struct core_event event = {.type = CORE_POLICY, .policy = policy, .operator_ticket = TICKET_START};

	loop_step(loop, &event);
	while (!loop->start_answered && loop->failure.code == E_OK)
		take_commits(loop, mailbox_wait_all(loop->commits));
	*fault = loop->start_answered ? loop->start_fault : loop->failure;
	return fault->code;
}

/* The core sends on both of the offices' sockets and answers operators, whatever it was that it heard of; the tick asks
 * ZAP and operators as well. */
static void poll_everything(struct loop *loop)
{
	struct pollset *set = loop->pollset = pollset_new();

	pollset_add_fd(set, mailbox_fd(loop->commits), on_commits, loop);
	pollset_add_fd(set, mailbox_fd(loop->reads), on_reads, loop);
	pollset_add_fd(set, mailbox_fd(loop->told), on_told, loop);
	pollset_add_fd(set, loop->parts.signals, on_signal, loop);
	pollset_add_fd(set, log_feed_fd(loop->log_feed), on_log, loop);
	pollset_add_socket(set, zap_socket(loop->zap), true, on_zap, loop);
	for (int role = 0; role < CONTROL_ROLES; role++)
		pollset_add_socket(set, control_socket(loop->control, role), true, on_control, loop);
	guard_attach(loop->guard, set);
	pollset_add_socket(set, loop->link, true, on_link, loop);
	pollset_add_socket(set, loop->feed, true, on_feed, loop);
	if (loop->watch != NULL)
		pollset_add_socket(set, loop->log, true, on_watch, loop);
	if (loop->bulletin != NULL)
		pollset_add_socket(set, loop->bulletin, true, on_bulletin, loop);
}

/* One turn, and a tick when it is due. */
static void serve_once(struct loop *loop)
{
	steady_ms now = clock_now().steady;

	if (!pollset_turn(loop->pollset, now < loop->tick_at ? (unsigned)(loop->tick_at - now) : 0))
		return;
	now = clock_now().steady;
	if (now < loop->tick_at)
		return;
	loop->tick_at = now + TICK_MS;
	tick(loop, now);
	pollset_touched(loop->pollset);
}

/* Not before serving begins: the start waits for nothing but the newest entries. They sign nothing, and the key may
 * change while they look: that the journal ended under the broker's own was seen when it was opened. */
static void lookers_begin(struct loop *loop)
{
	struct journal_options options = broker_journal_options(loop->parts.settings, loop->parts.identity);

	keys_wipe(&options.broker, sizeof(options.broker));
	loop->inspector = loop->port.inspector = inspector_start(&options);
	loop->archivist = loop->port.archivist = archivist_start(&options, loop->told);
	keys_wipe(&options, sizeof(options));
}

static void serving_begins(struct loop *loop)
{
	uint64_t watchdog_us = 0;

	if (sd_watchdog_enabled(0, &watchdog_us) > 0)
		loop->watchdog_ms = watchdog_us / 1000;
	log_event(LOG_LEVEL_NOTICE, "broker.serving", F_TEXT("software", loop->parts.program),
		  F_TEXT("link", loop->link_bound), F_TEXT("feed", loop->feed_bound), F_TEXT("log", loop->log_bound),
		  F_TEXT("bulletin", loop->bulletin_bound),
		  F_TEXT("master_key", loop->parts.identity->has_master ? "yes" : "no"));
	sd_notify(0, "READY=1");
}

enum error loop_serve(struct loop *loop, struct fault *fault)
{
	if (loop_doors_open(loop, fault) != E_OK)
		return fault->code;
	check_disk(loop);
	poll_everything(loop);
	serving_begins(loop);
	lookers_begin(loop);
	while (goes_on(loop))
		serve_once(loop);
	if (loop->failure.code != E_OK)
		*fault = loop->failure;
	return loop->failure.code;
}

/* What came back too late for the core is released. */
static void empty_mailboxes(struct loop *loop)
{
	struct letter *letter = mailbox_take_all(loop->commits), *next;

	for (; letter != NULL; letter = next) {
		next = letter->next;
		writer_answer_free((struct writer_answer *)letter);
	}
	for (letter = mailbox_take_all(loop->reads); letter != NULL; letter = next) {
		next = letter->next;
		core_read_free((struct core_read *)letter);
	}
	for (letter = mailbox_take_all(loop->told); letter != NULL; letter = next) {
		next = letter->next;
		archive_letter_free((struct archive_letter *)letter);
	}
	mailbox_free(loop->commits);
	mailbox_free(loop->reads);
	mailbox_free(loop->told);
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	pollset_free(loop->pollset);
	inspector_stop(loop->inspector);
	archivist_stop(loop->archivist);
	if (loop->reader != NULL)
		reader_stop(loop->reader);
	writer_stop(loop->writer);
	empty_mailboxes(loop);
	control_free(loop->control);
	loop_doors_close(loop);
	log_feed_free(loop->log_feed);
	zap_free(loop->zap); /* after the sockets that ask it */
	guard_free(loop->guard);
	zmq_ctx_term(loop->context);
	free(loop);
}
