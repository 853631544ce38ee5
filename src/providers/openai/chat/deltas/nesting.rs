//! Whether JSON that comes in pieces is whole.

/// Follows the brackets of JSON as it comes. Text that is no JSON does it no harm.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nesting {
    has_begun: bool,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Nesting {
    /// Takes the next piece.
    pub(super) fn feed(&mut self, piece: &str) {
        for byte in piece.bytes() {
            self.has_begun |= !byte.is_ascii_whitespace();
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_string => self.is_escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether it stands inside a value.
    pub(super) fn is_open(&self) -> bool {
        self.has_begun && (self.depth > 0 || self.in_string)
    }

    /// Whether a value has come and is whole.
    pub(super) fn is_closed(&self) -> bool {
        self.has_begun && !self.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_open_until_its_last_brace_wherever_it_is_cut() {
        let text = r#" {"a":"}\"{","b":[{}],"c":"\\"} "#;
        let end = text.rfind('}').unwrap();
        for cut in 0..=text.len() {
            let mut nesting = Nesting::default();
            nesting.feed(&text[..cut]);
            assert_eq!(nesting.is_open(), (2..=end).contains(&cut), "{cut}");
            assert_eq!(nesting.is_closed(), cut > end, "{cut}");
        }
    }

    #[test]
    fn what_is_no_json_does_no_harm() {
        let mut nesting = Nesting::default();
        nesting.feed("}}]] no json");
        assert!(nesting.is_closed());
    }
}
