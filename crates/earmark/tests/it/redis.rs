//! The program with Redis: the book's channels, streams in and out, and an unreachable Redis.

use std::path::Path;
use std::time::Duration;

use earmark_servers::clock::until;
use earmark_servers::redis::{Messages, Redis};
use insta::assert_snapshot;
use serde_json::Value;

use crate::program::{Server, done, program, run, text};

/// Timeout for everything that is awaited.
const WAIT_MAX: Duration = Duration::from_secs(20);
const STREAM: &str = "earmark.allocation.0";

/// A server that uses a Redis server.
fn served(data: &Path, redis: &Redis) -> Server {
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data", text(data), "--log", "info"];
    let mut command = program(&serve);
    command.env("EARMARK_REDIS_URL", redis.url()).env("EARMARK_REDIS_CLAIM_S", "1");
    Server::of(command)
}

fn publishing(server: &Server) {
    let hears = || {
        let (_, body) = server.get("/readyz");
        let told: Value = serde_json::from_str(&body).unwrap();
        let publishers = told["publishers"].as_array().unwrap().clone();
        publishers.len() == 2 && publishers.iter().all(|it| it["state"] == "publishing")
    };
    assert!(until(WAIT_MAX, hears), "{}", server.get("/readyz").1);
}

/// Publishes until a subscriber has received it.
fn publish(redis: &Redis, channel: &str, message: &str) {
    let received = || redis.ask(&["PUBLISH", channel, message]).is_ok_and(|count| count == "1");
    assert!(until(WAIT_MAX, received), "nobody subscribes to {channel}");
}

fn next(heard: &Messages) -> String {
    heard.next().unwrap().1
}

/// The only field of each entry of a stream.
fn entries(redis: &Redis, stream: &str) -> Vec<String> {
    let told = redis.ask(&["XRANGE", stream, "-", "+"]).unwrap();
    told.lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect()
}

/// The events of the feed, each as its text.
fn feed(server: &Server) -> Vec<String> {
    let (mut events, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let (_, body) = server.get(&format!("/v1/feeds/allocation/0?after={after}&limit=1000"));
        let page: Vec<&serde_json::value::RawValue> = serde_json::from_str(&body).unwrap();
        let Some(last) = page.last() else { return events };
        let last: Value = serde_json::from_str(last.get()).unwrap();
        last["sequence"].as_str().unwrap().clone_into(&mut after);
        events.extend(page.iter().map(|it| it.get().to_owned()));
    }
}

