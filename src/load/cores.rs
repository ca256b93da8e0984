//! Work on all cores at once, within one call.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use futures::StreamExt;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::error::LoadErrorKind;
use super::read::Batches;

/// Works on all items, on threads that stay for the next time; the results are in the order of the items.
pub(super) fn side_by_side<T: Send, R: Send, E: Send>(
    items: Vec<T>,
    is_worth_threads: bool,
    work: impl Fn(T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, LoadErrorKind>
where
    LoadErrorKind: From<E>,
{
    let results: Result<Vec<R>, E> = match is_worth_threads {
        true => items.into_par_iter().map(&work).collect(),
        false => items.into_iter().map(work).collect(),
    };
    Ok(results?)
}

/// As [`side_by_side`], for work that waits for the storage in between, on threads of its own. After an error no further item is
/// begun. To be called on a thread that may block.
pub(super) fn futures_side_by_side<T: Send, R: Send, F>(
    items: Vec<T>,
    work: impl Fn(T) -> F + Sync,
) -> Result<Vec<R>, LoadErrorKind>
where
    F: Future<Output = Result<R, LoadErrorKind>>,
{
    // This thread belongs to the runtime, which does not let it wait for a future.
    let handle = Handle::current();
    let count = items.len();
    let (next, has_failed) = (Mutex::new(items.into_iter().enumerate()), AtomicBool::new(false));
    let share = || {
        let mut done = Vec::new();
        while !has_failed.load(Ordering::Relaxed) {
            let item = next.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, item)) = item else { break };
            match handle.block_on(work(item)) {
                Ok(result) => done.push((index, result)),
                Err(error) => {
                    has_failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(done)
    };
    let mut done: Vec<(usize, R)> = Vec::with_capacity(count);
    std::thread::scope(|scope| {
        let spawned =
            (0..cores().min(count)).map_while(|_| std::thread::Builder::new().spawn_scoped(scope, share).ok());
        let others: Vec<_> = spawned.collect();
        for other in others {
            done.extend(other.join().unwrap_or(Err(LoadErrorKind::Internal("a thread panicked")))?);
        }
        Ok::<_, LoadErrorKind>(())
    })?;
    if done.len() < count {
        return Err(LoadErrorKind::Internal("no thread could be started"));
    }
    done.sort_unstable_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// The batches of a stream, read on a thread of its own while the caller works on those before.
pub(super) fn read_ahead(mut batches: Batches) -> Result<Batches, LoadErrorKind> {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    let handle = Handle::current();
    let read = move || {
        // It ends with the stream, or with the caller who does not want more.
        while let Some(batch) = handle.block_on(batches.next()) {
            if sender.blocking_send(batch).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().spawn(read).map_err(LoadErrorKind::disk("start a thread"))?;
    let next = |mut receiver: mpsc::Receiver<_>| async { receiver.recv().await.map(|batch| (batch, receiver)) };
    Ok(futures::stream::unfold(receiver, next).boxed())
}

/// Batches that wait for the caller: as many as make up for its bursts of encoding.
const BATCHES_AHEAD: usize = 4;

/// Threads for such work: one a core. Asking the system takes longer than a little work.
pub(super) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn third_fails(item: u64) -> Result<u64, LoadErrorKind> {
        if item == 3 { Err(LoadErrorKind::Vanished) } else { Ok(item) }
    }

    #[tokio::test]
    async fn results_keep_their_order_and_an_error_ends_the_work() {
        let expected: Vec<u64> = (0..100).map(|item| item * item).collect();
        let squares = side_by_side((0..100).collect(), true, |item: u64| Ok::<_, LoadErrorKind>(item * item));
        assert_eq!(squares.expect("no error"), expected);
        let squares = futures_side_by_side((0..100).collect(), async |item: u64| Ok(item * item));
        assert_eq!(squares.expect("no error"), expected);
        let failed = side_by_side((0..100).collect(), true, third_fails);
        assert!(matches!(failed, Err(LoadErrorKind::Vanished)));
        let failed = futures_side_by_side((0..100).collect(), async |item| third_fails(item));
        assert!(matches!(failed, Err(LoadErrorKind::Vanished)));
    }
}
