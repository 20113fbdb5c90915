/* content_form - the forms of single fields: patterns of codes, names of reports, what must be given and what must not. */
#include "common/content_form.h"
#include "common/content.h"
#include "common/name.h"
#include <string.h>

/* ------------------------------------------------------------------ patterns */

enum { LOWER = 1, UPPER = 2, DIGIT = 4 };

static bool in_class(char c, unsigned classes, const char *others)
{
	if (c >= 'a' && c <= 'z')
		return (classes & LOWER) != 0;
	if (c >= 'A' && c <= 'Z')
		return (classes & UPPER) != 0;
	if (c >= '0' && c <= '9')
		return (classes & DIGIT) != 0;
	return c != '\0' && strchr(others, c) != NULL;
}

/* 1..most characters out of the classes and `others`. */
static bool matches(const char *text, unsigned classes, const char *others, size_t most)
{
	size_t length = 0;

	while (in_class(text[length], classes, others))
		length++;
	return text[length] == '\0' && length >= 1 && length <= most;
}

bool form_is_category(const char *text)
{
	return matches(text, LOWER | DIGIT, "-", 32);
}

bool purpose_valid(const char *text)
{
	return form_is_category(text); /* both are words of a list that the exchange keeps */
}

bool law_code_valid(const char *text)
{
	return in_class(text[0], UPPER | DIGIT, "") && matches(text, UPPER | DIGIT, ".-", 32);
}

/* Numbers of letters, operations and cases, and pseudonyms: too narrow for a sentence. */
bool form_is_code(const char *text)
{
	return in_class(text[0], UPPER | LOWER | DIGIT, "") && matches(text, UPPER | LOWER | DIGIT, "./-", 64);
}

/* A few plain words. */
bool form_is_reason(const char *text)
{
	return in_class(text[0], UPPER | LOWER | DIGIT, "") && matches(text, UPPER | LOWER | DIGIT, " ./-", 64);
}

bool form_is_sink(const char *text)
{
	return matches(text, LOWER | DIGIT, "._-", 63);
}

/* ICAO 9303 part 3: three letters, or D for Germany. */
bool form_is_state(const char *text)
{
	return strcmp(text, "D") == 0 || (strlen(text) == 3 && matches(text, UPPER, "", 3));
}

bool form_is_document_type(const char *text)
{
	return matches(text, UPPER, "", 2);
}

bool form_is_document_number(const char *text)
{
	return matches(text, UPPER | DIGIT, "<", 20);
}

/* Empty, or of the form that `valid` knows. */
enum error form_optional(const char *text, bool (*valid)(const char *), const char *field, struct fault *fault)
{
	return text[0] == '\0' || valid(text) ? E_OK : fault_at(fault, E_INVALID, "%s", field);
}

enum error form_required(const char *text, bool (*valid)(const char *), const char *field, struct fault *fault)
{
	return text[0] == '\0' ? fault_at(fault, E_MISSING, "%s", field) : form_optional(text, valid, field, fault);
}

/* For enumerations and times, whose 0 means "not given". */
enum error form_given(bool is_given, const char *field, struct fault *fault)
{
	return is_given ? E_OK : fault_at(fault, E_MISSING, "%s", field);
}

/* The opposite: a field that has no place here. */
enum error form_absent(bool is_given, const char *field, struct fault *fault)
{
	return is_given ? fault_at(fault, E_INVALID, "%s", field) : E_OK;
}

enum error form_salt(ProtobufCBinaryData salt, struct fault *fault)
{
	return salt.len == SALT_SIZE ? E_OK : fault_at(fault, salt.len == 0 ? E_MISSING : E_INVALID, "salt");
}

enum error form_name(const Simpul__Name *name, struct fault *fault)
{
	if (!node_name_valid(name->origin))
		return fault_at(fault, E_INVALID, "origin");
	if (name->epoch == 0)
		return fault_at(fault, E_INVALID, "epoch");
	if (name->stream > SIMPUL__STREAM__STREAM_EXERCISE_RED)
		return fault_at(fault, E_UNKNOWN_VALUE, "stream");
	if (name->number == 0)
		return fault_at(fault, E_INVALID, "number");
	return E_OK;
}

/* `field` is what the message calls the place. */
enum error form_basis(const Simpul__LegalBasis *basis, const char *field, struct fault *fault)
{
	enum error error = form_required(basis->code, law_code_valid, "code", fault);

	if (error == E_OK)
		error = form_optional(basis->number, form_is_code, "number", fault);
	if (error != E_OK)
		fault_within(fault, "%s", field);
	return error;
}
