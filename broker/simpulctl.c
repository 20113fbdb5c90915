/* simpulctl - the operators' program: makes an exchange, enrols offices, looks at the broker and at its record. */
#include "broker/ctl/ctl.h"

#include "common/log.h"
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define SIGNING_HELP \
	"  --passphrase-file FILE   first line: its passphrase; otherwise the systemd credential simpul.passphrase,\n" \
	"                           otherwise it is asked for\n" \
	"  --fingerprint DIGITS     what the office reads from its screen; otherwise it is asked whether that is the same\n" \
	"  --expires-days N         how long the key is good (default: 730; 0: for ever)\n"

static const struct ctl_command commands[] = {
	{"init", "DIR --name TEXT", "Makes the folder of a new exchange: keys, journal, broker.yaml, policy.yaml",
	 "  --name TEXT              name of the exchange, for people\n"
	 "  --link ENDPOINT          where to take requests (default: tcp://127.0.0.1:7401)\n"
	 "  --feed ENDPOINT          where to publish (default: tcp://127.0.0.1:7402)\n"
	 "  --bulletin ENDPOINT      where what is for all can be listened to (default: nowhere)\n"
	 "  --log ENDPOINT           where the log can be followed from afar (default: nowhere)\n"
	 "  --master-key-file FILE   32 bytes that encrypt the keys of stored bodies; kept apart from the journal\n"
	 "  --passphrase-file FILE   first line: the passphrase of authority.key, at least 12 bytes; otherwise the systemd\n"
	 "                           credential simpul.passphrase, otherwise it is asked for\n"
	 "  --no-passphrase          leaves authority.key open\n"
	 "  --two-operators          policies, members and reseeds take the signatures of two operators\n"
	 "\nNothing is overwritten. Take authority.key off the machine afterwards.\n",
	 ctl_init},
	{"authority passphrase", "FILE", "Changes the passphrase of an authority's key",
	 "  --passphrase-file FILE   first line: the passphrase that it has; otherwise as with init\n"
	 "  --new-passphrase-file FILE  first line: the new one\n"
	 "  --no-passphrase          leaves the key open\n"
	 "\nOf copies in other places the passphrase stays what it was.\n",
	 ctl_authority_passphrase},
	{"keys passphrase", "FILE", "Changes the passphrase of any other key: broker.keys, an operator's",
	 "  --passphrase-file FILE   first line: the passphrase that it has; otherwise as with init\n"
	 "  --new-passphrase-file FILE  first line: the new one\n"
	 "  --no-passphrase          leaves the key open\n"
	 "\nA broker finds the passphrase of broker.keys in the systemd credential simpul.passphrase, in the file that\n"
	 "passphrase_file in broker.yaml names, or asks at its terminal.\n",
	 ctl_keys_passphrase},
	{"authority renew", "FILE -o NEW", "Makes a newer key for an authority, which the present one hands on to",
	 "  -o NEW                   where it goes; NEW.successions, which is not secret, stays beside it\n"
	 "  --exchange-file FILE     of the exchange (default: exchange.id)\n"
	 "  --passphrase-file FILE   first line: the passphrase of the present key; otherwise as with init\n"
	 "  --new-passphrase-file FILE  first line: that of the newer one\n"
	 "  --no-passphrase          leaves the newer key open\n"
	 "\nNothing else changes: offices and broker accept what either signs, with the join files that they have.\n",
	 ctl_authority_renew},
	{"broker-keys renew", "--authority-key FILE", "Makes newer keys for the broker and tells every office; needs a running broker",
	 "  --authority-key FILE     the authority's key: offices take no other keys of a broker\n"
	 "  --passphrase-file FILE   first line: its passphrase; otherwise as with enroll\n"
	 "\nThe newer keys lie beside the present ones (broker.keys.next) until they are taken up: by broker-keys take-up, or\n"
	 "when the broker is started the next time. Offices that have heard of them follow by themselves; it names those\n"
	 "that have not. Run it as the user that the broker runs as. Run a second time it tells of the same keys. Kept away\n"
	 "from the broker (with the authority's key) they wait until they are put back beside the present ones.\n",
	 ctl_broker_keys_renew},
	{"broker-keys take-up", "", "Has the running broker use the newer keys that it announced",
	 "  --reason TEXT            for the record; no personal data\n"
	 "  --anyway                 also when offices have not heard of them: they need a new join file each (simpulctl join)\n"
	 "\nEvery connection is closed once, and offices come back by themselves within a second; what they had not sent by then\n"
	 "they send after that. broker.keys.next becomes broker.keys.\n",
	 ctl_broker_keys_take_up},
	{"countersign", "FILE.request --authority-key FILE",
	 "Signs an office's request; for the machine that is offline",
	 "  --authority-key FILE     the authority's key\n" SIGNING_HELP
	 "  -o FILE                  where to (default: FILE.member)\n",
	 ctl_countersign},
	{"enroll", "FILE.member|FILE.request",
	 "Makes an office a member and writes its join file; needs a running broker",
	 "  --authority-key FILE     signs a request on the way\n" SIGNING_HELP
	 "  -o FILE                  where the join file goes (default: NODE.join)\n",
	 ctl_enroll},
	{"join", "[NODE]", "Writes the join file of an office that is enrolled; the same for all of them",
	 "  -o FILE                  where to (default: NODE.join, without NODE exchange.join)\n",
	 ctl_join},
	{"revoke", "NODE", "Shuts a node out whose key is in wrong hands; this cannot be undone",
	 "  --compromised-since TIME reports since then are doubtful (default: now); a second time with an earlier one\n"
	 "                           when it turns out that it was then\n"
	 "  --key-id N               a former key of the office (simpulctl nodes shows the present one), which stays in\n"
	 "  --reason TEXT            for the journal; no personal data\n"
	 "\nThen it lists what the node was ever sent (simpulctl got): what may be in wrong hands.\n",
	 ctl_revoke},
	{"retire", "NODE", "Shuts a node out; its reports stay good",
	 "  --reason TEXT            for the journal; no personal data\n", ctl_retire},
	{"restore", "NODE", "Lets a retired or suspended node in again",
	 "  --reason TEXT            for the journal; no personal data\n", ctl_restore},
	{"reseed", "NODE --reason TEXT", "Lets a node fetch once more what it had acknowledged; recorded",
	 "  --from ENTRY             from this entry on (default: 1, from the beginning)\n"
	 "  --reason TEXT            for the journal; no personal data\n",
	 ctl_reseed},
	{"got", "NODE", "Lists what a node was sent, as far as the journal knows; also beside a running broker",
	 "  --since TIME             accepted since then (default: ever)\n"
	 "  --reason TEXT            for the record; no personal data\n"
	 "  --json                   for programs, a report a line\n"
	 "\nacknowledged  it is on the node's disk\n"
	 "erased        it was, and the node says that it is no more\n"
	 "maybe         it was due to the node, which has not acknowledged it\n"
	 "withheld      the policy, or of an update its origin, kept it back at some time; it may have been sent before or\n"
	 "              after that\n"
	 "\nHeaders only. After a theft: what may be in wrong hands.\n",
	 ctl_got},
	{"report", "NAME", "Says who has a report, who no longer, and who must still be told; also beside a running broker",
	 "  --reason TEXT            for the record; no personal data\n"
	 "  --json                   for programs\n"
	 "\nacknowledged  it is on the node's disk\n"
	 "erased        it was, and the node says that it is no more; for each sink what became of that copy\n"
	 "maybe         sent, perhaps, and not acknowledged\n"
	 "waiting       not sent yet: the node was not there since\n"
	 "withheld      the policy, or of an update its origin, kept it back at some time; it may have been sent before or\n"
	 "              after that\n"
	 "stub          never sent: its origin kept the update from the node, which was told that there is one\n"
	 "\nWith its updates and cancels. Who was shut out and has a copy hears of nothing any more: by letter. What became\n"
	 "of copies in sinks is read where this user may read broker.keys and the data keys. Of the origin's own copy the\n"
	 "journal knows nothing. That it was looked at is recorded.\n",
	 ctl_report},
	{"breach-report", "--node NODE --since TIME",
	 "Lists what a lost machine or a stolen key could have revealed; also beside a running broker",
	 "  --node NODE              whose it was\n"
	 "  --since TIME             when it was lost\n"
	 "  --reason TEXT            for the record; no personal data\n"
	 "  --json                   for programs, with each report\n"
	 "\nSTORED         accepted before: on the machine. The key alone does not open them, unless a\n"
	 "               reseed was open (simpulctl acts)\n"
	 "LATER          accepted since: for whoever had the key, until it was revoked\n"
	 "SEALED         of these: a key of their own each, which machine and key open\n"
	 "PROTECTED      of these: on children, refugees, victims of trafficking, health\n"
	 "ERASED SINCE   of these: the node says that they are gone, which it said too late to count\n"
	 "ERASED BEFORE  not among these: the node said before that they are gone\n"
	 "\nHeaders only. That it was looked at is recorded.\n",
	 ctl_breach_report},
	{"clock confirm", "", "Says that the broker's clock is right, after it jumped: what has expired is erased from then on",
	 "  --reason TEXT            for the record; no personal data\n",
	 ctl_clock_confirm},
	{"operator new", "NAME", "Makes the key of an operator, for what takes two, and prints the line for the file operators",
	 "  -o FILE                  where to (default: NAME.operator); secret, its owner's alone\n"
	 "  --passphrase-file FILE   first line: the passphrase of the key; otherwise as with init\n"
	 "  --no-passphrase          leaves the key open\n"
	 "\ntwo_operators in broker.yaml says what takes two: policy, enroll, reseed. A hold always does, shutting somebody out\n"
	 "never.\n",
	 ctl_operator_new},
	{"proposals", "", "Lists what one operator has signed and another one has to approve",
	 "  --json                   for programs\n", ctl_proposals},
	{"approve", "ID", "Signs what another operator proposed, and puts it through: simpulctl --key FILE approve ID",
	 "  -o FILE                  of a report that is opened (hold open): where it goes\n"
	 "\nWhat is signed is shown. Of a policy it is the file as it is here. An office that was enrolled gets its join file\n"
	 "from simpulctl join NODE.\n",
	 ctl_approve},
	{"withdraw", "ID", "Takes such a proposal away, one's own or another's; one operator is enough",
	 "  --reason TEXT            for the record; no personal data\n",
	 ctl_withdraw},
	{"hold place", "REPORT", "Keeps what a report says beyond its time, by order of an authority; takes two operators",
	 "  --authority A            who ordered it, a code: PN-BATURAJA\n"
	 "  --order NUMBER           of the order: 12/Pid.Sus/2026\n"
	 "  --until DAY              2027-06-30, to the end of that day here, or a TIME; 366 days at most, then a new order is needed\n"
	 "  --reason TEXT            letters, digits, blanks and ./- ; no personal data, here or above\n"
	 "\nUntil then its data key is not destroyed, whether it expires or its origin takes it back; but once it has expired\n"
	 "or was taken back nobody gets it any more, as if it were erased. When no order keeps it any longer it is erased. An\n"
	 "update is a report of its own. What was erased already cannot be held; what is sealed only its recipients can open.\n",
	 ctl_hold_place},
	{"hold lift", "REPORT", "Ends that before its time; takes two operators",
	 "  --order NUMBER           which one, where several orders keep it\n"
	 "  --reason TEXT            as of hold place\n",
	 ctl_hold_lift},
	{"hold list", "", "Lists what is held, and under which order; also beside a running broker",
	 "  --all                    also what is over\n"
	 "  --json                   for programs, a line each\n"
	 "\nin-force  its time is not over, so everybody has it as ever\n"
	 "kept      it has expired or was taken back: the order is all that keeps it\n",
	 ctl_hold_list},
	{"hold open", "REPORT", "Lets a report that is held be written to a file, for the authority; takes two operators",
	 "  --reason TEXT            as of hold place\n"
	 "\nThe second operator names the file: simpulctl --key FILE approve ID -o report.json. simpul verify checks it.\n",
	 ctl_hold_open},
	{"acts", "", "Lists what operators and auditors did and looked at; also beside a running broker",
	 "  --since TIME             since then (default: ever)\n"
	 "  --json                   for programs, a line each\n"
	 "\nThe user is the one that the kernel knows, \"as\" is what he said himself (simpulctl --as NAME).\n",
	 ctl_acts},
	{"status", "", "Shows the broker", "  --json                   for programs\n", ctl_status},
	{"nodes", "", "Shows the members",
	 "  --json                   for programs\n"
	 "\nEXPIRES       when its key ends, unless the office renews it before (simpul keys rotate)\n"
	 "CONNECTED     its agent has a session\n"
	 "LIVE          reports are pushed to it as they come; otherwise it fetches older ones first\n"
	 "CURSOR        the last entry of the journal that it acknowledged\n"
	 "LAG           entries of the journal after that one, also those that are not for it\n"
	 "QUEUED BYTES  pushed to it and not acknowledged yet\n"
	 "POLICY        whether the policy in force names it: otherwise it can neither send nor receive\n",
	 ctl_nodes},
	{"doctor", "", "Says what is wrong with the broker, its files and its members, and what to do",
	 "  --silent-days N          who was not seen for so long is named (default: 7; 0: not connected now)\n"
	 "  --json                   for programs\n"
	 "\nOne line a check: ok, warn (look at it) or FAIL. It changes nothing, also beside a running broker. Run it as\n"
	 "the user that the broker runs as. Ends with 0 when nothing failed, else with 1.\n",
	 ctl_doctor},
	{"policy check", "FILE", "Checks a policy file and says what is wrong in which line", "", ctl_policy_check},
	{"policy show", "[NODE]", "Shows the policy in force, or what one node may do", "", ctl_policy_show},
	{"policy who", "--category C --region R", "Shows who may receive such a report, and why the others may not",
	 "  --category C             from the policy's list\n"
	 "  --region R               Kemendagri code: 16.01\n"
	 "  --kind K                 sighting (default), alert, query\n"
	 "  --label L                CLEAR, GREEN, AMBER (default), AMBER+STRICT, RED\n"
	 "  --protection P           child, refugee, trafficking, health, biometric, genetic, criminal-record, finance\n"
	 "\nAsks the running broker, or reads the journal, also for the offices' keys: one that is revoked, retired, expired or\n"
	 "was never enrolled gets nothing. Where neither can be had it says that it read policy.yaml alone.\n",
	 ctl_policy_who},
	{"policy explain", "NODE --report NAME | NODE --category C --region R",
	 "Says whether a node got a report, or would get such a one, and which rule decides",
	 "  --report NAME            police.oku#1842, also one that was refused; otherwise what it would be:\n"
	 "  --category C             from the policy's list\n"
	 "  --region R               Kemendagri code: 16.01\n"
	 "  --kind K                 sighting (default), alert, query\n"
	 "  --label L                CLEAR, GREEN, AMBER (default), AMBER+STRICT, RED\n"
	 "  --protection P           child, refugee, trafficking, health, biometric, genetic, criminal-record, finance\n"
	 "  --reason TEXT            for the record; no personal data\n"
	 "\nReads the journal, also without a running broker. With --report it is recorded.\n",
	 ctl_policy_explain},
	{"policy diff", "[FILE]", "Shows which node gains and loses what by a policy file, before it is put in force",
	 "Without FILE: policy.yaml of the configuration.\n",
	 ctl_policy_diff},
	{"policy reload", "", "Puts policy.yaml in force; keeps the old one when it is wrong",
	 "  --reason TEXT            for the record; no personal data\n",
	 ctl_policy_reload},
	{"log", "--follow [--broker FILE]", "Shows what the broker logs, here or from afar",
	 "  --follow                 until interrupted\n"
	 "  --level LEVEL            and above: debug, info, notice, warning, error, alarm\n"
	 "  --broker FILE            of a broker on another machine: what simpulctl watcher new made\n"
	 "  --since TIME             with --broker: logged since then (default: all that the broker has)\n"
	 "  --json                   with --broker: for programs, a line each\n"
	 "\nOn the broker's machine from now on. With --broker first the last hour (at most 16 MiB), then what comes, over\n"
	 "breaks of network and broker; without --follow the last hour alone.\n",
	 ctl_log},
	{"watcher new", "NAME", "Lets somebody follow the log from afar, and writes the file for it",
	 "  -o FILE                  where to (default: NAME.watch); secret, take it there on a safe way\n"
	 "\nNeeds \"log: tcp://HOST:PORT\" in broker.yaml.\n",
	 ctl_watcher_new},
	{"watcher remove", "NAME", "Takes that back; who follows is cut off", "", ctl_watcher_remove},
	{"watcher list", "", "Lists who may follow the log from afar, with the public keys", "", ctl_watcher_list},
	{"journal verify", "", "Recomputes every hash and signature of the journal; also beside a running broker",
	 "  --held-entry N           an entry whose head somebody else holds\n"
	 "  --held-head HEX          that head\n"
	 "  --held-incarnation N     of which history (default: 1)\n"
	 "  --checkpoint FILE        the same as a file, signed by the broker and by members (simpulctl journal checkpoint)\n"
	 "  --file FILE              a journal.db alone, without a broker's keys and configuration; with one of:\n"
	 "  --authority HEX          the authority's public key, as join files have it\n"
	 "  --exchange-file FILE     exchange.id, which has it too\n"
	 "  --json                   for programs\n"
	 "\nNames the first entry that is wrong. Ends with 0 when all is well, with 65 when something was changed, cut or\n"
	 "forked. Of a file alone all is checked but the bodies: hashes, signatures, numbers, audiences, tombstones.\n",
	 ctl_journal_verify},
	{"journal checkpoint", "-o FILE", "Exports a signed position of the journal, for offices to countersign",
	 "  -o FILE                  where to\n"
	 "  --entry N                at this entry (default: the last one)\n"
	 "\nAn office signs it (simpul checkpoint sign) when it holds the same head there. Keep it away from this machine:\n"
	 "whoever has it finds a cut, a rollback or a fork with journal verify --checkpoint.\n",
	 ctl_journal_checkpoint},
	{"journal recover", "--reason TEXT",
	 "Begins a new incarnation on a journal that came out of a backup; no broker may run",
	 "  --reason TEXT            for the journal; no personal data\n"
	 "  --incarnation N          its number (default: the time in seconds); above every number that offices have seen\n"
	 "\nWhat was accepted after the backup comes again from the offices that sent it.\n",
	 ctl_journal_recover},
	{"backup make", "FOLDER", "Copies journal, keys, configuration and policy; also beside a running broker",
	 "  --data-keys FILE         where the data keys go (default: beside FOLDER, one file for all backups)\n"
	 "\nFOLDER must not be there. The data keys are overwritten each time: the newest ones open every backup, and\n"
	 "what was erased stays erased. authority.key and a master key are not in it. Everything in it is secret.\n",
	 ctl_backup_make},
	{"backup restore", "BACKUP FOLDER", "Makes the folder of a broker from a backup",
	 "  --data-keys FILE         where the data keys are (default: beside BACKUP)\n"
	 "\nFOLDER must not be there. Every body is checked, which takes the master key where there is one.\n"
	 "Before the broker serves again: simpulctl journal recover.\n",
	 ctl_backup_restore},
};

