/* watch - a table of watchers that asked, and the answers that are made out of the ring for them. */
#include "broker/serve/watch.h"

#include "broker/serve/frames.h"
#include "common/arena.h"
#include "common/memory.h"
#include "common/socket.h"
#include "common/wire.h"
#include "proto/watch.pb-c.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Who asked, and may ask again. */
struct watcher {
	struct peer peer;
	uint8_t key[KEY_SIZE];
	bool waits; /* for an answer */
	uint64_t next; /* number of the line that it wants first */
	steady_ms asked_at;
};

struct watch {
	struct watch_parts parts;
	uint64_t start;
	struct buffer frame; /* the answer that is made */
	struct watcher list[LIMIT_WATCH_CONNECTIONS];
	size_t count;
};

struct watch *watch_new(const struct watch_parts *parts)
{
	struct watch *watch = memory_zero(1, sizeof(*watch));

	watch->parts = *parts;
	while (watch->start == 0)
		randombytes_buf(&watch->start, sizeof(watch->start));
	return watch;
}

void watch_free(struct watch *watch)
{
	if (watch != NULL)
		buffer_free(&watch->frame);
	free(watch);
}

/* ---- who is there */

static const char *name_of(const struct watch *watch, const struct watcher *watcher)
{
	const char *name = "";

	watchers_key_status(watch->parts.watchers, watch->parts.core, watcher->key, &name);
	return name;
}

static void watcher_forget(struct watch *watch, size_t at)
{
	log_event(LOG_LEVEL_INFO, "watcher.gone", F_TEXT("watcher", name_of(watch, &watch->list[at])));
	watch->list[at] = watch->list[--watch->count];
}

/* Room for one more under this key: of too many the one goes that asked the longest time ago, for its connection may have
 * ended. */
static void key_bound(struct watch *watch, const uint8_t key[KEY_SIZE])
{
	size_t count = 0, oldest = 0;

	for (size_t i = 0; i < watch->count; i++) {
		if (memcmp(watch->list[i].key, key, KEY_SIZE) != 0)
			continue;
		if (count++ == 0 || watch->list[i].asked_at < watch->list[oldest].asked_at)
			oldest = i;
	}
	if (count >= GUARD_KEY_MOST)
		watcher_forget(watch, oldest);
}

/* The row of a peer, a new one where there is none; NULL when there are too many. */
static struct watcher *watcher_of(struct watch *watch, const struct peer *peer, const uint8_t key[KEY_SIZE])
{
	struct watcher *watcher;

	for (size_t i = 0; i < watch->count; i++)
		if (memcmp(&watch->list[i].peer, peer, sizeof(*peer)) == 0)
			return &watch->list[i];
	key_bound(watch, key);
	if (watch->count == LIMIT_WATCH_CONNECTIONS)
		return NULL;
	watcher = &watch->list[watch->count++];
	*watcher = (struct watcher){.peer = *peer};
	memcpy(watcher->key, key, KEY_SIZE);
	log_event(LOG_LEVEL_INFO, "watcher.follows", F_TEXT("watcher", name_of(watch, watcher)));
	return watcher;
}

/* ---- answers */

/* An answer with all its lines. */
struct answer {
	Simpul__LogLines message;
	Simpul__LogLine *list[LIMIT_REPEATED], lines[LIMIT_REPEATED];
};

/* Lines from `first` on, as many as an answer holds; their texts stay in the ring. */
static void lines_gather(const struct log_ring *ring, uint64_t first, struct answer *answer)
{
	size_t count = 0, bytes = 0;

	for (; count < LIMIT_REPEATED && first + count < log_ring_next(ring); count++) {
		const struct log_line *line = log_ring_at(ring, first + count);

		bytes += line->size;
		if (count > 0 && bytes > LIMIT_LOG_ANSWER)
			break;
		simpul__log_line__init(&answer->lines[count]);
		answer->lines[count].level = (uint32_t)line->level;
		answer->lines[count].text = (char *)line->text;
		answer->list[count] = &answer->lines[count];
	}
	answer->message.lines = answer->list;
	answer->message.n_lines = count;
}

