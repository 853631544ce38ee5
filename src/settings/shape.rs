//! The walk along the schema: every key is known, every value has its type and lies in its range.
//!
//! `config`'s own conversions coerce in silence (`1.9` becomes 2, `"yes"` becomes true) and stop at
//! the first mistake. Here nothing is converted, but for text that comes from the environment, which
//! can be nothing else; and every mistake is told. What is wrong is put right with the default, so
//! that the rest can be looked at too; the settings are refused all the same.

mod scalars;

#[cfg(test)]
mod tests;

use config::{Value, ValueKind};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{
    diagnostics::Problems,
    layers::{ENVIRONMENT, variable_of},
    origin::{Origin, join},
    schema::{alternatives, namesakes, schema},
};
use crate::suggest::{listed, nearest};

/// Walks the merged settings. `defaults` are those that are built in.
pub(super) fn check(root: &mut Value, defaults: &Value, problems: &mut Problems<'_>) {
    let fits = Walk { problems }.table("", root, schema(), Some(defaults));
    debug_assert!(fits == Fits::Yes, "the root is a table");
}

/// Reads a type out of values that fit its schema.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, serde_json::Error> {
    serde_json::from_value(json(value))
}

fn json(value: Value) -> Json {
    match value.kind {
        ValueKind::Boolean(truth) => truth.into(),
        ValueKind::I64(number) => number.into(),
        ValueKind::Float(number) => number.into(),
        ValueKind::String(text) => text.into(),
        ValueKind::Table(table) => {
            let entries = table.into_iter().map(|(name, value)| (name, json(value)));
            Json::Object(entries.collect())
        }
        ValueKind::Array(items) => items.into_iter().map(json).collect(),
        // No source of ours makes the others.
        _ => Json::Null,
    }
}

struct Walk<'w, 'p> {
    problems: &'w mut Problems<'p>,
}

/// Whether a value may stay.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fits {
    Yes,
    /// It was told what is wrong with it.
    No,
}

impl Walk<'_, '_> {
    fn value(
        &mut self,
        key: &str,
        value: &mut Value,
        schema: &Json,
        default: Option<&Value>,
    ) -> Fits {
        if let Some(words) = words(schema) {
            return self.word(key, value, schema, &words, default);
        }
        if let Some(alternatives) = alternatives(schema) {
            return self.alternative(key, value, schema, alternatives, default);
        }
        match schema["type"].as_str() {
            Some("object") => self.table(key, value, schema, default),
            Some("array") => self.list(key, value, schema, default),
            Some("integer") => self.number(key, value, schema, default),
            Some("number") => self.share(key, value, schema, default),
            Some("boolean") => self.truth(key, value, schema, default),
            _ => self.text(key, value, schema, default),
        }
    }

    fn table(
        &mut self,
        key: &str,
        value: &mut Value,
        schema: &Json,
        default: Option<&Value>,
    ) -> Fits {
        let is_from_variable = value.origin() == Some(ENVIRONMENT);
        let ValueKind::Table(table) = &mut value.kind else {
            if is_from_variable {
                let problem = "is a section, and a variable sets one key of it";
                self.problems.at(key, problem);
                return Fits::No;
            }
            return self.mismatch(key, schema, default);
        };
        let no_names = serde_json::Map::new();
        let known = schema["properties"].as_object().unwrap_or(&no_names);
        let any = schema
            .get("additionalProperties")
            .filter(|any| any.is_object());
        let strangers: Vec<_> = table
            .keys()
            .filter(|name| !known.contains_key(*name))
            .cloned()
            .collect();
        for name in strangers {
            let below = join(key, &name);
            if let Some(any) = any {
                let entry = table.get_mut(&name).expect("a name of this table");
                if self.value(&below, entry, any, None) == Fits::No {
                    table.remove(&name);
                }
                continue;
            }
            table.remove(&name);
            let meant = self.unknown(key, &name, known);
            if let Some(meant) = meant.filter(|meant| !table.contains_key(*meant)) {
                self.problems.note_misspelt(join(key, meant));
            }
        }
        let mut is_buried = false;
        let required = schema["required"].as_array();
        for (name, schema) in known {
            let below = join(key, name);
            let default = default.and_then(|default| entry(default, name));
            let is_required =
                required.is_some_and(|all| all.iter().any(|required| required == name));
            let stand_in = || {
                default
                    .cloned()
                    .or_else(|| is_required.then(|| stand_in(schema)))
            };
            let fits = match table.get_mut(name) {
                Some(value) => self.value(&below, value, schema, default),
                None if is_required => {
                    self.problems.at(&below, "is missing");
                    Fits::No
                }
                None => {
                    is_buried |= default.is_some();
                    default.map_or(Fits::Yes, |_| Fits::No)
                }
            };
            if fits == Fits::No {
                match stand_in() {
                    Some(value) => table.insert(name.clone(), value),
                    None => table.remove(name),
                };
            }
        }
        // The defaults are only gone where something that is no table was written over them, and then
        // a part of it by a variable.
        if is_buried {
            return self.mismatch(key, schema, None);
        }
        Fits::Yes
    }

