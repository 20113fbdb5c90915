/* story - the small exchange of proto/vectors/v1 with its keys: police.oku speaks, army.oku receives. */
#ifndef SIMPUL_FUZZ_STORY_H
#define SIMPUL_FUZZ_STORY_H

#include "agents/reports/inbox.h"
#include "common/submission.h"

struct story {
	struct signing_key authority, broker, police;
	struct node_keys army;
	struct join join;
};

/* Made once. */
const struct story *story_get(void);
/* What a broker signs, whatever it is: the position of a batch; `signature` must outlive the batch. */
void story_sign_batch(Simpul__Batch *batch, uint8_t signature[SIGNATURE_SIZE]);
/* What police.oku signs; a delivery without a digest is left alone. */
void story_sign_delivery(Simpul__Delivery *delivery, uint8_t signature[SIGNATURE_SIZE]);

#endif
