//! How often one peer may ask: a bounded memory of who came lately, and arithmetic.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use tokio::time::Instant;

/// Most peers that are remembered one by one; further ones share what is left of one allowance, so
/// that whoever has many addresses gains nothing by them and takes no memory.
const MAX_PEERS: usize = 1024;

/// An allowance that fills up evenly: the generic cell rate algorithm (ITU-T I.371), in one instant.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// When all of it will be there again.
    full_at: Instant,
}

/// How much a peer may do: `count` at once, and `count` in each `period`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    step: Duration,
    period: Duration,
}

impl Rate {
    pub(super) fn new(count: NonZeroU32, period: Duration) -> Self {
        let step = period / count.get();
        Self {
            step,
            period: step * count.get(),
        }
    }
}

/// The peers that came lately, and what is left to each.
#[derive(Debug, Default)]
pub(super) struct Pace {
    peers: HashMap<IpAddr, Cell>,
    others: Option<Cell>,
}

impl Pace {
    /// Takes one from what the peer may do, if there is one.
    ///
    /// # Errors
    /// How long it must wait for the next.
    pub(super) fn take(&mut self, peer: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.check(peer, rate, now)?;
        let full_at = self.full_at(peer, now).max(now) + rate.step;
        *self.cell(peer, now) = Cell { full_at };
        Ok(())
    }

    /// Whether there is one to take.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(super) fn check(&self, peer: IpAddr, rate: Rate, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at(peer, now);
        let free_at = full_at + rate.step;
        match free_at.checked_duration_since(now + rate.period) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    fn full_at(&self, peer: IpAddr, now: Instant) -> Instant {
        let known = self.peers.get(&network(peer));
        let cell = match known {
            None if self.peers.len() >= MAX_PEERS => self.others.as_ref(),
            known => known,
        };
        cell.map_or(now, |cell| cell.full_at)
    }

    fn cell(&mut self, peer: IpAddr, now: Instant) -> &mut Cell {
        let peer = network(peer);
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&peer) {
            // Who has all of it again need not be remembered.
            self.peers.retain(|_, cell| cell.full_at > now);
            if self.peers.len() >= MAX_PEERS {
                return self.others.get_or_insert(Cell { full_at: now });
            }
        }
        self.peers.entry(peer).or_insert(Cell { full_at: now })
    }
}

/// Whom an address stands for: of IPv6 the network of 64 bits, all of which one machine may have.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const SECOND: Duration = Duration::from_secs(1);

    fn rate(count: u32) -> Rate {
        Rate::new(NonZeroU32::new(count).unwrap(), SECOND)
    }

    #[test]
    fn a_peer_has_its_count_at_once_and_then_one_for_each_share_of_the_period() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..4 {
            assert_eq!(pace.take(PEER, rate(4), now), Ok(()));
        }
        assert_eq!(pace.take(PEER, rate(4), now), Err(SECOND / 4));
        assert_eq!(pace.check(PEER, rate(4), now + SECOND / 4), Ok(()));
        assert_eq!(pace.take(PEER, rate(4), now + SECOND / 4), Ok(()));
        assert_eq!(pace.take(PEER, rate(4), now + SECOND / 4), Err(SECOND / 4));
        // All of it is back after a period in which nothing was asked.
        for _ in 0..4 {
            assert_eq!(pace.take(PEER, rate(4), now + 3 * SECOND), Ok(()));
        }
        assert!(pace.take(PEER, rate(4), now + 3 * SECOND).is_err());
    }

    #[test]
    fn one_peer_takes_nothing_from_another() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let other = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(pace.take(PEER, rate(1), now), Ok(()));
        assert!(pace.take(PEER, rate(1), now).is_err());
        assert_eq!(pace.take(other, rate(1), now), Ok(()));
    }

    #[test]
    fn a_network_of_many_addresses_counts_as_one_peer() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for (first, second) in [
            ("2001:db8::1", "2001:db8::ffff:1"),
            ("::ffff:192.0.2.9", "192.0.2.9"),
        ] {
            assert_eq!(pace.take(first.parse().unwrap(), rate(1), now), Ok(()));
            assert!(pace.take(second.parse().unwrap(), rate(1), now).is_err());
        }
        let elsewhere = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(pace.take(elsewhere, rate(1), now), Ok(()));
    }

    #[test]
    fn however_many_peers_come_the_memory_is_bounded_and_the_last_ones_share() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let peer = |index: u32| IpAddr::from(index.to_be_bytes());
        let let_in = (0..10 * MAX_PEERS as u32)
            .filter(|index| pace.take(peer(*index), rate(2), now).is_ok())
            .count();
        assert_eq!(let_in, MAX_PEERS + 2);
        assert_eq!(pace.peers.len(), MAX_PEERS);
        // Once they have all of it again they make room.
        let later = now + SECOND;
        assert_eq!(pace.take(peer(u32::MAX), rate(2), later), Ok(()));
        assert_eq!(pace.peers.len(), 1);
    }
}
