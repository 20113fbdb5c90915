/* nobody_cut - a bug put into a broker on purpose: its guard counts and complains, and cuts no connection. Linked with
 * --wrap. */
#include "broker/guard_peer.h"

void __wrap_peer_cut(int fd, const char *address);

void __wrap_peer_cut(int fd, const char *address)
{
	(void)fd, (void)address;
}
