/* ctl_doctor - what the files of `simpulctl doctor` share: the broker as far as it could be read.
 *
 *   ctl_doctor.c         the command; configuration, keys, journal, disk, policy
 *   ctl_doctor_live.c    the running broker, its ports, its members
 *
 * It only looks: it takes no lock, makes no connection to the offices' ports and changes no file. */
#ifndef SIMPUL_CTL_DOCTOR_H
#define SIMPUL_CTL_DOCTOR_H

#include "broker/ctl/ctl.h"
#include "common/checkup.h"

struct ctl_doctor {
	const struct ctl *ctl;
	struct checkup checkup;
	struct broker_settings settings;
	struct broker_identity identity;
	uint64_t silent_days;
	json_t *status; /* what the broker says; NULL: it does not run, or does not say it to this user */
	bool shut_out;	/* from the broker's socket */
	unsigned closed; /* files that an auditor may not read, and need not */
};

/* ---- ctl_doctor_live.c */
/* Asks the broker; fills in `status`. */
void doctor_broker(struct ctl_doctor *doctor);
void doctor_ports(struct ctl_doctor *doctor);
void doctor_members(struct ctl_doctor *doctor);

#endif
