use std::collections::HashMap;

use actix_web::{
    App,
    http::StatusCode,
    test::{TestRequest, call_service, init_service, read_body},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    Gateway,
    reload::{SettingsActor, source::SettingsSource},
};

const SETTINGS: &str = r#"
    [[providers]]
    id = "p"
    kind = "openai"
    base_url = "http://127.0.0.1:1"
    api_key = { env = "KEY" }
    [[models]]
    id = "m"
    targets = [{ provider = "p", model = "m" }]
    [[keys]]
    id = "team"
    sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
"#;

/// A settings file with an actor over it, and the routes in front.
struct Fixture {
    file: tempfile::NamedTempFile,
    control: SettingsControl,
}

impl Fixture {
    fn new() -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        // The watcher would be quicker than the admin.
        let toml = format!("[reload]\nwatch = false\n{SETTINGS}");
        std::fs::write(&file, toml).unwrap();
        let secrets = HashMap::from([("KEY".to_owned(), "sk-secret".to_owned())]);
        let source = SettingsSource::new(Some(file.path()), HashMap::new(), secrets);
        let gateway = Gateway::new(source.load().unwrap());
        let control = SettingsActor::begin(gateway, source, None);
        Self { file, control }
    }

    fn write(&self, head: &str) {
        let toml = format!("{head}\n[reload]\nwatch = false\n{SETTINGS}");
        std::fs::write(&self.file, toml).unwrap();
    }

    async fn ask(&self, request: TestRequest) -> (StatusCode, Option<String>, Value) {
        let control = Data::new(self.control.clone());
        let app = init_service(App::new().app_data(control).configure(configure)).await;
        let response = call_service(&app, request.to_request()).await;
        let status = response.status();
        let tag = response.headers().get("etag");
        let tag = tag.map(|tag| tag.to_str().unwrap().to_owned());
        let body = read_body(response).await;
        assert!(!String::from_utf8_lossy(&body).contains("sk-secret"));
        (status, tag, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, path: &str) -> (Option<String>, Value) {
        let (status, tag, body) = self.ask(TestRequest::get().uri(path)).await;
        assert_eq!(status, 200, "{body}");
        (tag, body)
    }

    async fn post(&self, path: &str, if_match: &[&str]) -> (u16, Value) {
        let mut request = TestRequest::post().uri(path);
        for value in if_match {
            request = request.append_header(("if-match", *value));
        }
        let (status, _, body) = self.ask(request).await;
        (status.as_u16(), body)
    }
}

#[actix_web::test]
async fn the_settings_in_force_are_shown_with_their_origins_and_without_secrets() {
    let fixture = Fixture::new();
    let (tag, body) = fixture.get("/settings").await;
    let hash = body["content_hash"].as_str().unwrap();
    assert_eq!(tag.unwrap(), format!("\"1-{}\"", &hash[..16]));
    let settings = &body["settings"];
    assert_eq!(settings["providers"][0]["api_key"], json!({ "env": "KEY" }));
    assert_eq!(settings["keys"][0]["sha256"], "[hidden]");
    assert_eq!(settings["clocks"]["idle"], "120s");
    let file = fixture.file.path().display();
    assert_eq!(body["origins"]["providers[0].id"], format!("{file}:5:10"));
    let idle = body["origins"]["clocks.idle"].as_str().unwrap();
    assert!(idle.starts_with("built-in default.toml:"), "{idle}");
}

#[actix_web::test]
async fn a_reload_takes_the_file_and_a_wrong_file_is_a_422_with_everything_that_is_wrong() {
    let fixture = Fixture::new();
    let (status, body) = fixture.post("/settings/reload", &[]).await;
    assert_eq!((status, &body["is_changed"]), (200, &json!(false)));

    fixture.write("[clocks]\nidle = \"9s\"");
    let (status, body) = fixture.post("/settings/reload", &[]).await;
    assert_eq!((status, &body["generation"]["number"]), (200, &json!(2)));
    assert_eq!(body["generation"]["trigger"], "admin");
    assert_eq!(body["changes"][0]["key"], "clocks.idle");
    assert_eq!(body["changes"][0]["old"], "120s");

    fixture.write("[clocks]\nidle = 9\ntypo = 1");
    let (status, body) = fixture.post("/settings/reload", &[]).await;
    assert_eq!((status, &body["code"]), (422, &json!("settings_refused")));
    assert_eq!(body["diagnostics"].as_array().unwrap().len(), 2);
    assert_eq!(body["diagnostics"][0]["line"], 2);
    let (_, status) = fixture.get("/settings/status").await;
    assert_eq!(status["generation"]["number"], 2);
    assert_eq!(status["last_attempt"]["outcome"], "refused");
    assert_eq!(status["last_attempt"]["diagnostics"], body["diagnostics"]);
    assert_eq!(
        status["counts"],
        json!({ "accepted": 1, "unchanged": 1, "refused": 1 })
    );
    assert_eq!(status["streams_by_generation"], json!({}));
}

#[actix_web::test]
async fn what_needs_a_restart_is_a_409_unless_the_rest_is_asked_for() {
    let fixture = Fixture::new();
    fixture.write("[server]\nworkers = 3\n[clocks]\nidle = \"9s\"");
    let (status, body) = fixture.post("/settings/reload", &[]).await;
    assert_eq!((status, &body["code"]), (409, &json!("needs_restart")));
    let pending = json!([{ "key": "server.workers", "in_force": 0, "written": 3 }]);
    assert_eq!(body["needs_restart"], pending);

    let (status, body) = fixture
        .post("/settings/reload?allow_partial=true", &[])
        .await;
    assert_eq!((status, &body["pending_restart"]), (200, &pending));
    let (_, status) = fixture.get("/settings/status").await;
    assert_eq!(status["pending_restart"], pending);
    for query in ["allow_partial=perhaps", "allow_partail=true"] {
        let (status, body) = fixture
            .post(&format!("/settings/reload?{query}"), &[])
            .await;
        assert_eq!(
            (status, &body["code"]),
            (400, &json!("bad_request")),
            "{query}"
        );
    }
}

