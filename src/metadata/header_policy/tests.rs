mod fates;
mod key_rules;

use actix_web::http::header::{CONNECTION, HeaderMap};
use proptest::prelude::*;

use super::*;
use crate::metadata::never_forward::{is_never_forwarded, why_never_a_target, why_never_forwarded};

const ROOMY: HeaderCaps = HeaderCaps {
    headers: 64,
    bytes: 16 * 1024,
};

/// The default list of the product, as `settings/default.toml` writes it.
const DEFAULTS: &[&str] = &[
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-amzn-requestid",
    "mistral-correlation-id",
    "x-ds-trace-id",
    "x-generation-id",
    "x-ratelimit-*",
    "anthropic-ratelimit-*",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "openai-processing-ms",
    "fireworks-*",
    "openai-version",
    "x-cody-resolved-model",
];

fn rule(name: &str) -> HeaderRule {
    HeaderRule {
        name: name.to_owned(),
        rename: None,
    }
}

fn renamed(name: &str, rename: &str) -> HeaderRule {
    HeaderRule {
        name: name.to_owned(),
        rename: Some(rename.to_owned()),
    }
}

fn policy(names: &[&str]) -> HeaderPolicy {
    policy_with(
        &names.iter().map(|name| rule(name)).collect::<Vec<_>>(),
        ROOMY,
    )
}

fn policy_with(rules: &[HeaderRule], caps: HeaderCaps) -> HeaderPolicy {
    HeaderPolicy::compile(rules, caps).unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    map
}

fn lines(forwarded: &Forwarded) -> Vec<(&str, &str)> {
    forwarded
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect()
}

fn refusal(rule: HeaderRule) -> String {
    HeaderPolicy::compile(&[rule], ROOMY).unwrap_err()[0]
        .reason
        .clone()
}

