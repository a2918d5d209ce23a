//! What waits for Redis in one lane, in its order and within bounds.

use crate::{
    exchange::redis::request::{Ask, Request},
    metrics::ExchangeMetrics,
};
use std::{collections::VecDeque, sync::Arc};

/// Requests that may wait; a further one that may be refused is.
const MAX_REQUESTS: usize = 16 * 1024;

/// Their memory, in bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;

pub(super) struct Queue {
    /// What registers members again: before all else, and alone while all gather.
    restoring: VecDeque<Request>,
    requests: VecDeque<Request>,
    bytes: usize,
    /// How many without an answer change which sessions are the node's.
    moving: usize,
    metrics: Arc<ExchangeMetrics>,
}

impl Queue {
    pub(super) fn new(metrics: Arc<ExchangeMetrics>) -> Self {
        Self { restoring: VecDeque::new(), requests: VecDeque::new(), bytes: 0, moving: 0, metrics }
    }

    /// Takes a request in; gives it back where too much waits.
    pub(super) fn push(&mut self, request: Request) -> Option<Request> {
        if request.is_refusable() && (self.requests.len() >= MAX_REQUESTS || self.bytes >= MAX_BYTES) {
            self.metrics.refused.inc();
            return Some(request);
        }
        self.count(&request);
        self.bytes += request.weight();
        self.requests.push_back(request);
        None
    }

    /// Takes in what registers a member again.
    pub(super) fn restore(&mut self, request: Request) {
        self.count(&request);
        self.restoring.push_back(request);
    }

    /// Takes one in before all others: it has no order to keep.
    pub(super) fn push_front(&mut self, request: Request) {
        self.count(&request);
        self.bytes += request.weight();
        self.requests.push_front(request);
    }

    /// Takes the first request. It counts as waiting until it is [`done`](Self::done).
    pub(super) fn pop(&mut self, is_gathering: bool) -> Option<Request> {
        let restoring = self.restoring.pop_front();
        if restoring.is_some() || is_gathering {
            return restoring;
        }
        let request = self.requests.pop_front()?;
        self.bytes -= request.weight();
        Some(request)
    }

    /// Takes back, to the front, one that was taken and not answered.
    pub(super) fn put_back(&mut self, request: Request) {
        match request.ask {
            Ask::Restore(_) => return self.restoring.push_front(request),
            // It may be done, and its message posted again since, behind others: then it would take those out, too.
            Ask::Trim(_) => return self.done(&request),
            _ => {}
        }
        self.bytes += request.weight();
        self.requests.push_front(request);
    }

    /// One that was taken is answered.
    pub(super) fn done(&mut self, request: &Request) {
        self.metrics.waiting.dec();
        self.moving -= usize::from(request.moves());
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.restoring.is_empty() && self.requests.is_empty()
    }

    /// Whether no request is without an answer that changes which sessions are the node's.
    pub(super) fn is_settled(&self) -> bool {
        self.moving == 0
    }

    fn count(&mut self, request: &Request) {
        self.metrics.waiting.inc();
        self.moving += usize::from(request.moves());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exchange::redis::request::Ask,
        metrics::Metrics,
        protocol::{Info, LeaveReason, RoomName, SocketId},
        room::Member,
    };

    fn queue() -> Queue {
        Queue::new(Metrics::new().expect("metrics").exchange)
    }

    fn request(ask: Ask) -> Request {
        let id = SocketId::from_random([0; SocketId::LEN]);
        Request { member: Member::new(RoomName::parse("room").unwrap(), id), ask }
    }

    fn info(json: &str) -> Request {
        request(Ask::SetInfo(Info::of(json)))
    }

    fn infos(requests: &[Request]) -> Vec<&str> {
        let json = |request: &Request| match &request.ask {
            Ask::SetInfo(info) => info.as_str().len(),
            _ => unreachable!("only infos were pushed"),
        };
        requests.iter().map(|request| ["", "0", "10", "100"][json(request)]).collect()
    }

    #[test]
    fn what_comes_back_comes_first() {
        let mut queue = queue();
        for json in ["1", "22", "333"] {
            assert!(queue.push(info(json)).is_none());
        }
        let mut taken = vec![queue.pop(false).unwrap(), queue.pop(false).unwrap()];
        assert_eq!(infos(&taken), ["0", "10"]);
        while let Some(request) = taken.pop() {
            queue.put_back(request);
        }
        queue.push_front(request(Ask::Leave(LeaveReason::Left)));
        assert!(matches!(queue.pop(false).unwrap().ask, Ask::Leave(_)));
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop(false)).collect();
        assert_eq!(infos(&rest), ["0", "10", "100"]);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn too_many_are_refused_but_not_what_must_be_done() {
        let mut queue = queue();
        for _ in 0..MAX_REQUESTS {
            assert!(queue.push(info("1")).is_none());
        }
        assert!(queue.push(info("1")).is_some());
        assert!(queue.push(request(Ask::Leave(LeaveReason::Left))).is_none());
        assert_eq!(queue.metrics.waiting.get(), 1 + i64::try_from(MAX_REQUESTS).unwrap());
        assert_eq!(queue.metrics.refused.get(), 1);
        queue.pop(false);
        queue.pop(false);
        assert!(queue.push(info("1")).is_none(), "there is room again");
    }

    #[test]
    fn too_much_is_refused() {
        let mut queue = queue();
        let large = format!("{:?}", "x".repeat(Info::MAX_LEN - 2));
        let fit = MAX_BYTES / info(&large).weight() + 1;
        for _ in 0..fit {
            assert!(queue.push(info(&large)).is_none());
        }
        assert!(queue.push(info("1")).is_some());
    }
}
