//! "Nothing is dropped in silence": what a client says and the provider does not hear is named or refused.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat, messages};
use serde_json::{Value, json};

use crate::translation::{Dialect, TRANSLATED, ask, assert_none, gateway};

/// A word that stands nowhere else.
const NEEDLE: &str = "zqneedle";

/// One member more, below a place of a request.
struct Probe {
    place: &'static str,
    member: &'static str,
    value: Value,
    /// What of it the provider's body holds if it was told.
    told_as: String,
}

fn probe(place: &'static str, member: &'static str, value: Value, told_as: &str) -> Probe {
    Probe {
        place,
        member,
        value,
        told_as: told_as.to_owned(),
    }
}

/// Texts, lists and objects with the needle in them, at any place where nothing is known of that name.
fn unknown(place: &'static str) -> Vec<Probe> {
    ["zzz", "a.b", "name ", "\u{2028}", "x\"y", "größe"]
        .into_iter()
        .flat_map(|member| {
            [
                json!(NEEDLE),
                json!([NEEDLE]),
                json!({ "a": NEEDLE }),
                json!({ NEEDLE: 1 }),
            ]
            .map(|value| probe(place, member, value, NEEDLE))
        })
        .collect()
}

/// A request with a turn, a tool, a call and its result, to hang members on.
fn request(dialect: Dialect) -> Value {
    let mut request = dialect.request(false);
    let members = match dialect {
        Dialect::Chat => json!({
            "messages": [
                { "role": "system", "content": [{ "type": "text", "text": "S" }] },
                { "role": "user", "content": [
                    { "type": "text", "text": "Hi" },
                    { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
                ] },
                { "role": "assistant", "content": "A", "tool_calls": [
                    { "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{}" } },
                ] },
                { "role": "tool", "tool_call_id": "c1", "content": "R" },
            ],
            "tools": [{ "type": "function", "function": { "name": "look", "parameters": { "type": "object" } } }],
            "tool_choice": { "type": "function", "function": { "name": "look" } },
            "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": { "type": "object" } } },
            "stream_options": { "include_usage": true },
        }),
        Dialect::Responses => json!({
            "input": [
                { "role": "user", "content": [
                    { "type": "input_text", "text": "Hi" },
                    { "type": "input_image", "image_url": "https://example.com/a.png" },
                ] },
                { "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "A" }] },
                { "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}" },
                { "type": "function_call_output", "call_id": "c1", "output": "R" },
            ],
            "tools": [{ "type": "function", "name": "look", "parameters": { "type": "object" }, "strict": false }],
            "tool_choice": { "type": "function", "name": "look" },
            "text": { "format": { "type": "json_schema", "name": "n", "schema": { "type": "object" } } },
            "reasoning": { "effort": "low" },
        }),
        Dialect::Messages => json!({
            "system": [{ "type": "text", "text": "S" }],
            "messages": [
                { "role": "user", "content": [
                    { "type": "text", "text": "Hi" },
                    { "type": "image", "source": { "type": "url", "url": "https://example.com/a.png" } },
                ] },
                { "role": "assistant", "content": [
                    { "type": "text", "text": "A" },
                    { "type": "tool_use", "id": "c1", "name": "look", "input": {} },
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "c1", "content": [{ "type": "text", "text": "R" }] },
                ] },
            ],
            "tools": [{ "name": "look", "input_schema": { "type": "object" } }],
            "tool_choice": { "type": "tool", "name": "look" },
            "output_config": { "format": { "type": "json_schema", "schema": { "type": "object" } } },
            "metadata": { "user_id": "u" },
        }),
    };
    for (member, value) in members.as_object().unwrap() {
        request[member] = value.clone();
    }
    request
}

