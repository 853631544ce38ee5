//! Durations and sizes that carry their unit, and the ranges that they are held to.

use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr, time::Duration};

use bytesize::Unit;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use serde_json::Value as Json;

/// A duration as the settings write it: `"250ms"`, `"30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Duration);

/// A number of bytes as the settings write it: `"16KiB"`, a whole number with a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size(pub(super) u64);

const DURATION: &str = "a duration with its unit, such as \"250ms\", \"30s\" or \"5m\"";
const SIZE: &str = "a size with its unit, a whole number, such as \"512B\" or \"16KiB\"";

/// What the schema calls the two.
const TIME_FORMAT: &str = "herald-duration";
const SIZE_FORMAT: &str = "herald-size";

impl Size {
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

/// The range that the schema holds a duration or a size to.
pub(super) struct Range<'s> {
    unit: UnitKind,
    least: &'s str,
    most: &'s str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum UnitKind {
    Time,
    Size,
}

/// Why a duration or a size was refused, and what may have been meant.
pub(super) struct Refusal {
    pub(super) problem: String,
    pub(super) hint: Option<String>,
    /// Whether it is one, but too long or too short.
    pub(super) is_out_of_range: bool,
}

impl<'s> Range<'s> {
    /// The range of a key whose schema is that of a duration or a size.
    pub(super) fn of(schema: &'s Json) -> Option<Self> {
        let unit = match schema["format"].as_str()? {
            TIME_FORMAT => UnitKind::Time,
            SIZE_FORMAT => UnitKind::Size,
            _ => return None,
        };
        Some(Self {
            unit,
            least: schema["x-minimum"].as_str()?,
            most: schema["x-maximum"].as_str()?,
        })
    }

    /// Whether the text is such a value and lies in the range.
    pub(super) fn check(&self, text: &str) -> Result<(), Refusal> {
        match self.unit {
            UnitKind::Time => self.check_as::<Time>(text),
            UnitKind::Size => self.check_as::<Size>(text),
        }
    }

    fn check_as<T>(&self, text: &str) -> Result<(), Refusal>
    where
        T: FromStr<Err = &'static str> + PartialOrd,
    {
        let Ok(value) = text.parse::<T>() else {
            return Err(Refusal {
                problem: self.expected(),
                hint: text
                    .trim()
                    .parse()
                    .ok()
                    .and_then(|number| self.with_a_unit(number)),
                is_out_of_range: false,
            });
        };
        let is_in = |value: &T| {
            let above = self.least.parse::<T>().is_ok_and(|least| least <= *value);
            above && self.most.parse::<T>().is_ok_and(|most| *value <= most)
        };
        if is_in(&value) {
            return Ok(());
        }
        let (least, most) = (self.least, self.most);
        let problem = format!("must be from {least} to {most}, not {}", text.trim());
        Err(Refusal {
            problem,
            hint: None,
            is_out_of_range: true,
        })
    }

    /// The problem with something that is none at all.
    pub(super) fn expected(&self) -> String {
        let expected = match self.unit {
            UnitKind::Time => DURATION,
            UnitKind::Size => SIZE,
        };
        format!("must be {expected}")
    }

    /// What a bare number may have meant.
    pub(super) fn with_a_unit(&self, number: i64) -> Option<String> {
        let (first, second) = match self.unit {
            UnitKind::Time => ("s", "ms"),
            UnitKind::Size => ("B", "KiB"),
        };
        let meant = |unit: &str| {
            let text = format!("{number}{unit}");
            self.check(&text).is_ok().then(|| format!("\"{text}\""))
        };
        match (meant(first), meant(second)) {
            (Some(first), Some(second)) => Some(format!("did you mean {first} or {second}?")),
            (Some(only), None) | (None, Some(only)) => Some(format!("did you mean {only}?")),
            (None, None) => None,
        }
    }
}

/// Text of a format of ours; the pattern is wider than the format, which knows the units too.
fn unit_schema(format: &str, pattern: &str, expected: &str) -> Schema {
    json_schema!({
        "type": "string",
        "format": format,
        "pattern": pattern,
        "x-expected": expected,
    })
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        unit_schema(TIME_FORMAT, "^([0-9][0-9. ]*[A-Za-zµ]+ *)+$", DURATION)
    }
}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        unit_schema(SIZE_FORMAT, "^[0-9]+ *[A-Za-z]+$", SIZE)
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
        assert_eq!("0ms".parse(), Ok(Time(Duration::ZERO)));
        assert_eq!("1h".parse(), Ok(Time(Duration::from_secs(3600))));
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
        assert_eq!("16KiB".parse(), Ok(Size(16 << 10)));
        assert_eq!("16 kB".parse(), Ok(Size(16_000)));
        assert_eq!("9007199254740993B".parse(), Ok(Size(9_007_199_254_740_993)));
    }
}
