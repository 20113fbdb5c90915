/* profile - takes submissions through every step in one thread and divides the CPU time by the reports.
 *
 * The floor of a step is the least that has to be done for it, on the same bytes in the same run: the bare hash, the bare
 * cipher, the bare signature, a copy of what is only moved, an append and a sync of what goes to disk. Waiting for the disk
 * is no CPU time; what the kernel does for a write is. */
#include "tests/bench/profile.h"
#include "agents/uplink/uplink_state.h"
#include "common/aead.h"
#include "common/submission.h"
#include "common/wire.h"
#include "tests/bench/inside.h"
#include "tests/bench/workload.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum step {
	ORIGIN_MAKE,
	ORIGIN_SEND,
	BROKER_RECEIVE,
	BROKER_UNPACK,
	BROKER_HASH,
	BROKER_VERIFY,
	BROKER_DECIDE,
	BROKER_JOURNAL,
	BROKER_ANSWER,
	BROKER_SEAL,
	BROKER_SEND,
	RECEIVER_RECEIVE,
	RECEIVER_OPEN,
	RECEIVER_UNPACK,
	RECEIVER_HASH,
	RECEIVER_VERIFY,
	RECEIVER_HEADERS,
	STEPS
};

static const struct {
	const char *party, *what;
	bool each; /* once for each receiver */
} steps[STEPS] = {
	[ORIGIN_MAKE] = {"origin", "hash, sign, encode", false},
	[ORIGIN_SEND] = {"origin", "send (CURVE alone)", false},
	[BROKER_RECEIVE] = {"broker", "receive (CURVE alone)", false},
	[BROKER_UNPACK] = {"broker", "check and unpack", false},
	[BROKER_HASH] = {"broker", "hash", false},
	[BROKER_VERIFY] = {"broker", "verify the signature", false},
	[BROKER_DECIDE] = {"broker", "validate, authorise, audience, encode", false},
	[BROKER_JOURNAL] = {"broker", "journal: encrypt, chain, sign, commit", false},
	[BROKER_ANSWER] = {"broker", "receipt and batches", false},
	[BROKER_SEAL] = {"broker", "seal the feeds", false},
	[BROKER_SEND] = {"broker", "send (CURVE alone)", true},
	[RECEIVER_RECEIVE] = {"receiver", "receive (CURVE alone)", true},
	[RECEIVER_OPEN] = {"receiver", "open the feed", true},
	[RECEIVER_UNPACK] = {"receiver", "check and unpack", true},
	[RECEIVER_HASH] = {"receiver", "hash", true},
	[RECEIVER_VERIFY] = {"receiver", "verify two signatures", true},
	[RECEIVER_HEADERS] = {"receiver", "headers and names", true},
};

struct profile {
	const struct bench_options *options;
	struct inside inside;
	struct workload workload;
	struct arena arena;
	double us[STEPS], floor_us[STEPS];
	int file; /* for the journal's floor */
	uint64_t reports;
	uint8_t secret[crypto_box_BEFORENMBYTES], nonce[crypto_box_NONCEBYTES]; /* of one CURVE connection */
	struct buffer cipher, plain, frame;
};

static double cpu_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

#define ADD_TIME(sum, ...) \
	do { \
		const double begin_us = cpu_us(); \
		__VA_ARGS__; \
		(sum) += cpu_us() - begin_us; \
	} while (0)
#define TIMED(profile, step, ...) ADD_TIME((profile)->us[step], __VA_ARGS__)
#define FLOOR(profile, step, ...) ADD_TIME((profile)->floor_us[step], __VA_ARGS__)

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "simpul-bench: %s\n", what);
	exit(1);
}

/* ---------------------------------------------------------------------------- steps */

static void copy(struct profile *p, enum step step, struct bytes data)
{
	uint8_t *to;

	buffer_clear(&p->plain);
	to = buffer_room(&p->plain, data.size);
	FLOOR(p, step, memcpy(to, data.data, data.size));
}

/* The two strings of each report, hashed; nothing else. */
static void hashes_floor(struct profile *p, enum step step, const Simpul__Submission *submission)
{
	struct bytes parts[2 * LIMIT_SUBMISSION_REPORTS];
	struct hash hashes[2 * LIMIT_SUBMISSION_REPORTS];
	const size_t count = submission->n_reports;

	for (size_t i = 0; i < count; i++) {
		parts[i] = of_binary(submission->reports[i]->header);
		parts[count + i] = of_binary(submission->reports[i]->body);
	}
	FLOOR(p, step, hash_each(parts, 2 * count, hashes));
}

