/* officer_restore - simpul backup restore: puts every file of an office's backup where the settings say, and nothing
 * over what is there. */
#include "agents/officer/officer.h"
#include "common/backup.h"
#include "common/file.h"
#include "common/key_file.h"
#include "common/memory.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT (4 * 1024 * 1024) /* as backup_file has it */

struct restore {
	const struct officer *officer;
	const char *backup;
	char *fresh; /* the settings of the backup under another name; NULL: those that are there are used */
	struct settings settings; /* paths of where things go */
	struct cipher *cipher;	  /* of the store; NULL: plain */
	unsigned put;		  /* files */
};

/* ------------------------------------------------------------------ where things go */

char *officer_profile_copy(const struct settings *settings, size_t folder)
{
	char *path = memory_string(settings->folders[folder].profile);
	char *name = memory_format("profile.%zu.%s", folder + 1, basename(path));

	free(path);
	return name;
}

/* The file of the settings that one of the backup becomes; NULL for what has no place in them. free() it. */
static char *place_of(const struct settings *settings, const char *name)
{
	static const char keys[] = "node.keys";
	const char *rest = name + sizeof(keys) - 1;

	if (strncmp(name, keys, sizeof(keys) - 1) == 0 && (*rest == '\0' || *rest == '.'))
		return memory_format("%s%s", settings->keys, rest);
	if (strcmp(name, "exchange.join") == 0)
		return memory_string(settings->join);
	for (size_t i = 0; i < settings->folder_count; i++) {
		char *copy = officer_profile_copy(settings, i);
		const bool same = strcmp(copy, name) == 0;

		free(copy);
		if (same)
			return memory_string(settings->folders[i].profile);
	}
	return NULL;
}

typedef enum error file_action(struct restore *restore, const char *from, const char *to, struct fault *fault);

/* Every file but settings and store, which are put back in ways of their own. */
static enum error files_each(struct restore *restore, file_action *action, struct fault *fault)
{
	DIR *folder = opendir(restore->backup);
	enum error error = E_OK;
	struct dirent *entry;

	if (folder == NULL)
		return fault_at(fault, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s: %s", restore->backup,
				strerror(errno));
	while (error == E_OK && (entry = readdir(folder)) != NULL) {
		char *from = memory_format("%s/%s", restore->backup, entry->d_name);
		char *to = place_of(&restore->settings, entry->d_name);

		if (to != NULL)
			error = action(restore, from, to, fault);
		free(from);
		free(to);
	}
	closedir(folder);
	return error;
}

/* ------------------------------------------------------------------ looking, before anything is put anywhere */

/* The very file may be there: keys of which the disk was not lost, or what an attempt before put back. */
static enum error file_check(struct restore *restore, const char *from, const char *to, struct fault *fault)
{
	(void)restore;
	return access(to, F_OK) == 0 && !file_same(from, to, FILE_LIMIT) ? fault_at(fault, E_EXISTS, "%s", to) : E_OK;
}

/* A log that is left of another store would be read into this one. */
static enum error store_absent(const struct restore *restore, struct fault *fault)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < sizeof(ends) / sizeof(ends[0]); i++) {
		char *path = memory_format("%s%s", restore->settings.store, ends[i]);

		if (access(path, F_OK) == 0)
			error = fault_at(fault, E_EXISTS, "%s", path);
		free(path);
	}
	return error;
}

/* That these files are an office's, this one's, and belong together. */
static enum error office_check(struct restore *restore, const char *keys_file, const char *join_file,
			       const char *store_file, struct fault *fault)
{
	struct key_lock *lock = &restore->officer->secrets->lock;
	struct node_keys keys;
	struct store store;
	struct join join;
	enum error error = node_keys_load(&keys, lock, keys_file, fault);

	keys_wipe(&keys, sizeof(keys));
	if (error == E_OK)
		error = join_load(&join, join_file, fault);
	cipher_free(restore->cipher);
	restore->cipher = NULL;
	if (error == E_OK)
		error = store_key_load(keys_file, lock, &restore->cipher, fault);
	if (error == E_OK)
		error = store_open_copy(&store, store_file, restore->cipher, join.exchange, restore->settings.node,
					fault);
	if (error == E_OK)
		store_close(&store);
	return error;
}

static enum error backup_check(struct restore *restore, struct fault *fault)
{
	char *keys = memory_format("%s/node.keys", restore->backup);
	char *join = memory_format("%s/exchange.join", restore->backup);
	char *store = memory_format("%s/agent.db", restore->backup);
	enum error error = office_check(restore, keys, join, store, fault);

	free(keys);
	free(join);
	free(store);
	if (error == E_OK)
		error = store_absent(restore, fault);
	return error == E_OK ? files_each(restore, file_check, fault) : error;
}

