//! Settings change while Herald runs.

mod files;
mod watched;

use std::{fs, os::unix::fs::symlink, time::Duration};

use herald::{
    reload::{generation::Trigger, messages::ReloadSettings},
    testkit::ScriptedProvider,
};

use watched::{Watched, idle, settings};

#[actix_web::test]
async fn a_file_that_is_written_in_place_replaced_or_moved_away_and_back_is_taken() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let herald = Watched::start(&provider, &folder).await;
    assert!(herald.control.status().is_watched);

    fs::write(&herald.file, herald.text(&idle(7))).unwrap();
    let taken = herald.generation(2).await;
    assert_eq!(taken.generation.trigger, Trigger::File);
    assert_eq!(herald.idle().as_secs(), 7);

    herald.replace(&herald.text(&idle(8)));
    herald.generation(3).await;
    assert_eq!(herald.idle().as_secs(), 8);

    // As vim does it: the old one aside, a new one in its place.
    fs::rename(&herald.file, herald.path("herald.toml~")).unwrap();
    herald.refused("cannot read the settings file").await;
    fs::write(&herald.file, herald.text(&idle(9))).unwrap();
    let taken = herald.generation(4).await;
    assert_eq!(herald.idle().as_secs(), 9);
    let kept: Vec<_> = taken.history.iter().map(|kept| kept.number).collect();
    assert_eq!(kept, [2, 3, 4], "as many as reload.history says");
}

#[actix_web::test]
async fn the_links_of_a_mounted_config_map_are_followed() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("etc");
    // As the kubelet does it: a folder for each version, and one link that is swapped.
    let version = |number: u64| {
        let name = format!("..{number}");
        fs::create_dir_all(mount.join(&name)).unwrap();
        let text = settings(&provider.base_url(), &idle(number));
        fs::write(mount.join(&name).join("herald.toml"), text).unwrap();
        symlink(&name, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    version(1);
    symlink("..data/herald.toml", mount.join("herald.toml")).unwrap();
    let file = mount.join("herald.toml");
    let herald = Watched::over(&provider, file).await;
    for number in 2..=5 {
        version(number);
        fs::remove_dir_all(mount.join(format!("..{}", number - 1))).unwrap();
        herald.generation(number).await;
        assert_eq!(herald.idle().as_secs(), number);
    }
}

#[actix_web::test]
async fn a_folder_that_goes_and_comes_back_is_found_again() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let file = inner.join("herald.toml");
    fs::write(&file, settings(&provider.base_url(), "")).unwrap();
    let herald = Watched::over(&provider, file.clone()).await;
    for number in 2..=4 {
        fs::remove_dir_all(&inner).unwrap();
        herald.refused("cannot read the settings file").await;
        fs::create_dir(&inner).unwrap();
        fs::write(&file, herald.text(&idle(number))).unwrap();
        herald.generation(number).await;
    }
}

#[actix_web::test]
async fn a_folder_in_whose_place_another_is_put_is_left_for_that() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, seconds| {
        let text = settings(&provider.base_url(), &idle(seconds));
        fs::write(path(name).join("herald.toml"), text).unwrap();
    };
    for name in ["current", "next"] {
        fs::create_dir(path(name)).unwrap();
    }
    write("current", 1);
    write("next", 2);
    let (current, next, old) = (path("current"), path("next"), path("old"));
    let herald = Watched::over(&provider, current.join("herald.toml")).await;
    fs::rename(&current, &old).unwrap();
    fs::rename(&next, &current).unwrap();
    herald.generation(2).await;
    write("current", 3);
    herald.generation(3).await;
}

#[actix_web::test]
async fn what_cannot_be_served_is_refused_and_the_last_good_settings_stay() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let herald = Watched::start(&provider, &folder).await;
    let whole = herald.text(&idle(7));

    // Truncated, as by an editor that opens it to write.
    fs::write(&herald.file, "").unwrap();
    herald.refused("recordings would be served").await;
    // Half written, at the end of a line: TOML, but not all of it.
    let half = whole.find("[[models]]").unwrap();
    fs::write(&herald.file, &whole[..half]).unwrap();
    herald.refused("there is nothing to serve").await;
    // Half written, within one.
    fs::write(&herald.file, &whole[..half - 4]).unwrap();
    herald.refused("invalid basic string").await;
    fs::write(&herald.file, b"\xff").unwrap();
    herald.refused("it is not UTF-8").await;
    fs::remove_file(&herald.file).unwrap();
    herald.refused("No such file").await;
    fs::create_dir(&herald.file).unwrap();
    herald.refused("Is a directory").await;
    fs::remove_dir(&herald.file).unwrap();

    herald.replace(&whole);
    let status = herald.generation(2).await;
    assert_eq!(status.last_attempt.as_ref().unwrap().reason, None);
    assert!(status.counts.refused >= 6, "{:?}", status.counts);
}

#[actix_web::test]
async fn a_watch_that_is_switched_off_takes_nothing_until_it_is_asked() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let herald = Watched::start(&provider, &folder).await;
    let unwatched = |beside: &str| {
        let text = herald.text(beside);
        text.replace("[reload]", "[reload]\nwatch = false")
    };
    herald.replace(&unwatched(""));
    assert!(!herald.generation(2).await.is_watched);
    herald.replace(&unwatched(&idle(7)));
    let reload = ReloadSettings {
        trigger: Trigger::Admin,
        if_match: None,
        allow_partial: false,
    };
    let taken = herald.control.send(reload).await.unwrap();
    assert_eq!(taken.generation.number, 3);
    assert_eq!(taken.generation.trigger, Trigger::Admin);
}

#[actix_web::test]
async fn operators_read_and_change_the_settings_on_the_admin_listener() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let herald = Watched::start(&provider, &folder).await;
    let client = awc::Client::default();
    let url = |path: &str| format!("http://{}{path}", herald.gateway.admin_address());

    let mut answer = client.get(url("/settings")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let etag = answer.headers().get("etag").unwrap().clone();
    let shown: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(shown["generation"], 1);
    assert_eq!(shown["settings"]["clocks"]["idle"], "120s");

    herald.replace(&herald.text("[clocks]\nidle = \"70s\""));
    let reload = || {
        client
            .post(url("/settings/reload"))
            .insert_header(("if-match", etag.clone()))
    };
    // The file is watched too, and may have been first: then other settings are in force.
    let status = reload().send().await.unwrap().status();
    assert!([200, 412].contains(&status.as_u16()), "{status}");
    herald.generation(2).await;
    assert_eq!(herald.idle(), Duration::from_secs(70));
    assert_eq!(reload().send().await.unwrap().status(), 412);
    let mut metrics = client.get(url("/metrics")).send().await.unwrap();
    let metrics = String::from_utf8(metrics.body().await.unwrap().into()).unwrap();
    let taken = "herald_reloads_total{result=\"taken\"} 1";
    assert!(metrics.contains(taken), "{metrics}");
}
