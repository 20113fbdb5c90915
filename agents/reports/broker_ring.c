/* broker_ring - follows the broker's keys and keeps them in the store's table meta. */
#include "agents/reports/broker_ring.h"
#include "common/arena.h"
#include "common/log.h"
#include "common/wire.h"

#include <string.h>

/* ---- in the store: an encoded BrokerTerms */

static enum error terms_get(struct store *store, struct buffer *encoded, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT value FROM meta WHERE key = 'broker keys'");
	const enum error error = store_ask(store, get, fault);

	if (error == E_OK)
		buffer_bytes(encoded, column_bytes(get, 0));
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error terms_put(struct store *store, struct bytes encoded, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "INSERT OR REPLACE INTO meta(key, value) VALUES('broker keys', ?1)");

	bind_bytes(put, 1, encoded);
	return database_step(put, fault);
}

/* What is kept, in memory of the arena; an empty one when nothing is. */
static enum error kept_load(struct broker_ring *ring, struct arena *arena, Simpul__BrokerTerms **kept,
			    struct fault *fault)
{
	struct buffer encoded = {0};
	enum error error = terms_get(ring->store, &encoded, fault);

	*kept = NULL;
	if (error == E_OK)
		*kept = simpul__broker_terms__unpack(&arena->protobuf, encoded.size, encoded.data);
	if (error == E_OK && *kept == NULL)
		error = fault_at(fault, E_CORRUPT, "meta: broker keys");
	buffer_free(&encoded);
	return error;
}

static enum error kept_save(struct broker_ring *ring, const Simpul__BrokerTerms *terms, struct fault *fault)
{
	struct buffer encoded = {0};
	enum error error;

	wire_pack(terms, &encoded);
	error = terms_put(ring->store, buffer_view(&encoded), fault);
	buffer_free(&encoded);
	return error;
}

/* ---- what is in force */

static void in_force_take(struct broker_ring *ring)
{
	const struct broker_term *last = broker_terms_last(&ring->terms);

	if (last == NULL || !broker_terms_know(&ring->terms, ring->join->broker_signing))
		return;
	memcpy(ring->join->broker_signing, last->signing_key, KEY_SIZE);
	memcpy(ring->join->broker_curve, last->curve_key, KEY_SIZE);
}

enum error broker_ring_open(struct broker_ring *ring, struct store *store, struct join *join, struct fault *fault)
{
	Simpul__BrokerTerms *kept;
	struct arena arena;
	enum error error;

	*ring = (struct broker_ring){.store = store, .join = join};
	arena_init(&arena);
	error = kept_load(ring, &arena, &kept, fault);
	if (error == E_OK && broker_terms_of_message(&ring->terms, kept, join->exchange, join->authority, NULL) != E_OK)
		error = fault_at(fault, E_CORRUPT, "meta: broker keys");
	if (error == E_OK)
		in_force_take(ring);
	arena_fini(&arena);
	return error;
}

void broker_ring_follow(const char *path, const struct cipher *cipher, struct join *join)
{
	struct broker_ring ring;
	struct store store;

	if (store_open_reader(&store, path, cipher, NULL) != E_OK)
		return;
	if (memcmp(store.exchange, join->exchange, EXCHANGE_SIZE) == 0)
		broker_ring_open(&ring, &store, join, NULL);
	store_close(&store);
}

/* ---- WELCOME */

/* Whether what is told follows from the keys that this office knows, and is of the broker that it speaks with. */
static enum error told_check(const struct broker_ring *ring, const struct broker_terms *told,
			     const uint8_t curve[KEY_SIZE], struct fault *fault)
{
	const struct broker_term *last = broker_terms_last(told), *known = broker_terms_last(&ring->terms);
	const uint8_t *present = ring->join->broker_signing;

	if (known != NULL && memcmp(known->signing_key, present, KEY_SIZE) == 0 && last == NULL)
		return fault_at(fault, E_HISTORY_DIFFERS, "welcome.broker_keys");
	if (memcmp(last != NULL ? last->curve_key : ring->join->broker_curve, curve, KEY_SIZE) != 0)
		return fault_at(fault, E_BAD_SIGNATURE, "welcome.broker_keys");
	if (last != NULL && !broker_terms_know(told, present))
		return fault_at(fault, E_BAD_SIGNATURE, "welcome.broker_keys");
	return E_OK;
}

/* Not written again at each session. */
static enum error told_save(struct broker_ring *ring, const Simpul__BrokerTerms *told, struct fault *fault)
{
	struct buffer encoded = {0}, kept = {0};
	enum error error = terms_get(ring->store, &kept, fault);

	wire_pack(told, &encoded);
	if (error == E_OK && !bytes_equal(buffer_view(&encoded), buffer_view(&kept))) {
		error = store_begin(ring->store, fault);
		if (error == E_OK)
			error = store_end(ring->store, terms_put(ring->store, buffer_view(&encoded), fault), fault);
	}
	buffer_free(&encoded);
	buffer_free(&kept);
	return error;
}

enum error broker_ring_told(struct broker_ring *ring, const Simpul__BrokerTerms *told, const uint8_t curve[KEY_SIZE],
			    struct fault *fault)
{
	const Simpul__BrokerTerms none = SIMPUL__BROKER_TERMS__INIT;
	const struct join *join = ring->join;
	struct broker_terms terms;
	const struct broker_term *last;
	bool is_new;
	enum error error = broker_terms_of_message(&terms, told, join->exchange, join->authority, fault);

	if (error != E_OK) {
		fault_within(fault, "welcome.broker_keys");
		return error;
	}
	error = told_check(ring, &terms, curve, fault);
	if (error == E_OK)
		error = told_save(ring, told != NULL ? told : &none, fault);
	if (error != E_OK)
		return error;
	last = broker_terms_last(&terms);
	is_new = last != NULL && memcmp(last->signing_key, join->broker_signing, KEY_SIZE) != 0;
	ring->terms = terms;
	in_force_take(ring);
	if (is_new)
		log_event(LOG_LEVEL_NOTICE, "broker.renewed", F_NUM("entry", last->entry));
	return E_OK;
}

/* ---- the feed */

static enum error announced_keep(struct broker_ring *ring, Simpul__BrokerSuccession *announced, struct fault *fault)
{
	const struct join *join = ring->join;
	Simpul__BrokerTerms *kept;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	error = kept_load(ring, &arena, &kept, fault);
	if (error == E_OK) {
		kept->announced = announced;
		error = broker_terms_of_message(&ring->terms, kept, join->exchange, join->authority, fault);
	}
	if (error == E_OK)
		error = kept_save(ring, kept, fault);
	arena_fini(&arena);
	return error;
}

enum error broker_ring_heard(struct broker_ring *ring, uint64_t entry, const Simpul__BrokerKey *heard,
			     struct fault *fault)
{
	const struct join *join = ring->join;
	struct broker_succession succession;
	enum error error = broker_succession_of_message(&succession, heard->succession, fault);

	if (error == E_OK)
		error = broker_succession_check(&succession, join->exchange, join->authority, fault);
	/* What came in force WELCOME has told already, and what was announced by a key before is old news. */
	if (error != E_OK || heard->in_force || memcmp(succession.former_key, join->broker_signing, KEY_SIZE) != 0)
		return error;
	error = announced_keep(ring, heard->succession, fault);
	if (error == E_OK)
		log_event(LOG_LEVEL_NOTICE, "broker.announced", F_NUM("entry", entry));
	return error;
}
