//! What Cody's client makes of an answer: its parser, which dies of what it does not know; its builder,
//! which joins the pieces; its classes of errors. Written from what it was seen to do.

use std::collections::BTreeMap;

use serde_json::Value;

/// How a request ended, as Cody's user learns of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// `onComplete`.
    Complete,
    /// `onError` with this message.
    Error(String),
    /// Nothing: the window waits for ever.
    Hangs,
}

/// The client of one stream.
#[derive(Debug)]
pub(super) struct Cody {
    version: u8,
    buffer: String,
    /// Whether the parser has met something it does not know, and reads nothing any more.
    is_dead: bool,
    is_any: bool,
    verdict: Option<Verdict>,
    pub(super) text: String,
    pub(super) thinking: String,
    /// Name and arguments of each call, by its id.
    pub(super) calls: BTreeMap<String, (String, String)>,
    last_call: Option<String>,
    pub(super) stop_reason: String,
}

impl Cody {
    pub(super) fn new(version: u8) -> Self {
        Self {
            version,
            buffer: String::new(),
            is_dead: false,
            is_any: false,
            verdict: None,
            text: String::new(),
            thinking: String::new(),
            calls: BTreeMap::new(),
            last_call: None,
            stop_reason: String::new(),
        }
    }

    /// Takes a piece of the body, wherever it was cut.
    pub(super) fn take(&mut self, piece: &str) {
        self.buffer.push_str(piece);
        // All of the buffer is parsed before any of it is acted on; a mistake leaves it where it is.
        let mut parsed = Vec::new();
        let mut rest = self.buffer.as_str();
        while let Some((frame, after)) = rest.split_once("\n\n") {
            let Some(event) = parse(frame) else {
                self.is_dead = true;
                return;
            };
            parsed.push(event);
            rest = after;
        }
        self.buffer = rest.to_owned();
        for (name, data) in parsed {
            self.act(&name, &data);
        }
    }

    fn act(&mut self, name: &str, data: &Value) {
        self.is_any = true;
        match name {
            "completion" => self.build(data),
            "error" => {
                let message = data["error"].as_str().unwrap_or_default().to_owned();
                self.verdict.get_or_insert(Verdict::Error(message));
            }
            _ => {
                self.verdict.get_or_insert(Verdict::Complete);
            }
        }
    }

    fn build(&mut self, data: &Value) {
        let text = |name: &str| data[name].as_str().unwrap_or_default();
        if self.version >= 2 {
            self.text.push_str(text("deltaText"));
        } else {
            text("completion").clone_into(&mut self.text);
        }
        self.thinking.push_str(text("delta_thinking"));
        text("stopReason").clone_into(&mut self.stop_reason);
        for call in data["delta_tool_calls"].as_array().into_iter().flatten() {
            let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (id, name) = (of(&call["id"]), of(&call["function"]["name"]));
            let arguments = of(&call["function"]["arguments"]);
            if !id.is_empty() && !name.is_empty() {
                let known = self.calls.entry(id.clone());
                known.or_insert((name, String::new())).1 += &arguments;
                self.last_call = Some(id);
            } else if let Some(last) = &self.last_call {
                self.calls.get_mut(last).unwrap().1 += &arguments;
            }
        }
    }

    /// The connection is closed.
    pub(super) fn close(self) -> Verdict {
        match self.verdict {
            Some(verdict) => verdict,
            None if self.is_any || self.is_dead => Verdict::Hangs,
            None => Verdict::Error("Connection closed without receiving any events".to_owned()),
        }
    }
}

fn parse(frame: &str) -> Option<(String, Value)> {
    let mut lines = frame.split('\n');
    let name = lines.next()?.strip_prefix("event: ")?;
    if !["completion", "error", "done"].contains(&name) {
        return None;
    }
    // A `done` without data throws before anything catches it.
    let data = lines.next().expect("the process falls");
    let data = data.strip_prefix("data: ")?;
    let data: Value = serde_json::from_str(data).ok()?;
    (name != "error" || !data["error"].is_null()).then(|| (name.to_owned(), data))
}

/// What Cody's user is told of an answer that is no success.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 401 and 403: the window asks for a new sign-in.
    SignIn,
    /// 429: with the limit, when to come again, and whether an upgrade is offered.
    RateLimit {
        limit: Option<u64>,
        retry_after: Option<String>,
        is_upgrade_offered: bool,
    },
    /// Any other status, and all of the body.
    Network(u16, String),
}

/// Reads such an answer as Cody does.
pub(super) async fn refusal(reply: &mut crate::support::Reply) -> Refusal {
    match reply.status {
        401 | 403 => Refusal::SignIn,
        429 => Refusal::RateLimit {
            limit: reply
                .header("x-ratelimit-limit")
                .and_then(|limit| limit.parse().ok()),
            retry_after: reply.header("retry-after").map(str::to_owned),
            is_upgrade_offered: reply.header("x-is-cody-pro-user") == Some("false"),
        },
        status => Refusal::Network(status, reply.text().await),
    }
}

#[test]
fn the_port_dies_and_hangs_where_codys_own_client_does() {
    let played = |stream: &str| {
        let mut cody = Cody::new(8);
        cody.take(stream);
        cody.close()
    };
    let text = "event: completion\ndata: {\"deltaText\":\"a\"}\n\n";
    let done = "event: done\ndata: {}\n\n";
    assert_eq!(played(&format!("{text}{done}")), Verdict::Complete);
    assert_eq!(played(text), Verdict::Hangs);
    assert_eq!(played(&format!(": ping\n\n{text}{done}")), Verdict::Hangs);
    let foreign = "event: metadata\ndata: {}\n\n";
    assert_eq!(played(&format!("{text}{foreign}{done}")), Verdict::Hangs);
    assert!(matches!(played(""), Verdict::Error(_)));
    let failed = "event: error\ndata: {\"error\":\"no\"}\n\n";
    assert_eq!(
        played(&format!("{text}{failed}{done}")),
        Verdict::Error("no".into())
    );
}
