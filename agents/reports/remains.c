/* remains - knows the names of what is written before it takes the place of a store or of a file of keys.
 *
 *   agent.db.unfinished, agent.db.unfinished-wal ...      a store under another key
 *   agent.db.overwritten                                   what the store was before
 *   police.oku.keys.unfinished, police.oku.keys.1.unfinished ...
 *                                                          a file of keys under another passphrase
 *   police.oku.keys.overwritten, police.oku.keys.1.overwritten ...
 *                                                          what it was before
 *   .police.oku.keys.unfinished.0123456789abcdef           the same, half written (file_write) */
#include "agents/reports/remains.h"
#include "common/bytes.h"

#include "common/memory.h"
#include "common/overwrite.h"
#include <dirent.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What follows `start` in `name`; NULL when it starts otherwise. */
static const char *after(const char *name, const char *start)
{
	const size_t size = strlen(start);

	return strncmp(name, start, size) == 0 ? name + size : NULL;
}

static bool is_of_store(const char *name, const char *store)
{
	const char *rest = after(name, store);

	if (rest != NULL && strcmp(rest, OVERWRITE_FORMER) == 0)
		return true;
	rest = rest != NULL ? after(rest, OVERWRITE_FRESH) : NULL;
	return rest != NULL && (*rest == '\0' || *rest == '-');
}

static bool is_of_keys(const char *name, const char *keys)
{
	const char *rest = after(name, keys);
	const char *half = name[0] == '.' ? after(name + 1, keys) : NULL;

	return (rest != NULL && *rest == '.' &&
		(text_ends_with(rest, OVERWRITE_FRESH) || text_ends_with(rest, OVERWRITE_FORMER))) ||
	       (half != NULL && *half == '.' && strstr(half, OVERWRITE_FRESH ".") != NULL);
}

/* One that is left of the file `path`, beside it. */
static char *find_beside(const char *path, bool (*is_of)(const char *name, const char *base))
{
	char *one = memory_string(path), *other = memory_string(path), *found = NULL;
	const char *folder = dirname(one), *base = basename(other);
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir != NULL && found == NULL && (entry = readdir(dir)) != NULL)
		if (is_of(entry->d_name, base))
			found = memory_format("%s/%s", folder, entry->d_name);
	if (dir != NULL)
		closedir(dir);
	free(one);
	free(other);
	return found;
}

char *remains_find(const char *store, const char *keys)
{
	char *found = find_beside(store, is_of_store);

	return found != NULL ? found : find_beside(keys, is_of_keys);
}

enum error remains_clear(const char *store, const char *keys, struct fault *fault)
{
	enum error error = E_OK;
	char *path;

	while (error == E_OK && (path = remains_find(store, keys)) != NULL) {
		error = overwrite_file(path, fault);
		free(path);
	}
	return error;
}
