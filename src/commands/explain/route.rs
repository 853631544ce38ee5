//! `herald explain route`: who serves a model, how much of it, and whether a key may ask for it.

mod limits;
mod who;

use herald::{
    completion::WireFormat,
    error::{HeraldError, RequestError, respond::rescue_own},
    providers,
    settings::{FilterRules, ProviderKind, VerifiedModel},
    suggest::did_you_mean,
    upstream::http_client::Transport,
};
use humantime::format_duration;

use super::{
    known::{AskedKey, Known, with_hint},
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
    /// Whether this key may ask for it, and what holds for it: the id of one of the [[keys]], never the
    /// key itself.
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
    let asked_key = known.key(asked.key.as_deref())?;
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
                ProviderKind::OpenAi
                | ProviderKind::Anthropic
                | ProviderKind::Herald
                | ProviderKind::Sourcegraph { .. } => {
                    format!("{}, {}", address(known, model), provider_at("base_url"))
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
    if provider.kind.is_herald() {
        let name = &known.settings.proxy_name;
        let place = known.place("metadata.proxy_name");
        rows.push(Row::same(
            "in a chain",
            format!("the next hop is a Herald; this one tells of it as {name}, {place}"),
        ));
    }
    if provider.api_key.is_some() {
        let place = provider_at("api_key");
        rows.push(Row::same("with its key", place));
    }
    rows.extend(formats(model));
    rows.extend(drops(known, (&key, &model.filter), asked_key));
    if provider.usage_request {
        let place = provider_at("usage_request");
        rows.push(Row::same("asked for", format!("usage, {place}")));
    }
    rows.extend(clocks(known, asked_key));
    rows.extend(limits::tell(known, &key, model, asked_key));
    let is_asked = asked.key.is_some();
    let who = who::may_ask(known, asked_key, is_asked, model);
    rows.push(Row::same("who may ask", who));
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

/// What clients may write in, and whether it passes as it is or is told anew.
fn formats(model: &VerifiedModel) -> Vec<Row> {
    let provider = &*model.provider;
    let (mut passed, mut translated, mut not_served) = (Vec::new(), Vec::new(), Vec::new());
    for asked in WireFormat::ALL {
        match providers::protocol(&provider.kind).api(asked, model) {
            Some(api) if api.format() == asked => passed.push(asked.to_string()),
            Some(api) => translated.push(format!("{asked} into {}", api.format())),
            None => not_served.push(asked.to_string()),
        }
    }
    [
        ("passed on", passed),
        ("translated", translated),
        ("not served", not_served),
    ]
    .into_iter()
    .filter(|(_, formats)| !formats.is_empty())
    .map(|(subject, formats)| Row::same(subject, formats.join(", ")))
    .collect()
}

/// Where the provider is asked for a chat completion, with the query that Azure needs.
fn address(known: &Known, model: &VerifiedModel) -> String {
    let provider = &model.provider;
    let Some(transport) = known.settings.client_parts.endpoints.get(&provider.id) else {
        return String::new();
    };
    let scheme = match transport {
        Transport::Https { .. } => "https",
        Transport::Http { .. } | Transport::Memory(_) => "http",
    };
    let host = transport.host_header(&provider.id);
    let protocol = providers::protocol(&provider.kind);
    // What completes code alone has no conversations.
    let formats = [WireFormat::ChatCompletions, WireFormat::Completions];
    let mut apis = formats
        .into_iter()
        .filter_map(|asked| protocol.api(asked, model));
    let path = apis
        .next()
        .map_or_else(Default::default, |api| protocol.path(api, model));
    format!("{scheme}://{host}{}{path}", provider.base_path)
}

/// What is kept back of the model's answers: of all of them, and of those to the key that is asked
/// about.
fn drops(known: &Known, of_model: (&str, &FilterRules), key: Option<AskedKey<'_>>) -> Vec<Row> {
    let of_key = key.map(|asked| (asked.setting("filter"), &asked.key.filter));
    let rules: Vec<_> = [(format!("{}.filter", of_model.0), of_model.1)]
        .into_iter()
        .chain(of_key)
        .collect();
    let row = |subject: &str, name: &str, dropped: &dyn Fn(&FilterRules) -> String| {
        let told = rules.iter().filter_map(|(at, rules)| {
            let words = dropped(rules);
            let place = known.place(&format!("{at}.{name}"));
            (!words.is_empty()).then(|| format!("{words}, {place}"))
        });
        let told: Vec<_> = told.collect();
        (!told.is_empty()).then(|| Row::same(subject, told.join("; ")))
    };
    let parts = row("dropped parts", "drop", &dropped_parts);
    let events = row("dropped events", "drop_events", &|rules| {
        rules.drop_events.join(", ")
    });
    let rows: Vec<_> = parts.into_iter().chain(events).collect();
    match rows.is_empty() {
        true => vec![Row::same("dropped", "nothing")],
        false => rows,
    }
}

fn dropped_parts(rules: &FilterRules) -> String {
    let parts = [
        (rules.usage, "usage"),
        (rules.reasoning, "reasoning"),
        (rules.logprobs, "logprobs"),
    ];
    let dropped = parts.into_iter().filter(|(is_dropped, _)| *is_dropped);
    let dropped: Vec<_> = dropped.map(|(_, part)| part).collect();
    dropped.join(", ")
}

fn clocks(known: &Known, key: Option<AskedKey<'_>>) -> Vec<Row> {
    let clocks = &known.settings.clocks;
    let ceiling = key.and_then(|asked| Some((asked, asked.key.total?)));
    let (total, total_at) = match ceiling.filter(|(_, most)| *most < clocks.total) {
        Some((asked, most)) => (most, asked.setting("total")),
        None => (clocks.total, "clocks.total".to_owned()),
    };
    [
        ("connect", clocks.connect),
        ("head", clocks.head),
        ("hold", clocks.hold),
        ("first_event", clocks.first_event),
        ("idle", clocks.idle),
        ("total", total),
        ("client_write", clocks.client_write),
    ]
    .into_iter()
    .map(|(name, length)| {
        let place = match name {
            "total" => known.place(&total_at),
            _ => known.place(&format!("clocks.{name}")),
        };
        Row::same(name, format!("{}, {place}", format_duration(length)))
    })
    .collect()
}
