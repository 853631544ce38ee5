//! `herald conformance`: checks any gateway from the outside.

use std::{env, process::ExitCode, time::Duration};

use clap::ValueEnum;
use herald::{
    conformance::{self, CannotRun, Dialect, Provider, Report, Target, checks},
    suggest::did_you_mean,
};

use super::{print, say, write_out};

pub(crate) const HELP: &str = "\
It listens on 127.0.0.1 as a provider that answers with hostile bytes, asks the gateway as a client, \
and says what it saw. Make that provider the gateway's upstream first, with a model for it and with \
retries off: every call is answered, but retries take time. It asks nobody but --base-url. \
docs/conformance.md says what each check is for, and how Herald and LiteLLM are set up for it.

Examples:
  herald conformance --base-url http://127.0.0.1:4000/v1 --upstream-port 9999
  herald conformance --base-url http://127.0.0.1:4000/v1 --upstream-port 9999 \\
    --only slow-reader --only truncated-stream
  herald conformance --list

Exit code: 0 all checks passed or were skipped; 1 some failed; 2 nothing could be checked, and \
standard error says whether the gateway cannot be reached or never called the provider.";

/// What is checked, and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The gateway, as an SDK is told it, plain http alone.
    #[arg(long, value_name = "URL", required_unless_present = "list")]
    base_url: Option<String>,
    /// The port of 127.0.0.1 at which the gateway finds its provider.
    #[arg(long, value_name = "PORT", required_unless_present = "list",
          value_parser = clap::value_parser!(u16).range(1..))]
    upstream_port: Option<u16>,
    /// The model that the gateway asks that provider for.
    #[arg(long, value_name = "NAME", default_value = "conformance")]
    model: String,
    /// The variable that holds the client's key [default: a made-up key is sent].
    #[arg(long, value_name = "VAR")]
    api_key_env: Option<String>,
    /// What the client speaks, and the provider too.
    #[arg(long, value_enum, default_value_t = DialectWord::Chat)]
    dialect: DialectWord,
    /// Runs this check, and others that are named likewise.
    #[arg(long, value_name = "CHECK")]
    only: Vec<String>,
    /// How long each step is waited for.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = wait)]
    patience: Duration,
    /// How long the end of a stalled stream is waited for [default: not checked].
    #[arg(long, value_name = "DURATION", value_parser = wait)]
    stall_wait: Option<Duration>,
    /// How the findings are written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Lists the checks, and runs none.
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum DialectWord {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's messages.
    Messages,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// For people, each line as it is known.
    Table,
    /// One JSON object.
    Json,
    /// A table of Markdown.
    Markdown,
}

/// Nothing could be checked.
const COULD_NOT_RUN: u8 = 2;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if arguments.list {
        return list();
    }
    let checked = target(arguments).and_then(|(target, port)| {
        known(&arguments.only)?;
        actix_web::rt::System::new().block_on(check(&target, port, arguments))
    });
    let report = match checked {
        Ok(report) => report,
        Err(reason) => {
            say(reason);
            return COULD_NOT_RUN.into();
        }
    };
    let text = match arguments.format {
        Format::Table => format!("\n{}\n", report.tally()),
        Format::Json => report.json(),
        Format::Markdown => report.markdown(),
    };
    let printed = print(text.as_bytes());
    match report.failed {
        0 => printed,
        _ => ExitCode::FAILURE,
    }
}

fn list() -> ExitCode {
    let line = |check: &conformance::Check| format!("{:<30} {}\n", check.name, check.expected);
    print(checks().map(line).collect::<String>().as_bytes())
}

fn target(arguments: &Arguments) -> Result<(Target, u16), String> {
    // clap has seen to both.
    let url = arguments.base_url.as_deref().unwrap_or_default();
    let port = arguments.upstream_port.unwrap_or_default();
    let mut target = Target::new(url, &arguments.model).map_err(|reason| reason.to_string())?;
    target.dialect = match arguments.dialect {
        DialectWord::Chat => Dialect::Chat,
        DialectWord::Messages => Dialect::Messages,
    };
    target.patience = arguments.patience;
    target.stall_wait = arguments.stall_wait;
    if let Some(name) = &arguments.api_key_env {
        let key = env::var(name).map_err(|reason| format!("--api-key-env {name}: {reason}"))?;
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) || key.is_empty() {
            return Err(format!("--api-key-env {name}: it holds no key"));
        }
        target.api_key = Some(key.into());
    }
    Ok((target, port))
}

fn known(only: &[String]) -> Result<(), String> {
    let names = || checks().map(|check| check.name);
    match only
        .iter()
        .find(|name| !names().any(|known| known == *name))
    {
        None => Ok(()),
        Some(name) => {
            let hint = did_you_mean(name, names());
            let hint = hint.unwrap_or_else(|| "--list has them".to_owned());
            Err(format!("--only {name}: there is no such check; {hint}"))
        }
    }
}

async fn check(target: &Target, port: u16, arguments: &Arguments) -> Result<Report, String> {
    let provider = Provider::listen(port).await;
    let mut provider =
        provider.map_err(|reason| format!("--upstream-port {port} cannot be had: {reason}"))?;
    let is_table = arguments.format == Format::Table;
    let report = conformance::run(target, &mut provider, &arguments.only, |finding| {
        if is_table {
            // Who closed the output still has the exit code.
            let _ = write_out(finding.lines().as_bytes());
        }
    });
    report.await.map_err(|reason| told(&reason))
}

/// The reason, and what to look at.
fn told(reason: &CannotRun) -> String {
    match reason {
        CannotRun::NeverCalled { provider, .. } => format!(
            "{reason}\nIs http://{provider} (or http://{provider}/v1) the base URL of the gateway's \
             provider, and --model a model that it serves from there?"
        ),
        _ => reason.to_string(),
    }
}

/// Longest wait that can be asked for.
const MAX_WAIT: Duration = Duration::from_secs(3600);

fn wait(text: &str) -> Result<Duration, String> {
    let wait = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match wait.is_zero() || wait > MAX_WAIT {
        true => Err("it must be more than 0s and at most 1h".to_owned()),
        false => Ok(wait),
    }
}
