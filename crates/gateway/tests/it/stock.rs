//! Stock over HTTP.

use insta::assert_snapshot;

use crate::house::House;

#[tokio::test]
async fn a_stock_is_shown_in_sums_and_batches() {
    let house = House::open().await;
    house.batch("b1", "LAMP", 10).await;
    let line = r#"{"order_id":"o1","sku":"LAMP","quantity":40,"short":"queue"}"#;
    house.post("/v1/allocations", line).await;
    assert_snapshot!(house.get("/v1/stock/LAMP").await, @"");
    assert_snapshot!(house.get("/v1/stock/NOPE").await, @"");
}

#[tokio::test]
async fn stocks_are_listed_page_by_page() {
    let house = House::open().await;
    for (at, sku) in ["C", "A", "E", "B", "D"].into_iter().enumerate() {
        house.batch(&format!("b{at}"), sku, 1).await;
    }
    let mut seen = Vec::new();
    let mut target = "/v1/stock?limit=2".to_owned();
    loop {
        let page = house.get(&target).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|it| it["sku"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        target = format!("/v1/stock?limit=2&after={next}");
    }
    assert_eq!(seen, ["A", "B", "C", "D", "E"]);
    assert_snapshot!(house.get("/v1/stock?limit=1").await, @"");
    assert_snapshot!(house.get("/v1/stock?limit=0").await, @"");
    assert_snapshot!(house.get("/v1/stock?after=zz").await, @"");
}

#[tokio::test]
async fn history_says_what_happened_and_why() {
    let house = House::open().await;
    house.batch("b1", "LAMP", 10).await;
    house.post("/v1/allocations", r#"{"order_id":"o1","sku":"LAMP","quantity":4}"#).await;
    let first = house.get("/v1/stock/LAMP/history?limit=1").await;
    assert_snapshot!(first, @"");
    let next = first.json()["next"].as_str().unwrap().to_owned();
    assert_snapshot!(house.get(&format!("/v1/stock/LAMP/history?after={next}")).await, @"");
    assert_eq!(house.get("/v1/stock/NOPE/history").await.status, 404);
    assert_eq!(house.get("/v1/stock/LAMP/history?after=78").await.json()["field"], "after");
}
