//! From what was written to what it means: one function per kind of value. What is counted or measured is in `quantity.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use wharfinger_model::trust::Issuer;
use wharfinger_model::{CallbackUrl, Namespace};
use wharfinger_registry::GroupTeam;
use wharfinger_web::serve::{InvalidNetwork, TrustedProxies};

use super::secret::Masked;
use super::{CollectorUrl, Database, LogFormat, PublicUrl, SecretUrl, Storage};

/// Why a value can't be used, and what can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("`{0}` is not an address with a port: write ADDR:PORT, as in `127.0.0.1:8080` or `[::]:8080`")]
    NotAnAddress(Masked),
    #[error("the path is empty: name a folder")]
    NoPath,
    #[error("this is no database URL: write `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`")]
    NotADatabase,
    #[error("storage in S3 is not supported yet: name a folder, or a URL as in `file:///var/lib/wharfinger`")]
    StorageInS3,
    #[error("this is no storage URL: name a folder, or a URL as in `file:///var/lib/wharfinger`")]
    NotAStorage,
    #[error(
        "this is no public URL: write http:// or https:// and a host without a path, as in \
             `https://registry.example.com`"
    )]
    NotAPublicUrl,
    #[error("the path is empty: name a file")]
    NoFile,
    #[error(
        "`{0}` is neither an address nor a network: write them with commas between, as in \
             `127.0.0.1,10.0.0.0/8,2001:db8::/32`"
    )]
    NotANetwork(Masked),
    #[error(
        "`{0}` is no log filter: write a level, as in `info`, or levels of parts, as in \
             `info,wharfinger_web=debug`"
    )]
    NotAFilter(Masked),
    #[error("`{0}` is no log format: write `text` or `json`")]
    NotALogFormat(Masked),
    #[error(
        "this is no collector: write http:// or https:// and a host, as in `http://127.0.0.1:4318`; what it wants to be \
             shown belongs into OTEL_EXPORTER_OTLP_HEADERS"
    )]
    NotACollector,
    #[error("this program can't send traces: build it with `--features otel`")]
    BuiltWithoutTraces,
    #[error("`{0}` is no name of a user: write names with commas between, as in `alice,bob`")]
    NotAName(Masked),
    #[error("`{0}` is no switch: write `true` or `false`")]
    NotASwitch(Masked),
    #[error("it is empty")]
    Empty,
    #[error("the file `{0}` can't be read: {1}")]
    NoSecret(String, String),
    #[error("`{0}` can't stand in an address: write letters, digits and dashes, and not `federation`")]
    NotASegment(Masked),
    #[error("`{0}` is no group with a team: write them with commas between, as in `ops=acme/owners`")]
    NotAGroup(Masked),
    #[error("`{0}` is no OIDC issuer: write URLs with commas between, as in `https://gitlab.com`")]
    NotAnIssuer(Masked),
    #[error(
        "`{0}` is no address of callbacks: write URLs with commas between, as in `http://hooks.internal:8080`"
    )]
    NotACallback(Masked),
    #[error("`{0}` is not a duration: write a whole number and a unit (ms, s, m, h, d or w), as in `30s`")]
    NotADuration(Masked),
    #[error("`{0}` is too short: write a duration of at least `1ms`")]
    TooShort(Masked),
    #[error("`{0}` is too long: write a duration of at most `520w`")]
    TooLong(Masked),
    #[error("`{0}` is not a whole number of seconds: write a duration of at least `1s`, or `0s`")]
    NotInSeconds(Masked),
    #[error("`{0}` is not a size: write a number of bytes, or a number and KiB, MiB or GiB, as in `4MiB`")]
    NotASize(Masked),
    #[error("`{0}` is out of range: write a size from `1` to `1GiB`")]
    SizeOutOfRange(Masked),
    #[error("`{0}` is not a count: write a whole number from 1 to 1000000")]
    NotACount(Masked),
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Error> {
    text.parse().map_err(|_| Error::NotAnAddress(text.into()))
}

