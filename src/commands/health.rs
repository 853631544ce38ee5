//! `herald health`: asks a Herald of these settings whether it lives, for images without curl.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use herald::settings::{SecretsUnread, VerifiedSettings};
use serde_json::Value;

use super::{print, refuse, verified};

pub(crate) const HELP: &str = "\
It asks the admin listener of the settings, or the public one where that is off, on this machine. It \
waits for 3 seconds at most. No secret is read. With --address no settings are read either: then it \
tells the truth while a Herald serves on and its settings file is broken.

Examples:
  herald health --settings /etc/herald/herald.toml
  herald health --address 127.0.0.1:8081 --ready

Exit code: 0 it answers, and with --ready may be sent requests; 1 it does not; 2 the command line is \
wrong.";

/// What is asked.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Asks whether requests may be sent to it, too: not while it drains, for one.
    #[arg(long)]
    ready: bool,
    /// Whom to ask [default: the admin listener of the settings, or else the public one].
    #[arg(long, value_name = "ADDRESS")]
    address: Option<SocketAddr>,
}

/// Longest wait for the whole answer: shorter than container engines wait for a check.
const PATIENCE: Duration = Duration::from_secs(3);

/// Far more than a report of readiness with hundreds of providers takes.
const MAX_BODY_BYTES: usize = 1 << 20;

pub(crate) fn run(arguments: &Arguments, settings: Option<&Path>) -> ExitCode {
    let address = match arguments.address {
        Some(address) => Ok(address),
        None => match verified(settings, &SecretsUnread) {
            Ok(settings) => address(&settings),
            Err(refused) => return refused,
        },
    };
    let path = match arguments.ready {
        true => "/health/ready",
        false => "/health/live",
    };
    let asked = address.and_then(|address| {
        let url = format!("http://{}{path}", reachable(address));
        let answer = actix_web::rt::System::new().block_on(ask(&url));
        answer.map_err(|reason| format!("{url}: {reason}"))
    });
    match asked {
        Ok(status) => print(format!("{status}\n").as_bytes()),
        Err(reason) => refuse(reason),
    }
}

/// Where a Herald of these settings is asked from the same machine.
fn address(settings: &VerifiedSettings) -> Result<SocketAddr, String> {
    let (key, address) = match settings.admin.listen {
        Some(admin) => ("admin.listen", admin),
        None => ("server.listen", settings.server.listen),
    };
    if address.port() == 0 {
        return Err(format!(
            "{key} = \"{address}\" is another port at each start: write one to be asked on"
        ));
    }
    Ok(address)
}

/// "Every address" is none to connect to; loopback is among them.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Herald's word for how it is, or what is wrong.
async fn ask(url: &str) -> Result<String, String> {
    let client = awc::Client::builder().disable_timeout().finish();
    let answer = async {
        let mut answer = client.get(url).send().await.map_err(|e| e.to_string())?;
        let body = answer.body().limit(MAX_BODY_BYTES).await;
        let body = body.map_err(|error| error.to_string())?;
        Ok::<_, String>((answer.status(), body))
    };
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    let (status, body) =
        answer.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))??;
    let report: Option<Value> = serde_json::from_slice(&body).ok();
    let word = report.as_ref().and_then(|report| report["status"].as_str());
    match (status.is_success(), word) {
        (true, Some(word)) => Ok(word.to_owned()),
        (true, None) => Err("something other than Herald answers".to_owned()),
        // Of plain text it is the public listener's word about TLS.
        (false, word) => {
            let text = String::from_utf8_lossy(&body);
            let said = word.or(text.lines().next()).unwrap_or_default();
            Err(format!("{status}: {said}"))
        }
    }
}
