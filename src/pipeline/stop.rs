//! The wish to stop, from the user to the lanes.

use tokio::sync::watch;

/// Tells lanes to stop at the next page.
#[derive(Debug)]
pub struct StopHandle(watch::Sender<bool>);

/// Heard by lanes.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A wish and its handle. A dropped handle is no wish to stop.
    pub fn new() -> (StopHandle, Self) {
        let (sender, receiver) = watch::channel(false);
        (StopHandle(sender), Self(receiver))
    }

    /// Whether it is time to stop.
    pub(super) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it is time to stop, else never. Cancel-safe.
    pub(super) async fn asked(&mut self) {
        if self.0.wait_for(|stop| *stop).await.is_err() {
            std::future::pending().await
        }
    }
}

impl StopHandle {
    /// Asks every lane to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}
