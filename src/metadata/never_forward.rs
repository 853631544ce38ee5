//! The names that no setting can make Herald copy from a provider's answer.
//!
//! The allow list already keeps out what nobody asked for. This set is the second fence: it holds
//! against a rule that is too broad, a typing error, and a provider that invents a harmful header.

use actix_web::http::header::{CONNECTION, HeaderMap, HeaderName};

/// Names that share one reason for staying here.
pub(super) struct Family {
    /// Completes the sentence "it is never forwarded: …".
    pub(super) reason: &'static str,
    pub(super) exact: &'static [&'static str],
    pub(super) prefixes: &'static [&'static str],
    /// Words that condemn a name wherever they stand in it.
    pub(super) anywhere: &'static [&'static str],
}

/// Hop-by-hop fields, RFC 9110 section 7.6.1, and what else belongs to one connection only.
pub(super) const HOP_BY_HOP: Family = Family {
    reason: "it belongs to one connection (RFC 9110 section 7.6.1)",
    exact: &[
        "connection",
        "expect",
        "http2-settings",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ],
    prefixes: &["proxy-", "sec-"],
    anywhere: &[],
};

pub(super) const CONTENT: Family = Family {
    reason: "it describes a body that Herald writes itself",
    exact: &["status"],
    prefixes: &["content-"],
    anywhere: &[],
};

pub(super) const CREDENTIALS: Family = Family {
    reason: "it may carry a credential",
    exact: &["x-amz-security-token"],
    prefixes: &[],
    anywhere: &["api-key", "authorization", "cookie"],
};

pub(super) const ACCOUNT: Family = Family {
    reason: "it names the operator's account at the provider",
    exact: &["openai-project", "x-goog-user-project"],
    prefixes: &[],
    anywhere: &["organisation", "organization"],
};

pub(super) const ROUTE: Family = Family {
    reason: "it tells how a message travelled, which each hop says for itself",
    exact: &["forwarded", "host", "via", "x-real-ip"],
    prefixes: &["x-forwarded-"],
    anywhere: &[],
};

pub(super) const HERALD: Family = Family {
    reason: "the name is Herald's own",
    exact: &["ratelimit", "ratelimit-policy", "server-timing"],
    prefixes: &["x-herald-", "x-upstream-"],
    anywhere: &[],
};

const CORS: Family = Family {
    reason: "it decides which web pages may read Herald's answer",
    exact: &["timing-allow-origin"],
    prefixes: &["access-control-"],
    anywhere: &[],
};

const CHALLENGE: Family = Family {
    reason: "a client would take it as a challenge by Herald",
    exact: &[],
    prefixes: &[],
    anywhere: &["authenticat", "challenge"],
};

const SITE_SECURITY: Family = Family {
    reason: "it sets the security policy of a site, and the site is Herald's",
    exact: &[
        "clear-site-data",
        "document-policy",
        "expect-ct",
        "feature-policy",
        "nel",
        "origin-agent-cluster",
        "permissions-policy",
        "public-key-pins",
        "public-key-pins-report-only",
        "referrer-policy",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "strict-transport-security",
        "x-content-type-options",
        "x-dns-prefetch-control",
        "x-download-options",
        "x-frame-options",
        "x-permitted-cross-domain-policies",
        "x-robots-tag",
        "x-xss-protection",
    ],
    prefixes: &["cross-origin-"],
    anywhere: &["content-security-policy"],
};

const SERVER: Family = Family {
    reason: "it describes the provider's server, not the completion",
    exact: &[
        "accept-ranges",
        "allow",
        "alt-svc",
        "server",
        "x-powered-by",
    ],
    prefixes: &[],
    anywhere: &[],
};

const CACHING: Family = Family {
    reason: "caching and navigation of the answer are Herald's to set",
    exact: &[
        "age",
        "cache-status",
        "date",
        "etag",
        "expires",
        "last-modified",
        "link",
        "location",
        "pragma",
        "refresh",
        "surrogate-control",
        "vary",
    ],
    prefixes: &[],
    anywhere: &["cache-control"],
};

const FRONT_PROXY: Family = Family {
    reason: "it gives orders to the proxy in front of Herald",
    exact: &["x-sendfile"],
    prefixes: &["x-accel-", "x-lighttpd-", "x-litespeed-"],
    anywhere: &[],
};

/// Everything but Herald's own names.
const FOREIGN: &[Family] = &[
    HOP_BY_HOP,
    CONTENT,
    CORS,
    CREDENTIALS,
    CHALLENGE,
    SITE_SECURITY,
    SERVER,
    ROUTE,
    CACHING,
    FRONT_PROXY,
    ACCOUNT,
];

/// What Herald itself writes under `x-upstream-`, and so no rename may claim.
const WRITTEN_BY_HERALD: &[&str] = &[
    "x-upstream-model",
    "x-upstream-provider",
    "x-upstream-status",
    "x-upstream-time-to-first-token",
];

/// Whether this header of a provider's answer stays here whatever the settings say.
///
/// What the answer's own `Connection` nominates stays here too, which a name alone cannot tell.
pub fn is_never_forwarded(name: &HeaderName) -> bool {
    why_never_forwarded(name).is_some()
}

/// Why this header never reaches a client, or `None` when a rule may allow it.
///
/// The text completes the sentence "it is never forwarded: …".
pub fn why_never_forwarded(name: &HeaderName) -> Option<&'static str> {
    why(FOREIGN, name.as_str()).or_else(|| why(&[HERALD], name.as_str()))
}

