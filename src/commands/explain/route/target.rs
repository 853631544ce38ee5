//! One of the targets that serve a model: who is asked, where, and for what.

use herald::{
    completion::WireFormat,
    providers,
    settings::{ProviderKind, VerifiedTarget},
    upstream::http_client::Transport,
};

use super::super::{known::Known, table::Row};

/// What holds for one target. `shares` where it is not alone in its group, so that its weight counts.
pub(super) fn tell(
    known: &Known,
    subject: &'static str,
    target: &VerifiedTarget,
    shares: bool,
) -> Vec<Row> {
    let provider = &*target.provider;
    let provider_at = |name: &str| known.place(&format!("{}.{name}", provider.settings_key));
    let weight = match shares {
        true => format!(", weight {}", target.weight),
        false => String::new(),
    };
    let mut rows = vec![
        Row::same(
            subject,
            format!(
                "{} as {}{weight}, {}",
                provider.id,
                target.upstream_model,
                known.place(&target.settings_key)
            ),
        ),
        Row::same(
            "asked at",
            match &provider.kind {
                ProviderKind::OpenAi
                | ProviderKind::Anthropic
                | ProviderKind::Herald
                | ProviderKind::Sourcegraph { .. } => {
                    format!("{}, {}", address(known, target), provider_at("base_url"))
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
    rows.extend(formats(target));
    if provider.usage_request {
        let place = provider_at("usage_request");
        rows.push(Row::same("asked for", format!("usage, {place}")));
    }
    rows
}

/// What clients may write in, and whether it passes as it is or is told anew.
fn formats(target: &VerifiedTarget) -> Vec<Row> {
    let provider = &*target.provider;
    let (mut passed, mut translated, mut not_served) = (Vec::new(), Vec::new(), Vec::new());
    for asked in WireFormat::ALL {
        match providers::protocol(&provider.kind).api(asked, target) {
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
fn address(known: &Known, target: &VerifiedTarget) -> String {
    let provider = &target.provider;
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
        .filter_map(|asked| protocol.api(asked, target));
    let path = apis
        .next()
        .map_or_else(Default::default, |api| protocol.path(api, target));
    format!("{scheme}://{host}{}{path}", provider.base_path)
}
