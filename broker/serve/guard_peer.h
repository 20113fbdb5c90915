/* guard_peer - what the kernel knows about a connection that libzmq holds, by its descriptor, and how to end it. */
#ifndef SIMPUL_GUARD_PEER_H
#define SIMPUL_GUARD_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_ADDRESS_SIZE 46 /* text of an IPv6 address, with its end */

/* The address at the other end. False when the descriptor is no connection, or no longer. */
bool peer_address(int fd, char address[PEER_ADDRESS_SIZE]);
/* The port on our side; 0 when the descriptor is no connection, or no longer. */
uint16_t peer_port(int fd);
/* Bytes that came in since it began. False as above. */
bool peer_received(int fd, uint64_t *bytes);
/* Ends a connection in both directions, if it is one of this address still: libzmq then finds it closed by the other
 * side and gives the descriptor back. */
void peer_cut(int fd, const char *address);
/* Resident memory of this process, bytes. */
uint64_t resident_bytes(void);

#endif
