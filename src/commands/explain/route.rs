//! `herald explain route`: who serves a model, and whether a key may ask for it.

use std::{sync::Arc, time::SystemTime};

use herald::{
    error::{AuthError, HeraldError, RequestError, respond::rescue_own},
    providers,
    settings::{AllowedModels, Auth, ClientKey, ProviderKind, VerifiedModel, VerifiedProvider},
    suggest::did_you_mean,
    upstream::http_client::Transport,
};
use humantime::{format_duration, format_rfc3339_seconds};

use super::{
    known::{Known, with_hint},
    table::{self, Row},
};

/// Which model is asked about, and for whom.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  herald explain route gpt-4.1
  herald explain route gpt-4.1 --key team-a

The exit code is 1 if no model or no key has that id.")]
pub(super) struct Arguments {
    /// The model, by the name that clients send.
    #[arg(value_name = "MODEL")]
    model: String,
    /// Whether this key may ask for it: the id of one of the [[keys]], never the key itself.
    #[arg(long, value_name = "ID")]
    key: Option<String>,
}

pub(super) fn explain(asked: &Arguments, known: &Known) -> Result<String, String> {
    let models = &known.settings.models;
    // The settings list the models in the same order.
    let mut numbered = models.iter().enumerate();
    let Some((index, model)) = numbered.find(|(_, model)| model.id == asked.model) else {
        return Err(unknown_model(known, &asked.model));
    };
    let provider = &*model.provider;
    let key = format!("models[{index}]");
    let at = |name: &str| known.place(&format!("{key}.{name}"));
    let provider_at = |name: &str| known.place(&format!("{}.{name}", provider.settings_key));

    let mut rows = vec![
        Row::same("model", format!("{}, {}", model.id, at("id"))),
        Row::same(
            "served by",
            format!(
                "{} as {}, {}",
                provider.id,
                model.upstream_model,
                at("targets[0]")
            ),
        ),
        Row::same(
            "asked at",
            match &provider.kind {
                ProviderKind::OpenAi => {
                    format!("{}, {}", address(known, provider), provider_at("base_url"))
                }
                ProviderKind::Replay { recordings: None } => {
                    format!("the recordings inside of Herald, {}", provider_at("kind"))
                }
                ProviderKind::Replay {
                    recordings: Some(folder),
                } => format!(
                    "the recordings in {}, {}",
                    folder.display(),
                    provider_at("recordings")
                ),
            },
        ),
    ];
    if provider.api_key.is_some() {
        let place = provider_at("api_key");
        rows.push(Row::same("with its key", place));
    }
    rows.extend(drops(model, at));
    if provider.usage_request {
        let place = provider_at("usage_request");
        rows.push(Row::same("asked for", format!("usage, {place}")));
    }
    rows.extend(clocks(known));
    rows.push(Row::same(
        "who may ask",
        who_may(known, asked.key.as_deref(), model)?,
    ));
    Ok(table::render(&[""], &rows))
}

/// What a client would be told, and what may have been meant.
fn unknown_model(known: &Known, id: &str) -> String {
    let error = HeraldError::from(RequestError::unknown_model(id));
    let models = known.settings.models.iter();
    let meant = did_you_mean(id, models.map(|model| model.id.as_str()));
    format!(
        "{}\n  a client gets {} {}: {error}",
        with_hint(format!("no model has the id {id:?}"), meant),
        rescue_own(&error).status.as_u16(),
        error.code(),
    )
}

/// Where the provider is asked, without a query, which it never has.
fn address(known: &Known, provider: &VerifiedProvider) -> String {
    let Some(transport) = known.settings.client_parts.endpoints.get(&provider.id) else {
        return String::new();
    };
    let scheme = match transport {
        Transport::Https { .. } => "https",
        Transport::Http { .. } | Transport::Memory(_) => "http",
    };
    let host = transport.host_header(&provider.id);
    let path = providers::protocol(&provider.kind).path();
    format!("{scheme}://{host}{}{path}", provider.base_path)
}

