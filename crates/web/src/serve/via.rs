//! How a request came here: from whom, and by which address. The one place that reads `X-Forwarded-*`.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How a request came here, as far as those who say so are to be believed: an extension of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Who asks: the address at the other end of the connection, or the one that a trusted proxy names.
    pub client: IpAddr,
    /// How the client speaks to this registry, or to the proxy in front.
    pub scheme: Scheme,
    /// By which host, and port, the client reaches this registry. None when it does not say.
    pub host: Option<Authority>,
}

/// The scheme of a URL by which this registry is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Whose `X-Forwarded-*` headers are believed: addresses and networks, none of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// What is neither an address nor a network in CIDR notation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network")]
pub struct InvalidNetwork(pub String);

impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;

    /// Reads addresses and networks, with commas between them.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let networks = text.split(',').map(|one| {
            let one = one.trim();
            let network = one.parse::<IpAddr>().map(IpNet::from).or_else(|_| one.parse::<IpNet>());
            network.map_err(|_| InvalidNetwork(one.to_owned()))
        });
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Via {
    /// Judges a request that `peer` sent over a connection of `scheme`.
    pub(super) fn of(parts: &Parts, peer: SocketAddr, scheme: Scheme, trusted: &TrustedProxies) -> Self {
        let peer = peer.ip().to_canonical();
        let asked = parts.uri.authority().cloned().or_else(|| only(&parts.headers, &HOST)?.parse().ok());
        let direct = Self { client: peer, scheme, host: asked.filter(is_plain) };
        if !trusted.contains(peer) {
            return direct;
        }
        let host = only(&parts.headers, &FORWARDED_HOST).and_then(|host| host.parse().ok()).filter(is_plain);
        Self {
            client: forwarded_for(&parts.headers, peer, trusted),
            scheme: forwarded_proto(&parts.headers).unwrap_or(scheme),
            host: host.or(direct.host),
        }
    }
}

/// The nearest address that is no trusted proxy's, or the farthest one if all are. Each is believed because the one
/// after it wrote it down, so nothing counts that stands before something unreadable.
fn forwarded_for(headers: &HeaderMap, peer: IpAddr, trusted: &TrustedProxies) -> IpAddr {
    let lines = headers.get_all(FORWARDED_FOR).into_iter();
    let hops: Vec<_> =
        lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(address).collect();
    let walked = hops.into_iter().rev().try_fold(peer, |client, hop| match hop {
        Some(hop) if trusted.contains(client) => Ok(hop),
        _ => Err(client),
    });
    walked.unwrap_or_else(|client| client)
}

/// An address, perhaps with a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let address = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

fn forwarded_proto(headers: &HeaderMap) -> Option<Scheme> {
    let proto = only(headers, &FORWARDED_PROTO)?;
    [Scheme::Http, Scheme::Https].into_iter().find(|scheme| proto.eq_ignore_ascii_case(scheme.as_str()))
}

/// The header's text, if it has but one: of several it is unclear who wrote which.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next()?;
    if values.next().is_some() { None } else { first.to_str().ok() }
}

/// Whether it is a host and perhaps a port, without a user in front.
fn is_plain(authority: &Authority) -> bool {
    !authority.as_str().contains('@')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by it")]

    use http::Request;

    use super::*;

    const TRUSTED: &str = "127.0.0.1, 10.0.0.0/8,2001:db8::/32";

    fn via(peer: &str, headers: &[(&'static str, &str)]) -> Via {
        let mut request = Request::get("/v2/").header("host", "own:5000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        Via::of(&parts, peer, Scheme::Http, &TRUSTED.parse().unwrap())
    }

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let headers: Vec<_> = forwarded.iter().map(|line| ("x-forwarded-for", *line)).collect();
        via(peer, &headers).client.to_string()
    }

    #[test]
    fn the_client_is_the_nearest_address_that_no_trusted_proxy_has() {
        for (forwarded, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            (&["203.0.113.9", "192.0.2.1,10.1.2.3", "2001:db8::1"], "192.0.2.1"),
            (&["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            (&["192.0.2.1:8080"], "192.0.2.1"),
            (&["[2001:db9::1]:8080"], "2001:db9::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(client("127.0.0.1", forwarded), expected, "{forwarded:?}");
            assert_eq!(client("192.0.2.77", forwarded), "192.0.2.77", "nobody trusts this one");
        }
        assert_eq!(client("::ffff:127.0.0.1", &["192.0.2.1"]), "192.0.2.1");
    }

    #[test]
    fn nothing_is_believed_that_stands_before_something_unreadable() {
        for (forwarded, expected) in [
            ("unknown", "127.0.0.1"),
            ("", "127.0.0.1"),
            ("192.0.2.1,", "127.0.0.1"),
            ("192.0.2.1, _hidden, 10.0.0.1", "10.0.0.1"),
            ("192.0.2.1/24", "127.0.0.1"),
            ("\u{e9}", "127.0.0.1"),
        ] {
            assert_eq!(client("127.0.0.1", &[forwarded]), expected, "{forwarded}");
        }
    }

    #[test]
    fn scheme_and_host_are_taken_from_trusted_proxies_when_they_say_one_thing() {
        let told = |peer: &str, proto: &str, host: &str| {
            let via = via(peer, &[("x-forwarded-proto", proto), ("x-forwarded-host", host)]);
            (via.scheme, via.host.unwrap().to_string())
        };
        let own = (Scheme::Http, "own:5000".to_owned());
        assert_eq!(told("10.9.9.9", "HTTPS", "r.example:444"), (Scheme::Https, "r.example:444".to_owned()));
        assert_eq!(told("192.0.2.1", "https", "r.example"), own);
        for (proto, host) in [("https, http", "a, b"), ("ftp", "u:p@h"), ("", ""), ("https://", "h/path")] {
            assert_eq!(told("10.9.9.9", proto, host), own, "{proto} {host}");
        }
        let twice = [("x-forwarded-host", "a"), ("x-forwarded-host", "b")];
        assert_eq!(via("10.9.9.9", &twice).host.unwrap(), "own:5000");
    }

    #[test]
    fn what_is_no_network_is_named() {
        for (text, wrong) in [("10.0.0.0/33", "10.0.0.0/33"), ("::1,", ""), ("::1, proxy", "proxy"), ("", "")]
        {
            assert_eq!(text.parse::<TrustedProxies>(), Err(InvalidNetwork(wrong.to_owned())));
        }
    }
}
