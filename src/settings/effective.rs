//! The settings as a tree of written values: what an admin is shown, and what two of them are
//! compared by.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    Settings,
    diagnostics::{Diagnostic, Diagnostics},
    files::Stamp,
    origin::{Origin, join},
    outside::Outside,
    schema::{self, Place},
    units::{Size, Time},
};

/// What stands for a value that is not shown.
const HIDDEN: &str = "[hidden]";

/// Settings that were verified, as they would be written: every layer in one tree, secrets as
/// references.
#[derive(Clone)]
pub struct EffectiveSettings {
    tree: Arc<Value>,
    /// What they were verified from.
    written: Settings,
    pub(super) outside: Arc<Outside>,
    /// Where the values came from that were kept from earlier settings.
    kept: BTreeMap<&'static str, String>,
    content_hash: String,
}

impl EffectiveSettings {
    pub(super) fn new(written: Settings) -> Self {
        let tree = Arc::clone(&written.tree);
        Self {
            content_hash: content_hash(&tree),
            tree,
            written,
            outside: Arc::default(),
            kept: BTreeMap::new(),
        }
    }

    pub(super) fn note_outside(&mut self, outside: Outside) {
        self.outside = Arc::new(outside);
    }

    /// SHA-256 of everything that is written, defaults included, in 64 hexadecimal digits.
    ///
    /// Comments, the order of keys and the spelling of a duration (`60s`, `1m`) make no difference, so
    /// replicas with the same settings have the same hash. Secrets count by their references alone.
    #[must_use]
    pub fn content_hash(&self) -> &str {
        &self.content_hash
    }

    /// The settings as written, to be verified anew. They hold no secret.
    #[must_use]
    pub fn as_written(&self) -> &Settings {
        &self.written
    }

    /// All values. Secrets are references; keys' hashes and header values are `[hidden]`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        shown("", &self.tree)
    }

    /// Where each value was written, by key, such as `herald.toml:3:8`; a list of values counts as one.
    #[must_use]
    pub fn origins(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        leaves("", &self.tree, &mut |key, _| {
            let origin = match self.kept.get(key) {
                Some(kept) => kept.clone(),
                None => self.written.origins.find(key).to_string(),
            };
            found.insert(key.to_owned(), origin);
        });
        found
    }

    pub(super) fn tree(&self) -> &Value {
        &self.tree
    }

    /// Whether nothing has changed, neither what is written nor what stands in files and variables
    /// that it names.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.content_hash == other.content_hash && self.outside == other.outside
    }

    /// The files that they name and that were read (secrets, certificates, roots; not the settings
    /// themselves), and how each was before that.
    pub(crate) fn files(&self) -> &BTreeMap<PathBuf, Stamp> {
        self.outside.files()
    }

    /// What keeps these settings from following those, although they are right in themselves: a file
    /// that lost its end was cut short, or is just being written.
    #[must_use]
    pub fn refusal_to_follow(&self, earlier: &Self) -> Option<Diagnostics> {
        let (problem, hint) = if self.plays_built_in() && !earlier.plays_built_in() {
            (
                "no [[providers]] and no [[models]] are left, so that recordings would be served",
                "to serve them, write the provider: [[providers]] with kind = \"replay\"",
            )
        } else if self.is_open_by_silence() && earlier.has_keys() {
            (
                "no [[keys]] are left, so that everybody could call",
                "to let everybody call, write auth = \"none\"",
            )
        } else if self.file_is_empty() && !earlier.file_is_empty() {
            (
                "the settings file has become empty",
                "to go back to the defaults, leave one key in it",
            )
        } else {
            return None;
        };
        let diagnostic = Diagnostic {
            hint: Some(hint.to_owned()),
            ..Diagnostic::mistake(Origin::Nowhere, problem)
        };
        let sources = Arc::clone(self.written.origins.sources());
        Some(Diagnostics::new(vec![diagnostic], sources))
    }

    fn plays_built_in(&self) -> bool {
        let origins = &self.written.origins;
        origins.is_built_in("providers") && origins.is_built_in("models")
    }

    fn has_keys(&self) -> bool {
        let keys = self.value("keys").and_then(Value::as_array);
        keys.is_some_and(|keys| !keys.is_empty())
    }

    fn is_open_by_silence(&self) -> bool {
        !self.has_keys() && self.value("auth").is_none()
    }

    fn file_is_empty(&self) -> bool {
        let own = self.written.origins.sources().last();
        own.is_none_or(|own| own.is_built_in() || own.entries().next().is_none())
    }

    /// The value of a key such as `server.listen`.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        key.split('.')
            .try_fold(&*self.tree, |at, name| at.get(name))
    }

    /// Takes the value of a key from earlier settings, with the place where it was written.
    pub(super) fn keep(&mut self, key: &'static str, earlier: &Self) {
        let value = earlier.value(key).cloned();
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let tree = Arc::make_mut(&mut self.tree);
        let mut path = section.split('.').filter(|name| !name.is_empty());
        let table = path.try_fold(tree, |at, name| at.get_mut(name));
        let Some(table) = table.and_then(Value::as_object_mut) else {
            return;
        };
        match value {
            Some(value) => table.insert(name.to_owned(), value),
            None => table.remove(name),
        };
        let origin = earlier.kept.get(key).cloned();
        let origin = origin.unwrap_or_else(|| earlier.written.origins.find(key).to_string());
        self.kept.insert(key, origin);
        self.content_hash = content_hash(&self.tree);
    }
}

