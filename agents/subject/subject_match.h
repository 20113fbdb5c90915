/* subject_match - whether what a report says of a person may be about the one who asks. Pure.
 *
 * Three rules, of which one is enough; whatever they find is a proposal that a person confirms.
 *
 *   document   a number and the state that issued it are the same in both. Of a number count letters (in any case) and
 *              digits; D and DEU are one state.
 *   name       the parts of the name are the same in any order, and the dates of birth agree as far as both are given
 *              (a year alone agrees with any day in it); both must have one. Where one has more parts than the other,
 *              all parts of the shorter one, two at least, must be in the longer one.
 *   likeness   the weakest: the number of a document is the same and one of the two has no state; or the names are the
 *              same once they are written without blanks, family name first or last, and the dates of birth agree
 *
 * Of a part count letters. Case, apostrophes, dots and marks on letters do not; what else is no letter parts the parts.
 * The two ways in which passports write a letter are one (ICAO 9303-3: MUELLER and MULLER for Müller), so AE, AA, OE,
 * UE, SS and TH count as A, A, O, U, S and T everywhere. Letters of other scripts than the Latin stay as they are. */
#ifndef SIMPUL_SUBJECT_MATCH_H
#define SIMPUL_SUBJECT_MATCH_H

#include "common/bytes.h"
#include "proto/report.pb-c.h"

enum subject_match { SUBJECT_OTHER, SUBJECT_BY_LIKENESS, SUBJECT_BY_NAME, SUBJECT_BY_DOCUMENT };

enum subject_match subject_match(const Simpul__Person *subject, const Simpul__Person *person);

#endif
