//! A real `redis-server` of a test's own, which can be killed, stopped and begun anew.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

/// A server on a free loopback port, without persistence. Dropping it kills it.
pub(crate) struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one with these arguments beside the usual ones; `None` where the machine has none and nobody requires it with
    /// `HERALD_REQUIRE_REDIS`.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let mut server = Self {
            port: free_port(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            process: None,
        };
        if server.begin() {
            return Some(server);
        }
        assert!(
            std::env::var_os("HERALD_REQUIRE_REDIS").is_none(),
            "HERALD_REQUIRE_REDIS is set and there is no redis-server on PATH"
        );
        eprintln!("passed over: there is no redis-server on PATH");
        None
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What stands in `limits.redis.url`.
    pub(crate) fn url(&self) -> String {
        if self.arguments.iter().any(|it| it == "--tls-cert-file") {
            format!("rediss://localhost:{}", self.port)
        } else {
            format!("redis://127.0.0.1:{}", self.port)
        }
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Begins anew, on the same port and with no data.
    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(self.begin(), "it was there before");
    }

    /// Keeps it from answering, with its connections open; or lets it go on.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    fn begin(&mut self) -> bool {
        let port = self.port.to_string();
        // One without TLS does not know of its port.
        let ports: &[_] = if self.url().starts_with("rediss") {
            &["--port", "0", "--tls-port", &port]
        } else {
            &["--port", &port]
        };
        let started = Command::new("redis-server")
            .args(ports)
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(&self.arguments)
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut process) = started else {
            return false;
        };
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let is_ready = lines.any(|line| line.unwrap().contains("Ready to accept connections"));
        assert!(is_ready, "redis-server ended instead of listening");
        // What it says later must find a reader.
        std::thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
        true
    }
}

/// A loopback port that nobody listens at.
pub(crate) fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
