/* officer_verify - simpul verify: checks an exported report without any connection, and says what is proven and what is
 * not. */
#include "agents/officer/officer.h"
#include "agents/reports/proof.h"
#include "agents/reports/view.h"
#include "common/json.h"
#include "common/region.h"
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: simpul verify FILE [--join FILE] [--content]\n"
	"\n"
	"Checks a report that simpul inbox export, simpul hold open or the operators' simpulctl hold open wrote: that its\n"
	"origin signed it, unchanged, with a key that the exchange's authority confirmed. --join gives the join file of the\n"
	"exchange, which holds the authority's key; without it the fingerprint of the origin's key is printed, to be compared\n"
	"in person.\n"
	"--content shows what the report says as well.\n"
	"The exit status is 0 when the report is proven, 65 when it is not.\n";

static void report_print(const struct proof_finding *finding)
{
	const Simpul__Header *header = finding->header;
	const struct region *region = region_find(header->region);
	struct buffer category = {0};
	char name[REPORT_NAME_SIZE], time[TIME_TEXT_SIZE];

	view_safe_text(&category, header->category);
	printf("%s%s%s %s: %s of category %.*s, %s%s%s%s, made %s\n", status_mark((int)header->status),
	       header->status == SIMPUL__STATUS__STATUS_ACTUAL ? "" : " ",
	       enum_text(&simpul__label__descriptor, (int)header->label), report_name_text(&finding->name, name),
	       enum_text(&simpul__kind__descriptor, (int)header->kind), (int)category.size, (const char *)category.data,
	       region == NULL ? "an unknown region" : region->code, region == NULL ? "" : " (",
	       region == NULL ? "" : region->name, region == NULL ? "" : ")", local_time_text(time, header->created_at));
	buffer_free(&category);
}

static void finding_print(const struct proof_finding *finding, const Simpul__Proof *proof)
{
	char fingerprint[FINGERPRINT_SIZE], time[TIME_TEXT_SIZE], exchange[2 * EXCHANGE_SIZE + 1];

	report_print(finding);
	if (finding->body != NULL)
		printf("Proven: key %u of %s signed exactly this header and this content; nothing was changed.\n",
		       finding->member.key_id, finding->member.node);
	else
		printf("Proven: key %u of %s signed exactly this header. What the report said was erased; its hash stands\n"
		       "        in its place and is proven too.\n",
		       finding->member.key_id, finding->member.node);
	if (finding->countersigned)
		printf("Proven: the authority of the exchange confirmed that this is a key of %s.\n",
		       finding->member.node);
	else
		printf("Not proven: whose key it is. Without --join, compare its fingerprint with the office in "
		       "person: %s\n"
		       "            (exchange %s)\n",
		       member_fingerprint(&finding->member, fingerprint),
		       hex_of(exchange, BYTES(finding->member.exchange, EXCHANGE_SIZE)));
	if (finding->doubtful)
		printf("DOUBTFUL: the key was in wrong hands when the report was made or accepted.\n");
	else if (finding->retired)
		printf("Stated: the key was taken out of use later; what it signed before stays good.\n");
	printf("Stated by who exported it, not proven by this file: accepted %s as entry %llu of the journal.\n",
	       local_time_text(time, proof->accepted_at), (unsigned long long)proof->entry);
}

/* NULL with `fault` filled. */
static const Simpul__Proof *proof_load(const char *path, struct arena *arena, struct fault *fault)
{
	json_t *json = officer_json(path, fault);
	const Simpul__Proof *proof;

	if (json == NULL)
		return NULL;
	proof = json_to_message(&simpul__proof__descriptor, json, arena, fault);
	json_decref(json);
	return proof;
}

static int verify(const struct officer *officer, const char *path, const struct join *join, bool content)
{
	struct proof_finding finding;
	struct fault fault = {0};
	const Simpul__Proof *proof;
	struct arena arena;
	int status = EX_OK;

	arena_init(&arena);
	proof = proof_load(path, &arena, &fault);
	if (proof == NULL) {
		status = officer_fail(officer, &fault,
				      fault.code == E_NOT_FOUND ? NULL : "this is not an exported report");
	} else if (proof_check(proof, join == NULL ? NULL : join->exchange, join == NULL ? NULL : join->authority,
			       &arena, &finding, &fault) != E_OK) {
		officer_fail(officer, &fault, "the report is NOT proven: do not rely on it");
		status = EX_DATAERR;
	} else {
		finding_print(&finding, proof);
		if (content && finding.body != NULL)
			officer_print_json(json_of_message(finding.body, 0), true);
		status = finding.doubtful ? EX_DATAERR : EX_OK;
	}
	arena_fini(&arena);
	return status;
}

int officer_verify(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"join", required_argument, NULL, 'j'},
						{"content", no_argument, NULL, 'c'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *join_path = NULL;
	bool content = false;
	struct fault fault = {0};
	struct join join;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (option != 'j' && option != 'c')
			return EX_USAGE;
		if (option == 'j')
			join_path = optarg;
		content = content || option == 'c';
	}
	if (optind + 1 != argc)
		return officer_misused(officer, "give one file");
	if (join_path != NULL && join_load(&join, join_path, &fault) != E_OK)
		return officer_fail(officer, &fault, "give the join file that the operators sent");
	return verify(officer, argv[optind], join_path == NULL ? NULL : &join, content);
}
