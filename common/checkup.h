/* checkup - what a doctor's command finds: one line a check, in plain words with what to do, or JSON for programs.
 *
 * A check is good, deserves a look (warn) or keeps the office from working (fail). Texts name files, nodes and numbers,
 * never a key or a word of a report. Needs a zeroed struct; checkup_end ends it. */
#ifndef SIMPUL_CHECKUP_H
#define SIMPUL_CHECKUP_H

#include "common/clock.h"
#include "common/error.h"
#include <jansson.h>
#include <stdbool.h>

enum checkup_result { CHECKUP_OK, CHECKUP_WARN, CHECKUP_FAIL };

struct checkup {
	bool json; /* gathers and prints at the end; otherwise each line is printed at once */
	size_t warned, failed;
	json_t *list;
};

/* A finding about `subject` ("keys"); `advice` (may be NULL) says what to do. What a terminal may
 * not be shown (safe_text.h) is "?". */
void checkup_note(struct checkup *checkup, enum checkup_result result, const char *subject, const char *advice,
		  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same for an error: its place and its sentence, fail. */
void checkup_fault(struct checkup *checkup, const char *subject, const struct fault *fault, const char *advice);
/* Closes with a line that counts, or prints {"good", "warnings", "failures", "checks": [{"check", "result", "what",
 * "advice"}]}. The exit status: 0, or 1 when something failed. */
int checkup_end(struct checkup *checkup);

/* ---- checks that offices and operators share */

/* The free space where `path` lies: fail below `least` bytes, warn below `ample`. `consequence` is what happens then.
 */
void checkup_disk(struct checkup *checkup, const char *path, uint64_t least, uint64_t ample, const char *consequence);
/* Whether a time service keeps this machine's clock. */
void checkup_clock(struct checkup *checkup);
/* A key that ends (`expires` is not 0) is named EXPIRY_NOTICE_DAYS before, and fails from EXPIRY_ALARM_DAYS before on. One
 * that does not should be replaced after CHECKUP_KEY_DAYS; it is said CHECKUP_KEY_NOTICE_DAYS before. True when
 * something was said. */
#define CHECKUP_KEY_DAYS 730
#define CHECKUP_KEY_NOTICE_DAYS 42
bool checkup_key(struct checkup *checkup, const char *subject, const char *node, wall_ms made, wall_ms expires,
		 const char *advice);

#endif
