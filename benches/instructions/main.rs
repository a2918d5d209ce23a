//! The hot paths, one a case, for `scripts/instructions.sh`: that counts their instructions and compares them with
//! `expected.toml`.
//!
//! ```text
//! scripts/instructions.sh             counts and compares; --write writes what it counted
//! instructions                        names the cases
//! instructions CASE                   runs one, and says how many times it was counted
//! ```
//!
//! A count is the same on a busy machine and on a quiet one, so it can be a gate; a time can't. Callgrind counts what is done
//! in `counted`, and only that. All goes through the library's public API; the links to Redis, which that hides, aren't
//! counted: `cargo bench --bench redis` times them.
//!
//! Not built on gungraun (once iai-callgrind): its runner takes over four minutes of CPU to install, on top of the bench, and
//! all that is needed of it is one option of callgrind's.

mod frames;
mod protocol;
mod session;
mod websocket;

use std::{env, process::exit};

/// What a case is called, and what runs it and says how many times it was counted.
type Case = (&'static str, fn() -> u32);

const CASES: [Case; 14] = [
    ("parse-offer", protocol::parse_offer),
    ("parse-candidate", protocol::parse_candidate),
    ("parse-join", protocol::parse_join),
    ("sign-offer", protocol::sign_offer),
    ("sign-candidate", protocol::sign_candidate),
    ("encode-peers", protocol::encode_peers),
    ("session-join", session::join),
    ("session-relay-in-offer", session::relay_in_offer),
    ("session-relay-in-candidate", session::relay_in_candidate),
    ("session-relay-out-offer", session::relay_out_offer),
    ("websocket-read-offer", websocket::read_offer),
    ("websocket-read-candidate", websocket::read_candidate),
    ("websocket-write-offer", websocket::write_offer),
    ("websocket-write-candidate", websocket::write_candidate),
];

/// So many times something is done before it is counted: memory is taken, tables are made.
const WARM_UP: u32 = 50;

/// So many times it is counted.
const TIMES: u32 = 500;

#[allow(clippy::print_stdout, reason = "a benchmark's output is its result")]
fn main() {
    // `cargo bench` adds a flag of its own.
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let case = words.first().map(|word| CASES.iter().find(|(name, _)| name == word));
    match case {
        None => CASES.iter().for_each(|(name, _)| println!("{name}")),
        Some(Some((_, run))) => println!("{}", run()),
        Some(None) => {
            eprintln!("no such case");
            exit(2);
        }
    }
}

/// Counts something; says how many times.
fn count(mut work: impl FnMut()) -> u32 {
    count_each(|_| (), |()| work())
}

/// Counts what is done to each of some inputs, which are made before; says how many there were.
fn count_each<T>(make: impl FnMut(u32) -> T, mut work: impl FnMut(T)) -> u32 {
    let mut inputs = (0..WARM_UP + TIMES).map(make).collect::<Vec<_>>().into_iter();
    let mut once = || work(inputs.next().expect("an input for each time"));
    (0..WARM_UP).for_each(|_| once());
    counted(TIMES, &mut once);
    TIMES
}

/// Does something so many times. Callgrind counts from the beginning of this function to its end, and knows it by its name:
/// so it isn't generic, and nothing else is called so.
#[inline(never)]
fn counted(times: u32, work: &mut dyn FnMut()) {
    for _ in 0..times {
        work();
    }
}
