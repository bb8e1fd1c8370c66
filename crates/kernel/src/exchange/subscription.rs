//! Subscriptions: a service reads public events of another (or itself) and reacts with commands.

use crate::bus::sending::Bus;
use crate::model::message::{Idempotency, Key, Meta};
use crate::model::outcome::{Failure, NotDone};
use crate::views::log_schema::Publication;

/// Maximum number of events handled before the position is saved.
const POLL_EVENTS_MAX: usize = 256;

/// The subscription of one service to one partition of another.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The subscribing service.
    pub service: &'static str,
    /// The service whose events it reads.
    pub source: &'static str,
    /// The partition of the source.
    pub partition: usize,
}

impl Bus {
    /// All subscriptions in this process: one for each partition of each service whose public
    /// events another service (or the same) reacts to.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        let mut subscriptions = Vec::new();
        for (index, subscriber) in self.services().iter().enumerate() {
            for source in self.services() {
                let is_reacted_to = |it: &Publication| {
                    self.reactions(index).iter().any(|reaction| reaction.event == it.event)
                };
                if source.schema.publications.iter().any(is_reacted_to) {
                    let (service, source_name) = (subscriber.schema.service, source.schema.service);
                    subscriptions.extend(
                        (0..source.partitions.len()).map(|partition| Subscription {
                            service,
                            source: source_name,
                            partition,
                        }),
                    );
                }
            }
        }
        subscriptions
    }

    /// Reads the next public events of a source and sends the commands of the reactions. Returns
    /// the number of events.
    ///
    /// Each command has an idempotency key made of the event, the reaction and the command's index,
    /// so an event that is read twice has its effect once. The writer parks commands whose handler
    /// panics.
    ///
    /// # Errors
    /// When a command or the position could not be committed now; poll again later.
    pub async fn poll(&self, subscription: &Subscription) -> Result<usize, Failure> {
        let Subscription { service, source, partition } = subscription;
        let positions = self.partition(service, 0)?;
        let reader = Key::from(format!("{source}/{partition}"));
        let after = positions.projector.read()?.cursors.get(&reader)?.unwrap_or(0);
        let events = self.feed(source, *partition, after, POLL_EVENTS_MAX)?;
        let Some(last) = events.last().map(|event| event.sequence) else {
            return Ok(0);
        };
        for event in &events {
            self.react(service, event).await?;
        }
        let mut meta = Meta::default();
        self.identify(&mut meta);
        positions.save_cursor(&reader, last, meta).await?;
        Ok(events.len())
    }

    async fn react(
        &self,
        service: &str,
        event: &crate::ports::public_record::PublicRecord,
    ) -> Result<(), Failure> {
        let position = self.services().iter().position(|it| it.schema.service == service);
        let missing = || Failure::NotServed(format!("messages for {service}"));
        let reactions = self.reactions(position.ok_or_else(missing)?).iter();
        let reactions = reactions.filter(|it| it.event == event.name);
        for reaction in reactions {
            let sends = match (reaction.run)(event.data.get()) {
                Ok(sends) => sends,
                Err(error) => {
                    let parked = crate::model::kernel_event::Parked {
                        message: event.name.clone(),
                        body: event.data.get().to_owned(),
                        reason: format!("{} cannot decode it: {error}", reaction.by),
                        idempotency: Some(idempotency_key(event, reaction.by, "unread")),
                    };
                    self.park(service, parked).await?;
                    continue;
                }
            };
            for (index, send) in sends.into_iter().enumerate() {
                let meta = Meta {
                    idempotency: Some(idempotency_key(event, reaction.by, index)),
                    correlation: Some(Key::from(event.correlationid.as_str())),
                    ..Meta::default()
                };
                match send(self.clone(), meta).await {
                    Ok(()) | Err(NotDone::Refused(_) | NotDone::Failed(Failure::Broken { .. })) => {
                    }
                    Err(NotDone::Failed(failure)) => return Err(failure),
                    Err(NotDone::Unknown(_)) => return Err(Failure::Stopping),
                }
            }
        }
        Ok(())
    }

    /// Runs the `before_each` hooks of the aggregates whose timers are due, in all partitions: at
    /// most 256 timers per partition. Returns the number of timers.
    ///
    /// # Errors
    /// When the storage failed or a queue was full; sweep again later.
    pub async fn sweep(&self) -> Result<usize, Failure> {
        let mut fired = 0;
        for partition in self.services().iter().flat_map(|running| &running.partitions) {
            let mut meta = Meta::default();
            self.identify(&mut meta);
            fired += partition.sweep(&meta).await?;
        }
        Ok(fired)
    }
}

/// The idempotency key of one command of a reaction to an event.
fn idempotency_key(
    event: &crate::ports::public_record::PublicRecord,
    by: &str,
    part: impl std::fmt::Display,
) -> Idempotency {
    Idempotency::of(&format!("{}/{by}/{part}", event.id), event.data.get().as_bytes())
}
