//! A text that the answer is likely to repeat, as OpenAI and Cody write it.

use std::borrow::Cow;

use super::fields::{Fields, Path};
use crate::{error::RequestError, translation::Losses};

/// Reads `prediction`: a text, or a list of texts that are one. It is a hint by which a provider answers
/// faster, so that one of another type than `content` is lost and not refused.
///
/// # Errors
/// It is no object, or its content neither a text nor a list of texts.
pub(super) fn read<'a>(
    fields: &mut Fields<'a, '_>,
    losses: &mut Losses,
) -> Result<Option<Cow<'a, str>>, RequestError> {
    const WANTED: &str = "a string or a list of texts";
    let path = Path::Body.member("prediction");
    let Some(told) = fields.take("prediction")? else {
        return Ok(None);
    };
    let mut told = Fields::read(told, path)?;
    if told.name("type")? != "content" {
        path.lose(losses);
        return Ok(None);
    }
    let content = told.take("content")?;
    let path = path.member("content");
    let content = content.ok_or_else(|| path.wanted(WANTED))?;
    told.lose_rest(losses);
    if content.get().starts_with('"') {
        let text = path.text(content, WANTED)?;
        return Ok(Some(text).filter(|text| !text.is_empty()));
    }
    let mut whole = Cow::Borrowed("");
    for (place, part) in path.list(content, WANTED)?.into_iter().enumerate() {
        let path = path.place(place);
        let mut part = Fields::read(part, path)?;
        if part.name("type")? != "text" {
            return Err(path.member("type").wanted("`text`"));
        }
        whole += part.needed_text("text")?;
        part.lose_rest(losses);
    }
    Ok(Some(whole).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(prediction: &str) -> String {
        let body = format!(r#"{{"prediction":{prediction}}}"#);
        let mut fields = Fields::of_body(&body).unwrap();
        let mut losses = Losses::default();
        match read(&mut fields, &mut losses) {
            Ok(text) => format!("{text:?} lost {losses}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_prediction_is_one_text_however_it_is_written() {
        for (prediction, expected) in [
            ("null", "None lost "),
            (r#"{"type":"content","content":""}"#, "None lost "),
            (
                r#"{"type":"content","content":"a\n"}"#,
                r#"Some("a\n") lost "#,
            ),
            (
                r#"{"type":"content","content":[{"type":"text","text":"a"},{"type":"text","text":"b","x":1}],"y":2}"#,
                r#"Some("ab") lost prediction.y, prediction.content.x"#,
            ),
            (r#"{"type":"thought","x":1}"#, "None lost prediction"),
        ] {
            assert_eq!(told(prediction), expected, "{prediction}");
        }
    }

    #[test]
    fn what_is_no_prediction_is_refused_with_its_place() {
        for (prediction, place) in [
            (r#""a""#, "`prediction` "),
            ("{}", "`prediction.type`"),
            (r#"{"type":"content"}"#, "`prediction.content`"),
            (r#"{"type":"content","content":1}"#, "`prediction.content`"),
            (
                r#"{"type":"content","content":[{"type":"image_url"}]}"#,
                "`prediction.content[0].type`",
            ),
        ] {
            let told = told(prediction);
            assert!(told.starts_with(place), "{prediction}: {told}");
        }
    }
}
