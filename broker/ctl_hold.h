/* ctl_hold - what simpulctl approve needs of holds: the file that it writes when a second operator lets one be opened.
 */
#ifndef SIMPUL_CTL_HOLD_H
#define SIMPUL_CTL_HOLD_H

#include "broker/ctl.h"

/* Whether the broker could open this report, which needs a hold in force and a body that is not sealed. E_NOT_FOUND,
 * E_CANNOT_OPEN. */
enum error ctl_hold_openable(const struct ctl *ctl, const struct report_name *report, struct fault *fault);
/* Writes it as a Proof, as `simpul inbox export` does, into a file that is not there yet. E_EXISTS, E_IO. */
enum error ctl_hold_write(const struct ctl *ctl, const struct report_name *report, const char *path,
			  struct fault *fault);

#endif
