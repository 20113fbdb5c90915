/* officer_recover - simpul backup make and simpul outbox recover: a copy of what an agent is, and what to do when its disk
 * was lost or an old copy was put back (officer_restore.c). */
#include "agents/officer/officer.h"
#include "agents/reports/outbox.h"
#include "agents/store/keyring.h"
#include "common/backup.h"
#include "common/key_file.h"
#include "common/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REASON_MOST 200

static const char recover_usage[] =
	"usage: simpul outbox recover --reason TEXT [--epoch N]\n"
	"\n"
	"Begins new numbers for this office (police.oku#2.1) after its disk was lost or set back to an older copy: the "
	"old\n"
	"ones may be the names of reports that this store does not know. What has no receipt gets a new name and is "
	"sent\n"
	"under that. The agent must not run. On a new disk: settings, keys and join file first.\n"
	"\n"
	"  --reason TEXT   kept in the store\n"
	"  --epoch N       above every epoch that this office used (default: the next one that is known of)\n";

static const char backup_usage[] =
	"usage: simpul backup make FOLDER\n"
	"       simpul backup restore FOLDER\n"
	"\n"
	"make copies store, keys, join file, settings and profiles into a new folder; the agent may run. All of it is "
	"secret.\n"
	"\n"
	"restore puts each file where the settings say (-c agent.yaml); where there are none, those of the backup get "
	"that\n"
	"name first. It overwrites nothing: end the agent, and move away what is left of the store (agent.db, "
	"agent.db-wal,\n"
	"agent.db-shm). Files that are the same stay. What it put back is opened and checked. Run it as the user that "
	"the agent\n"
	"runs as; then simpul outbox recover.\n";

/* ------------------------------------------------------------------ outbox recover */

struct recovered {
	uint64_t moved;
	uint32_t epoch;
	struct position cursor;
};

static enum error epoch_begin(const struct officer *officer, const struct settings *settings, uint32_t epoch,
			      const char *reason, struct recovered *recovered, struct fault *fault)
{
	struct store store;
	enum error error = officer_store_write(officer, settings, &store, fault);

	if (error != E_OK)
		return error;
	error = outbox_begin_epoch(&store, epoch, reason, &recovered->moved, fault);
	recovered->epoch = store.epoch;
	if (error == E_OK)
		error = store_cursor(&store, &recovered->cursor, fault);
	store_close(&store);
	return error;
}

static int recover(const struct officer *officer, uint32_t epoch, const char *reason)
{
	struct recovered recovered = {0};
	struct settings settings;
	struct fault fault = {0};
	enum error error = officer_settings(officer, &settings, &fault);
	int lock = -1;

	if (error != E_OK)
		return officer_fail(officer, &fault, NULL);
	error = store_lock(settings.store, STORE_PATIENCE_MS, &lock, &fault);
	if (error == E_OK)
		error = epoch_begin(officer, &settings, epoch, reason, &recovered, &fault);
	if (error == E_OK)
		printf("Epoch %u: the next report is %s#%u.%s. %" PRIu64 " reports without a receipt moved there.\n"
		       "If the agent is then refused with BELOW_CURSOR, the operators let it fetch again what it "
		       "lost:\n"
		       "  simpulctl reseed %s --from %" PRIu64 " --reason TEXT\n",
		       (unsigned)recovered.epoch, settings.node, (unsigned)recovered.epoch,
		       recovered.moved > 0 ? "N" : "1", recovered.moved, settings.node, recovered.cursor.entry + 1);
	if (lock >= 0)
		close(lock);
	settings_free(&settings);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, "nothing has been changed");
}

int officer_outbox_recover(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {
		{"reason", required_argument, NULL, 'r'}, {"epoch", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0}};
	const char *reason = NULL, *number = NULL;
	unsigned long epoch = 0;
	char *end = NULL;
	int option;

	if (officer_helped(argc, argv, recover_usage))
		return EX_OK;
	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'r')
			reason = optarg;
		else if (option == 'e')
			number = optarg;
		else
			return EX_USAGE;
	}
	if (reason == NULL || reason[0] == '\0' || strlen(reason) > REASON_MOST)
		return officer_misused(officer, "--reason says in one line why");
	if (number != NULL)
		epoch = strtoul(number, &end, 10);
	if (number != NULL && (*end != '\0' || epoch < 2 || epoch > UINT32_MAX))
		return officer_misused(officer, "--epoch takes a number from 2 on");
	return recover(officer, (uint32_t)epoch, reason);
}

