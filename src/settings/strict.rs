//! Reads typed settings out of the layered values, strictly.
//!
//! `config`'s own deserializer coerces in silence (`1.9` becomes 2, `"yes"` becomes true, 7 becomes
//! `"7"`) and repeats values in its errors, where a misplaced secret would be printed. This one does
//! neither. Only what came from an environment variable, which can be nothing but text, is parsed
//! into a number or a truth value.

use std::{collections::BTreeMap, fmt};

use config::{Value, ValueKind};
use serde::{
    de::{
        self, DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, Unexpected, Visitor,
        value::StringDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{error::join, layers::ENVIRONMENT};

/// Reads a `T`, or says which key is wrong.
pub(super) fn deserialize<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    T::deserialize(Strict(value))
}

/// A mistake on its way up: each level puts its own name before the key.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub(super) struct Refusal {
    pub(super) key: String,
    pub(super) problem: String,
}

impl Refusal {
    fn new(problem: impl Into<String>) -> Self {
        Self {
            key: String::new(),
            problem: problem.into(),
        }
    }

    fn under(mut self, name: &str) -> Self {
        self.key = join(name, &self.key);
        self
    }
}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self::new(problem.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("must be {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("is out of range for {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("must be {}", alternatives(expected, '"')))
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        let known = alternatives(expected, '`');
        Self::new(format!("unknown key; known here: {known}")).under(name)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new("is missing").under(name)
    }
}

fn alternatives(words: &[&str], quote: char) -> String {
    let quoted: Vec<_> = words.iter().map(|w| format!("{quote}{w}{quote}")).collect();
    match quoted.as_slice() {
        [init @ .., last] if !init.is_empty() => format!("{} or {last}", init.join(", ")),
        _ => quoted.concat(),
    }
}

struct Strict(Value);

impl Strict {
    /// The text of an environment variable, if that is what this is.
    fn variable(&self) -> Option<&str> {
        match (&self.0.kind, self.0.origin()) {
            (ValueKind::String(text), Some(ENVIRONMENT)) => Some(text),
            _ => None,
        }
    }

    fn whole_number(&self) -> Option<u64> {
        match self.0.kind {
            ValueKind::I64(number) => u64::try_from(number).ok(),
            _ => self.variable()?.parse().ok(),
        }
    }

    fn truth(&self) -> Option<bool> {
        match self.0.kind {
            ValueKind::Boolean(truth) => Some(truth),
            _ => self.variable()?.parse().ok(),
        }
    }
}

macro_rules! deserialize_whole_number {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
            match self.whole_number() {
                Some(number) => visitor.visit_u64(number),
                None => Err(Refusal::new("must be a whole number")),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Strict {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0.kind {
            ValueKind::Boolean(truth) => visitor.visit_bool(truth),
            ValueKind::I64(number) => visitor.visit_i64(number),
            ValueKind::I128(number) => visitor.visit_i128(number),
            ValueKind::U64(number) => visitor.visit_u64(number),
            ValueKind::U128(number) => visitor.visit_u128(number),
            ValueKind::Float(number) => visitor.visit_f64(number),
            ValueKind::String(text) => visitor.visit_string(text),
            ValueKind::Nil => visitor.visit_unit(),
            ValueKind::Array(items) => visitor.visit_seq(Items {
                items: items.into_iter().enumerate(),
            }),
            ValueKind::Table(table) => visitor.visit_map(Entries {
                // Sorted, so that of several mistakes it is always the same one that is told.
                entries: table.into_iter().collect::<BTreeMap<_, _>>().into_iter(),
                value: None,
            }),
        }
    }

    deserialize_whole_number!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.truth() {
            Some(truth) => visitor.visit_bool(truth),
            None => Err(Refusal::new("must be true or false")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0.kind {
            ValueKind::String(text) => visitor.visit_string(text),
            _ => Err(Refusal::new("must be a string in quotes")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0.kind {
            ValueKind::Array(_) => self.deserialize_any(visitor),
            _ if self.variable().is_some() => Err(Refusal::new(
                "is a list, and a list can only be written in a settings file",
            )),
            _ => Err(Refusal::new("must be a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0.kind {
            ValueKind::Table(_) => self.deserialize_any(visitor),
            _ => Err(Refusal::new("must be a table")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.0.kind {
            ValueKind::String(word) => {
                visitor.visit_enum(IntoDeserializer::<Refusal>::into_deserializer(word))
            }
            _ => Err(de::Error::unknown_variant("", variants)),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
        ignored_any
    }
}

struct Items {
    items: std::iter::Enumerate<std::vec::IntoIter<Value>>,
}

impl<'de> de::SeqAccess<'de> for Items {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refusal> {
        let Some((index, value)) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(Strict(value))
            .map(Some)
            .map_err(|refusal| refusal.under(&format!("[{index}]")))
    }
}

struct Entries {
    entries: std::collections::btree_map::IntoIter<String, Value>,
    value: Option<(String, Value)>,
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refusal> {
        let Some((name, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((name.clone(), value));
        // An unknown key carries its name already.
        seed.deserialize(StringDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let (name, value) = self.value.take().expect("serde asks for the key first");
        seed.deserialize(Strict(value))
            .map_err(|refusal| refusal.under(&name))
    }
}
