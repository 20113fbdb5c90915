/* error - looks codes up in the table of error.h, fills faults and writes them out. */
#include "common/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct row {
	enum error code;
	int exit_status;
	enum remedy remedy;
	const char *name;
	const char *sentence;
};

static const struct row table[] = {
#define X(name, code, status, remedy, sentence) {E_##name, status, REMEDY_##remedy, #name, sentence},
	ERROR_TABLE(X)
#undef X
};

static const struct row *row_of(uint32_t code)
{
	static const struct row internal = {E_INTERNAL, EX_SOFTWARE, REMEDY_STOP, "INTERNAL", "a program error"};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if ((uint32_t)table[i].code == code)
			return &table[i];
	return &internal;
}

const char *error_name(enum error code)
{
	return row_of((uint32_t)code)->name;
}

const char *error_sentence(enum error code)
{
	return row_of((uint32_t)code)->sentence;
}

int error_exit(enum error code)
{
	return row_of((uint32_t)code)->exit_status;
}

enum remedy error_remedy(enum error code)
{
	return row_of((uint32_t)code)->remedy;
}

enum error error_of_code(uint32_t code)
{
	return row_of(code)->code;
}

enum error error_named(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].code;
	return E_INTERNAL;
}

enum error fault_at(struct fault *fault, enum error code, const char *format, ...)
{
	va_list args;

	if (fault == NULL)
		return code;
	fault->code = code;
	fault->expected = 0;
	va_start(args, format);
	vsnprintf(fault->field, sizeof(fault->field), format, args);
	va_end(args);
	return code;
}

void fault_within(struct fault *fault, const char *format, ...)
{
	char inner[sizeof(fault->field)];
	va_list args;
	size_t used;

	if (fault == NULL)
		return;
	memcpy(inner, fault->field, sizeof(inner));
	va_start(args, format);
	vsnprintf(fault->field, sizeof(fault->field), format, args);
	va_end(args);
	if (inner[0] == '\0')
		return;
	used = strlen(fault->field);
	snprintf(fault->field + used, sizeof(fault->field) - used, "%s%s", inner[0] == '[' ? "" : ".", inner);
}

char *fault_text(const struct fault *fault, char *text, size_t size)
{
	const struct row *row = row_of((uint32_t)fault->code);
	const char *joint = fault->field[0] == '\0' ? "" : ": ";

	snprintf(text, size, "%s%s%s (%s)", fault->field, joint, row->sentence, row->name);
	return text;
}
