//! A PostgreSQL database that holds logs: opens and migrates it, and opens the logs in it.

use std::sync::Arc;

use super::address::Address;
use super::client::Client;
use super::log::PostgresLog;
use super::migrate;
use super::open_error::OpenError;
use super::server::ServerInfo;
use crate::validation::check_table_name;

/// The largest number of partitions; a larger setting is taken for a mistake.
pub const PARTITIONS_MAX: u16 = 256;

/// A database that holds logs, with the connections of this process to it.
#[derive(Clone, Debug)]
pub struct Postgres {
    client: Arc<Client>,
    partitions: u16,
}

impl Postgres {
    /// Connects, checks that the server's settings are durable, and migrates the tables to the
    /// newest format. Several processes may do this at the same time. A new database gets
    /// `partitions` partitions (default 1); an existing one must have that number.
    ///
    /// # Errors
    /// [`OpenError`] states the problem and what to do about it.
    pub fn open(address: &Address, partitions: Option<u16>) -> Result<Self, OpenError> {
        if let Some(requested) = partitions.filter(|it| !(1..=PARTITIONS_MAX).contains(it)) {
            return Err(OpenError::PartitionCount { requested });
        }
        let client = Arc::new(Client::open(address)?);
        client.probe()?;
        let partitions = migrate::run(&client, partitions)?;
        Ok(Self { client, partitions })
    }

    /// Connects and checks the server; changes nothing.
    ///
    /// # Errors
    /// [`OpenError`] states the problem and what to do about it.
    pub fn probe(address: &Address) -> Result<ServerInfo, OpenError> {
        Client::open(address)?.probe()
    }

    /// The number of partitions of each service in this database.
    #[must_use]
    pub fn partitions(&self) -> u16 {
        self.partitions
    }

    /// The log of one partition of a service. A new log gets the name `new_log_id` (a UUID in
    /// text).
    ///
    /// # Errors
    /// [`OpenError`] states the problem and what to do about it.
    pub fn log(
        &self,
        service: &str,
        partition: u16,
        new_log_id: &str,
    ) -> Result<PostgresLog, OpenError> {
        check_table_name(&service.replace('-', "_"))
            .map_err(|_| OpenError::ServiceName { service: service.to_owned() })?;
        PostgresLog::open(&self.client, service, partition, new_log_id)
    }
}
