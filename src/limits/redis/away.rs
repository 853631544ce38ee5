//! Why Redis cannot be asked.

use std::{error::Error, io};

use redis::{ErrorKind, RedisError};

/// Why the counts of the fleet cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// There is no connection to it: its name, the network, nobody listens, `limits.redis.connect`.
    Unreachable,
    /// There is one, and no TLS that proves who it is.
    Tls,
    /// It does not let Herald in, or not do what it must.
    Denied,
    /// It is a node of a cluster that has the counts elsewhere, or nowhere.
    Moved,
    /// It is a replica, which nobody may write to.
    ReadOnly,
    /// It is there and is busy with itself: it loads its data, or runs somebody's long script.
    Busy,
    /// It says another error, or something that is no answer.
    Answer,
    /// The connection broke off.
    Lost,
    /// It did not answer within `limits.redis.command`.
    Timeout,
    /// As many questions wait for it as may: `limits.redis.queue`.
    Queue,
}

impl Away {
    /// Each of them once.
    pub const ALL: [Self; 10] = [
        Self::Unreachable,
        Self::Tls,
        Self::Denied,
        Self::Moved,
        Self::ReadOnly,
        Self::Busy,
        Self::Answer,
        Self::Lost,
        Self::Timeout,
        Self::Queue,
    ];

    /// Its word in metrics and in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Denied => "denied",
            Self::Moved => "moved",
            Self::ReadOnly => "read_only",
            Self::Busy => "busy",
            Self::Answer => "answer",
            Self::Lost => "lost",
            Self::Timeout => "timeout",
            Self::Queue => "queue",
        }
    }

    /// What an operator is told of it.
    fn told(self) -> &'static str {
        match self {
            Self::Unreachable => "no connection to Redis",
            Self::Tls => "no TLS with Redis",
            Self::Denied => "Redis does not let Herald in, or not do what it must",
            Self::Moved => "Redis is a cluster that has the limits on another node",
            Self::ReadOnly => "Redis is a read-only replica, not the primary",
            Self::Busy => "Redis is busy with itself",
            Self::Answer => "Redis answered with an error",
            Self::Lost => "the connection to Redis broke off",
            Self::Timeout => "Redis did not answer in time",
            Self::Queue => "too many questions wait for Redis",
        }
    }
}

/// One failure, as it goes to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) away: Away,
    /// The first word of Redis's error, or the error of this machine; nothing else that Redis said.
    detail: String,
}

/// First words of Redis's errors, with what they mean. Redis sets them in capitals so that clients branch
/// on them: redis.io, "RESP protocol spec", simple errors, read in November 2026.
const WORDS: [(&str, Away); 15] = [
    ("NOAUTH", Away::Denied),
    ("WRONGPASS", Away::Denied),
    ("NOPERM", Away::Denied),
    ("MOVED", Away::Moved),
    ("ASK", Away::Moved),
    ("TRYAGAIN", Away::Moved),
    ("CROSSSLOT", Away::Moved),
    ("CLUSTERDOWN", Away::Moved),
    ("READONLY", Away::ReadOnly),
    ("LOADING", Away::Busy),
    ("BUSY", Away::Busy),
    ("MASTERDOWN", Away::Busy),
    ("OOM", Away::Answer),
    ("MISCONF", Away::Answer),
    ("NOREPLICAS", Away::Answer),
];

impl Failure {
    pub(super) fn new(away: Away, detail: impl ToString) -> Self {
        let detail = detail.to_string();
        Self { away, detail }
    }

    /// A socket's error on the way to Redis.
    pub(super) fn of_connecting(error: &io::Error) -> Self {
        Self::new(Away::Unreachable, error)
    }

