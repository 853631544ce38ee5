//! Durations and sizes that carry their unit, and the ranges that they are held to.

use std::{fmt, marker::PhantomData, ops::RangeInclusive, str::FromStr, time::Duration};

use bytesize::Unit;
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use super::error::Problems;

/// A duration as the settings write it: `"250ms"`, `"30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Duration);

/// A number of bytes as the settings write it: `"16KiB"`, a whole number with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size(pub(super) u64);

const DURATION: &str = "a duration with its unit, in quotes, such as \"250ms\", \"30s\" or \"5m\"";
const SIZE: &str = "a size with its unit, in quotes and whole, such as \"512B\" or \"16KiB\"";

impl Time {
    pub(super) const ZERO: Self = Self(Duration::ZERO);
    pub(super) const SHORTEST: Self = Self(Duration::from_millis(1));
    pub(super) const SECOND: Self = Self(Duration::from_secs(1));
    pub(super) const MINUTE: Self = Self(Duration::from_secs(60));
    pub(super) const HOUR: Self = Self(Duration::from_secs(60 * 60));
    pub(super) const DAY: Self = Self(Duration::from_secs(24 * 60 * 60));
}

impl Size {
    pub(super) const KIB: Self = Self(1 << 10);
    pub(super) const MIB: Self = Self(1 << 20);
    pub(super) const GIB: Self = Self(1 << 30);

    pub(super) const fn times(self, factor: u64) -> Self {
        Self(self.0 * factor)
    }

    /// The size in memory's own type. Verified sizes are at most 1 GiB, so nothing is lost.
    pub(super) fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // humantime takes a bare "0", the only number without a unit that it does take.
        match humantime::parse_duration(text) {
            Ok(duration) if text != "0" => Ok(Self(duration)),
            _ => Err(DURATION),
        }
    }
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Of bytesize only its units: it rounds fractions down, and what does not fit.
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or(SIZE)?);
        let number: u64 = number.parse().map_err(|_| SIZE)?;
        let unit: Unit = unit.trim_start().parse().map_err(|_| SIZE)?;
        number.checked_mul(unit * 1u64).map(Self).ok_or(SIZE)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = [(Self::GIB, "GiB"), (Self::MIB, "MiB"), (Self::KIB, "KiB")]
            .into_iter()
            .find(|(unit, _)| self.0 >= unit.0 && self.0.is_multiple_of(unit.0))
            .unwrap_or((Self(1), "B"));
        write!(f, "{}{name}", self.0 / unit.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WithUnit(DURATION, PhantomData))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WithUnit(SIZE, PhantomData))
    }
}

/// Takes text alone: a number without a unit is a type error that says so.
struct WithUnit<T>(&'static str, PhantomData<T>);

impl<T: FromStr<Err = &'static str>> Visitor<'_> for WithUnit<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse()
            .map_err(|expected| E::custom(format_args!("must be {expected}")))
    }
}

/// Notes a problem unless the value lies in the range.
pub(super) fn hold_to<T: PartialOrd + fmt::Display>(
    range: RangeInclusive<T>,
    value: T,
    key: &str,
    problems: &mut Problems<'_>,
) {
    if !range.contains(&value) {
        let (least, most) = range.into_inner();
        problems.at(key, format!("must be from {least} to {most}, not {value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit() {
        for text in ["", "0", "5", "1.5", "5 parsecs", "-1s", "s"] {
            assert_eq!(text.parse::<Time>(), Err(DURATION), "{text:?}");
        }
        assert_eq!("0ms".parse(), Ok(Time::ZERO));
        assert_eq!("1h".parse(), Ok(Time::HOUR));
        assert_eq!("1.5s".parse(), Ok(Time(Duration::from_millis(1500))));
    }

    #[test]
    fn a_size_is_a_whole_number_with_a_unit() {
        for text in [
            "",
            "0",
            "500",
            "1.5KiB",
            "0.3KiB",
            "KiB",
            "1KiBs",
            "-1B",
            "1 000B",
            "99999999999PiB",
        ] {
            assert_eq!(text.parse::<Size>(), Err(SIZE), "{text:?}");
        }
        assert_eq!("512B".parse(), Ok(Size(512)));
        assert_eq!("16KiB".parse(), Ok(Size::KIB.times(16)));
        assert_eq!("16 kB".parse(), Ok(Size(16_000)));
        assert_eq!("9007199254740993B".parse(), Ok(Size(9_007_199_254_740_993)));
    }

    #[test]
    fn a_size_is_printed_in_the_largest_unit_that_is_exact() {
        for text in ["1GiB", "32MiB", "1025KiB", "513B", "0B"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }
}
