//! The book's end-to-end tests over HTTP.

use insta::assert_snapshot;

use crate::program::Server;

#[test]
fn a_line_is_allocated_to_the_earliest_batch_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    for batch in [
        r#"{"ref":"later","sku":"CHAIR","qty":100,"eta":"2011-01-02"}"#,
        r#"{"ref":"early","sku":"CHAIR","qty":100,"eta":"2011-01-01"}"#,
        r#"{"ref":"other","sku":"TABLE","qty":100,"eta":null}"#,
    ] {
        let (status, body) = server.post("/add_batch", batch);
        assert_eq!((status, body.as_str()), (201, "OK"));
    }
    let (status, body) = server.post("/allocate", r#"{"orderid":"o1","sku":"CHAIR","qty":3}"#);
    assert_snapshot!(format!("{status} {body}"), @r#"201 {"batchref":"early"}"#);
    let (status, body) = server.get("/allocations/o1");
    assert_snapshot!(format!("{status} {body}"), @r#"200 [{"sku":"CHAIR","batchref":"early"}]"#);
    assert_eq!(server.stop(), 0);
}

#[test]
fn an_unknown_sku_is_refused_as_in_the_book() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    let (status, body) = server.post("/allocate", r#"{"orderid":"o1","sku":"NONE","qty":20}"#);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, body["message"].as_str()), (400, Some("Invalid sku NONE")));
    assert_eq!(server.get("/allocations/o1").0, 404);
}

#[test]
fn answered_commands_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::on(folder.path());
    server.post("/add_batch", r#"{"ref":"b1","sku":"CHAIR","qty":10,"eta":null}"#);
    server.post("/allocate", r#"{"orderid":"o1","sku":"CHAIR","qty":3}"#);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let server = Server::on(folder.path());
    let (status, body) = server.get("/allocations/o1");
    assert_eq!((status, body.as_str()), (200, r#"[{"sku":"CHAIR","batchref":"b1"}]"#));
}
