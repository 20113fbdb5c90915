/* loop - polls everything that the agent waits for, and does all writing to the store. */
#include "agents/serve/loop.h"
#include "agents/intake/intake.h"
#include "agents/reports/purge.h"
#include "agents/reports/remains.h"
#include "agents/reports/store_progress.h"
#include "agents/serve/feeder.h"
#include "agents/serve/key_notice.h"
#include "agents/serve/local.h"
#include "agents/sink/sink_backlog.h"
#include "agents/sink/sink_begin.h"
#include "agents/subject/subject_due.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { STEP_MS = 100, LAST_RECEIPTS_MS = 2000, SINKS_AGAIN_MS = 1000, STORE_AGAIN_MS = 1000, UPLINK_ITEMS = 2 };

/* Places in the list of what is polled; the uplink's come last because their number changes. */
enum { ITEM_SIGNALS, ITEM_INTAKE, ITEM_SINKS, ITEM_LOCAL, ITEM_UPLINK, ITEMS = ITEM_UPLINK + UPLINK_ITEMS };

struct loop {
	const struct settings *settings;
	struct keyring *ring;
	struct profile **profiles;
	int signals;
	void *zmq;
	struct store store;
	struct join join; /* with the broker's keys that are in force */
	struct broker_ring broker;
	struct inbox *inbox;
	struct feeder feeder;
	struct purge purge;
	struct uplink *uplink;
	struct local *local;
	struct mailbox *from_intake, *from_sinks;
	struct intake *intake;
	struct sinks *sinks;
	struct sink_backlog told; /* what the store did not take yet */
	bool sinks_wait;	  /* until the store takes what is to be noted of them */
	steady_ms sinks_again_at;
	struct key_notice key_notice;
	struct subject_watch subject_watch;
	enum uplink_state shown_state; /* what the service manager was told last */
	steady_ms watchdog_at, watchdog_ms; /* 0: no watchdog */
	bool stop, reload;
};

/* Why the agent must be started anew; E_OK when it need not. */
static const struct fault *failure_of(const struct loop *loop)
{
	return loop->store.failure.code != E_OK ? &loop->store.failure : &loop->feeder.failure;
}

/* ------------------------------------------------------------------ profiles */

struct profile **profiles_load(const struct settings *settings, struct fault *fault)
{
	struct profile **profiles = memory_zero(settings->folder_count + 1, sizeof(struct profile *));

	for (size_t i = 0; i < settings->folder_count; i++) {
		if (profile_load(settings->folders[i].profile, &profiles[i], fault) != E_OK) {
			profiles_free(profiles, i);
			return NULL;
		}
	}
	return profiles;
}

void profiles_free(struct profile **profiles, size_t count)
{
	for (size_t i = 0; i < count; i++)
		profile_free(profiles[i]);
	free(profiles);
}

/* ------------------------------------------------------------------ intake */

static enum error intake_begin(struct loop *loop, struct fault *fault)
{
	const struct settings *settings = loop->settings;
	struct intake_folder *folders = memory_zero(settings->folder_count + 1, sizeof(*folders));

	for (size_t i = 0; i < settings->folder_count; i++)
		folders[i] = (struct intake_folder){.path = settings->folders[i].path,
						    .profile = loop->profiles[i],
						    .settle_ms = settings->folders[i].settle_seconds * 1000,
						    .keep_days = settings->folders[i].keep_days,
						    .poll = settings->folders[i].poll};
	loop->intake = intake_start(folders, settings->folder_count, settings->node, settings->store,
				    loop->ring->cipher, loop->from_intake);
	free(folders);
	return loop->intake != NULL ? E_OK : fault_at(fault, E_IO, "inotify: %s", strerror(errno));
}

/* Where a line came from. What never ends is never erased: then without the file's name, which may be a person's. */
static char *line_source(const struct intake_letter *letter, const struct parsed_line *line)
{
	return line->prepared->header->expires > 0 ? memory_format("file %s:%zu", letter->name, line->line)
						   : memory_format("file, line %zu", line->line);
}

