//! However a provider's bytes are cut, what Cody gets is whole.

use herald::testkit::{Script, ScriptedProvider, TestGateway, chat as scripted};

use super::*;

/// Characters of one, two, three and four bytes, and one that is a pair in UTF-16.
const TEXT: &str = "aö漢🦀\u{2028}é";

#[actix_web::test]
async fn no_item_of_a_body_ends_inside_a_character_wherever_the_providers_are_cut() {
    for length in [1, 2, 3, 5] {
        for version in 0..=8 {
            let script = Script::sse()
                .cut_bytes(length)
                .event(scripted::text(TEXT))
                .event(scripted::text(TEXT))
                .event(scripted::finish("stop"))
                .done()
                .finish();
            let provider = ScriptedProvider::start([script]).await;
            let gateway = TestGateway::in_front_of(&provider).await;
            let mut reply = ask(&gateway, &at(STREAM, version), &question()).await;
            // `play` holds each item to ASCII and to whole events.
            let (lawful, cody) = play(&mut reply, version).await;
            assert_eq!(cody.text, TEXT.repeat(2), "{version}, {length}");
            assert_eq!(lawful.chunks.len(), 4, "{version}, {length}");
            assert!(is_complete(cody), "{version}, {length}");
        }
    }
}
