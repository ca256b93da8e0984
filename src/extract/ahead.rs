//! Requests ahead of their turn: they run side by side and are taken in the order in which they were put.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt, MaybeDone, maybe_done};

/// An answer under way, or there.
type Slot<A> = Pin<Box<MaybeDone<BoxFuture<'static, A>>>>;

/// A queue of positions, each with its answer under way. Dropping it drops the requests.
pub(super) struct Ahead<P, A> {
    slots: VecDeque<(P, Slot<A>)>,
}

impl<P, A> Ahead<P, A> {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The position of the next answer. What it is asked for may change while it is under way.
    pub(super) fn front_mut(&mut self) -> Option<&mut P> {
        self.slots.front_mut().map(|(position, _)| position)
    }

    pub(super) fn back(&self) -> Option<&P> {
        self.slots.back().map(|(position, _)| position)
    }

    pub(super) fn push_front(&mut self, position: P, answer: BoxFuture<'static, A>) {
        self.slots.push_front((position, Box::pin(maybe_done(answer))));
    }

    pub(super) fn push_back(&mut self, position: P, answer: BoxFuture<'static, A>) {
        self.slots.push_back((position, Box::pin(maybe_done(answer))));
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Waits for the answer at the front and takes it; `None` if there is none. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> Option<(P, A)> {
        std::future::poll_fn(|context| {
            self.poll_all(context);
            match self.slots.front_mut() {
                None => Poll::Ready(None),
                Some((_, slot)) => match slot.as_mut().take_output() {
                    None => Poll::Pending,
                    Some(answer) => Poll::Ready(self.slots.pop_front().map(|(position, _)| (position, answer))),
                },
            }
        })
        .await
    }

    /// Moves all requests on, takes none, and never returns.
    pub(super) async fn drive(&mut self) {
        std::future::poll_fn(|context| {
            self.poll_all(context);
            Poll::Pending
        })
        .await
    }

    /// A queue has few slots, so that all are polled where one could be: simpler than to wake each by itself.
    fn poll_all(&mut self, context: &mut Context<'_>) {
        for (_, slot) in &mut self.slots {
            // A finished slot keeps its answer; polling it again does nothing.
            let _ = slot.poll_unpin(context);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::oneshot;

    use super::Ahead;

    #[tokio::test]
    async fn answers_are_taken_in_order_however_they_come() {
        let mut ahead = Ahead::new();
        let (first_sender, first) = oneshot::channel::<u8>();
        let (second_sender, second) = oneshot::channel::<u8>();
        ahead.push_back('b', Box::pin(second));
        ahead.push_front('a', Box::pin(first));
        second_sender.send(2).expect("it is waited for");
        assert!(futures::poll!(Box::pin(ahead.next())).is_pending());
        assert!(futures::poll!(Box::pin(ahead.drive())).is_pending());
        first_sender.send(1).expect("it is waited for");
        assert_eq!(ahead.next().await, Some(('a', Ok(1))));
        assert_eq!(ahead.next().await, Some(('b', Ok(2))));
        assert_eq!(ahead.next().await, None);
    }
}
