//! The end of a lane: the thread that encodes and stores batches, and the bounded way to it.

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::budget::{Budget, Share};
use crate::flow::TableBatch;
use crate::load::{LoadError, Loader};

/// Batches that wait for the writer, which takes them in bursts.
const BATCHES_QUEUED: usize = 64;

/// The way to the writer.
pub(super) struct Batches {
    sender: mpsc::Sender<(TableBatch, Share)>,
    budget: Budget,
}

impl Batches {
    /// Hands batches to the writer; whether it is still there. One that is gone has failed and tells why itself.
    pub(super) async fn send(&self, ready: Vec<TableBatch>) -> bool {
        for batch in ready {
            let share = self.budget.take(batch.rows.get_array_memory_size() as u64).await;
            if self.sender.send((batch, share)).await.is_err() {
                return false;
            }
        }
        true
    }
}

pub(super) type Writing = JoinHandle<(Loader, Result<(), LoadError>)>;

/// The writer has a thread of its own, because encoding is work for a core and not for a worker of the runtime.
pub(super) fn spawn_writer(mut loader: Loader, budget: Budget) -> (Batches, Writing) {
    let (sender, mut receiver) = mpsc::channel::<(TableBatch, Share)>(BATCHES_QUEUED);
    let handle = Handle::current();
    let task = spawn_blocking(move || {
        handle.block_on(async move {
            while let Some((batch, _share)) = receiver.recv().await {
                if let Err(error) = loader.write(batch).await {
                    return (loader, Err(error));
                }
            }
            (loader, Ok(()))
        })
    });
    (Batches { sender, budget }, task)
}
