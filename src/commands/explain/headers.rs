//! `herald explain headers`: what of a provider's head reaches the client.
//!
//! No value of the head is printed: what stays back may be a cookie or a key.

mod words;

use std::collections::{HashMap, VecDeque};

use actix_web::http::{
    StatusCode,
    header::{HeaderMap, HeaderName},
};
use herald::{
    completion::ProviderError,
    metadata::header_policy::{Fate, Traced},
    providers::protocol,
    response::head::provider_headers,
    settings::VerifiedProvider,
    upstream::{connector::check_head, http_client::UpstreamHead},
};

use self::words::{Teller, proviso};
use super::{
    answer::{self, ClientAnswer},
    known::{Asked, AskedKey, Known, no_key_counts},
    saved_head::{self, SavedHead},
    status,
    table::{self, Row},
};

/// Which headers are asked about.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  herald explain headers x-request-id set-cookie
  herald explain headers 'retry-after: 1.5' --provider openai
  herald explain headers x-acme-cost --key team-a
  curl -sD- https://api.openai.com/v1/models | herald explain headers -

With `-` the whole of a saved head is judged: its status, its values, the bounds on \
their number and size, and what Herald itself adds. Of several heads the last counts. \
No value of the head is printed.")]
pub(super) struct Arguments {
    /// Header names, `name: value` pairs, or `-` for a saved response head on standard input.
    #[arg(required = true, value_name = "NAME")]
    headers: Vec<String>,
    /// What holds for one provider, by its id; else for each, folded where they agree.
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// What holds for one key, with its own rules: the id of one of the [[keys]], never the key itself.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
}

pub(super) fn explain(asked: &Arguments, known: &Known) -> Result<String, String> {
    let providers = known.providers(asked.provider.as_deref())?;
    let key = known.key(asked.key.as_deref())?;
    let mut rows = if asked.headers == ["-"] {
        explain_head(
            known,
            &providers,
            key,
            &saved_head::read(std::io::stdin().lock())?,
        )?
    } else {
        explain_names(known, &providers, key, &asked.headers)?
    };
    if asked.key.is_some() && key.is_none() {
        rows.push(Row::same("key", no_key_counts(known)));
    }
    let ids: Vec<_> = providers
        .iter()
        .map(|provider| provider.id.as_str())
        .collect();
    Ok(table::render(&ids, &rows))
}

/// What an argument that is no name should have been.
const WRITE_A_NAME: &str = "is no header name: write letters, digits and hyphens, as in \
     x-request-id, or `-` and nothing else for a head on standard input";

