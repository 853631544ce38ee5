//! Each fault of a provider behind two gateways, as Cody is told of it in each version, by stream and by
//! document: where the next gateway is a Herald, and where it is a Cody Gateway, which a Herald plays.

use futures_util::future::join_all;
use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use crate::{
    asked_by_cody::{Way, ask, every_way, play},
    client::Reply,
    cody::{Refusal, Verdict, refusal},
    heralds::{before_cody_gateway, herald, provider},
    played::{KEY, PlayedGateway},
};

/// The next gateway's clocks: whatever runs out runs out there. Its head waits for content, so that what
/// fails before any is a status.
const CLOCKS: &str = "[clocks]\nhead = \"300ms\"\nidle = \"300ms\"\nhold = \"10s\"\n";

/// To which requests a fault can happen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Any,
    Streams,
    Documents,
}

/// What a provider does, and what is told of it before an answer has begun.
struct Fault {
    what: &'static str,
    to: To,
    script: Script,
    /// Its own status; `None`: it has sent none.
    origin: Option<u16>,
    /// What the next gateway makes of it.
    next: u16,
    /// By which word the next gateway knows it.
    code: &'static str,
    retry_after: Option<&'static str>,
    /// A part of what Cody's user reads.
    words: &'static str,
}

impl Fault {
    fn new(what: &'static str, to: To, script: Script) -> Self {
        Self {
            what,
            to,
            script: script.repeat(),
            origin: None,
            next: 502,
            code: "",
            retry_after: None,
            words: "provider `theirs`",
        }
    }

    fn told(self, origin: impl Into<Option<u16>>, next: u16, code: &'static str) -> Self {
        Self {
            origin: origin.into(),
            next,
            code,
            ..self
        }
    }

    fn retry_after(self, seconds: &'static str) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    fn saying(self, words: &'static str) -> Self {
        Self { words, ..self }
    }
}

/// Faults before an answer has begun.
fn before_the_answer() -> Vec<Fault> {
    use To::{Any, Documents, Streams};
    let refused = |status| Script::json(status, scripted::error("the word", "some_error"));
    let status = |what, origin, next, code| {
        Fault::new(what, Any, refused(origin))
            .told(origin, next, code)
            .saying("the word")
    };
    vec![
        status("a refused request", 400, 400, "upstream_rejected"),
        status("a refused key", 401, 502, "upstream_auth"),
        status("no money", 402, 502, "upstream_payment_required"),
        status("a forbidden model", 403, 502, "upstream_forbidden"),
        status("a broken provider", 500, 502, "upstream_error"),
        status("a full one", 529, 503, "upstream_overloaded").retry_after("5"),
        Fault::new("a busy one", Any, refused(503).header("retry-after", "9"))
            .told(503, 503, "upstream_overloaded")
            .retry_after("9")
            .saying("the word"),
        // The quota is the next gateway's, not the caller's.
        Fault::new(
            "a spent quota",
            Any,
            refused(429).header("retry-after", "7"),
        )
        .told(429, 503, "upstream_rate_limited")
        .retry_after("7")
        .saying("the word"),
        Fault::new("silence", Any, Script::new().stall()).told(None, 504, "upstream_head"),
        Fault::new("an end", Any, Script::raw().close()).told(None, 502, "upstream_reset"),
        Fault::new("a reset", Any, Script::raw().reset()).told(None, 502, "upstream_reset"),
        Fault::new("no HTTP", Any, Script::raw().bytes("what\r\n\r\n").close()).told(
            None,
            502,
            "upstream_bad_head",
        ),
        Fault::new("an empty stream", Streams, Script::sse().head().finish()).told(
            200,
            502,
            "upstream_empty",
        ),
        Fault::new(
            "an error before content",
            Streams,
            Script::sse()
                .event(scripted::role())
                .event(scripted::error("the word", "overloaded_error"))
                .finish(),
        )
        .told(200, 503, "upstream_error_event")
        .retry_after("5")
        .saying("the word"),
        Fault::new(
            "half a document",
            Documents,
            Script::json(200, "{\"choices\":["),
        )
        .told(200, 502, "upstream_truncated"),
        Fault::new("no document", Documents, Script::json(200, "<p>")).told(
            200,
            502,
            "upstream_not_json",
        ),
        Fault::new(
            "an error in its place",
            Documents,
            Script::json(200, scripted::error("the word", "server_error")),
        )
        .told(200, 502, "upstream_error_event")
        .saying("the word"),
    ]
}

/// Faults of a stream that has begun.
fn midway() -> Vec<Fault> {
    let begun = || {
        Script::sse()
            .event(scripted::role())
            .event(scripted::text("Hallö"))
    };
    let stream = |what, script| Fault::new(what, To::Streams, script);
    vec![
        stream("cut off", begun().finish()),
        stream("a reset", begun().reset()),
        stream("silence", begun().stall()),
        stream("no JSON", begun().event("what?").finish()),
        stream(
            "its own error",
            begun()
                .event(scripted::error("the word", "server_error"))
                .finish(),
        )
        .saying("the word"),
    ]
}

/// The Herald that Cody asks, and the next gateway.
struct Pair {
    first: TestGateway,
    is_herald: bool,
    _next: Next,
}

