//! What a client is told of an error, before its dialect gives it a shape.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What a client is told, before its dialect gives it a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// Our status; once the head is out, that which the error would have had.
    pub status: u16,
    /// For people.
    pub message: String,
    /// Class of error (OpenAI `type`).
    pub kind: Option<String>,
    /// For programs: a string, or a number where a provider's own stays.
    pub code: Option<Value>,
    /// The request's field at fault.
    pub param: Option<String>,
    /// The provider's side, where one was involved.
    pub upstream: Option<UpstreamReport>,
    /// How many events of its stream went out before it; 0 where it is told in the head.
    pub events_before: u64,
}

impl ErrorReport {
    /// The same report with each text of it, the provider's among them, put through `edit`.
    #[must_use]
    pub fn map_texts(mut self, edit: impl Fn(String) -> String) -> Self {
        let edit_code = |code: Value| match code {
            Value::String(text) => Value::String(edit(text)),
            other => other,
        };
        self.message = edit(self.message);
        self.kind = self.kind.map(&edit);
        self.code = self.code.map(edit_code);
        self.param = self.param.map(&edit);
        if let Some(upstream) = &mut self.upstream {
            upstream.provider = edit(std::mem::take(&mut upstream.provider));
            upstream.model = edit(std::mem::take(&mut upstream.model));
            // Of a chain it is another's text too.
            if let Cow::Owned(code) = &mut upstream.code {
                *code = edit(std::mem::take(code));
            }
            upstream.error = upstream.error.take().map(|words| ProviderWords {
                message: edit(words.message),
                kind: words.kind.map(&edit),
                code: words.code.map(edit_code),
                param: words.param.map(&edit),
            });
        }
        self
    }
}

/// The provider's side of an error, as it stands in the body of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct UpstreamReport {
    /// Who was asked; of a chain, by the Herald that is nearest to the origin.
    pub provider: String,
    /// For which model, by the provider's name.
    pub model: String,
    /// The status it answered with; null where no answer came.
    pub status: Option<u16>,
    /// Herald's code for what happened; of a chain, that of the Herald which asked the provider.
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// The provider's own account, where it is not the error itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ProviderWords>,
}

/// The provider's own words about its error, cleaned and bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProviderWords {
    /// For people.
    pub message: String,
    /// Its class of error.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its code.
    pub code: Option<Value>,
    /// The request's field at fault.
    pub param: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_report_escapes_an_edit() {
        let key = || "key".to_owned();
        let code = || Some(Value::String(key()));
        let report = ErrorReport {
            status: 502,
            message: key(),
            kind: Some(key()),
            code: code(),
            param: Some(key()),
            upstream: Some(UpstreamReport {
                provider: key(),
                model: key(),
                status: None,
                code: key().into(),
                error: Some(ProviderWords {
                    message: key(),
                    kind: Some(key()),
                    code: code(),
                    param: Some(key()),
                }),
            }),
            events_before: 0,
        };
        let edited = report.map_texts(|text| text.replace("key", "[redacted]"));
        assert!(!format!("{edited:?}").contains("\"key\""), "{edited:?}");
    }
}
