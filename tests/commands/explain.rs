//! `herald explain`: what is said, and that nothing is said that nobody should read.

use crate::support::{Run, herald};

const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/explain.toml");
const KEY: &str = "sk-acme-0123456789";

fn explain_with(arguments: &[&str], stdin: &str) -> Run {
    let arguments = [&["explain"], arguments, &["--settings", SETTINGS]].concat();
    herald(&arguments, &[("ACME_KEY", KEY)], stdin)
}

/// What is said with exit code 0, and nothing beside it.
fn explain(arguments: &[&str], stdin: &str) -> Run {
    let run = explain_with(arguments, stdin);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    run
}

/// What is said on standard error with exit code 1.
fn refused(arguments: &[&str], stdin: &str) -> String {
    let run = explain_with(arguments, stdin);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:#?}");
    run.stderr
}

#[track_caller]
fn assert_begins(text: &str, beginning: &str) {
    assert!(text.starts_with(beginning), "{text}");
}

#[test]
fn each_name_is_forwarded_renamed_or_dropped_and_by_which_rule() {
    let names = [
        "x-request-id",
        "X-Acme-Id",
        "acme-ms",
        "set-cookie",
        "x-strange",
    ];
    let run = explain(
        &[&["headers"], &names[..], &["--provider", "acme"]].concat(),
        "",
    );
    let by_default = "forwarded  by x-request-id, metadata.allow[0] (";
    assert_begins(run.line("x-request-id"), by_default);
    let by_own = "forwarded  by x-acme-*, providers[0].metadata.allow[0] (";
    assert_begins(run.line("x-acme-id"), by_own);
    assert!(
        run.line("x-acme-id")
            .contains("tests/commands/explain.toml")
    );
    let renamed = "renamed    to x-upstream-processing-ms by { name = \"acme-ms\", as = \
                   \"x-upstream-processing-ms\" }, providers[0].metadata.allow[1] (";
    assert_begins(run.line("acme-ms"), renamed);
    let never = "dropped    it is never forwarded: it may carry a credential";
    assert_eq!(run.line("set-cookie"), never);
    let unlisted = "dropped    no rule allows it; to forward it, write metadata.allow = \
                    [\"x-strange\"] in its [[providers]]";
    assert_eq!(run.line("x-strange"), unlisted);
}

#[test]
fn providers_that_agree_are_told_of_once_and_others_each() {
    let run = explain(&["headers", "x-request-id", "x-acme-id"], "");
    assert_begins(run.line("x-request-id"), "forwarded");
    assert_begins(run.line("x-acme-id"), "acme:  forwarded");
    assert!(
        run.stdout.contains("\n              other: dropped"),
        "{run:#?}"
    );
}

#[test]
fn a_value_is_judged_and_never_repeated() {
    let pairs = [
        "retry-after: 1.5",
        "x-request-id: caf\u{e9}",
        "x-acme-id: of sk-acme-0123456789",
        "authorization: Bearer hidden",
    ];
    let run = explain(
        &[&["headers", "--provider", "acme"], &pairs[..]].concat(),
        "",
    );
    let seconds = "dropped    its value is neither whole seconds nor an IMF-fixdate";
    assert_eq!(run.line("retry-after"), seconds);
    let ascii = "dropped    its value is more than visible ASCII, spaces and tabs";
    assert_eq!(run.line("x-request-id"), ascii);
    let key = "dropped    its value holds the provider's own key";
    assert_eq!(run.line("x-acme-id"), key);
    assert_begins(
        run.line("authorization"),
        "dropped    it is never forwarded",
    );
    for secret in [KEY, "hidden", "caf"] {
        assert!(!run.stdout.contains(secret), "{run:#?}");
    }
}

const SAVED: &str = "HTTP/1.1 200 Connection established\r\n\r\nHTTP/2 429 \r\nx-request-id: r-1\r\n\
    set-cookie: hidden\r\nretry-after: 7\r\nretry-after: 8\r\nx-should-retry: true\r\n\
    x-acme-hop: 1\r\nconnection: x-acme-hop\r\ncontent-type: text/html\r\n\r\n{\"hidden\": 1}";

