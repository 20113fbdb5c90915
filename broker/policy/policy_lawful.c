/* policy_lawful - whether a report rests on the purpose, the legal basis, the grades and the term that the policy asks for. */
#include "broker/policy/policy_table.h"
#include "common/clock.h"
#include "common/content.h"

#include <string.h>

bool policy_knows_purpose(const struct policy *policy, const char *purpose)
{
	for (size_t i = 0; i < policy->purpose_count; i++)
		if (strcmp(policy->purposes[i], purpose) == 0)
			return true;
	return false;
}

/* The order or the law behind it, and how far source and information are to be trusted. */
static enum error grounds_check(const struct policy *policy, const Simpul__Header *header,
				const struct routing_class *class, bool persons, struct fault *fault)
{
	const bool graded = persons && policy_demanded(policy, policy->demands.grading, class);

	if (header->legal_basis == NULL && policy_demanded(policy, policy->demands.legal_basis, class))
		return fault_at(fault, E_MISSING, "header.legal_basis");
	if (graded && header->source_grade == SIMPUL__SOURCE_GRADE__SOURCE_GRADE_UNSPECIFIED)
		return fault_at(fault, E_MISSING, "header.source_grade");
	if (graded && header->information_grade == SIMPUL__INFORMATION_GRADE__INFORMATION_GRADE_UNSPECIFIED)
		return fault_at(fault, E_MISSING, "header.information_grade");
	return E_OK;
}

static enum error marks_check(const struct policy *policy, const struct routing_class *class, struct fault *fault)
{
	for (size_t p = 0; p < POLICY_PROTECTIONS; p++)
		if ((class->protection >> p & 1) == 0 && policy_demanded(policy, policy->demands.protection[p], class))
			return fault_at(fault, E_MISSING, "header.protection");
	return E_OK;
}

/* 0: as long as any report. */
static unsigned days_of(const struct policy *policy, Simpul__Kind kind)
{
	return (int)kind < POLICY_KINDS ? policy->demands.expires_days[kind] : policy->demands.query_days;
}

static enum error term_check(const struct policy *policy, const Simpul__Header *header, Simpul__Kind kind,
			     struct fault *fault)
{
	const unsigned days = days_of(policy, kind);

	return days > 0 && header->expires > header->created_at + days * DAY_MS
		       ? fault_at(fault, E_EXPIRES_TOO_LATE, "header.expires")
		       : E_OK;
}

enum error policy_lawful(const struct policy *policy, const Simpul__Header *header, bool persons, struct fault *fault)
{
	const struct routing_class class = routing_class_of(header);
	enum error error;

	if (header->kind == SIMPUL__KIND__KIND_ANSWER)
		return term_check(policy, header, header->kind, fault);
	if (header->kind == SIMPUL__KIND__KIND_CANCEL || kind_is_bare(header->kind))
		return E_OK;
	if (!policy_knows_purpose(policy, header->purpose))
		return fault_at(fault, E_PURPOSE_UNKNOWN, "header.purpose");
	error = grounds_check(policy, header, &class, persons, fault);
	if (error == E_OK && persons)
		error = marks_check(policy, &class, fault);
	return error == E_OK ? term_check(policy, header, class.kind, fault) : error;
}
