//! From the client to the provider and back: bytes as they are where both speak one format, else told
//! in our words and written anew.

mod losses;

use bytes::Bytes;

use crate::{
    completion::{Answer, CompletionRequest, Delta, PartKind, TURNS},
    dialects::{AnswerContext, AnswerWriter, Dialect},
    error::RequestError,
    providers::{self, Api, ApiTranslator, BadDocument, BadEvent, CallBody, DeltaReader},
    settings::{FilterRules, VerifiedTarget},
    upstream::sse_decoder::SseEvent,
};

pub use losses::Losses;

/// How a request reaches its provider, and the answer the client.
#[derive(Debug)]
pub struct Passage {
    /// What of the provider is asked.
    pub api: &'static dyn Api,
    /// The body of the call, in pieces that are sent one after the other.
    pub body: Vec<Bytes>,
    /// How the answer is written anew; `None` where it passes as it is.
    pub translation: Option<Translation>,
    /// What of the request could not be carried.
    pub lost: Losses,
}

impl Passage {
    /// Finds the way of a request to the model's provider.
    ///
    /// # Errors
    /// The provider cannot serve what is asked, or a field of the request is at fault, or something
    /// would be lost and `models.strict` forbids it.
    pub fn find(
        dialect: &'static dyn Dialect,
        request: &CompletionRequest,
        target: &VerifiedTarget,
        about: AnswerContext<'_>,
    ) -> Result<Self, RequestError> {
        let provider = &target.provider;
        let not_served = || RequestError::NotServed {
            format: dialect.format(),
            provider: provider.id.clone(),
        };
        let protocol = providers::protocol(&provider.kind);
        let api = protocol
            .api(dialect.format(), target)
            .ok_or_else(not_served)?;
        let call = CallBody {
            model: protocol.model_name(target),
            stream: request.stream,
            ask_for_usage: provider.usage_request,
            terms: provider.terms,
        };
        if api.format() == dialect.format() {
            return Ok(Self {
                api,
                body: api.pass_body(request, call),
                translation: None,
                lost: Losses::default(),
            });
        }
        let from = dialect.translator().ok_or_else(not_served)?;
        let to = api.translator().ok_or_else(not_served)?;
        let text = std::str::from_utf8(&request.body)
            .map_err(|error| RequestError::not_utf8(&request.body, error))?;
        let mut lost = Losses::default();
        let conversation = from.read_request(text, &mut lost)?;
        let call = CallBody {
            // Where a client cannot be told otherwise, it is as if it had asked itself.
            ask_for_usage: provider.usage_request || request.wants_usage,
            ..call
        };
        let body = to
            .write_request(conversation, call, &mut lost)
            .map_err(|error| error.renamed(TURNS, from.turns_field()))?;
        if target.strict && !lost.is_empty() {
            return Err(RequestError::WouldLose { lost });
        }
        Ok(Self {
            api,
            body: vec![body],
            translation: Some(Translation {
                to,
                reader: to.delta_reader(),
                writer: from.answer_writer(request, about),
                rules: target.filter.clone(),
                lost: Losses::default(),
            }),
            lost,
        })
    }
}

/// Writes one answer of a provider in the client's dialect. It holds one event at a time, but where the
/// dialect's own last event repeats all of the answer.
#[derive(Debug)]
pub struct Translation {
    to: &'static dyn ApiTranslator,
    reader: Box<dyn DeltaReader>,
    writer: Box<dyn AnswerWriter>,
    rules: FilterRules,
    lost: Losses,
}

impl Translation {
    /// The events that one of the provider's comes to; it is no error and no end marker.
    ///
    /// # Errors
    /// It is nothing that the provider's API knows.
    pub fn event(&mut self, raw: &SseEvent) -> Result<Vec<SseEvent>, BadEvent> {
        let (mut deltas, mut events) = (Vec::new(), Vec::new());
        self.reader.read(raw, &mut deltas)?;
        for delta in deltas {
            if let Delta::Lost(name) = delta {
                self.lost.add(name);
            } else if let Some(delta) = without_parts(&self.rules, delta) {
                self.writer.write(delta, &mut events, &mut self.lost);
            }
        }
        self.drop_events(&mut events);
        Ok(events)
    }

    /// The events that end the answer, once the provider has ended it.
    #[must_use]
    pub fn end(&mut self) -> Vec<SseEvent> {
        let mut events = Vec::new();
        self.writer.end(&mut events);
        // An end marker is never dropped, whatever it is called.
        let marker = events.pop();
        self.drop_events(&mut events);
        events.extend(marker);
        events
    }

