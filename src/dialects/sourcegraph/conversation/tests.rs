use super::*;
use crate::completion::{Part, PartKind, Role, Source};

fn part(part: &Part<'_>) -> String {
    let text = match &part.kind {
        PartKind::Text(text) => format!("{text:?}"),
        PartKind::Image {
            source: Source::Url(url),
            ..
        } => format!("image {url}"),
        PartKind::File {
            source: Source::Text(text),
            name,
        } => format!("file {name:?} {text:?}"),
        PartKind::Thinking { text, .. } => format!("thought {text:?}"),
        PartKind::ToolCall {
            id,
            name,
            arguments,
        } => format!("call {id} {name} {arguments}"),
        PartKind::ToolResult {
            call_id, content, ..
        } => {
            let content: Vec<_> = content.iter().map(self::part).collect();
            format!("result {call_id} {}", content.join(" "))
        }
        _ => "another".to_owned(),
    };
    let cached = part.cache_control.map(|it| it.get()).unwrap_or_default();
    text + cached
}

/// The messages as one line, or the error.
fn told(version: u8, messages: &str) -> String {
    let body = format!(r#"{{"model":"m","messages":{messages}}}"#);
    let mut losses = Losses::default();
    match read(&body, version, &mut losses) {
        Err(error) => error.to_string(),
        Ok(conversation) => {
            let turns = conversation.turns.iter().map(|turn| {
                let parts: Vec<_> = turn.parts.iter().map(part).collect();
                format!("{:?}: {}", turn.role, parts.join(", "))
            });
            let mut line = turns.collect::<Vec<_>>().join(" | ");
            if !losses.is_empty() {
                line += &format!(" lost {losses}");
            }
            line
        }
    }
}

#[test]
fn each_speaker_says_what_it_may_in_a_text_or_in_parts() {
    for (messages, expected) in [
        (
            r#"[{"speaker":"system","text":"s"},{"speaker":"human","text":"h"},{"speaker":"assistant","text":"a"}]"#,
            r#"System: "s" | User: "h" | Assistant: "a""#,
        ),
        (
            r#"[{"speaker":"human","content":"c","text":"not read"}]"#,
            r#"User: "c""#,
        ),
        (
            r#"[{"speaker":"human","text":"t","content":[]}]"#,
            r#"User: "t""#,
        ),
        (
            r#"[{"speaker":"human","content":[{"type":"text","text":"t"},{"type":"text","text":null},{"type":"image_url","image_url":{"url":"http://x/a"}}]}]"#,
            r#"User: "t", image http://x/a"#,
        ),
        (
            r#"[{"speaker":"human","content":[{"type":"context_file","uri":"file:///a.rs","content":"fn"}]}]"#,
            r#"User: file Some("file:///a.rs") "fn""#,
        ),
        (
            r#"[{"speaker":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"tool_call","tool_call":{"id":"1","name":"n","arguments":"{}"},"tool_result":{}}]},{"speaker":"human","content":[{"type":"tool_result","tool_result":{"id":"1","content":"r"},"output":{"x":1}}]}]"#,
            r#"Assistant: thought "hm", call 1 n {} | User: result 1 "r""#,
        ),
        (
            r#"[{"speaker":"assistant","content":[{"type":"tool_call","id":"1","name":"n","arguments":{"a":1}}]},{"speaker":"human","content":[{"type":"tool_result","id":"1","content":[1]}]}]"#,
            r#"Assistant: call 1 n {"a":1} | User: result 1 "[1]""#,
        ),
        (
            r#"[{"speaker":"human","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"cacheEnabled":true}]"#,
            r#"User: "a", "b"{"type":"ephemeral"}"#,
        ),
        (
            r#"[{"speaker":"human","content":[{"type":"text","text":"a","cache_control":{"type":"x"}}],"cacheEnabled":true,"base64Image":"AA"}]"#,
            r#"User: "a"{"type":"x"} lost messages.base64Image"#,
        ),
    ] {
        assert_eq!(told(8, messages), expected, "{messages}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_with_its_place() {
    for (messages, begins) in [
        ("null", "`messages` must be a list"),
        ("[]", "`messages` must be a list of at least one"),
        ("{}", "`messages` must be a list"),
        ("[1]", "`messages[0]` must be an object"),
        (
            r#"[{"speaker":"robot","text":"a"}]"#,
            "`messages[0].speaker`",
        ),
        (r#"[{"text":"a"}]"#, "`messages[0].speaker`"),
        (
            r#"[{"speaker":"human","text":"a"},{"speaker":"human","text":""}]"#,
            "`messages[1]` must be one that says something: message content cannot be empty",
        ),
        (r#"[{"speaker":"human","text":1}]"#, "`messages[0].text`"),
        (
            r#"[{"speaker":"human","content":1}]"#,
            "`messages[0].content`",
        ),
        (
            r#"[{"speaker":"human","content":[{"type":"context_repo","repoId":"1"}]}]"#,
            "`messages[0].content[0].type` must be no `context_repo`",
        ),
        (
            r#"[{"speaker":"human","content":[{"type":"context_file","uri":"a"}]}]"#,
            "`messages[0].content[0].content` must be the file's text",
        ),
        (
            r#"[{"speaker":"human","content":[{"type":"tool_call","tool_call":{}}]}]"#,
            "`messages[0].content[0].type`",
        ),
        (
            r#"[{"speaker":"assistant","content":[{"type":"tool_call","tool_call":{"id":"1"}}]}]"#,
            "`messages[0].content[0].tool_call.name`",
        ),
        (
            r#"[{"speaker":"system","content":[{"type":"image_url"}]}]"#,
            "`messages[0].content[0].type`",
        ),
    ] {
        let told = told(8, messages);
        assert!(told.starts_with(begins), "{messages}: {told}");
    }
}

#[test]
fn messages_of_version_0_are_converted_and_of_no_other() {
    let human = |text: &str| format!(r#"{{"speaker":"human","text":"{text}"}}"#);
    let model = |text: &str| format!(r#"{{"speaker":"assistant","text":"{text}"}}"#);
    let silent = r#"{"speaker":"assistant"}"#.to_owned();
    let cody = human("You are Cody, an AI coding assistant.");
    for (messages, expected) in [
        (
            vec![cody.clone(), model("I am."), human("q"), silent.clone()],
            r#"System: "You are Cody, an AI coding assistant." | User: "q""#,
        ),
        (
            vec![
                human("a"),
                silent.clone(),
                human("b"),
                model("c"),
                human("d"),
            ],
            r#"User: "b" | Assistant: "c" | User: "d""#,
        ),
        (
            vec![human("a"), model("b \\n")],
            r#"User: "a" | Assistant: "b""#,
        ),
        (vec![human("a"), model(" \\n")], r#"User: "a""#),
        (vec![human("a"), silent.clone()], r#"User: "a""#),
        (
            vec![human("You are Codex"), model("b"), human("c")],
            r#"User: "You are Codex" | Assistant: "b" | User: "c""#,
        ),
    ] {
        let messages = format!("[{}]", messages.join(","));
        assert_eq!(told(0, &messages), expected, "{messages}");
    }
    let kept = format!("[{cody},{}]", model("b "));
    assert!(told(1, &kept).ends_with(r#"| Assistant: "b ""#));
    assert!(told(1, &format!("[{},{silent}]", human("a"))).contains("cannot be empty"));
    // Nothing is left of it.
    assert!(told(0, &format!("[{silent}]")).starts_with("`messages` must be"));
}

#[test]
fn the_bounds_of_an_answer_are_read_and_minus_one_means_none() {
    let body = |rest: &str| {
        format!(r#"{{"model":"m","messages":[{{"speaker":"human","text":"a"}}],{rest}}}"#)
    };
    let mut losses = Losses::default();
    let text = body(
        r#""maxTokensToSample":100,"temperature":0.2,"topK":5,"topP":0.5,"stopSequences":["x","\n"],"stream":true,"fast":true,"logprobs":2,"prediction":{"type":"content","content":"p"}"#,
    );
    let read_whole = read(&text, 8, &mut losses).unwrap();
    assert_eq!(read_whole.max_tokens, Some(100));
    assert_eq!(read_whole.temperature, Some(0.2));
    assert_eq!((read_whole.top_k, read_whole.top_p), (Some(5), Some(0.5)));
    assert_eq!(read_whole.stop, ["x", "\n"]);
    let others: Vec<_> = read_whole.others.iter().map(|(name, _)| &**name).collect();
    assert_eq!(others, ["fast"]);
    assert_eq!(read_whole.logprobs, Some(2));
    assert_eq!(read_whole.prediction.as_deref(), Some("p"));
    let tokens_alone = body(r#""logprobs":0"#);
    let tokens_alone = read(&tokens_alone, 1, &mut losses).unwrap();
    assert_eq!(tokens_alone.logprobs, Some(0));
    for rest in [
        r#""maxTokensToSample":-1,"topK":-1,"topP":-1,"temperature":-1,"fast":false,"logprobs":null,"stopSequences":[]"#,
        r#""maxTokensToSample":0,"topK":0,"topP":0,"stopSequences":null"#,
    ] {
        let text = body(rest);
        let none = read(&text, 1, &mut losses).unwrap();
        assert_eq!((none.max_tokens, none.top_k), (None, None));
        assert_eq!((none.top_p, none.temperature), (None, None));
        assert!(none.others.is_empty() && none.stop.is_empty());
    }
    assert!(losses.is_empty());
}

#[test]
fn a_version_that_cannot_tell_of_calls_takes_no_tools() {
    let body = r#"{"messages":[{"speaker":"human","text":"a"}],"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}},{"type":"search"}]}"#;
    let mut losses = Losses::default();
    for version in 0..2 {
        let error = read(body, version, &mut losses).err().unwrap();
        assert_eq!(error.param(), Some("tools"));
    }
    let mut losses = Losses::default();
    let conversation = read(body, 2, &mut losses).unwrap();
    assert_eq!(conversation.tools[0].name, "look");
    assert_eq!(losses.names(), ["tools.search"]);
    assert_eq!(conversation.turns[0].role, Role::User);
}
