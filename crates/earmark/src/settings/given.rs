//! Settings given one by one, by the environment or by flags: a source for the crate `config`.

use std::ffi::{OsStr, OsString};
use std::fmt;

use config::{ConfigError, Map, Source, Value};

/// A value for a setting, with its origin.
#[derive(Clone)]
pub struct Entry {
    /// Section and key, as in `server.listen`.
    pub key: String,
    pub origin: String,
    pub value: OsString,
}

/// Flags of the command line that override settings.
#[derive(Clone, Default)]
pub struct Flags {
    pub entries: Vec<Entry>,
}

impl Flags {
    /// Adds a flag, if it was given.
    pub fn set<T: AsRef<OsStr> + ?Sized>(&mut self, key: &str, flag: &str, value: Option<&T>) {
        self.entries.extend(value.map(|value| Entry {
            key: key.to_owned(),
            origin: format!("flag {flag}"),
            value: value.as_ref().to_owned(),
        }));
    }
}

/// Values of the environment or of flags, as a source of the crate `config`.
#[derive(Clone)]
pub struct Given(pub Vec<Entry>);

impl Given {
    /// Section and key of each, with its origin.
    pub fn origins(&self) -> Vec<(String, String)> {
        self.0.iter().map(|it| (it.key.clone(), it.origin.clone())).collect()
    }
}

/// Without the values: there may be secrets in them.
impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|it| &it.origin)).finish()
    }
}

impl Source for Given {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let value = |it: &Entry| match it.value.to_str() {
            Some(value) => Ok((it.key.clone(), Value::new(Some(&it.origin), value))),
            None => Err(ConfigError::Message(format!("{} is not valid UTF-8", it.origin))),
        };
        self.0.iter().map(value).collect()
    }
}
