#!/usr/bin/env bash
# Everything that has to hold: formatting, lints, docs, all tests, instruction counts, and the browser tests.
#
#   scripts/test.sh
#
# Needs Rust (rustup) and Node 20.11 or later. What else is missing it installs on Debian and Ubuntu; elsewhere it says
# what to install.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin # where Debian has haproxy, and its users don't look

step() { printf '\n== %s\n' "$*"; }

fail() {
  printf 'scripts/test.sh: %s\n' "$*" >&2
  exit 2
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# first_of NAME...: the path of the first of these commands that is there.
first_of() {
  local name
  for name in "$@"; do
    [ -n "$name" ] && command -v "$name" && return
  done
  return 1
}

find_chromium() { first_of "${CHROMIUM_BIN:-}" chromium chromium-browser google-chrome-stable google-chrome; }
find_firefox() { first_of "${FIREFOX_BIN:-}" firefox-esr firefox; }

# install COMMAND PACKAGE: makes a command available.
install() {
  command -v apt-get >/dev/null || fail "$1 is missing; install it and try again"
  step "installing $2"
  as_root apt-get update -qq
  as_root apt-get install -y -qq --no-install-recommends "$2" >/dev/null || fail "$2 can't be installed; install $1 and try again"
}

# install_server COMMAND PACKAGE: likewise, without the service in the package. Where systemd runs, it starts at once and at
# each boot; the tests start servers of their own, on ports of their own.
install_server() {
  install "$1" "$2"
  [ ! -d /run/systemd/system ] || as_root systemctl disable --now --quiet "$2"
}

command -v cargo >/dev/null || fail "cargo is missing; install Rust: https://rustup.rs"
command -v npm >/dev/null || fail "npm is missing; install Node 20.11 or later: https://nodejs.org"
node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 11) ? 0 : 1)' ||
  fail "this is Node $(node --version); the tests need 20.11 or later"
command -v cc >/dev/null || install cc build-essential
command -v openssl >/dev/null || install openssl openssl
command -v haproxy >/dev/null || install_server haproxy haproxy
command -v turnserver >/dev/null || install_server turnserver coturn
command -v redis-server >/dev/null || install_server redis-server redis-server
command -v promtool >/dev/null || install_server promtool prometheus
command -v prometheus-redis-exporter >/dev/null || install_server prometheus-redis-exporter prometheus-redis-exporter
redis-server --version | grep -Eq ' v=([7-9]|[1-9][0-9])\.' || fail "this is $(redis-server --version); the tests need 7.0 or later"
# The counts are of one kind of processor.
counts() { [ "$(uname -sm)" = "Linux x86_64" ]; }
! counts || command -v valgrind >/dev/null || install valgrind valgrind
find_chromium >/dev/null || install chromium chromium
CHROMIUM_BIN=$(find_chromium) || fail "chromium is missing; install it, or name a Chrome with CHROMIUM_BIN"
find_firefox >/dev/null || install firefox-esr firefox-esr
FIREFOX_BIN=$(find_firefox) || fail "firefox is missing; install it, or name one with FIREFOX_BIN"
export CHROMIUM_BIN FIREFOX_BIN

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

step "documentation of the code"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked --quiet

step "tests of the gateway"
cargo test --workspace --locked

step "instructions of the hot paths"
if counts; then scripts/instructions.sh; else echo "not counted: this is $(uname -sm)"; fi

step "tests of the documents, the package and the deployment, what is made of the client"
npm ci --prefix client --no-audit --no-fund --silent
npm ci --prefix client/reference --no-audit --no-fund --silent
npm run check --prefix client --silent
npm run reference --prefix client --silent -- --check
node --test tests/docs/*.test.mjs tests/package/*.test.mjs tests/deploy/{compose,haproxy,kubernetes,observability}.test.mjs

built=${CARGO_TARGET_DIR:-$PWD/target}
cargo build --release --locked
export SWITCHBOARD_BIN=$built/release/switchboard

step "Prometheus watches a cluster"
LOADTEST_BIN=$built/debug/loadtest node --test tests/deploy/observability-live.test.mjs

step "tests in a browser"
npm test --prefix client --silent

step "all passed"
