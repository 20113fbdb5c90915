/* guard_source - a table of addresses, and the log of what was cut. */
#include "broker/serve/guard_source.h"

#include "common/log.h"
#include "common/memory.h"
#include <string.h>

#define LOGGED_A_SECOND 20 /* addresses */
#define FEW 16		   /* connections without a word in FEW_MS: agents that start, a doctor or a watcher that looks */
#define FEW_MS 60000

static const char *const cut_names[CUTS] = {"many", "pace", "silent", "key", "unread", "talk", "topics"};

/* ---- addresses */

static void source_free(void **item)
{
	free(*item);
	*item = NULL;
}

void sources_init(struct sources *sources, const struct bucket_size *pace)
{
	*sources = (struct sources){.by_address = zhashx_new(), .pace = *pace};
	zhashx_set_destructor(sources->by_address, source_free);
}

void sources_clear(struct sources *sources)
{
	zhashx_destroy(&sources->by_address);
}

struct source *sources_find(struct sources *sources, const char *address)
{
	return zhashx_lookup(sources->by_address, address);
}

struct source *sources_of(struct sources *sources, const char *address)
{
	struct source *source = sources_find(sources, address);

	if (source == NULL) {
		source = memory_zero(1, sizeof(*source));
		memcpy(source->address, address, strnlen(address, PEER_ADDRESS_SIZE - 1));
		bucket_fill(&source->pace, &sources->pace);
		zhashx_insert(sources->by_address, address, source);
	}
	return source;
}

void source_leaves(struct sources *sources, struct source *source, size_t socket)
{
	if (source->emptied[socket] != sources->emptied[socket])
		source->left[socket] = 0;
	source->emptied[socket] = sources->emptied[socket];
	source->left[socket]++;
}

bool source_has_left(const struct sources *sources, const struct source *source, size_t most)
{
	for (size_t i = 0; i < GUARD_SOCKETS; i++)
		if (source->left[i] >= most && source->emptied[i] == sources->emptied[i])
			return true;
	return false;
}

/* ---- the log */

/* Where members sit some connections end before anything was said, as agents start and doctors look. */
static enum log_level failed_level(struct source *source, steady_ms now)
{
	if (source->node[0] == '\0')
		return LOG_LEVEL_WARNING;
	if (now - source->few_since >= FEW_MS) {
		source->few_since = now;
		source->few = 0;
	}
	source->few += source->failed;
	return source->few <= FEW ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;
}

static void source_log(struct source *source, steady_ms now)
{
	for (size_t reason = 0; reason < CUTS; reason++) {
		const bool came_in = reason != CUT_MANY && reason != CUT_PACE;

		if (source->cut[reason] == 0)
			continue;
		log_event(LOG_LEVEL_WARNING, "connections.cut", F_TEXT("address", source->address),
			  F_TEXT("node", came_in ? source->node : ""), F_TEXT("reason", cut_names[reason]),
			  F_NUM("count", source->cut[reason]));
		source->cut[reason] = 0;
	}
	if (source->failed > 0)
		log_event(failed_level(source, now), "connections.failed", F_TEXT("address", source->address),
			  F_TEXT("node", source->node), F_NUM("count", source->failed));
	source->failed = 0;
}

static bool source_has_news(const struct source *source)
{
	uint64_t news = source->failed;

	for (size_t reason = 0; reason < CUTS; reason++)
		news += source->cut[reason];
	return news > 0;
}

static void source_add(struct source *sum, struct source *source)
{
	for (size_t reason = 0; reason < CUTS; reason++) {
		sum->cut[reason] += source->cut[reason];
		source->cut[reason] = 0;
	}
	sum->failed += source->failed;
	source->failed = 0;
}

/* It has connections, or messages, or less than its full pace: so there are no more addresses than connections begin. */
static bool source_counts(const struct sources *sources, struct source *source, steady_ms now)
{
	uint64_t wait;

	return source->open > 0 || source_has_left(sources, source, 1) ||
	       !bucket_take(&source->pace, &sources->pace, sources->pace.most, now, &wait);
}

/* Of very many addresses the rest are told in one sum. */
void sources_log(struct sources *sources, steady_ms now)
{
	zlistx_t *addresses = zhashx_keys(sources->by_address);
	struct source others = {.address = "others"};
	unsigned logged = 0;

	for (const char *address = zlistx_first(addresses); address; address = zlistx_next(addresses)) {
		struct source *source = sources_find(sources, address);

		if (source_has_news(source) && logged++ < LOGGED_A_SECOND)
			source_log(source, now);
		else
			source_add(&others, source);
		if (!source_counts(sources, source, now))
			zhashx_delete(sources->by_address, address);
	}
	source_log(&others, now);
	zlistx_destroy(&addresses);
}