#[test]
fn a_value_that_herald_mends_is_judged_as_clients_get_it() {
    let settings = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/commands/explain_gateway.toml"
    );
    let date = "retry-after: Sun, 06 Nov 1994 08:49:37 UTC";
    let head = format!("HTTP/1.1 429 Too Many Requests\r\n{date}\r\nretry-after: 7\r\n\r\n");
    for (asked, stdin) in [(date, ""), ("-", &*head)] {
        let arguments = ["explain", "headers", asked, "--settings", settings];
        let run = herald(&arguments, &[("ACME_KEY", KEY)], stdin);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        let told = "gateway: forwarded  by retry-after, ";
        assert!(run.stdout.contains(told), "{run:#?}");
        let told = "other:   dropped    its value is neither";
        assert!(run.stdout.contains(told), "{run:#?}");
    }
}

#[test]
fn a_saved_head_is_judged_whole_by_the_status_that_the_client_sees() {
    let own = explain(&["headers", "-", "--provider", "acme"], SAVED);
    let status = "429 stays, \"429\" = 429, built in, upstream_rate_limited";
    assert_eq!(own.line("status"), status);
    assert_begins(own.line("x-request-id"), "forwarded");
    assert_begins(own.line("x-should-retry"), "forwarded");
    let nominated = "dropped    the head's own Connection field ties it to its connection";
    assert_eq!(own.line("x-acme-hop"), nominated);
    assert_eq!(own.line("x-upstream-status"), "added      by Herald: 429");
    assert_begins(
        own.line("proxy-status"),
        "added      by Herald: herald;received-status=429",
    );
    let first: Vec<_> = own
        .stdout
        .lines()
        .filter(|line| line.starts_with("retry-after"))
        .collect();
    assert!(first[0].contains("forwarded  by"), "{own:#?}");
    assert!(
        first[1].ends_with("only the first valid retry-after is forwarded"),
        "{own:#?}"
    );
    for value in ["hidden", "r-1", "text/html"] {
        assert!(!own.stdout.contains(value), "{own:#?}");
    }

    let shared = explain(&["headers", "-", "--provider", "other"], SAVED);
    assert_begins(
        shared.line("status"),
        "429 becomes 503, the quota is shared: providers[1].shared_quota (",
    );
    let other = "dropped    it speaks of the status 429, and the client sees 503";
    assert_eq!(shared.line("x-should-retry"), other);
}

#[test]
fn what_finds_no_room_is_told_with_the_bounds() {
    let long = "a".repeat(1024);
    let head = format!("HTTP/1.1 200 OK\nx-request-id: {long}\nrequest-id: 1\n");
    let run = explain(&["headers", "-"], &head);
    let none = "dropped    no room is left: 64 headers, metadata.max_headers (";
    assert_begins(run.line("x-request-id"), none);
    assert_begins(run.line("request-id"), "forwarded");
}

#[test]
fn a_head_that_herald_would_refuse_is_refused() {
    let long = "a".repeat(64 << 10);
    let head = format!("HTTP/1.1 200 OK\nx-request-id: {long}\n");
    let refuses = "herald: Herald refuses an answer with this head with upstream_bad_head: ";
    let problem = refused(&["headers", "-"], &head);
    assert_begins(&problem, &format!("{refuses}it has 65569 bytes, more than"));
    let of_fields = |count| {
        let fields: String = (0..count).map(|nth| format!("x-a-{nth}: 1\n")).collect();
        format!("HTTP/2 200\n{fields}\n")
    };
    explain(&["headers", "-"], &of_fields(96));
    for (head, why) in [
        (of_fields(97).as_str(), "it has too many fields"),
        (
            "HTTP/1.1 200 OK\ncontent-length: 1\ncontent-length: 2\n\n",
            "it has more than one length",
        ),
    ] {
        let why = format!("{refuses}its answer has a malformed head: {why}\n");
        assert_eq!(refused(&["headers", "-"], head), why);
    }
    let folded = refused(&["headers", "-"], "HTTP/1.1 200 OK\na: 1\n hidden\n\n");
    let goes_on = "herald: line 3 of the input goes on with the line before it: Herald refuses \
                   such an answer with upstream_bad_head\n";
    assert_eq!(folded, goes_on);

    let problem = refused(&["headers", "-"], "hidden\n");
    assert_begins(&problem, "herald: line 1 of the input is no status line");
    assert!(!problem.contains("hidden"), "{problem}");
    assert_begins(
        &refused(&["headers", "x-a", "-"], ""),
        "herald: argument 2 is no header name",
    );

    let encoded = "HTTP/1.1 200 OK\ncontent-encoding: gzip\n";
    let run = explain(&["headers", "-"], encoded);
    assert_eq!(
        run.line("status"),
        "200 becomes 502, upstream_content_encoding"
    );
}

