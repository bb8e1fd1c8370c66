//! The operations on one order that were in progress at the same time, as pairs that are counted.

use serde_json::Value;

use crate::client::Call;
use crate::order_operations::{AboutOrder, OrderEvent, OrderOperation};
use crate::workload::Request;
use crate::world::World;

impl World {
    /// What a request does to an order, as things are now.
    pub(crate) fn about_order(&self, request: &Request) -> Option<AboutOrder> {
        let body: Value = serde_json::from_str(&request.body).ok()?;
        let order = body["order_id"].as_str().map(str::to_owned);
        let has_hold = || {
            let order = order.as_deref().unwrap_or_default();
            self.auditor.reservations.by_order.get(order).is_some_and(|it| it.until.is_some())
        };
        let operation = match request.name.strip_prefix("allocation.")? {
            _ if request.dry_run => return None,
            "hold" if has_hold() => OrderOperation::SecondHold,
            "hold" => OrderOperation::Hold,
            "confirm_hold" => OrderOperation::Confirm,
            "release_hold" => OrderOperation::Release,
            "extend_hold" => OrderOperation::Extend,
            "change_batch" | "close_batch" => OrderOperation::BatchChange,
            "allocate" => OrderOperation::Allocate,
            "deallocate" => OrderOperation::Cancel,
            _ => return None,
        };
        Some(AboutOrder { order, operation })
    }

    /// Counts the operations that were in progress while others recorded events on their order.
    pub(crate) fn count_pairs(&mut self) {
        for event in std::mem::take(&mut self.auditor.order_events) {
            let Some(recorded) = self.operation_of(&event) else { continue };
            let calls = self.clients.iter().filter_map(|it| it.call.as_ref());
            for call in calls.chain(&self.detached) {
                if let Some(waiting) = self.waiting_for(call, &event) {
                    self.coverage.record_pair(waiting, recorded);
                }
            }
            let until = self.auditor.reservations.until(&event.order);
            let is_overdue = until.is_some_and(|until| until <= self.now().0);
            if is_overdue && self.jobs.iter().any(|(name, _)| *name == "work") {
                self.coverage.record_pair(OrderOperation::EndOfTime, recorded);
            }
        }
    }

    fn operation_of(&self, event: &OrderEvent) -> Option<OrderOperation> {
        if event.is_end_of_time {
            return Some(OrderOperation::EndOfTime);
        }
        let key = event.key.as_deref()?;
        let entry = self.history.entries.iter().find(|it| it.key == key)?;
        entry.about.as_ref().map(|it| it.operation)
    }

    /// The operation of a call on the same order as an event that it did not cause.
    fn waiting_for(&self, call: &Call, event: &OrderEvent) -> Option<OrderOperation> {
        let entry = &self.history.entries[call.entry];
        let about = entry.about.as_ref().filter(|_| !call.is_reuse)?;
        let is_other = event.key.as_ref() != Some(&entry.key);
        let is_same_order = about.order.as_ref().is_none_or(|order| *order == event.order);
        (is_other && is_same_order).then_some(about.operation)
    }
}
