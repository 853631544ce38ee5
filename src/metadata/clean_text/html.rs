//! Takes markup out of a text.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Where a page begins inside a text.
static PAGE: LazyLock<Regex> = LazyLock::new(|| regex("(?i-u:<!doctype html|<html|<head|<body)"));
static TITLE: LazyLock<Regex> =
    LazyLock::new(|| regex("(?i-u:<title)[^<>]{0,256}>([^<>]{1,256})<"));

/// Elements whose content is no text, whole; an unclosed one reaches to the end.
static CODE: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        "(?i-u:<script)(?s:.*?)(?:(?i-u:</script)[^>]*>|$)",
        "|(?i-u:<style)(?s:.*?)(?:(?i-u:</style)[^>]*>|$)",
        "|<!--(?s:.*?)(?:-->|$)",
    ))
});

/// Tags that error texts are dressed in. Others stay readable: `<class 'str'>` is an explanation.
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        "</?(?i-u:a|b|br|center|code|div|em|font|h[1-6]|hr|i|img|input|li|link|meta|ol|p|pre|small",
        "|span|strong|table|tbody|td|th|tr|u|ul)(?:[ /][^<>]*)?>",
    ))
});

/// What a browser would take for the beginning of a tag, a comment or an instruction.
static OPENING: LazyLock<Regex> = LazyLock::new(|| regex("<([a-zA-Z/!?])"));

/// Returns text in which no `<` is followed by a letter, `/`, `!` or `?`.
///
/// From where a whole page begins, the page's title stands for it. Elsewhere scripts, styles,
/// comments and the usual tags become a space, and of what is left each `<` becomes `‹`.
pub(super) fn strip(text: &str) -> Cow<'_, str> {
    if !text.contains('<') {
        return Cow::Borrowed(text);
    }
    let text = match PAGE.find(text) {
        Some(page) => {
            let (before, page) = text.split_at(page.start());
            let title = TITLE
                .captures(page)
                .map_or("", |title| title.get(1).map_or("", |t| t.as_str()));
            match title.trim() {
                "" => format!("{before}an HTML page"),
                title => format!("{before}an HTML page: {title}"),
            }
        }
        None => text.to_owned(),
    };
    let text = CODE.replace_all(&text, " ");
    let text = TAG.replace_all(&text, " ");
    let text = OPENING.replace_all(&text, |opening: &Captures<'_>| format!("‹{}", &opening[1]));
    Cow::Owned(text.into_owned())
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns are constants and each is used by a test")
}
