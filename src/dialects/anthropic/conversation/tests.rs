mod options;

use serde_json::{Value, json};

use super::*;
use crate::completion::{Part, Source};

/// A part in few words.
fn in_words(part: &Part<'_>) -> String {
    let source = |source: &Source<'_>| match source {
        Source::Url(url) => format!("at {url}"),
        Source::Base64 { media_type, data } => format!("{media_type} {data}"),
        Source::Text(text) => format!("text {text}"),
    };
    let kind = match &part.kind {
        PartKind::Text(text) => format!("text {text}"),
        PartKind::Image { source: at, .. } => format!("image {}", source(at)),
        PartKind::File { source: at, name } => format!("file {name:?} {}", source(at)),
        PartKind::Thinking { text, signature } => format!("thought {text} {signature:?}"),
        PartKind::RedactedThinking(data) => format!("redacted {data}"),
        PartKind::Refusal(text) => format!("refusal {text}"),
        PartKind::ToolCall {
            id,
            name,
            arguments,
        } => format!("call {id} {name} {arguments}"),
        PartKind::ToolResult {
            call_id,
            content,
            is_error,
        } => {
            let content: Vec<_> = content.iter().map(in_words).collect();
            format!("result {call_id} {is_error} {content:?}")
        }
    };
    match part.cache_control {
        Some(control) => format!("{kind} @{control}"),
        None => kind,
    }
}

fn of(request: &Value) -> String {
    request.to_string()
}

/// The content of one message, in few words, and what of it was lost.
fn said(role: &str, content: &Value) -> Result<(Vec<String>, Vec<String>), RequestError> {
    let body = of(&json!({ "model": "m", "max_tokens": 1, "messages": [
        { "role": role, "content": content }, { "role": "user", "content": "?" },
    ] }));
    let mut losses = Losses::default();
    let conversation = super::read(&body, &mut losses)?;
    let words = conversation.turns[0].parts.iter().map(in_words).collect();
    Ok((words, losses.names().to_vec()))
}

/// A request with these members beside those that it must have.
fn with(members: &Value) -> String {
    let mut request = json!({ "model": "m", "max_tokens": 9, "messages": [] });
    for (name, value) in members.as_object().unwrap() {
        request[name] = value.clone();
    }
    request.to_string()
}

