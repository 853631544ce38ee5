//! What a key adds, and what it hides.

use super::*;

fn key(allow: &[HeaderRule], hide: &[&str]) -> KeyHeaderRules {
    let hide: Vec<_> = hide.iter().map(ToString::to_string).collect();
    let rules = KeyHeaderRules::compile(allow).unwrap();
    rules.hiding(&hide).unwrap()
}

#[test]
fn the_rules_of_a_key_stand_behind_the_providers() {
    let upstream = headers(&[
        ("x-a", "1"),
        ("x-b", "2"),
        ("x-cost", "3"),
        ("x-other", "4"),
    ]);
    let policy = policy(&["x-b", "x-a"]);
    let rules = key(
        &[renamed("x-a", "mine"), renamed("x-cost", "x-upstream-cost")],
        &[],
    );
    assert_eq!(
        lines(&policy.for_key(Some(&rules)).forward(&upstream, true)),
        [("x-b", "2"), ("x-a", "1"), ("x-upstream-cost", "3")]
    );
    assert_eq!(
        lines(&policy.for_key(None).forward(&upstream, true)),
        [("x-b", "2"), ("x-a", "1")]
    );
}

#[test]
fn what_a_key_hides_stays_here_by_either_name_and_whoever_lets_it_out() {
    let upstream = headers(&[
        ("x-a", "1"),
        ("old", "2"),
        ("other", "3"),
        ("x-mine", "4"),
        ("kept", "5"),
    ]);
    let rules = [
        rule("x-a"),
        renamed("old", "new"),
        renamed("other", "x-new"),
        rule("kept"),
    ];
    let policy = policy_with(&rules, ROOMY);
    let rules = key(&[rule("x-mine")], &["X-*", "old"]);
    let policy = policy.for_key(Some(&rules));
    assert_eq!(lines(&policy.forward(&upstream, true)), [("kept", "5")]);
    for (name, by) in [("x-a", 0), ("x-mine", 0), ("other", 0), ("old", 1)] {
        let name = HeaderName::from_static(name);
        let fate = policy.judge(&name);
        assert_eq!(fate, Fate::Dropped(Dropped::Hidden(by)), "{name}");
    }
    assert_eq!((rules.hidden(1), rules.hidden(2)), (Some("old"), None));
}

#[test]
fn a_star_hides_all_and_what_is_hidden_takes_no_room() {
    let upstream = headers(&[("x-a", "1"), ("x-b", "2")]);
    let caps = HeaderCaps {
        headers: 1,
        bytes: 100,
    };
    let policy = policy_with(&[rule("x-*")], caps);
    let (all, one) = (key(&[], &["*"]), key(&[], &["x-a"]));
    let forward = |key| policy.for_key(Some(key)).forward(&upstream, true);
    assert_eq!(forward(&all), Forwarded::default());
    let forwarded = forward(&one);
    assert_eq!(lines(&forwarded), [("x-b", "2")]);
    assert_eq!(forwarded.over_cap, 0);
}

#[test]
fn a_key_cannot_let_out_what_no_provider_can() {
    for forbidden in [
        "set-cookie",
        "openai-organization",
        "x-upstream-status",
        "content-*",
    ] {
        let refused = KeyHeaderRules::compile(&[rule(forbidden)]).unwrap_err();
        assert!(
            refused[0].reason.starts_with("it is never forwarded: "),
            "{forbidden}"
        );
    }
    for hidden in ["**", "x-*-id", "x*y", "a*", "no name", ""] {
        let refused = KeyHeaderRules::default().hiding(&[hidden.to_owned()]);
        assert!(refused.is_err(), "{hidden:?}");
    }
}
