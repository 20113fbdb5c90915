/* officer_person - asks for a person, or reads one, and checks each answer as the agent will. */
#include "agents/officer/officer_person.h"
#include "agents/officer/officer_words.h"
#include "common/content.h"
#include "common/json.h"
#include "common/memory.h"
#include "proto/report.pb-c.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_FORM "1974-08-12, 1974-08 or 1974"

/* Whether a key is asked for. */
enum asked { NEVER, MAY_BE, MUST_BE };

/* What officers call the fields of a person. The first three may stand in arguments. What may be told of a person who
 * is sought says content_query.c. */
static const struct person_key {
	const char *word, *key;
	const char *form; /* how it is written, where neither a list of words nor everybody says so */
	enum asked reported, sought;
} person_keys[] = {
	{"capacity", "capacity", NULL, MUST_BE, NEVER},
	{"identity", "identity", NULL, MUST_BE, MUST_BE},
	{"age", "age", NULL, MUST_BE, MAY_BE},
	{"surname", "primary_identifier", NULL, MAY_BE, MAY_BE},
	{"given", "secondary_identifier", NULL, MAY_BE, MAY_BE},
	{"born", "date_of_birth", DAY_FORM, MAY_BE, MAY_BE},
	{"sex", "sex", NULL, MAY_BE, MAY_BE},
	{"nationality", "nationality", "three letters, as in a passport: UTO", MAY_BE, MAY_BE},
	{"document", "documents", "P/UTO/L898902C3, and /2030-01-31 if it ends then", MAY_BE, MAY_BE},
	{"permit", "permit", NULL, MAY_BE, NEVER},
	{"permit-number", "permit_number", NULL, MAY_BE, NEVER},
	{"permit-until", "permit_until_date", DAY_FORM, MAY_BE, NEVER},
	{"telephone", "telephone", NULL, MAY_BE, NEVER},
	{"address", "address", NULL, MAY_BE, NEVER},
	{"sponsor", "sponsor", NULL, MAY_BE, NEVER},
	{"remark", "remark", NULL, MAY_BE, NEVER},
};

enum { PERSON_KEYS = sizeof(person_keys) / sizeof(person_keys[0]), OPEN_KEYS = 3 };

static const ProtobufCEnumDescriptor *words_of(const struct person_key *key)
{
	return enum_at(&simpul__person__descriptor, key->key);
}

/* "one of F, M, X", "three letters ..."; NULL when nothing is to be said. free() it. */
static char *form_text(const struct person_key *key)
{
	struct buffer words = {0};
	char *text;

	if (words_of(key) == NULL)
		return key->form == NULL ? NULL : memory_string(key->form);
	enum_words(words_of(key), &words);
	text = memory_format("one of %.*s", (int)words.size, (const char *)words.data);
	buffer_free(&words);
	return text;
}

void officer_person_help(void)
{
	for (size_t i = 0; i < PERSON_KEYS; i++) {
		if (words_of(&person_keys[i]) != NULL)
			officer_words_help(person_keys[i].word, words_of(&person_keys[i]));
		else if (person_keys[i].form != NULL)
			printf("  %-26s %s\n", person_keys[i].word, person_keys[i].form);
	}
}

/* ------------------------------------------------------------------ one answer */

/* "P/UTO/L898902C3" or "P/UTO/L898902C3/2030-01-31"; NULL when it is not of that form. */
static json_t *document_of(const char *text)
{
	static const char *const keys[] = {"type", "issuing_state", "number", "expiry_date"};
	json_t *document = json_object();
	size_t part = 0;

	for (; part < sizeof(keys) / sizeof(keys[0]); part++) {
		size_t length = strcspn(text, "/");

		if (length == 0)
			break;
		json_object_set_new(document, keys[part], json_stringn(text, length));
		text += length;
		if (*text == '\0') {
			part++;
			break;
		}
		text++;
	}
	if (part >= 3 && *text == '\0')
		return document;
	json_decref(document);
	return NULL;
}

/* What the agent would find wrong with a person of whom no more is known than this. */
static enum error person_check(const json_t *person, struct fault *fault)
{
	const Simpul__Person *message;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	message = json_to_message(&simpul__person__descriptor, person, &arena, fault);
	error = message != NULL ? form_person(message, fault) : fault->code;
	arena_fini(&arena);
	return error;
}

/* Adds a checked answer; documents may be several, everything else is said once. */
static enum error answer_add(json_t *person, const char *key, json_t *answer)
{
	json_t *there = json_object_get(person, key);

	if (there == NULL)
		return json_object_update(person, answer) == 0 ? E_OK : E_NO_MEMORY;
	if (!json_is_array(there))
		return E_EXISTS;
	return json_array_extend(there, json_object_get(answer, key)) == 0 ? E_OK : E_NO_MEMORY;
}

/* E_OK, or what is wrong with the answer. */
static enum error answer_take(json_t *person, const struct person_key *key, const char *value)
{
	const bool document = strcmp(key->key, "documents") == 0;
	json_t *json = document ? document_of(value) : json_string(value), *answer;
	struct fault fault = {0};
	enum error error;

	if (json == NULL)
		return E_INVALID;
	answer = document ? json_pack("{s:[o]}", key->key, json) : json_pack("{s:o}", key->key, json);
	error = person_check(answer, &fault);
	if (error == E_OK)
		error = answer_add(person, key->key, answer);
	json_decref(answer);
	return error;
}

