/* web - a small HTTP server on loopback that keeps what it was asked and answers as it was told to. */
#ifndef SIMPUL_TEST_WEB_H
#define SIMPUL_TEST_WEB_H

#include <stddef.h>

enum web_answer {
	WEB_TAKE,     /* 204 */
	WEB_TALK,     /* 200 and a body */
	WEB_ERROR,    /* 500 */
	WEB_BUSY,     /* 503 */
	WEB_REDIRECT, /* 307 to /elsewhere */
	WEB_STALL,    /* nothing, for as long as the other side waits */
	WEB_DROP,     /* closes without an answer */
};

struct web;

/* Answers the first requests with these, and all after them with WEB_TAKE. On a free port of 127.0.0.1, or at a local
 * socket where `path` is not NULL. */
struct web *web_start(const char *path, const enum web_answer *answers, size_t count);
/* Ends it, whatever it is doing. */
void web_stop(struct web *web);

unsigned web_port(const struct web *web);
/* How many requests came in whole. */
size_t web_requests(struct web *web);
/* The whole of one, from 0; NULL when there was none. Valid until web_stop. */
const char *web_request(struct web *web, size_t index);

#endif
