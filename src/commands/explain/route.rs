//! `herald explain route`: who serves a model, how much of it, and whether a key may ask for it.

mod limits;
mod target;
mod who;

use herald::{
    error::{HeraldError, RequestError, respond::rescue_own},
    settings::FilterRules,
    suggest::did_you_mean,
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
    let key = format!("models[{index}]");
    let place = known.place(&format!("{key}.id"));
    let mut rows = vec![Row::same("model", format!("{}, {place}", model.id))];
    for (order, group) in model.groups.iter().enumerate() {
        for (index, target) in group.iter().enumerate() {
            let subject = match (order, index) {
                (0, 0) => "served by",
                (_, 0) => "else by",
                _ => "or by",
            };
            rows.extend(target::tell(known, subject, target, group.len() > 1));
        }
    }
    rows.extend(drops(
        known,
        (&key, &model.first_target().filter),
        asked_key,
    ));
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