/// A name alone is judged by the rules, a pair as a head of nothing but the pairs would be.
fn explain_names(
    known: &Known,
    providers: &[Asked<'_>],
    key: Option<AskedKey<'_>>,
    asked: &[String],
) -> Result<Vec<Row>, String> {
    let mut names = Vec::new();
    let mut head = UpstreamHead {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
    };
    for (index, word) in asked.iter().enumerate() {
        let wrong = |problem| format!("argument {} {problem}", index + 1);
        if word.contains(':') {
            let (name, value) = saved_head::field(word.as_bytes()).map_err(wrong)?;
            names.push((name.clone(), true));
            head.headers.append(name, value);
        } else {
            let name = HeaderName::from_bytes(word.as_bytes());
            let name = name.ok().filter(|name| name != "-");
            let name = name.ok_or_else(|| wrong(WRITE_A_NAME))?;
            names.push((name, false));
        }
    }
    let rules = key.and_then(|asked| asked.key.headers.as_deref());
    let told = providers.iter().map(|provider| {
        let head = mended(provider, &head);
        let mut fates = Fates::of(provider_headers::trace(provider, rules, &head, head.status));
        let teller = Teller {
            known,
            provider,
            key,
        };
        let tell = |(name, has_value): &(HeaderName, bool)| {
            let fate = if *has_value {
                fates.next(name)
            } else {
                provider.header_policy.for_key(rules).judge(name)
            };
            let text = teller.tell(name, fate, None);
            format!("{text}{}", proviso(fate, *has_value))
        };
        names.iter().map(tell).collect()
    });
    let subjects = names.iter().map(|(name, _)| name.to_string());
    Ok(rows(subjects, told.collect()))
}

/// A whole head, as if all that follows it were well.
fn explain_head(
    known: &Known,
    providers: &[Asked<'_>],
    key: Option<AskedKey<'_>>,
    saved: &SavedHead,
) -> Result<Vec<Row>, String> {
    let most = known.settings.client_parts.max_head_bytes;
    if let Err(refused) = check_head(&saved.text, most) {
        let why = if saved.text.len() > most {
            let place = known.place("upstream.max_head_bytes");
            format!(
                "it has {} bytes, more than the {most} of {place}",
                saved.text.len()
            )
        } else {
            refused.to_string()
        };
        let code = refused.code();
        return Err(format!(
            "Herald refuses an answer with this head with {code}: {why}"
        ));
    }
    let head = &saved.head;
    let rules = key.and_then(|asked| asked.key.headers.as_ref());
    let heads: Vec<_> = providers
        .iter()
        .map(|provider| mended(provider, head))
        .collect();
    let answers = providers.iter().zip(&heads).map(|(provider, head)| {
        answer::to_head(known, provider, rules, head, ProviderError::default())
    });
    let answers: Vec<_> = answers.collect();
    let rules = rules.map(|rules| &**rules);
    let each = || providers.iter().zip(&answers);

    let mut all = vec![Row::of(
        "status",
        each().map(|(provider, answer)| status_line(known, provider, head, answer)),
    )];
    let told = each().zip(&heads).map(|((provider, answer), head)| {
        let traced = provider_headers::trace(provider, rules, head, answer.status);
        let mut fates = Fates::of(traced);
        let teller = Teller {
            known,
            provider,
            key,
        };
        let told = saved.names.iter();
        told.map(|name| teller.tell(name, fates.next(name), Some((head.status, answer.status))))
            .collect()
    });
    all.extend(rows(
        saved.names.iter().map(ToString::to_string),
        told.collect(),
    ));
    all.extend(own_headers(&answers));
    Ok(all)
}

/// The head as Herald takes it from a provider of this kind: with what its heads have in a form that no
/// client reads put right.
fn mended(provider: &VerifiedProvider, head: &UpstreamHead) -> UpstreamHead {
    let mut head = head.clone();
    protocol(&provider.kind).mend_headers(&mut head.headers);
    head
}

fn status_line(
    known: &Known,
    provider: &VerifiedProvider,
    head: &UpstreamHead,
    answer: &ClientAnswer,
) -> String {
    let theirs = head.status.as_u16();
    let ours = match answer.status.as_u16() {
        ours if ours == theirs => format!("{theirs} stays"),
        ours => format!("{theirs} becomes {ours}"),
    };
    // Only an answer that is refused for another reason gets another status than its own would.
    let is_by_table = provider.status_table.map(theirs).status == answer.status;
    let why = is_by_table.then(|| status::reason(known, provider, theirs));
    let error = answer.error.as_ref();
    let code = error.and_then(|(report, _)| Some(report.upstream.as_ref()?.code.to_string()));
    [Some(ours), why, code]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// What Herald writes itself, by name; where providers differ, each has its own.
fn own_headers(answers: &[ClientAnswer]) -> Vec<Row> {
    let mut names: Vec<&HeaderName> = Vec::new();
    for (name, _) in answers.iter().flat_map(|answer| &answer.own_headers) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let said = |answer: &ClientAnswer, name: &HeaderName| {
        let mut own = answer.own_headers.iter();
        match own.find(|(own, _)| own == name) {
            None => "not added".to_owned(),
            Some(_) if IS_OF_EACH_REQUEST.contains(&name.as_str()) => {
                "added      by Herald".to_owned()
            }
            Some((_, value)) => {
                let value = value.to_str().unwrap_or_default();
                format!("added      by Herald: {value}")
            }
        }
    };
    let rows = names.into_iter().map(|name| {
        let each = answers.iter().map(|answer| said(answer, name));
        Row::of(name.as_str(), each)
    });
    // The last one is added around every answer, whatever made it.
    rows.chain([Row::same("x-herald-request-id", "added      by Herald")])
        .collect()
}

/// Headers of Herald whose value is that of one request, or only repeats whom it was for.
const IS_OF_EACH_REQUEST: [&str; 4] = [
    "x-herald-settings-generation",
    "x-upstream-provider",
    "x-upstream-model",
    "server-timing",
];

/// The rows of `subjects`; `told` has for each provider what it says of each of them.
fn rows(subjects: impl Iterator<Item = String>, told: Vec<Vec<String>>) -> Vec<Row> {
    subjects
        .enumerate()
        .map(|(index, subject)| Row::of(subject, told.iter().map(|told| told[index].clone())))
        .collect()
}

/// The fates of a head by name; those of one name in their order.
struct Fates<'a>(HashMap<&'a HeaderName, VecDeque<Fate<'a>>>);

impl<'a> Fates<'a> {
    fn of(traced: Vec<Traced<'a>>) -> Self {
        let mut fates: HashMap<_, VecDeque<_>> = HashMap::new();
        for Traced { header, fate, .. } in traced {
            fates.entry(header).or_default().push_back(fate);
        }
        Self(fates)
    }

    fn next(&mut self, name: &HeaderName) -> Fate<'a> {
        let fates = self.0.get_mut(name);
        fates
            .and_then(VecDeque::pop_front)
            .expect("each value of a head has one fate")
    }
}
