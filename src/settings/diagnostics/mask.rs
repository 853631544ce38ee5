//! The text of a source as it may be shown: what may be a secret is covered.

use std::ops::Range;

use crate::{
    metadata::clean_text::known_keys,
    settings::{
        schema::{self, Place},
        secrets::looks_like_a_variable,
        source::Source,
    },
};

/// A text of the same bytes' length as its source, with asterisks over everything that is not known
/// to be harmless.
///
/// Shown are the words that Herald's settings are made of, the values behind keys that hold no
/// secret, and, in a text that is TOML, the names of unknown keys. Comments are covered: an old key
/// may stand in one. So is whatever looks like a key, wherever it stands.
pub(super) struct Masked {
    text: Vec<u8>,
}

impl Masked {
    pub(super) fn of(source: &Source) -> Self {
        let covered = source.text().bytes().map(|byte| match byte {
            layout if is_layout(layout) => layout,
            _ => b'*',
        });
        let mut masked = Self {
            text: covered.collect(),
        };
        for word in names(source.text()) {
            masked.show(source, word);
        }
        for (key, spans) in source.entries() {
            let place = schema::place(key);
            if let Some(name) = &spans.key
                && (place.is_known() || (place == Place::Unknown && source.is_whole()))
            {
                masked.show(source, name.clone());
            }
            if place == Place::Plain {
                masked.show_value(source, key, spans.value.clone());
            }
        }
        for (_, name) in source.strangers().iter().filter(|_| source.is_whole()) {
            masked.show(source, name.clone());
        }
        for secret in known_keys(source.text()) {
            masked.text[secret].fill(b'*');
        }
        masked
    }

    /// The text, without control characters that could act on a terminal.
    pub(super) fn into_text(self) -> String {
        let text =
            String::from_utf8(self.text).expect("whole words of a text, and ASCII between them");
        let mut rest = text.chars().peekable();
        let mut harmless = String::with_capacity(text.len());
        while let Some(c) = rest.next() {
            match c {
                '\n' | '\t' => harmless.push(c),
                '\r' if rest.peek() == Some(&'\n') => harmless.push(c),
                c if c.is_control() => harmless.extend(std::iter::repeat_n(' ', c.len_utf8())),
                c => harmless.push(c),
            }
        }
        harmless
    }

    /// Values that are no table and no list; the items of those have spans of their own.
    fn show_value(&mut self, source: &Source, key: &str, span: Range<usize>) {
        let text = &source.text()[span.clone()];
        let value = text.trim_matches(['"', '\'']);
        let shown = match key.rsplit(['.', '[']).next() {
            _ if text.starts_with(['[', '{']) => 0,
            // The quotes that end it were forgotten: it holds what was to stand behind it.
            _ if text.contains('\n') || !is_closed(text) => 0,
            // What stands before it, in a URL, is a name and a password.
            _ if value.find('@').is_some_and(|at| at > 0) => 0,
            // The secret itself may stand where its place should.
            Some("env") if !looks_like_a_variable(value) => 0,
            Some("file") if !value.starts_with(['/', '.']) => 0,
            // A URL may carry a token behind it.
            _ => text.find(['?', '#']).unwrap_or(text.len()),
        };
        self.show(source, span.start..span.start + shown);
    }

    fn show(&mut self, source: &Source, span: Range<usize>) {
        self.text[span.clone()].copy_from_slice(&source.text().as_bytes()[span]);
    }
}

/// A text that repeats what someone wrote, with asterisks over what looks like a key, and with
/// control characters written out.
pub(super) fn harmless(text: &str) -> String {
    let mut text = text.to_owned();
    for secret in known_keys(&text).into_iter().rev() {
        let asterisks = "*".repeat(secret.len());
        text.replace_range(secret, &asterisks);
    }
    if text.contains(char::is_control) {
        let written_out = |c: char| match c {
            c if c.is_control() => c.escape_default().to_string(),
            c => c.to_string(),
        };
        text = text.chars().map(written_out).collect();
    }
    text
}

/// Whether a value that begins with quotes ends with them.
fn is_closed(value: &str) -> bool {
    let quotes = ['"', '\''];
    !value.starts_with(quotes) || (value.len() > 1 && value.ends_with(&value[..1]))
}

/// What gives a text its shape and no meaning.
fn is_layout(byte: u8) -> bool {
    b" \t\r\n[]{}=:,\"'#.".contains(&byte)
}

/// The names of settings where a name can stand.
///
/// The parser keeps the place of a name only where it first comes, and none in what it could not
/// read. A colon is for those who write YAML or JSON.
fn names(text: &str) -> impl Iterator<Item = Range<usize>> {
    words(text).filter(|word| {
        let before = text[..word.start].chars().next_back().unwrap_or('\n');
        let indent = text[..word.start].trim_end_matches([' ', '\t']);
        let is_first = indent.is_empty() || indent.ends_with('\n');
        let behind = text[word.end..].trim_start_matches(['"', '\'']);
        let behind = behind.trim_start_matches([' ', '\t']);
        " \t\n[{,.\"'".contains(before)
            && (is_first || before == '[' || behind.starts_with(['=', '.', ']', ':']))
            && schema::is_a_name(&text[word.clone()])
    })
}

