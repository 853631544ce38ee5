//! The bounded channel between the two actors of a request.
//!
//! Both ends live on the worker's own thread, so that an event costs neither a lock nor a semaphore;
//! only what others may look at, how much waits, is kept where any thread can read it.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    rc::{Rc, Weak},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use actix_web_lab::sse;

use super::pump::{Drive, Pump};

/// The client left: nobody takes what is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLeft;

/// A channel for `events` events of `bytes` bytes in all (settings `stream.queue_events` and
/// `stream.queue_bytes`). An event larger than all the room passes alone.
#[must_use]
pub fn channel(events: usize, bytes: usize) -> (DeliverySender, DeliveryReceiver) {
    let queue = Rc::new(RefCell::new(Queue {
        most_events: events,
        most_bytes: bytes,
        ..Queue::default()
    }));
    (DeliverySender(Rc::clone(&queue)), DeliveryReceiver(queue))
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Waiting>,
    /// What they take up.
    bytes: usize,
    most_events: usize,
    most_bytes: usize,
    /// Whether all has been said.
    is_ended: bool,
    /// Whether the pump is gone.
    is_abandoned: bool,
    client_left: bool,
    /// Waits for an event or for the end.
    taker: Option<Waker>,
    /// Wait for room. Not one list with those below, or each event that is taken would wake the pump.
    givers: Waiters,
    /// Wait for the client's leaving.
    watchers: Waiters,
    depth: Arc<Depth>,
    /// What fills it, unless a test does.
    pump: Option<Weak<dyn Drive>>,
}

struct Waiting {
    event: sse::Event,
    /// The room that it takes up until the body has it.
    size: usize,
}

#[derive(Debug, Default)]
struct Depth {
    events: AtomicUsize,
    bytes: AtomicUsize,
}

impl Queue {
    fn has_room(&self, size: usize) -> bool {
        self.events.len() < self.most_events && self.bytes + size <= self.most_bytes
    }

    fn push(&mut self, event: sse::Event, size: usize) {
        self.bytes += size;
        self.events.push_back(Waiting { event, size });
        self.show_depth();
        self.wake_taker();
    }

    fn pop(&mut self) -> Option<sse::Event> {
        let Waiting { event, size } = self.events.pop_front()?;
        self.bytes -= size;
        if !self.is_abandoned {
            self.show_depth();
        }
        self.givers.wake();
        Some(event)
    }

    fn show_depth(&self) {
        // One thread alone writes, so nothing is to be added up.
        self.depth.events.store(self.events.len(), Relaxed);
        self.depth.bytes.store(self.bytes, Relaxed);
    }

    fn wake_taker(&mut self) {
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
    }
}

/// Those that wait for the same thing: one task nearly always.
#[derive(Default)]
struct Waiters(Vec<Waker>);

impl Waiters {
    fn add(&mut self, cx: &Context<'_>) {
        if !self.0.iter().any(|known| known.will_wake(cx.waker())) {
            self.0.push(cx.waker().clone());
        }
    }

    fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

/// The provider's end of the channel.
pub struct DeliverySender(Rc<RefCell<Queue>>);

impl DeliverySender {
    /// Says what fills the channel from now on, so that a body that waits can see to it itself.
    pub(crate) fn filled_by<F>(&self, pump: &Weak<Pump<F>>)
    where
        F: Future<Output = ()> + Unpin + 'static,
    {
        let pump: Weak<Pump<F>> = Weak::clone(pump);
        self.0.borrow_mut().pump = Some(pump);
    }

    /// Hands over an event of `size` bytes; waits while there is no room.
    ///
    /// # Errors
    /// The client left.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the event is lost.
    pub fn send(&self, event: sse::Event, size: usize) -> Sending<'_> {
        let size = size.min(self.0.borrow().most_bytes);
        let waiting = Some(Waiting { event, size });
        Sending {
            queue: &self.0,
            waiting,
        }
    }

