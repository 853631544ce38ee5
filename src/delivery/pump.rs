//! What moves events from the provider into the channel, and who polls it.
//!
//! An actor's task of its own would make two tasks of each event: one woken by the provider's bytes, and
//! one by the channel. Where many streams speak at once, all first tasks would run before any second, and
//! each client would wait for the bytes of all others to be read. So a body that waits for its next event
//! polls the call itself, and the bytes wake the body; while it does not wait, because its client is slow
//! or has left, the actor does.

use std::{
    cell::Cell,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// A call that its actor runs, and its client's body where that waits for an event.
pub(crate) struct Pump<F> {
    /// `None` when it is over.
    call: Cell<Option<F>>,
    wakes: Arc<Wakes>,
    /// The same, as the call knows it.
    waker: Waker,
}

impl<F: Future<Output = ()> + Unpin> Pump<F> {
    /// Nothing is polled yet.
    #[must_use]
    pub(crate) fn new(call: F) -> Self {
        let wakes = Arc::<Wakes>::default();
        Self {
            call: Cell::new(Some(call)),
            waker: Waker::from(Arc::clone(&wakes)),
            wakes,
        }
    }

    /// Runs the call to its end, whoever polls it.
    pub(crate) async fn run(&self) {
        poll_fn(|cx| {
            self.wakes.actor.register(cx.waker());
            if self.wakes.body_waits.load(SeqCst) {
                return Poll::Pending;
            }
            self.poll()
        })
        .await;
    }

    fn poll(&self) -> Poll<()> {
        // Taken out, so that nothing is borrowed while it runs; one that panics does not come back.
        let Some(mut call) = self.call.take() else {
            return Poll::Ready(());
        };
        self.wakes.was_woken.store(false, SeqCst);
        let polled = Pin::new(&mut call).poll(&mut Context::from_waker(&self.waker));
        if polled.is_pending() {
            self.call.set(Some(call));
        }
        polled
    }
}

impl<F> fmt::Debug for Pump<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pump").finish_non_exhaustive()
    }
}

/// A pump as the body sees it.
pub(super) trait Drive {
    /// Polls the call for a body that waits; what wakes the call wakes the body then.
    fn drive(&self, cx: &Context<'_>);

    /// The body does not wait any more: what wakes the call wakes the actor, and what has woken the body
    /// since it last polled the call as well.
    fn hand_back(&self);

    /// The body is gone, or the call is over: the actor sees to what is left.
    fn release(&self);
}

impl<F: Future<Output = ()> + Unpin> Drive for Pump<F> {
    fn drive(&self, cx: &Context<'_>) {
        self.wakes.body.register(cx.waker());
        self.wakes.body_waits.store(true, SeqCst);
        if self.poll().is_ready() {
            self.release();
        }
    }

    fn hand_back(&self) {
        self.wakes.body_waits.store(false, SeqCst);
        if self.wakes.was_woken.load(SeqCst) {
            self.wakes.actor.wake();
        }
    }

