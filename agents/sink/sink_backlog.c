/* sink_backlog - a list of letters that is stored whole or not at all. */
#include "agents/sink/sink_backlog.h"
#include "agents/reports/store_progress.h"
#include <stdlib.h>

enum error sink_backlog_store(struct sink_backlog *backlog, struct store *store, struct letter *fresh, bool *erasures,
			      struct fault *fault)
{
	struct letter **last = &backlog->first;
	enum error error;

	*erasures = false;
	while (*last != NULL)
		last = &(*last)->next;
	*last = fresh;
	if (backlog->first == NULL)
		return E_OK;
	error = store_sink_letters(store, backlog->first, fault);
	if (error != E_OK)
		return error;
	for (const struct letter *letter = backlog->first; letter != NULL; letter = letter->next)
		*erasures |= ((const struct sink_letter *)letter)->purge > 0;
	sink_backlog_free(backlog);
	return E_OK;
}

void sink_backlog_free(struct sink_backlog *backlog)
{
	struct letter *next;

	for (; backlog->first != NULL; backlog->first = next) {
		next = backlog->first->next;
		free(backlog->first);
	}
}
