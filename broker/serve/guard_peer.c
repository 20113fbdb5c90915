/* guard_peer - asks the kernel (tcp(7), getpeername(2), /proc/self/statm). */
#include "broker/serve/guard_peer.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool peer_address(int fd, char address[PEER_ADDRESS_SIZE])
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	const void *binary = NULL;

	if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0)
		return false;
	if (peer.ss_family == AF_INET)
		binary = &((const struct sockaddr_in *)&peer)->sin_addr;
	else if (peer.ss_family == AF_INET6)
		binary = &((const struct sockaddr_in6 *)&peer)->sin6_addr;
	return binary != NULL && inet_ntop(peer.ss_family, binary, address, PEER_ADDRESS_SIZE) != NULL;
}

uint16_t peer_port(int fd)
{
	struct sockaddr_storage own;
	socklen_t size = sizeof(own);

	if (getsockname(fd, (struct sockaddr *)&own, &size) != 0)
		return 0;
	if (own.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&own)->sin_port);
	return own.ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)&own)->sin6_port) : 0;
}

bool peer_received(int fd, uint64_t *bytes)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
		return false;
	*bytes = info.tcpi_bytes_received;
	return true;
}

void peer_cut(int fd, const char *address)
{
	char now[PEER_ADDRESS_SIZE];

	if (peer_address(fd, now) && strcmp(now, address) == 0)
		shutdown(fd, SHUT_RDWR);
}

uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long all = 0, resident = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu %lu", &all, &resident) != 2)
		resident = 0;
	fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
