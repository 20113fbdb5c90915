/* officer_draft - options to JSON along one table, and persons by question and answer. */
#include "agents/officer_draft.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_DAYS = 5 * 366, FIRST_FLAG = 256 };

/* What an option's value becomes. */
enum value {
	VALUE_TEXT,   /* as it is; "-": asked for */
	VALUE_WORD,   /* as it is */
	VALUE_LIST,   /* added to a list */
	VALUE_TIME,
	VALUE_DAYS,   /* from now on */
	VALUE_NUMBER,
	VALUE_PLATE,  /* a vehicle */
	VALUE_PERSON,
};

/* Where it goes: the draft itself, its legal basis, its sighting or alert, or the place in that. */
enum where { IN_DRAFT, IN_BASIS, IN_SIGHTING, IN_ALERT, IN_CONTENT, IN_PLACE };

static const struct flag {
	const char *name, *key;
	enum value value;
	enum where where;
} flags[] = {
	{"category", "category", VALUE_WORD, IN_DRAFT},
	{"region", "region", VALUE_WORD, IN_DRAFT},
	{"label", "label", VALUE_WORD, IN_DRAFT},
	{"purpose", "purpose", VALUE_WORD, IN_DRAFT},
	{"legal-basis", "code", VALUE_WORD, IN_BASIS},
	{"order", "number", VALUE_WORD, IN_BASIS},
	{"source-grade", "source_grade", VALUE_WORD, IN_DRAFT},
	{"information-grade", "information_grade", VALUE_WORD, IN_DRAFT},
	{"protection", "protection", VALUE_LIST, IN_DRAFT},
	{"handling", "handling", VALUE_LIST, IN_DRAFT},
	{"to", "to", VALUE_LIST, IN_DRAFT},
	{"not-to", "not_to", VALUE_LIST, IN_DRAFT},
	{"status", "status", VALUE_WORD, IN_DRAFT},
	{"expires", "expires", VALUE_TIME, IN_DRAFT},
	{"expires-days", "expires", VALUE_DAYS, IN_DRAFT},
	{"operation", "operation", VALUE_WORD, IN_DRAFT},
	{"case-ref", "case_ref", VALUE_WORD, IN_DRAFT},
	{"actor", "actor", VALUE_WORD, IN_DRAFT},
	{"assertion", "assertion", VALUE_WORD, IN_CONTENT},
	{"requested-action", "requested_action", VALUE_WORD, IN_CONTENT},
	{"summary", "summary", VALUE_TEXT, IN_SIGHTING},
	{"first-seen", "first_seen", VALUE_TIME, IN_SIGHTING},
	{"last-seen", "last_seen", VALUE_TIME, IN_SIGHTING},
	{"count", "count", VALUE_NUMBER, IN_SIGHTING},
	{"sighting-of", "sighting_of", VALUE_WORD, IN_SIGHTING},
	{"headline", "headline", VALUE_TEXT, IN_ALERT},
	{"description", "description", VALUE_TEXT, IN_ALERT},
	{"instruction", "instruction", VALUE_TEXT, IN_ALERT},
	{"urgency", "urgency", VALUE_WORD, IN_ALERT},
	{"severity", "severity", VALUE_WORD, IN_ALERT},
	{"certainty", "certainty", VALUE_WORD, IN_ALERT},
	{"response-type", "response_type", VALUE_WORD, IN_ALERT},
	{"place-region", "region", VALUE_WORD, IN_PLACE},
	{"place-name", "name", VALUE_TEXT, IN_PLACE},
	{"address", "address", VALUE_TEXT, IN_PLACE},
	{"plate", "vehicles", VALUE_PLATE, IN_CONTENT},
	{"person", "persons", VALUE_PERSON, IN_CONTENT},
};

enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };

/* ------------------------------------------------------------------ persons */

/* What officers call the fields of a person. The first three may stand in arguments. */
static const struct person_key {
	const char *word, *key;
} person_keys[] = {
	{"capacity", "capacity"},
	{"identity", "identity"},
	{"age", "age"},
	{"surname", "primary_identifier"},
	{"given", "secondary_identifier"},
	{"born", "date_of_birth"},
	{"sex", "sex"},
	{"nationality", "nationality"},
	{"document", "documents"},
	{"permit", "permit"},
	{"permit-number", "permit_number"},
	{"permit-until", "permit_until_date"},
	{"telephone", "telephone"},
	{"address", "address"},
	{"sponsor", "sponsor"},
	{"remark", "remark"},
};

