mod messages;

use serde_json::{Value, json};

use super::*;
use crate::completion::Reasoning;
use crate::providers::Terms;

/// What OpenRouter takes beyond OpenAI, as far as these tests ask.
const GENEROUS: ChatQuirks = ChatQuirks {
    max_tokens: "max_tokens",
    top_k: true,
    thoughts: true,
    effort_none: true,
    cache_control: true,
    include_usage: true,
    text_lists: true,
    logprobs: true,
    prediction: true,
    passes: &["provider"],
};

fn written(conversation: Conversation<'_>, quirks: ChatQuirks) -> (Value, String) {
    let call = CallBody {
        model: "up/stream",
        stream: false,
        ask_for_usage: true,
        terms: Terms {
            chat: quirks,
            ..Terms::default()
        },
    };
    let mut losses = Losses::default();
    let body = write(conversation, call, &mut losses).unwrap();
    (serde_json::from_slice(&body).unwrap(), losses.to_string())
}

fn raw(text: &str) -> &RawValue {
    serde_json::from_str(text).unwrap()
}

#[test]
fn an_empty_conversation_names_only_the_model() {
    assert_eq!(
        written(Conversation::default(), ChatQuirks::default()),
        (json!({"model": "up/stream", "messages": []}), String::new())
    );
}

#[test]
fn all_that_has_a_word_is_told_under_openais_names() {
    let conversation = || Conversation {
        max_tokens: Some(100),
        stop: vec!["a".into(), "b\"".into()],
        temperature: Some(0.5),
        top_p: Some(0.25),
        top_k: Some(40),
        end_user: Some("u".into()),
        reasoning: Reasoning {
            enabled: Some(false),
            ..Reasoning::default()
        },
        ..Conversation::default()
    };
    let (body, lost) = written(conversation(), ChatQuirks::default());
    assert_eq!(
        body,
        json!({"model": "up/stream", "messages": [], "max_completion_tokens": 100, "stop": ["a", "b\""],
            "temperature": 0.5, "top_p": 0.25, "user": "u"})
    );
    assert_eq!(lost, "reasoning.effort, top_k");

    let (body, lost) = written(conversation(), GENEROUS);
    assert_eq!(
        body,
        json!({"model": "up/stream", "messages": [], "max_tokens": 100, "stop": ["a", "b\""],
            "temperature": 0.5, "top_p": 0.25, "top_k": 40, "user": "u", "reasoning_effort": "none"})
    );
    assert_eq!(lost, "");
}

#[test]
fn how_likely_tokens_were_is_asked_for_where_the_server_can_tell() {
    for (asked, expected) in [
        (
            0,
            json!({"model": "up/stream", "messages": [], "logprobs": true}),
        ),
        (
            3,
            json!({"model": "up/stream", "messages": [], "logprobs": true, "top_logprobs": 3}),
        ),
    ] {
        let conversation = || Conversation {
            logprobs: Some(asked),
            ..Conversation::default()
        };
        let told = written(conversation(), ChatQuirks::COMPATIBLE);
        assert_eq!(told, (expected, String::new()));
        let without = ChatQuirks {
            logprobs: false,
            ..ChatQuirks::OPENAI
        };
        let (body, lost) = written(conversation(), without);
        assert_eq!(body, json!({"model": "up/stream", "messages": []}));
        assert_eq!(lost, "logprobs");
    }
}

#[test]
fn a_prediction_is_told_where_the_server_takes_one_with_the_bound_that_it_takes_beside() {
    let conversation = || Conversation {
        max_tokens: Some(9),
        prediction: Some("fn a()".into()),
        ..Conversation::default()
    };
    assert_eq!(
        written(conversation(), ChatQuirks::OPENAI),
        (
            json!({"model": "up/stream", "messages": [], "max_tokens": 9,
                "prediction": {"type": "content", "content": "fn a()"}}),
            String::new()
        )
    );
    let (body, lost) = written(conversation(), ChatQuirks::COMPATIBLE);
    assert_eq!(body["prediction"], Value::Null);
    assert_eq!(lost, "prediction");
}

