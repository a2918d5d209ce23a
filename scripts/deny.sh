#!/usr/bin/env bash
# Licences, banned crates and sources of all dependencies, after deny.toml.
#
#   scripts/deny.sh
#
# Not a part of scripts/test.sh: cargo-deny takes ten minutes to build. Advisories need their database from the network;
# run `cargo deny check advisories` where it can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
cargo deny --locked check bans licenses sources
