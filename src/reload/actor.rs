//! The actor that every change of the settings passes.

use std::sync::Arc;

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, AtomicResponse, Context, Handler, Message,
    WrapFuture, dev::ToEnvelope,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    ledger::{Candidate, Ledger, Wanted},
    messages::{
        ReloadError, ReloadSettings, Reloaded, RollbackSettings, ValidateSettings, Validated,
    },
    source::SettingsSource,
    status::ReloadStatus,
    watch::FileWatch,
};
use crate::{Gateway, telemetry::subscriber::LogFilter};

/// Takes one command at a time: while settings are being verified, on a thread of the blocking pool,
/// its mailbox waits. It lives as long as somebody holds its [`SettingsControl`].
#[derive(Debug)]
pub struct SettingsActor {
    gateway: Gateway,
    source: Arc<SettingsSource>,
    ledger: Ledger,
    /// Until the task has it.
    watch: Option<FileWatch>,
    /// The task that waits for changes of the files.
    watching: Option<JoinHandle<()>>,
}

impl SettingsActor {
    /// Starts the actor of a gateway on this thread's arbiter, and the watch over the settings'
    /// files. One that cannot be watched is told in the log; everything else then works.
    ///
    /// `log` is where the log's filter is changed; `None` if the log is not Herald's.
    ///
    /// # Panics
    /// Outside of an actix system.
    #[must_use = "the actor ends with the last control"]
    pub fn begin(
        gateway: Gateway,
        source: SettingsSource,
        log: Option<LogFilter>,
    ) -> SettingsControl {
        let file = source.file().map(|file| file.display().to_string());
        // Before it starts, so that the first status already says so.
        let watch = FileWatch::begin(&source, &gateway.settings());
        let ledger = Ledger::new(gateway.clone(), file, watch.is_some(), log);
        let status = ledger.status();
        let actor = Self {
            gateway: gateway.clone(),
            source: Arc::new(source),
            ledger,
            watch,
            watching: None,
        };
        SettingsControl {
            gateway,
            actor: actor.start(),
            status,
        }
    }

    /// Verifies on a thread that may block, and goes on with what came of it before the next command.
    fn when_verified<T: 'static>(
        &self,
        verify: impl FnOnce(&SettingsSource) -> Candidate + Send + 'static,
        then: impl FnOnce(&mut Ledger, Candidate) -> Result<T, ReloadError> + 'static,
    ) -> Reply<T> {
        let source = Arc::clone(&self.source);
        let verified = spawn_blocking(move || verify(&source));
        let taken = verified.into_actor(self).map(|verified, actor, _| {
            // It panicked, which the log has, or the runtime is ending.
            let candidate = verified.map_err(|_| ReloadError::Stopped)?;
            then(&mut actor.ledger, candidate)
        });
        AtomicResponse::new(Box::pin(taken))
    }

    fn refuse<T: 'static>(&self, error: ReloadError) -> Reply<T> {
        AtomicResponse::new(Box::pin(std::future::ready(Err(error)).into_actor(self)))
    }
}

type Reply<T> = AtomicResponse<SettingsActor, Result<T, ReloadError>>;

impl Actor for SettingsActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if let Some(watch) = self.watch.take() {
            let (gateway, status) = (self.gateway.clone(), self.ledger.status());
            let watching = watch.run(gateway, status, context.address().downgrade());
            self.watching = Some(actix::spawn(watching));
        }
    }
}

impl Drop for SettingsActor {
    fn drop(&mut self) {
        if let Some(watching) = &self.watching {
            watching.abort();
        }
    }
}

impl Handler<ReloadSettings> for SettingsActor {
    type Result = Reply<Reloaded>;

    fn handle(&mut self, message: ReloadSettings, _: &mut Self::Context) -> Self::Result {
        if let Err(error) = self.ledger.check(message.if_match.as_ref()) {
            return self.refuse(error);
        }
        let wanted = Wanted {
            trigger: message.trigger,
            allow_partial: message.allow_partial,
            content_of: None,
        };
        self.when_verified(SettingsSource::load, move |ledger, candidate| {
            ledger.take(candidate, wanted)
        })
    }
}

impl Handler<ValidateSettings> for SettingsActor {
    type Result = Reply<Validated>;

    fn handle(&mut self, message: ValidateSettings, _: &mut Self::Context) -> Self::Result {
        let verify = move |source: &SettingsSource| match &message.toml {
            Some(toml) => source.load_text(toml),
            None => source.load(),
        };
        self.when_verified(verify, |ledger, candidate| ledger.judge(candidate))
    }
}

impl Handler<RollbackSettings> for SettingsActor {
    type Result = Reply<Reloaded>;

    fn handle(&mut self, message: RollbackSettings, _: &mut Self::Context) -> Self::Result {
        let earlier = self.ledger.check(message.if_match.as_ref());
        let (content_of, settings) = match earlier.and_then(|()| self.ledger.earlier(message.to)) {
            Ok(earlier) => earlier,
            Err(error) => return self.refuse(error),
        };
        let wanted = Wanted {
            trigger: super::generation::Trigger::Rollback,
            allow_partial: true,
            content_of: Some(content_of),
        };
        self.when_verified(
            move |source| source.verify(settings),
            move |ledger, candidate| ledger.take(candidate, wanted),
        )
    }
}

/// Whoever holds it can change the settings of a gateway, and see how that goes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SettingsControl {
    gateway: Gateway,
    actor: Addr<SettingsActor>,
    status: watch::Receiver<Arc<ReloadStatus>>,
}

impl SettingsControl {
    /// Sends a command and waits for what comes of it: [`ReloadSettings`], [`ValidateSettings`] or
    /// [`RollbackSettings`].
    ///
    /// # Errors
    /// As the command says; [`ReloadError::Stopped`] if the actor is gone.
    ///
    /// # Cancel safety
    /// A command that was sent is carried out, whether somebody waits or not.
    pub async fn send<M, T>(&self, command: M) -> Result<T, ReloadError>
    where
        M: Message<Result = Result<T, ReloadError>> + Send + 'static,
        T: Send + 'static,
        SettingsActor: Handler<M>,
        Context<SettingsActor>: ToEnvelope<SettingsActor, M>,
    {
        match self.actor.send(command).await {
            Ok(reply) => reply,
            Err(_) => Err(ReloadError::Stopped),
        }
    }

    /// How changing the settings goes. It waits for nothing.
    #[must_use]
    pub fn status(&self) -> Arc<ReloadStatus> {
        Arc::clone(&self.status.borrow())
    }

    /// The same, to be waited on: it changes with every look at the settings.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<ReloadStatus>> {
        self.status.clone()
    }

    /// The gateway whose settings these are.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }
}
