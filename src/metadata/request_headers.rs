//! Which of the client's headers travel upstream.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::{
    header_policy::{HeaderCaps, RuleError},
    header_rules::{Allowance, Pattern, RuleSet, is_plain, select},
    never_forward::{
        ACCOUNT, CONTENT, CREDENTIALS, Family, HERALD, HOP_BY_HOP, ROUTE, why, why_prefix,
    },
    trace_context::TraceParent,
};

/// Bounds on what one request sends upstream of the client's headers. They are not settings: the
/// allow list is short, and a client that needs more is not talking to a completion API.
const CAPS: HeaderCaps = HeaderCaps {
    headers: 32,
    bytes: 8 * 1024,
};

/// What is Herald's to say in its own call.
const OWN_CALL: Family = Family {
    reason: "Herald says itself what it asks for",
    exact: &[
        "accept",
        "accept-encoding",
        "range",
        "x-http-method-override",
        "x-original-url",
        "x-rewrite-url",
    ],
    prefixes: &["if-", "x-amz-"],
    anywhere: &[],
};

const CLIENT: Family = Family {
    reason: "it tells the provider who and where the client is",
    exact: &[
        "cf-connecting-ip",
        "fastly-client-ip",
        "origin",
        "referer",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
    ],
    prefixes: &["access-control-"],
    anywhere: &[],
};

/// `user-agent` is missing on purpose: it is no secret, and an admin may want the provider to see it.
const NEVER_SENT: &[Family] = &[
    HOP_BY_HOP,
    CONTENT,
    CREDENTIALS,
    ACCOUNT,
    ROUTE,
    HERALD,
    OWN_CALL,
    CLIENT,
];

/// The request allow list of one provider, compiled.
#[derive(Clone, Debug)]
pub struct RequestHeaderPolicy {
    rules: RuleSet,
}

impl RequestHeaderPolicy {
    /// Compiles names and prefixes (`"openai-beta"`, `"x-fireworks-*"`).
    ///
    /// # Errors
    /// Every rule that names what never travels upstream.
    pub fn compile(names: &[String]) -> Result<Self, Vec<RuleError>> {
        let mut rules = RuleSet::default();
        let mut errors = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match read(name) {
                Ok(pattern) => rules.add(index, pattern),
                Err(reason) => errors.push(RuleError {
                    rule: name.clone(),
                    reason,
                }),
            }
        }
        if errors.is_empty() {
            Ok(Self { rules })
        } else {
            Err(errors)
        }
    }

    /// Picks what of the client's headers goes upstream: by rule, then by name, the values of one
    /// name in the order received; at most 32 values and 8 KiB of names and values.
    ///
    /// A `traceparent` is continued, not copied, and an invalid one is dropped together with its
    /// `tracestate` (Trace Context level 1, section 4.3).
    pub fn select(&self, downstream: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
        let mut allowance = Allowance::new(CAPS);
        let mut selected = Vec::new();
        let rule_for = |name: &HeaderName| self.rules.first_match(name, is_never_sent);
        let matches = select(downstream, rule_for);
        // Two of them contradict each other, so neither is believed.
        let mut parents = matches.iter().filter(|found| found.name == "traceparent");
        let trace = match (parents.next(), parents.next()) {
            (Some(only), None) => TraceParent::parse(only.value.as_bytes()),
            _ => None,
        };
        for found in &matches {
            let value = match (found.name.as_str(), trace) {
                ("traceparent", Some(parent)) => parent.child().to_header_value(),
                ("traceparent" | "tracestate", None) => continue,
                _ => found.value.clone(),
            };
            if is_plain(&value) && allowance.take(found.name, &value) {
                selected.push((found.name.clone(), value));
            }
        }
        selected
    }
}

fn is_never_sent(name: &HeaderName) -> bool {
    why(NEVER_SENT, name.as_str()).is_some()
}

