/* promise - when something was begun and acknowledged, in operations of a disk's recording. */
#ifndef SIMPUL_TEST_PROMISE_H
#define SIMPUL_TEST_PROMISE_H

#include "common/error.h"
#include "tests/support/disk.h"

struct promise {
	uint64_t begun, at;
	bool acknowledged;
};

static inline struct promise promise_begin(const struct disk *disk)
{
	return (struct promise){.begun = disk != NULL ? disk_recorded(disk) : 0};
}

static inline void promise_end(struct promise *promise, const struct disk *disk, enum error error)
{
	promise->at = disk != NULL ? disk_recorded(disk) : 0;
	promise->acknowledged = error == E_OK;
}

/* After `at` operations. */
static inline bool promise_must_be(const struct promise *promise, uint64_t at)
{
	return promise->acknowledged && promise->at <= at;
}

static inline bool promise_may_be(const struct promise *promise, uint64_t at)
{
	return promise->begun < at;
}

#endif