#[test]
fn each_kind_of_block_is_told_in_our_words() {
    let image = |source: Value| json!([{ "type": "image", "source": source }]);
    let document = |title: Value, source: Value| json!([{ "type": "document", "title": title, "source": source }]);
    for (role, content, words, lost) in [
        ("user", json!("Hi"), &["text Hi"][..], &[][..]),
        (
            "user",
            json!([{"type":"text","text":"a","cache_control":{"type":"ephemeral"},"citations":null}]),
            &[r#"text a @{"type":"ephemeral"}"#],
            &[],
        ),
        (
            "assistant",
            json!([{"type":"text","text":"a","citations":[{"type":"char_location"}]}]),
            &["text a"],
            &["messages.content.citations"],
        ),
        (
            "system",
            json!([{"type":"text","text":"be brief"}]),
            &["text be brief"],
            &[],
        ),
        (
            "user",
            image(json!({"type":"base64","media_type":"image/png","data":"AAAA"})),
            &["image image/png AAAA"],
            &[],
        ),
        (
            "user",
            image(json!({"type":"url","url":"https://e.org/a.png"})),
            &["image at https://e.org/a.png"],
            &[],
        ),
        (
            "user",
            document(
                json!("A"),
                json!({"type":"base64","media_type":"application/pdf","data":"AAAA"}),
            ),
            &[r#"file Some("A") application/pdf AAAA"#],
            &[],
        ),
        (
            "user",
            document(
                json!(null),
                json!({"type":"url","url":"https://e.org/a.pdf"}),
            ),
            &["file None at https://e.org/a.pdf"],
            &[],
        ),
        (
            "user",
            document(
                json!("A"),
                json!({"type":"text","media_type":"text/plain","data":"words"}),
            ),
            &[r#"file Some("A") text words"#],
            &[],
        ),
        (
            "user",
            document(
                json!("A"),
                json!({"type":"content","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"url","url":"u"}}]}),
            ),
            &["text a", "image at u"],
            &["file.name"],
        ),
        (
            "user",
            document(json!(null), json!({"type":"content","content":"a"})),
            &["text a"],
            &[],
        ),
        (
            "user",
            json!([{"type":"document","context":"c","citations":{"enabled":true},"source":{"type":"text","data":"a","media_type":"text/plain"}}]),
            &["file None text a"],
            &["messages.content.citations", "messages.content.context"],
        ),
        (
            "user",
            json!([{"type":"search_result","source":"https://e.org","title":"T","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"citations":{"enabled":false}}]),
            &["file Some(\"T\") text a\nb"],
            &["messages.content.source"],
        ),
        (
            "assistant",
            json!([{"type":"thinking","thinking":"hm","signature":"s"},{"type":"thinking","thinking":"hm","signature":""},{"type":"redacted_thinking","data":"d"}]),
            &[r#"thought hm Some("s")"#, "thought hm None", "redacted d"],
            &[],
        ),
        (
            "assistant",
            json!([{"type":"tool_use","id":"t","name":"f","input":{"a":[1]},"caller":{"type":"direct"}}]),
            &[r#"call t f {"a":[1]}"#],
            &[],
        ),
        (
            "user",
            json!([{"type":"tool_result","tool_use_id":"t"}]),
            &["result t false []"],
            &[],
        ),
        (
            "user",
            json!([{"type":"tool_result","tool_use_id":"t","is_error":true,"content":"no"}]),
            &[r#"result t true ["text no"]"#],
            &[],
        ),
        (
            "user",
            json!([{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"url","url":"u"}}]}]),
            &[r#"result t false ["image at u"]"#],
            &[],
        ),
        (
            "assistant",
            json!([{"type":"server_tool_use","id":"s","name":"web_search","input":{}},{"type":"web_search_tool_result","tool_use_id":"s","content":[]},{"type":"text","text":"a"}]),
            &["text a"],
            &[
                "messages.content.server_tool_use",
                "messages.content.web_search_tool_result",
            ],
        ),
    ] {
        let (told, losses) =
            said(role, &content).unwrap_or_else(|error| panic!("{content}: {error}"));
        assert_eq!(told, words, "{content}");
        assert_eq!(losses, lost, "{content}");
    }
}

#[test]
fn what_cannot_be_left_out_is_refused_at_its_path() {
    for (role, content, param) in [
        ("robot", json!("Hi"), "messages[0].role"),
        ("user", json!(7), "messages[0].content"),
        ("user", json!(null), "messages[0].content"),
        ("user", json!([7]), "messages[0].content[0]"),
        (
            "user",
            json!([{"type":"text"}]),
            "messages[0].content[0].text",
        ),
        (
            "user",
            json!([{"type":"text","text":"a"},{"type":"container_upload","file_id":"f"}]),
            "messages[0].content[1].type",
        ),
        (
            "user",
            json!([{"type":"image","source":{"type":"file","file_id":"f"}}]),
            "messages[0].content[0].source.type",
        ),
        (
            "user",
            json!([{"type":"image"}]),
            "messages[0].content[0].source",
        ),
        (
            "user",
            json!([{"type":"document","source":{"type":"file","file_id":"f"}}]),
            "messages[0].content[0].source.type",
        ),
        (
            "user",
            json!([{"type":"tool_use","id":"t","name":"f","input":{}}]),
            "messages[0].content[0].type",
        ),
        (
            "assistant",
            json!([{"type":"tool_result","tool_use_id":"t"}]),
            "messages[0].content[0].type",
        ),
        (
            "assistant",
            json!([{"type":"tool_use","id":"t","name":"f","input":"{}"}]),
            "messages[0].content[0].input",
        ),
        (
            "assistant",
            json!([{"type":"compaction","content":"all of it"}]),
            "messages[0].content[0].type",
        ),
        (
            "system",
            json!([{"type":"image","source":{"type":"url","url":"u"}}]),
            "messages[0].content[0].type",
        ),
        (
            "user",
            json!([{"type":"tool_result","tool_use_id":"t","content":[{"type":"tool_reference","tool_name":"f"}]}]),
            "messages[0].content[0].content[0].type",
        ),
        (
            "user",
            json!([{"type":"document","source":{"type":"content","content":[{"type":"document"}]}}]),
            "messages[0].content[0].source.content[0].type",
        ),
    ] {
        let error = said(role, &content)
            .err()
            .unwrap_or_else(|| panic!("{content}"));
        assert_eq!(error.param(), Some(param), "{content}: {error}");
    }
}

#[test]
fn the_system_prompt_comes_first_and_what_is_all_lost_is_no_turn() {
    let body = of(
        &json!({ "model": "m", "max_tokens": 1, "system": [{"type":"text","text":"s"}], "messages": [
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": [{"type":"server_tool_use","id":"s","name":"web_search","input":{}}] },
        { "role": "assistant", "content": [] },
        { "role": "system", "content": "t" },
        { "role": "assistant", "content": "and so" },
    ] }),
    );
    let mut losses = Losses::default();
    let turns = super::read(&body, &mut losses).unwrap().turns;
    let roles: Vec<_> = turns.iter().map(|turn| turn.role).collect();
    assert_eq!(
        roles,
        [
            Role::System,
            Role::User,
            Role::Assistant,
            Role::System,
            Role::Assistant
        ]
    );
    assert_eq!(
        losses.names(),
        ["messages.content.server_tool_use", "prefill"]
    );
}

#[test]
fn what_has_no_word_is_left_to_the_writer_or_lost_where_openai_means_something_else() {
    let body = with(&json!({
        "cache_control": {"type":"ephemeral"}, "inference_geo": "us", "mcp_servers": [{"url":"u"}],
        "invented_tomorrow": 1, "service_tier": "standard_only", "container": "c", "speed": "fast",
        "context_management": {"edits":[{}]}, "metadata": {"more": 1}, "diagnostics": {},
    }));
    let mut losses = Losses::default();
    let conversation = super::read(&body, &mut losses).unwrap();
    let mut others: Vec<_> = conversation
        .others
        .iter()
        .map(|(name, _)| name.as_ref())
        .collect();
    others.sort_unstable();
    assert_eq!(
        others,
        [
            "cache_control",
            "inference_geo",
            "invented_tomorrow",
            "mcp_servers"
        ]
    );
    let mut lost = losses.names().to_vec();
    lost.sort_unstable();
    assert_eq!(
        lost,
        [
            "container",
            "context_management",
            "metadata.more",
            "service_tier",
            "speed"
        ]
    );
}

#[test]
fn wrong_members_are_named() {
    for (members, param) in [
        (json!({"max_tokens":null}), "max_tokens"),
        (json!({"max_tokens":-1}), "max_tokens"),
        (json!({"messages":null}), "messages"),
        (json!({"messages":{}}), "messages"),
        (json!({"system":7}), "system"),
        (json!({"stop_sequences":"a"}), "stop_sequences"),
        (json!({"temperature":"hot"}), "temperature"),
        (json!({"metadata":7}), "metadata"),
        (json!({"tools":{}}), "tools"),
        (json!({"tools":[{"name":"f"}]}), "tools[0].input_schema"),
        (json!({"tools":[{"input_schema":{}}]}), "tools[0].name"),
        (
            json!({"thinking":{"type":"enabled"}}),
            "thinking.budget_tokens",
        ),
        (json!({"thinking":{"type":"hard"}}), "thinking.type"),
        (
            json!({"thinking":{"type":"adaptive","display":"all"}}),
            "thinking.display",
        ),
        (
            json!({"output_config":{"effort":"some"}}),
            "output_config.effort",
        ),
        (
            json!({"output_config":{"format":{"type":"xml"}}}),
            "output_config.format.type",
        ),
        (
            json!({"output_format":{"type":"json_schema"}}),
            "output_format.schema",
        ),
        (json!({"thread":{"type":"continue"}}), "thread"),
        (json!({"compaction":{"type":"summarize"}}), "compaction"),
    ] {
        let body = with(&members);
        let error = super::read(&body, &mut Losses::default()).err();
        let error = error.unwrap_or_else(|| panic!("{body}"));
        assert_eq!(error.param(), Some(param), "{body}");
    }
    let twice = r#"{"max_tokens":1,"messages":[],"system":"a","system":"b"}"#;
    let error = super::read(twice, &mut Losses::default()).err().unwrap();
    assert_eq!(error.to_string(), "`system` must be there only once");
}

#[test]
fn long_texts_are_slices_of_the_body() {
    let body = with(&json!({ "messages": [{ "role": "user", "content": [
        {"type":"image","source":{"type":"base64","media_type":"image/png","data":"A".repeat(100)}},
    ] }] }));
    let conversation = super::read(&body, &mut Losses::default()).unwrap();
    let PartKind::Image {
        source: Source::Base64 { data, .. },
        ..
    } = &conversation.turns[0].parts[0].kind
    else {
        panic!("no image")
    };
    assert!(body.as_bytes().as_ptr_range().contains(&data.as_ptr()));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]{}:,\"a-z0-9\\\\ ]{0,64}", place in 0usize..3) {
        let body = match place {
            0 => text,
            1 => format!(r#"{{"model":"m","max_tokens":1,"messages":[{text}]}}"#),
            _ => format!(r#"{{"max_tokens":1,"messages":[{{"role":"user","content":[{{"type":"image","source":{text}}}]}}]}}"#),
        };
        let _ = super::read(&body, &mut Losses::default());
    }
}
