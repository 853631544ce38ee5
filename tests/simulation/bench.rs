//! One gateway, one scripted provider, one client, one thread, one clock.

use std::{cell::RefCell, collections::HashMap, fmt, future::poll_fn, sync::Arc, time::Duration};

use actix_web::{
    App,
    body::{BoxBody, MessageBody},
    dev::ServiceResponse,
    http::StatusCode,
    rt::System,
    test::{TestRequest, call_service, init_service},
    web,
};
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use herald::{
    Gateway,
    settings::{Settings, VerifiedSettings},
    testkit::{Happened, Script, ScriptedProvider},
    upstream::http_client::Transport,
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

/// Longer than anything may take, and the patience of the provider's own waits.
const DAYS: Duration = Duration::from_secs(10 * 24 * 3600);

/// Runs a simulation to its end; virtual days without one are a hang.
pub(crate) fn simulate<T>(simulation: impl Future<Output = T>) -> T {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    System::with_tokio_rt(runtime).block_on(async {
        timeout(DAYS, simulation)
            .await
            .expect("the simulation hangs")
    })
}

/// Settings with one model of one provider, which [`Bench`] reaches through memory.
pub(crate) fn settings(toml: &str) -> VerifiedSettings {
    let toml = format!(
        "{toml}\n\
         [[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"http://in.memory/v1\"\n\
         [[models]]\nid = \"scripted-model\"\n\
         targets = [{{ provider = \"scripted\", model = \"scripted-model\" }}]\n"
    );
    let settings = Settings::from_toml(&toml).unwrap_or_else(|error| panic!("{error}"));
    settings
        .verify(&HashMap::new())
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

type Call = dyn Fn(TestRequest) -> LocalBoxFuture<'static, ServiceResponse<BoxBody>>;

/// The gateway, mounted, and the provider behind it.
pub(crate) struct Bench {
    pub(crate) gateway: Gateway,
    pub(crate) provider: Arc<ScriptedProvider>,
    began: Instant,
    call: Box<Call>,
}

impl Bench {
    /// A provider that plays this script, under the settings of `[clocks]` and the sections after it.
    pub(crate) async fn new(script: Script, clocks: &str) -> Self {
        Self::with(script, settings(&format!("[clocks]\n{clocks}"))).await
    }

    pub(crate) async fn with(script: Script, settings: VerifiedSettings) -> Self {
        let provider = Arc::new(ScriptedProvider::in_memory([script]).with_patience(DAYS));
        let transport = Transport::Memory(provider.clone());
        let gateway = Gateway::new(settings.with_transport("scripted", transport));
        let app = App::new()
            .app_data(web::Data::new(gateway.clone()))
            .configure(herald::configure);
        let app = std::rc::Rc::new(init_service(app).await);
        let call = move |request: TestRequest| -> LocalBoxFuture<'static, _> {
            let app = app.clone();
            Box::pin(async move { call_service(&*app, request.to_request()).await })
        };
        Self {
            gateway,
            provider,
            began: Instant::now(),
            call: Box::new(call),
        }
    }

    /// Virtual time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Asks for a stream and waits for the head. Dropping the future is leaving.
    pub(crate) async fn stream(&self) -> Reply {
        self.ask(true, &[]).await
    }

    /// Asks for a document.
    pub(crate) async fn document(&self) -> Reply {
        self.ask(false, &[]).await
    }

    pub(crate) async fn ask(
        &self,
        stream: bool,
        headers: &[(&'static str, &'static str)],
    ) -> Reply {
        let body = json!({
            "model": "scripted-model",
            "stream": stream,
            "messages": [{ "role": "user", "content": "Hi" }],
        });
        let mut request = TestRequest::post()
            .uri("/v1/chat/completions")
            .set_json(body);
        for header in headers {
            request = request.insert_header(*header);
        }
        let response = (self.call)(request).await;
        let status = response.status();
        let header = |name| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
        Reply {
            status,
            content_type: header("content-type").unwrap(),
            upstream_status: header("x-upstream-status"),
            time_to_first_token: header("x-upstream-time-to-first-token"),
            at: self.now(),
            began: self.began,
            body: RefCell::new(Box::pin(response.into_body())),
        }
    }

    /// When the provider first saw something, since the beginning.
    pub(crate) fn first(&self, matches: impl Fn(&Happened) -> bool) -> Option<Duration> {
        let events = self.provider.events();
        let event = events.iter().find(|event| matches(&event.what))?;
        Some(event.at - self.began)
    }

    /// Waits until the gateway lets go of a provider that is not done, and tells when that was.
    pub(crate) async fn let_go(&self) -> Duration {
        self.provider.caller_left().await.at - self.began
    }
}

/// An answer, as its client takes it.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) upstream_status: Option<String>,
    pub(crate) time_to_first_token: Option<String>,
    /// When the head was there.
    pub(crate) at: Duration,
    began: Instant,
    body: RefCell<std::pin::Pin<Box<BoxBody>>>,
}

