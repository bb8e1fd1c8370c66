//! Which services there are, and what each partition of them is stored in.

use std::sync::Arc;

use earmark_kernel::clock::Clock;
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_kernel::{Bus, Limits, Opening, Service, Stores};
use earmark_stores::sqlite::{DataFolder, SqliteStore};

use crate::problem::Problem;

/// Every service of the program: a new one is one line here.
pub fn services() -> Vec<Service> {
    vec![earmark_services::allocation::service()]
}

/// Opens every service over the stores in a folder.
pub fn open(folder: &DataFolder, clock: Arc<dyn Clock>) -> Result<Bus, Problem> {
    let mut openings = Vec::new();
    for service in services() {
        let name = service.flow().service;
        let new_log_id = RandomIds.next().to_string();
        let opened = SqliteStore::open(folder, name, 0, &new_log_id);
        let (log, rows) = opened.map_err(Problem::new)?;
        let stores = Stores { log: Arc::new(log), rows: Arc::new(rows) };
        openings.push(Opening { service, stores: vec![stores] });
    }
    let opened = Bus::open(openings, clock, Arc::new(RandomIds), Limits::default());
    opened.map_err(|error| {
        Problem::new(error).advise(
            "If it is a file of views (*.views.db), delete it: it is made anew from the log. If it \
             is the log, restore the data folder from a backup.",
        )
    })
}
