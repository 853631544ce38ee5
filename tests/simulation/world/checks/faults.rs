//! Promise 4: whose fault it is, by status, headers and body.

use super::{
    super::{
        answer::Fault,
        case::{Case, TICK},
        format::Format,
    },
    Findings, value,
};

pub(super) fn check(case: &Case<'_>, found: &mut Findings) {
    let (name, answer) = (case.name(), case.answer);
    if !answer.has_head() {
        return;
    }
    let Some(said) = case.serving() else {
        found.unless(answer.header("x-upstream-status").is_none(), 4, || {
            format!("{name}: a status of a provider that nobody asked")
        });
        return;
    };
    let received = said.answer.has_head().then_some(said.answer.status);
    // A head that is none was not received, whatever it says; one that came as the clock ran out may not
    // have been.
    let is_bad = matches!(
        said.call.plan.fault,
        Some(Fault::BadHead | Fault::ManyHeaders)
    );
    let told = answer
        .header("x-upstream-status")
        .and_then(|told| told.parse().ok());
    let is_missed = is_bad || said.answer.head_at + TICK >= answer.head_at;
    let is_told = told == received || (told.is_none() && is_missed);
    found.unless(is_told, 4, || {
        format!("{name}: x-upstream-status is {told:?}, the provider said {received:?}")
    });
    if answer.status == 200 {
        return;
    }
    let code = case.code().unwrap_or_default();
    let expected = status_of(case, code);
    found.unless(expected == Some(answer.status), 4, || {
        format!(
            "{name}: {code} came as {}, and is {expected:?}",
            answer.status
        )
    });
    let proxy = answer.header("proxy-status").unwrap_or_default();
    let names_code = proxy.contains(&format!("details=\"{code}\""));
    let names_status =
        told.is_none_or(|status: u16| proxy.contains(&format!("received-status={status}")));
    found.unless(names_code && names_status, 4, || {
        format!("{name}: proxy-status is {proxy:?} for {code}")
    });
    if answer.status == 503 {
        found.unless(answer.header("retry-after").is_some(), 4, || {
            format!("{name}: a 503 without retry-after")
        });
    }
    // Only what the status of an answer says; a status that an error event names is the same here.
    // Where a shutdown ended it while its body came, another Herald may be asked all the same.
    let is_status = !said.is_success() && told.is_some() && code != "gateway_draining";
    let is_useless = is_status
        && matches!(
            received,
            Some(300..=399 | 401 | 402 | 403 | 404 | 407 | 418)
        );
    let says_so = answer.header("x-should-retry") == Some("false");
    let may_say_so = code == "gateway_cancelled";
    found.unless(says_so == is_useless || may_say_so, 4, || {
        format!("{name}: x-should-retry: false is {says_so} for {received:?}")
    });
    if answer.whole_at.is_some() {
        check_body(case, code, told, found);
    }
}

/// The error in the dialect's shape, with the provider's side beside it.
fn check_body(case: &Case<'_>, code: &str, told: Option<u16>, found: &mut Findings) {
    let (name, answer) = (case.name(), case.answer);
    let format = case.ask.dialect.format();
    if matches!(format, Format::CodyWhole | Format::CodyPieces) {
        let is_text = !answer.body.is_empty() && answer.body.ends_with(b"\n");
        found.unless(is_text, 4, || {
            format!("{name}: the error is no line of text")
        });
        return;
    }
    let body = value(&answer.body);
    found.unless(body["error"]["message"].is_string(), 4, || {
        format!("{name}: the error has no message: {body}")
    });
    let is_shaped = (body["type"] == "error") == (format == Format::Messages);
    found.unless(is_shaped, 4, || {
        format!("{name}: the error has another shape: {body}")
    });
    let upstream = &body["upstream"];
    let status = told.map_or(serde_json::Value::Null, Into::into);
    let is_true = upstream["code"] == code
        && upstream["status"] == status
        && upstream["provider"] == case.provider().id();
    found.unless(is_true, 4, || {
        format!("{name}: the error says of the provider {upstream}")
    });
}

/// Herald's status for its code: the tables of `docs/api.md`.
fn status_of(case: &Case<'_>, code: &str) -> Option<u16> {
    let said = case.serving()?;
    Some(match code {
        "upstream_head" | "upstream_first_event" | "upstream_idle" | "upstream_total" => 504,
        "gateway_draining" => 503,
        "gateway_cancelled" => 500,
        "upstream_reset"
        | "upstream_truncated"
        | "upstream_empty"
        | "upstream_bad_head"
        | "upstream_content_encoding"
        | "upstream_not_a_stream"
        | "upstream_not_json"
        | "upstream_event_too_large"
        | "upstream_body_too_large"
        | "upstream_bad_event" => 502,
        "upstream_error_event" => match said.call.plan.fault? {
            Fault::ErrorDocument | Fault::ErrorAt(_, "rate_limit_error") => 429,
            Fault::ErrorAt(_, "overloaded_error") => 503,
            _ => 502,
        },
        _ => match said.answer.status {
            status @ (400 | 409 | 413 | 422 | 429) => status,
            408 | 504 => 504,
            503 | 529 => 503,
            200..=299 => return None,
            _ => 502,
        },
    })
}
