//! Texts that nobody wrote: whatever they are, Herald reads them or says why not, and keeps secrets.

use std::{collections::HashMap, sync::LazyLock};

use herald::settings::{Diagnostics, Settings, json_schema};
use proptest::{collection::vec, prelude::*, sample::select};
use regex::Regex;
use serde_json::Value;

use crate::scratch::Scratch;

/// Stands wherever a key could, and nowhere else; its shape is that of real ones.
const SECRET: &str = "sk-proj-4f3a9c2e7b1d8056Qq4f3a9c2e7b1d8056";

/// The defaults with their examples in force and a secret in some places.
fn text() -> String {
    let defaults = include_str!("../../settings/default.toml");
    let in_force = |line: &'static str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example,
        _ => line,
    };
    let lines: Vec<_> = defaults.lines().map(in_force).collect();
    let planted = lines
        .join("\n")
        .replacen(
            "kind = \"openai\"",
            &format!("kind = \"openai\" # was {SECRET}"),
            1,
        )
        .replace("{ env = \"OPENAI_API_KEY\" }", &format!("\"{SECRET}\""))
        .replace("\"gateway\"", &format!("\"{SECRET}\""));
    assert_eq!(planted.matches(SECRET).count(), 3);
    planted
}

/// Words, texts in quotes, comments, line ends and single signs.
fn tokens() -> &'static [String] {
    static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let token = Regex::new(r##""[^"\n]*"|#[^\n]*|[\w.-]+|[ \t]+|\s|."##).unwrap();
        let text = text();
        token
            .find_iter(&text)
            .map(|token| token.as_str().to_owned())
            .collect()
    });
    &TOKENS
}

/// What breaks a text.
const SHARDS: &[&str] = &[
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\\",
    "#",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "0x",
    "1e999",
    "-0",
    "nan",
    "true",
    "1979-05-27",
    "ä",
    "日本",
    "🦀",
    "\u{feff}",
    "\u{0}",
    "\u{1b}[31m",
    "99999999999999999999",
    "\"keys[0]\"",
    "\"\"",
    "\"a.b\"",
];

#[derive(Clone, Debug)]
enum Change {
    Delete(usize),
    Repeat(usize, usize),
    Replace(usize, usize),
    Shard(usize, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || 0..tokens().len();
    prop_oneof![
        at().prop_map(Change::Delete),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (at(), at()).prop_map(|(from, to)| Change::Replace(from, to)),
        (at(), select(SHARDS)).prop_map(|(at, shard)| Change::Shard(at, shard)),
    ]
}

fn changed(changes: &[Change]) -> String {
    let mut tokens = tokens().to_vec();
    for change in changes {
        let last = tokens.len() - 1;
        match change {
            Change::Delete(at) => drop(tokens.remove(last.min(*at))),
            Change::Repeat(from, to) => {
                tokens.insert(last.min(*to), tokens[last.min(*from)].clone())
            }
            Change::Replace(from, to) => tokens[last.min(*to)] = tokens[last.min(*from)].clone(),
            Change::Shard(at, shard) => tokens.insert(last.min(*at), (*shard).to_owned()),
        }
    }
    tokens.concat()
}

/// Keys of the root, and those of its sections, a dot between.
fn paths() -> (Vec<String>, Vec<String>) {
    let schema = json_schema();
    let root = schema["properties"].as_object().unwrap();
    let below = root.iter().flat_map(|(section, schema)| {
        let keys = schema["properties"].as_object().into_iter().flatten();
        keys.map(move |(name, _)| format!("{section}.{name}"))
    });
    (root.keys().cloned().collect(), below.collect())
}

/// A key as a line or a variable names it, mostly one that there is.
fn key() -> impl Strategy<Value = String> {
    let (root, below) = paths();
    let any = vec(select(names()), 1..4).prop_map(|parts| parts.join("."));
    prop_oneof![select(root), select(below), any]
}

/// Words that are keys somewhere, and some that are none.
fn names() -> Vec<String> {
    fn collect(schema: &Value, names: &mut Vec<String>) {
        match schema {
            Value::Object(entries) => {
                if let Some(properties) = schema["properties"].as_object() {
                    names.extend(properties.keys().cloned());
                }
                entries.values().for_each(|below| collect(below, names));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
            _ => {}
        }
    }
    let mut names = ["429", "5xx", "x-a", "sevrer"].map(str::to_owned).to_vec();
    collect(&json_schema(), &mut names);
    names.sort_unstable();
    names.dedup();
    names
}

/// A value as TOML writes it in one line.
fn value() -> impl Strategy<Value = String> {
    let plain = select(vec![
        "0",
        "1",
        "-1",
        "429",
        "1.5",
        "nan",
        "true",
        "9223372036854775808",
        "1979-05-27",
        "\"\"",
        "\"1s\"",
        "\"1KiB\"",
        "\"keys\"",
        "\"openai\"",
        "\"replay\"",
        "\"x-*\"",
        "\"*\"",
        "\"http://localhost:9\"",
        "\"127.0.0.1:80\"",
        "\"0.0.0.0:80\"",
        "\"usage\"",
        "[]",
        "{}",
    ]);
    plain
        .prop_map(str::to_owned)
        .prop_recursive(4, 24, 5, |value| {
            let entry = (select(names()), value.clone());
            let entry = entry.prop_map(|(name, value)| format!("{name} = {value}"));
            prop_oneof![
                vec(value, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
                vec(entry, 0..6).prop_map(|entries| format!("{{ {} }}", entries.join(", "))),
            ]
        })
}

/// Everything that is told of settings, whichever way they go.
fn told(settings: Result<Settings, Diagnostics>) -> String {
    let verified = settings.and_then(|settings| settings.verify(&HashMap::new()));
    let found = verified.map_or_else(|found| found, |settings| settings.warnings);
    format!("{}\n{found}\n{}", found.draw(true), found.to_json())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn a_changed_text_is_read_or_refused_and_keeps_its_secrets(changes in vec(change(), 0..12)) {
        let text = changed(&changes);
        let told = told(Settings::from_toml(&text));
        prop_assert!(!told.contains(SECRET), "{text}\n{told}");
    }

    #[test]
    fn any_values_at_any_keys_are_read_or_refused(
        entries in vec((key(), value()), 0..5),
        variables in vec((key(), "[a-z0-9]{0,4}"), 0..4),
    ) {
        let lines = entries.iter().map(|(name, value)| format!("{name} = {value}\n"));
        let text: String = lines.collect();
        let variable = |(key, value): &(String, String)| {
            let name = key.to_uppercase().replace('.', "__");
            (format!("HERALD__{name}"), value.clone())
        };
        let environment: HashMap<_, _> = variables.iter().map(variable).collect();
        let file = Scratch::new("random.toml", text.as_bytes(), 0o600);
        told(Settings::load(Some(&file.0), &environment));
    }
}

#[test]
fn nesting_as_deep_as_anybody_writes_it_is_refused_and_not_followed() {
    for (open, close) in [("[", "]"), ("{ a = ", " }"), ("a.", "")] {
        let deep = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        let text = if close.is_empty() {
            format!("{}b = 1", open.repeat(20_000))
        } else {
            format!("auth = {deep}")
        };
        assert!(!told(Settings::from_toml(&text)).is_empty());
    }
}
