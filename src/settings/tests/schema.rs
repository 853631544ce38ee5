//! Holds the schema to the defaults, to their comments, and, by a library that knows nothing of
//! Herald, to what reading accepts.

use std::{collections::BTreeSet, fs, path::Path};

use jsonschema::{Validator, error::ValidationErrorKind};
use regex::Regex;
use serde_json::Value;

use super::{
    Settings,
    documented::{DEFAULTS, with_examples},
};
use crate::settings::{json_schema, origin::join, units::Time};

fn validator() -> Validator {
    jsonschema::draft202012::new(&json_schema()).unwrap()
}

fn instance(toml: &str) -> Option<Value> {
    let table: toml::Table = toml.parse().ok()?;
    Some(serde_json::to_value(table).unwrap())
}

/// Where something is wrong, as Herald writes keys.
#[derive(Debug, Default)]
struct Refused {
    at: BTreeSet<String>,
    /// Where no alternative fits: anything in it may be what is wrong.
    around: BTreeSet<String>,
}

fn refused_by_the_library(validator: &Validator, instance: &Value) -> Refused {
    let mut refused = Refused::default();
    for error in validator.iter_errors(instance) {
        let pointer = error.instance_path().to_string();
        let key = pointer.split('/').skip(1).fold(String::new(), |key, part| {
            match part.parse::<usize>() {
                // A status is a name, although it is a number.
                Ok(index) if index < 100 => format!("{key}[{index}]"),
                _ => join(&key, part),
            }
        });
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let unexpected = unexpected.iter().map(|name| join(&key, name));
                refused.at.extend(unexpected);
            }
            ValidationErrorKind::Required { property } => {
                refused.at.insert(join(&key, property.as_str().unwrap()));
            }
            ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
                refused.around.insert(key);
            }
            _ => {
                refused.at.insert(key);
            }
        }
    }
    refused
}

/// The part of the schema that speaks of a key.
fn property<'s>(schema: &'s Value, key: &str) -> Option<&'s Value> {
    key.split(['.', '[']).try_fold(schema, |at, part| {
        let below = match part.strip_suffix(']') {
            Some(_) => at.get("items"),
            None => at["properties"].get(part),
        };
        below.or_else(|| at.get("additionalProperties"))
    })
}

#[test]
fn what_herald_ships_and_shows_fits_the_schema() {
    let validator = validator();
    let readme = include_str!("../../../README.md");
    let (_, example) = readme.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    for text in [
        DEFAULTS,
        &with_examples(),
        include_str!("../../../settings/replay.toml"),
        example,
        "",
    ] {
        let errors = refused_by_the_library(&validator, &instance(text).unwrap());
        assert!(
            errors.at.is_empty() && errors.around.is_empty(),
            "{errors:?}"
        );
    }
}

#[test]
fn the_library_refuses_where_reading_does_and_nowhere_else() {
    let (schema, validator) = (json_schema(), validator());
    let mut compared = 0;
    for folder in ["refused", "warned"] {
        let folder = Path::new("tests/settings").join(folder);
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            let text = text.trim_start_matches('\u{feff}');
            // What is no TOML has no schema.
            let Some(instance) = instance(text).filter(|_| file.extension().unwrap() == "toml")
            else {
                continue;
            };
            compared += 1;
            let found = Settings::from_toml(text).unwrap().found;
            let ours: BTreeSet<_> = found.list.iter().map(|found| found.key.clone()).collect();
            let theirs = refused_by_the_library(&validator, &instance);
            for key in &theirs.at {
                // Of a misspelt key, reading tells the name and not that the right one is missing.
                let is_told = ours.contains(key) || found.misspelt.contains(key);
                assert!(is_told, "{}: {key} only by the library", file.display());
            }
            let is_in = |key: &str, outer: &str| key.starts_with(outer);
            for outer in &theirs.around {
                let is_told = ours.iter().any(|key| is_in(key, outer));
                assert!(is_told, "{}: {outer} only by the library", file.display());
            }
            for key in &ours {
                // The library does not know what durations and sizes are, beyond their pattern.
                let format = property(&schema, key).and_then(|property| property.get("format"));
                let is_ours =
                    format.is_some_and(|format| format.as_str().unwrap().starts_with("herald-"));
                let is_told = is_ours
                    || theirs.at.contains(key)
                    || theirs.around.iter().any(|outer| is_in(key, outer));
                assert!(is_told, "{}: {key} only by reading", file.display());
            }
        }
    }
    assert!(compared > 100, "{compared}");
}

