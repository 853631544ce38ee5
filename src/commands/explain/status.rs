//! `herald explain status`: what a client sees where a provider answers with a status.

use actix_web::http::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use herald::{
    completion::ProviderError, error::respond::X_SHOULD_RETRY, metadata::status_table::StatusLine,
    settings::VerifiedProvider, upstream::http_client::UpstreamHead,
};

use super::{
    answer::{self, ClientAnswer},
    known::{Asked, Known},
    table::{self, Row},
};

/// Which status is asked about.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  herald explain status 429
  herald explain status 529 --provider openai

What stands in <…> is the provider's own, or known only to a request. An error that \
the provider tells inside a success takes the status that it names through the same table.")]
pub(super) struct Arguments {
    /// The provider's status, 200 to 999.
    #[arg(value_name = "CODE", value_parser = final_status)]
    code: StatusCode,
    /// What holds for one provider, by its id; else for each, folded where they agree.
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
}

fn final_status(written: &str) -> Result<StatusCode, &'static str> {
    match StatusCode::from_bytes(written.as_bytes()) {
        Ok(status) if status.is_informational() => {
            Err("an interim answer reaches no client: Herald waits for the one after it")
        }
        Ok(status) => Ok(status),
        Err(_) => Err("write a status from 200 to 999"),
    }
}

pub(super) fn explain(asked: &Arguments, known: &Known) -> Result<String, String> {
    let providers = known.providers(asked.provider.as_deref())?;
    let cases: Vec<_> = providers
        .iter()
        .map(|provider| Case::of(known, provider, asked.code))
        .collect();
    let mut rows = vec![
        Row::same("provider", asked.code.as_u16().to_string()),
        each(&cases, "client", |case| {
            case.answer.status.as_u16().to_string()
        }),
        each(&cases, "why", |case| case.reason.clone()),
    ];
    for name in [X_SHOULD_RETRY, RETRY_AFTER] {
        rows.push(each(&cases, name.as_str(), |case| case.header(&name)));
    }
    if cases.iter().any(|case| case.answer.error.is_some()) {
        rows.push(each(&cases, "error.type", |case| {
            case.word(|error| &error["type"])
        }));
        rows.push(each(&cases, "error.code", |case| {
            case.word(|error| &error["code"])
        }));
        rows.push(each(&cases, "body", Case::body));
    }
    let ids: Vec<_> = providers
        .iter()
        .map(|provider| provider.id.as_str())
        .collect();
    Ok(table::render(&ids, &rows))
}

fn each(cases: &[Case], subject: &str, said: impl Fn(&Case) -> String) -> Row {
    Row::of(subject, cases.iter().map(said))
}

/// Why a status of the provider becomes the one that it does.
pub(super) fn reason(known: &Known, provider: &VerifiedProvider, upstream: u16) -> String {
    let (mapped, line) = provider.status_table.explain(upstream);
    let ours = mapped.status.as_u16();
    let class = upstream / 100;
    if let Some(key) = provider.status_key(line, upstream) {
        let place = known.place(&key);
        return match line {
            StatusLine::SharedQuota => format!("the quota is shared: {place}"),
            StatusLine::ProviderClass | StatusLine::GlobalClass => {
                format!("\"{class}xx\" = {ours}, {place}")
            }
            _ => format!("\"{upstream}\" = {ours}, {place}"),
        };
    }
    match line {
        StatusLine::BuiltInCode => format!("\"{upstream}\" = {ours}, built in"),
        StatusLine::NotFinal => format!("no HTTP status is {ours}, built in"),
        _ => format!("\"{class}xx\" = {ours}, built in"),
    }
}

/// What one provider's status comes to.
struct Case {
    reason: String,
    /// To a head of nothing but the status.
    answer: ClientAnswer,
    /// To the same with [`ADVICE`].
    advised: ClientAnswer,
}

/// What a provider may say of a repeat, and what shows whether it is passed on.
const ADVICE: [(HeaderName, &str); 2] = [(X_SHOULD_RETRY, "true"), (RETRY_AFTER, "86399")];

impl Case {
    fn of(known: &Known, provider: Asked<'_>, status: StatusCode) -> Self {
        let word = |name: &str| Some(format!("<{name}>"));
        let words = ProviderError {
            message: "<message>".to_owned(),
            kind: word("type"),
            code: Some("<code>".into()),
            param: word("param"),
            ..ProviderError::default()
        };
        let answer_to = |headers| {
            let head = UpstreamHead { status, headers };
            answer::to_head(known, provider, None, &head, words.clone())
        };
        let mut advice = HeaderMap::new();
        for (name, value) in ADVICE {
            advice.insert(name, HeaderValue::from_static(value));
        }
        let answer = answer_to(HeaderMap::new());
        let mapped = provider.status_table.map(status.as_u16());
        Self {
            reason: if mapped.status == answer.status {
                reason(known, provider, status.as_u16())
            } else {
                "an answer without a body is no completion".to_owned()
            },
            answer,
            advised: answer_to(advice),
        }
    }

    /// What the client gets of a header in [`ADVICE`].
    fn header(&self, name: &HeaderName) -> String {
        let value = |answer: &ClientAnswer| {
            let mut headers = answer.headers.iter();
            let (_, value) = headers.find(|(own, _)| own == name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let (plain, advised) = (value(&self.answer), value(&self.advised));
        match (plain, advised) {
            (None, None) => "none".to_owned(),
            (None, Some(_)) => "the provider's, if it sends a valid one".to_owned(),
            (Some(own), advised) if advised.as_ref() == Some(&own) => format!("{own}, by Herald"),
            (Some(own), _) => format!("the provider's, else {own}"),
        }
    }

    /// A member of the `error` in the body.
    fn word(&self, member: impl Fn(&serde_json::Value) -> &serde_json::Value) -> String {
        let Some((_, body)) = &self.answer.error else {
            return "none: it is no error".to_owned();
        };
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let word = member(&body["error"]);
        word.as_str()
            .map_or_else(|| word.to_string(), str::to_owned)
    }

    fn body(&self) -> String {
        match &self.answer.error {
            None => "the provider's".to_owned(),
            Some((_, body)) => String::from_utf8_lossy(body).into_owned(),
        }
    }
}
