//! The durations of another's `Server-Timing`, under names that do not clash with Herald's own.

use super::MAX_HOPS;

/// What Herald writes of itself; of a Herald further on each has `hop2-` and so on before it.
const NAMES: [&str; 4] = ["connect", "upstream-head", "first-event", "total"];

/// Reads the durations that a Herald writes, its own and those of the Heralds behind it, each once. What
/// has another name or form is left out.
pub(super) fn read<'a>(values: impl Iterator<Item = &'a str>) -> Vec<(String, f64)> {
    let mut timings: Vec<(String, f64)> = Vec::new();
    for member in values.flat_map(|value| value.split(',')) {
        let Some((name, length)) = timing(member.trim()) else {
            continue;
        };
        if !timings.iter().any(|(known, _)| *known == name) {
            timings.push((name, length));
        }
    }
    timings
}

fn timing(member: &str) -> Option<(String, f64)> {
    let (name, length) = member.split_once(";dur=")?;
    let is_decimal = length.len() <= 16
        && length
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let length: f64 = is_decimal.then(|| length.parse().ok())??;
    // The Heralds are counted from the client: the one that writes this is the first.
    let (hop, name) = match name
        .strip_prefix("hop")
        .and_then(|rest| rest.split_once('-'))
    {
        Some((hop, name)) => (hop.parse::<usize>().ok().filter(|hop| *hop >= 2)?, name),
        None => (1, name),
    };
    let is_known = NAMES.contains(&name) && hop <= MAX_HOPS;
    is_known.then(|| (format!("hop{}-{name}", hop + 1), length))
}
