/* doctor - simpul doctor: goes through all that an office needs, and says in plain words what is wrong and what to do.
 */
#include "agents/doctor/doctor.h"
#include "agents/reports/broker_ring.h"
#include "agents/reports/legal_hold.h"
#include "agents/reports/quarantine.h"
#include "agents/reports/remains.h"

#include "common/hold.h"
#include "common/memory.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"usage: simpul doctor [--json]\n"
	"\n"
	"Looks at the settings, the keys, the join file, the store and its disk, the drop folders, the sinks, the "
	"agent, the\n"
	"way to the broker and the clock. One line a check: ok, warn (look at it) or FAIL, with what is wrong and what "
	"to do.\n"
	"It changes nothing and does not disturb a running agent. Run it as the user that the agent runs as.\n"
	"The exit status is 0 when nothing failed, else 1.\n";

/* ------------------------------------------------------------------ files */

static bool check_settings(struct doctor *doctor)
{
	struct checkup *checkup = &doctor->checkup;
	struct fault fault = {0};

	if (officer_settings(doctor->officer, &doctor->settings, &fault) != E_OK) {
		checkup_fault(checkup, "settings", &fault,
			      fault.code == E_CONFIG ? "correct that line; README.md shows a whole file"
						     : "say where the settings are with -c FILE or SIMPUL_CONFIG; this "
						       "user must be able to read them");
		return false;
	}
	checkup_note(checkup, CHECKUP_OK, "settings", NULL, "%s, for %s", doctor->officer->config,
		     doctor->settings.node);
	return true;
}

/* What is seen by root may be closed to the user that the agent runs as. */
static void check_user(struct doctor *doctor)
{
	const struct passwd *user;
	struct stat status;

	if (geteuid() != 0 || stat(doctor->settings.store, &status) != 0 || status.st_uid == 0)
		return;
	user = getpwuid(status.st_uid);
	checkup_note(&doctor->checkup, CHECKUP_WARN, "user", "run it as that user (sudo -u USER simpul doctor)",
		     "you are root and the store belongs to %s, for whom files and folders may be closed that are open "
		     "to you",
		     user != NULL ? user->pw_name : "another user");
}

static const char *keys_advice(enum error error)
{
	switch (error) {
	case E_NOT_FOUND:
		return "put the file back from where it is kept, or make new keys (simpul join --key-id N) and be enrolled "
		       "anew";
	case E_CONFIG:
		return "then ask yourself who may have read it: a key that others had is revoked and made anew";
	case E_MISSING:
		return "say where the passphrase is: passphrase_file in the settings, or run this at a terminal";
	case E_PASSPHRASE:
		return "if a change of it was broken off, simpul keys passphrase once more; forgotten, nothing opens them";
	case E_INVALID:
		return "the file was changed or cut: put it back from where it is kept";
	default:
		return "the user that the agent runs as must own it";
	}
}

static void check_keys(struct doctor *doctor)
{
	struct fault fault = {0};

	doctor->has_keys = officer_node_keys(doctor->officer, &doctor->settings, &doctor->keys, &fault) == E_OK;
	if (doctor->has_keys)
		checkup_note(&doctor->checkup, CHECKUP_OK, "keys", NULL, "%s, key %u", doctor->settings.keys,
			     doctor->keys.key_id);
	else
		checkup_fault(&doctor->checkup, "keys", &fault, keys_advice(fault.code));
}

/* The exchange that the office asked to be let into, when its request still lies beside its keys. */
static bool request_elsewhere(const struct doctor *doctor)
{
	const char *keys = doctor->settings.keys;
	size_t size = strlen(keys);
	struct member request;
	char *path;
	bool elsewhere;

	if (size < 5 || strcmp(keys + size - 5, ".keys") != 0)
		return false;
	path = memory_format("%.*s.request", (int)(size - 5), keys);
	elsewhere = member_load(&request, path, NULL) == E_OK &&
		    memcmp(request.exchange, doctor->join.exchange, EXCHANGE_SIZE) != 0;
	free(path);
	return elsewhere;
}

