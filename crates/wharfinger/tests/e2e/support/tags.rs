//! Repositories and tags as Quay's API shows and changes them, and times as it writes them.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Answer, Server};

/// The path of a tag.
pub(crate) fn tag_path(repository: &str, tag: &str) -> String {
    format!("/api/v1/repository/{repository}/tag/{tag}")
}

impl Server {
    /// Makes a repository whose name has a namespace in front; `visibility` is `public` or `private`.
    pub(crate) fn create_repository(&self, full_name: &str, visibility: &str) {
        self.create_repository_by(&self.admin, full_name, visibility);
    }

    /// The same by the holder of an access token, who then administers it.
    pub(crate) fn create_repository_by(&self, token: &str, full_name: &str, visibility: &str) {
        let (namespace, name) = full_name.split_once('/').unwrap();
        let new =
            json!({"namespace": namespace, "repository": name, "visibility": visibility, "description": ""});
        let answer = self.call("POST", "/api/v1/repository").bearer(token).json(&new).send();
        answer.is(201, json!({"namespace": namespace, "name": name, "kind": "image"}));
    }

    /// Gives a user `read`, `write` or `admin` on a repository.
    pub(crate) fn give_role(&self, repository: &str, user: &str, role: &str) {
        let path = format!("/api/v1/repository/{repository}/permissions/user/{user}");
        let answer = self.by_admin("PUT", &path).json(&json!({"role": role})).send();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The answer to a request for the list of tags; `query` begins with `?` or is empty.
    pub(crate) fn ask_list(&self, repository: &str, query: &str) -> Answer {
        self.by_admin("GET", &tag_path(repository, query)).send()
    }

    /// One page of the list of tags.
    #[track_caller]
    pub(crate) fn list(&self, repository: &str, query: &str) -> Value {
        let answer = self.ask_list(repository, query);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The names on a page of the list of tags, in its order.
    #[track_caller]
    pub(crate) fn names(&self, repository: &str, query: &str) -> Vec<String> {
        let page = self.list(repository, query);
        let tags = page["tags"].as_array().unwrap();
        tags.iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Every lifetime of one tag, newest first.
    #[track_caller]
    pub(crate) fn history(&self, repository: &str, tag: &str) -> Vec<Value> {
        let mut lifetimes = Vec::new();
        for page in 1.. {
            let listed = self.list(repository, &format!("?limit=100&page={page}&specificTag={tag}"));
            lifetimes.extend(listed["tags"].as_array().unwrap().iter().cloned());
            if listed["has_additional"] == false {
                break;
            }
        }
        lifetimes
    }

    /// The whole history, as it is on the first page.
    #[track_caller]
    pub(crate) fn everything(&self, repository: &str) -> Value {
        self.list(repository, "?limit=100")
    }

    /// Changes a tag in the name of the first user.
    pub(crate) fn change(&self, repository: &str, tag: &str, body: &Value) -> Answer {
        self.by_admin("PUT", &tag_path(repository, tag)).json(body).send()
    }

    /// The same, of which it is known that it succeeds.
    #[track_caller]
    pub(crate) fn changes(&self, repository: &str, tag: &str, body: &Value) {
        self.change(repository, tag, body).is(201, json!("Updated"));
    }

    /// Deletes a tag in the name of the first user.
    pub(crate) fn delete_tag(&self, repository: &str, tag: &str) -> Answer {
        self.by_admin("DELETE", &tag_path(repository, tag)).send()
    }

    /// Points a tag at what is to be brought back, in the name of the first user.
    pub(crate) fn restore(&self, repository: &str, tag: &str, digest: &str) -> Answer {
        let path = format!("{}/restore", tag_path(repository, tag));
        self.by_admin("POST", &path).json(&json!({"manifest_digest": digest})).send()
    }

    /// What the pull statistics of a tag say.
    pub(crate) fn tag_pulls(&self, repository: &str, tag: &str) -> Answer {
        self.by_admin("GET", &format!("{}/pull_statistics", tag_path(repository, tag))).send()
    }

    /// What the pull statistics of a manifest say.
    pub(crate) fn manifest_pulls(&self, repository: &str, digest: &str) -> Answer {
        self.by_admin("GET", &format!("/api/v1/repository/{repository}/manifest/{digest}/pull_statistics"))
            .send()
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// The present second.
pub(crate) fn now_s() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap()
}

/// Waits until the clock shows another millisecond, so that what follows is later than what was.
pub(crate) fn tick() {
    let before = since_epoch().as_millis();
    while since_epoch().as_millis() == before {
        std::thread::yield_now();
    }
}

/// A second as dates are written in answers.
pub(crate) fn date(seconds: &Value) -> String {
    let seconds = seconds.as_i64().unwrap();
    let mut command = Command::new("date");
    command.env("LC_ALL", "C").args(["-u", "-d", &format!("@{seconds}"), "+%a, %d %b %Y %H:%M:%S -0000"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
