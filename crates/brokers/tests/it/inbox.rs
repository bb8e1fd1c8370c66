//! A message from a broker takes effect once and in order, or is parked with the reason.

use std::time::Duration;

use earmark_brokers::inbox::{Binding, Inbox, Incoming, Outcome};
use earmark_brokers::redis::{Redis, StreamConsumer};
use earmark_kernel::Bus;
use earmark_servers::clock::until;
use earmark_servers::redis::Redis as Server;
use tokio::sync::watch;

use super::tally::{ADDED_MAX, BREAKS, added, bus};

const WAIT_MAX: Duration = Duration::from_secs(20);

fn inbox(bus: &Bus) -> Inbox {
    let binding =
        Binding { channel: "numbers".into(), message: "tally.add", also: &[], keys: &["name"] };
    Inbox::new(bus, "tally", vec![binding])
}

fn incoming(id: &str, body: &str) -> Incoming {
    Incoming { binding: 0, id: id.into(), body: body.into(), poison: None }
}

fn add(name: &str, by: u32) -> String {
    format!(r#"{{"name":"{name}","by":{by}}}"#)
}

fn reasons(bus: &Bus) -> Vec<String> {
    let parked = bus.parked("tally", None, 100).unwrap();
    parked.into_iter().map(|(_, it)| it.reason).collect()
}

#[tokio::test]
async fn messages_with_the_same_key_are_handled_once_and_in_order() {
    let (bus, runtime) = bus();
    let (_stop, stopping) = watch::channel(false);
    let messages = || (1..=200).map(|by| incoming(&format!("id-{by}"), &add("a", by))).collect();
    let outcomes = inbox(&bus).handle(messages(), &stopping).await;
    assert!(outcomes.iter().all(|it| *it == Outcome::Decided));
    inbox(&bus).handle(messages(), &stopping).await;
    assert_eq!(added(&bus), (1..=200).collect::<Vec<_>>());
    runtime.stop();
}

#[tokio::test]
async fn a_parked_message_delays_no_other() {
    let (bus, runtime) = bus();
    let (_stop, stopping) = watch::channel(false);
    let event = |id: &str, rest: &str| {
        format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"tally.add",{rest}}}"#)
    };
    let messages = vec![
        incoming("1", "\u{feff}{}"),
        incoming("2", &"[".repeat(5_000)),
        incoming("3", &add("a", BREAKS)),
        incoming("4", &add("a", ADDED_MAX + 1)),
        incoming("5", &event("e", r#""data":{"name":"a","by":7}"#)),
        incoming("6", &event("e", r#""data":{"name":"a","by":7},"extension":true"#)),
        incoming("7", &event("e", r#""data":{"name":"a","by":8}"#)),
        incoming("8", &event("f", r#""no_data":1"#)),
        incoming("9", &event(&"x".repeat(300), r#""data":{}"#)),
        incoming("10", &add("a", 9)),
    ];
    let outcomes = inbox(&bus).handle(messages, &stopping).await;
    let parked = outcomes.iter().filter(|it| **it == Outcome::Parked).count();
    assert_eq!((parked, added(&bus)), (6, vec![7, 9]), "{outcomes:?}");
    let reasons = reasons(&bus);
    assert!(reasons.iter().any(|it| it.contains("it breaks on this")), "{reasons:?}");
    assert!(reasons.iter().any(|it| it.contains("used before")), "{reasons:?}");
    runtime.stop();
    let outcomes = inbox(&bus).handle(vec![incoming("11", &add("a", 1))], &stopping).await;
    assert_eq!(outcomes, [Outcome::Redeliver], "a stopping service does not handle it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_continues_when_redis_restarts_with_older_or_no_data() {
    let mut server = Server::start().unwrap();
    let (bus, runtime) = bus();
    let (stop, stopping) = watch::channel(false);
    let redis = Redis::at(&server.url()).unwrap();
    let consumer = StreamConsumer::of(redis, inbox(&bus), "tallies", Duration::from_secs(1));
    let reading = tokio::task::JoinSet::from_iter([consumer.run(stopping)]);
    let send = |server: &Server, numbers: std::ops::RangeInclusive<u32>| {
        for by in numbers {
            let (id, body) = (format!("{by}-0"), add("a", by));
            server.ask(&["XADD", "numbers", &id, "event", &body]).unwrap();
        }
    };
    let has = |count: usize| until(WAIT_MAX, || added(&bus).len() == count);
    send(&server, 1..=20);
    assert!(has(20));
    server.save().unwrap();
    send(&server, 21..=30);
    assert!(has(30));
    server.kill().unwrap();
    server.start_again().unwrap();
    // The sender repeats what Redis lost; those messages were already handled.
    send(&server, 21..=40);
    assert!(has(40));
    server.kill().unwrap();
    server.delete_snapshot().unwrap();
    server.start_again().unwrap();
    send(&server, 31..=50);
    assert!(has(50));
    assert_eq!(added(&bus), (1..=50).collect::<Vec<_>>());
    stop.send_replace(true);
    reading.join_all().await;
    runtime.stop();
}
