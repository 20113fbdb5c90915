/* hostile - what strangers and members do on purpose, each a function for attack_start. */
#ifndef SIMPUL_TEST_HOSTILE_H
#define SIMPUL_TEST_HOSTILE_H

#include "tests/support/attack.h"

/* Where those without a member's key come from, and the member that speaks by hand. */
#define HOSTILE_STRANGER "127.0.0.2"
#define HOSTILE_MEMBER "127.0.0.3"
#define HOSTILE_REPLAYER "127.0.0.4"
#define HOSTILE_RESETTER "127.0.0.7"

/* Strangers; `amount` connections at a time. */
void hostile_silent(struct attack *attack);    /* connect and say nothing */
void hostile_stalled(struct attack *attack);   /* stop at each step of the handshake */
void hostile_garbage(struct attack *attack);   /* say what is no ZMTP, and giant lengths, before they are known */
void hostile_knocking(struct attack *attack);  /* whole handshakes with a key that nobody enrolled, without a pause */
void hostile_replaying(struct attack *attack); /* say what was captured, again and again */
/* No attack, but what a broker must not do under one: it stops the broker for `amount` ms, again and again. */
void hostile_halting(struct attack *attack);
/* A member with a ZMTP of its own. */
void hostile_malformed(struct attack *attack); /* broken boxes, giant frames, messages that are none */
void hostile_endless(struct attack *attack);   /* one message whose parts never end */
void hostile_resetting(struct attack *attack); /* full queues and a PING, reset before the PONG */
/* A member with libzmq. */
void hostile_flood(struct attack *attack);  /* SUBMIT, HELLO, FETCH and ACK as fast as they leave; reads no answer */
void hostile_topics(struct attack *attack); /* subscribes to `amount` topics */
void hostile_everything(struct attack *attack); /* subscribes to everything; marks as below */
void hostile_deaf(struct attack *attack);	/* live, shows signs of life, and reads nothing */
void hostile_repeating(struct attack *attack);	/* one report, then its frame again and again */

/* Microseconds of the steady clock: when it subscribed, was told that it is cut off, saw the last publication. */
enum { MARK_BEGAN, MARK_TOLD, MARK_LAST };

#endif
