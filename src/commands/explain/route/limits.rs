//! How much may be asked for of a model, by all and by one key, and how much may be open.

use herald::{
    limits::{
        ceilings::CeilingSettings,
        limit::{Limit, Scope},
    },
    settings::{Auth, LimitBackend, OnBackendError, VerifiedModel},
};

use super::super::{
    known::{AskedKey, Known},
    table::Row,
};

/// Everything that bounds requests for the model whose settings are `model_key`: limits, what they
/// are counted with and where, and the ceilings.
pub(super) fn tell(
    known: &Known,
    model_key: &str,
    model: &VerifiedModel,
    key: Option<AskedKey<'_>>,
) -> Vec<Row> {
    let settings = &known.settings.limits;
    let of_key = key.iter().flat_map(|asked| &asked.key.limits);
    let limits = settings.all.iter().chain(&model.limits).chain(of_key);
    let mut rows: Vec<_> = limits
        .map(|limit| of_limit(known, model_key, key, limit))
        .collect();
    if key.is_none() {
        rows.extend(keys_with_limits(known));
    }
    if rows.is_empty() {
        rows.push(Row::same("limits", "none"));
    } else {
        rows.extend(counting(known));
    }
    rows.extend(ceilings(known, model));
    rows
}

/// One limit under the name that `RateLimit-Policy` gives it, such as `key-requests`.
fn of_limit(known: &Known, model_key: &str, key: Option<AskedKey<'_>>, limit: &Limit) -> Row {
    let measure = limit.measure.name();
    let within = match &limit.scope {
        Scope::All => format!("limits.{measure}"),
        Scope::Model(_) => format!("{model_key}.limits.{measure}"),
        Scope::Key(_) => key
            .map(|key| key.setting(&format!("limits.{measure}")))
            .unwrap_or_default(),
    };
    let text = format!("{}, {}", limit.allowance(), known.place(&within));
    Row::same(format!("{}-{measure}", limit.scope.name()), text)
}

/// That some keys have limits of their own, which are told of one key at a time.
fn keys_with_limits(known: &Known) -> Option<Row> {
    let Auth::Keys(keys) = &known.settings.auth else {
        return None;
    };
    let some = keys.iter().filter(|key| !key.limits.is_empty()).count();
    let (all, place) = (keys.len(), known.place("keys"));
    let text = format!("more for {some} of the {all} [[keys]]: ask with --key ID, {place}");
    (some > 0).then(|| Row::same("key limits", text))
}

/// What the limits are counted with, and where.
fn counting(known: &Known) -> Vec<Row> {
    let settings = &known.settings.limits;
    let row = |name: &str, text: String| {
        let place = known.place(&format!("limits.{name}"));
        Row::same(name, format!("{text}, {place}"))
    };
    let mut rows = vec![row("answer_tokens", settings.answer_tokens.to_string())];
    match &settings.backend {
        LimitBackend::Local => {
            rows.push(row(
                "backend",
                "local: in each process by itself".to_owned(),
            ));
        }
        LimitBackend::Redis(redis) => {
            let (host, port, database) = (&redis.host, redis.port, redis.database);
            let text = format!("redis: at {host} port {port}, database {database}");
            rows.push(row("backend", text));
            let text = match settings.on_backend_error {
                OnBackendError::Refuse => "refuse: a request gets 503, no limit is exceeded",
                OnBackendError::Local => "local: each process counts by itself meanwhile",
                OnBackendError::Allow => "allow: requests pass uncounted",
            };
            rows.push(row("on_backend_error", text.to_owned()));
        }
    }
    rows
}

/// How many completions may be open, and how many of them wait: here, and at each provider.
fn ceilings(known: &Known, model: &VerifiedModel) -> Vec<Row> {
    let all = known.settings.upstream.ceilings;
    let mut providers: Vec<_> = model.targets().map(|target| &*target.provider).collect();
    providers.dedup_by_key(|provider| &provider.id);
    let row = |name: &'static str, of: fn(&CeilingSettings) -> usize| {
        let place = known.place(&format!("upstream.{name}"));
        let mut text = format!("{} at all providers together, {place}", of(&all));
        for provider in &providers {
            let own = of(&provider.ceilings);
            if own != usize::MAX {
                let place = known.place(&format!("{}.{name}", provider.settings_key));
                text.push_str(&format!("; {own} at {}, {place}", provider.id));
            }
        }
        Row::same(name, text)
    };
    vec![
        row("max_open", |ceilings| ceilings.open),
        row("max_waiting", |ceilings| ceilings.waiting),
    ]
}
