//! JSON edited by splicing the original bytes, so that what is not touched stays as it was written.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of one JSON object in the order they stand, each value still unparsed.
///
/// One pass checks the syntax of the whole text; values are only delimited, never built, so a
/// megabyte of prompt costs a scan and no copy.
#[derive(Debug)]
pub struct RawObject<'a> {
    text: &'a str,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> RawObject<'a> {
    /// Reads `text`, which must be one JSON object with nothing after it.
    ///
    /// # Errors
    /// The syntax error with its line and column, or "invalid type" where the text is no object.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let Members(members) = serde_json::from_str(text)?;
        Ok(Self { text, members })
    }

    /// The value of the last member of that name: the one that most JSON readers take.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut backwards = self.members.iter().rev();
        backwards
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// The values of all members of that name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a RawValue> {
        let named = self.members.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| *value)
    }

    /// Whether several members bear that name: readers differ on which of them counts.
    #[must_use]
    pub fn is_ambiguous(&self, name: &str) -> bool {
        self.members.iter().filter(|(key, _)| key == name).count() > 1
    }

    /// Its members in the order they stand; one that is repeated stands there each time.
    #[must_use]
    pub fn into_members(self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        self.members
    }

    /// Whether it has no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Where a value of this object stands in its text, in bytes.
    #[must_use]
    pub fn span(&self, value: &RawValue) -> Range<usize> {
        span_in(self.text, value.get())
    }

    /// Just behind the opening brace, where a first member may be inserted; in bytes.
    #[must_use]
    pub fn start(&self) -> usize {
        self.text.find('{').map_or(0, |brace| brace + 1)
    }

    /// The ranges to cut so that the members `names` are gone and the rest is still valid JSON.
    #[must_use]
    pub fn removals(&self, names: &[&str]) -> Vec<Range<usize>> {
        let mut cuts = Vec::new();
        let mut previous_end = self.start();
        let mut is_first_kept = true;
        for (index, (key, value)) in self.members.iter().enumerate() {
            let end = self.span(value).end;
            if names.contains(&key.as_ref()) {
                // The range begins where the member before ends, so the comma between goes too.
                cuts.push(previous_end..end);
            } else {
                if is_first_kept && index > 0 {
                    let comma = self.text[previous_end..].find(',').map_or(0, |at| at + 1);
                    cuts.push(previous_end..previous_end + comma);
                }
                is_first_kept = false;
            }
            previous_end = end;
        }
        cuts
    }
}

/// Where `part`, a slice of `whole`, begins and ends in it, in bytes.
#[must_use]
pub fn span_in(whole: &str, part: &str) -> Range<usize> {
    let begin = part.as_ptr() as usize - whole.as_ptr() as usize;
    begin..begin + part.len()
}

/// `text` without the ranges `cuts`, which must be in order and apart.
#[must_use]
pub fn cut(text: &str, cuts: &[Range<usize>]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    for range in cuts {
        rest.push_str(&text[from..range.start]);
        from = range.end;
    }
    rest.push_str(&text[from..]);
    rest
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A member's name: borrowed where it holds no escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str, names: &[&str]) -> String {
        let object = RawObject::parse(text).unwrap();
        cut(text, &object.removals(names))
    }

    #[test]
    fn removals_leave_valid_json_wherever_the_member_stands() {
        for (text, names, expected) in [
            (r#"{"a":1,"b":2,"c":3}"#, &["a"][..], r#"{"b":2,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["b"], r#"{"a":1,"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["c"], r#"{"a":1,"b":2}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["a", "b"], r#"{"c":3}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["a", "c"], r#"{"b":2}"#),
            (r#"{"a":1,"b":2,"c":3}"#, &["a", "b", "c"], "{}"),
            (r#"{ "a" : 1 , "b" : 2 }"#, &["a"], r#"{ "b" : 2 }"#),
            (
                r#"{ "a" : {"a":","} , "b" : 2 }"#,
                &["b"],
                r#"{ "a" : {"a":","} }"#,
            ),
            (r#"{"a":1,"a":2,"b":3}"#, &["a"], r#"{"b":3}"#),
            ("{}", &["a"], "{}"),
        ] {
            let rest = without(text, names);
            assert_eq!(rest, expected, "{text} without {names:?}");
            serde_json::from_str::<serde_json::Value>(&rest).unwrap();
        }
    }

    #[test]
    fn names_with_escapes_are_told_apart_by_their_meaning() {
        let object = RawObject::parse(r#"{"mod\u0065l":"x"}"#).unwrap();
        assert_eq!(object.get("model").unwrap().get(), r#""x""#);
    }

    #[test]
    fn a_syntax_error_tells_line_and_column() {
        let error = RawObject::parse("{\n  \"a\": x\n}").unwrap_err();
        assert_eq!((error.line(), error.column()), (2, 8));
    }

    #[test]
    fn bytes_after_the_object_are_refused() {
        assert!(RawObject::parse("{} {}").is_err());
        assert!(RawObject::parse("[]").is_err());
    }
}
