//! One TOML text with the place of everything in it, as a source for `config`.
//!
//! `config`'s own parser forgets where a value stood. This one gives each value its place,
//! `path:line:column`, as the origin that `config` carries along, and keeps the spans of keys and
//! values beside.

use std::{collections::HashMap, fmt, ops::Range, sync::Arc};

use config::{ConfigError, Map, Value, ValueKind};
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::origin::{Place, join};

/// What the names of the texts inside the program begin with.
pub(super) const BUILT_IN: &str = "built-in ";

/// A parsed text.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) name: Arc<str>,
    text: Arc<str>,
    /// Where each line begins, in bytes.
    lines: Arc<[usize]>,
    spans: HashMap<String, Spans>,
    values: Map<String, Value>,
    strangers: Vec<(String, Range<usize>)>,
    is_whole: bool,
}

/// Where an entry stands, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    /// Its name; items of lists have none.
    pub(super) key: Option<Range<usize>>,
    /// Its value; of a table with a header, that header.
    pub(super) value: Range<usize>,
}

/// What is wrong with a text before it says anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) span: Range<usize>,
    pub(super) reason: String,
    /// What could stand there.
    pub(super) expected: Option<String>,
}

impl Source {
    /// Parses a text as far as it can be. `name` is what diagnostics call it.
    ///
    /// Of each line only the first mistake is told: the others follow from it.
    pub(super) fn parse(name: &str, text: &str) -> (Self, Vec<SyntaxError>) {
        // A byte order mark is no character of the first line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        let mut source = Self {
            name: name.into(),
            text: text.into(),
            lines: std::iter::once(0).chain(ends).collect(),
            spans: HashMap::new(),
            values: Map::new(),
            strangers: Vec::new(),
            is_whole: true,
        };
        let (table, found) = DeTable::parse_recoverable(text);
        let mut errors: Vec<_> = found.iter().map(SyntaxError::from).collect();
        errors.sort_by_key(|error| error.span.start);
        errors.dedup_by_key(|error| source.line_and_column(error.span.start).0);
        source.is_whole = errors.is_empty();
        source.values = Reader(&mut source).table("", table.get_ref());
        (source, errors)
    }

    /// Whether it is one of the texts inside the program.
    pub(super) fn is_built_in(&self) -> bool {
        self.name.starts_with(BUILT_IN)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text was parsed without an error.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(super) fn spans(&self, key: &str) -> Option<&Spans> {
        self.spans.get(key)
    }

    /// Names at the root that `config` would take for a path into what is there, such as `"keys[0]"`.
    /// They are none of ours and are left out of the values.
    pub(super) fn strangers(&self) -> &[(String, Range<usize>)] {
        &self.strangers
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Spans)> {
        self.spans.iter().map(|(key, spans)| (key.as_str(), spans))
    }

    /// The place of a span; `index` says which of the sources this is.
    pub(super) fn place(&self, index: usize, span: Range<usize>) -> Place {
        let (line, column) = self.line_and_column(span.start);
        Place {
            file: Arc::clone(&self.name),
            line,
            column,
            source: index,
            span,
        }
    }

    /// The bytes of a line, counted from one, its end among them.
    pub(super) fn line(&self, number: usize) -> Option<Range<usize>> {
        let start = *self.lines.get(number.checked_sub(1)?)?;
        let end = self.lines.get(number).copied();
        Some(start..end.unwrap_or(self.text.len()))
    }

    /// Line and column, counted from one, the column in characters.
    pub(super) fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines[line - 1];
        let before = self.text.get(start..byte).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// Turns the parser's tree into `config`'s, and notes each place on the way.
struct Reader<'a>(&'a mut Source);

