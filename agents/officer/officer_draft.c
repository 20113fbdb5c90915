/* officer_draft - options to JSON along one table. */
#include "agents/officer/officer_draft.h"
#include "agents/officer/officer_person.h"
#include "agents/officer/officer_words.h"
#include "common/json.h"
#include "proto/report.pb-c.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	case VALUE_PLATE:
		plate = text_value(text, flag->name);
		return plate == NULL ? NULL : json_pack("{s:o}", "plate", plate);
	default:
		return json_string(text);
	}
}

/* The list that an option's value must be from; NULL when there is none. */
static const ProtobufCEnumDescriptor *words_of(const struct flag *flag, const char *kind)
{
	const bool sighting = strcmp(kind, "sighting") == 0;

	switch (flag->where) {
	case IN_DRAFT:
		return enum_at(&simpul__draft__descriptor, flag->key);
	case IN_SIGHTING:
		return enum_at(&simpul__sighting__descriptor, flag->key);
	case IN_ALERT:
		return enum_at(&simpul__alert__descriptor, flag->key);
	case IN_CONTENT:
		return enum_at(sighting ? &simpul__sighting__descriptor : &simpul__alert__descriptor, flag->key);
	default:
		return NULL;
	}
}

/* False after a message. */
static bool word_check(const struct officer *officer, const struct flag *flag, const char *text, const char *kind)
{
	const ProtobufCEnumDescriptor *type = words_of(flag, kind);
	struct buffer words = {0};
	int value;

	if (type == NULL || enum_parse(type, text, &value))
		return true;
	enum_words(type, &words);
	officer_misused(officer, "--%s takes one of %.*s", flag->name, (int)words.size, (const char *)words.data);
	buffer_free(&words);
	return false;
}

/* What an option says, NULL after a message. */
static json_t *value_take(const struct officer *officer, const struct flag *flag, const char *text)
{
	json_t *value;

	if (flag->value == VALUE_PERSON)
		return strcmp(text, "-") == 0 ? officer_person_asked(officer, PERSON_REPORTED)
					      : officer_person_of_argument(officer, text);
	value = value_of(flag, text);
	if (value == NULL)
		officer_misused(officer, "the value of --%s does not have the right form", flag->name);
	return value;
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
	value = word_check(officer, flag, text, kind) ? value_take(officer, flag, text) : NULL;
	if (value == NULL)
		return false;
	if (listed)
		json_array_append_new(member_of(target, flag->key, json_array), value);
	else
		json_object_set_new(target, flag->key, value);
	return true;
}

static void options_make(struct option options[FLAGS + 2])
{
	memset(options, 0, (FLAGS + 2) * sizeof(*options));
	for (int i = 0; i < FLAGS; i++)
		options[i] = (struct option){flags[i].name, required_argument, NULL, FIRST_FLAG + i};
	options[FLAGS] = (struct option)WAIT_OPTION;
}

static bool is_asked(const struct flag *flag, const char *text)
{
	return (flag->value == VALUE_TEXT || flag->value == VALUE_PLATE || flag->value == VALUE_PERSON) &&
	       strcmp(text, "-") == 0;
}

/* Takes the options, those that are to be asked for only where `ask` is true. False after a message. */
static bool options_take(const struct officer *officer, const char *kind, int argc, char **argv, bool ask,
			 struct officer_wait *wait, json_t *draft)
{
	struct option options[FLAGS + 2];
	int option;

	options_make(options);
	officer_options_begin();
	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'w' && officer_wait_take(officer, optarg, wait))
			continue;
		if (option < FIRST_FLAG)
			return false;
		if (!ask && is_asked(&flags[option - FIRST_FLAG], optarg))
			continue;
		if (!flag_take(officer, &flags[option - FIRST_FLAG], optarg, kind, draft))
			return false;
	}
	if (optind < argc)
		officer_misused(officer, "everything is said with options");
	return optind >= argc;
}

json_t *officer_draft(const struct officer *officer, const char *kind, int argc, char **argv,
		      struct officer_wait *wait, int *status)
{
	json_t *trial = json_pack("{s:{}}", kind), *draft = json_pack("{s:{}}", kind);

	*status = EX_USAGE;
	/* Nobody answers questions only to hear that an option is wrong. */
	if (!options_take(officer, kind, argc, argv, false, wait, trial) ||
	    !options_take(officer, kind, argc, argv, true, wait, draft)) {
		json_decref(draft);
		draft = NULL;
	}
	json_decref(trial);
	return draft;
}

void officer_draft_help(void)
{
	puts("\nwords that options take, in capitals or not:");
	for (int i = 0; i < FLAGS; i++) {
		const ProtobufCEnumDescriptor *type = words_of(&flags[i], "alert");
		char name[32];

		snprintf(name, sizeof(name), "--%s", flags[i].name);
		if (type != NULL)
			officer_words_help(name, type);
	}
	puts("and the answers about a person:");
	officer_person_help();
}