/* Numbers the good lines of a file; inside the transaction that notes the file. */
static enum error lines_take(struct loop *loop, const struct intake_letter *letter, struct fault *fault)
{
	const struct parsed_file *file = &letter->file;
	struct prepared **prepared = memory_zero(file->count + 1, sizeof(*prepared));
	const char **sources = memory_zero(file->count + 1, sizeof(*sources));
	struct report_name *names = memory_zero(file->count + 1, sizeof(*names));
	enum error error = E_OK;
	size_t count = 0;

	for (size_t i = 0; i < file->count; i++) {
		if (file->lines[i].prepared == NULL)
			continue;
		prepared[count] = file->lines[i].prepared;
		sources[count++] = line_source(letter, &file->lines[i]);
	}
	if (count > 0)
		error = outbox_take(&loop->store, prepared, sources, count, true, names, fault);
	for (size_t i = 0; i < count; i++)
		free((char *)(uintptr_t)sources[i]);
	free(prepared);
	free(sources);
	free(names);
	return error;
}

static enum error file_take(struct loop *loop, const struct intake_letter *letter, const struct now *now,
			    struct fault *fault)
{
	enum error error = store_begin(&loop->store, fault);

	if (error != E_OK)
		return error;
	error = store_take_file(&loop->store, &letter->identity, letter->file.rejected, now->wall, fault);
	if (error == E_OK) {
		error = lines_take(loop, letter, fault);
		/* "Taken before" would let the file go: only the file's own identity may say so. */
		error = error == E_EXISTS ? E_CORRUPT : error;
	}
	return store_end(&loop->store, error, fault);
}

static void intake_step(struct loop *loop, const struct now *now)
{
	struct letter *next, *letter = mailbox_take_all(loop->from_intake);

	for (; letter != NULL; letter = next) {
		struct intake_letter *file = (struct intake_letter *)letter;

		next = letter->next;
		file->fault = (struct fault){.code = E_OK};
		file->result = file_take(loop, file, now, &file->fault);
		if (file->result == E_OK)
			uplink_wake(loop->uplink);
		intake_answer(loop->intake, file);
	}
}

/* What is still under way is answered first; what comes after that is read again at the next start. */
static void intake_end(struct loop *loop)
{
	struct now now = clock_now();
	struct letter *next, *letter;

	if (loop->intake == NULL)
		return;
	intake_step(loop, &now);
	intake_stop(loop->intake);
	loop->intake = NULL;
	for (letter = mailbox_take_all(loop->from_intake); letter != NULL; letter = next) {
		next = letter->next;
		intake_letter_free((struct intake_letter *)letter);
	}
}

/* Validates first: a mistake in a profile must not stop what works. */
static void profiles_reload(struct loop *loop)
{
	struct fault fault = {0};
	struct profile **profiles = profiles_load(loop->settings, &fault);

	loop->reload = false;
	if (profiles == NULL) {
		log_event(LOG_LEVEL_ERROR, "profiles.kept", F_TEXT("field", fault.field));
		return;
	}
	sd_notify(0, "RELOADING=1");
	intake_end(loop);
	profiles_free(loop->profiles, loop->settings->folder_count);
	loop->profiles = profiles;
	if (intake_begin(loop, &fault) != E_OK) {
		loop->feeder.failure = fault;
		return;
	}
	sd_notify(0, "READY=1");
	log_event(LOG_LEVEL_NOTICE, "profiles.loaded", F_NUM("folders", loop->settings->folder_count));
}

/* ------------------------------------------------------------------ sinks */

/* A full disk keeps nobody from starting: the sinks of which nothing could be noted wait until there is room. */
static enum error sinks_begin(struct loop *loop, struct fault *fault)
{
	const enum error error = sinks_note(loop->sinks, &loop->store, fault);

