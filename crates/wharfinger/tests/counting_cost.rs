//! What counting costs a pull over HTTP: two registries over one store, one of which counts, in one process. Small blocks of
//! pulls are asked for of both in turn, so that it makes no difference what else the machine does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::blocking::Client;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use wharfinger::config::{Config, Sources};
use wharfinger::deps;
use wharfinger_registry::{Clock, Registry, Settings, pulls};
use wharfinger_web::metrics::Exposition;
use wharfinger_web::serve::{Front, serve};

const REPOSITORY: &str = "admin/app";
const PASSWORD: &str = "as-good-as-any";
const TAGS: usize = 50;
/// Addresses that pull, each over a connection of its own.
const CLIENTS: u8 = 20;
/// Pulls of one registry before it is the other's turn.
const BLOCK: usize = 100;
/// Blocks of each registry between two flushes: as many pulls as a client gets that asks for one after the other, in the
/// second that is between them.
const BLOCKS: usize = 300;
const ROUNDS: usize = 15;
/// How much more than a pull that is not counted one may cost that is.
const DEARER: f64 = 1.03;

/// A registry that is served.
struct Served {
    registry: Registry,
    addr: SocketAddr,
}

impl Served {
    async fn open(deps: &deps::Deps, count_pulls: bool) -> Self {
        let settings = Settings { count_pulls, ..Settings::default() };
        let (db, blobs) = (deps.db.clone(), Arc::clone(&deps.blobs));
        let registry = Registry::open(db, blobs, Clock::system(), settings).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = wharfinger_web::router(
            registry.clone(),
            Exposition::new(prometheus_client::registry::Registry::default()),
        );
        tokio::spawn(serve(listener, router, Front::default(), std::future::pending()));
        Self { registry, addr }
    }

    /// Connections from different addresses.
    async fn connections(&self) -> Vec<Connection> {
        let mut connections = Vec::new();
        for client in 1..=CLIENTS {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((Ipv4Addr::new(127, 0, 1, client), 0).into()).unwrap();
            let stream = socket.connect(self.addr).await.unwrap().into_std().unwrap();
            stream.set_nonblocking(false).unwrap();
            stream.set_nodelay(true).unwrap();
            connections.push(Connection { reader: BufReader::new(stream), line: String::new() });
        }
        connections
    }
}

/// A connection that is kept, asked by whoever calls: so what the client itself costs is known.
struct Connection {
    reader: BufReader<TcpStream>,
    line: String,
}

impl Connection {
    /// Sends a request, and takes the whole answer.
    fn ask(&mut self, request: &str) {
        self.reader.get_mut().write_all(request.as_bytes()).unwrap();
        let mut length = 0;
        self.read_line();
        assert_eq!(self.line, "HTTP/1.1 200 OK\r\n");
        while self.line != "\r\n" {
            self.read_line();
            if let Some(value) = self.line.strip_prefix("content-length: ") {
                length = value.trim_end().parse().unwrap();
            }
        }
        std::io::copy(&mut self.reader.by_ref().take(length), &mut std::io::sink()).unwrap();
    }

    fn read_line(&mut self) {
        self.line.clear();
        self.reader.read_line(&mut self.line).unwrap();
    }
}

/// Makes the first user and a public repository of theirs with all the tags; a token that pulls from it.
fn seed(url: &str) -> String {
    let client = Client::builder().tls_certs_only([]).build().unwrap();
    let answer = |call: reqwest::blocking::RequestBuilder| {
        let answer = call.send().unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.text().unwrap()
    };
    let user = json!({"username": "admin", "password": PASSWORD, "access_token": true});
    let made = answer(client.post(format!("{url}/api/v1/user/initialize")).json(&user));
    let made: Value = serde_json::from_str(&made).unwrap();
    let (namespace, name) = REPOSITORY.split_once('/').unwrap();
    let repository =
        json!({"namespace": namespace, "repository": name, "visibility": "public", "description": ""});
    let create = client.post(format!("{url}/api/v1/repository")).json(&repository);
    answer(create.bearer_auth(made["access_token"].as_str().unwrap()));
    let scope = format!("{url}/v2/auth?service=any&scope=repository:{REPOSITORY}:pull,push");
    let token = answer(client.get(scope).basic_auth("admin", Some(PASSWORD)));
    let token: Value = serde_json::from_str(&token).unwrap();
    let token = token["token"].as_str().unwrap().to_owned();
    for number in 0..TAGS {
        let index = "application/vnd.oci.image.index.v1+json";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": index, "manifests": [], "annotations": {"number": number.to_string()},
        });
        let push = client.put(format!("{url}/v2/{REPOSITORY}/manifests/v{number}")).bearer_auth(&token);
        answer(push.header("content-type", index).body(manifest.to_string()));
    }
    token
}

