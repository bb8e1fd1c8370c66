//! Holds as versions without reservations made them: each line is held by itself and has its own
//! end.

use earmark_contracts::allocation::AllocateRefused;
use earmark_contracts::values::{Day, Priority, Quantity, Sku};
use earmark_kernel::{Command, Fact, Recorder, Service, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::allocation::events::Allocated;
use crate::allocation::placing::{Demand, choose};
use crate::allocation::{LineKey, Stock, StockEvent, service};

/// Holds one line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HoldBefore {
    pub(super) line: LineKey,
    pub(super) sku: Sku,
    pub(super) quantity: Quantity,
    pub(super) ttl_s: i64,
}

impl Command for HoldBefore {
    const NAME: &'static str = "allocation.hold_before";
    type Answer = ();
    type Refusal = AllocateRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.sku.0)
    }
}

/// The service, which can also hold lines as before.
pub(super) fn service_with_holds_of_before() -> Service {
    service().handles(hold_before, &[Allocated::NAME])
}

fn hold_before(
    stock: &mut Recorder<Stock>,
    command: HoldBefore,
    now: UnixMillis,
) -> Result<(), AllocateRefused> {
    let HoldBefore { line, quantity, ttl_s, .. } = command;
    let (quantity, today) = (quantity.units(), Day::of(now));
    let choice = choose(stock, Demand { quantity, need_by: None, today });
    let (batch, promised) = choice.chosen.expect("a test holds what is there");
    stock.record(StockEvent::Allocated(Allocated {
        line,
        quantity,
        batch,
        day: today,
        promised,
        need_by: None,
        priority: Priority::default(),
        held_until: Some(now.plus_ms(ttl_s * 1_000)),
        reservation: None,
        passed_over: choice.passed_over,
        again: false,
    }));
    Ok(())
}
