/* holding - packs and signs orders by which a body is kept. */
#include "tests/support/holding.h"

#include "broker/journal/act.h"
#include "common/wire.h"

#include <string.h>

static char *text(const char *constant)
{
	return (char *)(uintptr_t)constant;
}

static void signatures_make(const struct holding *holding, const struct hash *digest,
			    struct act_signature signatures[2])
{
	struct signing_key keys[2];

	for (size_t i = 0; i < 2; i++) {
		signing_key_generate(&keys[i]);
		if (i == 1 && holding->one_key)
			keys[i] = keys[0];
		strcpy(signatures[i].operator_name, i == 0 ? "ani" : "budi");
		memcpy(signatures[i].key, keys[i].public_key, KEY_SIZE);
		digest_sign(&keys[i], SIGN_TAG_ACT, digest, signatures[i].signature);
	}
}

void holding_pack(const struct holding *holding, const uint8_t exchange[EXCHANGE_SIZE], wall_ms now, struct buffer *out)
{
	Simpul__Name name = SIMPUL__NAME__INIT;
	Simpul__Hold hold = SIMPUL__HOLD__INIT;
	Simpul__ActSignature messages[2], *list[2] = {&messages[0], &messages[1]};
	struct act_signature signatures[2];
	struct hash content, digest;

	name.origin = text(holding->origin);
	name.epoch = 1;
	name.number = holding->number;
	hold.report = &name;
	hold.authority = text(holding->lifts != 0 ? "" : "PN-BATURAJA");
	hold.order = text(holding->lifts != 0 ? "" : "12/Pid.Sus/2026");
	hold.until = holding->lifts != 0 ? 0 : holding->until;
	hold.reason = text(holding->other_words ? "another reason" : "investigation");
	hold.lifts = holding->lifts;
	content = act_hold_content(&hold);
	digest = act_digest(exchange, now, holding->lifts != 0 ? HOLD_LIFT : HOLD_PLACE, &content);
	signatures_make(holding, &digest, signatures);
	act_signatures_to_messages(signatures, messages);
	hold.reason = text("investigation");
	hold.signed_at = now;
	hold.signatures = list;
	hold.n_signatures = 2;
	wire_pack(&hold, out);
}
