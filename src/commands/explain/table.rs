//! Answers in aligned lines; where providers differ, each says its own.

use std::fmt::Write;

/// Something that is asked about, and what holds of it for each provider.
pub(super) struct Row {
    subject: String,
    /// In the order of the providers.
    said: Vec<String>,
}

impl Row {
    /// What holds for each provider, in their order.
    pub(super) fn of(subject: impl Into<String>, said: impl IntoIterator<Item = String>) -> Self {
        Self {
            subject: subject.into(),
            said: said.into_iter().collect(),
        }
    }

    /// What holds for all of them.
    pub(super) fn same(subject: impl Into<String>, said: impl Into<String>) -> Self {
        Self::of(subject, [said.into()])
    }
}

/// One line for each row, or, where providers differ, for each of the things that are said.
/// `providers` are their names.
pub(super) fn render(providers: &[&str], rows: &[Row]) -> String {
    let widths = rows.iter().map(|row| row.subject.chars().count());
    let width = widths.max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        let mut subject = row.subject.as_str();
        let mut folded: Vec<_> = fold(providers, &row.said)
            .into_iter()
            .map(|(who, said)| (format!("{}:", who.join(", ")), said))
            .collect();
        if let [(who, _)] = &mut folded[..] {
            who.clear();
        }
        let who_width = folded.iter().map(|(who, _)| who.len()).max().unwrap_or(0);
        for (who, said) in folded {
            let gap = if who.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{subject:width$}  {who:who_width$}{gap}{said}");
            subject = "";
        }
    }
    text
}

/// Each thing that is said once, with those who say it, in the order in which they first do.
fn fold<'a>(providers: &[&'a str], said: &'a [String]) -> Vec<(Vec<&'a str>, &'a str)> {
    let mut folded: Vec<(Vec<&str>, &str)> = Vec::new();
    for (index, said) in said.iter().enumerate() {
        let who = providers.get(index).copied().unwrap_or_default();
        match folded.iter_mut().find(|(_, known)| known == said) {
            Some((others, _)) => others.push(who),
            None => folded.push((vec![who], said)),
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(each: &[&str]) -> Vec<String> {
        each.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn providers_that_agree_share_a_line_and_subjects_are_aligned() {
        let rows = [
            Row::of("x", said(&["same", "same", "same"])),
            Row::of("longer", said(&["one", "other", "one"])),
            Row::same("y", "whoever"),
        ];
        assert_eq!(
            render(&["a", "b", "c"], &rows),
            "x       same\nlonger  a, c: one\n        b:    other\ny       whoever\n"
        );
    }
}
