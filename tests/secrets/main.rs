//! Secrets planted wherever one can be, and every surface of the program searched for them.
//!
//! The public listener speaks TLS, the log is at `trace` for Herald and for all that it is built of, and
//! provider and Redis repeat what they were told in confidence.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod herald;
mod needles;
mod world;

use std::{collections::HashMap, panic::AssertUnwindSafe};

use ::herald::{
    Gateway,
    completion::CompletionRequest,
    reload::source::SettingsSource,
    settings::Settings,
    testkit::{Script, chat},
};

use crate::herald::Herald;
use needles::Needle;
use world::{BAD, World, planted};

/// What a client may be told, being its own or meant for it; nobody else.
const FOR_THE_CLIENT: [&str; 4] = ["completion", "document", "error-event", "provider-words"];

/// Fails naming every secret that stands in a text, and where.
fn search(surfaces: &[(String, String)], needles: &[Needle]) {
    let mut leaks = Vec::new();
    for (surface, text) in surfaces {
        assert!(!text.is_empty(), "{surface} said nothing");
        for needle in needles {
            let is_for_it = surface.starts_with("public")
                && FOR_THE_CLIENT
                    .iter()
                    .any(|name| planted(name) == needle.secret);
            if is_for_it {
                continue;
            }
            if let Some(form) = needle.found_in(text) {
                let line = text.lines().find(|line| needle.found_in(line).is_some());
                let shown: String = line.unwrap_or_default().chars().take(600).collect();
                leaks.push(format!("{} {form} in {surface}: {shown}", needle.secret));
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}

#[actix_web::test]
async fn no_secret_prompt_or_completion_stands_on_any_surface_of_the_program() {
    let world = World::new().await;
    let mut surfaces = world.commands();
    let herald = world.serve();
    surfaces.extend(told_to_clients(&world, &herald).await);
    // What operators see while a stream is open.
    let script = Script::sse().event(chat::text(&planted("completion")));
    world.provider.push(script.stall());
    let open = world.open_stream(&herald, &bearer("client-key")).await;
    surfaces.extend(told_to_operators(&world, &herald).await);
    drop(open);

    let sent = &world.provider.requests()[0];
    let key = format!("Bearer {}", planted("provider-key"));
    assert_eq!(sent.header("authorization"), Some(key.as_str()));
    assert_eq!(
        sent.header("x-extra"),
        Some(planted("extra-header").as_str())
    );
    assert!(sent.text().contains(&planted("prompt")), "{}", sent.text());
    assert!(world.redis_was_told(), "Redis was told its password");
    let said = herald.said();
    assert!(said.contains("\"level\":\"TRACE\""), "the log is at trace");
    surfaces.push(("the log".to_owned(), said));
    search(&surfaces, &world.needles());
}

fn bearer(name: &str) -> String {
    format!("authorization: Bearer {}", planted(name))
}

/// The provider's answers: what it says, and what it says of what it was told.
fn scripts() -> Vec<Script> {
    let [completion, error_event, words, key, header] = [
        "completion",
        "error-event",
        "provider-words",
        "provider-key",
        "provider-header",
    ]
    .map(planted);
    let repeated = chat::error(&words, &format!("key {key}"));
    let event = chat::text(&completion);
    let head = |field: &str| Script::raw().bytes(format!("HTTP/1.1 {field}\r\n\r\n"));
    vec![
        Script::chat([&completion]).header("x-request-id", &key),
        Script::json(200, chat::completion(&planted("document"))),
        Script::sse()
            .event(&event)
            .event(chat::error(&error_event, &key))
            .finish(),
        Script::sse().event(&event).event(&key).finish(),
        Script::sse().event(&event).close(),
        Script::json(400, &repeated),
        Script::json(401, &repeated),
        Script::json(500, &repeated),
        Script::json(200, format!("{{\"{key}\"")),
        Script::chat(["a"]).header("set-cookie", &header),
        Script::chat(["a"]).header("x-unknown", &header),
        // That it is none of ours is told with its name.
        Script::new()
            .status(200)
            .header("content-type", &words)
            .body("x"),
        head(&format!("200 OK\r\ncontent-length: {header}")),
        head(&format!("200 OK\r\ntransfer-encoding: {header}")),
        head(&format!("200 {header}\r\ncontent-length: 0")),
        Script::raw().bytes(format!("{header}\r\n\r\n")).close(),
    ]
}

/// By every door that a key has, with every answer of the provider, and with requests that are wrong.
async fn told_to_clients(world: &World, herald: &Herald) -> Vec<(String, String)> {
    const DOORS: [&str; 4] = [
        "authorization: Bearer ",
        "authorization: token ",
        "x-api-key: ",
        "api-key: ",
    ];
    let mut surfaces = Vec::new();
    for (number, script) in scripts().into_iter().enumerate() {
        world.provider.push(script);
        let key = format!("{}{}", DOORS[number % 4], planted("client-key"));
        let told = world.post(herald, &key, &world.body(number != 1)).await;
        surfaces.push((format!("public: answer {number}"), told));
    }
    assert!(surfaces[0].1.contains(&planted("completion")));
    assert!(surfaces[1].1.contains(&planted("document")));
    let unknown = format!("x-api-key: {}", planted("unknown-key"));
    let known = bearer("client-key");
    let (cut, wrong) = (
        format!("{{\"messages\": {}", planted("prompt")),
        format!("{{\"model\":\"m\",\"n\":\"{}\"}}", planted("prompt")),
    );
    for (name, key, body) in [
        ("an unknown key", &unknown, world.body(true)),
        ("malformed JSON", &known, cut),
        ("a wrong member", &known, wrong),
        ("no JSON", &known, planted("prompt")),
    ] {
        let told = world.post(herald, key, &body).await;
        assert!(told.starts_with("HTTP/1.1 4"), "{name}: {told}");
        surfaces.push((format!("public: {name}"), told));
    }
    let illegal = format!("{known}\r\ncontent-length: {}", planted("client-header"));
    for (line, headers) in [
        ("GET /v1/models", &known),
        ("GET /v1/models/m", &known),
        ("GET /nowhere", &known),
        ("PUT /v1/models", &known),
        ("GET /health/ready", &known),
        ("GET /v1/models", &illegal),
    ] {
        let told = world.get(herald, line, headers).await;
        surfaces.push((format!("public: {line}"), told));
    }
    surfaces
}

const ADMIN: [&str; 13] = [
    "POST /settings/rollback?to=1",
    "GET /settings",
    "GET /settings/status",
    "GET /settings/history",
    "GET /metrics",
    "GET /streams",
    "GET /openapi.json",
    "GET /health/live",
    "GET /health/ready",
    "GET /nowhere",
    "PUT /settings",
    "POST /settings/validate",
    "DELETE /streams/nobody",
];

/// By every route, after each thing that can become of the settings.
async fn told_to_operators(world: &World, herald: &Herald) -> Vec<(String, String)> {
    let mut surfaces = Vec::new();
    let changed = "[clocks]\nidle = \"61s\"\n";
    for (more, expected) in [("", "200"), (BAD[0].1, "422"), (changed, "200")] {
        world.write_settings(&world.settings(more));
        let told = world.operator(herald, "POST /settings/reload", "").await;
        assert!(told.starts_with(&format!("HTTP/1.1 {expected}")), "{told}");
        surfaces.push((format!("admin: reload {expected}"), told));
        for line in ADMIN {
            let told = world.operator(herald, line, "").await;
            surfaces.push((format!("admin: {line} after {expected}"), told));
        }
    }
    let line = format!("GET /{}?q={}", planted("url-path"), planted("url-query"));
    surfaces.push((
        "admin: a path".to_owned(),
        world.operator(herald, &line, "").await,
    ));
    let wrong = world
        .ask_admin(herald, "GET /settings", "unknown-key", "")
        .await;
    assert!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
    surfaces.push(("admin: a wrong token".to_owned(), wrong));

    // What would change, and what would be refused.
    let header = planted("extra-header");
    let other = world
        .settings("")
        .replace(&header, &format!("{header}-new"));
    let redis = format!("redis://:{}@", planted("redis-password"));
    let redis = world.settings("").replace("redis://", &redis);
    let bad = BAD.map(|(name, bad)| (name, world.settings(bad), "422"));
    let more = [
        ("another header", other, "200"),
        ("a password in an address", redis, "422"),
    ];
    for (name, settings, expected) in bad.into_iter().chain(more) {
        let told = world
            .operator(herald, "POST /settings/validate", &settings)
            .await;
        assert!(
            told.starts_with(&format!("HTTP/1.1 {expected}")),
            "{name}: {told}"
        );
        surfaces.push((format!("admin: validate with {name}"), told));
    }
    surfaces
}

/// A panic prints debug forms: those of whatever stood in an error or an assertion.
#[actix_web::test]
async fn no_debug_form_that_a_panic_could_print_has_a_secret() {
    let world = World::new().await;
    let toml = world.settings("");
    let settings = Settings::from_toml(&toml).unwrap();
    let environment: HashMap<String, String> = world
        .variables()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let verified = settings.clone().verify(&environment).unwrap();
    let refused: Vec<_> = BAD
        .iter()
        .map(|(_, bad)| {
            Settings::from_toml(&world.settings(bad)).and_then(|bad| bad.verify(&environment))
        })
        .collect();
    let body = world.body(true);
    let request: CompletionRequest =
        ::herald::dialects::openai::parse_request(body.into()).unwrap();
    let mut surfaces = vec![
        (
            "the settings as written".to_owned(),
            format!("{settings:?} {settings:#?}"),
        ),
        (
            "the settings as used".to_owned(),
            format!("{verified:?} {verified:#?}"),
        ),
        ("refused settings".to_owned(), format!("{refused:?}")),
        ("a completion's request".to_owned(), format!("{request:?}")),
        (
            "where settings come from".to_owned(),
            format!(
                "{:?}",
                SettingsSource::new(None, HashMap::new(), environment.clone())
            ),
        ),
        (
            "the gateway".to_owned(),
            format!("{:?}", Gateway::new(verified)),
        ),
    ];
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| {
        refused.into_iter().next().unwrap().unwrap()
    }));
    let panic = panic.unwrap_err();
    surfaces.push((
        "a panic".to_owned(),
        panic.downcast_ref::<String>().unwrap().clone(),
    ));
    search(&surfaces, &world.needles());
}
