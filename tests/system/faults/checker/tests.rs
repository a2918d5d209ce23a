//! A world in which every promise is kept passes; break any promise in its logs, and the checker finds it.

mod corruption;
mod world;

use self::{
    corruption::Corruption,
    world::{Step, World},
};
use super::{Kind, Terms, judge};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any::<(u8, u8, u8)>().prop_map(Step::from), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_world_that_keeps_its_promises_passes(steps in steps()) {
        let world = World::lived(&steps);
        let verdict = judge(&world.logs, &world.terms);
        prop_assert!(verdict.breaches.is_empty(), "{:?}\n{:?}", verdict.breaches, verdict.shortest);
        prop_assert_eq!(verdict.counts.sent >= verdict.counts.delivered, true);
        prop_assert_eq!(verdict.counts.gaps, world.gaps);
        prop_assert_eq!(verdict.counts.expired, world.expired);
    }

    #[test]
    fn a_log_in_which_a_promise_is_broken_does_not(
        steps in steps(),
        corruption in prop::sample::select(Corruption::ALL),
        place in any::<usize>(),
    ) {
        let mut world = World::lived(&steps);
        let Some(broken) = corruption.apply(&mut world, place) else { return Ok(()) };
        let verdict = judge(&world.logs, &world.terms);
        prop_assert!(verdict.count(broken) > 0, "{corruption:?} isn't {broken:?}: {:?}", verdict.breaches);
        let shortest = &verdict.shortest[&broken];
        prop_assert!(shortest.lines().count() > 1, "{shortest}");
    }
}

/// Chance finds a place for each corruption in some world: none of them is never tried.
#[test]
fn every_corruption_has_its_place() {
    for corruption in Corruption::ALL {
        let applied = (0..50).any(|seed| {
            let mut world = World::lived(&Step::random(seed));
            corruption.apply(&mut world, 0).is_some()
        });
        assert!(applied, "{corruption:?}");
    }
}

/// What a person reads when a message is lost.
#[test]
fn the_history_of_a_loss_is_short() {
    let mut worlds = (0..50).map(|seed| World::lived(&Step::random(seed)));
    let mut world = worlds.find(|world| world.gaps == 0).expect("one without a gap");
    Corruption::MissAMessage.apply(&mut world, 0).expect("a message");
    let verdict = judge(&world.logs, &world.terms);
    assert_eq!(verdict.breaches.len(), verdict.count(Kind::Lost));
    let shortest = &verdict.shortest[&Kind::Lost];
    assert!(shortest.starts_with("Lost, message "), "{shortest}");
    for part in ["sends", "hears ack"] {
        assert!(shortest.contains(part), "{shortest}");
    }
    let callers = shortest.lines().filter_map(|line| line.split("caller ").nth(1)?.split(' ').next());
    assert_eq!(callers.collect::<BTreeSet<_>>().len(), 2, "{shortest}");
    assert!(shortest.lines().count() < 20, "{shortest}");
}

#[test]
fn a_gap_excuses_what_was_sent_before_it_and_nothing_else() {
    for (before, excused) in [(true, true), (false, false)] {
        let mut world = World::two();
        world.say(0, None);
        world.hear_all();
        if !before {
            world.gap();
        }
        world.say(0, None);
        world.lose_what_waits();
        if before {
            world.gap();
        }
        world.say(0, None);
        world.end();
        let verdict = judge(&world.logs, &world.terms);
        assert_eq!(
            (verdict.count(Kind::Lost), verdict.counts.told_by_gap),
            (usize::from(!excused), usize::from(excused))
        );
    }
}

#[test]
fn who_is_away_for_less_than_the_window_may_expire_only_with_the_shared_state() {
    let mut world = World::two();
    world.cut(0);
    world.expire_early(0);
    world.end();
    assert_eq!(judge(&world.logs, &world.terms).count(Kind::FalseEnd), 1);
    let wiped = Terms { wiped: vec![std::time::Duration::ZERO..world.now()], ..world.terms };
    assert_eq!(judge(&world.logs, &wiped).count(Kind::FalseEnd), 0);
}
