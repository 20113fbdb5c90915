/* defaults - reads the words of `defaults` along one table, and checks those that are no enumeration. */
#include "agents/settings/defaults.h"
#include "common/content.h"
#include "common/json.h"
#include "common/limit.h"
#include "common/region.h"

#define TEXT(key) \
	CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct defaults_words, key, 0, LIMIT_TEXT)

const cyaml_schema_field_t defaults_fields[] = {
	TEXT(label),
	TEXT(purpose),
	TEXT(legal_basis),
	TEXT(source_grade),
	TEXT(information_grade),
	TEXT(region),
	TEXT(region_within),
	CYAML_FIELD_UINT("expires_days", CYAML_FLAG_OPTIONAL, struct defaults_words, expires_days),
	CYAML_FIELD_END,
};

static bool is_wrong(struct defaults_wrong *wrong, const char *word, const char *what)
{
	*wrong = (struct defaults_wrong){word, what};
	return false;
}

/* The enumerations; false with `wrong`. */
static bool words_read(const struct defaults_words *words, int values[3], struct defaults_wrong *wrong)
{
	const struct {
		const ProtobufCEnumDescriptor *type;
		const char *word, *what;
	} list[] = {
		{&simpul__label__descriptor, words->label, "label: CLEAR, GREEN, AMBER, AMBER+STRICT or RED"},
		{&simpul__source_grade__descriptor, words->source_grade, "source_grade: A, B, C or X"},
		{&simpul__information_grade__descriptor, words->information_grade, "information_grade: 1, 2, 3 or 4"},
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		values[i] = 0;
		if (list[i].word != NULL && !enum_parse(list[i].type, list[i].word, &values[i]))
			return is_wrong(wrong, list[i].word, list[i].what);
	}
	return true;
}

bool defaults_read(const struct defaults_words *words, struct draft_defaults *defaults, struct defaults_wrong *wrong)
{
	const char *within = words->region_within == NULL ? "" : words->region_within;
	int values[3];

	if (!words_read(words, values, wrong))
		return false;
	if (words->purpose != NULL && !purpose_valid(words->purpose))
		return is_wrong(wrong, words->purpose, "purpose: lower-case letters, digits and '-'");
	if (words->legal_basis != NULL && !law_code_valid(words->legal_basis))
		return is_wrong(wrong, words->legal_basis, "legal_basis: a code such as UU-6-2011-72");
	if (words->region != NULL && !region_exists(words->region))
		return is_wrong(wrong, words->region, "region: there is no such region");
	if (within[0] != '\0' && !region_exists(within))
		return is_wrong(wrong, within, "region_within: there is no such region");
	if (words->expires_days > LIMIT_LIFE_DAYS)
		return is_wrong(wrong, "expires_days", "expires_days: at most 1830");
	*defaults = (struct draft_defaults){.label = (Simpul__Label)values[0],
					    .purpose = words->purpose,
					    .legal_basis = words->legal_basis,
					    .source_grade = (Simpul__SourceGrade)values[1],
					    .information_grade = (Simpul__InformationGrade)values[2],
					    .region = words->region,
					    .region_within = within,
					    .expires_days = words->expires_days};
	return true;
}
