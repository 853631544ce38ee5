//! The example of `docs/chains.md`, run: the settings that the page shows, and what it says is told.

use std::collections::HashMap;

use herald::{
    Gateway,
    settings::Settings,
    testkit::{Script, ScriptedProvider, TestGateway, chat as scripted},
};

use crate::{
    client::{Client, End, Reply},
    heralds::CHAT,
};

const PAGE: &str = include_str!("../../docs/chains.md");

/// The block of the page in this language that begins so.
fn block(language: &str, beginning: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let start = PAGE
        .find(&format!("{fence}{beginning}"))
        .unwrap_or_else(|| panic!("the page has no block of {language} that begins {beginning:?}"));
    let (block, _) = PAGE[start + fence.len()..]
        .split_once("```")
        .expect("the block ends");
    block
}

/// A Herald of the settings that the page shows under this name, before whoever is at `base_url`.
async fn of_the_page(name: &str, next: &str, base_url: &str, region_key: &str) -> TestGateway {
    let written = format!("http://{next}.example.com/v1");
    let toml = block("toml", &format!("# {name}.toml\n"));
    assert!(toml.contains(&written), "{name} asks {next}");
    let environment = HashMap::from([
        ("REGION_KEY".to_owned(), region_key.to_owned()),
        ("OPENAI_API_KEY".to_owned(), "sk-refused".to_owned()),
    ]);
    let settings = Settings::from_toml(&toml.replace(&written, base_url))
        .and_then(|settings| settings.verify(&environment));
    let mut settings = settings.unwrap_or_else(|found| panic!("{found}"));
    settings.server.listen = ([127, 0, 0, 1], 0).into();
    settings.admin.listen = None;
    settings.server.workers = 1;
    settings.client_parts.proxy_from_environment = false;
    TestGateway::run(Gateway::new(settings)).await
}

/// The three of the page: the one that a client asks, and those behind it. They end in this order, so that none
/// has a client left.
struct Page {
    office: TestGateway,
    _behind: [TestGateway; 2],
}

impl Page {
    async fn before(provider: &ScriptedProvider, region_key: &str) -> Self {
        let eu = of_the_page("eu", "openai", &provider.base_url(), "").await;
        let region = of_the_page("region", "eu", &eu.base_url(), "").await;
        let office = of_the_page("office", "region", &region.base_url(), region_key).await;
        Self {
            office,
            _behind: [region, eu],
        }
    }

    async fn ask(&self, body: &serde_json::Value) -> Reply {
        let mut client = Client::connect(self.office.address()).await;
        client.post_to(CHAT, body, &[]).await;
        client.reply().await
    }
}

const OFFICES_KEY: &str = "the-key-of-office";

/// A line of a head without what differs from one run to the next: the id, the time and how long it took.
fn without_chance(line: &str) -> String {
    let (name, value) = line.split_once(": ").expect("a header");
    match name {
        "x-herald-request-id" => format!("{name}: (36 characters: {})", value.len() == 36),
        "date" => format!("{name}: (GMT: {})", value.ends_with(" GMT")),
        "server-timing" => {
            let names = value.split(", ").map(|time| {
                let (name, millis) = time.split_once(";dur=").expect("a length");
                format!("{name} ({})", millis.parse::<f64>().is_ok())
            });
            format!("{name}: {}", names.collect::<Vec<_>>().join(", "))
        }
        "x-upstream-time-to-first-token" => name.to_owned(),
        _ => line.to_owned(),
    }
}

fn head(reply: &Reply) -> Vec<String> {
    let lines = reply.headers.iter();
    let lines = lines.map(|(name, value)| without_chance(&format!("{name}: {value}")));
    let mut lines: Vec<_> = lines.collect();
    // Headers have no order among those of other names.
    lines.sort();
    lines
}

/// The lines of a block in which each is a header that the answer must have.
fn assert_told(reply: &Reply, block: &str) {
    let told = head(reply);
    for line in block.lines() {
        let line = without_chance(line);
        assert!(told.contains(&line), "{line}\nis not told:\n{told:#?}");
    }
}

#[actix_web::test]
async fn a_refused_key_of_the_last_is_told_as_the_page_says_to_the_byte() {
    let refused = r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    let provider = ScriptedProvider::start([Script::json(401, refused)]).await;
    let page = Page::before(&provider, OFFICES_KEY).await;
    let curl = "$ curl -sD- http://office.example.com";
    let (asked, answer) = block("console", curl).split_once('\n').expect("an answer");
    let asked = asked.strip_prefix(curl).expect("it begins so");
    let (path, body) = asked.split_once(" -d '").expect("a body");
    assert_eq!(path, CHAT);
    let body = body.strip_suffix('\'').expect("its end");

    let mut reply = page.ask(&serde_json::from_str(body).unwrap()).await;
    let (shown_head, shown_body) = answer.split_once("\n\n").expect("a body");
    let mut lines = shown_head.lines();
    assert_eq!(lines.next(), Some("HTTP/1.1 502 Bad Gateway"));
    assert_eq!(reply.status, 502);
    let mut shown_head: Vec<_> = lines.map(without_chance).collect();
    shown_head.sort();
    assert_eq!(head(&reply), shown_head);
    // The picture names the members in their order.
    let members = reply.header("proxy-status").unwrap().split(", ");
    let names = members.map(|member| member.split_once(';').expect("what was received").0);
    let names = names.collect::<Vec<_>>().join(", ");
    assert!(PAGE.contains(&format!("  {names}  ")), "{names}");
    assert_eq!(reply.text().await, shown_body.trim_end());
}

#[actix_web::test]
async fn a_refused_key_of_the_first_is_told_as_the_page_says() {
    let unused = ScriptedProvider::start([]).await;
    let page = Page::before(&unused, "another-key").await;
    let reply = page
        .ask(&serde_json::json!({ "model": "chat", "messages": [] }))
        .await;
    assert_eq!(reply.status, 502);
    assert_told(&reply, block("text", "x-upstream-status: 401"));
    assert!(unused.requests().is_empty());
}

#[actix_web::test]
async fn a_stream_that_is_served_is_told_of_as_the_page_says() {
    let script = Script::sse()
        .event(scripted::text("Hi"))
        .event(scripted::finish("stop"))
        .done()
        .finish();
    let provider = ScriptedProvider::start([script]).await;
    let page = Page::before(&provider, OFFICES_KEY).await;
    let body = serde_json::json!({ "model": "chat", "stream": true, "messages": [] });
    let mut reply = page.ask(&body).await;
    assert_eq!(reply.status, 200);
    assert_told(&reply, block("text", "x-upstream-status: 200"));
    assert_eq!(reply.rest().await.1, End::Whole);
    // What the picture says goes to the provider.
    let asked = provider.next_request().await;
    assert_eq!(asked.json()["model"], "gpt-4.1");
    assert_eq!(asked.header("x-timeout-ms"), None);
}
