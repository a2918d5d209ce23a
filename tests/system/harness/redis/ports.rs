//! Free ports for servers.
//!
//! They lie below those that the kernel gives to outgoing connections (from 32768). So a port stays free while its server is
//! down, and a client that tries to reach it meanwhile can't be given the very same one, and so be connected to itself.

use std::{
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

const FIRST: u16 = 10_000;
/// A Redis Cluster's nodes speak to each other 10,000 above: that has to be below 32768, too.
const COUNT: u16 = 10_000;

static TAKEN: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on, and that this process hands out once. Another process may be faster to take it.
pub(crate) fn free() -> u16 {
    // Test runs at the same time begin at different ports.
    let offset = u16::try_from(process::id() * 101 % u32::from(COUNT)).expect("less than COUNT");
    for _ in 0..COUNT {
        let port = FIRST + (offset + TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if [port, port + COUNT].iter().all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()) {
            return port;
        }
    }
    panic!("no free port");
}