static void append_floor(struct profile *p, size_t size)
{
	buffer_clear(&p->plain);
	memset(buffer_room(&p->plain, size), 'x', size);
	FLOOR(p, BROKER_JOURNAL, {
		if (write(p->file, p->plain.data, size) != (ssize_t)size || fdatasync(p->file) != 0)
			wrong("the file of the floor cannot be written");
	});
}

/* What CURVE does to a frame, on both sides. */
static void carry(struct profile *p, enum step send, enum step receive, struct bytes frame)
{
	uint8_t *cipher, *plain;
	int opened = 0;

	buffer_clear(&p->cipher);
	buffer_clear(&p->plain);
	cipher = buffer_room(&p->cipher, frame.size + crypto_box_MACBYTES);
	plain = buffer_room(&p->plain, frame.size);
	TIMED(p, send, crypto_box_easy_afternm(cipher, frame.data, frame.size, p->nonce, p->secret));
	TIMED(p, receive, opened = crypto_box_open_easy_afternm(plain, cipher, p->cipher.size, p->nonce, p->secret));
	if (opened != 0)
		wrong("a frame does not open");
	p->floor_us[send] = p->us[send];
	p->floor_us[receive] = p->us[receive];
}

static void submission_make(struct profile *p, uint64_t after, struct uplink_submission *submission)
{
	enum { SUBMIT_FIELD = 3 };
	const struct position seen = {.entry = 0};
	uint8_t prefix[FRAME_PREFIX_SIZE];
	size_t size;

	workload_prepare(&p->workload, after + p->options->per_submission);
	TIMED(p, ORIGIN_MAKE, workload_next(&p->workload, after, UINT64_MAX, &seen, submission));
	size = frame_prefix(prefix, after + 1, SUBMIT_FIELD, submission->message.size);
	buffer_clear(&p->frame);
	buffer_append(&p->frame, prefix, size);
	buffer_bytes(&p->frame, submission->message);
}

/* The parts of core_step that can be told apart; what is left of it is deciding. */
static void submission_take(struct profile *p)
{
	const struct bytes frame = buffer_view(&p->frame);
	struct hash leaves[LIMIT_SUBMISSION_REPORTS], bodies[LIMIT_SUBMISSION_REPORTS], digest;
	uint8_t signature[SIGNATURE_SIZE];
	const Simpul__Up *up = NULL;
	double apart = p->us[BROKER_UNPACK] + p->us[BROKER_HASH] + p->us[BROKER_VERIFY];
	bool good = false;

	carry(p, ORIGIN_SEND, BROKER_RECEIVE, frame);
	arena_reset(&p->arena);
	TIMED(p, BROKER_UNPACK, {
		up = wire_view(&simpul__up__descriptor, frame, &p->arena, NULL);
		for (size_t i = 0; i < up->submit->n_reports; i++) {
			wire_view(&simpul__header__descriptor, of_binary(up->submit->reports[i]->header), &p->arena, NULL);
			wire_view(&simpul__body__descriptor, of_binary(up->submit->reports[i]->body), &p->arena, NULL);
		}
	});
	TIMED(p, BROKER_HASH,
	      submission_digest(up->submit, p->inside.options.exchange, leaves, bodies, &digest, NULL));
	TIMED(p, BROKER_VERIFY, good = digest_verify(p->inside.sender.signing_key, SIGN_TAG_SUBMISSION, &digest,
						     of_binary(up->submit->signature)));
	if (!good)
		wrong("a signature does not verify");
	copy(p, BROKER_UNPACK, frame);
	copy(p, BROKER_DECIDE, frame);
	hashes_floor(p, BROKER_HASH, up->submit);
	hashes_floor(p, ORIGIN_MAKE, up->submit);
	FLOOR(p, ORIGIN_MAKE, digest_sign(&p->inside.keys[0].signing, SIGN_TAG_SUBMISSION, &digest, signature));
	p->floor_us[BROKER_VERIFY] = p->us[BROKER_VERIFY];
	apart = p->us[BROKER_UNPACK] + p->us[BROKER_HASH] + p->us[BROKER_VERIFY] - apart;
	p->us[BROKER_DECIDE] -= apart;
	TIMED(p, BROKER_DECIDE, inside_say(&p->inside, 0, frame));
}

