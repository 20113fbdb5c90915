/* Tries to break what agents/serve/local.h and agents/reports/complete.h promise. */
#include "agents/reports/view.h"
#include "agents/serve/local.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/reports.h"
#include <sys/stat.h>

struct place {
	char *folder, *path;
	struct store store;
	struct node_keys keys;
	struct join join;
	struct uplink *uplink;
	struct local *local;
	void *zmq, *client;
};

static const struct draft_defaults defaults = {.label = SIMPUL__LABEL__LABEL_AMBER,
					       .purpose = "law-enforcement",
					       .region = "16.01",
					       .expires_days = 30};

#define SIGHTING \
	"{\"category\": \"overstay\", \"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": " \
	"\"fact\"}}"
#define REPORT(draft) "{\"simpul\": 1, \"command\": \"report\", \"draft\": " draft "}"

/* Steps until the answer is there: what others sent may have come first, and the request a little later. */
static void answer_wait(struct place *place)
{
	zmq_pollitem_t items[] = {{.socket = local_socket(place->local), .events = ZMQ_POLLIN},
				  {.socket = place->client, .events = ZMQ_POLLIN}};

	for (int i = 0; i < 1000 && !(items[1].revents & ZMQ_POLLIN); i++) {
		const struct now now = clock_now();

		zmq_poll(items, 2, 100);
		local_step(place->local, &now);
	}
	assert_true(items[1].revents & ZMQ_POLLIN);
}

/* Sends bytes as one request and gives the answer. */
static json_t *ask_bytes(struct place *place, const void *data, size_t size)
{
	zmq_msg_t frame;
	json_t *answer;

	zmq_send(place->client, data, size, 0);
	answer_wait(place);
	zmq_msg_init(&frame);
	assert_true(zmq_msg_recv(&frame, place->client, 0) > 0);
	answer = json_loadb(zmq_msg_data(&frame), zmq_msg_size(&frame), 0, NULL);
	zmq_msg_close(&frame);
	assert_non_null(answer);
	return answer;
}

static json_t *ask(struct place *place, const char *request)
{
	return ask_bytes(place, request, strlen(request));
}

/* The request is taken, and its first report gets this name. */
static void taken(struct place *place, const char *request, const char *name)
{
	json_t *answer = ask(place, request);

	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("refused: %s", json_string_value(json_object_get(answer, "field")));
	assert_string_equal(json_string_value(json_array_get(json_object_get(answer, "names"), 0)), name);
	json_decref(answer);
}

static void refused(struct place *place, const char *request, const char *code, const char *field)
{
	json_t *answer = ask(place, request);

	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_string_equal(json_string_value(json_object_get(answer, "code")), code);
	assert_string_equal(json_string_value(json_object_get(answer, "field")), field);
	assert_true(json_string_length(json_object_get(answer, "sentence")) > 0);
	json_decref(answer);
}

static uint64_t reports(struct place *place)
{
	struct outbox_counts counts;

	outbox_count(&place->store, &counts);
	return counts.waiting + counts.sent + counts.accepted + counts.refused;
}

static void a_report_is_in_the_outbox_before_the_answer(void **state)
{
	struct place *place = *state;

	taken(place, REPORT(SIGHTING), "police.oku#1");
	assert_int_equal(reports(place), 1);
	assert_int_equal(sqlite3_get_autocommit(place->store.db), 1);
}

/* Who asks about a person and who answers is recorded by that way in alone. */
static void questions_about_persons_come_by_their_own_command(void **state)
{
	struct place *place = *state;

	refused(place, REPORT("{\"category\": \"subject-access\", \"query\": {}}"), "UNRECORDED", "query");
	refused(place,
		"{\"simpul\": 1, \"command\": \"report\", \"drafts\": [" SIGHTING ", {\"reference\": "
		"\"army.oku#1\", \"answer\": {}}]}",
		"UNRECORDED", "drafts[1].answer");
	refused(place, "{\"simpul\": 1, \"command\": \"subject\", \"draft\": " SIGHTING "}", "INVALID", "");
	assert_int_equal(reports(place), 0);
}

