//! The command line and its configuration, asked of the real program: what it says, and with which exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod mistakes;
mod starting;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

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
# internal_callbacks: none
# login_issuer: none
# login_client_id: none
# login_client_secret: none
login_name = "oidc"  # default
login_scopes = "openid profile"  # default
login_username_claim = "preferred_username"  # default
login_groups_claim = "groups"  # default
# login_groups: none
# metrics_listen: none
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
fn switches_and_whole_numbers_need_no_quotes_in_the_file() {
    Program::new().file("w.toml", "sparse_manifests = true\nmax_connections = 9\n").shows(
        &["--config", "w.toml"],
        &["sparse_manifests = \"true\"  # w.toml, line 1", "max_connections = \"9\"  # w.toml, line 2"],
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
