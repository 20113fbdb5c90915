/* idle - memory and CPU of the broker for nodes that are connected and have nothing to say.
 *
 *   simpul-bench idle [--nodes N] [--seconds S] [--json]
 *
 * Measured with no node, with half of them and with all; every two seconds a heartbeat goes to each, every four a sign
 * of life comes back. CPU is the broker's own time, so that what else runs on the machine does not count. */
#include "tests/bench/crowd.h"
#include "tests/bench/scale.h"
#include "common/clock.h"

#include <getopt.h>
#include <stdio.h>

enum { CONNECT_SECONDS = 120, SETTLE_MS = 20000 };

struct arguments {
	size_t nodes, seconds;
	bool json;
};

struct sample {
	size_t rss_kib;
	double cpu_percent; /* of a core */
};

static struct sample sample_take(const struct laid *laid, const struct arguments *a)
{
	struct sample sample;
	uint64_t cpu, start;

	sleep_ms(SETTLE_MS);
	cpu = process_cpu_us(laid->exchange.broker);
	start = clock_steady_us();
	sleep_ms((unsigned)a->seconds * 1000);
	sample.cpu_percent = (double)(process_cpu_us(laid->exchange.broker) - cpu) * 100 / (double)(clock_steady_us() - start);
	sample.rss_kib = process_rss(laid->exchange.broker);
	return sample;
}

static void print(const struct arguments *a, const struct sample *none, const struct sample *half,
		  const struct sample *all)
{
	const double kib = (double)(all->rss_kib - none->rss_kib) / (double)a->nodes;
	const double percent = (all->cpu_percent - none->cpu_percent) * 1000 / (double)a->nodes;

	if (a->json)
		printf("{\"what\": \"idle\", \"nodes\": %zu, \"rss_kib_none\": %zu, \"rss_kib_half\": %zu, \"rss_kib_all\": "
		       "%zu, \"kib_per_node\": %.1f, \"cpu_percent_none\": %.2f, \"cpu_percent_half\": %.2f, "
		       "\"cpu_percent_all\": %.2f, \"cpu_percent_per_1000\": %.2f}\n",
		       a->nodes, none->rss_kib, half->rss_kib, all->rss_kib, kib, none->cpu_percent, half->cpu_percent,
		       all->cpu_percent, percent);
	else
		printf("%zu nodes: %.1f KiB each (broker %zu MiB, without nodes %zu MiB), CPU %.2f %% of a core for 1,000 "
		       "nodes (%.2f %% for all, %.2f %% without nodes)\n",
		       a->nodes, kib, all->rss_kib / 1024, none->rss_kib / 1024, percent, all->cpu_percent,
		       none->cpu_percent);
}

static struct arguments arguments_read(int argc, char **argv)
{
	static const struct option names[] = {{"nodes", required_argument, NULL, 'n'},
					      {"seconds", required_argument, NULL, 's'},
					      {"json", no_argument, NULL, 'j'},
					      {0}};
	struct arguments a = {.nodes = 2000, .seconds = 20};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'n')
			a.nodes = scale_number(optarg, 2, LIMIT_NODES - 1);
		else if (option == 's')
			a.seconds = scale_number(optarg, 1, 3600);
		else if (option == 'j')
			a.json = true;
		else
			scale_number("", 0, 0);
	}
	return a;
}

int idle_main(int argc, char **argv)
{
	const struct arguments a = arguments_read(argc, argv);
	struct sample none, half, all;
	struct laid laid;
	struct crowd crowd;

	laid_make(&laid, a.nodes, 512, 1);
	laid_start_us(&laid);
	none = sample_take(&laid, &a);
	crowd_start(&crowd, &laid, 0, a.nodes);
	crowd_wait(&crowd, &laid, a.nodes / 2, CONNECT_SECONDS);
	half = sample_take(&laid, &a);
	crowd_wait(&crowd, &laid, a.nodes, CONNECT_SECONDS);
	all = sample_take(&laid, &a);
	print(&a, &none, &half, &all);
	crowd_stop(&crowd);
	laid_end(&laid);
	return 0;
}
