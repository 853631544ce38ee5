//! Recordings as TOML text.

use std::{fmt::Write, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{Answer, Chunk, End, Framing, Recording};

/// The whole file.
pub(super) fn recording(recording: &Recording) -> String {
    let mut toml = format!("description = {}\n", one_line(&recording.description));
    for answer in &recording.answers {
        // Writing to a string cannot fail.
        let _ = write_answer(&mut toml, answer);
    }
    toml
}

fn write_answer(toml: &mut String, answer: &Answer) -> std::fmt::Result {
    let Answer {
        stream,
        status,
        after,
        ..
    } = answer;
    write!(
        toml,
        "\n[[answers]]\nstream = {stream}\nstatus = {status}\n"
    )?;
    write_after(toml, *after)?;
    if !answer.headers.is_empty() {
        toml.push_str("headers = [\n");
        for (name, value) in &answer.headers {
            let value = match std::str::from_utf8(value) {
                Ok(text) => one_line(text),
                Err(_) => format!("{{ base64 = \"{}\" }}", BASE64_STANDARD.encode(value)),
            };
            writeln!(toml, "  [{}, {value}],", one_line(name))?;
        }
        toml.push_str("]\n");
    }
    match answer.framing {
        Framing::Chunked => toml.push_str("framing = \"chunked\"\n"),
        Framing::Close => toml.push_str("framing = \"close\"\n"),
        Framing::Length(promised) => {
            toml.push_str("framing = \"length\"\n");
            if answer.end != End::Complete {
                writeln!(toml, "content_length = {promised}")?;
            }
        }
    }
    toml.push_str(match answer.end {
        End::Complete => "end = \"complete\"\n",
        End::Truncated => "end = \"truncated\"\n",
        End::Reset => "end = \"reset\"\n",
    });
    answer
        .chunks
        .iter()
        .try_for_each(|chunk| write_chunk(toml, chunk))
}

fn write_chunk(toml: &mut String, chunk: &Chunk) -> std::fmt::Result {
    toml.push_str("\n[[answers.chunks]]\n");
    write_after(toml, chunk.after)?;
    match std::str::from_utf8(&chunk.data) {
        // TOML drops the newline that follows the opening quotes.
        Ok(text) if is_literal(text) => writeln!(toml, "data = '''\n{text}'''"),
        Ok(text) => writeln!(toml, "data = {}", one_line(text)),
        Err(_) => writeln!(toml, "base64 = \"{}\"", BASE64_STANDARD.encode(&chunk.data)),
    }
}

fn write_after(toml: &mut String, after: Duration) -> std::fmt::Result {
    if after.is_zero() {
        return Ok(());
    }
    writeln!(toml, "after = \"{}\"", humantime::format_duration(after))
}

/// Whether a multi-line literal string shows this text unchanged: in one, TOML forbids control
/// characters, and a reader may take CR LF for LF.
fn is_literal(text: &str) -> bool {
    let is_shown = |c: char| c == '\n' || c == '\t' || !c.is_control();
    text.chars().all(is_shown) && !text.contains("'''")
}

/// A basic string with escapes, on one line.
fn one_line(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // All control characters lie below U+00A0.
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
