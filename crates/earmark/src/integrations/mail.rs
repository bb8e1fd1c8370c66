//! Emails about events: sent by a relay, or waiting in the outbox.

use std::sync::Arc;
use std::time::Duration;

use earmark_brokers::smtp::{self, Email, Mail};
use earmark_contracts::bindings::{Notice, NoticeText};
use earmark_kernel::{Bus, PublicRecord, Publisher, Relay, RelayLimits};
use serde::Serialize;
use tokio::sync::watch;

use super::work::{Work, bounded};
use crate::error::CliError;
use crate::settings::Settings;
use crate::wiring::BINDINGS;

/// Events read per batch.
const PAGE: usize = 1_000;
/// Emails are sent one by one, and each position is stored before the next email: after a crash, at
/// most one is sent again.
const LIMITS: RelayLimits =
    RelayLimits { events: 1, keep_every: Duration::ZERO, keep_numbers: 100_000 };

/// The services that send emails, with the notice of each.
fn notices() -> impl Iterator<Item = (&'static str, Notice)> {
    BINDINGS.iter().filter_map(|it| Some((it.service, it.notice?)))
}

/// A publisher of emails, if the settings name a mail server; for the check of that server.
pub fn publisher(settings: &Settings) -> Result<Option<Mail>, CliError> {
    let notice = notices().next();
    Ok(notice.map(|(_, notice)| of_notice(settings, notice)).transpose()?.flatten())
}

/// The relays that send emails, if the settings name a mail server.
pub fn works(
    bus: &Bus,
    settings: &Settings,
    stop: &watch::Sender<bool>,
) -> Result<Vec<Work>, CliError> {
    let mut works = Vec::new();
    for (service, notice) in notices() {
        let Some(mail) = of_notice(settings, notice)? else { continue };
        let mail: Arc<dyn Publisher> = Arc::new(mail);
        for it in bus.status().iter().filter(|it| it.service == service) {
            let relay = Relay::new(bus, service, it.partition, Arc::clone(&mail), LIMITS)?;
            works.push(bounded(relay.run(stop.subscribe()), stop));
        }
    }
    Ok(works)
}

fn of_notice(settings: &Settings, notice: Notice) -> Result<Option<Mail>, CliError> {
    let Some(server) = &settings.mail.smtp else { return Ok(None) };
    let (from, to) = (&settings.mail.from, &settings.mail.to);
    let mail = Mail::by(server.reveal(), from, to, notice.event, compose);
    mail.map(Some).map_err(|error| {
        CliError::usage(error).advise("The settings are smtp, from and to in [mail].")
    })
}

/// The email about an event, if there is one.
fn compose(event: &PublicRecord) -> Option<Email> {
    let (_, notice) = notices().find(|(_, notice)| notice.event == event.name)?;
    let NoticeText { subject, text } = (notice.compose)(event.data.get())?;
    Some(Email { subject, text })
}

/// An email that has not been sent.
#[derive(Debug, Serialize)]
pub struct Waiting {
    pub id: String,
    pub at_ms: i64,
    pub to: String,
    pub subject: String,
    pub text: String,
}

/// The emails that have not been sent, oldest first, at most `limit`; and their total number.
pub fn waiting(
    bus: &Bus,
    settings: &Settings,
    limit: usize,
) -> Result<(Vec<Waiting>, usize), CliError> {
    let (mut emails, mut count) = (Vec::new(), 0);
    for it in bus.status() {
        let mut after = bus.relayed(smtp::NAME, it.service, it.partition)?;
        loop {
            let events = bus.feed(it.service, it.partition, after, PAGE)?;
            let Some(last) = events.last() else { break };
            after = last.sequence;
            for event in &events {
                let Some(Email { subject, text }) = compose(event) else { continue };
                count += 1;
                if emails.len() < limit {
                    let (id, to) = (event.id.clone(), settings.mail.to.clone());
                    emails.push(Waiting { id, at_ms: event.at_ms, to, subject, text });
                }
            }
        }
    }
    Ok((emails, count))
}

/// Discards every email that has not been sent.
pub async fn discard(bus: &Bus) -> Result<(), CliError> {
    for it in bus.status() {
        bus.skip_relayed(smtp::NAME, it.service, it.partition).await?;
    }
    Ok(())
}
