//! From a scripted provider to a file.

use std::{
    fs,
    io::Write as _,
    os::unix::{
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    process::{Command, Stdio},
};

use herald::{
    providers::replay::recording::{Framing, Recording},
    testkit::{self, Gate, Script, ScriptedProvider, chat},
};

use super::{KEY, Ran, Workplace};

/// A recording of one streamed answer: its fields, and a body of two events.
fn stream(status: u16, fields: &str) -> Recording {
    let body: Vec<_> = [chat::text("Hello"), "[DONE]".to_owned()]
        .map(|data| {
            format!(
                "[[answers.chunks]]\nafter = \"10ms\"\ndata = {:?}\n",
                format!("data: {data}\n\n")
            )
        })
        .into();
    let text = format!(
        "description = \"d\"\n[[answers]]\nstream = true\nstatus = {status}\n\
         headers = [[\"Content-Type\", \"text/event-stream\"], [\"X-Request-ID\", \"r1\"]]\n{fields}\n{}",
        body.concat()
    );
    Recording::parse("the test's own", &text).unwrap()
}

#[actix_web::test]
async fn what_a_provider_answers_is_recorded_however_it_is_framed_and_ends() {
    let cases = [
        stream(200, "framing = \"chunked\""),
        stream(200, "framing = \"chunked\"\nend = \"truncated\""),
        stream(200, "framing = \"chunked\"\nend = \"reset\""),
        stream(503, "framing = \"length\""),
        stream(
            429,
            "framing = \"length\"\nend = \"truncated\"\ncontent_length = 9999",
        ),
        stream(200, "framing = \"close\""),
    ];
    let scripts = cases.iter().map(|case| Script::playing(&case.answers[0]));
    let provider = ScriptedProvider::start(scripts).await;
    let place = Workplace::new(&provider, "");
    for case in cases {
        let ran = place.record("--force");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let recorded = place.recording("mine.toml").without_pauses();
        let mut expected = case.clone().without_pauses().answers;
        // Without chunks a piece is what one read gave, and the two writes may come in one.
        let mut answers = recorded.answers;
        if expected[0].framing != Framing::Chunked {
            for answer in [&mut answers[0], &mut expected[0]] {
                let body: Vec<u8> = answer
                    .chunks
                    .drain(..)
                    .flat_map(|chunk| chunk.data)
                    .collect();
                assert!(body.ends_with(b"data: [DONE]\n\n"));
            }
        }
        assert_eq!(answers, expected);
    }
    let request = provider.next_request().await;
    assert_eq!(
        request.header("authorization").unwrap(),
        format!("Bearer {KEY}")
    );
    assert_eq!(request.json()["model"], "theirs");
    assert_eq!(request.json()["stream"], true);
}

#[actix_web::test]
async fn both_answers_go_into_one_file_that_tells_what_it_holds_and_who_may_read_it() {
    let document = Script::json(200, r#"{"choices":[]}"#).header("Set-Cookie", "a=1");
    let provider = ScriptedProvider::start([Script::chat(["Hel", "lo"]), document]).await;
    let place = Workplace::new(&provider, "");
    let ran = place.record("--both --output both.toml --description Greetings");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out
            .starts_with("both.toml:\n  stream: status 200, 5 chunks in "),
        "{}",
        ran.out
    );
    assert!(
        ran.out.ends_with("\n  herald replay play both.toml\n"),
        "{}",
        ran.out
    );
    let err = "herald: asking theirs at p (stream)\nherald: asking theirs at p (document)\n\
        herald: scrubbed the headers Set-Cookie\n";
    assert_eq!(ran.err, err);

    let recording = place.recording("both.toml");
    assert_eq!(recording.description, "Greetings");
    assert_eq!(recording.answer(true).unwrap().chunks.len(), 5);
    assert_eq!(
        recording.answer(false).unwrap().chunks[0].data,
        r#"{"choices":[]}"#
    );
    let mode = place
        .0
        .join("both.toml")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(place.files(), ["both.toml", "herald.toml"]);
    let asked: Vec<_> = provider
        .requests()
        .iter()
        .map(|request| request.json()["stream"].clone())
        .collect();
    assert_eq!(asked, [true, false]);
}

#[actix_web::test]
async fn no_key_gets_into_a_recording_wherever_the_provider_repeats_it() {
    let (start, end) = KEY.split_at(11);
    let answer = Script::sse()
        .header("x-echo", KEY)
        .header("openai-organization", "guild")
        .body(format!("data: {{\"a\":\"{start}"))
        .body(format!("{end}\"}}\n\n"))
        .body(
            b"\xff "
                .iter()
                .chain(KEY.as_bytes())
                .copied()
                .collect::<Vec<_>>(),
        )
        .finish();
    let provider = ScriptedProvider::start([answer]).await;
    let place = Workplace::new(&provider, "");
    let ran = place.record("");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let said = "herald: scrubbed the headers x-echo, openai-organization\n\
        herald: scrubbed the provider's key out of the body, 2 times\n";
    assert!(ran.err.ends_with(said), "{}", ran.err);

    let answer = &place.recording("mine.toml").answers[0];
    let sizes: Vec<_> = answer.chunks.iter().map(|chunk| chunk.data.len()).collect();
    assert_eq!(sizes, [12 + start.len(), 4 + end.len(), 2 + KEY.len()]);
    let body: Vec<u8> = answer
        .chunks
        .iter()
        .flat_map(|chunk| chunk.data.clone())
        .collect();
    for bytes in [
        place.text("mine.toml").as_bytes(),
        &body,
        ran.out.as_bytes(),
        ran.err.as_bytes(),
    ] {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(end) && !text.contains("guild"), "{text}");
    }
}

