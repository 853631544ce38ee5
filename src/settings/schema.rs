//! The JSON Schema of the settings: what verification walks along, and editors complete by.
//!
//! The shapes come from the section types, the defaults and the descriptions from
//! `settings/default.toml`, so each is written once. Beside the standard's words there are ours, which
//! other readers of the schema pass over: `x-minimum` and `x-maximum` of durations and sizes,
//! `x-expected` (what a value must be, in words) and `x-secret` (its value is never shown).

use std::{
    collections::{BTreeSet, HashMap},
    sync::LazyLock,
};

use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{Sections, layers, origin::join};

/// What the schema says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Known, and its value may be shown.
    Plain,
    /// Known, and its value may be a secret.
    Secret,
    /// Not known.
    Unknown,
    /// Not known and in a place where a secret may stand for the name.
    Hidden,
}

impl Place {
    pub(super) fn is_known(self) -> bool {
        matches!(self, Self::Plain | Self::Secret)
    }
}

/// The JSON Schema (draft 2020-12) of a settings file, with descriptions and defaults. What
/// `herald schema` prints.
///
/// It says more than a schema's reader checks: durations and sizes carry their range in `x-minimum`
/// and `x-maximum`.
#[must_use]
pub fn json_schema() -> Value {
    schema().clone()
}

/// The schema, made once.
pub(super) fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            // No reference has to be followed.
            settings.inline_subschemas = true;
        });
        let mut schema = settings
            .into_generator()
            .into_root_schema_for::<Sections>()
            .to_value();
        without_null(&mut schema);
        let defaults: toml::Table = layers::DEFAULTS
            .parse()
            .expect("a test parses the built-in defaults");
        let defaults = serde_json::to_value(defaults).expect("TOML without dates is JSON");
        add_defaults(&mut schema, &defaults);
        add_descriptions("", &mut schema, &comments(layers::DEFAULTS));
        schema["title"] = "Herald's settings".into();
        schema
    });
    &SCHEMA
}

/// TOML has no null: what may be absent is only not required.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            entries.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = entries.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = &types[..] {
                    entries["type"] = only.clone();
                }
            }
            for list in ["enum", "anyOf"] {
                if let Some(Value::Array(items)) = entries.get_mut(list) {
                    items.retain(|item| !item.is_null() && item != &json!({ "type": "null" }));
                }
            }
            if let Some(Value::Array(alternatives)) = entries.get("anyOf")
                && let [Value::Object(only)] = &alternatives[..]
            {
                let only = only.clone();
                entries.remove("anyOf");
                entries.extend(only);
            }
            if entries.get("default") == Some(&Value::Null) {
                entries.remove("default");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// Says what holds where nothing is written; such a key is not required.
fn add_defaults(schema: &mut Value, defaults: &Value) {
    let Some(defaults) = defaults.as_object() else {
        return;
    };
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| {
            !name
                .as_str()
                .is_some_and(|name| defaults.contains_key(name))
        });
        if required.is_empty() {
            schema
                .as_object_mut()
                .map(|schema| schema.remove("required"));
        }
    }
    for (name, default) in defaults {
        let Some(property) = schema.pointer_mut(&format!("/properties/{name}")) else {
            continue;
        };
        add_defaults(property, default);
        if !default.is_object() {
            property["default"] = default.clone();
        }
    }
}

fn add_descriptions(path: &str, schema: &mut Value, comments: &HashMap<String, String>) {
    if let Some(comment) = comments.get(path) {
        schema["description"] = comment.as_str().into();
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, property) in properties {
            add_descriptions(&join(path, name), property, comments);
        }
    }
    if let Some(items) = schema.get_mut("items") {
        add_descriptions(path, items, comments);
    }
}

/// The comment above each key and section of the defaults, by path without indices; the keys that
/// stand there as examples, behind a `#` without a space, among them. Keys below each other share
/// the comment above the first.
fn comments(defaults: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let (mut above, mut section) = (Vec::new(), String::new());
    let mut is_used = false;
    for line in defaults.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            if std::mem::take(&mut is_used) {
                above.clear();
            }
            above.push(comment);
            continue;
        }
        let line = line.strip_prefix('#').unwrap_or(line);
        let header = line.trim_matches(['[', ']']);
        let path = if line.starts_with('[') && !header.contains([' ', '"']) {
            header.clone_into(&mut section);
            section.clone()
        } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| is_path(name)) {
            join(&section, name)
        } else {
            above.clear();
            continue;
        };
        if !above.is_empty() {
            found.entry(path).or_insert_with(|| above.join(" "));
        }
        is_used = true;
    }
    found
}

fn is_path(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.'))
}

/// What the schema says of a key's path, such as `providers[0].base_url`.
pub(super) fn place(key: &str) -> Place {
    let mut at = schema();
    let mut is_secret = false;
    let mut rest = key;
    while !rest.is_empty() {
        is_secret |= at["x-secret"] == true;
        rest = match step(at, rest) {
            Some((below, rest)) => {
                at = below;
                rest
            }
            None if is_secret => return Place::Hidden,
            None => return Place::Unknown,
        };
    }
    if at["x-secret"] == true {
        Place::Secret
    } else {
        Place::Plain
    }
}

/// One step down the path, into a list, a table, or one of the tables that may stand here.
fn step<'a, 'k>(schema: &'a Value, path: &'k str) -> Option<(&'a Value, &'k str)> {
    if let Some(index) = path.strip_prefix('[') {
        let (_, rest) = index.split_once(']')?;
        return Some((schema.get("items")?, rest.strip_prefix('.').unwrap_or(rest)));
    }
    let properties = properties(schema);
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    if let Some(below) = properties.iter().find_map(|all| all.get(name)) {
        return Some((below, rest.strip_prefix('.').unwrap_or(rest)));
    }
    // Names of the admin's own may hold a dot.
    let any = schema
        .get("additionalProperties")
        .filter(|any| any.is_object())?;
    Some((any, ""))
}

