mod members;

use serde_json::{Value, json};

use super::*;
use crate::{
    completion::{Effort, Part, PartKind, Reasoning, Role, Source, Tool, Turn},
    providers::{Terms, openai::ChatQuirks},
    settings::{AnthropicSettings, ThinkingStyle},
};

const CALL: CallBody<'_> = with(AnthropicSettings {
    max_tokens: 8192,
    thinking: ThinkingStyle::Adaptive,
});

const fn with(messages: AnthropicSettings) -> CallBody<'static> {
    CallBody {
        model: "claude",
        stream: true,
        ask_for_usage: true,
        terms: Terms {
            chat: ChatQuirks::OPENAI,
            messages,
        },
    }
}

fn raw(json: &str) -> &serde_json::value::RawValue {
    serde_json::from_str(json).unwrap()
}

fn turn<'a>(role: Role, parts: impl IntoIterator<Item = PartKind<'a>>) -> Turn<'a> {
    Turn {
        role,
        parts: parts.into_iter().map(Part::from).collect(),
    }
}

fn text(text: &str) -> PartKind<'_> {
    PartKind::Text(text.into())
}

fn call<'a>(id: &'a str, arguments: &'a str) -> PartKind<'a> {
    PartKind::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
    }
}

fn result<'a>(id: &'a str, content: Vec<Part<'a>>) -> PartKind<'a> {
    PartKind::ToolResult {
        call_id: id.into(),
        content,
        is_error: false,
    }
}

fn said(turns: Vec<Turn<'_>>) -> Conversation<'_> {
    Conversation {
        turns,
        ..Conversation::default()
    }
}

fn hi<'a>() -> Conversation<'a> {
    said(vec![turn(Role::User, [text("Hi")])])
}

/// The body, and what was lost.
fn written(conversation: Conversation<'_>) -> (Value, String) {
    let mut losses = Losses::default();
    let body = write(conversation, CALL, &mut losses).unwrap();
    (serde_json::from_slice(&body).unwrap(), losses.to_string())
}

fn refused(conversation: Conversation<'_>) -> String {
    let refused = write(conversation, CALL, &mut Losses::default());
    refused.unwrap_err().to_string()
}

#[test]
fn the_least_request_has_what_anthropic_requires_and_nothing_else() {
    let (body, lost) = written(hi());
    let expected = json!({
        "model": "claude", "max_tokens": 8192, "stream": true,
        "messages": [{ "role": "user", "content": "Hi" }],
    });
    assert_eq!(body, expected);
    assert_eq!(lost, "");
}

#[test]
fn system_prompts_move_to_the_front_and_one_from_the_midst_is_told_as_lost() {
    let (body, lost) = written(said(vec![
        turn(Role::System, [text("Be kind.")]),
        turn(Role::User, [text("Hi")]),
    ]));
    assert_eq!(body["system"], "Be kind.");
    assert_eq!(lost, "");
    let (body, lost) = written(said(vec![
        turn(Role::System, [text("Be kind."), text("")]),
        turn(Role::User, [text("Hi")]),
        turn(Role::System, [text("Be brief.")]),
    ]));
    let expected = json!([
        { "type": "text", "text": "Be kind." },
        { "type": "text", "text": "Be brief." },
    ]);
    assert_eq!(body["system"], expected);
    assert_eq!(lost, "messages.system");
}

#[test]
fn a_cache_mark_stays_where_anthropic_has_it() {
    let mark = raw(r#"{"type":"ephemeral"}"#);
    let marked = |kind| Part {
        kind,
        cache_control: Some(mark),
    };
    let thought = PartKind::Thinking {
        text: "hm".into(),
        signature: Some("s".into()),
    };
    let turns = vec![
        Turn {
            role: Role::System,
            parts: vec![marked(text("Be kind."))],
        },
        Turn {
            role: Role::User,
            parts: vec![marked(text("Hi"))],
        },
        Turn {
            role: Role::Assistant,
            parts: vec![marked(thought)],
        },
    ];
    let (body, lost) = written(said(turns));
    let mark = json!({ "type": "ephemeral" });
    assert_eq!(body["system"][0]["cache_control"], mark);
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], mark);
    assert_eq!(lost, "cache_control");
}

#[test]
fn turns_of_one_side_are_joined_and_results_of_tools_come_first() {
    let (body, lost) = written(said(vec![
        turn(Role::User, [text("Hi")]),
        turn(Role::Assistant, [text("Let me see.")]),
        turn(Role::Assistant, [call("c1", r#"{"a":1}"#), call("c.2", "")]),
        turn(Role::User, [text("Quick!")]),
        turn(Role::User, [result("c1", vec![Part::from(text("one"))])]),
        turn(Role::User, [result("c.2", Vec::new())]),
    ]));
    let expected = json!([
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": [
            { "type": "text", "text": "Let me see." },
            { "type": "tool_use", "id": "c1", "name": "f", "input": { "a": 1 } },
            { "type": "tool_use", "id": "c_2", "name": "f", "input": {} },
        ] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "c1", "content": "one" },
            { "type": "tool_result", "tool_use_id": "c_2" },
            { "type": "text", "text": "Quick!" },
        ] },
    ]);
    assert_eq!(body["messages"], expected);
    assert_eq!(lost, "");
}

