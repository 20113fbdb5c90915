/* seal - feeds and bodies under XChaCha20-Poly1305, content keys under crypto_box_seal. */
#include "common/seal.h"
#include "common/aead.h"
#include "common/wire.h"

#include <sodium.h>
#include <string.h>

#define FEED_TAG "simpul/feed/1"
#define BODY_TAG "simpul/body/1"
#define COMMITMENT_TAG "simpul/seal/1"
#define BATCH_TAG "simpul/batch/1"
#define NONCE_SIZE AEAD_NONCE_SIZE
#define SEAL_TAG_SIZE AEAD_TAG_SIZE

_Static_assert(SEAL_TAG_SIZE == FEED_TAG_SIZE, "the feed's tag is the cipher's");
_Static_assert(KEY_SIZE == AEAD_KEY_SIZE, "a key is the cipher's");
_Static_assert(WRAP_SIZE == crypto_box_SEALBYTES + KEY_SIZE, "a wrap is a sealed key");

/* ---- feeds */

static void head_write(const struct feed_head *head, uint8_t out[FEED_HEAD_SIZE])
{
	store_u64(out, head->incarnation);
	store_u64(out + 8, head->after);
	store_u64(out + 16, head->upto);
	store_u64(out + 24, head->counter);
}

static void feed_nonce(uint64_t counter, uint8_t nonce[NONCE_SIZE])
{
	memset(nonce, 0, NONCE_SIZE);
	store_u64(nonce + NONCE_SIZE - 8, counter);
}

static void feed_associated(const struct feed *feed, const uint8_t head[FEED_HEAD_SIZE], struct buffer *out)
{
	buffer_text(out, FEED_TAG);
	buffer_append(out, feed->exchange, EXCHANGE_SIZE);
	buffer_name(out, feed->node);
	buffer_u64(out, feed->session);
	buffer_append(out, head, FEED_HEAD_SIZE);
}

/* A batch's key seals one batch: its nonce may be zero. */
static const uint8_t batch_nonce[NONCE_SIZE];

void batch_seal(const uint8_t key[KEY_SIZE], struct bytes batch, uint8_t *out)
{
	aead_seal(key, batch_nonce, BYTES(BATCH_TAG, strlen(BATCH_TAG)), batch, out);
}

void feed_lead(const struct feed *feed, const struct feed_head *head, const uint8_t key[KEY_SIZE],
	       uint8_t out[FEED_LEAD_SIZE])
{
	struct buffer associated = {0};
	uint8_t nonce[NONCE_SIZE];

	head_write(head, out);
	feed_nonce(head->counter, nonce);
	feed_associated(feed, out, &associated);
	aead_seal(feed->key, nonce, buffer_view(&associated), BYTES(key, KEY_SIZE), out + FEED_HEAD_SIZE);
	buffer_free(&associated);
}

/* The batch's key, which is the node's to open. */
static bool feed_unwrap(const struct feed *feed, const uint8_t *frame, uint64_t counter, uint8_t key[KEY_SIZE])
{
	struct buffer associated = {0};
	uint8_t nonce[NONCE_SIZE];
	bool opened;

	feed_nonce(counter, nonce);
	feed_associated(feed, frame, &associated);
	opened = aead_open(feed->key, nonce, buffer_view(&associated), BYTES(frame + FEED_HEAD_SIZE, FEED_WRAP_SIZE), key);
	buffer_free(&associated);
	return opened;
}

enum error feed_open(const struct feed *feed, struct bytes frame, struct feed_head *head, uint8_t *out, size_t *size)
{
	uint8_t key[KEY_SIZE];
	bool opened;

	if (frame.size < FEED_SIZE(0))
		return E_MALFORMED;
	*head = (struct feed_head){.incarnation = load_u64(frame.data),
				   .after = load_u64(frame.data + 8),
				   .upto = load_u64(frame.data + 16),
				   .counter = load_u64(frame.data + 24)};
	opened = feed_unwrap(feed, frame.data, head->counter, key) &&
		 aead_open(key, batch_nonce, BYTES(BATCH_TAG, strlen(BATCH_TAG)),
			   BYTES(frame.data + FEED_LEAD_SIZE, frame.size - FEED_LEAD_SIZE), out);
	sodium_memzero(key, sizeof key);
	if (!opened)
		return E_CANNOT_OPEN;
	*size = frame.size - FEED_SIZE(0);
	return E_OK;
}

/* ---- bodies */

