//! `herald serve`: verifies the settings, says where it listens, and serves until it is told to stop.

mod greeting;

use std::{path::Path, process::ExitCode};

use herald::{
    Gateway,
    settings::{ProcessEnvironment, VerifiedSettings},
    telemetry::subscriber,
};
use tokio::sync::oneshot;

use super::{refuse, signals::Signals, verified, write_out};

pub(crate) fn run(settings: Option<&Path>) -> ExitCode {
    let settings = match verified(settings, &ProcessEnvironment) {
        Ok(settings) => settings,
        Err(refused) => return refused,
    };
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(error),
    }
}

fn serve(settings: VerifiedSettings) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    subscriber::init(&settings.log)?;
    actix_web::rt::System::new().block_on(async {
        // Before anybody can know that it listens, and tell it to stop.
        let mut signals = Signals::listen()?;
        let gateway = Gateway::new(settings);
        let running = gateway.run()?;
        // It serves all the same where nobody can read this.
        let _ = write_out(greeting::text(&gateway.settings(), running.address()).as_bytes());
        let handle = running.handle();
        let (stop, stopped) = oneshot::channel();
        actix_web::rt::spawn(async move {
            // The first begins the shutdown, the second ends it at once.
            signals.next().await;
            // A server that has failed by itself waits for no signal.
            let _ = stop.send(());
            signals.next().await;
            handle.stop(false).await;
        });
        running.serve(async { drop(stopped.await) }).await?;
        Ok(())
    })
}
