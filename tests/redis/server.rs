//! A real `redis-server` of a test's own, which can be killed, stopped and begun anew.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

/// A server on a free loopback port, without persistence. Dropping it kills it.
pub(crate) struct RedisServer {
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one; `None` where the machine has none and nobody requires it with
    /// `HERALD_REQUIRE_REDIS`.
    pub(crate) fn start() -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut server = Self {
            port,
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
        let started = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
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

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
