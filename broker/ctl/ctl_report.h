/* ctl_report - one report and all copies of it, as JSON, where no broker runs. */
#ifndef SIMPUL_CTL_REPORT_H
#define SIMPUL_CTL_REPORT_H

#include "broker/ctl/ctl.h"

/* As copies_report, by hand. */
enum error ctl_report_json(const struct ctl *ctl, const struct report_name *name, json_t **report, struct fault *fault);

#endif
