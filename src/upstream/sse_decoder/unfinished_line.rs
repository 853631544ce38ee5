//! The line that the chunks so far leave open.

use super::{
    field::{may_become_field, parse_field},
    work,
};

/// What is kept of a line until the chunk with its end comes.
#[derive(Debug, Default)]
pub(super) enum UnfinishedLine {
    /// Nothing: the chunks so far end with a line end.
    #[default]
    Start,
    /// Its bytes so far. They are, or may yet become, a field that matters.
    Held(Vec<u8>),
    /// Nothing: it is a comment or another field.
    Ignored,
}

impl UnfinishedLine {
    /// Adds the end of a chunk, in which the line does not end.
    pub(super) fn extend(&mut self, rest: &[u8]) {
        match self {
            _ if rest.is_empty() => {}
            Self::Start if may_become_field(rest) => {
                work::count(rest.len());
                *self = Self::Held(rest.to_vec());
            }
            Self::Start => *self = Self::Ignored,
            Self::Held(held) => {
                work::count(rest.len());
                held.extend_from_slice(rest);
                if !may_become_field(held) {
                    *self = Self::Ignored;
                }
            }
            Self::Ignored => {}
        }
    }

    /// Whether a line end would make it a blank line.
    pub(super) fn is_start(&self) -> bool {
        matches!(self, Self::Start)
    }

    /// The bytes of its value so far, name and colon not counted.
    pub(super) fn value_bytes(&self) -> usize {
        match self {
            Self::Held(held) => parse_field(held).map_or(0, |(_, value)| value.len()),
            Self::Start | Self::Ignored => 0,
        }
    }
}
