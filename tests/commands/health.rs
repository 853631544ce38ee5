//! `herald health`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::support::herald;

/// A Herald that plays recordings, and is killed at the end.
struct Served {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Served {
    /// With these settings in variables; returns once it listens.
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_herald"))
            .env_clear()
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.contains("http"), "{line:?}");
        Self { child, output }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // It is gone, and so this has an end.
        self.output.read_to_string(&mut String::new()).unwrap();
    }
}

/// An address that nobody has, at least just now.
fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn health_asks_the_admin_listener_or_the_public_one_where_that_is_off() {
    let (public, admin) = (free(), free());
    for listen in [&*admin, "off"] {
        let variables = [
            ("HERALD__SERVER__LISTEN", &*public),
            ("HERALD__ADMIN__LISTEN", listen),
        ];
        let _served = Served::start(&variables);
        let run = herald(&["health"], &variables, "");
        assert_eq!((run.code, &*run.stdout, &*run.stderr), (0, "live\n", ""));
        let run = herald(&["health", "--ready"], &variables, "");
        assert_eq!((run.code, &*run.stdout, &*run.stderr), (0, "ready\n", ""));
    }
}

#[test]
fn health_with_an_address_reads_no_settings() {
    let (public, admin) = (free(), free());
    let variables = [
        ("HERALD__SERVER__LISTEN", &*public),
        ("HERALD__ADMIN__LISTEN", &*admin),
    ];
    let _served = Served::start(&variables);
    let arguments = ["health", "--settings", "/no/such/file", "--address", &admin];
    let run = herald(&arguments, &[], "");
    assert_eq!((run.code, &*run.stdout), (0, "live\n"), "{run:?}");
    let run = herald(&arguments[..3], &[], "");
    assert_eq!((run.code, &*run.stdout), (1, ""), "{run:?}");
}

#[test]
fn health_fails_in_a_line_where_nobody_answers_or_no_port_is_known() {
    let nobody = free();
    let run = herald(&["health", "--address", &nobody], &[], "");
    assert_eq!((run.code, &*run.stdout), (1, ""), "{run:?}");
    let begins = format!("herald: http://{nobody}/health/live: ");
    assert!(run.stderr.starts_with(&begins), "{run:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");

    let any = [("HERALD__ADMIN__LISTEN", "127.0.0.1:0")];
    let run = herald(&["health"], &any, "");
    assert!(run.stderr.contains("another port at each start"), "{run:?}");
    assert_eq!(run.code, 1);
}

#[test]
fn health_is_not_taken_in_by_another_program() {
    for (head, told) in [
        ("200 OK", "something other than Herald answers"),
        ("400 Bad Request", "400 Bad Request: this port speaks TLS"),
    ] {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap().to_string();
        let answer = std::thread::spawn(move || {
            let (mut client, _) = other.accept().unwrap();
            let text = "this port speaks TLS";
            let length = text.len();
            let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{text}");
            client.write_all(answer.as_bytes()).unwrap();
            // Until the asker has gone.
            client.read_to_string(&mut String::new()).unwrap();
        });
        let run = herald(&["health", "--address", &address], &[], "");
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains(told), "{run:?}");
        answer.join().unwrap();
    }
}

#[test]
fn health_waits_for_three_seconds_and_no_longer() {
    // It accepts, as the kernel does for it, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let run = herald(&["health", "--address", &address], &[], "");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("no answer within 3 s"), "{run:?}");
}
