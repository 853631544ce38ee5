//! "Did you mean …?", for settings and for the command line.

/// The word nearest to what was written, if it is near enough to have been meant.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    known
        .into_iter()
        .map(|word| {
            (
                strsim::damerau_levenshtein(&lower, &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, word)| *distance <= word.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `did you mean "word"?`, of the nearest one. For values and ids; names of keys have other quotes.
#[must_use]
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(written, known).map(|word| format!("did you mean {word:?}?"))
}

/// Lists words for a sentence: `a`, `b` or `c`.
#[must_use]
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>, quote: char) -> String {
    let quoted: Vec<_> = words
        .into_iter()
        .map(|word| format!("{quote}{word}{quote}"))
        .collect();
    match quoted.as_slice() {
        [init @ .., last] if !init.is_empty() => format!("{} or {last}", init.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood_and_another_word_is_not() {
        let known = ["filter", "format"];
        for (written, meant) in [
            ("fliter", Some("filter")),
            ("Format", Some("format")),
            ("fromat", Some("format")),
            ("level", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }

    #[test]
    fn words_are_listed_as_in_a_sentence() {
        assert_eq!(listed(["a", "b", "c"], '`'), "`a`, `b` or `c`");
        assert_eq!(listed(["a"], '"'), "\"a\"");
        assert_eq!(listed([], '"'), "");
    }
}
