//! Finds a secret that is known, however it is written.

use std::ops::Range;

/// Where `secret`, visible ASCII and not empty, stands in `text`: in any case, and with any of its
/// characters escaped as JSON (`\/`, `\u002b`) or URLs (`%2B`) escape them.
pub(super) fn places(text: &[u8], secret: &[u8]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match spelled(&text[at..], secret) {
            Some(length) => {
                places.push(at..at + length);
                at += length;
            }
            None => at += 1,
        }
    }
    places
}

/// How many bytes at the front of `text` spell `secret`, if they do.
fn spelled(text: &[u8], secret: &[u8]) -> Option<usize> {
    let mut at = 0;
    for wanted in secret {
        let rest = &text[at..];
        let is_itself = rest.first()?.eq_ignore_ascii_case(wanted);
        let (byte, length) = if is_itself {
            (*wanted, 1)
        } else {
            unescaped(rest)?
        };
        if !byte.eq_ignore_ascii_case(wanted) {
            return None;
        }
        at += length;
    }
    Some(at)
}

/// The character that an escape stands for, and how long the escape is.
fn unescaped(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', high, low, ..] | [b'\\', b'u' | b'U', b'0', b'0', high, low, ..] => {
            let digits = [*high, *low];
            let byte = u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?;
            Some((byte, if text[0] == b'%' { 3 } else { 6 }))
        }
        [b'\\', byte, ..] => Some((*byte, 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_every_case_and_escape() {
        let key = b"Ab/c+d\"e-1";
        for (text, place) in [
            ("Ab/c+d\"e-1", 0..10),
            ("<ab/C+D\"E-1>", 1..11),
            (r#"..Ab\/c+d\"e-1"#, 2..14),
            (r"\u0041b\u002fc\u002Bd\u0022e-1", 0..30),
            ("x=Ab%2Fc%2bd%22e%2D1&y", 2..20),
        ] {
            assert_eq!(places(text.as_bytes(), key), [place], "{text}");
        }
    }

    #[test]
    fn every_place_is_found_and_a_part_of_a_key_is_none() {
        assert_eq!(places(b"abab ab aab", b"ab"), [0..2, 2..4, 5..7, 9..11]);
        assert!(places(b"secre secret-", b"secret-1").is_empty());
        assert!(places(b"%4", b"AB").is_empty());
        assert!(places(b"\\", b"AB").is_empty());
    }
}
