/* ctl_init - simpulctl init: the folder of a new exchange, with keys, journal, configuration and a starter policy. */
#include "broker/ctl/ctl.h"

#include "broker/journal/authority.h"
#include "broker/policy/policy.h"
#include "common/file.h"
#include "common/memory.h"
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char broker_yaml[] = "# The broker of %s. What each key means: deploy/example/oku-raya/broker.yaml.\n"
				  "# simpul-broker -t -c broker.yaml checks this file and the policy.\n"
				  "\n"
				  "journal: journal\n"
				  "keys: broker.keys\n"
				  "exchange: exchange.id\n"
				  "policy: policy.yaml\n"
				  "%s%s%s"
				  "\n"
				  "link: %s\n"
				  "feed: %s\n"
				  "\n"
				  "control: control.sock\n"
				  "log_socket: log.sock\n"
				  "\n"
				  "reserve_mib: 64\n"
				  "log_level: info\n"
				  "\n"
				  "%stwo_operators: [policy, enroll, reseed]\n"
				  "%slog: %s\n"
				  "%sbulletin: %s\n";

static const char policy_yaml[] =
	"# Who may say what to whom. What is not granted is not allowed. A full example: "
	"deploy/example/oku-raya/policy.yaml.\n"
	"# simpulctl policy check policy.yaml checks this file; simpulctl policy reload puts it in force.\n"
	"\n"
	"categories: [tppo, tppm, illegal-work, overstay, permit-misuse, espionage, radicalism, wanted, missing,\n"
	"             public-order, election, health, lodging, other, subject-access]\n"
	"\n"
	"# Why something may be reported, and what such reports must carry.\n"
	"purposes: [tppo, tppm, illegal-work, overstay, permit-misuse, wanted, missing, public-order, state-security,\n"
	"           election-security, health, victim-protection, immigration-oversight, law-enforcement, subject-access]\n"
	"demands:\n"
	"  - {kinds: [sighting, alert], categories: [\"*\"], grading: true}\n"
	"  - {kinds: [alert], categories: [wanted], legal_basis: true}\n"
	"  - {kinds: [sighting, alert], categories: [health], protection: [health]}\n"
	"expires_days: {sighting: 90, alert: 365, query: 14}\n"
	"\n"
	"agencies:\n"
	"  - agency: immigration\n"
	"    ceiling: RED\n"
	"    protection: [child, refugee, trafficking, health, biometric, criminal-record, finance]\n"
	"    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"    ask: [subject-access]    # a person asks what is held of him: who may ask the others, and who answers\n"
	"    answer: [subject-access]\n"
	"  - agency: police\n"
	"    ceiling: RED\n"
	"    protection: [child, refugee, trafficking, biometric, criminal-record, finance]\n"
	"    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting, alert], categories: [tppo, tppm, overstay, permit-misuse, wanted, "
	"missing]}]\n"
	"    answer: [subject-access]\n"
	"\n"
	"# One line an office, with the Kemendagri codes of the regions that it is responsible for; in place of []:\n"
	"#   nodes:\n"
	"#     - {node: immigration.muara-enim, regions: [\"16.01\", \"16.03\", \"16.08\", \"16.09\"]}\n"
	"#     - {node: police.oku, regions: [\"16.01\"]}\n"
	"nodes: []\n";

struct init {
	const char *folder, *name, *link, *feed, *log, *bulletin, *master_key_file, *passphrase_file;
	bool no_passphrase, two_operators;
	bool begun; /* there are files that another try would find */
	struct passphrase passphrase;
	struct signing_key authority;
	struct broker_settings settings;
	struct broker_identity identity;
};

/* ---- files */

static enum error folder_make(const char *path, struct fault *fault)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return E_OK;
	return fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
}

