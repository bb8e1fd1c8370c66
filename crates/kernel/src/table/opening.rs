//! Opening a bus: opens the partitions of all services and builds the routes from their tables.

use std::sync::Arc;

use crate::bus::routes::{CommandRoute, Effect, Routes};
use crate::bus::sending::Bus;
use crate::model::limits::Limits;
use crate::ports::clock::Clock;
use crate::ports::ids::Ids;
use crate::ports::log::StoreError;
use crate::ports::stores::Stores;
use crate::table::service::Service;
use crate::write::partition::Partition;
use crate::write::running::Running;

/// A service to be opened, with the stores of its partitions.
pub struct Opening {
    /// The service's table.
    pub service: Service,
    /// One per partition, in order.
    pub stores: Vec<Stores>,
}

impl Bus {
    /// Opens the services and brings their views up to the heads of their logs.
    ///
    /// Commands are decided only when a [`crate::runtime::Runtime`] (or a simulator) drives the
    /// partitions.
    ///
    /// # Errors
    /// When a log or its rows cannot be read or written.
    ///
    /// # Panics
    /// When two entries of the tables handle, translate or answer the same message, or two effects
    /// of a service have the same name.
    pub fn open(
        services: Vec<Opening>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let (mut running, mut routes) = (Vec::new(), Routes::default());
        for (index, Opening { service, stores }) in services.into_iter().enumerate() {
            let schema = Arc::new(add_routes(service, index, &mut routes));
            let open = |(partition, stores)| {
                Partition::open(&schema, partition, stores, &clock, limits).map(Arc::new)
            };
            let partitions =
                stores.into_iter().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
            running.push(Arc::new(Running { schema, partitions, clock: Arc::clone(&clock) }));
        }
        Ok(Self::assemble(running, routes, clock, ids))
    }
}

/// Adds the routes to the service at `index` in the bus. Returns the rest of its table, which is
/// what readers of its log need.
fn add_routes(
    table: Service,
    index: usize,
    routes: &mut Routes,
) -> crate::views::log_schema::LogSchema {
    let handled = table.commands.into_iter().map(|it| {
        let route = CommandRoute::Handler { service: index, handling: it.handling };
        (it.command_type, it.command, route, it.dispatch)
    });
    let composites = table.composites.into_iter().map(|it| {
        let route = CommandRoute::Composite { service: index, composite: it.composite };
        (it.command_type, it.command, route, it.dispatch)
    });
    let procedures = table.procedures.into_iter();
    let procedures =
        procedures.map(|it| (it.command_type, it.command, (it.route)(index), it.dispatch));
    for (command_type, name, route, dispatch) in handled.chain(composites).chain(procedures) {
        let previous = routes.commands.insert(command_type, route);
        assert!(previous.is_none(), "two entries of the tables handle {name}");
        routes.by_name.insert(name, dispatch);
    }
    for it in table.translations {
        let previous = routes.by_name.insert(it.message, it.dispatch);
        assert!(previous.is_none(), "two entries of the tables translate {}", it.message);
    }
    for it in table.queries {
        let previous = routes.queries.insert(it.query_type, (index, it.run));
        assert!(previous.is_none(), "two entries of the tables answer {}", it.query);
    }
    for (index, effect) in table.effects.iter().enumerate() {
        let is_same = |other: &Effect| other.name == effect.name;
        let service = table.schema.service;
        assert!(
            !table.effects[..index].iter().any(is_same),
            "two effects of {service} are named {}",
            effect.name
        );
    }
    routes.reactions.push(table.reactions);
    routes.effects.push(table.effects);
    table.schema
}
