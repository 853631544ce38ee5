//! Takes what looks like a key out of a text.
//!
//! A text is searched four ways: for what follows a word that announces a key, for the beginnings
//! that providers give their keys, for masked keys, and for long runs of characters that look drawn
//! at random. Words, model names, UUIDs and request ids stay: a run is only taken for random when it
//! is long, mixes letters and digits, and changes between kinds of characters as often as chance
//! would have it, which names made of words do not.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

const REDACTED: &str = "[redacted]";

/// `api_key: …`, `"secret": "…"`, `key=…`, `Authorization: …`.
///
/// `weak` words announce other things as often as keys: "Unexpected key: max_output_tokens".
static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?P<label>(?-u:\b|_)(?i-u:[a-z_-]*(?:(?:api|access|secret|private|subscription|auth)[ _-]?key",
        r"|(?:access|auth|api|bearer|refresh|security|session)[ _-]?token|secret|password|passwd",
        r"|authorization|credentials?|signature)|(?P<weak>key|token|sig)))",
        r#"(?P<sign>["'`]? ?[:=] ?["'`]?)(?P<value>[^ "'`,;&<>(){}\[\]|]+)"#,
    ))
});

/// `Bearer …`, `Basic …`, and Sourcegraph's `token …`.
static SCHEME: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?P<label>(?-u:\b)(?i-u:bearer|basic|(?P<weak>token)))",
        r#"(?P<sign>[ :]["'`]?)(?P<value>(?:\.*[A-Za-z0-9_~+/=*-])+)"#,
    ))
});

/// Keys and account ids by how they begin, and JSON web tokens. A dot counts only inside a key, so
/// that the one that ends a sentence stays.
static KNOWN: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?P<before>(?-u:\b)|_)(?:",
        r"(?:sk|xai|pplx|nvapi|csk|glpat|xox[abeprs])-(?:\.*[A-Za-z0-9_*•…~+/=-]){6,}",
        r"|(?:sk|rk)_(?:live|test)_(?:\.*[A-Za-z0-9*•…]){6,}",
        r"|(?:gsk|gh[opsur]|github_pat|sgp|sgd|slk|tgp|esecret)_(?:\.*[A-Za-z0-9_*•…-]){12,}",
        r"|(?:hf|fw|r8)_(?:\.*[A-Za-z0-9*•…]){12,}",
        r"|(?:AIza|ya29\.|AQ\.)(?:\.*[A-Za-z0-9_*•…-]){12,}",
        r"|(?:AKIA|ASIA|ABSK|ABIA)(?:\.*[A-Za-z0-9*•…+/=]){8,}",
        r"|dapi[a-f0-9]{24,}",
        r"|eyJ[A-Za-z0-9_=-]{6,}(?:\.+[A-Za-z0-9_=-]+)*",
        r"|(?:org|proj)[_-](?:[A-Za-z]*[0-9][A-Za-z0-9]{7,}|[A-Za-z0-9]{16,})",
        r")",
    ))
});

/// What a provider has masked itself shows the key's ends.
static MASKED: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"[A-Za-z0-9_-]+(?:\*{3,}|•{3,})[A-Za-z0-9_*•-]*|(?:\*{3,}|•{3,})[A-Za-z0-9_-]+")
});

/// Runs long enough to be a key. Not broken by `-` and `_`, but by `/`, `.` and `:`, so that paths
/// and host names stay readable.
static LONG: LazyLock<Regex> = LazyLock::new(|| regex(r"[A-Za-z0-9_+-]{32,}"));

/// Ids that clients are asked to quote to the provider's support, and UUIDs.
static ID: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(?:(?:req|request|chatcmpl|cmpl|gen|msg|resp|run|step|call|toolu|srvtoolu|thread|asst|file",
        r"|batch|ftjob|vs|rs|fc|embd|trace|span)[_-][A-Za-z0-9-]{1,72}",
        r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$",
    ))
});

/// Replaces each key by `[redacted]`.
pub(super) fn redact(text: &str) -> String {
    let text = KNOWN.replace_all(text, |key: &Captures<'_>| {
        format!("{}{REDACTED}", &key["before"])
    });
    let text = LABELLED.replace_all(&text, redact_announced);
    let text = SCHEME.replace_all(&text, redact_announced);
    let text = MASKED.replace_all(&text, REDACTED);
    LONG.replace_all(&text, |run: &Captures<'_>| {
        let run = &run[0];
        if is_long_key(run) {
            REDACTED.into()
        } else {
            Cow::from(run.to_owned())
        }
    })
    .into_owned()
}

/// Where keys and account ids stand that are known by how they begin, in bytes.
pub(super) fn known_places(text: &str) -> Vec<Range<usize>> {
    let found = KNOWN.captures_iter(text);
    found
        .map(|key| key["before"].len() + key.get_match().start()..key.get_match().end())
        .collect()
}

/// Where everything stands that [`redact`] takes for a key, in bytes; the places may overlap.
pub(super) fn likely_places(text: &str) -> Vec<Range<usize>> {
    let mut places = known_places(text);
    for announced in [&LABELLED, &SCHEME] {
        let keys = announced.captures_iter(text).filter(is_announced_key);
        places.extend(keys.filter_map(|key| Some(key.name("value")?.range())));
    }
    places.extend(MASKED.find_iter(text).map(|key| key.range()));
    let long = LONG.find_iter(text);
    places.extend(
        long.filter(|run| is_long_key(run.as_str()))
            .map(|run| run.range()),
    );
    places
}

/// Redacts what follows an announcing word if it is a key.
fn redact_announced(found: &Captures<'_>) -> String {
    let value = if is_announced_key(found) {
        REDACTED
    } else {
        &found["value"]
    };
    format!("{}{}{value}", &found["label"], &found["sign"])
}

/// Whether what follows an announcing word is a key, and not the sentence going on as in
/// "Authorization: header is missing". After `=` no sentence goes on.
fn is_announced_key(found: &Captures<'_>) -> bool {
    let value = &found["value"];
    found["sign"].contains('=')
        || value.contains("**")
        || if found.name("weak").is_some() {
            value.len() >= 12 && has_digit(value) && changes(value) * 5 >= value.len()
        } else {
            value.len() >= 16 || (value.len() >= 6 && (has_digit(value) || changes(value) > 2))
        }
}

fn is_long_key(run: &str) -> bool {
    is_random(run) && !ID.is_match(run)
}

/// Whether a long run looks drawn at random.
fn is_random(run: &str) -> bool {
    let mixes = |text: &str| has_digit(text) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_long_part = |part: &str| part.len() >= 24 && mixes(part);
    // Among random letters and digits of one case 2 neighbours in 5 differ in kind, of both cases
    // 3 in 5; in "Llama-4-Maverick-17B-128E-Instruct-FP8" it is 1 in 6.
    mixes(run) && (run.split(['-', '_', '+']).any(is_long_part) || changes(run) * 4 >= run.len())
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// How many neighbouring letters and digits differ in kind: digit, lower case, upper case.
fn changes(text: &str) -> usize {
    let differ =
        |pair: &&[u8]| pair.iter().all(u8::is_ascii_alphanumeric) && kind(pair[0]) != kind(pair[1]);
    text.as_bytes().windows(2).filter(differ).count()
}

fn kind(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    }
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns are constants and each is used by a test")
}
