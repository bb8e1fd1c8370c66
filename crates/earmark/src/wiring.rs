//! The services of the program, their bindings, and the store of each partition.

use std::sync::Arc;

use earmark_contracts::bindings::Bindings;
use earmark_kernel::clock::Clock;
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_kernel::log::LogStore;
use earmark_kernel::{Bus, Limits, Opening, Service, Stores};
use earmark_stores::postgres::{self, Address, Postgres};
use earmark_stores::sqlite::{DataFolder, SqliteStore};

use crate::error::CliError;
use crate::storage_config::StorageConfig;

/// Every service of the program. A new one is a line here and in [`BINDINGS`].
pub fn services() -> Vec<Service> {
    vec![earmark_services::allocation::service()]
}

/// How the services are bound to message brokers and to mail.
pub const BINDINGS: [&Bindings; 1] = [&earmark_contracts::allocation::BINDINGS];

/// Opens every service over its stores.
pub fn open(
    folder: &DataFolder,
    storage: &StorageConfig,
    clock: Arc<dyn Clock>,
) -> Result<Bus, CliError> {
    let shared = storage.store.as_ref().map(|address| shared(address, storage)).transpose()?;
    let partitions = match &shared {
        Some(postgres) => postgres.partitions(),
        None => folder.partitions(storage.partitions).map_err(CliError::new)?,
    };
    let mut openings = Vec::new();
    for service in services() {
        let name = service.flow().service;
        let open = |partition| match &shared {
            Some(postgres) => in_database(postgres, folder, name, partition),
            None => in_folder(folder, name, partition),
        };
        let stores = (0..partitions).map(open).collect::<Result<_, _>>()?;
        openings.push(Opening { service, stores });
    }
    let opened = Bus::open(openings, clock, Arc::new(RandomIds), Limits::default());
    opened.map_err(|error| {
        CliError::new(error).advise(
            "If a views file (*.views.db) is damaged, delete it: it is rebuilt from the log. If the \
             log is damaged, restore the data folder from a backup.",
        )
    })
}

fn in_folder(folder: &DataFolder, service: &str, partition: u16) -> Result<Stores, CliError> {
    let new_log_id = RandomIds.next().to_string();
    let opened = SqliteStore::open(folder, service, partition, &new_log_id);
    let (log, rows) = opened.map_err(CliError::new)?;
    Ok(Stores { log: Arc::new(log), rows: Arc::new(rows) })
}

/// The log is shared; what is derived from it belongs to this process.
fn in_database(
    postgres: &Postgres,
    folder: &DataFolder,
    service: &str,
    partition: u16,
) -> Result<Stores, CliError> {
    let new_log_id = RandomIds.next().to_string();
    let log = postgres.log(service, partition, &new_log_id).map_err(|error| refused(&error))?;
    let read = log.id().and_then(|id| Ok((id, log.head()?)));
    let (id, head) = read.map_err(CliError::new)?;
    let rows = SqliteStore::open_rows(folder, service, partition, (&id, head));
    Ok(Stores { log: Arc::new(log), rows: Arc::new(rows.map_err(CliError::new)?) })
}

fn shared(address: &Address, storage: &StorageConfig) -> Result<Postgres, CliError> {
    Postgres::open(address, storage.partitions).map_err(|error| refused(&error))
}

/// Why a database was not opened, and what to do.
pub fn refused(error: &postgres::OpenError) -> CliError {
    let failed = CliError::new(error);
    match error {
        postgres::OpenError::Unreachable { .. } => failed.advise(
            "Check that the server runs and accepts this machine, user and database. `earmark doctor \
             --store …` checks it again.",
        ),
        _ => failed,
    }
}
