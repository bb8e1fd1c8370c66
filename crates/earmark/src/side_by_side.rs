//! Commands that take several steps each, sent side by side so that their steps share commits.

use std::future::poll_fn;
use std::task::Poll;

use earmark_kernel::{Bus, Command, Meta, Reply};

/// Sends commands at the same time; replies come in their order. In which order the steps of two
/// of them are done is not said: send only what does not depend on each other.
pub async fn send<C: Command>(bus: &Bus, commands: Vec<(C, Meta)>) -> Vec<Reply<C>> {
    let sends = commands.into_iter().map(|(command, meta)| Box::pin(bus.send_as(command, meta)));
    let mut sends: Vec<_> = sends.map(Some).collect();
    let mut replies: Vec<Option<Reply<C>>> = sends.iter().map(|_| None).collect();
    let all = poll_fn(|context| {
        for (send, reply) in sends.iter_mut().zip(&mut replies) {
            if let Some(sending) = send
                && let Poll::Ready(answered) = sending.as_mut().poll(context)
            {
                (*send, *reply) = (None, Some(answered));
            }
        }
        match sends.iter().all(Option::is_none) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
    all.await;
    replies.into_iter().map(|it| it.expect("every command was answered")).collect()
}
