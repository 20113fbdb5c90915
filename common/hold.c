/* hold - the forms of an order by which a body is kept. */
#include "common/hold.h"

#include "common/content.h"
#include "common/content_form.h"
#include "common/limit.h"

enum error hold_order_check(const char *authority, const char *order, struct fault *fault)
{
	const enum error error = form_required(authority, law_code_valid, "authority", fault);

	return error == E_OK ? form_required(order, form_is_code, "order", fault) : error;
}

enum error hold_reason_check(const char *reason, struct fault *fault)
{
	return form_required(reason, form_is_reason, "reason", fault);
}

enum error hold_until_check(wall_ms until, wall_ms now, struct fault *fault)
{
	if (until <= now)
		return fault_at(fault, E_INVALID, "until");
	return until - now <= LIMIT_HOLD_DAYS * DAY_MS ? E_OK : fault_at(fault, E_EXPIRES_TOO_LATE, "until");
}

enum error hold_signed_check(wall_ms until, wall_ms signed_at, struct fault *fault)
{
	if (until + DAY_MS <= signed_at)
		return fault_at(fault, E_CLOCK, "signed_at");
	return until <= signed_at + (LIMIT_HOLD_DAYS + 1) * DAY_MS ? E_OK
								   : fault_at(fault, E_EXPIRES_TOO_LATE, "until");
}
