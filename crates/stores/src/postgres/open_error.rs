//! Why a database could not be opened, and what to do about it.

use thiserror::Error;

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The address cannot be read.
    #[error("the address of the store cannot be read: {why}")]
    Address {
        /// What is wrong with it; never the address itself, which may contain a password.
        why: String,
    },
    /// The server cannot be reached, or it refuses the connection.
    #[error("cannot reach the store at {address}: {why}")]
    Unreachable {
        /// The address, without user and password.
        address: String,
        /// The error message.
        why: String,
    },
    /// With this setting the server can lose confirmed commits.
    #[error(
        "the server has {setting} = {found} and can lose confirmed commits; set {setting} = \
         {needed}"
    )]
    UnsafeSetting {
        /// The setting's name.
        setting: String,
        /// Its value.
        found: String,
        /// The required value.
        needed: &'static str,
    },
    /// The server is a standby, which refuses writes.
    #[error("the server is a standby, which refuses writes; use the address of the primary")]
    Standby,
    /// The tables were created by a newer version of the program.
    #[error(
        "the tables have format {found}, but this program knows formats up to {known}; use the \
         newer version of the program that created them"
    )]
    NewerFormat {
        /// The format of the tables.
        found: usize,
        /// The newest format this program knows.
        known: usize,
    },
    /// The database has another number of partitions.
    #[error(
        "the store was created with {existing} partitions, which cannot be changed to {requested}: \
         omit the setting, or create a new store and import the data"
    )]
    Partitions {
        /// The requested number.
        requested: u16,
        /// The existing number.
        existing: u16,
    },
    /// The number of partitions is out of range.
    #[error("a store cannot have {requested} partitions: use 1 to 256")]
    PartitionCount {
        /// The requested number.
        requested: u16,
    },
    /// The service name is not valid.
    #[error("{service:?} is not a valid service name: use 1 to 40 of the characters a-z, - and _")]
    ServiceName {
        /// The name.
        service: String,
    },
    /// A certificate is not usable, or there is none.
    #[error("cannot use the certificates: {0}")]
    Certificates(String),
    /// A statement failed.
    #[error("cannot {doing}: {why}")]
    Sql {
        /// The action that failed.
        doing: &'static str,
        /// The error message.
        why: String,
    },
    /// The operating system refused to start a thread.
    #[error("cannot start the thread of the store: {0}")]
    Thread(#[from] std::io::Error),
}
