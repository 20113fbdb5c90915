/* act - names users and packs what they did. */
#include "broker/journal/act.h"

#include "common/name.h"
#include "common/wire.h"
#include "proto/journal.pb-c.h"

static char *text_of(const char *text)
{
	return (char *)(uintptr_t)(text != NULL ? text : "");
}

struct hash act_digest(const uint8_t exchange[EXCHANGE_SIZE], wall_ms at, const char *command, const struct hash *content)
{
	struct buffer statement = {0};
	struct hash digest;

	buffer_bytes(&statement, BYTES(exchange, EXCHANGE_SIZE));
	buffer_u64(&statement, at);
	buffer_name(&statement, command);
	buffer_bytes(&statement, BYTES(content->bytes, HASH_SIZE));
	digest = hash_tagged(SIGN_TAG_ACT, buffer_view(&statement));
	buffer_free(&statement);
	return digest;
}

struct hash act_reseed_content(const char *node, uint64_t from_entry, const char *reason)
{
	Simpul__FetchGrant grant = SIMPUL__FETCH_GRANT__INIT;
	struct buffer encoded = {0};
	struct hash content;

	grant.node = text_of(node);
	grant.from_entry = from_entry;
	grant.reason = text_of(reason);
	wire_pack(&grant, &encoded);
	content = hash_of(buffer_view(&encoded));
	buffer_free(&encoded);
	return content;
}

struct hash act_hold_content(const Simpul__Hold *hold)
{
	Simpul__Hold bare = *hold;
	struct buffer encoded = {0};
	struct hash content;

	bare.signed_at = 0;
	bare.n_signatures = 0;
	wire_pack(&bare, &encoded);
	content = hash_of(buffer_view(&encoded));
	buffer_free(&encoded);
	return content;
}

enum error act_open_content(const char *report, const char *reason, struct hash *content, struct fault *fault)
{
	Simpul__Hold hold = SIMPUL__HOLD__INIT;
	Simpul__Name message = SIMPUL__NAME__INIT;
	struct report_name name;

	if (!report_name_parse(report, &name))
		return fault_at(fault, E_INVALID, "report");
	message.origin = name.origin;
	message.epoch = name.epoch;
	message.stream = (Simpul__Stream)name.stream;
	message.number = name.number;
	hold.report = &message;
	hold.reason = text_of(reason);
	*content = act_hold_content(&hold);
	return E_OK;
}

void act_signatures_to_messages(const struct act_signature signatures[2], Simpul__ActSignature messages[2])
{
	for (size_t i = 0; i < 2; i++) {
		const struct act_signature *from = &signatures[i];

		simpul__act_signature__init(&messages[i]);
		messages[i].operator_ = text_of(from->operator_name);
		messages[i].key = (ProtobufCBinaryData){KEY_SIZE, (uint8_t *)(uintptr_t)from->key};
		messages[i].signature = (ProtobufCBinaryData){SIGNATURE_SIZE, (uint8_t *)(uintptr_t)from->signature};
	}
}

void act_pack(const struct act *act, struct buffer *out)
{
	Simpul__Act message = SIMPUL__ACT__INIT;
	Simpul__ActSignature signatures[2], *list[2] = {&signatures[0], &signatures[1]};

	message.user = text_of(act->user);
	message.person = text_of(act->person);
	message.auditor = act->auditor;
	message.command = text_of(act->command);
	message.object = text_of(act->object);
	message.reason = text_of(act->reason);
	if (act->signatures != NULL)
		act_signatures_to_messages(act->signatures, signatures);
	message.signed_at = act->signed_at;
	message.signatures = list;
	message.n_signatures = act->signatures != NULL ? 2 : 0;
	wire_pack(&message, out);
}
