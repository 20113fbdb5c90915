/* doctor_due - whether a person waits for what the law gives three days. */
#include "agents/doctor.h"

#include "agents/subject_book.h"
#include <string.h>

static const char *advice_for(bool own)
{
	return own ? "ask those who have not answered (simpul subject list), and give the person simpul subject result"
		   : "see what is here with simpul subject search and answer it with simpul subject answer";
}

void doctor_requests(struct doctor *doctor, struct store *store)
{
	struct subject_book book;
	struct fault fault = {0};
	json_t *request;
	size_t i;

	if (subject_book_read(store, true, clock_now().wall, &book, &fault) != E_OK)
		checkup_fault(&doctor->checkup, "request", &fault, "see the store's disk");
	json_array_foreach(book.requests, i, request) {
		const char *urgency = json_string_value(json_object_get(request, "urgency"));
		const bool overdue = urgency != NULL && strcmp(urgency, "overdue") == 0;

		if (overdue || (urgency != NULL && strcmp(urgency, "urgent") == 0))
			checkup_note(&doctor->checkup, overdue ? CHECKUP_FAIL : CHECKUP_WARN, "request",
				     advice_for(json_is_true(json_object_get(request, "own"))),
				     "%s of a person %s (%s)", json_string_value(json_object_get(request, "request")),
				     overdue ? "is overdue" : "is due within 24 hours",
				     json_string_value(json_object_get(request, "due")));
	}
	subject_book_free(&book);
}
