/* take_up - which keys the broker starts with: broker.keys, or newer ones beside it that everybody was told of.
 *
 *   journal says     broker.keys, broker.keys.next     then
 *   the present      present, newer (announced)        the newer are put in force and take the file's place
 *   the present      present, newer (not announced)    the present go on
 *   the newer        present, newer                    it ended between the two: the newer take the file's place
 * A crash at any point leads to one of these lines. */
#ifndef SIMPUL_BROKER_TAKE_UP_H
#define SIMPUL_BROKER_TAKE_UP_H

#include "broker/settings.h"

/* Where the newer keys lie: free it. */
char *newer_keys_path(const struct broker_settings *settings);
/* Opens the journal; identity->keys becomes what is in force. As journal_open and journal_succeed. */
enum error keys_take_up(const struct broker_settings *settings, struct broker_identity *identity,
			struct journal **journal, struct fault *fault);

#endif
