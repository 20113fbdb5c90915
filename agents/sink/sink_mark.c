/* sink_mark - reads and writes the mark of a folder, and judges whether it is the one of before. */
#include "agents/sink/sink_mark.h"
#include "agents/store/place.h"
#include "common/file.h"
#include "common/memory.h"
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MARK_MODE 0640

/* Takes a line of the text, which has a mark or nothing. */
static bool line_take(struct bytes *text, char mark[SINK_MARK_SIZE])
{
	const uint8_t *end = text->size > 0 ? memchr(text->data, '\n', text->size) : NULL;
	const size_t size = end != NULL ? (size_t)(end - text->data) : text->size, taken = size + (end != NULL);

	memset(mark, 0, SINK_MARK_SIZE);
	if (size != 0 && size != SINK_MARK_SIZE - 1)
		return false;
	if (size > 0)
		memcpy(mark, text->data, size);
	if (taken > 0)
		*text = BYTES(text->data + taken, text->size - taken);
	return true;
}

/* The mark, and that of the folder whose place a person gave this one; "" for none. E_NOT_FOUND; E_INVALID. */
static enum error lines_read(const char *path, char mark[SINK_MARK_SIZE], char former[SINK_MARK_SIZE])
{
	char *file = memory_format("%s/" SINK_MARK, path);
	struct buffer text = {0};
	enum error error = file_read(file, 2 * SINK_MARK_SIZE, &text, NULL);
	struct bytes rest = buffer_view(&text);

	if (!line_take(&rest, mark) || !line_take(&rest, former) || rest.size > 0)
		error = error == E_OK ? E_INVALID : error;
	buffer_free(&text);
	free(file);
	return error;
}

enum error sink_mark_read(const char *path, char mark[SINK_MARK_SIZE])
{
	char former[SINK_MARK_SIZE];

	return lines_read(path, mark, former);
}

static enum error lines_write(const char *path, const char *mark, const char *former)
{
	char *file = memory_format("%s/" SINK_MARK, path);
	char *text = memory_format("%s\n%s%s", mark, former, former[0] != '\0' ? "\n" : "");
	const enum error error = file_write(file, BYTES(text, strlen(text)), MARK_MODE, NULL);

	free(text);
	free(file);
	return error;
}

enum error sink_mark_write(const char *path, const char mark[SINK_MARK_SIZE])
{
	return lines_write(path, mark, "");
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
	char former[SINK_MARK_SIZE];
	enum error error;

	if (trouble != NULL)
		return sink_is_away(why, "%s", trouble);
	error = lines_read(path, mark, former);
	if (error != E_OK && error != E_NOT_FOUND)
		return sink_is_away(why, SINK_MARK " in it cannot be read");
	if (home->mark[0] == '\0' || strcmp(home->mark, mark) == 0 || strcmp(home->path, path) != 0)
		return true;
	return (error == E_OK && mark[0] == '\0') || strcmp(home->mark, former) == 0 ||
	       sink_is_away(why, "it is not the folder of before (" SINK_MARK " differs): is its disk mounted?");
}

/* An empty mark is a person's word, which stands in the new one: it holds for another sink of the same folder too, and
 * when the agent ends before the store has the new mark. */
static bool mark_give(const char *path, const struct sink_home *home, char mark[SINK_MARK_SIZE])
{
	const bool is_empty = sink_mark_read(path, mark) == E_OK;

	mark_new(mark);
	return lines_write(path, mark, is_empty ? home->mark : "") == E_OK;
}

/* Of two sinks that have one folder, and begin at once, the first gives it its mark. */
static bool mark_settle(const char *path, const struct sink_home *home, char mark[SINK_MARK_SIZE],
			struct sink_reason *why)
{
	static pthread_mutex_t one_gives = PTHREAD_MUTEX_INITIALIZER;
	bool settled;

	pthread_mutex_lock(&one_gives);
	settled = sink_mark_fits(path, home, mark, why) && (mark[0] != '\0' || mark_give(path, home, mark) ||
							    sink_is_away(why, SINK_MARK " cannot be written in it"));
	pthread_mutex_unlock(&one_gives);
	return settled;
}

bool sink_mark_find(const char *path, const struct sink_home *home, char mark[SINK_MARK_SIZE], struct sink_reason *why)
{
	return sink_mark_fits(path, home, mark, why) && (mark[0] != '\0' || mark_settle(path, home, mark, why));
}
