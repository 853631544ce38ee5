//! Values that hold no others: words, numbers, truth values and texts.

use config::{Value, ValueKind};
use serde_json::Value as Json;

use super::{Fits, Walk};
use crate::{
    settings::{
        layers::ENVIRONMENT,
        units::{self, Range},
    },
    suggest::{did_you_mean, listed},
};

impl Walk<'_, '_> {
    pub(super) fn word(
        &mut self,
        key: &str,
        value: &Value,
        schema: &Json,
        words: &[&str],
        default: Option<&Value>,
    ) -> Fits {
        let written = match &value.kind {
            ValueKind::String(text) if words.contains(&text.as_str()) => return Fits::Yes,
            ValueKind::String(text) => text.as_str(),
            _ => "",
        };
        let must = format!("must be {}", listed(words.iter().copied(), '"'));
        self.problems
            .error(key, must)
            .hint_if(did_you_mean(written, words.iter().copied()))
            .notes(default_note(schema, default))
            .tell();
        Fits::No
    }

    pub(super) fn number(
        &mut self,
        key: &str,
        value: &mut Value,
        schema: &Json,
        default: Option<&Value>,
    ) -> Fits {
        let number = match &value.kind {
            ValueKind::I64(number) => i128::from(*number),
            ValueKind::I128(number) => *number,
            ValueKind::String(text) if value.origin() == Some(ENVIRONMENT) => match text.parse() {
                Ok(number) => number,
                Err(_) => return self.mismatch(key, schema, default),
            },
            _ => return self.mismatch(key, schema, default),
        };
        let bound = |word: &str| schema[word].as_i64();
        let (least, most) = (
            bound("minimum").unwrap_or(0),
            bound("maximum").unwrap_or(i64::MAX),
        );
        let fits = i64::try_from(number)
            .ok()
            .filter(|number| (least..=most).contains(number));
        let Some(fits) = fits else {
            let problem = match bound("maximum") {
                Some(most) => format!("must be from {least} to {most}, not {number}"),
                None => format!("must be at least {least}, not {number}"),
            };
            self.problems
                .error(key, problem)
                .notes(default_note(schema, default))
                .tell();
            return Fits::No;
        };
        value.kind = ValueKind::I64(fits);
        Fits::Yes
    }

    /// A number that may have decimals, between two bounds.
    pub(super) fn share(
        &mut self,
        key: &str,
        value: &mut Value,
        schema: &Json,
        default: Option<&Value>,
    ) -> Fits {
        let number = match &value.kind {
            ValueKind::Float(number) => *number,
            // As exact as a float can be: the bounds are small.
            ValueKind::I64(number) => *number as f64,
            ValueKind::String(text) if value.origin() == Some(ENVIRONMENT) => match text.parse() {
                Ok(number) => number,
                Err(_) => return self.mismatch(key, schema, default),
            },
            _ => return self.mismatch(key, schema, default),
        };
        let bound = |word: &str| schema[word].as_f64();
        let (least, most) = (
            bound("minimum").unwrap_or(0.0),
            bound("maximum").unwrap_or(f64::MAX),
        );
        // What is no number at all (TOML has `nan`) is in no range either.
        if !(least..=most).contains(&number) {
            self.problems
                .error(key, format!("must be from {least} to {most}, not {number}"))
                .notes(default_note(schema, default))
                .tell();
            return Fits::No;
        }
        value.kind = ValueKind::Float(number);
        Fits::Yes
    }

    pub(super) fn truth(
        &mut self,
        key: &str,
        value: &mut Value,
        schema: &Json,
        default: Option<&Value>,
    ) -> Fits {
        let is_from_variable = value.origin() == Some(ENVIRONMENT);
        match &value.kind {
            ValueKind::Boolean(_) => return Fits::Yes,
            ValueKind::String(text) if is_from_variable => {
                if let Ok(truth) = text.parse() {
                    value.kind = ValueKind::Boolean(truth);
                    return Fits::Yes;
                }
            }
            _ => {}
        }
        self.mismatch(key, schema, default)
    }

    pub(super) fn text(
        &mut self,
        key: &str,
        value: &Value,
        schema: &Json,
        default: Option<&Value>,
    ) -> Fits {
        let Some(range) = Range::of(schema) else {
            return match value.kind {
                ValueKind::String(_) => Fits::Yes,
                _ => self.mismatch(key, schema, default),
            };
        };
        let refusal = match &value.kind {
            ValueKind::String(text) => match range.check(text) {
                Ok(()) => return Fits::Yes,
                Err(refusal) => refusal,
            },
            ValueKind::I64(number) => units::Refusal {
                problem: range.expected(),
                hint: range.with_a_unit(*number),
                is_out_of_range: false,
            },
            _ => return self.mismatch(key, schema, default),
        };
        self.problems
            .error(key, refusal.problem)
            .hint_if(refusal.hint)
            .notes(range_note(schema).filter(|_| !refusal.is_out_of_range))
            .notes(default_note(schema, default))
            .tell();
        Fits::No
    }

    /// Tells that a value is of another kind than its key's.
    pub(super) fn mismatch(&mut self, key: &str, schema: &Json, default: Option<&Value>) -> Fits {
        let expected = schema["x-expected"]
            .as_str()
            .unwrap_or(match schema["type"].as_str() {
                Some("object") => "a table",
                Some("array") => "a list",
                Some("integer") => "a whole number",
                Some("number") => "a number",
                Some("boolean") => "true or false",
                _ => "a string in quotes",
            });
        // How the first line of a section, or of an item of a list of tables, is written.
        let header = match schema["type"].as_str() {
            _ if key.contains('[') => None,
            Some("object") => Some(format!("write [{key}] and its keys below")),
            Some("array") if schema["items"]["type"] == "object" => {
                Some(format!("write [[{key}]] and its keys below"))
            }
            _ => None,
        };
        self.problems
            .error(key, format!("must be {expected}"))
            .hint_if(header)
            .notes(range_note(schema))
            .notes(default_note(schema, default))
            .tell();
        Fits::No
    }
}

fn range_note(schema: &Json) -> Option<String> {
    let bound = |word: &str, other: &str| {
        let bound = schema.get(word).or_else(|| schema.get(other))?;
        Some(
            bound
                .as_str()
                .map_or_else(|| bound.to_string(), str::to_owned),
        )
    };
    let (least, most) = (
        bound("x-minimum", "minimum")?,
        bound("x-maximum", "maximum")?,
    );
    Some(format!("allowed: {least} to {most}"))
}

/// What holds if the line is removed; of values that fit into a line.
fn default_note(schema: &Json, default: Option<&Value>) -> Option<String> {
    let written = match &default?.kind {
        ValueKind::String(text) => format!("{text:?}"),
        ValueKind::I64(number) => number.to_string(),
        ValueKind::Float(number) => number.to_string(),
        ValueKind::Boolean(truth) => truth.to_string(),
        _ => return None,
    };
    (schema["x-secret"] != true).then(|| format!("the default is {written}"))
}
