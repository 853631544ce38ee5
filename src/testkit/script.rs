//! What the scripted provider does with one request.

mod answer_head;

use std::time::Duration;

use bytes::Bytes;

pub(super) use answer_head::AnswerHead;
pub use answer_head::Framing;

use super::{Gate, chat, messages};
use crate::providers::replay::recording::{self, Answer, End};

/// What [`ScriptedProvider`](super::ScriptedProvider) does with one request: steps, played in order.
///
/// - **The head** (status, headers, [`Framing`]) is said anywhere in the chain. It goes out just
///   before the first byte of the body, or where [`head`](Self::head) stands; so a step before the
///   first event is a step before the head.
/// - **The end**: an answer that is whole by its framing leaves the connection open for the next
///   request, unless its own head or the request says `connection: close`. An answer that is not is
///   cut short: the provider closes the connection (FIN).
///   So `Script::sse().event("{}")` is a truncated stream, and `.finish()` makes it a good one.
///
/// ```
/// use herald::testkit::{Framing, Gate, Script, chat};
///
/// // A good stream.
/// Script::chat(["Hel", "lo"]);
///
/// // A head, then nothing until the test opens the gate, then a stream that breaks.
/// let gate = Gate::new();
/// Script::sse().header("x-request-id", "req-1").head().wait(&gate).event(chat::text("Hel")).reset();
///
/// // A refusal with a length, and one whose length is a lie.
/// Script::json(429, chat::error("slow down", "rate_limit_error")).header("retry-after", "7");
/// Script::json(500, "{}").framing(Framing::Declared(100));
///
/// // An interim answer first; every byte of the rest a write of its own.
/// Script::sse().bytes("HTTP/1.1 103 Early Hints\r\n\r\n").cut_bytes(1).event("{}").done().finish();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a script does nothing until a provider plays it"]
pub struct Script {
    head: Option<AnswerHead>,
    steps: Vec<Step>,
    answers_early: bool,
    repeats: bool,
}

/// One thing that the provider does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Writes the head, if it is not out yet.
    Head,
    /// Exactly these bytes, without head or framing.
    Bytes(Bytes),
    /// These bytes of the body, in one chunk where the framing has chunks.
    Body(Bytes),
    /// The same bytes of the body, many times.
    Flood(Bytes, u64),
    /// The end that the framing asks for.
    Finish,
    /// From here on, writes of at most so many bytes.
    CutBytes(usize),
    /// Nothing until the test opens the gate.
    Wait(Gate),
    /// Nothing, for good.
    Stall,
    /// Nothing for so long.
    Pause(Duration),
    /// FIN.
    Close,
    /// RST.
    Reset,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a script begins.
impl Script {
    /// An answer of status 200 without headers, framed by its right `content-length`.
    pub fn new() -> Self {
        Self {
            head: Some(AnswerHead::default()),
            steps: Vec::new(),
            answers_early: false,
            repeats: false,
        }
    }

    /// A stream of server-sent events: status 200, `text/event-stream`, chunked.
    pub fn sse() -> Self {
        Self::new()
            .header("content-type", "text/event-stream")
            .framing(Framing::Chunked)
    }

    /// A whole JSON answer with its `content-length`.
    pub fn json(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::new()
            .status(status)
            .header("content-type", "application/json")
            .body(body)
    }

    /// A recorded answer as it was recorded, pauses and a reset among it, which a connection in memory
    /// does not have.
    ///
    /// ```
    /// use herald::{providers::replay::recording::Recording, testkit::{Script, ScriptedProvider}};
    ///
    /// # async fn example(text: &str) {
    /// let recording = Recording::parse("mine.toml", text).unwrap();
    /// let scripts = recording.answers.iter().map(Script::playing);
    /// let provider = ScriptedProvider::start(scripts).await;
    /// # }
    /// ```
    pub fn playing(answer: &Answer) -> Self {
        let mut script = Self::new()
            .status(answer.status)
            .framing(match answer.framing {
                recording::Framing::Chunked => Framing::Chunked,
                recording::Framing::Length(length) => Framing::Declared(length),
                recording::Framing::Close => Framing::CloseDelimited,
            });
        for (name, value) in &answer.headers {
            script = script.header(name, value);
        }
        script = script.pause(answer.after).head();
        for chunk in &answer.chunks {
            script = script.pause(chunk.after).body(&chunk.data);
        }
        match answer.end {
            End::Complete => script.finish(),
            End::Truncated => script.close(),
            End::Reset => script.reset(),
        }
    }

