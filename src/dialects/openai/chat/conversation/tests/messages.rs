use serde_json::json;

use super::*;
use crate::completion::Role;

fn turns(messages: Value) -> Result<(Vec<String>, String), RequestError> {
    let body = json!({ "model": "m", "messages": messages }).to_string();
    let mut losses = Losses::default();
    let conversation = read(&body, &mut losses)?;
    let lines = conversation.turns.iter().map(|turn| {
        let who = match turn.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let parts: Vec<String> = turn.parts.iter().map(told).collect();
        format!("{who}: {}", parts.join(" | "))
    });
    Ok((lines.collect(), losses.to_string()))
}

#[test]
fn each_role_is_told_in_its_turn() {
    let (lines, lost) = turns(json!([
        { "role": "system", "content": "be kind" },
        { "role": "developer", "content": [{ "type": "text", "text": "be brief" }] },
        { "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "" }] },
        { "role": "assistant", "content": "b", "refusal": "no" },
        { "role": "user", "content": "" },
    ]))
    .unwrap();
    assert_eq!(
        lines,
        [
            "system: text be kind",
            "system: text be brief",
            "user: text a",
            "assistant: text b | refusal no",
            "user: "
        ]
    );
    assert_eq!(lost, "");
}

#[test]
fn images_and_files_are_found_where_they_are() {
    let (lines, lost) = turns(json!([{ "role": "user", "content": [
        { "type": "image_url", "image_url": { "url": "https://a/b.png", "detail": "auto" } },
        { "type": "image_url", "image_url": { "url": "data:image/png;base64,QUI=", "detail": "low" } },
        { "type": "image_url", "image_url": "DATA:image/jpeg;x=y;BASE64,QUI=" },
        { "type": "image_url", "image_url": { "url": "data:image/gif;base64,\"Q" } },
        { "type": "file", "file": { "file_data": "data:application/pdf;base64,QUI=", "filename": "a.pdf" } },
    ]}]))
    .unwrap();
    assert_eq!(
        lines,
        [
            "user: image at https://a/b.png | image image/png QUI= (low) | image image/jpeg QUI= | \
             image image/gif \"Q | file application/pdf QUI= Some(\"a.pdf\")"
        ]
    );
    assert_eq!(lost, "");
}

#[test]
fn base64_is_a_slice_of_the_body() {
    let body = r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,QUI="}}]}]}"#;
    let conversation = read(body, &mut Losses::default()).unwrap();
    let PartKind::Image { source, .. } = &conversation.turns[0].parts[0].kind else {
        panic!("an image");
    };
    assert!(matches!(
        source,
        Source::Base64 {
            media_type: Cow::Borrowed("image/png"),
            data: Cow::Borrowed("QUI="),
        }
    ));
}

#[test]
fn calls_and_their_results_are_told_and_results_in_a_row_share_a_turn() {
    let call = |id: &str| json!({ "id": id, "type": "function", "index": 0, "function": { "name": "f", "arguments": "{}" } });
    let (lines, lost) = turns(json!([
        { "role": "assistant", "content": null, "tool_calls": [call("a"), call("b")] },
        { "role": "tool", "tool_call_id": "a", "name": "f", "content": "1" },
        { "role": "tool", "tool_call_id": "b", "content": [{ "type": "text", "text": "2" }] },
        { "role": "user", "content": "so?" },
        { "role": "tool", "tool_call_id": "a", "content": null },
    ]))
    .unwrap();
    assert_eq!(
        lines,
        [
            "assistant: call a f {} | call b f {}",
            r#"user: result a ["text 1"] | result b ["text 2"]"#,
            "user: text so?",
            "user: result a []",
        ]
    );
    assert_eq!(lost, "");
}

#[test]
fn a_function_call_and_its_result_get_an_id_that_they_share() {
    let (lines, _) = turns(json!([
        { "role": "user", "content": "hi" },
        { "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{}" } },
        { "role": "function", "name": "f", "content": "1" },
    ]))
    .unwrap();
    assert_eq!(
        lines[1..],
        [
            "assistant: call call_1 f {}",
            r#"user: result call_1 ["text 1"]"#
        ]
    );
}

