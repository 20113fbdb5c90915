/* simpul-broker - the process in the middle: starts everything in order, serves, stops everything in reverse. */
#include "broker/serve/loop.h"
#include "broker/serve/take_up.h"

#include "common/arena.h"
#include "common/wire.h"
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "simpul-broker"
#define SOFTWARE PROGRAM " 1.0.0"

static const char help[] =
	"Usage: " PROGRAM " [-c FILE] [-t]\n"
	"\n"
	"Runs the broker of a Simpul exchange in the foreground; logs to standard error.\n"
	"\n"
	"  -c FILE   configuration (default: broker.yaml)\n"
	"  -t        check the configuration and the policy, print \"ok\" or what is wrong, and end\n"
	"  -V        print the version\n"
	"  -h        print this\n"
	"\n"
	"SIGHUP reads policy and watchers again, SIGTERM and SIGINT finish what is under way and end.\n"
	"simpulctl init makes a configuration, keys and a journal; simpulctl status asks a running broker.\n";

struct arguments {
	const char *config;
	bool test;
};

/* Everything that stands while the broker runs, in the order in which it was started. */
struct broker {
	struct broker_settings settings;
	struct broker_identity identity;
	struct policy *policy; /* as the file has it */
	struct curve_key watch_key; /* where the log may be followed from afar */
	struct watchers watchers;
	int lock;	       /* on the journal's folder */
	int signals;
	struct journal *journal;
	struct core *core;
	struct loop *loop;
};

/* ---- the process */

/* Secrets never reach a core file or a file that others may read. */
static void harden(void)
{
	const struct rlimit none = {0, 0};

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* whose search for leaks has to attach to the process */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* With descriptors used up accept() would spin: see that there are as many as the system allows. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Before any thread starts, so that none of them is interrupted. */
static int signals_block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* ---- the journal */

static enum error journal_open_locked(struct broker *broker, struct fault *fault)
{
	enum error error = journal_lock(broker->settings.journal, &broker->lock, fault);

	if (error == E_OK)
		error = keys_take_up(&broker->settings, &broker->identity, &broker->journal, fault);
	if (error == E_NOT_FOUND)
		error = fault_at(fault, E_CONFIG, "%s: there is no journal; simpulctl init makes one",
				 broker->settings.journal);
	return error;
}

/* Passes everything on to the core and looks whether the journal is of the exchange that exchange.id names. */
struct bring_up {
	struct journal_visitor core;
	const struct exchange *exchange;
	bool other_exchange;
};

static bool binary_is(const ProtobufCBinaryData *data, const uint8_t *expected, size_t size)
{
	return bytes_equal(BYTES(data->data, data->len), BYTES(expected, size));
}

static void bring_up_entry(void *context, Simpul__EntryType type, uint64_t entry, wall_ms accepted_at,
			   struct bytes content)
{
	struct bring_up *up = context;

	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS) {
		struct arena arena;
		const Simpul__Genesis *genesis;

		arena_init(&arena);
		genesis = wire_unpack(&simpul__genesis__descriptor, content, &arena, NULL);
		if (genesis == NULL || !binary_is(&genesis->exchange, up->exchange->id, EXCHANGE_SIZE) ||
		    !binary_is(&genesis->authority_key, up->exchange->authority, KEY_SIZE))
			up->other_exchange = true;
		arena_fini(&arena);
	}
	up->core.entry(up->core.context, type, entry, accepted_at, content);
}

static void bring_up_audience(void *context, const struct audience *audience)
{
	struct bring_up *up = context;

	up->core.audience(up->core.context, audience);
}

static void bring_up_origin(void *context, const struct report_name *last, const struct hash *digest)
{
	struct bring_up *up = context;

	up->core.origin(up->core.context, last, digest);
}

static void bring_up_cursor(void *context, const char *node, uint64_t entry)
{
	struct bring_up *up = context;

	up->core.cursor(up->core.context, node, entry);
}

static void bring_up_position(void *context, const struct position *position, const uint8_t signature[SIGNATURE_SIZE])
{
	struct bring_up *up = context;

	up->core.position(up->core.context, position, signature);
}

static enum error journal_bring_up(struct broker *broker, struct fault *fault)
{
	struct bring_up up = {.core = core_visitor(broker->core), .exchange = &broker->identity.exchange};
	const struct journal_visitor visitor = {.context = &up,
						.entry = bring_up_entry,
						.audience = bring_up_audience,
						.origin = bring_up_origin,
						.cursor = bring_up_cursor,
						.position = bring_up_position};
	enum error error = journal_load(broker->journal, &visitor, fault);
	struct core_status status;

	if (error == E_OK && up.other_exchange)
		return fault_at(fault, E_EXCHANGE, "%s is not of %s", broker->settings.journal,
				broker->settings.exchange);
	if (error != E_OK)
		return error;
	core_status(broker->core, &status);
	/* Another program wrote it. That of the file must not take its place as if there were none yet. */
	if (status.policy_version > 0 && core_policy(broker->core) == NULL)
		return fault_at(fault, E_CONFIG, "%s: this version cannot read policy version %u",
				broker->settings.journal, status.policy_version);
	return E_OK;
}

static struct core *core_of(const struct broker *broker)
{
	struct core_options options = {.broker = broker->identity.keys.signing,
				       .rate_reports = broker->settings.rate_reports,
				       .rate_bytes = broker->settings.rate_bytes,
				       .heartbeat_ms = broker->settings.heartbeat_ms,
				       .silence_ms = broker->settings.silence_ms,
				       .bulletins = broker->settings.bulletin != NULL};
	struct core *core;

