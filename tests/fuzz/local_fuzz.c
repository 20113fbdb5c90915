/* local_fuzz - requests of programs of this machine, through the socket and into a real outbox: each gets exactly one
 * answer; what it calls taken is in the outbox, under the names that it gives, and what it refuses is not. The outbox
 * holds army.oku#1, for updates and cancels to refer to. */
#include "agents/serve/local.h"
#include "common/memory.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/story.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { PATIENCE_MS = 10000, LARGEST_REQUEST = 64 * 1024 };

static const struct draft_defaults defaults = {.label = SIMPUL__LABEL__LABEL_AMBER,
					       .purpose = "law-enforcement",
					       .region = "16.01",
					       .region_within = "16",
					       .expires_days = 365};
static const char clean[] = "BEGIN; DELETE FROM outbox_report; DELETE FROM submission; DELETE FROM receipt;"
			    "DELETE FROM stream; COMMIT";
static const char reference[] =
	"{\"simpul\": 1, \"command\": \"report\", \"draft\": {\"category\": \"overstay\", \"sighting\":"
	" {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\"}}}";
static const struct now now = {UINT64_C(1795300000000), 1000000}; /* 2026-11-21 */

static struct place {
	struct store store;
	struct uplink *uplink;
	struct local *local;
	void *context, *client;
} place;

static struct position cursor_none(void *context)
{
	(void)context;
	return (struct position){0};
}

static void place_open(void)
{
	const struct uplink_options options = {.join = &story_get()->join,
					       .keys = &story_get()->army,
					       .node = "army.oku",
					       .epoch = 1,
					       .target = {.cursor = cursor_none}};
	const int wait = PATIENCE_MS;
	char *endpoint = memory_format("ipc://%s/local", fuzz_folder()),
	     *path = memory_format("%s/local.db", fuzz_folder());

	fuzz_start();
	PROMISE(store_open(&place.store, path, NULL, story_get()->join.exchange, "army.oku", NULL) == E_OK);
	place.uplink = uplink_new(NULL, &options);
	place.context = zmq_ctx_new();
	PROMISE(local_open(&place.local, place.context, endpoint + strlen("ipc://"),
			   &(struct local_host){&place.store, &story_get()->army, &defaults, place.uplink, NULL, NULL},
			   NULL) == E_OK);
	place.client = zmq_socket(place.context, ZMQ_DEALER);
	zmq_setsockopt(place.client, ZMQ_RCVTIMEO, &wait, sizeof wait);
	PROMISE(zmq_connect(place.client, endpoint) == 0);
	free(endpoint);
	free(path);
}

static uint64_t reports(void)
{
	struct outbox_counts counts;

	outbox_count(&place.store, &counts);
	PROMISE(counts.sent == 0 && counts.accepted == 0 && counts.refused == 0);
	return counts.waiting;
}

static void names_good(const json_t *names, uint64_t held)
{
	struct report_name name;

	PROMISE(json_array_size(names) > 0 && reports() == held + json_array_size(names));
	for (size_t i = 0; i < json_array_size(names); i++)
		PROMISE(report_name_parse(json_string_value(json_array_get(names, i)), &name) &&
			strcmp(name.origin, "army.oku") == 0 && name.number <= held + json_array_size(names));
}

static void answer_good(const char *text, size_t size, bool taken, uint64_t held)
{
	json_t *answer = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *ok = json_object_get(answer, "ok"), *names = json_object_get(answer, "names");

	PROMISE(json_is_boolean(ok) && taken == (names != NULL));
	if (names != NULL)
		names_good(names, held);
	else
		PROMISE(reports() == held);
	if (json_is_false(ok)) {
		PROMISE(json_string_length(json_object_get(answer, "code")) > 0);
		PROMISE(json_string_length(json_object_get(answer, "sentence")) > 0);
		PROMISE(json_is_string(json_object_get(answer, "field")));
	}
	json_decref(answer);
}

/* How a program asks: with REQ's empty frame or without. */
static void request(struct bytes text, bool req)
{
	zmq_pollitem_t item = {.socket = local_socket(place.local), .events = ZMQ_POLLIN};
	const uint64_t held = reports();
	zmq_msg_t frame;
	bool taken;

	if (req)
		PROMISE(zmq_send(place.client, "", 0, ZMQ_SNDMORE) == 0);
	PROMISE(zmq_send(place.client, text.data, text.size, 0) == (int)text.size);
	PROMISE(zmq_poll(&item, 1, PATIENCE_MS) == 1);
	taken = local_step(place.local, &now);
	zmq_msg_init(&frame);
	PROMISE(zmq_msg_recv(&frame, place.client, 0) >= 0);
	if (req)
		PROMISE(zmq_msg_size(&frame) == 0 && zmq_msg_recv(&frame, place.client, 0) > 0);
	PROMISE(!zmq_msg_more(&frame));
	answer_good(zmq_msg_data(&frame), zmq_msg_size(&frame), taken, held);
	zmq_msg_close(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	const bool req = take_u8(&rest) & 1;

	if (size > LARGEST_REQUEST)
		return 0;
	fuzz_clock(false);
	if (place.local == NULL) {
		place_open();
		request(BYTES(reference, strlen(reference)), true);
	}
	request(rest, req);
	if (reports() != 1) {
		PROMISE(database_run(place.store.db, clean, NULL) == E_OK);
		request(BYTES(reference, strlen(reference)), true);
	}
	fuzz_clock(true);
	return 0;
}
