/* netns - ip, tc and nft do the work; names of namespaces are seen by the test alone and end with it. */
#include "tests/support/netns.h"
#include "common/memory.h"
#include "tests/support/must.h"
#include "tests/support/operate.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOST_OF_100 30
#define SLOW "rate 64kbit burst 3kb latency 2s"
#define COMMAND_SECONDS 10
#define NAMES "/run/netns"	     /* where ip looks for them */
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

/* ------------------------------------------------------------------ what happens to a cable */

/* A chain that drops what `match` says of what comes in or goes out by the cable. */
static bool drop(const char *name, const char *hook, const char *match)
{
	return shell(NULL,
		     NFT "ip netns exec %s nft 'add chain inet fault %s { type filter hook %s priority 0; }; "
			 "add rule inet fault %s %s wire %s counter name dropped drop'",
		     name, hook, hook, hook, strcmp(hook, "input") == 0 ? "iifname" : "oifname", match) == 0;
}

static bool slow(const struct net *net, size_t office, bool on)
{
	const char *verb = on ? "replace" : "del", *rate = on ? "tbf " SLOW : "";
	const int own = shell(NULL, "ip netns exec %s tc qdisc %s dev wire root %s", net->offices[office], verb, rate);
	const int theirs =
		shell(NULL, "ip netns exec %s tc qdisc %s dev wire%zu root %s", net->broker, verb, office, rate);

	return !on || (own == 0 && theirs == 0);
}

/* NULL, or what this machine cannot do. */
static const char *fault_set(const struct net *net, size_t office, enum net_fault fault)
{
	const char *name = net->offices[office];
	char some[64];
	bool good;

	shell(NULL, NFT "ip netns exec %s nft 'delete chain inet fault input'", name);
	shell(NULL, NFT "ip netns exec %s nft 'delete chain inet fault output'", name);
	if (shell(NULL, NFT "ip netns exec %s nft 'add table inet fault; add counter inet fault dropped'", name) != 0)
		return "a packet filter (nft)";
	if (!slow(net, office, fault == NET_SLOW))
		return "a slow line (tc, sch_tbf)";
	snprintf(some, sizeof some, "numgen random mod 100 < %d", LOST_OF_100);
	good = fault == NET_GOOD || fault == NET_SLOW || fault == NET_DEAF ||
	       drop(name, "output", fault == NET_LOSSY ? some : "");
	if (fault == NET_CUT || fault == NET_DEAF || fault == NET_LOSSY)
		good = good && drop(name, "input", fault == NET_LOSSY ? some : "");
	return good ? NULL : "a packet filter that drops by lot (nft numgen)";
}

/* ------------------------------------------------------------------ making it */

/* What this machine lacks, NULL for nothing. */
static const char *missing_program(void)
{
	if (geteuid() != 0)
		return "root";
	if (shell(NULL, "command -v ip && command -v tc") != 0)
		return "iproute2";
	if (shell(NULL, NFT "command -v nft") != 0)
		return "nftables";
	return NULL;
}

/* Names of namespaces are mounts. In a place of the test's own they end with it, however it ends. */
static bool names_private(void)
{
	return mounts_private() && (mkdir(NAMES, 0755) == 0 || errno == EEXIST) &&
	       mount("tmpfs", NAMES, "tmpfs", 0, NULL) == 0;
}

static bool broker_make(struct net *net)
{
	snprintf(net->broker, sizeof net->broker, "broker");
	return shell(NULL, "ip netns add %s && ip -n %s link set lo up && ip -n %s addr add " NET_BROKER "/32 dev lo",
		     net->broker, net->broker, net->broker) == 0;
}

/* Packets as a real line has them, not the large pieces that a kernel passes to itself. */
static bool office_make(struct net *net, size_t i)
{
	char *name = net->offices[i];

	snprintf(name, sizeof net->offices[i], "office%zu", i);
	return shell(NULL,
		     "ip netns add %s && ip -n %s link set lo up && "
		     "ip -n %s link add wire type veth peer name wire%zu netns %s && "
		     "ip -n %s link set wire gso_max_segs 1 && ip -n %s link set wire%zu gso_max_segs 1 && "
		     "ip -n %s addr add 10.77.%zu.2/24 dev wire && ip -n %s link set wire up && "
		     "ip -n %s addr add 10.77.%zu.1/24 dev wire%zu && ip -n %s link set wire%zu up && "
		     "ip -n %s route add " NET_BROKER " via 10.77.%zu.1",
		     name, name, name, i, net->broker, name, net->broker, i, name, i + 1, name, net->broker, i + 1, i,
		     net->broker, i, name, i + 1) == 0;
}

/* Everything that the tests need is tried once here, where the answer may still be no. */
static const char *net_try(struct net *net, size_t offices)
{
	static const enum net_fault faults[] = {NET_LOSSY, NET_SLOW, NET_GOOD};
	const char *missing = missing_program();

	if (missing)
		return missing;
	if (!names_private() || !broker_make(net))
		return "the right to make namespaces";
	for (; net->count < offices; net->count++)
		if (!office_make(net, net->count))
			return "a cable between namespaces (veth)";
	for (size_t i = 0; i < sizeof faults / sizeof *faults && !missing; i++)
		missing = fault_set(net, 0, faults[i]);
	return missing;
}

bool net_make(struct net *net, size_t offices)
{
	const char *missing;

	memset(net, 0, sizeof *net);
	net->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	missing = net->home < 0 ? "a kernel with namespaces" : net_try(net, offices);
	if (!missing)
		return true;
	printf("# no network of its own can be made here: %s is missing\n", missing);
	net_end(net);
	return false;
}

void net_end(struct net *net)
{
	umount2(NAMES, MNT_DETACH);
	if (net->home >= 0)
		close(net->home);
}

/* ------------------------------------------------------------------ being in it */

static void enter(const char *name)
{
	char path[80];
	int fd;

	snprintf(path, sizeof path, NAMES "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0 && setns(fd, CLONE_NEWNET) == 0, path);
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
	must(setns(net->home, CLONE_NEWNET) == 0, "leaving a namespace");
}

/* ------------------------------------------------------------------ faults, once it is there */

void net_fault(const struct net *net, size_t office, enum net_fault fault)
{
	const char *missing = fault_set(net, office, fault);

	must(!missing, missing);
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
