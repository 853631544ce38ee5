//! What a provider says, and what of it a client gets.

use std::fmt;

use herald::testkit::chat;

use crate::random::Random;

/// What a provider says at a time.
pub(super) struct Said {
    pub(super) kind: Kind,
    pub(super) raw: String,
    /// How much of `raw` must be in for it to be whole.
    pub(super) whole: usize,
    /// Its data alone, and the item that a client gets.
    pub(super) data: String,
    pub(super) item: String,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.kind, self.raw)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Preamble,
    Content,
    Finish,
    Done,
    /// The status that it stands for before commit.
    Error(u16),
    Garbage,
    /// No event: a comment, a retry, an event without data.
    Nothing,
}

/// A whole answer, more or less as a provider would give it.
pub(super) fn draw_said(random: &mut Random) -> Vec<Said> {
    let line_end = random.one_of(&["\n", "\n", "\r\n", "\r"]);
    let length = if random.percent(10) {
        80
    } else {
        random.below(12)
    };
    let mut said: Vec<_> = (0..length)
        .map(|number| draw_one(random, number, line_end))
        .collect();
    if random.percent(70) {
        said.push(Said::new(
            Kind::Finish,
            None,
            None,
            &chat::finish("stop"),
            line_end,
        ));
        if random.percent(30) {
            said.push(Said::new(
                Kind::Preamble,
                None,
                None,
                &chat::usage(3, 4),
                line_end,
            ));
        }
        if random.percent(70) {
            said.push(Said::new(Kind::Done, None, None, "[DONE]", line_end));
        }
    }
    said
}

fn draw_one(random: &mut Random, number: usize, line_end: &str) -> Said {
    let text = |random: &mut Random| {
        let times = if random.percent(3) {
            20_000
        } else {
            random.below(20)
        };
        chat::text(&format!("{number} é\u{2028}😀{}", "x".repeat(times)))
    };
    let id = random.percent(10).then(|| number.to_string());
    let id = id.as_deref();
    let event = |kind, name, data: &str| Said::new(kind, name, id, data, line_end);
    match random.below(100) {
        0..45 => event(Kind::Content, None, &text(random)),
        45..60 => event(Kind::Preamble, None, &chat::role()),
        60..66 => event(Kind::Preamble, None, "{\"choices\":\n[]}"),
        66..72 => event(Kind::Preamble, Some("x-trace"), "anything\nat all"),
        72..90 => Said::nothing(
            random.one_of(&[": ping", "retry: 5", "data:", "event: a"]),
            line_end,
        ),
        90..92 => event(Kind::Finish, None, &chat::finish("length")),
        92..94 => event(Kind::Garbage, None, "<html>"),
        94..96 => event(Kind::Done, None, "[DONE]"),
        96..98 => event(Kind::Error(502), None, r#"{"error":{"message":"hm"}}"#),
        _ => event(
            Kind::Error(429),
            Some("error"),
            &chat::error("slow", "rate_limit_error"),
        ),
    }
}

impl Said {
    fn new(kind: Kind, name: Option<&str>, id: Option<&str>, data: &str, line_end: &str) -> Self {
        let mut lines = Vec::new();
        lines.extend(id.map(|id| format!("id: {id}")));
        lines.extend(name.map(|name| format!("event: {name}")));
        lines.extend(data.split('\n').map(|line| format!("data: {line}")));
        Self {
            data: data.to_owned(),
            item: lines.join("\n") + "\n\n",
            ..Self::of_lines(kind, &lines, line_end)
        }
    }

    fn nothing(line: &str, line_end: &str) -> Self {
        Self::of_lines(Kind::Nothing, &[line.to_owned()], line_end)
    }

    fn of_lines(kind: Kind, lines: &[String], line_end: &str) -> Self {
        let raw = lines.join(line_end) + line_end + line_end;
        // An event is whole with the CR of its last line end, whether an LF follows or not.
        let whole = raw.len() - (line_end.len() - 1);
        Self {
            kind,
            raw,
            whole,
            data: String::new(),
            item: String::new(),
        }
    }
}
