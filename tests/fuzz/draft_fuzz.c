/* draft_fuzz - drafts as programs hand them in: a report that is made of one keeps the rules of content.h and of the
 * wire, is for nobody whom the draft does not name, and shows control characters to no terminal. */
#include "agents/reports/draft.h"
#include "agents/reports/view.h"
#include "common/content.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define NODE "police.oku"
#define NOW UINT64_C(1795300000000) /* 2026-11-22 */

static const struct draft_defaults defaults[] = {
	{0},
	{.label = SIMPUL__LABEL__LABEL_AMBER,
	 .purpose = "law-enforcement",
	 .region = "16.01",
	 .region_within = "16",
	 .expires_days = 365},
};

static void wire_good(const ProtobufCMessage *message, struct buffer *encoded)
{
	struct fault fault = {0};

	wire_pack(message, encoded);
	PROMISE(wire_check(message->descriptor, buffer_view(encoded), &fault) == E_OK);
}

static void routing_good(const json_t *draft, const Simpul__Routing *routing)
{
	PROMISE(routing->n_to == json_array_size(json_object_get(draft, "to")));
	PROMISE(routing->n_not_to == json_array_size(json_object_get(draft, "not_to")));
	PROMISE(routing->n_wraps == 0);
}

static void shown(const struct buffer *header, const struct buffer *body)
{
	const struct inbox_row row = {.row = 1,
				      .entry = 1,
				      .name = {.origin = NODE, .epoch = 1, .number = 1},
				      .header = buffer_view(header),
				      .body = buffer_view(body)};
	struct buffer page = {0};

	view_page(&row, &page);
	view_line(&row, &page);
	fuzz_terminal_safe(buffer_view(&page));
	buffer_free(&page);
}

static void prepared_good(const json_t *draft, const struct prepared *prepared)
{
	struct buffer header = {0}, body = {0}, routing = {0};

	PROMISE(header_check(prepared->header, NOW, NULL) == E_OK);
	PROMISE(body_check(prepared->header, prepared->body, NULL) == E_OK);
	PROMISE(prepared->stream == stream_of(prepared->header->status, prepared->header->label));
	PROMISE(strcmp(prepared->header->name->origin, NODE) == 0);
	if (body_age_unknown(prepared->body) && prepared->routing->n_to == 0) {
		PROMISE(prepared->header->n_protection > 0);
		PROMISE(prepared->header->protection[0] == SIMPUL__PROTECTION__PROTECTION_CHILD);
	}
	routing_good(draft, prepared->routing);
	wire_good(&prepared->header->base, &header);
	wire_good(&prepared->body->base, &body);
	wire_good(&prepared->routing->base, &routing);
	shown(&header, &body);
	buffer_free(&header);
	buffer_free(&body);
	buffer_free(&routing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	const struct draft_defaults *chosen = &defaults[take_u8(&rest) & 1];
	json_t *draft = json_loadb((const char *)rest.data, rest.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	struct fault fault = {.code = E_OK};
	struct prepared prepared;
	struct arena arena;

	arena_init(&arena);
	if (draft != NULL) {
		const enum error error = draft_of_json(draft, chosen, NODE, NOW, &arena, &prepared, &fault);

		PROMISE(error == fault.code);
		if (error == E_OK)
			prepared_good(draft, &prepared);
	}
	json_decref(draft);
	arena_fini(&arena);
	return 0;
}