#[test]
fn an_answer_that_cannot_have_a_body_is_no_success() {
    let head = explain(&["headers", "-"], "HTTP/1.1 204 No Content\n\n");
    assert_eq!(head.line("status"), "204 becomes 502, upstream_truncated");
    let status = explain(&["status", "204"], "");
    assert_eq!(status.line("client"), "502");
    let why = "an answer without a body is no completion";
    assert_eq!(status.line("why"), why);
    assert_eq!(status.line("error.code"), "upstream_truncated");
}

#[test]
fn each_line_of_the_status_table_is_named() {
    for (code, client, why) in [
        ("200", "200", "\"2xx\" = 200, built in"),
        ("401", "502", "\"4xx\" = 502, built in"),
        (
            "404",
            "404",
            "\"404\" = 404, providers[0].metadata.status.404 (",
        ),
        ("418", "400", "\"418\" = 400, metadata.status.418 ("),
        ("429", "429", "\"429\" = 429, built in"),
        ("500", "503", "\"5xx\" = 503, metadata.status.5xx ("),
        ("503", "503", "\"503\" = 503, built in"),
        ("600", "502", "no HTTP status is 502, built in"),
    ] {
        let run = explain(&["status", code, "--provider", "acme"], "");
        assert_eq!(run.line("client"), client, "{code}");
        assert_begins(run.line("why"), why);
    }
    let run = explain(&["status", "429"], "");
    assert_eq!(run.line("client"), "acme:  429");
    assert!(run.stdout.contains("other: 503"), "{run:#?}");
}

#[test]
fn the_errors_words_and_the_advice_on_repeating_are_told() {
    let changed = explain(&["status", "401"], "");
    assert_eq!(changed.line("error.type"), "upstream_error");
    assert_eq!(changed.line("error.code"), "upstream_auth");
    assert_eq!(changed.line("x-should-retry"), "false, by Herald");
    let theirs = "the provider's, if it sends a valid one";
    assert_eq!(changed.line("retry-after"), theirs);

    let same = explain(&["status", "503"], "");
    assert_eq!(same.line("error.code"), "<code>");
    assert_eq!(same.line("x-should-retry"), theirs);
    assert_eq!(same.line("retry-after"), "the provider's, else 5");
    assert_begins(same.line("body"), "{\"error\":{\"message\":\"<message>\"");

    let well = explain(&["status", "201"], "");
    assert!(!well.stdout.contains("error."), "{well:#?}");
}

