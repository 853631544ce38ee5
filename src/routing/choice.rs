//! Whom of several to ask: two are drawn by their weights, and the one with more to do steps back.

use fastrand::Rng;

/// Somebody who could be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// How much of the traffic is its, in proportion to the others; 0: it may not be asked.
    pub weight: f64,
    /// How many requests it has in flight.
    pub in_flight: usize,
}

/// The one to ask, by its place among the candidates; `None` if nobody may be asked.
///
/// The first is drawn by weight, and so is a second among the others. The second steps in for the first
/// as far as that has more in flight than its weight's share of what both have: surely, if that is a whole
/// request, and else with that probability. So while little runs each gets its share of the requests, and when much
/// runs each has its share of what runs: one that is slow gets fewer. To compare `(in flight + 1) / weight`
/// instead would give whoever has the greater weight all requests as long as they come one after the other.
#[must_use]
pub fn choose(candidates: &[Candidate], rng: &mut Rng) -> Option<usize> {
    let first = draw(candidates, None, rng)?;
    let Some(second) = draw(candidates, Some(first), rng) else {
        return Some(first);
    };
    let (one, other) = (candidates[first], candidates[second]);
    let share = one.weight / (one.weight + other.weight);
    // Counts of what is open are far below what a float holds exactly.
    let excess = one.in_flight as f64 - share * (one.in_flight + other.in_flight) as f64;
    Some(if rng.f64() < excess { second } else { first })
}

/// Draws one by weight, but not `other`.
fn draw(candidates: &[Candidate], other: Option<usize>, rng: &mut Rng) -> Option<usize> {
    let may_be_asked =
        |(index, candidate): &(usize, &Candidate)| candidate.weight > 0.0 && Some(*index) != other;
    let candidates = || candidates.iter().enumerate().filter(may_be_asked);
    let all: f64 = candidates().map(|(_, candidate)| candidate.weight).sum();
    let mut left = rng.f64() * all;
    let mut last = None;
    for (index, candidate) in candidates() {
        // Whatever rounding does, the last one is it.
        last = Some(index);
        left -= candidate.weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

    use super::{Candidate, choose};

    fn candidate((weight, in_flight): (u32, usize)) -> Candidate {
        Candidate {
            weight: weight.into(),
            in_flight,
        }
    }

    /// How often each is chosen of so many times, as a share.
    fn shares(candidates: &[Candidate], seed: u64) -> Vec<f64> {
        const TIMES: u32 = 20_000;
        let mut rng = Rng::with_seed(seed);
        let mut chosen = vec![0_u32; candidates.len()];
        for _ in 0..TIMES {
            chosen[choose(candidates, &mut rng).unwrap()] += 1;
        }
        let share = |chosen| f64::from(chosen) / f64::from(TIMES);
        chosen.into_iter().map(share).collect()
    }

    #[test]
    fn nobody_is_chosen_of_nobody_and_the_only_one_of_one() {
        let mut rng = Rng::with_seed(1);
        assert_eq!(choose(&[], &mut rng), None);
        assert_eq!(choose(&[candidate((0, 0))], &mut rng), None);
        let only = [candidate((0, 0)), candidate((1, 900)), candidate((0, 0))];
        assert_eq!(choose(&only, &mut rng), Some(1));
    }

    #[test]
    fn one_with_a_whole_request_more_than_its_share_steps_back() {
        let candidates = [(3, 4), (1, 0)].map(candidate);
        assert_eq!(shares(&candidates, 1), [0.0, 1.0]);
    }

    #[test]
    fn the_same_seed_chooses_the_same() {
        let candidates = [(3, 1), (1, 0), (2, 1)].map(candidate);
        let chosen = |seed| {
            let mut rng = Rng::with_seed(seed);
            let chosen = (0..100).map(|_| choose(&candidates, &mut rng));
            chosen.collect::<Vec<_>>()
        };
        assert_eq!(chosen(7), chosen(7));
        assert_ne!(chosen(7), chosen(8));
    }

    /// As many at a time as there are, each ending in turn by chance, a request of `slow` only every
    /// third time: the shares of the requests.
    fn under_load(weights: &[u32], at_a_time: usize, slow: Option<usize>) -> Vec<f64> {
        const TIMES: u32 = 20_000;
        let mut rng = Rng::with_seed(5);
        let mut candidates: Vec<_> = weights
            .iter()
            .map(|weight| candidate((*weight, 0)))
            .collect();
        let (mut running, mut chosen) = (Vec::new(), vec![0_u32; weights.len()]);
        for _ in 0..TIMES {
            let target = choose(&candidates, &mut rng).unwrap();
            chosen[target] += 1;
            candidates[target].in_flight += 1;
            running.push(target);
            while running.len() >= at_a_time {
                let which = rng.usize(..running.len());
                if Some(running[which]) != slow || rng.u8(..3) == 0 {
                    candidates[running.swap_remove(which)].in_flight -= 1;
                }
            }
        }
        let share = |chosen| f64::from(chosen) / f64::from(TIMES);
        chosen.into_iter().map(share).collect()
    }

    #[test]
    fn the_shares_are_those_of_the_weights_however_much_runs() {
        for at_a_time in [1, 2, 4, 16, 256] {
            let shares = under_load(&[3, 1], at_a_time, None);
            assert!((shares[0] - 0.75).abs() < 0.08, "{at_a_time}: {shares:?}");
        }
        let shares = under_load(&[8, 1, 1], 64, None);
        assert!((shares[0] - 0.8).abs() < 0.05, "{shares:?}");
    }

    #[test]
    fn a_slow_one_gets_fewer_requests_and_not_more_in_flight() {
        let shares = under_load(&[1, 1], 64, Some(0));
        assert!((0.2..0.3).contains(&shares[0]), "{shares:?}");
    }

    proptest! {
        #[test]
        fn shares_are_those_of_the_weights_while_nothing_runs(
            weights in prop::collection::vec(1_u32..20, 2..6),
            seed in any::<u64>(),
        ) {
            let candidates: Vec<_> = weights.iter().map(|weight| candidate((*weight, 0))).collect();
            let all: u32 = weights.iter().sum();
            for (share, weight) in shares(&candidates, seed).into_iter().zip(&weights) {
                let expected = f64::from(*weight) / f64::from(all);
                prop_assert!((share - expected).abs() < 0.02, "{share} for {expected}");
            }
        }

        #[test]
        fn of_equals_the_one_with_twice_as_much_in_flight_gets_less(
            weight in 1_u32..100,
            in_flight in 1_usize..100,
            seed in any::<u64>(),
        ) {
            let candidates = [(weight, 2 * in_flight), (weight, in_flight)].map(candidate);
            let shares = shares(&candidates, seed);
            prop_assert!(shares[0] < 0.4, "{shares:?}");
        }

        #[test]
        fn one_that_may_not_be_asked_is_never_chosen(
            candidates in prop::collection::vec((0_u32..3, 0_usize..9).prop_map(candidate), 0..8),
            seed in any::<u64>(),
        ) {
            let mut rng = Rng::with_seed(seed);
            let is_anybody = candidates.iter().any(|candidate| candidate.weight > 0.0);
            for _ in 0..20 {
                let chosen = choose(&candidates, &mut rng);
                prop_assert_eq!(chosen.is_some(), is_anybody);
                prop_assert!(chosen.is_none_or(|index| candidates[index].weight > 0.0));
            }
        }
    }
}