	if (error != E_OK && error_remedy(error) != REMEDY_RETRY)
		return error;
	loop->sinks_wait = error != E_OK;
	if (loop->sinks_wait)
		log_event(LOG_LEVEL_WARNING, "sink.unnoted", F_TEXT("code", error_name(error)));
	return E_OK;
}

static void sinks_begin_again(struct loop *loop, const struct now *now)
{
	if (!loop->sinks_wait || now->steady < loop->sinks_again_at)
		return;
	loop->sinks_again_at = now->steady + SINKS_AGAIN_MS;
	loop->sinks_wait = sinks_note(loop->sinks, &loop->store, NULL) != E_OK;
	if (!loop->sinks_wait)
		log_event(LOG_LEVEL_NOTICE, "sink.noted", F_NUM("sinks", loop->settings->sink_count));
}

static void sinks_step(struct loop *loop, const struct now *now)
{
	struct letter *fresh = mailbox_take_all(loop->from_sinks);
	const char *sink = fresh != NULL ? ((struct sink_letter *)fresh)->name : NULL;
	struct fault fault = {0};
	bool erasures;

	if (sink_backlog_store(&loop->told, &loop->store, fresh, &erasures, &fault) != E_OK && sink != NULL)
		log_event(LOG_LEVEL_WARNING, "sink.position", F_TEXT("sink", sink),
			  F_TEXT("code", error_name(fault.code)));
	if (erasures)
		purge_soon(&loop->purge, now);
}

/* ------------------------------------------------------------------ signals and the service manager */

int loop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void signals_step(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			loop->reload = true;
		else
			loop->stop = true;
	}
}

/* Who is not ready in time is ended, and begun anew a few times only. */
static void manager_patience(enum error error)
{
	sd_notifyf(0, "STATUS=%s\nEXTEND_TIMEOUT_USEC=%u", error_sentence(error), 10u * STORE_AGAIN_MS * 1000u);
}

static void manager_ready(struct loop *loop)
{
	uint64_t period_us = 0;

	sd_notify(0, "READY=1");
	if (sd_watchdog_enabled(0, &period_us) > 0)
		loop->watchdog_ms = period_us / 1000 / 2;
}

static void manager_step(struct loop *loop, const struct now *now)
{
	struct uplink_status status;

	if (loop->watchdog_ms > 0 && now->steady >= loop->watchdog_at) {
		sd_notify(0, "WATCHDOG=1");
		loop->watchdog_at = now->steady + loop->watchdog_ms;
	}
	uplink_status(loop->uplink, &status);
	if (status.state != loop->shown_state) {
		loop->shown_state = status.state;
		sd_notifyf(0, "STATUS=%s", uplink_state_text(status.state));
	}
}

/* ------------------------------------------------------------------ erasure */

static void erasure_step(struct loop *loop, const struct now *now)
{
	struct uplink_status status;

	uplink_status(loop->uplink, &status);
	if (purge_step(&loop->purge, &status, now))
		uplink_wake(loop->uplink);
	loop->feeder.inbox_changed = loop->feeder.inbox_changed || loop->purge.inbox_changed;
	loop->purge.inbox_changed = false;
}

/* ------------------------------------------------------------------ polling */

static bool ready(const zmq_pollitem_t *item)
{
	return (item->revents & ZMQ_POLLIN) != 0;
}