#[test]
fn a_route_is_told_with_the_place_of_each_of_its_parts() {
    let run = explain(&["route", "acme-large", "--key", "team-a"], "");
    for (subject, beginning) in [
        ("model", "acme-large, models[0].id ("),
        ("served by", "acme as large-2026, models[0].targets[0] ("),
        (
            "asked at",
            "https://acme.test/v1/chat/completions, providers[0].base_url (",
        ),
        ("with its key", "providers[0].api_key ("),
        (
            "passed on",
            "/v1/chat/completions, /v1/completions, /v1/embeddings",
        ),
        (
            "translated",
            "/v1/responses into /v1/chat/completions, /v1/messages into /v1/chat/completions",
        ),
        ("not served", "/v1/messages/count_tokens"),
        ("dropped parts", "usage, models[0].filter.drop ("),
        ("dropped events", "ping, models[0].filter.drop_events ("),
        ("hold", "250ms, clocks.hold ("),
        ("who may ask", "team-a may, keys[0] ("),
    ] {
        assert_begins(run.line(subject), beginning);
    }
    assert!(!run.stdout.contains(KEY), "{run:#?}");

    let other = explain(&["route", "other-small"], "");
    assert_begins(
        other.line("asked at"),
        "http://[::1]:8081/v1/chat/completions, ",
    );
    assert_begins(other.line("who may ask"), "each of the [[keys]], keys (");
}

#[test]
fn a_route_tells_each_limit_that_holds_and_where_it_is_counted() {
    let run = explain(&["route", "acme-large", "--key", "team-a"], "");
    for (subject, beginning) in [
        ("all-tokens", "2000000 tokens in 1m, limits.tokens ("),
        (
            "model-requests_per_day",
            "20000 requests a day (UTC), models[0].limits.requests_per_day (",
        ),
        (
            "key-requests",
            "600 requests in 1m, keys[0].limits.requests (",
        ),
        (
            "key-concurrent",
            "1 completion at once, keys[0].limits.concurrent (",
        ),
        ("answer_tokens", "1024, limits.answer_tokens (built-in"),
        (
            "backend",
            "redis: at 127.0.0.1 port 6379, database 3, limits.backend (",
        ),
        (
            "on_backend_error",
            "refuse: a request gets 503, no limit is exceeded, limits.on_backend_error (built-in",
        ),
        (
            "max_open",
            "10000 at all providers together, upstream.max_open (built-in",
        ),
        (
            "max_waiting",
            "5000 at all providers together, upstream.max_waiting (built-in",
        ),
        ("total", "5m, keys[0].total ("),
    ] {
        assert_begins(run.line(subject), beginning);
    }
    for line in [
        "; 50 at acme, providers[0].max_open (",
        "; reasoning, keys[0].filter.drop (",
    ] {
        assert!(run.stdout.contains(line), "{run:#?}");
    }
    let place = "keys[0].limits.requests (";
    let (_, place) = run.line("key-requests").split_once(place).unwrap();
    assert!(
        place.ends_with("tests/commands/explain.toml:41:19)"),
        "{place}"
    );

    // Without a key, what keys have is told of, and another model's limits are not.
    let other = explain(&["route", "other-small"], "");
    assert!(!other.stdout.contains("model-"), "{other:#?}");
    assert_begins(
        other.line("key limits"),
        "more for 1 of the 2 [[keys]]: ask with --key ID, keys (",
    );
    assert_begins(other.line("total"), "30m, clocks.total (");
    // A key without rules of its own meets those of all.
    let plain = explain(&["route", "other-small", "--key", "team-b"], "");
    assert!(!plain.stdout.contains("key-"), "{plain:#?}");
    assert_begins(plain.line("all-tokens"), "2000000 tokens");
}

