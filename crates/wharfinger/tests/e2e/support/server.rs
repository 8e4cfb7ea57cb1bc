//! The real program, started and stopped.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::json;
use tempfile::TempDir;

use super::people::ADMIN_PASSWORD;
use super::postgres::Schema;
use super::{Answer, Call};

/// Longest wait for anything that the server does by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the server remembers things in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A registry with its own folder, and its first user.
pub(crate) struct Server {
    pub(crate) url: String,
    /// An access token of the first user, `admin`, with every scope.
    pub(crate) admin: String,
    /// The session of the first user, as a browser sends it.
    pub(crate) cookie: String,
    pub(crate) data: TempDir,
    schema: Option<Schema>,
    /// What it is started with, beside the usual.
    pub(crate) settings: Vec<(String, String)>,
    client: Client,
    child: Option<Child>,
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a registry and makes its first user.
    pub(crate) fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[])
    }

    /// The same with settings beside the usual ones.
    pub(crate) fn start_with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let mut server = Self::start_empty(engine, settings);
        let user = json!({"username": "admin", "password": ADMIN_PASSWORD, "access_token": true});
        let answer = server.call("POST", "/api/v1/user/initialize").json(&user).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        server.admin = answer.json()["access_token"].as_str().unwrap().to_owned();
        server.cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        server
    }

    /// A registry that nobody has signed up to.
    pub(crate) fn start_empty(engine: Engine, settings: &[(&str, &str)]) -> Self {
        // The program's own client can speak TLS, so this one can; an error says that another test has seen to it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(64)
            .build()
            .unwrap();
        let mut server = Self {
            url: String::new(),
            admin: String::new(),
            cookie: String::new(),
            data: TempDir::new().unwrap(),
            schema: (engine == Engine::Postgres).then(Schema::create),
            settings: settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            client,
            child: None,
            said: Arc::default(),
        };
        server.spawn();
        server
    }

    /// Starts the program over the same folder, on a port that is free now. Returns when it says that it listens.
    pub(crate) fn spawn(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharfinger"));
        command.env_clear().arg("serve").args(["--listen", "127.0.0.1:0"]);
        // A flag goes over this.
        command.env("WHARFINGER_LOG", "warn");
        command.arg("--data").arg(self.data.path().join("data"));
        if let Some(schema) = &self.schema {
            command.args(["--database", &schema.url]);
        }
        for (key, value) in &self.settings {
            command.args([format!("--{key}"), value.clone()]);
        }
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        self.child = Some(child);
        self.url = loop {
            let line = lines.next().expect("the server says where it listens").unwrap();
            if let Some(address) = listening(&line) {
                break format!("{}://{address}", self.scheme());
            }
            self.said.lock().unwrap().push(line);
        };
        // What it says later must be read, or it would wait for a reader.
        let said = Arc::clone(&self.said);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                said.lock().unwrap().push(line);
            }
        });
    }

    /// Runs another command over the same folder and database, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// The same with something on standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharfinger"));
        command.env_clear().args(arguments).args(["--log", "warn"]);
        command.arg("--data").arg(self.data.path().join("data"));
        if let Some(schema) = &self.schema {
            command.args(["--database", &schema.url]);
        }
        for (key, value) in &self.settings {
            command.args([format!("--{key}"), value.clone()]);
        }
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        // A command that reads nothing may be gone already.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        child.wait_with_output().unwrap()
    }

    /// Every file below the folder of the blobs, and its length.
    pub(crate) fn blob_files(&self) -> BTreeMap<PathBuf, u64> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.data.path().join("data/blobs/blobs")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if let Ok(metadata) = entry.metadata() {
                    // One that was deleted since the folder was read is not there.
                    files.insert(entry.path(), metadata.len());
                }
            }
        }
        files
    }

    fn scheme(&self) -> &'static str {
        if self.settings.iter().any(|(key, _)| key == "tls-certificate") { "https" } else { "http" }
    }

    /// Address and port.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// Tells the program that something of its surroundings has changed.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Waits until the program has said this on standard error.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        let begun = Instant::now();
        while !self.has_said(text) {
            assert!(begun.elapsed() < PATIENCE, "`{text}` is not among {:?}", self.said.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many lines with this the program has said on standard error so far.
    pub(crate) fn count_said(&self, text: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// All that the program has said on standard error so far.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Whether the program has said this on standard error so far.
    pub(crate) fn has_said(&self, text: &str) -> bool {
        self.count_said(text) > 0
    }

    /// Waits until the program has told of a fault that was made on purpose, so often, and forgets it.
    #[track_caller]
    pub(crate) fn forgive(&self, text: &str, times: usize) {
        let begun = Instant::now();
        while self.count_said(text) < times {
            assert!(begun.elapsed() < PATIENCE, "it was not told: {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(self.count_said(text), times, "{text}");
        self.said.lock().unwrap().retain(|line| !line.contains(text));
    }

    /// Forgets what the program has told of this so far, however often.
    #[cfg(feature = "otel")]
    pub(crate) fn forget(&self, text: &str) {
        self.said.lock().unwrap().retain(|line| !line.contains(text));
    }

    /// Lets the program open as many files as it has open now, and no more.
    pub(crate) fn freeze_open_files(&self) {
        let process = self.child.as_ref().unwrap().id();
        let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        // Numbers can have gaps, and the limit is on the number.
        let numbers = open.map(|file| file.unwrap().file_name().to_str().unwrap().parse::<u64>().unwrap());
        let mut numbers: Vec<_> = numbers.collect();
        numbers.sort_unstable();
        let gap = (0..).zip(&numbers).find_map(|(free, taken)| (free != *taken).then_some(free));
        self.limit_open_files(gap.unwrap_or(numbers.len() as u64));
    }

    /// Lets the program open so many files.
    pub(crate) fn limit_open_files(&self, count: u64) {
        let process = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        let limit = rustix::process::Rlimit {
            current: Some(count),
            ..rustix::process::getrlimit(rustix::process::Resource::Nofile)
        };
        rustix::process::prlimit(
            rustix::process::Pid::from_raw(process),
            rustix::process::Resource::Nofile,
            limit,
        )
        .unwrap();
    }

    /// Ends the program at once, wherever it is. [`Self::spawn`] starts it again.
    pub(crate) fn kill(&self) {
        self.signal("-KILL");
    }

    /// Waits for the end of the program.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.take().unwrap().wait().unwrap().code()
    }

    /// Asks the program to stop; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.signal("-TERM");
        self.wait()
    }

    fn signal(&self, signal: &str) {
        let process = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// How much memory of its own the program has at present, in KiB: without the files that it has mapped.
    pub(crate) fn memory_kib(&self) -> u64 {
        let process = self.child.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The URL or file of the database.
    pub(crate) fn database(&self) -> String {
        match &self.schema {
            Some(schema) => schema.url.clone(),
            None => self.data.path().join("data/wharfinger.db").to_str().unwrap().to_owned(),
        }
    }

    /// A request to a path of this server, without credentials.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}{path}", self.url))
    }

    /// A request of the first user.
    pub(crate) fn by_admin(&self, method: &str, path: &str) -> Call {
        self.call(method, path).bearer(&self.admin)
    }

    /// Asks again until the answer is what is waited for.
    #[track_caller]
    pub(crate) fn eventually(&self, ask: impl Fn(&Self) -> Answer, good: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = ask(self);
            if good(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "still not there: {answer:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whether a line of the log, in text or JSON, says that something went wrong that never should.
fn tells_of_a_fault(line: &str) -> bool {
    [" ERROR ", "\"ERROR\"", "panicked"].iter().any(|sign| line.contains(sign))
}

/// Address and port, if this line tells where the server listens.
fn listening(line: &str) -> Option<String> {
    if let Some(address) = line.strip_prefix("  address ") {
        return Some(address.trim().to_owned());
    }
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    (line["message"] == "listening").then(|| line["addr"].as_str().map(str::to_owned))?
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        let said = self.said.lock().unwrap();
        let faults: Vec<_> = said.iter().filter(|line| tells_of_a_fault(line)).collect();
        // Whatever a client sends, the server does nothing that it must call an error of its own.
        if std::thread::panicking() {
            eprintln!("server: {faults:?}");
        } else {
            assert!(faults.is_empty(), "{faults:#?}");
        }
    }
}
