//! Lengths, sampling, thinking, shapes and tools.

use serde_json::json;

use super::{super::read, with};
use crate::{
    completion::{AnswerShape, Effort, Reasoning, ToolChoice},
    translation::Losses,
};

#[test]
fn options_are_told_in_our_words() {
    let body = with(&json!({
        "stream": true, "stop_sequences": ["a", "b\n"], "temperature": 0.5, "top_p": 1, "top_k": 4,
        "metadata": { "user_id": "u" }, "service_tier": "auto", "container": null, "mcp_servers": [],
        "thinking": { "type": "enabled", "budget_tokens": 2000, "display": "omitted" },
        "output_config": { "effort": "xhigh", "format": { "type": "json_schema", "schema": { "type": "object" } } },
    }));
    let mut losses = Losses::default();
    let conversation = read(&body, &mut losses).unwrap();
    assert_eq!(conversation.max_tokens, Some(9));
    assert_eq!(conversation.stop, ["a", "b\n"]);
    assert_eq!(
        (
            conversation.temperature,
            conversation.top_p,
            conversation.top_k
        ),
        (Some(0.5), Some(1.0), Some(4))
    );
    assert_eq!(conversation.end_user.as_deref(), Some("u"));
    assert_eq!(
        conversation.reasoning,
        Reasoning {
            enabled: Some(true),
            effort: Some(Effort::ExtraHigh),
            budget_tokens: Some(2000),
            shown: Some(false),
        }
    );
    let AnswerShape::JsonSchema { schema, strict, .. } = conversation.shape else {
        panic!("no schema")
    };
    assert_eq!((schema.get(), strict), (r#"{"type":"object"}"#, Some(true)));
    assert!(
        losses.is_empty() && conversation.others.is_empty(),
        "{losses}"
    );
}

#[test]
fn how_it_thinks_is_told_in_our_words() {
    let reasoning = |enabled, shown| Reasoning {
        enabled,
        shown,
        ..Reasoning::default()
    };
    for (thinking, expected, lost) in [
        (json!(null), reasoning(None, None), &[][..]),
        (
            json!({"type":"disabled"}),
            reasoning(Some(false), None),
            &[],
        ),
        (
            json!({"type":"adaptive","display":"summarized"}),
            reasoning(Some(true), Some(true)),
            &[],
        ),
        (
            json!({"type":"between_tools"}),
            reasoning(Some(false), None),
            &["thinking.type"],
        ),
    ] {
        let body = with(&json!({ "thinking": thinking }));
        let mut losses = Losses::default();
        let conversation = read(&body, &mut losses).unwrap();
        assert_eq!(conversation.reasoning, expected, "{body}");
        assert_eq!(losses.names(), lost, "{body}");
    }
}

#[test]
fn tools_of_the_clients_own_are_told_and_those_of_anthropic_lost_by_name() {
    let body = with(&json!({
        "tools": [
            {"name":"f","description":"d","input_schema":{"type":"object"},"strict":true,"cache_control":{"type":"ephemeral"},
             "allowed_callers":["direct"],"defer_loading":false,"input_examples":[{}]},
            {"type":"custom","name":"g","input_schema":{}},
            {"type":"web_search_20250305","name":"web_search","max_uses":3},
            {"type":"mcp_toolset","mcp_server_name":"s"},
        ],
        "tool_choice": {"type":"any","disable_parallel_tool_use":true},
    }));
    let mut losses = Losses::default();
    let conversation = read(&body, &mut losses).unwrap();
    let names: Vec<_> = conversation
        .tools
        .iter()
        .map(|tool| tool.name.as_ref())
        .collect();
    assert_eq!(names, ["f", "g"]);
    let tool = &conversation.tools[0];
    assert_eq!(tool.description.as_deref(), Some("d"));
    assert_eq!(tool.parameters.unwrap().get(), r#"{"type":"object"}"#);
    assert_eq!(
        (tool.strict, tool.cache_control.is_some()),
        (Some(true), true)
    );
    assert_eq!(conversation.tool_choice, Some(ToolChoice::Required));
    assert_eq!(conversation.parallel_tool_calls, Some(false));
    assert_eq!(
        losses.names(),
        [
            "tools.input_examples",
            "tools.web_search",
            "tools.mcp_toolset"
        ]
    );
}

#[test]
fn a_choice_of_a_tool_is_told_unless_it_forces_one_of_anthropics() {
    let tools = json!([{"name":"f","input_schema":{}}, {"type":"bash_20250124","name":"bash"}]);
    for (choice, expected) in [
        (
            json!({"type":"auto","disable_parallel_tool_use":false}),
            Ok(ToolChoice::Auto),
        ),
        (json!({"type":"none"}), Ok(ToolChoice::None)),
        (json!({"type":"any"}), Ok(ToolChoice::Required)),
        (
            json!({"type":"tool","name":"f"}),
            Ok(ToolChoice::Function("f".into())),
        ),
        (
            json!({"type":"tool","name":"bash"}),
            Err("tool_choice.name"),
        ),
        (json!({"type":"tool"}), Err("tool_choice.name")),
        (json!({"type":"all"}), Err("tool_choice.type")),
    ] {
        let body = with(&json!({ "tools": tools, "tool_choice": choice }));
        let read = read(&body, &mut Losses::default());
        match (read, expected) {
            (Ok(conversation), Ok(choice)) => {
                assert_eq!(conversation.tool_choice, Some(choice));
                assert_eq!(conversation.parallel_tool_calls, None);
            }
            (Err(error), Err(param)) => assert_eq!(error.param(), Some(param)),
            _ => panic!("{choice}"),
        }
    }
    let body = with(&json!({ "tools": [tools[1]], "tool_choice": {"type":"any"} }));
    let error = read(&body, &mut Losses::default()).err().unwrap();
    assert_eq!(error.param(), Some("tool_choice.type"));
}
