/* policy_diff - what changes for whom between two policies: roles, kinds, categories, regions, labels, protections. */
#include "broker/policy/policy_table.h"

#include "common/json.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

/* One side of the comparison of one node; who is not in a policy has nothing. */
struct side {
	const struct policy *policy;
	const struct policy_node *node;
};

struct diff {
	const char *node;
	struct buffer *out;
	size_t count;
};

static const struct policy_node nothing;

static void change_write(struct diff *diff, bool gains, const char *what, const char *which)
{
	char *line = memory_format("%-32s %s  %s%s\n", diff->node, gains ? "gains" : "loses", what, which);

	buffer_text(diff->out, line);
	free(line);
	diff->count++;
}

/* Writes a list that is not empty; it is given up. */
static void list_write(struct diff *diff, bool gains, const char *what, struct buffer *list)
{
	if (list->size > 0) {
		buffer_u8(list, 0);
		change_write(diff, gains, what, (const char *)list->data);
	}
	buffer_free(list);
}

static void list_add(struct buffer *list, const char *word)
{
	buffer_text(list, list->size > 0 ? ", " : "");
	buffer_text(list, word);
}

/* ---- what one side has and the other has not */

static void categories_more(struct diff *diff, bool gains, const char *what, const struct side *more, uint64_t mask,
			    const struct side *less, uint64_t other)
{
	struct buffer list = {0};

	for (size_t i = 0; i < more->policy->category_count; i++) {
		const int there = policy_category_index(less->policy, more->policy->categories[i]);

		if ((mask >> i & 1) != 0 && (there < 0 || (other >> there & 1) == 0))
			list_add(&list, more->policy->categories[i]);
	}
	list_write(diff, gains, what, &list);
}

static void grants_more(struct diff *diff, bool gains, const struct side *more, const struct side *less)
{
	const struct policy_rights *a = &more->node->rights, *b = &less->node->rights;
	const Simpul__Kind sighting = SIMPUL__KIND__KIND_SIGHTING, alert = SIMPUL__KIND__KIND_ALERT;

	categories_more(diff, gains, "publishing sightings: ", more, a->publish[sighting], less, b->publish[sighting]);
	categories_more(diff, gains, "publishing alerts: ", more, a->publish[alert], less, b->publish[alert]);
	categories_more(diff, gains, "receiving sightings: ", more, a->receive[sighting], less, b->receive[sighting]);
	categories_more(diff, gains, "receiving alerts: ", more, a->receive[alert], less, b->receive[alert]);
	categories_more(diff, gains, "asking: ", more, a->ask, less, b->ask);
	categories_more(diff, gains, "answering: ", more, a->answer, less, b->answer);
}

static bool covered(const struct policy_node *node, const char *region)
{
	for (size_t i = 0; i < node->region_count; i++)
		if (region_covers(node->regions[i], region))
			return true;
	return false;
}

static void regions_more(struct diff *diff, bool gains, const struct policy_node *more, const struct policy_node *less)
{
	struct buffer list = {0};

	for (size_t i = 0; i < more->region_count; i++)
		if (!covered(less, more->regions[i]))
			list_add(&list, more->regions[i]);
	list_write(diff, gains, "regions: ", &list);
}

static void labels_more(struct diff *diff, bool gains, const struct policy_node *more, const struct policy_node *less)
{
	struct buffer list = {0};

	for (int label = (int)less->rights.ceiling + 1; label <= (int)more->rights.ceiling; label++)
		list_add(&list, enum_text(&simpul__label__descriptor, label));
	list_write(diff, gains, "labels: ", &list);
}

static void protection_more(struct diff *diff, bool gains, const struct policy_node *more,
			    const struct policy_node *less)
{
	const unsigned protection = more->rights.protection & ~less->rights.protection;
	struct buffer list = {0};

	if (protection != 0)
		policy_protection_text(protection, &list);
	list_write(diff, gains, "protection: ", &list);
}

/* ---- what all must give */

static void purposes_more(struct diff *diff, bool gains, const struct policy *more, const struct policy *less)
{
	struct buffer list = {0};

	for (size_t i = 0; i < more->purpose_count; i++)
		if (!policy_knows_purpose(less, more->purposes[i]))
			list_add(&list, more->purposes[i]);
	list_write(diff, gains, "purposes: ", &list);
}

