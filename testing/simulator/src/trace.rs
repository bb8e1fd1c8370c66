//! The trace of a run, line by line: always hashed, and printed on request.

use std::fmt::Arguments;

use xxhash_rust::xxh3::Xxh3;

/// A receiver of the lines.
type Sink = Box<dyn FnMut(&str) + Send>;

/// The trace of a run.
pub struct Trace {
    hash: Xxh3,
    lines: u64,
    sink: Option<Sink>,
}

impl Trace {
    /// A trace that only computes the hash.
    #[must_use]
    pub fn hashed() -> Self {
        Self { hash: Xxh3::new(), lines: 0, sink: None }
    }

    /// A trace that also passes each line to `sink`.
    #[must_use]
    pub fn with_sink(sink: impl FnMut(&str) + Send + 'static) -> Self {
        Self { sink: Some(Box::new(sink)), ..Self::hashed() }
    }

    pub(crate) fn line(&mut self, text: Arguments<'_>) {
        let text = text.to_string();
        self.hash.update(text.as_bytes());
        self.hash.update(b"\n");
        self.lines += 1;
        if let Some(sink) = &mut self.sink {
            sink(&text);
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
