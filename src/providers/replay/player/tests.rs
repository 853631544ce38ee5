//! The player behind an in-memory connection, its far side a raw HTTP client; the clock is paused.

mod refusals;

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    task::{JoinHandle, LocalSet},
    time::Instant,
};

use super::*;
use crate::{
    providers::replay::{ReplayServer, recording::Recording},
    upstream::connector::memory::MemoryServer,
};

/// Runs a test as a worker runs a connection: inside a `LocalSet`. A wait for what never comes fails
/// at once, as the clock is paused.
async fn on_a_worker(test: impl Future<Output = ()>) {
    let worker = LocalSet::new();
    let test = worker.run_until(test);
    let far_too_long = Duration::from_secs(24 * 3600);
    tokio::time::timeout(far_too_long, test)
        .await
        .expect("the test waits in vain");
}

fn library(name: &str, toml: &str) -> Arc<ReplayLibrary> {
    let recording = Recording::parse(name, toml).unwrap();
    Arc::new([(name, recording)].into_iter().collect())
}

/// One streaming answer, its fields and chunks as given.
fn recorded(fields: &str, chunks: &[(&str, &str)]) -> Arc<ReplayLibrary> {
    let mut toml =
        format!("description = \"d\"\n[[answers]]\nstream = true\nstatus = 200\n{fields}\n");
    for (after, data) in chunks {
        toml += &format!("[[answers.chunks]]\nafter = \"{after}\"\ndata = {data:?}\n");
    }
    library("r", &toml)
}

/// The far side of a connection.
struct Client {
    io: DuplexStream,
    server: JoinHandle<()>,
}

impl Client {
    fn connect(library: &Arc<ReplayLibrary>) -> Self {
        Self::connect_through(library, 64 << 10)
    }

    /// Connects through a pipe that holds this many bytes each way.
    fn connect_through(library: &Arc<ReplayLibrary>, pipe_bytes: usize) -> Self {
        let (io, far) = duplex(pipe_bytes);
        let server = actix_web::rt::spawn(serve(far, Arc::clone(library)));
        Self { io, server }
    }

    async fn send(&mut self, request: impl AsRef<[u8]>) {
        self.io.write_all(request.as_ref()).await.unwrap();
    }

