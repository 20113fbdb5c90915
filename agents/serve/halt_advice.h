/* halt_advice - an agent that has stopped talking to the broker waits for a person: what that person is to do. */
#ifndef SIMPUL_HALT_ADVICE_H
#define SIMPUL_HALT_ADVICE_H

/* For the name of an error (error.h): half a sentence, never NULL. */
const char *halt_advice(const char *code);

#endif
