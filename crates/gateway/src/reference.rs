//! The reference to read: one page made of the OpenAPI document, with nothing loaded from elsewhere.

pub(crate) fn page(_: &serde_json::Value) -> String {
    String::new()
}
pub(crate) fn problems() -> String {
    String::new()
}
pub(crate) fn problem(_: &crate::problem::Kind) -> String {
    String::new()
}
