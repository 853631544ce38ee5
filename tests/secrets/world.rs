//! A provider and a Redis that repeat what they are told, and settings with a secret in every place.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use herald::testkit::{ScriptedProvider, TestCertificate};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};
use rustls_pki_types::{ServerName, pem::PemObject};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    herald::{Herald, run},
    needles::Needle,
};

/// Longest wait for an answer to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The secret of this name. Each holds characters that encodings change.
pub(crate) fn planted(name: &str) -> String {
    format!("planted/{name}+7f3a")
}

/// All that is planted, but for the listener's key and the hashes of keys.
const NAMES: [&str; 18] = [
    "provider-key",
    "file-key",
    "redis-password",
    "admin-token",
    "client-key",
    "unknown-key",
    "extra-header",
    "url-path",
    "url-query",
    "url-user",
    "cookie",
    "client-header",
    "prompt",
    "completion",
    "document",
    "error-event",
    "provider-words",
    "provider-header",
];

/// Mistakes that put a secret where it does not belong.
pub(crate) const BAD: [(&str, &str); 7] = [
    (
        "the key itself",
        "[[providers]]\nid = \"bad\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1\"\napi_key = \"planted/provider-key+7f3a\"\n",
    ),
    (
        "a misspelt name of the key",
        "[[providers]]\nid = \"bad\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1\"\napi_kye = \"planted/provider-key+7f3a\"\n",
    ),
    (
        "a user in an address",
        "[[providers]]\nid = \"bad\"\nkind = \"openai\"\nbase_url = \"http://u:planted/url-user+7f3a@127.0.0.1:1\"\n",
    ),
    (
        "an encoded user in an address",
        "[[providers]]\nid = \"bad\"\nkind = \"openai\"\nbase_url = \"http://u:planted%2Furl-user%2B7f3a@127.0.0.1:1\"\n",
    ),
    (
        "a key in an address's query",
        "[[providers]]\nid = \"bad\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1/?key=planted/url-query+7f3a\"\n",
    ),
    (
        "a key for its hash",
        "[[keys]]\nid = \"bad\"\nsha256 = \"planted/client-key+7f3a\"\n",
    ),
    (
        "a header that is none",
        "[[providers]]\nid = \"bad\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:1\"\nheaders = { \"x bad\" = \"planted/extra-header+7f3a\" }\n",
    ),
];

