/* ctl_doctor - simpulctl doctor: goes through all that a broker needs, and says in plain words what is wrong. */
#include "broker/ctl/ctl_doctor.h"

#include "broker/ctl/ctl_policy.h"
#include "broker/journal/journal_held.h"
#include "common/config.h"
#include "common/hold.h"
#include "common/memory.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONGEST_SILENCE 36500

/* ---- configuration and keys */

/* What is closed to an auditor is no finding. */
static void fault_note(struct ctl_doctor *doctor, const char *subject, const struct fault *fault, const char *advice)
{
	if (doctor->ctl->auditor && fault->code == E_PERMISSION)
		doctor->closed++;
	else
		checkup_fault(&doctor->checkup, subject, fault, advice);
}

static bool check_settings(struct ctl_doctor *doctor)
{
	struct fault fault = {0};

	if (broker_settings_load(doctor->ctl->config, &doctor->settings, &fault) != E_OK) {
		checkup_fault(&doctor->checkup, "config", &fault,
			      fault.code == E_CONFIG
				      ? "correct that line; deploy/example/oku-raya/broker.yaml explains every key"
				      : "name it with -c FILE; this user must be able to read it");
		return false;
	}
	checkup_note(&doctor->checkup, CHECKUP_OK, "config", NULL, "%s", doctor->ctl->config);
	return true;
}

/* One file of the identity; true when it is good. */
static bool check_file(struct ctl_doctor *doctor, const char *subject, const char *path, enum error error,
		       const struct fault *fault, const char *advice)
{
	if (error == E_OK)
		checkup_note(&doctor->checkup, CHECKUP_OK, subject, NULL, "%s", path);
	else
		fault_note(doctor, subject, fault, advice);
	return error == E_OK;
}

static bool check_identity(struct ctl_doctor *doctor)
{
	const struct broker_settings *settings = &doctor->settings;
	struct broker_identity *identity = &doctor->identity;
	struct fault fault = {0};
	enum error error;
	bool good;

	identity->lock = (struct key_lock){.file = settings->passphrase_file};
	error = broker_keys_load(&identity->keys, &identity->lock, settings->keys, &fault);
	good = check_file(
		doctor, "keys", settings->keys, error, &fault,
		error == E_MISSING || error == E_PASSPHRASE
			? "they are locked: give the passphrase with passphrase_file or the credential "
			  "simpul.passphrase"
			: "put broker.keys back from where it is kept, mode 600; every office trusts this key");

	good &= check_file(doctor, "exchange", settings->exchange,
			   exchange_load(&identity->exchange, settings->exchange, &fault), &fault,
			   "put exchange.id back; it is not secret, any office that enrolled may have it");
	if (settings->master_key_file != NULL)
		good &= check_file(doctor, "master", settings->master_key_file,
				   master_key_load(identity->master, settings->master_key_file, &fault), &fault,
				   "put the master key back: without it no stored body can be read");
	return good;
}

/* Whoever has it makes members. */
static void check_authority(struct ctl_doctor *doctor)
{
	char *path = config_path(doctor->settings.exchange, "authority.key");

	if (access(path, F_OK) == 0)
		checkup_note(&doctor->checkup, CHECKUP_WARN, "authority", "take it off this machine and keep it apart",
			     "%s is here: who has it makes members", path);
	free(path);
}

/* ---- journal and disk */

static const char *journal_advice(enum error error)
{
	switch (error) {
	case E_NOT_FOUND:
		return "see journal: in the configuration, and that its disk is mounted; a keys.db that is lost makes "
		       "every "
		       "stored body unreadable";
	case E_INVALID:
		return "broker.keys and the journal belong to different brokers: put the right ones together";
	case E_CORRUPT:
		return "stop the broker, keep a copy of the folder, then simpulctl journal verify; keys.db and "
		       "journal.db must be of "
		       "the same moment";
	case E_VERSION:
		return "simpulctl and the journal are of different versions: install the same";
	default:
		return "see its disk, and that this user may read it";
	}
}

static void check_journal(struct ctl_doctor *doctor)
{
	struct journal_options options = broker_journal_options(&doctor->settings, &doctor->identity);
	struct position last;
	struct fault fault = {0};

	if (journal_tail_verify(&options, &last, &fault) != E_OK)
		fault_note(doctor, "journal", &fault, journal_advice(fault.code));
	else
		checkup_note(&doctor->checkup, CHECKUP_OK, "journal", NULL,
			     "the newest entries verify, up to entry %" PRIu64 "; their keys are there", last.entry);
	keys_wipe(&options, sizeof(options));
}

/* ---- policy */

/* The file is not the one in force: does it matter? */
static void check_difference(struct ctl_doctor *doctor, const struct policy *file)
{
	struct policy *in_force = NULL;

	if (ctl_policy_fetch(doctor->ctl, &in_force, NULL) == E_OK && policy_same_rules(in_force, file))
		checkup_note(&doctor->checkup, CHECKUP_OK, "policy", NULL,
			     "%s, %zu nodes: only its text differs from the policy in force, for no node anything changes",
			     doctor->settings.policy, policy_node_count(file));
	else
		checkup_note(&doctor->checkup, CHECKUP_WARN, "policy",
			     "simpulctl policy diff shows who gains and loses what, policy reload puts it in force",
			     "%s is not the policy in force", doctor->settings.policy);
	policy_free(in_force);
}

