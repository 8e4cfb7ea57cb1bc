//! The real program, started and stopped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::blocking::Client;
use serde_json::json;
use tempfile::TempDir;

use super::people::ADMIN_PASSWORD;
use super::postgres::Schema;
use super::{Answer, Call};

/// Longest wait for anything that the server does by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server remembers things in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A registry with its own folder, and its first user.
pub struct Server {
    pub url: String,
    /// An access token of the first user, `admin`, with every scope.
    pub admin: String,
    pub data: TempDir,
    schema: Option<Schema>,
    settings: Vec<(String, String)>,
    client: Client,
    child: Option<Child>,
}

impl Server {
    /// Starts a registry and makes its first user.
    pub fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[])
    }

    /// The same with settings beside the usual ones.
    pub fn start_with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let mut server = Self::start_empty(engine, settings);
        let user = json!({"username": "admin", "password": ADMIN_PASSWORD, "access_token": true});
        let answer = server.call("POST", "/api/v1/user/initialize").json(&user).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        server.admin = answer.json()["access_token"].as_str().unwrap().to_owned();
        server
    }

    /// A registry that nobody has signed up to.
    pub fn start_empty(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(64)
            .build()
            .unwrap();
        let mut server = Self {
            url: String::new(),
            admin: String::new(),
            data: TempDir::new().unwrap(),
            schema: (engine == Engine::Postgres).then(Schema::create),
            settings: settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            client,
            child: None,
        };
        server.spawn();
        server
    }

    /// Starts the program over the same folder, on a port that is free now.
    pub fn spawn(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wharfinger"));
        command.env_clear().arg("serve").args(["--listen", "127.0.0.1:0", "--log", "warn"]);
        command.arg("--data").arg(self.data.path().join("data"));
        if let Some(schema) = &self.schema {
            command.args(["--database", &schema.url]);
        }
        for (key, value) in &self.settings {
            command.args([format!("--{key}"), value.clone()]);
        }
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let greeting = loop {
            let line = lines.next().expect("the server says where it listens").unwrap();
            match line.split_once("listens on ") {
                Some((_, url)) => break url.trim().to_owned(),
                None => eprintln!("server: {line}"),
            }
        };
        // What it says later must be read, or it would wait for a reader; a panic of its own fails the test.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok).filter(|line| line.contains("WARN") || line.contains("ERROR")) {
                eprintln!("server: {line}");
            }
        });
        self.url = greeting;
        self.child = Some(child);
    }

    /// Ends the program at once, wherever it is.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the program to stop; its exit code.
    pub fn stop(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(stopped.success());
        child.wait().unwrap().code().unwrap_or(-1)
    }

    pub fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The URL of the database, as the program was given it.
    pub fn database(&self) -> String {
        match &self.schema {
            Some(schema) => schema.url.clone(),
            None => self.data.path().join("data/wharfinger.db").to_str().unwrap().to_owned(),
        }
    }

    /// A request to a path of this server, without credentials.
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}{path}", self.url))
    }

    /// A request of the first user.
    pub fn by_admin(&self, method: &str, path: &str) -> Call {
        self.call(method, path).bearer(&self.admin)
    }

    /// A token of the distribution API for these scopes.
    pub fn registry_token(&self, user: &str, password: &str, scopes: &[&str]) -> String {
        let query: String = scopes.iter().map(|scope| format!("&scope={scope}")).collect();
        let answer = self.call("GET", &format!("/v2/auth?service=test{query}")).basic(user, password).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// A token of the first user for pulling from and pushing to a repository.
    pub fn push_token(&self, repository: &str) -> String {
        self.registry_token("admin", ADMIN_PASSWORD, &[&format!("repository:{repository}:pull,push")])
    }

    /// Asks again until the answer is what is waited for.
    #[track_caller]
    pub fn eventually(&self, ask: impl Fn(&Self) -> Answer, good: impl Fn(&Answer) -> bool) -> Answer {
        let begun = std::time::Instant::now();
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

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
