/* intake_refuse - reads the outbox's fault, and turns the lines that it is about into bad ones. */
#include "agents/intake/intake_refuse.h"
#include <stdio.h>
#include <string.h>

/* The line that the loop's fault blames, and the fault as the line has it; NULL when it blames none. */
static struct parsed_line *line_blamed(const struct intake_letter *letter, struct fault *fault)
{
	const struct parsed_file *file = &letter->file;
	size_t number = 0, good = 0;
	int used = 0;

	*fault = letter->fault;
	fault->code = letter->result;
	if (sscanf(letter->fault.field, "reports[%zu]%n", &number, &used) == 1 && used > 0)
		memmove(fault->field, fault->field + used, sizeof(fault->field) - (size_t)used);
	else if (file->count - file->rejected > 1)
		return NULL;
	if (fault->field[0] == '.')
		memmove(fault->field, fault->field + 1, sizeof(fault->field) - 1);
	for (size_t i = 0; i < file->count; i++)
		if (file->lines[i].prepared != NULL && good++ == number)
			return &file->lines[i];
	return NULL;
}

static void line_refuse(struct intake_letter *letter, struct parsed_line *line, const struct fault *fault)
{
	line->prepared = NULL;
	line->fault = *fault;
	letter->file.rejected++;
}

/* To whom the line cannot be sealed, as the fault says; NULL when it says something else. */
static const char *unknown_recipient(const struct parsed_line *line, const struct fault *fault)
{
	const Simpul__Routing *routing = line->prepared->routing;
	size_t place;

	if (fault->code != E_RECIPIENT_UNKNOWN || sscanf(fault->field, "to[%zu]", &place) != 1)
		return NULL;
	return place < routing->n_to ? routing->to[place] : NULL;
}

/* The others that are sealed to him would be refused one by one, and the bad lines written anew for each. */
static void refuse_alike(struct intake_letter *letter, const char *recipient)
{
	struct fault fault;

	for (size_t i = 0; i < letter->file.count; i++) {
		struct parsed_line *line = &letter->file.lines[i];
		const struct prepared *prepared = line->prepared;

		if (prepared == NULL || prepared->header->form != SIMPUL__BODY_FORM__BODY_FORM_SEALED)
			continue;
		for (size_t j = 0; line->prepared != NULL && j < prepared->routing->n_to; j++)
			if (strcmp(prepared->routing->to[j], recipient) == 0) {
				fault_at(&fault, E_RECIPIENT_UNKNOWN, "to[%zu]", j);
				line_refuse(letter, line, &fault);
			}
	}
}

bool lines_refuse(struct intake_letter *letter)
{
	struct fault fault;
	struct parsed_line *line = line_blamed(letter, &fault);
	const char *recipient;

	if (line == NULL) {
		letter->fault = fault;
		return false;
	}
	letter->fault = (struct fault){.code = E_OK};
	recipient = unknown_recipient(line, &fault);
	line_refuse(letter, line, &fault);
	if (recipient != NULL)
		refuse_alike(letter, recipient);
	return true;
}
