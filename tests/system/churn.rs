//! Many clients that come, talk, move and go at random, and a checker that reads all that each of them heard.
//!
//! Each client is held to what `docs/protocol.md` promises it: each notice once, nothing from a peer outside its presence,
//! messages of one peer in their order and from its own room only. Now and then everybody stays where it is; then each
//! waits until its view is the truth, and sends each of the others a **roll**: the numbers of all that it sent to it.
//! What is missing by then was lost.

mod visitor;

use self::visitor::Visitor;
use crate::harness::Site;
use fastrand::Rng;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::Barrier, task::JoinSet};

/// How much goes on.
#[derive(Clone, Copy)]
struct Scale {
    clients: usize,
    rooms: usize,
    /// How often everybody stays where it is.
    rounds: usize,
    /// What each client does in a round.
    steps: usize,
    /// The longest pause between two steps.
    pause: Duration,
}

/// Nobody is closed for being slow: the machine is. Nor for being fast.
const PATIENT: [&str; 8] = [
    "--outbox-messages",
    "10000",
    "--outbox-bytes",
    "16MiB",
    "--joins-per-address",
    "1000000",
    "--messages-per-socket",
    "1000000",
];

#[tokio::test(flavor = "multi_thread")]
async fn views_stay_true_while_everybody_moves() {
    let scale = Scale { clients: 40, rooms: 5, rounds: 3, steps: 50, pause: Duration::ZERO };
    churn(Site::alone(&PATIENT).await, scale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_stay_true_across_nodes() {
    let scale = Scale { clients: 200, rooms: 20, rounds: 5, steps: 30, pause: Duration::from_millis(400) };
    churn(Site::cluster(4, &PATIENT).await, scale).await;
}

/// Everybody moves at once. Each client's steps are seeded; how they meet is up to the machine.
async fn churn(site: Site, scale: Scale) {
    let meeting = Arc::new(Meeting::of(scale));
    let site = Arc::new(site);
    let mut people = JoinSet::new();
    for number in 0..scale.clients {
        people.spawn(live(site.clone(), meeting.clone(), number, scale));
    }
    while let Some(visitor) = people.join_next().await {
        visitor.expect("a true view all along");
    }
}

async fn live(site: Arc<Site>, meeting: Arc<Meeting>, number: usize, scale: Scale) {
    let mut rng = Rng::with_seed(number as u64);
    let mut visitor = Visitor::come(&site).await;
    visitor.enter(rng.usize(..scale.rooms)).await;
    for _ in 0..scale.rounds {
        for _ in 0..scale.steps {
            match rng.usize(..10) {
                0 => visitor.enter(rng.usize(..scale.rooms)).await,
                1 => {
                    visitor = visitor.vanish_and_return(&site).await;
                    visitor.enter(rng.usize(..scale.rooms)).await;
                }
                2 => visitor.show_something_else().await,
                3 => visitor.listen().await,
                4..=6 => visitor.speak_to_all().await,
                _ => visitor.speak_to_one(&mut rng).await,
            }
            visitor.listen_for(scale.pause.mul_f64(rng.f64())).await;
        }
        meeting.hold(&mut visitor, number).await;
    }
}

/// Where everybody stays for a moment, and compares.
struct Meeting {
    everybody: Barrier,
    present: Mutex<BTreeMap<usize, Present>>,
}

/// Where somebody is, and what the others should see.
#[derive(Clone)]
struct Present {
    room: String,
    id: String,
    info: u64,
}

impl Meeting {
    fn of(scale: Scale) -> Self {
        Self { everybody: Barrier::new(scale.clients), present: Mutex::default() }
    }

    async fn hold(&self, visitor: &mut Visitor, number: usize) {
        self.present.lock().expect("no panic").insert(number, visitor.present());
        visitor.listen_until(self.everybody.wait()).await;
        let others = self.others_in_the_room_of(visitor);
        visitor.see(&others).await;
        visitor.call_the_roll().await;
        // Nobody moves before everybody has compared.
        visitor.listen_until(self.everybody.wait()).await;
    }

    /// The truth: id and info.
    fn others_in_the_room_of(&self, visitor: &Visitor) -> BTreeMap<String, u64> {
        let me = visitor.present();
        let present = self.present.lock().expect("no panic");
        let others = present.values().filter(|other| other.room == me.room && other.id != me.id);
        others.map(|other| (other.id.clone(), other.info)).collect()
    }
}
