/* terms - keeps the successions of the broker's keys, checks a new one and tells offices of them. */
#include "broker/core/terms.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

void authority_seen(struct core *core, const struct successions *successions)
{
	wall_ms made;

	if (successions->size < SUCCESSION_SIZE)
		return;
	made = load_u64(successions->bytes + successions->size - SUCCESSION_SIZE + KEY_SIZE);
	if (made > core->authority_made)
		core->authority_made = made;
}

void terms_take(struct core *core, uint64_t entry, struct bytes content)
{
	const Simpul__BrokerKey *key = wire_view(&simpul__broker_key__descriptor, content, &core->arena, NULL);
	struct term term = {.entry = entry};

	/* The journal's own, and compared with the chain. */
	if (key == NULL || broker_succession_of_message(&term.succession, key->succession, NULL) != E_OK)
		return;
	authority_seen(core, &term.succession.successions);
	if (!key->in_force) {
		core->announced = term;
		return;
	}
	core->terms = memory_grow(core->terms, core->term_count + 1, sizeof(*core->terms));
	core->terms[core->term_count++] = term;
	core->announced.entry = 0;
	core->broker_made = term.succession.created_at;
}

void terms_free(struct core *core)
{
	free(core->terms);
}

/* ---- telling */

static Simpul__BrokerSuccession *message_of(struct core *core, const struct term *term)
{
	Simpul__BrokerSuccession *message = arena_alloc(&core->arena, sizeof(*message));

	broker_succession_to_message(&term->succession, message);
	return message;
}

void terms_tell(struct core *core, Simpul__Welcome *welcome)
{
	Simpul__BrokerTerms *terms;
	Simpul__BrokerTerm *term;

	if (core->term_count == 0 && core->announced.entry == 0)
		return;
	terms = arena_alloc(&core->arena, sizeof(*terms));
	simpul__broker_terms__init(terms);
	terms->terms = arena_alloc(&core->arena, (core->term_count + 1) * sizeof(*terms->terms));
	for (; terms->n_terms < core->term_count; terms->n_terms++) {
		term = arena_alloc(&core->arena, sizeof(*term));
		simpul__broker_term__init(term);
		term->entry = core->terms[terms->n_terms].entry;
		term->succession = message_of(core, &core->terms[terms->n_terms]);
		terms->terms[terms->n_terms] = term;
	}
	if (core->announced.entry != 0)
		terms->announced = message_of(core, &core->announced);
	welcome->broker_keys = terms;
}

/* ---- a new one */

static bool was_in_force(const struct core *core, const uint8_t key[KEY_SIZE])
{
	for (size_t i = 0; i < core->term_count; i++)
		if (memcmp(core->terms[i].succession.former_key, key, KEY_SIZE) == 0)
			return true;
	return false;
}

static bool is_announced(const struct core *core, const uint8_t signing_key[KEY_SIZE],
			 const uint8_t curve_key[KEY_SIZE])
{
	const struct broker_succession *announced = &core->announced.succession;

	return core->announced.entry != 0 && memcmp(signing_key, announced->signing_key, KEY_SIZE) == 0 &&
	       memcmp(curve_key, announced->curve_key, KEY_SIZE) == 0;
}

/* One change after the other. */
static enum error change_admit(const struct core *core, struct fault *fault)
{
	if (core->stopping)
		return fault_at(fault, E_STOPPING, "%s", "");
	if (operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY, NULL))
		return fault_at(fault, E_BUSY, "broker_key");
	return E_OK;
}

static enum error offer_check(const struct core *core, const struct broker_succession *offered, struct fault *fault)
{
	enum error error = broker_succession_check(offered, core->options.exchange, core->options.authority, fault);

	if (error == E_OK)
		error = change_admit(core, fault);
	if (error != E_OK)
		return error;
	if (memcmp(offered->former_key, core->options.broker.public_key, KEY_SIZE) != 0)
		return fault_at(fault, E_INVALID, "former_key");
	if (was_in_force(core, offered->signing_key))
		return fault_at(fault, E_INVALID, "signing_key");
	if (core->term_count == BROKER_TERMS_MOST)
		return fault_at(fault, E_TOO_LARGE, "broker_key");
	if (is_announced(core, offered->signing_key, offered->curve_key))
		return fault_at(fault, E_EXISTS, "broker_key");
	return E_OK;
}

void terms_offer(struct core *core, const struct core_event *event)
{
	Simpul__BrokerKey key = SIMPUL__BROKER_KEY__INIT;
	Simpul__BrokerSuccession succession;
	struct fault fault = {0};

	if (offer_check(core, event->broker_key, &fault) != E_OK) {
		answer(core, event->operator_ticket, &fault, 0);
		return;
	}
	broker_succession_to_message(event->broker_key, &succession);
	key.succession = &succession;
	answer_to(operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY, NULL, &key, true), event);
}

/* ---- in force */

static enum error take_up_check(const struct core *core, const struct broker_keys *newer, struct fault *fault)
{
	const enum error error = change_admit(core, fault);

	if (error != E_OK)
		return error;
	return is_announced(core, newer->signing.public_key, newer->curve_public)
		       ? E_OK
		       : fault_at(fault, E_NOT_FOUND, "the newer keys were not announced");
}

void terms_take_up(struct core *core, const struct core_event *event)
{
	Simpul__BrokerKey key = SIMPUL__BROKER_KEY__INIT;
	Simpul__BrokerSuccession succession;
	struct journal_append *append;
	struct fault fault = {0};

	if (take_up_check(core, event->take_up, &fault) != E_OK) {
		broker_keys_free(event->take_up);
		answer(core, event->operator_ticket, &fault, 0);
		return;
	}
	broker_succession_to_message(&core->announced.succession, &succession);
	key.succession = &succession;
	key.in_force = true;
	append = journal_append_new();
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY;
	append->newer = event->take_up;
	audience_everyone(&append->audience);
	wire_pack(&key, &append->content);
	answer_to(operation_append(core, append, NULL), event);
}

/* Sessions were opened by the former broker, and whoever holds one takes nothing that the newer key signs. The tail
 * stays: in a new session the newer key signs old positions too. */
void terms_change(struct core *core, struct journal_append *append)
{
	core->options.broker = append->newer->signing;
	signatures_forget(core);
	sessions_drop(core);
	core->taken_up = append->newer;
	append->newer = NULL;
	action_add(core, ACTION_TAKE_UP)->take_up = core->taken_up;
}