enum { PERSON_KEYS = sizeof(person_keys) / sizeof(person_keys[0]), OPEN_KEYS = 3 };

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

static bool person_put(json_t *person, const char *key, const char *value)
{
	json_t *json, *list;

	if (strcmp(key, "documents") != 0) {
		json = json_string(value);
		return json != NULL && json_object_get(person, key) == NULL &&
		       json_object_set_new(person, key, json) == 0;
	}
	json = document_of(value);
	if (json == NULL)
		return false;
	list = json_object_get(person, key);
	if (list == NULL) {
		list = json_array();
		json_object_set_new(person, key, list);
	}
	return json_array_append_new(list, json) == 0;
}

static bool person_line(json_t *person, const char *line, size_t keys)
{
	size_t length = strcspn(line, "=");

	if (line[length] != '=')
		return false;
	for (size_t i = 0; i < keys; i++)
		if (strlen(person_keys[i].word) == length && strncmp(person_keys[i].word, line, length) == 0)
			return person_put(person, person_keys[i].key, line + length + 1);
	return false;
}

/* One "key=value", any key. False when it is not one. */
static bool person_set(json_t *person, const char *line)
{
	return person_line(person, line, PERSON_KEYS);
}

/* "capacity=seen,identity=claimed,age=adult" as a person of a draft; NULL when a key is not one of these three or is
 * given twice: arguments are visible to every user of the machine. */
static json_t *person_of_argument(const char *spec)
{
	json_t *person = json_object();
	char *copy = memory_string(spec);
	char *rest = NULL;
	bool good = true;

	for (char *part = strtok_r(copy, ",", &rest); part != NULL && good; part = strtok_r(NULL, ",", &rest))
		good = person_line(person, part, OPEN_KEYS);
	free(copy);
	if (good && json_object_size(person) > 0)
		return person;
	json_decref(person);
	return NULL;
}

/* Question by question where a person types. */
static json_t *person_ask(void)
{
	json_t *person = json_object();

	fprintf(stderr, "A person; Enter leaves a question out.\n");
	for (size_t i = 0; i < PERSON_KEYS; i++) {
		char *answer = officer_line(person_keys[i].word);

		if (answer == NULL)
			break;
		if (answer[0] != '\0' && !person_put(person, person_keys[i].key, answer)) {
			fprintf(stderr, "  not of the right form, once more\n");
			i--;
		}
		free(answer);
	}
	return person;
}

/* "key=value" lines up to an empty one; NULL when one is wrong. */
static json_t *person_read(void)
{
	json_t *person = json_object();
	char *line;
	bool good = true;

	while (good && (line = officer_line("")) != NULL) {
		bool end = line[0] == '\0';

		good = end || person_set(person, line);
		free(line);
		if (end)
			break;
	}
	if (good)
		return person;
	json_decref(person);
	return NULL;
}

json_t *officer_person_of_file(const char *path, struct fault *fault)
{
	json_t *person = json_object();
	struct buffer text = {0};
	char *rest = NULL;
	unsigned number = 0;

	if (officer_read(path, &text, fault) != E_OK)
		goto wrong;
	buffer_u8(&text, 0);
	for (char *line = strtok_r((char *)text.data, "\r\n", &rest); line != NULL; line = strtok_r(NULL, "\r\n", &rest)) {
		number++;
		if (!person_set(person, line)) {
			fault_at(fault, E_INVALID, "line %u of the person", number);
			goto wrong;
		}
	}
	buffer_free(&text);
	return person;
wrong:
	buffer_free(&text);
	json_decref(person);
	return NULL;
}

json_t *officer_person_asked(void)
{
	return isatty(STDIN_FILENO) ? person_ask() : person_read();
}

/* ------------------------------------------------------------------ options */

static json_t *member_of(json_t *object, const char *key, json_t *(*make)(void))
{
	json_t *member = json_object_get(object, key);

	if (member == NULL) {
		member = make();
		json_object_set_new(object, key, member);
	}
	return member;
}