static void check_join(struct doctor *doctor)
{
	static const char advice[] =
		"ask the operators for the join file of your exchange (they make it with simpulctl join NODE)";
	struct checkup *checkup = &doctor->checkup;
	struct fault fault = {0};

	if (join_load(&doctor->join, doctor->settings.join, &fault) != E_OK) {
		checkup_fault(checkup, "join", &fault, advice);
		return;
	}
	doctor->has_join = true;
	if (request_elsewhere(doctor))
		checkup_note(checkup, CHECKUP_FAIL, "join", advice,
			     "%s is for another exchange than the one asked to enrol", doctor->settings.join);
	else
		checkup_note(checkup, CHECKUP_OK, "join", NULL, "%s, broker at %s", doctor->settings.join,
			     doctor->join.link_endpoint);
}

/* ------------------------------------------------------------------ the store, and what it knows of the key */

/* Whether the newest record of this office is of the keys in the file. */
static void check_record(struct doctor *doctor, struct store *store)
{
	static const char renew[] = "simpul keys rotate, and have the operators enrol the request";
	struct checkup *checkup = &doctor->checkup;
	struct member_key record = {.standing = SIMPUL__STANDING__STANDING_UNSPECIFIED};
	enum error error = store_current_key(store, doctor->settings.node, &record, NULL);

	/* An agent that was never connected has not been told of its own record. */
	if (!doctor->has_keys || record.member.node[0] == '\0')
		return;
	if (error != E_OK)
		checkup_note(checkup, CHECKUP_FAIL, "key", "ask the operators why; new keys need a new enrolment",
			     "the operators have shut this office's key out");
	else if (record.member.key_id > doctor->keys.key_id)
		checkup_note(checkup, CHECKUP_FAIL, "key",
			     "the running agent takes up the newer keys, which lie beside the others and end in .next",
			     "key %u was replaced by key %u", doctor->keys.key_id, record.member.key_id);
	else if (memcmp(record.member.curve_key, doctor->keys.curve_public, KEY_SIZE) != 0)
		checkup_note(checkup, CHECKUP_FAIL, "key",
			     "have the operators enrol its request, or put the right file back",
			     "%s is not the key that was enrolled", doctor->settings.keys);
	else if (!checkup_key(checkup, "key", doctor->settings.node, record.member.created_at,
			      record.member.expires_at, renew))
		checkup_note(checkup, CHECKUP_OK, "key", NULL, "key %u is enrolled", doctor->keys.key_id);
}

/* What waits there for somebody to look. */
static void check_quarantine(struct doctor *doctor, struct store *store)
{
	uint64_t counts[QUARANTINE_CAUSES], all = 0;

	if (quarantine_count(store, counts, NULL) != E_OK)
		return;
	for (size_t i = 0; i < QUARANTINE_CAUSES; i++)
		all += counts[i];
	if (all == 0)
		checkup_note(&doctor->checkup, CHECKUP_OK, "quarantine", NULL, "nothing waits");
	else
		checkup_note(&doctor->checkup, CHECKUP_WARN, "quarantine",
			     "simpul quarantine list; retry or close each",
			     "%llu wait: %llu that do not verify, %llu about a report that is not here, "
			     "%llu that a sink did not take, %llu withheld by the broker, %llu notices that do not verify",
			     (unsigned long long)all, (unsigned long long)counts[QUARANTINE_UNVERIFIED],
			     (unsigned long long)counts[QUARANTINE_UNREFERENCED],
			     (unsigned long long)counts[QUARANTINE_UNDELIVERED],
			     (unsigned long long)counts[QUARANTINE_WITHHELD],
			     (unsigned long long)counts[QUARANTINE_NOTICE]);
}

