/* ctl_backup - simpulctl backup and journal recover: copies of all that a broker is, and the way back.
 *
 * A backup is a folder: journal.db, broker.yaml, broker.keys, exchange.id, policy.yaml, and broker.keys.next, log.key,
 * watchers and operators where there are. The data keys stand beside it, one file for all backups of an exchange, overwritten
 * each time: slots are only ever added or erased, so the newest keys open the oldest journal, except for what was erased
 * since. */
#include "broker/ctl/ctl.h"

#include "broker/serve/take_up.h"
#include "common/backup.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/recovery.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* A broker's configuration with what it leads to. */
struct place {
	struct broker_settings settings;
	struct broker_identity identity;
	struct journal_options options; /* borrows from both */
};

static enum error place_load(struct place *place, const char *config, struct fault *fault)
{
	enum error error = broker_settings_load(config, &place->settings, fault);

	if (error == E_OK)
		error = broker_identity_load(&place->settings, &place->identity, fault);
	if (error == E_OK)
		place->options = broker_journal_options(&place->settings, &place->identity);
	return error;
}

static void place_free(struct place *place)
{
	keys_wipe(&place->options, sizeof(place->options));
	broker_identity_wipe(&place->identity);
	broker_settings_free(&place->settings);
}

/* Where data keys stand unless somebody says otherwise. */
static char *data_keys_beside(const char *backup, const struct exchange *exchange)
{
	char *copy = memory_string(backup), id[9];
	char *path = memory_format("%s/data-keys-%s.db", dirname(copy), hex_of(id, BYTES(exchange->id, 4)));

	free(copy);
	return path;
}

static enum error file_copy(const char *folder_from, const char *from, const char *folder_to, const char *to,
			    struct fault *fault)
{
	char *source = folder_from != NULL ? memory_format("%s/%s", folder_from, from) : memory_string(from);
	char *target = folder_to != NULL ? memory_format("%s/%s", folder_to, to) : memory_string(to);
	enum error error = backup_file(source, target, fault);

	free(source);
	free(target);
	return error;
}

/* The same for a file that need not be there. */
static enum error file_copy_any(const char *folder_from, const char *from, const char *folder_to, const char *to,
				struct fault *fault)
{
	const enum error error = file_copy(folder_from, from, folder_to, to, fault);

	return error == E_NOT_FOUND ? E_OK : error;
}

/* Keys that offices were told of and that are not in force yet: into a backup, or out of it. */
static enum error newer_keys_copy(const char *folder_from, const struct place *place, const char *folder_to,
				  struct fault *fault)
{
	char *path = newer_keys_path(&place->settings);
	const enum error error = folder_from != NULL ? file_copy_any(folder_from, "broker.keys.next", NULL, path, fault)
						     : file_copy_any(NULL, path, folder_to, "broker.keys.next", fault);

	free(path);
	return error;
}

/* ---- making one */

static enum error small_files_copy(const struct ctl *ctl, const struct place *place, const char *part,
				   struct fault *fault)
{
	enum error error = file_copy(NULL, ctl->config, part, "broker.yaml", fault);

	if (error == E_OK)
		error = file_copy(NULL, place->settings.keys, part, "broker.keys", fault);
	if (error == E_OK)
		error = newer_keys_copy(NULL, place, part, fault);
	if (error == E_OK)
		error = file_copy(NULL, place->settings.exchange, part, "exchange.id", fault);
	if (error == E_OK)
		error = file_copy(NULL, place->settings.policy, part, "policy.yaml", fault);
	if (error == E_OK)
		error = file_copy_any(NULL, place->settings.watch_key, part, "log.key", fault);
	if (error == E_OK)
		error = file_copy_any(NULL, place->settings.watchers, part, "watchers", fault);
	return error == E_OK ? file_copy_any(NULL, place->settings.operators, part, "operators", fault) : error;
}

/* One at a time beside these data keys, for each writes the same part of them: *lock is closed when all is done. */
static enum error data_keys_lock(const char *data_keys, int *lock, struct fault *fault)
{
	char *copy = memory_string(data_keys);