/// Runs of what bare keys are made of.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let mut rest = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        let start = rest + bytes[rest..].iter().position(is_word)?;
        let length = bytes[start..].iter().position(|byte| !is_word(byte));
        let end = length.map_or(bytes.len(), |length| start + length);
        rest = end;
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let shown = Masked::of(&Source::parse("settings", text).0).into_text();
        assert_eq!(shown.len(), text.len());
        shown
    }

    #[test]
    fn what_herald_knows_to_be_harmless_is_shown() {
        for shown in [
            "auth = \"none\"",
            "[server]\r\n\tlisten = \"127.0.0.1:8080\"\r\n  workers = 4",
            "[[providers]]\nid = \"a\"\nmetadata.allow = [\"x-*\"]\nmetadata.request_allow = []",
            "[[providers]]\n[[providers]]\n[providers.metadata.status]\n\"5xx\" = 502",
            "[[providers]]\nbase_url = \"https://acme.test:8443/v1\"",
            "[[providers]]\napi_key = { env = \"ACME_KEY\" }",
            "[[providers]]\napi_key = { file = \"/run/secrets/acme\" }",
            "[[models]]\nid = \"größer/日本\"\ntargets = [{ provider = \"p\", model = \"@cf/m\" }]",
        ] {
            assert_eq!(masked(shown), shown);
        }
    }

    #[test]
    fn what_may_be_a_secret_is_covered() {
        for (text, shown) in [
            (
                "# hunter2\nauth = 1 # hunter2",
                "# *******\nauth = 1 # *******",
            ),
            ("passwort = \"hunter2\"", "passwort = \"*******\""),
            ("passwort = { a = [7] }", "passwort = { a = [*] }"),
            (
                "log.filter = '''\nhunter2\n'''",
                "log.filter = '''\n*******\n'''",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
        for (entry, shown) in [
            ("api_key = \"hunter2\"", "api_key = \"*******\""),
            ("api_key = { hunter2 = 1 }", "api_key = { ******* = * }"),
            (
                "api_key = { env = \"hunter2\" }",
                "api_key = { env = \"*******\" }",
            ),
            (
                "api_key = { file = \"hunter2\" }",
                "api_key = { file = \"*******\" }",
            ),
            (
                "headers = { x = \"hunter2\" }",
                "headers = { x = \"*******\" }",
            ),
            (
                "base_url = \"https://a:hunter2@b\"",
                "base_url = \"*****:***:*********\"",
            ),
            ("base_url = \"b/c?hunter2\"", "base_url = \"b/c********\""),
        ] {
            let in_list = |entry| format!("providers = [{{ {entry} }}]");
            assert_eq!(masked(&in_list(entry)), in_list(shown));
        }
        let shown = "keys = [{ sha256 = \"*******\" }]";
        assert_eq!(masked("keys = [{ sha256 = \"hunter2\" }]"), shown);
    }

    #[test]
    fn of_what_is_no_toml_only_our_names_and_whole_values_are_shown() {
        for (text, shown) in [
            ("hunter2", "*******"),
            ("hunter2 = 1", "******* = *"),
            ("[keys]]\nid = a", "[keys]]\nid = *"),
            ("[log\n  filter hunter2", "[log\n  filter *******"),
            ("auth = \"none # hunter2", "auth = \"**** # *******"),
            ("server:\n  listen: hunter2", "server:\n  listen: *******"),
            ("{ \"log\": \"hunter2\" }", "{ \"log\": \"*******\" }"),
        ] {
            // One broken line makes the whole no TOML.
            let broken = |text| format!("{text}\n=");
            assert_eq!(masked(&broken(text)), broken(shown));
        }
    }

    #[test]
    fn what_looks_like_a_key_is_covered_wherever_it_stands() {
        let key = "sk-proj-4f3a9c2e7b1d8056Qq4f3a9c2e7b1d8056";
        for text in [
            "auth = \"KEY\"",
            "KEY = 1",
            "[KEY]",
            "models = [{ id = \"KEY\" }]",
        ] {
            let text = text.replace("KEY", key);
            assert!(!masked(&text).contains(key), "{text}");
        }
        assert!(!harmless(&format!("{key:?} is no provider")).contains(key));
    }

    #[test]
    fn nothing_is_left_that_would_act_on_a_terminal() {
        let shown = masked("auth = 'a\u{1b}[31m\u{85}b\rc'\r\n");
        assert!(!shown.contains(['\u{1b}', '\u{85}']), "{shown:?}");
        assert_eq!(shown.matches('\r').count(), 1, "{shown:?}");
        assert_eq!(harmless("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(harmless("größer \"日本\""), "größer \"日本\"");
    }
}
