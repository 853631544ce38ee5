//! The gateway under test: a process of its own, so that its memory and its descriptors are its own.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// How long it may take for what it does by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A Herald that runs; killed when dropped.
#[derive(Debug)]
pub(crate) struct Herald {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    admin: SocketAddr,
}

/// What it holds at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holds {
    /// Resident memory (`VmRSS`), in KiB.
    pub(crate) memory_kib: u64,
    /// Open descriptors.
    pub(crate) files: usize,
}

/// What it wrote down of its requests.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// How many lines tell of each outcome.
    pub(crate) outcomes: BTreeMap<String, u64>,
    /// How many requests they tell of.
    pub(crate) requests: HashSet<String>,
    /// Lines that speak of a panic.
    pub(crate) panics: Vec<String>,
}

impl Herald {
    /// Starts the binary with these settings, and waits until it listens.
    pub(crate) fn start(binary: &Path, settings: &str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("herald.toml");
        fs::write(&file, settings)?;
        let mut child = Command::new(binary)
            .arg("serve")
            .arg("--settings")
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("log"))?)
            .spawn()?;
        let output = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(output).lines();
        let mut address_behind = |words: &str| {
            let line = lines.find_map(|line| {
                let line = line.ok()?;
                Some(line.split_once(words)?.1.to_owned())
            });
            let line = line.ok_or_else(|| io::Error::other(format!("it did not say {words}")))?;
            let address = line.split([' ', ':']).take(2).collect::<Vec<_>>().join(":");
            address.parse().map_err(io::Error::other)
        };
        let address = address_behind("listens on http://")?;
        let admin = address_behind("operators ask http://")?;
        // It would wait for a reader else.
        std::thread::spawn(move || lines.count());
        Ok(Self {
            child,
            folder,
            address,
            admin,
        })
    }

    /// What it holds once its threads have started: nothing more has been opened for a second.
    pub(crate) async fn holds_at_start(&self) -> io::Result<Holds> {
        let mut holds = self.holds()?;
        loop {
            sleep(Duration::from_secs(1)).await;
            let now = self.holds()?;
            if now.files == holds.files {
                return Ok(now);
            }
            holds = now;
        }
    }

    /// Puts other settings in the place of its file, as an editor would.
    pub(crate) fn rewrite(&self, settings: &str) -> io::Result<()> {
        let fresh = self.folder.path().join("fresh");
        fs::write(&fresh, settings)?;
        fs::rename(fresh, self.folder.path().join("herald.toml"))
    }

    pub(crate) fn holds(&self) -> io::Result<Holds> {
        let process = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{process}/status"))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|line| line.split_whitespace().next()?.parse().ok());
        Ok(Holds {
            memory_kib: memory.ok_or(io::ErrorKind::InvalidData)?,
            files: fs::read_dir(format!("{process}/fd"))?.count(),
        })
    }

    /// The sum of a metric's samples whose labels hold these words.
    pub(crate) async fn metric(&self, name: &str, labels: &str) -> io::Result<u64> {
        let mut socket = TcpStream::connect(self.admin).await?;
        let ask = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        socket.write_all(ask.as_bytes()).await?;
        let mut answer = String::new();
        timeout(PATIENCE, socket.read_to_string(&mut answer)).await??;
        let samples = answer.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(labels))
        });
        let values = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(values.sum::<f64>() as u64)
    }

    /// Waits until a metric says so.
    pub(crate) async fn metric_is(&self, name: &str, labels: &str, want: u64) -> io::Result<()> {
        self.wait(async || Ok(self.metric(name, labels).await? == want))
            .await
    }

    /// Waits until it has no more files open than this, and gives how many it has in the end.
    pub(crate) async fn files_down_to(&self, most: usize) -> io::Result<usize> {
        match self.wait(async || Ok(self.holds()?.files <= most)).await {
            Err(error) if error.kind() != io::ErrorKind::TimedOut => Err(error),
            _ => Ok(self.holds()?.files),
        }
    }

    async fn wait(&self, is_so: impl AsyncFn() -> io::Result<bool>) -> io::Result<()> {
        timeout(PATIENCE, async {
            while !is_so().await? {
                sleep(Duration::from_millis(200)).await;
            }
            Ok(())
        })
        .await?
    }

    /// Stops it in order, and reads its log to the end.
    pub(crate) async fn stop(mut self) -> io::Result<(Option<i32>, Log)> {
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        let ended = timeout(PATIENCE, async {
            loop {
                if let Some(status) = self.child.try_wait()? {
                    return Ok::<_, io::Error>(status.code());
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
        let code = ended.await??;
        Ok((code, Log::read(&self.folder.path().join("log"))?))
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        // Most runs have seen it end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn read(file: &Path) -> io::Result<Self> {
        let mut log = Self::default();
        for line in BufReader::new(File::open(file)?).lines() {
            let line = line?;
            if line.contains("panicked") {
                log.panics.push(line);
                continue;
            }
            let Ok(line) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            if let (Some(outcome), Some(id)) =
                (line["outcome"].as_str(), line["request_id"].as_str())
            {
                *log.outcomes.entry(outcome.to_owned()).or_default() += 1;
                log.requests.insert(id.to_owned());
            }
        }
        Ok(log)
    }
}