pub(crate) struct World {
    pub(crate) provider: ScriptedProvider,
    folder: tempfile::TempDir,
    certificate: TestCertificate,
    redis: SocketAddr,
    redis_was_told: Arc<AtomicBool>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), planted("file-key")).unwrap();
        std::fs::write(folder.path().join("token"), planted("admin-token")).unwrap();
        let redis_was_told = Arc::new(AtomicBool::new(false));
        let world = Self {
            provider: ScriptedProvider::start([]).await,
            folder,
            certificate: TestCertificate::generate(&["localhost"]),
            redis: talkative_redis(Arc::clone(&redis_was_told)),
            redis_was_told,
        };
        world.write_settings(&world.settings(""));
        world
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settings with a secret in every place that may have one; `more` are tables of the test's own.
    pub(crate) fn settings(&self, more: &str) -> String {
        format!(
            "server.listen = \"127.0.0.1:0\"\nserver.drain_timeout = \"0s\"\nserver.workers = 1\n\
             admin.listen = \"127.0.0.1:0\"\nadmin.requests_per_second = 100000\n\
             admin.token = {{ file = {token:?} }}\nupstream.proxy = \"none\"\nreload.watch = false\n\
             [limits]\nrequests = {{ most = 100000, per = \"1m\" }}\nbackend = \"redis\"\n\
             on_backend_error = \"local\"\nredis.url = \"redis://{redis}\"\n\
             redis.password = {{ env = \"REDIS_PASSWORD\" }}\n{tls}{more}\
             [[keys]]\nid = \"team\"\nsha256 = \"{hash}\"\nlabels = {{ team = \"search\" }}\n\
             [[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{base_url}\"\n\
             api_key = {{ env = \"PROVIDER_KEY\" }}\nheaders = {{ \"x-extra\" = \"{header}\" }}\n\
             [[providers]]\nid = \"other\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\n\
             api_key = {{ file = {key:?} }}\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"scripted\", model = \"m\" }}]\n\
             [[models]]\nid = \"o\"\ntargets = [{{ provider = \"other\", model = \"o\" }}]\n",
            token = self.file("token"),
            redis = self.redis,
            tls = self.certificate.install(self.folder.path()),
            hash = hash(),
            base_url = self.provider.base_url(),
            header = planted("extra-header"),
            key = self.file("key"),
        )
    }

    pub(crate) fn write_settings(&self, toml: &str) {
        std::fs::write(self.file("herald.toml"), toml).unwrap();
    }

    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PROVIDER_KEY", planted("provider-key")),
            ("REDIS_PASSWORD", planted("redis-password")),
        ]
    }

    pub(crate) fn needles(&self) -> Vec<Needle> {
        let pem = self.certificate.key_pem();
        let mut needles: Vec<_> = NAMES.map(|name| Needle::new(planted(name))).into();
        needles.push(Needle::new(hash()));
        let bytes = Sha256::digest(planted("client-key"));
        let numbers: Vec<_> = bytes.iter().map(u8::to_string).collect();
        needles.push(Needle::new(numbers.join(", ")));
        needles.extend(pem.lines().skip(1).take(1).map(Needle::new));
        needles
    }

    /// What the commands print, of good settings and of bad ones.
    pub(crate) fn commands(&self) -> Vec<(String, String)> {
        let good = self.file("herald.toml").display().to_string();
        let other = self.file("other.toml").display().to_string();
        let changed = self.settings("[[keys]]\nid = \"one\"\nsha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n");
        let changed = changed.replace(&planted("extra-header"), "another value");
        std::fs::write(&other, changed).unwrap();
        let mut commands: Vec<Vec<&str>> = vec![
            vec!["check", "--settings", &good],
            vec!["check", "--format", "json", "--settings", &good],
            vec!["explain", "--settings", &good, "route", "m"],
            vec![
                "explain",
                "--settings",
                &good,
                "status",
                "401",
                "--provider",
                "scripted",
            ],
            vec!["diff", &good, &other],
            vec!["diff", "--format", "json", &other, &good],
            vec!["schema"],
        ];
        let bad = BAD.map(|(name, bad)| {
            let file = self.file(&format!("{}.toml", name.replace(' ', "-")));
            std::fs::write(&file, self.settings(bad)).unwrap();
            file.display().to_string()
        });
        for bad in &bad {
            commands.push(vec!["check", "--settings", bad]);
            commands.push(vec!["check", "--format", "json", "--settings", bad]);
            commands.push(vec!["explain", "--settings", bad, "route", "m"]);
            commands.push(vec!["diff", &good, bad]);
            commands.push(vec!["serve", "--settings", bad]);
        }
        let variables = self.variables();
        let said = |arguments: Vec<&str>| (arguments.join(" "), run(&arguments, &variables));
        commands.into_iter().map(said).collect()
    }

    pub(crate) fn serve(&self) -> Herald {
        Herald::start(&self.file("herald.toml"), &self.variables())
    }

    pub(crate) fn redis_was_told(&self) -> bool {
        self.redis_was_told.load(Ordering::Relaxed)
    }

    /// A completion's request with a prompt.
    pub(crate) fn body(&self, stream: bool) -> String {
        let messages = json!([{ "role": "user", "content": planted("prompt") }]);
        json!({ "model": "m", "stream": stream, "messages": messages, "user": planted("prompt") })
            .to_string()
    }

    /// Asks for a completion; all of the answer.
    pub(crate) async fn post(&self, herald: &Herald, key: &str, body: &str) -> String {
        let mut connection = self.connect(herald).await;
        connection
            .write_all(post(key, body).as_bytes())
            .await
            .unwrap();
        all_of(&mut connection).await
    }

    /// Asks the public listener for something else; all of the answer.
    pub(crate) async fn get(&self, herald: &Herald, line: &str, headers: &str) -> String {
        let mut connection = self.connect(herald).await;
        let request =
            format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        all_of(&mut connection).await
    }

    /// A stream that stays open while the connection is kept; its first bytes have been read.
    pub(crate) async fn open_stream(&self, herald: &Herald, key: &str) -> TlsStream<TcpStream> {
        let mut connection = self.connect(herald).await;
        connection
            .write_all(post(key, &self.body(true)).as_bytes())
            .await
            .unwrap();
        let mut bytes = [0; 1024];
        let read = timeout(PATIENCE, connection.read(&mut bytes)).await;
        assert!(read.unwrap().unwrap() > 0);
        connection
    }

    /// Asks the admin listener with the right token.
    pub(crate) async fn operator(&self, herald: &Herald, line: &str, body: &str) -> String {
        self.ask_admin(herald, line, "admin-token", body).await
    }

    pub(crate) async fn ask_admin(
        &self,
        herald: &Herald,
        line: &str,
        token: &str,
        body: &str,
    ) -> String {
        let mut connection = TcpStream::connect(herald.admin).await.unwrap();
        let request = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncookie: {}\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n{body}",
            herald.admin,
            planted("cookie"),
            planted(token),
            body.len(),
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        all_of(&mut connection).await
    }

    async fn connect(&self, herald: &Herald) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.certificate.root_pem().as_bytes());
        roots.add(root.unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(herald.public).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, socket).await.unwrap()
    }
}

/// The hash of the client's key, which is shown nowhere either.
fn hash() -> String {
    hex::encode(Sha256::digest(planted("client-key")))
}

fn post(key: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions?key={} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         cookie: session={}\r\nx-unknown: {}\r\nuser-agent: {}\r\n{key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        planted("url-query"),
        planted("cookie"),
        planted("client-header"),
        planted("client-header"),
        body.len(),
    )
}

async fn all_of(connection: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, connection.read_to_end(&mut bytes)).await;
    // Whether TLS is ended with a goodbye is asked elsewhere.
    let _ = read.expect("an answer ends");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A Redis that says aloud what it was told in confidence.
fn talkative_redis(was_told: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let was_told = Arc::clone(&was_told);
            std::thread::spawn(move || {
                let mut socket = socket.unwrap();
                let mut bytes = [0; 16 * 1024];
                while let Ok(read @ 1..) = socket.read(&mut bytes) {
                    let secret = planted("redis-password");
                    let asked = String::from_utf8_lossy(&bytes[..read]);
                    if asked.contains(&secret) {
                        was_told.store(true, Ordering::Relaxed);
                    }
                    // It greets, and then fails at the script that counts.
                    let is_script = asked.contains("EVAL") || asked.contains("SCRIPT");
                    let answer = match is_script {
                        true => format!("-ERR {secret} is your password\r\n"),
                        false => "+OK\r\n".repeat(asked.matches("\r\n*").count() + 1),
                    };
                    if socket.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
