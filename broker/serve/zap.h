/* zap - answers libzmq's question whether a CURVE key may come in (ZAP 1.0, https://rfc.zeromq.org/spec/27/).
 *
 * Explicit tables of keys, the core's and for the log that of watchers, and no certificate store. The answer holds for the handshake only: the core
 * looks at the key again with every message and every delivery. The User-Id that libzmq puts on each message is the key
 * in hexadecimal. */
#ifndef SIMPUL_ZAP_H
#define SIMPUL_ZAP_H

#include "broker/core/core.h"
#include "common/limit.h"

struct zap;
struct guard;
struct watchers;

/* Binds ZAP_ENDPOINT; before any CURVE socket is bound. E_IO. `core` is looked at in zap_answer only. */
enum error zap_new(struct zap **zap, void *context, const struct core *core, struct fault *fault);
void zap_free(struct zap *zap);
void *zap_socket(const struct zap *zap); /* to poll */
/* From now on `guard` is told which node comes from where. */
void zap_tell(struct zap *zap, struct guard *guard);
/* From now on these keys, and no member's, may come in where the domain is ZAP_DOMAIN_LOG. */
void zap_admit_watchers(struct zap *zap, const struct watchers *watchers);
/* Answers what is waiting, at most a bounded number of questions; binds again what zap_renew could not. */
bool zap_answer(struct zap *zap, steady_ms now);
#define ZAP_LINGER_MS (2 * LIMIT_HANDSHAKE_MS) /* how long the old socket is answered */
/* Begins with another socket, which is to be polled from now on; the old one is answered by zap_answer, to be called at least
 * every 100 ms, until no handshake can wait for it. libzmq keeps two queues for each connection that ever asked, for as
 * long as the connection and the socket last: more memory than all else that an idle node takes. False: as it was. */
bool zap_renew(struct zap *zap, steady_ms now);
/* The key that a message's User-Id stands for; false when there is none. */
bool zap_key_of_user(const char *user_id, uint8_t key[KEY_SIZE]);

/* Tries to get in with a key that nobody enrolled, while answering ZAP as usual: E_OK when refused, E_CONFIG when let
 * in, E_UNREACHABLE when there was no decision within `most_ms`. `client_type` is ZMQ_DEALER or ZMQ_SUB. */
#define ZAP_STRANGER_MS 30000 /* whether he stays out is the question, not how soon: the machine may be busy */
enum error zap_stranger_test(struct zap *zap, void *context, int client_type, const char *endpoint,
			     const uint8_t server_public[KEY_SIZE], uint64_t most_ms, struct fault *fault);

#endif