    /// What a failed question says.
    pub(super) fn of_asking(error: &RedisError) -> Self {
        let word = error.code().unwrap_or_default();
        if let Some((word, away)) = WORDS.iter().find(|(known, _)| *known == word) {
            return Self::new(*away, word);
        }
        let text = error.detail().unwrap_or_default();
        if let Some(failure) = Self::of_script(text) {
            return failure;
        }
        match error.kind() {
            // The crate keeps no word of the answer to AUTH.
            ErrorKind::AuthenticationFailed => Self::new(Away::Denied, "AUTH failed"),
            ErrorKind::Io if error.is_timeout() => Self::new(Away::Timeout, "no answer"),
            ErrorKind::Io => match error.source().and_then(<dyn Error>::downcast_ref) {
                Some(error) => Self::of_socket(error),
                None => Self::new(Away::Lost, "end of the connection"),
            },
            _ => Self::new(Away::Answer, error.category()),
        }
    }

    /// What is behind the `ERR` of a script: before Redis 7 another error in its text, and at any time what
    /// its user may not do (7.0 and 7.2 have each their words for it).
    fn of_script(text: &str) -> Option<Self> {
        if ["can't run this command", "ACL failure in script"]
            .iter()
            .any(|told| text.contains(told))
        {
            return Some(Self::new(Away::Denied, "no right to what the scripts do"));
        }
        let (word, away) = WORDS
            .iter()
            .find(|(word, _)| text.contains(&format!(" -{word} ")))?;
        Some(Self::new(*away, word))
    }

    /// An error on a connection that stands. With TLS 1.3 a server says only then that it refuses.
    fn of_socket(error: &io::Error) -> Self {
        let is_tls = error.get_ref().is_some_and(|it| it.is::<rustls::Error>());
        Self::new(if is_tls { Away::Tls } else { Away::Lost }, error)
    }

    pub(super) fn log(&self) {
        let reason = self.away.name();
        tracing::warn!(reason, detail = self.detail, "{}", self.away.told());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_says_has_a_reason_and_no_more_than_its_first_word_is_kept() {
        for (said, away, detail) in [
            ("NOAUTH Authentication required.", Away::Denied, "NOAUTH"),
            ("WRONGPASS invalid pair", Away::Denied, "WRONGPASS"),
            ("NOPERM no permissions", Away::Denied, "NOPERM"),
            ("MOVED 3999 10.0.0.7:6381", Away::Moved, "MOVED"),
            ("CROSSSLOT Keys in request", Away::Moved, "CROSSSLOT"),
            ("CLUSTERDOWN Hash slot", Away::Moved, "CLUSTERDOWN"),
            ("READONLY You can't write", Away::ReadOnly, "READONLY"),
            ("LOADING it is loading", Away::Busy, "LOADING"),
            ("BUSY it is busy", Away::Busy, "BUSY"),
            ("OOM command not allowed", Away::Answer, "OOM"),
            (
                "ERR Error running script (call to f_1): @user_script:9: -READONLY You can't",
                Away::ReadOnly,
                "READONLY",
            ),
            (
                "ERR The user executing the script can't run this command or subcommand",
                Away::Denied,
                "no right to what the scripts do",
            ),
            (
                "ERR ACL failure in script: User herald has no permissions",
                Away::Denied,
                "no right to what the scripts do",
            ),
            ("ERR secret", Away::Answer, "response error"),
            ("ODD secret", Away::Answer, "extension error"),
        ] {
            let reply = redis::parse_redis_value(format!("-{said}\r\n").as_bytes());
            let error = reply.and_then(redis::Value::extract_error).unwrap_err();
            let failure = Failure::of_asking(&error);
            assert_eq!(failure, Failure::new(away, detail), "{said}");
        }
    }

    #[test]
    fn each_reason_has_its_place_its_own_word_and_its_rows_on_the_pages() {
        let names: std::collections::BTreeSet<_> = Away::ALL.map(Away::name).into();
        assert_eq!(names.len(), Away::ALL.len());
        let operations = include_str!("../../../docs/operations.md");
        let metrics = include_str!("../../../docs/metrics.md");
        for (place, away) in Away::ALL.into_iter().enumerate() {
            assert_eq!(away as usize, place);
            let word = format!("`{}`", away.name());
            assert!(operations.contains(&format!("\n| {word} |")), "{word}");
            assert!(metrics.contains(&word), "{word}");
        }
    }
}