#[test]
fn an_openai_answer_keeps_ids_limits_and_timings_only() {
    let upstream = headers(&[
        ("content-type", "text/event-stream; charset=utf-8"),
        ("x-request-id", "req_1"),
        ("openai-processing-ms", "412"),
        ("openai-version", "2020-10-01"),
        ("openai-model", "gpt-x-2026"),
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-tokens", "29990"),
        ("x-ratelimit-reset-tokens", "20ms"),
        ("set-cookie", "__cf_bm=one; path=/"),
        ("set-cookie", "_cfuvid=two; path=/"),
        ("openai-organization", "org-1"),
        ("openai-project", "proj_1"),
        ("cf-ray", "1-AMS"),
        ("cf-cache-status", "DYNAMIC"),
        ("alt-svc", "h3=\":443\""),
        ("strict-transport-security", "max-age=1"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", "X-Request-ID"),
        ("server", "cloudflare"),
        ("via", "envoy-router-1"),
        ("x-envoy-upstream-service-time", "300"),
        ("x-openai-proxy-wasm", "v0.1"),
    ]);
    assert_eq!(
        lines(&policy(DEFAULTS).for_key(None).forward(&upstream, true)),
        [
            ("x-request-id", "req_1"),
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-tokens", "29990"),
            ("x-ratelimit-reset-tokens", "20ms"),
            ("openai-processing-ms", "412"),
            ("openai-version", "2020-10-01"),
        ]
    );
}

#[test]
fn an_anthropic_answer_keeps_ids_limits_and_retry_after() {
    let upstream = headers(&[
        ("request-id", "req_2"),
        ("anthropic-ratelimit-input-tokens-remaining", "1000"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("retry-after", "12"),
        ("traceresponse", "00-1-2-01"),
        ("anthropic-organization-id", "0000"),
        ("server-timing", "proxy;dur=3"),
        ("x-robots-tag", "none"),
        ("content-security-policy", "default-src 'none'"),
        ("content-length", "12"),
        ("transfer-encoding", "chunked"),
    ]);
    assert_eq!(
        lines(&policy(DEFAULTS).for_key(None).forward(&upstream, true)),
        [
            ("request-id", "req_2"),
            ("anthropic-ratelimit-input-tokens-remaining", "1000"),
            ("anthropic-ratelimit-requests-limit", "50"),
            ("retry-after", "12"),
        ]
    );
}

#[test]
fn the_other_providers_keep_what_their_clients_read() {
    let upstream = headers(&[
        ("apim-request-id", "azure"),
        ("azureml-model-session", "d1"),
        ("skip-error-remapping", "true"),
        ("x-accel-buffering", "no"),
        ("x-ratelimit-renewalperiod-tokens", "60"),
        ("mistral-correlation-id", "mistral"),
        ("x-kong-proxy-latency", "3"),
        ("x-ds-trace-id", "deepseek"),
        ("access-control-allow-credentials", "true"),
        ("x-amzn-requestid", "bedrock"),
        ("x-generation-id", "openrouter"),
        ("permissions-policy", "a=()"),
        ("referrer-policy", "no-referrer"),
        ("fireworks-cached-prompt-tokens", "7"),
        ("fireworks-server-time-to-first-token", "0.1"),
        ("x-accel-expires", "0"),
        ("pragma", "no-cache"),
        ("vary", "Cookie"),
        ("x-cody-resolved-model", "a/b"),
    ]);
    assert_eq!(
        lines(&policy(DEFAULTS).for_key(None).forward(&upstream, false)),
        [
            ("apim-request-id", "azure"),
            ("x-amzn-requestid", "bedrock"),
            ("mistral-correlation-id", "mistral"),
            ("x-ds-trace-id", "deepseek"),
            ("x-generation-id", "openrouter"),
            ("x-ratelimit-renewalperiod-tokens", "60"),
            ("fireworks-cached-prompt-tokens", "7"),
            ("fireworks-server-time-to-first-token", "0.1"),
            ("x-cody-resolved-model", "a/b"),
        ]
    );
}

#[test]
fn a_broad_prefix_never_yields_a_forbidden_name() {
    let upstream = headers(&[
        ("x-frame-options", "DENY"),
        ("x-upstream-status", "200"),
        ("x-herald-request-id", "forged"),
        ("x-api-key", "secret"),
        ("x-custom-auth-challenge", "login"),
        ("x-one", "1"),
    ]);
    assert_eq!(
        lines(&policy(&["x-*"]).for_key(None).forward(&upstream, true)),
        [("x-one", "1")]
    );
}

#[test]
fn what_connection_nominates_stays_here() {
    let mut upstream = headers(&[("x-request-id", "1"), ("x-ratelimit-limit", "2")]);
    upstream.insert(CONNECTION, HeaderValue::from_static("close, X-Request-Id"));
    let forwarded = policy(DEFAULTS).for_key(None).forward(&upstream, true);
    assert_eq!(lines(&forwarded), [("x-ratelimit-limit", "2")]);
}

#[test]
fn should_retry_passes_only_with_the_status_it_speaks_of() {
    let upstream = headers(&[("x-should-retry", "true")]);
    let policy = policy_with(&[rule("x-should-retry")], ROOMY);
    assert_eq!(
        lines(&policy.for_key(None).forward(&upstream, true)),
        [("x-should-retry", "true")]
    );
    assert!(
        policy
            .for_key(None)
            .forward(&upstream, false)
            .headers
            .is_empty()
    );

    let disguised = policy_with(&[renamed("x-retry", "x-should-retry")], ROOMY);
    assert!(
        disguised
            .for_key(None)
            .forward(&headers(&[("x-retry", "true")]), false)
            .headers
            .is_empty()
    );
}

#[test]
fn the_first_rule_that_matches_wins() {
    let upstream = headers(&[("openai-processing-ms", "4")]);
    let rename = renamed("OpenAI-Processing-Ms", "x-upstream-processing-ms");
    let exact_first = policy_with(&[rename.clone(), rule("openai-*")], ROOMY);
    assert_eq!(
        lines(&exact_first.for_key(None).forward(&upstream, true)),
        [("x-upstream-processing-ms", "4")]
    );
    let prefix_first = policy_with(&[rule("openai-*"), rename.clone(), rename], ROOMY);
    assert_eq!(
        lines(&prefix_first.for_key(None).forward(&upstream, true)),
        [("openai-processing-ms", "4")]
    );
}

#[test]
fn a_huge_value_does_not_starve_the_small_ones_after_it() {
    let huge = "a".repeat(100);
    let upstream = headers(&[("x-a", "1"), ("x-b", &huge), ("x-c", "3"), ("x-d", "4")]);
    let caps = HeaderCaps {
        headers: 2,
        bytes: 50,
    };
    let forwarded = policy_with(&[rule("x-*")], caps)
        .for_key(None)
        .forward(&upstream, true);
    assert_eq!(lines(&forwarded), [("x-a", "1"), ("x-c", "3")]);
    assert_eq!(forwarded.over_cap, 2);
}

#[test]
fn values_beyond_visible_ascii_are_dropped_and_counted() {
    let mut upstream = headers(&[("x-a", "caf\u{e9}"), ("x-b", "tab\tand space")]);
    upstream.append(
        HeaderName::from_static("x-a"),
        HeaderValue::from_static("plain"),
    );
    upstream.append(
        HeaderName::from_static("x-c"),
        HeaderValue::from_bytes(b"\xff\xfe").unwrap(),
    );
    let forwarded = policy(&["x-*"]).for_key(None).forward(&upstream, true);
    assert_eq!(
        lines(&forwarded),
        [("x-a", "plain"), ("x-b", "tab\tand space")]
    );
    assert_eq!(forwarded.invalid, 2);
}

#[test]
fn rules_that_name_forbidden_headers_are_refused_with_the_reason() {
    for name in [
        "Set-Cookie",
        "content-*",
        "content-type",
        "access-control-*",
        "x-herald-*",
    ] {
        assert!(
            refusal(rule(name)).starts_with("it is never forwarded: "),
            "{name}"
        );
    }
    assert!(refusal(rule("*")).contains("matches too much"));
    assert!(refusal(rule("s*")).contains("matches too much"));
    assert!(refusal(rule("*-id")).contains("only stand at the end"));
    assert!(refusal(rule("x-**")).contains("one `*`"));
    assert!(refusal(rule("x request id")).contains("no header name"));
    assert!(refusal(rule("")).contains("no header name"));
    assert!(refusal(renamed("x-*", "y")).contains("one rule for each name"));
    assert!(refusal(renamed("x-a", "x-upstream-status")).contains("Herald writes it itself"));
    assert!(refusal(renamed("x-a", "set-cookie")).contains("credential"));
    assert!(refusal(renamed("x-a", "not a name")).contains("no header name"));
}

#[test]
fn every_refused_rule_is_reported_as_written() {
    let rules = [rule("Via"), rule("x-fine"), renamed("x-a", "Server")];
    let errors = HeaderPolicy::compile(&rules, ROOMY).unwrap_err();
    let written: Vec<_> = errors.iter().map(|error| error.rule.as_str()).collect();
    assert_eq!(written, ["Via", r#"{ name = "x-a", as = "Server" }"#]);
}

fn any_name() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(
        "x-request-id x-should-retry set-cookie content-type connection proxy-status x-a x-b
         x-frame-options x-upstream-status x-upstream-free x-herald-x access-control-x server
         openai-organization x-my-organization-id x-challenge www-authenticate ratelimit retry-after
         x-accel-redirect cookie sec-websocket-accept cross-origin-x x-api-key upgrade"
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    );
    prop_oneof![4 => known, 1 => "[a-zA-Z0-9-]{1,12}"]
}

fn any_rule() -> impl Strategy<Value = HeaderRule> {
    let prefix = (any_name(), 0_usize..8)
        .prop_map(|(name, length)| rule(&format!("{}*", &name[..length.min(name.len())])));
    prop_oneof![
        any_name().prop_map(|name| rule(&name)),
        prefix,
        (any_name(), any_name()).prop_map(|(name, target)| renamed(&name, &target)),
    ]
}

/// Those of the rules that are allowed by themselves.
fn compiling(rules: Vec<HeaderRule>) -> Vec<HeaderRule> {
    let rules = rules.into_iter();
    rules
        .filter(|rule| HeaderPolicy::compile(std::slice::from_ref(rule), ROOMY).is_ok())
        .collect()
}

/// The rules of a provider and, behind them, of a key, and what the key hides.
fn any_rules() -> impl Strategy<Value = (Vec<HeaderRule>, Vec<HeaderRule>, Vec<String>)> {
    let rules = || proptest::collection::vec(any_rule(), 0..12).prop_map(compiling);
    let hidden = any_rule().prop_map(|rule| rule.name);
    let hidden = hidden.prop_filter("a rule", |name| {
        KeyHeaderRules::default()
            .hiding(std::slice::from_ref(name))
            .is_ok()
    });
    (rules(), rules(), proptest::collection::vec(hidden, 0..4))
}

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    let value = prop_oneof![
        "[ -~]{0,40}".prop_map(String::into_bytes),
        any_name().prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec((any_name(), value), 0..40).prop_map(|lines| {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
        }
        map
    })
}

/// Whether a name may stand in Herald's answer as the provider's word.
fn may_go_out(name: &HeaderName) -> bool {
    !is_never_forwarded(name) || why_never_a_target(name).is_none()
}

proptest! {
    #[test]
    fn no_rules_and_no_answer_get_a_forbidden_header_out(
        (rules, of_key, hidden) in any_rules(),
        upstream in any_headers(),
        unchanged in any::<bool>(),
        caps in (0_usize..20, 0_usize..400),
    ) {
        let caps = HeaderCaps { headers: caps.0, bytes: caps.1 };
        let key = KeyHeaderRules::compile(&of_key).unwrap().hiding(&hidden).unwrap();
        let policy = policy_with(&rules, caps);
        let forwarded = policy.for_key(Some(&key)).forward(&upstream, unchanged);

        let renamed_to = |name: &HeaderName| {
            rules.iter().chain(&of_key).any(|rule| {
                rule.rename.as_ref().is_some_and(|target| target.eq_ignore_ascii_case(name.as_str()))
            })
        };
        let mut bytes = 0;
        for (name, value) in &forwarded.headers {
            prop_assert!(may_go_out(name), "{name}");
            prop_assert!(!is_never_forwarded(name) || renamed_to(name), "{name} was copied");
            prop_assert!(unchanged || name != "x-should-retry");
            prop_assert!(value.to_str().is_ok(), "{value:?}");
            bytes += name.as_str().len() + value.len();
        }
        prop_assert!(forwarded.headers.len() <= caps.headers && bytes <= caps.bytes);
    }

    #[test]
    fn the_values_of_one_name_keep_their_order(
        values in proptest::collection::vec("[a-z]{0,8}", 0..12),
        others in any_headers(),
    ) {
        let mut upstream = others;
        upstream.remove("x-many");
        upstream.remove("connection");
        for value in &values {
            let value = HeaderValue::from_str(value).unwrap();
            upstream.append(HeaderName::from_static("x-many"), value);
        }
        let forwarded = policy_with(&[rule("x-*")], HeaderCaps { headers: 99, bytes: 9999 })
            .for_key(None).forward(&upstream, true);
        let kept: Vec<_> = forwarded
            .headers
            .iter()
            .filter(|(name, _)| name == "x-many")
            .map(|(_, value)| value.to_str().unwrap().to_owned())
            .collect();
        prop_assert_eq!(kept, values);
    }

    #[test]
    fn the_order_does_not_depend_on_how_the_map_hashes(
        mut names in proptest::collection::vec("x-[a-z]{1,6}", 1..20),
    ) {
        let forward = |names: &[String]| {
            let lines: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
            policy(&["x-m*", "x-*"]).for_key(None).forward(&headers(&lines), true).headers
        };
        let one_way = forward(&names);
        names.reverse();
        prop_assert_eq!(one_way, forward(&names));
    }
}
