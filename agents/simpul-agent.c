/* simpul-agent - the process that runs a node: takes reports in, sends them, receives what others say, hands it on. */
#include "agents/serve/loop.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_SETTINGS "/etc/simpul/agent.yaml"

static const char usage[] =
	"usage: simpul-agent [-c agent.yaml] [-t]\n"
	"\n"
	"Runs a node of a Simpul exchange: takes reports from drop folders and local programs, sends them to the\n"
	"broker, receives what is meant for this office, and hands it on to files, programs and local servers.\n"
	"\n"
	"  -c FILE   settings; default $SIMPUL_CONFIG, else " DEFAULT_SETTINGS "\n"
	"  -t        check the settings, the keys, the profiles, and that drop folders and sinks are there, then end\n"
	"  -V        print the version\n"
	"  -h        print this\n"
	"\n"
	"SIGTERM ends it after what is under way has its receipt (2 s at most); SIGHUP reads the profiles anew.\n";

struct arguments {
	const char *settings;
	bool check;
};

/* What the process needs before it can start. */
struct readiness {
	struct settings settings;
	struct keyring ring;
	struct join join;
	struct profile **profiles;
	int lock; /* of the store; -1: not taken */
};

static int fail(const struct fault *fault, const char *settings)
{
	char text[256];
	bool unset = fault->code == E_NOT_FOUND && strcmp(fault->field, settings) == 0;

	fprintf(stderr, "simpul-agent: %s%s\n", fault_text(fault, text, sizeof(text)),
		unset ? "; say where the settings are with -c FILE or SIMPUL_CONFIG" : "");
	return error_exit(fault->code);
}

/* False: end with *status. */
static bool arguments_read(int argc, char **argv, struct arguments *arguments, int *status)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
	int option;

	*status = EX_OK;
	arguments->settings = getenv("SIMPUL_CONFIG");
	while ((option = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments->settings = optarg;
			break;
		case 't':
			arguments->check = true;
			break;
		case 'V':
			puts("simpul-agent 1.0.0");
			return false;
		case 'h':
			fputs(usage, stdout);
			return false;
		default:
			fputs(usage, stderr);
			*status = EX_USAGE;
			return false;
		}
	}
	if (arguments->settings == NULL)
		arguments->settings = DEFAULT_SETTINGS;
	if (optind == argc)
		return true;
	fputs("simpul-agent: it takes options only, see simpul-agent -h\n", stderr);
	*status = EX_USAGE;
	return false;
}

/* Secrets leave this process neither in a core file nor through a debugger, and its files are its own. */
static void process_harden(void)
{
	const struct rlimit none = {0, 0};

	umask(077);
	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* whose search for leaks has to attach to the process */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* The lock comes first: `simpul keys passphrase` may give the store another key, which must be the one that is read. */
static enum error prepare(const struct arguments *arguments, struct readiness *ready, struct fault *fault)
{
	enum error error = settings_load(arguments->settings, &ready->settings, fault);

	if (error == E_OK && !arguments->check)
		error = store_lock(ready->settings.store, STORE_PATIENCE_MS, &ready->lock, fault);
	if (error == E_OK)
		error = keyring_load(&ready->ring, ready->settings.keys, ready->settings.passphrase_file, fault);
	if (error == E_OK)
		error = join_load(&ready->join, ready->settings.join, fault);
	if (error == E_OK && (ready->profiles = profiles_load(&ready->settings, fault)) == NULL)
		error = fault->code;
	return error;
}

/* A running agent waits for a folder that is not there, on a disk that is mounted later for one; who asks is told. */
static enum error folders_check(const struct settings *settings, struct fault *fault)
{
	struct stat status;

	for (size_t i = 0; i < settings->folder_count; i++)
		if (stat(settings->folders[i].path, &status) != 0 || !S_ISDIR(status.st_mode))
			return fault_at(fault, E_CONFIG, "%s: there is no such folder, make it",
					settings->folders[i].path);
	return E_OK;
}

/* Likewise. */
static enum error sinks_check(const struct settings *settings, struct fault *fault)
{
	char reason[SINK_REASON_SIZE];

	for (size_t i = 0; i < settings->sink_count; i++)
		if (!sink_able(&settings->sinks[i], reason))
			return fault_at(fault, E_CONFIG, "sink %s: %s", settings->sinks[i].name, reason);
	return E_OK;
}

static int run(const struct arguments *arguments)
{
	struct readiness ready = {.lock = -1};
	struct fault fault = {0};
	enum error error;
	int signals, status;

	error = prepare(arguments, &ready, &fault);
	if (error != E_OK)
		goto out;
	if (arguments->check) {
		error = folders_check(&ready.settings, &fault);
		if (error == E_OK)
			error = sinks_check(&ready.settings, &fault);
		if (error == E_OK)
			printf("%s: drop folders %zu, sinks %zu: good\n", ready.settings.node,
			       ready.settings.folder_count, ready.settings.sink_count);
		profiles_free(ready.profiles, ready.settings.folder_count);
		goto out;
	}
	log_init("simpul-agent", ready.settings.log_level);
	signals = loop_signals();
	if (signals < 0)
		error = fault_at(&fault, E_IO, "signalfd");
	else
		error = loop_run(&ready.settings, &ready.ring, &ready.join, ready.profiles, signals, &fault);
	close(signals);
out:
	if (ready.lock >= 0)
		close(ready.lock);
	keyring_free(&ready.ring);
	settings_free(&ready.settings);
	if (error == E_OK)
		return EX_OK;
	fault.code = error;
	status = fail(&fault, arguments->settings);
	/* A file that is not as it should be is a matter of configuration when that is what was asked. */
	return arguments->check ? EX_CONFIG : status;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	int status;

	process_harden();
	keys_init();
	return arguments_read(argc, argv, &arguments, &status) ? run(&arguments) : status;
}
