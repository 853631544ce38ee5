//! From a file to a client.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use herald::{
    providers::replay::{library::ReplayLibrary, recording::End},
    testkit::{Script, ScriptedProvider, TestGateway},
};

use super::Workplace;

/// An answer with a policy to apply: a header that passes, one that does not, a pause, a break.
const BROKEN: &str = r#"
description = "d"
[[answers]]
stream = true
status = 200
headers = [["content-type", "text/event-stream"], ["x-request-id", "r1"], ["x-other", "o"], ["server", "s"]]
framing = "chunked"
end = "truncated"
[[answers.chunks]]
data = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n"
[[answers.chunks]]
after = "60s"
data = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"}}]}\n\n"
"#;

#[actix_web::test]
async fn a_recording_is_played_as_a_client_of_herald_would_see_it() {
    let place = Workplace::new(
        &ScriptedProvider::start([]).await,
        "metadata.allow = [\"x-other\"]",
    );
    fs::write(place.0.join("broken.toml"), BROKEN).unwrap();
    let ran = place.run("replay play --fast broken.toml");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let (head, body) = ran.out.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.contains("\r\nx-request-id: r1\r\n")
            && !head.contains("\r\nserver:")
            && !head.contains("x-other")
    );
    let events: Vec<_> = body.split_terminator("\n\n").collect();
    assert_eq!(events.len(), 3);
    assert!(
        events[2].contains(r#""code":"upstream_truncated""#),
        "{body}"
    );

    // As a model of the settings the rules of its provider hold.
    let ran = place.run("--settings herald.toml replay play --fast --model mine broken.toml");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("\r\nx-other: o\r\n"), "{}", ran.out);
    assert!(
        ran.out.contains("\r\nx-upstream-model: theirs\r\n"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("x-herald-settings-generation: 2"));
}

#[actix_web::test]
async fn playing_ends_well_when_its_reader_has_seen_enough() {
    let place = Workplace::new(&ScriptedProvider::start([]).await, "");
    // Without the second pause there is nobody to notice that the reader left.
    fs::write(place.0.join("broken.toml"), BROKEN.replace("60s", "300ms")).unwrap();
    let mut command = place.command("replay play broken.toml");
    let mut herald = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(herald.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("Hello")));
    drop(lines);
    assert_eq!(herald.wait().unwrap().code(), Some(0));
    let mut err = String::new();
    herald
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!(err, "");
}

#[actix_web::test]
async fn what_cannot_be_played_is_refused_with_its_place() {
    let place = Workplace::new(&ScriptedProvider::start([]).await, "");
    fs::write(place.0.join("bad.toml"), "description = \"d\"\nspeed = 2\n").unwrap();
    fs::write(place.0.join("broken.toml"), BROKEN).unwrap();
    for (words, err) in [
        (
            "replay play bad.toml",
            "herald: bad.toml, line 2, column 1: unknown field `speed`",
        ),
        (
            "replay play none.toml",
            "herald: none.toml: cannot be read: ",
        ),
        (
            "replay play --no-stream broken.toml",
            "herald: broken.toml: has no answer to a request without a stream\n",
        ),
        (
            "--settings herald.toml replay play broken.toml",
            "herald: --settings has no say here without --model",
        ),
        (
            "replay play --model nope broken.toml",
            "herald: \"nope\" is no model of the settings; there are `replay-text`, ",
        ),
    ] {
        let ran = place.run(words);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{words}");
        assert!(ran.err.starts_with(err), "{words}: {}", ran.err);
    }
}

#[actix_web::test]
async fn a_client_of_a_recording_sees_what_it_would_have_seen_of_the_provider() {
    let answer = || {
        Script::chat(["Hel", "lo"])
            .header("x-request-id", "r1")
            .header("x-ratelimit-remaining-requests", "7")
    };
    let provider = ScriptedProvider::start([answer(), answer()]).await;
    let live = TestGateway::in_front_of(&provider).await;
    let place = Workplace::new(&provider, "");
    assert_eq!(place.record("").code, Some(0));
    fs::remove_file(place.0.join("herald.toml")).unwrap();
    let recordings = ReplayLibrary::from_dir(&place.0).unwrap().without_pauses();
    assert_eq!(
        recordings.get("mine").unwrap().answers[0].end,
        End::Complete
    );
    let played = TestGateway::playing(recordings).await;

    let mut seen = Vec::new();
    for (gateway, model) in [(&live, "scripted-model"), (&played, "mine")] {
        let request =
            awc::Client::default().post(format!("{}/chat/completions", gateway.base_url()));
        let mut answer = request
            .send_json(&serde_json::json!({ "model": model, "stream": true }))
            .await
            .unwrap();
        let mut names: Vec<_> = answer
            .headers()
            .keys()
            .map(|name| name.as_str().to_owned())
            .collect();
        names.sort_unstable();
        let id = answer.headers().get("x-request-id").unwrap().clone();
        seen.push((answer.status(), names, id, answer.body().await.unwrap()));
    }
    assert_eq!(seen[0], seen[1]);
}
