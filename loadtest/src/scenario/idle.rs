//! Sockets that do little or nothing, and the memory they cost: step by step, looked at when it has come to rest.

use super::{Event, Script, be_known, enter, in_turns, leave, micros};
use crate::{
    client::Entry,
    crowd::Crowd,
    dialect::Kind,
    engine::Engine,
    units::Span,
    worker::{Halt, Order, Reporter},
};
use anyhow::{Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::time;

#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Settings {
    /// Sockets in all, in whole rooms
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    pub(crate) sockets: usize,

    /// Members of a room
    #[arg(long, value_name = "NUMBER", default_value_t = 2, value_parser = super::two_or_more)]
    pub(crate) room_size: usize,

    /// Bytes of the offer that each sends to the next of its room; 0, and none is sent
    #[arg(long, value_name = "BYTES", default_value_t = 2500)]
    pub(crate) offer: usize,

    /// Rest after the offers
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub(crate) rest: Span,

    /// Time for which all stay then, without a word
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub(crate) hold: Span,
}

/// Nothing is due.
struct Idle;

impl Script for Idle {
    fn heard(&mut self, _crowd: &mut Crowd, _no: usize, _event: Event<'_>, _now: u64) {}

    fn begin(&mut self, _crowd: &mut Crowd, _from_us: u64, _to_us: u64) {}
}

pub(crate) async fn run(settings: &Settings, order: &Order, reporter: &mut Reporter) -> Result<()> {
    let mut crowd = order.crowd(settings.offer)?;
    let mut rooms = Vec::new();
    for room in order.mine(settings.sockets / settings.room_size) {
        rooms.push(crowd.add_room(0, &room.to_string(), settings.room_size));
    }
    let nos: Vec<usize> = rooms.concat();
    let engine = Engine::new(crowd, vec![Box::new(Idle)])?;
    reporter.watch(&engine);
    reporter.stage("started").await?;
    reporter.halt(Halt::Begin).await?;
    engine.with(|crowd| crowd.tally.measure(1..u64::MAX));

    enter(&engine, &nos, Entry::Wait).await?;
    reporter.stage("connected").await?;
    in_turns(
        &engine,
        &nos,
        |crowd, no| crowd.join(no, crowd.clock.now_us()),
        |crowd, no| crowd.clients[no].is_joined(),
    )
    .await?;
    be_known(&engine, &rooms).await?;
    reporter.stage("joined").await?;
    if settings.offer > 0 {
        for room in &rooms {
            offer_around(&engine, room, settings.offer).await?;
        }
        time::sleep(settings.rest.0).await;
        reporter.stage("after an offer").await?;
    }
    if micros(settings.hold.0) > 0 {
        time::sleep(settings.hold.0).await;
        reporter.stage("held").await?;
    }
    reporter.halt(Halt::End).await?;
    engine.with(|crowd| {
        crowd.tally.measure(0..0);
        for room in &rooms {
            crowd.check_views(room);
        }
        crowd.check_losses();
    });
    leave(&engine).await;
    reporter.stage("closed").await
}

/// Each member of a room sends the next an offer.
async fn offer_around(engine: &std::rc::Rc<Engine>, room: &[usize], size: usize) -> Result<()> {
    engine.with(|crowd| {
        for (place, from) in room.iter().enumerate() {
            let now = crowd.clock.now_us();
            crowd.say(Kind::Offer, *from, room[(place + 1) % room.len()], size, now, now);
        }
    });
    if !engine.until(super::PATIENCE, |crowd| crowd.ledger.under_way() == 0).await {
        engine.with(Crowd::check_losses);
        bail!("an offer never came");
    }
    Ok(())
}