fn used(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().unwrap()
}

/// The time that this process has used, but for this thread, which is the client.
fn used_by_servers() -> Duration {
    used(ClockId::ProcessCPUTime) - used(ClockId::ThreadCPUTime)
}

/// What pulls have cost.
#[derive(Default)]
struct Cost {
    /// Of processors.
    used: Duration,
    /// Until each answer was there.
    waits: Vec<Duration>,
}

impl Cost {
    fn block(&mut self, connections: &mut [Connection], requests: &[String]) {
        let begun = used_by_servers();
        for pull in self.waits.len()..self.waits.len() + BLOCK {
            let asked = Instant::now();
            let (client, tag) = (pull % connections.len(), pull % requests.len());
            connections[client].ask(&requests[tag]);
            self.waits.push(asked.elapsed());
        }
        self.used += used_by_servers() - begun;
    }

    /// Writes down what was counted; what that took.
    fn flush(&mut self, runtime: &Runtime, registry: &Registry) -> Duration {
        let (begun, registry) = (used_by_servers(), registry.clone());
        // Not by this thread.
        let flushing = runtime.spawn(async move { pulls::flush(&registry).await });
        runtime.block_on(flushing).unwrap().unwrap();
        let took = used_by_servers() - begun;
        self.used += took;
        took
    }

    fn wait(&mut self) -> Duration {
        median(&mut self.waits)
    }
}

fn median<T: Copy + PartialOrd>(values: &mut [T]) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).unwrap());
    values[values.len() / 2]
}

#[test]
#[ignore = "about time, in a release build: cargo test --release -p wharfinger --test counting_cost -- --ignored --nocapture"]
fn counting_makes_a_pull_at_most_three_hundredths_dearer() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let config = Config::new(Sources::new([("data", data)], [], None)).unwrap();
    let runtime = Runtime::new().unwrap();
    let (counting, plain) = runtime.block_on(async {
        let deps = deps::open(&config).await.unwrap();
        (Served::open(&deps, true).await, Served::open(&deps, false).await)
    });
    let token = seed(&format!("http://{}", plain.addr));
    for (who, credentials) in
        [("anonymous", String::new()), ("with a token", format!("authorization: Bearer {token}\r\n"))]
    {
        let requests = (0..TAGS).map(|number| {
            format!(
                "GET /v2/{REPOSITORY}/manifests/v{number} HTTP/1.1\r\nhost: {}\r\n{credentials}\
                 user-agent: docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64\r\n\
                 accept: application/vnd.oci.image.index.v1+json\r\n\r\n",
                plain.addr
            )
        });
        let requests: Vec<_> = requests.collect();
        let mut connections =
            runtime.block_on(async { [counting.connections().await, plain.connections().await] });
        let (mut processor, mut latency) = (Vec::new(), Vec::new());
        let (mut figures, mut flushes) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let mut costs = [Cost::default(), Cost::default()];
            for block in 0..BLOCKS {
                // Each goes first as often as the other.
                for which in [block % 2, 1 - block % 2] {
                    costs[which].block(&mut connections[which], &requests);
                }
            }
            // The other has nothing to write down.
            let flush = costs[0].flush(&runtime, &counting.registry);
            let [mut on, mut off] = costs;
            // The first warms up.
            if round > 0 {
                processor.push(on.used.as_secs_f64() / off.used.as_secs_f64());
                let waited = (on.wait(), off.wait());
                latency.push(waited.0.as_secs_f64() / waited.1.as_secs_f64());
                figures.push((off.used / (BLOCK * BLOCKS) as u32, waited.1));
                flushes.push(flush);
            }
        }
        let (processor, latency, (used, waited)) =
            (median(&mut processor), median(&mut latency), median(&mut figures));
        println!(
            "{who}: a pull takes {used:?} of a processor, {waited:?} in all; counted {processor:.4} and {latency:.4} times \
             as much, with {:?} to write {} of them down",
            median(&mut flushes),
            BLOCK * BLOCKS
        );
        assert!(processor <= DEARER && latency <= DEARER, "{who}: {processor:.4}, {latency:.4}");
    }
}