#[test]
fn thoughts_come_back_with_their_proofs() {
    let format = "anthropic-claude-v1";
    for (message, expected, expected_lost) in [
        (json!({ "reasoning_content": "hm" }), "thinking hm None", ""),
        (
            json!({ "reasoning": "hm", "reasoning_content": "hm" }),
            "thinking hm None",
            "",
        ),
        (
            json!({ "reasoning_content": "ab", "reasoning_details": [
                { "type": "reasoning.text", "text": "a", "signature": "s", "format": format, "index": 0 },
                { "type": "reasoning.encrypted", "data": "d", "format": format, "index": 1 },
                { "type": "reasoning.text", "text": "b", "signature": "", "index": 2 },
            ]}),
            r#"thinking a Some("s") | redacted d | thinking b None"#,
            "",
        ),
        // A client that kept the pieces of a stream one by one.
        (
            json!({ "reasoning_details": [
                { "type": "reasoning.text", "text": "a", "index": 0 },
                { "type": "reasoning.text", "text": "b", "index": 0 },
                { "type": "reasoning.text", "signature": "s", "index": 0 },
                { "type": "reasoning.text", "text": "c", "index": 0 },
            ]}),
            r#"thinking ab Some("s") | thinking c None"#,
            "",
        ),
        // One whose details never told the text.
        (
            json!({ "reasoning_content": "hm", "reasoning_details": [
                { "type": "reasoning.text", "signature": "s", "index": 0 },
            ]}),
            r#"thinking hm Some("s")"#,
            "",
        ),
        (
            json!({ "reasoning_content": "hm", "reasoning_details": [
                { "type": "reasoning.encrypted", "data": "d", "format": "openai-responses-v1" },
                { "type": "reasoning.summary", "summary": "s" },
            ]}),
            "thinking s None",
            "thinking",
        ),
    ] {
        let mut whole = json!({ "role": "assistant" });
        whole
            .as_object_mut()
            .unwrap()
            .extend(message.as_object().unwrap().clone());
        let (lines, lost) = turns(json!([whole])).unwrap();
        assert_eq!(lines, [format!("assistant: {expected}")]);
        assert_eq!(lost, expected_lost, "{message}");
    }
}

#[test]
fn marks_of_a_cache_stay_with_their_part() {
    let mark = json!({ "type": "ephemeral" });
    let (lines, lost) = turns(json!([
        { "role": "system", "content": [{ "type": "text", "text": "a", "cache_control": mark }] },
        { "role": "user", "content": "b", "cache_control": mark },
        { "role": "tool", "tool_call_id": "c", "content": "d", "cache_control": mark },
        { "role": "user", "content": "", "cache_control": mark },
    ]))
    .unwrap();
    assert_eq!(
        lines,
        [
            r#"system: text a cached {"type":"ephemeral"}"#,
            r#"user: text b cached {"type":"ephemeral"}"#,
            r#"user: result c ["text d"] cached {"type":"ephemeral"}"#,
            "user: ",
        ]
    );
    assert_eq!(lost, "cache_control");
}

#[test]
fn what_has_no_word_in_a_message_is_lost_by_its_path() {
    let (_, lost) = turns(json!([
        { "role": "user", "name": "ann", "content": [
            { "type": "text", "text": "a", "prompt_cache_breakpoint": { "mode": "explicit" } },
        ]},
        { "role": "assistant", "content": "b", "audio": { "id": "x" }, "annotations": [{}],
            "tool_calls": [{ "id": "c", "function": { "name": "f", "arguments": "", "x": 1 }, "extra_content": { "a": 1 } }] },
    ]))
    .unwrap();
    assert_eq!(
        lost,
        "messages.content.prompt_cache_breakpoint, messages.name, messages.tool_calls.function.x, \
         messages.tool_calls.extra_content, messages.annotations, messages.audio"
    );
    let (_, lost) = turns(json!([
        { "role": "assistant", "content": "b", "audio": null, "annotations": [], "refusal": null,
            "function_call": null, "tool_calls": null },
    ]))
    .unwrap();
    assert_eq!(lost, "");
}

