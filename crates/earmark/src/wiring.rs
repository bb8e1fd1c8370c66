//! Which services there are, and what each partition of them is stored in.

use std::sync::Arc;

use earmark_kernel::clock::Clock;
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_kernel::log::LogStore;
use earmark_kernel::{Bus, Limits, Opening, Service, Stores};
use earmark_stores::postgres::{self, Address, Postgres};
use earmark_stores::sqlite::{DataFolder, SqliteStore};

use crate::error::CliError;
use crate::storage_config::StorageConfig;

/// Every service of the program: a new one is one line here.
pub fn services() -> Vec<Service> {
    vec![earmark_services::allocation::service()]
}

/// Opens every service over the stores of a storage.
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
            "If it is a file of views (*.views.db), delete it: it is made anew from the log. If it \
             is the log, restore the data folder from a backup.",
        )
    })
}

fn in_folder(folder: &DataFolder, service: &str, partition: u16) -> Result<Stores, CliError> {
    let new_log_id = RandomIds.next().to_string();
    let opened = SqliteStore::open(folder, service, partition, &new_log_id);
    let (log, rows) = opened.map_err(CliError::new)?;
    Ok(Stores { log: Arc::new(log), rows: Arc::new(rows) })
}

/// The log is everybody's; what is derived from it is this process' own.
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

/// Why a database was not opened, with what to do.
pub fn refused(error: &postgres::OpenError) -> CliError {
    let problem = CliError::new(error);
    match error {
        postgres::OpenError::Unreachable { .. } => problem.advise(
            "Is the server up, and does it let this machine, user and database in? `earmark doctor \
             --store …` asks again.",
        ),
        _ => problem,
    }
}