/// What is kept back of the model's answers.
fn drops(model: &VerifiedModel, at: impl Fn(&str) -> String) -> Vec<Row> {
    let rules = &model.filter;
    let parts: Vec<_> = [
        (rules.usage, "usage"),
        (rules.reasoning, "reasoning"),
        (rules.logprobs, "logprobs"),
    ]
    .into_iter()
    .filter_map(|(is_dropped, part)| is_dropped.then_some(part))
    .collect();
    let mut rows = Vec::new();
    if !parts.is_empty() {
        let text = format!("{}, {}", parts.join(", "), at("filter.drop"));
        rows.push(Row::same("dropped parts", text));
    }
    if !rules.drop_events.is_empty() {
        let place = at("filter.drop_events");
        let text = format!("{}, {place}", rules.drop_events.join(", "));
        rows.push(Row::same("dropped events", text));
    }
    if rows.is_empty() {
        rows.push(Row::same("dropped", "nothing"));
    }
    rows
}

fn clocks(known: &Known) -> Vec<Row> {
    let clocks = &known.settings.clocks;
    [
        ("connect", clocks.connect),
        ("head", clocks.head),
        ("hold", clocks.hold),
        ("first_event", clocks.first_event),
        ("idle", clocks.idle),
        ("total", clocks.total),
        ("client_write", clocks.client_write),
    ]
    .into_iter()
    .map(|(name, length)| {
        let place = known.place(&format!("clocks.{name}"));
        Row::same(name, format!("{}, {place}", format_duration(length)))
    })
    .collect()
}

/// Who may ask for the model, or what holds for one key.
fn who_may(known: &Known, key: Option<&str>, model: &VerifiedModel) -> Result<String, String> {
    let keys = match (&known.settings.auth, key) {
        (Auth::Open, None) => return Ok(format!("everybody, {}", known.place("auth"))),
        (Auth::Open, Some(_)) => {
            let place = known.place("auth");
            return Ok(format!("everybody: no key is looked at, {place}"));
        }
        (Auth::Keys(keys), _) => keys,
    };
    let Some(id) = key else {
        let now = SystemTime::now();
        let may = |key: &&Arc<ClientKey>| key.models.contains(&model.id) && !key.has_expired(now);
        let place = known.place("keys");
        return Ok(match (keys.iter().filter(may).count(), keys.len()) {
            (some, all) if some == all => format!("each of the [[keys]], {place}"),
            (0, _) => format!("none of the [[keys]], {place}"),
            (some, all) => format!("{some} of the {all} [[keys]], {place}"),
        });
    };
    match keys.iter().position(|key| key.id == id) {
        Some(index) => Ok(whether_it_may(known, index, &keys[index], model)),
        None => {
            let meant = did_you_mean(id, keys.iter().map(|key| key.id.as_str()));
            Err(with_hint(format!("no key has the id {id:?}"), meant))
        }
    }
}

/// Whether one key may ask for the model, and what a client would be told if not.
fn whether_it_may(known: &Known, index: usize, key: &ClientKey, model: &VerifiedModel) -> String {
    let at = |name: &str| known.place(&format!("keys[{index}]{name}"));
    let told = |error: HeraldError| {
        let status = rescue_own(&error).status.as_u16();
        format!("; a client gets {status} {}", error.code())
    };
    let id = &key.id;
    if let Some(expires) = key.expires.filter(|_| key.has_expired(SystemTime::now())) {
        let (place, told) = (at(".expires"), told(AuthError::Expired.into()));
        let ended = format_rfc3339_seconds(expires);
        return format!("{id} may not: it expired at {ended}, {place}{told}");
    }
    match (&key.models, key.models.matching(&model.id)) {
        (AllowedModels::All, _) => format!("{id} may, {}", at("")),
        (AllowedModels::Matching(_), Some(pattern)) => {
            format!("{id} may, {}", at(&format!(".models[{pattern}]")))
        }
        (AllowedModels::Matching(_), None) => {
            let error = RequestError::model_not_allowed(&model.id);
            let (place, told) = (at(".models"), told(error.into()));
            format!("{id} may not: no pattern matches, {place}{told}")
        }
    }
}
