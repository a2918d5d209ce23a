//! What counts as one client's address.

use std::net::{IpAddr, Ipv4Addr};

/// One IPv4 address, or one IPv6 /64: the least that a network gives to one subscriber (RFC 6177), who can take any
/// address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::gateway) enum Block {
    V4(Ipv4Addr),
    V6([u8; 8]),
}

impl From<IpAddr> for Block {
    fn from(address: IpAddr) -> Self {
        // On a socket for both, IPv4 comes as ::ffff:a.b.c.d.
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
                Self::V6(network)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_is_one_and_an_ipv6_subnet_is_one() {
        let block = |text: &str| Block::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(block("192.0.2.1"), block("::ffff:192.0.2.1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
        assert_eq!(block("2001:db8:0:1::1"), block("2001:db8:0:1:ffff::2"));
        assert_ne!(block("2001:db8:0:1::1"), block("2001:db8:0:2::1"));
    }
}