    /// Nothing implied: no head, no framing, and at the end the connection stays open.
    ///
    /// [`event`](Self::event) and its kin then write their text as it is, without chunks.
    pub fn raw() -> Self {
        Self {
            head: None,
            ..Self::new()
        }
    }

    /// A whole good chat completion: the role, one event for each text, the finish reason `stop`,
    /// `[DONE]`, and the last chunk.
    pub fn chat<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        texts
            .into_iter()
            .fold(Self::sse().event(chat::role()), |script, text| {
                script.event(chat::text(text.as_ref()))
            })
            .event(chat::finish("stop"))
            .done()
            .finish()
    }
}

/// Where a script of Anthropic's begins.
impl Script {
    /// A whole good message: one block of text, one event for each piece, the reason `end_turn`, its end
    /// marker, and the last chunk.
    pub fn message<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let begun = Self::sse()
            .typed_event(messages::start(3))
            .typed_event(messages::text_block(0));
        texts
            .into_iter()
            .fold(begun, |script, text| {
                script.typed_event(messages::text(0, text.as_ref()))
            })
            .typed_event(messages::block_end(0))
            .typed_event(messages::finish("end_turn", 2))
            .typed_event(messages::end())
            .finish()
    }
}

/// What holds for the whole answer, wherever in the chain it is said.
impl Script {
    /// Sets the status, from 0 to 999 and without judgement; default 200.
    ///
    /// # Panics
    /// A [`raw`](Self::raw) script has no head; so too the next two.
    pub fn status(mut self, status: u16) -> Self {
        self.head_mut().status = status;
        self
    }

    /// Adds a header exactly as spelled, after those already there; the value may be any bytes.
    ///
    /// Names may repeat, save `content-type`, where the new one replaces what [`sse`](Self::sse) or
    /// [`json`](Self::json) implied. The header that [`Framing`] calls for comes last, always.
    ///
    /// # Panics
    /// On a [`raw`](Self::raw) script.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.head_mut().add(name, value.as_ref());
        self
    }

    /// Says how the answer shows its end.
    ///
    /// # Panics
    /// On a [`raw`](Self::raw) script.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.head_mut().framing = framing;
        self
    }

    /// Plays as soon as the request's head is in, without waiting for its body.
    ///
    /// Without this the provider reads the whole request first.
    pub fn answer_early(mut self) -> Self {
        self.answers_early = true;
        self
    }

    /// Answers every further request, until another script waits behind this one in the queue.
    pub fn repeat(mut self) -> Self {
        self.repeats = true;
        self
    }
}

/// What is written.
impl Script {
    /// Writes the head here rather than before the first byte of the body.
    pub fn head(self) -> Self {
        self.step(Step::Head)
    }

    /// Writes an event `data: …` of these lines; one HTTP chunk, one write.
    pub fn event(self, data: impl AsRef<str>) -> Self {
        self.body(data_lines(data.as_ref()))
    }

    /// Writes `event: name` and the data as [`event`](Self::event) does.
    pub fn named_event(self, name: &str, data: impl AsRef<str>) -> Self {
        self.body(format!("event: {name}\n{}", data_lines(data.as_ref())))
    }

    /// Writes an event whose name is the `type` of its data, as Anthropic's are.
    ///
    /// # Panics
    /// If the data is no JSON with a `type`.
    pub fn typed_event(self, data: impl AsRef<str>) -> Self {
        let data = data.as_ref();
        let kind = serde_json::from_str::<serde_json::Value>(data);
        let kind = kind
            .ok()
            .and_then(|data| Some(data["type"].as_str()?.to_owned()));
        let kind = kind.unwrap_or_else(|| panic!("an event without a type: {data}"));
        self.named_event(&kind, data)
    }

    /// Writes the comment `: text` and an empty line.
    pub fn comment(self, text: &str) -> Self {
        self.body(format!(": {text}\n\n"))
    }

