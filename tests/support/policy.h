/* policy - the policy of a small exchange as text, put together of its parts: categories, agencies, nodes. */
#ifndef SIMPUL_TEST_POLICY_H
#define SIMPUL_TEST_POLICY_H

#define POLICY_AGENCIES \
	"purposes: [law-enforcement, immigration-oversight, state-security]\n" \
	"categories: [public-order]\n" \
	"agencies:\n"
#define POLICY_AGENCY(agency) \
	"  - agency: " agency "\n" \
	"    ceiling: AMBER\n"
/* What the agency before may do, with sightings of every category. */
#define POLICY_SENDS "    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
#define POLICY_RECEIVES "    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
#define POLICY_NODES "nodes:\n"
#define POLICY_NODE(node, region) "  - {node: " node ", regions: [\"" region "\"]}\n"
/* The police of a district tell its army. */
#define POLICY_POLICE_TO_ARMY \
	POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_AGENCY("army") POLICY_RECEIVES \
		POLICY_NODES POLICY_NODE("police.oku", "16.01") POLICY_NODE("army.oku", "16.01")
/* The same of persons who are wanted, sealed reports too. */
#define POLICY_WANTED_UP_TO_RED \
	"purposes: [law-enforcement, immigration-oversight]\n" \
	"categories: [wanted]\n" \
	"agencies:\n" \
	"  - agency: police\n" \
	"    ceiling: RED\n" \
	"    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n" \
	"  - agency: army\n" \
	"    ceiling: RED\n" \
	"    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n" POLICY_NODES \
	POLICY_NODE("police.oku", "16.01") POLICY_NODE("army.oku", "16.01")

#endif
