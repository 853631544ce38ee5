//! Headers as they stand on the wire.

use std::borrow::Cow;

use bytes::Bytes;

/// The headers of one head, in order; names as spelled, values as bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Headers(Vec<(String, Bytes)>);

impl Headers {
    pub(super) fn parsed(headers: &[httparse::Header<'_>]) -> Self {
        let owned = |header: &httparse::Header<'_>| {
            (header.name.to_owned(), Bytes::copy_from_slice(header.value))
        };
        Self(headers.iter().map(owned).collect())
    }

    /// All values of a header in order, whatever the name's case.
    pub(super) fn values(&self, name: &str) -> Vec<Cow<'_, str>> {
        let named = self.0.iter();
        let named = named.filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named
            .map(|(_, value)| String::from_utf8_lossy(value))
            .collect()
    }

    /// The first value of a header.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.values(name).into_iter().next()
    }

    /// The name of the first header whose value holds this text.
    pub(super) fn holding(&self, text: &str) -> Option<&str> {
        let holds = |value: &[u8]| memchr::memmem::find(value, text.as_bytes()).is_some();
        let found = self.0.iter().find(|(_, value)| holds(value));
        found.map(|(name, _)| name.as_str())
    }

    /// The name of a header with this very value, whose name ends with that one.
    pub(super) fn renamed(&self, name: &str, value: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, told)| {
            other.to_ascii_lowercase().ends_with(name) && told == value.as_bytes()
        });
        found.map(|(name, _)| name.as_str())
    }

    /// The media type without its parameters, in lower case.
    pub(super) fn media_type(&self) -> String {
        let content_type = self.get("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default();
        media_type.trim().to_ascii_lowercase()
    }
}

/// The most headers that are read of one head.
pub(super) const MAX_HEADERS: usize = 256;
