//! Two trees, compared.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::{Change, ChangeKind};
use crate::settings::{
    effective::{is_reference, is_shown, normal, shown},
    origin::join,
    restart::needs_restart,
};

/// Every change from one tree to the other.
pub(super) fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut walk = Walk {
        changes: Vec::new(),
    };
    walk.compare(&Path::default(), Some(old), Some(new));
    walk.changes
}

/// Where a value stands: as the schema knows it, and as it is told.
#[derive(Clone, Debug, Default)]
struct Path {
    schema: String,
    told: String,
}

impl Path {
    fn entry(&self, name: &str) -> Self {
        Self {
            schema: join(&self.schema, name),
            told: join(&self.told, name),
        }
    }

    /// To the schema all items of a list are alike.
    fn item(&self, id: &str) -> Self {
        Self {
            schema: format!("{}[0]", self.schema),
            told: format!("{}[{id}]", self.told),
        }
    }
}

struct Walk {
    changes: Vec<Change>,
}

impl Walk {
    fn compare(&mut self, at: &Path, old: Option<&Value>, new: Option<&Value>) {
        let tables = (as_table(old), as_table(new));
        if let (Some(old), Some(new)) = tables {
            let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for name in names {
                self.compare(&at.entry(name), old.get(name), new.get(name));
            }
            return;
        }
        let lists = (as_list(old, new), as_list(new, old));
        if let (Some(old), Some(new)) = lists {
            match (by_id(old), by_id(new)) {
                (Some(old), Some(new)) => self.compare_entries(at, &old, &new),
                _ => self.compare_items(at, old, new),
            }
            return;
        }
        let kind = match (old, new) {
            (Some(old), Some(new)) if normal(&at.schema, old) == normal(&at.schema, new) => return,
            (Some(_), Some(_)) => ChangeKind::Changed,
            (None, Some(_)) => ChangeKind::Added,
            (Some(_), None) => ChangeKind::Removed,
            (None, None) => return,
        };
        // Of a value that is never shown there is nothing to tell but that it changed.
        let is_told = |value: &&Value| value.is_object() || is_shown(&at.schema);
        let told = |value: Option<&Value>| {
            let told = value.filter(is_told);
            told.map(|value| shown(&at.schema, value))
        };
        self.tell(at, kind, told(old), told(new));
    }

    /// Lists whose entries have ids.
    fn compare_entries(&mut self, at: &Path, old: &[Entry<'_>], new: &[Entry<'_>]) {
        let (before, after): (HashMap<_, _>, HashMap<_, _>) =
            (old.iter().copied().collect(), new.iter().copied().collect());
        for (id, value) in old {
            self.compare(&at.item(id), Some(value), after.get(id).copied());
        }
        for (id, value) in new.iter().filter(|(id, _)| !before.contains_key(id)) {
            self.compare(&at.item(id), None, Some(value));
        }
        let stayed = |list: &[Entry<'_>], other: &HashMap<&str, &Value>| {
            let stayed = list.iter().filter(|(id, _)| other.contains_key(id));
            stayed.map(|(id, _)| Value::from(*id)).collect()
        };
        self.tell_order(at, stayed(old, &after), stayed(new, &before));
    }

    /// Lists of plain things: rules, names, targets.
    fn compare_items(&mut self, at: &Path, old: &[Value], new: &[Value]) {
        let (old, new): (Vec<_>, Vec<_>) = (old.iter().collect(), new.iter().collect());
        let (removed, added) = (without(&old, &new), without(&new, &old));
        let told = |item: &Value| Some(shown(&at.item("").schema, item));
        for item in &removed {
            self.tell(at, ChangeKind::Removed, told(item), None);
        }
        for item in &added {
            self.tell(at, ChangeKind::Added, None, told(item));
        }
        let stayed =
            |list: &[&Value], other: &[&Value]| without(list, other).into_iter().cloned().collect();
        self.tell_order(at, stayed(&old, &removed), stayed(&new, &added));
    }

    fn tell_order(&mut self, at: &Path, old: Vec<Value>, new: Vec<Value>) {
        if old != new {
            let told = |list: Vec<Value>| Some(shown(&at.schema, &Value::Array(list)));
            self.tell(at, ChangeKind::Reordered, told(old), told(new));
        }
    }

    fn tell(&mut self, at: &Path, kind: ChangeKind, old: Option<Value>, new: Option<Value>) {
        let section = at.told.split(['.', '[']).next().unwrap_or_default();
        self.changes.push(Change {
            section: section.to_owned(),
            key: at.told.clone(),
            kind,
            old,
            new,
            needs_restart: needs_restart(&at.schema),
        });
    }
}

/// A table that is looked into; a secret's reference is one value.
fn as_table(value: Option<&Value>) -> Option<&Map<String, Value>> {
    let value = value.filter(|value| !is_reference(value))?;
    value.as_object()
}

/// A list; an absent one is empty where the other side has one.
fn as_list<'v>(value: Option<&'v Value>, other: Option<&Value>) -> Option<&'v [Value]> {
    match (value, other) {
        (Some(Value::Array(items)), _) => Some(items),
        (None, Some(Value::Array(_))) => Some(&[]),
        _ => None,
    }
}

/// An entry of a list, by its id.
type Entry<'v> = (&'v str, &'v Value);

/// The entries of a list, if each has an id.
fn by_id(items: &[Value]) -> Option<Vec<Entry<'_>>> {
    let entry = |item| Some((Value::get(item, "id")?.as_str()?, item));
    items.iter().map(entry).collect()
}

/// What is left of a list when each of the others is taken out once, in its order.
fn without<'v>(list: &[&'v Value], others: &[&Value]) -> Vec<&'v Value> {
    let mut others = others.to_vec();
    let is_left = |item: &&Value| match others.iter().position(|other| other == item) {
        Some(same) => {
            others.swap_remove(same);
            false
        }
        None => true,
    };
    list.iter().copied().filter(is_left).collect()
}
