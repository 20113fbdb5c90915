/* succession - signs and follows the way from an authority's first key to its present one. */
#include "common/succession.h"
#include "common/file.h"

#include <string.h>
#include <unistd.h>

#define FILE_LIMIT 4096

static struct hash succession_digest(const uint8_t exchange[EXCHANGE_SIZE], const uint8_t former[KEY_SIZE],
				     const uint8_t next[KEY_SIZE], wall_ms created_at)
{
	struct buffer layout = {0};
	struct hash digest;

	buffer_append(&layout, exchange, EXCHANGE_SIZE);
	buffer_append(&layout, former, KEY_SIZE);
	buffer_append(&layout, next, KEY_SIZE);
	buffer_u64(&layout, created_at);
	digest = hash_tagged(SIGN_TAG_SUCCESSION, buffer_view(&layout));
	buffer_free(&layout);
	return digest;
}

enum error succession_add(struct successions *successions, const uint8_t exchange[EXCHANGE_SIZE],
			  const struct signing_key *former, const uint8_t next[KEY_SIZE], wall_ms created_at,
			  struct fault *fault)
{
	uint8_t *place = successions->bytes + successions->size;
	struct hash digest;

	if (successions->size + SUCCESSION_SIZE > sizeof successions->bytes)
		return fault_at(fault, E_TOO_LARGE, "successions");
	digest = succession_digest(exchange, former->public_key, next, created_at);
	memcpy(place, next, KEY_SIZE);
	store_u64(place + KEY_SIZE, created_at);
	digest_sign(former, SIGN_TAG_SUCCESSION, &digest, place + KEY_SIZE + 8);
	successions->size += SUCCESSION_SIZE;
	return E_OK;
}

/* Behind the place where `known` stands on the way; the beginning when it does not. */
static size_t place_after(const struct successions *successions, const uint8_t known[KEY_SIZE])
{
	for (size_t at = 0; at < successions->size; at += SUCCESSION_SIZE)
		if (memcmp(successions->bytes + at, known, KEY_SIZE) == 0)
			return at + SUCCESSION_SIZE;
	return 0;
}

enum error successions_follow(const struct successions *successions, const uint8_t exchange[EXCHANGE_SIZE],
			      const uint8_t known[KEY_SIZE], uint8_t last[KEY_SIZE], struct fault *fault)
{
	if (successions->size > sizeof successions->bytes || successions->size % SUCCESSION_SIZE != 0)
		return fault_at(fault, E_INVALID, "successions");
	memcpy(last, known, KEY_SIZE);
	for (size_t at = place_after(successions, known); at < successions->size; at += SUCCESSION_SIZE) {
		const uint8_t *next = successions->bytes + at;
		const struct hash digest = succession_digest(exchange, last, next, load_u64(next + KEY_SIZE));

		if (!digest_verify(last, SIGN_TAG_SUCCESSION, &digest, BYTES(next + KEY_SIZE + 8, SIGNATURE_SIZE)))
			return fault_at(fault, E_BAD_SIGNATURE, "successions");
		memcpy(last, next, KEY_SIZE);
	}
	return E_OK;
}

enum error successions_save(const struct successions *successions, const char *path, struct fault *fault)
{
	struct buffer text = {0};
	char hex[2 * SUCCESSION_SIZE + 1];
	enum error error;

	if (access(path, F_OK) == 0)
		return fault_at(fault, E_EXISTS, "%s", path);
	buffer_text(&text, "# How the authority of a Simpul exchange came to its present key: public\n");
	for (size_t at = 0; at < successions->size; at += SUCCESSION_SIZE) {
		buffer_text(&text, hex_of(hex, BYTES(successions->bytes + at, SUCCESSION_SIZE)));
		buffer_text(&text, "\n");
	}
	error = file_write(path, buffer_view(&text), 0644, fault);
	buffer_free(&text);
	return error;
}

static bool line_take(struct successions *successions, const char *line)
{
	if (line[0] == '#')
		return true;
	if (successions->size + SUCCESSION_SIZE > sizeof successions->bytes ||
	    !hex_parse(line, successions->bytes + successions->size, SUCCESSION_SIZE))
		return false;
	successions->size += SUCCESSION_SIZE;
	return true;
}

enum error successions_load(struct successions *successions, const char *path, struct fault *fault)
{
	struct buffer text = {0};
	char *rest = NULL;
	enum error error = access(path, F_OK) == 0 ? file_read(path, FILE_LIMIT, &text, fault)
						   : fault_at(fault, E_NOT_FOUND, "%s", path);

	successions->size = 0;
	buffer_u8(&text, 0);
	for (char *line = strtok_r((char *)text.data, "\n", &rest); error == E_OK && line; line = strtok_r(NULL, "\n", &rest))
		if (!line_take(successions, line))
			error = fault_at(fault, E_INVALID, "%s", path);
	buffer_free(&text);
	return error;
}
