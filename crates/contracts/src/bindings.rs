//! How a service is bound to message brokers and to mail, as plain data.

/// The bindings of a service. The program connects them; it does not know the messages.
#[derive(Clone, Copy, Debug)]
pub struct Bindings {
    /// The service.
    pub service: &'static str,
    /// The channels by which messages arrive.
    pub inbound: &'static [Inbound],
    /// The public events that are also published in flat JSON.
    pub outbound: &'static [Outbound],
    /// The public event that an email is sent about, if there is one.
    pub notice: Option<Notice>,
}

/// A channel or stream by which messages arrive.
#[derive(Clone, Copy, Debug)]
pub struct Inbound {
    /// The default name of the channel, and the key of the setting for another name.
    pub channel: &'static str,
    /// The wire name of a message without an envelope.
    pub message: &'static str,
    /// Wire names that are also accepted as the type of a CloudEvent.
    pub also: &'static [&'static str],
    /// Messages with the same value in the first present field of these are handled in order.
    pub keys: &'static [&'static str],
}

/// A public event that is also published in flat JSON on a channel of its own.
#[derive(Clone, Copy, Debug)]
pub struct Outbound {
    /// The default name of the channel, and the key of the setting for another name.
    pub channel: &'static str,
    /// The wire name of the event.
    pub event: &'static str,
    /// The published fields of its data, in this order.
    pub fields: &'static [&'static str],
}

/// A public event that an email is sent about.
#[derive(Clone, Copy, Debug)]
pub struct Notice {
    /// The wire name of the event.
    pub event: &'static str,
    /// Composes the email from the event's data in JSON; none if the data cannot be read.
    pub compose: fn(&str) -> Option<NoticeText>,
}

/// The content of an email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeText {
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}