/// Whether a header of this name (lower case) tells of whoever operates Herald, and not of the answer:
/// a credential, an account, or where the request came from.
pub(crate) fn tells_of_the_operator(name: &str) -> bool {
    why(&[CREDENTIALS, ACCOUNT, ROUTE], name).is_some()
}

/// Why every name that begins with `prefix` (lower case) stays here, if that is so.
pub(super) fn why_prefix_never_forwarded(prefix: &str) -> Option<&'static str> {
    why_prefix(FOREIGN, prefix).or_else(|| why_prefix(&[HERALD], prefix))
}

/// Why a rename must not produce this name.
///
/// The one door into the never-forward set: a name under `x-upstream-` that Herald does not write,
/// so that an admin can give a provider's own header a name that says whose it is.
pub(super) fn why_never_a_target(name: &HeaderName) -> Option<&'static str> {
    if WRITTEN_BY_HERALD.contains(&name.as_str()) {
        Some("Herald writes it itself")
    } else if name.as_str().starts_with("x-upstream-") {
        why(FOREIGN, name.as_str())
    } else {
        why_never_forwarded(name)
    }
}

/// The names that this message's own `Connection` field ties to its connection.
pub(super) fn nominated_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
        .collect()
}

/// The reason of the first family that holds `name`, which is lower case.
pub(super) fn why(families: &[Family], name: &str) -> Option<&'static str> {
    let holds = |family: &&Family| {
        family.exact.contains(&name)
            || family
                .prefixes
                .iter()
                .any(|prefix| name.starts_with(prefix))
            || family.anywhere.iter().any(|word| name.contains(word))
    };
    families.iter().find(holds).map(|family| family.reason)
}

/// The reason of the first family that holds every name beginning with `prefix`.
pub(super) fn why_prefix(families: &[Family], prefix: &str) -> Option<&'static str> {
    let holds = |family: &&Family| {
        family
            .prefixes
            .iter()
            .any(|forbidden| prefix.starts_with(forbidden))
            || family.anywhere.iter().any(|word| prefix.contains(word))
    };
    families.iter().find(holds).map(|family| family.reason)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn name(name: &str) -> HeaderName {
        HeaderName::from_bytes(name.as_bytes()).unwrap()
    }

    #[test]
    fn every_family_of_dangerous_headers_stays_here() {
        let dangerous = "
            connection keep-alive proxy-connection te trailer transfer-encoding upgrade
            content-type content-length content-encoding content-disposition
            content-security-policy content-security-policy-report-only
            access-control-allow-origin access-control-expose-headers
            set-cookie set-cookie2 cookie www-authenticate authentication-info
            proxy-authenticate proxy-authentication-info proxy-status
            x-custom-auth-challenge authorization x-api-key api-key
            strict-transport-security x-frame-options x-content-type-options x-xss-protection
            referrer-policy permissions-policy cross-origin-opener-policy x-robots-tag expect-ct
            report-to nel clear-site-data origin-agent-cluster x-permitted-cross-domain-policies
            feature-policy alt-svc server via forwarded x-forwarded-for date age expires pragma
            cache-control cdn-cache-control vary etag last-modified location refresh link
            accept-ranges x-accel-buffering x-accel-redirect openai-organization openai-project
            anthropic-organization-id x-any-organization-name x-herald-request-id
            x-upstream-status x-upstream-anything server-timing ratelimit ratelimit-policy";
        for word in dangerous.split_whitespace() {
            assert!(is_never_forwarded(&name(word)), "{word} got through");
        }
    }

    #[test]
    fn what_clients_branch_on_may_be_allowed() {
        let useful = "
            x-request-id request-id apim-request-id x-amzn-requestid mistral-correlation-id
            x-ds-trace-id x-generation-id inference-id x-ratelimit-limit-requests
            anthropic-ratelimit-tokens-reset retry-after retry-after-ms x-should-retry
            openai-processing-ms openai-version openai-model fireworks-prompt-tokens
            x-cody-resolved-model traceresponse x-kong-request-id x-groq-region";
        for word in useful.split_whitespace() {
            assert_eq!(why_never_forwarded(&name(word)), None, "{word}");
        }
    }

    #[test]
    fn a_reason_is_named_for_each_refusal() {
        assert_eq!(
            why_never_forwarded(&name("set-cookie")),
            Some(CREDENTIALS.reason)
        );
        assert_eq!(why_never_forwarded(&name("via")), Some(ROUTE.reason));
    }

    #[test]
    fn connection_nominates_names_in_every_line_and_case() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("close, X-One ,,x two"));
        headers.append(CONNECTION, HeaderValue::from_static("X-Request-Id"));
        let nominated = nominated_by_connection(&headers);
        assert_eq!(
            nominated,
            [name("close"), name("x-one"), name("x-request-id")]
        );
    }

    #[test]
    fn a_rename_may_use_only_free_names_under_x_upstream() {
        assert_eq!(why_never_a_target(&name("x-upstream-processing-ms")), None);
        assert_eq!(why_never_a_target(&name("x-upstream-server")), None);
        assert_eq!(why_never_a_target(&name("x-request-id")), None);
        let refused = "x-upstream-status x-upstream-model x-upstream-provider content-type
            x-upstream-time-to-first-token x-herald-request-id server-timing
            x-upstream-organization-id x-upstream-set-cookie";
        for word in refused.split_whitespace() {
            assert!(
                why_never_a_target(&name(word)).is_some(),
                "{word} is a target"
            );
        }
    }
}
