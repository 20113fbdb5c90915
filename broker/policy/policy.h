/* policy - who may publish and receive what: policy.yaml, checked, and the questions asked of it.
 *
 * Deny by default. A policy is immutable once loaded; a reload makes a new one. Pure but for policy_load. */
#ifndef SIMPUL_POLICY_H
#define SIMPUL_POLICY_H

#include "common/bytes.h"
#include "common/error.h"
#include "common/hash.h"
#include "proto/link.pb-c.h"
#include "proto/report.pb-c.h"

struct policy;

/* What decides an audience. `kind` is the kind of what is spoken about: for UPDATE and CANCEL the header's `about`. To
 * publish a QUERY is granted by `ask`, to receive one by `answer`, whatever its label. */
struct routing_class {
	Simpul__Kind kind;
	char category[33];
	char region[14];
	Simpul__Label label;
	unsigned protection; /* bit 1 << Simpul__Protection */
};

/* Reads, checks against the schema and for sense: agencies and nodes named twice, unknown agencies, regions,
 * categories, labels ... E_CONFIG with "policy.yaml:line: what". The text of the file is kept. */
enum error policy_load(const char *path, struct policy **policy, struct fault *fault);
/* The same, of a file that is still the one that was approved (policy_hash; NULL: any), or E_INVALID. */
enum error policy_load_approved(const char *path, const struct hash *approved, struct policy **policy,
				struct fault *fault);
/* The same from bytes: a version out of the journal. `name` stands in for the file in errors. */
enum error policy_parse(struct bytes text, const char *name, struct policy **policy, struct fault *fault);
void policy_free(struct policy *policy);
struct bytes policy_text(const struct policy *policy);
struct hash policy_hash(const struct policy *policy); /* BLAKE2b-256 of the text */

struct routing_class routing_class_of(const Simpul__Header *header);
bool routing_class_equal(const struct routing_class *a, const struct routing_class *b);

bool policy_knows_node(const struct policy *policy, const char *node);
bool policy_knows_agency(const struct policy *policy, const char *agency);
bool policy_knows_category(const struct policy *policy, const char *category);
bool policy_knows_purpose(const struct policy *policy, const char *purpose);

/* E_OK, E_MAY_NOT_PUBLISH (of a QUERY: E_MAY_NOT_ASK), E_LABEL_ABOVE_CEILING. */
enum error policy_may_publish(const struct policy *policy, const char *node, const struct routing_class *class);
/* Whether a node may receive a class, or why not: for the record of who did not get something. */
enum denial {
	ADMITTED,
	DENIED_NOT_IN_POLICY,
	DENIED_NOT_GRANTED, /* kind and category */
	DENIED_REGION,
	DENIED_LABEL,
	DENIED_PROTECTION,
	/* Of an UPDATE that the policy lets out to whoever has the report: its origin's doing. */
	DENIED_LEFT_OUT,
	DENIED_NO_KEY,
};
enum denial policy_admits(const struct policy *policy, const char *node, const struct routing_class *class);
const char *
denial_text(enum denial denial); /* "no grant for trafficking victims' reports" ... short, for the log and simpulctl */

/* Whether a report rests on what the policy demands of its kind and category. `persons`: what is said is about a person,
 * or is sealed. Nothing is asked of a CANCEL: taking back needs no grounds. Of a QUERY purpose and term are asked, of an
 * ANSWER the term of queries, of what else is an answer nothing. E_PURPOSE_UNKNOWN, E_MISSING (legal_basis,
 * source_grade, information_grade, protection), E_EXPIRES_TOO_LATE; `fault->field` begins with "header.". */
enum error policy_lawful(const struct policy *policy, const Simpul__Header *header, bool persons, struct fault *fault);

/* What a node subscribed to narrows what it receives; an empty list means all. */
bool subscription_wants(const Simpul__Subscription *subscription, const struct routing_class *class);

/* Nodes of the policy in ascending order: index 0 .. count - 1. */
size_t policy_node_count(const struct policy *policy);
const char *policy_node_name(const struct policy *policy, size_t index);
/* Appends what a node may do, for people: `simpulctl policy show NODE`. */
void policy_describe(const struct policy *policy, const char *node, struct buffer *out);

/* Appends the rules that policy_admits (`publish`: policy_may_publish) asks of a node for a class, one a line in their
 * order, up to the one that decides, and the lines of the policy that they stand in: `simpulctl policy explain`. */
void policy_explain(const struct policy *policy, const char *node, const struct routing_class *class, bool publish,
		    struct buffer *out);
/* Appends what each node may do under `to` that it may not under `from` ("gains"), and the other way round ("loses"), one
 * thing a line, and of "(all)" what every report must carry; returns the number of lines. */
size_t policy_diff(const struct policy *from, const struct policy *to, struct buffer *out);
/* Whether that is nothing: if anything differs, it is the text. */
bool policy_same_rules(const struct policy *a, const struct policy *b);

#endif
