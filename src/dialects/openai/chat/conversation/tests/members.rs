use serde_json::json;

use super::*;
use crate::completion::ToolChoice;

/// Reads a body of these members and one message.
fn with<T>(
    members: Value,
    look: impl FnOnce(Result<Conversation<'_>, RequestError>, &Losses) -> T,
) -> T {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    body.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    let body = body.to_string();
    let mut losses = Losses::default();
    let read = read(&body, &mut losses);
    look(read, &losses)
}

fn others(members: Value) -> Vec<String> {
    with(members, |read, losses| {
        assert!(losses.is_empty(), "{losses}");
        let others = read.unwrap().others.into_iter();
        others.map(|(name, _)| name.into_owned()).collect()
    })
}

fn param(members: Value) -> String {
    with(members.clone(), |read, _| match read {
        Ok(_) => panic!("{members} was taken"),
        Err(error) => error.param().unwrap_or_default().to_owned(),
    })
}

#[test]
fn sampling_and_bounds_are_read_under_all_their_names() {
    let members = json!({
        "max_completion_tokens": 9, "max_tokens": 9, "stop": ["a", "b"], "temperature": 0.5, "top_p": 1,
        "top_k": 40, "user": "u", "parallel_tool_calls": true, "n": 1, "stream": true,
        "stream_options": { "include_usage": true, "include_obfuscation": false },
        "tools": [{ "type": "function", "function": { "name": "f" } }],
    });
    with(members, |read, losses| {
        let read = read.unwrap();
        assert_eq!(read.max_tokens, Some(9));
        assert_eq!(read.stop, ["a", "b"]);
        assert_eq!(
            (read.temperature, read.top_p, read.top_k),
            (Some(0.5), Some(1.0), Some(40))
        );
        assert_eq!(read.end_user.as_deref(), Some("u"));
        assert_eq!(read.parallel_tool_calls, Some(true));
        assert!(read.others.is_empty() && losses.is_empty());
    });
    let members = json!({
        "max_completion_tokens": 9, "max_tokens": 8, "stop": "a", "top_k": -1,
        "user": "u", "safety_identifier": "s", "stream_options": { "include_obfuscation": true, "x": 1 },
    });
    with(members, |read, losses| {
        let read = read.unwrap();
        assert_eq!((read.max_tokens, read.top_k), (Some(9), None));
        assert_eq!(read.stop, ["a"]);
        assert_eq!(read.end_user.as_deref(), Some("s"));
        assert_eq!(
            losses.names(),
            [
                "stream_options.include_obfuscation",
                "stream_options.x",
                "max_tokens",
                "user"
            ]
        );
    });
}

#[test]
fn what_has_no_word_is_left_to_the_provider_unless_it_is_the_default() {
    assert!(
        others(json!({
            "logprobs": false, "top_logprobs": 0, "store": false, "presence_penalty": 0,
            "frequency_penalty": -0.0, "service_tier": "auto", "modalities": ["text"], "metadata": {},
            "logit_bias": {}, "verbosity": "medium", "seed": null, "stop": null, "tools": [],
        }))
        .is_empty()
    );
    let told = json!({
        "audio": { "voice": "a" }, "frequency_penalty": 0.1, "logit_bias": { "1": 1 },
        "metadata": { "a": "b" }, "modalities": ["text", "audio"],
        "prompt_cache_key": "k", "seed": 0, "service_tier": "flex", "store": true, "verbosity": "low",
        "web_search_options": {}, "enable_thinking": false,
    });
    let mut names = others(told.clone());
    names.sort();
    let expected: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
    let mut expected = expected;
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn log_probabilities_are_asked_for_by_a_word_and_a_number() {
    for (members, expected, lost) in [
        (json!({ "logprobs": true }), Some(0), ""),
        (json!({ "logprobs": true, "top_logprobs": 5 }), Some(5), ""),
        (json!({ "top_logprobs": 5 }), Some(5), ""),
        (json!({ "logprobs": false, "top_logprobs": 0 }), None, ""),
        (
            json!({ "logprobs": false, "top_logprobs": 5 }),
            None,
            "top_logprobs",
        ),
    ] {
        with(members.clone(), |read, losses| {
            assert_eq!(read.unwrap().logprobs, expected, "{members}");
            assert_eq!(losses.to_string(), lost);
        });
    }
}

#[test]
fn a_prediction_is_read() {
    let members = json!({ "prediction": { "type": "content", "content": "a" } });
    with(members, |read, losses| {
        assert_eq!(read.unwrap().prediction.as_deref(), Some("a"));
        assert!(losses.is_empty());
    });
}

#[test]
fn a_wish_for_thought_is_read_in_every_spelling() {
    let none = Reasoning::default();
    for (members, expected) in [
        (
            json!({ "reasoning_effort": "high" }),
            Reasoning {
                effort: Some(Effort::High),
                ..none
            },
        ),
        (
            json!({ "reasoning_effort": "none" }),
            Reasoning {
                enabled: Some(false),
                ..none
            },
        ),
        (
            json!({ "reasoning": { "effort": "xhigh", "exclude": true } }),
            Reasoning {
                effort: Some(Effort::ExtraHigh),
                shown: Some(false),
                ..none
            },
        ),
        (
            json!({ "reasoning": { "max_tokens": 2000, "enabled": true } }),
            Reasoning {
                enabled: Some(true),
                budget_tokens: Some(2000),
                ..none
            },
        ),
        (
            json!({ "include_reasoning": true }),
            Reasoning {
                shown: Some(true),
                ..none
            },
        ),
        (
            json!({ "thinking": { "type": "disabled" } }),
            Reasoning {
                enabled: Some(false),
                ..none
            },
        ),
        (
            json!({ "thinking": { "type": "enabled", "budget_tokens": 9 } }),
            Reasoning {
                enabled: Some(true),
                budget_tokens: Some(9),
                ..none
            },
        ),
    ] {
        with(members.clone(), |read, losses| {
            assert_eq!(read.unwrap().reasoning, expected, "{members}");
            assert!(losses.is_empty());
        });
    }
}

#[test]
fn the_shape_of_the_answer_is_read() {
    let shape = |format: Value, look: fn(AnswerShape<'_>) -> bool| {
        with(json!({ "response_format": format }), |read, _| {
            look(read.unwrap().shape)
        })
    };
    assert!(shape(json!({ "type": "text" }), |shape| matches!(
        shape,
        AnswerShape::Text
    )));
    assert!(shape(json!({ "type": "json_object" }), |shape| matches!(
        shape,
        AnswerShape::JsonObject
    )));
    let schema = json!({ "type": "json_schema", "json_schema": { "name": "s", "schema": { "type": "object" }, "strict": true } });
    assert!(shape(schema, |shape| matches!(
        shape,
        AnswerShape::JsonSchema { name: Some(name), description: None, schema, strict: Some(true) }
            if name == "s" && schema.get() == r#"{"type":"object"}"#
    )));
}

#[test]
fn functions_and_tools_are_read_and_other_tools_are_lost() {
    let members = json!({
        "tools": [
            { "type": "function", "cache_control": { "a": 1 }, "function": { "name": "f", "description": "d", "parameters": { "x": 1 }, "strict": true } },
            { "type": "custom", "custom": { "name": "c" } },
        ],
        "tool_choice": "auto",
    });
    with(members, |read, losses| {
        let read = read.unwrap();
        let [tool] = &read.tools[..] else {
            panic!("one tool");
        };
        assert_eq!(
            (&*tool.name, tool.description.as_deref(), tool.strict),
            ("f", Some("d"), Some(true))
        );
        assert_eq!(tool.parameters.unwrap().get(), r#"{"x":1}"#);
        assert_eq!(tool.cache_control.unwrap().get(), r#"{"a":1}"#);
        assert_eq!(read.tool_choice, Some(ToolChoice::Auto));
        assert_eq!(losses.names(), ["tools.custom"]);
    });
    let members = json!({ "functions": [{ "name": "f" }], "function_call": { "name": "f" } });
    with(members, |read, _| {
        let read = read.unwrap();
        assert_eq!(read.tools.len(), 1);
        assert_eq!(read.tool_choice, Some(ToolChoice::Function("f".into())));
        assert_eq!(read.parallel_tool_calls, Some(false));
    });
}

#[test]
fn a_choice_of_tools_is_read() {
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let tools = json!([tool("f"), tool("g")]);
    let allowed = |mode: &str| json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": [tool("g")] } });
    for (choice, expected, names) in [
        (json!("none"), ToolChoice::None, "fg"),
        (json!("required"), ToolChoice::Required, "fg"),
        (json!("any"), ToolChoice::Required, "fg"),
        (tool("g"), ToolChoice::Function("g".into()), "fg"),
        (allowed("auto"), ToolChoice::Auto, "g"),
        (allowed("required"), ToolChoice::Required, "g"),
    ] {
        with(
            json!({ "tools": tools, "tool_choice": choice }),
            |read, _| {
                let read = read.unwrap();
                assert_eq!(read.tool_choice, Some(expected));
                let told: String = read.tools.iter().map(|tool| &*tool.name).collect();
                assert_eq!(told, names);
            },
        );
    }
    with(
        json!({ "tool_choice": "auto", "parallel_tool_calls": true }),
        |read, _| {
            let read = read.unwrap();
            assert_eq!((read.tool_choice, read.parallel_tool_calls), (None, None));
        },
    );
}

#[test]
fn what_is_wrong_beside_the_messages_is_refused_with_its_path() {
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let custom = json!([{ "type": "custom", "custom": { "name": "c" } }]);
    for (members, expected) in [
        (json!({ "n": 2 }), "n"),
        (json!({ "logprobs": 5 }), "logprobs"),
        (json!({ "top_logprobs": -1 }), "top_logprobs"),
        (json!({ "prediction": "a" }), "prediction"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "max_tokens": 1.5 }), "max_tokens"),
        (json!({ "stop": 1 }), "stop"),
        (json!({ "stop": ["a", 1] }), "stop[1]"),
        (json!({ "reasoning_effort": "huge" }), "reasoning_effort"),
        (
            json!({ "reasoning": { "effort": "huge" } }),
            "reasoning.effort",
        ),
        (json!({ "thinking": { "type": "x" } }), "thinking.type"),
        (
            json!({ "response_format": { "type": "grammar" } }),
            "response_format.type",
        ),
        (
            json!({ "response_format": { "type": "json_schema" } }),
            "response_format.json_schema",
        ),
        (
            json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "a" } } }),
            "response_format.json_schema.schema",
        ),
        (json!({ "tools": {} }), "tools"),
        (
            json!({ "tools": [{ "type": "function" }] }),
            "tools[0].function",
        ),
        (
            json!({ "tools": [{ "function": { "name": "f", "parameters": [] } }] }),
            "tools[0].function.parameters",
        ),
        (
            json!({ "tools": tools, "tool_choice": "maybe" }),
            "tool_choice",
        ),
        (
            json!({ "tools": tools, "tool_choice": { "type": "function", "function": { "name": "g" } } }),
            "tool_choice.function.name",
        ),
        (
            json!({ "tools": tools, "tool_choice": { "type": "custom", "custom": { "name": "c" } } }),
            "tool_choice.type",
        ),
        (
            json!({ "tools": custom, "tool_choice": "required" }),
            "tools[0].type",
        ),
        (json!({ "tool_choice": "required" }), "tool_choice"),
        (
            json!({ "functions": [{ "name": "f" }], "function_call": { "name": "g" } }),
            "function_call.name",
        ),
    ] {
        assert_eq!(param(members.clone()), expected, "{members}");
    }
}
