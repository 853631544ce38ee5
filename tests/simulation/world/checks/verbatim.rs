//! Promise 8: where both speak one format, bytes pass as they are.

use super::{super::case::Case, Findings};

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let name = case.name();
    for said in &case.calls {
        let provider = said.call.provider;
        let expected = provider.asked_in(case.ask.dialect);
        found.unless(Some(said.format) == expected, 8, || {
            format!(
                "{name}: {provider:?} was asked in {:?}, not {expected:?}",
                said.format
            )
        });
        let wanted = case.ask.passed_body(provider);
        let passes = expected == Some(case.ask.dialect.format());
        found.unless(!passes || said.call.body == wanted.as_bytes(), 8, || {
            let body = String::from_utf8_lossy(&said.call.body);
            format!("{name}: the request {wanted} became {body}")
        });
    }
    let Some(said) = case.serving() else { return };
    if !case.passes() {
        return;
    }
    let answer = case.answer;
    if answer.status != 200 {
        return;
    }
    if !answer.is_stream() {
        let is_same = answer.whole_at.is_none() || answer.body == said.answer.body;
        found.unless(is_same, 8, || format!("{name}: the document was changed"));
        return;
    }
    let is_metadata = |name: Option<&str>| name == Some("metadata");
    let own_error = case
        .heard
        .error
        .as_ref()
        .filter(|error| error.code.is_some());
    let heard = case.events.iter().filter(|event| {
        let is_own_error = own_error.is_some_and(|error| error.end == event.end);
        !is_metadata(event.name.as_deref()) && !is_own_error
    });
    let ended = said.heard.ended.filter(|_| !said.heard.ended_by_bytes);
    let last = ended.or(said.heard.error.as_ref().map(|error| error.end));
    let wanted = said.events.iter();
    let mut wanted = wanted.take_while(|event| last.is_none_or(|last| event.end <= last));
    for event in heard {
        let next = wanted.next();
        found.unless(next.is_some_and(|next| next.is_same(event)), 8, || {
            format!("{name}: {next:?} became {event:?}")
        });
    }
    if case.outcome_is("completed") && answer.whole_at.is_some() {
        let missing = wanted.next();
        found.unless(missing.is_none(), 8, || {
            format!("{name}: {missing:?} is missing")
        });
    }
}