    /// Writes `data: [DONE]`, the end marker of OpenAI's streams. Does not end the HTTP answer: that
    /// is [`finish`](Self::finish).
    pub fn done(self) -> Self {
        self.event("[DONE]")
    }

    /// Writes these bytes of the body, in one HTTP chunk where the framing has chunks; no bytes,
    /// nothing.
    pub fn body(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Body(Bytes::copy_from_slice(bytes.as_ref())))
    }

    /// Writes exactly these bytes: no head goes before them, no chunk goes around them, and no
    /// `content-length` counts them. For interim answers, broken chunks, trailers and garbage.
    pub fn bytes(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Bytes(Bytes::copy_from_slice(bytes.as_ref())))
    }

    /// Writes an event `count` times, as fast as the caller takes them.
    ///
    /// When the caller stops taking them, [`Happened::Blocked`](super::Happened::Blocked) says how
    /// many bytes it took.
    pub fn flood(self, data: impl AsRef<str>, count: u64) -> Self {
        self.step(Step::Flood(data_lines(data.as_ref()).into(), count))
    }

    /// Ends the body: `0\r\n\r\n` where the framing has chunks, else nothing.
    pub fn finish(self) -> Self {
        self.step(Step::Finish)
    }

    /// Splits all that follows into writes of `length` bytes, flushed one by one: segments of their
    /// own on TCP (`TCP_NODELAY` is set) unless the kernel of a slow reader joins them, records of
    /// their own on TLS.
    ///
    /// # Panics
    /// If `length` is 0.
    pub fn cut_bytes(self, length: usize) -> Self {
        assert!(length > 0, "a write has at least one byte");
        self.step(Step::CutBytes(length))
    }
}

/// What happens between the writes.
impl Script {
    /// Does nothing until the test opens the gate.
    pub fn wait(self, gate: &Gate) -> Self {
        self.step(Step::Wait(gate.clone()))
    }

    /// Says nothing more, and keeps the connection until the caller leaves.
    pub fn stall(self) -> Self {
        self.step(Step::Stall)
    }

    /// Does nothing for a while. For demonstrations; a test takes a [`Gate`].
    pub fn pause(self, length: Duration) -> Self {
        self.step(Step::Pause(length))
    }

    /// Closes the connection now (FIN; over TLS `close_notify` first), whatever the framing promised.
    pub fn close(self) -> Self {
        self.step(Step::Close)
    }

    /// Resets the connection now (RST, over TLS without `close_notify`).
    ///
    /// What a slow reader's kernel has not taken by then is lost to it. In memory there is no reset:
    /// the caller sees the connection close.
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }
}

/// What the player asks.
impl Script {
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(super) fn answer_head(&self) -> Option<&AnswerHead> {
        self.head.as_ref()
    }

    pub(super) fn answers_early(&self) -> bool {
        self.answers_early
    }

    pub(super) fn repeats(&self) -> bool {
        self.repeats
    }

    /// How many bytes of body the steps hold, chunk framing not counted.
    pub(super) fn body_length(&self) -> u64 {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Body(bytes) => bytes.len() as u64,
                Step::Flood(bytes, count) => (bytes.len() as u64).saturating_mul(*count),
                _ => 0,
            })
            .fold(0, u64::saturating_add)
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn head_mut(&mut self) -> &mut AnswerHead {
        self.head
            .as_mut()
            .expect("a raw script has no head: write its bytes, or begin with Script::new()")
    }
}

/// `data: …` for each line, and the empty line that ends the event.
fn data_lines(data: &str) -> String {
    data.split('\n')
        .map(|line| format!("data: {line}\n"))
        .collect::<String>()
        + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_an_event_gets_a_data_field() {
        assert_eq!(data_lines("a\nb"), "data: a\ndata: b\n\n");
        assert_eq!(data_lines(""), "data: \n\n");
    }

    #[test]
    fn the_body_length_counts_floods_and_not_raw_bytes() {
        let script = Script::new()
            .body("abc")
            .bytes("not counted")
            .flood("x", 10);
        assert_eq!(script.body_length(), 3 + 10 * 9);
    }

    #[test]
    #[should_panic(expected = "a raw script has no head")]
    fn a_raw_script_refuses_a_status() {
        let _ = Script::raw().status(200);
    }
}
