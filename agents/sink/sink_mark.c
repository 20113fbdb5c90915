/* sink_mark - reads and writes the mark of a folder, and judges whether it is the one of before. */
#include "agents/sink/sink_mark.h"
#include "agents/store/place.h"
#include "common/file.h"
#include "common/memory.h"
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK_MODE 0640

enum error sink_mark_read(const char *path, char mark[SINK_MARK_SIZE])
{
	char *file = memory_format("%s/" SINK_MARK, path);
	struct buffer text = {0};
	enum error error = file_read(file, SINK_MARK_SIZE, &text, NULL);
	size_t size = error == E_OK ? text.size : 0;

	if (size > 0 && text.data[size - 1] == '\n')
		size--;
	if (error == E_OK && size != 0 && size != SINK_MARK_SIZE - 1)
		error = E_INVALID;
	memset(mark, 0, SINK_MARK_SIZE);
	if (error == E_OK && size > 0)
		memcpy(mark, text.data, size);
	buffer_free(&text);
	free(file);
	return error;
}

static enum error line_write(const char *file, const char mark[SINK_MARK_SIZE])
{
	char line[SINK_MARK_SIZE + 1];

	snprintf(line, sizeof(line), "%s\n", mark);
	return file_write(file, BYTES(line, strlen(line)), MARK_MODE, NULL);
}

enum error sink_mark_write(const char *path, const char mark[SINK_MARK_SIZE])
{
	char *file = memory_format("%s/" SINK_MARK, path);
	const enum error error = line_write(file, mark);

	free(file);
	return error;
}

static void mark_new(char mark[SINK_MARK_SIZE])
{
	uint8_t random[(SINK_MARK_SIZE - 1) / 2];

	randombytes_buf(random, sizeof(random));
	hex_of(mark, BYTES(random, sizeof(random)));
}

bool sink_mark_fits(const char *path, const struct sink_home *home, char mark[SINK_MARK_SIZE], struct sink_reason *why)
{
	const char *trouble = place_folder_trouble(path);
	enum error error;

	if (trouble != NULL)
		return sink_is_away(why, "%s", trouble);
	error = sink_mark_read(path, mark);
	if (error != E_OK && error != E_NOT_FOUND)
		return sink_is_away(why, SINK_MARK " in it cannot be read");
	if (home->mark[0] == '\0' || strcmp(home->mark, mark) == 0 || strcmp(home->path, path) != 0)
		return true;
	return (error == E_OK && mark[0] == '\0') ||
	       sink_is_away(why, "it is not the folder of before (" SINK_MARK " differs): is its disk mounted?");
}

/* Of two sinks that have one folder, and begin at once, the first gives it its mark; `mark` is what it has then. Where
 * files have no second names, as on FAT, and where a person made an empty one, the last. */
static bool mark_give(const char *path, bool is_empty, char mark[SINK_MARK_SIZE])
{
	char *fresh, *file = memory_format("%s/" SINK_MARK, path);
	bool given;

	mark_new(mark);
	fresh = memory_format("%s.%s", file, mark);
	given = line_write(fresh, mark) == E_OK;
	if (given && !is_empty && (link(fresh, file) == 0 || errno == EEXIST))
		unlink(fresh);
	else
		given = given && rename(fresh, file) == 0;
	free(fresh);
	free(file);
	return given && folder_sync(path) && sink_mark_read(path, mark) == E_OK && mark[0] != '\0';
}

bool sink_mark_find(const char *path, const struct sink_home *home, char mark[SINK_MARK_SIZE], struct sink_reason *why)
{
	if (!sink_mark_fits(path, home, mark, why))
		return false;
	return mark[0] != '\0' || mark_give(path, sink_mark_read(path, mark) == E_OK, mark) ||
	       sink_is_away(why, SINK_MARK " cannot be written in it");
}
