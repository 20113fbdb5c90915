/* rules - draws rules, writes them as policy.yaml and answers by them. */
#include "tests/sim/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const office_names[OFFICES] = {"police.oku", "army.oku",	     "immigration.muara-enim",
					   "health.oku", "police.oku-timur", "district.baturaja-timur"};
const char *const category_names[CATEGORIES] = {"wanted", "missing", "lodging"};
const char *const region_codes[REGIONS] = {"16", "16.01", "16.01.14", "16.08", "16.09"};

static const char *const agency_names[AGENCIES] = {"police", "army", "immigration", "health", "district"};
static const size_t agency_of[OFFICES] = {0, 1, 2, 3, 0, 4};
/* Index of the region that each office is for. */
static const size_t region_of[OFFICES] = {1, 1, 0, 3, 3, 2};
static const char *const kind_names[KINDS] = {"sighting", "alert"};

static const struct {
	Simpul__Label label;
	const char *name;
} labels[] = {{SIMPUL__LABEL__LABEL_GREEN, "GREEN"},
	      {SIMPUL__LABEL__LABEL_AMBER, "AMBER"},
	      {SIMPUL__LABEL__LABEL_AMBER_STRICT, "AMBER+STRICT"},
	      {SIMPUL__LABEL__LABEL_RED, "RED"}};
enum { LABELS = sizeof labels / sizeof labels[0] };

/* ---- drawing */

static void agency_draw(struct agency_rules *agency, struct chance *chance)
{
	agency->ceiling = labels[chance_one_in(chance, 4) ? chance_below(chance, LABELS) : LABELS - 1].label;
	agency->child = chance_one_in(chance, 2);
	for (size_t i = 0; i < KINDS * CATEGORIES; i++) {
		agency->publish[i % KINDS][i / KINDS] = !chance_one_in(chance, 24);
		agency->receive[i % KINDS][i / KINDS] = !chance_one_in(chance, 5);
	}
}

void rules_draw(struct rules *rules, struct chance *chance, size_t count)
{
	rules->named = (1u << count) - 1;
	for (size_t i = 0; i < AGENCIES; i++)
		agency_draw(&rules->agencies[i], chance);
}

void rules_change(struct rules *rules, struct chance *chance, size_t count)
{
	rules->named = (1u << count) - 1;
	if (chance_one_in(chance, 4))
		rules->named &= ~(1u << chance_below(chance, count));
	for (uint64_t left = chance_between(chance, 1, 2); left > 0; left--)
		agency_draw(&rules->agencies[chance_below(chance, AGENCIES)], chance);
}

/* ---- writing */

static const char *label_name(Simpul__Label label)
{
	for (size_t i = 0; i < LABELS; i++)
		if (labels[i].label == label)
			return labels[i].name;
	abort();
}

static void grants_write(struct buffer *out, const char *what, const bool grants[KINDS][CATEGORIES])
{
	char line[160];
	bool any = false;

	for (size_t kind = 0; kind < KINDS; kind++) {
		for (size_t category = 0; category < CATEGORIES; category++) {
			if (!grants[kind][category])
				continue;
			snprintf(line, sizeof line, "    %s:\n", what);
			buffer_text(out, any ? "" : line);
			snprintf(line, sizeof line, "      - {kinds: [%s], categories: [%s]}\n", kind_names[kind],
				 category_names[category]);
			buffer_text(out, line);
			any = true;
		}
	}
}

void rules_write(const struct rules *rules, uint32_t version, struct buffer *out)
{
	char line[160];

	snprintf(line, sizeof line, "# %u\npurposes: [immigration-oversight]\ncategories: [%s, %s, %s]\nagencies:\n", version,
		 category_names[0], category_names[1], category_names[2]);
	buffer_text(out, line);
	for (size_t i = 0; i < AGENCIES; i++) {
		const struct agency_rules *agency = &rules->agencies[i];

		snprintf(line, sizeof line, "  - agency: %s\n    ceiling: %s\n%s", agency_names[i],
			 label_name(agency->ceiling), agency->child ? "    protection: [child]\n" : "");
		buffer_text(out, line);
		grants_write(out, "publish", agency->publish);
		grants_write(out, "receive", agency->receive);
	}
	buffer_text(out, "nodes:\n");
	for (size_t i = 0; i < OFFICES; i++) {
		snprintf(line, sizeof line, "  - {node: %s, regions: ['%s']}\n", office_names[i],
			 region_codes[region_of[i]]);
		if (rules->named >> i & 1)
			buffer_text(out, line);
	}
}

uint32_t rules_version(struct bytes text)
{
	char digits[12] = "";

	if (text.size < sizeof digits || text.data[0] != '#')
		return 0;
	memcpy(digits, text.data + 2, sizeof digits - 1);
	return (uint32_t)strtoul(digits, NULL, 10);
}

/* ---- answering */

/* One lies within the other when its code begins with the other's. */
static bool share_ground(const char *a, const char *b)
{
	const size_t shorter = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return strncmp(a, b, shorter) == 0;
}

bool rules_admit(const struct rules *rules, size_t office, const struct topic *topic)
{
	const struct agency_rules *agency = &rules->agencies[agency_of[office]];

	return (rules->named >> office & 1) && agency->receive[topic->kind][topic->category] &&
	       share_ground(region_codes[region_of[office]], region_codes[topic->region]) &&
	       topic->label <= agency->ceiling && (!topic->child || agency->child);
}

enum error rules_publish(const struct rules *rules, size_t office, const struct topic *topic)
{
	const struct agency_rules *agency = &rules->agencies[agency_of[office]];

	if (!(rules->named >> office & 1) || !agency->publish[topic->kind][topic->category])
		return E_MAY_NOT_PUBLISH;
	return topic->label <= agency->ceiling ? E_OK : E_LABEL_ABOVE_CEILING;
}

size_t office_of(const char *name)
{
	size_t office = 0;

	while (office < OFFICES && strcmp(office_names[office], name) != 0)
		office++;
	return office;
}

/* ---- subscriptions */

static bool bit(unsigned set, unsigned index)
{
	return set >> index & 1;
}

bool wish_covers(const struct wish *wish, const struct topic *topic)
{
	return (wish->kinds == 0 || bit(wish->kinds, topic->kind)) &&
	       (wish->categories == 0 || bit(wish->categories, topic->category));
}

/* Lists ascend: kinds do as they are numbered, categories the other way round. */
void wish_write(const struct wish *wish, struct wish_memory *memory, Simpul__Subscription *out)
{
	simpul__subscription__init(out);
	out->kinds = memory->kinds;
	out->categories = memory->categories;
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (bit(wish->kinds, kind))
			out->kinds[out->n_kinds++] = (Simpul__Kind)(SIMPUL__KIND__KIND_SIGHTING + kind);
	for (unsigned category = CATEGORIES; category-- > 0;)
		if (bit(wish->categories, category))
			out->categories[out->n_categories++] = (char *)(uintptr_t)category_names[category];
}

struct wish wish_read(const Simpul__Subscription *subscription)
{
	struct wish wish = {0};

	for (size_t i = 0; subscription && i < subscription->n_kinds; i++)
		wish.kinds |= 1u << (subscription->kinds[i] - SIMPUL__KIND__KIND_SIGHTING);
	for (size_t i = 0; subscription && i < subscription->n_categories; i++)
		for (unsigned category = 0; category < CATEGORIES; category++)
			if (strcmp(subscription->categories[i], category_names[category]) == 0)
				wish.categories |= 1u << category;
	return wish;
}
