//! One fault after the other while everybody talks; after each, until everybody is well again.

use super::{
    checker::Terms,
    crowd::Crowd,
    deployment::{Deployment, Store},
    fault::Fault,
    report::{Report, Round},
    scale::Scale,
};

pub(super) async fn run(scale: Scale, store: Store) {
    let kinds = match store {
        Store::Standalone(_) => Fault::STANDALONE,
        Store::Sentinel(_) => Fault::SENTINEL,
    };
    let mut deployment = Deployment::start(scale.nodes, store, scale.settings).await;
    let crowd = Crowd::gather(&scale, &deployment.doors()).await;
    crowd.talk();
    crowd.is_well(scale.settings.all_is_settled()).await.expect("all are well before anything fails");

    let mut terms = Terms { window: scale.settings.window, wiped: Vec::new() };
    let mut rounds = Vec::new();
    // A node that is away for so long may be thought dead, but nobody's window ends.
    let longest = scale.settings.lease + scale.settings.window / 6;
    for (number, fault) in scale.faults(kinds).into_iter().enumerate() {
        // What chance decides in one round is nothing to the next.
        let mut rng = fastrand::Rng::with_seed(scale.seed.wrapping_add(number as u64));
        fault.prepare(&mut deployment, &mut rng).await;
        crowd.volley().await;
        let before = crowd.now();
        let mut struck = fault.strike(&mut deployment, &mut rng, longest).await;
        let begun = crowd.now();
        struck.mend(&mut deployment).await;
        let mended = crowd.now();
        let back = crowd.is_well(scale.settings.all_is_settled()).await;
        eprintln!(
            "round {}: {struck}, back after {:?}",
            number + 1,
            back.map(|back| back.saturating_sub(begun))
        );
        struck.clean_up(&mut deployment).await;
        if fault.wipes() {
            terms.wiped.push(before..crowd.now());
        }
        rounds.push(Round { what: struck.to_string(), before, begun, mended, back });
        if back.is_err() {
            break;
        }
    }
    let (logs, verdict) = crowd.judge(&scale, &terms).await;
    let (notes, wrong) = (&[], Vec::new());
    Report { scale: &scale, rounds: &rounds, logs: &logs, verdict: &verdict, notes, wrong }.conclude();
}
