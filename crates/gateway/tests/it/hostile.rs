//! Malicious bodies for every command: nothing fails, and the response names the field.

use crate::node::Node;

/// Every route with a body, a valid body for it, and one field of text and one number in it.
const COMMANDS: [(&str, &str, &str, &str); 9] = [
    ("POST /add_batch", r#"{"ref":"b","sku":"S","qty":7}"#, "sku", "qty"),
    ("POST /allocate", r#"{"orderid":"o","sku":"S","qty":7}"#, "sku", "qty"),
    ("POST /v1/batches", r#"{"reference":"b","sku":"S","quantity":7}"#, "sku", "quantity"),
    ("POST /v1/allocations", r#"{"order_id":"o","sku":"S","quantity":7}"#, "sku", "quantity"),
    ("PATCH /v1/batches/b", r#"{"quantity":7,"reason":"S"}"#, "reason", "quantity"),
    (
        "POST /v1/holds",
        r#"{"order_id":"o","lines":[{"sku":"S","quantity":7}],"ttl_s":60}"#,
        "lines[0].sku",
        "lines[0].quantity",
    ),
    ("POST /v1/shipments", r#"{"order_id":"o","line_id":"S","quantity":7}"#, "line_id", "quantity"),
    ("POST /v1/returns", r#"{"order_id":"o","line_id":"S","quantity":7}"#, "line_id", "quantity"),
    (
        "POST /v1/allocations/bulk",
        r#"[{"order_id":"o","sku":"S","quantity":7}]"#,
        "[0].sku",
        "[0].quantity",
    ),
];

pub async fn refused(node: &Node, head: &str, body: &[u8], field: &str) {
    let mut client = node.client().await;
    client.send(posted(head, body)).await;
    let reply = client.read().await.unwrap_or_else(|| panic!("{head}: no response"));
    let shown: String = String::from_utf8_lossy(body).chars().take(120).collect();
    assert_eq!(reply.status, 400, "{head} {shown}: {reply}");
    assert_eq!(reply.json()["field"], field, "{head} {shown}: {reply}");
}

/// The bytes of a request whose body need not be text.
pub fn posted(head: &str, body: &[u8]) -> Vec<u8> {
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let mut whole = format!("{line} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n", body.len());
    for header in headers.lines() {
        whole += &format!("{header}\r\n");
    }
    if !headers.contains("Content-Type") {
        whole += "Content-Type: application/json\r\n";
    }
    [(whole + "\r\n").as_bytes(), body].concat()
}

/// The server responds, and the batch of [`guarded`] is unchanged.
pub async fn assert_unharmed(node: &Node) {
    assert_eq!(node.get("/readyz").await.status, 200);
    let stock = node.get("/v1/stock/SAFE").await.json();
    assert_eq!((&stock["allocated"], &stock["available"]), (&0.into(), &5.into()), "{stock}");
}

/// A node with one batch, which no request may change.
pub async fn guarded() -> Node {
    let node = Node::open().await;
    node.batch("safe", "SAFE", 5).await;
    node
}

#[tokio::test]
async fn every_command_names_an_invalid_number() {
    let node = guarded().await;
    let numbers = ["1e400", "-1e400", "9007199254740993", "9223372036854775808", "-1", "1.5", "[]"];
    for (head, body, _, field) in COMMANDS {
        for number in numbers {
            // A number that does not fit 64 bits is invalid JSON for the parser.
            refused(&node, head, body.replace('7', number).as_bytes(), field).await;
        }
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn every_command_names_an_invalid_text() {
    let node = guarded().await;
    let long = "é".repeat(65);
    let texts = ["A\\u0000", "\\ud800", "\\udc00\\ud800", "", " ", "A\\u0085", "\\u3000A", &long];
    for (head, body, field, _) in COMMANDS {
        if field == "reason" {
            continue;
        }
        for text in texts {
            refused(&node, head, body.replace('S', text).as_bytes(), field).await;
        }
        // Raw NUL and invalid UTF-8: overlong, surrogate, beyond U+10FFFF, truncated, Latin-1.
        let broken: [&[u8]; 6] =
            [b"A\0", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xe9"];
        for bytes in broken {
            let (before, after) = body.split_once('S').unwrap();
            let body = [before.as_bytes(), bytes, after.as_bytes()].concat();
            refused(&node, head, &body, field).await;
        }
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn ten_thousand_levels_of_nesting_are_refused() {
    let node = guarded().await;
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    let objects = "{\"a\":".repeat(10_000);
    for (head, body, text, number) in COMMANDS {
        let mut client = node.client().await;
        for deep in [format!("{open}{close}"), objects.clone(), format!("{{\"x\":{open}")] {
            let reply = client.request(head, &deep).await;
            assert_eq!(reply.status, 400, "{head}: {reply}");
            assert!(reply.json()["field"].is_string(), "{head}: {reply}");
        }
        refused(&node, head, body.replace('7', &format!("{open}{close}")).as_bytes(), number).await;
        let within = body.replace("\"S\"", &format!("{open}{close}"));
        refused(&node, head, within.as_bytes(), text).await;
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn every_command_names_a_duplicate_or_unknown_field() {
    let node = guarded().await;
    for (head, body, text, number) in COMMANDS {
        let short = number.rsplit('.').next().unwrap();
        let parent = number.strip_suffix(short).unwrap().trim_end_matches('.');
        let within = |name: &str| match parent {
            "" => name.to_owned(),
            parent => format!("{parent}.{name}"),
        };
        let one = format!("\"{short}\":7");
        let twice = body.replace(&one, &format!("{one},{one}"));
        assert_ne!(twice, body);
        refused(&node, head, twice.as_bytes(), number).await;
        let more = body.replace(&one, &format!("{one},\"__proto__\":1"));
        refused(&node, head, more.as_bytes(), &within("__proto__")).await;
        assert!(text.starts_with(parent), "{text}");
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn a_chunked_body_has_the_same_limits() {
    let node = guarded().await;
    let limit = 256 * 1024;
    let head = "POST /v1/batches HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    for (bytes, status) in [(limit, 201), (limit + 1, 413)] {
        let batch = format!(r#"{{"reference":"b{bytes}","sku":"A","quantity":1}}"#);
        let body = format!("{batch}{}", " ".repeat(bytes - batch.len()));
        let mut client = node.client().await;
        client.try_send(head).await;
        for piece in body.as_bytes().chunks(50_000) {
            let piece = std::str::from_utf8(piece).unwrap();
            client.try_send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        }
        client.try_send("0\r\n\r\n").await;
        assert_eq!(client.read().await.unwrap().status, status, "{bytes}");
    }
    // Endless chunk extensions and trailers are not buffered without a limit.
    for (start, more) in [("1;", "a=b;"), ("0\r\n", "X-A: b\r\n")] {
        let mut client = node.client().await;
        client.try_send(format!("{head}{start}")).await;
        let more = more.repeat(4_096);
        let mut sent = 0;
        while sent < 256 && client.try_send(&more).await {
            sent += 1;
        }
        let status = client.read().await.map(|reply| reply.status);
        assert!(status.is_none_or(|it| (400..500).contains(&it)), "{start:?}: {status:?}");
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn names_in_paths_are_validated() {
    let node = guarded().await;
    let addresses =
        ["/v1/stock/", "/v1/batches/", "/v1/orders/", "/allocations/", "/v1/allocations/o/"];
    let nfd = "e%CC%81";
    for address in addresses {
        let rest = if address == "/v1/orders/" { "/allocations" } else { "" };
        let status = async |name: &str| node.get(&format!("{address}{name}{rest}")).await.status;
        for known in [&nfd.repeat(64), "A%E2%80%AEB", "A%E2%80%8BB", "%F0%9F%92%A1", "A%2FB"] {
            assert!([200, 404].contains(&status(known).await), "{address}{known}");
        }
        let long = nfd.repeat(65);
        for bad in [&long, "%00", "A%00", "%C2%85", "%ED%A0%80", "%C0%AF", "%20A", "A%E3%80%80"] {
            assert_eq!(status(bad).await, 400, "{address}{bad}");
        }
    }
    assert_unharmed(&node).await;
}