/// Leaves the values out: hashes of client keys are among them.
impl fmt::Debug for EffectiveSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EffectiveSettings")
            .field("content_hash", &self.content_hash)
            .field("outside", &self.outside)
            .finish_non_exhaustive()
    }
}

/// Whether a value says where a secret is: `{ env = "NAME" }` or `{ file = "/path" }`.
pub(super) fn is_reference(value: &Value) -> bool {
    let entries = value.as_object().filter(|entries| entries.len() == 1);
    entries.is_some_and(|entries| {
        let said = entries.get("env").or_else(|| entries.get("file"));
        said.is_some_and(Value::is_string)
    })
}

/// The value at a key as anybody may see it.
pub(super) fn shown(key: &str, value: &Value) -> Value {
    match value {
        value if is_reference(value) => value.clone(),
        Value::Object(table) => {
            let entry = |(name, value): (&String, &Value)| {
                // A dot in a name of the admin's own is none of the path's.
                (name.clone(), shown(&join(key, name), value))
            };
            Value::Object(table.iter().map(entry).collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let item = |(index, item)| shown(&format!("{key}[{index}]"), item);
            Value::Array(items.iter().enumerate().map(item).collect())
        }
        _ if is_shown(key) => value.clone(),
        _ => HIDDEN.into(),
    }
}

/// Whether the value of a key may be shown.
pub(super) fn is_shown(key: &str) -> bool {
    schema::place(key) == Place::Plain
}

/// Two spellings of one duration or size are one value. Only where no list is around it: in the lists
/// there are names of the admin's own, which may look like either.
pub(super) fn normal(key: &str, value: &Value) -> Value {
    let text = value.as_str().filter(|_| !key.contains('['));
    let time = text.and_then(|text| text.parse::<Time>().ok());
    let size = text.and_then(|text| text.parse::<Size>().ok());
    match (time, size) {
        (Some(time), _) => time.to_string().into(),
        (None, Some(size)) => format!("{}B", size.0).into(),
        (None, None) => value.clone(),
    }
}

/// Calls with each value that is no table, and with each list that holds no tables.
fn leaves(key: &str, value: &Value, found: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(table) if !is_reference(value) => {
            for (name, value) in table {
                leaves(&join(key, name), value, found);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                leaves(&format!("{key}[{index}]"), item, found);
            }
        }
        _ => found(key, value),
    }
}

fn content_hash(tree: &Value) -> String {
    let mut sorted = BTreeMap::new();
    leaves("", tree, &mut |key, value| {
        sorted.insert(key.to_owned(), normal(key, value).to_string());
    });
    let mut hash = Sha256::new();
    for (key, value) in sorted {
        // JSON has no bare zero byte, so no two lists of pairs run together.
        hash.update([key.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    hex::encode(hash.finalize())
}
