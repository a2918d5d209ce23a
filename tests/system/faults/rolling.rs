//! All nodes are restarted in turn, as an update does it, while everybody talks.

use super::{
    checker::Terms,
    crowd::Crowd,
    deployment::{Deployment, Store},
    report::{Report, Round},
    scale::Scale,
};
use std::time::Duration;

/// To stop, after all connections are gone.
const TO_STOP: Duration = Duration::from_secs(5);

pub(super) async fn run(scale: Scale) {
    let store = Store::standalone().await;
    let mut deployment = Deployment::start(scale.nodes, store, scale.settings).await;
    let crowd = Crowd::gather(&scale, &deployment.doors()).await;
    crowd.talk();
    crowd.is_well(scale.settings.all_is_settled()).await.expect("all are well before anything fails");

    let (mut rounds, mut wrong) = (Vec::new(), Vec::new());
    for (number, place) in deployment.nodes.iter_mut().enumerate() {
        crowd.volley().await;
        let begun = crowd.now();
        let (status, _) = place.take().stop().await;
        let ended = crowd.now();
        let took = ended.saturating_sub(begun);
        if status != Some(0) || took > scale.settings.drain + TO_STOP {
            wrong.push(format!("node {number} ended with {status:?} after {took:?}"));
        }
        place.start_anew().await;
        let back = crowd.is_well(scale.settings.all_is_settled()).await;
        eprintln!("node {number} ended after {took:?}");
        let what = format!("SIGTERM to node {number}, started anew");
        rounds.push(Round { what, before: begun, begun, mended: ended, back });
    }
    let terms = Terms { window: scale.settings.window, wiped: Vec::new() };
    let (logs, verdict) = crowd.judge(&scale, &terms).await;
    let counts = &verdict.counts;
    if counts.expired + counts.gaps + counts.unavailable > 0 {
        wrong.push("a restart in order costs nobody anything".to_owned());
    }
    Report { scale: &scale, rounds: &rounds, logs: &logs, verdict: &verdict, notes: &[], wrong }.conclude();
}
