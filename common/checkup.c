/* checkup - prints what was found, counts it, and makes the checks that offices and operators share. */
#include "common/checkup.h"

#include "common/member.h"
#include "common/memory.h"
#include "common/safe_text.h"
#include "common/user.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#define MIB (1024u * 1024u)

/* ------------------------------------------------------------------ findings */

static const char *const words[] = {[CHECKUP_OK] = "ok", [CHECKUP_WARN] = "warn", [CHECKUP_FAIL] = "FAIL"};

static void line_print(enum checkup_result result, const char *subject, const char *what, const char *advice)
{
	printf("%-4s  %-9s %s%s%s\n", words[result], subject, what, advice == NULL ? "" : "; ",
	       advice == NULL ? "" : advice);
	fflush(stdout);
}

void checkup_note(struct checkup *checkup, enum checkup_result result, const char *subject, const char *advice,
		  const char *format, ...)
{
	static const char *const results[] = {[CHECKUP_OK] = "ok", [CHECKUP_WARN] = "warn", [CHECKUP_FAIL] = "fail"};
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	safe_text_clean(what); /* a place may come out of a file that somebody else wrote */
	checkup->warned += result == CHECKUP_WARN;
	checkup->failed += result == CHECKUP_FAIL;
	if (!checkup->json) {
		line_print(result, subject, what, advice);
		return;
	}
	if (checkup->list == NULL)
		checkup->list = json_array();
	json_array_append_new(checkup->list, json_pack("{s:s, s:s, s:s*, s:s*}", "check", subject, "result",
						       results[result], "what", what, "advice", advice));
}

void checkup_fault(struct checkup *checkup, const char *subject, const struct fault *fault, const char *advice)
{
	const bool says_all = ((fault->code == E_CONFIG || fault->whole) && fault->field[0] != '\0') ||
			      (fault->code == E_IO && strstr(fault->field, ": ") != NULL);
	const char *separator = fault->field[0] == '\0' ? "" : ": ";

	/* Nothing is told of what stands there: nothing is to be put back or asked for. */
	if (fault->code == E_PERMISSION)
		advice = PERMISSION_ADVICE;
	checkup_note(checkup, CHECKUP_FAIL, subject, advice, "%s%s%s", fault->field, says_all ? "" : separator,
		     says_all ? "" : error_sentence(fault->code));
}

int checkup_end(struct checkup *checkup)
{
	const bool good = checkup->failed == 0;

	if (checkup->json) {
		json_t *sum = json_pack("{s:b, s:I, s:I, s:o}", "good", good, "warnings", (json_int_t)checkup->warned,
					"failures", (json_int_t)checkup->failed, "checks",
					checkup->list != NULL ? checkup->list : json_array());

		json_dumpf(sum, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(sum);
	} else if (checkup->failed + checkup->warned == 0) {
		puts("everything is well");
	} else {
		printf("%zu failed, %zu to look at\n", checkup->failed, checkup->warned);
	}
	return good ? 0 : 1;
}

/* ------------------------------------------------------------------ shared checks */

void checkup_disk(struct checkup *checkup, const char *path, uint64_t least, uint64_t ample, const char *consequence)
{
	struct statvfs disk;
	enum checkup_result result = CHECKUP_OK;
	uint64_t left;

	if (statvfs(path, &disk) != 0) {
		checkup_note(checkup, CHECKUP_FAIL, "disk",
			     errno == EACCES ? PERMISSION_ADVICE : "see that its disk is mounted", "%s: %s", path,
			     strerror(errno));
		return;
	}
	left = (uint64_t)disk.f_bavail * disk.f_frsize;
	if (left < ample)
		result = left < least ? CHECKUP_FAIL : CHECKUP_WARN;
	checkup_note(checkup, result, "disk", result == CHECKUP_OK ? NULL : consequence, "%s%" PRIu64 " MiB free at %s",
		     result == CHECKUP_FAIL   ? "full: "
		     : result == CHECKUP_WARN ? "almost full: "
					      : "",
		     left / MIB, path);
}

void checkup_clock(struct checkup *checkup)
{
	struct timex time = {.modes = 0};

	if (adjtimex(&time) < 0)
		checkup_note(checkup, CHECKUP_WARN, "clock", "see timedatectl", "the system does not say who keeps it");
	else if (time.status & STA_UNSYNC)
		checkup_note(
			checkup, CHECKUP_WARN, "clock",
			"switch one on (timedatectl set-ntp true); a clock that is minutes ahead gets reports refused",
			"no time service keeps this machine's clock");
	else
		checkup_note(checkup, CHECKUP_OK, "clock", NULL, "a time service keeps it");
}

static bool key_age(struct checkup *checkup, const char *subject, const char *node, wall_ms made, const char *advice)
{
	const wall_ms now = clock_now().wall;
	const uint64_t days = now > made ? (now - made) / DAY_MS : 0;

	if (made == 0 || days < CHECKUP_KEY_DAYS - CHECKUP_KEY_NOTICE_DAYS)
		return false;
	if (days < CHECKUP_KEY_DAYS)
		checkup_note(checkup, CHECKUP_WARN, subject, advice,
			     "the key of %s should be replaced within %" PRIu64 " weeks", node,
			     (CHECKUP_KEY_DAYS - days + 6) / 7);
	else
		checkup_note(checkup, CHECKUP_WARN, subject, advice, "the key of %s is %" PRIu64 " days old", node,
			     days);
	return true;
}

bool checkup_key(struct checkup *checkup, const char *subject, const char *node, wall_ms made, wall_ms expires,
		 const char *advice)
{
	const struct member member = {.expires_at = expires};
	const wall_ms now = clock_now().wall;
	const unsigned days = member_days_left(&member, now);

	if (expires == 0)
		return key_age(checkup, subject, node, made, advice);
	if (days > EXPIRY_NOTICE_DAYS)
		return false;
	if (member_lapsed(&member, now))
		checkup_note(checkup, CHECKUP_FAIL, subject, advice, "the key of %s has ended: it is not let in", node);
	else
		checkup_note(checkup, days > EXPIRY_ALARM_DAYS ? CHECKUP_WARN : CHECKUP_FAIL, subject, advice,
			     "the key of %s ends in %u days", node, days);
	return true;
}
