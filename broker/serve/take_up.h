/* take_up - which keys the broker has: broker.keys, or newer ones beside it that everybody was told of. A start takes
 * those up, and so does a running broker that is told to.
 *
 *   journal says     broker.keys, broker.keys.next     then
 *   the present      present, newer (announced)        the newer are put in force and take the file's place
 *   the present      present, newer (not announced)    the present go on
 *   the newer        present, newer                    it ended between the two: the newer take the file's place
 * A crash at any point leads to one of these lines. A running broker passes the first and the last of them in this
 * order: loaded (loop.c), found announced (terms.c), in force by a commit of their own (writer.c), in the file's place,
 * and then at the doors of offices (loop_door.c). */
#ifndef SIMPUL_BROKER_TAKE_UP_H
#define SIMPUL_BROKER_TAKE_UP_H

#include "broker/settings/settings.h"

/* Where the newer keys lie: free it. */
char *newer_keys_path(const struct broker_settings *settings);
/* Opens the journal; identity->keys becomes what is in force. As journal_open and journal_succeed. */
enum error keys_take_up(const struct broker_settings *settings, struct broker_identity *identity,
			struct journal **journal, struct fault *fault);

/* The same in a running broker, where nobody may wait. Newer keys that lie beside the present ones, to be released with
 * broker_keys_free: E_NOT_FOUND; E_PASSPHRASE when they were not locked together with those; E_INVALID, E_IO. */
enum error newer_keys_load(const struct broker_settings *settings, const struct broker_identity *identity,
			   struct broker_keys **newer, struct fault *fault);
/* They are in force: they take the file's place, now or at the next start. */
void newer_keys_file(const struct broker_settings *settings);

#endif
