/* examiner - reads what can be read of an exchange's bodies by somebody who has every file of its broker, its master
 * key and all the time he wants: each 32 bytes of what he takes for key material are tried as what opens a body.
 *
 * He knows broker/journal/vault.h and nothing of the program: the derivation is written out here once more. */
#ifndef SIMPUL_TEST_EXAMINER_H
#define SIMPUL_TEST_EXAMINER_H

#include "common/bytes.h"
#include "common/keys.h"

/* A body as it stands encrypted in a journal, and what opened it. */
struct exhibit {
	uint64_t entry, number; /* number of the report */
	uint32_t stream;
	size_t index; /* of the report in its submission */
	struct buffer nonce, ciphertext, plain;
	uint8_t secret[32]; /* the slot, or the part of this report; all zeros until it is opened */
	uint8_t key[KEY_SIZE];
};

struct examiner {
	struct exhibit *exhibits;
	size_t count;
	struct buffer material;
};

/* Every encrypted body of a file journal.db. */
void examiner_take(struct examiner *examiner, const char *journal);
/* The whole file as key material; one that is not there is none. examiner_material_drop begins anew. */
void examiner_material(struct examiner *examiner, const char *path);
void examiner_material_drop(struct examiner *examiner);
/* Opens what can be opened, and fills it in; how many that are. */
size_t examiner_open_all(struct examiner *examiner);
/* Whether the material at hand opens this one. */
bool examiner_opens(const struct examiner *examiner, struct exhibit *exhibit);
/* The body of this report; NULL when it was not taken. */
struct exhibit *examiner_find(struct examiner *examiner, uint32_t stream, uint64_t number);
void examiner_free(struct examiner *examiner);

#endif
