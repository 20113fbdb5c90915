/* control_view - writes what core.h shows of itself as JSON; times in UTC, hashes and keys in hexadecimal. */
#include "broker/control/control_view.h"

#include "common/json.h"

static void set_number(json_t *object, const char *key, uint64_t number)
{
	json_object_set_new(object, key, json_integer((json_int_t)number));
}

static void set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text));
}

/* At most 64 bytes. */
static void set_hex(json_t *object, const char *key, const uint8_t *data, size_t size)
{
	char hex[129];

	set_text(object, key, hex_of(hex, BYTES(data, size)));
}

static void set_time(json_t *object, const char *key, wall_ms time)
{
	char text[TIME_TEXT_SIZE];

	json_object_set_new(object, key, time == 0 ? json_null() : json_string(time_text(text, time, 0)));
}

/* What an office's join file holds: so that whoever may enrol need not read the broker's secrets. */
static void set_identity(json_t *object, const struct control_port *port)
{
	const struct broker_identity *identity = port->identity;

	set_text(object, "name", identity->exchange.name);
	set_hex(object, "exchange", identity->exchange.id, EXCHANGE_SIZE);
	set_hex(object, "authority", identity->exchange.authority, KEY_SIZE);
	set_hex(object, "broker_curve", identity->keys.curve_public, KEY_SIZE);
	set_hex(object, "broker_signing", identity->keys.signing.public_key, KEY_SIZE);
	set_text(object, "link", port->settings->link_public);
	set_text(object, "feed", port->settings->feed_public);
	if (port->settings->bulletin_public != NULL)
		set_text(object, "bulletin", port->settings->bulletin_public);
	json_object_set_new(object, "master_key", json_boolean(identity->has_master));
}

static void set_inspection(json_t *object, const struct control_port *port)
{
	static const char *const words[] = {[INSPECTION_RUNS] = "running",
					    [INSPECTION_GOOD] = "good",
					    [INSPECTION_DAMAGED] = "damaged",
					    [INSPECTION_FAILED] = "failed"};
	struct inspection_status status;

	inspector_look(port->inspector, &status);
	set_text(object, "verified", words[status.state]);
	set_number(object, "verified_entries", status.verdict.entries);
	set_number(object, "damaged_entry", status.verdict.bad_entry);
	set_text(object, "damage", status.verdict.what);
}

json_t *view_status(const struct control_port *port)
{
	json_t *object = json_object();
	struct core_status status;

	core_status(port->core, &status);
	set_identity(object, port);
	set_time(object, "started_at", port->started_at);
	set_number(object, "incarnation", status.position.incarnation);
	set_number(object, "entry", status.position.entry);
	set_hex(object, "head", status.position.head.bytes, HASH_SIZE);
	set_time(object, "broker_key_made", status.broker_made);
	set_time(object, "authority_key_made", status.authority_made);
	set_number(object, "broker_keys_announced", status.announced);
	set_inspection(object, port);
	set_number(object, "policy_version", status.policy_version);
	set_hex(object, "policy_hash", status.policy_hash.bytes, HASH_SIZE);
	set_number(object, "members", status.members);
	set_number(object, "connected", status.connected);
	set_number(object, "accepted", status.accepted);
	set_number(object, "refused_reports", status.refused_reports);
	set_number(object, "refused_messages", status.refused_messages);
	set_number(object, "delivered", status.delivered);
	set_number(object, "under_way", status.under_way);
	set_number(object, "tail_entries", status.tail_entries);
	set_number(object, "tail_bytes", status.tail_bytes);
	json_object_set_new(object, "disk_low", json_boolean(status.disk_low));
	json_object_set_new(object, "clock_doubted", json_boolean(status.clock_doubted));
	json_object_set_new(object, "stopping", json_boolean(status.stopping));
	return object;
}

static json_t *node_view(const struct core_node *node)
{
	json_t *object = json_object();

	set_text(object, "node", node->node);
	set_number(object, "key_id", node->key_id);
	set_time(object, "key_made", node->key_made);
	set_time(object, "expires_at", node->expires_at);
	set_text(object, "standing", enum_text(&simpul__standing__descriptor, (int)node->standing));
	json_object_set_new(object, "connected", json_boolean(node->connected));
	json_object_set_new(object, "live", json_boolean(node->live));
	set_time(object, "last_seen", node->last_seen);
	set_number(object, "cursor", node->cursor);
	set_number(object, "lag", node->lag);
	set_number(object, "queued_bytes", node->queued_bytes);
	json_object_set_new(object, "in_policy", json_boolean(node->in_policy));
	return object;
}

json_t *view_nodes(const struct core *core)
{
	json_t *object = json_object(), *list = json_array();
	struct core_node node;

	for (size_t i = 0; core_node_at(core, i, &node); i++)
		json_array_append_new(list, node_view(&node));
	json_object_set_new(object, "nodes", list);
	return object;
}

json_t *view_policy(const struct core *core, const char *node)
{
	const struct policy *policy = core_policy(core);
	struct buffer text = {0};
	struct core_status status;
	json_t *object;

	if (policy == NULL)
		return NULL;
	object = json_object();
	core_status(core, &status);
	set_number(object, "policy_version", status.policy_version);
	set_hex(object, "policy_hash", status.policy_hash.bytes, HASH_SIZE);
	if (node != NULL)
		policy_describe(policy, node, &text);
	else
		buffer_bytes(&text, policy_text(policy));
	json_object_set_new(object, "text", json_stringn((const char *)text.data, text.size));
	buffer_free(&text);
	return object;
}

json_t *view_proposal(const struct proposal *proposal)
{
	json_t *object = json_object(), *request = json_copy(proposal->request);

	json_object_del(request, "signature");
	set_number(object, "proposal", proposal->id);
	set_text(object, "command", proposal->command->act);
	set_text(object, "operator", proposal->signatures[0].operator_name);
	set_number(object, "at_ms", proposal->at);
	set_time(object, "at", proposal->at);
	set_time(object, "expires", proposal->at + ACT_LIFE_MS);
	set_hex(object, "content", proposal->content.bytes, HASH_SIZE);
	json_object_set_new(object, "request", request);
	return object;
}
