//! Compressed bodies that would grow a thousandfold if they were decompressed.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::hostile::{assert_unharmed, guarded, posted, refused};
use crate::slow::resident_kib;

/// Size of the body after decompression.
const DECOMPRESSED_BYTES: usize = 240 * 1024 * 1024;
/// Limit of a body: the compressed body is below it, so its size alone is not the reason.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// All requests together need less than a quarter of one decompressed body.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// A valid body, followed by many spaces, compressed.
fn bomb(body: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(body.as_bytes()).expect("writing to memory cannot fail");
    let spaces = vec![b' '; 1024 * 1024];
    for _ in 0..DECOMPRESSED_BYTES / spaces.len() {
        gzip.write_all(&spaces).expect("writing to memory cannot fail");
    }
    let bomb = gzip.finish().expect("writing to memory cannot fail");
    assert!(bomb.len() < BODY_BYTES_MAX, "{} bytes", bomb.len());
    bomb
}

#[tokio::test]
async fn compressed_bodies_are_refused_without_decompression() {
    let node = guarded().await;
    let batch = bomb(r#"{"reference":"b","sku":"BOMB","quantity":7}"#);
    let line = bomb(r#"{"order_id":"o","sku":"SAFE","quantity":1}"#);
    let before = resident_kib();
    let encodings = ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, gzip", "", "*"];
    let routes = [
        ("POST /v1/batches", &batch),
        ("POST /v1/allocations/bulk\nContent-Type: application/x-ndjson", &line),
    ];
    for (route, bomb) in routes {
        for encoding in encodings {
            let mut client = node.client().await;
            let head = format!("{route}\nContent-Encoding: {encoding}");
            client.try_send(posted(&head, bomb)).await;
            let reply = client.read().await.unwrap();
            assert_eq!(reply.status, 415, "{encoding}: {reply}");
            assert_eq!(reply.json()["field"], "Content-Encoding", "{encoding}");
        }
    }
    // Two headers, of which only the second names a compression.
    let mut client = node.client().await;
    let head = "POST /v1/batches\nContent-Encoding: identity\nContent-Encoding: gzip";
    client.try_send(posted(head, &batch)).await;
    assert_eq!(client.read().await.unwrap().status, 415);
    // Without the header, the bytes are invalid JSON.
    refused(&node, "POST /v1/batches", &batch, "body").await;
    let mut client = node.client().await;
    let head = "POST /v1/batches HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: gzip, chunked\r\n\r\n";
    client.try_send(format!("{head}{:x}\r\n", batch.len())).await;
    client.try_send([batch.as_slice(), b"\r\n0\r\n\r\n"].concat()).await;
    assert_eq!(client.read().await.unwrap().status, 400);
    let growth = resident_kib().saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB");
    assert_eq!(node.get("/v1/batches/b").await.status, 404);
    assert_eq!(node.get("/v1/stock/BOMB").await.status, 404);
    assert_unharmed(&node).await;
}
