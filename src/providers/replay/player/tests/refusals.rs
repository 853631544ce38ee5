//! What the player says to requests that it has no recorded answer for.

use serde_json::Value;

use super::*;

impl Client {
    /// The status and error object of one of the player's own answers.
    async fn refusal(&mut self) -> (u16, Value) {
        let head = self.until("\r\n\r\n").await;
        assert!(
            head.contains("\r\ncontent-type: application/json\r\n"),
            "{head}"
        );
        let (_, length) = head.trim_end().rsplit_once("content-length: ").unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.io.read_exact(&mut body).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        (head[9..12].parse().unwrap(), body["error"].clone())
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_recorded_is_refused_and_the_connection_stays() {
    on_a_worker(async {
        let library = recorded("framing = \"length\"", &[("0s", "abc")]);
        let mut client = Client::connect(&library);

        client.ask_for("gpt-9", true).await;
        let (status, error) = client.refusal().await;
        assert_eq!(
            (status, &error["code"], &error["param"]),
            (404, &"model_not_found".into(), &"model".into())
        );
        assert_eq!(
            error["message"],
            "There is no recording `gpt-9`. There are: r."
        );
        assert_eq!(error["type"], "invalid_request_error");

        for body in [
            "{\"model\":\"r\",\"stream\":false}",
            "{\"model\":\"r\",\"stream\":null}",
            "{\"model\":\"r\"}",
        ] {
            client.ask(body).await;
            let (status, error) = client.refusal().await;
            assert_eq!(
                (status, &error["code"]),
                (400, &"answer_not_recorded".into())
            );
            assert_eq!(
                error["message"],
                "The recording `r` has no non-streaming answer."
            );
        }

        for body in ["", "{", "[]", "{\"stream\":true}", "{\"model\":1}"] {
            client.ask(body).await;
            let (status, error) = client.refusal().await;
            assert_eq!((status, &error["code"]), (400, &Value::Null), "{body}");
            let message = error["message"].as_str().unwrap();
            assert!(
                message.starts_with("The request could not be understood: "),
                "{message}"
            );
        }

        client.send("POST /v1/responses HTTP/1.1\r\n\r\n").await;
        let (status, error) = client.refusal().await;
        assert_eq!((status, &error["code"]), (404, &"unknown_url".into()));

        client
            .send(format!("GET {COMPLETIONS} HTTP/1.1\r\n\r\n"))
            .await;
        let (status, error) = client.refusal().await;
        assert_eq!(
            (status, &error["code"]),
            (405, &"method_not_supported".into())
        );

        client.ask_for("r", true).await;
        client
            .expect("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc")
            .await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_read_is_refused_and_the_connection_closes() {
    let post = "POST /v1/chat/completions HTTP/1.1\r\n";
    let cases = [
        ("\u{1}\r\n\r\n".to_owned(), 400),
        (format!("{post}content-length: ten\r\n\r\n"), 400),
        (
            format!("{post}transfer-encoding: chunked\r\n\r\nxyz\r\n"),
            400,
        ),
        (
            format!("{post}transfer-encoding: chunked\r\n\r\n1\r\n{{}}\r\n0\r\n\r\n"),
            400,
        ),
        (
            format!("{post}transfer-encoding: chunked\r\n\r\n0\r\nno trailer\r\n\r\n"),
            400,
        ),
        (format!("{post}content-length: 67108865\r\n\r\n"), 413),
        (
            format!("{post}transfer-encoding: chunked\r\n\r\n4000001\r\n"),
            413,
        ),
        (format!("{post}x-long: {}", "x".repeat(64 << 10)), 413),
    ];
    on_a_worker(async {
        let library = Arc::new(ReplayLibrary::embedded());
        for (request, expected) in cases {
            let mut client = Client::connect_through(&library, 1 << 20);
            client.send(&request).await;
            let (status, error) = client.refusal().await;
            assert_eq!(status, expected, "{error}");
            assert_eq!(client.rest().await, "");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_long_model_name_is_said_back_only_in_part() {
    on_a_worker(async {
        let library = recorded("framing = \"length\"", &[]);
        let mut client = Client::connect(&library);
        client.ask_for(&"é".repeat(1000), true).await;
        let (_, error) = client.refusal().await;
        let expected = format!("There is no recording `{}`. There are: r.", "é".repeat(64));
        assert_eq!(error["message"], expected);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_chunked_request_is_too_large_when_its_chunks_are_so_together() {
    let mut request = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..5 {
        request.extend_from_slice(b"1000000\r\n");
        request.resize(request.len() + (16 << 20), b' ');
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let read = RequestReader::new(&request[..]).next().await;
    assert!(matches!(read, Err(NoRequest::TooLarge)));
}