static void a_list_is_taken_whole_or_not_at_all(void **state)
{
	struct place *place = *state;

	refused(place, "{\"simpul\": 1, \"command\": \"report\", \"drafts\": [" SIGHTING ", {\"sighting\": {}}]}",
		"MISSING", "drafts[1].category");
	/* What the outbox finds, not the draft's check: nobody knows a key of this office. */
	refused(place,
		"{\"simpul\": 1, \"command\": \"report\", \"drafts\": [" SIGHTING ", {\"category\": \"overstay\", \"label\": \"RED\", "
		"\"to\": [\"army.oku\"], \"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\"}}]}",
		"RECIPIENT_UNKNOWN", "drafts[1].to[0]");
	assert_int_equal(reports(place), 0);
	taken(place, "{\"simpul\": 1, \"command\": \"report\", \"drafts\": [" SIGHTING "," SIGHTING "]}",
	      "police.oku#1");
	assert_int_equal(reports(place), 2);
}

static void the_field_is_a_path_in_the_draft(void **state)
{
	refused(*state,
		REPORT("{\"category\": \"overstay\", \"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", "
		       "\"assertion\": "
		       "\"fact\", \"persons\": [{\"capacity\": \"seen\", \"identity\": \"claimed\"}]}}"),
		"MISSING", "sighting.persons[0].age");
	refused(*state, REPORT("{\"category\": \"overstay\", \"sighting\": {\"shoe\": 1}}"), "UNKNOWN_FIELD",
		"sighting.shoe");
}

static void what_is_no_request_is_refused_with_a_sentence(void **state)
{
	refused(*state, "", "MALFORMED", "");
	refused(*state, "not json", "MALFORMED", "");
	refused(*state, "[1]", "MALFORMED", "");
	refused(*state, "{\"a\": 1, \"a\": 2}", "MALFORMED", "");
	refused(*state, "{\"command\": \"status\"}", "VERSION", "simpul");
	refused(*state, "{\"simpul\": 2, \"command\": \"status\"}", "VERSION", "simpul");
	refused(*state, "{\"simpul\": 1}", "MISSING", "command");
	refused(*state, "{\"simpul\": 1, \"command\": \"erase\"}", "UNKNOWN_VALUE", "command");
	refused(*state, "{\"simpul\": 1, \"command\": \"report\"}", "MISSING", "draft");
	refused(*state, "{\"simpul\": 1, \"command\": \"report\", \"drafts\": []}", "INVALID", "drafts");
	refused(*state, "{\"simpul\": 1, \"command\": \"report\", \"drafts\": [7]}", "INVALID", "drafts[0]");
	refused(*state, "{\"simpul\": 1, \"command\": \"report\", \"draft\": 7}", "INVALID", "");
	assert_int_equal(reports(*state), 0);
}

static void a_nest_of_brackets_does_no_harm(void **state)
{
	enum { DEPTH = 100000 };
	char *nest = memory_alloc(DEPTH);
	json_t *answer;

	memset(nest, '[', DEPTH);
	answer = ask_bytes(*state, nest, DEPTH);
	assert_string_equal(json_string_value(json_object_get(answer, "code")), "MALFORMED");
	json_decref(answer);
	free(nest);
}

static void frames_that_are_not_a_request_are_dropped(void **state)
{
	struct place *place = *state;
	void *dealer = zmq_socket(place->zmq, ZMQ_DEALER);
	char *endpoint = memory_format("ipc://%s", place->path);
	const int none = 0;

	zmq_setsockopt(dealer, ZMQ_LINGER, &none, sizeof(none));
	zmq_connect(dealer, endpoint);
	for (int i = 0; i < 8; i++)
		zmq_send(dealer, "x", 1, i < 7 ? ZMQ_SNDMORE : 0);
	zmq_send(dealer, "x", 1, ZMQ_SNDMORE);
	zmq_send(dealer, "y", 1, 0);
	taken(place, REPORT(SIGHTING), "police.oku#1");
	zmq_close(dealer);
	free(endpoint);
}

static void the_status_tells_state_and_counts(void **state)
{
	struct place *place = *state;
	json_t *answer;

	taken(place, REPORT(SIGHTING), "police.oku#1");
	answer = ask(place, "{\"simpul\": 1, \"command\": \"status\"}");
	assert_string_equal(json_string_value(json_object_get(answer, "node")), "police.oku");
	assert_non_null(json_object_get(answer, "state"));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "outbox"), "waiting")), 1);
	json_decref(answer);
}

