use std::collections::HashMap;

use super::*;

const REPLAY: &str = "[[providers]]\nid = \"p\"\nkind = \"replay\"\n\
    [[models]]\nid = \"m\"\ntargets = [{ provider = \"p\", model = \"text\" }]\n";

fn candidate(toml: &str) -> Candidate {
    Settings::from_toml(toml).and_then(|settings| settings.verify(&HashMap::new()))
}

/// With the recordings' provider written out.
fn tuned(toml: &str) -> Candidate {
    candidate(&format!("{toml}\n{REPLAY}"))
}

fn ledger() -> (Gateway, Ledger) {
    let gateway = Gateway::new(tuned("").unwrap());
    (gateway.clone(), Ledger::new(gateway, None, false, None))
}

const BY_FILE: Wanted = Wanted {
    trigger: Trigger::File,
    allow_partial: true,
    content_of: None,
};

const BY_ADMIN: Wanted = Wanted {
    trigger: Trigger::Admin,
    allow_partial: false,
    content_of: None,
};

fn rolled_back(ledger: &mut Ledger, to: Option<u64>) -> Result<Reloaded, ReloadError> {
    let (content_of, settings) = ledger.earlier(to)?;
    let wanted = Wanted {
        trigger: Trigger::Rollback,
        content_of: Some(content_of),
        ..BY_FILE
    };
    ledger.take(settings.verify(&HashMap::new()), wanted)
}

#[test]
fn each_change_is_a_generation_of_its_own_and_the_same_again_is_none() {
    let (gateway, mut ledger) = ledger();
    let first = ledger.take(tuned(""), BY_ADMIN).unwrap();
    assert!(!first.is_changed && first.changes.is_empty());
    let second = ledger
        .take(tuned("[clocks]\nidle = \"9s\""), BY_ADMIN)
        .unwrap();
    assert_eq!((second.is_changed, second.generation.number), (true, 2));
    assert_eq!(second.changes.changes.len(), 1);
    assert_eq!(second.generation.trigger, Trigger::Admin);
    assert_eq!(gateway.settings().generation, 2);
    let again = ledger
        .take(tuned("[clocks]\nidle = \"9000ms\""), BY_ADMIN)
        .unwrap();
    assert_eq!(
        (again.is_changed, again.generation),
        (false, second.generation)
    );
    let counts = ledger.status().borrow().counts;
    assert_eq!(
        (counts.accepted, counts.unchanged, counts.refused),
        (1, 2, 0)
    );
}

#[test]
fn what_is_refused_changes_nothing_and_the_status_says_why() {
    let (gateway, mut ledger) = ledger();
    let before = gateway.settings();
    let refused = ledger.take(tuned("[clocks]\nidle = \"9\"\ntypo = 1"), BY_FILE);
    let Err(ReloadError::Refused(found)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(found.iter().len(), 2);
    assert!(Arc::ptr_eq(&before, &gateway.settings()));
    let status = Arc::clone(&ledger.status().borrow());
    let attempt = status.last_attempt.as_ref().unwrap();
    assert_eq!(attempt.diagnostics.as_array().unwrap().len(), 2);
    assert!(
        attempt
            .reason
            .as_ref()
            .unwrap()
            .contains("clocks.typo: unknown key")
    );
    assert_eq!((status.counts.refused, status.generation.number), (1, 1));
}

#[test]
fn settings_that_lost_their_providers_their_keys_or_everything_do_not_follow_those_that_had_them() {
    let (gateway, mut ledger) = ledger();
    for cut_short in ["", "[clocks]\nidle = \"9s\"\n", "# Only a comment."] {
        let refused = ledger.take(candidate(cut_short), BY_FILE).unwrap_err();
        assert!(
            refused.to_string().contains("recordings would be served"),
            "{refused}"
        );
    }
    // The same hold for a dry run, and an admin who means it writes so.
    assert!(ledger.judge(candidate("")).is_err());
    assert_eq!(gateway.settings().generation, 1);

    let keys = "[[keys]]\nid = \"k\"\n\
        sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"";
    let with_keys = candidate(&format!("{REPLAY}{keys}")).unwrap();
    let mut ledger = Ledger::new(Gateway::new(with_keys), None, false, None);
    let refused = ledger.take(tuned(""), BY_FILE).unwrap_err();
    assert!(
        refused.to_string().contains("everybody could call"),
        "{refused}"
    );
    assert!(
        ledger
            .take(tuned("auth = \"none\""), BY_FILE)
            .unwrap()
            .is_changed
    );

    let gateway = Gateway::new(candidate("[clocks]\nidle = \"9s\"").unwrap());
    let mut ledger = Ledger::new(gateway, None, false, None);
    let refused = ledger.take(candidate("\n"), BY_FILE).unwrap_err();
    assert!(
        refused.to_string().contains("has become empty"),
        "{refused}"
    );
    assert!(
        ledger
            .take(candidate("[clocks]"), BY_FILE)
            .unwrap()
            .is_changed
    );
}

#[test]
fn what_needs_a_restart_is_refused_by_name_or_waits_while_the_rest_is_taken() {
    let (gateway, mut ledger) = ledger();
    let changed = || tuned("[server]\nworkers = 9\n[clocks]\nidle = \"9s\"");
    let refused = ledger.take(changed(), BY_ADMIN).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a restart is needed for server.workers"
    );
    assert_eq!(gateway.settings().generation, 1);
    assert_eq!(ledger.status().borrow().pending_restart, []);

    let taken = ledger.take(changed(), BY_FILE).unwrap();
    assert_eq!(taken.pending_restart[0].written, 9);
    let keys: Vec<_> = taken
        .changes
        .changes
        .iter()
        .map(|change| &*change.key)
        .collect();
    assert_eq!(keys, ["clocks.idle"], "what waits is no change");
    let settings = gateway.settings();
    assert_ne!(settings.server.workers, 9);
    assert_eq!(settings.effective.to_json()["server"]["workers"], 0);
    assert_eq!(
        ledger.status().borrow().pending_restart,
        taken.pending_restart
    );

    // It waits until it is written back.
    assert!(!ledger.take(changed(), BY_FILE).unwrap().is_changed);
    assert_eq!(ledger.status().borrow().pending_restart.len(), 1);
    ledger.take(tuned(""), BY_FILE).unwrap();
    assert_eq!(ledger.status().borrow().pending_restart, []);
}

