//! The Sourcegraph dialect: what Cody speaks to an instance of Sourcegraph, in each version of its API.
//!
//! No provider has it, so that it is always translated. Its clients die of what others skip: each event
//! is exactly `event: NAME`, `data: JSON` and an empty line, `completion`, `error` and `done` are all the
//! names there are, there is no comment, and `done` is always last. docs/sourcegraph.md has the rules.

pub(crate) mod api;
mod ascii;
mod catalogue;
pub mod client_gate;
mod conversation;
mod error;
mod llm;
mod logprobs;
mod wire;
mod writer;

use bytes::Bytes;

use crate::{
    completion::{CompletionRequest, Conversation, FieldPlaces, WireFormat},
    dialects::{
        AnswerContext, AnswerWriter, Customs, Dialect, DialectTranslator, Edited,
        members::{member, members, model},
    },
    error::{ErrorReport, RequestError},
    settings::FilterRules,
    translation::Losses,
    upstream::sse_decoder::SseEvent,
};

pub(crate) use catalogue::{ClientConfig, SupportedModels};
pub(crate) use error::events as error_events;
pub use llm::LlmChatCompletions;

/// The newest version of the API: told to clients, who choose by it.
pub(crate) const LATEST: u8 = 8;

/// What Cody speaks at one path, in one version.
#[derive(Debug)]
pub struct Completions {
    version: u8,
    /// Whether it is answered with a stream where a request does not say.
    streams: bool,
}

static CHAT: [Completions; LATEST as usize + 1] = versions(true);
static CODE: [Completions; LATEST as usize + 1] = versions(false);

const fn versions(streams: bool) -> [Completions; LATEST as usize + 1] {
    let mut all = [const {
        Completions {
            version: 0,
            streams: false,
        }
    }; LATEST as usize + 1];
    let mut version = 0;
    while version <= LATEST {
        all[version as usize] = Completions { version, streams };
        version += 1;
    }
    all
}

impl Completions {
    /// At `/.api/completions/stream`; `None`: there is no such version. 0 is that of clients who say none.
    #[must_use]
    pub fn chat(version: u8) -> Option<&'static Self> {
        CHAT.get(usize::from(version))
    }

    /// At `/.api/completions/code`.
    #[must_use]
    pub fn code(version: u8) -> Option<&'static Self> {
        CODE.get(usize::from(version))
    }
}

/// In which others than completions are told of an error.
pub(crate) fn any_version() -> &'static dyn Dialect {
    &CHAT[LATEST as usize]
}

impl Dialect for Completions {
    fn format(&self) -> WireFormat {
        WireFormat::Sourcegraph
    }

    fn parse_completion(&self, body: Bytes) -> Result<CompletionRequest, RequestError> {
        let object = members(&body)?;
        let (model, model_place) = model(&object)?;
        let stream = member(&object, "stream", "true or false")?;
        let most = object.get("maxTokensToSample");
        let places = FieldPlaces {
            first_member: object.start(),
            model: model_place,
            stream_options: None,
        };
        Ok(CompletionRequest {
            model,
            stream: stream.unwrap_or(self.streams),
            // The last event of its streams tells usage.
            wants_usage: true,
            choices: 1,
            max_tokens: most.and_then(|most| serde_json::from_str(most.get()).ok()),
            places,
            body,
        })
    }

    fn error_document(&self, report: &ErrorReport) -> Bytes {
        error::document(report)
    }

    fn error_events(&self, report: &ErrorReport) -> Vec<SseEvent> {
        error::events(&report.message)
    }

    fn is_error_event(&self, event: &SseEvent) -> bool {
        event.event.as_deref() == Some("error")
    }

    fn customs(&self) -> Customs {
        Customs {
            metadata_event: false,
            heartbeats: false,
            error_type: "text/plain; charset=utf-8",
            signs_out: true,
            plain_limits: true,
            qualified_models: true,
        }
    }

    /// No provider writes it: what is dropped is dropped of our words.
    fn without_parts(&self, _: &str, _: &FilterRules) -> Edited {
        Edited::Same
    }

    fn translator(&self) -> Option<&'static dyn DialectTranslator> {
        // It knows no more of itself than its version, and the table has each.
        let table = if self.streams { &CHAT } else { &CODE };
        Some(&table[usize::from(self.version)])
    }
}

impl DialectTranslator for Completions {
    fn read_request<'a>(
        &self,
        body: &'a str,
        losses: &mut Losses,
    ) -> Result<Conversation<'a>, RequestError> {
        conversation::read(body, self.version, losses)
    }

    fn answer_writer(&self, _: &CompletionRequest, _: AnswerContext<'_>) -> Box<dyn AnswerWriter> {
        writer::of_version(self.version)
    }
}
