//! Everybody is on one node, and that dies.

use super::{
    checker::Terms,
    crowd::Crowd,
    deployment::{Deployment, Place, Store},
    report::{Report, Round, times_away},
    scale::Scale,
};
use crate::harness::get;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

/// From the death of the node until everybody is on another one.
const ALL_ARE_BACK: Duration = Duration::from_secs(15);

pub(super) async fn run(scale: Scale) {
    let store = Store::standalone().await;
    let mut deployment = Deployment::start(scale.nodes, store, scale.settings).await;
    // Straight to the nodes: a proxy would take two more files for each.
    let nodes: Vec<SocketAddr> = deployment.nodes.iter().map(|place| place.process().address).collect();
    let crowd = Crowd::gather_at(&scale, |caller| {
        let mut doors = nodes.clone();
        // They lose the same node, and not all turn to the same one then.
        doors[1..].rotate_left(caller % (nodes.len() - 1));
        (doors.into(), 0)
    })
    .await;
    crowd.talk();
    crowd.is_well(scale.settings.all_is_settled()).await.expect("all are well before anything fails");

    let survivors: Vec<_> = deployment.nodes[1..].iter().map(Place::admin).collect();
    let peak = Arc::new(AtomicU64::new(0));
    let watch = AbortOnDropHandle::new(tokio::spawn(watch(survivors.clone(), Arc::clone(&peak))));
    crowd.volley().await;
    let begun = crowd.now();
    deployment.nodes[0].take().kill().await;
    let back = crowd.is_well(scale.settings.all_is_settled()).await;
    drop(watch);

    let what = format!("kill -9 of the node with all {}", scale.sockets);
    let rounds = [Round { what, before: begun, begun, mended: begun, back }];
    let terms = Terms { window: scale.settings.window, wiped: Vec::new() };
    let (logs, verdict) = crowd.judge(&scale, &terms).await;
    let mut away = times_away(&logs, begun..Duration::MAX);
    away.sort_unstable();
    let percentile =
        |percent: usize| away.get((away.len().max(1) - 1) * percent / 100).copied().unwrap_or_default();
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for survivor in survivors {
        refused += metric(survivor, "switchboard_redis_requests_refused_total").await;
    }
    let note = format!(
        "{} resumed: half within {:.2?}, 99 % within {:.2?}, all within {:.2?}. At most {} requests of a node waited for \
         Redis; {refused} were refused.",
        away.len(),
        percentile(50),
        percentile(99),
        percentile(100),
        peak.load(Relaxed),
    );
    if away.len() < scale.sockets || percentile(100) > ALL_ARE_BACK {
        wrong.push(format!("{} are back, the last after {:?}", away.len(), percentile(100)));
    }
    if refused > 0 {
        wrong.push(format!("{refused} requests were refused: a queue was full"));
    }
    Report { scale: &scale, rounds: &rounds, logs: &logs, verdict: &verdict, notes: &[note], wrong }
        .conclude();
}

/// Keeps the most requests that waited on one node.
async fn watch(nodes: Vec<SocketAddr>, peak: Arc<AtomicU64>) {
    loop {
        for node in &nodes {
            peak.fetch_max(metric(*node, "switchboard_redis_requests_waiting").await, Relaxed);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn metric(admin: SocketAddr, name: &str) -> u64 {
    let text = get(admin, "/metrics").await.body;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in:\n{text}"))
}