/// The tables' keys that may stand here: one table's, or those of several alternatives.
fn properties(schema: &Value) -> Vec<&Map<String, Value>> {
    let own = schema.get("properties");
    let alternatives = alternatives(schema).unwrap_or_default();
    let of_alternatives = alternatives
        .iter()
        .filter_map(|alternative| alternative.get("properties"));
    own.into_iter()
        .chain(of_alternatives)
        .filter_map(Value::as_object)
        .collect()
}

/// The shapes that a value may have, where there are several.
pub(super) fn alternatives(schema: &Value) -> Option<&[Value]> {
    let listed = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    listed.as_array().map(Vec::as_slice)
}

/// Whether a word is the name of some setting.
pub(super) fn is_a_name(word: &str) -> bool {
    static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let mut names = BTreeSet::new();
        collect_names(schema(), &mut names);
        names
    });
    NAMES.contains(word)
}

fn collect_names(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(entries) => {
            for (word, below) in entries {
                if let (true, Some(properties)) = (word == "properties", below.as_object()) {
                    names.extend(properties.keys().cloned());
                }
                collect_names(below, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

/// The keys of sections that have this name, or were meant by it: `clocks.idle` for `idle` and for
/// `clocks_idle`.
pub(super) fn namesakes(name: &str) -> Vec<String> {
    let Some(sections) = schema()["properties"].as_object() else {
        return Vec::new();
    };
    let key_of = |(section, schema): (&String, &Value)| {
        let joined = name
            .strip_prefix(section)
            .and_then(|rest| rest.strip_prefix('_'));
        let known = schema["properties"].as_object()?;
        let name = [name, joined.unwrap_or(name)]
            .into_iter()
            .find(|name| known.contains_key(*name))?;
        Some(format!("{section}.{name}"))
    };
    sections.iter().filter_map(key_of).collect()
}

/// Holds a duration or a size to a range, both ends included, written as the settings write them.
pub(super) fn between(least: &'static str, most: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| {
        schema.insert("x-minimum".to_owned(), least.into());
        schema.insert("x-maximum".to_owned(), most.into());
    }
}

/// Marks a value that is never shown.
pub(super) fn secret(schema: &mut Schema) {
    schema.insert("x-secret".to_owned(), true.into());
}

/// Marks the values of a table whose names are the admin's own.
pub(super) fn secret_values(schema: &mut Schema) {
    if let Some(values) = schema.get_mut("additionalProperties") {
        values["x-secret"] = true.into();
    }
}

/// Holds the values of a table to what can be a final HTTP status.
pub(super) fn statuses(schema: &mut Schema) {
    if let Some(values) = schema.get_mut("additionalProperties") {
        values["minimum"] = 200.into();
        values["maximum"] = 599.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_belong_to_the_keys_below_them() {
        let found = comments(
            "# About the file.\n\n# One line,\n# and another.\nauth = 1\nbeside = 2\n\nalone = 3\n\n\
             # A section.\n[a]\n# A list.\nallow = [\n  # An item.\n  \"x\",\n]\n# The next.\n\
             next = 1\n\n# Examples.\n#[[keys]]\n# An id.\n#id = \"a\"\n#sha256 = \"b\"\n\n\
             #[[keys]]\n#id = \"other\"\n",
        );
        let expected = [
            ("auth", "One line, and another."),
            ("beside", "One line, and another."),
            ("a", "A section."),
            ("a.allow", "A list."),
            ("a.next", "The next."),
            ("keys", "Examples."),
            ("keys.id", "An id."),
            ("keys.sha256", "An id."),
        ];
        let expected = expected.map(|(key, text)| (key.to_owned(), text.to_owned()));
        assert_eq!(found, HashMap::from(expected));
    }

    #[test]
    fn the_schema_says_of_each_key_whether_it_may_be_shown() {
        for (key, expected) in [
            ("server", Place::Plain),
            ("server.listen", Place::Plain),
            ("server.sevrer", Place::Unknown),
            ("server.listen.host", Place::Unknown),
            ("server.listen[0]", Place::Unknown),
            ("metadata.allow[3]", Place::Plain),
            ("metadata.allow[3].as", Place::Plain),
            ("metadata.status.5xx", Place::Plain),
            ("providers[0].metadata.status.429", Place::Plain),
            ("providers[0].headers", Place::Plain),
            ("providers[0].headers.x-team", Place::Secret),
            ("providers[0].headers.a.b[0]", Place::Secret),
            ("providers[0].api_key", Place::Secret),
            ("providers[0].api_key.env", Place::Plain),
            ("providers[0].api_key.value", Place::Hidden),
            ("providers[0].api_key[0]", Place::Hidden),
            ("keys[0].sha256", Place::Secret),
            ("keys.sha256", Place::Unknown),
        ] {
            assert_eq!(place(key), expected, "{key}");
        }
    }

    #[test]
    fn a_key_is_looked_for_in_the_other_sections() {
        assert_eq!(namesakes("idle"), ["clocks.idle"]);
        assert_eq!(namesakes("clocks_idle"), ["clocks.idle"]);
        let twice = ["server.max_body_bytes", "upstream.max_body_bytes"];
        assert_eq!(namesakes("max_body_bytes"), twice);
        assert_eq!(namesakes("level"), [""; 0]);
    }
}