/* The least that a receiver has to do with a batch: its bytes opened once, moved, and hashed, two signatures. */
static void batch_floor(struct profile *p, struct bytes opened, const Simpul__Batch *batch)
{
	struct bytes parts[2 * LIMIT_SUBMISSION_REPORTS];
	struct hash hashes[2 * LIMIT_SUBMISSION_REPORTS];

	copy(p, RECEIVER_UNPACK, opened);
	for (size_t i = 0; i < batch->n_entries; i++) {
		const Simpul__Delivery *delivery = batch->entries[i]->delivery;
		const size_t count = delivery->n_reports;

		for (size_t j = 0; j < count; j++) {
			parts[j] = of_binary(delivery->reports[j]->header);
			parts[count + j] = of_binary(delivery->reports[j]->body);
		}
		FLOOR(p, RECEIVER_HASH, hash_each(parts, 2 * count, hashes));
	}
	p->floor_us[RECEIVER_OPEN] = p->us[RECEIVER_OPEN];
	p->floor_us[RECEIVER_VERIFY] = p->us[RECEIVER_VERIFY];
}

static void batch_read(struct profile *p, const struct core_action *action, const uint8_t *publication, size_t size)
{
	const Simpul__Batch *batch = NULL;
	struct hash digests[LIMIT_COMMIT_ENTRIES];
	struct position upto;
	struct feed_head head;
	uint8_t *opened;
	size_t plain;
	bool good = true;

	arena_reset(&p->arena);
	opened = arena_alloc(&p->arena, size);
	TIMED(p, RECEIVER_OPEN,
	      good = feed_open(action->publish.feed, BYTES(publication, size), &head, opened, &plain) == E_OK);
	if (!good)
		wrong("a publication does not open");
	TIMED(p, RECEIVER_UNPACK,
	      batch = wire_view(&simpul__batch__descriptor, BYTES(opened, plain), &p->arena, NULL));
	TIMED(p, RECEIVER_HASH, for (size_t i = 0; i < batch->n_entries; i++) delivery_digest(
					batch->entries[i]->delivery, p->inside.options.exchange, &digests[i], NULL));
	TIMED(p, RECEIVER_VERIFY, {
		position_of_message(&upto, batch->upto);
		good = chain_verify(p->inside.options.broker.public_key, p->inside.options.exchange, &upto,
				    of_binary(batch->signature));
		for (size_t i = 0; i < batch->n_entries; i++)
			good = good && digest_verify(p->inside.sender.signing_key, SIGN_TAG_SUBMISSION, &digests[i],
						     of_binary(batch->entries[i]->delivery->signature));
	});
	TIMED(p, RECEIVER_HEADERS, for (size_t i = 0; i < batch->n_entries; i++) {
		const Simpul__Delivery *delivery = batch->entries[i]->delivery;

		for (size_t j = 0; j < delivery->n_reports; j++)
			good = good && wire_view(&simpul__header__descriptor, of_binary(delivery->reports[j]->header),
						 &p->arena, NULL);
	});
	if (!good)
		wrong("a batch does not verify");
	batch_floor(p, BYTES(opened, plain), batch);
}

/* Whether a batch went out before in this step: what is shared is sealed once. */
static bool shared_before(const struct core_actions *actions, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (actions->list[i].type == ACTION_PUBLISH &&
		    actions->list[i].publish.batch.data == actions->list[index].publish.batch.data)
			return true;
	return false;
}

static void batches_carry(struct profile *p, const struct core_actions *actions)
{
	struct buffer publication = {0};

	for (size_t i = 0; i < actions->count; i++) {
		const struct core_action *action = &actions->list[i];
		const double sealed_us = p->us[BROKER_SEAL];

		if (action->type != ACTION_PUBLISH)
			continue;
		buffer_clear(&publication);
		buffer_room(&publication, FEED_SIZE(action->publish.batch.size));
		TIMED(p, BROKER_SEAL,
		      batch_seal(p->secret, action->publish.batch, publication.data + FEED_LEAD_SIZE));
		if (shared_before(actions, i))
			p->us[BROKER_SEAL] = sealed_us;
		p->floor_us[BROKER_SEAL] += p->us[BROKER_SEAL] - sealed_us;
		if (sealed_us != p->us[BROKER_SEAL])
			copy(p, BROKER_ANSWER, action->publish.batch);
		TIMED(p, BROKER_SEAL,
		      feed_lead(action->publish.feed, &action->publish.head, p->secret, publication.data));
		carry(p, BROKER_SEND, RECEIVER_RECEIVE, buffer_view(&publication));
		batch_read(p, action, publication.data, publication.size);
	}
	buffer_free(&publication);
}

