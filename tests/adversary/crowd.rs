//! Many at once: each gets its own, whatever becomes of its neighbours.

use futures_util::future::join_all;
use herald::testkit::{Script, ScriptedProvider, TestGateway, chat};

use crate::wire::{Wire, ask, document, post, stream};

#[actix_web::test]
async fn two_hundred_at_once_get_each_its_own_answer() {
    let count = 200;
    // The provider says in a header which answer it is, and in the body the same.
    let scripts = (0..count).map(|n| {
        let own = format!("own-{n}-");
        Script::sse()
            .header("x-request-id", &own)
            .event(chat::role())
            .event(chat::text(&own))
            .pause(std::time::Duration::from_millis(n % 7))
            .event(chat::text(&own))
            .event(chat::finish("stop"))
            .done()
            .finish()
    });
    let provider = ScriptedProvider::start(scripts).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    let answers = join_all((0..count).map(|_| ask(gateway.address(), stream().to_string()))).await;
    let mut seen = std::collections::BTreeSet::new();
    for answer in answers {
        let own = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(answer.text().matches("own-").count(), 2, "{answer:?}");
        assert_eq!(answer.text().matches(&own).count(), 2, "{answer:?}");
        assert!(seen.insert(answer.header("x-herald-request-id").unwrap().to_owned()));
        assert!(seen.insert(own));
    }
}

#[actix_web::test]
async fn streams_documents_errors_and_leavers_do_not_mix() {
    let own = |n: usize| format!("own-{n}-");
    let script = |n: usize| match n % 6 {
        0 => Script::chat([own(n)]),
        1 => Script::sse().event(chat::text(&own(n))).close(),
        2 => Script::json(429, chat::error(&own(n), "rate_limit_error")),
        3 => Script::sse().event(chat::text(&own(n))).reset(),
        4 => Script::sse()
            .event(chat::text(&own(n)))
            .event(chat::error(&own(n), "server_error"))
            .finish(),
        _ => Script::sse().event(chat::text(&own(n))).stall(),
    };
    let provider =
        ScriptedProvider::start((0..120).map(|n| script(n).header("x-request-id", own(n)))).await;
    let gateway = TestGateway::tuned(&provider, "[clocks]\nidle = \"300ms\"\n").await;
    let address = gateway.address();
    // Ten connections, each with request behind request, some of which leave in the middle.
    let clients = (0..10).map(|client| async move {
        let mut wire = Wire::connect(address).await;
        for turn in 0..12 {
            wire.send(post(stream().to_string(), &[])).await;
            if (client + turn) % 5 == 4 {
                wire.head().await;
                wire = Wire::connect(address).await;
                continue;
            }
            let answer = wire.answer().await;
            if let Some(own) = answer.header("x-request-id") {
                let text = answer.text();
                assert_eq!(
                    text.matches("own-").count(),
                    text.matches(own).count(),
                    "{answer:?}"
                );
            } else {
                // What was reset before its head came has no header of the provider's.
                assert_eq!((answer.status, answer.refusal_flaw()), (502, None));
            }
        }
    });
    join_all(clients).await;
    assert_eq!(provider.requests().len(), 120);
    provider.push(Script::json(200, chat::completion("alive")));
    assert!(
        ask(address, document().to_string())
            .await
            .text()
            .contains("alive")
    );
}

/// A provider may close an idle connection at any time: that is no failure of the next request.
#[actix_web::test]
async fn a_provider_that_closes_between_requests_fails_nobody() {
    let one = |n: usize| {
        let script = Script::json(200, chat::completion(&format!("own-{n}-")));
        // It does not say so beforehand.
        if n.is_multiple_of(2) {
            script.close()
        } else {
            script
        }
    };
    let provider = ScriptedProvider::start((0..60).map(one)).await;
    let gateway = TestGateway::in_front_of(&provider).await;
    for n in 0..60 {
        let answer = ask(gateway.address(), document().to_string()).await;
        assert_eq!(answer.status, 200, "request {n}: {answer:?}");
        assert!(answer.text().contains(&format!("own-{n}-")), "{answer:?}");
    }
}