static void help(FILE *out)
{
	fputs("Usage: simpulctl [-c FILE] [-a] [--as NAME] [--key FILE] COMMAND ...\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-20s %s\n", commands[i].name, commands[i].summary);
	fputs("\n  -c FILE          configuration of the broker (default: broker.yaml)\n"
	      "  -a               as an auditor: by the socket that changes nothing\n"
	      "  --key FILE       an operator's key, to sign what takes two operators\n"
	      "  --key-passphrase-file FILE   holds its passphrase (default: the terminal is asked)\n"
	      "  --as NAME        who you are, for the record, where several share a user\n"
	      "  -V               print the version\n"
	      "\nsimpulctl COMMAND --help tells more.\n",
	      out);
}

/* The number of words of a command's name that `argv` begins with; 0 when it is another command. */
static int words_match(const char *name, int argc, char **argv)
{
	const char *space = strchr(name, ' ');
	size_t first = space != NULL ? (size_t)(space - name) : strlen(name);

	if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], name, first) != 0)
		return 0;
	if (space == NULL)
		return 1;
	return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

/* No command has this name; "policy" may be the first half of one. */
static int group_help(int argc, char **argv)
{
	size_t length = argc > 0 ? strlen(argv[0]) : 0;
	bool asked = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
	bool any = false;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && argc > 0; i++) {
		if (strncmp(commands[i].name, argv[0], length) != 0 || commands[i].name[length] != ' ')
			continue;
		fprintf(asked ? stdout : stderr, "  %-20s %s\n", commands[i].name, commands[i].summary);
		any = true;
	}
	if (!any && argc > 0)
		fprintf(stderr, "simpulctl: %s: no such command; see simpulctl --help\n", argv[0]);
	else if (argc == 0)
		help(stderr);
	return any && asked ? EX_OK : EX_USAGE;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		int words = words_match(commands[i].name, argc, argv);

		if (words == 0)
			continue;
		ctl->command = &commands[i];
		return commands[i].run(ctl, argc - words + 1, argv + words - 1);
	}
	return group_help(argc, argv);
}

