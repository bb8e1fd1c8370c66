//! The letters that events ask for: what they say, who sends them, and which of them wait.

use earmark_brokers::smtp::{self, Email, Mail};
use earmark_contracts::allocation::OutOfStock;
use earmark_kernel::{Bus, PublicEvent, PublicRecord};
use serde::Serialize;

use crate::error::CliError;
use crate::settings::Settings;

/// So many events are read at a time.
const PAGE: usize = 1_000;

/// What sends letters, if the settings name a mail server.
pub fn publisher(settings: &Settings) -> Result<Option<Mail>, CliError> {
    let Some(server) = &settings.mail.smtp else { return Ok(None) };
    let (from, to) = (&settings.mail.from, &settings.mail.to);
    let mail = Mail::by(server.reveal(), from, to, OutOfStock::NAME, write);
    mail.map(Some).map_err(|error| {
        CliError::usage(error).advise("The settings are smtp, from and to in [mail].")
    })
}

/// The letter about an event; no other event has one.
fn write(event: &PublicRecord) -> Option<Email> {
    if event.name != OutOfStock::NAME {
        return None;
    }
    let fact: OutOfStock = serde_json::from_str(event.data.get()).ok()?;
    let OutOfStock { sku, orderid, line_id, qty, queued } = fact;
    let then = if queued { "It waits for stock." } else { "It was not taken." };
    let text = format!(
        "Out of stock for {}\n\nOrder {}, line {}: {qty} wanted. {then}\n",
        sku.0, orderid.0, line_id.0
    );
    Some(Email { subject: format!("Out of stock for {}", sku.0), text })
}

/// A letter that waits to be sent.
#[derive(Debug, Serialize)]
pub struct Waiting {
    pub id: String,
    pub at_ms: i64,
    pub to: String,
    pub subject: String,
    pub text: String,
}

/// The letters of a bus that were not sent, oldest first, at most `limit`; and how many there are.
pub fn waiting(
    bus: &Bus,
    settings: &Settings,
    limit: usize,
) -> Result<(Vec<Waiting>, usize), CliError> {
    let (mut letters, mut count) = (Vec::new(), 0);
    for it in bus.status() {
        let mut after = bus.relayed(smtp::NAME, it.service, it.partition)?;
        loop {
            let events = bus.feed(it.service, it.partition, after, PAGE)?;
            let Some(last) = events.last() else { break };
            after = last.sequence;
            for event in &events {
                let Some(Email { subject, text }) = write(event) else { continue };
                count += 1;
                if letters.len() < limit {
                    let (id, to) = (event.id.clone(), settings.mail.to.clone());
                    letters.push(Waiting { id, at_ms: event.at_ms, to, subject, text });
                }
            }
        }
    }
    Ok((letters, count))
}

/// Leaves out every letter that waits now.
pub async fn discard(bus: &Bus) -> Result<(), CliError> {
    for it in bus.status() {
        bus.skip_relayed(smtp::NAME, it.service, it.partition).await?;
    }
    Ok(())
}
