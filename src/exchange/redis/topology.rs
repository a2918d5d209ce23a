//! Which server a partition is on. Standalone, Sentinel, Cluster and a list of independent servers differ in this alone.

use super::{
    address::{Address, Kind, Source},
    connection::{Access, Connection, Reply, text_of},
    partition::{Layout, SLOTS},
    tls::Tls,
    trouble::{Fault, Trouble},
};
use redis_protocol::redis_keyslot;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How to find the servers.
pub(super) struct Topology {
    sites: Vec<Site>,
    layout: Layout,
}

/// What one URL names.
struct Site {
    source: Source,
    access: Access,
    /// Where to begin to ask, so that a host that knows nothing, or knows it wrong, isn't asked for ever.
    turn: AtomicUsize,
    /// Nodes of a cluster that were met, beside those that the URL names.
    met: Mutex<Vec<Address>>,
}

/// A server, and how to reach it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) address: Address,
    pub(super) access: Access,
    pub(super) kind: Kind,
}

/// Where everything is at the moment, as far as is known.
#[derive(Default)]
pub(super) struct Plan {
    /// Each server that is needed, with the numbers of its partitions.
    pub(super) shares: Vec<(Server, Vec<usize>)>,
    /// Partitions that nobody knows a server of at the moment.
    missing: Vec<usize>,
    /// Why some are missing.
    pub(super) trouble: Option<Trouble>,
    /// Where it is written what the deployment is like, and what it says.
    pub(super) deployments: Vec<(Server, String)>,
}

impl Plan {
    /// Whether these partitions, and no others, are on this server, or may still be.
    pub(super) fn has(&self, address: &Address, partitions: &[usize]) -> bool {
        let share = self.shares.iter().find(|(server, _)| server.address == *address);
        let known = share.map_or(&[][..], |(_, share)| share);
        let known_or_missing = |number: &usize| known.contains(number) || self.missing.contains(number);
        partitions.iter().all(known_or_missing) && known.iter().all(|number| partitions.contains(number))
    }
}

impl Topology {
    pub(super) fn new(sources: Vec<Source>, tls: Option<&Tls>, timeout: Duration, layout: Layout) -> Self {
        let sites = sources.into_iter().map(|source| {
            let tls = if source.tls { tls.cloned() } else { None };
            let access = Access { credentials: source.credentials.clone(), tls, timeout };
            Site { source, access, turn: AtomicUsize::new(0), met: Mutex::default() }
        });
        Self { sites: sites.collect(), layout }
    }

    /// Whether it may change without a connection breaking.
    pub(super) fn is_fixed(&self) -> bool {
        self.sites.iter().all(|site| site.source.kind == Kind::Standalone)
    }

    /// Asks where everything is. What can't be found out leaves a hole in the plan.
    pub(super) async fn resolve(&self) -> Plan {
        let mut plan = Plan::default();
        for (place, site) in self.sites.iter().enumerate() {
            let all = 0..self.layout.partitions().len();
            let own: Vec<_> = all.filter(|number| number % self.sites.len() == place).collect();
            let found = if site.source.is_cluster() {
                self.resolve_cluster(place, &own, &mut plan).await
            } else {
                self.resolve_master(place, &own, &mut plan).await
            };
            if let Err(trouble) = found {
                plan.missing.extend(own);
                plan.trouble = Some(trouble);
            }
        }
        plan
    }

    async fn resolve_master(&self, place: usize, own: &[usize], plan: &mut Plan) -> Result<(), Trouble> {
        let site = &self.sites[place];
        let server = site.server(site.master().await?);
        plan.deployments.push((server.clone(), self.deployment(place)));
        if !own.is_empty() {
            plan.shares.push((server, own.to_vec()));
        }
        Ok(())
    }

    async fn resolve_cluster(&self, place: usize, own: &[usize], plan: &mut Plan) -> Result<(), Trouble> {
        let site = &self.sites[place];
        let slots = site.slots().await?;
        let mut shares: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
        for &number in own {
            match slots.owner(self.layout.partitions()[number].slot) {
                Ok(owner) => shares.entry(owner).or_default().push(number),
                Err(trouble) => {
                    plan.missing.push(number);
                    plan.trouble = Some(trouble);
                }
            }
        }
        plan.shares.extend(shares.into_iter().map(|(address, share)| (site.server(address), share)));
        let owner = slots.owner(redis_keyslot(self.layout.deployment_key().as_bytes()));
        plan.deployments.extend(owner.map(|owner| (site.server(owner), self.deployment(place))).ok());
        Ok(())
    }

    /// What is written down of the deployment at a site.
    fn deployment(&self, place: usize) -> String {
        let (partitions, sites) = (self.layout.partitions().len(), self.sites.len());
        format!("1 layout, {partitions} partitions, server {} of {sites}", place + 1)
    }
}

impl Site {
    fn server(&self, address: Address) -> Server {
        Server { address, access: self.access.clone(), kind: self.source.kind.clone() }
    }

    /// The one server of a site that isn't a cluster.
    async fn master(&self) -> Result<Address, Trouble> {
        match &self.source.kind {
            Kind::Sentinel { service } => self.ask_in_turn(|host| self.ask_sentinel(host, service)).await,
            Kind::Standalone | Kind::Cluster => Ok(self.source.hosts[0].clone()),
        }
    }

    async fn slots(&self) -> Result<Slots, Trouble> {
        let slots = self.ask_in_turn(|host| self.ask_cluster(host)).await?;
        let mut masters: Vec<_> = slots.ranges.iter().map(|(.., address)| address.clone()).collect();
        masters.sort_unstable();
        masters.dedup();
        *self.met.lock().unwrap_or_else(PoisonError::into_inner) = masters;
        Ok(slots)
    }

