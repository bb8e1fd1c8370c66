//! Sends emails over SMTP: each event of one type becomes an email, sent once if SMTP allows it.

use std::time::{Duration, SystemTime};

use earmark_kernel::{Position, PublicRecord, PublishError, Publisher, Publishing, Source};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use thiserror::Error as ThisError;

/// The longest wait for a response before the server counts as unavailable.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// An invalid mail setting.
#[derive(Clone, Debug, ThisError)]
pub enum BadMailSetting {
    /// The server's address; it is not displayed, because it may contain a password.
    #[error("invalid mail server address: it must be smtp://host:port, or smtps:// for TLS")]
    Server,
    /// A sender or recipient.
    #[error("{0:?} is not an email address")]
    Address(String),
}

/// The content of an email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Composes the email about an event; `None` if there is none.
pub type Compose = fn(&PublicRecord) -> Option<Email>;

/// Sends an email for each event of one type.
pub struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailbox,
    event: &'static str,
    compose: Compose,
}

/// The name of the mail publisher, also if none is configured.
pub const NAME: &str = "mail";

impl Mail {
    /// A publisher of emails about the events of one type, from one address to another.
    ///
    /// # Errors
    /// When the server's or an email address is invalid.
    pub fn by(
        server: &str,
        from: &str,
        to: &str,
        event: &'static str,
        compose: Compose,
    ) -> Result<Self, BadMailSetting> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(server);
        let server =
            builder.map_err(|_| BadMailSetting::Server)?.timeout(Some(RESPONSE_TIMEOUT)).build();
        let address =
            |text: &str| text.parse().map_err(|_| BadMailSetting::Address(text.to_owned()));
        Ok(Self { server, from: address(from)?, to: address(to)?, event, compose })
    }

    /// Checks that the server is reachable and accepts the credentials.
    ///
    /// # Errors
    /// When it is unreachable or refuses the connection.
    pub async fn check(&self) -> Result<(), PublishError> {
        match self.server.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(PublishError::Unavailable("the mail server does not respond".into())),
            Err(error) => Err(PublishError::Unavailable(explain(&error))),
        }
    }

    /// The email about an event. The same event always results in the same email, with the event's
    /// id in `Message-ID`, so that mail servers and clients can detect duplicates.
    fn email(&self, event: &PublicRecord) -> Result<Option<Message>, String> {
        let Some(Email { subject, text }) = (self.compose)(event) else {
            return Ok(None);
        };
        let at = Duration::from_millis(u64::try_from(event.at_ms).unwrap_or(0));
        let domain = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(self.to.clone())
            .date(SystemTime::UNIX_EPOCH + at)
            .message_id(Some(format!("<{}@{domain}>", event.id)))
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text);
        message.map(Some).map_err(|error| error.to_string())
    }

    async fn send(&self, events: &[PublicRecord]) -> Result<(), PublishError> {
        for event in events {
            let refused = |why| PublishError::Refused { sequence: event.sequence, why };
            let Some(email) = self.email(event).map_err(refused)? else { continue };
            match self.server.send(email).await {
                Ok(_) => {}
                Err(error) if error.is_permanent() => return Err(refused(explain(&error))),
                Err(error) => return Err(PublishError::Unavailable(explain(&error))),
            }
        }
        Ok(())
    }
}

/// The text of an error and its cause.
fn explain(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("mail: {error}{}{cause}", if cause.is_empty() { "" } else { ": " })
}

impl Publisher for Mail {
    fn name(&self) -> &'static str {
        NAME
    }

    fn publishes(&self, event: &str) -> bool {
        event == self.event
    }

    fn position<'a>(&'a self, _: &'a Source) -> Publishing<'a, Position> {
        // A mail server has no position, and is not contacted before there is an email.
        Box::pin(async { Ok(Position::Unknown) })
    }

    fn publish<'a>(&'a self, _: &'a Source, events: &'a [PublicRecord]) -> Publishing<'a, ()> {
        Box::pin(self.send(events))
    }
}
