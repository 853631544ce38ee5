//! What a rule asks of a cell, and what of a cell was seen.

use crate::{
    client::Reply,
    dialects::{Body, Ending},
    log_lines::Line,
    wires::{OF_A, OF_B, WHY},
    world::Cell,
};

/// What every client must be told of a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Nothing: the answer is whole.
    Whole,
    /// Nothing, in a stream that has said why it ends and has no end marker; and none is made up.
    Unmarked,
    /// That there is no answer; or there is one, of the next target.
    Refused(Refusal),
    /// What had come, and then an error event of this code. Nobody else is asked.
    CutShort(&'static str),
    /// What had come, and then the provider's own error event, which the log knows by this code. Nobody else
    /// is asked.
    Failed(&'static str),
}

/// An error in the place of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    /// The provider's own status, if its head could be read.
    upstream_status: Option<u16>,
    /// The error type of RFC 9209, if there is one beside the status.
    token: Option<&'static str>,
    retry_after: Option<&'static str>,
    /// Whether the provider's own words are told.
    has_words: bool,
    /// Whether the next target is asked.
    is_mended: bool,
}

/// The answer is this status, for this reason.
pub(crate) fn refused(status: u16, code: &'static str) -> Refusal {
    Refusal {
        status,
        code,
        upstream_status: None,
        token: None,
        retry_after: None,
        has_words: false,
        is_mended: false,
    }
}

impl Refusal {
    /// And the provider's status was this.
    pub(crate) fn answered(self, status: u16) -> Self {
        let upstream_status = Some(status);
        Self {
            upstream_status,
            ..self
        }
    }

    /// And `proxy-status` has this error type.
    pub(crate) fn token(self, token: &'static str) -> Self {
        let token = Some(token);
        Self { token, ..self }
    }

    /// And it says after how many seconds to come again.
    pub(crate) fn retry_after(self, seconds: &'static str) -> Self {
        let retry_after = Some(seconds);
        Self {
            retry_after,
            ..self
        }
    }

    /// And the provider says why.
    pub(crate) fn saying_why(self) -> Self {
        let has_words = true;
        Self { has_words, ..self }
    }

    /// But if there is another target, that one is asked.
    pub(crate) fn mended(self) -> Rule {
        Rule::Refused(Self {
            is_mended: true,
            ..self
        })
    }

    /// Even if there is another target.
    pub(crate) fn told_at_once(self) -> Rule {
        Rule::Refused(self)
    }

    /// Whether SDKs, which repeat every 5xx, are told not to: the provider's own status says that it is
    /// about the request or the key.
    fn is_useless_to_repeat(&self) -> bool {
        let is_such = |status| (300..500).contains(&status) && status != self.status;
        self.upstream_status.is_some_and(is_such)
    }

    /// This attempt in `proxy-status`.
    fn member(&self, details: &str) -> String {
        let status = self.upstream_status;
        let status = status.map(|status| format!(";received-status={status}"));
        let token = self.token.map(|token| format!(";error={token}"));
        format!(
            "herald{}{};details=\"{details}\"",
            status.unwrap_or_default(),
            token.unwrap_or_default()
        )
    }
}

/// Whether a request came to a good end, in the log's words, and the code of the failure if not.
type Outcome = (String, Option<String>);

/// All that is told of one request: to its client, in the log, and to the provider that it could fall back
/// to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) upstream_status: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) proxy_status: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) should_retry: Option<String>,
    pub(crate) attempts: Option<String>,
    /// Whose request id came.
    pub(crate) request_id: Option<String>,
    /// Whose text came.
    pub(crate) text: Option<&'static str>,
    /// Whether an error's words came.
    pub(crate) words: bool,
    pub(crate) ending: Ending,
    /// As the error itself names it.
    pub(crate) code: Option<String>,
    pub(crate) outcome: Outcome,
    /// How often the other target was asked.
    pub(crate) asked_b: usize,
}

impl Seen {
    pub(crate) fn new(reply: &Reply, body: Body, line: &Line, asked_b: usize) -> Self {
        let value = |name: &str| reply.header(name).map(str::to_owned);
        // A failed attempt's text never comes beside another's.
        let texts: Vec<_> = [OF_A, OF_B]
            .into_iter()
            .filter(|text| body.text.contains(text))
            .collect();
        assert!(texts.len() < 2, "{}", body.text);
        Self {
            status: reply.status,
            upstream_status: value("x-upstream-status"),
            provider: value("x-upstream-provider"),
            proxy_status: value("proxy-status"),
            retry_after: value("retry-after"),
            should_retry: value("x-should-retry"),
            attempts: value("x-herald-attempts"),
            request_id: value("x-request-id"),
            text: texts.first().copied(),
            words: body.text.contains(WHY),
            ending: body.ending,
            code: body.code,
            outcome: (line["outcome"].clone(), line.get("error_code").cloned()),
            asked_b,
        }
    }
}

impl Rule {
    /// What must be seen of a cell.
    pub(crate) fn expects(self, cell: Cell) -> Seen {
        let good = Seen {
            status: 200,
            upstream_status: Some("200".to_owned()),
            provider: Some(cell.a()),
            proxy_status: None,
            retry_after: None,
            should_retry: None,
            attempts: None,
            request_id: Some(OF_A.to_owned()),
            text: Some(OF_A),
            words: false,
            ending: Ending::Whole,
            code: None,
            outcome: ("completed".to_owned(), None),
            asked_b: 0,
        };
        let failed = |code: &str| ("failed".to_owned(), Some(code.to_owned()));
        let told = |code: &str| cell.dialect.tells_codes().then(|| code.to_owned());
        match self {
            Self::Whole => good,
            Self::Unmarked => Seen {
                ending: Ending::Unmarked,
                ..good
            },
            Self::CutShort(code) => Seen {
                ending: Ending::ErrorEvent,
                code: told(code),
                outcome: failed(code),
                ..good
            },
            Self::Failed(code) => Seen {
                words: true,
                ending: Ending::ErrorEvent,
                outcome: failed(code),
                ..good
            },
            Self::Refused(refusal) if refusal.is_mended && cell.has_fallback => {
                let details = format!("attempt 1, {}: {}", cell.a(), refusal.code);
                let failed = refusal.member(&details);
                Seen {
                    provider: Some(cell.b()),
                    proxy_status: Some(format!("{failed}, herald;received-status=200")),
                    attempts: Some("2".to_owned()),
                    request_id: Some(OF_B.to_owned()),
                    text: Some(OF_B),
                    asked_b: 1,
                    ..good
                }
            }
            Self::Refused(refusal) => Seen {
                status: refusal.status,
                upstream_status: refusal.upstream_status.map(|status| status.to_string()),
                proxy_status: Some(refusal.member(refusal.code)),
                retry_after: refusal.retry_after.map(str::to_owned),
                should_retry: refusal.is_useless_to_repeat().then(|| "false".to_owned()),
                request_id: refusal.upstream_status.map(|_| OF_A.to_owned()),
                text: None,
                words: refusal.has_words,
                ending: Ending::Refusal,
                code: told(refusal.code),
                outcome: failed(refusal.code),
                ..good
            },
        }
    }
}