#[actix_web::test]
async fn where_a_file_cannot_go_the_provider_is_not_asked_and_one_that_is_there_stays() {
    let provider = ScriptedProvider::start([Script::chat(["Hi"])]).await;
    let place = Workplace::new(&provider, "");
    fs::write(place.0.join("mine.toml"), "precious").unwrap();
    let ran = place.record("");
    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.err,
        "herald: mine.toml is there already: choose another --output, or --force\n"
    );
    assert_eq!(place.text("mine.toml"), "precious");
    let ran = place.record("--output nowhere/mine.toml");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(1), "herald: nowhere is no folder\n")
    );
    fs::create_dir(place.0.join("folder.toml")).unwrap();
    let socket = UnixListener::bind(place.0.join("socket.toml")).unwrap();
    symlink("/dev/null", place.0.join("device.toml")).unwrap();
    for there in ["folder.toml", "socket.toml", "device.toml"] {
        let before = place.0.join(there).symlink_metadata().unwrap().file_type();
        let ran = place.record(&format!("--force --output {there}"));
        let why = format!("herald: {there} cannot be written: it is there already, and no file\n");
        assert_eq!((ran.code, ran.err), (Some(1), why));
        let after = place.0.join(there).symlink_metadata().unwrap().file_type();
        assert_eq!(before, after, "{there}");
    }
    drop(socket);
    let nameless = format!("--output {}.toml", "a".repeat(300));
    assert_eq!(place.record(&nameless).code, Some(1));
    assert!(provider.requests().is_empty());
    assert_eq!(place.record("--force").code, Some(0));
    assert_eq!(place.recording("mine.toml").answers[0].status, 200);
}

#[actix_web::test]
async fn where_a_link_leads_to_a_file_the_file_is_replaced_and_the_link_stays() {
    let provider = ScriptedProvider::start([Script::chat(["Hi"])]).await;
    let place = Workplace::new(&provider, "");
    fs::create_dir(place.0.join("kept")).unwrap();
    fs::write(place.0.join("kept/real.toml"), "old").unwrap();
    symlink("kept/real.toml", place.0.join("mine.toml")).unwrap();
    let ran = place.record("--force");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(place.recording("kept/real.toml").answers[0].status, 200);
    assert!(place.0.join("mine.toml").is_symlink());
    assert_eq!(place.files(), ["herald.toml", "kept", "mine.toml"]);
}

