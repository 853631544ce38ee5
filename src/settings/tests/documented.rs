//! Holds `docs/settings.md` to `settings/default.toml`, and the examples in the latter to the code.

use std::collections::{BTreeMap, HashMap};

use toml::{Table, Value};

use super::variables;
use crate::settings::Settings;

pub(super) const DEFAULTS: &str = include_str!("../../../settings/default.toml");
const PAGE: &str = include_str!("../../../docs/settings.md");

/// The defaults with the examples in force: the lines behind a `#` without a space.
pub(super) fn with_examples() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example,
        _ => line,
    };
    DEFAULTS.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The keys of a table as the page names them: lists of tables without an index, tables whose names
/// are the admin's own (and inline examples) as one key.
fn keys(prefix: &str, table: &Table, found: &mut BTreeMap<String, Value>) {
    const OWN_NAMES: [&str; 8] = [
        "headers",
        "api_key",
        "key",
        "status",
        "token",
        "labels",
        "password",
        "client_versions",
    ];
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        let items = value.as_array().filter(|_| !prefix.contains('.'));
        match (value, items) {
            (Value::Table(inner), _) if !OWN_NAMES.contains(&name.as_str()) => {
                keys(&format!("{key}."), inner, found);
            }
            (_, Some(items)) if prefix.is_empty() => {
                for item in items {
                    keys(&format!("{key}."), item.as_table().unwrap(), found);
                }
            }
            _ => {
                found.insert(key, value.clone());
            }
        }
    }
}

fn keys_of(toml: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    keys("", &toml.parse().unwrap(), &mut found);
    found
}

/// The rows of the page: key → the cell of the default.
fn rows() -> BTreeMap<&'static str, &'static str> {
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let key = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        assert_eq!(cells.len(), 7, "{line}");
        Some((key, cells[4]))
    };
    PAGE.lines().filter_map(row).collect()
}

/// The lists that are too long for a cell.
fn lists() -> BTreeMap<String, Value> {
    let (_, block) = PAGE.split_once("```toml\n").unwrap();
    keys_of(block.split_once("```").unwrap().0)
}

#[test]
fn the_page_has_every_key_of_the_defaults_and_no_other() {
    let written: Vec<_> = keys_of(&with_examples()).into_keys().collect();
    let mut documented: Vec<_> = rows().into_keys().collect();
    documented.sort_unstable();
    assert_eq!(documented, written);
}

fn in_a_cell(item: &Value) -> String {
    match item {
        Value::String(text) => format!("\"{text}\""),
        number => number.as_integer().unwrap().to_string(),
    }
}

#[test]
fn the_page_tells_the_defaults_as_they_are() {
    let (defaults, lists) = (keys_of(DEFAULTS), lists());
    for (key, cell) in rows() {
        let expected = match defaults.get(key) {
            Some(Value::Array(items)) if items.is_empty() => "empty".to_owned(),
            Some(list @ Value::Array(_)) => match lists.get(key) {
                Some(below) => {
                    assert_eq!(below, list, "{key}");
                    "below".to_owned()
                }
                None => {
                    let items = list.as_array().unwrap();
                    let items: Vec<_> = items.iter().map(in_a_cell).collect();
                    format!("`[{}]`", items.join(", "))
                }
            },
            Some(Value::Table(table)) if table.is_empty() => "empty".to_owned(),
            Some(Value::String(text)) => format!("`\"{text}\"`"),
            Some(Value::Boolean(truth)) => format!("`{truth}`"),
            Some(Value::Float(number)) => format!("`{number}`"),
            Some(value) => format!("`{}`", value.as_integer().unwrap()),
            // Items of lists: the example of a required key, or of one whose default is its absence
            // or the cheapest value of its type.
            None if cell == "–" || cell.starts_with("required") => continue,
            None => {
                let cheapest = ["`false`", "`0`"];
                assert!(cheapest.contains(&cell), "{key}: {cell}");
                continue;
            }
        };
        assert_eq!(cell, expected, "{key}");
    }
}

#[test]
fn the_page_tells_the_ranges_of_the_defaults() {
    let mut above = Vec::new();
    let rows: HashMap<_, _> = PAGE
        .lines()
        .filter_map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            Some((cells.get(1)?.trim_matches('`'), *cells.get(3)?))
        })
        .collect();
    let mut section = "";
    for line in DEFAULTS.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            above.push(comment);
        } else if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            (section, above) = (name, Vec::new());
        } else if let Some((name, _)) = line.split_once(" = ").filter(|_| !section.is_empty()) {
            let comment = std::mem::take(&mut above).join(" ");
            let range = rows.get(format!("{section}.{name}").as_str());
            if let Some(range) = range.filter(|range| range.starts_with(|c: char| c.is_numeric())) {
                let told = comment.contains(range) || *range == "1ms to 24h";
                assert!(told, "{section}.{name}: {range:?} is not in {comment:?}");
            }
        } else {
            above.clear();
        }
    }
}

#[test]
fn the_examples_among_the_defaults_are_accepted() {
    // The roots, the recordings and the certificate are somebody's own files, and TLS is the
    // connector's business.
    const OWN_FILES: [&str; 5] = [
        "ca_file",
        "recordings",
        "[server.tls]",
        "certificate",
        "key ",
    ];
    let text = with_examples()
        .replace("https:", "http:")
        .lines()
        .filter(|line| !OWN_FILES.iter().any(|own| line.starts_with(own)))
        .collect::<Vec<_>>()
        .join("\n");
    let settings = Settings::from_toml(&text).unwrap();
    let secrets = variables(&[
        ("OPENAI_API_KEY", "k"),
        ("AZURE_OPENAI_API_KEY", "k"),
        ("ANTHROPIC_API_KEY", "k"),
        ("NEXT_HERALD_KEY", "k"),
        ("CODY_GATEWAY_KEY", "k"),
        ("HERALD_ADMIN_TOKEN", "0123456789abcdef"),
    ]);
    let settings = settings.verify(&secrets).unwrap();
    let target = settings.models.get("gpt-4.1").unwrap().first_target();
    assert_eq!(target.provider.headers.len(), 1);
    assert_eq!(settings.providers.len(), 6);
}
