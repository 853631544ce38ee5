//! TLS to providers.

use std::{io, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::upstream::error::ConnectError;

/// The one protocol that is offered and accepted (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// A client configuration with Mozilla's roots and, if given, those of a PEM file; ALPN `http/1.1`.
///
/// The cryptography is ring, named here, so that no process-wide default need be installed.
///
/// # Errors
/// What is wrong with the PEM text.
pub fn tls_config(extra_roots_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(pem) = extra_roots_pem {
        add_roots(&mut roots, pem)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

fn add_roots(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        count += 1;
        let certificate = certificate.map_err(|error| format!("certificate {count}: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("certificate {count}: {error}"))?;
    }
    if count == 0 {
        return Err("it holds no certificate".to_owned());
    }
    Ok(())
}

/// Agrees on TLS with whoever is at the other end, who must prove to be `host`.
pub(super) async fn handshake(
    config: Arc<ClientConfig>,
    host: &str,
    tcp: TcpStream,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_invalid| ConnectError::TlsCertificate)?;
    let tls = TlsConnector::from(config)
        .connect(name, tcp)
        .await
        .map_err(|error| {
            tracing::debug!(host, %error, "TLS handshake failed");
            classify(&error)
        })?;
    // rustls refuses a protocol that was not offered. This holds for a configuration that was not
    // made by `tls_config` too: awc would take h2 for a malformed head.
    match tls.get_ref().1.alpn_protocol() {
        None | Some(HTTP_1_1) => Ok(tls),
        Some(_) => Err(ConnectError::TlsHandshake),
    }
}

fn classify(error: &io::Error) -> ConnectError {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            ConnectError::TlsCertificate
        }
        _ => ConnectError::TlsHandshake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_1_1_is_offered() {
        let config = tls_config(None).unwrap();
        assert_eq!(config.alpn_protocols, [HTTP_1_1]);
    }

    #[test]
    fn a_pem_file_without_certificates_is_refused() {
        for (pem, problem) in [
            (&b""[..], "it holds no certificate"),
            (b"not PEM at all", "it holds no certificate"),
            (
                b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
                "certificate 1: ",
            ),
        ] {
            let error = tls_config(Some(pem)).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }

    #[test]
    fn an_extra_root_stands_beside_mozillas() {
        let own = rcgen::generate_simple_self_signed(["api.test".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        add_roots(&mut roots, own.cert.pem().as_bytes()).unwrap();
        assert_eq!(roots.len(), 1);
        tls_config(Some(own.cert.pem().as_bytes())).unwrap();
    }
}
