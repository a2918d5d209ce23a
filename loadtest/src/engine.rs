//! The edge of a worker: tasks that wait for sockets and for the time, and hand everything to the crowd and the scripts.
//!
//! One thread does it all. A task belongs to a connection and only waits for it; what is due is written by the pump itself.

use crate::{
    alarm::Alarm,
    crowd::{Crowd, Effects, Served},
    scenario::{Script, Scripts},
    socket::{Socket, Stream},
};
use anyhow::Result;
use std::{cell::RefCell, future::poll_fn, rc::Rc, task::Poll, time::Duration};
use tokio::{sync::Notify, task::spawn_local, time};

/// Things done before those who wait for a socket have their turn.
const TURN: usize = 64;
/// What is due so soon isn't slept for.
const SOON_US: u64 = 20;
/// How late the generator may be at the end, and still do all that was due.
const GIVE_UP_US: u64 = 30_000_000;
/// Time for the server to take a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A client is asked twice a second for what it has to say, a tenth of them at a time.
const TICK: Duration = Duration::from_millis(50);
const TICKS: usize = 10;

pub(crate) struct Engine {
    pub(crate) crowd: RefCell<Crowd>,
    scripts: RefCell<Scripts>,
    changed: Notify,
    alarm: Alarm,
}

impl Engine {
    pub(crate) fn new(crowd: Crowd, scripts: Scripts) -> Result<Rc<Self>> {
        let engine = Rc::new(Self {
            crowd: crowd.into(),
            scripts: scripts.into(),
            changed: Notify::new(),
            alarm: Alarm::new()?,
        });
        spawn_local(engine.clone().tick());
        Ok(engine)
    }

    /// Does something with the crowd, and then what follows from it.
    pub(crate) fn with<T>(self: &Rc<Self>, act: impl FnOnce(&mut Crowd) -> T) -> T {
        let result = act(&mut self.crowd.borrow_mut());
        self.settle();
        result
    }

    pub(crate) fn with_scripts<T>(
        self: &Rc<Self>,
        act: impl FnOnce(&mut Crowd, &mut [Box<dyn Script>]) -> T,
    ) -> T {
        let result = act(&mut self.crowd.borrow_mut(), &mut self.scripts.borrow_mut());
        self.settle();
        result
    }

    /// Waits until something is so; false: it isn't, and time is up.
    pub(crate) async fn until(&self, patience: Duration, is_so: impl Fn(&Crowd) -> bool) -> bool {
        let deadline = time::Instant::now() + patience;
        loop {
            if is_so(&self.crowd.borrow()) {
                return true;
            }
            if time::timeout_at(deadline, self.changed.notified()).await.is_err() {
                return is_so(&self.crowd.borrow());
            }
        }
    }

    /// Does what the scripts have due, each thing at its time, until the end; and what is late by then, after it.
    pub(crate) async fn pump(self: &Rc<Self>, end_us: u64) -> Result<()> {
        let clock = self.crowd.borrow().clock;
        loop {
            let next = self.act(end_us);
            self.settle();
            let now = clock.now_us();
            let is_late = next.is_some_and(|due| due < end_us);
            if now >= end_us && !is_late {
                return Ok(());
            }
            if now >= end_us + GIVE_UP_US {
                self.give_up(end_us);
                return Ok(());
            }
            let wake = next.unwrap_or(u64::MAX).min(end_us);
            if wake <= now + SOON_US {
                tokio::task::yield_now().await;
            } else {
                self.alarm.sleep(Duration::from_micros(wake - now)).await?;
            }
        }
    }

    /// Of what was due, the rest isn't done: the generator is too slow by far.
    fn give_up(&self, end_us: u64) {
        let skipped: u64 = self.scripts.borrow_mut().iter_mut().map(|script| script.give_up(end_us)).sum();
        self.crowd.borrow_mut().tally.counts.skipped += skipped;
    }

    /// Does what is due, and returns when the next thing will be.
    fn act(&self, end_us: u64) -> Option<u64> {
        let mut crowd = self.crowd.borrow_mut();
        let mut scripts = self.scripts.borrow_mut();
        let mut next = None;
        for script in scripts.iter_mut() {
            for _ in 0..TURN {
                let now = crowd.clock.now_us();
                match script.due_us() {
                    Some(due) if due <= now && due < end_us => script.act(&mut crowd, now),
                    _ => break,
                }
            }
            next = script.due_us().into_iter().chain(next).min();
        }
        next
    }

    fn settle(self: &Rc<Self>) {
        let Effects { to_open, to_move, has_changed } = self.crowd.borrow_mut().settle();
        for no in to_open {
            spawn_local(self.clone().connect(no));
        }
        for (no, connection, after) in to_move {
            let engine = self.clone();
            spawn_local(async move {
                time::sleep(after).await;
                engine.with(|crowd| crowd.move_on(no, connection));
            });
        }
        if has_changed {
            self.changed.notify_one();
        }
    }

    async fn connect(self: Rc<Self>, no: usize) {
        let (transport, address, subprotocol, source, connection) = {
            let crowd = self.crowd.borrow();
            let client = &crowd.clients[no];
            let dialect = &client.dialect;
            let address = dialect.address(&client.server);
            (dialect.transport(), address, dialect.subprotocol(), client.source, client.connection.number)
        };
        let opening = Socket::open(transport, &address, subprotocol, source);
        let opened = match time::timeout(CONNECT_TIMEOUT, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(anyhow::anyhow!("no connection within {CONNECT_TIMEOUT:?}")),
        };
        let stream = opened.as_ref().ok().map(Socket::stream);
        let goes_on = self.with_scripts_of_opened(no, connection, opened);
        if let (true, Some(stream)) = (goes_on, stream) {
            self.listen(no, connection, stream).await;
        }
    }

    fn with_scripts_of_opened(self: &Rc<Self>, no: usize, connection: u32, socket: Result<Socket>) -> bool {
        let goes_on = self.crowd.borrow_mut().opened(no, connection, socket, &mut self.scripts.borrow_mut());
        self.settle();
        goes_on
    }

    /// Reads a connection to its end.
    async fn listen(self: Rc<Self>, no: usize, connection: u32, stream: Stream) {
        loop {
            let served = self.crowd.borrow_mut().serve(no, connection, &mut self.scripts.borrow_mut());
            self.settle();
            match served {
                Served::Ended => return,
                Served::More => tokio::task::yield_now().await,
                Served::AtRest => self.wait(no, connection, &stream).await,
            }
        }
    }

    async fn wait(&self, no: usize, connection: u32, stream: &Stream) {
        poll_fn(|context| {
            let mut crowd = self.crowd.borrow_mut();
            if crowd.clients[no].connection.number != connection {
                return Poll::Ready(());
            }
            let to_write = crowd.remember_waker(no, context.waker());
            drop(crowd);
            stream.poll(context, to_write)
        })
        .await;
    }

    async fn tick(self: Rc<Self>) {
        let mut interval = time::interval(TICK);
        for turn in (0..TICKS).cycle() {
            interval.tick().await;
            let count = self.crowd.borrow().clients.len();
            self.with(|crowd| crowd.tick((turn..count).step_by(TICKS)));
        }
    }
}
