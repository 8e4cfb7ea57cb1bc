//! Which addresses are public: those that anybody on the Internet could ask as well (IANA's special-purpose address
//! registries).

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv6Net};

/// What is not public of IPv4.
const SPECIAL_V4: &[&str] = &[
    "0.0.0.0/8",        // this network
    "10.0.0.0/8",       // private
    "100.64.0.0/10",    // behind carriers' NAT; Alibaba's metadata
    "127.0.0.0/8",      // loopback
    "168.63.129.16/32", // Azure's own services, from inside
    "169.254.0.0/16",   // link-local, and with it most clouds' metadata
    "172.16.0.0/12",    // private
    "192.0.0.0/24",     // protocols; Oracle's metadata
    "192.0.2.0/24",     // documentation
    "192.88.99.0/24",   // relays of 6to4
    "192.168.0.0/16",   // private
    "198.18.0.0/15",    // benchmarks
    "198.51.100.0/24",  // documentation
    "203.0.113.0/24",   // documentation
    "224.0.0.0/4",      // multicast
    "240.0.0.0/4",      // reserved, broadcast
];

/// What is not public within the one part of IPv6 that is given out.
const SPECIAL_V6: &[&str] = &[
    "2001::/23",     // protocols, among them Teredo, which holds addresses of IPv4
    "2001:db8::/32", // documentation
    "2002::/16",     // 6to4, which holds addresses of IPv4
    "3fff::/20",     // documentation
];

/// The part of IPv6 that is given out: outside lie loopback, link-local, private, multicast and translated addresses.
const GIVEN_OUT_V6: &str = "2000::/3";

static SPECIAL: LazyLock<Vec<IpNet>> =
    LazyLock::new(|| SPECIAL_V4.iter().chain(SPECIAL_V6).filter_map(|net| net.parse().ok()).collect());
static GIVEN_OUT: LazyLock<Option<Ipv6Net>> = LazyLock::new(|| GIVEN_OUT_V6.parse().ok());

/// Whether anybody could reach this address.
pub(crate) fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let given_out = match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => GIVEN_OUT.is_some_and(|net| net.contains(&address)),
    };
    given_out && !SPECIAL.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    #[test]
    fn every_network_of_the_lists_can_be_read() {
        assert_eq!(SPECIAL.len(), SPECIAL_V4.len() + SPECIAL_V6.len());
        assert!(GIVEN_OUT.is_some());
    }

    #[test]
    fn what_only_this_machine_or_its_network_reaches_is_not_public() {
        for address in
            ["8.8.8.8", "140.82.112.3", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
        {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:0:7f00::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