#[test]
fn images_and_documents_keep_their_source() {
    let image = |source, detail: Option<&'static str>| PartKind::Image {
        source,
        detail: detail.map(Into::into),
    };
    let file = |source, name: Option<&'static str>| PartKind::File {
        source,
        name: name.map(Into::into),
    };
    let base64 = |media_type: &'static str, data: &'static str| Source::Base64 {
        media_type: media_type.into(),
        data: data.into(),
    };
    let (body, lost) = written(said(vec![turn(
        Role::User,
        [
            image(Source::Url("https://a/b.png".into()), Some("auto")),
            image(base64("image/png", "aGk="), Some("high")),
            file(base64("application/pdf", "aGk="), Some("a.pdf")),
            file(base64("text/csv", "aGk="), None),
            file(base64("text/plain", "no base64"), None),
            file(Source::Text("plain".into()), None),
        ],
    )]));
    let expected = json!([
        { "type": "image", "source": { "type": "url", "url": "https://a/b.png" } },
        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "aGk=" } },
        { "type": "document", "title": "a.pdf",
          "source": { "type": "base64", "media_type": "application/pdf", "data": "aGk=" } },
        { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "hi" } },
        { "type": "document",
          "source": { "type": "base64", "media_type": "text/plain", "data": "no base64" } },
        { "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "plain" } },
    ]);
    assert_eq!(body["messages"][0]["content"], expected);
    assert_eq!(lost, "image.detail");
}

#[test]
fn thoughts_go_back_with_their_proof_and_refusals_as_text() {
    let thought = |signature: Option<&'static str>| PartKind::Thinking {
        text: "hm".into(),
        signature: signature.map(Into::into),
    };
    let (body, lost) = written(said(vec![
        turn(Role::User, [text("Hi")]),
        turn(
            Role::Assistant,
            [
                thought(Some("s")),
                thought(None),
                thought(Some("")),
                PartKind::RedactedThinking("x".into()),
                PartKind::Refusal("No.".into()),
            ],
        ),
        turn(Role::User, [text("Why?")]),
    ]));
    let expected = json!([
        { "type": "thinking", "thinking": "hm", "signature": "s" },
        { "type": "redacted_thinking", "data": "x" },
        { "type": "text", "text": "No." },
    ]);
    assert_eq!(body["messages"][1]["content"], expected);
    assert_eq!(lost, "thinking");
}

#[test]
fn the_beginning_of_an_answer_loses_the_white_space_at_its_end() {
    let (body, lost) = written(said(vec![
        turn(Role::User, [text("Hi ")]),
        turn(Role::Assistant, [text("The answer is \n")]),
    ]));
    assert_eq!(body["messages"][0]["content"], "Hi ");
    assert_eq!(body["messages"][1]["content"], "The answer is");
    assert_eq!(lost, "messages.trailing_space");
}

#[test]
fn a_failed_result_says_so() {
    let failed = PartKind::ToolResult {
        call_id: "c".into(),
        content: vec![Part::from(text("no")), Part::from(text("really"))],
        is_error: true,
    };
    let (body, _) = written(said(vec![turn(Role::User, [failed])]));
    let expected = json!([{
        "type": "tool_result", "tool_use_id": "c", "is_error": true,
        "content": [{ "type": "text", "text": "no" }, { "type": "text", "text": "really" }],
    }]);
    assert_eq!(body["messages"][0]["content"], expected);
}

#[test]
fn what_anthropic_could_only_misunderstand_is_refused() {
    let begun_by_the_user = "`messages` must be begun by the user with a text that is not empty: the model's provider takes no others";
    for turns in [
        vec![],
        vec![turn(Role::System, [text("Be kind.")])],
        vec![turn(Role::Assistant, [text("Hello")])],
        vec![
            turn(Role::User, [text(" \n")]),
            turn(Role::Assistant, [text("Hello")]),
        ],
    ] {
        assert_eq!(refused(said(turns)), begun_by_the_user);
    }
    for arguments in ["[1]", "{\"a\":", "null", "{} {}"] {
        let turns = vec![
            turn(Role::User, [text("Hi")]),
            turn(Role::Assistant, [call("c\n1", arguments)]),
        ];
        assert_eq!(
            refused(said(turns)),
            "`messages` must be without the call `c1`, whose arguments are no JSON object"
        );
    }
    let image = PartKind::Image {
        source: Source::Url("u".into()),
        detail: None,
    };
    let error = refused(said(vec![turn(Role::System, [image])]));
    assert!(
        error.starts_with("`messages` must be without images"),
        "{error}"
    );
}

fn tool<'a>(parameters: Option<&'a str>, strict: Option<bool>) -> Tool<'a> {
    Tool {
        name: "f".into(),
        description: Some("does".into()),
        parameters: parameters.map(raw),
        strict,
        cache_control: None,
    }
}