    fn drop_events(&self, events: &mut Vec<SseEvent>) {
        let dropped = &self.rules.drop_events;
        if !dropped.is_empty() {
            events.retain(|event| {
                let name = event.event.as_deref().unwrap_or("message");
                !dropped.iter().any(|dropped| dropped == name)
            });
        }
    }

    /// A whole answer, one that the API's own check has let pass.
    ///
    /// # Errors
    /// It is no answer of the provider's API.
    pub fn document(&mut self, document: &[u8]) -> Result<Bytes, BadDocument> {
        let text = std::str::from_utf8(document).map_err(|_| BadDocument::NoDocument)?;
        let mut answer = self.to.read_document(text, &mut self.lost)?;
        drop_parts(&self.rules, &mut answer);
        Ok(self.writer.document(&answer, &mut self.lost))
    }

    /// How many bytes of the answer are held until its end.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.writer.held_bytes()
    }

    /// What of the answer could not be carried so far.
    #[must_use]
    pub fn lost(&self) -> &Losses {
        &self.lost
    }
}

/// What is left of a delta after the rules have dropped their parts, if anything is.
fn without_parts<'a>(rules: &FilterRules, mut delta: Delta<'a>) -> Option<Delta<'a>> {
    let is_dropped = match &mut delta {
        Delta::Thinking(_) | Delta::Signature(_) | Delta::RedactedThinking(_) => rules.reasoning,
        Delta::Usage(_) => rules.usage,
        Delta::Text(piece) if rules.logprobs => {
            piece.logprobs.clear();
            piece.is_empty()
        }
        _ => false,
    };
    (!is_dropped).then_some(delta)
}