pub(super) fn folder(text: &str) -> Result<PathBuf, Error> {
    if text.is_empty() { Err(Error::NoPath) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn database(text: &str) -> Result<Database, Error> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return if path.is_empty() { Err(Error::NotADatabase) } else { Ok(Database::Sqlite(path.into())) };
    }
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(Database::Postgres(SecretUrl::new(text))),
        _ => Err(Error::NotADatabase),
    }
}

pub(super) fn storage(text: &str) -> Result<Storage, Error> {
    let Some((scheme, rest)) = text.split_once("://") else { return folder(text).map(Storage::Disk) };
    match scheme {
        "file" => {
            let path = rest.strip_prefix("localhost").unwrap_or(rest);
            let path = percent_decode_str(path).decode_utf8().map_err(|_| Error::NotAStorage)?;
            if path.starts_with('/') {
                Ok(Storage::Disk(path.as_ref().into()))
            } else {
                Err(Error::NotAStorage)
            }
        }
        "s3" => Err(Error::StorageInS3),
        _ => Err(Error::NotAStorage),
    }
}

pub(super) fn public_url(text: &str) -> Result<PublicUrl, Error> {
    let uri: Uri = text.parse().map_err(|_| Error::NotAPublicUrl)?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    match (scheme, authority, uri.path_and_query().map_or("/", |path| path.as_str())) {
        (Some(scheme), Some(authority), "/") if !text.contains('#') => {
            Ok(PublicUrl(format!("{scheme}://{authority}")))
        }
        _ => Err(Error::NotAPublicUrl),
    }
}

pub(super) fn file(text: &str) -> Result<PathBuf, Error> {
    if text.is_empty() { Err(Error::NoFile) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn networks(text: &str) -> Result<TrustedProxies, Error> {
    text.parse().map_err(|InvalidNetwork(wrong)| Error::NotANetwork(wrong.as_str().into()))
}

/// Any text but an empty one.
pub(super) fn text(text: &str) -> Result<String, Error> {
    if text.trim().is_empty() { Err(Error::Empty) } else { Ok(text.to_owned()) }
}

/// A secret, or what the file holds that is named by `file:PATH`.
pub(super) fn secret(text: &str) -> Result<SecretString, Error> {
    let Some(path) = text.strip_prefix("file:") else { return self::text(text).map(SecretString::from) };
    let read = std::fs::read_to_string(path);
    let secret = read.map_err(|error| Error::NoSecret(path.into(), error.to_string()))?;
    self::text(secret.trim_end()).map(SecretString::from)
}

/// A part of an address.
pub(super) fn path_segment(text: &str) -> Result<String, Error> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain && text != "federation" { Ok(text.to_owned()) } else { Err(Error::NotASegment(text.into())) }
}

/// Groups and the teams that they are in.
pub(super) fn group_teams(text: &str) -> Result<Vec<GroupTeam>, Error> {
    let pair = |text: &str| {
        let (group, team) = text.rsplit_once('=')?;
        let (organization, team) = team.split_once('/')?;
        let whole = ![group, organization, team].contains(&"");
        whole.then(|| GroupTeam { group: group.into(), organization: organization.into(), team: team.into() })
    };
    text.split(',')
        .map(str::trim)
        .map(|text| pair(text).ok_or_else(|| Error::NotAGroup(text.into())))
        .collect()
}

/// One OIDC issuer.
pub(super) fn issuer(text: &str) -> Result<Issuer, Error> {
    text.parse().map_err(|_| Error::NotAnIssuer(text.into()))
}

/// OIDC issuers with commas between.
pub(super) fn issuers(text: &str) -> Result<Vec<Issuer>, Error> {
    text.split(',')
        .map(str::trim)
        .map(|url| url.parse().map_err(|_| Error::NotAnIssuer(url.into())))
        .collect()
}

/// URLs with commas between, of which scheme, host and port count.
pub(super) fn callbacks(text: &str) -> Result<Vec<CallbackUrl>, Error> {
    text.split(',')
        .map(str::trim)
        .map(|url| url.parse().map_err(|_| Error::NotACallback(url.into())))
        .collect()
}

/// OIDC issuers with commas between; `None` for `*`, which is any.
pub(super) fn trusted_issuers(text: &str) -> Result<Option<Vec<Issuer>>, Error> {
    if text.trim() == "*" { Ok(None) } else { issuers(text).map(Some) }
}

/// The filter's text, which is known to be one: filters can't be cloned.
pub(super) fn filter(text: &str) -> Result<String, Error> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(Error::NotAFilter(text.into())),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Error> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Error::NotALogFormat(text.into())),
    }
}

