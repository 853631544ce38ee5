//! `herald serve`: verifies the settings, says where it listens, and serves until it is told to stop.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
};

use herald::{
    Gateway,
    settings::{Auth, ProcessEnvironment, Settings, VerifiedSettings},
    telemetry::subscriber,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::refuse;

pub(crate) fn run(settings: Option<&Path>) -> ExitCode {
    let verified = Settings::load_from_process(settings)
        .map_err(|error| vec![error])
        .and_then(|settings| settings.verify(&ProcessEnvironment));
    match verified {
        Ok(verified) => match serve(verified) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&[error]),
        },
        Err(errors) => refuse(&errors),
    }
}

fn serve(settings: VerifiedSettings) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    subscriber::init(&settings.log)?;
    actix_web::rt::System::new().block_on(async {
        let gateway = Gateway::new(settings);
        let running = gateway.run()?;
        greet(&gateway, running.address());
        let handle = running.handle();
        let mut signals = Signals::listen()?;
        let (stop, stopped) = oneshot::channel();
        actix_web::rt::spawn(async move {
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

/// Prints a line that can be pasted to see it stream.
fn greet(gateway: &Gateway, address: SocketAddr) {
    let settings = gateway.settings();
    let Some(model) = settings.models.iter().next() else {
        return;
    };
    let key = match settings.auth {
        Auth::Open => "",
        Auth::Keys(_) => " -H 'authorization: Bearer YOUR_KEY'",
    };
    let id = serde_json::Value::from(model.id.as_str());
    let body = format!(
        r#"{{"model":{id},"stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}"#
    );
    // The gateway serves all the same where standard output is closed.
    let _ = writeln!(
        io::stdout(),
        "herald listens on http://{address}. Try it:\n\n  curl -iN http://{address}/v1/chat/completions{key} \\\n    -H 'content-type: application/json' \\\n    -d '{body}'\n"
    );
}

/// SIGTERM, SIGINT and SIGQUIT: the first begins the shutdown, the second ends it at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}