#[test]
fn the_books_messages_are_consumed_and_its_event_is_published() {
    let (folder, redis) = (tempfile::tempdir().unwrap(), Redis::start().unwrap());
    let server = served(folder.path(), &redis);
    publishing(&server);
    let heard = redis.subscribe(&["line_allocated"]).unwrap();
    server.post("/add_batch", r#"{"ref":"old","sku":"CHAIR","qty":10,"eta":"2099-01-01"}"#);
    server.post("/add_batch", r#"{"ref":"newer","sku":"CHAIR","qty":10,"eta":"2099-01-02"}"#);
    publish(&redis, "allocate", r#"{"orderid": "o1", "sku": "CHAIR", "qty": 10}"#);
    assert_snapshot!(next(&heard),
        @r#"{"orderid": "o1", "sku": "CHAIR", "qty": 10, "batchref": "old"}"#);
    publish(&redis, "change_batch_quantity", r#"{"batchref": "old", "qty": 5}"#);
    assert_snapshot!(next(&heard),
        @r#"{"orderid": "o1", "sku": "CHAIR", "qty": 10, "batchref": "newer"}"#);
    assert!(until(WAIT_MAX, || entries(&redis, STREAM) == feed(&server)), "byte for byte");
    assert_eq!(server.stop(), 0);
    done(&["verify", "--data", text(folder.path())]);
}

#[test]
fn stream_messages_are_handled_once_and_then_acknowledged() {
    let (folder, redis) = (tempfile::tempdir().unwrap(), Redis::start().unwrap());
    let line = r#"{"orderid":"o1","sku":"CHAIR","qty":3}"#;
    // One message arrives before any consumer; another is read by a member that never returns.
    redis.ask(&["XADD", "allocate", "*", "event", line]).unwrap();
    redis.ask(&["XGROUP", "CREATE", "allocate", "earmark", "0"]).unwrap();
    let read = ["XREADGROUP", "GROUP", "earmark", "dead", "STREAMS", "allocate", ">"];
    redis.ask(&read).unwrap();
    let server = served(folder.path(), &redis);
    server.post("/add_batch", r#"{"ref":"b1","sku":"CHAIR","qty":10,"eta":null}"#);
    let shrink = r#"{"specversion":"1.0","id":"7","source":"/stock","type":"change_batch_quantity",
        "data":{"batchref":"b1","qty":4},"datacontenttype":"application/json","more":1}"#;
    for _ in 0..2 {
        redis.ask(&["XADD", "change_batch_quantity", "*", "event", shrink]).unwrap();
    }
    let whole = r#"{"specversion":"1.0","id":"8","source":"/stock","type":"allocation.allocate",
        "partitionkey":"CHAIR","data":{"order_id":"o2","sku":"CHAIR","quantity":1}}"#;
    redis.ask(&["XADD", "allocate", "*", "event", whole]).unwrap();
    let acknowledged = |stream: &str| {
        let left = redis.ask(&["XPENDING", stream, "earmark"]).unwrap();
        let read = redis.ask(&["XINFO", "GROUPS", stream]).unwrap();
        left.starts_with('0') && read.ends_with("lag\n0")
    };
    let all = || acknowledged("allocate") && acknowledged("change_batch_quantity");
    assert!(until(WAIT_MAX, all), "{:?}", redis.ask(&["XINFO", "GROUPS", "allocate"]));
    assert_snapshot!(server.get("/allocations/o2").1, @r#"[{"sku":"CHAIR","batchref":"b1"}]"#);
    let (_, stock) = server.get("/v1/stock/CHAIR");
    let stock: Value = serde_json::from_str(&stock).unwrap();
    assert_eq!(stock["batches"][0]["purchased_quantity"], 4);
    assert_eq!(server.stop(), 0);
    let log = done(&["log", "--json", "--data", text(folder.path())]).out;
    assert_eq!(log.matches("\"allocation.batch_resized\"").count(), 1, "{log}");
    assert_eq!(
        redis
            .ask(&["XINFO", "CONSUMERS", "allocate", "earmark"])
            .unwrap()
            .matches("earmark-")
            .count(),
        0
    );
}

#[test]
fn unreadable_messages_are_parked_with_the_reason_and_can_be_replayed() {
    let (folder, redis) = (tempfile::tempdir().unwrap(), Redis::start().unwrap());
    let server = served(folder.path(), &redis);
    server.post("/add_batch", r#"{"ref":"b1","sku":"CHAIR","qty":10,"eta":null}"#);
    let large = format!("{{\"orderid\":\"{}\"}}", "x".repeat(70_000));
    let unknown = r#"{"specversion":"1.0","id":"1","source":"/a","type":"allocation.add_batch",
        "data":{}}"#;
    let bodies = [
        "not JSON",
        r#"{"orderid":"o1","sku":"CHAIR"}"#,
        unknown,
        large.as_str(),
        r#"{"orderid":"o1","sku":"CHAIR","qty":1,"more":2}"#,
    ];
    for body in bodies {
        redis.ask(&["XADD", "allocate", "*", "event", body]).unwrap();
    }
    redis.ask(&["XADD", "allocate", "*", "a", "1", "b", "2"]).unwrap();
    // Valid messages behind them are handled.
    let line = r#"{"orderid":"o2","sku":"CHAIR","qty":1}"#;
    redis.ask(&["XADD", "allocate", "*", "event", line]).unwrap();
    assert!(until(WAIT_MAX, || server.get("/allocations/o2").0 == 200));
    publish(&redis, "change_batch_quantity", r#"{"batchref":"b1","qty":-1}"#);
    let acked = || redis.ask(&["XPENDING", "allocate", "earmark"]).unwrap().starts_with('0');
    assert!(until(WAIT_MAX, acked));
    assert_eq!(server.stop(), 0);
    let parked = done(&["parked", "--json", "--data", text(folder.path())]).json();
    let parked = parked.as_array().unwrap();
    let mut reasons: Vec<String> = parked
        .iter()
        .map(|it| {
            format!("{}: {}", it["message"].as_str().unwrap(), it["reason"].as_str().unwrap())
        })
        .collect();
    reasons.sort();
    assert_snapshot!(reasons.join("\n"), @r#"
    allocate: not a JSON object: expected ident at line 1 column 2
    allocate: the entry has 2 fields instead of one
    allocate: the message has 70014 bytes, more than 65536; it was truncated
    allocate: unreadable allocate: missing field `qty` at line 1 column 30
    allocate: unreadable allocate: unknown field `more`, expected one of `orderid`, `sku`, `qty` at line 1 column 44
    allocation.add_batch: messages of type "allocation.add_batch" are not accepted here
    change_batch_quantity: unreadable change_batch_quantity: must be a whole number from 0 to 1000000000 at line 1 column 25
    "#);
    let of = |what: &str| {
        let found = parked.iter().find(|it| it["body"].as_str().unwrap().contains(what)).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let id = of("\"more\":2");
    let replay = ["parked", "--data", text(folder.path()), "replay", &id, "--dry-run"];
    let said = run(&replay);
    assert!(said.complaint().contains("the message failed again and stays parked"), "{said:?}");
}

#[test]
fn a_replayed_message_is_decided_and_no_longer_parked() {
    let (folder, redis) = (tempfile::tempdir().unwrap(), Redis::start().unwrap());
    let server = served(folder.path(), &redis);
    server.post("/add_batch", r#"{"ref":"b1","sku":"CHAIR","qty":10,"eta":null}"#);
    server.post("/allocate", r#"{"orderid":"o2","sku":"CHAIR","qty":1}"#);
    let later = r#"{"specversion":"1.0","id":"2","source":"/a","type":"allocation.ship",
        "data":{"order_id":"o2","line_id":"CHAIR"}}"#;
    redis.ask(&["XADD", "allocate", "*", "event", later]).unwrap();
    let address = server.url();
    let is_parked = || done(&["parked", "--server", &address]).out.contains("/a/2");
    assert!(until(WAIT_MAX, is_parked));
    // With a running server by request, without one by opening the folder.
    let of_server = ["parked", "--server", &address, "replay", "/a/2"];
    let rehearsed = done(&[&of_server[..], &["--dry-run"]].concat()).out;
    assert!(rehearsed.starts_with("would record"), "{rehearsed}");
    assert!(is_parked());
    assert_eq!(server.stop(), 0);
    let of_folder = ["parked", "--data", text(folder.path()), "replay", "/a/2"];
    assert_eq!(done(&[&of_folder[..], &["--dry-run"]].concat()).out, rehearsed);
    assert_eq!(parked_under(folder.path(), "/a/2"), 1);
    let server = served(folder.path(), &redis);
    let address = server.url();
    let of_server = ["parked", "--server", &address, "replay", "/a/2"];
    assert!(done(&of_server).out.contains("shipped"));
    assert!(run(&of_server).complaint().contains("there is no parked message"));
    assert_eq!(server.stop(), 0);
    assert_eq!(parked_under(folder.path(), "/a/2"), 0);
}

#[test]
fn commands_work_without_redis_and_events_are_published_in_order_later() {
    let (folder, mut redis) = (tempfile::tempdir().unwrap(), Redis::start().unwrap());
    redis.kill().unwrap();
    let server = served(folder.path(), &redis);
    server.post("/add_batch", r#"{"ref":"b1","sku":"CHAIR","qty":100000,"eta":null}"#);
    for order in 0..200 {
        let line = format!(r#"{{"orderid":"o{order}","sku":"CHAIR","qty":1}}"#);
        assert_eq!(server.post("/allocate", &line).0, 201);
    }
    let (status, body) = server.get("/readyz");
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, told["publishers"][0]["state"].as_str()),
        (200, Some("unavailable")),
        "{told}"
    );
    assert!(
        server.get("/metrics").1.contains("earmark_relay_unavailable{publisher=\"redis-streams\"")
    );
    redis.start_again().unwrap();
    assert!(until(WAIT_MAX, || entries(&redis, STREAM).len() == feed(&server).len()));
    assert_eq!(entries(&redis, STREAM), feed(&server));
    redis.ask(&["FLUSHALL"]).unwrap();
    server.post("/allocate", r#"{"orderid":"last","sku":"CHAIR","qty":1}"#);
    assert!(
        until(WAIT_MAX, || entries(&redis, STREAM) == feed(&server)),
        "emptied, and full again"
    );
    assert_eq!(server.stop(), 0);
}

/// The number of parked messages with an id.
fn parked_under(data: &Path, id: &str) -> usize {
    let parked = done(&["parked", "--json", "--data", text(data)]).json();
    parked.as_array().unwrap().iter().filter(|it| it["id"] == id).count()
}
