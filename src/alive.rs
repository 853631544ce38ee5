//! How many of a kind are alive, for whoever must know that nothing is left behind.

use tokio::sync::watch;

/// Counts the living of one kind. Its clones are one count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alive(watch::Sender<usize>);

/// One of them; dropping it is its end.
#[derive(Debug)]
pub(crate) struct Living(Alive);

impl Alive {
    /// Counts one more.
    pub(crate) fn enter(&self) -> Living {
        self.0.send_if_modified(|count| {
            *count += 1;
            false
        });
        Living(self.clone())
    }

    /// How many there are.
    #[cfg(any(test, feature = "testkit"))]
    pub(crate) fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Resolves when there is none.
    ///
    /// # Cancel safety
    /// Holds no state.
    #[cfg(any(test, feature = "testkit"))]
    pub(crate) async fn none(&self) {
        let mut count = self.0.subscribe();
        let none = count.wait_for(|count| *count == 0).await;
        none.expect("the sender is borrowed for as long as this waits");
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.0.send_if_modified(|count| {
            *count -= 1;
            *count == 0
        });
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn none_is_alive_when_the_last_was_dropped() {
        let alive = Alive::default();
        let (first, second) = (alive.enter(), alive.clone().enter());
        assert_eq!(alive.count(), 2);
        let mut none = pin!(alive.none());
        assert_eq!(poll_immediate(&mut none).await, None);
        drop(first);
        assert_eq!(poll_immediate(&mut none).await, None);
        drop(second);
        none.await;
    }
}
