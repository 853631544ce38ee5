//! A request's objects read member by member, so that what has no word here is seen and not dropped.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{error::RequestError, raw_json::RawObject, translation::Losses};

/// Where something stands in a request. It is only spelled out for an error or a loss.
#[derive(Clone, Copy)]
pub(super) enum Path<'p> {
    /// The body itself.
    Body,
    /// A member of an object.
    Member(&'p Path<'p>, &'p str),
    /// A place in a list, counted from 0.
    Place(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    /// The path of one of its members.
    pub(super) fn member(&'p self, name: &'p str) -> Self {
        Path::Member(self, name)
    }

    /// The path of one of its values.
    pub(super) fn place(&'p self, place: usize) -> Self {
        Path::Place(self, place)
    }

    /// That something else should be here.
    pub(super) fn wanted(&self, wanted: impl Into<Cow<'static, str>>) -> RequestError {
        RequestError::field(self.to_string(), wanted)
    }

    /// Notes that this is lost, under its path without the places in lists.
    pub(super) fn lose(&self, losses: &mut Losses) {
        let mut names = Vec::new();
        let mut at = self;
        loop {
            at = match at {
                Path::Body => break,
                Path::Member(before, name) => {
                    names.push(*name);
                    before
                }
                Path::Place(before, _) => before,
            };
        }
        names.reverse();
        losses.add(&names.join("."));
    }

    /// The values of the list that stands here.
    pub(super) fn list<'a>(
        &self,
        value: &'a RawValue,
        wanted: &'static str,
    ) -> Result<Vec<&'a RawValue>, RequestError> {
        self.read(value, wanted)
    }

    /// The text that stands here; borrowed where it holds no escape.
    pub(super) fn text<'a>(
        &self,
        value: &'a RawValue,
        wanted: &'static str,
    ) -> Result<Cow<'a, str>, RequestError> {
        self.read(value, wanted).map(|Text(text)| text)
    }

    fn read<'a, T: Deserialize<'a>>(
        &self,
        value: &'a RawValue,
        wanted: &'static str,
    ) -> Result<T, RequestError> {
        serde_json::from_str(value.get()).map_err(|_| self.wanted(wanted))
    }
}

/// A text, borrowed where it holds no escape.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Such as `messages[2].content`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Body => Ok(()),
            Path::Member(Path::Body, name) => f.write_str(name),
            Path::Member(before, name) => write!(f, "{before}.{name}"),
            Path::Place(before, place) => write!(f, "{before}[{place}]"),
        }
    }
}

/// The members of one object, of which each is taken by whoever knows it.
pub(super) struct Fields<'a, 'p> {
    /// Where the object stands.
    pub(super) path: Path<'p>,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a, 'p> Fields<'a, 'p> {
    /// Of a whole body.
    ///
    /// # Errors
    /// It is no JSON object.
    pub(super) fn of_body(body: &'a str) -> Result<Self, RequestError> {
        let object = RawObject::parse(body).map_err(|error| RequestError::malformed(&error))?;
        Ok(Self {
            path: Path::Body,
            members: object.into_members(),
        })
    }

    /// Of the value that stands at `path`.
    ///
    /// # Errors
    /// It is no object.
    pub(super) fn read(value: &'a RawValue, path: Path<'p>) -> Result<Self, RequestError> {
        let object = RawObject::parse(value.get()).map_err(|_| path.wanted("an object"))?;
        Ok(Self {
            path,
            members: object.into_members(),
        })
    }

    /// Where a member of it stands.
    pub(super) fn at<'n>(&'n self, name: &'n str) -> Path<'n> {
        self.path.member(name)
    }

    /// Takes a member; `None` where it is absent or null.
    ///
    /// # Errors
    /// It stands there more than once: Herald and the client may each mean another one.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<&'a RawValue>, RequestError> {
        let is_named = |(known, _): &(Cow<'a, str>, _)| known == name;
        let Some(at) = self.members.iter().position(is_named) else {
            return Ok(None);
        };
        let (_, value) = self.members.remove(at);
        if self.members.iter().any(is_named) {
            return Err(self.at(name).wanted("there only once"));
        }
        Ok(Some(value).filter(|value| value.get() != "null"))
    }

    /// Takes a member of a type; `None` where it is absent or null.
    ///
    /// # Errors
    /// It is not what is wanted, or stands there more than once.
    pub(super) fn value<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        wanted: &'static str,
    ) -> Result<Option<T>, RequestError> {
        let value = self.take(name)?;
        value
            .map(|value| self.at(name).read(value, wanted))
            .transpose()
    }

