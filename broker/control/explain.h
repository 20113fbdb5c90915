/* explain - why a node got a report or did not, or would, in words for people. Headers, audiences and policies alone.
 */
#ifndef SIMPUL_EXPLAIN_H
#define SIMPUL_EXPLAIN_H

#include "broker/journal/journal_case.h"
#include "broker/policy/policy.h"
#include "common/bytes.h"

/* Appends lines about a report that was sent, `text` its name. E_INVALID, E_NOT_FOUND. */
enum error explain_report(struct journal_case *c, const char *node, const char *text, struct buffer *out,
			  struct fault *fault);

/* Says what class of reports is meant, in the words of this policy. */
typedef enum error explain_classify(const void *context, const struct policy *policy, struct routing_class *class,
				    struct fault *fault);
/* The same about a report that may be. */
enum error explain_class(struct journal_case *c, const char *node, explain_classify *classify, const void *context,
			 struct buffer *out, struct fault *fault);

#endif
