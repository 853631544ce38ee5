//! A Herald that plays Cody Gateway: its routes in an app that gives them Cody Gateway's paths, demands
//! and words, as its public sources have them (until August 2024).

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use actix_web::{
    App, Error, HttpResponse, HttpServer,
    body::{BoxBody, MessageBody, to_bytes},
    dev::{ServerHandle, ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode, Uri,
        header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    },
    middleware::{Next, from_fn},
    web,
};
use herald::{
    Gateway,
    settings::{ProcessEnvironment, Settings},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

/// The key that it lets in.
pub(crate) const KEY: &str = "sgd_secret-of-ours";

/// What it was asked, as it came in: the path and the headers.
pub(crate) type Asked = Arc<Mutex<Vec<(String, HeaderMap)>>>;

/// It runs until it is dropped.
pub(crate) struct PlayedGateway {
    address: SocketAddr,
    gateway: Gateway,
    asked: Asked,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl PlayedGateway {
    /// Before a provider of this kind, whose quota it shares among all of its callers. Its models have the
    /// bare names, as it is asked for them; `key` are more lines of [`KEY`]'s, `more` are other settings.
    pub(crate) async fn before(kind: &str, base_url: &str, key: &str, more: &str) -> Self {
        let hash = hex::encode(Sha256::digest(KEY));
        let models = ["gpt-4o", "claude-3-haiku", "starcoder"].map(|model| {
            format!(
                "[[models]]\nid = \"{model}\"\ntargets = [{{ provider = \"theirs\", model = \"{model}\" }}]\n"
            )
        });
        let toml = format!(
            "{more}\n[metadata]\nproxy_name = \"played\"\n\
             [[providers]]\nid = \"theirs\"\nkind = \"{kind}\"\nbase_url = \"{base_url}\"\nshared_quota = true\n\
             {}[[keys]]\nid = \"instance\"\nsha256 = \"{hash}\"\n{key}\n",
            models.concat()
        );
        let mut settings = Settings::from_toml(&toml)
            .and_then(|settings| settings.verify(&ProcessEnvironment))
            .unwrap_or_else(|found| panic!("{found}"));
        settings.client_parts.proxy_from_environment = false;
        let gateway = Gateway::new(settings);
        let asked = Asked::default();
        let (tell, told) = oneshot::channel();
        let (serving, seen) = (gateway.clone(), Arc::clone(&asked));
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(web::Data::new(serving.clone()))
                        .app_data(web::Data::new(Arc::clone(&seen)))
                        .configure(herald::configure)
                        .wrap(from_fn(as_cody_gateway))
                })
                .h1_allow_half_closed(false)
                .tcp_nodelay(true)
                .workers(1)
                .disable_signals()
                .bind(("127.0.0.1", 0))
                .unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                // A test that is gone does not wait for the address.
                let _ = tell.send((address, server.handle()));
                server.await.unwrap();
            });
        });
        let (address, server) = told.await.expect("the thread said why it failed");
        Self {
            address,
            gateway,
            asked,
            server,
            thread: Some(thread),
        }
    }

    /// What `providers.base_url` is for those who ask it.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The path and the headers of the request that came last.
    pub(crate) fn last_asked(&self) -> (String, HeaderMap) {
        let asked = self.asked.lock().unwrap();
        asked.last().expect("it was asked").clone()
    }
}

impl Drop for PlayedGateway {
    fn drop(&mut self) {
        self.gateway.drain().end();
        // The order is given at once; what is returned only waits for it.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the played gateway's thread panicked");
        }
    }
}

/// Which path of Herald's serves a path of Cody Gateway's, and the family of its models.
fn served_by(path: &str, feature: &str) -> Option<(&'static str, &'static str)> {
    Some(match path {
        "/v1/completions/anthropic-messages" => ("/v1/messages", "anthropic"),
        "/v1/completions/openai" => ("/v1/chat/completions", "openai"),
        "/v1/completions/fireworks" if feature == "code_completions" => {
            ("/v1/completions", "fireworks")
        }
        "/v1/completions/fireworks" => ("/v1/chat/completions", "fireworks"),
        _ => return None,
    })
}

/// Demands what Cody Gateway demands, in its order (the caller, then the feature), and answers as it does.
async fn as_cody_gateway(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Some(asked) = request.app_data::<web::Data<Asked>>() {
        let asked_now = (request.path().to_owned(), request.headers().clone());
        asked.lock().unwrap().push(asked_now);
    }
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let feature = header("x-sourcegraph-feature").unwrap_or_default();
    let refusal = match header(AUTHORIZATION.as_str()) {
        None => Some((401, "no token provided")),
        Some(value) if !value.starts_with("Bearer ") => Some((400, "malformed header")),
        _ if !["chat_completions", "code_completions"].contains(&feature) => {
            Some((400, "invalid or missing feature"))
        }
        _ if request.method() != Method::POST => Some((405, "method not allowed")),
        _ => None,
    };
    let served = served_by(request.path(), feature);
    let (path, family) = match (refusal, served) {
        (None, Some(served)) => served,
        (refusal, _) => {
            let (status, words) = refusal.unwrap_or((404, "not found"));
            let status = StatusCode::from_u16(status).unwrap();
            let answer = HttpResponse::build(status).json(json!({ "error": words }));
            return Ok(request.into_response(answer));
        }
    };
    let uri = Uri::from_static(path);
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;

    let response = next.call(request).await?.map_into_boxed_body();
    let (request, mut response) = response.into_parts();
    let headers = response.headers();
    let resolved = headers.get("x-upstream-model").map(|model| {
        let model = model.to_str().unwrap();
        HeaderValue::from_str(&format!("{family}/{model}")).unwrap()
    });
    if let Some(resolved) = resolved {
        let name = HeaderName::from_static("x-cody-resolved-model");
        response.headers_mut().insert(name, resolved);
    }
    let response = if response.status().is_success() {
        response
    } else {
        in_its_words(response).await
    };
    Ok(ServiceResponse::new(request, response))
}

/// An error as Cody Gateway tells it: a limit of its own as a text with three headers, all else as
/// `{"error":"…"}`.
async fn in_its_words(response: HttpResponse) -> HttpResponse {
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    if body["error"]["code"] == "model_not_found" {
        *head.status_mut() = StatusCode::BAD_REQUEST;
    }
    if head.status() != StatusCode::TOO_MANY_REQUESTS {
        let json = HeaderValue::from_static("application/json");
        head.headers_mut().insert(CONTENT_TYPE, json);
        return head
            .set_body(json!({ "error": message }).to_string())
            .map_into_boxed_body();
    }
    let headers = head.headers_mut();
    for (theirs, ours) in [
        ("x-ratelimit-limit", "x-ratelimit-limit-requests"),
        ("x-ratelimit-remaining", "x-ratelimit-remaining-requests"),
    ] {
        let value = headers.remove(ours).next().expect("a limit of requests");
        headers.insert(HeaderName::from_static(theirs), value);
    }
    let seconds = headers.get(RETRY_AFTER).unwrap().to_str().unwrap();
    let when = SystemTime::now() + Duration::from_secs(seconds.parse().unwrap());
    // Go writes RFC 1123 with the name of the zone.
    let date = httpdate::fmt_http_date(when).replace(" GMT", " UTC");
    headers.insert(RETRY_AFTER, HeaderValue::from_str(&date).unwrap());
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, text);
    let words = format!("you have exceeded the rate limit: {message}\n");
    head.set_body(words).map_into_boxed_body()
}
