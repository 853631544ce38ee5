//! How hard a model should think, in the one word that chat completions have for it.

use crate::{
    completion::{Effort, Reasoning},
    providers::openai::ChatQuirks,
    translation::Losses,
};

/// Budgets up to this many tokens are a low effort.
const LOW: u64 = 4096;
/// Budgets up to this many tokens are a medium effort, those above a high one.
const MEDIUM: u64 = 16384;

/// The `reasoning_effort`. A budget in tokens becomes the effort nearest to it and is noted as lost,
/// as is a wish to see the thoughts or not: each server does that by its own rule.
pub(super) fn effort(
    reasoning: Reasoning,
    quirks: &ChatQuirks,
    losses: &mut Losses,
) -> Option<&'static str> {
    if reasoning.shown.is_some() {
        losses.add("reasoning.shown");
    }
    if reasoning.budget_tokens.is_some() {
        losses.add("reasoning.budget_tokens");
    }
    if reasoning.enabled == Some(false) {
        if !quirks.effort_none {
            losses.add("reasoning.effort");
        }
        return quirks.effort_none.then_some("none");
    }
    let effort = reasoning.effort.or(reasoning.budget_tokens.map(nearest));
    effort.map(Effort::word)
}

fn nearest(budget_tokens: u64) -> Effort {
    if budget_tokens <= LOW {
        Effort::Low
    } else if budget_tokens <= MEDIUM {
        Effort::Medium
    } else {
        Effort::High
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(reasoning: Reasoning, effort_none: bool) -> (Option<&'static str>, String) {
        let quirks = ChatQuirks {
            effort_none,
            ..ChatQuirks::default()
        };
        let mut losses = Losses::default();
        let word = effort(reasoning, &quirks, &mut losses);
        (word, losses.to_string())
    }

    #[test]
    fn an_effort_is_told_by_its_word_and_a_budget_by_the_nearest() {
        let effort = |effort| Reasoning {
            effort: Some(effort),
            ..Reasoning::default()
        };
        assert_eq!(told(Reasoning::default(), true), (None, String::new()));
        for (known, word) in [
            (Effort::Minimal, "minimal"),
            (Effort::High, "high"),
            (Effort::ExtraHigh, "xhigh"),
            (Effort::Max, "max"),
        ] {
            assert_eq!(told(effort(known), false), (Some(word), String::new()));
        }
        for (tokens, word) in [
            (1024, "low"),
            (4096, "low"),
            (4097, "medium"),
            (16384, "medium"),
            (16385, "high"),
        ] {
            let budget = Reasoning {
                enabled: Some(true),
                budget_tokens: Some(tokens),
                ..Reasoning::default()
            };
            assert_eq!(
                told(budget, false),
                (Some(word), "reasoning.budget_tokens".to_owned()),
                "{tokens}"
            );
        }
    }

    #[test]
    fn an_effort_counts_more_than_a_budget() {
        let both = Reasoning {
            effort: Some(Effort::Low),
            budget_tokens: Some(20_000),
            ..Reasoning::default()
        };
        assert_eq!(told(both, false).0, Some("low"));
    }

    #[test]
    fn no_thoughts_are_asked_for_by_a_word_only_where_every_model_takes_it() {
        let off = Reasoning {
            enabled: Some(false),
            ..Reasoning::default()
        };
        assert_eq!(told(off, true), (Some("none"), String::new()));
        assert_eq!(told(off, false), (None, "reasoning.effort".to_owned()));
    }

    #[test]
    fn a_wish_to_see_thoughts_is_lost_and_told() {
        let shown = Reasoning {
            shown: Some(true),
            ..Reasoning::default()
        };
        assert_eq!(told(shown, true), (None, "reasoning.shown".to_owned()));
    }
}
