//! Why a database was not opened, in words that say what to do.

use thiserror::Error;

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The address cannot be read.
    #[error("the address of the store cannot be read: {why}")]
    Address {
        /// What is wrong with it; never the address itself, which may hold a password.
        why: String,
    },
    /// The server cannot be reached, or refuses.
    #[error("cannot reach the store at {address}: {why}")]
    Unreachable {
        /// Where, without user and password.
        address: String,
        /// What was answered.
        why: String,
    },
    /// A setting of the server lets it lose what it has confirmed.
    #[error(
        "the server has {setting} = {found}, with which it can lose what it has confirmed; set \
         {setting} = {needed}"
    )]
    Weak {
        /// The setting's name.
        setting: String,
        /// What it is.
        found: String,
        /// What it must be.
        needed: &'static str,
    },
    /// The server follows another and takes no writes.
    #[error("the server is a standby, which takes no writes; name the primary")]
    Standby,
    /// The tables are those of a newer version of the program.
    #[error(
        "the tables have format {found}, but this program knows formats up to {known}; use the \
         newer version of the program that made them"
    )]
    NewerFormat {
        /// The format of the tables.
        found: usize,
        /// The newest format this program knows.
        known: usize,
    },
    /// The database has another number of partitions.
    #[error(
        "the store was made with {are} partitions, which cannot become {asked}: leave the number \
         out, or begin a new store and bring the data in again"
    )]
    Partitions {
        /// How many were asked for.
        asked: u16,
        /// How many there are.
        are: u16,
    },
    /// No store has so many partitions.
    #[error("a store cannot have {asked} partitions: 1 to 256")]
    PartitionCount {
        /// How many were asked for.
        asked: u16,
    },
    /// The name cannot name a service's log.
    #[error("{service:?} cannot name a service's log: a-z, - and _ only, 1 to 40 of them")]
    ServiceName {
        /// The name.
        service: String,
    },
    /// A certificate cannot be used, or there is none.
    #[error("cannot use the certificates: {0}")]
    Certificates(String),
    /// The server did not do what it was asked to.
    #[error("cannot {doing}: {why}")]
    Sql {
        /// What was tried.
        doing: &'static str,
        /// What was answered.
        why: String,
    },
    /// The system gives no thread.
    #[error("cannot start the thread of the store: {0}")]
    Thread(#[from] std::io::Error),
}
