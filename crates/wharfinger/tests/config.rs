//! The command line and its configuration, asked of the real program: what it says, and with which exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The program with nothing of ours in its environment, and a folder to run in.
struct Program {
    folder: TempDir,
    variables: Vec<(OsString, OsString)>,
}

impl Program {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), variables: Vec::new() }
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().to_owned()));
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharfinger"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The program refuses: it says exactly `lines`, each after its own name, and does nothing.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], lines: &[&str]) {
        let before = entries(self.folder.path());
        let output = self.run(arguments);
        let said: String = lines.iter().map(|line| format!("wharfinger: {line}\n")).collect();
        assert_eq!(text(&output.stderr), said);
        assert_eq!(text(&output.stdout), "");
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(entries(self.folder.path()), before);
    }

    /// What `wharfinger config` shows for the keys of `expected`.
    #[track_caller]
    fn shows(&self, arguments: &[&str], expected: &[&str]) {
        let output = self.run(&[&["config"], arguments].concat());
        assert_eq!((text(&output.stderr).as_str(), output.status.code()), ("", Some(0)));
        let shown = text(&output.stdout);
        for line in expected {
            assert!(shown.lines().any(|shown| shown == *line), "no line `{line}` in:\n{shown}");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn entries(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// A certificate of X.509 version 1, as `openssl x509 -req` makes it unless it is told of extensions.
const OF_VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBOTCB4QIUR/9O/Ahr/YsQ+otmP3CEutV6+wgwCgYIKoZIzj0EAwIwHzEdMBsG
A1UEAwwUcmVnaXN0cnkuZXhhbXBsZS5jb20wIBcNMjYxMTI2MTI0NjM3WhgPMjEy
NjExMDIxMjQ2MzdaMB8xHTAbBgNVBAMMFHJlZ2lzdHJ5LmV4YW1wbGUuY29tMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6Xvk6omiU6+8/atgPL7YMeeW0obuf2Px
qnXYvqc8PwQTxfBcsx2ChAIijdDs/GF+XObeG7sbJeUtwJ2UvRx3hzAKBggqhkjO
PQQDAgNHADBEAiA1OFmoK+iE6LeGmtZ3EfSOSLAxHDDMdANJycERHV8X/gIgEEwt
w7zft9hbKI1niBBRo7EqqFXJ/PBswUi1qi6Fo1E=
-----END CERTIFICATE-----
";

const DEFAULTS: &str = r##"listen = "127.0.0.1:8080"  # default
data = "./wharfinger-data"  # default
database = "sqlite:./wharfinger-data/wharfinger.db"  # default
storage = "./wharfinger-data/blobs"  # default
# public_url: the request's Host
# tls_certificate: no TLS
# tls_key: no TLS
# trusted_proxies: none
# superusers: the first user
# global_readonly_superusers: none
user_creation = "true"  # default
max_sign_ups_per_address = "20"  # default
# app_token_expiration: never
trusted_issuers = "https://token.actions.githubusercontent.com,https://gitlab.com"  # default
# internal_issuers: none
# login_issuer: none
# login_client_id: none
# login_client_secret: none
login_name = "oidc"  # default
login_scopes = "openid profile"  # default
login_username_claim = "preferred_username"  # default
login_groups_claim = "groups"  # default
# login_groups: none
log = "info"  # default
log_format = "text"  # default
# otlp_endpoint: no traces
pull_count_flush = "1s"  # default
upload_expiry = "24h"  # default
blob_lease = "1h"  # default
default_window = "2w"  # default
window_options = "0s,1d,1w,2w,4w"  # default
prune_interval = "1h"  # default
collect_interval = "30s"  # default
drain_time = "20s"  # default
sparse_manifests = "false"  # default
max_manifest_size = "4MiB"  # default
max_json_size = "1MiB"  # default
max_list_entries = "10000"  # default
max_connections = "4096"  # default
max_connections_per_address = "1024"  # default
max_requests = "1024"  # default
max_requests_per_address = "256"  # default
head_timeout = "30s"  # default
body_idle_timeout = "60s"  # default
idle_timeout = "2m"  # default
"##;

#[test]
fn defaults_are_shown_when_nothing_is_said() {
    let output = Program::new().run(&["config"]);
    assert_eq!(text(&output.stdout), DEFAULTS);
    assert_eq!((text(&output.stderr).as_str(), output.status.code()), ("", Some(0)));
}

#[test]
fn what_is_shown_can_be_used_as_a_file() {
    let program = Program::new().file("shown.toml", DEFAULTS);
    let output = program.run(&["config", "--config", "shown.toml"]);
    let keys = |text: &str| {
        text.lines().map(|line| line.split("  # ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&text(&output.stdout)), keys(DEFAULTS));
}

#[test]
fn flags_go_over_variables_over_the_file_over_defaults() {
    let program = Program::new()
        .file("w.toml", "listen = '127.0.0.1:1'\ndata = 'file'\n\nlog = 'warn'\n")
        .variable("WHARFINGER_CONFIG", "w.toml")
        .variable("WHARFINGER_LISTEN", "127.0.0.1:2")
        .variable("WHARFINGER_DATA", "variable");
    program.shows(
        &["--listen", "127.0.0.1:3"],
        &[
            "listen = \"127.0.0.1:3\"  # --listen",
            "data = \"variable\"  # WHARFINGER_DATA",
            "log = \"warn\"  # w.toml, line 4",
            "head_timeout = \"30s\"  # default",
            "database = \"sqlite:variable/wharfinger.db\"  # default",
            "storage = \"variable/blobs\"  # default",
        ],
    );
}

#[test]
fn the_file_named_by_a_flag_replaces_the_one_named_by_a_variable() {
    let program =
        Program::new().file("flag.toml", "max_connections = 7").variable("WHARFINGER_CONFIG", "missing.toml");
    program.shows(&["--config", "flag.toml"], &["max_connections = \"7\"  # flag.toml, line 1"]);
}

#[test]
fn every_setting_is_a_flag_a_variable_and_a_key() {
    for line in DEFAULTS.lines() {
        let Some((key, rest)) = line.split_once(" = ") else { continue };
        let value = rest.split("  # ").next().unwrap().trim_matches('"');
        let flag = format!("--{}", key.replace('_', "-"));
        let variable = format!("WHARFINGER_{}", key.to_uppercase());
        Program::new().shows(&[&flag, value], &[&format!("{key} = \"{value}\"  # {flag}")]);
        Program::new()
            .variable(&variable, value)
            .shows(&[], &[&format!("{key} = \"{value}\"  # {variable}")]);
        let file = format!("\n{key} = \"{value}\"");
        Program::new()
            .file("w.toml", &file)
            .shows(&["--config", "w.toml"], &[&format!("{key} = \"{value}\"  # w.toml, line 2")]);
    }
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    Program::new()
        .variable("WHARFINGER_LISTEN", "")
        .variable("WHARFINGER_CONFIG", "")
        .shows(&[], &["listen = \"127.0.0.1:8080\"  # default"]);
}

#[test]
fn variables_that_name_no_setting_are_pointed_out_but_not_those_of_kubernetes() {
    let program = Program::new()
        .variable("WHARFINGER_LISTENN", "x")
        .variable("WHARFINGER_PORT_8080_TCP", "tcp://10.0.0.1:8080")
        .variable("WHARFINGER_SERVICE_HOST", "10.0.0.1");
    let shown = text(&program.run(&["config"]).stdout);
    assert_eq!(shown, format!("{DEFAULTS}# WHARFINGER_LISTENN names no setting\n"));
}

#[test]
fn a_mistake_in_the_file_names_file_line_and_key() {
    Program::new()
        .file("w.toml", "# comment\n\nlisten = \"8080\"\nlog_format = 'xml'\n")
        .variable("WHARFINGER_CONFIG", "w.toml")
        .refuses(
            &["serve"],
            &[
                "w.toml, line 3: listen: `8080` is not an address with a port: \
                 write ADDR:PORT, as in `127.0.0.1:8080` or `[::]:8080`",
                "w.toml, line 4: log_format: `xml` is no log format: write `text` or `json`",
            ],
        );
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    Program::new().variable("WHARFINGER_BLOB_LEASE", "1").refuses(
        &["serve"],
        &["WHARFINGER_BLOB_LEASE: `1` is not a duration: \
           write a whole number and a unit (ms, s, m, h, d or w), as in `30s`"],
    );
    Program::new()
        .variable("WHARFINGER_DATA", OsStr::from_bytes(b"\xff"))
        .refuses(&["serve"], &["WHARFINGER_DATA: the value is not UTF-8: write it in UTF-8"]);
}

#[test]
fn a_mistake_in_a_flag_names_the_flag() {
    for (flag, value, what) in [
        (
            "--listen",
            "localhost:80",
            "`localhost:80` is not an address with a port: write ADDR:PORT, as in `127.0.0.1:8080` or `[::]:8080`",
        ),
        ("--data", "", "the path is empty: name a folder"),
        (
            "--database",
            "mysql://h/d",
            "this is no database URL: write `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`",
        ),
        (
            "--storage",
            "s3://bucket",
            "storage in S3 is not supported yet: name a folder, or a URL as in `file:///var/lib/wharfinger`",
        ),
        (
            "--storage",
            "ftp://host",
            "this is no storage URL: name a folder, or a URL as in `file:///var/lib/wharfinger`",
        ),
        (
            "--public-url",
            "registry.example.com",
            "this is no public URL: write http:// or https:// and a host without a path, as in \
             `https://registry.example.com`",
        ),
        (
            "--trusted-proxies",
            "127.0.0.1,10.0.0.0/33",
            "`10.0.0.0/33` is neither an address nor a network: write them with commas between, as in \
             `127.0.0.1,10.0.0.0/8,2001:db8::/32`",
        ),
        ("--tls-key", "k.pem", "TLS needs two files: set tls_certificate, too"),
        ("--tls-certificate", "c.pem", "TLS needs two files: set tls_key, too"),
        (
            "--log",
            "a=b=c",
            "`a=b=c` is no log filter: write a level, as in `info`, or levels of parts, as in \
             `info,wharfinger_web=debug`",
        ),
        ("--head-timeout", "0s", "`0s` is too short: write a duration of at least `1ms`"),
        ("--upload-expiry", "521w", "`521w` is too long: write a duration of at most `520w`"),
        (
            "--max-manifest-size",
            "4MB",
            "`4MB` is not a size: write a number of bytes, or a number and KiB, MiB or GiB, as in `4MiB`",
        ),
        ("--max-json-size", "0", "`0` is out of range: write a size from `1` to `1GiB`"),
        ("--max-connections", "0", "`0` is not a count: write a whole number from 1 to 1000000"),
        ("--sparse-manifests", "yes", "`yes` is no switch: write `true` or `false`"),
    ] {
        Program::new().refuses(&["serve", flag, value], &[&format!("{flag}: {what}")]);
    }
}

#[test]
fn a_mistake_about_issuers_names_the_flag() {
    for (flag, value, what) in [
        (
            "--trusted-issuers",
            "https://a.example,b.example",
            "`b.example` is no OIDC issuer: write URLs with commas between, as in `https://gitlab.com`",
        ),
        (
            "--login-name",
            "federation",
            "`federation` can't stand in an address: write letters, digits and dashes, and not `federation`",
        ),
        (
            "--login-groups",
            "ops=acme",
            "`ops=acme` is no group with a team: write them with commas between, as in `ops=acme/owners`",
        ),
    ] {
        Program::new().refuses(&["serve", flag, value], &[&format!("{flag}: {what}")]);
    }
}

#[test]
fn signing_in_elsewhere_needs_an_issuer_a_client_and_its_secret() {
    Program::new().refuses(
        &["serve", "--login-issuer", "https://sso.example"],
        &[
            "--login-issuer: signing in by OIDC needs login_client_id, too",
            "--login-issuer: signing in by OIDC needs login_client_secret, too",
        ],
    );
    Program::new().refuses(
        &["serve", "--login-client-secret", "file:missing"],
        &[
            "--login-client-secret: the file `missing` can't be read: No such file or directory (os error 2)",
            "--login-client-secret: signing in by OIDC needs login_issuer, too",
            "--login-client-secret: signing in by OIDC needs login_client_id, too",
        ],
    );
}

#[test]
fn the_secret_of_a_client_is_not_shown() {
    let client = ["--login-issuer", "https://sso.example", "--login-client-id", "registry"];
    let shown = &["login_client_secret = \"****\"  # WHARFINGER_LOGIN_CLIENT_SECRET"];
    for secret in ["hunter2", "file:secret"] {
        Program::new()
            .file("secret", "hunter2\n")
            .variable("WHARFINGER_LOGIN_CLIENT_SECRET", secret)
            .shows(&client, shown);
    }
}

#[test]
fn unknown_keys_and_tables_are_refused() {
    Program::new().file("w.toml", "lisen = 'x'\n[limits]\nmax_connections = 1\n").refuses(
        &["serve", "--config", "w.toml"],
        &[
            "w.toml, line 1: lisen: there is no such setting: `wharfinger config` shows those there are",
            "w.toml, line 2: limits: there is no such setting: `wharfinger config` shows those there are",
        ],
    );
}

#[test]
fn values_of_another_type_are_refused() {
    Program::new()
        .file("w.toml", "listen = 2020-01-01\ndata = 1.5\nlog = ['info']\nstorage = { a = 1 }\n")
        .refuses(
            &["serve", "--config", "w.toml"],
            &[
                "w.toml, line 1: listen: values of type datetime can't be used here: write a string",
                "w.toml, line 2: data: values of type float can't be used here: write a string",
                "w.toml, line 3: log: values of type array can't be used here: write a string",
                "w.toml, line 4: storage: values of type table can't be used here: write a string",
            ],
        );
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    for (file, what) in [
        ("log = 'info'\nlisten = \"x\n", "line 2: listen: invalid basic string, expected `\"`"),
        ("data = 'a'\ndata = 'b'\n", "line 2: data: duplicate key"),
        ("\n\nlisten\n", "line 3: listen: key with no value, expected `=`"),
        ("= 1", "line 1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"),
    ] {
        let said = format!("w.toml, {what}: write one `key = \"value\"` a line, each key once");
        Program::new().file("w.toml", file).refuses(&["serve", "--config", "w.toml"], &[&said]);
    }
}

#[test]
fn a_missing_file_is_named_together_with_who_asked_for_it() {
    let what = "can't read the file `missing.toml`: No such file or directory (os error 2)";
    Program::new().refuses(&["serve", "--config", "missing.toml"], &[&format!("--config: {what}")]);
    Program::new()
        .variable("WHARFINGER_CONFIG", "missing.toml")
        .refuses(&["serve"], &[&format!("WHARFINGER_CONFIG: {what}")]);
}

#[test]
fn switches_and_whole_numbers_need_no_quotes_in_the_file() {
    Program::new().file("w.toml", "sparse_manifests = true\nmax_connections = 9\n").shows(
        &["--config", "w.toml"],
        &["sparse_manifests = \"true\"  # w.toml, line 1", "max_connections = \"9\"  # w.toml, line 2"],
    );
}

#[test]
fn mistakes_of_all_sources_are_told_at_once() {
    Program::new()
        .file("w.toml", "nope = 1\nidle_timeout = '1'\n")
        .variable("WHARFINGER_DRAIN_TIME", "2x")
        .refuses(
            &["migrate", "--config", "w.toml", "--max-connections", "-1"],
            &[
                "w.toml, line 1: nope: there is no such setting: `wharfinger config` shows those there are",
                "WHARFINGER_DRAIN_TIME: `2x` is not a duration: \
                 write a whole number and a unit (ms, s, m, h, d or w), as in `30s`",
                "--max-connections: `-1` is not a count: write a whole number from 1 to 1000000",
                "w.toml, line 2: idle_timeout: `1` is not a duration: \
                 write a whole number and a unit (ms, s, m, h, d or w), as in `30s`",
            ],
        );
}

#[test]
fn passwords_are_never_shown() {
    let url = "postgres://wharf:hunter2@127.0.0.1:1/db?sslmode=disable&password=hunter2";
    let program = Program::new().file("w.toml", &format!("database = '{url}\n"));
    let attempts: [&[&str]; 8] = [
        &["config", "--database", url],
        &["migrate", "--database", url],
        &["serve", "--database", url, "--listen", "127.0.0.1:x"],
        &["serve", "--listen", url],
        &["serve", "--storage", url],
        &["serve", "--public-url", url],
        &["serve", url],
        &["serve", "--config", "w.toml"],
    ];
    for arguments in attempts {
        let output = program.run(arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("hunter2"), "{said}");
        assert!(!said.is_empty());
    }
    program.shows(
        &["--database", url],
        &["database = \"postgres://wharf:****@127.0.0.1:1/db?sslmode=disable&password=****\"  # --database"],
    );
}

#[test]
fn wrong_arguments_are_refused_with_a_hint() {
    let output = Program::new().run(&["serve", "--lisen", "127.0.0.1:1"]);
    let said = "error: unexpected argument '--lisen' found\n\n  tip: a similar argument exists: '--listen'\n\n\
                Usage: wharfinger serve --listen <ADDR:PORT>\n\nFor more information, try '--help'.\n";
    assert_eq!((text(&output.stderr).as_str(), output.status.code()), (said, Some(2)));
    for arguments in [&[][..], &["sevre"], &["serve", "extra"]] {
        let output = Program::new().run(arguments);
        assert_eq!((text(&output.stdout).as_str(), output.status.code()), ("", Some(2)), "{arguments:?}");
        assert!(text(&output.stderr).contains("Usage: wharfinger"), "{arguments:?}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let version = format!("wharfinger {}\n", env!("CARGO_PKG_VERSION"));
    let output = Program::new().run(&["--version"]);
    assert_eq!((text(&output.stdout), output.status.code()), (version, Some(0)));
    for arguments in [&["help"][..], &["help", "serve"], &["serve", "--help"]] {
        let output = Program::new().run(arguments);
        assert_eq!((text(&output.stderr).as_str(), output.status.code()), ("", Some(0)), "{arguments:?}");
        assert!(text(&output.stdout).contains("Usage: wharfinger"), "{arguments:?}");
    }
}

#[test]
fn an_address_in_use_ends_the_start_with_1_and_names_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = Program::new().run(&["serve", "--listen", &addr, "--log", "off"]);
    let said =
        format!("wharfinger: --listen: can't listen on {addr}: Address already in use (os error 98)\n");
    assert_eq!((text(&output.stderr), output.status.code()), (said, Some(1)));
}

impl Program {
    /// The start ends with 1, and it is said of the two files what is wrong with one.
    #[track_caller]
    fn has_no_certificate(&self, certificate: &str, key: &str, said: &str) {
        let files = ["--tls-certificate", certificate, "--tls-key", key];
        let output = self.run(&[&["serve", "--listen", "127.0.0.1:0", "--log", "off"], &files[..]].concat());
        assert_eq!((text(&output.stderr), output.status.code()), (format!("wharfinger: {said}\n"), Some(1)));
    }
}

#[test]
fn files_that_make_no_certificate_end_the_start_with_1_and_name_their_setting() {
    let [one, other] = [(); 2]
        .map(|()| rcgen::generate_simple_self_signed(vec!["registry.example.com".to_owned()]).unwrap());
    let program = Program::new()
        .file("one.crt", &one.cert.pem())
        .file("one.key", &one.signing_key.serialize_pem())
        .file("other.key", &other.signing_key.serialize_pem())
        .file("odd", "no PEM at all");
    let chain = "--tls-certificate: can't use the certificate in";
    let key = "--tls-key: can't use the private key in";
    let missing = format!("{chain} `missing`: No such file or directory (os error 2)");
    program.has_no_certificate("missing", "one.key", &missing);
    let odd = format!("{chain} `one.key`: it is not PEM with a `CERTIFICATE` in it");
    program.has_no_certificate("one.key", "one.key", &odd);
    let odd = format!("{key} `odd`: it is not PEM with a `PRIVATE KEY` in it");
    program.has_no_certificate("one.crt", "odd", &odd);
    let foreign = format!("{key} `other.key`: it does not belong to the certificate");
    program.has_no_certificate("one.crt", "other.key", &foreign);
}

#[test]
fn old_certificates_and_keys_with_a_password_are_called_that() {
    let pair = rcgen::generate_simple_self_signed(vec!["registry.example.com".to_owned()]).unwrap();
    let program = Program::new()
        .file("good.crt", &pair.cert.pem())
        .file("good.key", &pair.signing_key.serialize_pem())
        .file("v1.crt", OF_VERSION_1)
        .file(
            "pkcs8.key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .file(
            "pkcs1.key",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
             -----END RSA PRIVATE KEY-----\n",
        );
    let old = "--tls-certificate: can't use the certificate in `v1.crt`: it is a certificate of X.509 version 1 or 2: \
               make one of version 3";
    program.has_no_certificate("v1.crt", "good.key", old);
    for key in ["pkcs8.key", "pkcs1.key"] {
        let said = format!(
            "--tls-key: can't use the private key in `{key}`: it is protected by a password: write it without one, \
             as `openssl pkey` does"
        );
        program.has_no_certificate("good.crt", key, &said);
    }
}

#[test]
fn traces_are_refused_by_a_program_that_can_send_none() {
    let endpoint = "http://127.0.0.1:4318";
    if cfg!(not(feature = "otel")) {
        let said = "--otlp-endpoint: this program can't send traces: build it with `--features otel`";
        return Program::new().refuses(&["config", "--otlp-endpoint", endpoint], &[said]);
    }
    let shown = format!("otlp_endpoint = \"{endpoint}\"  # --otlp-endpoint");
    Program::new().shows(&["--otlp-endpoint", endpoint], &[&shown]);
    for wrong in ["127.0.0.1:4318", "grpc://collector", "http://user:secret@collector", "http://"] {
        let said = "--otlp-endpoint: this is no collector: write http:// or https:// and a host, as in \
                    `http://127.0.0.1:4318`; what it wants to be shown belongs into OTEL_EXPORTER_OTLP_HEADERS";
        Program::new().refuses(&["config", "--otlp-endpoint", wrong], &[said]);
    }
}

#[test]
fn tls_to_postgresql_is_refused_with_what_to_do() {
    let output = Program::new().run(&["migrate", "--database", "postgres://u@127.0.0.1:1/d?sslmode=require"]);
    let said = "TLS to PostgreSQL is not supported yet: leave `sslmode=require` out of its URL";
    assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_limit_of_open_files_is_raised_and_told_when_that_is_not_enough() {
    for (hard, connections, expected) in [("600", "4096", true), ("600", "100", false)] {
        let program = Program::new();
        let mut command = Command::new("sh");
        command.current_dir(program.folder.path()).env_clear();
        command.args(["-c", "ulimit -Sn 300 && ulimit -Hn \"$1\" && shift && exec \"$@\"", "sh", hard]);
        command.arg(env!("CARGO_BIN_EXE_wharfinger"));
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--max-connections",
            connections,
            "--max-requests",
            "100",
        ]);
        let mut serving = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(serving.stderr.take().unwrap());
        while !said.contains("  address ") {
            assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "{said}");
        }
        let limits = fs::read_to_string(format!("/proc/{}/limits", serving.id())).unwrap();
        serving.kill().unwrap();
        serving.wait().unwrap();
        let open = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(open.split_whitespace().nth(3), Some(hard), "{open}");
        assert_eq!(said.contains("the limit of open files is too low"), expected, "{said}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_ends_the_start_with_1_and_names_its_setting() {
    let program = Program::new().file("file", "").variable("WHARFINGER_DATA", "file/data");
    let output = program.run(&["serve", "--listen", "127.0.0.1:0", "--log", "off"]);
    let said =
        "wharfinger: WHARFINGER_DATA: can't create the folder `file/data`: Not a directory (os error 20)\n";
    assert_eq!((text(&output.stderr).as_str(), output.status.code()), (said, Some(1)));
}

#[test]
fn serve_says_where_it_is_answers_and_stops_cleanly_on_either_signal() {
    for signal in ["TERM", "INT"] {
        let program = Program::new();
        let mut command = program.command(&["serve", "--listen", "127.0.0.1:0", "--log", "off"]);
        let mut serving = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(serving.stderr.take().unwrap());
        let mut lines = Vec::new();
        while lines.len() < 4 {
            let mut line = String::new();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "{lines:?}");
            lines.push(line.trim_end().to_owned());
        }
        let addr = lines[1].strip_prefix("  address   ").unwrap().to_owned();
        let version = env!("CARGO_PKG_VERSION");
        let expected = [
            format!("Wharfinger {version} listens on http://{addr}"),
            format!("  address   {addr}"),
            "  database  sqlite:./wharfinger-data/wharfinger.db".to_owned(),
            "  blobs     ./wharfinger-data/blobs".to_owned(),
        ];
        assert_eq!(lines, expected);
        assert_eq!(status_of(&addr), "HTTP/1.1 200 OK");

        let killed = Command::new("sh").arg("-c").arg(format!("kill -{signal} {}", serving.id())).status();
        assert!(killed.unwrap().success());
        assert_eq!(serving.wait().unwrap().code(), Some(0), "{signal}");
    }
}

fn status_of(addr: &str) -> String {
    let mut client = TcpStream::connect(addr).unwrap();
    client.write_all(b"GET /health/instance HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}