    /// Tells that a name is none of the known ones, and returns the one that was surely meant.
    fn unknown<'s>(
        &mut self,
        table: &str,
        name: &str,
        known: &'s serde_json::Map<String, Json>,
    ) -> Option<&'s str> {
        let known = || known.keys().map(String::as_str);
        let key = join(table, name);
        let meant = nearest(name, known());
        let hint = meant
            .map(|meant| format!("did you mean `{meant}`?"))
            .or_else(|| self.elsewhere(&key, name));
        self.problems
            .error(&key, "unknown key")
            .at_the_name()
            .hint_if(hint)
            .note(format!("known here: {}", listed(known(), '`')))
            .tell();
        meant
    }

    /// Which other sections have a key of this name.
    fn elsewhere(&self, key: &str, name: &str) -> Option<String> {
        let is_variable = matches!(self.problems.origin(key), Origin::Variable(_));
        let mut there = namesakes(name);
        if is_variable {
            there.iter_mut().for_each(|key| *key = variable_of(key));
        }
        let listed = listed(there.iter().map(String::as_str), '`');
        (!there.is_empty()).then(|| format!("there is {listed}"))
    }

    fn list(
        &mut self,
        key: &str,
        value: &mut Value,
        schema: &Json,
        default: Option<&Value>,
    ) -> Fits {
        let is_from_variable = value.origin() == Some(ENVIRONMENT) || is_table_of_variables(value);
        let ValueKind::Array(items) = &mut value.kind else {
            if is_from_variable {
                let problem = "is a list, and a list can only be written in a settings file";
                self.problems.error(key, problem).at_the_variable().tell();
                return Fits::No;
            }
            return self.mismatch(key, schema, default);
        };
        // What does not fit is not removed: the others would be told by another index.
        for (index, item) in items.iter_mut().enumerate() {
            if self.value(&format!("{key}[{index}]"), item, &schema["items"], None) == Fits::No {
                *item = stand_in(&schema["items"]);
            }
        }
        Fits::Yes
    }

    /// One of several shapes: the one of the same kind is walked, or the whole refused.
    fn alternative(
        &mut self,
        key: &str,
        value: &mut Value,
        schema: &Json,
        alternatives: &[Json],
        default: Option<&Value>,
    ) -> Fits {
        let kind = match &value.kind {
            ValueKind::String(_) => "string",
            ValueKind::Table(_) => "object",
            _ => "",
        };
        if schema["x-secret"] == true {
            return self.reference(key, value, schema, alternatives);
        }
        match alternatives
            .iter()
            .find(|alternative| alternative["type"] == kind)
        {
            Some(alternative) => self.value(key, value, alternative, default),
            None => self.mismatch(key, schema, default),
        }
    }

    /// A reference to a secret. What stands in the wrong place may be the secret itself: neither a
    /// value nor an unknown key is repeated.
    fn reference(
        &mut self,
        key: &str,
        value: &mut Value,
        schema: &Json,
        alternatives: &[Json],
    ) -> Fits {
        let ValueKind::Table(table) = &mut value.kind else {
            let expected = schema["x-expected"].as_str().unwrap_or_default();
            if matches!(value.kind, ValueKind::String(_)) {
                self.problems
                    .error(key, "must not be the secret itself")
                    .hint(format!("write {expected}"))
                    .tell();
                return Fits::No;
            }
            return self.mismatch(key, schema, None);
        };
        let names: Vec<_> = table.keys().cloned().collect();
        let chosen = alternatives
            .iter()
            .find(|alternative| matches!(&names[..], [only] if alternative["properties"].get(only).is_some()));
        match chosen {
            Some(alternative) => self.table(key, value, alternative, None),
            None => self.mismatch(key, schema, None),
        }
    }
}

/// `config` makes a table of `HERALD__PROVIDERS__0__ID`.
fn is_table_of_variables(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Table(table) => table
            .values()
            .any(|value| value.origin() == Some(ENVIRONMENT) || is_table_of_variables(value)),
        _ => false,
    }
}

fn words(schema: &Json) -> Option<Vec<&str>> {
    let of_enum = schema["enum"]
        .as_array()
        .map(|words| words.iter().collect::<Vec<_>>());
    let of_constants = || {
        let constants = schema["oneOf"]
            .as_array()?
            .iter()
            .map(|one| one.get("const"));
        constants.collect::<Option<Vec<_>>>()
    };
    let words = of_enum.or_else(of_constants)?;
    words.into_iter().map(Json::as_str).collect()
}

fn entry<'a>(table: &'a Value, name: &str) -> Option<&'a Value> {
    match &table.kind {
        ValueKind::Table(table) => table.get(name),
        _ => None,
    }
}

/// Something of the right type, in the place of what was refused and has no default.
fn stand_in(schema: &Json) -> Value {
    let kind = if let Some(first) = words(schema).and_then(|words| words.first().copied()) {
        ValueKind::String(first.to_owned())
    } else if let Some(alternative) = alternatives(schema).and_then(<[Json]>::first) {
        return stand_in(alternative);
    } else {
        match schema["type"].as_str() {
            Some("object") => {
                let required = schema["required"].as_array().into_iter().flatten();
                let names = required.filter_map(Json::as_str);
                let entry = |name: &str| (name.to_owned(), stand_in(&schema["properties"][name]));
                ValueKind::Table(names.map(entry).collect())
            }
            Some("array") => ValueKind::Array(Vec::new()),
            Some("integer") => ValueKind::I64(schema["minimum"].as_i64().unwrap_or(0)),
            Some("number") => ValueKind::Float(schema["minimum"].as_f64().unwrap_or(0.0)),
            Some("boolean") => ValueKind::Boolean(false),
            _ => ValueKind::String(schema["x-minimum"].as_str().unwrap_or_default().to_owned()),
        }
    };
    Value::new(None, kind)
}
