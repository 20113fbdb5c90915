/* policy_fuzz - policy.yaml: a policy that is accepted answers every question, the same after it went through the
 * journal, and never admits more where more is asked of a node: a stricter label, another protection. */
#include "broker/policy/policy.h"
#include "common/name.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static const char *const categories[] = {"wanted", "overstay", "lodging", "missing", "nothing"};
static const char *const regions[] = {"16", "16.01", "16.01.14", "16.08", "31", ""};
static const unsigned protections[] = {0, 1u << 1, 1u << 2, 1u << 1 | 1u << 3, 1u << 4};

static struct routing_class class_of(unsigned choice)
{
	struct routing_class class = {.kind = choice & 1 ? SIMPUL__KIND__KIND_ALERT : SIMPUL__KIND__KIND_SIGHTING,
				      .label = (Simpul__Label)(1 + choice / 2 % 5),
				      .protection = protections[choice / 10 % 5]};

	strcpy(class.category, categories[choice / 50 % 5]);
	strcpy(class.region, regions[choice / 250 % 6]);
	return class;
}

enum { CLASSES = 2 * 5 * 5 * 5 * 6 };

/* What a node may have of a class, it may have of the same with a laxer label, and of the same without protection. */
static void monotonous(const struct policy *policy, const char *node, const struct routing_class *class)
{
	struct routing_class laxer = *class;

	if (policy_admits(policy, node, class) != ADMITTED)
		return;
	PROMISE(policy_knows_node(policy, node) && policy_knows_category(policy, class->category));
	laxer.protection = 0;
	PROMISE(policy_admits(policy, node, &laxer) == ADMITTED);
	if (laxer.label > SIMPUL__LABEL__LABEL_CLEAR)
		laxer.label--;
	PROMISE(policy_admits(policy, node, &laxer) == ADMITTED);
}

static bool says(const struct policy *policy, const char *word)
{
	const struct bytes text = policy_text(policy);

	return memmem(text.data, text.size, word, strlen(word)) != NULL;
}

/* Deny by default: what the text does not speak of, nobody has. */
static void denied_by_default(const struct policy *policy, const char *node, const struct routing_class *class)
{
	if (!says(policy, "receive") || (class->protection != 0 && !says(policy, "protection")) ||
	    (class->label == SIMPUL__LABEL__LABEL_RED && !says(policy, "RED")))
		PROMISE(policy_admits(policy, node, class) != ADMITTED);
	if (!says(policy, "publish"))
		PROMISE(policy_may_publish(policy, node, class) != E_OK);
}

static void asked(const struct policy *policy, const struct policy *again, const char *node, unsigned salt)
{
	/* A sample: all 1,500 for each of many nodes would be slow. */
	for (unsigned i = salt % 7; i < CLASSES; i += 7) {
		const struct routing_class class = class_of(i);
		const enum denial denial = policy_admits(policy, node, &class);

		PROMISE(denial <= DENIED_PROTECTION && denial_text(denial) != NULL);
		PROMISE(policy_admits(again, node, &class) == denial);
		PROMISE(policy_may_publish(again, node, &class) == policy_may_publish(policy, node, &class));
		monotonous(policy, node, &class);
		denied_by_default(policy, node, &class);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = NULL, *again = NULL;
	struct fault fault = {.code = E_OK};
	struct buffer description = {0};
	enum error error = policy_parse(BYTES(data, size), "policy.yaml", &policy, &fault);
	struct hash hash;

	PROMISE(error == fault.code && (error == E_OK) == (policy != NULL));
	if (error != E_OK)
		return 0;
	PROMISE(policy_parse(policy_text(policy), "journal", &again, &fault) == E_OK);
	hash = policy_hash(policy);
	PROMISE(bytes_equal(policy_text(policy), BYTES(data, size)) &&
		bytes_equal(BYTES(hash.bytes, HASH_SIZE), BYTES(policy_hash(again).bytes, HASH_SIZE)));
	for (size_t i = 0; i < policy_node_count(policy) && i < 6; i++) {
		PROMISE(node_name_valid(policy_node_name(policy, i)));
		asked(policy, again, policy_node_name(policy, i), (unsigned)(size + i));
		policy_describe(policy, policy_node_name(policy, i), &description);
	}
	asked(policy, again, "stranger.oku", (unsigned)size);
	buffer_free(&description);
	policy_free(policy);
	policy_free(again);
	return 0;
}
