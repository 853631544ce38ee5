//! Whom of a group to ask.

use std::sync::Arc;

use fastrand::Rng;
use tokio::time::Instant;

use super::{
    choice::{Candidate, choose},
    headroom::HeadroomRules,
    target_state::{InFlight, Standing, TargetState},
};

/// One of a group's targets, as one request sees it.
#[derive(Clone, Copy, Debug)]
pub struct Member<'t> {
    /// What is known of it.
    pub target: &'t Arc<TargetState>,
    /// How much of the group's traffic is its. Setting `models.targets.weight`.
    pub weight: u32,
    /// Whether this request may ask it; not, for example, if it has done so before. It counts among the
    /// group's targets all the same.
    pub may_be_asked: bool,
}

/// Begins an attempt at one of the group, by its place in it. `None`: those that this request may ask are
/// left out, or rest.
///
/// At most `most_out` of the group are left out for their failures, see
/// [`OutlierRules::most_out`](super::outliers::OutlierRules::most_out).
#[must_use]
pub fn pick(
    members: &[Member<'_>],
    most_out: usize,
    rules: &HeadroomRules,
    now: Instant,
    rng: &mut Rng,
) -> Option<(usize, InFlight)> {
    let seen: Vec<_> = members
        .iter()
        .map(|member| member.target.look(now))
        .collect();
    let is_out = left_out(seen.iter().map(|(standing, _)| *standing), most_out);
    let weigh = |((member, (standing, headroom)), is_out): ((&Member<'_>, &(_, _)), &bool)| {
        let rests = matches!(standing, Standing::Resting { .. });
        let weight = if *is_out || rests || !member.may_be_asked {
            0.0
        } else {
            f64::from(member.weight) * rules.factor(*headroom)
        };
        Candidate {
            weight,
            in_flight: member.target.in_flight(),
        }
    };
    let mut candidates: Vec<_> = members.iter().zip(&seen).zip(&is_out).map(weigh).collect();
    loop {
        let chosen = choose(&candidates, rng)?;
        let in_flight = members[chosen].target.begin(now);
        let was_due = seen[chosen].0 == Standing::Trial;
        // Another worker may have begun the probe since; where none may be left out, that is no matter.
        if in_flight.is_probe() || !was_due || most_out == 0 {
            return Some((chosen, in_flight));
        }
        candidates[chosen].weight = 0.0;
    }
}

/// Begins an attempt at the one that may be asked soonest, although it may not be asked now: for a
/// request that has nobody else. `None`: it may ask nobody.
#[must_use]
pub fn pick_anyway(members: &[Member<'_>], now: Instant) -> Option<(usize, InFlight)> {
    let members = members.iter().enumerate();
    let soonest = members
        .filter(|(_, member)| member.may_be_asked)
        .min_by_key(|(_, member)| back_at(member.target.standing(now), now))?;
    let (place, member) = soonest;
    Some((place, member.target.begin(now)))
}

fn back_at(standing: Standing, now: Instant) -> Instant {
    match standing {
        Standing::In | Standing::Trial | Standing::Probing => now,
        Standing::Ejected { until } | Standing::Resting { until } => until,
    }
}

/// Of each whether it is left out for its failures. If more would be out than may, those stay in that
/// would come back soonest; one that is being probed is the last of them.
fn left_out(standings: impl Iterator<Item = Standing>, most_out: usize) -> Vec<bool> {
    let until = |standing| match standing {
        Standing::Ejected { until } => Some((false, Some(until))),
        Standing::Probing => Some((true, None)),
        Standing::In | Standing::Trial | Standing::Resting { .. } => None,
    };
    let standings: Vec<_> = standings.map(until).collect();
    let mut out: Vec<_> = (0..standings.len())
        .filter(|place| standings[*place].is_some())
        .collect();
    out.sort_by_key(|place| standings[*place]);
    let mut is_out = vec![false; standings.len()];
    for place in out.into_iter().rev().take(most_out) {
        is_out[place] = true;
    }
    is_out
}

#[cfg(test)]
mod tests;
