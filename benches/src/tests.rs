//! Each baseline responds as the load generator expects.

use axum::Router;
use earmark_gateway::{HttpServer, Settings};

use crate::{bare_file, bare_log, constant};

const LINE: &str = r#"{"order_id":"o1","sku":"CHAIR","quantity":1}"#;

/// Sends requests to a baseline over a socket; returns the statuses and bodies in order.
async fn responses(routes: Router, requests: &[(&str, String)]) -> Vec<(u16, String)> {
    let server = HttpServer::new(routes, Settings::default());
    let bound = server.bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let base = format!("http://{}", bound.local_addr);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answers = Vec::new();
    let sending = async {
        for (path, body) in requests {
            let request = client.post(format!("{base}{path}")).body(body.clone());
            let response = request.send().await.unwrap();
            answers.push((response.status().as_u16(), response.text().await.unwrap()));
        }
        drop(client);
    };
    bound.serve(sending).await;
    answers
}

fn requests() -> [(&'static str, String); 4] {
    [
        ("/v1/batches", "{}".to_owned()),
        ("/v1/allocations", LINE.to_owned()),
        ("/v1/allocations/bulk", format!("[{LINE},{LINE}]")),
        ("/v1/allocations", LINE.replace(":1}", ":0}")),
    ]
}

fn check(answers: &[(u16, String)]) {
    let placed = |at: usize| answers[at].1.matches(r#""outcome":"placed""#).count();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.0).collect();
    assert_eq!(statuses, [201, 201, 200, 400], "{answers:?}");
    assert_eq!((placed(1), placed(2)), (1, 2), "{answers:?}");
    serde_json::from_str::<serde_json::Value>(&answers[2].1).unwrap();
}

#[tokio::test]
async fn the_constant_baseline_parses_the_body() {
    check(&responses(constant::routes(), &requests()).await);
}

#[tokio::test]
async fn a_line_is_in_the_file_when_it_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    check(&responses(bare_file::routes(folder.path(), 1_000_000).unwrap(), &requests()).await);
    let written = std::fs::read_to_string(folder.path().join("bare")).unwrap();
    let written = written.trim_end_matches('\0');
    assert_eq!(written, format!("{LINE}\n[{LINE},{LINE}]\n"));
}

#[tokio::test]
async fn lines_in_the_log_get_the_same_responses() {
    let folder = tempfile::tempdir().unwrap();
    check(&responses(bare_log::routes(folder.path()).unwrap(), &requests()).await);
}