#[test]
fn the_header_rules_of_a_key_are_told_with_their_places() {
    let names = [
        "x-cost",
        "team-ms",
        "x-acme-hidden",
        "acme-ms",
        "x-request-id",
        "x-strange",
    ];
    let asked = [&["headers"], &names[..], &["--provider", "acme"]].concat();
    let run = explain(&[&asked[..], &["--key", "team-a"]].concat(), "");
    for (name, beginning) in [
        (
            "x-cost",
            "forwarded  by x-cost, keys[0].metadata.allow[0] (",
        ),
        (
            "team-ms",
            "renamed    to x-upstream-team-ms by { name = \"team-ms\", as = \
             \"x-upstream-team-ms\" }, keys[0].metadata.allow[1] (",
        ),
        (
            "x-acme-hidden",
            "dropped    the key hides x-acme-hidden, keys[0].metadata.hide[0] (",
        ),
        (
            "acme-ms",
            "dropped    the key hides x-upstream-processing-ms, keys[0].metadata.hide[1] (",
        ),
        (
            "x-request-id",
            "forwarded  by x-request-id, metadata.allow[0] (",
        ),
    ] {
        assert_begins(run.line(name), beginning);
    }
    let unlisted = run.line("x-strange");
    assert!(unlisted.ends_with("in its [[providers]], or in this one of the [[keys]]"));
    assert!(
        run.line("x-cost")
            .ends_with("tests/commands/explain.toml:43:19)"),
        "{run:#?}"
    );

    let without = explain(&asked, "");
    assert_begins(without.line("x-cost"), "dropped    no rule allows it");
    assert_begins(without.line("x-acme-hidden"), "forwarded  by x-acme-*");

    // A whole head is judged in the same way.
    let saved = "HTTP/1.1 200 OK\nx-cost: 1\nx-acme-hidden: 1\n\n";
    let head = explain(
        &["headers", "-", "--provider", "acme", "--key", "team-a"],
        saved,
    );
    assert_begins(head.line("x-cost"), "forwarded  by x-cost, keys[0].");
    assert_begins(head.line("x-acme-hidden"), "dropped    the key hides");
}

#[test]
fn what_is_not_defined_is_refused_with_what_may_be_meant() {
    let model = refused(&["route", "acme-lage"], "");
    assert!(model.contains("did you mean \"acme-large\"?"), "{model}");
    assert!(
        model.contains("a client gets 404 model_not_found: "),
        "{model}"
    );
    for question in ["route", "headers"] {
        let key = refused(&[question, "acme-large", "--key", "teem-a"], "");
        assert_eq!(
            key,
            "herald: no key has the id \"teem-a\"; did you mean \"team-a\"?\n"
        );
    }
    for question in ["headers", "status"] {
        let provider = refused(&[question, "404", "--provider", "acne"], "");
        assert_eq!(
            provider,
            "herald: no provider has the id \"acne\"; did you mean \"acme\"?\n"
        );
    }
}

#[test]
fn settings_that_are_refused_explain_nothing() {
    let run = herald(
        &["explain", "status", "404", "--settings", SETTINGS],
        &[("HERALD__CLOCKS__IDLE", "soon")],
        "",
    );
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("HERALD__CLOCKS__IDLE"), "{run:#?}");
    // What is not looked at is no reason to refuse.
    assert!(!run.stderr.contains("ACME_KEY"), "{run:#?}");
}

#[test]
fn without_the_providers_keys_all_but_what_repeats_them_is_explained() {
    let run = herald(
        &["explain", "headers", "x-acme-id", "--settings", SETTINGS],
        &[],
        "",
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_begins(run.line("x-acme-id"), "acme:  forwarded");
}

#[test]
fn without_settings_the_recordings_are_explained() {
    let run = herald(
        &["explain", "route", "replay-text", "--key", "any"],
        &[],
        "",
    );
    assert_eq!(run.code, 0, "{run:#?}");
    assert_begins(run.line("asked at"), "the recordings inside of Herald, ");
    assert_begins(run.line("who may ask"), "everybody: no key is looked at, ");
    assert_eq!(run.line("limits"), "none");
    let run = herald(&["explain", "headers", "x-a", "--key", "any"], &[], "");
    assert_begins(run.line("key"), "everybody: no key is looked at, ");
}

#[test]
fn a_question_that_is_none_is_a_mistake_of_usage() {
    for arguments in [
        &["explain"][..],
        &["explain", "headers"],
        &["explain", "status", "100"],
        &["explain", "status", "1000"],
        &["explain", "status", "many"],
        &["explain", "route"],
    ] {
        let run = herald(arguments, &[], "");
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}");
    }
    let help = herald(&["explain", "headers", "--help"], &[], "");
    assert!(help.stdout.contains("curl -sD-"), "{help:#?}");
}
