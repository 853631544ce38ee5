//! Continues a caller's trace: W3C Trace Context level 1, section 3.

use std::fmt;

use actix_web::http::header::HeaderValue;
use uuid::Uuid;

/// Length of a version 00 `traceparent`: `00-` trace id `-` parent id `-` flags.
const LENGTH: usize = 55;

/// The flags Herald knows: `sampled`, and level 2's `random-trace-id`. The others must be sent as
/// zero (section 3.2.2.5.2).
const KNOWN_FLAGS: u8 = 0b11;

/// A valid `traceparent` as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

impl TraceParent {
    /// Reads a header value, or `None` when the trace must start anew (section 3.2.2).
    ///
    /// A version above 00 is read by its first 55 characters, if it ends there or goes on after a
    /// hyphen (section 3.2.4 "Versioning of traceparent").
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let hyphens = [2, 35, 52].iter().all(|at| known[*at] == b'-');
        let version = hex(&known[..2])?;
        let ends_well = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|next| *next == b'-'),
        };
        let parent = Self {
            trace_id: hex(&known[3..35])?,
            parent_id: u64::try_from(hex(&known[36..52])?).ok()?,
            flags: u8::try_from(hex(&known[53..])?).ok()?,
        };
        (hyphens && ends_well && parent.trace_id != 0 && parent.parent_id != 0).then_some(parent)
    }

    /// The same trace with a new random parent id: what Herald's own call is known by.
    pub fn child(self) -> Self {
        Self {
            parent_id: random_parent_id(),
            flags: self.flags & KNOWN_FLAGS,
            ..self
        }
    }

    /// As a header value of version 00.
    pub fn to_header_value(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).expect("hexadecimal digits and hyphens")
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id, self.parent_id, self.flags
        )
    }
}

/// Reads at most 32 lower-case hexadecimal digits; the specification allows no others.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

fn random_parent_id() -> u64 {
    // The two halves are combined because each has fixed bits (version, variant) that the other
    // fills with random ones.
    let (high, low) = Uuid::new_v4().as_u64_pair();
    (high ^ low).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn parse(value: &str) -> Option<TraceParent> {
        TraceParent::parse(value.as_bytes())
    }

    #[test]
    fn a_child_keeps_the_trace_and_its_flags_under_a_new_parent_id() {
        let parent = parse(VALID).unwrap();
        assert_eq!(parent.to_string(), VALID);
        let child = parent.child().to_string();
        assert_eq!(child[..36], VALID[..36]);
        assert_eq!(child[52..], VALID[52..]);
        assert_ne!(child[36..52], VALID[36..52]);
        assert!(parse(&child).is_some());
        assert_ne!(parent.child(), parent.child());
    }

    #[test]
    fn unknown_flags_are_not_passed_on() {
        let parent = parse(&VALID.replace("-01", "-ff")).unwrap();
        assert!(parent.child().to_string().ends_with("-03"));
    }

    #[test]
    fn a_higher_version_is_read_by_its_first_55_characters() {
        for value in [
            VALID.replacen("00", "01", 1),
            format!("cc{}-what-follows", &VALID[2..]),
        ] {
            assert_eq!(parse(&value), parse(VALID), "{value}");
        }
        assert_eq!(parse(&format!("cc{}.what", &VALID[2..])), None);
    }

    #[test]
    fn what_the_specification_calls_invalid_is_refused() {
        let zero_trace = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let zero_parent = VALID.replace("b7ad6b7169203331", "0000000000000000");
        for invalid in [
            "",
            "00",
            &VALID[..54],
            &format!("{VALID}-00"),
            &format!(" {VALID}"),
            &VALID.to_uppercase(),
            &VALID.replacen("00", "ff", 1),
            &VALID.replace('-', "_"),
            &VALID.replace("b7ad", "g7ad"),
            &VALID.replace("b7ad", "\u{e9}ad"),
            &zero_trace,
            &zero_parent,
        ] {
            assert_eq!(parse(invalid), None, "{invalid:?}");
        }
    }
}
