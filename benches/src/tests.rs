//! Each baseline answers what the generator expects of it.

use axum::Router;
use earmark_gateway::{HttpServer, Settings};

use crate::{bare_file, bare_log, constant};

const LINE: &str = r#"{"order_id":"o1","sku":"CHAIR","quantity":1}"#;

/// Asks a baseline over a socket; the statuses and bodies in order.
async fn asked(routes: Router, requests: &[(&str, String)]) -> Vec<(u16, String)> {
    let server = HttpServer::new(routes, Settings::default());
    let bound = server.bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let base = format!("http://{}", bound.local_addr);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answers = Vec::new();
    let asking = async {
        for (path, body) in requests {
            let request = client.post(format!("{base}{path}")).body(body.clone());
            let answer = request.send().await.unwrap();
            answers.push((answer.status().as_u16(), answer.text().await.unwrap()));
        }
        drop(client);
    };
    bound.serve(asking).await;
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
async fn the_constant_is_answered_once_the_body_is_parsed() {
    check(&asked(constant::routes(), &requests()).await);
}

#[tokio::test]
async fn a_line_is_in_the_file_when_it_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    check(&asked(bare_file::routes(folder.path(), 1_000_000).unwrap(), &requests()).await);
    let written = std::fs::read_to_string(folder.path().join("bare")).unwrap();
    let written = written.trim_end_matches('\0');
    assert_eq!(written, format!("{LINE}\n[{LINE},{LINE}]\n"));
}

#[tokio::test]
async fn lines_that_go_into_the_log_are_answered_alike() {
    let folder = tempfile::tempdir().unwrap();
    check(&asked(bare_log::routes(folder.path()).unwrap(), &requests()).await);
}
