/* account - reports as offices take them, and a note of whatever goes wrong. */
#include "tests/sim/account.h"
#include "common/content.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const wrong_names[WRONGS] = {"lost", "duplicated", "leaked", "invented"};

void account_start(struct account *account, size_t count)
{
	memset(account, 0, sizeof *account);
	account->count = count;
	arena_init(&account->arena);
}

void account_end(struct account *account)
{
	for (size_t i = 0; i < OFFICES * STREAMS; i++)
		free(account->numbers[i % OFFICES][i / OFFICES]);
	for (size_t i = 0; i < account->decision_count; i++)
		buffer_free(&account->decisions[i].content);
	free(account->items);
	free(account->entries);
	free(account->decisions);
	free(account->offered);
	free(account->policies);
	arena_fini(&account->arena);
}

void account_wrong(struct account *account, enum wrong wrong, const char *format, ...)
{
	char *text = account->first_wrong;
	va_list arguments;
	int used;

	account->wrongs[wrong]++;
	if (text[0] != '\0')
		return;
	used = snprintf(text, sizeof account->first_wrong, "%s: ", wrong_names[wrong]);
	va_start(arguments, format);
	vsnprintf(text + used, sizeof account->first_wrong - (size_t)used, format, arguments);
	va_end(arguments);
}

bool account_clean(const struct account *account)
{
	for (size_t i = 0; i < WRONGS; i++)
		if (account->wrongs[i] > 0)
			return false;
	return true;
}

uint32_t account_offer(struct account *account, const struct rules *rules)
{
	account->offered = memory_grow(account->offered, account->offered_count + 1, sizeof *account->offered);
	account->offered[account->offered_count++] = *rules;
	return (uint32_t)account->offered_count;
}

/* ---- reports */

uint32_t item_stream(const struct item *item)
{
	return stream_of(item->exercise ? SIMPUL__STATUS__STATUS_EXERCISE : SIMPUL__STATUS__STATUS_ACTUAL,
			 item->topic.label);
}

size_t account_find(const struct account *account, size_t origin, uint32_t stream, uint64_t number)
{
	if (origin >= OFFICES || stream >= STREAMS || number == 0 || number > account->number_counts[origin][stream])
		return NO_ITEM;
	return account->numbers[origin][stream][number - 1];
}

struct hash account_content(struct bytes header, const struct hash *body)
{
	struct hash both[2] = {hash_of(header), *body};

	return hash_of(BYTES(both[0].bytes, sizeof both));
}

/* Header and body as they stand in the outbox: the very bytes that recipients must have. */
static bool content_read(struct store *store, const struct report_name *name, struct hash *content)
{
	static const char sql[] =
		"SELECT header, body FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	bool found;

	bind_number(get, 1, name->epoch);
	bind_number(get, 2, name->stream);
	bind_number(get, 3, name->number);
	found = store_ask(store, get, NULL) == E_OK;
	if (found) {
		const struct hash body = hash_of(column_bytes(get, 1));

		*content = account_content(column_bytes(get, 0), &body);
	}
	sqlite3_reset(get);
	return found;
}

static size_t item_add(struct account *account, const struct item *item, const struct report_name *name,
		       const struct hash *content)
{
	size_t **numbers = &account->numbers[item->origin][name->stream];
	size_t *count = &account->number_counts[item->origin][name->stream];
	struct item *added;

	account->items = memory_grow(account->items, account->item_count + 1, sizeof *account->items);
	added = &account->items[account->item_count];
	*added = *item;
	added->name = *name;
	added->content = *content;
	*numbers = memory_grow(*numbers, *count + 1, sizeof **numbers);
	(*numbers)[(*count)++] = account->item_count;
	return account->item_count++;
}

size_t account_taken(struct account *account, const struct item *item, const struct report_name *name,
		     struct store *store)
{
	const uint64_t expected = account->number_counts[item->origin][name->stream] + 1;
	struct hash content = {{0}};

	if (name->number != expected || name->stream != item_stream(item))
		account_wrong(account, INVENTED, "%s numbers a report %llu, not %llu", name->origin,
			      (unsigned long long)name->number, (unsigned long long)expected);
	if (!content_read(store, name, &content))
		account_wrong(account, LOST, "%s took %llu and does not have it", name->origin,
			      (unsigned long long)name->number);
	return item_add(account, item, name, &content);
}

void account_maybe(struct account *account, const struct item *item, struct store *store)
{
	struct report_name name = {.epoch = store->epoch, .stream = item_stream(item)};
	struct hash content;

	strcpy(name.origin, office_names[item->origin]);
	name.number = account->number_counts[item->origin][name.stream] + 1;
	if (content_read(store, &name, &content))
		item_add(account, item, &name, &content);
}
