//! Who is behind a request: by what they are counted, and what kind of program they use.

use std::net::{IpAddr, Ipv6Addr};

/// The address by which whoever is behind `address` is counted: who has one IPv6 address has the 2^64 beside it, too.
pub fn behind(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

/// The network in which whoever is behind `address` may take another: whoever has one IPv6 /64 may have all of its /48, as
/// sites are given them (RFC 6177). An IPv4 address is a network of its own.
pub fn site(address: IpAddr) -> IpAddr {
    match behind(address) {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 80 << 80)),
        address @ IpAddr::V4(_) => address,
    }
}

/// What kind of program pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientKind {
    /// It runs containers.
    Engine,
    /// It builds images.
    Builder,
    /// It looks at images and runs none: scanners, and what watches for new versions.
    Monitor,
    /// Anything else, and what does not say what it is.
    Other,
}

/// Programs by the first product of their `User-Agent`, whatever its case.
const PROGRAMS: &[(&str, ClientKind)] = &[
    ("docker", ClientKind::Engine),
    ("containerd", ClientKind::Engine),
    ("cri-o", ClientKind::Engine),
    ("podman", ClientKind::Engine),
    ("libpod", ClientKind::Engine),
    // Podman's library, which others use, too: most of them give their own name.
    ("containers", ClientKind::Engine),
    ("nerdctl", ClientKind::Engine),
    ("apptainer", ClientKind::Engine),
    ("singularity", ClientKind::Engine),
    ("rkt", ClientKind::Engine),
    ("buildkit", ClientKind::Builder),
    ("buildah", ClientKind::Builder),
    ("kaniko", ClientKind::Builder),
    ("jib", ClientKind::Builder),
    ("ko", ClientKind::Builder),
    ("pack", ClientKind::Builder),
    ("kpack", ClientKind::Builder),
    ("lifecycle", ClientKind::Builder),
    ("bazel", ClientKind::Builder),
    ("trivy", ClientKind::Monitor),
    ("clair", ClientKind::Monitor),
    ("claircore", ClientKind::Monitor),
    ("grype", ClientKind::Monitor),
    ("syft", ClientKind::Monitor),
    ("stereoscope", ClientKind::Monitor),
    ("anchore", ClientKind::Monitor),
    ("snyk", ClientKind::Monitor),
    ("neuvector", ClientKind::Monitor),
    ("twistlock", ClientKind::Monitor),
    ("harbor-scanner", ClientKind::Monitor),
    ("renovate", ClientKind::Monitor),
    ("renovatebot", ClientKind::Monitor),
    ("dependabot", ClientKind::Monitor),
    ("diun", ClientKind::Monitor),
    ("watchtower", ClientKind::Monitor),
    ("keel", ClientKind::Monitor),
    ("argocd-image-updater", ClientKind::Monitor),
    ("image-reflector-controller", ClientKind::Monitor),
    ("prometheus", ClientKind::Monitor),
    ("blackbox-exporter", ClientKind::Monitor),
];

impl ClientKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Engine, Self::Builder, Self::Monitor, Self::Other];

    /// The kind of what calls itself `user_agent`.
    pub fn of(user_agent: Option<&str>) -> Self {
        let product = user_agent.unwrap_or_default().split(['/', ' ']).next().unwrap_or_default();
        let known = PROGRAMS.iter().find(|(name, _)| name.eq_ignore_ascii_case(product));
        known.map_or(Self::Other, |(_, kind)| *kind)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Builder => "builder",
            Self::Monitor => "monitor",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use super::*;

    #[test]
    fn a_client_is_a_network_of_ipv6_and_a_site_the_networks_beside_it() {
        for (address, client, network) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!((behind(address), site(address)), (client.parse().unwrap(), network.parse().unwrap()));
        }
    }

    #[test]
    fn a_client_is_what_its_first_product_says() {
        for (user_agent, kind) in [
            (
                "docker/27.3.1 go/go1.22 kernel/6.1 os/linux UpstreamClient(Docker-Client/27)",
                ClientKind::Engine,
            ),
            ("containerd/v2.0.0", ClientKind::Engine),
            ("cri-o/1.31.0 go/go1.22 os/linux arch/amd64", ClientKind::Engine),
            ("containers/5.32.0 (github.com/containers/image)", ClientKind::Engine),
            ("buildkit/v0.17", ClientKind::Builder),
            ("Buildah/1.37.0", ClientKind::Builder),
            ("jib 3.4.3 jib-maven-plugin", ClientKind::Builder),
            ("trivy/0.56.2", ClientKind::Monitor),
            ("Watchtower (Docker)", ClientKind::Monitor),
            ("skopeo/1.16.1", ClientKind::Other),
            ("dockerish/1", ClientKind::Other),
            ("curl/8.5.0", ClientKind::Other),
            (" docker/27", ClientKind::Other),
            ("", ClientKind::Other),
        ] {
            assert_eq!(ClientKind::of(Some(user_agent)), kind, "{user_agent}");
        }
        assert_eq!(ClientKind::of(None), ClientKind::Other);
    }
}
