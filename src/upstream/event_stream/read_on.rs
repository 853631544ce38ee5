//! A stream whose client left, read on for what it took.

use std::future::pending;

use tokio::time::timeout;

use super::{Intake, Turn};
use crate::{
    completion::EventKind,
    upstream::{UpstreamError, http_client::UpstreamBody},
};

impl Intake {
    /// Reads on for the usage, which providers tell last, as far as `upstream.drain_for_usage` allows; by
    /// default that is not at all. Nobody is sent anything. The rest of the body comes back where the
    /// provider came to its end, else it is let go.
    pub(super) async fn read_on(&mut self) -> Option<UpstreamBody> {
        let bounds = &self.plan.terms.settings.upstream;
        let (events, time) = (bounds.drain_for_usage, bounds.drain_for_usage_time);
        if events == 0 {
            return None;
        }
        let mut stop = self.plan.stop.clone();
        let end = tokio::select! {
            biased;
            // A shutdown does not wait for what nobody waits for.
            () = stop.draining() => None,
            end = timeout(time, self.read_to_end(events)) => end.ok().flatten(),
        };
        end.and_then(|()| self.body.take())
    }

    /// `None` where there is no good end within so many events.
    async fn read_to_end(&mut self, most: u32) -> Option<()> {
        let mut read = 0;
        loop {
            while let Some(event) = self.next_event().ok()? {
                self.tally.usage = event.usage.or(self.tally.usage);
                read += 1;
                match event.kind {
                    EventKind::End => return Some(()),
                    EventKind::Error(_) => return None,
                    _ if read >= most => return None,
                    _ => {}
                }
            }
            match self.turn(pending::<UpstreamError>()).await.ok()? {
                Turn::Bytes(chunk) => drop(self.take(chunk).ok()?),
                Turn::EndOfBytes => return self.end_of_bytes().ok(),
                Turn::Commit | Turn::Nothing => {}
            }
        }
    }
}
