/* sink_mark - the mark by which a folder sink knows its folder again: a file in it with one line, and a second where a
 * person put the folder in the place of another: the mark that this one had.
 *
 * A folder on a disk that is not mounted is an empty one of the same name. What was put there then would be hidden as
 * soon as the disk is back, and what lies on the disk would pass for erased, because it is not there. */
#ifndef SIMPUL_SINK_MARK_H
#define SIMPUL_SINK_MARK_H

#include "agents/sink/sink_kind.h"

/* An empty one, which a person made, says that the folder is to be used though it is another. */
#define SINK_MARK ".simpul-sink"

/* True when the folder `path` may be used: it is the one of `home`, or the first, or another that the settings or a
 * person names; with its mark, "" when it has none yet. False, and why, when it is not there, or has the path of `home`
 * and not its mark. */
bool sink_mark_fits(const char *path, const struct sink_home *home, char mark[SINK_MARK_SIZE], struct sink_reason *why);
/* The same, and gives it a mark where it has none. */
bool sink_mark_find(const char *path, const struct sink_home *home, char mark[SINK_MARK_SIZE], struct sink_reason *why);
/* The mark itself. E_NOT_FOUND; "" when it is empty; E_INVALID. */
enum error sink_mark_read(const char *path, char mark[SINK_MARK_SIZE]);
/* Gives the folder this mark; synced. */
enum error sink_mark_write(const char *path, const char mark[SINK_MARK_SIZE]);

#endif
