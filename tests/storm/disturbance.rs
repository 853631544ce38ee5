//! What becomes of the settings file, round by round.

use std::{fs, os::unix::fs::symlink};

use herald::reload::{generation::Trigger, messages::ReloadSettings};

use crate::watched::{Watched, idle};

/// Has the settings loaded after a disturbance, whatever the watcher is doing meanwhile, and whether
/// they are others now.
pub(crate) async fn reload(herald: &Watched, round: u64) -> bool {
    let before = herald.control.gateway().settings().generation;
    let is_good = disturb(herald, round);
    let reload = ReloadSettings {
        trigger: Trigger::Sighup,
        if_match: None,
        allow_partial: true,
    };
    let reply = herald.control.send(reload).await;
    let now = herald.control.gateway().settings().generation;
    if is_good {
        reply.unwrap();
        // The watcher may have been quicker, but took it once.
        assert_eq!(now, before + 1);
        assert_eq!(herald.idle().as_secs(), 100 + round);
    } else {
        reply.unwrap_err();
        assert_eq!(now, before);
    }
    is_good
}

/// The provider's id in the settings of a round. There are few: metrics and ceilings keep each id that
/// ever was, as counters must.
pub(crate) fn provider_of(round: u64) -> String {
    format!("round-{}", round % 16)
}

/// Whether the settings of a round drop a part of each event.
pub(crate) fn drops_logprobs(round: u64) -> bool {
    round % 4 == 1
}

/// Settings that no other round has: a clock, the provider's id, and what becomes of events.
fn good(herald: &Watched, round: u64) -> String {
    let provider = format!("\"{}\"", provider_of(round));
    let text = herald.text(&idle(100 + round));
    let text = text.replace("\"scripted\"", &provider);
    if drops_logprobs(round) {
        text + "filter.drop = [\"logprobs\"]\n"
    } else {
        text
    }
}

/// Puts something else in the file's place, each time by another way; whether it can be taken, as
/// that of each odd round can.
fn disturb(herald: &Watched, round: u64) -> bool {
    let good = good(herald, round);
    match round % 8 {
        0 => herald.replace("[clocks]\nidle = \"never\""),
        2 => fs::write(&herald.file, &good[..good.len() / 2]).unwrap(),
        3 => herald.replace(&good),
        4 => fs::write(&herald.file, "").unwrap(),
        5 => swap_data(herald, &good),
        6 => fs::remove_file(&herald.file).unwrap(),
        _ => fs::write(&herald.file, &good).unwrap(),
    }
    round % 2 == 1
}

/// As the kubelet does it: a folder for each version behind the link `..data`, which is swapped. The
/// file itself becomes a link through that.
fn swap_data(herald: &Watched, good: &str) {
    let data = herald.path("..data");
    let old = fs::read_link(&data).ok();
    let version = tempfile::tempdir_in(herald.path("")).unwrap().keep();
    fs::write(version.join("herald.toml"), good).unwrap();
    symlink(&version, herald.path("..data_tmp")).unwrap();
    fs::rename(herald.path("..data_tmp"), &data).unwrap();
    symlink("..data/herald.toml", herald.path("link")).unwrap();
    fs::rename(herald.path("link"), &herald.file).unwrap();
    if let Some(old) = old {
        fs::remove_dir_all(old).unwrap();
    }
}
