//! What is told of a header is what becomes of it.

use super::*;

#[test]
fn each_way_to_be_left_out_is_named() {
    let huge = "a".repeat(200);
    let mut upstream = headers(&[
        ("x-a", "1"),
        ("x-huge", &huge),
        ("x-a", "caf\u{e9}"),
        ("x-should-retry", "true"),
        ("x-hop", "1"),
        ("x-api-key", "1"),
        ("via", "1"),
        ("other", "1"),
        ("old", "1"),
    ]);
    upstream.insert(CONNECTION, HeaderValue::from_static("x-hop, other"));
    let caps = HeaderCaps {
        headers: 9,
        bytes: 100,
    };
    let policy = policy_with(&[renamed("old", "new"), rule("x-*")], caps);
    let name = |name| HeaderName::from_static(name);
    let (new, x_a) = (name("new"), name("x-a"));
    let mut fates: Vec<_> = policy
        .for_key(None)
        .trace(&upstream, false)
        .iter()
        .map(|traced| (traced.header.as_str(), traced.fate))
        .collect();
    // The rest has no order among its names.
    fates[5..].sort_by_key(|(name, _)| *name);
    let why = |name| why_never_forwarded(&HeaderName::from_static(name)).unwrap();
    assert_eq!(
        fates,
        [
            (
                "old",
                Fate::Passes {
                    rule: RuleOf::Provider(0),
                    name: &new
                }
            ),
            (
                "x-a",
                Fate::Passes {
                    rule: RuleOf::Provider(1),
                    name: &x_a
                }
            ),
            ("x-a", Fate::Dropped(Dropped::NotPlain)),
            ("x-huge", Fate::Dropped(Dropped::OverCap)),
            ("x-should-retry", Fate::Dropped(Dropped::OtherStatus)),
            (
                "connection",
                Fate::Dropped(Dropped::Never(why("connection")))
            ),
            ("other", Fate::Dropped(Dropped::Unlisted)),
            ("via", Fate::Dropped(Dropped::Never(why("via")))),
            ("x-api-key", Fate::Dropped(Dropped::Never(why("x-api-key")))),
            ("x-hop", Fate::Dropped(Dropped::Nominated)),
        ]
    );
}

proptest! {
    #[test]
    fn what_is_explained_is_what_is_done(
        (rules, of_key, hidden) in any_rules(),
        upstream in any_headers(),
        unchanged in any::<bool>(),
        caps in (0_usize..20, 0_usize..400),
    ) {
        let caps = HeaderCaps { headers: caps.0, bytes: caps.1 };
        let key = KeyHeaderRules::compile(&of_key).unwrap().hiding(&hidden).unwrap();
        let policy = policy_with(&rules, caps);
        let policy = policy.for_key(Some(&key));
        let forwarded = policy.forward(&upstream, unchanged);
        let traced = policy.trace(&upstream, unchanged);

        // Each value is told of once, and those that pass are those that are forwarded.
        prop_assert_eq!(traced.len(), upstream.len());
        let mut passing = Vec::new();
        let (mut over_cap, mut invalid) = (0, 0);
        for Traced { header, value, fate } in &traced {
            let by_name = policy.judge(header);
            match *fate {
                Fate::Passes { rule, name } => {
                    prop_assert_eq!(by_name, *fate);
                    passing.push((name.clone(), (*value).clone()));
                    // The rule that is named is the first that could have done it.
                    let names = |rule: &HeaderRule| {
                        let alone = HeaderPolicy::compile(std::slice::from_ref(rule), ROOMY).unwrap();
                        matches!(alone.for_key(None).judge(header), Fate::Passes { .. })
                    };
                    let first = rules.iter().position(names).map(RuleOf::Provider);
                    let first = first.or_else(|| of_key.iter().position(names).map(RuleOf::Key));
                    prop_assert_eq!(first, Some(rule));
                }
                Fate::Dropped(
                    why @ (Dropped::Never(_) | Dropped::Unlisted | Dropped::Hidden(_)),
                ) => {
                    prop_assert_eq!(by_name, Fate::Dropped(why));
                }
                Fate::Dropped(why) => {
                    let is_hidden = matches!(by_name, Fate::Dropped(Dropped::Hidden(_)));
                    let is_allowed = is_hidden || matches!(by_name, Fate::Passes { .. });
                    prop_assert!(is_allowed, "{header}: {why:?}");
                    over_cap += usize::from(why == Dropped::OverCap);
                    invalid += usize::from(why == Dropped::NotPlain);
                }
            }
        }
        prop_assert_eq!(Forwarded { headers: passing, over_cap, invalid }, forwarded);
    }
}
