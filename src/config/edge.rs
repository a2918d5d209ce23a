//! From where clients may come.

use crate::gateway::{AllowedOrigin, Edge, Origins, Proxies, ToldBy};
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use std::{net::IpAddr, sync::Arc};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Edge")]
pub(super) struct EdgeConfig {
    /// Whose pages may connect besides the gateway's own, such as https://example.org; * is every page, null those without
    /// an origin; may be repeated
    #[arg(long, value_name = "ORIGIN", value_delimiter = ' ', value_parser = AllowedOrigin::parse)]
    allow_origin: Vec<AllowedOrigin>,

    /// A proxy that is believed for whom it asks, or a network of them, such as 10.0.7.0/24; may be repeated
    #[arg(long, value_name = "CIDR", value_delimiter = ' ', value_parser = network)]
    trusted_proxy: Vec<IpNet>,

    /// How trusted proxies say for whom they ask
    #[arg(long, value_name = "WAY", default_value = "x-forwarded-for")]
    client_address: Way,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    /// The header X-Forwarded-For.
    XForwardedFor,
    /// The header Forwarded (RFC 7239).
    Forwarded,
    /// The PROXY protocol, version 1 or 2.
    ProxyProtocol,
}

impl EdgeConfig {
    pub(super) fn settings(&self) -> Edge {
        let told_by = match self.client_address {
            Way::XForwardedFor => ToldBy::XForwardedFor,
            Way::Forwarded => ToldBy::Forwarded,
            Way::ProxyProtocol => ToldBy::ProxyProtocol,
        };
        Edge {
            origins: Origins::new(self.allow_origin.clone()),
            proxies: Arc::new(Proxies::new(self.trusted_proxy.clone(), told_by)),
        }
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse().ok().or_else(one);
    network.ok_or_else(|| "takes an address or a network, such as 127.0.0.1, 10.0.7.0/24 or fd00::/64".into())
}
