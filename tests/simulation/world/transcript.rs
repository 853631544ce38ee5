//! A run as a script of events, in the order in which they happened.

use std::{fmt::Write as _, sync::LazyLock, time::Duration};

use regex::Regex;

use super::{play::Run, provider::Call, visit::ClientSeen};

/// For people: what happened, with the beginnings of what was written.
pub(super) fn tell(run: &Run) -> String {
    let mut text = String::new();
    for client in &run.plan.clients {
        let _ = writeln!(text, "{client:?}");
    }
    for (provider, answers) in &run.plan.answers {
        for answer in answers {
            let _ = writeln!(text, "{provider:?} answers {answer:?}");
        }
    }
    let _ = writeln!(text, "{:?}", run.plan.tunings);
    text + &told(run, 300)
}

/// For comparison: all of it, but for what tells the time of day or is drawn by chance to name things.
pub(super) fn tell_all(run: &Run) -> String {
    static NAMES: LazyLock<Regex> = LazyLock::new(|| {
        let uuid = "[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}";
        let created = r#"created(_at)?\\*":[0-9.]+"#;
        Regex::new(&format!("{uuid}|{created}")).unwrap()
    });
    NAMES.replace_all(&told(run, usize::MAX), "…").into_owned()
}

fn told(run: &Run, most: usize) -> String {
    let mut script = Script(Vec::new());
    for (at, operation) in &run.operations {
        script.note(*at, Rank::Asked, format!("operators: {operation:?}"));
    }
    for (index, at) in run.generations.iter().enumerate() {
        script.note(
            *at,
            Rank::Asked,
            format!("settings: generation {}", index + 1),
        );
    }
    for client in &run.clients {
        script.tell_client(client, most);
    }
    for (number, call) in run.calls.iter().enumerate() {
        script.tell_call(number, call, most);
    }
    for line in &run.lines {
        let what = format!("log: {} {:?}", line.target, line.fields);
        script.note(line.at(run.began), Rank::Logged, what);
    }
    script.0.sort_by_key(|(at, rank, _)| (*at, *rank));
    let mut text = String::new();
    for (at, _, what) in script.0 {
        let _ = writeln!(text, "  +{:.3} s  {what}", at.as_secs_f64());
    }
    text
}

/// In which order things of one instant are told: from the client to the provider and back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Asking,
    Asked,
    Said,
    Done,
    Heard,
    Left,
    Logged,
}

struct Script(Vec<(Duration, Rank, String)>);

impl Script {
    fn note(&mut self, at: Duration, rank: Rank, what: String) {
        self.0.push((at, rank, what));
    }

    fn tell_client(&mut self, client: &ClientSeen, most: usize) {
        let name = client.plan.key_id();
        for exchange in &client.exchanges {
            self.note(
                exchange.began_at,
                Rank::Asking,
                format!("{name}: begins to ask"),
            );
            if let Some(at) = exchange.sent_at {
                self.note(at, Rank::Asking, format!("{name}: has asked"));
            }
            let answer = exchange.answer();
            if answer.has_head() {
                let headers = answer.headers.iter().filter(|(name, _)| name != "date");
                let headers = headers.map(|(name, value)| format!("{name}: {value}"));
                let what = format!("{name}: gets {}{}", answer.status, sorted(headers));
                self.note(answer.head_at, Rank::Heard, what);
            }
            let (bytes, body) = (answer.body.len(), shown(&answer.body, most));
            let (at, what) = match answer.whole_at {
                Some(at) => (at, "all, "),
                None => (client.left_at.or(client.ended_at).unwrap_or_default(), ""),
            };
            self.note(
                at,
                Rank::Heard,
                format!("{name}: has got {what}{bytes} bytes: {body}"),
            );
        }
        let ends = [
            (client.left_at, "leaves"),
            (client.ended_at, "sees the connection end"),
        ];
        for (at, what) in ends {
            if let Some(at) = at {
                self.note(at, Rank::Left, format!("{name}: {what}"));
            }
        }
        if let Some((from, to)) = client.stalled {
            self.note(
                from,
                Rank::Heard,
                format!("{name}: takes nothing until {to:?}"),
            );
        }
        if most == usize::MAX {
            for (at, bytes) in &client.reads {
                self.note(*at, Rank::Heard, format!("{name}: takes {bytes} bytes"));
            }
        }
    }

    fn tell_call(&mut self, number: usize, call: &Call, most: usize) {
        let (provider, connection) = (call.provider.id(), call.connection);
        let name = format!("{provider} (call {number}, connection {connection})");
        let head = call.head.lines().filter(|line| !line.starts_with("date"));
        let what = format!(
            "{name}: is asked {}{}",
            shown(&call.body, most),
            sorted(head.map(str::to_owned))
        );
        self.note(call.at, Rank::Asked, what);
        for (at, bytes) in at_once(&call.written) {
            let what = format!(
                "{name}: says {} bytes: {}",
                bytes.len(),
                shown(&bytes, most)
            );
            self.note(at, Rank::Said, what);
        }
        let ends = [
            (call.done_at, "is done"),
            (call.left_at, "is left"),
            (call.closed_at, "closes"),
        ];
        for (at, what) in ends {
            if let Some(at) = at {
                self.note(at, Rank::Done, format!("{name}: {what}"));
            }
        }
    }
}

/// Lines of a head, below each other; their order on the wire is a hash map's.
fn sorted(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<_> = lines.map(|line| format!("\n      {line}")).collect();
    lines.sort();
    lines.concat()
}

/// Writes of one instant, put together.
fn at_once(written: &[(Duration, Vec<u8>)]) -> Vec<(Duration, Vec<u8>)> {
    let mut joined: Vec<(Duration, Vec<u8>)> = Vec::new();
    for (at, bytes) in written {
        match joined.last_mut() {
            Some((last, all)) if last == at => all.extend_from_slice(bytes),
            _ => joined.push((*at, bytes.clone())),
        }
    }
    joined
}

fn shown(bytes: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(most)]);
    let cut = if bytes.len() > most { "…" } else { "" };
    format!("{:?}{cut}", text)
}
