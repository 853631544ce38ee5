//! The connection: TCP, TLS where the settings ask for it, and who Herald is there.

use std::{pin::Pin, sync::Arc};

use redis::{AsyncConnectionConfig, RedisConnectionInfo, aio::MultiplexedConnection};
use rustls::{ClientConfig, pki_types::ServerName};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    RedisSettings,
    away::{Away, Failure},
    scripts::Scripts,
};
use crate::upstream::connector::tls::tls_config;

/// Whom to trust for a Redis behind TLS: Mozilla's roots, and those of a file.
#[derive(Clone, Debug)]
pub struct RedisTls {
    config: Arc<ClientConfig>,
    /// Of the file's bytes, to tell whether it has changed; all zeros without a file.
    digest: [u8; 32],
}

impl RedisTls {
    /// With these roots beside Mozilla's, in PEM.
    ///
    /// # Errors
    /// They are none; it says why.
    pub fn new(extra_roots_pem: Option<&[u8]>) -> Result<Self, String> {
        let mut config = Arc::unwrap_or_clone(tls_config(extra_roots_pem)?);
        // Redis has no name there, and what is offered is that of HTTP.
        config.alpn_protocols.clear();
        Ok(Self {
            config: Arc::new(config),
            digest: extra_roots_pem.map_or([0; 32], |pem| Sha256::digest(pem).into()),
        })
    }
}

/// The same roots are the same connection.
impl PartialEq for RedisTls {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for RedisTls {}

/// What moves a connection's bytes; it is ready when the connection is over.
type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl RedisSettings {
    /// Connects and introduces the scripts. Beside the connection comes its driver, as a task.
    pub(super) async fn connect(
        &self,
        scripts: &Scripts,
    ) -> Result<(MultiplexedConnection, JoinHandle<()>), Failure> {
        let connected = timeout(self.connect, async {
            let address = (self.host.as_str(), self.port);
            let tcp = TcpStream::connect(address).await;
            let tcp = tcp.map_err(|error| Failure::of_connecting(&error))?;
            tcp.set_nodelay(true)
                .map_err(|error| Failure::of_connecting(&error))?;
            let Some(tls) = &self.tls else {
                return self.greet(tcp).await;
            };
            let name = ServerName::try_from(self.host.clone());
            let name = name.map_err(|error| Failure::new(Away::Tls, error))?;
            let stream = TlsConnector::from(Arc::clone(&tls.config)).connect(name, tcp);
            let stream = stream.await;
            self.greet(stream.map_err(|error| Failure::new(Away::Tls, error))?)
                .await
        });
        let late = |_| Failure::new(Away::Unreachable, "limits.redis.connect is over");
        let (mut connection, driver) = connected.await.map_err(late)??;
        let driver = tokio::spawn(driver);
        let introduced = scripts.introduce(&mut connection, self).await;
        introduced.map_err(|error| Failure::of_asking(&error))?;
        Ok((connection, driver))
    }

    /// Says who asks, and for which database.
    async fn greet(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<(MultiplexedConnection, Driver), Failure> {
        let mut server = RedisConnectionInfo::default().set_db(self.database);
        if let Some(user) = &self.user {
            server = server.set_username(user);
        }
        if let Some(password) = &self.password {
            server = server.set_password(password.expose_secret());
        }
        let clock = AsyncConnectionConfig::new().set_response_timeout(Some(self.command));
        let greeted = MultiplexedConnection::new_with_config(&server, stream, clock).await;
        let (connection, driver) = greeted.map_err(|error| Failure::of_asking(&error))?;
        Ok((connection, Box::pin(driver)))
    }
}