#[test]
fn usage_is_asked_for_in_streams_of_providers_that_take_the_question() {
    for (stream, ask_for_usage, expected) in [
        (
            true,
            true,
            r#","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (true, false, r#","stream":true}"#),
        (false, true, "}"),
    ] {
        let call = CallBody {
            model: "m",
            stream,
            ask_for_usage,
            terms: Terms::default(),
        };
        let body = write(Conversation::default(), call, &mut Losses::default()).unwrap();
        assert_eq!(body, format!(r#"{{"model":"m","messages":[]{expected}"#));
    }
}

#[test]
fn members_without_a_word_pass_where_the_server_knows_them_and_are_lost_elsewhere() {
    let conversation = |others: &[(&'static str, &'static str)]| Conversation {
        others: others
            .iter()
            .map(|(name, value)| ((*name).into(), raw(value)))
            .collect(),
        ..Conversation::default()
    };
    let (body, lost) = written(
        conversation(&[
            ("prompt_cache_key", r#""k""#),
            ("service_tier", r#""flex""#),
            ("metadata", r#"{"a":"b"}"#),
            ("store", "false"),
            ("truncation", "null"),
            ("provider", "{}"),
        ]),
        ChatQuirks::default(),
    );
    assert_eq!(
        body,
        json!({"model": "up/stream", "messages": [], "prompt_cache_key": "k", "service_tier": "flex"})
    );
    assert_eq!(lost, "metadata, provider");

    let anthropics = conversation(&[("service_tier", r#""standard_only""#), ("store", "true")]);
    let (body, lost) = written(anthropics, ChatQuirks::default());
    assert_eq!(body, json!({"model": "up/stream", "messages": []}));
    assert_eq!(lost, "service_tier, store");

    let (body, lost) = written(
        conversation(&[("provider", r#"{"sort":"price"}"#)]),
        GENEROUS,
    );
    assert_eq!(body["provider"], json!({"sort": "price"}));
    assert_eq!(lost, "");
}

#[test]
fn tools_and_the_choice_among_them_are_told() {
    let tool = || Tool {
        name: "f".into(),
        description: Some("d".into()),
        parameters: Some(raw(r#"{"type":"object"}"#)),
        strict: Some(true),
        cache_control: Some(raw("{}")),
    };
    for (choice, expected) in [
        (ToolChoice::Auto, json!("auto")),
        (ToolChoice::None, json!("none")),
        (ToolChoice::Required, json!("required")),
        (
            ToolChoice::Function("f".into()),
            json!({"type": "function", "function": {"name": "f"}}),
        ),
    ] {
        let conversation = Conversation {
            tools: vec![tool()],
            tool_choice: Some(choice),
            parallel_tool_calls: Some(false),
            ..Conversation::default()
        };
        let (body, lost) = written(conversation, ChatQuirks::default());
        assert_eq!(
            body["tools"],
            json!([{"type": "function", "function": {"name": "f", "description": "d",
                "parameters": {"type": "object"}, "strict": true}}])
        );
        assert_eq!(body["tool_choice"], expected);
        assert_eq!(body["parallel_tool_calls"], json!(false));
        assert_eq!(lost, "cache_control");
    }
}

#[test]
fn without_tools_nothing_is_said_of_their_choice_but_what_must_be_refused() {
    let conversation = |choice| Conversation {
        tool_choice: Some(choice),
        parallel_tool_calls: Some(true),
        ..Conversation::default()
    };
    let (body, lost) = written(conversation(ToolChoice::Auto), ChatQuirks::default());
    assert_eq!(body, json!({"model": "up/stream", "messages": []}));
    assert_eq!(lost, "");
    let (body, _) = written(conversation(ToolChoice::Required), ChatQuirks::default());
    assert_eq!(body["tool_choice"], json!("required"));
}

#[test]
fn a_shape_of_the_answer_has_a_name_even_where_the_client_gave_none() {
    let shape = |shape| Conversation {
        shape,
        ..Conversation::default()
    };
    let (body, _) = written(shape(AnswerShape::JsonObject), ChatQuirks::default());
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    for (name, expected) in [(None, "answer"), (Some("n".into()), "n")] {
        let (body, _) = written(
            shape(AnswerShape::JsonSchema {
                name,
                description: None,
                schema: raw(r#"{"type":"object"}"#),
                strict: Some(true),
            }),
            ChatQuirks::default(),
        );
        assert_eq!(
            body["response_format"],
            json!({"type": "json_schema",
                "json_schema": {"name": expected, "schema": {"type": "object"}, "strict": true}})
        );
    }
}
