#!/usr/bin/env bash
# Runs Autobahn's WebSocket test suite against the gateway's echo route (feature `echo-route`).
#
#   scripts/autobahn.sh                       builds the gateway, starts it, tests it, ends it
#   SWITCHBOARD_BIN=path scripts/autobahn.sh  tests a gateway that was built with `echo-route` before
#   PYTHON27=path scripts/autobahn.sh         the Python 2.7 to use; otherwise it is looked for
#
# Exit: 0 no case failed, 1 a case failed, 2 the suite could not run.
# The suite, its report and the logs live in ${CARGO_TARGET_DIR:-target}/autobahn; the next run uses the suite again.
set -euo pipefail

readonly SUITE="autobahntestsuite==0.8.2"
readonly VIRTUALENV="virtualenv==20.21.1" # the last one that makes environments of Python 2.7
readonly CASES='"1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"' # 12 and 13 are compression: not offered

cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "${CARGO_TARGET_DIR:-target}/autobahn"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
home="$target/autobahn"
readonly target home

gateway_pid=""
suite_pid=""

main() {
    trap end_what_was_started EXIT
    trap 'exit 130' INT TERM
    install_suite
    [[ -n "${SWITCHBOARD_BIN:-}" ]] || build_gateway
    start_gateway "${SWITCHBOARD_BIN:-$home/switchboard}"
    run_suite
    "$home/venv/bin/python" scripts/lib/autobahn_verdict.py "$home/report/index.json" "$home/suite.log"
}

# Makes $home/venv once. The stamp is written last, so an interrupted install starts again.
install_suite() {
    local stamp="$home/installed-$SUITE" python27
    [[ -e "$stamp" ]] && return
    python27=$(find_python27) || cannot_run "The suite runs on Python 2.7, and none was found: install one" \
        "(for example \`pyenv install 2.7.18\`, with a C compiler), or name it in PYTHON27."
    echo "installing $SUITE under $python27"
    {
        rm -rf "$home/tool" "$home/venv" &&
            python3 -m venv "$home/tool" &&
            "$home/tool/bin/pip" install "$VIRTUALENV" &&
            "$home/tool/bin/virtualenv" --python "$python27" "$home/venv" &&
            "$home/venv/bin/pip" install "$SUITE"
    } >"$home/install.log" 2>&1 || cannot_run "Installing the suite failed (it needs python3 with the module venv," \
        "a C compiler and the Python package index): see $home/install.log"
    touch "$stamp"
}

# Prints the path of a Python 2.7 that runs. pyenv's own `python2.7` refuses to unless that version is selected.
find_python27() {
    local candidate root
    root=$(pyenv root 2>/dev/null || echo "$HOME/.pyenv")
    for candidate in "${PYTHON27:-}" python2.7 python2 "$root"/versions/2.7*/bin/python2.7; do
        [[ -n "$candidate" ]] || continue
        "$candidate" -c 'import sys; sys.version_info[:2] == (2, 7) or sys.exit(1); print(sys.executable)' 2>/dev/null &&
            return
    done
    return 1
}

# The binary is moved away from target/release, so that nobody takes a gateway with an echo route for the real one;
# the next `cargo build --release` puts the real one there.
build_gateway() {
    CARGO_TARGET_DIR="$target" cargo build --release --features echo-route || cannot_run "The gateway does not build."
    mv "$target/release/switchboard" "$home/switchboard"
}

# Starts the gateway on a free port and sets $address, which its log tells.
start_gateway() {
    local log="$home/gateway.log"
    : >"$log" # here and not by the child: the last run's address must be gone before the first look
    "$1" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --log-format json >>"$log" 2>&1 &
    gateway_pid=$!
    for _ in {1..100}; do
        # The address is looked for only in whole lines.
        address=$(grep '"message": *"listening".*}$' "$log" | grep -o '"address": *"[^"]*"' | head -n 1 | cut -d '"' -f 4) && return
        kill -0 "$gateway_pid" 2>/dev/null || break
        sleep 0.1
    done
    cannot_run "The gateway did not say where it listens: see $log"
}

# Runs every case and leaves $home/report/index.json and index.html.
run_suite() {
    rm -rf "$home/report"
    cat >"$home/spec.json" <<SPEC
{
    "outdir": "$home/report",
    "servers": [{"agent": "switchboard", "url": "ws://$address/echo"}],
    "cases": [$CASES],
    "exclude-cases": [],
    "exclude-agent-cases": {}
}
SPEC
    echo "running the suite against ws://$address/echo (a few minutes)"
    "$home/venv/bin/python" "$home/venv/bin/wstest" --mode fuzzingclient --spec "$home/spec.json" >"$home/suite.log" 2>&1 &
    suite_pid=$!
    wait "$suite_pid" || cannot_run "The suite ended early: see $home/suite.log"
    suite_pid=""
    kill -0 "$gateway_pid" 2>/dev/null || cannot_run "The gateway ended during the suite: see $home/gateway.log"
    [[ -e "$home/report/index.json" ]] || cannot_run "The suite left no report: see $home/suite.log"
    echo "report: $home/report/index.html"
}

cannot_run() {
    echo "$*" >&2
    exit 2
}

end_what_was_started() {
    local pid
    for pid in $suite_pid $gateway_pid; do
        kill "$pid" 2>/dev/null || continue
        for _ in {1..100}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
}

main
