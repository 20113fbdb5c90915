/* defaults - the mapping `defaults` of agent.yaml and of a profile: what is filled in where a draft is silent.
 *
 *   defaults: {label: AMBER, purpose: law-enforcement, legal_basis: UU-6-2011-72, source_grade: B, information_grade: "2",
 *              region: "16.01", region_within: "16", expires_days: 90} */
#ifndef SIMPUL_DEFAULTS_H
#define SIMPUL_DEFAULTS_H

#include "agents/reports/draft.h"
#include <cyaml/cyaml.h>

/* As libcyaml reads it; what is not given is NULL or 0. */
struct defaults_words {
	char *label, *purpose, *legal_basis, *source_grade, *information_grade, *region, *region_within;
	uint32_t expires_days;
};
extern const cyaml_schema_field_t defaults_fields[];

/* What is wrong: the word to look for in the file, and a sentence. */
struct defaults_wrong {
	const char *word, *what;
};

/* False with `wrong`. The texts of `defaults` are those of `words`. */
bool defaults_read(const struct defaults_words *words, struct draft_defaults *defaults, struct defaults_wrong *wrong);

#endif
