//! The layers, lowest first: defaults, file, environment.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    path::Path,
    sync::Arc,
};

use config::{Config, Environment, Source as _, Value, ValueKind};

use super::{
    diagnostics::Diagnostic,
    files,
    origin::Origin,
    schema::schema,
    source::{BUILT_IN, Source},
};

pub(super) const DEFAULTS: &str = include_str!("../../settings/default.toml");
const REPLAY: &str = include_str!("../../settings/replay.toml");

/// What the names of our environment variables begin with.
const PREFIX: &str = "HERALD__";

/// What `config` calls the origin of a value from an environment variable.
pub(super) const ENVIRONMENT: &str = "the environment";

/// Largest settings file that is read.
const MAX_FILE_BYTES: usize = 16 << 20;

/// The layers laid over each other.
pub(super) struct Merged {
    pub(super) root: Value,
    /// The lowest layer alone.
    pub(super) defaults: Value,
    /// The texts, lowest layer first.
    pub(super) sources: Arc<[Source]>,
    /// What was wrong with a text or with the name of a variable.
    pub(super) found: Vec<Diagnostic>,
    /// Whether every text could be read, so that the rest can be looked at.
    pub(super) is_readable: bool,
}

/// A text over the defaults, by the name that diagnostics call it.
pub(super) struct Written<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

/// Reads the text of a settings file; the error is a diagnostic's problem.
pub(super) fn read(file: &Path) -> Result<String, String> {
    let unreadable =
        |reason: &str| format!("cannot read the settings file {}: {reason}", file.display());
    let bytes = files::read(file, MAX_FILE_BYTES).map_err(|reason| unreadable(&reason))?;
    String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))
}

/// Lays the layers over each other.
pub(super) fn merge(written: Option<Written<'_>>, environment: &HashMap<String, String>) -> Merged {
    let (variables, mut found) = our_variables(environment);
    let mut sources = vec![embedded("default.toml", DEFAULTS)];
    let mut is_readable = true;
    let own = written.map(|Written { name, text }| {
        let (own, errors) = Source::parse(name, text);
        is_readable = errors.is_empty();
        (own, errors)
    });
    let has_own = |list: &str| {
        let in_file = own
            .as_ref()
            .is_some_and(|(own, _)| own.spans(list).is_some());
        let name = variable_of(list);
        let is_about_it = |variable: &String| {
            let rest = variable.strip_prefix(&name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("__"))
        };
        in_file || variables.keys().any(is_about_it)
    };
    if !has_own("providers") && !has_own("models") {
        sources.push(embedded("replay.toml", REPLAY));
    }
    if let Some((own, errors)) = own {
        let place = |span: &Range<usize>| Origin::File(own.place(sources.len(), span.clone()));
        found.extend(errors.into_iter().map(|error| Diagnostic {
            hint: error.expected,
            ..Diagnostic::mistake(place(&error.span), error.reason)
        }));
        found.extend(own.strangers().iter().map(|(name, span)| Diagnostic {
            key: name.clone(),
            hint: Some("the keys of a section stand below its header, as in [server]".to_owned()),
            ..Diagnostic::mistake(place(span), "unknown key")
        }));
        sources.push(own);
    }
    let variables = Environment::with_prefix("HERALD")
        .prefix_separator("__")
        .separator("__")
        .source(Some(variables));
    let mut all = Config::builder();
    for source in &sources {
        all = all.add_source(source.clone());
    }
    Merged {
        root: built(all.add_source(variables)),
        defaults: built(Config::builder().add_source(sources[0].clone())),
        sources: sources.into(),
        found,
        is_readable,
    }
}

fn embedded(name: &str, text: &str) -> Source {
    Source::parse(&format!("{BUILT_IN}{name}"), text).0
}

fn built(builder: config::ConfigBuilder<config::builder::DefaultState>) -> Value {
    let collected = builder.build().and_then(|config| config.collect());
    let root = collected.expect("texts that are parsed, and variables that are text, always merge");
    Value::new(None, ValueKind::Table(root))
}

/// The variable that sets a key. Only capitals are accepted in it, so it follows from the key.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// The variables with our prefix, their names checked.
///
/// `config` ignores case in names and everything that it cannot split, so a mistake there would
/// silently set nothing.
fn our_variables(
    environment: &HashMap<String, String>,
) -> (HashMap<String, String>, Vec<Diagnostic>) {
    let sorted: BTreeMap<_, _> = environment.iter().collect();
    let (mut ours, mut found) = (HashMap::new(), Vec::new());
    for (name, value) in sorted {
        let mut refuse = |problem: String| {
            found.push(Diagnostic::mistake(Origin::Variable(name.clone()), problem));
        };
        let capitals = name.to_uppercase();
        let Some(key) = capitals.strip_prefix(PREFIX) else {
            if let Some(meant) = missed_prefix(&capitals) {
                refuse(format!("two underscores follow HERALD: {meant}"));
            }
            continue;
        };
        if *name != capitals {
            refuse(format!("write the name in capitals: {capitals}"));
            continue;
        }
        let is_word = |word: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !word.is_empty() && !word.starts_with('_') && word.chars().all(is_plain)
        };
        if !key.split("__").all(is_word) {
            refuse("names no setting; write it like HERALD__CLOCKS__IDLE".to_owned());
            continue;
        }
        // `config` would lay them over each other in any order.
        let is_part_of = |whole: &&String| {
            let rest = name.strip_prefix(whole.as_str());
            rest.is_some_and(|rest| rest.starts_with("__"))
        };
        if let Some(whole) = ours.keys().find(is_part_of) {
            refuse(format!("sets a part of what {whole} sets as a whole"));
            continue;
        }
        ours.insert(name.clone(), value.clone());
    }
    (ours, found)
}

/// What was meant by `HERALD_CLOCKS__IDLE` or `HERALD_AUTH`. Kubernetes sets variables like
/// `HERALD_SERVICE_HOST` by itself, so only what names one of our keys is taken for a mistake.
fn missed_prefix(name: &str) -> Option<String> {
    let key = name.strip_prefix("HERALD_")?;
    let (first, is_below) = match key.split_once("__") {
        Some((section, _)) => (section, true),
        None => (key, false),
    };
    let is_ours = match schema()["properties"].get(first.to_lowercase())?["type"].as_str() {
        Some("object") => is_below,
        Some("array") => false,
        _ => !is_below,
    };
    is_ours.then(|| format!("{PREFIX}{key}"))
}

/// The variables of this process that can be ours. One whose name or value is no Unicode is passed
/// over in the first case, and reads as text with replacement characters in the second.
pub(crate) fn process_environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.to_uppercase().starts_with("HERALD_"))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect()
}
