//! What a gateway's requests must not leave behind.

use std::{thread, time::Duration};

use tokio::{runtime, time::timeout};

use crate::{Gateway, alive::Alive};

/// What is left of a gateway's requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Remains {
    /// Requests that were let in and have not ended.
    running: usize,
    /// Completions of which an entry, an actor, a body or a record is left.
    completions: usize,
    /// Attempts at targets.
    attempts: usize,
    /// Permits of ceilings.
    permits: usize,
    /// Reservations of limits.
    reservations: usize,
    /// Connections to providers in the midst of an exchange; idle ones in a pool are none.
    upstream_exchanges: usize,
    /// Connections of clients, idle ones too: with a test its clients are gone.
    client_connections: usize,
}

impl Remains {
    fn of(gateway: &Gateway) -> Self {
        let [
            completions,
            attempts,
            permits,
            reservations,
            upstream_exchanges,
            client_connections,
        ] = counts(gateway).map(Alive::count);
        Self {
            running: gateway.drain().running(),
            completions,
            attempts,
            permits,
            reservations,
            upstream_exchanges,
            client_connections,
        }
    }

    /// Waits until nothing is left, and gives what is when patience is over.
    ///
    /// It blocks the thread: a test's end is no place to await in, and what it waits for goes on in
    /// threads of the gateway's and the provider's own.
    pub(super) fn after(gateway: &Gateway, patience: Duration) -> Option<Self> {
        if Self::of(gateway) == Self::default() {
            return None;
        }
        // The end of the last request is told only to those who wait for a shutdown.
        gateway.drain().begin();
        // Workers let go of the connections that they keep for the settings before: those of a gateway
        // that asks itself are its clients too.
        gateway.replace_settings((*gateway.settings()).clone());
        let wait = async { timeout(patience, none(gateway)).await };
        let block = || {
            let clock = runtime::Builder::new_current_thread().enable_time().build();
            clock
                .expect("a clock needs nothing of the system")
                .block_on(wait)
        };
        // The test's own runtime does not let its thread be blocked on another.
        let waited = thread::scope(|scope| scope.spawn(block).join());
        match waited.expect("counts cannot fail") {
            // Whoever had connected and left before it was accepted may come now.
            Ok(()) => None,
            Err(_) => Some(Self::of(gateway)),
        }
    }
}

/// Resolves when nothing is left.
async fn none(gateway: &Gateway) {
    while Remains::of(gateway) != Remains::default() {
        gateway.drain().idle().await;
        for count in counts(gateway) {
            count.none().await;
        }
    }
}

fn counts(gateway: &Gateway) -> [&Alive; 6] {
    [
        gateway.streams().alive(),
        gateway.targets().attempts(),
        gateway.limits().permits(),
        gateway.limits().reservations(),
        gateway.upstream_exchanges(),
        gateway.client_connections(),
    ]
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use tokio::time::Instant;

    use super::*;
    use crate::{
        delivery,
        limits::reservation::Estimate,
        providers::ProviderId,
        streams::StreamDetails,
        testkit::{ScriptedProvider, TestGateway},
    };

    /// A gateway whose end is not waited for.
    async fn gateway() -> TestGateway {
        let settings = "[limits]\nconcurrent = 9\n";
        let provider = ScriptedProvider::start([]).await;
        let gateway = TestGateway::tuned(&provider, settings).await;
        gateway.with_patience(Duration::ZERO)
    }

    /// What is found behind a gateway that has left just this.
    async fn found<T>(leave: impl AsyncFnOnce(&TestGateway) -> T) -> Remains {
        let gateway = gateway().await;
        let leaked = leave(&gateway).await;
        let found = Remains::after(gateway.gateway(), Duration::ZERO);
        drop(leaked);
        found.expect("something is left")
    }

    #[actix_web::test]
    async fn each_kind_that_is_left_is_found_and_named() {
        let nothing = Remains::default();
        let request = found(async |own| own.gateway().drain().enter().unwrap()).await;
        assert_eq!(
            request,
            Remains {
                running: 1,
                ..nothing
            }
        );
        let completion = found(async |own| {
            let details = StreamDetails {
                id: "a".into(),
                generation: 1,
                provider: "scripted".into(),
                model: "m".into(),
                key: None,
                stream: true,
            };
            let registration = own
                .gateway()
                .streams()
                .open(details, delivery::channel(1, 1).0.gauge());
            // As an actor would have it, when the entry is gone.
            std::sync::Arc::clone(registration.stream())
        });
        assert_eq!(
            completion.await,
            Remains {
                completions: 1,
                ..nothing
            }
        );
        let attempt = found(async |own| {
            let provider = ProviderId::new("scripted");
            let target = own.gateway().targets().state(&provider, "scripted-model");
            target.begin(Instant::now())
        });
        assert_eq!(
            attempt.await,
            Remains {
                attempts: 1,
                ..nothing
            }
        );
        let permits = found(async |own| {
            let settings = own.gateway().settings();
            let model = settings.models.get("scripted-model").unwrap();
            own.gateway()
                .limits()
                .enter(&settings, &model.first_target().provider)
                .unwrap()
        });
        assert_eq!(
            permits.await,
            Remains {
                permits: 2,
                ..nothing
            }
        );
        let reservation = found(async |own| {
            let limits = &own.gateway().settings().limits;
            let reserved =
                own.gateway()
                    .limits()
                    .reserve(limits, limits.all.iter(), Estimate::default());
            reserved.await.unwrap()
        });
        assert_eq!(
            reservation.await,
            Remains {
                reservations: 1,
                ..nothing
            }
        );
        let exchange = found(async |own| own.gateway().upstream_exchanges().enter());
        assert_eq!(
            exchange.await,
            Remains {
                upstream_exchanges: 1,
                ..nothing
            }
        );
        let connection = found(async |own| {
            let client = TcpStream::connect(own.address()).unwrap();
            while own.gateway().client_connections().count() == 0 {
                tokio::task::yield_now().await;
            }
            client
        });
        assert_eq!(
            connection.await,
            Remains {
                client_connections: 1,
                ..nothing
            }
        );
    }

    #[actix_web::test]
    #[should_panic(expected = "requests have left something behind: Remains { running: 1,")]
    async fn a_gateway_that_leaves_something_behind_fails_its_test() {
        let gateway = gateway().await;
        std::mem::forget(gateway.gateway().drain().enter());
    }

    #[actix_web::test]
    #[should_panic(expected = "the test's own words")]
    async fn a_test_that_fails_itself_says_only_why() {
        let gateway = gateway().await;
        std::mem::forget(gateway.gateway().drain().enter());
        panic!("the test's own words");
    }
}
