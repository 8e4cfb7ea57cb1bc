//! Who is behind an address.

use std::net::{IpAddr, Ipv6Addr};

/// The address by which whoever is behind `address` is counted: who has one IPv6 address has the 2^64 beside it, too.
pub fn behind(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}
