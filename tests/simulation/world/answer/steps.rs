//! An answer as bytes and pauses, once the request says in which format it is to be.

use std::time::Duration;

use super::{
    super::{format::Format, speech},
    AnswerPlan, BRIEF, Ending, Fault, Framing, Pace, Step,
};
use crate::random::Random;

impl AnswerPlan {
    /// The steps, for a request in this format.
    pub(in super::super) fn steps(&self, format: Format, stream: bool) -> (Vec<Step>, Ending) {
        let random = &mut Random::new(self.seed);
        let (kind, body) = self.body(random, format, stream);
        let mut ending = match self.framing {
            Framing::Close | Framing::Http10 => Ending::Closes,
            _ if self.closes => Ending::Closes,
            _ => Ending::Stays,
        };
        let mut bytes = self.framed(random, kind, &body);
        match self.fault {
            Some(Fault::Silent) => (bytes.clear(), ending = Ending::Stalls).1,
            Some(Fault::Hangs) => (bytes.clear(), ending = Ending::Closes).1,
            Some(Fault::CutAt(at)) => {
                bytes.truncate(bytes.len() * at / 100);
                ending = Ending::Closes;
            }
            Some(Fault::StallsAt(at)) => {
                bytes.truncate(bytes.len() * at / 100);
                ending = Ending::Stalls;
            }
            _ => {}
        }
        (self.paced(random, &bytes), ending)
    }

    fn body(&self, random: &mut Random, format: Format, stream: bool) -> (&'static str, Vec<u8>) {
        let json = "application/json";
        match (self.status, self.fault) {
            (204, _) => return (json, Vec::new()),
            (200 | 201, _) => {}
            (502, _) => {
                let page = b"<html><head><title>Bad <b>gateway</b></title></head></html>";
                return ("text/html", page.to_vec());
            }
            (status, _) => {
                let kind = if status == 429 {
                    "rate_limit_error"
                } else {
                    "invalid_request_error"
                };
                return (json, speech::error_document(format, kind).into());
            }
        }
        match self.fault {
            Some(Fault::Page) => return ("text/html", b"<html>hello</html>".to_vec()),
            Some(Fault::ErrorDocument) => {
                return (
                    json,
                    speech::error_document(format, "rate_limit_error").into(),
                );
            }
            _ => {}
        }
        if !stream {
            let mut document = self.speech.document(format).into_bytes();
            match self.fault {
                Some(Fault::BadUtf8) => document[2] = 0xff,
                Some(Fault::Garbage) => document.extend_from_slice(b"{}"),
                Some(Fault::ErrorAt(_, kind)) => {
                    document = speech::error_document(format, kind).into();
                }
                Some(Fault::Oversized) => document.splice(1..1, vec![b' '; 80_000]).for_each(drop),
                _ => {}
            }
            return (json, document);
        }
        let mut events: Vec<_> = self
            .speech
            .events(format)
            .into_iter()
            .map(String::into_bytes)
            .collect();
        self.spoil(random, format, &mut events);
        ("text/event-stream", events.concat())
    }

    /// Puts in what else comes between events, and the fault that is one of them.
    fn spoil(&self, random: &mut Random, format: Format, events: &mut Vec<Vec<u8>>) {
        if random.percent(40) {
            let extra = random.one_of(&[": ping\n\n", "retry: 7\n\n", "data:\n\n", "event: a\n\n"]);
            let at = random.below(events.len());
            events.insert(at, extra.as_bytes().to_vec());
        }
        if random.percent(15) {
            for event in events.iter_mut() {
                *event = String::from_utf8_lossy(event)
                    .replace('\n', "\r\n")
                    .into_bytes();
            }
        }
        let at = |share: usize| events.len() * share / 100;
        match self.fault {
            Some(Fault::ErrorAt(share, kind)) => {
                let at = at(share);
                events.insert(at, speech::error_event(format, kind).into_bytes());
            }
            Some(Fault::Oversized) => {
                let at = random.below(events.len());
                let event = format!(
                    "event: x-large\ndata: {{\"a\":\"{}\"}}\n\n",
                    "y".repeat(40_000)
                );
                events.insert(at, event.into_bytes());
            }
            Some(Fault::Garbage) => {
                let at = random.below(events.len());
                events.insert(at, b"data: <html>\n\n".to_vec());
            }
            Some(Fault::BadUtf8) => {
                let at = random.below(events.len());
                events.insert(
                    at,
                    b"event: x-odd\ndata: {\"odd\":\"\xff\xf0\x9f\"}\n\n".to_vec(),
                );
            }
            Some(Fault::NoEnd) => events.truncate((events.len() / 2).max(1)),
            Some(Fault::TalksOn) => events.push(b"data: {\"behind\":\"the end\"}\n\n".to_vec()),
            _ => {}
        }
    }

    /// The whole answer as it stands on the wire.
    fn framed(&self, random: &mut Random, kind: &str, body: &[u8]) -> Vec<u8> {
        let version = if self.framing == Framing::Http10 {
            "1.0"
        } else {
            "1.1"
        };
        let mut head = String::new();
        if random.percent(10) {
            head.push_str("HTTP/1.1 103 Early Hints\r\nlink: </leak>\r\n\r\n");
        }
        head.push_str(&format!("HTTP/{version} {} Whatever\r\n", self.status));
        if self.status != 204 {
            head.push_str(&format!("Content-Type: {kind}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.fault {
            Some(Fault::BadHead) => head.push_str("x-request-id: a\u{1}b\r\n"),
            Some(Fault::ManyHeaders) => {
                (0..100).for_each(|number| head.push_str(&format!("x-{number}: leak\r\n")));
            }
            Some(Fault::Compressed) => head.push_str("content-encoding: gzip\r\n"),
            _ => {}
        }
        match self.framing {
            _ if self.status == 204 => {}
            Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
            Framing::Length => head.push_str(&format!("content-length: {}\r\n", body.len())),
            Framing::Close | Framing::Http10 => {}
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if self.status == 204 {
            return bytes;
        }
        if self.framing != Framing::Chunked {
            bytes.extend_from_slice(body);
            return bytes;
        }
        let size = random
            .one_of(&[1, 10, 100, 1_000, 100_000])
            .max(body.len() / 500);
        for chunk in body.chunks(size.max(1)) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(match self.fault {
            Some(Fault::BadChunk) => b"zz\r\n\r\n",
            _ => b"0\r\n\r\n",
        });
        bytes
    }

    fn paced(&self, random: &mut Random, bytes: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        match self.pace {
            Pace::AtOnce => steps.push(Step::Write(bytes.to_vec())),
            Pace::Bytes if bytes.len() < 3_000 => {
                for byte in bytes {
                    steps.push(Step::Write(vec![*byte]));
                    if random.percent(2) {
                        steps.push(pause(random, BRIEF));
                    }
                }
            }
            Pace::Bytes => steps.push(Step::Write(bytes.to_vec())),
            Pace::Cut(count, pauses) => {
                let mut cuts: Vec<_> = (0..count).map(|_| random.below(bytes.len() + 1)).collect();
                cuts.extend([0, bytes.len()]);
                cuts.sort_unstable();
                for cut in cuts.windows(2) {
                    steps.push(pause(random, pauses));
                    steps.push(Step::Write(bytes[cut[0]..cut[1]].to_vec()));
                }
                steps.push(pause(random, pauses));
            }
        }
        steps.retain(|step| !matches!(step, Step::Write(bytes) if bytes.is_empty()));
        steps
    }
}

fn pause(random: &mut Random, lengths: &[u64]) -> Step {
    Step::Pause(Duration::from_millis(random.one_of(lengths)))
}
