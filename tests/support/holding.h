/* holding - orders by which a body is kept, signed by two operators, as a journal takes them. */
#ifndef SIMPUL_TESTS_HOLDING_H
#define SIMPUL_TESTS_HOLDING_H

#include "common/bytes.h"
#include "common/clock.h"
#include "common/exchange.h"

/* Spoils of an order what is said here before it is signed, or after. */
struct holding {
	const char *origin;
	uint64_t number;  /* of the main stream */
	wall_ms until;	  /* of one that is placed ... */
	uint64_t lifts;	  /* ... or the entry of the one that ends */
	bool one_key;	  /* the same operator signs twice */
	bool other_words; /* they signed another reason */
};

/* Appends an encoded Hold. */
void holding_pack(const struct holding *holding, const uint8_t exchange[EXCHANGE_SIZE], wall_ms now,
		  struct buffer *out);

#endif
