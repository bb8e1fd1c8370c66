//! Holds over HTTP.

use insta::assert_snapshot;

use crate::house::House;

const BOTH: &str = r#"{"order_id":"o1","lines":[{"sku":"LAMP","quantity":2},{"line_id":"2","sku":"CHAIR","quantity":1}],"ttl_s":60}"#;

async fn house() -> House {
    let house = House::open().await;
    house.batch("b1", "LAMP", 10).await;
    house.batch("b2", "CHAIR", 1).await;
    house
}

#[tokio::test]
async fn a_hold_is_made_and_confirmed() {
    let house = house().await;
    assert_snapshot!(house.post("/v1/holds", BOTH).await, @"");
    assert_eq!(house.get("/allocations/o1").await.status, 404);
    assert_snapshot!(house.post("/v1/holds/o1/confirm", "").await, @"");
    house.pass_s(61);
    assert_eq!(house.get("/v1/allocations/o1/LAMP").await.json()["state"], "placed");
}

#[tokio::test]
async fn a_hold_is_released() {
    let house = house().await;
    house.post("/v1/holds", BOTH).await;
    let released = house.ask("DELETE /v1/holds/o1", "").await;
    assert_eq!(released.status, 200);
    assert_snapshot!(house.ask("DELETE /v1/holds/o1", "").await, @"");
    assert_snapshot!(house.post("/v1/holds/o9/confirm", "{}").await, @"");
}

#[tokio::test]
async fn a_hold_that_has_ended_is_not_confirmed() {
    let house = house().await;
    house.post("/v1/holds", BOTH).await;
    house.pass_s(61);
    assert_snapshot!(house.post("/v1/holds/o1/confirm", "").await, @"");
}

#[tokio::test]
async fn all_lines_are_held_or_none() {
    let house = house().await;
    let too_many = r#"{"order_id":"o1","lines":[{"sku":"LAMP","quantity":2},{"sku":"CHAIR","quantity":2}],"ttl_s":60}"#;
    assert_snapshot!(house.post("/v1/holds", too_many).await, @"");
    assert_eq!(house.get("/v1/stock/LAMP").await.json()["held"], 0);
    let unknown = r#"{"order_id":"o1","lines":[{"sku":"TABLE","quantity":2}],"ttl_s":60}"#;
    assert_snapshot!(house.post("/v1/holds", unknown).await, @"");
}

#[tokio::test]
async fn what_a_hold_asks_for_is_within_bounds() {
    let house = house().await;
    let line = r#"{"sku":"LAMP","quantity":1}"#;
    let hold = |lines: &str, ttl_s: &str| {
        format!(r#"{{"order_id":"o1","lines":[{lines}],"ttl_s":{ttl_s}}}"#)
    };
    let field = async |body: String| {
        let reply = house.post("/v1/holds", &body).await;
        assert_eq!(reply.status, 400, "{reply}");
        reply.json()["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(field(hold("", "60")).await, "lines");
    assert_eq!(field(hold(line, "0")).await, "ttl_s");
    assert_eq!(field(hold(line, "2592001")).await, "ttl_s");
    assert_eq!(field(hold(line, "-1")).await, "ttl_s");
    assert_eq!(field(hold(&format!("{line},{line}"), "60")).await, "lines[1].line_id");
    assert_eq!(
        field(hold(&format!("{line},{{\"sku\":\" \",\"quantity\":1}}"), "6")).await,
        "lines[1].sku"
    );
    assert_eq!(field(hold(&format!("{line},[\"l\",\"LAMP\",1]"), "6")).await, "lines[1]");
    assert_eq!(field(hold(r#"{"sku":"LAMP"}"#, "6")).await, "lines[0].quantity");
    assert_eq!(field(hold(r#"{"sku":"LAMP","quantity":1,"x":1}"#, "6")).await, "lines[0].x");
}
