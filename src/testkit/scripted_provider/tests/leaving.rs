//! When and how the caller leaves, in each phase.

use super::*;
use crate::testkit::{Departure, Gate};

fn is_waiting(what: &Happened) -> bool {
    *what == Happened::Waiting
}

#[actix_web::test]
async fn a_caller_that_leaves_during_a_stall_is_seen_at_once() {
    for (script, written) in [
        (Script::sse().stall(), ""),
        (Script::sse().head().stall(), SSE_HEAD),
    ] {
        let provider = ScriptedProvider::start([script]).await;
        let mut caller = ask(&provider).await;
        provider.wait_for("the stall", is_waiting).await;
        // All of it: a socket closed with unread bytes would be reset by the kernel.
        expect(&mut caller, written).await;
        let sent = written.len() as u64;
        let before = tokio::time::Instant::now();
        drop(caller);
        let left = provider.caller_left().await;
        assert_eq!((left.connection, left.request), (1, 1));
        assert_eq!(
            left.what,
            Happened::CallerLeft {
                how: Departure::Eof,
                sent
            }
        );
        assert!(left.at >= before && left.at - before < Duration::from_secs(1));
    }
}

#[actix_web::test]
async fn a_caller_that_leaves_before_a_gate_is_opened_is_seen_at_once() {
    let provider = ScriptedProvider::start([Script::sse().wait(&Gate::new()).event("{}")]).await;
    let caller = ask(&provider).await;
    provider.wait_for("the gate", is_waiting).await;
    drop(caller);
    let left = provider.caller_left().await;
    assert_eq!(
        left.what,
        Happened::CallerLeft {
            how: Departure::Eof,
            sent: 0
        }
    );
}

#[actix_web::test]
async fn a_caller_that_resets_is_told_from_one_that_closes() {
    let provider = ScriptedProvider::start([Script::sse().stall()]).await;
    let caller = ask(&provider).await;
    provider.wait_for("the stall", is_waiting).await;
    caller.set_zero_linger().unwrap();
    drop(caller);
    let left = provider.caller_left().await;
    assert_eq!(
        left.what,
        Happened::CallerLeft {
            how: Departure::Reset,
            sent: 0
        }
    );
}

#[actix_web::test]
async fn a_caller_that_stops_reading_a_flood_blocks_it_and_may_then_leave() {
    let event = "x".repeat(1000);
    let provider = ScriptedProvider::start([Script::sse().flood(&event, u64::MAX / 2000)]).await;
    let caller = ask(&provider).await;
    let is_blocked = |what: &Happened| matches!(what, Happened::Blocked { .. });
    let blocked = provider
        .wait_for("the flood to be blocked", is_blocked)
        .await;
    drop(caller);
    let left = provider.caller_left().await;
    let (Happened::Blocked { sent: before }, Happened::CallerLeft { how, sent }) =
        (blocked.what, left.what)
    else {
        panic!("other events than awaited");
    };
    // Sockets hold something, and the kernel resets for a program that leaves bytes unread.
    assert!(
        before > 1000 && sent >= before,
        "{before} bytes, then {sent}"
    );
    assert_eq!(how, Departure::Reset);
}

#[actix_web::test]
async fn a_flood_goes_on_when_the_caller_reads_again() {
    let provider =
        ScriptedProvider::start([Script::sse().flood("x".repeat(100_000), 200).close()]).await;
    let mut caller = ask(&provider).await;
    provider
        .wait_for("the block", |what| matches!(what, Happened::Blocked { .. }))
        .await;
    let text = read_to_end(&mut caller).await;
    assert_eq!(text.matches("data: ").count(), 200);
    let finished = provider
        .wait_for("the end", |what| {
            matches!(what, Happened::ScriptFinished { .. })
        })
        .await;
    assert_eq!(
        finished.what,
        Happened::ScriptFinished {
            sent: text.len() as u64
        }
    );
    assert!(names(&provider).contains(&"Unblocked".to_owned()));
}

#[actix_web::test]
async fn a_caller_that_leaves_in_the_middle_of_its_request_has_left() {
    for script in [Script::new(), Script::sse().stall().answer_early()] {
        let provider = ScriptedProvider::start([script]).await;
        let mut caller = connect(&provider).await;
        send(&mut caller, "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{").await;
        provider
            .wait_for("the head", |what| {
                matches!(what, Happened::RequestHead { .. })
            })
            .await;
        drop(caller);
        let left = provider.caller_left().await;
        assert_eq!(
            left.what,
            Happened::CallerLeft {
                how: Departure::Eof,
                sent: 0
            }
        );
        assert_eq!(provider.requests(), []);
    }
}

#[actix_web::test]
async fn a_caller_that_leaves_after_its_answer_has_only_closed_the_connection() {
    let provider = ScriptedProvider::start([Script::new()]).await;
    let mut caller = ask(&provider).await;
    expect(&mut caller, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    drop(caller);
    provider
        .wait_for("the close", |what| *what == Happened::ConnectionClosed)
        .await;
    let expected = [
        "Connected",
        "RequestHead",
        "RequestReceived",
        "HeadSent",
        "ScriptFinished",
        "ConnectionClosed",
    ];
    assert_eq!(names(&provider), expected);
}

#[actix_web::test]
async fn in_memory_a_dropped_pipe_is_a_leave_in_a_stall_and_in_a_flood() {
    let provider = ScriptedProvider::in_memory([
        Script::sse().head().stall(),
        Script::sse().flood("x", u64::MAX / 100),
    ]);
    for awaited in ["Waiting", "Blocked"] {
        let (mut caller, io) = tokio::io::duplex(1024);
        provider.accept(io);
        send(&mut caller, REQUEST).await;
        let is_awaited = |what: &Happened| format!("{what:?}").starts_with(awaited);
        provider.wait_for(awaited, is_awaited).await;
        drop(caller);
        let left = provider.caller_left().await;
        assert!(matches!(
            left.what,
            Happened::CallerLeft {
                how: Departure::Eof,
                ..
            }
        ));
    }
}
