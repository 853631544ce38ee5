//! From a host name to a TCP connection.

use std::{io, net::SocketAddr, time::Duration};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::net::TcpStream;

use super::names::Names;
use crate::upstream::error::ConnectError;

/// How long one address is tried alone before the next one joins (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to whichever address of `host` answers first; `TCP_NODELAY` is set.
///
/// There is no clock in here: the caller holds one over this and all that follows.
pub(super) async fn dial(names: &Names, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let addresses = names.addresses(host).await?;
    let addresses: Vec<_> = addresses
        .iter()
        .map(|address| SocketAddr::new(*address, port))
        .collect();
    race(&addresses, |address| async move {
        let tcp = TcpStream::connect(address).await?;
        // Small writes are the rule here; Nagle's algorithm would hold each for up to 40 ms.
        tcp.set_nodelay(true)?;
        Ok(tcp)
    })
    .await
}

/// Tries the addresses one after the other, [`STAGGER`] apart or as soon as one fails, and takes
/// the first that succeeds, so that a black hole in front costs a quarter of a second and not the
/// whole clock.
async fn race<C, F, T>(addresses: &[SocketAddr], connect: C) -> Result<T, ConnectError>
where
    C: Fn(SocketAddr) -> F,
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = alternate_families(addresses).into_iter();
    let mut running = FuturesUnordered::new();
    let mut all_refused = true;
    loop {
        running.extend(waiting.next().map(&connect));
        let outcome = if waiting.len() == 0 {
            running.next().await
        } else {
            match tokio::time::timeout(STAGGER, running.next()).await {
                Ok(outcome) => outcome,
                Err(_elapsed) => continue,
            }
        };
        match outcome {
            Some(Ok(connection)) => return Ok(connection),
            Some(Err(error)) => all_refused &= error.kind() == io::ErrorKind::ConnectionRefused,
            None if addresses.is_empty() => return Err(ConnectError::Dns),
            None if all_refused => return Err(ConnectError::Refused),
            None => return Err(ConnectError::Unreachable),
        }
    }
}

/// The resolver's order, but with IPv6 and IPv4 taking turns (RFC 8305 section 4): a whole family
/// without a route is met once, not as often as it has addresses.
fn alternate_families(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .copied()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut mixed = Vec::with_capacity(addresses.len());
    for address in first {
        mixed.push(address);
        mixed.extend(second.next());
    }
    mixed.extend(second);
    mixed
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::Instant;

    use super::*;
    use crate::upstream::connector::names::NameSource;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn refused() -> io::Error {
        io::ErrorKind::ConnectionRefused.into()
    }

    #[test]
    fn families_take_turns_beginning_with_the_first_one_given() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let want = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(alternate_families(&given), want);
        let given = addresses(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]);
        assert_eq!(alternate_families(&given), given);
    }

    #[tokio::test(start_paused = true)]
    async fn a_black_hole_in_front_costs_a_quarter_of_a_second() {
        let given = addresses(&["192.0.2.1:1", "192.0.2.2:1"]);
        let start = Instant::now();
        let taken = race(&given, |address| async move {
            if address == "192.0.2.1:1".parse().unwrap() {
                std::future::pending::<()>().await;
            }
            Ok(address)
        })
        .await;
        assert_eq!(taken, Ok(given[1]));
        assert_eq!(start.elapsed(), STAGGER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_brings_the_next_address_at_once() {
        let given = addresses(&["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]);
        let tried = RefCell::new(Vec::new());
        let start = Instant::now();
        let result: Result<(), _> = race(&given, |address| {
            tried.borrow_mut().push(address);
            async { Err(refused()) }
        })
        .await;
        assert_eq!(result, Err(ConnectError::Refused));
        assert_eq!(*tried.borrow(), given);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_address_still_wins_over_a_dead_second() {
        let given = addresses(&["192.0.2.1:1", "192.0.2.2:1"]);
        let taken = race(&given, |address| async move {
            if address == "192.0.2.2:1".parse().unwrap() {
                return Err(refused());
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(address)
        })
        .await;
        assert_eq!(taken, Ok(given[0]));
    }

    #[tokio::test]
    async fn one_unreachable_address_makes_the_whole_host_unreachable_not_refusing() {
        let given = addresses(&["192.0.2.1:1", "192.0.2.2:1"]);
        let result: Result<(), _> = race(&given, |address| async move {
            if address == "192.0.2.1:1".parse().unwrap() {
                return Err(io::ErrorKind::NetworkUnreachable.into());
            }
            Err(refused())
        })
        .await;
        assert_eq!(result, Err(ConnectError::Unreachable));
    }

    #[tokio::test]
    async fn a_name_without_addresses_is_a_dns_failure() {
        let result: Result<(), _> = race(&[], |_| async { Ok(()) }).await;
        assert_eq!(result, Err(ConnectError::Dns));
    }

    #[tokio::test]
    async fn a_dialled_connection_has_nagles_algorithm_off() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = Names::new(NameSource::System);
        let tcp = dial(&names, "127.0.0.1", port).await.unwrap();
        assert!(tcp.nodelay().unwrap());
    }
}
