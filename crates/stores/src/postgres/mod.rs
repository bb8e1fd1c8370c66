//! The log in PostgreSQL: any number of processes append to it and read it, each in its turn.

mod address;
mod client;
mod error;
mod fencing;
mod leases;
mod log;
mod migrate;
mod open_error;
mod server;
mod tls;
mod turn;
mod writer_connection;

use std::sync::Arc;

pub use address::Address;
pub use log::PostgresLog;
pub use open_error::OpenError;

use crate::contract;
use client::Client;

/// More partitions than this are a mistake in a setting.
pub const PARTITIONS_MAX: u16 = 256;

/// A database that holds logs, with the connections of this process to it.
#[derive(Clone, Debug)]
pub struct Postgres {
    client: Arc<Client>,
    partitions: u16,
}

/// What is known of a server that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its version, say `15.8`.
    pub version: String,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
}

impl Postgres {
    /// Connects, looks whether the server keeps what it confirms, and brings the tables to the
    /// newest format; several processes may do so at once. `partitions` is how many a new database
    /// gets (1 where nothing is said), and must be how many another one has.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way and what to do.
    pub fn open(address: &Address, partitions: Option<u16>) -> Result<Self, OpenError> {
        if let Some(asked) = partitions.filter(|it| !(1..=PARTITIONS_MAX).contains(it)) {
            return Err(OpenError::PartitionCount { asked });
        }
        let client = Arc::new(Client::open(address)?);
        client.look()?;
        let partitions = migrate::run(&client, partitions)?;
        Ok(Self { client, partitions })
    }

    /// Connects and looks, and changes nothing.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way and what to do.
    pub fn probe(address: &Address) -> Result<Seen, OpenError> {
        Client::open(address)?.look()
    }

    /// How many partitions each service has here.
    #[must_use]
    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The log of one partition of a service; `new_log_id` (a UUID in text) becomes its name if it
    /// is new.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way and what to do.
    pub fn log(
        &self,
        service: &str,
        partition: u16,
        new_log_id: &str,
    ) -> Result<PostgresLog, OpenError> {
        contract::check_table(&service.replace('-', "_"))
            .map_err(|_| OpenError::ServiceName { service: service.to_owned() })?;
        PostgresLog::open(&self.client, service, partition, new_log_id)
    }
}
