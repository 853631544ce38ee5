//! Bodies that are not what one would hope for.

use futures_util::FutureExt as _;

use super::{
    super::{
        kit::Kit,
        provider::Reply,
        verdict::{Outcome, ensure},
    },
    Check,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "gzip-unasked",
        expected: "a gzip body that no client asked for is decoded, or an error",
        source: "RFC 9110, 12.5.3",
        run: |kit| gzip_unasked(kit).boxed_local(),
    },
    Check {
        name: "content-type-parameters",
        expected: "a stream is one under `text/event-stream; charset=utf-8` too, in any case",
        source: "RFC 9110, 8.3.1; real streams have it",
        run: |kit| content_type(kit).boxed_local(),
    },
    Check {
        name: "invalid-utf8",
        expected: "bytes that are no UTF-8 do not arrive, and the stream goes on or ends in an error",
        source: "WHATWG HTML, 9.2.6; openai-python raises at them",
        run: |kit| invalid_utf8(kit).boxed_local(),
    },
];

async fn gzip_unasked(kit: &mut Kit<'_>) -> Outcome {
    let document = kit.dialect.document(TEXT);
    let reply = Reply::document(200, gzip(document.as_bytes())).header("content-encoding", "gzip");
    let answer = kit.document(&reply).await?;
    if answer.status() >= 500 {
        return Ok(answer.status().to_string());
    }
    ensure(kit.dialect.text_of(&answer) == TEXT, || {
        let encoding = answer.head.headers.get("content-encoding");
        let encoding = encoding.unwrap_or("absent".into());
        format!("content-encoding {encoding}; {}", answer.summary())
    })?;
    Ok("decoded".to_owned())
}

async fn content_type(kit: &mut Kit<'_>) -> Outcome {
    let reply = Reply::stream()
        .header("content-type", "Text/Event-Stream; charset=UTF-8")
        .body(kit.dialect.whole(TEXT));
    let answer = kit.stream(&reply).await?;
    let told = answer.is_stream() && kit.dialect.text_of(&answer) == TEXT;
    ensure(told, || answer.summary())?;
    Ok("a stream".to_owned())
}

async fn invalid_utf8(kit: &mut Kit<'_>) -> Outcome {
    let dialect = kit.dialect;
    let broken = dialect.text("before-@-after").into_bytes();
    let broken: Vec<u8> = broken
        .into_iter()
        .map(|byte| if byte == b'@' { 0xff } else { byte })
        .collect();
    let reply = Reply::stream()
        .body(dialect.opening())
        .body(broken)
        .body(dialect.text("the next"))
        .body(dialect.ending());
    let answer = kit.stream(&reply).await?;
    ensure(std::str::from_utf8(&answer.body).is_ok(), || {
        "they arrived".to_owned()
    })?;
    let text = dialect.text_of(&answer);
    let goes_on = text.contains("the next") && dialect.end_markers(&answer) == 1;
    let is_told =
        answer.status() >= 500 || answer.is_visibly_cut() || dialect.error_event(&answer).is_some();
    let is_told = is_told && dialect.end_markers(&answer) == 0;
    ensure(goes_on || is_told, || answer.summary())?;
    Ok(match goes_on {
        true if text.contains('\u{fffd}') => "replaced by U+FFFD, and it goes on".to_owned(),
        true => "left out, and it goes on".to_owned(),
        false => "an error, and no end marker".to_owned(),
    })
}

const TEXT: &str = "an answer";

/// The bytes as gzip (RFC 1952) in one stored block (RFC 1951, 3.2.4); up to 65,535 bytes.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a document of a few hundred bytes");
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    gzip.extend(length.to_le_bytes());
    gzip.extend((!length).to_le_bytes());
    gzip.extend(bytes);
    gzip.extend(crc32(bytes).to_le_bytes());
    gzip.extend(u32::from(length).to_le_bytes());
    gzip
}

/// The CRC of RFC 1952, 8.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(!0, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_gzip() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
