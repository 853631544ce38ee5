//! Promise 5: an end is told only where there was one, and what was said is what is heard.

use super::{
    super::{
        case::{Case, TICK},
        format::Format,
        heard::Finish,
    },
    Findings,
};

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let (name, answer, heard) = (case.name(), case.answer, &case.heard);
    let Some(said) = case.serving() else { return };
    if answer.status != 200 {
        return;
    }
    let error = heard.error.is_some();
    // Sourcegraph's streams end in `done`, failed or not.
    let is_marked = heard.ended.is_some() && !error && !heard.ended_by_bytes;
    found.unless(!is_marked || said.heard.ended.is_some(), 5, || {
        format!("{name}: the client saw an end that the provider never said")
    });
    if error && answer.is_stream() && !case.ask.dialect.is_cody() {
        let behind = heard.error.as_ref().map_or(0, |error| error.end);
        let last = case.events.last().map_or(0, |event| event.end);
        found.unless(last <= behind, 5, || {
            format!("{name}: an event behind the error")
        });
    }
    let is_prefix = said.heard.text.starts_with(&heard.text);
    found.unless(is_prefix, 5, || {
        format!(
            "{name}: the client heard {:?}, which nobody said",
            short(&heard.text)
        )
    });
    if case.is_eager() {
        check_eager(case, found);
    }
    let is_completed = case.outcome_is("completed");
    if is_completed {
        let is_ended = said.heard.ended.is_some() && said.heard.error.is_none();
        found.unless(is_ended, 5, || {
            format!("{name}: completed, but the provider did not end")
        });
    }
    if is_completed && answer.whole_at.is_some() {
        let is_all = heard.text == said.heard.text;
        found.unless(is_all, 5, || format!("{name}: some of the text is missing"));
        found.unless(heard.finish == said.heard.finish, 5, || {
            format!("{name}: {:?} became {:?}", said.heard.finish, heard.finish)
        });
        check_usage(case, found);
    }
}

fn check_eager(case: &Case<'_>, found: &mut Findings) {
    let (name, answer, heard) = (case.name(), case.answer, &case.heard);
    let Some(said) = case.serving() else { return };
    found.unless(answer.whole_at.is_some(), 5, || {
        format!("{name}: the answer broke off")
    });
    let has_ended = heard.ended.is_some() || heard.error.is_some();
    found.unless(has_ended, 5, || {
        format!("{name}: the answer ended without a word")
    });
    if let (Some(code), true) = (case.code(), answer.is_stream()) {
        // The provider's own error event passes as it came.
        let told = heard.error.as_ref().and_then(|error| error.code.as_deref());
        let is_own = code == "upstream_error_event" && case.passes();
        let is_told = told == Some(code) || is_own || case.ask.dialect.is_cody();
        found.unless(is_told && heard.error.is_some(), 5, || {
            format!("{name}: failed with {code}, the client was told {told:?}")
        });
    }
    // What had come in good time before a failure was passed on.
    if case.outcome_is("failed") && answer.is_stream() && !case.is_translated_late() {
        let until = case.outcome_at().unwrap_or_default().saturating_sub(TICK);
        let mut in_time = said
            .events
            .iter()
            .filter(|event| said.answer.at(event.end) < until);
        let bytes = in_time.next_back().map_or(0, |event| event.end);
        let mut early = said.answer.clone();
        early.body.truncate(bytes);
        early.whole_at = None;
        let (early, _) = super::super::heard::stream(said.format, &early);
        found.unless(heard.text.starts_with(&early.text), 5, || {
            format!("{name}: text that came before the failure is missing")
        });
    }
}

fn check_usage(case: &Case<'_>, found: &mut Findings) {
    let (name, heard) = (case.name(), &case.heard);
    let Some(said) = case.serving() else { return };
    let is_told = match case.ask.dialect.format() {
        _ if case.passes() => true,
        Format::Chat | Format::Completions => !case.ask.stream || case.ask.wants_usage,
        Format::CodyWhole => false,
        Format::CodyPieces => case.ask.stream,
        Format::Responses | Format::Messages => true,
    };
    let wanted = said.heard.usage.filter(|_| is_told);
    // Messages cannot say that nobody counted.
    let none = case.ask.dialect.format() == Format::Messages && wanted.is_none();
    let is_same = heard.usage == wanted || (none && heard.usage == Some((0, 0)));
    found.unless(is_same, 5, || {
        format!(
            "{name}: the provider counted {:?}, the client was told {:?}",
            said.heard.usage, heard.usage
        )
    });
    found.unless(heard.finish != Some(Finish::Unknown), 5, || {
        format!("{name}: a reason for the end that nobody knows")
    });
}

impl Case<'_> {
    /// Whether what is heard may be less than what was said in time: where the translation itself gave
    /// up.
    fn is_translated_late(&self) -> bool {
        self.code() == Some("upstream_body_too_large")
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