/* ------------------------------------------------------------------ lines */

/* The key that a "key=value" begins with, among the first `keys`; NULL when there is none. */
static const struct person_key *key_of(const char *line, size_t keys)
{
	size_t length = strcspn(line, "=");

	for (size_t i = 0; i < keys && line[length] == '='; i++)
		if (strlen(person_keys[i].word) == length && strncmp(person_keys[i].word, line, length) == 0)
			return &person_keys[i];
	return NULL;
}

static void line_wrong(const struct officer *officer, unsigned number, const struct person_key *key, enum error error)
{
	char *advice = form_text(key);
	struct fault fault;

	fault_at(&fault, error, "line %u of the person: %s", number, key->word);
	officer_fail(officer, &fault, error == E_EXISTS ? "say it once" : advice);
	free(advice);
}

/* False after a message. */
static bool line_take(const struct officer *officer, json_t *person, const char *line, unsigned number)
{
	const struct person_key *key = key_of(line, PERSON_KEYS);
	struct fault fault;
	enum error error;

	if (key == NULL) {
		fault_at(&fault, E_UNKNOWN_FIELD, "line %u of the person", number);
		officer_fail(officer, &fault, "a line is \"key=value\", such as surname=...; --help has the keys");
		return false;
	}
	error = answer_take(person, key, line + strlen(key->word) + 1);
	if (error != E_OK)
		line_wrong(officer, number, key, error);
	return error == E_OK;
}

static json_t *person_read(const struct officer *officer)
{
	json_t *person = json_object();
	unsigned number = 0;
	bool good = true, end = false;
	char *line;

	while (good && !end && (line = officer_line("")) != NULL) {
		end = line[0] == '\0';
		good = end || line_take(officer, person, line, ++number);
		free(line);
	}
	if (good)
		return person;
	json_decref(person);
	return NULL;
}

json_t *officer_person_of_file(const struct officer *officer, const char *path)
{
	json_t *person = json_object();
	struct buffer text = {0};
	struct fault fault = {0};
	char *rest = NULL;
	unsigned number = 0;
	bool good = officer_read(path, &text, &fault) == E_OK;

	if (!good)
		officer_fail(officer, &fault, NULL);
	buffer_u8(&text, 0);
	for (char *line = strtok_r((char *)text.data, "\r\n", &rest); line != NULL && good;
	     line = strtok_r(NULL, "\r\n", &rest))
		good = line_take(officer, person, line, ++number);
	buffer_free(&text);
	if (good)
		return person;
	json_decref(person);
	return NULL;
}

/* ------------------------------------------------------------------ questions */

/* One key, again and again until the answer is good. False at the end of what is typed. */
static bool key_ask(json_t *person, const struct person_key *key, bool needed)
{
	char *form = form_text(key);
	char *prompt = form == NULL ? memory_string(key->word) : memory_format("%s (%s)", key->word, form);
	bool heard = true, done = false;

	while (heard && !done) {
		char *answer = officer_line(prompt);

		heard = answer != NULL;
		if (!heard)
			break;
		if (answer[0] == '\0')
			done = !needed;
		else
			done = answer_take(person, key, answer) == E_OK;
		if (!done)
			fprintf(stderr, "  %s\n",
				answer[0] == '\0' ? "this one is needed" : "that is not of the right form, once more");
		free(answer);
	}
	free(prompt);
	free(form);
	return heard;
}

static json_t *person_ask(enum person_use use)
{
	json_t *person = json_object();

	fprintf(stderr, "A person; Enter leaves a question out.\n");
	for (size_t i = 0; i < PERSON_KEYS; i++) {
		const struct person_key *key = &person_keys[i];
		const enum asked asked = use == PERSON_REPORTED ? key->reported : key->sought;

		if (asked != NEVER && !key_ask(person, key, asked == MUST_BE))
			break;
	}
	return person;
}

json_t *officer_person_asked(const struct officer *officer, enum person_use use)
{
	return isatty(STDIN_FILENO) ? person_ask(use) : person_read(officer);
}

/* ------------------------------------------------------------------ arguments */

/* False after a message. What is no key of these three may be a name, and is not repeated. */
static bool part_take(const struct officer *officer, json_t *person, const char *part)
{
	const struct person_key *key = key_of(part, OPEN_KEYS);
	char *form;

	if (key == NULL) {
		officer_misused(officer, "--person takes capacity, identity and age alone, or - for the rest");
		return false;
	}
	if (answer_take(person, key, part + strlen(key->word) + 1) == E_OK)
		return true;
	form = form_text(key);
	officer_misused(officer, "--person: %s takes %s, once", key->word, form);
	free(form);
	return false;
}

json_t *officer_person_of_argument(const struct officer *officer, const char *spec)
{
	json_t *person = json_object();
	char *copy = memory_string(spec);
	char *rest = NULL;
	bool good = true;

	for (char *part = strtok_r(copy, ",", &rest); part != NULL && good; part = strtok_r(NULL, ",", &rest))
		good = part_take(officer, person, part);
	free(copy);
	if (good && json_object_size(person) == 0)
		good = part_take(officer, person, "");
	if (good)
		return person;
	json_decref(person);
	return NULL;
}