	*lock = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (*lock < 0)
		return fault_at(fault, E_IO, "%s: %s", data_keys, strerror(errno));
	if (flock(*lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return fault_say(fault, E_BUSY, "another backup is being made beside %s", data_keys);
	return E_OK; /* also on a disk that knows no locks */
}

/* The keys get their name first: they open this backup and all before it. */
static enum error backup_make(const struct ctl *ctl, const struct place *place, const char *folder,
			      const char *data_keys, struct position *last, struct fault *fault)
{
	char *part = backup_begin(folder, fault);
	char *journal, *keys;
	enum error error;

	if (part == NULL)
		return fault->code;
	journal = memory_format("%s/journal.db", part);
	keys = memory_format("%s.part", data_keys);
	unlink(keys);
	error = small_files_copy(ctl, place, part, fault);
	if (error == E_OK)
		error = journal_backup(&place->options, journal, keys, last, fault);
	if (error == E_OK)
		error = journal_keys_follow(keys, data_keys, fault);
	if (error == E_OK)
		error = file_rename(keys, data_keys, fault);
	if (error != E_OK)
		unlink(keys);
	free(keys);
	free(journal);
	return backup_end(part, folder, error, fault);
}

int ctl_backup_make(struct ctl *ctl, int argc, char **argv)
{
	const char *given = NULL;
	const struct ctl_option options[] = {{"data-keys", &given, NULL}, {0}};
	struct place place = {.options = {0}};
	struct position last = {0};
	struct fault fault = {0};
	char *data_keys = NULL;
	int lock = -1;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);
	enum error error;

	if (first < 0)
		return status;
	error = place_load(&place, ctl->config, &fault);
	if (error == E_OK) {
		data_keys =
			given != NULL ? memory_string(given) : data_keys_beside(argv[first], &place.identity.exchange);
		error = data_keys_lock(data_keys, &lock, &fault);
	}
	if (error == E_OK)
		error = backup_make(ctl, &place, argv[first], data_keys, &last, &fault);
	if (lock >= 0)
		close(lock);
	if (error == E_OK)
		printf("ok: up to entry %" PRIu64 " of incarnation %u, checked; data keys in %s\n", last.entry,
		       (unsigned)last.incarnation, data_keys);
	free(data_keys);
	place_free(&place);
	return error == E_OK ? EX_OK : ctl_fail(&fault, "no backup was made; --data-keys FILE takes the data keys elsewhere");
}

/* ---- the way back */

/* Nothing is put where it stays when the restore fails. */
static enum error place_check(const struct place *place, const char *part, struct fault *fault)
{
	const char *const paths[] = {place->settings.keys, place->settings.exchange, place->settings.policy,
				     place->settings.journal, place->settings.watch_key, place->settings.watchers,
				     place->settings.operators};
	const size_t length = strlen(part);

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (strncmp(paths[i], part, length) != 0 || paths[i][length] != '/' || strstr(paths[i], "/../") != NULL)
			return fault_at(fault, E_CONFIG,
					"broker.yaml of the backup: %s: does not lie in the folder that is made", paths[i]);
	return E_OK;
}

/* Each file goes where the backup's broker.yaml says, relative to the folder that is made. */
static enum error place_fill(struct place *place, const char *backup, const char *part, struct fault *fault)
{
	char *config = memory_format("%s/broker.yaml", part);
	enum error error = file_copy(backup, "broker.yaml", NULL, config, fault);

	if (error == E_OK)
		error = broker_settings_load(config, &place->settings, fault);
	if (error == E_OK)
		error = place_check(place, part, fault);
	if (error == E_OK)
		error = file_copy(backup, "broker.keys", NULL, place->settings.keys, fault);
	if (error == E_OK)
		error = newer_keys_copy(backup, place, NULL, fault);
	if (error == E_OK)
		error = file_copy(backup, "exchange.id", NULL, place->settings.exchange, fault);
	if (error == E_OK)
		error = file_copy(backup, "policy.yaml", NULL, place->settings.policy, fault);
	if (error == E_OK)
		error = file_copy_any(backup, "log.key", NULL, place->settings.watch_key, fault);
	if (error == E_OK)
		error = file_copy_any(backup, "watchers", NULL, place->settings.watchers, fault);
	if (error == E_OK)
		error = file_copy_any(backup, "operators", NULL, place->settings.operators, fault);
	if (error == E_OK)
		error = broker_identity_load(&place->settings, &place->identity, fault);
	if (error == E_OK)
		place->options = broker_journal_options(&place->settings, &place->identity);
	free(config);
	return error;
}

static enum error place_restore(struct place *place, const char *backup, const char *given, const char *part,
				struct journal_verdict *verdict, struct fault *fault)
{
	enum error error = place_fill(place, backup, part, fault);
	char *journal, *data_keys;