/* Nothing is overwritten: not even a part of what an earlier attempt left. */
static enum error nothing_there(const char *folder, struct fault *fault)
{
	static const char *const names[] = {"broker.yaml", "policy.yaml",   "exchange.id",
					    "broker.keys", "authority.key", "journal", "log.key"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = memory_format("%s/%s", folder, names[i]);
		bool there = access(path, F_OK) == 0;

		free(path);
		if (there)
			return fault_at(fault, E_EXISTS, "%s/%s", folder, names[i]);
	}
	return E_OK;
}

static enum error text_write(const char *folder, const char *name, const char *text, struct fault *fault)
{
	char *path = memory_format("%s/%s", folder, name);
	enum error error = file_write(path, BYTES(text, strlen(text)), 0640, fault);

	free(path);
	return error;
}

static enum error master_key_try(const struct broker_settings *settings, struct fault *fault)
{
	uint8_t key[KEY_SIZE];
	const enum error error =
		settings->master_key_file == NULL ? E_OK : master_key_load(key, settings->master_key_file, fault);

	keys_wipe(key, sizeof(key));
	return error;
}

/* Written first and read back, so that an endpoint that cannot work, or a master key that is not there, is refused before
 * anything else is made. */
static enum error configuration_write(struct init *init, struct fault *fault)
{
	const bool master = init->master_key_file != NULL;
	char *path = memory_format("%s/broker.yaml", init->folder);
	char *text = memory_format(broker_yaml, init->name, master ? "master_key_file: " : "",
				   master ? init->master_key_file : "", master ? "\n" : "", init->link, init->feed,
				   init->two_operators ? "" : "# ", init->log != NULL ? "" : "# ",
				   init->log != NULL ? init->log : "tcp://127.0.0.1:7403", init->bulletin != NULL ? "" : "# ",
				   init->bulletin != NULL ? init->bulletin : "tcp://127.0.0.1:7404");
	enum error error = text_write(init->folder, "broker.yaml", text, fault);

	if (error == E_OK) {
		error = broker_settings_load(path, &init->settings, fault);
		if (error == E_OK)
			error = master_key_try(&init->settings, fault);
		if (error != E_OK)
			unlink(path);
	}
	if (error == E_OK)
		error = text_write(init->folder, "policy.yaml", policy_yaml, fault);
	free(text);
	free(path);
	return error;
}

/* ---- keys and journal */

static enum error keys_write(struct init *init, struct fault *fault)
{
	struct exchange exchange = {0};
	struct broker_keys keys;
	struct curve_key log;
	char *path = memory_format("%s/authority.key", init->folder);
	enum error error;

	signing_key_generate(&init->authority);
	broker_keys_generate(&keys);
	snprintf(exchange.name, sizeof(exchange.name), "%s", init->name);
	randombytes_buf(exchange.id, sizeof(exchange.id));
	memcpy(exchange.authority, init->authority.public_key, KEY_SIZE);
	error = authority_save(&init->authority, init->no_passphrase ? NULL : init->passphrase.text, path, fault);
	if (error == E_OK)
		error = broker_keys_save(&keys, NULL, init->settings.keys, fault);
	if (error == E_OK)
		error = exchange_save(&exchange, init->settings.exchange, fault);
	if (error == E_OK)
		error = ctl_watch_key_make(&init->settings, &log, fault);
	keys_wipe(&log, sizeof(log));
	keys_wipe(&keys, sizeof(keys));
	free(path);
	return error;
}

static enum error journal_write(struct init *init, struct fault *fault)
{
	struct journal_options options;
	enum error error = broker_identity_load(&init->settings, &init->identity, fault);

	if (error == E_OK)
		error = folder_make(init->settings.journal, fault);
	if (error != E_OK)
		return error;
	options = broker_journal_options(&init->settings, &init->identity);
	error = journal_create(&options, init->identity.exchange.id, init->identity.exchange.authority,
			       clock_now().wall, fault);
	keys_wipe(&options, sizeof(options));
	return error;
}

/* ---- the command */