#[actix_web::test]
async fn a_signal_ends_a_recording_and_nothing_is_left_of_it() {
    for signal in ["-INT", "-TERM"] {
        let gate = Gate::new();
        let stalls = Script::sse().event("{}").wait(&gate);
        let provider = ScriptedProvider::start([stalls]).await;
        let place = Workplace::new(&provider, "");
        let mut command = place.command("--settings herald.toml replay record --model mine");
        let herald = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let herald = herald.unwrap();
        provider.next_request().await;
        let pid = herald.id().to_string();
        let killed = Command::new("kill").args([signal, &pid]).status();
        assert!(killed.unwrap().success());
        let ran = Ran::from(herald.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
        assert!(
            ran.err.ends_with("herald: told to stop: nothing is kept\n"),
            "{ran:?}"
        );
        assert_eq!(place.files(), ["herald.toml"]);
    }
}

#[actix_web::test]
async fn a_header_named_by_the_key_loses_its_name_and_nobody_is_told_it() {
    let answer = Script::chat(["Hi"])
        .header(KEY, "1")
        .header("x-request-id", "r1");
    let provider = ScriptedProvider::start([answer]).await;
    let place = Workplace::new(&provider, "");
    let ran = place.record("");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let headers = &place.recording("mine.toml").answers[0].headers;
    assert!(headers.iter().any(|(name, _)| name == "x-request-id"));
    let text = place.text("mine.toml");
    for text in [&ran.out, &ran.err, &text] {
        assert!(!text.to_lowercase().contains(KEY), "{text}");
    }
}

#[actix_web::test]
async fn what_cannot_be_recorded_leaves_no_file_and_says_why() {
    let gate = Gate::new();
    let cases = [
        (
            Script::sse()
                .header("content-encoding", "gzip")
                .body("x")
                .finish(),
            "its answer has a content-encoding although none was asked for; keys could hide in it",
        ),
        (
            Script::json(200, "x".repeat(2000)),
            "its answer is larger than 1024 bytes (upstream.max_body_bytes)",
        ),
        (
            Script::sse().event("{}").wait(&gate),
            "nothing more within 200ms (clocks.idle)",
        ),
        (Script::raw().close(), "the connection broke"),
        (
            Script::new().status(204),
            "it answered with status 204, which a recording cannot hold",
        ),
    ];
    for (script, reason) in cases {
        let provider = ScriptedProvider::start([script]).await;
        let place = Workplace::new(&provider, "");
        let settings = place.text("herald.toml");
        let bounds = "upstream.max_body_bytes = \"1KiB\"\nclocks.idle = \"200ms\"\n";
        fs::write(place.0.join("herald.toml"), format!("{bounds}{settings}")).unwrap();
        let ran = place.record("");
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
        assert_eq!(
            ran.err,
            format!("herald: asking theirs at p (stream)\nherald: provider `p`: {reason}\n")
        );
        assert_eq!(place.files(), ["herald.toml"]);
    }
}

#[actix_web::test]
async fn a_provider_behind_tls_is_recorded_with_the_roots_of_the_settings() {
    let provider = ScriptedProvider::start_tls([Script::chat(["Hi"])]).await;
    let place = Workplace::new(&provider, "ca_file = \"root.pem\"");
    fs::write(place.0.join("root.pem"), provider.root_pem()).unwrap();
    let ran = place.record("");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(place.recording("mine.toml").answers[0].chunks.len(), 4);
}

#[actix_web::test]
async fn a_request_of_ones_own_comes_from_a_file_or_from_standard_input() {
    let provider = ScriptedProvider::start([Script::json(200, "{}"), Script::chat(["Hi"])]).await;
    let place = Workplace::new(&provider, "");
    let body = r#"{"model":"mine","stream":false, "temperature":0.10}"#;
    fs::write(place.0.join("body.json"), body).unwrap();
    let ran = place.run("--settings herald.toml replay record --body body.json --output a.toml");
    assert_eq!(ran.code, Some(0), "{ran:?}");

    let mut command =
        place.command("--settings herald.toml replay record --model mine --body - --output b.toml");
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut herald = command.spawn().unwrap();
    herald
        .stdin
        .take()
        .unwrap()
        .write_all(b"{\"n\":1}")
        .unwrap();
    assert!(herald.wait().unwrap().success());

    let bodies: Vec<_> = provider
        .requests()
        .iter()
        .map(|request| request.body.clone())
        .collect();
    let first = r#"{"model":"theirs","stream":false, "temperature":0.10}"#;
    assert_eq!(bodies, [first, r#"{"stream":true,"model":"theirs","n":1}"#]);
}

#[test]
fn a_script_of_a_recording_has_its_framing() {
    let recording = stream(200, "framing = \"close\"");
    let script = format!("{:?}", Script::playing(&recording.answers[0]));
    assert!(
        script.contains(&format!("{:?}", testkit::Framing::CloseDelimited)),
        "{script}"
    );
}
