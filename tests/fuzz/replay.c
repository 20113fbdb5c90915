/* replay - runs every file of a target's corpus through it, for builds without libFuzzer: what was found once stays
 * mended.
 *
 * Usage: NAME_fuzz [FILE...]     without files: tests/fuzz/corpus/NAME below the current folder */
#include "common/file.h"
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_INPUT = 1024 * 1024 };

/* Targets bring mutators that call it; nobody mutates here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
{
	(void)data;
	(void)most;
	return size;
}

static bool replay(const char *path)
{
	struct buffer input = {0};
	struct fault fault = {0};

	printf("# %s\n", path);
	fflush(stdout);
	if (file_read(path, LARGEST_INPUT, &input, &fault) != E_OK) {
		printf("not ok 1 - %s cannot be read\n", path);
		return false;
	}
	LLVMFuzzerTestOneInput(input.data, input.size);
	buffer_free(&input);
	return true;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The number of inputs, 0 when there is none or one cannot be read. */
static int replay_folder(const char *folder)
{
	struct dirent **entries;
	const int count = scandir(folder, &entries, is_input, alphasort);
	char path[512];
	bool good = true;

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
		good = good && replay(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return good && count > 0 ? count : 0;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash == NULL ? argv[0] : slash + 1;
	const size_t length = strlen(name) > strlen("_fuzz") ? strlen(name) - strlen("_fuzz") : 0;
	char folder[256];
	int count = 0;

	snprintf(folder, sizeof folder, "tests/fuzz/corpus/%.*s", (int)length, name);
	if (argc == 1)
		count = replay_folder(folder);
	for (int i = 1; i < argc; i++)
		count += replay(argv[i]) ? 1 : 0;
	printf("%s 1 - %d inputs of %s\n1..1\n", count > 0 ? "ok" : "not ok", count, folder);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
