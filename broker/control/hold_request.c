/* hold_request - reads and packs what operators ask for about holds. */
#include "broker/control/hold_request.h"

#include "common/hold.h"
#include "common/name.h"
#include "common/wire.h"
#include <string.h>

/* A Hold and what it points to. */
struct request {
	struct report_name report;
	Simpul__Name name;
	Simpul__Hold hold;
};

static char *text_of(const json_t *request, const char *key)
{
	const char *text = json_string_value(json_object_get(request, key));

	return (char *)(uintptr_t)(text != NULL ? text : "");
}

static enum error place_read(const json_t *request, Simpul__Hold *hold, struct fault *fault)
{
	const json_int_t until = json_integer_value(json_object_get(request, "until"));
	enum error error;

	hold->authority = text_of(request, "authority");
	hold->order = text_of(request, "order");
	hold->until = until > 0 ? (uint64_t)until : 0;
	error = hold_order_check(hold->authority, hold->order, fault);
	return error == E_OK ? hold_until_check(hold->until, clock_now().wall, fault) : error;
}

static enum error lift_read(json_int_t entry, Simpul__Hold *hold, struct fault *fault)
{
	if (entry < 1)
		return fault_at(fault, E_INVALID, "hold");
	hold->lifts = (uint64_t)entry;
	return E_OK;
}

static enum error report_read(const char *report, struct request *out, struct fault *fault)
{
	simpul__name__init(&out->name);
	simpul__hold__init(&out->hold);
	if (!report_name_parse(report, &out->report))
		return fault_at(fault, E_INVALID, "report");
	out->name.origin = out->report.origin;
	out->name.epoch = out->report.epoch;
	out->name.stream = (Simpul__Stream)out->report.stream;
	out->name.number = out->report.number;
	out->hold.report = &out->name;
	return E_OK;
}

/* Borrows from the request. */
static enum error request_read(const json_t *request, struct request *out, struct fault *fault)
{
	const char *command = text_of(request, "command");
	enum error error = report_read(text_of(request, "report"), out, fault);

	if (error != E_OK)
		return error;
	out->hold.reason = text_of(request, "reason");
	if (strcmp(command, "hold-lift") == 0)
		error = lift_read(json_integer_value(json_object_get(request, "hold")), &out->hold, fault);
	else if (strcmp(command, "hold-place") == 0)
		error = place_read(request, &out->hold, fault);
	return error == E_OK ? hold_reason_check(out->hold.reason, fault) : error;
}

enum error hold_request_content(const json_t *request, struct hash *content, struct fault *fault)
{
	struct request read;
	const enum error error = request_read(request, &read, fault);

	if (error == E_OK)
		*content = act_hold_content(&read.hold);
	return error;
}

enum error hold_request_pack(const json_t *request, wall_ms signed_at, const struct act_signature signatures[2],
			     struct buffer *out, struct fault *fault)
{
	Simpul__ActSignature messages[2], *list[2] = {&messages[0], &messages[1]};
	struct request read;
	const enum error error = request_read(request, &read, fault);

	if (error != E_OK)
		return error;
	act_signatures_to_messages(signatures, messages);
	read.hold.signed_at = signed_at;
	read.hold.signatures = list;
	read.hold.n_signatures = 2;
	wire_pack(&read.hold, out);
	return E_OK;
}
