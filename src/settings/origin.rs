//! Where each value was written.

use std::{collections::HashMap, fmt, ops::Range, sync::Arc};

use config::{Value, ValueKind};

use super::{
    layers,
    source::{Source, Spans},
};

/// Where a value, or what is wrong with one, was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// In a file. Printed as `path:line:column`.
    File(Place),
    /// In an environment variable. Printed as its name.
    Variable(String),
    /// Nowhere, as with a list that is missing. Printed as nothing.
    #[default]
    Nowhere,
}

/// A place in a file, or in the defaults that are built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was given, `settings` for a text that came without one, or a name that begins
    /// with `built-in`.
    pub file: Arc<str>,
    /// Line, counted from one.
    pub line: usize,
    /// Column in characters, counted from one.
    pub column: usize,
    /// Which of the sources it is, lowest layer first.
    pub(super) source: usize,
    /// Bytes of that source.
    pub(super) span: Range<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => place.fmt(f),
            Self::Variable(name) => f.write_str(name),
            Self::Nowhere => Ok(()),
        }
    }
}

/// What of a setting a diagnostic points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Key,
    Value,
}

/// Where each value came from, so that it can be named long after layering.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    sources: Arc<[Source]>,
    /// Which layer wrote the value at each key.
    writers: HashMap<String, Writer>,
}

#[derive(Clone, Debug)]
enum Writer {
    Source(usize),
    Variable(String),
}

impl Origins {
    pub(super) fn of(root: &Value, sources: Arc<[Source]>) -> Self {
        let mut origins = Self {
            sources,
            writers: HashMap::new(),
        };
        origins.walk("", root);
        origins
    }

    pub(super) fn sources(&self) -> &Arc<[Source]> {
        &self.sources
    }

    fn walk(&mut self, key: &str, value: &Value) {
        match &value.kind {
            ValueKind::Table(table) => {
                for (name, value) in table {
                    self.walk(&join(key, name), value);
                }
            }
            ValueKind::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.walk(&format!("{key}[{index}]"), value);
                }
            }
            _ => {}
        }
        if let Some(writer) = self.writer(key, value.origin()) {
            self.writers.insert(key.to_owned(), writer);
        }
    }

    /// Reads the origin that `config` keeps beside each value: that of a file's value is its place.
    fn writer(&self, key: &str, origin: Option<&str>) -> Option<Writer> {
        if origin == Some(layers::ENVIRONMENT) {
            return Some(Writer::Variable(layers::variable_of(key)));
        }
        let has_it = |source: &Source| {
            let spans = source.spans(key);
            spans.is_some_and(|spans| match origin {
                Some(place) => source.place(0, spans.value.clone()).to_string() == place,
                // Merging leaves tables without an origin: the highest layer that has one is named.
                None => true,
            })
        };
        self.sources.iter().rposition(has_it).map(Writer::Source)
    }

    /// Where the value of this key was written, such as `metadata.allow[3]`, or of the nearest thing
    /// around it.
    #[must_use]
    pub fn find(&self, key: &str) -> Origin {
        self.find_at(key, Anchor::Value)
    }

    /// Whether neither the file nor the environment says anything of this key.
    pub(super) fn is_built_in(&self, key: &str) -> bool {
        matches!(self.find(key), Origin::File(place) if self.sources[place.source].is_built_in())
    }

    pub(super) fn find_at(&self, key: &str, anchor: Anchor) -> Origin {
        let mut around = key;
        loop {
            match self.writers.get(around) {
                Some(Writer::Variable(name)) => return Origin::Variable(name.clone()),
                Some(Writer::Source(source)) => {
                    let text = &self.sources[*source];
                    let Some(spans) = text.spans(around) else {
                        return Origin::Nowhere;
                    };
                    // What is missing has no place of its own: the name of what lacks it has.
                    let by_key = anchor == Anchor::Key || around != key;
                    return Origin::File(text.place(*source, span_of(spans, by_key)));
                }
                None => match (self.variable_within(around), around.rfind(['.', '['])) {
                    (Some(name), _) => return Origin::Variable(name.to_owned()),
                    (None, Some(end)) => around = &around[..end],
                    (None, None) => return Origin::Nowhere,
                },
            }
        }
    }
}

