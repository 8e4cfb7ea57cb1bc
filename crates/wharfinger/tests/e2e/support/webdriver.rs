//! A real browser, driven by WebDriver (W3C): Chromium, without a window.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::PATIENCE;

/// Keys that write nothing, as WebDriver calls them.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    Run,
    Blocked,
}

/// A browser with nothing in it, until it is dropped.
pub(crate) struct Chromium {
    driver: Child,
    client: Client,
    session: String,
    _profile: TempDir,
}

impl Chromium {
    /// Starts one. Says loudly when there is none; with `WHARFINGER_TEST_REQUIRE` that is a failure.
    pub(crate) fn start(scripts: Scripts) -> Option<Self> {
        static TOLD: Once = Once::new();
        let Some((driver, port)) = start_driver() else {
            assert!(
                std::env::var_os("WHARFINGER_TEST_REQUIRE").is_none(),
                "chromedriver must be there, and Chromium"
            );
            TOLD.call_once(|| eprintln!("SKIPPED: tests of pages need chromedriver and Chromium"));
            return None;
        };
        let client = Client::builder().timeout(Duration::from_secs(120)).build().unwrap();
        let profile = TempDir::new().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let content = if scripts == Scripts::Run { 1 } else { 2 };
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {
                // Containers lack what Chromium's own sandbox and shared memory need.
                "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", folder],
                "prefs": {"profile.managed_default_content_settings.javascript": content},
            },
        }}});
        let mut browser =
            Self { driver, client, session: format!("http://127.0.0.1:{port}/session"), _profile: profile };
        let made = browser.post("", &wanted);
        browser.session = format!("{}/{}", browser.session, made["sessionId"].as_str().unwrap());
        Some(browser)
    }

    pub(crate) fn open(&self, address: &str) {
        self.post("/url", &json!({"url": address}));
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        self.get("/url").as_str().unwrap().to_owned()
    }

    /// Waits until it is where that is so.
    #[track_caller]
    pub(crate) fn arrives(&self, there: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let address = self.address();
            if there(&address) {
                return address;
            }
            assert!(begun.elapsed() < PATIENCE, "still at {address}: {}", self.text("body"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What an element says, as it is seen.
    pub(crate) fn text(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        self.of_element(&found, "text")
    }

    /// How an element looks, by a property of its style.
    pub(crate) fn style(&self, selector: &str, property: &str) -> String {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        self.of_element(&found, &format!("css/{property}"))
    }

    /// What is pressed or written next goes to this: its name, or what stands on it.
    pub(crate) fn focus(&self) -> String {
        let focus = self.get("/element/active");
        let name = self.of_element(&focus, "attribute/name");
        if name.is_empty() { self.of_element(&focus, "text") } else { name }
    }

    /// Presses keys, one after the other.
    pub(crate) fn press(&self, keys: &str) {
        let both = |key: char| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key}));
        let actions: Vec<_> = keys.chars().flat_map(both).collect();
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// What the browser has complained of since it was asked last.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    fn of_element(&self, element: &Value, what: &str) -> String {
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        self.get(&format!("/element/{id}/{what}")).as_str().unwrap_or_default().to_owned()
    }

    fn get(&self, path: &str) -> Value {
        value(self.client.get(format!("{}{path}", self.session)))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        value(self.client.post(format!("{}{path}", self.session)).json(body))
    }
}

#[track_caller]
fn value(request: reqwest::blocking::RequestBuilder) -> Value {
    let answer: Value = request.send().unwrap().json().unwrap();
    assert!(answer["value"].get("error").is_none(), "{answer}");
    answer["value"].clone()
}

/// A driver and its port, or none where there is no such program.
fn start_driver() -> Option<(Child, u16)> {
    let mut said = Vec::new();
    for _ in 0..10 {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        for line in lines {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return Some((driver, port.trim_end_matches('.').parse().unwrap()));
            }
            said.push(line);
        }
        // It takes a free port of IPv4 and gives up when another program has the same one of IPv6.
        driver.wait().unwrap();
    }
    panic!("chromedriver does not start: {said:#?}");
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser ends with its session.
        drop(self.client.delete(&self.session).send());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
