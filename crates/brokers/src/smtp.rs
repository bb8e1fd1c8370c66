//! Mail out over SMTP: an event becomes a letter, sent once as far as SMTP can promise that.

use std::time::{Duration, SystemTime};

use earmark_kernel::{Position, PublicRecord, PublishError, Publisher, Publishing, Source};
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use thiserror::Error as ThisError;

/// Who does not answer by then is unavailable.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Settings of mail that cannot be used.
#[derive(Clone, Debug, ThisError)]
pub enum BadMail {
    /// The server's address; what it is stays untold, for a password may be in it.
    #[error("this is no address of a mail server: write smtp://host:port, or smtps:// for TLS")]
    Server,
    /// The address of a person.
    #[error("{0:?} is no mail address")]
    Address(String),
}

/// What a letter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Reads the letter that an event asks for.
pub type Write = fn(&PublicRecord) -> Option<Letter>;

/// Sends a letter for each event of one name.
pub struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailbox,
    event: &'static str,
    write: Write,
}

/// What the publisher of mail is called, also where none is configured.
pub const NAME: &str = "mail";

impl Mail {
    /// Letters about an event, from one address to another.
    ///
    /// # Errors
    /// When the server or an address cannot be read.
    pub fn by(
        server: &str,
        from: &str,
        to: &str,
        event: &'static str,
        write: Write,
    ) -> Result<Self, BadMail> {
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(server);
        let server = builder.map_err(|_| BadMail::Server)?.timeout(Some(RESPONSE_TIMEOUT)).build();
        let address = |text: &str| text.parse().map_err(|_| BadMail::Address(text.to_owned()));
        Ok(Self { server, from: address(from)?, to: address(to)?, event, write })
    }

    /// Asks whether the server is there and lets us in.
    ///
    /// # Errors
    /// Why it is not so.
    pub async fn check(&self) -> Result<(), PublishError> {
        match self.server.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(PublishError::Unavailable("the mail server does not answer".into())),
            Err(error) => Err(PublishError::Unavailable(told(&error))),
        }
    }

    /// The letter about an event: the same event always gives the same one, its id in `Message-ID`,
    /// by which servers and readers of mail tell that they have it already.
    fn letter(&self, event: &PublicRecord) -> Result<Option<Message>, String> {
        let Some(Letter { subject, text }) = (self.write)(event) else {
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
            let Some(letter) = self.letter(event).map_err(refused)? else { continue };
            match self.server.send(letter).await {
                Ok(_) => {}
                Err(error) if error.is_permanent() => return Err(refused(told(&error))),
                Err(error) => return Err(PublishError::Unavailable(told(&error))),
            }
        }
        Ok(())
    }
}

/// An error with what caused it.
fn told(error: &Error) -> String {
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
        // A mail server tells nothing, and is not asked before there is a letter.
        Box::pin(async { Ok(Position::Unknown) })
    }

    fn publish<'a>(&'a self, _: &'a Source, events: &'a [PublicRecord]) -> Publishing<'a, ()> {
        Box::pin(self.send(events))
    }
}
