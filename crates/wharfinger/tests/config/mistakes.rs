//! What can't be meant is refused, with the name of who said it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::{Program, text};

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
