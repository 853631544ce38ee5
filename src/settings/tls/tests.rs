use std::{collections::HashMap, fs, os::unix::fs::PermissionsExt, path::PathBuf};

use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest, Sha256};

use crate::{
    settings::{Diagnostics, SecretsUnread, Settings, VerifiedSettings},
    testkit::TestCertificate,
};

/// A folder of one test's own, with a certificate and a key in it.
struct Folder {
    path: PathBuf,
    toml: String,
}

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("herald-tls-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&path).unwrap();
        let toml = TestCertificate::generate(&["localhost"]).install(&path);
        Self { path, toml }
    }

    fn with(certificate: &str, key: &str) -> Self {
        let folder = Self::new();
        fs::write(folder.path.join("tls.crt"), certificate).unwrap();
        fs::write(folder.path.join("tls.key"), key).unwrap();
        folder
    }

    fn verify(&self) -> Result<VerifiedSettings, Diagnostics> {
        Settings::from_toml(&self.toml)
            .unwrap()
            .verify(&HashMap::new())
    }

    /// What is told of settings that are refused, without the folder's name.
    fn refused(&self) -> String {
        let told = self.verify().unwrap_err().to_string();
        told.replace(&format!("{}/", self.path.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that has failed may have left nothing to remove.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[test]
fn a_certificate_and_the_key_to_it_are_taken() {
    let made = TestCertificate::generate(&["localhost"]);
    let folder = Folder::with(&made.certificate_pem(), &made.key_pem());
    let settings = folder.verify().unwrap();
    assert!(settings.warnings.is_empty(), "{}", settings.warnings);
    let tls = settings.tls.unwrap();
    assert_eq!(
        tls.files(),
        ["tls.crt", "tls.key"].map(|name| folder.path.join(name))
    );
    assert_eq!(
        tls.fingerprint(),
        hex::encode(Sha256::digest(made.certificate_der()))
    );
    assert!(!format!("{tls:?}").contains("PRIVATE"));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (made, other) = (
        TestCertificate::generate(&["localhost"]),
        TestCertificate::generate(&["localhost"]),
    );
    let told = Folder::with(&made.certificate_pem(), &other.key_pem()).refused();
    assert!(
        told.contains("server.tls.key: is not the key to the certificate"),
        "{told}"
    );
}

#[test]
fn files_that_hold_something_else_are_refused_and_not_repeated() {
    let made = TestCertificate::generate(&["localhost"]);
    let (certificate, key) = (made.certificate_pem(), made.key_pem());
    let broken = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";
    let unended = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n";
    let sealed = unended.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let no_key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for (certificate, key, expected) in [
        ("", key.as_str(), "tls.crt holds no certificate"),
        ("secret", &key, "tls.crt holds no certificate"),
        (&key, &key, "tls.crt holds no certificate"),
        (
            broken,
            &key,
            "tls.crt: its first certificate cannot be read",
        ),
        (&broken[..40], &key, "tls.crt is no PEM text"),
        (&certificate, "", "holds no private key in PEM"),
        (&certificate, "secret", "holds no private key in PEM"),
        (&certificate, unended, "holds no private key in PEM"),
        (&certificate, &certificate, "holds no private key in PEM"),
        (&certificate, &sealed, "is encrypted"),
        (&certificate, no_key, "is no key that TLS can use here"),
    ] {
        let told = Folder::with(certificate, key).refused();
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(!told.contains("secret") && !told.contains("c2Vj"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn files_that_are_not_there_are_refused_each_by_its_name() {
    let folder = Folder::new();
    fs::remove_file(folder.path.join("tls.crt")).unwrap();
    fs::remove_file(folder.path.join("tls.key")).unwrap();
    let told = folder.refused();
    for file in ["tls.crt cannot be read", "tls.key cannot be read"] {
        assert!(told.contains(file), "{told}");
    }
}

#[test]
fn a_certificate_out_of_its_time_is_a_warning_with_the_date() {
    for (from, to, expected) in [
        (2019, 2020, "expired on 2020-01-01T00:00:00Z"),
        (2090, 2091, "is not valid before 2090-01-01T00:00:00Z"),
    ] {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        let settings = Folder::with(&certificate, &key.serialize_pem())
            .verify()
            .unwrap();
        let told = settings.warnings.to_string();
        assert!(told.contains(expected), "{told}");
        assert!(settings.tls.is_some());
    }
}

#[test]
fn a_key_that_everybody_can_read_is_a_warning() {
    let folder = Folder::new();
    let readable = fs::Permissions::from_mode(0o644);
    fs::set_permissions(folder.path.join("tls.key"), readable).unwrap();
    let told = folder.verify().unwrap().warnings.to_string();
    assert!(told.contains("server.tls.key.file: other users"), "{told}");
}

#[test]
fn without_secrets_the_certificate_is_checked_and_the_key_is_not_looked_for() {
    let folder = Folder::new();
    fs::remove_file(folder.path.join("tls.key")).unwrap();
    let check = || {
        Settings::from_toml(&folder.toml)
            .unwrap()
            .verify(&SecretsUnread)
    };
    assert_eq!(check().unwrap().tls, None);
    fs::write(folder.path.join("tls.crt"), "").unwrap();
    let told = check().unwrap_err().to_string();
    assert!(told.contains("tls.crt holds no certificate"), "{told}");
}
