//! Equal questions share one answer.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// Work under way, by its key: whoever wants what is being worked on waits for it and gets a copy.
///
/// Nothing is remembered afterwards. If the one who does the work is cancelled or panics, one of
/// those who wait does their own instead.
pub struct SingleFlight<K, V> {
    flights: Mutex<HashMap<K, Arc<OnceCell<V>>>>,
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// Nothing is under way.
    pub fn new() -> Self {
        Self::default()
    }

    /// What `work` gives, or what the work of somebody else with an equal key gives who began
    /// earlier and has not ended.
    pub async fn run<F>(&self, key: K, work: impl FnOnce() -> F) -> V
    where
        F: Future<Output = V>,
    {
        let flight = self.board(key);
        flight.cell.get_or_init(work).await.clone()
    }

    /// How many keys are being worked on.
    pub fn len(&self) -> usize {
        self.flights().len()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn board(&self, key: K) -> Passenger<'_, K, V> {
        let mut flights = self.flights();
        let cell = flights.entry(key.clone()).or_default().clone();
        drop(flights);
        Passenger {
            all: self,
            key,
            cell,
        }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<K, Arc<OnceCell<V>>>> {
        // No work runs under the lock, so nothing is left half-way.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self {
            flights: Mutex::default(),
        }
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").finish_non_exhaustive()
    }
}

/// One who waits for a flight or flies it.
struct Passenger<'a, K: Eq + Hash + Clone, V: Clone> {
    all: &'a SingleFlight<K, V>,
    key: K,
    cell: Arc<OnceCell<V>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Passenger<'_, K, V> {
    /// Takes the flight off the list once it has landed, or nobody is aboard any more.
    fn drop(&mut self) {
        let mut flights = self.all.flights();
        // Given up under the lock, so that the last one aboard sees that nobody else is.
        let own = std::mem::take(&mut self.cell);
        let Some(listed) = flights.get(&self.key) else {
            return;
        };
        if !Arc::ptr_eq(listed, &own) {
            return;
        }
        let landed = own.initialized();
        drop(own);
        if landed || Arc::strong_count(listed) == 1 {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;
    use tokio::task::{JoinSet, yield_now};

    use super::*;

    type Flights = Arc<SingleFlight<&'static str, u32>>;

    /// Lets every task that can do something do it.
    async fn settle() {
        for _ in 0..16 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn five_equal_questions_are_one_call_and_a_later_one_another() {
        let flights = Flights::default();
        let calls = Arc::new(AtomicU32::new(0));
        let go = Arc::new(Notify::new());
        let mut all = JoinSet::new();
        for key in ["a", "a", "a", "a", "a", "b"] {
            let (flights, calls, go) = (flights.clone(), calls.clone(), go.clone());
            all.spawn(async move {
                let work = async || {
                    let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
                    go.notified().await;
                    call
                };
                (key, flights.run(key, work).await)
            });
        }
        settle().await;
        assert_eq!((flights.len(), calls.load(Ordering::Relaxed)), (2, 2));
        go.notify_waiters();
        let mut answers = all.join_all().await;
        answers.sort_unstable();
        assert_eq!(
            answers,
            [("a", 1), ("a", 1), ("a", 1), ("a", 1), ("a", 1), ("b", 2)]
        );
        assert!(flights.is_empty());
        assert_eq!(flights.run("a", async || 7).await, 7);
    }

    #[tokio::test]
    async fn a_follower_takes_over_from_a_leader_that_was_cancelled() {
        let flights = Flights::default();
        let leader = tokio::spawn({
            let flights = flights.clone();
            async move { flights.run("a", std::future::pending::<u32>).await }
        });
        settle().await;
        let follower = tokio::spawn({
            let flights = flights.clone();
            async move { flights.run("a", async || 2).await }
        });
        settle().await;
        assert!(!follower.is_finished());
        leader.abort();
        assert_eq!(follower.await.unwrap(), 2);
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn a_follower_takes_over_from_a_leader_that_panicked() {
        let flights = Flights::default();
        let go = Arc::new(Notify::new());
        let leader = tokio::spawn({
            let (flights, go) = (flights.clone(), go.clone());
            async move {
                let work = async || {
                    go.notified().await;
                    panic!("on purpose")
                };
                flights.run("a", work).await
            }
        });
        settle().await;
        let follower = tokio::spawn({
            let flights = flights.clone();
            async move { flights.run("a", async || 2).await }
        });
        settle().await;
        go.notify_waiters();
        assert!(leader.await.unwrap_err().is_panic());
        assert_eq!(follower.await.unwrap(), 2);
        assert!(flights.is_empty());
    }

    #[tokio::test]
    async fn nothing_is_left_when_everybody_has_gone() {
        let flights = Flights::default();
        let mut all = JoinSet::new();
        for _ in 0..3 {
            let flights = flights.clone();
            all.spawn(async move { flights.run("a", std::future::pending::<u32>).await });
        }
        settle().await;
        assert_eq!(flights.len(), 1);
        all.shutdown().await;
        assert!(flights.is_empty());
        assert_eq!(flights.run("a", async || 3).await, 3);
    }
}