    /// Says that all has been said, once there would be room for one more event.
    ///
    /// # Errors
    /// The client left.
    pub async fn end(&self) -> Result<(), ClientLeft> {
        poll_fn(|cx| {
            let mut queue = self.0.borrow_mut();
            if queue.client_left {
                return Poll::Ready(Err(ClientLeft));
            }
            if !queue.has_room(0) {
                queue.givers.add(cx);
                return Poll::Pending;
            }
            queue.is_ended = true;
            queue.wake_taker();
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// What tells how much waits in the channel.
    #[must_use]
    pub fn gauge(&self) -> QueueGauge {
        QueueGauge(Arc::clone(&self.0.borrow().depth))
    }

    /// Whether the client has left.
    #[must_use]
    pub fn client_has_left(&self) -> bool {
        self.0.borrow().client_left
    }

    /// Resolves when the client leaves. The channel's far end is owned by whatever currently answers
    /// the client, first the handler and then the body, so its end is the client's in every phase.
    ///
    /// # Cancel safety
    /// Holds no state.
    pub async fn client_left(&self) {
        poll_fn(|cx| {
            let mut queue = self.0.borrow_mut();
            if queue.client_left {
                return Poll::Ready(());
            }
            queue.watchers.add(cx);
            Poll::Pending
        })
        .await;
    }
}

impl fmt::Debug for DeliverySender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliverySender").finish_non_exhaustive()
    }
}

impl Drop for DeliverySender {
    fn drop(&mut self) {
        let mut queue = self.0.borrow_mut();
        queue.is_abandoned = true;
        queue.depth.events.store(0, Relaxed);
        queue.depth.bytes.store(0, Relaxed);
        queue.wake_taker();
    }
}

/// An event on its way into the channel.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sending<'a> {
    queue: &'a RefCell<Queue>,
    /// `None` once it is there.
    waiting: Option<Waiting>,
}

impl Future for Sending<'_> {
    type Output = Result<(), ClientLeft>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut queue = self.queue.borrow_mut();
        if queue.client_left {
            return Poll::Ready(Err(ClientLeft));
        }
        let size = self.waiting.as_ref().map_or(0, |waiting| waiting.size);
        if !queue.has_room(size) {
            queue.givers.add(cx);
            return Poll::Pending;
        }
        if let Some(Waiting { event, size }) = self.waiting.take() {
            queue.push(event, size);
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Sending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

/// The client's end of the channel; dropping it tells that the client left.
pub struct DeliveryReceiver(Rc<RefCell<Queue>>);

/// What comes out of the channel.
pub(super) enum Taken {
    Event(sse::Event),
    /// All has been said.
    End,
    /// The pump is gone, and did not say so.
    BrokenOff,
}

impl DeliveryReceiver {
    pub(super) fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Taken> {
        if let Some(taken) = self.take() {
            return Poll::Ready(taken);
        }
        // While it sees to it itself, nothing need wake it.
        let waker = self.0.borrow_mut().taker.take();
        if let Some(pump) = self.pump() {
            pump.drive(cx);
            if let Some(taken) = self.take() {
                pump.hand_back();
                return Poll::Ready(taken);
            }
        }
        let known = waker.filter(|known| known.will_wake(cx.waker()));
        self.0.borrow_mut().taker = Some(known.unwrap_or_else(|| cx.waker().clone()));
        Poll::Pending
    }

    fn take(&self) -> Option<Taken> {
        let mut queue = self.0.borrow_mut();
        match queue.pop() {
            Some(event) => Some(Taken::Event(event)),
            None if queue.is_ended => Some(Taken::End),
            None if queue.is_abandoned => Some(Taken::BrokenOff),
            None => None,
        }
    }

    fn pump(&self) -> Option<Rc<dyn Drive>> {
        self.0.borrow().pump.as_ref()?.upgrade()
    }
}

/// Says for a body that it does not wait for an event any more, because it has something else to write.
#[derive(Clone)]
pub(crate) struct HandBack(Weak<RefCell<Queue>>);

impl HandBack {
    /// What wakes the call wakes the actor, until the body asks for an event again.
    pub(crate) fn hand_back(&self) {
        let queue = self.0.upgrade();
        let pump = queue.and_then(|queue| queue.borrow().pump.as_ref()?.upgrade());
        if let Some(pump) = pump {
            pump.hand_back();
        }
    }
}

impl DeliveryReceiver {
    pub(super) fn as_hand_back(&self) -> HandBack {
        HandBack(Rc::downgrade(&self.0))
    }
}

impl fmt::Debug for DeliveryReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryReceiver").finish_non_exhaustive()
    }
}

impl Drop for DeliveryReceiver {
    fn drop(&mut self) {
        let mut queue = self.0.borrow_mut();
        queue.client_left = true;
        queue.events = VecDeque::new();
        queue.bytes = 0;
        if !queue.is_abandoned {
            queue.show_depth();
        }
        queue.givers.wake();
        queue.watchers.wake();
        drop(queue);
        if let Some(pump) = self.pump() {
            pump.release();
        }
    }
}

/// Tells how much waits in a channel, and keeps nothing of it open.
#[derive(Debug)]
pub struct QueueGauge(Arc<Depth>);

/// How much waits in a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Events.
    pub events: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl QueueGauge {
    /// How much waits now; nothing once the pump is done with the channel.
    #[must_use]
    pub fn depth(&self) -> QueueDepth {
        QueueDepth {
            events: self.0.events.load(Relaxed),
            bytes: self.0.bytes.load(Relaxed),
        }
    }
}
