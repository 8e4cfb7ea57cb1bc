//! How a request came here: from whom, and by which address. The one place that reads `X-Forwarded-*`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::seldom::Seldom;

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

/// A request is for a host that can't be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidHost;

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
    ///
    /// # Errors
    /// When it asks a host that can't be one.
    pub(super) fn of(
        parts: &Parts,
        peer: SocketAddr,
        scheme: Scheme,
        trusted: &TrustedProxies,
    ) -> Result<Self, InvalidHost> {
        let peer = peer.ip().to_canonical();
        let direct = Self { client: peer, scheme, host: asked(parts)? };
        if !trusted.contains(peer) {
            warn_of_ignored(&parts.headers, peer);
            return Ok(direct);
        }
        Ok(Self {
            client: forwarded_for(&parts.headers, peer, trusted),
            scheme: forwarded_proto(&parts.headers).unwrap_or(scheme),
            host: only(&parts.headers, &FORWARDED_HOST).and_then(host).or(direct.host),
        })
    }
}

/// Tells, now and then, that headers are ignored that somebody may have meant to be believed.
fn warn_of_ignored(headers: &HeaderMap, peer: IpAddr) {
    static TOLD: Seldom = Seldom::every(Duration::from_secs(60));
    let forwarded = [FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST];
    if forwarded.iter().any(|name| headers.contains_key(name)) && TOLD.is_due() {
        tracing::warn!(
            peer.address = %peer,
            "X-Forwarded-* headers are ignored: if this is the address of your proxy, set trusted_proxies to it"
        );
    }
}

/// The host that the request itself is for; none where it does not say.
fn asked(parts: &Parts) -> Result<Option<Authority>, InvalidHost> {
    let text = match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => match parts.headers.get(HOST) {
            Some(host) => host.to_str().map_err(|_| InvalidHost)?,
            None => "",
        },
    };
    if text.is_empty() { Ok(None) } else { host(text).map(Some).ok_or(InvalidHost) }
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

/// A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port. RFC 3986 lets more characters into a name,
/// but none that a host on the network has; what stands in an address that clients are sent to must not need escaping.
fn host(text: &str) -> Option<Authority> {
    let (host, port) = match text.rfind([':', ']']) {
        Some(colon) if text[colon..].starts_with(':') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    // `parse` alone would take a sign.
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if is_host && port.is_none_or(is_port) { text.parse().ok() } else { None }
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
        Via::of(&parts, peer, Scheme::Http, &TRUSTED.parse().unwrap()).unwrap()
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

    const HOSTS: [&str; 8] = [
        "r.example",
        "R-1.example_2.:65535",
        "192.0.2.1",
        "192.0.2.1:5000",
        "[2001:db8::1]",
        "[::1]:1",
        "localhost:0",
        "h:080",
    ];
    const NO_HOSTS: [&str; 18] = [
        "a,b", "a, b", "h;x", "h'q", "h\"q", "x:99999", "x:65536", "x:", "x:+1", "x:1:2", ":80", "u@h",
        "u:p@h", "h/p", "::1", "[::1", "[h]", "h%41",
    ];

    #[test]
    fn only_what_can_be_a_host_is_taken_for_one() {
        for text in HOSTS {
            assert_eq!(host(text).unwrap(), text);
            assert_eq!(via("10.9.9.9", &[("x-forwarded-host", text)]).host.unwrap(), text);
        }
        for text in NO_HOSTS {
            assert_eq!(host(text), None, "{text}");
            assert_eq!(via("10.9.9.9", &[("x-forwarded-host", text)]).host.unwrap(), "own:5000", "{text}");
        }
    }

    #[test]
    fn a_request_for_what_is_no_host_is_invalid() {
        let asked = |host: &str| {
            let (parts, ()) = Request::get("/").header("host", host).body(()).unwrap().into_parts();
            Via::of(&parts, "10.9.9.9:1".parse().unwrap(), Scheme::Http, &TrustedProxies::default())
        };
        for host in HOSTS {
            assert_eq!(asked(host).unwrap().host.unwrap(), host);
        }
        for host in NO_HOSTS {
            assert_eq!(asked(host), Err(InvalidHost), "{host}");
        }
        assert_eq!(asked("").unwrap().host, None);
    }

    #[test]
    fn what_is_no_network_is_named() {
        for (text, wrong) in [("10.0.0.0/33", "10.0.0.0/33"), ("::1,", ""), ("::1, proxy", "proxy"), ("", "")]
        {
            assert_eq!(text.parse::<TrustedProxies>(), Err(InvalidNetwork(wrong.to_owned())));
        }
    }
}
