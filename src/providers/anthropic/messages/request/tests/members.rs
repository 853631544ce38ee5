use super::*;

#[test]
fn every_plain_member_has_its_place() {
    let (body, lost) = written(Conversation {
        max_tokens: Some(100),
        stop: vec!["END".into(), "\n".into()],
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(7),
        end_user: Some("u-1".into()),
        others: vec![
            ("service_tier".into(), raw("\"auto\"")),
            ("seed".into(), raw("7")),
        ],
        ..hi()
    });
    let expected = json!({
        "model": "claude", "max_tokens": 100, "stream": true,
        "messages": [{ "role": "user", "content": "Hi" }],
        "stop_sequences": ["END"], "temperature": 0.5, "top_p": 0.9, "top_k": 7,
        "metadata": { "user_id": "u-1" }, "service_tier": "auto",
    });
    assert_eq!(body, expected);
    assert_eq!(lost, "seed, stop");
}

#[test]
fn what_anthropic_cannot_tell_of_tokens_or_be_told_beforehand_is_lost() {
    let (body, lost) = written(Conversation {
        logprobs: Some(0),
        prediction: Some("Ho".into()),
        ..hi()
    });
    assert_eq!(body, written(hi()).0);
    assert_eq!(lost, "logprobs, prediction");
}

#[test]
fn a_tier_that_is_not_anthropics_is_lost_and_defaults_are_left_unsaid() {
    let (body, lost) = written(Conversation {
        temperature: Some(1.0),
        top_p: Some(1.0),
        others: vec![("service_tier".into(), raw("\"flex\""))],
        ..hi()
    });
    assert_eq!(body, written(hi()).0);
    assert_eq!(lost, "service_tier");
}
