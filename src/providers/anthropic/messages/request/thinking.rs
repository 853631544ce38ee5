//! How much the model is to think, in the words of the model's generation.

use super::body::Thinking;
use crate::{
    completion::{Effort, Reasoning},
    settings::ThinkingStyle,
    translation::Losses,
};

/// Fewest tokens that Anthropic takes for a budget.
const LEAST_BUDGET: u64 = 1024;

/// What is said of thinking.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Thoughts {
    pub(super) thinking: Option<Thinking>,
    /// For `output_config.effort`.
    pub(super) effort: Option<&'static str>,
}

/// What keeps a model from thinking where it otherwise would.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bars {
    /// It must call a function, which no model does that thinks.
    pub(super) forced_tool: bool,
    /// It is given results of calls before which its thoughts are missing.
    pub(super) call_without_thought: bool,
}

impl Thoughts {
    /// Plans for one request; what cannot be told is noted as lost.
    pub(super) fn plan(
        asked: Reasoning,
        style: ThinkingStyle,
        max_tokens: u64,
        bars: Bars,
        losses: &mut Losses,
    ) -> Self {
        let display = asked.shown.map(|shown| match shown {
            true => "summarized",
            false => "omitted",
        });
        let wants = asked.effort.is_some() || asked.budget_tokens.is_some();
        if asked.enabled == Some(false) {
            if wants {
                lose(asked, losses);
            }
            return Self {
                thinking: Some(Thinking::Disabled),
                effort: None,
            };
        }
        if !wants && asked.enabled != Some(true) {
            return Self::default();
        }
        match style {
            ThinkingStyle::Adaptive => {
                if asked.budget_tokens.is_some() {
                    losses.add("reasoning.budget_tokens");
                }
                if bars.forced_tool {
                    losses.add("reasoning");
                }
                Self {
                    thinking: (!bars.forced_tool).then_some(Thinking::Adaptive { display }),
                    effort: asked.effort.map(word),
                }
            }
            ThinkingStyle::Budget => {
                let budget = budget(asked, max_tokens);
                let Some(budget_tokens) =
                    budget.filter(|_| !bars.forced_tool && !bars.call_without_thought)
                else {
                    lose(asked, losses);
                    return Self::default();
                };
                if asked.budget_tokens.is_some_and(|own| own != budget_tokens) {
                    losses.add("reasoning.budget_tokens");
                }
                Self {
                    thinking: Some(Thinking::Enabled {
                        budget_tokens,
                        display,
                    }),
                    effort: None,
                }
            }
        }
    }

    /// Whether the model is told to think.
    pub(super) fn thinks(&self) -> bool {
        let thinking = self.thinking.as_ref();
        thinking.is_some_and(|thinking| *thinking != Thinking::Disabled)
    }
}

fn lose(asked: Reasoning, losses: &mut Losses) {
    if asked.effort.is_some() {
        losses.add("reasoning.effort");
    }
    if asked.budget_tokens.is_some() {
        losses.add("reasoning.budget_tokens");
    }
    if asked.effort.is_none() && asked.budget_tokens.is_none() {
        losses.add("reasoning");
    }
}

/// Anthropic's least effort is low.
fn word(effort: Effort) -> &'static str {
    effort.max(Effort::Low).word()
}

