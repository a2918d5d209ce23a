//! Messages between two nodes: what one costs, and how long it takes, beside a bare PUBLISH and SPUBLISH; of sessions that
//! can't be resumed, and of such that can, and acknowledge what they have as the SDK does.
//!
//! The four are measured in turn, with as many messages of the same length under way, round by round. The table has
//! medians; the ratio is of figures of the same round.

use crate::{
    process::Process,
    server::Server,
    table::{head, median, number, percentile, row, say},
};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const ROUNDS: usize = 5;
const TRANSPORTS: [&str; 4] = ["exchange", "resumable", "PUBLISH", "SPUBLISH"];
const LENGTHS: [usize; 2] = [300, 2500];

/// How many messages there are at a time.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    pairs: usize,
    /// Messages of each pair that are under way.
    serves: usize,
    /// Between getting a message and sending the next, in milliseconds.
    pause: usize,
}

/// In the last, each of 10,000 members sends a message every two seconds: most get one between two beats.
const LOADS: [Load; 4] = [
    Load { name: "1", pairs: 1, serves: 1, pause: 0 },
    Load { name: "32", pairs: 32, serves: 1, pause: 0 },
    Load { name: "2,000", pairs: 500, serves: 4, pause: 0 },
    Load { name: "few a member", pairs: 5000, serves: 1, pause: 1000 },
];

const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(2);

const COLUMNS: [&str; 13] = [
    "frame",
    "under way",
    "by",
    "relays/s",
    "p50 µs",
    "p99 µs",
    "batch",
    "calls",
    "trims",
    "bytes in",
    "bytes out",
    "Redis µs",
    "nodes µs",
];

/// What was measured of one run; all but the first four a relay.
#[derive(Clone, Copy)]
struct Figures {
    rate: f64,
    p50: f64,
    p99: f64,
    batch: f64,
    calls: f64,
    trims: f64,
    input: f64,
    output: f64,
    redis: f64,
    nodes: f64,
}

pub(crate) async fn run(rounds: Option<&str>) {
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    let server = Server::start().await;
    say(&format!("Medians of {rounds} rounds; what is counted is counted a relay.\n"));
    head(3, &[&COLUMNS[..], &["Redis, x exchange", "x PUBLISH", "x SPUBLISH"]].concat());
    for length in LENGTHS {
        for load in LOADS {
            let mut all = Vec::new();
            for _ in 0..rounds {
                let mut round = Vec::new();
                for transport in TRANSPORTS {
                    round.push(measure(&server, transport, load, length).await);
                }
                all.push(round);
            }
            for (place, transport) in TRANSPORTS.iter().enumerate() {
                let names = [length.to_string(), load.name.to_owned(), (*transport).to_owned()];
                let figures =
                    Figures::all().map(|of| number(median(all.iter().map(|round| of(&round[place])))));
                let ratio =
                    |to: usize| number(median(all.iter().map(|round| round[place].redis / round[to].redis)));
                row(&[&names[..], &figures[..], &[ratio(0), ratio(2), ratio(3)]].concat());
            }
        }
    }
}

async fn measure(server: &Server, transport: &str, load: Load, length: usize) -> Figures {
    let () = server.ask(&["FLUSHALL"]).await;
    let mut nodes = ["left", "right"].map(|side| {
        let [port, pairs, serves, pause, length] =
            [server.port().into(), load.pairs, load.serves, load.pause, length]
                .map(|number| number.to_string());
        Process::start(&["node", transport, &port, side, &pairs, &serves, &pause, &length])
    });
    for node in &mut nodes {
        assert_eq!(node.hear().await, "ready");
    }
    for node in &mut nodes {
        node.tell("start").await;
    }
    sleep(WARM_UP).await;

    let (mut commands, mut writes, mut latencies) = (0.0, 0.0, Vec::new());
    for node in &mut nodes {
        let told = node.ask("mark").await;
        let (told_commands, told_writes) = told.split_once(' ').expect("two numbers");
        commands -= parse(told_commands);
        writes -= parse(told_writes);
    }
    let (before, cpu, since) = (server.counts().await, nodes.each_ref().map(Process::cpu), Instant::now());
    sleep(MEASURED).await;
    let (took, cpu_after, after) =
        (since.elapsed(), nodes.each_ref().map(Process::cpu), server.counts().await);
    for node in &mut nodes {
        let told = node.ask("report").await;
        let mut numbers = told.split(' ').map(parse);
        commands += numbers.next().expect("a number");
        writes += numbers.next().expect("a number");
        latencies.extend(numbers);
    }
    stop(nodes).await;

    let post = if ["exchange", "resumable"].contains(&transport) { "rpushx" } else { transport };
    let calls = |command: &str| after.calls(&command.to_lowercase()) - before.calls(&command.to_lowercase());
    let counted = |name: &str| after.of(name) - before.of(name);
    let relays = calls(post);
    Figures {
        rate: relays / took.as_secs_f64(),
        p50: percentile(&mut latencies, 50),
        p99: percentile(&mut latencies, 99),
        batch: commands / writes,
        calls: calls("evalsha") / relays,
        trims: calls("lset") / relays,
        input: counted("total_net_input_bytes") / relays,
        output: counted("total_net_output_bytes") / relays,
        redis: (after.cpu() - before.cpu()) * 1e6 / relays,
        nodes: (cpu_after.iter().sum::<f64>() - cpu.iter().sum::<f64>()) * 1e6 / relays,
    }
}

/// Lets every message come home, and compares what was sent with what was heard.
async fn stop([mut left, mut right]: [Process; 2]) {
    let left_told = left.ask("stop").await;
    let right_told = right.ask("stop").await;
    let (sent, heard) = left_told.split_once(' ').expect("two numbers");
    assert_eq!(right_told, format!("{heard} {sent}"), "all that was sent was heard, once");
    left.end().await;
    right.end().await;
}

fn parse(text: &str) -> f64 {
    text.parse().expect("a number")
}

impl Figures {
    fn all() -> [fn(&Self) -> f64; 10] {
        [
            |figures| figures.rate,
            |figures| figures.p50,
            |figures| figures.p99,
            |figures| figures.batch,
            |figures| figures.calls,
            |figures| figures.trims,
            |figures| figures.input,
            |figures| figures.output,
            |figures| figures.redis,
            |figures| figures.nodes,
        ]
    }
}
