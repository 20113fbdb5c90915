/* content - whether a header and a body say what they must, in themselves: required fields, forms of
 * codes and dates, and that the parts agree. Pure; knows neither policy nor audience.
 *
 * The agent asks before it takes a report, the broker before it accepts one, so that an officer hears
 * of a missing field at once and a foreign client cannot leave one out. */
#ifndef SIMPUL_CONTENT_H
#define SIMPUL_CONTENT_H

#include "common/bytes.h"
#include "common/clock.h"
#include "common/error.h"
#include "proto/report.pb-c.h"

/* Header alone. E_MISSING, E_INVALID, E_UNKNOWN_VALUE, E_STREAM, E_REGION_UNKNOWN, E_EXPIRED,
 * E_EXPIRES_TOO_LATE, E_CLOCK, E_NOT_ORIGIN, E_UNSEALED; `fault->field` begins with "header.". */
enum error header_check(const Simpul__Header *header, wall_ms now, struct fault *fault);
/* A plain body against its header: kind, required fields of persons, dates, codes; a child among the persons needs
 * the protection, and so does a possible victim (TRAFFICKING); nobody is seen after the report was made (E_CLOCK). `fault->field`
 * begins with "body.". */
enum error body_check(const Simpul__Header *header, const Simpul__Body *body, struct fault *fault);

/* The forms of what a person's dates, states and documents say, as far as they are given. E_INVALID, E_MISSING;
 * `fault->field` is a path in the person. */
enum error form_person(const Simpul__Person *person, struct fault *fault);

/* What became of the copy of one sink: its name, the outcome, and with HELD the law and until when. */
enum error sink_purge_check(const Simpul__SinkPurge *sink, struct fault *fault);

/* True when the age of a person in the body is unknown. Unknown age is never broadcast: unless the header carries
 * PROTECTION_CHILD the routing must name recipients, which the caller sees to (body_check knows no routing). */
bool body_age_unknown(const Simpul__Body *body);

/* The one category that a question about what is held of a person has, and how long after it was received the answer is due
 * (UU 27/2022 Pasal 32: 3 x 24 hours). */
#define CATEGORY_SUBJECT_ACCESS "subject-access"
#define SUBJECT_ACCESS_DUE_MS (3 * DAY_MS)

/* Whether a text has the form of a purpose ([a-z0-9-]{1,32}), of a law's code ([A-Z0-9][A-Z0-9.-]{0,31}). */
bool purpose_valid(const char *text);
bool law_code_valid(const char *text);

/* The sighting or the alert that a body states, at first or, in an update, in its place; at most one is not NULL. */
struct stated {
	const Simpul__Sighting *sighting;
	const Simpul__Alert *alert;
};
struct stated body_stated(const Simpul__Body *body);
/* The persons in that, NULL for none; and how many they are. */
Simpul__Person *const *body_persons(const Simpul__Body *body, size_t *count);
size_t body_person_count(const Simpul__Body *body);
/* Whether that says who somebody is, or what leads to it: a plate, a room. */
bool body_identifies(const Simpul__Body *body);

/* The CAP msgType that a kind has: UPDATE, CANCEL and answers (ACK) have their own, everything else is an ALERT. */
Simpul__MsgType msg_type_of(Simpul__Kind kind);
/* The stream that a status and a label belong to. */
Simpul__Stream stream_of(Simpul__Status status, Simpul__Label label);
/* Whether this version has such a kind. */
bool kind_known(Simpul__Kind kind);
/* True for what a recipient of a report says to its origin alone, and the origin to who asked: PURGE_RECEIPT, FLAG,
 * RELEASE_REQUEST, RELEASE, ANSWER. */
bool kind_is_answer(Simpul__Kind kind);
/* True for an answer that refers to a report of the node that it goes to: all but PURGE_RECEIPT, which may be about many. */
bool kind_answers_one(Simpul__Kind kind);
/* True for VOID and answers: no policy is asked about them, and their headers name no category, region or label. */
bool kind_is_bare(Simpul__Kind kind);
/* True for what the broker must never be able to read, whatever its label: QUERY, ANSWER. */
bool kind_is_sealed(Simpul__Kind kind);
/* True for what follows from another report, or is none: alone in its submission. */
bool kind_travels_alone(Simpul__Kind kind);
/* True when the two headers agree in everything that decides an audience: kind, about, category, region, label,
 * protection, status, form. (to and not_to stand in the routing, one for all.) */
bool header_same_class(const Simpul__Header *a, const Simpul__Header *b);

#endif
