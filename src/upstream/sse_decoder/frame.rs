//! One frame: the fields between two blank lines.

use bytes::Bytes;
use bytestring::ByteString;
use memchr::memchr;

use super::{SseEvent, field::FieldName, work};

/// The fields of a frame so far.
#[derive(Debug, Default)]
pub(super) struct Frame {
    event: Option<Text>,
    id: Option<Text>,
    data: Data,
    bytes: usize,
}

/// A value as text, and whether invalid UTF-8 was replaced in it.
#[derive(Debug)]
pub(super) struct Text {
    text: ByteString,
    replaced: bool,
}

/// The `data` lines, joined with LF. A single one is not copied.
#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    One(Text),
    Joined {
        text: String,
        replaced: bool,
    },
}

impl Frame {
    /// The bytes of all values added, and one for each line end.
    ///
    /// Values that were replaced or refused count too, so that the sum never shrinks: then a frame is
    /// too large at the same byte however it was cut.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no field was added.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether nothing of it is known yet, not even an id from the frames before it.
    pub(super) fn is_fresh(&self) -> bool {
        self.is_empty() && self.id.is_none()
    }

    /// Adds one line's field; `value` is a part of `owner`.
    pub(super) fn add(&mut self, name: FieldName, value: &[u8], owner: &Bytes) {
        self.bytes += value.len() + 1;
        match name {
            FieldName::Data => self.data.add(Text::new(value, owner)),
            FieldName::Event => self.event = (!value.is_empty()).then(|| Text::new(value, owner)),
            FieldName::Id if memchr(0, value).is_none() => self.id = Some(Text::new(value, owner)),
            FieldName::Id => {}
        }
    }

    /// The event, and whether invalid UTF-8 was replaced in it. Without a `data` line there is none,
    /// and what is left is its id: see [`Frame::after`].
    pub(super) fn into_event(self) -> Result<(SseEvent, bool), Option<Text>> {
        let data = match self.data {
            Data::None => return Err(self.id),
            Data::One(line) => line,
            Data::Joined { text, replaced } => Text {
                text: text.into(),
                replaced,
            },
        };
        let replaced = [&self.event, &self.id]
            .into_iter()
            .flatten()
            .chain([&data])
            .any(|text| text.replaced);
        let event = SseEvent {
            event: self.event.map(|event| event.text),
            id: self.id.map(|id| id.text),
            data: data.text,
        };
        Ok((event, replaced))
    }

    /// The frame behind one without data, whose id it has if it has no other.
    pub(super) fn after(id: Option<Text>) -> Self {
        // Copied, because it may wait for long and would keep its whole chunk alive.
        let id = id.map(|id| Text {
            text: ByteString::from(&*id.text),
            replaced: id.replaced,
        });
        Self {
            id,
            ..Self::default()
        }
    }
}

impl Text {
    /// Checks that a whole value is UTF-8 and slices it out of `owner`, or else copies it with U+FFFD for
    /// what is not.
    ///
    /// Whole, because what a lossy decoding makes of broken bytes depends on where they are cut; but line
    /// by line is as good as all at once, since no UTF-8 sequence holds a line end.
    fn new(value: &[u8], owner: &Bytes) -> Self {
        match ByteString::try_from(owner.slice_ref(value)) {
            Ok(text) => Self {
                text,
                replaced: false,
            },
            Err(_) => Self {
                text: String::from_utf8_lossy(value).into_owned().into(),
                replaced: true,
            },
        }
    }
}

impl Data {
    fn add(&mut self, line: Text) {
        match self {
            Self::None => *self = Self::One(line),
            Self::One(first) => {
                work::count(first.text.len() + line.text.len());
                *self = Self::Joined {
                    text: [&*first.text, &*line.text].join("\n"),
                    replaced: first.replaced || line.replaced,
                };
            }
            Self::Joined { text, replaced } => {
                work::count(line.text.len());
                text.push('\n');
                text.push_str(&line.text);
                *replaced |= line.replaced;
            }
        }
    }
}