    /// Asks the hosts, one after the other, until one answers. Then the next time begins with the next.
    async fn ask_in_turn<T, F>(&self, ask: impl Fn(Address) -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut hosts = self.source.hosts.clone();
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % hosts.len();
        hosts.rotate_left(first);
        hosts.extend(self.met.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        let mut trouble = None;
        for host in hosts {
            match ask(host.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => trouble = Some(fault.at(&host)),
            }
        }
        Err(trouble.expect("there is a host"))
    }

    async fn ask_sentinel(&self, address: Address, service: &str) -> Result<Address, Fault> {
        // The credentials are the master's. A Sentinel that wants some is thought to want the same.
        let nobody = Access { credentials: None, ..self.access.clone() };
        let (mut sentinel, greeting) = match Connection::open(&address, &nobody).await {
            Err(Fault::NoPassword) => Connection::open(&address, &self.access).await?,
            opened => opened?,
        };
        greeting.check_mode("sentinel")?;
        let reply = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", service]).await?;
        match &reply {
            Reply::Array(parts) => read_address(parts, &address).ok_or_else(|| garbled("SENTINEL")),
            _ => Err(Fault::NoMaster(service.into())),
        }
    }

    async fn ask_cluster(&self, address: Address) -> Result<Slots, Fault> {
        let (mut node, greeting) = Connection::open(&address, &self.access).await?;
        greeting.check_mode("cluster")?;
        Slots::read(&node.ask(&["CLUSTER", "SLOTS"]).await?, &address)
    }
}

/// Who owns which slots of a cluster.
struct Slots {
    ranges: Vec<(u16, u16, Address)>,
    /// Who said so.
    told_by: Address,
}

impl Slots {
    fn read(reply: &Reply, told_by: &Address) -> Result<Self, Fault> {
        let Reply::Array(ranges) = reply else { return Err(garbled("CLUSTER SLOTS")) };
        let read = |range: &Reply| {
            let Reply::Array(parts) = range else { return None };
            let [Reply::Integer(first), Reply::Integer(last), Reply::Array(master), ..] = parts.as_slice()
            else {
                return None;
            };
            Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, read_address(master, told_by)?))
        };
        let ranges: Option<Vec<_>> = ranges.iter().map(read).collect();
        Ok(Self { ranges: ranges.ok_or_else(|| garbled("CLUSTER SLOTS"))?, told_by: told_by.clone() })
    }

    fn owner(&self, slot: u16) -> Result<Address, Trouble> {
        debug_assert!(slot < SLOTS);
        let range = self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
        let owner = range.map(|(.., address)| address.clone());
        owner.ok_or_else(|| {
            Fault::Moved(format!("slot {slot} of the cluster has no master")).at(&self.told_by)
        })
    }
}

/// Reads a host and a port; a host that isn't named is the one that was asked.
fn read_address(parts: &[Reply], asked: &Address) -> Option<Address> {
    let [host, port, ..] = parts else { return None };
    let port = match port {
        Reply::Integer(port) => u16::try_from(*port).ok()?,
        port => text_of(port)?.parse().ok()?,
    };
    let host = text_of(host).filter(|host| !host.is_empty() && *host != "?").unwrap_or(&asked.host);
    Some(Address { host: host.into(), port })
}

fn garbled(command: &str) -> Fault {
    Fault::Garbled(format!("{command} was answered in another shape"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Reply {
        Reply::BulkString(text.to_owned().into())
    }

    fn asked() -> Address {
        Address { host: "seed".into(), port: 1 }
    }

    #[test]
    fn slots_have_owners() {
        let range = |first, last, host: &str| {
            let master = Reply::Array(vec![text(host), Reply::Integer(7000), text("an id")]);
            Reply::Array(vec![Reply::Integer(first), Reply::Integer(last), master])
        };
        let reply = Reply::Array(vec![range(0, 99, "a"), range(101, 16383, "")]);
        let slots = Slots::read(&reply, &asked()).unwrap();
        let owner = |slot| slots.owner(slot).map(|address| address.host);
        assert_eq!(owner(99).unwrap(), "a");
        assert_eq!(owner(101).unwrap(), "seed", "a node that doesn't know its name is who was asked");
        assert!(owner(100).unwrap_err().to_string().contains("slot 100"));
    }

    #[test]
    fn a_link_stays_while_nobody_knows_better() {
        let server = |host: &str| {
            let source = Source::parse(&format!("redis://{host}")).unwrap();
            let access = Access { credentials: None, tls: None, timeout: Duration::ZERO };
            Server { address: source.hosts[0].clone(), access, kind: source.kind }
        };
        let a = server("a").address;
        let shares = vec![(server("a"), vec![0, 1]), (server("b"), vec![2])];
        let plan = Plan { shares, missing: vec![3], ..Plan::default() };
        assert!(plan.has(&a, &[0, 1]) && plan.has(&a, &[0, 1, 3]));
        assert!(!plan.has(&a, &[0]) && !plan.has(&a, &[0, 1, 2]), "one more, one less");
        let gone = server("c").address;
        assert!(plan.has(&gone, &[3]) && !plan.has(&gone, &[2, 3]));
    }

    #[test]
    fn what_is_no_table_of_slots_is_an_error() {
        for reply in [Reply::Null, Reply::Array(vec![Reply::Null]), Reply::Array(vec![Reply::Array(vec![])])]
        {
            assert!(Slots::read(&reply, &asked()).is_err());
        }
    }
}