static void report(const struct init *init)
{
	char id[2 * EXCHANGE_SIZE + 1];

	printf("%s is ready in %s (exchange %s).\n\n", init->name, init->folder,
	       hex_of(id, BYTES(init->identity.exchange.id, EXCHANGE_SIZE)));
	printf("  authority.key  signs members in. TAKE IT OFF THIS MACHINE NOW, keep two copies under lock;\n"
	       "                 whoever has it%s can make members, and without it nobody can\n",
	       init->no_passphrase ? "" : " and its passphrase");
	puts("  broker.keys    secret; back it up once\n"
	     "  log.key        secret; of the socket where the log is followed from afar, if broker.yaml has one\n"
	     "  exchange.id    give it to every office: simpul join --exchange-file exchange.id\n"
	     "  broker.yaml    where the broker listens and what it takes\n"
	     "  policy.yaml    who may say what to whom; name the offices here\n"
	     "  journal/       the record\n");
	if (!init->identity.has_master)
		puts("There is no master key: whoever copies journal/ can read every body that was not erased.\n"
		     "simpulctl init --master-key-file FILE, or the systemd credential simpul.master, keeps the key "
		     "apart.\n");
	if (init->two_operators)
		printf("Before the broker starts two operators make a key each (simpulctl operator new NAME), and the lines that it\n"
		       "prints become %s/operators.\n\n",
		       init->folder);
	printf("Next: simpul-broker -c %s/broker.yaml\n", init->folder);
}

static enum error make_all(struct init *init, struct fault *fault)
{
	enum error error = nothing_there(init->folder, fault);

	if (error == E_OK && !init->no_passphrase)
		error = passphrase_new(init->passphrase_file, AUTHORITY_KEY, &init->passphrase, fault);
	if (error == E_OK)
		error = folder_make(init->folder, fault);
	if (error == E_OK)
		error = configuration_write(init, fault);
	init->begun = error == E_OK;
	if (error == E_OK)
		error = keys_write(init, fault);
	if (error == E_OK)
		error = journal_write(init, fault);
	return error;
}

static const char *advice_for(const struct init *init, enum error error)
{
	if (error == E_MISSING)
		return "--passphrase-file FILE holds one; --no-passphrase leaves the key open";
	return init->begun ? "before another try, remove what it made in that folder: nothing there is in use"
			   : "nothing that was there has been changed";
}

int ctl_init(struct ctl *ctl, int argc, char **argv)
{
	struct init init = {.link = "tcp://127.0.0.1:7401", .feed = "tcp://127.0.0.1:7402"};
	const struct ctl_option options[] = {{"name", &init.name, NULL},
					     {"link", &init.link, NULL},
					     {"feed", &init.feed, NULL},
					     {"log", &init.log, NULL},
					     {"bulletin", &init.bulletin, NULL},
					     {"master-key-file", &init.master_key_file, NULL},
					     {"passphrase-file", &init.passphrase_file, NULL},
					     {"no-passphrase", NULL, &init.no_passphrase},
					     {"two-operators", NULL, &init.two_operators},
					     {0}};
	struct fault fault = {0};
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	init.folder = argv[first];
	if (init.name == NULL || !exchange_name_valid(init.name))
		return ctl_usage(ctl, "--name takes the name of the exchange, 1 to 100 bytes on one line");
	if (init.master_key_file != NULL && init.master_key_file[0] != '/')
		return ctl_usage(ctl, "--master-key-file takes a path from the root");
	if (init.no_passphrase && init.passphrase_file != NULL)
		return ctl_usage(ctl, "--passphrase-file and --no-passphrase exclude each other");
	error = make_all(&init, &fault);
	if (error == E_OK)
		report(&init);
	else
		status = ctl_fail(&fault, advice_for(&init, error));
	keys_wipe(&init.passphrase, sizeof(init.passphrase));
	keys_wipe(&init.authority, sizeof(init.authority));
	broker_identity_wipe(&init.identity);
	broker_settings_free(&init.settings);
	return error == E_OK ? EX_OK : status;
}