    fn release(&self) {
        self.wakes.body_waits.store(false, SeqCst);
        self.wakes.actor.wake();
    }
}

/// Whom to wake: clocks and names are looked after on other threads.
#[derive(Default)]
struct Wakes {
    actor: AtomicWaker,
    body: AtomicWaker,
    body_waits: AtomicBool,
    /// Whether the call is to be polled.
    was_woken: AtomicBool,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.was_woken.store(true, SeqCst);
        if self.body_waits.load(SeqCst) {
            self.body.wake();
        } else {
            self.actor.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use actix_web_lab::sse;
    use futures_util::StreamExt;
    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::delivery::{DeliverySender, DeliveryStream, QueueGauge, channel};

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Counted(std::sync::atomic::AtomicUsize);

    impl Counted {
        fn count(&self) -> usize {
            self.0.load(SeqCst)
        }
    }

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// An actor and a body with wakers that count, and a provider between them that the test speaks for.
    struct Table<A> {
        actor: Pin<Box<A>>,
        body: Option<DeliveryStream>,
        provider: mpsc::UnboundedSender<&'static str>,
        gauge: QueueGauge,
        actor_wakes: Arc<Counted>,
        body_wakes: Arc<Counted>,
    }

    /// What a call is here: everything the provider says goes to the client, until somebody leaves.
    async fn relay(mut said: mpsc::UnboundedReceiver<&'static str>, client: DeliverySender) {
        loop {
            let word = tokio::select! {
                biased;
                word = said.recv() => word,
                () = client.client_left() => return,
            };
            let Some(word) = word else {
                let _ = client.end().await;
                return;
            };
            assert_ne!(word, "panic", "as the test wants it");
            let _ = client.send(sse::Data::new(word).into(), 1).await;
            if word == "pause" {
                pause().await;
            }
        }
    }

    /// Wants to be polled once more, as a socket does that has been read for long enough.
    async fn pause() {
        let mut is_first = true;
        poll_fn(|cx| {
            if !std::mem::take(&mut is_first) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn table() -> Table<impl Future<Output = ()>> {
        let (sender, receiver) = channel(2, 100);
        let gauge = sender.gauge();
        let (provider, said) = mpsc::unbounded_channel();
        let pump = Rc::new_cyclic(|pump| {
            sender.filled_by(pump);
            Pump::new(Box::pin(relay(said, sender)))
        });
        let (report, _) = oneshot::channel();
        Table {
            actor: Box::pin(async move { pump.run().await }),
            body: Some(DeliveryStream::new(receiver, report)),
            provider,
            gauge,
            actor_wakes: Arc::default(),
            body_wakes: Arc::default(),
        }
    }

    impl<A: Future<Output = ()>> Table<A> {
        fn poll_actor(&mut self) -> Poll<()> {
            let waker = Waker::from(Arc::clone(&self.actor_wakes));
            self.actor.as_mut().poll(&mut Context::from_waker(&waker))
        }

        /// What the body has, as it is written.
        fn poll_body(&mut self) -> Poll<Option<bool>> {
            let waker = Waker::from(Arc::clone(&self.body_wakes));
            let body = self.body.as_mut().unwrap();
            let polled = body.poll_next_unpin(&mut Context::from_waker(&waker));
            polled.map(|item| item.map(|event| event.is_ok()))
        }

        /// The provider has said all.
        fn hang_up(&mut self) {
            self.provider = mpsc::unbounded_channel().0;
        }

        fn wakes(&self) -> (usize, usize) {
            (self.actor_wakes.count(), self.body_wakes.count())
        }
    }

    const AN_EVENT: Poll<Option<bool>> = Poll::Ready(Some(true));

    #[tokio::test]
    async fn a_body_that_waits_is_woken_by_the_provider_and_takes_the_event_without_the_actor() {
        let mut table = table();
        assert!(table.poll_actor().is_pending());
        assert!(table.poll_body().is_pending());
        table.provider.send("a").unwrap();
        assert_eq!(table.wakes(), (0, 1), "the body, and nobody else");
        assert_eq!(table.poll_body(), AN_EVENT);
        assert!(table.poll_body().is_pending());
        assert_eq!(
            table.wakes(),
            (0, 1),
            "an event that it fetched itself wakes nobody"
        );
    }

    #[tokio::test]
    async fn while_the_body_waits_the_actor_leaves_the_call_alone() {
        let mut table = table();
        assert!(table.poll_body().is_pending());
        table.provider.send("a").unwrap();
        assert!(table.poll_actor().is_pending());
        table.provider.send("b").unwrap();
        assert_eq!(table.poll_body(), AN_EVENT);
        assert_eq!(table.poll_body(), AN_EVENT);
    }

    #[tokio::test]
    async fn of_a_body_that_does_not_ask_the_actor_fills_the_channel_up_to_its_bound() {
        let mut table = table();
        assert!(table.poll_actor().is_pending());
        assert!(table.poll_body().is_pending());
        table.provider.send("a").unwrap();
        assert_eq!(table.poll_body(), AN_EVENT);
        for word in ["b", "c", "d", "e"] {
            table.provider.send(word).unwrap();
        }
        assert_eq!(table.wakes(), (1, 1), "the body has not come back");
        assert!(table.poll_actor().is_pending());
        let depth = table.gauge.depth();
        assert_eq!(depth.events, 2, "and a third waits for room");
    }

    #[tokio::test]
    async fn the_actor_polls_a_call_that_woke_a_body_with_an_event_in_its_hands() {
        let mut table = table();
        assert!(table.poll_actor().is_pending());
        table.provider.send("pause").unwrap();
        assert_eq!(table.poll_body(), AN_EVENT);
        assert_eq!(
            table.actor_wakes.count(),
            1,
            "the body may not come back for long"
        );
        table.provider.send("b").unwrap();
        assert!(table.poll_actor().is_pending());
        assert_eq!(table.gauge.depth().events, 1);
    }

    #[tokio::test]
    async fn when_the_client_leaves_the_actor_ends_the_call() {
        let mut table = table();
        assert!(table.poll_actor().is_pending());
        assert!(table.poll_body().is_pending());
        table.body = None;
        assert_eq!(table.actor_wakes.count(), 1);
        assert!(table.poll_actor().is_ready());
        assert!(table.provider.is_closed());
    }

    #[tokio::test]
    async fn a_call_that_ends_in_the_bodys_hands_lets_the_actor_end() {
        let mut table = table();
        assert!(table.poll_actor().is_pending());
        assert!(table.poll_body().is_pending());
        table.hang_up();
        assert_eq!(table.poll_body(), Poll::Ready(None));
        assert_eq!(table.actor_wakes.count(), 1);
        assert!(table.poll_actor().is_ready());
    }

    #[tokio::test]
    async fn an_actor_that_stops_takes_the_call_with_it_and_wakes_the_body() {
        let mut table = table();
        assert!(table.poll_body().is_pending());
        let Table {
            actor,
            body,
            provider,
            body_wakes,
            ..
        } = table;
        drop(actor);
        assert!(provider.is_closed());
        assert_eq!(body_wakes.count(), 1);
        assert!(matches!(body.unwrap().next().await, Some(Err(_))));
    }

    #[tokio::test]
    async fn a_call_that_panics_in_the_bodys_hands_ends_both() {
        let mut table = table();
        assert!(table.poll_actor().is_pending());
        assert!(table.poll_body().is_pending());
        table.provider.send("panic").unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| table.poll_body()));
        assert!(panicked.is_err());
        assert_eq!(table.poll_body(), Poll::Ready(Some(false)), "broken off");
        table.body = None;
        assert_eq!(table.actor_wakes.count(), 1);
        assert!(table.poll_actor().is_ready());
    }
}