#[test]
fn a_rollback_is_a_new_generation_of_old_settings() {
    let (gateway, mut ledger) = ledger();
    assert!(matches!(
        rolled_back(&mut ledger, None),
        Err(ReloadError::NothingBefore)
    ));
    let first = ledger.status().borrow().generation.content_hash.clone();
    ledger
        .take(tuned("[clocks]\nidle = \"2s\""), BY_FILE)
        .unwrap();
    ledger
        .take(tuned("[clocks]\nidle = \"3s\""), BY_FILE)
        .unwrap();

    let second = rolled_back(&mut ledger, None).unwrap().generation;
    assert_eq!((second.number, second.content_of), (4, Some(2)));
    assert_eq!(gateway.settings().clocks.idle.as_secs(), 2);
    let back = rolled_back(&mut ledger, Some(1)).unwrap().generation;
    assert_eq!((back.number, back.content_hash), (5, first));
    let unknown = rolled_back(&mut ledger, Some(9)).unwrap_err().to_string();
    assert_eq!(unknown, "generation 9 is not kept; kept are [1, 2, 3, 4]");
}

#[test]
fn as_many_generations_are_kept_as_the_settings_say() {
    let (_, mut ledger) = ledger();
    for idle in 1..=9 {
        let settings = tuned(&format!(
            "[reload]\nhistory = 3\n[clocks]\nidle = \"{idle}s\""
        ));
        ledger.take(settings, BY_FILE).unwrap();
    }
    let history = ledger.status().borrow().history.clone();
    let numbers: Vec<_> = history.iter().map(|kept| kept.number).collect();
    assert_eq!(numbers, [8, 9, 10]);
}

#[test]
fn a_command_for_other_settings_than_those_in_force_is_refused() {
    let (_, mut ledger) = ledger();
    let etag = ledger.status().borrow().generation.etag();
    let tags = |tag: &str| IfMatch::Tags(vec!["\"9-none\"".to_owned(), tag.to_owned()]);
    assert!(ledger.check(Some(&tags(&etag))).is_ok());
    assert!(ledger.check(Some(&IfMatch::Any)).is_ok());
    assert!(ledger.check(Some(&tags(&format!("W/{etag}")))).is_err());
    ledger
        .take(tuned("[clocks]\nidle = \"2s\""), BY_FILE)
        .unwrap();
    let refused = ledger.check(Some(&tags(&etag))).unwrap_err().to_string();
    assert!(
        refused.starts_with("the settings in force are \"2-"),
        "{refused}"
    );
}

#[test]
fn settings_that_a_program_put_in_place_are_part_of_the_history() {
    let (gateway, mut ledger) = ledger();
    gateway.replace_settings(tuned("[clocks]\nidle = \"2s\"").unwrap());
    ledger
        .take(tuned("[clocks]\nidle = \"3s\""), BY_FILE)
        .unwrap();
    let history = ledger.status().borrow().history.clone();
    let triggers: Vec<_> = history
        .iter()
        .map(|kept| (kept.number, kept.trigger))
        .collect();
    assert_eq!(
        triggers,
        [
            (1, Trigger::Start),
            (2, Trigger::Program),
            (3, Trigger::File)
        ]
    );
}
