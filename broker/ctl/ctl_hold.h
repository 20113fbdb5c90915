/* ctl_hold - what simpulctl approve needs of holds: the file that it writes when a second operator lets one be opened.
 */
#ifndef SIMPUL_CTL_HOLD_H
#define SIMPUL_CTL_HOLD_H

#include "broker/ctl/ctl.h"

/* Whether the broker could open this report, which needs a hold in force and a body that is not sealed. E_NOT_FOUND,
 * E_CANNOT_OPEN. */
enum error ctl_hold_openable(const struct ctl *ctl, const struct report_name *report, struct fault *fault);
/* The report, read before it is recorded that it is opened: what is in the way then costs two operators no second
 * proposal. It is shown to nobody until it is written. Close it. */
struct ctl_opening;
enum error ctl_hold_read(const struct ctl *ctl, const struct report_name *report, struct ctl_opening **opening,
			 struct fault *fault);
/* Writes it as a Proof, as `simpul inbox export` does. E_IO, E_DISK_FULL. */
enum error ctl_hold_write(const struct ctl_opening *opening, const char *path, struct fault *fault);
void ctl_hold_close(struct ctl_opening *opening); /* NULL is allowed */

#endif
