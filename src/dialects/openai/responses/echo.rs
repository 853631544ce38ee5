//! What a response repeats of its request.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{completion::CompletionRequest, raw_json::RawObject};

/// The members that are repeated, and what stands there where the request does not say. SDKs require
/// some of them.
const MEMBERS: [(&str, &str); 14] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("prompt_cache_key", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("safety_identifier", "null"),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_p", "null"),
    ("user", "null"),
];

/// The members that a response repeats. They are copied, so that the rest of the request, its input
/// above all, need not be kept as long as the answer lasts.
pub(super) struct Echo(Vec<(&'static str, Box<RawValue>)>);

impl Echo {
    pub(super) fn of(request: &CompletionRequest) -> Self {
        let text = std::str::from_utf8(&request.body).unwrap_or_default();
        let object = RawObject::parse(text).ok();
        let told = |name| {
            let value = object.as_ref()?.get(name)?;
            (value.get() != "null").then(|| compact(value.get()))
        };
        let members = MEMBERS.map(|(name, default)| {
            let text = told(name).unwrap_or_else(|| default.to_owned());
            let value = RawValue::from_string(text);
            (
                name,
                value.expect("what stands between the tokens of JSON is all that is gone"),
            )
        });
        Self(members.into())
    }
}

impl Serialize for Echo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// JSON without what stands between its tokens: a line's end there would end a line of the event.
fn compact(json: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    json.chars()
        .filter(|&char| {
            if is_text {
                is_text = char != '"' || is_escaped;
                is_escaped = char == '\\' && !is_escaped;
                return true;
            }
            is_text = char == '"';
            !matches!(char, ' ' | '\t' | '\n' | '\r')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::Value;

    use super::*;
    use crate::dialects::{Dialect, openai::Responses};

    fn echo(body: &'static str) -> String {
        let request = Responses.parse_completion(Bytes::from(body)).unwrap();
        serde_json::to_string(&Echo::of(&request)).unwrap()
    }

    #[test]
    fn what_the_request_says_is_repeated_and_what_it_does_not_say_has_its_default() {
        let text = echo(
            "{\"model\":\"m\",\"input\":\"secret\",\"temperature\":1.0e0,\"metadata\":null,\n\"tools\": [\n{\"a\" : \" \\\" b\\\\\" , \"c\":1 }\n]}",
        );
        assert!(
            text.contains(r#""tools":[{"a":" \" b\\","c":1}]"#),
            "{text}"
        );
        assert!(text.contains(r#""temperature":1.0e0"#) && !text.contains("secret"));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["metadata"], serde_json::json!({}));
        assert_eq!(value["parallel_tool_calls"], true);
        assert_eq!(value["text"]["format"]["type"], "text");
    }
}
