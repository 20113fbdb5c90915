/* story - keys that count up from the bytes that the vectors name. */
#include "tests/fuzz/story.h"
#include "tests/support/fixed.h"

const struct story *story_get(void)
{
	static struct story story;

	if (story.army.key_id == 1)
		return &story;
	story.authority = fixed_signing_key(0xc1);
	story.broker = fixed_signing_key(0xe1);
	story.police = fixed_signing_key(0x01);
	story.army.signing = fixed_signing_key(0x02);
	fixed_fill(story.army.curve_secret, KEY_SIZE, 0x22);
	crypto_scalarmult_base(story.army.curve_public, story.army.curve_secret);
	fixed_fill(story.army.sealing_secret, KEY_SIZE, 0x42);
	crypto_scalarmult_base(story.army.sealing_public, story.army.sealing_secret);
	memcpy(story.join.exchange, fixed_exchange(), EXCHANGE_SIZE);
	memcpy(story.join.authority, story.authority.public_key, KEY_SIZE);
	memcpy(story.join.broker_signing, story.broker.public_key, KEY_SIZE);
	strcpy(story.join.link_endpoint, "tcp://127.0.0.1:1");
	strcpy(story.join.feed_endpoint, "tcp://127.0.0.1:2");
	story.army.key_id = 1;
	return &story;
}

void story_sign_batch(Simpul__Batch *batch, uint8_t signature[SIGNATURE_SIZE])
{
	struct position upto;

	if (position_of_message(&upto, batch->upto) != E_OK)
		return;
	chain_sign(&story_get()->broker, fixed_exchange(), &upto, signature);
	batch->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
}

void story_sign_delivery(Simpul__Delivery *delivery, uint8_t signature[SIGNATURE_SIZE])
{
	struct hash digest;

	if (delivery_digest(delivery, fixed_exchange(), &digest, NULL) != E_OK)
		return;
	digest_sign(&story_get()->police, SIGN_TAG_SUBMISSION, &digest, signature);
	delivery->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
}
