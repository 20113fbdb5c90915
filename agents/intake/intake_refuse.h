/* intake_refuse - which lines of a file the outbox's refusal costs. */
#ifndef SIMPUL_INTAKE_REFUSE_H
#define SIMPUL_INTAKE_REFUSE_H

#include "agents/intake/intake.h"

/* Makes the line that the letter's fault blames a bad one, and with an unknown recipient all lines that are sealed to
 * him, for they would be refused one by one; then the letter has no result any more. False when it blames no line: its
 * fault, of the whole file, has the result as its code. */
bool lines_refuse(struct intake_letter *letter);

#endif