void content_key_generate(uint8_t key[KEY_SIZE])
{
	randombytes_buf(key, KEY_SIZE);
}

/* A content key seals one submission, in which epoch and number name one body: the nonce never repeats. */
static void body_nonce(const struct report_name *name, uint8_t nonce[NONCE_SIZE])
{
	memset(nonce, 0, NONCE_SIZE);
	store_u64(nonce + NONCE_SIZE - 12, (uint64_t)name->epoch << 32);
	store_u64(nonce + NONCE_SIZE - 8, name->number);
}

static void body_associated(const struct body_place *place, const struct hash *commitment, struct buffer *out)
{
	buffer_text(out, BODY_TAG);
	buffer_append(out, place->exchange, EXCHANGE_SIZE);
	buffer_name(out, place->name.origin);
	buffer_u32(out, place->name.epoch);
	buffer_u8(out, (uint8_t)place->name.stream);
	buffer_u64(out, place->name.number);
	buffer_append(out, commitment->bytes, HASH_SIZE);
}

void body_seal(const uint8_t key[KEY_SIZE], const struct body_place *place, struct bytes body, struct buffer *out)
{
	struct hash commitment = hash_tagged(COMMITMENT_TAG, BYTES(key, KEY_SIZE));
	struct buffer associated = {0}, ciphertext = {0};
	Simpul__SealedBody message = SIMPUL__SEALED_BODY__INIT;
	uint8_t nonce[NONCE_SIZE];

	body_nonce(&place->name, nonce);
	body_associated(place, &commitment, &associated);
	message.commitment.data = commitment.bytes;
	message.commitment.len = HASH_SIZE;
	message.ciphertext.len = body.size + SEAL_TAG_SIZE;
	message.ciphertext.data = buffer_room(&ciphertext, message.ciphertext.len);
	aead_seal(key, nonce, buffer_view(&associated), body, message.ciphertext.data);
	wire_pack(&message, out);
	buffer_free(&ciphertext);
	buffer_free(&associated);
}

/* Without the commitment one ciphertext could be made to open as two bodies under two keys. */
static bool commitment_fits(const uint8_t key[KEY_SIZE], const Simpul__SealedBody *message, struct hash *commitment)
{
	*commitment = hash_tagged(COMMITMENT_TAG, BYTES(key, KEY_SIZE));
	return message->commitment.len == HASH_SIZE &&
	       sodium_memcmp(commitment->bytes, message->commitment.data, HASH_SIZE) == 0;
}

enum error body_open(const uint8_t key[KEY_SIZE], const struct body_place *place, struct bytes sealed,
		     struct arena *arena, struct bytes *body, struct fault *fault)
{
	struct buffer associated = {0};
	struct fault own_fault;
	struct hash commitment;
	uint8_t nonce[NONCE_SIZE];
	uint8_t *out;
	bool opened;

	fault = fault ? fault : &own_fault;
	const Simpul__SealedBody *message = wire_unpack(&simpul__sealed_body__descriptor, sealed, arena, fault);
	if (!message)
		return fault->code;
	if (message->ciphertext.len < SEAL_TAG_SIZE || !commitment_fits(key, message, &commitment))
		return fault_at(fault, E_CANNOT_OPEN, "commitment");
	out = arena_alloc(arena, message->ciphertext.len);
	body_nonce(&place->name, nonce);
	body_associated(place, &commitment, &associated);
	opened = aead_open(key, nonce, buffer_view(&associated), of_binary(message->ciphertext), out);
	buffer_free(&associated);
	if (!opened)
		return fault_at(fault, E_CANNOT_OPEN, "ciphertext");
	*body = BYTES(out, message->ciphertext.len - SEAL_TAG_SIZE);
	return E_OK;
}

void content_key_wrap(const uint8_t key[KEY_SIZE], const uint8_t sealing_public[KEY_SIZE], uint8_t wrapped[WRAP_SIZE])
{
	/* Fails for a public key of low order only, which member_check refuses; then nothing may leak. */
	if (crypto_box_seal(wrapped, key, KEY_SIZE, sealing_public) != 0)
		memset(wrapped, 0, WRAP_SIZE);
}

bool content_key_unwrap(struct bytes wrapped, const struct node_keys *keys, uint8_t key[KEY_SIZE])
{
	return wrapped.size == WRAP_SIZE &&
	       crypto_box_seal_open(key, wrapped.data, WRAP_SIZE, keys->sealing_public, keys->sealing_secret) == 0;
}
