//! A client: it has at most one command in flight, and repeats one whose outcome it does not know.

use crate::answer::PendingAnswer;

/// A command in flight.
pub(crate) struct Call {
    /// The entry of the history that it was sent for.
    pub(crate) entry: usize,
    pub(crate) attempt: usize,
    /// The key was deliberately used for another request.
    pub(crate) is_reuse: bool,
    pub(crate) answer: PendingAnswer,
}

/// A client.
#[derive(Default)]
pub(crate) struct Client {
    pub(crate) call: Option<Call>,
    /// The entry of the history that it will send again.
    pub(crate) retry: Option<usize>,
}