impl Origins {
    /// The variable that wrote something in this table, such as `HERALD__PROVIDERS__0__ID`.
    pub(super) fn variable_within(&self, table: &str) -> Option<&str> {
        let within = self.writers.iter().filter_map(|(key, writer)| {
            let rest = key.strip_prefix(table)?;
            match writer {
                Writer::Variable(name) if rest.starts_with('.') => Some(name.as_str()),
                _ => None,
            }
        });
        within.min()
    }
}

fn span_of(spans: &Spans, by_key: bool) -> Range<usize> {
    match &spans.key {
        Some(key) if by_key => key.clone(),
        _ => spans.value.clone(),
    }
}

/// Joins two parts of a key's path.
pub(super) fn join(outer: &str, inner: &str) -> String {
    if outer.is_empty() || inner.is_empty() || inner.starts_with('[') {
        format!("{outer}{inner}")
    } else {
        format!("{outer}.{inner}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::layers::Written;

    fn origins(text: &str, variables: &[(&str, &str)]) -> Origins {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = variables.iter().map(owned).collect();
        let name = "settings";
        let merged = layers::merge(Some(Written { name, text }), &environment);
        Origins::of(&merged.root, merged.sources)
    }

    #[test]
    fn each_key_is_found_in_the_layer_that_wrote_it_last() {
        let origins = origins(
            "[clocks]\nidle = \"90s\"\nhead = \"80s\"\n[metadata]\nallow = [\"x-a\"]\n",
            &[
                ("HERALD__CLOCKS__IDLE", "70s"),
                ("HERALD__LOG__FILTER", "info"),
            ],
        );
        for (key, origin) in [
            ("clocks.idle", "HERALD__CLOCKS__IDLE"),
            ("clocks.head", "settings:3:8"),
            ("clocks", "settings:1:1"),
            ("metadata.allow", "settings:5:9"),
            ("metadata.allow[0]", "settings:5:10"),
            ("log.filter", "HERALD__LOG__FILTER"),
        ] {
            assert_eq!(origins.find(key).to_string(), origin, "{key}");
        }
        for built_in in [
            "clocks.total",
            "stream",
            "stream.queue_events",
            "models[0].id",
        ] {
            assert!(origins.is_built_in(built_in), "{built_in}");
        }
        assert!(!origins.is_built_in("clocks.idle") && !origins.is_built_in("metadata.allow"));
        assert_eq!(origins.find("auth"), Origin::Nowhere);
    }

    #[test]
    fn what_is_missing_is_found_at_the_name_of_what_lacks_it() {
        let origins = origins(
            "[[keys]]\nid = \"a\"\n[[models]]\nid = \"m\"\ntargets = [{ provider = \"p\" }]\n",
            &[],
        );
        for (key, origin) in [
            ("keys[0].sha256", "settings:1:1"),
            ("models[0].targets[0].model", "settings:5:12"),
            ("models[0].targets[7].model", "settings:5:1"),
            ("models[0].filter.drop[0]", "settings:3:1"),
        ] {
            assert_eq!(origins.find(key).to_string(), origin, "{key}");
        }
        assert_eq!(origins.find("providers[0]"), Origin::Nowhere);
    }

    #[test]
    fn a_name_is_pointed_at_where_it_is_what_is_wrong() {
        let origins = origins("[log]\nfliter = \"info\"\n", &[]);
        let at = |anchor| origins.find_at("log.fliter", anchor).to_string();
        assert_eq!(at(Anchor::Key), "settings:2:1");
        assert_eq!(at(Anchor::Value), "settings:2:10");
    }

    #[test]
    fn a_table_that_only_variables_wrote_is_found_at_the_first_of_them() {
        let origins = origins(
            "",
            &[("HERALD__SEVRER__B", "1"), ("HERALD__SEVRER__A", "1")],
        );
        assert_eq!(origins.find("sevrer").to_string(), "HERALD__SEVRER__A");
    }
}