enum Next {
    Herald(#[expect(dead_code, reason = "it runs until it is dropped")] TestGateway),
    Played(#[expect(dead_code, reason = "it runs until it is dropped")] PlayedGateway),
}

impl Pair {
    async fn before(scripted: &ScriptedProvider, is_herald: bool) -> Self {
        let (first, next) = if is_herald {
            let asks = format!(
                "id = \"theirs\"\nkind = \"openai\"\nbase_url = \"{}\"\nshared_quota = true",
                scripted.base_url()
            );
            let next = TestGateway::with_settings(&format!(
                "{CLOCKS}[metadata]\nproxy_name = \"played\"\n[[providers]]\n{asks}\n\
                 [[models]]\nid = \"m\"\ntargets = [{{ provider = \"theirs\", model = \"gpt-4o\" }}]\n"
            ))
            .await;
            let asks = provider("first", "herald", &next.base_url());
            (herald("first", &asks, "").await, Next::Herald(next))
        } else {
            let next = PlayedGateway::before("openai", &scripted.base_url(), "", CLOCKS).await;
            let first = before_cody_gateway(&next.base_url(), "openai/gpt-4o", "").await;
            (first, Next::Played(next))
        };
        Self {
            first,
            is_herald,
            _next: next,
        }
    }

    /// Who the origin is, as far as the first can know: a Cody Gateway says nothing of those behind it.
    fn origin(&self, fault: &Fault) -> (&'static str, Option<String>) {
        let (who, status) = if self.is_herald {
            ("theirs", fault.origin)
        } else {
            ("first-asks", Some(fault.next))
        };
        (who, status.map(|status| status.to_string()))
    }

    /// Each gateway that speaks of itself, the one nearest to the origin first.
    fn members(&self, fault: &Fault) -> String {
        let next = fault.next;
        let told = match next {
            400 => "upstream_rejected",
            503 => "upstream_overloaded",
            504 => "upstream_timeout",
            _ => "upstream_error",
        };
        if !self.is_herald {
            return format!("first;received-status={next};details=\"{told}\"");
        }
        format!("first;next-hop=\"first-asks\";received-status={next};details=\"{told}\"")
    }

    fn is_told(&self, fault: &Fault, way: Way, reply: &Reply) {
        let what = format!("{}, {way:?}, herald: {}", fault.what, self.is_herald);
        let (who, status) = self.origin(fault);
        assert_eq!(reply.status, fault.next, "{what}");
        assert_eq!(reply.header("x-upstream-provider"), Some(who), "{what}");
        assert_eq!(
            reply.header("x-upstream-status"),
            status.as_deref(),
            "{what}"
        );
        assert_eq!(reply.header("retry-after"), fault.retry_after, "{what}");
        assert_eq!(reply.header("set-cookie"), None, "{what}");
        let field = reply.header("proxy-status").unwrap();
        let own = self.members(fault);
        let Some(nearer) = field.strip_suffix(&own) else {
            panic!("{what}: {field} and not {own}");
        };
        if self.is_herald {
            assert!(nearer.starts_with("played;"), "{what}: {field}");
            let code = format!("details=\"{}\", ", fault.code);
            assert!(nearer.ends_with(&code), "{what}: {field}");
            let received = fault
                .origin
                .map(|status| format!(";received-status={status};"));
            let received = received.as_deref().unwrap_or(";error=");
            assert!(nearer.contains(received), "{what}: {field}");
        } else {
            assert_eq!(nearer, "", "{what}");
            let resolved = reply.header("x-cody-resolved-model");
            assert_eq!(resolved, Some("openai/gpt-4o"), "{what}");
        }
    }
}

/// Lets a fault happen to every request that it can happen to, at once.
async fn each_way<T>(fault: &Fault, pair: &Pair, check: impl AsyncFn(Way, Reply) -> T) {
    let ways = every_way()
        .into_iter()
        .filter(|(_, stream)| match fault.to {
            To::Any => true,
            To::Streams => *stream,
            To::Documents => !stream,
        });
    join_all(ways.map(async |way| check(way, ask(&pair.first, way).await).await)).await;
}

#[actix_web::test]
async fn a_fault_before_the_answer_is_a_status_whose_it_is_and_words_in_every_version() {
    for fault in before_the_answer() {
        for is_herald in [true, false] {
            let scripted = ScriptedProvider::start([fault.script.clone()]).await;
            let pair = Pair::before(&scripted, is_herald).await;
            each_way(&fault, &pair, async |way, mut reply| {
                pair.is_told(&fault, way, &reply);
                let kind = reply.header("content-type");
                assert_eq!(kind, Some("text/plain; charset=utf-8"));
                let Refusal::Network(_, words) = refusal(&mut reply).await else {
                    panic!("{}: Cody is told of no failure", fault.what);
                };
                assert!(words.ends_with('\n') && !words.contains(KEY), "{words}");
                assert!(words.contains(fault.words), "{}: {words}", fault.what);
            })
            .await;
        }
    }
}

#[actix_web::test]
async fn a_fault_of_a_stream_is_an_error_and_then_done_in_every_version() {
    for fault in midway() {
        for is_herald in [true, false] {
            let scripted = ScriptedProvider::start([fault.script.clone()]).await;
            let pair = Pair::before(&scripted, is_herald).await;
            each_way(&fault, &pair, async |(version, _), mut reply| {
                let what = format!("{}, {version}, herald: {is_herald}", fault.what);
                assert_eq!(reply.header("x-upstream-status"), Some("200"), "{what}");
                let (lawful, cody) = play(&mut reply, version).await;
                let words = lawful.error().expect("an error").to_owned();
                assert!(words.contains(fault.words), "{what}: {words}");
                assert_eq!((&*cody.text, &*cody.stop_reason), ("Hallö", ""), "{what}");
                assert_eq!(cody.close(), Verdict::Error(words), "{what}");
            })
            .await;
        }
    }
}