fn read(written: &str) -> Result<Pattern, String> {
    let pattern = Pattern::parse(written)?;
    let forbidden = match &pattern {
        Pattern::Exact(name) => why(NEVER_SENT, name.as_str()),
        Pattern::Prefix(prefix) => why_prefix(NEVER_SENT, prefix),
    };
    match forbidden {
        Some(why) => Err(format!("it never travels upstream: {why}; remove the rule")),
        None => Ok(pattern),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEFAULTS: &[&str] = &[
        "accept-language",
        "openai-beta",
        "anthropic-version",
        "anthropic-beta",
        "idempotency-key",
        "x-client-request-id",
        "traceparent",
        "tracestate",
        "x-sourcegraph-interaction-id",
        "x-fireworks-*",
    ];
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn policy(names: &[&str]) -> RequestHeaderPolicy {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        RequestHeaderPolicy::compile(&names).unwrap()
    }

    fn select(names: &[&str], lines: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let text = |(name, value): (HeaderName, HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        policy(names).select(&map).into_iter().map(text).collect()
    }

    fn names(selected: &[(String, String)]) -> Vec<&str> {
        selected.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn an_sdk_request_sends_what_is_allowed_and_no_credential() {
        let selected = select(
            DEFAULTS,
            &[
                ("authorization", "Bearer client-key"),
                ("x-api-key", "client-key"),
                ("cookie", "session=1"),
                ("host", "herald.example"),
                ("user-agent", "OpenAI/Python"),
                ("content-type", "application/json"),
                ("accept-encoding", "gzip"),
                ("x-forwarded-for", "10.0.0.1"),
                ("openai-organization", "org-client"),
                ("x-stainless-lang", "python"),
                ("x-fireworks-session", "s1"),
                ("anthropic-beta", "one"),
                ("anthropic-beta", "two"),
                ("openai-beta", "assistants=v2"),
                ("idempotency-key", "k1"),
            ],
        );
        let expected = [
            ("openai-beta", "assistants=v2"),
            ("anthropic-beta", "one"),
            ("anthropic-beta", "two"),
            ("idempotency-key", "k1"),
            ("x-fireworks-session", "s1"),
        ];
        assert_eq!(
            selected,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn what_connection_nominates_is_not_sent() {
        let lines = [
            ("connection", "keep-alive, OpenAI-Beta"),
            ("openai-beta", "x"),
        ];
        assert_eq!(select(DEFAULTS, &lines), []);
    }

    #[test]
    fn a_valid_trace_is_continued_under_a_new_parent_id() {
        let selected = select(
            DEFAULTS,
            &[
                ("tracestate", "a=1"),
                ("tracestate", "b=2"),
                ("traceparent", PARENT),
            ],
        );
        assert_eq!(
            names(&selected),
            ["traceparent", "tracestate", "tracestate"]
        );
        assert_eq!(selected[0].1[..36], PARENT[..36]);
        assert_ne!(selected[0].1, PARENT);
        assert_eq!((&*selected[1].1, &*selected[2].1), ("a=1", "b=2"));
    }

    #[test]
    fn an_invalid_or_doubled_traceparent_is_dropped_with_its_tracestate() {
        let invalid = [
            ("traceparent", "00-0-0-01"),
            ("tracestate", "a=1"),
            ("openai-beta", "x"),
        ];
        assert_eq!(names(&select(DEFAULTS, &invalid)), ["openai-beta"]);
        let doubled = [
            ("traceparent", PARENT),
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
        ];
        assert_eq!(select(DEFAULTS, &doubled), []);
        assert_eq!(select(DEFAULTS, &[("tracestate", "a=1")]), []);
        assert_eq!(
            select(
                &["tracestate"],
                &[("traceparent", PARENT), ("tracestate", "a=1")]
            ),
            []
        );
    }

    #[test]
    fn rules_for_what_never_travels_are_refused() {
        let refused = "authorization x-api-key api-key cookie host connection te upgrade expect
            content-type content-* accept accept-encoding forwarded x-forwarded-for x-forwarded-*
            x-real-ip openai-organization openai-project proxy-authorization proxy-* x-herald-*
            x-upstream-* x-goog-api-key x-amz-security-token if-none-match range origin * c*";
        for name in refused.split_whitespace() {
            let errors = RequestHeaderPolicy::compile(&[name.to_owned()]).unwrap_err();
            assert_eq!(errors[0].rule, name);
        }
    }

    #[test]
    fn what_exceeds_the_bounds_is_left_out() {
        let huge = "a".repeat(9000);
        let many: Vec<_> = (0..40).map(|_| ("x-fireworks-a", "1")).collect();
        assert_eq!(select(DEFAULTS, &many).len(), 32);
        let lines = [("openai-beta", &*huge), ("idempotency-key", "k")];
        assert_eq!(names(&select(DEFAULTS, &lines)), ["idempotency-key"]);
    }

    proptest! {
        #[test]
        fn no_rules_send_a_forbidden_header(
            rules in proptest::collection::vec("[a-zA-Z-]{1,12}[*]?", 0..8),
            lines in proptest::collection::vec(
                ("(x-api-key|cookie|x-a|host|x-forwarded-for|x-herald-b|[a-z]{1,3}-[a-z]{1,4})", "[ -~\u{e9}]{0,8}"),
                0..20,
            ),
        ) {
            let mut rules = rules;
            rules.extend(["x-*", "co*", "ho*"].map(str::to_owned));
            rules.retain(|rule| RequestHeaderPolicy::compile(std::slice::from_ref(rule)).is_ok());
            let mut map = HeaderMap::new();
            for (name, value) in lines {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
            for (name, value) in RequestHeaderPolicy::compile(&rules).unwrap().select(&map) {
                prop_assert!(!is_never_sent(&name), "{name}");
                prop_assert!(value.to_str().is_ok());
            }
        }
    }
}
