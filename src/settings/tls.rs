//! `[server.tls]`: the certificate of the public listener, and the key to it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    CertificateError, InconsistentKeys, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::ring,
    server::ParsedCertificate,
    sign::{CertifiedKey, SigningKey},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    diagnostics::Problems,
    files,
    origin::join,
    secrets::{SecretReference, SecretSource},
};

const CERTIFICATE: &str = "server.tls.certificate";
const KEY: &str = "server.tls.key";

/// Largest file of certificates that is read: hundreds of them.
const MAX_CHAIN_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    certificate: PathBuf,
    key: SecretReference,
}

/// The certificate that clients are shown, with the key to it. Settings `[server.tls]`.
///
/// It is read whenever settings are verified, so new settings carry the files as they are then. Two
/// are equal if they show the same certificates.
#[derive(Clone)]
pub struct ServerTls {
    certified_key: Arc<CertifiedKey>,
    files: Vec<PathBuf>,
}

impl ServerTls {
    /// What a handshake takes.
    #[must_use]
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified_key)
    }

    /// The files that it was read from, for whoever watches them: one of certificates and, unless the
    /// key is in a variable, one of the key.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// SHA-256 of the listener's own certificate, in hexadecimal digits, as
    /// `openssl x509 -fingerprint -sha256` tells it, but for the colons.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let own = self.certified_key.cert.first();
        hex::encode(Sha256::digest(own.expect("a chain without one is refused")))
    }
}

impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        self.certified_key.cert == other.certified_key.cert && self.files == other.files
    }
}

impl Eq for ServerTls {}

/// Tells nothing of the key.
impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls")
            .field("fingerprint", &self.fingerprint())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl TlsSection {
    /// Reads both; `None` too where secrets are not looked for, for then there is no key.
    pub(super) fn verify(
        &self,
        secrets: &dyn SecretSource,
        problems: &mut Problems<'_>,
    ) -> Option<ServerTls> {
        let chain = problems.take(CERTIFICATE, read_chain(&self.certificate));
        if let Some(problem) = chain.as_deref().and_then(untimely) {
            problems
                .warning(CERTIFICATE, problem)
                .hint("clients refuse it; renew it, then reload the settings")
                .tell();
        }
        if !secrets.is_read() {
            return None;
        }
        let key = problems.take(KEY, read_key(&self.key, secrets));
        self.key.warn_of_readers(&join(KEY, "file"), problems);
        let certified_key = Arc::new(CertifiedKey::new(chain?, key?));
        match certified_key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                problems
                    .error(KEY, "is not the key to the certificate")
                    .beside(CERTIFICATE, "the certificate")
                    .hint("the first certificate of the file must be the listener's own")
                    .tell();
                return None;
            }
            Err(_) => {
                problems.at(CERTIFICATE, "its first certificate cannot be read");
                return None;
            }
        }
        let files = [Some(self.certificate.as_path()), self.key.file()];
        Some(ServerTls {
            certified_key,
            files: files.into_iter().flatten().map(Path::to_owned).collect(),
        })
    }
}

/// The listener's own certificate, and those that lead to a root.
///
/// What the PEM reader says is not repeated: it quotes the text, which may be a key in the wrong file.
fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = file.display();
    let pem = files::read(file, MAX_CHAIN_BYTES)
        .map_err(|reason| format!("{name} cannot be read: {reason}"))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|_| format!("{name} is no PEM text"))?;
    match chain.first().map(ParsedCertificate::try_from) {
        Some(Ok(_)) => Ok(chain),
        Some(Err(_)) => Err(format!("{name}: its first certificate cannot be read")),
        None => Err(format!("{name} holds no certificate")),
    }
}

fn read_key(
    reference: &SecretReference,
    secrets: &dyn SecretSource,
) -> Result<Arc<dyn SigningKey>, String> {
    let pem = reference.read_bytes(secrets)?;
    let pem = pem.expose_secret();
    let holds = |text: &str| memchr::memmem::find(pem, text.as_bytes()).is_some();
    if holds("-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds("Proc-Type: 4,ENCRYPTED") {
        let why = "is encrypted, and nobody is there to type the passphrase: \
                   `openssl pkey -in KEY -out PLAIN` takes it off";
        return Err(why.to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| "holds no private key in PEM (PKCS #8, PKCS #1 or SEC 1)")?;
    ring::sign::any_supported_type(&key).map_err(|_| {
        "is no key that TLS can use here: RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519".into()
    })
}

/// What is wrong with the time of the listener's own certificate.
fn untimely(chain: &[CertificateDer<'_>]) -> Option<String> {
    let own = ParsedCertificate::try_from(chain.first()?).ok()?;
    // Without roots no chain is ever good; but the time is looked at before anything else, and that
    // is all that is asked for here.
    let verdict = verify_server_cert_signed_by_trust_anchor(
        &own,
        &RootCertStore::empty(),
        &[],
        UnixTime::now(),
        &[],
    );
    match verdict {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after,
            ..
        })) => Some(format!("expired on {}", date(not_after))),
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) => Some(format!("is not valid before {}", date(not_before))),
        _ => None,
    }
}

fn date(time: UnixTime) -> impl fmt::Display {
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}

#[cfg(test)]
mod tests;