/// The places of that request at which something may hang.
fn places(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Chat => &[
            "",
            "/messages/0",
            "/messages/0/content/0",
            "/messages/1",
            "/messages/1/content/0",
            "/messages/1/content/1",
            "/messages/1/content/1/image_url",
            "/messages/2",
            "/messages/2/tool_calls/0",
            "/messages/2/tool_calls/0/function",
            "/messages/3",
            "/tools/0",
            "/tools/0/function",
            "/tool_choice",
            "/response_format",
            "/response_format/json_schema",
            "/stream_options",
        ],
        Dialect::Responses => &[
            "",
            "/input/0",
            "/input/0/content/0",
            "/input/0/content/1",
            "/input/1",
            "/input/1/content/0",
            "/input/2",
            "/input/3",
            "/tools/0",
            "/tool_choice",
            "/text",
            "/text/format",
            "/reasoning",
        ],
        Dialect::Messages => &[
            "",
            "/system/0",
            "/messages/0",
            "/messages/0/content/0",
            "/messages/0/content/1",
            "/messages/0/content/1/source",
            "/messages/1/content/0",
            "/messages/1/content/1",
            "/messages/2/content/0",
            "/messages/2/content/0/content/0",
            "/tools/0",
            "/tool_choice",
            "/output_config",
            "/output_config/format",
            "/metadata",
        ],
    }
}