int main(int argc, char **argv)
{
	struct ctl ctl = {.config = "broker.yaml"};
	const struct option table[] = {{"help", no_argument, NULL, 'h'},
				       {"version", no_argument, NULL, 'V'},
				       {"as", required_argument, NULL, 'A'},
				       {"key", required_argument, NULL, 'K'},
				       {"key-passphrase-file", required_argument, NULL, 'P'},
				       {0}};
	const struct rlimit no_core = {0, 0}; /* keys pass through here */
	int option;

	umask(077);
	setrlimit(RLIMIT_CORE, &no_core);
	log_init("simpulctl", LOG_LEVEL_WARNING);
	keys_init();
	while ((option = getopt_long(argc, argv, "+c:ahV", table, NULL)) != -1) {
		switch (option) {
		case 'c':
			ctl.config = optarg;
			break;
		case 'a':
			ctl.auditor = true;
			break;
		case 'K':
			ctl.key = optarg;
			break;
		case 'P':
			ctl.key_passphrase_file = optarg;
			break;
		case 'A':
			ctl.person = optarg;
			break;
		case 'h':
			help(stdout);
			return EX_OK;
		case 'V':
			puts("simpulctl 1.0.0");
			return EX_OK;
		default:
			help(stderr);
			return EX_USAGE;
		}
	}
	return run(&ctl, argc - optind, argv + optind);
}
