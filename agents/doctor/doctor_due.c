/* doctor_due - what waits for a person to do it: what the law gives three days first. */
#include "agents/doctor/doctor.h"

#include "agents/serve/waits.h"
#include "agents/subject/subject_book.h"
#include "common/json.h"
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
	json_array_foreach(book.requests, i, request)
	{
		const char *urgency = json_text(request, "urgency");
		const bool overdue = strcmp(urgency, "overdue") == 0, urgent = strcmp(urgency, "urgent") == 0;

		if (overdue || urgent || strcmp(urgency, "open") == 0)
			checkup_note(&doctor->checkup,
				     overdue  ? CHECKUP_FAIL
				     : urgent ? CHECKUP_WARN
					      : CHECKUP_OK,
				     "request", advice_for(json_is_true(json_object_get(request, "own"))),
				     "%s of a person %s (%s)", json_text(request, "request"),
				     overdue  ? "is overdue"
				     : urgent ? "is due within 24 hours"
					      : "is to be answered",
				     json_text(request, "due"));
	}
	subject_book_free(&book);
}

void doctor_waits(struct doctor *doctor, struct store *store)
{
	uint64_t counts[WAITS];
	struct fault fault = {0};

	if (waits_count(store, clock_now().wall, counts, &fault) != E_OK) {
		checkup_fault(&doctor->checkup, "store", &fault, "see the store's disk");
		return;
	}
	for (size_t i = 0; i < WAITS; i++) {
		const struct wait_text *text = wait_text((enum wait)i);

		if (counts[i] > 0)
			checkup_note(&doctor->checkup, CHECKUP_WARN, text->key, text->advice, "%llu %s",
				     (unsigned long long)counts[i], text->what);
	}
}