impl Reader<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) -> Map<String, Value> {
        let mut read = Map::new();
        for (name, value) in table {
            let key = join(path, name.get_ref());
            let kept = name.get_ref().to_string();
            let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
            if path.is_empty() && (kept.is_empty() || !kept.chars().all(is_plain)) {
                self.0.strangers.push((kept, name.span()));
                continue;
            }
            let value = self.value(&key, Some(name.span()), value);
            read.insert(kept, value);
        }
        read
    }

    fn value(
        &mut self,
        path: &str,
        key: Option<Range<usize>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Value {
        let span = value.span();
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Boolean(truth) => ValueKind::Boolean(*truth),
            DeValue::Integer(number) => whole_number(number),
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map_or(ValueKind::Nil, ValueKind::Float),
            // No setting is a date, so it only has to be something that fits nowhere.
            DeValue::Datetime(_) => ValueKind::Nil,
            DeValue::Array(items) => {
                let item = |(index, item)| self.value(&format!("{path}[{index}]"), None, item);
                ValueKind::Array(items.iter().enumerate().map(item).collect())
            }
            DeValue::Table(table) => ValueKind::Table(self.table(path, table)),
        };
        let place = self.0.place(0, span.clone()).to_string();
        let spans = Spans { key, value: span };
        self.0.spans.insert(path.to_owned(), spans);
        Value::new(Some(&place), kind)
    }
}

/// What does not fit in 64 bits is kept as far as it can be, to be told that it is too large.
fn whole_number(number: &DeInteger<'_>) -> ValueKind {
    let (digits, radix) = (number.as_str(), number.radix());
    i64::from_str_radix(digits, radix).map_or_else(
        |_| i128::from_str_radix(digits, radix).map_or(ValueKind::Nil, ValueKind::I128),
        ValueKind::I64,
    )
}

impl From<&toml::de::Error> for SyntaxError {
    /// The parser says what is wrong, and often what it expected in its place.
    fn from(error: &toml::de::Error) -> Self {
        let (reason, expected) = match error.message().split_once(", expected ") {
            // Of the quotes that are missing, it proposes the rarer ones.
            Some((reason, "nothing" | "literal string")) => (reason, None),
            Some((reason, expected)) => (reason, Some(format!("expected {expected}"))),
            None => (error.message(), None),
        };
        Self {
            span: error.span().unwrap_or(0..0),
            reason: reason.to_owned(),
            expected,
        }
    }
}

/// Leaves out the text and the values: a misplaced secret may be among them.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name).finish()
    }
}

impl config::Source for Source {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.values.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Source {
        let (source, errors) = Source::parse("settings", text);
        assert_eq!(errors, []);
        source
    }

