//! Turns as messages.

use serde_json::{Value, json};

use super::{GENEROUS, raw, written};
use crate::{
    completion::{Conversation, Part, PartKind, Role, Source, Turn},
    providers::openai::ChatQuirks,
};

/// The messages of these turns, and what was lost on their way.
fn messages(turns: Vec<(Role, Vec<PartKind<'_>>)>, quirks: ChatQuirks) -> (Value, String) {
    let turns = turns.into_iter().map(|(role, kinds)| Turn {
        role,
        parts: kinds.into_iter().map(Part::from).collect(),
    });
    let conversation = Conversation {
        turns: turns.collect(),
        ..Conversation::default()
    };
    let (mut body, lost) = written(conversation, quirks);
    (body["messages"].take(), lost)
}

fn text(text: &str) -> PartKind<'_> {
    PartKind::Text(text.into())
}

fn image() -> PartKind<'static> {
    PartKind::Image {
        source: Source::Base64 {
            media_type: "image/png".into(),
            data: "AAAA".into(),
        },
        detail: None,
    }
}

fn call<'a>(id: &'a str, arguments: &'a str) -> PartKind<'a> {
    PartKind::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
    }
}

fn result<'a>(id: &'a str, content: Vec<PartKind<'a>>) -> PartKind<'a> {
    PartKind::ToolResult {
        call_id: id.into(),
        content: content.into_iter().map(Part::from).collect(),
        is_error: false,
    }
}

#[test]
fn one_text_is_a_string_and_several_are_parts_or_joined() {
    let turns = || {
        vec![
            (Role::System, vec![text("be brief")]),
            (Role::User, vec![text("a"), text("b")]),
            (Role::Assistant, vec![text("c")]),
            (Role::User, vec![]),
        ]
    };
    let (told, lost) = messages(turns(), ChatQuirks::default());
    assert_eq!(
        told,
        json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "c"},
            {"role": "user", "content": ""},
        ])
    );
    assert_eq!(lost, "");
    let strings = ChatQuirks {
        text_lists: false,
        ..ChatQuirks::default()
    };
    let (told, _) = messages(turns(), strings);
    assert_eq!(told[1]["content"], json!("a\n\nb"));
}

#[test]
fn pictures_and_documents_are_urls_and_texts_stay_texts() {
    let (told, lost) = messages(
        vec![(
            Role::User,
            vec![
                PartKind::Image {
                    source: Source::Url("https://x/y.png".into()),
                    detail: Some("low".into()),
                },
                image(),
                PartKind::File {
                    source: Source::Base64 {
                        media_type: "application/pdf".into(),
                        data: "BBBB".into(),
                    },
                    name: None,
                },
                PartKind::File {
                    source: Source::Text("notes".into()),
                    name: Some("n.txt".into()),
                },
            ],
        )],
        ChatQuirks::default(),
    );
    assert_eq!(
        told[0]["content"],
        json!([
            {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,BBBB"}},
            {"type": "text", "text": "notes"},
        ])
    );
    assert_eq!(lost, "file.name");
}

#[test]
fn results_of_tools_are_messages_of_their_own_before_what_the_user_says() {
    let (told, lost) = messages(
        vec![
            (
                Role::Assistant,
                vec![text("let me see"), call("a", "{\"x\":1}"), call("b", "")],
            ),
            (
                Role::User,
                vec![
                    text("and?"),
                    result("a", vec![text("1")]),
                    result("b", vec![]),
                ],
            ),
        ],
        ChatQuirks::default(),
    );
    assert_eq!(
        told,
        json!([
            {"role": "assistant", "content": "let me see", "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ]},
            {"role": "tool", "content": "1", "tool_call_id": "a"},
            {"role": "tool", "content": "", "tool_call_id": "b"},
            {"role": "user", "content": "and?"},
        ])
    );
    assert_eq!(lost, "");
}

#[test]
fn a_picture_that_a_tool_gave_follows_all_results_in_a_users_message() {
    for (last, expected) in [
        (
            vec![],
            json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]),
        ),
        (
            vec![(Role::User, vec![text("and?")])],
            json!([
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "and?"},
            ]),
        ),
    ] {
        let mut turns = vec![
            (Role::User, vec![result("a", vec![text("seen"), image()])]),
            (Role::User, vec![result("b", vec![text("2")])]),
        ];
        turns.extend(last);
        let (told, lost) = messages(turns, ChatQuirks::default());
        assert_eq!(
            told,
            json!([
                {"role": "tool", "content": "seen", "tool_call_id": "a"},
                {"role": "tool", "content": "2", "tool_call_id": "b"},
                {"role": "user", "content": expected},
            ])
        );
        assert_eq!(lost, "tool_result.image");
    }
}

