//! Herald's routes in an actix app of your own, and a suite that tests it without a network.
//!
//! `cargo run --example mounted` serves it, `cargo test --example mounted` runs the suite.

use actix_web::{App, HttpResponse, HttpServer, web};
use herald::{
    Gateway,
    settings::{Diagnostics, ProcessEnvironment, Settings},
};

/// The app: one route of its own, and all of Herald's.
fn routes(app: &mut web::ServiceConfig) {
    app.route(
        "/hello",
        web::get().to(async || HttpResponse::Ok().body("hello")),
    );
    app.configure(herald::configure);
}

/// A gateway from settings as they would stand in a file; without any, it plays its recordings.
fn gateway(settings: &str) -> Result<Gateway, Diagnostics> {
    let settings = Settings::from_toml(settings)?.verify(&ProcessEnvironment)?;
    Ok(Gateway::new(settings))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gateway = gateway("")?;
    HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(gateway.clone()))
            .configure(routes)
    })
    // Without these two a client who leaves is noticed late, and events are sent late.
    .h1_allow_half_closed(false)
    .tcp_nodelay(true)
    .bind(("127.0.0.1", 8081))?
    .run()
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::{App, web};
    use herald::testkit::{Script, ScriptedProvider, chat};
    use serde_json::json;

    use super::*;

    fn in_front_of(provider: &ScriptedProvider) -> actix_test::TestServer {
        let gateway = gateway(&format!(
            "[[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
             [[models]]\nid = \"mine\"\ntargets = [{{ provider = \"scripted\", model = \"theirs\" }}]",
            provider.base_url()
        ))
        .unwrap();
        actix_test::start(move || {
            App::new()
                .app_data(web::Data::new(gateway.clone()))
                .configure(routes)
        })
    }

    #[actix_web::test]
    async fn a_completion_streams_through_the_app() {
        let provider =
            ScriptedProvider::start([Script::chat(["Hel", "lo"]).header("x-request-id", "req-1")])
                .await;
        let app = in_front_of(&provider);

        let request = json!({ "model": "mine", "stream": true, "messages": [] });
        let mut answer = app
            .post("/v1/chat/completions")
            .send_json(&request)
            .await
            .unwrap();
        assert_eq!(answer.headers().get("x-request-id").unwrap(), "req-1");
        let body = answer.body().await.unwrap();
        assert!(body.ends_with(b"data: [DONE]\n\n"));
        assert_eq!(provider.next_request().await.json()["model"], "theirs");
    }

    #[actix_web::test]
    async fn a_refusal_tells_both_statuses() {
        let refusal = Script::json(401, chat::error("bad key", "invalid_request_error"));
        let provider = ScriptedProvider::start([refusal]).await;
        let app = in_front_of(&provider);

        let request = json!({ "model": "mine", "messages": [] });
        let answer = app
            .post("/v1/chat/completions")
            .send_json(&request)
            .await
            .unwrap();
        assert_eq!(answer.status(), 502);
        assert_eq!(answer.headers().get("x-upstream-status").unwrap(), "401");
    }

    #[actix_web::test]
    async fn the_apps_own_routes_are_left_alone() {
        let provider = ScriptedProvider::start([]).await;
        let app = in_front_of(&provider);
        let mut hello = app.get("/hello").send().await.unwrap();
        assert_eq!(hello.body().await.unwrap(), "hello");
        assert_eq!(app.get("/nowhere").send().await.unwrap().status(), 404);
    }
}