/* ------------------------------------------------------------------ backup */

static enum error file_into(const char *from, const char *folder, const char *name, struct fault *fault)
{
	char *to = memory_format("%s/%s", folder, name);
	enum error error = backup_file(from, to, fault);

	free(to);
	return error;
}

static enum error profiles_copy(const struct settings *settings, const char *part, struct fault *fault)
{
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < settings->folder_count; i++) {
		char *copy = officer_profile_copy(settings, i);

		error = file_into(settings->folders[i].profile, part, copy, fault);
		free(copy);
	}
	return error;
}

/* The newer keys first: should the agent take them up meanwhile, the others are newer by then too. */
static enum error keys_copy(const struct officer *officer, const struct settings *settings, const char *part,
			    struct fault *fault)
{
	char *path = keyring_next_path(settings->keys);
	struct node_keys keys = {.key_id = 0};
	enum error error = access(path, F_OK) == 0 ? file_into(path, part, "node.keys.next", fault) : E_OK;

	free(path);
	if (error == E_OK)
		error = file_into(settings->keys, part, "node.keys", fault);
	if (error == E_OK)
		error = officer_node_keys(officer, settings, &keys, fault);
	for (uint32_t id = 1; error == E_OK && id < keys.key_id; id++) {
		char *name = memory_format("node.keys.%u", (unsigned)id);

		path = memory_format("%s.%u", settings->keys, (unsigned)id);
		if (access(path, F_OK) == 0)
			error = file_into(path, part, name, fault);
		free(path);
		free(name);
	}
	path = store_key_path(settings->keys);
	if (error == E_OK && access(path, F_OK) == 0)
		error = file_into(path, part, "node.keys.store", fault);
	free(path);
	keys_wipe(&keys, sizeof(keys));
	return error;
}

/* Beside a change of the passphrase or of the store's key the files are copied before and after it: whether those that
 * came together belong together. */
static enum error copy_check(const struct officer *officer, const char *part, const char *store, struct fault *fault)
{
	char *keys = memory_format("%s/node.keys", part);
	struct cipher *cipher = NULL;
	sqlite3 *db = NULL;
	enum error error = key_file_check(&officer->secrets->lock, keys, fault);

	if (error == E_OK)
		error = store_key_load(keys, &officer->secrets->lock, &cipher, fault);
	if (error == E_OK)
		error = database_open_store(&db, store, DATABASE_COPY, cipher, STORE_VERSION, NULL, fault);
	database_close(db);
	cipher_free(cipher);
	free(keys);
	return error;
}

static enum error files_copy(const struct officer *officer, const struct settings *settings, const char *part,
			     struct fault *fault)
{
	char *store = memory_format("%s/agent.db", part);
	const struct cipher *cipher = NULL;
	enum error error = officer_cipher(officer, settings, &cipher, fault);

	if (error == E_OK)
		error = backup_store(settings->store, cipher, store, cipher, STORE_VERSION, true, fault);
	if (error == E_OK)
		error = file_into(officer->config, part, "agent.yaml", fault);
	if (error == E_OK)
		error = keys_copy(officer, settings, part, fault);
	if (error == E_OK)
		error = file_into(settings->join, part, "exchange.join", fault);
	if (error == E_OK)
		error = copy_check(officer, part, store, fault);
	free(store);
	return error == E_OK ? profiles_copy(settings, part, fault) : error;
}

int officer_backup(struct officer *officer, int argc, char **argv)
{
	struct settings settings;
	struct fault fault = {0};
	enum error error;
	char *part;

	if (officer_helped(argc, argv, backup_usage))
		return EX_OK;
	if (argc == 3 && strcmp(argv[1], "restore") == 0)
		return officer_restore(officer, argv[2]);
	if (argc != 3 || strcmp(argv[1], "make") != 0)
		return officer_misused(officer, "say: make FOLDER or restore FOLDER");
	error = officer_settings(officer, &settings, &fault);
	if (error != E_OK)
		return officer_fail(officer, &fault, NULL);
	part = backup_begin(argv[2], &fault);
	error = part == NULL ? fault.code
			     : backup_end(part, argv[2], files_copy(officer, &settings, part, &fault), &fault);
	settings_free(&settings);
	if (error != E_OK)
		return officer_fail(officer, &fault, "no backup was made");
	puts("ok: copied and checked");
	return EX_OK;
}
