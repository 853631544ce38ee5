//! Why an answer ends, in the words of those who serve chat completions.

use std::borrow::Cow;

use crate::completion::FinishReason;

/// Reads a `finish_reason`. `stopped_by` is the stop text that came, if the provider tells it, and
/// `has_calls` whether the model has called a function: Gemini's server, and OpenAI's for a function
/// that was forced, call the end of such an answer `stop`.
pub(super) fn read<'a>(
    word: Cow<'a, str>,
    stopped_by: Option<Cow<'a, str>>,
    has_calls: bool,
) -> FinishReason<'a> {
    match word.as_ref() {
        "stop" | "eos" | "eos_token" | "end_turn" | "STOP" if has_calls => FinishReason::ToolCalls,
        "stop" | "STOP" => match stopped_by {
            Some(text) => FinishReason::StopSequence(Some(text)),
            None => FinishReason::Stop,
        },
        // Together, TGI, and servers that show Anthropic's models.
        "eos" | "eos_token" | "end_turn" => FinishReason::Stop,
        "stop_sequence" => FinishReason::StopSequence(stopped_by),
        // `model_length` is Mistral's word for the model's own bound.
        "length" | "max_tokens" | "model_length" | "MAX_TOKENS" => FinishReason::Length,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "content_filter" | "refusal" | "SAFETY" => FinishReason::ContentFilter,
        _ => FinishReason::Other(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_word_has_its_meaning_and_others_stay_what_they_are() {
        for (word, expected) in [
            ("stop", FinishReason::Stop),
            ("eos", FinishReason::Stop),
            ("end_turn", FinishReason::Stop),
            ("stop_sequence", FinishReason::StopSequence(None)),
            ("length", FinishReason::Length),
            ("model_length", FinishReason::Length),
            ("tool_calls", FinishReason::ToolCalls),
            ("function_call", FinishReason::ToolCalls),
            ("content_filter", FinishReason::ContentFilter),
            (
                "insufficient_system_resource",
                FinishReason::Other("insufficient_system_resource".into()),
            ),
            ("error", FinishReason::Other("error".into())),
        ] {
            assert_eq!(read(word.into(), None, false), expected, "{word}");
        }
    }

    #[test]
    fn a_stop_after_a_call_is_told_as_the_call_it_waits_for() {
        assert_eq!(read("stop".into(), None, true), FinishReason::ToolCalls);
        assert_eq!(read("length".into(), None, true), FinishReason::Length);
    }

    #[test]
    fn a_stop_text_is_told_where_the_provider_tells_it() {
        assert_eq!(
            read("stop".into(), Some("###".into()), false),
            FinishReason::StopSequence(Some("###".into()))
        );
    }
}