/* Beside three receivers a commit holds about so many submissions of 256. */
enum { PER_COMMIT = 4 };

static void commit_carry(struct profile *p, uint64_t *after)
{
	struct core_event committed = {.type = CORE_COMMITTED};
	struct uplink_submission submission;
	struct core_actions actions;
	size_t size = 0;

	for (size_t i = 0; i < PER_COMMIT; i++) {
		submission_make(p, *after, &submission);
		size += submission.message.size;
		submission_take(p);
		*after += submission.count;
		p->reports += submission.count;
	}
	append_floor(p, size);
	TIMED(p, BROKER_JOURNAL, committed.committed = inside_commit(&p->inside));
	TIMED(p, BROKER_ANSWER, actions = inside_step(&p->inside, &committed));
	batches_carry(p, &actions);
	inside_acknowledge(&p->inside);
}

/* ---------------------------------------------------------------------------- output */

static void print_text(const struct profile *p)
{
	const double receivers = (double)p->options->receivers, reports = (double)p->reports;
	double sum = 0, floor_sum = 0;

	printf("%-9s %-40s %10s %10s\n", "party", "step", "us/report", "floor");
	for (size_t i = 0; i < STEPS; i++) {
		const double parties = steps[i].each ? receivers : 1;

		printf("%-9s %-40s %10.3f %10.3f%s\n", steps[i].party, steps[i].what, p->us[i] / reports / parties,
		       p->floor_us[i] / reports / parties, steps[i].each ? "  each" : "");
		sum += p->us[i] / reports;
		floor_sum += p->floor_us[i] / reports;
	}
	printf("%-50s %10.3f %10.3f  with %zu receivers, %zu reports a submission\n", "all", sum, floor_sum,
	       p->options->receivers, p->options->per_submission);
}

static void print_json(const struct profile *p)
{
	const double receivers = (double)p->options->receivers, reports = (double)p->reports;

	printf("{\"what\": \"profile\", \"receivers\": %zu, \"per_submission\": %zu, \"size\": %zu, \"steps\": [",
	       p->options->receivers, p->options->per_submission, p->options->size);
	for (size_t i = 0; i < STEPS; i++)
		printf("%s{\"party\": \"%s\", \"step\": \"%s\", \"us_per_report\": %.3f, \"floor_us_per_report\": %.3f, "
		       "\"each_receiver\": %s}",
		       i ? ", " : "", steps[i].party, steps[i].what,
		       p->us[i] / reports / (steps[i].each ? receivers : 1),
		       p->floor_us[i] / reports / (steps[i].each ? receivers : 1), steps[i].each ? "true" : "false");
	printf("]}\n");
}

/* Nameless, where the journal is. */
static int file_open(const struct inside *inside)
{
	const int file = open(inside->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (file < 0)
		wrong("no file for the floor");
	return file;
}

int profile_run(const struct bench_options *options)
{
	struct profile p = {.options = options};
	uint64_t after = 0;

	arena_init(&p.arena);
	randombytes_buf(p.secret, sizeof p.secret);
	inside_open(&p.inside, options->receivers);
	workload_init(&p.workload, WORKLOAD_SENDER, &p.inside.keys[0], p.inside.options.exchange, options->size,
		      options->per_submission);
	p.file = file_open(&p.inside);
	commit_carry(&p, &after); /* goes ahead and is not counted */
	memset(p.us, 0, sizeof p.us);
	memset(p.floor_us, 0, sizeof p.floor_us);
	p.reports = 0;
	while (p.reports < options->reports)
		commit_carry(&p, &after);
	if (options->json)
		print_json(&p);
	else
		print_text(&p);
	close(p.file);
	workload_fini(&p.workload);
	inside_close(&p.inside);
	arena_fini(&p.arena);
	return 0;
}