	if (error != E_OK)
		return error;
	journal = memory_format("%s/journal.db", backup);
	data_keys = given != NULL ? memory_string(given) : data_keys_beside(backup, &place->identity.exchange);
	error = journal_restore(&place->options, journal, data_keys, verdict, fault);
	if (error == E_OK && verdict->bad_entry != 0)
		error = fault_at(fault, E_CORRUPT, "entry %" PRIu64 ": %.80s", verdict->bad_entry, verdict->what);
	free(journal);
	free(data_keys);
	return error;
}

int ctl_backup_restore(struct ctl *ctl, int argc, char **argv)
{
	const char *given = NULL;
	const struct ctl_option options[] = {{"data-keys", &given, NULL}, {0}};
	struct place place = {.options = {0}};
	struct journal_verdict verdict = {0};
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 2, 2, &status);
	enum error error = E_OK;
	char *part;

	if (first < 0)
		return status;
	part = backup_begin(argv[first + 1], &fault);
	if (part == NULL)
		return ctl_fail(&fault, NULL);
	error = place_restore(&place, argv[first], given, part, &verdict, &fault);
	error = backup_end(part, argv[first + 1], error, &fault);
	place_free(&place);
	if (error != E_OK)
		return ctl_fail(&fault, "nothing was restored");
	printf("ok: up to entry %" PRIu64 " of incarnation %u, every hash and signature checked.\n"
	       "Offices may have seen more. Next: simpulctl -c %s/broker.yaml journal recover --reason TEXT\n",
	       verdict.last.entry, (unsigned)verdict.last.incarnation, argv[first + 1]);
	return EX_OK;
}

/* ---- a new incarnation */

static enum error recover(const struct ctl *ctl, uint32_t incarnation, const char *reason,
			  struct journal_recovery *recovery, struct fault *fault)
{
	struct place place = {.options = {0}};
	enum error error = place_load(&place, ctl->config, fault);
	int lock = -1;

	if (error == E_OK)
		error = journal_lock(place.settings.journal, &lock, fault);
	if (error == E_OK)
		error = journal_recover(&place.options, incarnation, reason, clock_now().wall, recovery, fault);
	if (lock >= 0)
		close(lock);
	place_free(&place);
	return error;
}

int ctl_journal_recover(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL, *number = NULL;
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {"incarnation", &number, NULL}, {0}};
	struct journal_recovery recovery;
	struct fault fault = {0};
	uint64_t incarnation = 0;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (reason == NULL || reason[0] == '\0' || strlen(reason) > RECOVERY_REASON_MOST ||
	    strpbrk(reason, "\n\r\t") != NULL)
		return ctl_usage(ctl, "--reason says in one line why");
	if (number != NULL && !ctl_number_take(number, UINT32_MAX, &incarnation))
		return ctl_usage(ctl, "--incarnation takes a number");
	if (recover(ctl, (uint32_t)incarnation, reason, &recovery, &fault) != E_OK)
		return ctl_fail(&fault, "no incarnation was begun");
	if (number == NULL)
		sleep(1); /* its number is the second: the recovery that follows is given another */
	printf("Incarnation %u begins with entry %" PRIu64 "; entry %" PRIu64 " is the last that was kept.\n"
	       "What was accepted after it comes again from the offices that sent it, in their own time.\n"
	       "What operators did after it is gone. If a key was revoked since: take its node out of policy.yaml before the\n"
	       "broker starts, and revoke it again then. Enrolments, retirements, holds and the policy are to be repeated too:\n"
	       "nothing is erased for a day.\n",
	       (unsigned)recovery.begins.incarnation, recovery.begins.entry, recovery.from.entry);
	return EX_OK;
}
