#!/usr/bin/env bash
# A cluster on this machine, without containers: gateways, one Redis that they share, one HAProxy before them. See --help.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'HELP'
Starts a cluster on this machine, says its URL, and ends it on Ctrl-C.

  scripts/cluster.sh [--port PORT] [GATEWAYS]

GATEWAYS is how many, 1 to 99; 3 unless told. PORT is where browsers connect, 8080 unless told. The other ports follow from
it: gateway 1 listens on PORT + 1 and, for operators, on PORT + 101; Redis on PORT + 200. All are on 127.0.0.1.

It needs Rust, redis-server 7.0 or later, and haproxy. Logs are in ${CARGO_TARGET_DIR:-target}/cluster/PORT and, together,
on the terminal. Redis keeps nothing on disk. Gateways heed SWITCHBOARD_... as ever (docs/configuration.md).

  SWITCHBOARD_BIN=path scripts/cluster.sh    runs that gateway instead of building one

Exit: 130 after Ctrl-C, 1 when something didn't start, 2 when something is missing or wrong.
HELP
}

port=8080
gateways=3
names=() # of what was started,
pids=()  # in the order in which it was

main() {
    read_arguments "$@"
    check_commands
    check_ports
    [[ -n "${SWITCHBOARD_BIN:-}" ]] || cargo build --release --locked || refuse "The gateway does not build."
    gateway="${SWITCHBOARD_BIN:-${CARGO_TARGET_DIR:-target}/release/switchboard}"
    folder="${CARGO_TARGET_DIR:-target}/cluster/$port"
    rm -rf "$folder"
    mkdir -p "$folder"
    trap end_all EXIT
    trap 'exit 130' INT TERM HUP
    start_redis
    start_gateways
    start_haproxy
    introduce
    wait # for all logs to end by themselves, or for Ctrl-C
    return 1
}

read_arguments() {
    local told=
    while (($#)); do
        case "$1" in
        -h | --help) usage && exit ;;
        --port) port="${2:-}" && shift ;;
        -*) refuse "There is no $1; see scripts/cluster.sh --help." ;;
        *)
            [[ -z "$told" ]] || refuse "GATEWAYS is one number; \"$1\" is one too many."
            gateways="$1" told=yes
            ;;
        esac
        shift || refuse "--port takes a number."
    done
    [[ "$gateways" =~ ^[1-9][0-9]?$ ]] || refuse "A cluster has 1 to 99 gateways, not \"$gateways\"."
    [[ "$port" =~ ^[1-9][0-9]{0,4}$ && "$port" -le 65335 ]] || refuse "--port takes a number from 1 to 65335, not \"$port\"."
}

check_commands() {
    PATH=$PATH:/usr/sbin # where Debian has haproxy, and its users don't look
    [[ -n "${SWITCHBOARD_BIN:-}" ]] || command -v cargo >/dev/null || refuse "cargo is missing; install Rust: https://rustup.rs"
    local command
    for command in redis-server haproxy; do
        command -v "$command" >/dev/null || refuse "$command is missing; install it (Debian and Ubuntu: apt-get install $command)."
    done
}

check_ports() {
    local number taken=()
    for number in "$port" "$((port + 200))" $(seq "$((port + 1))" "$((port + gateways))") $(seq "$((port + 101))" "$((port + 100 + gateways))"); do
        listens "$number" && taken+=("$number")
    done
    ((${#taken[@]} == 0)) || refuse "Something listens already on ${taken[*]}; end it, or choose other ports with --port."
}

start_redis() {
    start redis redis-server --bind 127.0.0.1 --port "$((port + 200))" --save '' --appendonly no --maxmemory-policy noeviction
    until_it listens "$((port + 200))"
}

# All of its clients come from one machine.
generous=(--max-sockets-per-address 1000000 --joins-per-address 1000000 --messages-per-socket 1000000)

start_gateways() {
    local i
    for ((i = 1; i <= gateways; i++)); do
        start "gateway-$i" "$gateway" --listen "127.0.0.1:$((port + i))" --admin-listen "127.0.0.1:$((port + 100 + i))" \
            --redis "redis://127.0.0.1:$((port + 200))" --trusted-proxy 127.0.0.1 "${generous[@]}"
        until_it is_ready "$((port + 100 + i))"
    done
}

start_haproxy() {
    local i
    {
        cat deploy/haproxy.cfg
        for ((i = 1; i <= gateways; i++)); do
            echo "    server gateway-$i 127.0.0.1:$((port + i)) port $((port + 100 + i))"
        done
    } >"$folder/haproxy.cfg"
    PUBLIC_ADDRESS="127.0.0.1:$port" start haproxy haproxy -db -f "$folder/haproxy.cfg"
    until_it listens "$port"
}

introduce() {
    local i
    echo
    for i in "${!names[@]}"; do
        echo "${names[i]}: process ${pids[i]}, log $folder/${names[i]}.log"
    done
    echo
    echo "The cluster is at http://localhost:$port/#tea; Ctrl-C ends it."
}

# start NAME COMMAND...: runs a command, and shows its log as it grows until it ends. It has a process group of its own, so
# that Ctrl-C reaches this script alone, which ends one after the other.
start() {
    local name="$1" log="$folder/$1.log"
    shift
    : >"$log" # for tail, which may be quicker than the command
    set -m
    "$@" >>"$log" 2>&1 </dev/null &
    names+=("$name")
    pids+=($!)
    disown "$!" # else bash, too, tells who was killed
    { tail -n +1 -f --pid="${pids[-1]}" "$log" | sed -u "s/^/$name | /" && echo "$name has ended"; } &
    set +m
}

# until_it CONDITION...: waits until what was started last does something.
until_it() {
    local name="${names[-1]}"
    for _ in {1..600}; do
        "$@" && return
        kill -0 "${pids[-1]}" 2>/dev/null || fail "$name has ended; its log, $folder/$name.log, should say why."
        sleep 0.1
    done
    fail "$name takes too long to start; see $folder/$name.log."
}

# listens PORT: whether somebody does.
listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# is_ready PORT: whether the gateway whose admin port this is serves clients.
is_ready() (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit
    printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    read -r -t 1 -u 3 status && [[ "$status" == *" 200 "* ]]
) 2>/dev/null

# Ends what was started, the last first: gateways leave their rooms while there still is a Redis.
end_all() {
    trap '' INT TERM HUP
    local i
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        end "${pids[i]}"
    done
    wait # for the last lines of their logs
}

# end PID: asks a process to end, also one that was paused, and asks again, so that a gateway doesn't drain; and kills it if it
# doesn't end even so.
end() {
    { kill -TERM "$1" && kill -CONT "$1"; } 2>/dev/null || return 0
    for _ in {1..100}; do
        sleep 0.1
        kill -TERM "$1" 2>/dev/null || return 0
    done
    kill -KILL "$1" 2>/dev/null || true
}

fail() {
    end_all
    trap - EXIT
    echo "scripts/cluster.sh: $*" >&2
    exit 1
}

refuse() {
    echo "scripts/cluster.sh: $*" >&2
    exit 2
}

main "$@"
