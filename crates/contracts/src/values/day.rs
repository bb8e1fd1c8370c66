//! Calendar days, UTC.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use earmark_kernel::UnixMillis;
use jiff::civil::Date;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::{DateTimePrinter, Pieces};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

use super::invalid::InvalidValue;
use super::text::StringVisitor;

/// The day from which times are counted: 1970-01-01.
const EPOCH: Date = Date::constant(1970, 1, 1);

const MS_PER_DAY: i64 = 86_400_000;
const PRINTER: DateTimePrinter = DateTimePrinter::new();

/// A calendar day, UTC. On the wire: an ISO 8601 date such as `2026-01-31`. The time of a date with
/// a time is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub Date);

impl Day {
    /// The earliest supported day: 0000-01-01.
    pub const FIRST: Self = Self(Date::constant(0, 1, 1));
    /// The latest supported day: 9999-12-31.
    pub const LAST: Self = Self(Date::MAX);

    /// Parses a date, or a date with a time, whose time is ignored.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        // jiff also accepts `20260131`; this does not. Years beyond four digits have a sign.
        let is_dashed = text.as_bytes().get(4) == Some(&b'-') || text.starts_with(['+', '-']);
        let pieces = Pieces::parse(text).ok().filter(|_| is_dashed);
        pieces.map(|it| Self(it.date())).ok_or(InvalidValue::Day)
    }

    /// The UTC day of a time; times outside the supported range give the nearest supported day.
    #[must_use]
    pub fn of(now: UnixMillis) -> Self {
        let days = jiff::Span::new().try_days(now.days_since_epoch());
        let day = days.and_then(|days| EPOCH.checked_add(days));
        let day = day.map(Self).unwrap_or(if now.0 < 0 { Self::FIRST } else { Self::LAST });
        day.max(Self::FIRST)
    }

    /// The first millisecond of the day, UTC.
    #[must_use]
    pub fn begin(self) -> UnixMillis {
        let days = (self.0 - EPOCH).get_days();
        UnixMillis(i64::from(days) * MS_PER_DAY)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = StdFmtWrite(CompactString::default());
        PRINTER.print_date(&self.0, &mut text).map_err(ser::Error::custom)?;
        serializer.serialize_str(&text.0)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(StringVisitor(Self::parse))
    }
}

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}
