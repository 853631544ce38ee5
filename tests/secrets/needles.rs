//! What was planted, and every form in which it could stand somewhere.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

/// A secret, findable in whatever form it was written.
pub(crate) struct Needle {
    pub(crate) secret: String,
    forms: Vec<(&'static str, String)>,
}

impl Needle {
    pub(crate) fn new(secret: impl Into<String>) -> Self {
        let secret = secret.into();
        let bytes = secret.as_bytes();
        let each = |write: fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect();
        let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
        let mut forms = vec![
            ("as it is", secret.clone()),
            ("as JSON", secret.replace('/', "\\/")),
            ("as code points", each(|byte| format!("\\u{byte:04x}"))),
            ("in hexadecimal", hex::encode(bytes)),
            ("percent-encoded", percent(bytes)),
            ("as a list of bytes", numbers.join(", ")),
        ];
        // In base64 it depends on what stands before it; the ends belong to its neighbours too.
        for before in 0..3 {
            let text = STANDARD_NO_PAD.encode([&vec![0; before], bytes].concat());
            let whole = (before * 4).div_ceil(3)..text.len() - 1;
            forms.push(("in base64", text[whole].to_owned()));
        }
        Self { secret, forms }
    }

    /// In which form it stands there, if it does. The cases of hexadecimal and of percent signs are one.
    pub(crate) fn found_in(&self, text: &str) -> Option<&'static str> {
        let lower = text.to_lowercase();
        let mut forms = self.forms.iter();
        let found =
            forms.find(|(_, form)| text.contains(form) || lower.contains(&form.to_lowercase()));
        found.map(|(name, _)| *name)
    }
}

fn percent(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(*byte as char);
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[test]
fn a_needle_is_found_in_every_form_and_in_no_other_text() {
    let needle = Needle::new("planted/key+1");
    for text in [
        "x planted/key+1 x",
        r#"{"a":"planted\/key+1"}"#,
        r"\u0070\u006c\u0061\u006E\u0074\u0065\u0064\u002f\u006b\u0065\u0079\u002b\u0031",
        "706C616E7465642f6b65792b31",
        "?q=planted%2fkey%2B1",
        "[112, 108, 97, 110, 116, 101, 100, 47, 107, 101, 121, 43, 49]",
        &STANDARD_NO_PAD.encode("planted/key+1"),
        &STANDARD_NO_PAD.encode("u:planted/key+1 and more"),
        &STANDARD_NO_PAD.encode("p:hplanted/key+1"),
    ] {
        assert!(needle.found_in(text).is_some(), "{text}");
    }
    assert!(needle.found_in("planted, another key").is_none());
}
