//! Feeds over HTTP.

use insta::assert_snapshot;

use crate::house::{House, start};

const FEED: &str = "/v1/feeds/allocation/0";

async fn place(house: &House, order: &str) {
    let line = format!(r#"{{"order_id":"{order}","sku":"LAMP","quantity":1}}"#);
    assert_eq!(house.post("/v1/allocations", &line).await.status, 201);
}

#[tokio::test]
async fn public_events_are_read_from_any_number_on() {
    let house = House::open().await;
    house.batch("b1", "LAMP", 10).await;
    place(&house, "o1").await;
    // Under a key an answer is kept too, so that the numbers of public events are not in a row.
    let head = "POST /v1/allocations\nIdempotency-Key: k1";
    house.ask(head, r#"{"order_id":"o2","sku":"LAMP","quantity":1}"#).await;
    place(&house, "o3").await;
    let all = house.get(FEED).await;
    let all = all.json();
    let events = all.as_array().unwrap();
    assert_eq!(events.len(), 3);
    let mut previous = "0";
    for event in events {
        assert_eq!(event["previous"], previous);
        previous = event["sequence"].as_str().unwrap();
    }
    let gap = |at: usize| events[at]["sequence"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(gap(2) > gap(1) + 1);
    assert_snapshot!(house.get(&format!("{FEED}?after={}&limit=1", gap(0))).await, @"");
    assert_snapshot!(house.get(&format!("{FEED}?after={}", gap(2))).await, @"");
}

#[tokio::test]
async fn a_reader_waits_for_what_comes() {
    let house = House::open().await;
    house.batch("b1", "LAMP", 10).await;
    let mut waiting = house.client().await;
    let reading = start(async move { waiting.ask(&format!("GET {FEED}?wait_s=30"), "").await });
    // Something that is not public does not end the waiting.
    house.batch("b2", "LAMP", 10).await;
    place(&house, "o1").await;
    let reply = reading.await.unwrap();
    assert_eq!(reply.json()[0]["data"]["orderid"], "o1");
}

#[tokio::test]
async fn a_reader_who_waits_does_not_keep_the_server_from_stopping() {
    let mut house = House::open().await;
    let mut waiting = house.client().await;
    waiting.send(crate::client::request(&format!("GET {FEED}?wait_s=30"), "")).await;
    // Answered on another connection: the server has had time to begin with the first.
    assert_eq!(house.get("/healthz").await.status, 200);
    house.stop();
    assert_eq!(waiting.read().await.map_or(200, |reply| reply.status), 200);
    assert!(house.stopped().await);
}

#[tokio::test]
async fn a_feed_that_is_not_there_is_named() {
    let house = House::open().await;
    assert_snapshot!(house.get("/v1/feeds/nope/0").await, @"");
    assert_snapshot!(house.get("/v1/feeds/allocation/7?wait_s=1").await, @"");
    assert_snapshot!(house.get("/v1/feeds/allocation/x").await, @"");
    assert_eq!(house.get(&format!("{FEED}?wait_s=31")).await.json()["field"], "wait_s");
    assert_eq!(house.get(&format!("{FEED}?after=-1")).await.json()["field"], "after");
}
