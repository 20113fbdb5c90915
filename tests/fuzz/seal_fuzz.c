/* seal_fuzz - what is sealed: publications, bodies and wrapped keys. What opens is what was sealed, for sealing it
 * again gives the same bytes; one bit elsewhere and nothing opens. */
#include "common/seal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/story.h"
#include <stdlib.h>
#include <string.h>

static const uint8_t key[KEY_SIZE] = {1, 2, 3};

static const struct feed *feed(void)
{
	static struct feed feed_ = {.node = "army.oku", .session = 7};

	memcpy(feed_.exchange, story_get()->join.exchange, EXCHANGE_SIZE);
	memcpy(feed_.key, key, KEY_SIZE);
	return &feed_;
}

static void feed_seal(const struct feed_head *head, struct bytes batch, struct buffer *out)
{
	static const uint8_t batch_key[KEY_SIZE] = {4, 5, 6};

	feed_lead(feed(), head, batch_key, buffer_room(out, FEED_LEAD_SIZE));
	batch_seal(batch_key, batch, buffer_room(out, batch.size + FEED_TAG_SIZE));
}

/* Opens a frame of the feed; true when it opened, and then it is what sealing gives. */
static bool publication(struct bytes frame)
{
	struct buffer opened = {0}, again = {0};
	struct feed_head head;
	size_t size = 0;
	const bool good = feed_open(feed(), frame, &head, buffer_room(&opened, frame.size + 1), &size) == E_OK;

	if (good) {
		PROMISE(FEED_SIZE(size) == frame.size);
		feed_seal(&head, BYTES(opened.data, size), &again);
		PROMISE(bytes_equal(frame, buffer_view(&again)));
	}
	buffer_free(&opened);
	buffer_free(&again);
	return good;
}

static void publication_of(struct bytes batch, struct bytes *rest)
{
	const struct feed_head head = {.incarnation = take_u8(rest),
				       .after = take_u64(rest),
				       .upto = take_u64(rest),
				       .counter = take_u8(rest)};
	struct buffer frame = {0};

	feed_seal(&head, batch, &frame);
	PROMISE(publication(buffer_view(&frame)));
	frame.data[take_u16(rest) % frame.size] ^= (uint8_t)(1u << take_u8(rest) % 8);
	PROMISE(!publication(buffer_view(&frame)));
	buffer_free(&frame);
}

static bool body(struct bytes sealed, struct bytes expected)
{
	const struct body_place place = {story_get()->join.exchange, {.origin = "police.oku", .epoch = 1, .number = 9}};
	struct fault fault = {.code = E_OK};
	struct bytes opened;
	struct arena arena;
	bool good;

	arena_init(&arena);
	good = body_open(key, &place, sealed, &arena, &opened, &fault) == E_OK;
	PROMISE(good == (fault.code == E_OK));
	if (good)
		PROMISE(bytes_equal(opened, expected));
	arena_fini(&arena);
	return good;
}

static void body_of(struct bytes plain, struct bytes *rest)
{
	const struct body_place place = {story_get()->join.exchange, {.origin = "police.oku", .epoch = 1, .number = 9}};
	struct buffer sealed = {0};

	body_seal(key, &place, plain, &sealed);
	PROMISE(body(buffer_view(&sealed), plain));
	sealed.data[take_u16(rest) % sealed.size] ^= (uint8_t)(1u << take_u8(rest) % 8);
	PROMISE(!body(buffer_view(&sealed), plain));
	buffer_free(&sealed);
}

static void wrap(struct bytes foreign)
{
	uint8_t wrapped[WRAP_SIZE], opened[KEY_SIZE];

	content_key_wrap(key, story_get()->army.sealing_public, wrapped);
	PROMISE(content_key_unwrap(BYTES(wrapped, WRAP_SIZE), &story_get()->army, opened));
	PROMISE(memcmp(opened, key, KEY_SIZE) == 0);
	content_key_unwrap(foreign, &story_get()->army, opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct bytes rest = BYTES(data, size), piece;
	const uint8_t kind = take_u8(&rest);

	if (!started)
		fuzz_start();
	started = true;
	if (kind % 4 == 0) {
		publication(rest);
		body(rest, (struct bytes){0});
		wrap(rest);
		return 0;
	}
	piece = take_bytes(&rest);
	if (kind % 4 == 1)
		publication_of(piece, &rest);
	else if (kind % 4 == 2 && piece.size > 0 && piece.size < 60000)
		body_of(piece, &rest);
	return 0;
}