    /// Takes a text; `None` where it is absent or null.
    ///
    /// # Errors
    /// It is none, or stands there more than once.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, RequestError> {
        let text = self.value::<Text<'a>>(name, "a string")?;
        Ok(text.map(|Text(text)| text))
    }

    /// Takes a text that must be there and may be empty.
    ///
    /// # Errors
    /// It is not there or none, or stands there more than once.
    pub(super) fn needed_text(&mut self, name: &str) -> Result<Cow<'a, str>, RequestError> {
        let text = self.text(name)?;
        text.ok_or_else(|| self.at(name).wanted("a string"))
    }

    /// Takes a text that must be there and say something.
    ///
    /// # Errors
    /// It is not there, is none, or holds nothing, or stands there more than once.
    pub(super) fn name(&mut self, name: &str) -> Result<Cow<'a, str>, RequestError> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| self.at(name).wanted("a string that is not empty"))
    }

    /// Takes a flag; false where it is absent or null.
    ///
    /// # Errors
    /// It is none, or stands there more than once.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, RequestError> {
        Ok(self.value(name, "true or false")?.unwrap_or(false))
    }

    /// Takes a member that says nothing if it has one of these values, and is lost with another.
    ///
    /// # Errors
    /// It stands there more than once.
    pub(super) fn skip(
        &mut self,
        name: &str,
        neutral: &[&str],
        losses: &mut Losses,
    ) -> Result<(), RequestError> {
        if let Some(value) = self.take(name)?
            && !neutral.contains(&value.get())
        {
            self.at(name).lose(losses);
        }
        Ok(())
    }

    /// What nobody has taken, but for nulls. Of a repeated member the last counts.
    pub(super) fn rest(mut self) -> Vec<(Cow<'a, str>, &'a RawValue)> {
        let mut seen = HashSet::with_capacity(self.members.len());
        self.members.reverse();
        self.members
            .retain(|(name, value)| seen.insert(name.clone()) && value.get() != "null");
        self.members.reverse();
        self.members
    }

    /// Notes as lost what nobody has taken and says something.
    pub(super) fn lose_rest(self, losses: &mut Losses) {
        let path = self.path;
        for (name, value) in self.rest() {
            if !is_empty(value) {
                path.member(&name).lose(losses);
            }
        }
    }
}

/// Whether a value says nothing: an empty text, list or object.
pub(super) fn is_empty(value: &RawValue) -> bool {
    let text = value.get();
    let inside = text
        .get(1..text.len().saturating_sub(1))
        .unwrap_or_default();
    matches!(text.as_bytes().first(), Some(b'"')) && inside.is_empty()
        || matches!(text.as_bytes().first(), Some(b'[' | b'{')) && inside.trim().is_empty()
}

/// Whether a value is an object.
pub(super) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_with_its_places_and_a_loss_without() {
        let messages = Path::Body.member("messages");
        let message = messages.place(2);
        let content = message.member("content");
        assert_eq!(content.to_string(), "messages[2].content");
        let mut losses = Losses::default();
        content.place(0).member("x").lose(&mut losses);
        assert_eq!(losses.names(), ["messages.content.x"]);
    }

    #[test]
    fn what_is_left_is_lost_unless_it_says_nothing() {
        let body = r#"{"a":2,"b":null,"c":[ ],"d":{},"e":"","f":false,"g":"x","h":1,"h":null}"#;
        let mut fields = Fields::of_body(body).unwrap();
        assert_eq!(fields.value("a", "a number").unwrap(), Some(2));
        assert!(fields.take("b").unwrap().is_none());
        let mut losses = Losses::default();
        fields.lose_rest(&mut losses);
        assert_eq!(losses.names(), ["f", "g"]);
    }

    #[test]
    fn a_member_that_is_repeated_is_refused_by_its_path() {
        let body: &RawValue = serde_json::from_str(r#"{"a":1,"\u0061":2}"#).unwrap();
        let messages = Path::Body.member("messages");
        let mut fields = Fields::read(body, messages.place(1)).unwrap();
        let refused = fields.take("a").unwrap_err().to_string();
        assert_eq!(refused, "`messages[1].a` must be there only once");
    }

    #[test]
    fn a_text_without_escapes_is_a_slice_of_the_body() {
        let mut fields = Fields::of_body(r#"{"a":"plain","b":"\n"}"#).unwrap();
        assert!(matches!(fields.text("a"), Ok(Some(Cow::Borrowed("plain")))));
        assert_eq!(fields.text("b").unwrap().as_deref(), Some("\n"));
        assert_eq!(fields.text("c").unwrap(), None);
    }
}
