//! Data that earlier versions wrote: this version opens them, verifies them, and answers the same.

use std::fs;
use std::path::{Path, PathBuf};

use earmark_servers::postgres::Postgres;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::program::{Said, Server, done, root, run, text};

/// What earlier versions wrote, a folder per version.
const FIXTURES: &str = "testing/fixtures";

/// Members that hold sentences for people. Their wording may change from version to version.
const PROSE: [&str; 4] = ["because", "detail", "text", "title"];
const INVALID: &str = "Invalid sku ";

#[test]
fn a_folder_that_was_closed_cleanly_is_opened() {
    for fixture in Fixture::all("folder") {
        fixture.check_folder();
    }
}

#[test]
fn a_folder_whose_server_was_killed_is_opened() {
    for fixture in Fixture::all("killed") {
        fixture.check_folder();
    }
}

#[test]
fn a_dump_of_a_database_is_restored_and_opened() {
    for fixture in Fixture::all("postgres") {
        let postgres = Postgres::start(&[]).unwrap();
        let url = postgres.database("shop").unwrap();
        let mut psql = postgres.client("psql");
        psql.args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--dbname", "shop"]);
        let restored = psql.arg("--file").arg(fixture.path.join("dump.sql")).output().unwrap();
        assert!(restored.status.success(), "{restored:?}");
        let data = tempfile::tempdir().unwrap();
        let arguments = ["--store", &url, "--data", text(data.path())];
        Opened { fixture: &fixture, arguments: &arguments }.check();
    }
}

#[test]
fn a_hold_that_was_done_in_part_is_found() {
    let races = root().join(FIXTURES).join("0.1.0-a571436/races");
    for (race, found) in [
        ("confirmed-and-released", "the hold of order o0 was confirmed and released at the same"),
        ("refused-and-confirmed", "the hold of order o0 was refused, but its lines SKU-0, SKU-1,"),
    ] {
        let data = tempfile::tempdir().unwrap();
        unpack(&races.join(race), data.path());
        let said = run(&["verify", "--data", text(data.path())]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(found), "{said:?}");
    }
}

/// Copies the compressed files of a data folder.
fn unpack(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let packed = file.unwrap().path();
        let mut bytes = GzDecoder::new(fs::File::open(&packed).unwrap());
        let copy = to.join(packed.file_stem().unwrap());
        std::io::copy(&mut bytes, &mut fs::File::create(copy).unwrap()).unwrap();
    }
}

/// Data of an earlier version, and what that version said about them.
struct Fixture {
    path: PathBuf,
}

impl Fixture {
    /// The fixtures of this name, at most one per version.
    fn all(name: &str) -> Vec<Self> {
        let versions = fs::read_dir(root().join(FIXTURES)).unwrap();
        let paths = versions.map(|version| version.unwrap().path().join(name));
        let all: Vec<_> = paths.filter(|path| path.is_dir()).map(|path| Self { path }).collect();
        assert!(!all.is_empty(), "no version has a fixture {name}");
        all
    }

    /// Opens a copy of a data folder.
    fn check_folder(&self) {
        let data = tempfile::tempdir().unwrap();
        unpack(&self.path.join("data"), data.path());
        let arguments = ["--data", text(data.path())];
        Opened { fixture: self, arguments: &arguments }.check();
    }

    fn expected(&self, file: &str) -> PathBuf {
        self.path.join("expected").join(file)
    }

    fn read<T: DeserializeOwned>(&self, file: &str) -> T {
        serde_json::from_str(&fs::read_to_string(self.expected(file)).unwrap()).unwrap()
    }

    /// The log of each partition, as `earmark log --json` showed it.
    fn logs(&self) -> Vec<String> {
        let files = (0..).map(|partition| self.expected(&format!("log-{partition}.jsonl")));
        let files = files.take_while(|file| file.is_file());
        files.map(|file| fs::read_to_string(file).unwrap()).collect()
    }
}

/// A request, and how the earlier version answered it.
#[derive(Debug, Deserialize)]
struct Exchange {
    request: Request,
    status: u16,
    headers: Map<String, Value>,
    body: String,
}

#[derive(Debug, Deserialize)]
struct Request {
    method: String,
    path: String,
    headers: Map<String, Value>,
    body: String,
}

/// A copy of a fixture that the present program opens.
struct Opened<'a> {
    fixture: &'a Fixture,
    arguments: &'a [&'a str],
}

