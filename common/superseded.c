/* superseded - signs and checks that a report says something else by now. */
#include "common/superseded.h"

static struct hash statement_of(const uint8_t exchange[EXCHANGE_SIZE], const Simpul__Name *report)
{
	struct buffer statement = {0};
	struct hash digest;

	buffer_append(&statement, exchange, EXCHANGE_SIZE);
	buffer_name(&statement, report->origin);
	buffer_u32(&statement, report->epoch);
	buffer_u8(&statement, (uint8_t)report->stream);
	buffer_u64(&statement, report->number);
	digest = hash_tagged(SIGN_TAG_SUPERSEDED, buffer_view(&statement));
	buffer_free(&statement);
	return digest;
}

void superseded_sign(const uint8_t exchange[EXCHANGE_SIZE], const struct signing_key *key, const Simpul__Name *report,
		     uint8_t signature[SIGNATURE_SIZE])
{
	const struct hash digest = statement_of(exchange, report);

	digest_sign(key, SIGN_TAG_SUPERSEDED, &digest, signature);
}

bool superseded_verify(const uint8_t exchange[EXCHANGE_SIZE], const uint8_t signing_key[KEY_SIZE],
		       const Simpul__Name *report, struct bytes signature)
{
	struct hash digest;

	if (!node_name_valid(report->origin))
		return false;
	digest = statement_of(exchange, report);
	return digest_verify(signing_key, SIGN_TAG_SUPERSEDED, &digest, signature);
}