/// Members that APIs of today have.
fn known(dialect: Dialect) -> Vec<Probe> {
    let text = |member: &'static str| probe("", member, json!(NEEDLE), NEEDLE);
    let number = |member: &'static str| probe("", member, json!(0.187), "0.187");
    let all = [
        "prompt_cache_key",
        "safety_identifier",
        "service_tier",
        "user",
        "verbosity",
        "inference_geo",
        "speed",
        "container",
        "prompt_cache_retention",
        "models",
        "route",
        "safe_prompt",
        "guided_regex",
    ];
    let mut probes: Vec<_> = all.map(text).into();
    probes.extend(
        [
            "temperature",
            "top_p",
            "frequency_penalty",
            "presence_penalty",
            "repetition_penalty",
            "min_p",
        ]
        .map(number),
    );
    probes.extend([
        probe("", "seed", json!(918_273), "918273"),
        probe("", "seed", json!(0), "\"seed\":0"),
        probe("", "top_k", json!(918_273), "918273"),
        probe("", "n", json!(1), ""),
        probe("", "logit_bias", json!({ "918273": 1 }), "918273"),
        probe("", "logprobs", json!(true), "\"logprobs\":true"),
        probe("", "top_logprobs", json!(7), "\"top_logprobs\":7"),
        probe("", "store", json!(true), "\"store\":true"),
        probe("", "metadata", json!({ "k": NEEDLE }), NEEDLE),
        probe(
            "",
            "metadata",
            json!({ "user_id": "u", "k": NEEDLE }),
            NEEDLE,
        ),
        probe(
            "",
            "prediction",
            json!({ "type": "content", "content": NEEDLE }),
            NEEDLE,
        ),
        probe("", "modalities", json!(["text", "audio"]), "\"modalities\""),
        probe(
            "",
            "audio",
            json!({ "voice": NEEDLE, "format": "mp3" }),
            NEEDLE,
        ),
        probe("", "truncation", json!("auto"), "truncation"),
        probe("", "max_tool_calls", json!(918_273), "918273"),
        probe("", "include", json!([NEEDLE]), NEEDLE),
        probe(
            "",
            "mcp_servers",
            json!([{ "type": "url", "url": NEEDLE }]),
            NEEDLE,
        ),
        probe(
            "",
            "context_management",
            json!({ "edits": [NEEDLE] }),
            NEEDLE,
        ),
        probe(
            "",
            "cache_control",
            json!({ "type": "ephemeral", "ttl": "1h" }),
            "ephemeral",
        ),
        probe("", "betas", json!([NEEDLE]), NEEDLE),
    ]);
    match dialect {
        Dialect::Chat => probes.extend([
            probe("/messages/0", "name", json!(NEEDLE), NEEDLE),
            probe("/messages/1", "name", json!(NEEDLE), NEEDLE),
            probe("/messages/2", "name", json!(NEEDLE), NEEDLE),
            probe("/messages/2", "audio", json!({ "id": NEEDLE }), NEEDLE),
            probe("/messages/2", "reasoning_content", json!(NEEDLE), NEEDLE),
            probe("/messages/2", "reasoning_details", json!([{ "type": "reasoning.text", "text": NEEDLE, "signature": "s", "format": "x" }]), NEEDLE),
            probe("/messages/2", "reasoning_details", json!([{ "type": NEEDLE, "text": NEEDLE }]), NEEDLE),
            probe("/messages/2", "refusal", json!(NEEDLE), NEEDLE),
            probe("/messages/1/content/1/image_url", "detail", json!("low"), "\"detail\":\"low\""),
            probe("/messages/1/content/0", "cache_control", json!({ "type": "ephemeral", "ttl": "5m" }), "ephemeral"),
            probe("/messages/1/content/0", "cache_control", json!({ "type": "ephemeral", "ttl": NEEDLE }), NEEDLE),
            probe("/tools/0/function", "description", json!(NEEDLE), NEEDLE),
            probe("/tools/0/function", "strict", json!(true), "\"strict\":true"),
            probe("/response_format/json_schema", "description", json!(NEEDLE), NEEDLE),
            probe("", "stop", json!([NEEDLE]), NEEDLE),
            probe("", "parallel_tool_calls", json!(false), "parallel_tool"),
            probe("", "web_search_options", json!({}), "web_search_options"),
            probe("", "thinking", json!({ "type": "enabled", "budget_tokens": 918_273, "zzz": NEEDLE }), NEEDLE),
        ]),
        Dialect::Responses => probes.extend([
            probe("", "instructions", json!(NEEDLE), NEEDLE),
            probe("", "parallel_tool_calls", json!(false), "parallel_tool"),
            probe("/input/0/content/1", "detail", json!("low"), "\"detail\":\"low\""),
            probe("/input/1/content/0", "annotations", json!([{ "type": "url_citation", "url": NEEDLE }]), NEEDLE),
            probe("/input/1/content/0", "logprobs", json!([{ "token": NEEDLE }]), NEEDLE),
            probe("/input/1", "phase", json!(NEEDLE), NEEDLE),
            probe("/tools/0", "description", json!(NEEDLE), NEEDLE),
            probe("/tools/0", "strict", json!(true), "\"strict\":true"),
            probe("/text", "verbosity", json!("low"), "verbosity"),
            probe("/text/format", "description", json!(NEEDLE), NEEDLE),
            probe("/reasoning", "zzz", json!(NEEDLE), NEEDLE),
        ]),
        Dialect::Messages => probes.extend([
            probe("/messages/0/content/0", "citations", json!([{ "type": "char_location", "cited_text": NEEDLE }]), NEEDLE),
            probe("/messages/0/content/0", "cache_control", json!({ "type": "ephemeral" }), "ephemeral"),
            probe("/messages/1/content/1", "cache_control", json!({ "type": "ephemeral" }), "ephemeral"),
            probe("/messages/1/content/1", "caller", json!({ "type": NEEDLE }), NEEDLE),
            probe("/messages/2/content/0", "is_error", json!(true), "is_error"),
            probe("/tools/0", "description", json!(NEEDLE), NEEDLE),
            probe("/tools/0", "strict", json!(true), "\"strict\":true"),
            probe("/tools/0", "input_examples", json!([{ "a": NEEDLE }]), NEEDLE),
            probe("/tools/0", "defer_loading", json!(true), "defer_loading"),
            probe("/tools/0", "cache_control", json!({ "type": "ephemeral" }), "ephemeral"),
            probe("", "stop_sequences", json!([NEEDLE]), NEEDLE),
            probe("/output_config", "effort", json!("low"), "\"low\""),
        ]),
    }
    probes
}

fn answer(kind: &str) -> Script {
    let body = if kind == "anthropic" {
        messages::message("a")
    } else {
        chat::completion("a")
    };
    Script::json(200, body).repeat()
}

pub(crate) struct Pair {
    dialect: Dialect,
    provider: ScriptedProvider,
    pub(crate) lax: TestGateway,
    strict: TestGateway,
}