impl Opened<'_> {
    fn check(&self) {
        let recorded = self.verify();
        self.assert_verified_as_recorded(&recorded);
        let logs = self.fixture.logs();
        for (log, now) in logs.iter().zip(self.logs()) {
            assert_same_lines(log, &now);
        }
        for command in ["stock", "parked", "outbox"] {
            let mut expected: Value = self.fixture.read(&format!("{command}.json"));
            // The field was renamed since.
            if let Some(emails) = expected.as_object_mut().and_then(|it| it.remove("letters")) {
                expected["emails"] = emails;
            }
            let now = self.run(&[command, "--json"]).json();
            assert_eq!(without_prose(now), without_prose(expected), "{command}");
        }
        let server = self.serve();
        for exchange in self.fixture.read::<Vec<Exchange>>("questions.json") {
            assert_answered_as_before(&server, &exchange, is_same_json);
        }
        for exchange in self.fixture.read::<Vec<Exchange>>("replayed.json") {
            assert_eq!(exchange.headers["idempotent-replayed"], "true", "{exchange:?}");
            assert_answered_as_before(&server, &exchange, is_same_text);
        }
        go_on(&server);
        assert_eq!(server.stop(), 0);
        assert!(events(&self.verify()) > events(&recorded));
        for (log, now) in logs.iter().zip(self.logs()) {
            assert_same_lines(log, &now[..log.len()]);
        }
    }

    fn run(&self, words: &[&str]) -> Said {
        done(&[words, self.arguments].concat())
    }

    fn serve(&self) -> Server {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--log", "error"];
        Server::begin(&[&serve[..], self.arguments].concat())
    }

    /// What `verify` counts in the service that every version has.
    fn verify(&self) -> Value {
        let services = self.run(&["verify", "--json"]).json();
        of_allocation(&services)
    }

    /// Views may be other ones now, so their rows and the checks may be more or fewer.
    fn assert_verified_as_recorded(&self, verified: &Value) {
        let recorded = of_allocation(&self.fixture.read("verify.json"));
        for count in ["records", "events", "aggregates"] {
            assert_eq!(verified[count], recorded[count], "{count}");
        }
    }

    fn logs(&self) -> Vec<String> {
        let log = |at: usize| self.run(&["log", "--json", "--partition", &at.to_string()]).out;
        (0..self.fixture.logs().len()).map(log).collect()
    }
}

fn of_allocation(services: &Value) -> Value {
    let mut services = services.as_array().unwrap().iter();
    services.find(|it| it["service"] == "allocation").unwrap().clone()
}

fn events(verified: &Value) -> u64 {
    verified["events"].as_u64().unwrap()
}

fn assert_same_lines(expected: &str, now: &str) {
    for (expected, now) in expected.lines().zip(now.lines()) {
        assert_eq!(now, expected);
    }
    assert_eq!(now.lines().count(), expected.lines().count());
}

/// Sends a request that an earlier version answered.
fn assert_answered_as_before(
    server: &Server,
    expected: &Exchange,
    is_same: fn(&str, &str) -> bool,
) {
    let Request { method, path, headers, body } = &expected.request;
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    let now = server.exchange(method, path, &headers, body);
    assert_eq!(now.status, expected.status, "{expected:?} {now:?}");
    for (name, value) in &expected.headers {
        assert_eq!(now.header(name), value.as_str(), "{name} of {expected:?}");
    }
    assert!(is_same(&now.body, &with_present_names(path, &expected.body)), "{expected:?}\n{now:?}");
}

/// The history of a stock shows internal events, two of which have other names since: public events
/// had them too. Feeds show public events, whose names stay.
fn with_present_names(path: &str, body: &str) -> String {
    if !path.contains("/history") {
        return body.to_owned();
    }
    body.replace("\"allocation.batch_quantity_changed\"", "\"allocation.batch_resized\"")
        .replace("\"allocation.out_of_stock\"", "\"allocation.stock_exhausted\"")
}

/// Byte for byte. Only problems, which also stand in the results of a bulk, hold prose.
fn is_same_text(now: &str, expected: &str) -> bool {
    let has_problems = expected.contains("/problems/");
    now == expected || (has_problems && is_same_json(now, expected))
}

/// One value, or one a line as in the results of a bulk.
fn is_same_json(now: &str, expected: &str) -> bool {
    let read = |body| {
        let values = serde_json::Deserializer::from_str(body).into_iter::<Value>();
        values.map(|value| without_prose(value.unwrap())).collect::<Vec<_>>()
    };
    read(now) == read(expected)
}

fn without_prose(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_prose).collect(),
        Value::Object(mut members) => {
            // The message of a problem is its detail again; the book's clients read this one.
            let is_reworded = |it: &Value| it.as_str().is_some_and(|it| !it.starts_with(INVALID));
            if members.contains_key("detail") && members.get("message").is_some_and(is_reworded) {
                members.remove("message");
            }
            members.retain(|name, _| !PROSE.contains(&name.as_str()));
            members.into_iter().map(|(name, value)| (name, without_prose(value))).collect()
        }
        plain => plain,
    }
}

/// Sends commands that continue what the data hold, each with the answer that they demand.
fn go_on(server: &Server) {
    let send = |path: &str, body: &Value, status: u16| {
        let (told, answer) = server.post(path, &body.to_string());
        assert_eq!(told, status, "{path} {body}: {answer}");
    };
    let batch = json!({"reference": "new", "sku": "CLOCK", "quantity": 5});
    send("/v1/batches", &batch, 201);
    let line = json!({"order_id": "new", "sku": "CLOCK", "quantity": 5});
    send("/v1/allocations", &line, 201);
    // A line of the earlier version is known, and the hold that was left open is still one.
    let known = json!({"order_id": "o-4", "sku": "MILK", "quantity": 10});
    send("/v1/allocations", &known, 200);
    send("/v1/holds/h-open/confirm", &json!({}), 200);
    let shipment = json!({"order_id": "h-open", "line_id": "CLOCK"});
    send("/v1/shipments", &shipment, 200);
    // A key of the earlier version does not serve another request.
    let (key, other) = (("idempotency-key", "line-1"), ("content-type", "application/json"));
    let answer = server.exchange("POST", "/v1/allocations", &[key, other], &line.to_string());
    assert_eq!(answer.status, 422, "{answer:?}");
}
