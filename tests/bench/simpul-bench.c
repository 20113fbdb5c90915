/* simpul-bench - how many reports a second and how long one takes, beside bare libzmq in the same topology and run.
 *
 *   simpul-bench throughput [--path wire|full] [--receivers R] [--reports N] [--size S] [--per-submission K]
 *   simpul-bench latency [--path wire|full] [--reports N] [--size S] [--background N]
 *   both: [--rounds N] [--json]
 *   with --path full also --encrypted: the offices' stores are
 *   simpul-bench throughput --profile [--receivers R] [--reports N] [--size S] [--per-submission K] [--json]
 *   simpul-bench catchup|journal|idle|foreign ...: scale.h
 *
 * Floor and exchange take turns, round by round; figures are medians. Exit status 1 when a report was lost, came twice
 * or did not verify. README.md says how to read it. */
#include "tests/bench/bench.h"
#include "tests/bench/profile.h"
#include "tests/bench/scale.h"
#include "tests/support/exchange.h"

#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_MOST 15
#define WARM_UP_PART 10 /* a tenth of a round goes ahead and is not counted */

struct figures {
	double floor_reports[ROUNDS_MOST], reports[ROUNDS_MOST];
	double floor_p50[ROUNDS_MOST], p50[ROUNDS_MOST], floor_p99[ROUNDS_MOST], p99[ROUNDS_MOST];
	struct cpu floor_cpu, cpu; /* of all rounds */
	size_t broker_rss_kib;
};

