#!/usr/bin/env bash
# Breaks whatever can fail around nodes on this machine while clients talk, and judges by all that the clients did and
# heard whether anything was lost, doubled or falsely told.
#
#   scripts/faults.sh                one fault after the other: nodes killed, drained and paused, Redis emptied, links and
#                                    clients' connections cut, held, swallowed
#   scripts/faults.sh sentinel       the same around a Redis with replicas and Sentinels, whose master dies
#   scripts/faults.sh rolling        all nodes restarted in turn
#   scripts/faults.sh exodus         a node dies with all clients on it
#   scripts/faults.sh all            one after the other
#
# The scale: SOCKETS=300 (exodus: 5000) NODES=3 ROUNDS=20 RATE=3 (messages a second of each client; exodus: 0.1)
# DRAIN=30 (seconds) SEED=number. PROFILE=dev runs a debug build. FAULTS_LOGS=file takes all that the clients did and heard.
# Prints a report. Exit: 0 no promise was broken, 1 one was, 2 it could not run.
# The tests of the same names in tests/system/faults.rs do the same on a small scale.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

profile=${PROFILE:-release}
report=$(mktemp)
trap 'rm -f "$report"' EXIT

cannot_run() {
    printf 'scripts/faults.sh: %s\n' "$*" >&2
    exit 2
}

# run NAME TEST [SETTING=VALUE …]: settings of the caller go first.
run() {
    local name=$1 test=$2
    shift 2
    : >"$report"
    env "$@" ${SOCKETS:+FAULTS_SOCKETS="$SOCKETS"} ${NODES:+FAULTS_NODES="$NODES"} ${ROUNDS:+FAULTS_ROUNDS="$ROUNDS"} \
        ${RATE:+FAULTS_RATE="$RATE"} ${SEED:+FAULTS_SEED="$SEED"} ${DRAIN:+FAULTS_DRAIN="$DRAIN"} \
        FAULTS_RUN="$name" FAULTS_REPORT="$report" \
        cargo test --profile "$profile" --locked --quiet --test system -- --nocapture --exact "faults::$test" >&2
    local status=$?
    printf '## %s\n\n' "$name"
    [[ -s "$report" ]] || cannot_run "$name ended without a report: see above"
    cat "$report"
    printf '\n'
    [[ $status -eq 0 ]] || broken=1
}

standalone() { run standalone nothing_is_lost_whatever_fails_around_a_redis; }
sentinel() { run sentinel nothing_is_lost_whatever_fails_under_sentinels; }
rolling() { run rolling nothing_is_lost_while_all_nodes_are_restarted_in_turn; }
exodus() { run exodus who_loses_a_node_is_back_on_the_others_soon FAULTS_SOCKETS=5000 FAULTS_RATE=0.1; }

command -v cargo >/dev/null || cannot_run "cargo is missing; install Rust: https://rustup.rs"
command -v redis-server >/dev/null || cannot_run "redis-server is missing; install Redis 7.0 or later"
ulimit -n "$(ulimit -Hn)"
cargo build --profile "$profile" --locked --quiet --test system || cannot_run "it doesn't build"

broken=0
case ${1:-standalone} in
    standalone | sentinel | rolling | exodus) "${1:-standalone}" ;;
    all) standalone && sentinel && rolling && exodus ;;
    *) cannot_run "there is no run $1: standalone, sentinel, rolling, exodus, all" ;;
esac
exit "$broken"