#[test]
fn every_schema_of_a_tool_says_that_it_is_of_an_object() {
    for (parameters, expected) in [
        (None, json!({ "type": "object" })),
        (Some("{}"), json!({ "type": "object" })),
        (
            Some(r#"{ "properties": {} }"#),
            json!({ "type": "object", "properties": {} }),
        ),
        (
            Some(r#"{"type":"object","a":1}"#),
            json!({ "type": "object", "a": 1 }),
        ),
    ] {
        let (body, _) = written(Conversation {
            tools: vec![tool(parameters, Some(true)), tool(None, Some(false))],
            ..hi()
        });
        let expected = json!({
            "name": "f", "description": "does", "input_schema": expected, "strict": true,
        });
        assert_eq!(body["tools"][0], expected);
        assert_eq!(body["tools"][1].get("strict"), None);
    }
    let error = refused(Conversation {
        tools: vec![tool(None, None), tool(Some("[]"), None)],
        ..hi()
    });
    assert_eq!(error, "`tools[1].parameters` must be an object");
}

#[test]
fn the_choice_of_a_tool_is_told_in_anthropics_words() {
    use crate::completion::ToolChoice as Choice;

    let one = json!({ "type": "auto", "disable_parallel_tool_use": true });
    for (choice, parallel, expected) in [
        (None, None, Value::Null),
        (None, Some(true), Value::Null),
        (None, Some(false), one.clone()),
        (Some(Choice::Auto), None, json!({ "type": "auto" })),
        (Some(Choice::Auto), Some(false), one),
        (Some(Choice::None), Some(false), json!({ "type": "none" })),
        (Some(Choice::Required), None, json!({ "type": "any" })),
        (
            Some(Choice::Function("f".into())),
            Some(false),
            json!({ "type": "tool", "name": "f", "disable_parallel_tool_use": true }),
        ),
    ] {
        let conversation = |tools| Conversation {
            tools,
            tool_choice: choice.clone(),
            parallel_tool_calls: parallel,
            ..hi()
        };
        let (body, lost) = written(conversation(vec![tool(None, None)]));
        assert_eq!(body["tool_choice"], expected, "{choice:?} {parallel:?}");
        assert_eq!(lost, "");
        let (body, _) = written(conversation(Vec::new()));
        let demands = matches!(choice, Some(Choice::Required | Choice::Function(_)));
        assert_eq!(body.get("tool_choice").is_some(), demands, "{choice:?}");
    }
}

#[test]
fn a_schema_of_the_answer_is_carried_and_a_bare_object_is_lost() {
    let (body, lost) = written(Conversation {
        shape: AnswerShape::JsonSchema {
            name: Some("n".into()),
            description: None,
            schema: raw(r#"{"type":"object"}"#),
            strict: Some(true),
        },
        ..hi()
    });
    let format = json!({ "type": "json_schema", "schema": { "type": "object" } });
    assert_eq!(body["output_config"], json!({ "format": format }));
    assert_eq!(lost, "");
    let (body, lost) = written(Conversation {
        shape: AnswerShape::JsonObject,
        ..hi()
    });
    assert_eq!(body.get("output_config"), None);
    assert_eq!(lost, "response_format");
}

#[test]
fn one_that_thinks_is_told_how_hard_and_loses_its_sampling() {
    let asked = || Conversation {
        reasoning: Reasoning {
            effort: Some(Effort::High),
            ..Reasoning::default()
        },
        temperature: Some(0.0),
        top_k: Some(3),
        ..hi()
    };
    let (body, lost) = written(asked());
    assert_eq!(body["thinking"], json!({ "type": "adaptive" }));
    assert_eq!(body["output_config"], json!({ "effort": "high" }));
    assert_eq!(body.get("temperature"), None);
    assert_eq!(lost, "temperature, top_k");

    let by_budget = with(AnthropicSettings {
        max_tokens: 10_000,
        thinking: ThinkingStyle::Budget,
    });
    let body = write(asked(), by_budget, &mut Losses::default()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body["thinking"],
        json!({ "type": "enabled", "budget_tokens": 8000 })
    );
    assert_eq!(body.get("output_config"), None);
}

#[test]
fn a_budget_waits_where_the_thoughts_before_a_call_are_missing() {
    let by_budget = with(AnthropicSettings {
        thinking: ThinkingStyle::Budget,
        ..CALL.terms.messages
    });
    let thought = || PartKind::Thinking {
        text: "hm".into(),
        signature: Some("s".into()),
    };
    for (thought, thinks) in [(Some(thought()), true), (None, false)] {
        let before = thought.into_iter().chain([call("c", "{}")]);
        let conversation = Conversation {
            reasoning: Reasoning {
                enabled: Some(true),
                ..Reasoning::default()
            },
            ..said(vec![
                turn(Role::User, [text("Hi")]),
                turn(Role::Assistant, before),
                turn(Role::User, [result("c", Vec::new())]),
            ])
        };
        let mut losses = Losses::default();
        let body = write(conversation, by_budget, &mut losses).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.get("thinking").is_some(), thinks);
        assert_eq!(losses.is_empty(), thinks);
    }
}
