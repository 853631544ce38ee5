//! A value where another is meant must not be lost in silence either.

use herald::testkit::{Script, ScriptedProvider, chat, messages};
use serde_json::json;

use crate::{
    translation::{TRANSLATED, ask, assert_none, gateway},
    translation_mutations::{places, request},
};

#[actix_web::test]
async fn a_value_where_another_is_meant_is_told_or_named_or_refused() {
    const NEEDLE: &str = "zqneedle";
    // Documented as no loss, or named in the plain request already for what stands beside them.
    const SAID: [&str; 9] = [
        "/id",
        "/type",
        "/summary",
        "/summary/0/text",
        "/format/name",
        "/title",
        "/signature",
        "/data",
        "/reasoning_content",
    ];
    let mut flaws = Vec::new();
    for (dialect, kind) in TRANSLATED {
        let reply = if kind == "anthropic" {
            messages::message("a")
        } else {
            chat::completion("a")
        };
        let provider = ScriptedProvider::start([Script::json(200, reply).repeat()]).await;
        let gateway = gateway(&provider, kind, "", "").await;
        let good = request(dialect);
        let base = ask(&gateway, dialect, good.to_string(), &[]).await;
        assert_eq!(base.status, 200, "{base:?}");
        provider.next_request().await;
        let base = base.values("x-herald-dropped").join(", ");
        for place in places(&good) {
            if ["/model", "/stream"].contains(&place.as_str())
                || SAID.iter().any(|said| place.ends_with(said))
            {
                continue;
            }
            for junk in [json!(NEEDLE), json!({ NEEDLE: NEEDLE }), json!([NEEDLE])] {
                let mut body = good.clone();
                *body.pointer_mut(&place).unwrap() = junk.clone();
                let answer = ask(&gateway, dialect, body.to_string(), &[]).await;
                if answer.status != 200 {
                    continue;
                }
                let sent = provider.next_request().await.text();
                let named = answer.values("x-herald-dropped").join(", ");
                let segment = place
                    .rsplit('/')
                    .find(|it| it.parse::<usize>().is_err())
                    .unwrap();
                if !sent.contains(NEEDLE) && named == base && !named.contains(segment) {
                    flaws.push(format!(
                        "{dialect:?} over {kind}, {place} = {junk}: named {named:?}"
                    ));
                }
            }
        }
    }
    assert_none(&flaws);
}
