//! What can be said as a value, and what cannot.

use earmark_kernel::UnixMillis;
use unicode_normalization::UnicodeNormalization;

use crate::allocation::{Allocate, ChangeBatch};
use crate::values::{Day, InvalidValue, Level, Priority, Quantity, Text};

fn text(text: &str) -> Result<String, InvalidValue> {
    Text::parse(text).map(|it| it.to_string())
}

#[test]
fn a_text_is_short_and_has_no_blank_at_its_ends() {
    assert_eq!(text("BANK CHARGES"), Ok("BANK CHARGES".into()));
    assert_eq!(text(""), Err(InvalidValue::Empty));
    for blank in [" a", "a ", "\u{a0}a", "a\u{3000}", " "] {
        assert_eq!(text(blank), Err(InvalidValue::BlankEdge), "{blank:?}");
    }
    for control in ["a\nb", "a\u{0}", "\u{1f}a", "a\u{7f}b", "a\u{85}b"] {
        assert_eq!(text(control), Err(InvalidValue::ControlCharacter), "{control:?}");
    }
    assert_eq!(text(&"ü".repeat(64)), Ok("ü".repeat(64)));
    assert_eq!(text(&"ü".repeat(65)), Err(InvalidValue::TooLong(65)));
}

#[test]
fn a_text_is_judged_by_all_of_its_characters() {
    let judged = |text: &str| {
        let normal: String = text.nfc().collect();
        match normal.chars().count() {
            0 => Err(InvalidValue::Empty),
            chars @ 65.. => Err(InvalidValue::TooLong(chars)),
            _ if normal.chars().any(char::is_control) => Err(InvalidValue::ControlCharacter),
            _ if normal.trim() != normal => Err(InvalidValue::BlankEdge),
            _ => Ok(normal),
        }
    };
    for it in ('\0'..='\u{ff}').chain(['\u{212a}', '\u{37e}']) {
        for length in [1, 2, 17, 32, 33, 64, 65] {
            for at in 0..length {
                let mut wanted = vec!['a'; length];
                wanted[at] = it;
                let wanted: String = wanted.into_iter().collect();
                assert_eq!(text(&wanted), judged(&wanted), "{wanted:?}");
            }
            let all = it.to_string().repeat(length);
            assert_eq!(text(&all), judged(&all), "{all:?}");
        }
    }
}

#[test]
fn a_text_is_the_same_however_it_was_composed() {
    assert_eq!(text("Cafe\u{301}"), text("Caf\u{e9}"));
    let decomposed = "e\u{301}".repeat(64);
    assert_eq!(text(&decomposed), Ok("\u{e9}".repeat(64)), "characters count after NFC");
}

#[test]
fn numbers_have_bounds() {
    assert_eq!(Quantity::new(0), Err(InvalidValue::Quantity));
    assert_eq!(Quantity::new(1_000_000_000).map(Quantity::units), Ok(1_000_000_000));
    assert_eq!(Quantity::new(1_000_000_001), Err(InvalidValue::Quantity));
    assert_eq!(Level::new(0).map(Level::units), Ok(0));
    assert_eq!(Level::new(u64::MAX), Err(InvalidValue::Level));
    assert_eq!(Priority::new(9).map(Priority::level), Ok(9));
    assert_eq!(Priority::new(10), Err(InvalidValue::Priority));
}

#[test]
fn every_day_that_can_be_is_read_as_it_was_written() {
    let days = [Day::FIRST, Day::LAST, Day::of(UnixMillis(0)), Day::of(UnixMillis(i64::MIN))];
    let more = (-800_000..3_000_000).step_by(997).map(|day| Day::of(UnixMillis(day * 86_400_000)));
    for day in days.into_iter().chain(more).chain([Day::of(UnixMillis(i64::MAX))]) {
        let json = serde_json::to_string(&day).unwrap();
        assert_eq!(serde_json::from_str::<Day>(&json).unwrap(), day, "{json}");
        assert_eq!(Day::of(day.begin()), day);
        let before = Day::of(day.begin().plus_ms(-1));
        assert!(before < day || day == Day::FIRST);
    }
}

#[test]
fn a_day_begins_at_midnight_utc() {
    let day = Day::parse("2011-01-02").unwrap();
    assert_eq!(day.begin(), UnixMillis(1_293_926_400_000));
    assert_eq!(Day::of(UnixMillis(1_293_926_400_000 + 86_399_999)), day);
    assert_eq!(Day::parse("2011-01-02T23:59:59"), Ok(day));
    for wrong in ["", "2011-02-30", "02.01.2011", "tomorrow"] {
        assert_eq!(Day::parse(wrong), Err(InvalidValue::Day), "{wrong:?}");
    }
}

#[test]
fn unknown_fields_are_refused_and_an_absent_eta_is_not_null() {
    let wanted = r#"{"order_id":"o1","sku":"A","quantity":1}"#;
    let wanted: Allocate = serde_json::from_str(wanted).unwrap();
    assert_eq!((&*wanted.line().0, wanted.priority.level()), ("A", 5));
    let strange = r#"{"order_id":"o1","sku":"A","quantity":1,"colour":"red"}"#;
    assert!(serde_json::from_str::<Allocate>(strange).is_err());
    let eta = |json: &str| serde_json::from_str::<ChangeBatch>(json).unwrap().eta;
    assert_eq!(eta(r#"{"reference":"b1"}"#), None);
    assert_eq!(eta(r#"{"reference":"b1","eta":null}"#), Some(None));
    let day = Day::parse("2011-01-02").ok();
    assert_eq!(eta(r#"{"reference":"b1","eta":"2011-01-02"}"#), Some(day));
}