static void check_policy(struct ctl_doctor *doctor)
{
	const char *in_force = doctor->status != NULL ? ctl_text(doctor->status, "policy_hash") : NULL;
	struct checkup *checkup = &doctor->checkup;
	char hash[2 * HASH_SIZE + 1];
	struct policy *policy;
	struct fault fault = {0};

	if (policy_load(doctor->settings.policy, &policy, &fault) != E_OK) {
		fault_note(doctor, "policy", &fault,
			   "correct it; the broker keeps the one in force, but would not start anew");
		return;
	}
	hex_of(hash, BYTES(policy_hash(policy).bytes, HASH_SIZE));
	if (in_force != NULL && strcmp(hash, in_force) != 0)
		check_difference(doctor, policy);
	else
		checkup_note(checkup, CHECKUP_OK, "policy", NULL, "%s, %zu nodes%s", doctor->settings.policy,
			     policy_node_count(policy), in_force != NULL ? ", in force" : "");
	policy_free(policy);
}

/* ---- holds */

/* A report, and how long an order keeps it. */
struct keeping {
	struct report_name report;
	wall_ms until;
};

struct keepings {
	struct keeping *list;
	size_t count;
};

/* The last order of each report. */
static void keeping_take(void *context, const struct held *held)
{
	struct keepings *keepings = context;
	size_t i = 0;

	if (!held->in_force)
		return;
	while (i < keepings->count && memcmp(&keepings->list[i].report, &held->report, sizeof(held->report)) != 0)
		i++;
	if (i == keepings->count) {
		keepings->list = memory_grow(keepings->list, keepings->count + 1, sizeof(*keepings->list));
		keepings->list[keepings->count++] = (struct keeping){held->report, held->order->until};
	}
	if (held->order->until > keepings->list[i].until)
		keepings->list[i].until = held->order->until;
}

static void keeping_judge(struct checkup *checkup, const struct keeping *keeping)
{
	const uint64_t days = (keeping->until - clock_now().wall + DAY_MS - 1) / DAY_MS;
	char name[REPORT_NAME_SIZE];

	if (days <= HOLD_NOTICE_DAYS)
		checkup_note(checkup, CHECKUP_WARN, "hold",
			     "ask the authority whether it is to be kept for longer: that takes a new order (simpulctl "
			     "hold place)",
			     "%s is held for %" PRIu64 " more days", report_name_text(&keeping->report, name), days);
}

static void check_holds(struct ctl_doctor *doctor)
{
	struct checkup *checkup = &doctor->checkup;
	const size_t before = checkup->warned;
	struct keepings keepings = {0};
	struct journal_case *c = NULL;
	struct fault fault = {0};

	if (ctl_case_open(doctor->ctl, &c, &fault) == E_OK)
		journal_held_each(c, NULL, clock_now().wall, keeping_take, &keepings, &fault);
	journal_case_close(c);
	for (size_t i = 0; i < keepings.count; i++)
		keeping_judge(checkup, &keepings.list[i]);
	if (fault.code == E_OK && checkup->warned == before && keepings.count > 0)
		checkup_note(checkup, CHECKUP_OK, "holds", NULL, "%zu reports are held", keepings.count);
	free(keepings.list);
}

/* ---- the command */

static void examine(struct ctl_doctor *doctor)
{
	if (!check_settings(doctor))
		return;
	if (check_identity(doctor))
		check_journal(doctor);
	check_holds(doctor);
	check_authority(doctor);
	checkup_disk(&doctor->checkup, doctor->settings.journal, doctor->settings.reserve_bytes,
		     2 * doctor->settings.reserve_bytes,
		     "free some space: below the reserve (reserve_mib) nothing new is taken");
	doctor_broker(doctor);
	doctor_ports(doctor);
	check_policy(doctor);
	checkup_clock(&doctor->checkup);
	doctor_members(doctor);
	if (doctor->closed > 0)
		checkup_note(&doctor->checkup, CHECKUP_OK, "files", NULL,
			     "%u were not looked at, which an auditor may not read: the operators' simpulctl doctor does",
			     doctor->closed);
}

int ctl_doctor(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_doctor doctor = {.ctl = ctl};
	const char *silent = "7";
	const struct ctl_option options[] = {{"silent-days", &silent, NULL}, {"json", NULL, &doctor.checkup.json}, {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);
	char *end;

	if (first < 0)
		return status;
	doctor.silent_days = strtoull(silent, &end, 10);
	if (silent[0] < '0' || silent[0] > '9' || *end != '\0' || doctor.silent_days > LONGEST_SILENCE)
		return ctl_usage(ctl, "--silent-days takes a number of days");
	examine(&doctor);
	json_decref(doctor.status);
	broker_identity_wipe(&doctor.identity);
	broker_settings_free(&doctor.settings);
	return checkup_end(&doctor.checkup);
}
