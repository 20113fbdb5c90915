/* simpul - the officers' program: reports, reads what came in, shows what became of what was sent, checks proofs. */
#include "agents/officer/officer.h"
#include "common/keys.h"
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define DEFAULT_SETTINGS "/etc/simpul/agent.yaml"

static const char usage[] =
	"usage: simpul [-c agent.yaml] COMMAND ...\n"
	"\n"
	"  join                     make the keys of a new office and its request to the operators\n"
	"  report sighting|alert    say what was seen, or warn\n"
	"  update NAME              replace what a report of this office said\n"
	"  cancel NAME              take a report of this office back\n"
	"  flag NAME                tell a report's origin that this office cannot act on it\n"
	"  release request|list|grant|refuse    ask an origin to share a report with others, and answer\n"
	"  subject ask|list|search|answer|result    what is held of a person who asks (UU 27/2022, three days)\n"
	"  try FILE                 what a file would become in a drop folder, without sending anything\n"
	"  inbox list|show|follow|export    what other offices said\n"
	"  record                   who looked at what here, and when\n"
	"  erasures list|done       what has to be removed by hand from this office's own systems\n"
	"  hold place|lift|confirm|list|open    what an authority orders this office to keep\n"
	"  quarantine list|show|retry|close    what could not be applied or handed on\n"
	"  listen [TOPIC]           what is published in the open to all members: sirens, wall displays\n"
	"  outbox list|show         what became of what this office said, and who has it\n"
	"  outbox recover           begin new numbers after this office's disk was lost or set back\n"
	"  backup make|restore FOLDER    copy store, keys and settings, also beside a running agent; put them back\n"
	"  status                   whether the agent is connected\n"
	"  doctor                   what is wrong with this office's Simpul, and what to do\n"
	"  verify FILE              check an exported report, without any connection\n"
	"  checkpoint sign FILE     say that this office holds the same history of the exchange as its broker shows\n"
	"  keys rotate              make newer keys of this office and a request to have them enrolled\n"
	"  keys passphrase          give keys and store a passphrase, another one, or none\n"
	"\n"
	"simpul COMMAND --help tells more. -c gives the settings; default $SIMPUL_CONFIG, else " DEFAULT_SETTINGS ".\n"
	"The exit status is that of sysexits.h: 0 good, 64 wrong arguments, 65 wrong data, 69 no agent, 77 not permitted.\n";

static const struct {
	const char *name;
	int (*run)(struct officer *officer, int argc, char **argv);
} commands[] = {
	{"report", officer_report},
	{"try", officer_try},
	{"update", officer_update},
	{"cancel", officer_cancel},
	{"flag", officer_flag},
	{"release", officer_release},
	{"hold", officer_hold},
	{"erasures", officer_erasures},
	{"subject", officer_subject},
	{"inbox", officer_inbox},
	{"record", officer_record},
	{"quarantine", officer_quarantine},
	{"outbox", officer_outbox},
	{"backup", officer_backup},
	{"status", officer_status},
	{"doctor", officer_doctor},
	{"listen", officer_listen},
	{"verify", officer_verify},
	{"join", officer_join},
	{"keys", officer_keys},
	{"checkpoint", officer_checkpoint},
};

static int command_run(struct officer *officer, int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[0]) == 0) {
			officer->command = commands[i].name;
			officer_options_begin();
			return commands[i].run(officer, argc, argv);
		}
	}
	fprintf(stderr, "simpul: there is no such command; see simpul --help\n");
	return EX_USAGE;
}

/* What an officer types and reads is in this process. */
static void process_harden(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	umask(077);
	signal(SIGPIPE, SIG_DFL);
}

int main(int argc, char **argv)
{
	struct officer_secrets secrets = {.cipher = NULL};
	struct officer officer = {.config = getenv("SIMPUL_CONFIG"), .command = "", .secrets = &secrets};
	int option, status;

	process_harden();
	keys_init();
	keys_pin(&secrets, sizeof(secrets));
	setlocale(LC_CTYPE, "");
	if (officer.config == NULL)
		officer.config = DEFAULT_SETTINGS;
	/* '+': options end where the command begins. */
	while ((option = getopt_long(argc, argv, "+c:hV",
				     (const struct option[]){{"help", no_argument, NULL, 'h'}, {0}}, NULL)) != -1) {
		switch (option) {
		case 'c':
			officer.config = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return EX_OK;
		case 'V':
			puts("simpul 1.0.0");
			return EX_OK;
		default:
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		status = command_run(&officer, argc - optind, argv + optind);
		cipher_free(secrets.cipher);
		keys_unpin(&secrets, sizeof(secrets));
		return status;
	}
	fputs(usage, stderr);
	return EX_USAGE;
}
