/* subject_due - counts what is due, and says it once a day. */
#include "agents/subject_due.h"
#include "agents/subject_book.h"
#include "common/log.h"
#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000

enum error subject_due_count(struct store *store, wall_ms now, struct subject_due *due, struct fault *fault)
{
	struct subject_book book;
	enum error error = subject_book_read(store, true, now, &book, fault);
	json_t *request;
	size_t i;

	*due = (struct subject_due){0};
	json_array_foreach(book.requests, i, request) {
		const char *urgency = json_string_value(json_object_get(request, "urgency"));
		const bool overdue = urgency != NULL && strcmp(urgency, "overdue") == 0;
		const bool urgent = urgency != NULL && strcmp(urgency, "urgent") == 0;

		if ((overdue || urgent) && due->first[0] == '\0')
			snprintf(due->first, sizeof(due->first), "%s",
				 json_string_value(json_object_get(request, "request")));
		due->overdue += overdue;
		due->urgent += urgent;
	}
	subject_book_free(&book);
	return error;
}

void subject_due_step(struct subject_watch *watch, struct store *store, const struct now *now)
{
	struct subject_due due;

	if (watch->asked != 0 && now->steady - watch->asked < MINUTE_MS)
		return;
	watch->asked = now->steady;
	if (subject_due_count(store, now->wall, &due, NULL) != E_OK)
		return;
	if (due.urgent + due.overdue == 0) {
		watch->told = 0;
		watch->said = due;
		return;
	}
	/* A clock that was set back is no reason to be silent. */
	if (watch->told != 0 && now->wall >= watch->told && now->wall - watch->told < DAY_MS &&
	    due.overdue <= watch->said.overdue && due.urgent <= watch->said.urgent)
		return;
	watch->told = now->wall;
	watch->said = due;
	log_event(LOG_LEVEL_WARNING, "subject.due", F_TEXT("node", store->node), F_TEXT("request", due.first),
		  F_NUM("urgent", due.urgent), F_NUM("overdue", due.overdue));
}