    async fn ask(&mut self, body: &str) {
        let length = body.len();
        self.send(format!(
            "POST {COMPLETIONS} HTTP/1.1\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
    }

    async fn ask_for(&mut self, model: &str, stream: bool) {
        self.ask(&format!("{{\"model\":\"{model}\",\"stream\":{stream}}}"))
            .await;
    }

    async fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let expected = bytes.as_ref();
        let mut read = vec![0; expected.len()];
        self.io.read_exact(&mut read).await.unwrap();
        assert_eq!(Bytes::from(read), expected);
    }

    /// Everything until the connection closes.
    async fn rest(&mut self) -> Bytes {
        let mut rest = Vec::new();
        self.io.read_to_end(&mut rest).await.unwrap();
        Bytes::from(rest)
    }

    /// Reads up to and with this.
    async fn until(&mut self, mark: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(mark.as_bytes()) {
            read.push(self.io.read_u8().await.unwrap());
        }
        String::from_utf8(read).unwrap()
    }

    /// Lets go of the connection and waits for the server's task; tells how long that took.
    async fn leave(self) -> Duration {
        let left = Instant::now();
        drop(self.io);
        self.server.await.unwrap();
        left.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_written_byte_for_byte() {
    let toml = r#"
description = "d"
[[answers]]
stream = true
status = 529
headers = [["X-One", "1"], ["x-two", "a  b"], ["x-one", { base64 = "6Q==" }]]
framing = "chunked"
[[answers.chunks]]
data = "hello, world\r\n"
[[answers.chunks]]
base64 = "/w=="
[[answers]]
stream = false
status = 404
framing = "length"
[[answers.chunks]]
data = "{}"
"#;
    on_a_worker(async {
        let mut client = Client::connect(&library("r", toml));
        client.ask_for("r", true).await;
        client
            .expect(
                b"HTTP/1.1 529 \r\nX-One: 1\r\nx-two: a  b\r\nx-one: \xe9\r\n\
                  transfer-encoding: chunked\r\n\r\ne\r\nhello, world\r\n\r\n1\r\n\xff\r\n0\r\n\r\n",
            )
            .await;
        client.ask_for("r", false).await;
        client.expect("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}").await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_embedded_answer_comes_out_as_recorded() {
    on_a_worker(async {
        let library = Arc::new(ReplayLibrary::embedded());
        for name in library.names() {
            for answer in &library.get(name).unwrap().answers {
                let mut client = Client::connect(&library);
                client.ask_for(name, answer.stream).await;
                let mut last = Instant::now();
                let head = client.until("\r\n\r\n").await;
                assert_eq!(last.elapsed(), answer.after, "{name}");
                expect_head(&head, answer);
                for chunk in &answer.chunks {
                    last = Instant::now();
                    if answer.framing == Framing::Chunked {
                        client.expect(format!("{:x}\r\n", chunk.data.len())).await;
                    }
                    client.expect(&chunk.data).await;
                    assert_eq!(last.elapsed(), chunk.after, "{name}");
                    if answer.framing == Framing::Chunked {
                        client.expect("\r\n").await;
                    }
                }
                match (answer.end, answer.framing) {
                    (End::Complete, Framing::Chunked) => client.expect("0\r\n\r\n").await,
                    (End::Complete, _) => {}
                    (End::Truncated | End::Reset, _) => assert_eq!(client.rest().await, ""),
                }
            }
        }
    })
    .await;
}

fn expect_head(head: &str, answer: &Answer) {
    let mut lines = head.trim_end().split("\r\n");
    let status = format!("HTTP/1.1 {} ", answer.status);
    assert!(lines.next().unwrap().starts_with(&status), "{head}");
    for (name, value) in &answer.headers {
        let value = std::str::from_utf8(value).unwrap();
        assert_eq!(lines.next().unwrap(), format!("{name}: {value}"));
    }
    let framing = match answer.framing {
        Framing::Chunked => "transfer-encoding: chunked".to_owned(),
        Framing::Length(promised) => format!("content-length: {promised}"),
        Framing::Close => unreachable!("no embedded answer is framed by its close"),
    };
    assert_eq!(lines.collect::<Vec<_>>(), [framing]);
}

#[tokio::test(start_paused = true)]
async fn each_chunk_is_one_read_after_its_pause() {
    on_a_worker(async {
        for framing in ["chunked", "length", "close"] {
            let fields = format!("after = \"70ms\"\nframing = \"{framing}\"");
            let library = recorded(
                &fields,
                &[("1ms", "a"), ("20ms", "bc"), ("1s", "d"), ("1s", "e")],
            );
            let mut client = Client::connect(&library);
            let asked = Instant::now();
            client.ask_for("r", true).await;
            client.until("\r\n\r\n").await;
            let mut buffer = [0; 64];
            for (data, at) in [("a", 71), ("bc", 91), ("d", 1091)] {
                let length = client.io.read(&mut buffer).await.unwrap();
                let expected = match framing {
                    "chunked" => format!("{}\r\n{data}\r\n", data.len()),
                    _ => data.to_owned(),
                };
                assert_eq!(
                    std::str::from_utf8(&buffer[..length]),
                    Ok(expected.as_str())
                );
                assert_eq!(
                    asked.elapsed(),
                    Duration::from_millis(at),
                    "{framing}, {data}"
                );
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_truncated_or_reset_answer_closes_the_connection_inside_its_framing() {
    on_a_worker(async {
        for end in ["truncated", "reset"] {
            for (framing, body) in [
                (
                    "framing = \"chunked\"",
                    "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
                ),
                (
                    "framing = \"length\"\ncontent_length = 9",
                    "content-length: 9\r\n\r\nabc",
                ),
            ] {
                let library = recorded(&format!("{framing}\nend = \"{end}\""), &[("5ms", "abc")]);
                let mut client = Client::connect(&library);
                client.ask_for("r", true).await;
                assert_eq!(client.rest().await, format!("HTTP/1.1 200 OK\r\n{body}"));
                let write = client.io.write_all(b"POST").await;
                assert_eq!(write.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_framed_by_its_close_ends_with_the_connection() {
    on_a_worker(async {
        let library = recorded("framing = \"close\"", &[("0s", "abc")]);
        let mut client = Client::connect(&library);
        client.ask_for("r", true).await;
        assert_eq!(client.rest().await, "HTTP/1.1 200 OK\r\n\r\nabc");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn requests_follow_each_other_on_one_connection_even_when_sent_ahead() {
    on_a_worker(async {
        let library = recorded("framing = \"length\"", &[("20ms", "abc")]);
        let mut client = Client::connect(&library);
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        client.ask_for("r", true).await;
        client.expect(answer).await;
        client.ask_for("r", true).await;
        client.ask_for("r", true).await;
        client.expect(answer).await;
        client.expect(answer).await;
        assert_eq!(client.leave().await, Duration::ZERO);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn either_side_can_say_that_an_answer_is_the_last() {
    on_a_worker(async {
        let body = "{\"model\":\"r\",\"stream\":true}";
        let length = body.len();
        let request = |version, header: &str| {
            format!(
                "POST {COMPLETIONS} HTTP/{version}\r\n{header}content-length: {length}\r\n\r\n{body}"
            )
        };
        for (fields, request, head) in [
            ("", request("1.1", "Connection: TE, Close\r\n"), ""),
            ("", request("1.0", ""), ""),
            (
                "headers = [[\"Connection\", \"close\"]]\n",
                request("1.1", ""),
                "Connection: close\r\n",
            ),
        ] {
            let library = recorded(&format!("{fields}framing = \"length\""), &[("0s", "abc")]);
            let mut client = Client::connect(&library);
            client.send(&request).await;
            let answer = format!("HTTP/1.1 200 OK\r\n{head}content-length: 3\r\n\r\nabc");
            assert_eq!(client.rest().await, answer, "{request}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_chunked_request_is_understood_wherever_it_is_cut() {
    let request = "POST /v1/chat/completions?api-version=1 HTTP/1.1\r\nHost: replay\r\n\
                   Transfer-Encoding: Chunked\r\n\r\n\
                   A;name=value\r\n{\"model\": \r\n011\r\n\"r\",\"stream\":true\r\n1\r\n}\r\n\
                   0\r\nx-trailer: 1\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
    on_a_worker(async {
        let library = recorded("framing = \"length\"", &[("0s", "abc")]);
        let mut client = Client::connect(&library);
        for cut in 1..request.len() {
            let (first, second) = request.split_at(cut);
            client.send(first).await;
            // Lets the server read and consider the first part by itself.
            tokio::task::yield_now().await;
            client.send(second).await;
            client.expect(answer).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_player_stops_at_once_when_the_far_side_leaves() {
    on_a_worker(async {
        let library = recorded("framing = \"chunked\"", &[("0s", "abc"), ("60s", "abc")]);

        let idle = Client::connect(&library);
        assert_eq!(idle.leave().await, Duration::ZERO, "between requests");

        let mut client = Client::connect(&library);
        client.send("POST /v1/chat").await;
        assert_eq!(client.leave().await, Duration::ZERO, "within a request");

        let mut client = Client::connect(&library);
        client.ask_for("r", true).await;
        client.until("abc\r\n").await;
        assert_eq!(client.leave().await, Duration::ZERO, "within a pause");

        let mut client = Client::connect_through(&library, 16);
        client.ask_for("r", true).await;
        client.expect("HTTP").await;
        assert_eq!(
            client.leave().await,
            Duration::ZERO,
            "while its reader is slow"
        );

        assert_eq!(
            Arc::strong_count(&library),
            1,
            "nothing is left of the connections"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_server_plays_on_every_connection_it_is_handed() {
    on_a_worker(async {
        let library = recorded("framing = \"close\"", &[("20ms", "abc")]);
        let server = ReplayServer::new(library);
        for _ in 0..2 {
            let (mut io, far) = duplex(1024);
            server.accept(far);
            let body = "{\"model\":\"r\",\"stream\":true}";
            let length = body.len();
            let request =
                format!("POST {COMPLETIONS} HTTP/1.1\r\ncontent-length: {length}\r\n\r\n{body}");
            io.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            io.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\nabc");
        }
    })
    .await;
}