static void others_than_owner_and_group_cannot_report(void **state)
{
	struct place *place = *state;
	struct stat status;

	assert_int_equal(stat(place->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
}

static bool show(void *context, const struct outbox_row *row)
{
	struct arena arena;

	arena_init(&arena);
	*(json_t **)context = view_outbox_json(row, &arena);
	arena_fini(&arena);
	return false;
}

static void a_cancel_takes_over_what_decides_the_audience(void **state)
{
	struct place *place = *state;
	const struct report_name name = {"police.oku", 1, SIMPUL__STREAM__STREAM_EXERCISE, 2};
	json_t *cancel = NULL, *header;

	taken(place,
	      REPORT("{\"category\": \"wanted\", \"region\": \"16.01.14\", \"label\": \"AMBER+STRICT\", \"status\": "
		     "\"Exercise\", "
		     "\"case_ref\": \"K-7\", \"alert\": {\"urgency\": \"Immediate\", \"severity\": \"Severe\", "
		     "\"certainty\": "
		     "\"Likely\", \"headline\": \"x\", \"assertion\": \"fact\"}}"),
	      "police.oku#X1");
	taken(place, REPORT("{\"reference\": \"police.oku#X1\", \"cancel\": {\"reason\": \"wrong-person\"}}"),
	      "police.oku#X2");
	assert_int_equal(view_outbox_by_name(&place->store, &name, show, &cancel, NULL), E_OK);
	assert_non_null(cancel);
	header = json_object_get(cancel, "header");
	assert_string_equal(json_string_value(json_object_get(header, "about")), "alert");
	assert_string_equal(json_string_value(json_object_get(header, "category")), "wanted");
	assert_string_equal(json_string_value(json_object_get(header, "region")), "16.01.14");
	assert_string_equal(json_string_value(json_object_get(header, "label")), "AMBER+STRICT");
	assert_string_equal(json_string_value(json_object_get(header, "status")), "Exercise");
	assert_string_equal(json_string_value(json_object_get(header, "case_ref")), "K-7");
	json_decref(cancel);
}

/* Not in a test either: its name is one of the main stream, so nobody else could tell. */
static void what_is_in_earnest_is_not_changed_by_an_exercise(void **state)
{
	static const char *const mixed[] = {"Exercise", "Test", "System"};
	struct place *place = *state;

	taken(place, REPORT(SIGHTING), "police.oku#1");
	for (size_t i = 0; i < sizeof(mixed) / sizeof(mixed[0]); i++) {
		char *request = memory_format(REPORT("{\"reference\": \"police.oku#1\", \"status\": \"%s\", \"cancel\": "
						     "{\"reason\": \"resolved\"}}"),
					      mixed[i]);

		refused(place, request, "INVALID", "status");
		free(request);
	}
	taken(place, REPORT("{\"reference\": \"police.oku#1\", \"status\": \"actual\", \"cancel\": {\"reason\": \"resolved\"}}"),
	      "police.oku#2");
}

/* What an office did not get it knows nothing about. */
static void only_what_came_in_is_flagged(void **state)
{
	refused(*state, REPORT("{\"reference\": \"army.oku#1\", \"flag\": {\"reason\": \"wrong-region\"}}"),
		"REFERENCE_UNKNOWN", "reference");
	refused(*state, REPORT("{\"flag\": {\"reason\": \"wrong-region\"}}"), "MISSING", "reference");
}

static void only_what_this_office_said_can_be_cancelled(void **state)
{
	struct place *place = *state;

	refused(place, REPORT("{\"reference\": \"army.oku#1\", \"cancel\": {\"reason\": \"resolved\"}}"), "NOT_ORIGIN",
		"reference");
	refused(place, REPORT("{\"reference\": \"police.oku#1\", \"cancel\": {\"reason\": \"resolved\"}}"),
		"REFERENCE_UNKNOWN", "reference");
	refused(place, REPORT("{\"reference\": \"police\", \"cancel\": {\"reason\": \"resolved\"}}"), "INVALID",
		"reference");
	refused(place, REPORT("{\"cancel\": {\"reason\": \"resolved\"}}"), "MISSING", "reference");
	taken(place, REPORT(SIGHTING), "police.oku#1");
	test_sql(&place->store, "UPDATE outbox_report SET code = 86");
	refused(place, REPORT("{\"reference\": \"police.oku#1\", \"cancel\": {\"reason\": \"resolved\"}}"),
		"REFERENCE_UNKNOWN", "reference");
}

static enum error no_welcome(void *context, const Simpul__Welcome *welcome, struct fault *fault)
{
	(void)context;
	(void)welcome;
	return fault_at(fault, E_INTERNAL, "%s", "");
}

static struct position no_cursor(void *context)
{
	(void)context;
	return (struct position){0};
}

static void connect_all(struct place *place)
{
	const struct uplink_options options = {.join = &place->join,
					       .keys = &place->keys,
					       .node = "police.oku",
					       .epoch = 1,
					       .source = {.welcome = no_welcome},
					       .target = {.cursor = no_cursor}};
	const struct local_host host = {.store = &place->store, .keys = &place->keys, .defaults = &defaults};
	struct local_host with_uplink = host;
	char *endpoint = memory_format("ipc://%s", place->path);

	place->zmq = zmq_ctx_new();
	with_uplink.uplink = place->uplink = uplink_new(place->zmq, &options);
	assert_int_equal(local_open(&place->local, place->zmq, place->path, &with_uplink, NULL), E_OK);
	place->client = zmq_socket(place->zmq, ZMQ_REQ);
	assert_int_equal(zmq_connect(place->client, endpoint), 0);
	free(endpoint);
}

static int begin(void **state)
{
	struct place *place = memory_zero(1, sizeof(*place));

	place->folder = test_folder();
	place->path = memory_format("%s/local.sock", place->folder);
	place->keys = fixed_node_keys();
	snprintf(place->join.link_endpoint, sizeof(place->join.link_endpoint), "tcp://127.0.0.1:9");
	snprintf(place->join.feed_endpoint, sizeof(place->join.feed_endpoint), "tcp://127.0.0.1:9");
	test_store_open(&place->store, place->folder);
	connect_all(place);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;

	zmq_close(place->client);
	local_close(place->local);
	uplink_free(place->uplink);
	zmq_ctx_term(place->zmq);
	store_close(&place->store);
	test_folder_remove(place->folder);
	free(place->path);
	free(place);
	return 0;
}

#define PLACE "{\"simpul\": 1, \"command\": \"hold-place\", \"report\": \"police.oku#1\", \"order\": \"12/2026\", "

/* The kernel says that it is the same user, whatever he says himself. */
static void who_places_a_hold_cannot_confirm_it(void **state)
{
	struct place *place = *state;
	char until[TIME_TEXT_SIZE], request[400];
	json_t *answer;

	taken(place, REPORT(SIGHTING), "police.oku#1");
	time_text(until, clock_now().wall + 20 * DAY_MS, 0);
	snprintf(request, sizeof(request),
		 PLACE "\"authority\": \"PN-BATURAJA\", \"until\": \"%s\", \"reason\": \"x\"}", until);
	answer = ask(place, request);
	assert_int_equal(json_integer_value(json_object_get(answer, "hold")), 1);
	json_decref(answer);
	refused(place, "{\"simpul\": 1, \"command\": \"hold-confirm\", \"hold\": 1, \"user\": \"budi\"}",
		"TWO_OPERATORS", "user");
	refused(place, PLACE "\"authority\": \"Judge Anna\", \"until\": \"2027-06-30T00:00:00Z\", \"reason\": \"x\"}",
		"INVALID", "authority");
	refused(place, PLACE "\"authority\": \"PN-BATURAJA\", \"until\": \"soon\", \"reason\": \"x\"}", "INVALID",
		"until");
	refused(place, "{\"simpul\": 1, \"command\": \"hold-lift\", \"hold\": 1, \"reason\": \"x\"}", "NOT_FOUND",
		"hold");
	refused(place, "{\"simpul\": 1, \"command\": \"hold-open\", \"report\": \"police.oku#1\", \"reason\": \"x\"}",
		"NOT_FOUND", "report");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_report_is_in_the_outbox_before_the_answer),
		TEST(a_list_is_taken_whole_or_not_at_all),
		TEST(questions_about_persons_come_by_their_own_command),
		TEST(the_field_is_a_path_in_the_draft),
		TEST(what_is_no_request_is_refused_with_a_sentence),
		TEST(a_nest_of_brackets_does_no_harm),
		TEST(frames_that_are_not_a_request_are_dropped),
		TEST(the_status_tells_state_and_counts),
		TEST(others_than_owner_and_group_cannot_report),
		TEST(a_cancel_takes_over_what_decides_the_audience),
		TEST(what_is_in_earnest_is_not_changed_by_an_exercise),
		TEST(only_what_came_in_is_flagged),
		TEST(only_what_this_office_said_can_be_cancelled),
		TEST(who_places_a_hold_cannot_confirm_it),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
