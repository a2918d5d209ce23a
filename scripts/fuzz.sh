#!/usr/bin/env bash
# Feeds everything that reads what clients send with inputs that nobody thought of, guided by what they reach.
#
#   scripts/fuzz.sh [SECONDS]           each target for so long (60)
#   scripts/fuzz.sh SECONDS TARGET...   only these: protocol, session, frames
#
# Ends with an error at the first input that breaks something, and says how to try that one again. What is new of an input
# is kept in fuzz/corpus, from where the next run goes on; fuzz/seeds are the inputs to begin with. Not a part of
# scripts/test.sh: the targets are built anew, with checks of memory, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(protocol session frames)

command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
# The instrumentation is still a nightly option of the compiler; the pinned one has it all the same.
export RUSTC_BOOTSTRAP=1

for target in "${targets[@]}"; do
  printf '\n== %s\n' "$target"
  mkdir -p "fuzz/corpus/$target"
  cargo fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