/* The object that an option's value goes into; NULL where the option is for the other kind. */
static json_t *target_of(json_t *draft, const char *kind, enum where where)
{
	bool sighting = strcmp(kind, "sighting") == 0;
	json_t *content = json_object_get(draft, kind);

	switch (where) {
	case IN_DRAFT:
		return draft;
	case IN_BASIS:
		return member_of(draft, "legal_basis", json_object);
	case IN_SIGHTING:
		return sighting ? content : NULL;
	case IN_ALERT:
		return sighting ? NULL : content;
	case IN_PLACE:
		return member_of(content, sighting ? "where_sighted" : "area", json_object);
	default:
		return content;
	}
}

static json_t *time_value(const char *text)
{
	char written[TIME_TEXT_SIZE];
	wall_ms time;

	return local_time_take(text, &time) ? json_string(time_text(written, time, 0)) : NULL;
}

static json_t *days_value(const char *text)
{
	char written[TIME_TEXT_SIZE];
	char *end;
	unsigned long days = strtoul(text, &end, 10);

	if (*end != '\0' || days == 0 || days > MOST_DAYS)
		return NULL;
	return json_string(time_text(written, clock_now().wall / 1000 * 1000 + days * 86400000, 0));
}

static json_t *number_value(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	return *end != '\0' || end == text || number > 999999999 ? NULL : json_integer((json_int_t)number);
}

static json_t *text_value(const char *text, const char *name)
{
	char *asked;
	json_t *json;

	if (strcmp(text, "-") != 0)
		return json_string(text);
	asked = officer_line(name);
	json = asked == NULL ? NULL : json_string(asked);
	free(asked);
	return json;
}

static json_t *person_value(const char *text)
{
	if (strcmp(text, "-") != 0)
		return person_of_argument(text);
	return officer_person_asked();
}

/* A new reference; NULL when the text is not of the right form. */
static json_t *value_of(const struct flag *flag, const char *text)
{
	json_t *plate;

	switch (flag->value) {
	case VALUE_TIME:
		return time_value(text);
	case VALUE_DAYS:
		return days_value(text);
	case VALUE_NUMBER:
		return number_value(text);
	case VALUE_TEXT:
		return text_value(text, flag->name);
	case VALUE_PERSON:
		return person_value(text);
	case VALUE_PLATE:
		plate = text_value(text, flag->name);
		return plate == NULL ? NULL : json_pack("{s:o}", "plate", plate);
	default:
		return json_string(text);
	}
}

/* False after a message. */
static bool flag_take(const struct officer *officer, const struct flag *flag, const char *text, const char *kind,
		      json_t *draft)
{
	bool listed = flag->value == VALUE_LIST || flag->value == VALUE_PLATE || flag->value == VALUE_PERSON;
	json_t *target = target_of(draft, kind, flag->where);
	json_t *value;

	if (target == NULL) {
		officer_misused(officer, "--%s is not for a%s %s", flag->name, kind[0] == 'a' ? "n" : "", kind);
		return false;
	}
	value = value_of(flag, text);
	if (value == NULL) {
		officer_misused(officer, flag->value == VALUE_PERSON
						 ? "--%s takes capacity, identity and age alone, or - for the rest"
						 : "the value of --%s does not have the right form",
				flag->name);
		return false;
	}
	if (listed)
		json_array_append_new(member_of(target, flag->key, json_array), value);
	else
		json_object_set_new(target, flag->key, value);
	return true;
}

static void options_make(struct option options[FLAGS + 1])
{
	memset(options, 0, (FLAGS + 1) * sizeof(*options));
	for (int i = 0; i < FLAGS; i++)
		options[i] = (struct option){flags[i].name, required_argument, NULL, FIRST_FLAG + i};
}

json_t *officer_draft(const struct officer *officer, const char *kind, int argc, char **argv, int *status)
{
	struct option options[FLAGS + 1];
	json_t *draft = json_pack("{s:{}}", kind);
	int option;

	*status = EX_USAGE;
	options_make(options);
	while ((option = officer_option(officer, argc, argv, options)) != -1)
		if (option < FIRST_FLAG || !flag_take(officer, &flags[option - FIRST_FLAG], optarg, kind, draft))
			goto wrong;
	if (optind < argc) {
		officer_misused(officer, "everything is said with options");
		goto wrong;
	}
	return draft;
wrong:
	json_decref(draft);
	return NULL;
}
