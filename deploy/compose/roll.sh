#!/usr/bin/env bash
# Replaces the gateways of docker-compose.yml one after the other, by what the image is now: each drains, ends, and is made anew;
# the next one's turn is when each HAProxy has them all again. With two or more, nobody in a call notices.
#
#   docker compose build gateway && deploy/compose/roll.sh
#
# COMPOSE and DOCKER name other commands than `docker compose` and `docker`. Exit: 0 all are new, 1 one didn't come back.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

read -ra compose <<<"${COMPOSE:-docker compose}"
docker=${DOCKER:-docker}

main() {
    local old gateway
    mapfile -t proxies < <("${compose[@]}" --profile tls ps -q haproxy haproxy-tls)
    ((${#proxies[@]} > 0)) || fail "no HAProxy runs"
    mapfile -t old < <("${compose[@]}" ps -q gateway)
    ((${#old[@]} > 0)) || fail "no gateway runs"
    until_it all_serve "${#old[@]}"
    for gateway in "${old[@]}"; do
        echo "replacing ${gateway:0:12}"
        "$docker" stop --time 45 "$gateway" >/dev/null
        until_it all_serve "$((${#old[@]} - 1))"
        "$docker" rm "$gateway" >/dev/null
        "${compose[@]}" up --detach --no-deps --no-recreate --scale "gateway=${#old[@]}" gateway
        until_it all_serve "${#old[@]}"
    done
}

# all_serve NUMBER: whether each HAProxy sends clients to so many gateways.
all_serve() {
    local proxy
    for proxy in "${proxies[@]}"; do
        [[ "$(serving "$proxy")" == "$1" ]] || return
    done
}

# serving HAPROXY: to how many it does.
serving() {
    "$docker" exec "$1" bash -c '
        exec 3<>/dev/tcp/127.0.0.1/8404
        printf "GET /metrics HTTP/1.0\r\n\r\n" >&3
        sed -n "s/^haproxy_backend_active_servers{proxy=\"nodes\"} //p" <&3'
}

# until_it CONDITION...: asks again and again, for a minute.
until_it() {
    local deadline=$((SECONDS + 60))
    until "$@"; do
        ((SECONDS < deadline)) || fail "not within a minute: $*"
        sleep 0.5
    done
}

fail() {
    echo "deploy/compose/roll.sh: $*" >&2
    exit 1
}

main