#[test]
fn what_is_wrong_in_messages_is_refused_with_its_path() {
    let user = |content: Value| json!([{ "role": "user", "content": content }]);
    let assistant = |members: Value| {
        let mut message = json!({ "role": "assistant" });
        message
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        json!([message])
    };
    for (messages, expected) in [
        (json!(null), "messages"),
        (json!([]), "messages"),
        (json!("hi"), "messages"),
        (json!(["hi"]), "messages[0]"),
        (json!([{ "content": "hi" }]), "messages[0].role"),
        (
            json!([{ "role": "judge", "content": "hi" }]),
            "messages[0].role",
        ),
        (json!([{ "role": "user" }]), "messages[0].content"),
        (user(json!({ "a": 1 })), "messages[0].content"),
        (user(json!(["a"])), "messages[0].content[0]"),
        (
            user(json!([{ "type": "text" }])),
            "messages[0].content[0].text",
        ),
        (
            user(json!([{ "type": "text", "text": "a" }, { "type": "input_audio" }])),
            "messages[0].content[1].type",
        ),
        (
            user(json!([{ "type": "refusal", "refusal": "a" }])),
            "messages[0].content[0].type",
        ),
        (
            user(json!([{ "type": "image_url" }])),
            "messages[0].content[0].image_url",
        ),
        (
            user(json!([{ "type": "image_url", "image_url": {} }])),
            "messages[0].content[0].image_url.url",
        ),
        (
            user(json!([{ "type": "image_url", "image_url": "file:///a" }])),
            "messages[0].content[0].image_url",
        ),
        (
            user(json!([{ "type": "image_url", "image_url": { "url": "data:image/png,x" } }])),
            "messages[0].content[0].image_url.url",
        ),
        (
            user(json!([{ "type": "image_url", "image_url": { "url": "data:;base64,x" } }])),
            "messages[0].content[0].image_url.url",
        ),
        (
            user(json!([{ "type": "file", "file": { "file_id": "f" } }])),
            "messages[0].content[0].file.file_id",
        ),
        (
            user(json!([{ "type": "file", "file": { "file_data": "QUI=" } }])),
            "messages[0].content[0].file.file_data",
        ),
        (
            json!([{ "role": "system", "content": [{ "type": "image_url", "image_url": "https://a" }] }]),
            "messages[0].content[0].type",
        ),
        (
            json!([{ "role": "tool", "content": "a" }]),
            "messages[0].tool_call_id",
        ),
        (
            json!([{ "role": "function", "name": "f", "content": "a" }]),
            "messages[0].role",
        ),
        (
            assistant(json!({ "tool_calls": [{ "id": "a", "type": "custom", "custom": {} }] })),
            "messages[0].tool_calls[0].type",
        ),
        (
            assistant(json!({ "tool_calls": [{ "id": "", "function": { "name": "f" } }] })),
            "messages[0].tool_calls[0].id",
        ),
        (
            assistant(json!({ "tool_calls": [{ "id": "a" }] })),
            "messages[0].tool_calls[0].function",
        ),
        (
            assistant(
                json!({ "tool_calls": [{ "id": "a", "function": { "name": "f", "arguments": {} } }] }),
            ),
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            assistant(json!({ "reasoning_details": [{ "type": "reasoning.text", "text": 1 }] })),
            "messages[0].reasoning_details[0].text",
        ),
    ] {
        let Err(error) = turns(messages.clone()) else {
            panic!("{messages} was taken");
        };
        assert_eq!(error.param(), Some(expected), "{messages}");
    }
}
