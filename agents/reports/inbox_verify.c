/* inbox_verify - checks signature, key, name and seal of what was delivered. */
#include "agents/reports/inbox_verify.h"
#include "common/seal.h"
#include "common/submission.h"
#include "common/wire.h"

#include <string.h>

/* The broker's clock stands in the entry and never runs back there: one that was ahead for a while makes nothing doubtful. */
#define EXPIRY_GRACE_MS DAY_MS

static enum error form_check(const Simpul__Entry *entry, struct fault *fault)
{
	const Simpul__Delivery *delivery = entry->delivery;

	if (!node_name_valid(delivery->origin))
		return fault_at(fault, E_INVALID, "delivery.origin");
	if (delivery->epoch == 0)
		return fault_at(fault, E_INVALID, "delivery.epoch");
	if (delivery->first == 0 || delivery->first > INT64_MAX - LIMIT_SUBMISSION_REPORTS)
		return fault_at(fault, E_INVALID, "delivery.first");
	return E_OK;
}

/* E_OK, or what makes a report doubtful that was accepted then: standing and end of its key. The origin's own clock is no
 * evidence. */
static enum error doubt_of(const struct member_key *key, wall_ms accepted_at)
{
	const wall_ms end = key->member.expires_at;

	if (key->standing == SIMPUL__STANDING__STANDING_COMPROMISED && accepted_at >= key->doubtful_since)
		return E_KEY_REVOKED;
	return end != 0 && accepted_at > end && accepted_at - end > EXPIRY_GRACE_MS ? E_KEY_LAPSED : E_OK;
}

enum error delivery_verify(struct store *store, const Simpul__Entry *entry, struct verified_delivery *verified,
			   struct fault *fault)
{
	const Simpul__Delivery *delivery = entry->delivery;
	struct member_key key;
	struct hash digest;
	enum error error = form_check(entry, fault);

	if (error == E_OK)
		error = delivery_leaves(delivery, store->exchange, verified->leaves, &digest, fault);
	if (error != E_OK)
		return error;
	verified->trust = TRUST_BAD;
	verified->why = store_key(store, delivery->origin, delivery->key_id, entry->entry, &key, fault);
	if (verified->why != E_OK)
		return verified->why == E_KEY_UNKNOWN || verified->why == E_KEY_EXPIRED ? E_OK : verified->why;
	if (!digest_verify(key.member.signing_key, SIGN_TAG_SUBMISSION, &digest,
			   BYTES(delivery->signature.data, delivery->signature.len))) {
		verified->why = E_BAD_SIGNATURE;
		return E_OK;
	}
	verified->why = doubt_of(&key, entry->accepted_at);
	verified->trust = verified->why == E_OK ? TRUST_GOOD : TRUST_DOUBTFUL;
	return E_OK;
}

static bool name_fits(const Simpul__Name *name, const struct report_name *expected)
{
	return name && strcmp(name->origin, expected->origin) == 0 && name->epoch == expected->epoch &&
	       (uint32_t)name->stream == expected->stream && name->number == expected->number;
}

/* E_OK when the header can be read and names the report that stands in this place. */
static enum error header_verify(const struct report_name *name, struct arena *arena, struct verified_report *verified)
{
	struct fault fault = {0};

	verified->header = wire_view(&simpul__header__descriptor, verified->header_bytes, arena, &fault);
	if (!verified->header)
		return fault.code;
	return name_fits(verified->header->name, name) ? E_OK : E_WRONG_ORIGIN;
}

static enum error sealed_open(struct store *store, const struct report_name *name, const uint8_t *content_key,
			      struct arena *arena, struct verified_report *verified)
{
	const struct body_place place = {.exchange = store->exchange, .name = *name};
	const struct bytes sealed = verified->body;

	verified->body = (struct bytes){0};
	if (!content_key)
		return E_CANNOT_OPEN;
	return body_open(content_key, &place, sealed, arena, &verified->body, NULL);
}

void report_verify(struct store *store, const Simpul__Delivery *delivery, size_t index,
		   const struct verified_delivery *whole, const uint8_t *content_key, struct arena *arena,
		   struct verified_report *verified)
{
	const Simpul__DeliveredReport *report = delivery->reports[index];
	struct report_name name = {.epoch = delivery->epoch, .stream = delivery->stream,
				   .number = delivery->first + index};
	enum error error;

	*verified = (struct verified_report){.is_present = report->leaf.len == 0, .trust = whole->trust,
					     .why = whole->why};
	if (!verified->is_present)
		return;
	strcpy(name.origin, delivery->origin);
	verified->header_bytes = BYTES(report->header.data, report->header.len);
	verified->body = BYTES(report->body.data, report->body.len);
	verified->body_hash = BYTES(report->body_hash.data, report->body_hash.len);
	error = header_verify(&name, arena, verified);
	if (verified->header && verified->body.size > 0 &&
	    verified->header->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED) {
		enum error opened = sealed_open(store, &name, content_key, arena, verified);

		error = error == E_OK ? opened : error;
	}
	if (error != E_OK && whole->trust != TRUST_BAD) {
		verified->trust = TRUST_BAD;
		verified->why = error;
	}
}

void delivery_key_open(struct delivery_key *key, const struct node_keys *keys, const struct keyring *ring)
{
	const struct node_keys *mine = keys->key_id == key->wrap_key_id ? keys : NULL;

	if (mine == NULL && ring != NULL)
		mine = keyring_find(ring, key->wrap_key_id);
	key->is_open = mine != NULL && content_key_unwrap(key->wrap, mine, key->content);
}
