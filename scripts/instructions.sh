#!/usr/bin/env bash
# Counts the instructions of the hot paths, and compares them with benches/instructions/expected.toml.
#
#   scripts/instructions.sh              fails when a case takes over 5 % more than expected, or over 5 % less
#   scripts/instructions.sh --write      writes what it counts as what is expected from now on
#
# Ends with 1 when a figure isn't as expected, and with 2 when it can't count. Linux on x86-64 only: another processor has
# other instructions. Needs Rust and valgrind.
#
# What makes machines agree: the compiler is pinned, and flags of the environment don't reach it; callgrind counts in one
# function only, so nothing of a start; it shows programs a processor of its own making, and the C library is told besides
# to copy memory as the first of these processors could. Another release of that library may count a little else; the 5 %
# are for that.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

EXPECTED=benches/instructions/expected.toml
TOLERANCE=5 # per cent
TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX2_Usable,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM,-SSSE3,-SSE4_1,-SSE4_2

fail() {
  printf 'scripts/instructions.sh: %s\n' "$*" >&2
  exit 2
}

case $* in
  '' | --write) ;;
  *) fail "it takes nothing, or --write" ;;
esac
[ "$(uname -sm)" = "Linux x86_64" ] || fail "this is $(uname -sm); the figures are of Linux on x86-64"
command -v cargo >/dev/null || fail "cargo is missing; install Rust: https://rustup.rs"
valgrind=$(command -v valgrind) || fail "valgrind is missing; install it and try again"

bench=$(
  CARGO_ENCODED_RUSTFLAGS='' cargo build --locked --profile instructions --bench instructions --message-format json-render-diagnostics |
    sed -n 's/.*"name":"instructions".*"executable":"\([^"]*\)".*/\1/p'
) || fail "the bench can't be built"
[ -x "$bench" ] || fail "cargo doesn't say where the bench is"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# count CASE: prints a line of expected.toml: the instructions of one time.
count() {
  local times total
  # Nothing of the caller's environment, which lies on the stack and moves what comes after it.
  times=$(env -i GLIBC_TUNABLES="$TUNABLES" "$valgrind" --tool=callgrind --toggle-collect='instructions*::counted*' \
    --callgrind-out-file="$folder/out" --log-file="$folder/log" "$bench" "$1") || fail "$1 failed under valgrind"
  total=$(sed -n 's/^totals: //p' "$folder/out")
  [ "${total:-0}" -gt 0 ] || fail "callgrind counted nothing of $1"
  printf '%s = %s\n' "$1" $(((total + times / 2) / times))
}

cases=$("$bench") || fail "the bench doesn't name its cases"
for name in $cases; do count "$name"; done >"$folder/counted"

if [ "$*" = --write ]; then
  {
    printf '# Instructions of the hot paths, each time. Not to be edited: scripts/instructions.sh --write\n'
    cat "$folder/counted"
  } >"$EXPECTED"
fi

awk -F ' = ' -v tolerance="$TOLERANCE" '
  function row(name, expected, now, change) { printf "%-28s %10s %10s  %s\n", name, expected, now, change }
  /^#/ { next }
  FNR == NR { expected[$1] = $2; next }
  FNR == 1 { row("case", "expected", "now", "change") }
  !($1 in expected) { row($1, "", $2, "not in the file"); wrong = 1; next }
  {
    change = ($2 / expected[$1] - 1) * 100
    far = change > tolerance || change < -tolerance
    row($1, expected[$1], $2, sprintf("%+.1f %%%s", change, !far ? "" : change > 0 ? "  MORE" : "  LESS"))
    if (far) wrong = 1
    delete expected[$1]
  }
  END {
    for (name in expected) { row(name, expected[name], "", "no such case"); wrong = 1 }
    exit wrong
  }
' "$EXPECTED" "$folder/counted" && exit

cat >&2 <<END

Not as expected, by over $TOLERANCE %. If MORE isn't meant, it is a regression: find it. If it is meant, or LESS, the figures must
be kept true: scripts/instructions.sh --write, and commit $EXPECTED with the reason.
END
exit 1