/* What cannot be queued is not even made: the watcher asks again. False when its connection has ended. */
static bool lines_send(struct watch *watch, struct watcher *watcher, uint64_t first)
{
	struct answer answer = {.message = SIMPUL__LOG_LINES__INIT};
	enum error error;

	watcher->waits = false;
	error = socket_send(watch->parts.socket, watcher->peer.id, watcher->peer.size, true);
	if (error != E_OK)
		return error != E_UNREACHABLE;
	answer.message.start = watch->start;
	answer.message.first = first;
	answer.message.newest = log_ring_next(watch->parts.ring) - 1;
	lines_gather(watch->parts.ring, first, &answer);
	buffer_clear(&watch->frame);
	wire_pack(&answer.message, &watch->frame);
	socket_send(watch->parts.socket, watch->frame.data, watch->frame.size, false);
	return true;
}

/* Where what it wants begins: later than that when the ring has let go of it. */
static uint64_t first_for(const struct watch *watch, const struct watcher *watcher)
{
	const uint64_t oldest = log_ring_first(watch->parts.ring), next = log_ring_next(watch->parts.ring);

	if (watcher->next > next)
		return next;
	return watcher->next < oldest ? oldest : watcher->next;
}

/* A key may have been taken out of the file since it asked. False when its connection has ended. */
static bool answer_one(struct watch *watch, struct watcher *watcher, bool even_empty)
{
	const uint64_t first = first_for(watch, watcher);

	if (!watcher->waits || (first == log_ring_next(watch->parts.ring) && !even_empty))
		return true;
	if (watchers_key_status(watch->parts.watchers, watch->parts.core, watcher->key, NULL) == E_OK)
		return lines_send(watch, watcher, first);
	watcher->waits = false;
	return true;
}

/* The last row takes the place of one that is forgotten: so from there on down. */
void watch_answer(struct watch *watch)
{
	for (size_t i = watch->count; i > 0; i--)
		if (!answer_one(watch, &watch->list[i - 1], false))
			watcher_forget(watch, i - 1);
}

void watch_tick(struct watch *watch, steady_ms now)
{
	for (size_t i = watch->count; i > 0; i--) {
		struct watcher *watcher = &watch->list[i - 1];
		const uint64_t quiet = now - watcher->asked_at;

		if ((quiet >= LIMIT_HEARTBEAT_MS && !answer_one(watch, watcher, true)) || quiet >= LIMIT_SILENCE_MS)
			watcher_forget(watch, i - 1);
	}
}

/* ---- questions */

/* Remembers what is asked; what is no question is passed over. A newer question takes the place of an older one. */
static void question_take(struct watch *watch, const struct peer *peer, const uint8_t key[KEY_SIZE], struct bytes frame,
			  steady_ms now)
{
	const Simpul__LogAsk *ask;
	struct watcher *watcher;
	struct arena arena;

	arena_init(&arena);
	ask = wire_unpack(&simpul__log_ask__descriptor, frame, &arena, NULL);
	watcher = ask != NULL ? watcher_of(watch, peer, key) : NULL;
	if (watcher != NULL) {
		watcher->waits = true;
		watcher->asked_at = now;
		watcher->next = ask->start == watch->start && ask->after < UINT64_MAX ? ask->after + 1 : 1;
	}
	arena_fini(&arena);
}

/* What a turn of the socket needs. */
struct turn_of_watch {
	struct watch *watch;
	steady_ms now;
};

static bool question_receive(void *context, zmq_msg_t *frame)
{
	const struct turn_of_watch *turn = context;
	const struct watch_parts *parts = &turn->watch->parts;
	struct peer peer;
	uint8_t key[KEY_SIZE];
	const enum frames_result result = frames_of_peer(parts->socket, parts->guard, frame, &peer, key);

	if (result == FRAMES_MESSAGE)
		question_take(turn->watch, &peer, key, BYTES(zmq_msg_data(frame), zmq_msg_size(frame)), turn->now);
	return result != FRAMES_NOTHING;
}

enum pollset_result watch_take(struct watch *watch, steady_ms now)
{
	struct turn_of_watch turn = {watch, now};
	const enum pollset_result result =
		frames_receive_some(watch->parts.socket, watch->parts.guard, question_receive, &turn);

	watch_answer(watch);
	return result;
}
