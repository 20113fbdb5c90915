# What the demonstrations share: how they tell, start, wait and clean up. To be sourced with `bin` (folder of the programs),
# `home` (folder of everything) and `keep` ("--keep" leaves it all running) set.
# shellcheck shell=bash disable=SC2154
log=$home/log
declare -A pid=()

# ------------------------------------------------------------------ telling

bold='' dim='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; fi
heading() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
say() { printf '  %s  %s\n' "$(date +%H:%M:%S)" "$1"; }
detail() { printf '            %s%s%s\n' "$dim" "$1" "$plain"; }
fail() {
	printf '\n%s: %s\n' "demo" "$1" >&2
	printf 'The last lines of %s:\n' "$log" >&2
	tail -n 15 "$log" >&2
	exit 1
}

# ------------------------------------------------------------------ programs

ctl() { "$bin/simpulctl" -c "$home/broker/broker.yaml" "$@"; }
office() { local node=$1; shift; "$bin/simpul" -c "$home/$node/agent.yaml" "$@"; }

start_broker() {
	"$bin/simpul-broker" -c "$home/broker/broker.yaml" >>"$log" 2>&1 &
	pid[broker]=$!
	until_true 100 ctl status >/dev/null || fail "the broker does not answer"
}
start_agent() {
	"$bin/simpul-agent" -c "$home/$1/agent.yaml" >>"$log" 2>&1 &
	pid[$1]=$!
}
# SIGKILL: no time to say goodbye or to write anything down.
kill_hard() {
	kill -KILL "${pid[$1]}"
	wait "${pid[$1]}" 2>/dev/null
	unset "pid[$1]"
}
stop_all() {
	local name
	for name in "${!pid[@]}"; do kill -TERM "${pid[$name]}" 2>/dev/null; done
	for name in "${!pid[@]}"; do wait "${pid[$name]}" 2>/dev/null; done
	pid=()
}
clean_up() {
	[ "$keep" = --keep ] && [ "${kept:-}" = yes ] && return
	stop_all
	rm -rf "$home"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Tries a command up to $1 times, a tenth of a second apart.
until_true() {
	local tries=$1
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}
is_connected() { office "$1" status; }
settled() { [ -z "$(office "$1" outbox list --waiting --json 2>/dev/null)" ]; }
free_port() {
	local port
	while :; do
		port=$((10000 + RANDOM % 20000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

# ------------------------------------------------------------------ setting up

# A broker with the example's policy, under this name.
make_exchange() { # NAME EXAMPLE
	"$bin/simpulctl" init "$home/broker" --name "$1" --no-passphrase --link "tcp://127.0.0.1:$(free_port)" \
		--feed "tcp://127.0.0.1:$(free_port)" >>"$log" 2>&1 || fail "simpulctl init"
	cp "deploy/example/$2/policy.yaml" "$home/broker/policy.yaml"
	start_broker
}
make_office() { # NODE PROVINCE FOLDERS
	local node=$1 province=$2 folders=$3 folder=$home/$1 said fingerprint
	mkdir -p "$folder/drop" "$folder/guests" "$folder/patrol" "$folder/received" "$folder/store"
	said=$("$bin/simpul" join --node "$node" --exchange-file "$home/broker/exchange.id" -o "$folder" --no-passphrase 2>>"$log") ||
		fail "keys of $node"
	echo "$said" >>"$log"
	# What an officer reads to the operator on the phone.
	fingerprint=$(sed -n 's/^fingerprint  *//p' <<<"$said")
	ctl enroll "$folder/$node.request" --authority-key "$home/broker/authority.key" --fingerprint "$fingerprint" \
		-o "$folder/exchange.join" \
		>>"$log" 2>&1 || fail "enrolment of $node"
	cat >"$folder/agent.yaml" <<-YAML
		node: $node
		keys: $node.keys
		join: exchange.join
		store: store
		${folders:+folders:}
		$folders
		sinks:
		  - {name: registry, type: folder, path: received}
		defaults: {label: AMBER, purpose: immigration-oversight, source_grade: B, information_grade: "2",
		           region_within: "$province", expires_days: 90}
	YAML
}