/// The client's own budget, or the share of the whole answer that an effort stands for, within what
/// Anthropic takes; `None` where so short an answer leaves no room.
fn budget(asked: Reasoning, max_tokens: u64) -> Option<u64> {
    let most = max_tokens.saturating_sub(1);
    let percent = match asked.effort.unwrap_or(Effort::Medium) {
        Effort::Minimal => 10,
        Effort::Low => 20,
        Effort::Medium => 50,
        Effort::High => 80,
        Effort::ExtraHigh => 90,
        Effort::Max => 95,
    };
    let share = u128::from(max_tokens) * percent / 100;
    let share = u64::try_from(share).unwrap_or(u64::MAX);
    let wanted = asked.budget_tokens.unwrap_or(share);
    (most >= LEAST_BUDGET).then(|| wanted.clamp(LEAST_BUDGET, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(asked: Reasoning, style: ThinkingStyle, max_tokens: u64) -> (Thoughts, Losses) {
        let mut losses = Losses::default();
        let thoughts = Thoughts::plan(asked, style, max_tokens, Bars::default(), &mut losses);
        (thoughts, losses)
    }

    fn effort(effort: Effort) -> Reasoning {
        Reasoning {
            effort: Some(effort),
            ..Reasoning::default()
        }
    }

    fn enabled(budget_tokens: u64) -> Option<Thinking> {
        Some(Thinking::Enabled {
            budget_tokens,
            display: None,
        })
    }

    #[test]
    fn an_effort_is_a_word_or_a_share_of_the_answer() {
        for (asked, word, budget) in [
            (Effort::Minimal, "low", 1024),
            (Effort::Low, "low", 2000),
            (Effort::Medium, "medium", 5000),
            (Effort::High, "high", 8000),
            (Effort::ExtraHigh, "xhigh", 9000),
            (Effort::Max, "max", 9500),
        ] {
            let (adaptive, lost) = plan(effort(asked), ThinkingStyle::Adaptive, 10_000);
            assert_eq!(adaptive.effort, Some(word));
            assert_eq!(
                adaptive.thinking,
                Some(Thinking::Adaptive { display: None })
            );
            assert!(lost.is_empty());
            let (by_budget, lost) = plan(effort(asked), ThinkingStyle::Budget, 10_000);
            assert_eq!(by_budget.thinking, enabled(budget));
            assert_eq!(by_budget.effort, None);
            assert!(lost.is_empty());
        }
    }

    #[test]
    fn a_budget_is_always_below_max_tokens_and_never_below_what_anthropic_takes() {
        let own = |tokens| Reasoning {
            budget_tokens: Some(tokens),
            ..Reasoning::default()
        };
        for (asked, max_tokens, expected, is_lost) in [
            (own(4096), 8192, enabled(4096), false),
            (own(9000), 8192, enabled(8191), true),
            (own(10), 8192, enabled(1024), true),
            (own(4096), 1025, enabled(1024), true),
            (own(4096), 1024, None, true),
            (effort(Effort::High), 0, None, true),
            (
                effort(Effort::Max),
                u64::MAX,
                enabled(17_524_406_870_024_074_034),
                false,
            ),
        ] {
            let (thoughts, lost) = plan(asked, ThinkingStyle::Budget, max_tokens);
            assert_eq!(thoughts.thinking, expected, "{asked:?} of {max_tokens}");
            assert_eq!(!lost.is_empty(), is_lost, "{asked:?} of {max_tokens}");
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_is_asked_and_off_is_off() {
        for style in [ThinkingStyle::Adaptive, ThinkingStyle::Budget] {
            assert_eq!(
                plan(Reasoning::default(), style, 8192).0,
                Thoughts::default()
            );
            let off = Reasoning {
                enabled: Some(false),
                ..Reasoning::default()
            };
            let (thoughts, lost) = plan(off, style, 8192);
            assert_eq!(thoughts.thinking, Some(Thinking::Disabled));
            assert!(lost.is_empty() && !thoughts.thinks());
        }
    }

    #[test]
    fn what_bars_thinking_is_told_as_a_loss() {
        let forced_tool = Bars {
            forced_tool: true,
            ..Bars::default()
        };
        let no_thought = Bars {
            call_without_thought: true,
            ..Bars::default()
        };
        for (bars, style, thinks, lost) in [
            (forced_tool, ThinkingStyle::Adaptive, false, "reasoning"),
            (
                forced_tool,
                ThinkingStyle::Budget,
                false,
                "reasoning.effort",
            ),
            (no_thought, ThinkingStyle::Adaptive, true, ""),
            (no_thought, ThinkingStyle::Budget, false, "reasoning.effort"),
        ] {
            let mut losses = Losses::default();
            let asked = effort(Effort::High);
            let thoughts = Thoughts::plan(asked, style, 8192, bars, &mut losses);
            assert_eq!(thoughts.thinks(), thinks, "{bars:?} {style:?}");
            assert_eq!(losses.to_string(), lost, "{bars:?} {style:?}");
        }
    }

    #[test]
    fn whether_thoughts_are_shown_is_told_in_anthropics_words() {
        for (shown, display) in [(true, "summarized"), (false, "omitted")] {
            let asked = Reasoning {
                enabled: Some(true),
                shown: Some(shown),
                ..Reasoning::default()
            };
            let display = Some(display);
            let (thoughts, _) = plan(asked, ThinkingStyle::Adaptive, 8192);
            assert_eq!(thoughts.thinking, Some(Thinking::Adaptive { display }));
        }
    }
}