/* One turn: waits at most STEP_MS, then serves whatever is there. */
static void turn(struct loop *loop)
{
	zmq_pollitem_t items[ITEMS] = {
		[ITEM_SIGNALS] = {.fd = loop->signals, .events = ZMQ_POLLIN},
		[ITEM_INTAKE] = {.fd = mailbox_fd(loop->from_intake), .events = ZMQ_POLLIN},
		[ITEM_SINKS] = {.fd = mailbox_fd(loop->from_sinks), .events = ZMQ_POLLIN},
		[ITEM_LOCAL] = {.socket = local_socket(loop->local), .events = ZMQ_POLLIN},
	};
	int count = ITEM_UPLINK + uplink_poll_items(loop->uplink, &items[ITEM_UPLINK]);
	struct now now;

	zmq_poll(items, count, STEP_MS);
	now = clock_now();
	if (ready(&items[ITEM_SIGNALS]))
		signals_step(loop);
	if (ready(&items[ITEM_INTAKE]))
		intake_step(loop, &now);
	if (ready(&items[ITEM_SINKS]) || loop->told.first != NULL)
		sinks_step(loop, &now);
	sinks_begin_again(loop, &now);
	if (ready(&items[ITEM_LOCAL]) && local_step(loop->local, &now))
		uplink_wake(loop->uplink);
	uplink_step(loop->uplink, &now);
	erasure_step(loop, &now);
	if (loop->feeder.inbox_changed) {
		loop->feeder.inbox_changed = false;
		sinks_wake(loop->sinks);
	}
	key_notice_step(&loop->key_notice, &loop->store, &now);
	subject_due_step(&loop->subject_watch, &loop->store, &now);
	manager_step(loop, &now);
}

/* After intake and local endpoint are closed: gives what is under way its time. */
static void last_receipts(struct loop *loop)
{
	zmq_pollitem_t items[UPLINK_ITEMS];
	steady_ms until = clock_now().steady + LAST_RECEIPTS_MS;
	struct uplink_status status;
	struct now now;

	do {
		int count = uplink_poll_items(loop->uplink, items);

		if (count > 0)
			zmq_poll(items, count, STEP_MS / 2);
		now = clock_now();
		uplink_step(loop->uplink, &now);
		uplink_status(loop->uplink, &status);
	} while (status.in_flight > 0 && now.steady < until && failure_of(loop)->code == E_OK &&
		 (status.state == UPLINK_LIVE || status.state == UPLINK_CATCHING_UP));
}

/* ------------------------------------------------------------------ start and stop */

static const struct node_keys *newer_keys(void *context)
{
	return keyring_next(context);
}

static void newer_keys_taken(void *context)
{
	keyring_renew(context);
}

static enum error broker_told(void *context, const Simpul__BrokerTerms *told, const uint8_t curve[KEY_SIZE],
			      struct fault *fault)
{
	return broker_ring_told(context, told, curve, fault);
}

static void uplink_begin(struct loop *loop)
{
	const struct uplink_options options = {
		.join = &loop->join, .broker = {.context = &loop->broker, .terms = &loop->broker.terms, .told = broker_told},
		.keys = &loop->ring->keys, .node = loop->settings->node,
		.renewal = {.context = loop->ring, .next = newer_keys, .taken = newer_keys_taken}, .epoch = loop->store.epoch,
		.subscription = loop->settings->subscribes ? &loop->settings->subscription : NULL,
		.source = feeder_source(&loop->feeder), .target = feeder_target(&loop->feeder)};

	loop->uplink = uplink_new(loop->zmq, &options);
}

/* Nothing of it is used: the agent starts all the same. */
static void remains_end(const struct settings *settings)
{
	struct fault fault = {0};

	if (remains_clear(settings->store, settings->keys, &fault) != E_OK)
		log_event(LOG_LEVEL_WARNING, "store.remains", F_TEXT("code", error_name(fault.code)));
}

/* A disk without room even for what SQLite shares with readers is waited for: nobody may be there to start the agent
 * anew. E_DISK_FULL when it was told to stop. */
static enum error store_await(struct loop *loop, const struct join *join, struct fault *fault)
{
	const struct settings *settings = loop->settings;
	struct pollfd signals = {.fd = loop->signals, .events = POLLIN};
	bool said = false;
	enum error error;