/// Every key that the schema has, with what it says of it, or of a table of this key alone; lists as
/// their items.
fn keys<'s>(path: &str, schema: &'s Value, found: &mut Vec<(String, &'s Value)>) {
    let alternatives = ["anyOf", "oneOf"].into_iter();
    let alternatives = alternatives
        .filter_map(|word| schema[word].as_array())
        .flatten();
    for part in alternatives.chain(schema.get("items")) {
        keys(path, part, found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = join(path, name);
        keys(&path, property, found);
        let is_alone = schema["properties"].as_object().unwrap().len() == 1;
        let has_none = property_description(property).is_empty();
        found.push((
            path,
            if is_alone && has_none {
                schema
            } else {
                property
            },
        ));
    }
}

#[test]
fn every_key_has_a_description() {
    let schema = json_schema();
    let mut found = Vec::new();
    keys("", &schema, &mut found);
    assert!(found.len() > 60, "{found:?}");
    for (key, property) in found {
        let description = property_description(property);
        assert!(
            description.ends_with('.') || key == "keys",
            "{key}: {description:?}"
        );
    }
}

#[test]
fn every_key_of_the_defaults_has_its_default() {
    fn compare(schema: &Value, defaults: &Value, compared: &mut usize) {
        for (name, default) in defaults.as_object().unwrap() {
            let property = &schema["properties"][name];
            match default {
                Value::Object(table) if !table.is_empty() => compare(property, default, compared),
                // Of a table whose names are the admin's own, none is there.
                Value::Object(_) => {}
                default => {
                    assert_eq!(property.get("default"), Some(default), "{name}");
                    *compared += 1;
                }
            }
            let required = schema["required"].as_array();
            assert!(
                required.is_none_or(|all| !all.contains(&name.as_str().into())),
                "{name}"
            );
        }
    }
    let mut compared = 0;
    compare(&json_schema(), &instance(DEFAULTS).unwrap(), &mut compared);
    assert!(compared > 35, "{compared}");
}

#[test]
fn the_ranges_in_the_comments_are_those_of_the_schema() {
    let range = Regex::new(r"\b(\d+\w*) to (\d+\w*)").unwrap();
    let schema = json_schema();
    let mut found = Vec::new();
    keys("", &schema, &mut found);
    let mut compared = 0;
    for (key, property) in &found {
        let bound = |word: &str, other: &str| match &property.get(word).or(property.get(other))? {
            Value::String(text) => Some(text.clone()),
            number => Some(number.to_string()),
        };
        let Some(least) = bound("x-minimum", "minimum") else {
            continue;
        };
        let most = bound("x-maximum", "maximum").unwrap();
        // The clocks have one range for all but those that may be zero.
        let section = key.split('.').next().unwrap();
        let of_section = property_description(&schema["properties"][section]);
        let descriptions = [property_description(property), of_section];
        let told = descriptions.iter().find_map(|text| range.captures(text));
        let told = told.unwrap_or_else(|| panic!("{key} has a range, and no comment tells it"));
        let same = |told: &str, bound: &str| match (told.parse::<Time>(), bound.parse()) {
            (Ok(told), Ok(bound)) => told == bound,
            _ => told == bound,
        };
        assert!(
            same(&told[1], &least) && same(&told[2], &most),
            "{key}: {}",
            &told[0]
        );
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

fn property_description(property: &Value) -> &str {
    property["description"].as_str().unwrap_or_default()
}
