/* netns - ip, tc and nft do the work; every namespace is named after the test's process. */
#include "tests/support/netns.h"
#include "common/memory.h"
#include "tests/support/process.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOST_OF_100 30
#define SLOW "rate 64kbit burst 3kb latency 2s"
#define COMMAND_SECONDS 10
#define NFT "PATH=$PATH:/usr/sbin; " /* which is not in every user's */

static int shell(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line for the shell, which finds ip, tc and nft wherever they are; what they say goes into `out` (may be NULL). */
static int shell(struct buffer *out, const char *format, ...)
{
	char line[600];
	const char *argv[] = {"/bin/sh", "-c", line, NULL};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	return process_run(argv, NULL, out, "/dev/null", COMMAND_SECONDS);
}

static void must(int status, const char *what)
{
	if (status == 0)
		return;
	fprintf(stderr, "netns: %s failed\n", what);
	abort();
}

/* ------------------------------------------------------------------ making it */

static bool possible(void)
{
	const char *missing = NULL;

	if (geteuid() != 0)
		missing = "root";
	else if (shell(NULL, "command -v ip && command -v tc") != 0)
		missing = "iproute2";
	else if (shell(NULL, NFT "command -v nft") != 0)
		missing = "nftables";
	if (missing)
		printf("# no network of its own can be made here: %s is missing\n", missing);
	return !missing;
}

/* Packets as a real line has them, not the large pieces that a kernel passes to itself. */
static void office_wire(struct net *net, size_t i)
{
	const char *name = net->offices[i];

	must(shell(NULL,
		   "ip netns add %s && ip -n %s link set lo up && "
		   "ip -n %s link add wire type veth peer name wire%zu netns %s && "
		   "ip -n %s link set wire gso_max_segs 1 && ip -n %s link set wire%zu gso_max_segs 1 && "
		   "ip -n %s addr add 10.77.%zu.2/24 dev wire && ip -n %s link set wire up && "
		   "ip -n %s addr add 10.77.%zu.1/24 dev wire%zu && ip -n %s link set wire%zu up && "
		   "ip -n %s route add " NET_BROKER " via 10.77.%zu.1",
		   name, name, name, i, net->broker, name, net->broker, i, name, i + 1, name, net->broker, i + 1, i,
		   net->broker, i, name, i + 1),
	     "a cable");
}

bool net_make(struct net *net, size_t offices)
{
	memset(net, 0, sizeof *net);
	if (!possible())
		return false;
	net->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	snprintf(net->broker, sizeof net->broker, "simpul%d-b", (int)getpid());
	if (net->home < 0 || shell(NULL, "ip netns add %s", net->broker) != 0) {
		printf("# no network of its own can be made here: namespaces are not permitted\n");
		return false;
	}
	must(shell(NULL, "ip -n %s link set lo up && ip -n %s addr add " NET_BROKER "/32 dev lo", net->broker,
		   net->broker),
	     "the broker's address");
	for (; net->count < offices; net->count++) {
		snprintf(net->offices[net->count], sizeof net->offices[0], "simpul%d-%zu", (int)getpid(), net->count);
		office_wire(net, net->count);
	}
	return true;
}

void net_end(struct net *net)
{
	for (size_t i = 0; i < net->count; i++)
		shell(NULL, "ip netns del %s", net->offices[i]);
	shell(NULL, "ip netns del %s", net->broker);
	close(net->home);
}

/* ------------------------------------------------------------------ being in it */

static void enter(const char *name)
{
	char path[80];
	int fd;

	snprintf(path, sizeof path, "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd < 0 || setns(fd, CLONE_NEWNET) != 0, path);
	close(fd);
}

void net_enter_broker(const struct net *net)
{
	enter(net->broker);
}

void net_enter_office(const struct net *net, size_t office)
{
	enter(net->offices[office]);
}

void net_leave(const struct net *net)
{
	must(setns(net->home, CLONE_NEWNET), "leaving a namespace");
}

/* ------------------------------------------------------------------ what happens to a cable */

/* A chain that drops what `match` says of what comes in or goes out by the cable. */
static void drop(const char *name, const char *hook, const char *match)
{
	must(shell(NULL,
		   NFT "ip netns exec %s nft 'add chain inet fault %s { type filter hook %s priority 0; }; "
		       "add rule inet fault %s %s wire %s counter name dropped drop'",
		   name, hook, hook, hook, strcmp(hook, "input") == 0 ? "iifname" : "oifname", match),
	     "nft");
}

static void slow(const struct net *net, size_t office, bool on)
{
	const char *verb = on ? "replace" : "del", *rate = on ? "tbf " SLOW : "";
	const int own = shell(NULL, "ip netns exec %s tc qdisc %s dev wire root %s", net->offices[office], verb, rate);
	const int theirs =
		shell(NULL, "ip netns exec %s tc qdisc %s dev wire%zu root %s", net->broker, verb, office, rate);

	if (on)
		must(own | theirs, "tc");
}

void net_fault(const struct net *net, size_t office, enum net_fault fault)
{
	const char *name = net->offices[office];
	char some[64];

	shell(NULL, NFT "ip netns exec %s nft 'delete chain inet fault input'", name);
	shell(NULL, NFT "ip netns exec %s nft 'delete chain inet fault output'", name);
	must(shell(NULL, NFT "ip netns exec %s nft 'add table inet fault; add counter inet fault dropped'", name),
	     "nft");
	slow(net, office, fault == NET_SLOW);
	snprintf(some, sizeof some, "numgen random mod 100 < %d", LOST_OF_100);
	if (fault == NET_CUT || fault == NET_MUTE || fault == NET_LOSSY)
		drop(name, "output", fault == NET_LOSSY ? some : "");
	if (fault == NET_CUT || fault == NET_DEAF || fault == NET_LOSSY)
		drop(name, "input", fault == NET_LOSSY ? some : "");
}

size_t net_dropped(const struct net *net, size_t office)
{
	struct buffer out = {0};
	size_t packets = 0;
	const char *at;

	shell(&out, NFT "ip netns exec %s nft list counter inet fault dropped", net->offices[office]);
	buffer_u8(&out, 0);
	at = strstr((const char *)out.data, "packets ");
	if (at)
		packets = strtoull(at + 8, NULL, 10);
	buffer_free(&out);
	return packets;
}
