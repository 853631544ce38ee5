//! `herald replay record`: from a provider's answer to a file.

mod request;

use std::{
    fmt::Write as _,
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use herald::{
    completion::CompletionRequest,
    providers::replay::{
        capture::{Captured, capture},
        recording::{Answer, End, Recording},
        scrub::{Scrubbed, Scrubber},
    },
    settings::{ProcessEnvironment, VerifiedSettings, VerifiedTarget},
};

use self::request::{Request, Want};
use super::{new_file, unknown_model};
use crate::commands::{counted, print, refuse, say, signals::Signals, verified};

/// What is asked of whom, and where the answer goes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The model to ask, by its name in the settings [default: the one that --body names].
    #[arg(long, required_unless_present = "body")]
    model: Option<String>,
    /// What to say to it.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "Say hello in one short sentence."
    )]
    message: String,
    /// A file with a whole request body, as a client would send it; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    body: Option<PathBuf>,
    /// Records the answer without a stream only.
    #[arg(long)]
    no_stream: bool,
    /// Records both answers, asking twice [default: a stream, or what --body says].
    #[arg(long, conflicts_with = "no_stream")]
    both: bool,
    /// Where the recording goes [default: the model's name, with .toml, here].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replaces a file that is there already.
    #[arg(long)]
    force: bool,
    /// What the recording shows, in a sentence [default: who was asked, and when].
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, settings: Option<&Path>) -> ExitCode {
    let settings = match verified(settings, &ProcessEnvironment) {
        Ok(settings) => settings,
        Err(refused) => return refused,
    };
    match record(arguments, &settings) {
        Ok(summary) => print(summary.as_bytes()),
        Err(error) => refuse(error),
    }
}

/// Records, and tells what.
fn record(arguments: &Arguments, settings: &VerifiedSettings) -> Result<String, String> {
    let request = Request::new(arguments.model.as_deref(), &body(arguments)?)?;
    let model = settings.models.get(request.model());
    let model = model.ok_or_else(|| unknown_model(request.model(), settings))?;
    let target = model.first_target();
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => file_name(&target.model),
    };
    // A completion that has been paid for should not be lost to a slip of the pen.
    if let Some(folder) = output.parent()
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        return Err(format!("{} is no folder", folder.display()));
    }
    let unwritable = |error| unwritable(&output, &error);
    new_file::try_place(&output, arguments.force).map_err(unwritable)?;
    let want = match (arguments.no_stream, arguments.both) {
        (true, _) => Want::Document,
        (_, true) => Want::Both,
        _ => Want::AsWritten,
    };
    let completions = request.completions(want)?;
    let answers = actix_web::rt::System::new().block_on(async {
        // From here on a signal ends the wait and not the process, so that no half file can stay.
        let mut signals = Signals::listen().map_err(|error| format!("no signals: {error}"))?;
        tokio::select! {
            answers = ask(settings, target, &completions) => answers,
            _ = signals.next() => Err("told to stop: nothing is kept".to_owned()),
        }
    })?;
    let description = arguments.description.clone().unwrap_or_else(|| {
        let date = httpdate::fmt_http_date(SystemTime::now());
        format!("Recorded from {}, {date}.", of(target))
    });
    let text = text(description, &answers, &Scrubber::new(&target.provider))?;
    new_file::write(&output, &text, arguments.force).map_err(unwritable)?;
    Ok(summary(&output, &answers))
}

/// The answers to these requests, one after the other.
async fn ask(
    settings: &VerifiedSettings,
    target: &VerifiedTarget,
    completions: &[CompletionRequest],
) -> Result<Vec<Captured>, String> {
    let mut answers = Vec::new();
    for completion in completions {
        say(format!(
            "asking {} ({})",
            of(target),
            kind(completion.stream)
        ));
        let captured = capture(settings, target, completion).await;
        let captured =
            captured.map_err(|error| format!("provider `{}`: {error}", target.provider.id))?;
        report(&captured);
        answers.push(captured);
    }
    Ok(answers)
}

/// The request's body as it was given, or one that says the message.
fn body(arguments: &Arguments) -> Result<String, String> {
    let Some(file) = &arguments.body else {
        let message = serde_json::json!({ "role": "user", "content": arguments.message });
        return Ok(format!(r#"{{"messages":[{message}]}}"#));
    };
    let body = if file.as_os_str() == "-" {
        let mut body = String::new();
        io::stdin().read_to_string(&mut body).map(|_| body)
    } else {
        fs::read_to_string(file)
    };
    body.map_err(|error| format!("{} cannot be read: {error}", file.display()))
}

/// The file's text, which must be a recording again, and hold no key.
fn text(
    description: String,
    answers: &[Captured],
    scrubber: &Scrubber<'_>,
) -> Result<String, String> {
    let answers = answers.iter().map(|captured| captured.answer.clone());
    let recording = Recording {
        description,
        answers: answers.collect(),
    };
    let text = recording.to_toml();
    if scrubber.finds_secret(text.as_bytes()) {
        return Err("the provider's key is still in the recording, which is not kept".to_owned());
    }
    match Recording::parse("the recording", &text) {
        Ok(read) if read == recording => Ok(text),
        Ok(_) => Err("the recording does not read back as it was, and is not kept".to_owned()),
        Err(error) => Err(format!(
            "the answer is none that a recording can hold: {error}"
        )),
    }
}

/// A model's name, made fit to be a file's.
fn file_name(model: &str) -> PathBuf {
    let is_plain = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = model
        .chars()
        .map(|c| if is_plain(&c) { c } else { '-' })
        .collect();
    // Herald passes over hidden files.
    PathBuf::from(format!("{}.toml", name.trim_start_matches('.')))
}

fn unwritable(file: &Path, error: &io::Error) -> String {
    let file = file.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{file} is there already: choose another --output, or --force")
        }
        _ => format!("{file} cannot be written: {error}"),
    }
}

fn of(target: &VerifiedTarget) -> String {
    format!("{} at {}", target.upstream_model, target.provider.id)
}

fn kind(stream: bool) -> &'static str {
    if stream { "stream" } else { "document" }
}

/// Says what is not as it came: names and counts, never values.
fn report(captured: &Captured) {
    let Scrubbed {
        headers,
        own_secrets,
        other_places,
    } = &captured.scrubbed;
    if !headers.is_empty() {
        say(format!("scrubbed the headers {}", headers.join(", ")));
    }
    if *own_secrets > 0 {
        say(format!(
            "scrubbed the provider's key out of the body, {}",
            times(*own_secrets)
        ));
    }
    if *other_places > 0 {
        say(format!(
            "scrubbed what looks like a key or names an account out of the body, {}",
            times(*other_places)
        ));
    }
    if captured.pauses_shortened {
        say("pauses are shorter than they were: one lasts at most 60s, all of them 10m");
    }
}

fn times(count: usize) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}

fn summary(output: &Path, answers: &[Captured]) -> String {
    let file = output.display();
    let mut text = format!("{file}:\n");
    for Captured { answer, took, .. } in answers {
        let Answer {
            stream,
            status,
            chunks,
            end,
            ..
        } = answer;
        let took = took.as_secs_f64();
        let end = match end {
            End::Complete => "complete",
            End::Truncated => "truncated",
            End::Reset => "reset",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {}: status {status}, {} in {took:.3} s, {end}",
            kind(*stream),
            counted(chunks.len(), "chunk")
        );
    }
    let file = file.to_string();
    let quote = if file.contains(|c: char| !(c.is_alphanumeric() || "-_./".contains(c))) {
        "'"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "\nTry it:\n\n  herald replay play {quote}{file}{quote}"
    );
    text
}
