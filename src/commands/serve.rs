//! `herald serve`: verifies the settings, says where it listens, and serves until it is told to stop.
//!
//! SIGTERM is what systemd and Kubernetes send: balancers get `server.drain_delay` to notice. SIGINT
//! and SIGQUIT come from a terminal, where nobody wants to wait for that. A second signal, whichever,
//! ends Herald at once.

mod greeting;

use std::{path::Path, process::ExitCode};

use herald::{
    Gateway,
    drain::Drained,
    reload::{
        SettingsActor, SettingsControl, generation::Trigger, messages::ReloadSettings,
        source::SettingsSource,
    },
    settings::{ProcessEnvironment, VerifiedSettings},
    telemetry::subscriber,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::{refuse, signals::Signals, verified, write_out};

pub(crate) const HELP: &str = "\
Exit codes: 0 every request came to its end; 1 it could not listen, or the server failed; 2 the \
command line is wrong; 3 some requests ended with gateway_draining, or were dropped.";

pub(crate) fn run(settings: Option<&Path>) -> ExitCode {
    // First: it notes how the file is before it is read.
    let source = SettingsSource::of_process(settings);
    let settings = match verified(settings, &ProcessEnvironment) {
        Ok(settings) => settings,
        Err(refused) => return refused,
    };
    match serve(settings, source) {
        Ok(Drained { cut: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(SOME_WERE_CUT),
        Err(error) => refuse(error),
    }
}

/// The exit code of a shutdown that did not let every request end.
const SOME_WERE_CUT: u8 = 3;

fn serve(
    settings: VerifiedSettings,
    source: SettingsSource,
) -> Result<Drained, Box<dyn std::error::Error + Send + Sync>> {
    let log = subscriber::init(&settings.log)?;
    actix_web::rt::System::new().block_on(async {
        // Before anybody can know that it listens, and tell it to stop, or to reload: a SIGHUP that
        // nobody waits for ends a process.
        let mut signals = Signals::listen()?;
        let hangup = signal(SignalKind::hangup())?;
        let gateway = Gateway::new(settings);
        let control = SettingsActor::begin(gateway.clone(), source, Some(log));
        let running = gateway.run_controlled(control.clone())?;
        let greeting = greeting::text(
            &gateway.settings(),
            running.address(),
            running.admin_address(),
        );
        // It serves all the same where nobody can read this.
        let _ = write_out(greeting.as_bytes());
        actix_web::rt::spawn(reload_at_hangups(hangup, control));
        let handle = running.handle();
        let (stop, stopped) = oneshot::channel();
        let drain = gateway.clone();
        actix_web::rt::spawn(async move {
            // The first begins the shutdown, the second ends it at once.
            // A server that has failed by itself waits for no signal.
            let _ = stop.send(signals.next().await);
            signals.next().await;
            tracing::warn!("a second signal: stopping at once");
            drain.drain().abandon();
            handle.stop(false).await;
        });
        let told = async { stopped.await.expect("the task sends before it ends") };
        let Drained { drained, cut } = running.serve(told).await?;
        if cut == 0 {
            tracing::info!(drained, cut, "stopped");
        } else {
            tracing::warn!(
                drained,
                cut,
                "stopped, and not every request came to its end"
            );
        }
        Ok(Drained { drained, cut })
    })
}

/// SIGHUP: the settings are read anew. What needs a restart is named in the log, the rest is taken.
async fn reload_at_hangups(mut hangup: Signal, control: SettingsControl) {
    while hangup.recv().await.is_some() {
        let reload = ReloadSettings {
            trigger: Trigger::Sighup,
            if_match: None,
            allow_partial: true,
        };
        // What came of it stands in the log and in the status.
        let _ = control.send(reload).await;
    }
}
