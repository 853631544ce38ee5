//! `herald serve` and its signals.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A Herald in front of a provider that says nothing; killed at the end if it is still there.
struct Served {
    child: Child,
    address: String,
    /// Each line of its log.
    log: Receiver<String>,
    file: PathBuf,
    provider: TcpListener,
    _folder: tempfile::TempDir,
}

impl Served {
    fn start(server: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("herald.toml");
        let provider = TcpListener::bind("127.0.0.1:0").unwrap();
        let text = format!(
            "admin.listen = \"off\"\nreload.watch = false\nupstream.proxy = \"none\"\n\
             [log]\nformat = \"json\"\n\
             [server]\nlisten = \"127.0.0.1:0\"\ndrain_delay = \"0s\"\n{server}\n\
             [[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://{}\"\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n",
            provider.local_addr().unwrap()
        );
        fs::write(&file, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_herald"))
            .arg("--settings")
            .arg(&file)
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut greeting).unwrap();
        let address = greeting.split("http://").nth(1).unwrap();
        let address = address.split_whitespace().next().unwrap().to_owned();
        let (told, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // Both ends go with the process.
        thread::spawn(move || {
            let _ = output.lines().last();
        });
        thread::spawn(move || {
            for line in lines {
                let _ = told.send(line.unwrap());
            }
        });
        Self {
            child,
            address,
            log,
            file,
            provider,
            _folder: folder,
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for a line of the log.
    fn says(&self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("it does not say {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// A request that waits for the provider, which has been asked.
    fn ask(&self) -> (TcpStream, TcpStream) {
        let mut client = TcpStream::connect(&self.address).unwrap();
        let body = r#"{"model":"m","stream":true,"messages":[]}"#;
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: herald\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write_all(request.as_bytes()).unwrap();
        (client, self.provider.accept().unwrap().0)
    }

    /// Waits until its log has ended, and so has it; its exit code.
    fn exit_code(&mut self) -> i32 {
        while self.log.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Most tests have seen it end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_sighup_has_the_settings_read_anew_and_ends_nothing() {
    let mut served = Served::start("");
    let text = fs::read_to_string(&served.file).unwrap();
    fs::write(&served.file, format!("clocks.idle = \"77s\"\n{text}")).unwrap();
    served.signal(Signal::HUP);
    let line = served.says("settings taken");
    assert!(line.contains(r#""trigger":"sighup""#), "{line}");
    assert!(line.contains(r#""generation":2"#), "{line}");
    fs::remove_file(&served.file).unwrap();
    served.signal(Signal::HUP);
    served.says("settings refused, the last good ones stay");
    served.signal(Signal::TERM);
    assert_eq!(served.exit_code(), 0);
}

#[test]
fn a_sigterm_ends_with_0_where_nothing_was_cut_and_with_3_where_something_was() {
    let mut served = Served::start("drain_timeout = \"10ms\"");
    served.signal(Signal::TERM);
    assert_eq!(served.exit_code(), 0);

    let mut served = Served::start("drain_timeout = \"10ms\"");
    let _asked = served.ask();
    served.signal(Signal::TERM);
    assert_eq!(served.exit_code(), 3);
}

#[test]
fn a_second_signal_ends_at_once_whatever_runs() {
    let mut served = Served::start("drain_timeout = \"10m\"");
    let _asked = served.ask();
    served.signal(Signal::TERM);
    served.says("shutting down");
    served.signal(Signal::INT);
    served.says("a second signal: stopping at once");
    assert_eq!(served.exit_code(), 3);
}
