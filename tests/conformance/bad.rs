//! Gateways that do what some do, and the checks that tell.

use std::{collections::HashSet, time::Duration};

use herald::conformance::{Finding, Provider, Report, Target, Verdict, checks, run};

use crate::{
    gateways::{BadGateway, Fault},
    transforms,
};

/// Passes every byte on, both ways, as it comes.
const RELAY: &[&str] = &[
    "hop-by-hop-not-copied",
    "set-cookie-not-copied",
    "cors-not-copied",
    "control-byte-in-header",
    "status-401",
    "reset-before-head",
    "redirect-not-followed",
    "html-under-200",
    "error-document-under-200",
    "truncated-json",
    "error-before-first-event",
    "empty-stream",
    "end-without-marker",
    "stalled-stream",
    "stalled-head",
    "gzip-unasked",
    "invalid-utf8",
    "client-credentials-kept-back",
    "request-hop-by-hop-not-copied",
    "header-injection",
];

/// Collects an answer before it sends any of it, and does not look whether the client is there.
const BUFFERS: &[&str] = &[
    "head-before-first-event",
    "events-one-by-one",
    "client-leaves-stream",
    "client-leaves-before-head",
    "slow-reader",
];

/// Ends each stream with an end marker of its own.
const FAKES_THE_END: &[&str] = &[
    "good-end",
    "error-mid-stream",
    "truncated-stream",
    "reset-stream",
    "bad-chunk-framing",
    "end-without-marker",
    "empty-stream",
];

/// Answers everything with 200.
const ALWAYS_200: &[&str] = &[
    "status-400",
    "status-401",
    "status-429",
    "status-500",
    "status-503",
    "status-529",
    "redirect-not-followed",
];

/// Lets none of the provider's headers through, chokes on many, and takes an interim head for the last.
const NO_METADATA: &[&str] = &[
    "request-id-kept",
    "rate-limits-kept",
    "headers-kept-on-errors",
    "retry-after-kept",
    "status-503",
    "one-content-length",
    "many-headers",
    "interim-answer-first",
];

/// Reads streams line by line and chunk by chunk, and writes each event anew.
const REWRITES: &[&str] = &[
    "unknown-fields-kept",
    "bytes-verbatim",
    "multi-line-data",
    "crlf-lines",
    "cr-lines",
    "byte-order-mark",
    "comments-and-spaces",
    "utf8-cut",
    "large-event",
    "content-type-parameters",
];

/// Sends the provider what it knows of a request.
const REWRITES_REQUESTS: &[&str] = &["request-fields-kept", "request-prompt-unchanged"];

/// Serves one client after the other.
const ONE_AT_A_TIME: &[&str] = &["concurrent-streams"];

#[actix_web::test]
async fn a_relay_of_bytes_fails_where_a_gateway_must_think_and_nowhere_else() {
    let report = report(Fault::Relay, &[], PATIENCE).await;
    let failed = |finding: &&Finding| finding.verdict == Verdict::Fail;
    let names = report.checks.iter().filter(failed);
    let names: Vec<_> = names.map(|finding| finding.check).collect();
    assert_eq!(names, RELAY, "{report:#?}");
}

#[actix_web::test]
async fn a_gateway_that_buffers_is_found_out() {
    all_fail(Fault::Buffers, BUFFERS).await;
}

#[actix_web::test]
async fn a_gateway_that_fakes_the_end_marker_is_found_out() {
    all_fail(Fault::FakesTheEnd, FAKES_THE_END).await;
}

#[actix_web::test]
async fn a_gateway_that_makes_everything_a_200_is_found_out() {
    all_fail(Fault::Transforms(transforms::always_200), ALWAYS_200).await;
}

#[actix_web::test]
async fn a_gateway_that_drops_the_providers_headers_is_found_out() {
    all_fail(Fault::Transforms(transforms::no_metadata), NO_METADATA).await;
}

#[actix_web::test]
async fn a_gateway_that_writes_events_anew_is_found_out() {
    all_fail(Fault::Transforms(transforms::rewritten), REWRITES).await;
}

#[actix_web::test]
async fn a_gateway_that_writes_requests_anew_is_found_out() {
    all_fail(Fault::RewritesRequests, REWRITES_REQUESTS).await;
}

#[actix_web::test]
async fn a_gateway_that_serves_one_client_at_a_time_is_found_out() {
    all_fail(Fault::OneAtATime, ONE_AT_A_TIME).await;
}

#[test]
fn each_check_is_failed_by_a_gateway_here() {
    let failed: HashSet<_> = [
        RELAY,
        BUFFERS,
        FAKES_THE_END,
        ALWAYS_200,
        NO_METADATA,
        REWRITES,
        REWRITES_REQUESTS,
        ONE_AT_A_TIME,
    ]
    .concat()
    .into_iter()
    .collect();
    let never = checks().filter(|check| !failed.contains(check.name));
    assert_eq!(never.map(|check| check.name).collect::<Vec<_>>(), [""; 0]);
}

#[actix_web::test]
async fn probes_and_repeats_of_a_gateway_disturb_no_check() {
    let names = ["request-id-kept", "status-500", "good-end"];
    let report = report(Fault::Nervous, &names, PATIENCE).await;
    assert_eq!(report.passed, names.len(), "{report:#?}");
}

async fn all_fail(fault: Fault, names: &[&str]) {
    // Loopback answers in a millisecond; what does not come in a second does not come.
    let report = report(fault, names, Duration::from_secs(1)).await;
    assert_eq!(report.checks.len(), names.len());
    for finding in &report.checks {
        assert_eq!(finding.verdict, Verdict::Fail, "{finding:#?}");
    }
}

/// How long a good answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

async fn report(fault: Fault, only: &[&str], patience: Duration) -> Report {
    let mut provider = Provider::listen(0).await.unwrap();
    let gateway = BadGateway::start(provider.address(), fault).await;
    let mut target = Target::new(&gateway.base_url(), "kit").unwrap();
    target.patience = patience;
    target.stall_wait = Some(Duration::from_secs(1));
    let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
    run(&target, &mut provider, &only, |_| {}).await.unwrap()
}