	memcpy(options.exchange, broker->identity.exchange.id, EXCHANGE_SIZE);
	memcpy(options.authority, broker->identity.exchange.authority, KEY_SIZE);
	snprintf(options.feed_endpoint, sizeof(options.feed_endpoint), "%s", broker->settings.feed_public);
	core = core_new(&options);
	keys_wipe(&options, sizeof(options));
	return core;
}

/* ---- start, serve, stop */

static enum error configure_log(struct broker *broker, struct fault *fault)
{
	enum error error = curve_key_load(&broker->watch_key, broker->settings.watch_key, fault);

	if (error == E_NOT_FOUND)
		error = fault_at(fault, E_CONFIG, "%s: there is no key for log; simpulctl watcher new makes it",
				 broker->settings.watch_key);
	return error == E_OK ? watchers_load(&broker->watchers, broker->settings.watchers, fault) : error;
}

static enum error configure(struct broker *broker, const char *config, struct fault *fault)
{
	enum error error = broker_settings_load(config, &broker->settings, fault);

	if (error == E_OK)
		error = broker_identity_load(&broker->settings, &broker->identity, fault);
	if (error == E_OK)
		error = broker_operators_load(&broker->settings, fault);
	if (error == E_OK)
		error = policy_load(broker->settings.policy, &broker->policy, fault);
	if (error == E_OK && broker->settings.watch != NULL)
		error = configure_log(broker, fault);
	return error;
}

/* The policy of the file becomes an entry when it is not the one that the journal has last; a start is no second
 * operator. */
static enum error put_policy_in_force(struct broker *broker, struct fault *fault)
{
	struct policy *policy = broker->policy;
	const struct policy *current = core_policy(broker->core);
	struct hash wanted = policy_hash(policy);

	if (current != NULL) {
		struct hash held = policy_hash(current);

		if (hash_equal(&held, &wanted))
			return E_OK;
		if ((broker->settings.two_operators & ACT_POLICY) != 0 && policy_same_rules(current, policy)) {
			log_event(LOG_LEVEL_NOTICE, "policy.kept", F_TEXT("reason", "only the text of the file differs"));
			return E_OK;
		}
		if ((broker->settings.two_operators & ACT_POLICY) != 0) {
			log_event(LOG_LEVEL_ALARM, "policy.rejected", F_TEXT("code", error_name(E_TWO_OPERATORS)),
				  F_TEXT("place", "start"));
			return E_OK;
		}
	}
	broker->policy = NULL;
	return loop_policy(broker->loop, policy, fault);
}

static enum error start_and_serve(struct broker *broker, struct fault *fault)
{
	enum error error = journal_open_locked(broker, fault);

	if (error != E_OK)
		return error;
	broker->core = core_of(broker);
	error = journal_bring_up(broker, fault);
	if (error != E_OK)
		return error;
	broker->signals = signals_block();
	const bool is_watched = broker->settings.watch != NULL;
	const struct loop_parts parts = {.program = SOFTWARE,
					 .settings = &broker->settings,
					 .identity = &broker->identity,
					 .core = broker->core,
					 .journal = broker->journal,
					 .signals = broker->signals,
					 .watch_key = is_watched ? &broker->watch_key : NULL,
					 .watchers = is_watched ? &broker->watchers : NULL};
	error = loop_new(&broker->loop, &parts, fault);
	if (error == E_OK)
		error = put_policy_in_force(broker, fault);
	if (error == E_OK)
		error = loop_serve(broker->loop, fault);
	return error;
}

/* The reverse of the start. */
static void stop(struct broker *broker)
{
	loop_free(broker->loop);
	if (broker->signals >= 0)
		close(broker->signals);
	core_free(broker->core);
	journal_close(broker->journal);
	if (broker->lock >= 0)
		close(broker->lock);
	policy_free(broker->policy);
	broker_identity_wipe(&broker->identity);
	keys_wipe(&broker->watch_key, sizeof(broker->watch_key));
	broker_settings_free(&broker->settings);
}

/* ---- arguments */

/* What is wrong in a file already says what it is. */
static void complain(const struct fault *fault)
{
	char text[400];

	if (fault->code == E_CONFIG)
		fprintf(stderr, "%s\n", fault->field);
	else
		fprintf(stderr, "%s: %s\n", PROGRAM, fault_text(fault, text, sizeof(text)));
}

static int run(const struct arguments *arguments)
{
	struct broker broker = {.lock = -1, .signals = -1};
	struct fault fault = {0};
	enum error error = configure(&broker, arguments->config, &fault);

	if (error == E_OK && arguments->test) {
		puts("ok");
	} else if (error == E_OK) {
		log_init(PROGRAM, broker.settings.log_level);
		error = start_and_serve(&broker, &fault);
	}
	stop(&broker);
	if (error != E_OK)
		complain(&fault);
	else if (!arguments->test)
		log_event(LOG_LEVEL_NOTICE, "broker.stopped", F_TEXT("software", SOFTWARE));
	/* A file that is not as it should be is a matter of configuration when that is what was asked. */
	return error != E_OK && arguments->test ? EX_CONFIG : error_exit(error);
}

int main(int argc, char **argv)
{
	const struct option options[] = {{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {0}};
	struct arguments arguments = {.config = "broker.yaml"};
	int option;

	while ((option = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments.config = optarg;
			break;
		case 't':
			arguments.test = true;
			break;
		case 'V':
			puts(SOFTWARE);
			return EX_OK;
		case 'h':
			fputs(help, stdout);
			return EX_OK;
		default:
			fputs(help, stderr);
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: %s: unexpected argument; see %s -h\n", PROGRAM, argv[optind], PROGRAM);
		return EX_USAGE;
	}
	harden();
	raise_descriptors();
	keys_init();
	return run(&arguments);
}