#[test]
fn that_a_tool_failed_is_told_only_by_its_text() {
    let failed = PartKind::ToolResult {
        call_id: "a".into(),
        content: vec![text("no such file").into()],
        is_error: true,
    };
    let (told, lost) = messages(vec![(Role::User, vec![failed])], ChatQuirks::default());
    assert_eq!(
        told,
        json!([{"role": "tool", "content": "no such file", "tool_call_id": "a"}])
    );
    assert_eq!(lost, "tool_result.is_error");
}

#[test]
fn a_call_alone_has_no_content_and_a_refusal_its_own_member() {
    let (told, _) = messages(
        vec![
            (Role::Assistant, vec![call("a", "{}")]),
            (
                Role::Assistant,
                vec![
                    PartKind::Refusal("I can".into()),
                    PartKind::Refusal("not".into()),
                ],
            ),
            (Role::Assistant, vec![]),
        ],
        ChatQuirks::default(),
    );
    assert_eq!(told[0]["content"], Value::Null);
    assert_eq!(
        told[1],
        json!({"role": "assistant", "content": null, "refusal": "I cannot"})
    );
    assert_eq!(told[2], json!({"role": "assistant", "content": ""}));
}

#[test]
fn thoughts_go_back_to_servers_that_take_them_and_are_lost_elsewhere() {
    const GEMINIS: &str =
        r#"{"type":"reasoning.encrypted","data":"y","id":"t","format":"google-gemini-v1"}"#;
    let thought = |text: &'static str, signature: Option<&'static str>| PartKind::Thinking {
        text: text.into(),
        signature: signature.map(Into::into),
    };
    let signed = || {
        vec![
            thought("a", Some("s")),
            thought("b", None),
            PartKind::RedactedThinking("x".into()),
            PartKind::RedactedThinking(GEMINIS.into()),
            text("H"),
        ]
    };
    let (told, lost) = messages(vec![(Role::Assistant, signed())], GENEROUS);
    assert_eq!(
        told[0],
        json!({"role": "assistant", "content": "H", "reasoning_content": "ab", "reasoning_details": [
            {"type": "reasoning.text", "text": "a", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
            {"type": "reasoning.text", "text": "b", "index": 1},
            {"type": "reasoning.encrypted", "data": "x", "format": "anthropic-claude-v1", "index": 2},
            {"type": "reasoning.encrypted", "data": "y", "id": "t", "format": "google-gemini-v1"},
        ]})
    );
    assert_eq!(lost, "");

    let unsigned = || vec![thought("a", None), thought("b", None)];
    let (told, _) = messages(vec![(Role::Assistant, unsigned())], GENEROUS);
    assert_eq!(
        told,
        json!([{"role": "assistant", "content": "", "reasoning_content": "ab"}])
    );

    for (parts, expected) in [
        (signed(), json!([{"role": "assistant", "content": "H"}])),
        (unsigned(), json!([])),
    ] {
        let (told, lost) = messages(vec![(Role::Assistant, parts)], ChatQuirks::default());
        assert_eq!((told, lost.as_str()), (expected, "thinking"));
    }
}

#[test]
fn marks_for_a_cache_stay_where_the_server_knows_them() {
    let conversation = || Conversation {
        turns: vec![Turn {
            role: Role::System,
            parts: vec![Part {
                kind: text("long"),
                cache_control: Some(raw(r#"{"type":"ephemeral"}"#)),
            }],
        }],
        ..Conversation::default()
    };
    let (body, lost) = written(conversation(), GENEROUS);
    assert_eq!(
        body["messages"][0]["content"],
        json!([{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}])
    );
    assert_eq!(lost, "");
    let (body, lost) = written(conversation(), ChatQuirks::default());
    assert_eq!(body["messages"][0]["content"], json!("long"));
    assert_eq!(lost, "cache_control");
}

#[test]
fn what_stands_where_it_cannot_be_told_is_lost_by_name() {
    let (told, lost) = messages(
        vec![
            (Role::User, vec![call("a", "{}"), text("H")]),
            (
                Role::Assistant,
                vec![image(), result("a", vec![]), text("H")],
            ),
        ],
        ChatQuirks::default(),
    );
    assert_eq!(
        told,
        json!([{"role": "user", "content": "H"}, {"role": "assistant", "content": "H"}])
    );
    assert_eq!(lost, "messages.content, assistant.image");
}
