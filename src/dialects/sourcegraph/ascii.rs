//! JSON in ASCII alone: Cody's autocomplete reads each chunk of the network by itself, and a chunk may
//! end anywhere, also inside of a character of several bytes.

use std::io;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

/// One line of JSON, each character beyond ASCII as `\uXXXX` (RFC 8259 section 7).
pub(super) fn to_string(value: &impl Serialize) -> String {
    let mut text = Vec::with_capacity(128);
    let mut serializer = Serializer::with_formatter(&mut text, Ascii);
    value
        .serialize(&mut serializer)
        .expect("strings and numbers always serialise");
    String::from_utf8(text).expect("what is ASCII is UTF-8")
}

/// Adds a text as it stands between the quotes of a JSON string.
pub(super) fn push(json: &mut String, text: &str) {
    let quoted = to_string(&text);
    json.push_str(&quoted[1..quoted.len() - 1]);
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|char: char| !char.is_ascii()) {
            let (plain, strange) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = strange.chars();
            for unit in chars
                .next()
                .into_iter()
                .flat_map(|char| char.encode_utf16(&mut [0; 2]).to_vec())
            {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_ascii_on_one_line_and_reads_as_what_was_meant() {
        for text in [
            "",
            "plain",
            "zwölf",
            "a\n\"b\"\u{7f}\0",
            "🦀x漢",
            "\u{2028}",
        ] {
            let json = to_string(&text);
            assert!(
                json.bytes().all(|byte| (0x20..0x80).contains(&byte)),
                "{json}"
            );
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
        assert_eq!(to_string(&"ö🦀"), r#""\u00f6\ud83e\udd80""#);
    }

    #[test]
    fn pieces_that_are_pushed_come_to_the_whole() {
        let mut json = String::from("\"");
        for piece in ["a\"", "ö", "", "\n"] {
            push(&mut json, piece);
        }
        json.push('"');
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), "a\"ö\n");
    }
}
