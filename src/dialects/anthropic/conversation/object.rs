//! Reading a request member by member, so that every mistake has its path and nothing is overlooked.

use std::{borrow::Cow, fmt};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{error::RequestError, raw_json::RawObject, translation::Losses};

/// Where something stands in a request, such as `messages[2].content`.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    up: Option<&'p Self>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Member(&'p str),
    Place(usize),
}

impl<'p> Path<'p> {
    /// A member of the request itself.
    pub(super) fn top(name: &'p str) -> Self {
        Self {
            up: None,
            step: Step::Member(name),
        }
    }

    /// A member of what stands here.
    pub(super) fn member(&'p self, name: &'p str) -> Self {
        Self {
            up: Some(self),
            step: Step::Member(name),
        }
    }

    /// A place in the list that stands here, counted from 0.
    pub(super) fn place(&'p self, place: usize) -> Self {
        Self {
            up: Some(self),
            step: Step::Place(place),
        }
    }

    /// That something else must stand here.
    pub(super) fn wanted(&self, wanted: impl Into<Cow<'static, str>>) -> RequestError {
        RequestError::field(self.to_string(), wanted)
    }

    /// Notes that what stands here was lost, by its path without the places in lists.
    pub(super) fn lose(&self, losses: &mut Losses) {
        let mut names = Vec::new();
        let mut path = Some(self);
        while let Some(here) = path {
            if let Step::Member(name) = here.step {
                names.push(name);
            }
            path = here.up;
        }
        names.reverse();
        losses.add(&names.join("."));
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(up) = self.up {
            up.fmt(f)?;
        }
        match self.step {
            Step::Member(name) if self.up.is_some() => write!(f, ".{name}"),
            Step::Member(name) => f.write_str(name),
            Step::Place(place) => write!(f, "[{place}]"),
        }
    }
}

/// A text, borrowed where it holds no escape.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The members of an object that are not read yet.
pub(super) struct Object<'a, 'p> {
    path: Option<Path<'p>>,
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a, 'p> Object<'a, 'p> {
    /// Reads the request itself.
    ///
    /// # Errors
    /// It is no JSON object.
    pub(super) fn whole(text: &'a str) -> Result<Self, RequestError> {
        let object = RawObject::parse(text).map_err(|error| RequestError::malformed(&error))?;
        Ok(Self {
            path: None,
            members: object.into_members(),
        })
    }

    /// Reads what stands at `path`.
    ///
    /// # Errors
    /// It is no object.
    pub(super) fn read(value: &'a RawValue, path: Path<'p>) -> Result<Self, RequestError> {
        let object = RawObject::parse(value.get()).map_err(|_| path.wanted("an object"))?;
        Ok(Self {
            path: Some(path),
            members: object.into_members(),
        })
    }

    /// Where a member of it stands.
    pub(super) fn at<'n>(&'n self, name: &'n str) -> Path<'n> {
        match &self.path {
            Some(path) => path.member(name),
            None => Path::top(name),
        }
    }

    /// Takes a member; `None` where it is absent or null.
    ///
    /// # Errors
    /// It stands there more than once: the client may mean another one.
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
    pub(super) fn take_as<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        wanted: &'static str,
    ) -> Result<Option<T>, RequestError> {
        let Some(value) = self.take(name)? else {
            return Ok(None);
        };
        let read = serde_json::from_str(value.get());
        read.map(Some).map_err(|_| self.at(name).wanted(wanted))
    }

    /// Takes a text; `None` where it is absent or null.
    ///
    /// # Errors
    /// It is none, or stands there more than once.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, RequestError> {
        let text = self.take_as::<Text<'a>>(name, "a string")?;
        Ok(text.map(|Text(text)| text))
    }

    /// Takes a text that must be there.
    ///
    /// # Errors
    /// It is missing or none, or stands there more than once.
    pub(super) fn needed_text(&mut self, name: &str) -> Result<Cow<'a, str>, RequestError> {
        let text = self.text(name)?;
        text.ok_or_else(|| self.at(name).wanted("a string"))
    }

    /// Takes a flag; false where it is absent or null.
    ///
    /// # Errors
    /// It is none, or stands there more than once.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, RequestError> {
        Ok(self.take_as(name, "true or false")?.unwrap_or(false))
    }

    /// Takes a member that says nothing if it has one of these values, and is lost with another.
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

    /// The members that are left and say something: what is null, false or empty does not.
    pub(super) fn rest(self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> {
        let says_nothing = |value: &RawValue| matches!(value.get(), "null" | "false" | "[]" | "{}");
        let members = self.members.into_iter();
        members.filter(move |(_, value)| !says_nothing(value))
    }

    /// Notes that the members that are left were lost.
    pub(super) fn lose_rest(self, losses: &mut Losses) {
        let path = self.path;
        for (name, _) in self.rest() {
            match &path {
                Some(path) => path.member(&name).lose(losses),
                None => losses.add(&name),
            }
        }
    }
}

/// Reads a list.
///
/// # Errors
/// It is none.
pub(super) fn list<'a>(
    value: &'a RawValue,
    path: &Path<'_>,
    wanted: &'static str,
) -> Result<Vec<&'a RawValue>, RequestError> {
    serde_json::from_str(value.get()).map_err(|_| path.wanted(wanted))
}
