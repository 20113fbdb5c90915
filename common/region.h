/* region - Kemendagri region codes: 38 provinces, 514 regencies and cities, 7,285 districts.
 *
 * Codes are "16", "16.01", "16.01.14"; villages ("16.01.14.2001") are accepted when their district
 * exists. Source: idn-area-data 4.0.1 (ODbL), see common/regions.csv for the attribution. */
#ifndef SIMPUL_REGION_H
#define SIMPUL_REGION_H

#include <stdbool.h>
#include <stddef.h>

#define REGION_CODE_SIZE 14 /* the longest code and its zero */

struct region {
	const char *code; /* "16.01.14" */
	const char *name; /* "Baturaja Timur" */
};

/* The region with this code, NULL when there is none. A village gives its district. */
const struct region *region_find(const char *code);
bool region_exists(const char *code);
/* True when `inner` is `outer` or lies within it: ("16", "16.01.14"). Both codes, neither checked for existence. */
bool region_covers(const char *outer, const char *inner);
/* True when one covers the other: the two share ground. */
bool region_meets(const char *a, const char *b);

/* Finds a region by name, whatever its case: "Baturaja Timur", "Kab. Ogan Komering Ulu", "Kabupaten
 * Ogan Komering Ulu", "Sumatera Selatan". Prov., Kab., Kota and Kec. (or the whole words) restrict to their kind,
 * except where they belong to the name: the district "Kota Agung". Only regions within `within` (a code, "" for
 * all) count. NULL when there is none, or more than one at the highest level found: `*matches` tells how many. */
const struct region *region_by_name(const char *name, const char *within, size_t *matches);

/* Up to `most` regions whose names a name that finds none may have meant, the likeliest first: equal but for blanks, case and
 * signs, then those that hold it, then those that are most of it; provinces before regencies before districts. Only those within
 * `within`. Returns how many; goes through the whole table. */
size_t region_near(const char *name, const char *within, const struct region *near[], size_t most);

size_t region_count(int level); /* 1 provinces, 2 regencies and cities, 3 districts */

#endif
