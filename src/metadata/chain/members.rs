//! The members of another's `Proxy-Status`, one by one.

use sfv::{BareItem, Item, List, ListEntry, Parser};

use super::{MAX_HOPS, MAX_ID};
use crate::metadata::{clean_text, proxy_status::Member};

/// Most of the field that is read, in bytes; a longer one is dropped.
const MAX_BYTES: usize = 8 * 1024;

/// Reads the field, whose lines are one list (RFC 9651 section 4.2). One that is malformed is dropped
/// whole, as that section has it; of a good one the first eight members stay, those nearest to the origin.
pub(super) fn read<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Member> {
    let field = values.collect::<Vec<_>>().join(", ");
    if field.len() > MAX_BYTES {
        return Vec::new();
    }
    let Ok(list) = Parser::new(&field).parse::<List>() else {
        return Vec::new();
    };
    let members = list.iter().filter_map(|entry| match entry {
        ListEntry::Item(item) => member(item),
        ListEntry::InnerList(_) => None,
    });
    members.take(MAX_HOPS).collect()
}

/// The parameters that Herald writes; others are left out.
fn member(item: &Item) -> Option<Member> {
    let parameter = |name: &str| item.params.get(name);
    let received = parameter("received-status").and_then(|status| match status {
        BareItem::Integer(status) => u16::try_from(*status).ok(),
        _ => None,
    });
    let error = parameter("error").and_then(|error| match error {
        BareItem::Token(error) if error.as_str().len() <= MAX_ID => Some(error.as_str().to_owned()),
        _ => None,
    });
    let details = parameter("details").and_then(|details| match details {
        BareItem::String(details) => Some(details.as_str().to_owned()),
        _ => None,
    });
    Some(Member {
        name: name(&item.bare_item)?,
        next_hop: parameter("next-hop").and_then(name),
        received: received.filter(|status| (100..=599).contains(status)),
        error: error.map(Into::into),
        details: details.filter(|details| !clean_text::holds_markup_or_secret(details)),
    })
}

/// A token or a string, as intermediaries are named.
fn name(item: &BareItem) -> Option<String> {
    let name = match item {
        BareItem::Token(name) => name.as_str(),
        BareItem::String(name) => name.as_str(),
        _ => return None,
    };
    let is_fit = (1..=MAX_ID).contains(&name.len()) && !clean_text::holds_markup_or_secret(name);
    is_fit.then(|| name.to_owned())
}
