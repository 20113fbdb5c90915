/* rules - who may publish and receive what, as the account of a simulated world knows it: written out as policy.yaml
 * for the broker, and asked by a few lines of code of its own that share nothing with the broker's. */
#ifndef SIMPUL_SIM_RULES_H
#define SIMPUL_SIM_RULES_H

#include "common/bytes.h"
#include "common/error.h"
#include "common/name.h"
#include "proto/link.pb-c.h"
#include "proto/report.pb-c.h"
#include "tests/sim/chance.h"

enum { OFFICES = 6, AGENCIES = 5, KINDS = 2, CATEGORIES = 3, REGIONS = 5, KEYS = 3 };

/* Sets of offices are bits by their index. */
typedef uint32_t offices;

extern const char *const office_names[OFFICES];
extern const char *const category_names[CATEGORIES];
extern const char *const region_codes[REGIONS];

/* What of a report decides its audience; kind 0 is a sighting, 1 an alert. */
struct topic {
	unsigned kind, category, region;
	Simpul__Label label;
	bool child;
};

struct rules {
	struct agency_rules {
		Simpul__Label ceiling;
		bool child;
		bool publish[KINDS][CATEGORIES], receive[KINDS][CATEGORIES];
	} agencies[AGENCIES];
	offices named; /* an office that is not gets and says nothing */
};

/* What an office subscribed to, as bits; none of a sort: all of it. */
struct wish {
	unsigned kinds, categories;
};
bool wish_covers(const struct wish *wish, const struct topic *topic);
/* To and from the message. `out` borrows its lists from `memory`. */
struct wish_memory {
	Simpul__Kind kinds[KINDS];
	char *categories[CATEGORIES];
};
void wish_write(const struct wish *wish, struct wish_memory *memory, Simpul__Subscription *out);
struct wish wish_read(const Simpul__Subscription *subscription);

/* Most is allowed. The first `count` offices take part. */
void rules_draw(struct rules *rules, struct chance *chance, size_t count);
/* Another rule here and there. */
void rules_change(struct rules *rules, struct chance *chance, size_t count);
/* policy.yaml; `version` makes every text another one and stands in its first line. */
void rules_write(const struct rules *rules, uint32_t version, struct buffer *out);
/* The version in the first line of such a text. */
uint32_t rules_version(struct bytes text);

bool rules_admit(const struct rules *rules, size_t office, const struct topic *topic);
enum error rules_publish(const struct rules *rules, size_t office, const struct topic *topic);
/* Its index, OFFICES when there is none. */
size_t office_of(const char *name);

#endif