fn drop_parts(rules: &FilterRules, answer: &mut Answer<'_>) {
    if rules.reasoning {
        answer.parts.retain(|part| {
            !matches!(
                part.kind,
                PartKind::Thinking { .. } | PartKind::RedactedThinking(_)
            )
        });
    }
    if rules.usage {
        answer.usage = None;
    }
    if rules.logprobs {
        answer.logprobs.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        fs,
        path::{Path, PathBuf},
    };

    use super::*;
    use crate::{
        dialects::{anthropic::Messages, openai::Responses},
        settings::Settings,
    };

    const THOUGHT: &str = r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#;
    const TEXT: &str = r#"{"choices":[{"delta":{"content":"Hi"},"logprobs":{"content":[{"token":"likely","logprob":-1}]}}]}"#;
    const FINISH: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;
    const DOCUMENT: &str = r#"{"choices":[{"message":{"reasoning_content":"hm","content":"Hi"},"logprobs":{"content":[{"token":"likely","logprob":-1}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;

    /// The passage of a request to a provider of chat completions.
    fn passage(
        dialect: &'static dyn Dialect,
        model: &str,
        body: &'static str,
    ) -> Result<Passage, RequestError> {
        let settings = format!(
            "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1\"\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"gpt\" }}]\n{model}\n"
        );
        let settings = Settings::from_toml(&settings).unwrap();
        let settings = settings.verify(&HashMap::new()).unwrap();
        let request = dialect.parse_completion(Bytes::from(body)).unwrap();
        let about = AnswerContext {
            id: "1",
            model: "gpt",
            created: 0,
        };
        Passage::find(
            dialect,
            &request,
            settings.models.get("m").unwrap().first_target(),
            about,
        )
    }

    fn translation(dialect: &'static dyn Dialect, model: &str) -> Translation {
        let body = r#"{"model":"m","max_tokens":9,"input":"Hi","messages":[{"role":"user","content":"Hi"}]}"#;
        let passage = passage(dialect, model, body).unwrap();
        passage.translation.unwrap()
    }

    /// All events of an answer.
    fn events(translation: &mut Translation) -> Vec<SseEvent> {
        let mut events = Vec::new();
        for data in [THOUGHT, TEXT, FINISH] {
            let raw = SseEvent {
                event: None,
                id: None,
                data: data.into(),
            };
            events.extend(translation.event(&raw).unwrap());
        }
        events.extend(translation.end());
        events
    }

    #[test]
    fn events_are_dropped_by_their_name_to_the_end_but_for_the_end_marker() {
        let dropped = ["response.output_text.delta", "response.output_item.done"];
        let rule = format!("filter.drop_events = {dropped:?}");
        let rule = rule.replace(']', ", \"response.completed\"]");
        let events = events(&mut translation(&Responses, &rule));
        let names: Vec<_> = events.iter().filter_map(|it| it.event.as_deref()).collect();
        assert!(names.contains(&"response.output_text.done"), "{names:?}");
        assert!(
            !names.iter().any(|name| dropped.contains(name)),
            "{names:?}"
        );
        assert_eq!(names.last(), Some(&"response.completed"));
    }

    #[test]
    fn parts_are_dropped_of_streams_and_of_documents_alike() {
        for (rule, thinks, usage) in [
            ("", true, r#""output_tokens":5"#),
            (
                "filter.drop = [\"reasoning\"]",
                false,
                r#""output_tokens":5"#,
            ),
            ("filter.drop = [\"usage\"]", true, r#""output_tokens":0"#),
        ] {
            let events = events(&mut translation(&Messages, rule));
            let stream: String = events.iter().map(|event| &*event.data).collect();
            let document = translation(&Messages, rule).document(DOCUMENT.as_bytes());
            let document = String::from_utf8(document.unwrap().to_vec()).unwrap();
            for text in [stream, document] {
                assert!(text.contains("Hi"), "{text}");
                assert_eq!(text.contains("hm"), thinks, "{rule}: {text}");
                let last = text.rfind("\"output_tokens\"").unwrap();
                assert!(text[last..].starts_with(usage), "{rule}: {text}");
            }
        }
    }

    #[test]
    fn log_probabilities_are_dropped_of_streams_and_of_documents_and_are_no_loss_then() {
        for (rule, is_told) in [("", true), ("filter.drop = [\"logprobs\"]", false)] {
            let mut stream = translation(&Responses, rule);
            let told: String = events(&mut stream)
                .iter()
                .map(|event| event.data.to_string())
                .collect();
            let mut whole = translation(&Responses, rule);
            let document = whole.document(DOCUMENT.as_bytes()).unwrap();
            let document = String::from_utf8(document.to_vec()).unwrap();
            for text in [told, document] {
                assert!(text.contains("Hi"), "{text}");
                assert_eq!(text.contains("likely"), is_told, "{rule}: {text}");
            }
            assert!(stream.lost().is_empty() && whole.lost().is_empty());
        }
    }

    #[test]
    fn what_a_dialect_has_no_place_for_is_lost_in_streams_and_in_documents() {
        for (rule, lost) in [
            ("", &["logprobs"][..]),
            ("filter.drop = [\"logprobs\"]", &[]),
        ] {
            let mut stream = translation(&Messages, rule);
            events(&mut stream);
            assert_eq!(stream.lost().names(), lost);
            let mut whole = translation(&Messages, rule);
            whole.document(DOCUMENT.as_bytes()).unwrap();
            assert_eq!(whole.lost().names(), lost);
        }
    }

    #[test]
    fn what_cannot_be_carried_is_named_or_refused_where_nothing_may_be_lost() {
        let body = r#"{"model":"m","input":"Hi","truncation":"auto"}"#;
        let lost = passage(&Responses, "", body).unwrap().lost;
        assert_eq!(lost.names(), ["truncation"]);
        let refused = passage(&Responses, "strict = true", body).unwrap_err();
        assert_eq!(refused, RequestError::WouldLose { lost });
        assert!(passage(&Responses, "strict = true", r#"{"model":"m","input":"Hi"}"#).is_ok());
    }

    /// The code of all modules below a folder of `src/`, without their tests.
    fn code_below(folder: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                found.extend(code_below(&path));
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                found.push((path, code.to_owned()));
            }
        }
        found
    }

    #[test]
    fn a_dialect_and_a_provider_never_name_each_other_nor_one_family_another() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (folder, strangers) in [
            ("dialects", &["providers::"][..]),
            ("dialects/openai", &["anthropic::"]),
            ("dialects/anthropic", &["openai::"]),
            ("providers", &["dialects::"]),
            ("providers/openai", &["anthropic::"]),
            ("providers/anthropic", &["openai::"]),
        ] {
            let modules = code_below(&source.join(folder));
            assert!(modules.len() > 5, "{folder}");
            for (path, code) in modules {
                let mut strangers = strangers.iter();
                let named = strangers.find(|stranger| code.contains(**stranger));
                assert_eq!(named, None, "{}", path.display());
            }
        }
    }
}
