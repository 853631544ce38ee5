//! A certificate for one test.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};

/// A certificate, the key to it, and the root that signed it, made anew for each test.
///
/// Nothing trusts the root but who is given [`root_pem`](Self::root_pem).
#[derive(Debug)]
pub struct TestCertificate {
    root_pem: String,
    leaf: rcgen::Certificate,
    key: KeyPair,
}

impl TestCertificate {
    /// Makes a root and a certificate for these host names and addresses.
    ///
    /// # Panics
    /// If a name is not ASCII.
    #[must_use]
    pub fn generate(names: &[&str]) -> Self {
        let why = "a P-256 key and a short certificate can be made from ASCII names";

        let mut root = CertificateParams::default();
        root.distinguished_name
            .push(DnType::CommonName, "Herald test kit root");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let root_key = KeyPair::generate().expect(why);
        let root_pem = root.self_signed(&root_key).expect(why).pem();

        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut leaf = CertificateParams::new(names).expect(why);
        leaf.distinguished_name
            .push(DnType::CommonName, "Herald test kit");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect(why);
        let leaf = leaf
            .signed_by(&key, &Issuer::new(root, root_key))
            .expect(why);

        Self {
            root_pem,
            leaf,
            key,
        }
    }

    /// The root in PEM, for the caller to trust.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The certificate in PEM, for a server of the test's own.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.leaf.pem()
    }

    /// The certificate as a client gets it to see.
    #[must_use]
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        self.leaf.der()
    }

    /// The key to it in PEM (PKCS #8).
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Writes `tls.crt` and `tls.key` into a folder, in the place of those that are there, and gives the
    /// settings `[server.tls]` that name them.
    ///
    /// # Panics
    /// If they cannot be written.
    #[must_use]
    pub fn install(&self, folder: &Path) -> String {
        let install = |name: &str, text: String| {
            let path = folder.join(name);
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let written = options
                .open(&path)
                .and_then(|mut file| file.write_all(text.as_bytes()));
            written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            // JSON strings are TOML strings.
            serde_json::Value::from(path.display().to_string())
        };
        let certificate = install("tls.crt", self.certificate_pem());
        let key = install("tls.key", self.key_pem());
        format!("[server.tls]\ncertificate = {certificate}\nkey = {{ file = {key} }}\n")
    }

    /// A server's side of TLS 1.2 and 1.3 with this certificate, offering these ALPN protocols.
    #[must_use]
    pub fn server_config(&self, alpn: &[&str]) -> Arc<ServerConfig> {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for both versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf.der().clone()], key.into())
            .expect("the key was made for this very certificate");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

    use super::*;

    #[test]
    fn the_pem_texts_are_the_certificate_and_the_key_that_the_server_uses() {
        let certificate = TestCertificate::generate(&["localhost"]);
        let leaf = CertificateDer::from_pem_slice(certificate.certificate_pem().as_bytes());
        assert_eq!(leaf.unwrap(), *certificate.leaf.der());
        let key = PrivateKeyDer::from_pem_slice(certificate.key_pem().as_bytes()).unwrap();
        assert_eq!(key.secret_der(), certificate.key.serialize_der());
        assert_ne!(certificate.root_pem(), certificate.certificate_pem());
    }
}