/// What a client reads next of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// One item.
    Item(String),
    /// A clean end.
    End,
    /// The connection breaks off.
    BrokenOff,
}

impl Reply {
    /// The next of the body, and when it was there.
    pub(crate) async fn next(&self) -> (Duration, Read) {
        let item = poll_fn(|cx| self.body.borrow_mut().as_mut().poll_next(cx)).await;
        let read = match item {
            Some(Ok(bytes)) => Read::Item(text(bytes)),
            Some(Err(_)) => Read::BrokenOff,
            None => Read::End,
        };
        (self.began.elapsed(), read)
    }

    /// Reads on, as fast as it comes, to the end.
    pub(crate) async fn rest(&self) -> Vec<(Duration, Read)> {
        let mut reads = Vec::new();
        loop {
            let read = self.next().await;
            let is_last = !matches!(read.1, Read::Item(_));
            reads.push(read);
            if is_last {
                return reads;
            }
        }
    }

    /// The whole body, as it may have come in any number of items.
    pub(crate) async fn json(&self) -> Value {
        let mut whole = String::new();
        for (_, read) in self.rest().await {
            match read {
                Read::Item(item) => whole.push_str(&item),
                Read::End => {}
                Read::BrokenOff => panic!("the document broke off after {whole}"),
            }
        }
        serde_json::from_str(&whole).unwrap()
    }

    /// The error code of an answer that is a failure from its head on.
    pub(crate) async fn refusal(&self) -> String {
        assert_ne!(self.status, StatusCode::OK);
        let body = self.json().await;
        body["upstream"]["code"].as_str().unwrap().to_owned()
    }

    /// Reads to the end, which must be an error event and then a clean end at the same instant. Tells
    /// how many items came before, the error's code, and when.
    pub(crate) async fn failure(&self) -> (usize, String, Duration) {
        let mut reads = self.rest().await;
        let (ended_at, end) = reads.pop().unwrap();
        let (at, Read::Item(last)) = reads.pop().unwrap() else {
            panic!("nothing came but {end:?}");
        };
        assert_eq!((ended_at, end), (at, Read::End), "after {last}");
        let code = error_code(&last).unwrap_or_else(|| panic!("{last} is no error of Herald"));
        (reads.len(), code, at)
    }
}

fn text(bytes: Bytes) -> String {
    String::from_utf8(bytes.to_vec()).expect("no item ends inside a character")
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// The code of an item that is an error event of Herald's own.
pub(crate) fn error_code(item: &str) -> Option<String> {
    let data = item.strip_prefix("data: ")?.strip_suffix("\n\n")?;
    let data: Value = serde_json::from_str(data).ok()?;
    Some(data["upstream"]["code"].as_str()?.to_owned())
}

/// An event without name or id, as it goes out.
pub(crate) fn item(data: &str) -> Read {
    Read::Item(format!("data: {data}\n\n"))
}

pub(crate) fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