impl Pair {
    pub(crate) async fn new(dialect: Dialect, kind: &str) -> Self {
        let provider = ScriptedProvider::start([answer(kind)]).await;
        let lax = gateway(&provider, kind, "", "").await;
        let strict = gateway(&provider, kind, "strict = true", "").await;
        Self {
            dialect,
            provider,
            lax,
            strict,
        }
    }

    /// What the header names, the body that the provider got; or the refusal.
    pub(crate) async fn ask(
        &self,
        body: &Value,
        is_strict: bool,
    ) -> Result<(Vec<String>, String), String> {
        let gateway = if is_strict { &self.strict } else { &self.lax };
        let answer = ask(gateway, self.dialect, body.to_string(), &[]).await;
        if answer.status != 200 {
            assert_eq!(answer.status, 400, "{answer:?}");
            return Err(answer.text());
        }
        let named = answer.values("x-herald-dropped").join(",");
        let named = named.split(',').map(|name| name.trim().to_owned());
        let body = self.provider.next_request().await.text();
        Ok((named.filter(|name| !name.is_empty()).collect(), body))
    }

    /// What is wrong with the fate of this probe.
    async fn flaw(&self, base: &Value, before: &[String], probe: &Probe) -> Option<String> {
        let mut body = base.clone();
        let place = body.pointer_mut(probe.place).unwrap();
        place[probe.member] = probe.value.clone();
        let fate = self.ask(&body, false).await;
        let strict = self.ask(&body, true).await;
        let told = format!(
            "{:?} at {:?} {:?}: {}",
            self.dialect, probe.place, probe.member, probe.value
        );
        match fate {
            Err(_) if strict.is_err() => None,
            Err(error) => Some(format!("{told}: refused, but not when strict: {error}")),
            Ok((named, upstream)) => {
                let more: Vec<_> = named
                    .iter()
                    .filter(|name| !before.contains(name))
                    .cloned()
                    .collect();
                let is_told = upstream.contains(&probe.told_as);
                match (more.is_empty(), is_told) {
                    (true, false) => Some(format!("{told}: lost in silence: {upstream}")),
                    (false, true) if !probe.told_as.is_empty() => Some(format!(
                        "{told}: told, and named as lost: {more:?}: {upstream}"
                    )),
                    (false, _) if strict.is_ok() => {
                        Some(format!("{told}: strict lets {more:?} be lost"))
                    }
                    (true, _) if before.is_empty() && strict.is_err() => Some(format!(
                        "{told}: nothing was lost, and strict refuses it: {strict:?}"
                    )),
                    _ => None,
                }
            }
        }
    }
}

async fn flaws_of(dialect: Dialect, kind: &str, probes: Vec<Probe>) -> Vec<String> {
    let pair = Pair::new(dialect, kind).await;
    let base = request(dialect);
    let (before, _) = pair.ask(&base, false).await.unwrap();
    let mut flaws = Vec::new();
    for probe in probes {
        if let Some(flaw) = pair.flaw(&base, &before, &probe).await {
            flaws.push(format!("over {kind}, {flaw}"));
        }
    }
    flaws
}

#[actix_web::test]
async fn a_member_of_today_is_told_or_named_or_refused() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        flaws.extend(flaws_of(dialect, kind, known(dialect)).await);
    }
    assert_none(&flaws);
}

#[actix_web::test]
async fn a_member_of_tomorrow_is_named_wherever_it_stands() {
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        for place in places(dialect) {
            flaws.extend(flaws_of(dialect, kind, unknown(place)).await);
        }
    }
    assert_none(&flaws);
}

/// A request of which nothing can be lost is let in by `strict`.
#[actix_web::test]
async fn the_plainest_request_loses_nothing_and_passes_strict() {
    for (dialect, kind) in TRANSLATED {
        let pair = Pair::new(dialect, kind).await;
        let plain = dialect.request(false);
        assert_eq!(
            pair.ask(&plain, false).await.unwrap().0,
            Vec::<String>::new(),
            "{dialect:?} over {kind}"
        );
        assert!(
            pair.ask(&plain, true).await.is_ok(),
            "{dialect:?} over {kind}"
        );
    }
}
