//! The layers, lowest first: defaults, file, environment.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    path::Path,
};

use config::{
    Config, ConfigError, Environment, File, FileFormat, Format, Map, Source, Value, ValueKind,
};

use super::{error::SettingsError, files};

const DEFAULTS: &str = include_str!("../../settings/default.toml");
const REPLAY: &str = include_str!("../../settings/replay.toml");

/// What the names of our environment variables begin with.
pub(super) const PREFIX: &str = "HERALD__";

/// What `config` calls the origin of a value from an environment variable.
pub(super) const ENVIRONMENT: &str = "the environment";

/// Largest settings file that is read.
const MAX_FILE_BYTES: usize = 16 << 20;

/// One TOML text, parsed once.
#[derive(Clone, Debug)]
pub(super) struct Layer(Map<String, Value>);

impl Layer {
    pub(super) fn read(file: &Path) -> Result<Self, SettingsError> {
        let unreadable = |reason| SettingsError::Unreadable {
            file: file.to_owned(),
            reason,
        };
        let bytes = files::read(file, MAX_FILE_BYTES).map_err(unreadable)?;
        let text =
            String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
        Self::parse(Some(&file.display().to_string()), &text)
    }

    /// Parses the text of a file, or, without a name, of the defaults.
    pub(super) fn parse(name: Option<&str>, text: &str) -> Result<Self, SettingsError> {
        let uri = name.map(str::to_owned);
        FileFormat::Toml
            .parse(uri.as_ref(), text)
            .map(Self)
            .map_err(|error| syntax_error(name.unwrap_or("default.toml"), text, error.as_ref()))
    }
}

/// The parser's own message without the line that it quotes.
fn syntax_error(file: &str, text: &str, error: &(dyn Error + 'static)) -> SettingsError {
    let toml = error.downcast_ref::<toml::de::Error>();
    let start = toml
        .and_then(toml::de::Error::span)
        .map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let reason = match toml {
        Some(error) => error.message().replace('\n', ", "),
        // A number that fits no 64 bits; the parser tells no place.
        None => error.to_string(),
    };
    SettingsError::Syntax {
        file: file.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
        reason,
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

/// Lays the layers over each other.
pub(super) fn merge(
    file: Option<Layer>,
    environment: &HashMap<String, String>,
) -> Result<Value, SettingsError> {
    let environment = Environment::with_prefix("HERALD")
        .prefix_separator("__")
        .separator("__")
        .source(Some(our_variables(environment)?));
    let mut written = Config::builder();
    if let Some(file) = file {
        written = written.add_source(file);
    }
    let written = built(written.add_source(environment));
    let has_own = |list: &str| written.0.contains_key(list);
    let mut all = Config::builder().add_source(embedded(DEFAULTS));
    if !has_own("providers") && !has_own("models") {
        all = all.add_source(embedded(REPLAY));
    }
    let root = built(all.add_source(written));
    Ok(Value::new(None, ValueKind::Table(root.0)))
}

fn embedded(text: &str) -> File<config::FileSourceString, FileFormat> {
    File::from_str(text, FileFormat::Toml)
}

fn built(builder: config::ConfigBuilder<config::builder::DefaultState>) -> Layer {
    let collected = builder.build().and_then(|config| config.collect());
    Layer(collected.expect("layers that are parsed, and variables that are text, always merge"))
}

/// The variables with our prefix, their names checked.
///
/// `config` ignores case in names and everything that it cannot split, so a mistake there would
/// silently set nothing.
fn our_variables(
    environment: &HashMap<String, String>,
) -> Result<HashMap<String, String>, SettingsError> {
    // Sorted, so that of several mistakes it is always the same one that is told.
    let sorted: BTreeMap<_, _> = environment.iter().collect();
    let mut ours = HashMap::new();
    for (name, value) in sorted {
        let refused = |reason: &str| SettingsError::Variable {
            name: name.clone(),
            reason: reason.to_owned(),
        };
        let capitals = name.to_uppercase();
        let Some(key) = capitals.strip_prefix(PREFIX) else {
            if let Some(meant) = missed_prefix(&capitals) {
                return Err(refused(&format!("two underscores follow HERALD: {meant}")));
            }
            continue;
        };
        if *name != capitals {
            return Err(refused(&format!("write the name in capitals: {capitals}")));
        }
        let is_word = |word: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !word.is_empty() && !word.starts_with('_') && word.chars().all(is_plain)
        };
        if !key.split("__").all(is_word) {
            return Err(refused(
                "names no setting; write it like HERALD__CLOCKS__IDLE",
            ));
        }
        ours.insert(name.clone(), value.clone());
    }
    Ok(ours)
}

/// What was meant by `HERALD_CLOCKS__IDLE`. Kubernetes sets variables like `HERALD_SERVICE_HOST` by
/// itself, so only what names one of our sections is taken for a mistake.
fn missed_prefix(name: &str) -> Option<String> {
    const SECTIONS: [&str; 7] = [
        "SERVER", "CORS", "LOG", "CLOCKS", "UPSTREAM", "STREAM", "METADATA",
    ];
    let key = name.strip_prefix("HERALD_")?;
    let (section, _) = key.split_once("__")?;
    SECTIONS
        .contains(&section)
        .then(|| format!("{PREFIX}{key}"))
}

/// The variables of this process that can be ours. One whose name or value is no Unicode is passed
/// over in the first case, and reads as text with replacement characters in the second.
pub(super) fn process_environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.to_uppercase().starts_with("HERALD_"))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect()
}
