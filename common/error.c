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

/* How much of the path that a text begins with may go: all but the name of the file. */
static size_t folders_of(const char *text)
{
	size_t folders = strcspn(text, ":");

	while (folders > 0 && text[folders - 1] != '/')
		folders--;
	return folders > 0 ? folders - 1 : 0;
}

/* Of what is too long the folders go first, from the left; then the end. */
static void field_write(struct fault *fault, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void field_write(struct fault *fault, const char *format, va_list args)
{
	static const char cut[] = "...";
	const size_t room = sizeof(fault->field) - 1;
	char text[1024];
	const char *rest = text;
	size_t size, used = 0;

	vsnprintf(text, sizeof(text), format, args);
	size = strlen(text);
	if (size > room && folders_of(text) > strlen(cut)) {
		const size_t excess = size - room + strlen(cut), folders = folders_of(text);

		rest += excess < folders ? excess : folders;
		while (((unsigned char)*rest & 0xc0) == 0x80) /* within a character */
			rest++;
		used = strlen(cut);
		memcpy(fault->field, cut, used);
	}
	size = strnlen(rest, room - used);
	memcpy(fault->field + used, rest, size);
	fault->field[used + size] = '\0';
}

static void fault_fill(struct fault *fault, enum error code, bool whole, const char *format, va_list args)
	__attribute__((format(printf, 4, 0)));
static void fault_fill(struct fault *fault, enum error code, bool whole, const char *format, va_list args)
{
	fault->code = code;
	fault->expected = 0;
	fault->whole = whole;
	field_write(fault, format, args);
}

enum error fault_at(struct fault *fault, enum error code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (fault != NULL)
		fault_fill(fault, code, false, format, args);
	va_end(args);
	return code;
}

enum error fault_say(struct fault *fault, enum error code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (fault != NULL)
		fault_fill(fault, code, true, format, args);
	va_end(args);
	return code;
}

enum error fault_pass(struct fault *fault, const struct fault *inner)
{
	if (fault != NULL)
		*fault = *inner;
	return inner->code;
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
	const bool given = fault->field[0] != '\0', whole = given && (fault->whole || fault->code == E_CONFIG);

	snprintf(text, size, "%s%s%s (%s)", fault->field, given && !whole ? ": " : "", whole ? "" : row->sentence, row->name);
	return text;
}