	while ((error = store_open(&loop->store, settings->store, loop->ring->cipher, join->exchange, settings->node,
				   fault)) == E_DISK_FULL &&
	       !loop->stop) {
		if (!said)
			log_event(LOG_LEVEL_ERROR, "store.waits", F_TEXT("code", error_name(error)));
		said = true;
		manager_patience(error);
		if (poll(&signals, 1, STORE_AGAIN_MS) > 0)
			signals_step(loop);
	}
	return error;
}

static enum error loop_open(struct loop *loop, const struct join *join, struct fault *fault)
{
	const struct settings *settings = loop->settings;
	const struct now now = clock_now();
	enum error error;

	remains_end(settings);
	error = store_await(loop, join, fault);
	loop->join = *join;
	if (error == E_OK)
		error = broker_ring_open(&loop->broker, &loop->store, &loop->join, fault);
	if (error != E_OK)
		return error;
	loop->zmq = zmq_ctx_new();
	loop->from_intake = mailbox_new();
	loop->from_sinks = mailbox_new();
	loop->inbox = inbox_new(&loop->store, &loop->ring->keys, &loop->join);
	inbox_broker(loop->inbox, &loop->broker);
	inbox_former_keys(loop->inbox, loop->ring);
	feeder_init(&loop->feeder, &loop->store, &loop->ring->keys, loop->inbox);
	purge_init(&loop->purge, &loop->store, settings->sinks, settings->sink_count, &now);
	uplink_begin(loop);
	loop->sinks = sinks_start(settings->store, loop->ring->cipher, settings->sinks, settings->sink_count,
				  loop->from_sinks);
	error = sinks_begin(loop, fault);
	if (error != E_OK)
		return error;
	const struct local_host host = {.store = &loop->store,
					.keys = &loop->ring->keys,
					.defaults = &settings->defaults,
					.uplink = loop->uplink,
					.sinks = loop->sinks,
					.ring = loop->ring};
	error = local_open(&loop->local, loop->zmq, settings->local, &host, fault);
	return error == E_OK ? intake_begin(loop, fault) : error;
}

/* In reverse order; also after a start that did not come to its end. */
static void loop_close(struct loop *loop)
{
	struct now now = clock_now();

	intake_end(loop);
	if (loop->uplink != NULL && loop->local != NULL) {
		if (local_step(loop->local, &now))
			uplink_wake(loop->uplink);
		local_close(loop->local);
		last_receipts(loop);
	}
	sinks_stop(loop->sinks);
	if (loop->from_sinks != NULL)
		sinks_step(loop, &now);
	sink_backlog_free(&loop->told);
	if (loop->uplink != NULL)
		uplink_free(loop->uplink);
	feeder_fini(&loop->feeder);
	if (loop->inbox != NULL)
		inbox_free(loop->inbox);
	mailbox_free(loop->from_intake);
	mailbox_free(loop->from_sinks);
	if (loop->store.db != NULL)
		store_close(&loop->store);
	if (loop->zmq != NULL)
		zmq_ctx_term(loop->zmq);
	profiles_free(loop->profiles, loop->settings->folder_count);
}

enum error loop_run(const struct settings *settings, struct keyring *ring, const struct join *join,
		    struct profile **profiles, int signals, struct fault *fault)
{
	struct loop loop = {.settings = settings, .ring = ring, .profiles = profiles, .signals = signals};
	enum error error = loop_open(&loop, join, fault);

	if (error == E_OK) {
		log_event(LOG_LEVEL_NOTICE, "agent.started", F_TEXT("node", settings->node),
			  F_NUM("folders", settings->folder_count), F_NUM("sinks", settings->sink_count));
		manager_ready(&loop);
		while (!loop.stop && failure_of(&loop)->code == E_OK) {
			turn(&loop);
			if (loop.reload)
				profiles_reload(&loop);
		}
		sd_notify(0, "STOPPING=1");
		*fault = *failure_of(&loop);
		error = fault->code;
	}
	loop_close(&loop);
	log_event(LOG_LEVEL_NOTICE, "agent.stopped", F_TEXT("node", settings->node), F_TEXT("code", error_name(error)));
	return error;
}
