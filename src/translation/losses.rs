//! What could not be carried from one side to the other.

use std::fmt::{self, Write};

/// Most names that are kept; what is lost beyond them is only told of as more.
const MOST: usize = 32;
/// Longest name that is kept, in bytes. It may be a word of the client's.
const LONGEST: usize = 64;

/// The names of what was lost, each once, in the order in which it was met.
///
/// A name is the path of a member without the places in lists, such as
/// `messages.content.cache_control`, or a word that docs/providers.md explains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    names: Vec<String>,
    has_more: bool,
}

impl Losses {
    /// Notes that something was lost. What is no visible ASCII in its name, or has a meaning in a
    /// list, is percent-encoded.
    pub fn add(&mut self, name: &str) {
        // A stream may lose the same with each of its events.
        if !name.contains('%') && self.names.iter().any(|known| known == name) {
            return;
        }
        let name = if name.is_empty() { "(empty)" } else { name };
        let mut shown = String::with_capacity(name.len().min(LONGEST));
        for byte in name.bytes() {
            if shown.len() >= LONGEST {
                break;
            }
            if byte.is_ascii_graphic() && !matches!(byte, b',' | b'%' | b'"' | b'\\') {
                shown.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(shown, "%{byte:02X}");
            }
        }
        self.keep(shown);
    }

    /// Notes all that `others` noted.
    pub fn join(&mut self, others: &Self) {
        for name in &others.names {
            self.keep(name.clone());
        }
        self.has_more |= others.has_more;
    }

    /// Notes what another Herald wrote in `x-herald-dropped`; what it cannot have written is left out.
    pub fn read(&mut self, written: &str) {
        let is_written = |name: &str| {
            // The last byte of a name may have become three.
            (1..=LONGEST + 2).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
        };
        for name in written.split(',').map(str::trim) {
            match name {
                "..." => self.has_more = true,
                name if is_written(name) => self.keep(name.to_owned()),
                _ => {}
            }
        }
    }

    fn keep(&mut self, name: String) {
        if self.names.contains(&name) {
            return;
        }
        if self.names.len() < MOST {
            self.names.push(name);
        } else {
            self.has_more = true;
        }
    }

    /// Whether nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, 32 at most.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// The names as a list with commas; `…` of ASCII dots at its end where there were more.
impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join(", "))?;
        if self.has_more {
            f.write_str(", ...")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_told_once_and_fit_for_a_header() {
        let mut losses = Losses::default();
        for name in ["top_k", "a,b", "top_k", "zwölf", "line\nend", ""] {
            losses.add(name);
        }
        assert_eq!(
            losses.to_string(),
            "top_k, a%2Cb, zw%C3%B6lf, line%0Aend, (empty)"
        );
    }

    #[test]
    fn names_and_their_length_are_bounded() {
        let mut losses = Losses::default();
        for number in 0..40 {
            losses.add(&format!("{number}{}", "x".repeat(100)));
        }
        assert_eq!(losses.names().len(), MOST);
        assert!(losses.names().iter().all(|name| name.len() <= LONGEST));
        assert!(losses.to_string().ends_with(", ..."));
    }

    #[test]
    fn what_another_herald_wrote_is_read_back_and_nothing_else() {
        let mut losses = Losses::default();
        losses.read("top_k, a%2Cb, ..., \"odd\", top_k,,");
        losses.read(&"x".repeat(200));
        assert_eq!(losses.to_string(), "top_k, a%2Cb, ...");
    }

    #[test]
    fn joined_losses_are_those_of_both_once() {
        let (mut losses, mut others) = (Losses::default(), Losses::default());
        losses.add("a");
        others.add("a");
        others.add("b");
        losses.join(&others);
        assert_eq!(losses.names(), ["a", "b"]);
    }
}
