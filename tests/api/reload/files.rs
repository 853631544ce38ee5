//! The files that settings name are watched as the settings themselves are.

use std::{fs::Permissions, os::unix::fs::PermissionsExt, path::Path};

use herald::{reload::status::AttemptOutcome, testkit::TestCertificate};

use super::*;

/// Settings whose provider has its key in a file.
fn with_key(text: &str, secret: &Path) -> String {
    let key = format!("api_key = {{ file = {secret:?} }}\n[[models]]");
    text.replace("[[models]]", &key)
}

fn write_secret(file: &Path, secret: &str) {
    fs::write(file, secret).unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
}

/// A Herald whose provider's key stands in a file of another folder than its settings.
async fn with_secret(provider: &ScriptedProvider, folder: &Path, secret: &Path) -> Watched {
    let file = folder.join("herald.toml");
    let text = with_key(&settings(&provider.base_url(), ""), secret);
    fs::write(&file, text).unwrap();
    Watched::over(provider, file).await
}

#[actix_web::test]
async fn a_secret_that_is_written_or_replaced_is_a_generation_and_one_that_vanished_is_refused() {
    let provider = ScriptedProvider::start([]).await;
    let (folder, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = secrets.path().join("openai");
    write_secret(&secret, "sk-first");
    let herald = with_secret(&provider, folder.path(), &secret).await;
    let hash = herald.control.status().generation.content_hash.clone();

    write_secret(&secret, "sk-second");
    let taken = herald.generation(2).await;
    assert_eq!(taken.generation.trigger, Trigger::File);
    assert_eq!(taken.generation.content_hash, hash);

    let new = secrets.path().join("openai.new");
    write_secret(&new, "sk-third");
    fs::rename(&new, &secret).unwrap();
    herald.generation(3).await;

    fs::remove_file(&secret).unwrap();
    herald.refused("providers[0].api_key").await;
    let attempt = herald.control.status().last_attempt.clone().unwrap();
    assert!(!attempt.reason.unwrap().contains("sk-"));

    // It is back, and the same: nothing to take.
    write_secret(&secret, "sk-third");
    let back = herald.status(|status| {
        let attempt = status.last_attempt.as_ref();
        attempt.is_some_and(|attempt| attempt.outcome == AttemptOutcome::Unchanged)
    });
    assert_eq!(back.await.generation.number, 3);
}

#[actix_web::test]
async fn the_links_of_a_mounted_secret_are_followed() {
    let provider = ScriptedProvider::start([]).await;
    let (folder, mount) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mount = mount.path();
    let version = |number: u64| {
        let name = format!("..{number}");
        fs::create_dir(mount.join(&name)).unwrap();
        write_secret(&mount.join(&name).join("openai"), &format!("sk-{number}"));
        symlink(&name, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    };
    version(1);
    symlink("..data/openai", mount.join("openai")).unwrap();
    let herald = with_secret(&provider, folder.path(), &mount.join("openai")).await;
    for number in 2..=4 {
        version(number);
        fs::remove_dir_all(mount.join(format!("..{}", number - 1))).unwrap();
        herald.generation(number).await;
    }
}

#[actix_web::test]
async fn a_renewed_certificate_is_taken_once_its_key_is_there_too() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let (live, archive) = (folder.path().join("live"), folder.path().join("archive"));
    fs::create_dir(&live).unwrap();
    // As certbot does it: each version in the archive, and links that are replaced one by one.
    let issue = |number: u32| {
        let version = archive.join(number.to_string());
        fs::create_dir_all(&version).unwrap();
        let tls = TestCertificate::generate(&["localhost"]).install(&version);
        (version, tls)
    };
    let link = |version: &Path, name: &str| {
        let new = live.join("new");
        symlink(version.join(name), &new).unwrap();
        fs::rename(new, live.join(name)).unwrap();
    };
    let (first, tls) = issue(1);
    link(&first, "tls.crt");
    link(&first, "tls.key");
    let tls = tls.replace(first.to_str().unwrap(), live.to_str().unwrap());
    let file = folder.path().join("herald.toml");
    fs::write(&file, settings(&provider.base_url(), &tls)).unwrap();
    let herald = Watched::over(&provider, file).await;
    let fingerprint = || {
        let settings = herald.control.gateway().settings();
        settings.tls.as_ref().unwrap().fingerprint()
    };
    let before = fingerprint();

    let (second, _) = issue(2);
    link(&second, "tls.crt");
    herald.refused("is not the key to the certificate").await;
    assert_eq!(fingerprint(), before);
    link(&second, "tls.key");
    let taken = herald.generation(2).await;
    assert_eq!(taken.generation.trigger, Trigger::File);
    assert_ne!(fingerprint(), before);
}

#[actix_web::test]
async fn the_files_that_are_watched_are_those_of_the_generation_in_force() {
    let provider = ScriptedProvider::start([]).await;
    let (folder, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (other, roots) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = |folder: &tempfile::TempDir| folder.path().join("openai");
    write_secret(&secret(&secrets), "sk-first");
    write_secret(&secret(&other), "sk-other");
    let herald = with_secret(&provider, folder.path(), &secret(&secrets)).await;

    herald.replace(&with_key(&herald.text(""), &secret(&other)));
    herald.generation(2).await;
    write_secret(&secret(&other), "sk-changed");
    herald.generation(3).await;

    // A provider's roots are a file like any other.
    let root = roots.path().join("roots.pem");
    fs::write(&root, TestCertificate::generate(&["a"]).root_pem()).unwrap();
    let https = herald.text("").replace("http://", "https://");
    let ca_file = format!("ca_file = {root:?}\n[[models]]");
    herald.replace(&https.replace("[[models]]", &ca_file));
    herald.generation(4).await;
    fs::write(&root, TestCertificate::generate(&["b"]).root_pem()).unwrap();
    let taken = herald.generation(5).await;
    assert_eq!(taken.generation.trigger, Trigger::File);
}

#[actix_web::test]
async fn a_sighup_tells_which_file_has_changed_and_nothing_of_what_it_holds() {
    let provider = ScriptedProvider::start([]).await;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    write_secret(&secret, "sk-first");
    let file = folder.path().join("herald.toml");
    let text = with_key(&settings(&provider.base_url(), ""), &secret);
    // Or the watcher may be quicker.
    fs::write(&file, text.replace("[reload]", "[reload]\nwatch = false")).unwrap();
    let herald = Watched::over(&provider, file).await;
    let reload = || ReloadSettings {
        trigger: Trigger::Sighup,
        if_match: None,
        allow_partial: true,
    };
    write_secret(&secret, "sk-second");
    let taken = herald.control.send(reload()).await.unwrap();
    assert_eq!((taken.is_changed, taken.generation.number), (true, 2));
    assert_eq!(
        taken.changes.to_string(),
        format!("~ the file {}: changed\n", secret.display())
    );

    fs::remove_file(&secret).unwrap();
    let refused = herald.control.send(reload()).await.unwrap_err().to_string();
    assert!(refused.contains("providers[0].api_key"), "{refused}");
    assert!(!refused.contains("sk-"), "{refused}");
    assert_eq!(herald.control.gateway().settings().generation, 2);
}
