/* hold - what may stand in an order by which a body is kept beyond its time, at the broker and at an office.
 *
 * Codes and few words, as of a legal basis: too narrow for what is said of a person. */
#ifndef SIMPUL_HOLD_H
#define SIMPUL_HOLD_H

#include "common/clock.h"
#include "common/error.h"

/* So long before the end of a hold people are told every day; by when they have a new order, or let it end. */
#define HOLD_NOTICE_DAYS 30
#define HOLD_ALARM_DAYS 7

/* `authority` as the code of a law, `order` as a number of letters. E_MISSING, E_INVALID at "authority", "order". */
enum error hold_order_check(const char *authority, const char *order, struct fault *fault);
/* E_MISSING, E_INVALID at "reason". */
enum error hold_reason_check(const char *reason, struct fault *fault);
/* Later than now, and not later than LIMIT_HOLD_DAYS after it. E_INVALID, E_EXPIRES_TOO_LATE at "until". */
enum error hold_until_check(wall_ms until, wall_ms now, struct fault *fault);
/* The same for who reads the order later, and knows when it was signed: it was taken within a day of that. E_CLOCK at
 * "signed_at", E_EXPIRES_TOO_LATE at "until". */
enum error hold_signed_check(wall_ms until, wall_ms signed_at, struct fault *fault);

#endif