static const char *store_advice(enum error error)
{
	if (error == E_STORE_LOCKED || error == E_STORE_KEY || error == E_NOT_FOUND)
		return "put back NODE.keys.store, from the same backup as the store";
	if (error == E_MISSING)
		return "say where the passphrase is: passphrase_file in the settings, or run this at a terminal";
	if (error == E_STORE_PLAIN)
		return "stop the agent, then: simpul keys passphrase";
	if (error == E_PASSPHRASE)
		return "it has the same passphrase as the keys; if changing that was broken off, simpul keys passphrase once more";
	if (error == E_IO || error == E_CORRUPT)
		return "see its disk and the agent's log; stop the agent and keep a copy before anything is tried";
	return error == E_VERSION ? "simpul and simpul-agent are of different versions: install the same"
				  : "see who owns the file";
}

static void check_holds(struct doctor *doctor, struct store *store)
{
	const uint64_t ending = legal_holds_ending(store, clock_now().wall);

	if (ending > 0)
		checkup_note(&doctor->checkup, CHECKUP_WARN, "hold",
			     "ask the authority whether it is to be kept for longer: that takes a new order (simpul "
			     "hold list)",
			     "%llu orders end within %d days", (unsigned long long)ending, HOLD_NOTICE_DAYS);
}

static void check_store(struct doctor *doctor)
{
	struct checkup *checkup = &doctor->checkup;
	const char *path = doctor->settings.store;
	const struct cipher *cipher = NULL;
	struct fault fault = {0};
	struct store store;

	if (access(path, F_OK) != 0 && errno == ENOENT) {
		checkup_note(checkup, CHECKUP_WARN, "store", "simpul-agent makes it when it starts for the first time",
			     "%s is not there", path);
		return;
	}
	if (officer_cipher(doctor->officer, &doctor->settings, &cipher, &fault) != E_OK ||
	    store_open_reader(&store, path, cipher, &fault) != E_OK) {
		checkup_fault(checkup, "store", &fault, store_advice(fault.code));
		return;
	}
	if (strcmp(store.node, doctor->settings.node) != 0)
		checkup_note(checkup, CHECKUP_FAIL, "store", "give each office a store of its own",
			     "%s belongs to %s, not to %s", path, store.node, doctor->settings.node);
	else if (doctor->has_join && memcmp(store.exchange, doctor->join.exchange, EXCHANGE_SIZE) != 0)
		checkup_note(checkup, CHECKUP_FAIL, "store",
			     "use the join file of the exchange, or a store of its own for the new one",
			     "%s is of another exchange than the join file", path);
	else
		checkup_note(checkup, CHECKUP_OK, "store", NULL, "%s can be read%s", path,
			     cipher != NULL ? ", and is encrypted" : "");
	check_record(doctor, &store);
	check_holds(doctor, &store);
	doctor_waits(doctor, &store);
	check_quarantine(doctor, &store);
	doctor_requests(doctor, &store);
	doctor_homes(doctor, &store);
	store_close(&store);
	if (doctor->has_join)
		broker_ring_follow(path, cipher, &doctor->join);
}

static void check_remains(struct doctor *doctor)
{
	char *path = remains_find(doctor->settings.store, doctor->settings.keys);

	if (path != NULL)
		checkup_note(&doctor->checkup, CHECKUP_WARN, "store",
			     "start the agent anew, or give simpul keys passphrase once more: both overwrite it",
			     "%s is left of a change of the passphrase, and may lie open", path);
	free(path);
}

/* ------------------------------------------------------------------ the command */

static int examine(struct doctor *doctor)
{
	if (check_settings(doctor)) {
		check_user(doctor);
		check_keys(doctor);
		check_join(doctor);
		check_store(doctor);
		check_remains(doctor);
		doctor_disk(doctor);
		doctor_folders(doctor);
		doctor_sinks(doctor);
		doctor_link(doctor);
	}
	keys_wipe(&doctor->keys, sizeof(doctor->keys));
	settings_free(&doctor->settings);
	return checkup_end(&doctor->checkup);
}

int officer_doctor(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct doctor doctor = {.officer = officer};
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'h')
			fputs(usage, stdout);
		if (option != 'j')
			return option == 'h' ? EX_OK : EX_USAGE;
		doctor.checkup.json = true;
	}
	if (optind < argc)
		return officer_misused(officer, "everything is said with options");
	return examine(&doctor);
}
