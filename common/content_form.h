/* content_form - what the files that check headers and bodies share: the forms of single fields; private to content*.c
 * and hold.c.
 *
 * Each returns E_OK or fills in the fault at `field`, as the message calls the place. */
#ifndef SIMPUL_CONTENT_FORM_H
#define SIMPUL_CONTENT_FORM_H

#include "common/error.h"
#include "proto/report.pb-c.h"
#include <stdbool.h>

/* PROTOCOL.md, "Fields with a form". */
bool form_is_category(const char *text);
bool form_is_code(const char *text); /* of letters, operations, cases */
bool form_is_reason(const char *text); /* of a hold */
bool form_is_sink(const char *text);
bool form_is_state(const char *text);
bool form_is_document_type(const char *text);
bool form_is_document_number(const char *text);

/* E_INVALID unless the text is empty or has the form that `valid` knows; required: E_MISSING when it is empty. */
enum error form_optional(const char *text, bool (*valid)(const char *), const char *field, struct fault *fault);
enum error form_required(const char *text, bool (*valid)(const char *), const char *field, struct fault *fault);
/* For enumerations, times and messages: E_MISSING unless it is given; E_INVALID where it has no place. */
enum error form_given(bool is_given, const char *field, struct fault *fault);
enum error form_absent(bool is_given, const char *field, struct fault *fault);
enum error form_salt(ProtobufCBinaryData salt, struct fault *fault);
enum error form_name(const Simpul__Name *name, struct fault *fault);
enum error form_persons(Simpul__Person *const *persons, size_t count, struct fault *fault); /* whole ones */
/* What a question and its reply must say. */
enum error query_check(const Simpul__Header *header, const Simpul__Query *query, struct fault *fault);
enum error reply_check(const Simpul__Header *header, const Simpul__Answer *answer, struct fault *fault);
enum error form_basis(const Simpul__LegalBasis *basis, const char *field, struct fault *fault);

#endif