#[actix_web::test]
async fn a_change_is_only_made_to_the_settings_that_if_match_names() {
    let fixture = Fixture::new();
    let (first, _) = fixture.get("/settings/status").await;
    let first = first.unwrap();
    fixture.write("[clocks]\nidle = \"9s\"");
    for wrong in ["\"1-0000000000000000\"", &format!("W/{first}"), "", "what"] {
        let (status, body) = fixture.post("/settings/reload", &[wrong]).await;
        assert_eq!(
            (status, &body["code"]),
            (412, &json!("precondition_failed")),
            "{wrong}"
        );
    }
    let (status, _) = fixture
        .post("/settings/reload", &["\"9-a\", \"9-b\"", &first])
        .await;
    assert_eq!(status, 200);
    let (status, _) = fixture.post("/settings/reload", &[&first]).await;
    assert_eq!(status, 412, "it has been changed meanwhile");
    assert_eq!(fixture.post("/settings/reload", &["*"]).await.0, 200);
}

#[actix_web::test]
async fn a_rollback_says_to_which_generation_or_from_which() {
    let fixture = Fixture::new();
    assert_eq!(fixture.post("/settings/rollback", &["*"]).await.0, 409);
    fixture.write("[clocks]\nidle = \"9s\"");
    fixture.post("/settings/reload", &[]).await;
    let (status, body) = fixture.post("/settings/rollback", &[]).await;
    assert_eq!(
        (status, &body["code"]),
        (428, &json!("precondition_required"))
    );
    assert_eq!(fixture.post("/settings/rollback?to=7", &[]).await.0, 404);

    let (second, _) = fixture.get("/settings").await;
    let second = second.unwrap();
    let (status, body) = fixture.post("/settings/rollback", &[&second]).await;
    assert_eq!(
        (status, &body["generation"]["content_of"]),
        (200, &json!(1))
    );
    assert_eq!(fixture.post("/settings/rollback", &[&second]).await.0, 412);
    let (_, history) = fixture.get("/settings/history").await;
    let kept = history["generations"].as_array().unwrap().iter();
    let triggers: Vec<_> = kept.map(|kept| &kept["trigger"]).collect();
    assert_eq!(triggers, ["start", "admin", "rollback"]);
    // The file is as it was, and can be taken again.
    let (_, body) = fixture.post("/settings/reload", &[]).await;
    assert_eq!(
        (&body["generation"]["number"], &body["is_changed"]),
        (&json!(4), &json!(true))
    );
}

#[actix_web::test]
async fn a_validation_tells_what_would_change_and_takes_nothing() {
    let fixture = Fixture::new();
    let validate = async |body: String| {
        let request = TestRequest::post()
            .uri("/settings/validate")
            .set_payload(body);
        let (status, _, body) = fixture.ask(request).await;
        (status.as_u16(), body)
    };
    let (status, body) = validate(format!("[server]\nworkers = 3\n{SETTINGS}")).await;
    assert_eq!(status, 200);
    assert_eq!(body["needs_restart"][0]["key"], "server.workers");
    let keys: Vec<_> = body["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["key"])
        .collect();
    assert_eq!(keys, ["reload.watch", "server.workers"]);
    assert_eq!(body["changes"][1]["needs_restart"], true);

    let (status, body) = validate("[clocks]\nidle = 9".to_owned()).await;
    assert_eq!(
        (status, &body["diagnostics"][0]["file"]),
        (422, &json!("settings"))
    );
    // Without a body it is the file.
    fixture.write("[clocks]\nidle = \"9s\"");
    let (_, body) = validate(String::new()).await;
    assert_eq!(body["changes"][0]["key"], "clocks.idle");
    let (_, status) = fixture.get("/settings/status").await;
    assert_eq!(
        (&status["generation"]["number"], &status["last_attempt"]),
        (&json!(1), &Value::Null)
    );
}

#[test]
fn every_route_describes_itself_and_nothing_else_does() {
    let api = serde_json::to_value(SettingsApi::openapi()).unwrap();
    let paths: Vec<_> = api["paths"].as_object().unwrap().keys().cloned().collect();
    let names = [
        "",
        "/history",
        "/reload",
        "/rollback",
        "/status",
        "/validate",
    ];
    assert_eq!(paths, names.map(|name| format!("/settings{name}")));
    let text = api.to_string();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(api.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}

#[actix_web::test]
async fn a_path_that_takes_another_method_says_which() {
    let fixture = Fixture::new();
    let control = Data::new(fixture.control.clone());
    let app = init_service(App::new().app_data(control).configure(configure)).await;
    for (path, allowed) in [
        ("/settings", "GET"),
        ("/settings/status", "GET"),
        ("/settings/history", "GET"),
        ("/settings/reload", "POST"),
        ("/settings/validate", "POST"),
        ("/settings/rollback", "POST"),
    ] {
        let request = TestRequest::delete().uri(path).to_request();
        let response = call_service(&app, request).await;
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(response.headers().get("allow").unwrap(), allowed, "{path}");
        let problem: Value = serde_json::from_slice(&read_body(response).await).unwrap();
        assert_eq!(problem["code"], "method_not_allowed", "{path}");
    }
}