/* ------------------------------------------------------------------ numbers */

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, size_t count)
{
	double sorted[ROUNDS_MOST];

	memcpy(sorted, values, count * sizeof *values);
	qsort(sorted, count, sizeof *sorted, compare_doubles);
	return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static int compare_latencies(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void percentiles(const struct team *team, uint64_t from, size_t count, double *p50, double *p99)
{
	uint32_t *sorted = malloc(count * sizeof *sorted);

	if (!sorted)
		abort();
	memcpy(sorted, &team->shared->latency_us[from], count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_latencies);
	*p50 = sorted[count / 2];
	*p99 = sorted[count * 99 / 100];
	free(sorted);
}

static void cpu_add(struct cpu *sum, const struct cpu *more)
{
	sum->sender_us += more->sender_us;
	sum->broker_us += more->broker_us;
	sum->receivers_us += more->receivers_us;
}

/* ------------------------------------------------------------------ measuring */

/* Round `index`, after the warm-up: its figures. */
static void measure(struct team *team, size_t warm_up, size_t index, double *reports, double *p50, double *p99,
		    struct cpu *cpu)
{
	const size_t count = team->options->reports;
	const uint64_t before = warm_up + index * count;
	const struct round round = team_round(team, before + count);

	*reports = (double)count * 1e6 / (double)round.elapsed_us;
	cpu_add(cpu, &round.cpu);
	if (team->options->latency)
		percentiles(team, before, count, p50, p99);
}

static void run(const struct bench_options *options, struct figures *f)
{
	const size_t warm_up = options->reports / WARM_UP_PART + 1;
	struct team floor, real;
	struct exchange exchange;

	team_init(&floor, options);
	team_init(&real, options);
	floor_start(&floor);
	real_start(&real, &exchange);
	team_round(&floor, warm_up);
	team_round(&real, warm_up);
	for (size_t i = 0; i < options->rounds; i++) {
		measure(&floor, warm_up, i, &f->floor_reports[i], &f->floor_p50[i], &f->floor_p99[i], &f->floor_cpu);
		measure(&real, warm_up, i, &f->reports[i], &f->p50[i], &f->p99[i], &f->cpu);
	}
	f->broker_rss_kib = process_rss(exchange.broker);
	team_check(&real);
	team_stop(&floor);
	team_stop(&real);
	real_check(&real, &exchange, warm_up + options->rounds * options->reports);
	if (!exchange_end(&exchange, false)) {
		fprintf(stderr, "simpul-bench: the broker did not end well\n");
		exit(1);
	}
}

/* ------------------------------------------------------------------ output */

/* One member; null for what this kind of run does not measure, so that every run has the same members. */
static void print_figure(const char *key, bool measured, double value, int decimals)
{
	if (measured)
		printf("\"%s\": %.*f, ", key, decimals, value);
	else
		printf("\"%s\": null, ", key);
}

static void print_json(const struct bench_options *o, const struct figures *f)
{
	const double all = (double)(o->reports * o->rounds);
	const double reports = median(f->reports, o->rounds), floor_reports = median(f->floor_reports, o->rounds);
	const double p50 = median(f->p50, o->rounds), floor_p50 = median(f->floor_p50, o->rounds);

	printf("{\"what\": \"%s\", \"path\": \"%s\", \"receivers\": %zu, \"reports\": %zu, \"size\": %zu, "
	       "\"per_submission\": %zu, \"rounds\": %zu, \"background\": %zu, \"encrypted\": %s, ",
	       o->latency ? "latency" : "throughput", o->path == PATH_FULL ? "full" : "wire", o->receivers, o->reports,
	       o->size, o->per_submission, o->rounds, o->background, o->encrypted ? "true" : "false");
	print_figure("reports_per_s", !o->latency, reports, 0);
	print_figure("deliveries_per_s", !o->latency, reports * (double)o->receivers, 0);
	print_figure("floor_reports_per_s", !o->latency, floor_reports, 0);
	print_figure("latency_us_p50", o->latency, p50, 0);
	print_figure("latency_us_p99", o->latency, median(f->p99, o->rounds), 0);
	print_figure("floor_latency_us_p50", o->latency, floor_p50, 0);
	print_figure("floor_latency_us_p99", o->latency, median(f->floor_p99, o->rounds), 0);
	print_figure("ratio", true, o->latency ? p50 / floor_p50 : reports / floor_reports, 3);
	printf("\"cpu_us_per_report\": {\"sender\": %.2f, \"broker\": %.2f, \"receiver\": %.2f}, "
	       "\"floor_cpu_us_per_report\": {\"sender\": %.2f, \"broker\": %.2f, \"receiver\": %.2f}, "
	       "\"broker_rss_kib\": %zu}\n",
	       (double)f->cpu.sender_us / all, (double)f->cpu.broker_us / all,
	       (double)f->cpu.receivers_us / all / (double)o->receivers, (double)f->floor_cpu.sender_us / all,
	       (double)f->floor_cpu.broker_us / all, (double)f->floor_cpu.receivers_us / all / (double)o->receivers,
	       f->broker_rss_kib);
}

static void print_text(const struct bench_options *o, const struct figures *f)
{
	const double reports = median(f->reports, o->rounds), floor_reports = median(f->floor_reports, o->rounds);
	const double p50 = median(f->p50, o->rounds), floor_p50 = median(f->floor_p50, o->rounds);

	if (o->latency)
		printf("%.0f us (p99 %.0f), floor %.0f us (p99 %.0f), ratio %.2f\n", p50, median(f->p99, o->rounds),
		       floor_p50, median(f->floor_p99, o->rounds), p50 / floor_p50);
	else
		printf("%.0f reports/s to %zu receivers, floor %.0f, ratio %.3f\n", reports, o->receivers,
		       floor_reports, reports / floor_reports);
}

/* ------------------------------------------------------------------ arguments */

static const char usage[] = "usage: simpul-bench throughput [--path wire|full] [--receivers R] [--reports N] [--size "
			    "S] [--per-submission K]\n"
			    "       simpul-bench latency [--path wire|full] [--reports N] [--size S] [--background N]\n"
			    "       both: [--rounds N] [--json]; with --path full [--encrypted]: the offices' stores are\n"
			    "       simpul-bench throughput --profile: what each step costs, without the network\n";

_Noreturn static void usage_exit(void)
{
	fputs(usage, stderr);
	exit(error_exit(E_USAGE));
}

static size_t number(const char *text, size_t least, size_t most)
{
	char *end;
	const unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < least || value > most)
		usage_exit();
	return value;
}

static void option_take(struct bench_options *o, int option)
{
	switch (option) {
	case 'p':
		if (strcmp(optarg, "wire") != 0 && strcmp(optarg, "full") != 0)
			usage_exit();
		o->path = optarg[0] == 'f' ? PATH_FULL : PATH_WIRE;
		break;
	case 'r':
		o->receivers = number(optarg, 1, RECEIVERS_MOST);
		break;
	case 'n':
		o->reports = number(optarg, 1, 10000000);
		break;
	case 's':
		o->size = number(optarg, 200, 4000);
		break;
	case 'k':
		o->per_submission = number(optarg, 1, LIMIT_SUBMISSION_REPORTS);
		break;
	case 'o':
		o->rounds = number(optarg, 1, ROUNDS_MOST);
		break;
	case 'b':
		o->background = number(optarg, 0, 100000);
		break;
	case 'f':
		o->profile = true;
		break;
	case 'e':
		o->encrypted = true;
		break;
	case 'j':
		o->json = true;
		break;
	default:
		usage_exit();
	}
}

static struct bench_options options_read(int argc, char **argv)
{
	static const struct option names[] = {{"path", required_argument, NULL, 'p'},
					      {"receivers", required_argument, NULL, 'r'},
					      {"reports", required_argument, NULL, 'n'},
					      {"size", required_argument, NULL, 's'},
					      {"per-submission", required_argument, NULL, 'k'},
					      {"rounds", required_argument, NULL, 'o'},
					      {"background", required_argument, NULL, 'b'},
					      {"profile", no_argument, NULL, 'f'},
					      {"encrypted", no_argument, NULL, 'e'},
					      {"json", no_argument, NULL, 'j'},
					      {0}};
	struct bench_options o = {
		.path = PATH_WIRE, .receivers = 3, .reports = 100000, .size = 512, .per_submission = 256, .rounds = 3};
	int option;

	if (argc < 2 || (strcmp(argv[1], "throughput") != 0 && strcmp(argv[1], "latency") != 0))
		usage_exit();
	o.latency = argv[1][0] == 'l';
	if (o.latency)
		o.reports = 1000;
	while ((option = getopt_long(argc - 1, argv + 1, "", names, NULL)) != -1)
		option_take(&o, option);
	if (optind != argc - 1)
		usage_exit();
	if (o.latency)
		o.receivers = o.per_submission = 1;
	if (o.latency && o.reports * (o.rounds + 1) + 1 > LATENCIES_MOST)
		usage_exit();
	return o;
}

/* The programs of the exchange stand beside this one. */
static void programs_find(void)
{
	char path[PATH_MAX];
	const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

	if (size <= 0)
		abort();
	path[size] = '\0';
	setenv("SIMPUL_BIN", dirname(path), 1);
}

/* Commands in files of their own. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"catchup", catchup_main},
	{"journal", journal_main},
	{"idle", idle_main},
	{"foreign", foreign_main},
};

int main(int argc, char **argv)
{
	struct bench_options options;
	struct figures figures = {0};

	programs_find();
	keys_init();
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (argc > 1 && strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	options = options_read(argc, argv);
	if (options.profile)
		return profile_run(&options);
	run(&options, &figures);
	if (options.json)
		print_json(&options, &figures);
	else
		print_text(&options, &figures);
	return 0;
}