/* ------------------------------------------------------------------ putting back */

/* The folders on the way to a file. Where one cannot be made the file cannot either, which is said then. */
static void folders_make(const char *path)
{
	char *copy = memory_string(path);

	for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(copy, 0700);
		*slash = '/';
	}
	free(copy);
}

static enum error file_put_back(struct restore *restore, const char *from, const char *to, struct fault *fault)
{
	enum error error;

	if (access(to, F_OK) == 0)
		return E_OK; /* file_check has seen that it is the same */
	folders_make(to);
	error = backup_file(from, to, fault);
	restore->put += error == E_OK;
	return error;
}

/* Under another name until it is whole. */
static enum error store_put_back(struct restore *restore, struct fault *fault)
{
	char *from = memory_format("%s/agent.db", restore->backup);
	char *part = memory_format("%s.part", restore->settings.store);
	enum error error;

	unlink(part);
	error = backup_put_back(from, part, restore->cipher, STORE_VERSION, fault);
	if (error == E_OK)
		error = file_rename(part, restore->settings.store, fault);
	restore->put += error == E_OK;
	free(from);
	free(part);
	return error;
}

/* Settings that are there are those of this machine, and stay. Those of the backup get their name last, so that paths
 * are read from where they will stand and nothing is left of a refusal. */
static enum error settings_find(struct restore *restore, struct fault *fault)
{
	char *from;
	enum error error;

	if (access(restore->officer->config, F_OK) == 0)
		return settings_load(restore->officer->config, &restore->settings, fault);
	from = memory_format("%s/agent.yaml", restore->backup);
	restore->fresh = memory_format("%s.part", restore->officer->config);
	unlink(restore->fresh);
	error = backup_file(from, restore->fresh, fault);
	if (error == E_OK)
		error = settings_load(restore->fresh, &restore->settings, fault);
	free(from);
	return error;
}

static enum error settings_put_back(struct restore *restore, struct fault *fault)
{
	const enum error error =
		restore->fresh == NULL ? E_OK : file_rename(restore->fresh, restore->officer->config, fault);

	restore->put += restore->fresh != NULL && error == E_OK;
	return error;
}

static enum error everything_put_back(struct restore *restore, struct fault *fault)
{
	const struct settings *settings = &restore->settings;
	int lock = -1;
	enum error error;

	folders_make(settings->store);
	error = store_lock(settings->store, STORE_PATIENCE_MS, &lock, fault);
	if (error == E_OK)
		error = backup_check(restore, fault);
	if (error == E_OK)
		error = files_each(restore, file_put_back, fault);
	if (error == E_OK)
		error = store_put_back(restore, fault);
	if (error == E_OK)
		error = office_check(restore, settings->keys, settings->join, settings->store, fault);
	if (error == E_OK)
		error = settings_put_back(restore, fault);
	if (lock >= 0)
		close(lock);
	return error;
}

/* ------------------------------------------------------------------ the command */

static void next_print(const struct restore *restore)
{
	const char *config = restore->officer->config;

	printf("ok: %u files put back as %s says, keys and store of %s checked\n", restore->put, config,
	       restore->settings.node);
	for (size_t i = 0; i < restore->settings.folder_count; i++)
		if (access(restore->settings.folders[i].path, F_OK) != 0)
			printf("Not in a backup: the drop folder %s; make it\n", restore->settings.folders[i].path);
	printf("The broker may have more reports of this office. Next, before the agent starts:\n"
	       "  simpul -c %s outbox recover --reason TEXT\n"
	       "which prints what the operators do then (simpulctl reseed).\n",
	       config);
}

static const char *advice_for(const struct restore *restore, enum error error)
{
	if (restore->put > 0)
		return "what is put back stays; mend that and give the same command again, it goes on";
	if (error == E_EXISTS)
		return "nothing was put back, for it overwrites nothing: end the agent, and move away what is there";
	return "nothing was put back";
}

int officer_restore(struct officer *officer, const char *backup)
{
	struct restore restore = {.officer = officer, .backup = backup};
	struct fault fault = {0};
	enum error error = settings_find(&restore, &fault);
	int status = EX_OK;

	officer->secrets->lock.file = restore.settings.passphrase_file;
	if (error == E_OK)
		error = everything_put_back(&restore, &fault);
	if (error == E_OK)
		next_print(&restore);
	else
		status = officer_fail(officer, &fault, advice_for(&restore, error));
	if (restore.fresh != NULL && error != E_OK)
		unlink(restore.fresh);
	free(restore.fresh);
	cipher_free(restore.cipher);
	officer->secrets->lock.file = NULL; /* it is of the settings */
	settings_free(&restore.settings);
	return status;
}