static void demand_more(struct diff *diff, bool gains, const char *what, const struct side *more,
			const uint64_t of[POLICY_KINDS], const struct side *less, const uint64_t other[POLICY_KINDS])
{
	for (int kind = SIMPUL__KIND__KIND_SIGHTING; kind < POLICY_KINDS; kind++) {
		char *line = memory_format("%s of %ss: ", what, enum_text(&simpul__kind__descriptor, kind));

		categories_more(diff, gains, line, more, of[kind], less, other[kind]);
		free(line);
	}
}

static void demands_more(struct diff *diff, bool gains, const struct side *more, const struct side *less)
{
	const struct policy_demands *a = &more->policy->demands, *b = &less->policy->demands;

	purposes_more(diff, gains, more->policy, less->policy);
	demand_more(diff, gains, "the demand for a legal basis", more, a->legal_basis, less, b->legal_basis);
	demand_more(diff, gains, "the demand for grades", more, a->grading, less, b->grading);
	for (int p = SIMPUL__PROTECTION__PROTECTION_CHILD; p < POLICY_PROTECTIONS; p++) {
		char *what = memory_format("the demand for the protection %s", enum_text(&simpul__protection__descriptor, p));

		demand_more(diff, gains, what, more, a->protection[p], less, b->protection[p]);
		free(what);
	}
}

/* What has no term of its own (0) is kept as long as `most`. */
static void days_of_differ(struct diff *diff, const char *things, unsigned before, unsigned after, unsigned most)
{
	const unsigned was = before == 0 ? most : before, is = after == 0 ? most : after;
	char *days = memory_format("%u, not %u", is, was), *what = memory_format("the days that %s are kept: ", things);

	if (is != was)
		change_write(diff, is > was, what, days);
	free(what);
	free(days);
}

static void days_differ(struct diff *diff, const struct policy *from, const struct policy *to)
{
	const struct policy_demands *was = &from->demands, *is = &to->demands;

	days_of_differ(diff, "sightings", was->expires_days[SIMPUL__KIND__KIND_SIGHTING],
		       is->expires_days[SIMPUL__KIND__KIND_SIGHTING], LIMIT_LIFE_DAYS);
	days_of_differ(diff, "alerts", was->expires_days[SIMPUL__KIND__KIND_ALERT],
		       is->expires_days[SIMPUL__KIND__KIND_ALERT], LIMIT_LIFE_DAYS);
	days_of_differ(diff, "queries and answers", was->query_days, is->query_days, LIMIT_QUERY_LIFE_DAYS);
}

static size_t all_diff(const struct policy *from, const struct policy *to, struct buffer *out)
{
	const struct side before = {from, &nothing}, after = {to, &nothing};
	struct diff diff = {.node = "(all)", .out = out};

	demands_more(&diff, true, &after, &before);
	demands_more(&diff, false, &before, &after);
	days_differ(&diff, from, to);
	return diff.count;
}

/* ---- nodes */

static void side_more(struct diff *diff, bool gains, const struct side *more, const struct side *less)
{
	if (less->node == &nothing && more->node != &nothing)
		change_write(diff, gains, "its place in the policy", "");
	grants_more(diff, gains, more, less);
	regions_more(diff, gains, more->node, less->node);
	labels_more(diff, gains, more->node, less->node);
	protection_more(diff, gains, more->node, less->node);
}

static struct side side_of(const struct policy *policy, const char *name)
{
	const struct policy_node *node = policy_node_find(policy, name);

	return (struct side){policy, node != NULL ? node : &nothing};
}

static size_t node_diff(const struct policy *from, const struct policy *to, const char *name, struct buffer *out)
{
	const struct side before = side_of(from, name), after = side_of(to, name);
	struct diff diff = {.node = name, .out = out};

	side_more(&diff, true, &after, &before);
	side_more(&diff, false, &before, &after);
	return diff.count;
}

/* Both lists of nodes ascend: merged, each name once. */
size_t policy_diff(const struct policy *from, const struct policy *to, struct buffer *out)
{
	size_t a = 0, b = 0, count = all_diff(from, to, out);

	while (a < from->node_count || b < to->node_count) {
		const char *old = a < from->node_count ? from->nodes[a].name : NULL;
		const char *new = b < to->node_count ? to->nodes[b].name : NULL;
		const int order = old == NULL ? 1 : new == NULL ? -1 : strcmp(old, new);

		count += node_diff(from, to, order <= 0 ? old : new, out);
		a += order <= 0;
		b += order >= 0;
	}
	return count;
}

bool policy_same_rules(const struct policy *a, const struct policy *b)
{
	struct buffer unused = {0};
	const bool same = policy_diff(a, b, &unused) == 0;

	buffer_free(&unused);
	return same;
}
