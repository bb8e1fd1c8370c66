//! What happened in a run, line by line: hashed always, shown when somebody looks.

use std::fmt::Arguments;

use xxhash_rust::xxh3::Xxh3;

/// Who looks at the lines.
type Show = Box<dyn FnMut(&str) + Send>;

/// The trace of a run.
pub struct Trace {
    hash: Xxh3,
    lines: u64,
    shown: Option<Show>,
}

impl Trace {
    /// A trace of which only the hash is kept.
    #[must_use]
    pub fn hashed() -> Self {
        Self { hash: Xxh3::new(), lines: 0, shown: None }
    }

    /// A trace whose lines are shown as they come.
    #[must_use]
    pub fn shown(show: impl FnMut(&str) + Send + 'static) -> Self {
        Self { shown: Some(Box::new(show)), ..Self::hashed() }
    }

    pub(crate) fn line(&mut self, text: Arguments<'_>) {
        let text = text.to_string();
        self.hash.update(text.as_bytes());
        self.hash.update(b"\n");
        self.lines += 1;
        if let Some(show) = &mut self.shown {
            show(&text);
        }
    }

    /// The hash of all lines so far.
    pub(crate) fn digest(&self) -> u64 {
        self.hash.digest()
    }

    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }
}
