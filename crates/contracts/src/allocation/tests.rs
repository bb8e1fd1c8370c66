//! Tests of how commands are parsed.

use super::{Allocate, ChangeBatch};
use crate::values::Day;

#[test]
fn unknown_fields_are_rejected_and_an_absent_eta_differs_from_null() {
    let command = r#"{"order_id":"o1","sku":"A","quantity":1}"#;
    let command: Allocate = serde_json::from_str(command).unwrap();
    assert_eq!((&*command.line().0, command.priority.level()), ("A", 5));
    let strange = r#"{"order_id":"o1","sku":"A","quantity":1,"colour":"red"}"#;
    assert!(serde_json::from_str::<Allocate>(strange).is_err());
    let eta = |json: &str| serde_json::from_str::<ChangeBatch>(json).unwrap().eta;
    assert_eq!(eta(r#"{"reference":"b1"}"#), None);
    assert_eq!(eta(r#"{"reference":"b1","eta":null}"#), Some(None));
    let day = Day::parse("2011-01-02").ok();
    assert_eq!(eta(r#"{"reference":"b1","eta":"2011-01-02"}"#), Some(day));
}
