//! Herald's routes in an app that has a life of its own.

use actix_web::{
    App, HttpResponse,
    middleware::{DefaultHeaders, NormalizePath},
    web,
};
use herald::{Gateway, providers::replay::library::ReplayLibrary};

use crate::support::Client;

#[actix_web::test]
async fn below_a_path_and_among_the_apps_own_layers_herald_answers_for_its_routes_alone() {
    let recordings = ReplayLibrary::from_dir("settings/recordings").unwrap();
    let gateway = Gateway::playing(recordings.without_pauses()).unwrap();
    let app = actix_test::start(move || {
        App::new()
            .app_data(web::Data::new(gateway.clone()))
            .service(web::scope("/llm").configure(herald::configure))
            .default_service(web::to(async || {
                HttpResponse::ImATeapot().body("the app's")
            }))
            .wrap(
                DefaultHeaders::new()
                    .add(("x-app", "1"))
                    .add(("content-type", "text/html")),
            )
            .wrap(NormalizePath::trim())
    });
    let mut client = Client::connect(app.addr()).await;
    let body = r#"{"model":"text","stream":true}"#;
    client
        .send(format!(
            "POST /llm//v1/chat/completions/ HTTP/1.1\r\nhost: h\r\nx-herald-metadata: event\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    let mut stream = client.reply().await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    assert_eq!(stream.header("x-upstream-status"), Some("200"));
    assert_eq!(stream.header("x-app"), Some("1"));
    let events = stream.events().await;
    assert!(events[0].starts_with("event: metadata\n"), "{events:?}");
    assert_eq!(events.last().unwrap(), "[DONE]");

    for (request, status, said) in [
        ("GET /llm/v1/models", 200, "\"text\""),
        ("PUT /llm/v1/models", 405, "method_not_allowed"),
        ("GET /llm/v1/nothing", 418, "the app's"),
        ("GET /v1/models", 418, "the app's"),
    ] {
        let line = format!("{request} HTTP/1.1\r\nhost: h\r\n\r\n");
        let mut client = Client::connect(app.addr()).await;
        client.send(line).await;
        let mut reply = client.reply().await;
        assert_eq!(reply.status, status, "{request}");
        let text = reply.text().await;
        assert!(text.contains(said), "{request}: {text}");
        assert_eq!(reply.header("x-herald-request-id").is_some(), status != 418);
    }
}
