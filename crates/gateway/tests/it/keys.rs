//! Keys.

use earmark_gateway::{BindError, Gateway, Secret, Security, Settings};
use insta::assert_snapshot;

use crate::node::Node;

fn locked() -> Settings {
    let keys = vec![Secret::new("old-key").unwrap(), Secret::new("new-key").unwrap()];
    Settings { security: Security { keys }, ..Settings::default() }
}

#[tokio::test]
async fn only_the_probes_respond_without_a_key() {
    let node = Node::with(locked()).await;
    assert_snapshot!(node.get("/v1/stock").await, @r#"
    401 Unauthorized
    content-type: application/problem+json
    www-authenticate: Bearer
    {"type":"/problems/unauthorized","title":"Key required","status":401,"detail":"a valid key is required: Authorization: Bearer <key>","message":"a valid key is required: Authorization: Bearer <key>","outcome":"none","field":"Authorization"}
    "#);
    for target in
        ["/openapi.json", "/docs", "/metrics", "/problems/busy", "/nothing", "/allocations/o1"]
    {
        assert_eq!(node.get(target).await.status, 401, "{target}");
    }
    for wrong in ["Bearer other", "Bearer", "Basic old-key", "old-key", "Bearer old-key2", "é"] {
        let reply = node.get(&format!("/v1/stock\nAuthorization: {wrong}")).await;
        assert_eq!(reply.status, 401, "{wrong}");
    }
    assert_eq!(node.get("/healthz").await.status, 200);
    assert_eq!(node.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn each_of_the_keys_is_accepted() {
    let node = Node::with(locked()).await;
    for right in ["Bearer old-key", "bearer new-key"] {
        let reply = node.get(&format!("/v1/stock\nAuthorization: {right}")).await;
        assert_eq!(reply.status, 200, "{right}");
    }
    let document = node.get("/openapi.json\nAuthorization: Bearer old-key").await.json();
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    assert!(document["paths"]["/v1/stock"]["get"]["responses"]["401"].is_object());
    assert!(document["paths"]["/healthz"]["get"]["responses"]["401"].is_null());
}

#[tokio::test]
async fn a_server_without_keys_listens_on_loopback_only() {
    let node = Node::open().await;
    let open = "0.0.0.0:0".parse().unwrap();
    let bound = Gateway::builder(node.bus.clone(), Settings::default()).bind(open).await;
    let Err(error @ BindError::NoKeys(_)) = bound else {
        panic!("the server listens");
    };
    assert_snapshot!(error, @"0.0.0.0:0 can be reached from other machines: set keys, or listen on 127.0.0.1 or [::1]");
    let bound = Gateway::builder(node.bus.clone(), locked()).bind(open).await;
    assert!(bound.is_ok());
}