/// An OpenTelemetry collector, for programs that can speak to one.
pub(super) fn collector(text: &str) -> Result<CollectorUrl, Error> {
    if cfg!(not(feature = "otel")) {
        return Err(Error::BuiltWithoutTraces);
    }
    let url: Uri = text.parse().map_err(|_| Error::NotACollector)?;
    let usable = matches!(url.scheme_str(), Some("http" | "https"))
        && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && url.query().is_none();
    if usable { Ok(CollectorUrl(text.trim_end_matches('/').to_owned())) } else { Err(Error::NotACollector) }
}

/// Names of users, whose accounts may not be there yet.
pub(super) fn users(text: &str) -> Result<Vec<String>, Error> {
    let name = |text: &str| match text.parse::<Namespace>() {
        Ok(name) => Ok(name.to_string()),
        Err(_) => Err(Error::NotAName(text.into())),
    };
    text.split(',').map(str::trim).map(name).collect()
}

pub(super) fn switch(text: &str) -> Result<bool, Error> {
    text.parse().map_err(|_| Error::NotASwitch(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_names_with_commas_between() {
        assert_eq!(users("alice, bob"), Ok(vec!["alice".into(), "bob".into()]));
        for (text, wrong) in
            [("", ""), ("alice,", ""), ("Alice", "Alice"), ("alice bob", "alice bob"), ("a+b", "a+b")]
        {
            assert_eq!(users(text), Err(Error::NotAName(wrong.into())), "{text}");
        }
    }

    #[test]
    fn databases_are_known_by_their_scheme() {
        for text in ["sqlite:a/b.db", "sqlite://a/b.db"] {
            assert_eq!(database(text), Ok(Database::Sqlite("a/b.db".into())), "{text}");
        }
        assert_eq!(database("sqlite:///b.db"), Ok(Database::Sqlite("/b.db".into())));
        for text in ["postgres://h/d", "postgresql://u:p@h/d"] {
            assert_eq!(database(text), Ok(Database::Postgres(SecretUrl::new(text))), "{text}");
        }
        for text in ["", "sqlite:", "postgres://", "mysql://u:p@h/d", "wharfinger.db", "host=h password=p"] {
            assert_eq!(database(text), Err(Error::NotADatabase), "{text}");
        }
    }

    #[test]
    fn storage_is_a_folder_for_now() {
        for (text, path) in [
            ("blobs", "blobs"),
            ("/b", "/b"),
            ("file:///a%20b", "/a b"),
            ("file://localhost/b", "/b"),
            ("c:d", "c:d"),
        ] {
            assert_eq!(storage(text), Ok(Storage::Disk(path.into())), "{text}");
        }
        assert_eq!(storage("s3://bucket"), Err(Error::StorageInS3));
        assert_eq!(storage(""), Err(Error::NoPath));
        for text in ["file://host/b", "file://b", "http://b", "file:///%ff"] {
            assert_eq!(storage(text), Err(Error::NotAStorage), "{text}");
        }
    }

    #[test]
    fn public_urls_are_a_scheme_and_a_host() {
        for (text, url) in [
            ("https://r.example.com", "https://r.example.com"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("https://[::1]:1", "https://[::1]:1"),
        ] {
            assert_eq!(public_url(text), Ok(PublicUrl(url.to_owned())), "{text}");
        }
        for text in [
            "",
            "r.example.com",
            "ftp://r",
            "https://",
            "https://r/v2",
            "https://r?x",
            "https://r/#x",
            "https://u:p@r",
        ] {
            assert_eq!(public_url(text), Err(Error::NotAPublicUrl), "{text}");
        }
    }
}