    /// The texts of a key's name and value.
    fn texts<'s>(source: &'s Source, key: &str) -> (Option<&'s str>, &'s str) {
        let spans = source.spans(key).unwrap_or_else(|| panic!("no {key}"));
        let name = spans.key.clone().map(|span| &source.text()[span]);
        (name, &source.text()[spans.value.clone()])
    }

    #[test]
    fn keys_and_values_are_found_where_they_stand() {
        let source = parsed(
            "auth = \"none\" # who\n[log]\n  filter = 'info'\n[\"metadata\".status]\n\"5xx\" = 502\n",
        );
        for (key, name, value) in [
            ("auth", "auth", "\"none\""),
            ("log", "log", "[log]"),
            ("log.filter", "filter", "'info'"),
            ("metadata.status", "status", "[\"metadata\".status]"),
            ("metadata.status.5xx", "\"5xx\"", "502"),
        ] {
            assert_eq!(texts(&source, key), (Some(name), value), "{key}");
        }
        assert!(source.spans("log.format").is_none());
    }

    #[test]
    fn items_tables_in_a_line_and_dotted_keys_are_found_too() {
        let source = parsed(
            "providers = [{ id = \"p\", metadata.allow = [\"x-a\", { name = \"x-b\" }] }]\n\
             [[keys]]\nid = \"a\"\n[[keys]]\nid = \"b\"\n[stream]\nqueue . bytes = 1\n",
        );
        let allow = "providers[0].metadata.allow";
        for (key, name, value) in [
            ("providers[0].id", Some("id"), "\"p\""),
            (allow, Some("allow"), "[\"x-a\", { name = \"x-b\" }]"),
            (&format!("{allow}[0]"), None, "\"x-a\""),
            (&format!("{allow}[1]"), None, "{ name = \"x-b\" }"),
            (&format!("{allow}[1].name"), Some("name"), "\"x-b\""),
            ("keys[0]", None, "[[keys]]"),
            ("keys[1]", None, "[[keys]]"),
            ("keys[1].id", Some("id"), "\"b\""),
            ("stream.queue.bytes", Some("bytes"), "1"),
        ] {
            assert_eq!(texts(&source, key), (name, value), "{key}");
        }
        let header = |key| source.spans(key).unwrap().value.start;
        assert!(header("keys[0]") < header("keys[1]"));
    }

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let source = parsed("a = 'ä'\r\n\tb = '日本🦀' # ö\n\nc = 1");
        for (text, place) in [
            ("a", (1, 1)),
            ("\r", (1, 8)),
            ("\n", (1, 9)),
            ("\t", (2, 1)),
            ("b", (2, 2)),
            ("本", (2, 8)),
            ("# ö", (2, 12)),
            ("c", (4, 1)),
        ] {
            let byte = source.text().find(text).unwrap();
            assert_eq!(source.line_and_column(byte), place, "{text:?}");
        }
        let end = source.text().len();
        assert_eq!(source.line_and_column(end), (4, 6));
        let second = source.line(2).map(|line| &source.text()[line]);
        assert_eq!(second, Some("\tb = '日本🦀' # ö\n"));
        assert_eq!(source.line(4), Some(end - 5..end));
        assert_eq!((source.line(0), source.line(5)), (None, None));
    }

    #[test]
    fn a_text_of_nothing_has_a_first_line() {
        for text in ["", "\u{feff}"] {
            let source = parsed(text);
            assert_eq!(source.line_and_column(0), (1, 1));
            assert_eq!(source.line(1), Some(0..0));
        }
    }

    #[test]
    fn of_each_line_the_first_mistake_is_told() {
        let (source, errors) = Source::parse("settings", "b = c d e\na: 1\n[f\n");
        let lines = errors
            .iter()
            .map(|error| source.line_and_column(error.span.start).0);
        assert_eq!(lines.collect::<Vec<_>>(), [1, 2, 3]);
        assert!(!source.is_whole());
    }

    #[test]
    fn numbers_keep_their_size_and_dates_are_nothing() {
        let source = parsed("a = 1\nb = 0x8000000000000000\nc = -1e3\nd = 1979-05-27\n");
        for (key, kind) in [
            ("a", ValueKind::I64(1)),
            ("b", ValueKind::I128(1 << 63)),
            ("c", ValueKind::Float(-1000.0)),
            ("d", ValueKind::Nil),
        ] {
            assert_eq!(source.values[key].kind, kind, "{key}");
        }
    }

    #[test]
    fn names_that_config_would_take_for_paths_are_kept_apart() {
        let text = "\"keys[0]\" = 1\n\"a.b\" = 2\n\"\" = 3\n\"ä\" = 4\n[c]\n\"d.e\" = 5\n";
        let source = parsed(text);
        let strangers = source.strangers().iter().map(|(name, _)| &name[..]);
        let mut strangers: Vec<_> = strangers.collect();
        strangers.sort_unstable();
        assert_eq!(strangers, ["", "a.b", "keys[0]"]);
        assert!(source.values.contains_key("ä") && source.values.contains_key("c"));
        assert_eq!(texts(&source, "c.d.e").1, "5");
    }

    #[test]
    fn the_debug_form_holds_nothing_of_the_text() {
        let source = parsed("a = 'hunter2'");
        assert_eq!(format!("{source:?}"), "Source(\"settings\")");
    }
}
