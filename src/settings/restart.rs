//! The settings that belong to the process, and stay as they were at the start.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{VerifiedSettings, effective::normal};

/// A setting that is read once, at the start.
struct OfTheProcess {
    key: &'static str,
    keep: fn(&mut VerifiedSettings, &VerifiedSettings),
}

/// All of them. What is not here is taken while Herald runs.
const OF_THE_PROCESS: [OfTheProcess; 11] = [
    OfTheProcess {
        key: "server.listen",
        keep: |new, old| new.server.listen = old.server.listen,
    },
    OfTheProcess {
        key: "server.workers",
        keep: |new, old| new.server.workers = old.server.workers,
    },
    OfTheProcess {
        key: "server.backlog",
        keep: |new, old| new.server.backlog = old.server.backlog,
    },
    OfTheProcess {
        key: "server.max_connections",
        keep: |new, old| new.server.max_connections = old.server.max_connections,
    },
    OfTheProcess {
        key: "server.keep_alive",
        keep: |new, old| new.server.keep_alive = old.server.keep_alive,
    },
    OfTheProcess {
        key: "server.request_head",
        keep: |new, old| new.server.request_head = old.server.request_head,
    },
    OfTheProcess {
        key: "server.send_buffer",
        keep: |new, old| new.server.send_buffer = old.server.send_buffer,
    },
    OfTheProcess {
        key: "admin.listen",
        keep: |new, old| new.admin.listen = old.admin.listen,
    },
    OfTheProcess {
        key: TLS,
        keep: |new, old| new.tls = old.tls.clone(),
    },
    // Half of it is an option of the listening socket, and halves that contradict each other would
    // take a stalled reader for one who left.
    OfTheProcess {
        key: "clocks.client_write",
        keep: |new, old| new.clocks.client_write = old.clocks.client_write,
    },
    OfTheProcess {
        key: "log.format",
        keep: |new, old| new.log.format = old.log.format,
    },
];

/// A new certificate is taken at once; whether the listener speaks TLS at all is not.
const TLS: &str = "server.tls";

/// A setting that has been changed, but stays as it is until Herald is started anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PendingRestart {
    /// Its key.
    pub key: String,
    /// The value that is in force.
    pub in_force: Value,
    /// The value that is written now.
    pub written: Value,
}

/// Whether a change of this key is only taken by a restart.
#[must_use]
pub fn needs_restart(key: &str) -> bool {
    OF_THE_PROCESS.iter().any(|setting| setting.key == key)
}

impl VerifiedSettings {
    /// Keeps what belongs to the process as it is in the settings in force, and tells what was
    /// written otherwise.
    pub fn keep_process_settings(&mut self, in_force: &Self) -> Vec<PendingRestart> {
        let mut pending = Vec::new();
        for OfTheProcess { key, keep } in OF_THE_PROCESS {
            if key == TLS && self.tls.is_some() == in_force.tls.is_some() {
                continue;
            }
            // A process that was given its settings by code can have others than are written.
            keep(self, in_force);
            let value = |of: &Self| of.effective.value(key).cloned().unwrap_or_default();
            let (old, new) = (value(in_force), value(self));
            if normal(key, &old) != normal(key, &new) {
                self.effective.keep(key, &in_force.effective);
                pending.push(PendingRestart {
                    key: key.to_owned(),
                    in_force: old,
                    written: new,
                });
            }
        }
        pending
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        settings::{ServerTls, Settings},
        testkit::TestCertificate,
    };

    fn verified(toml: &str) -> VerifiedSettings {
        let settings = Settings::from_toml(toml).unwrap();
        settings.verify(&HashMap::new()).unwrap()
    }

    #[test]
    fn every_setting_of_the_process_is_kept_and_named_and_nothing_else() {
        let old = verified("");
        let mut new = verified(
            r#"
            [server]
            listen = "127.0.0.1:1"
            workers = 7
            backlog = 7
            max_connections = 7
            keep_alive = "7s"
            request_head = "7s"
            send_buffer = "7KiB"
            drain_timeout = "7s"
            [admin]
            listen = "off"
            [clocks]
            client_write = "7s"
            idle = "7s"
            [log]
            format = "json"
            filter = "warn"
            "#,
        );
        let pending = new.keep_process_settings(&old);
        let keys: Vec<_> = pending.iter().map(|pending| &*pending.key).collect();
        let mut all: Vec<_> = OF_THE_PROCESS.map(|setting| setting.key).into();
        all.retain(|key| *key != TLS);
        assert_eq!(keys, all);
        let listen = &pending[0];
        assert_eq!(
            (&listen.in_force, &listen.written),
            (&"127.0.0.1:8080".into(), &"127.0.0.1:1".into())
        );

        let seven = std::time::Duration::from_secs(7);
        assert_eq!((new.server.drain_timeout, new.clocks.idle), (seven, seven));
        new.server.drain_timeout = old.server.drain_timeout;
        assert_eq!(new.server, old.server);
        assert_eq!(new.clocks.client_write, old.clocks.client_write);
        assert_eq!((new.log.format, &*new.log.filter), (old.log.format, "warn"));
        // What is shown is what is in force, with the place where that was written.
        assert_eq!(new.effective.to_json()["server"]["workers"], 0);
        let origins = new.effective.origins();
        assert!(
            origins["server.workers"].starts_with("built-in default.toml:"),
            "{origins:?}"
        );
        assert!(
            origins["server.drain_timeout"].starts_with("settings:"),
            "{origins:?}"
        );
    }

    #[test]
    fn tls_is_turned_on_by_a_restart_and_another_certificate_is_taken() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let with = |dir: &tempfile::TempDir| {
            verified(&TestCertificate::generate(&["localhost"]).install(dir.path()))
        };
        let (plain, first, mut second) = (verified(""), with(&one), with(&other));
        let renewed = second.tls.as_ref().map(ServerTls::fingerprint);
        assert_eq!(second.keep_process_settings(&first), []);
        assert_eq!(second.tls.as_ref().map(ServerTls::fingerprint), renewed);

        let pending = second.keep_process_settings(&plain);
        let keys: Vec<_> = pending.iter().map(|pending| &*pending.key).collect();
        assert_eq!(keys, [TLS]);
        assert_eq!(second.tls, None);
    }

    #[test]
    fn another_spelling_is_no_change() {
        let old = verified("");
        let mut new = verified("[server]\nkeep_alive = \"75000ms\"\nsend_buffer = \"262144B\"");
        assert_eq!(new.keep_process_settings(&old), []);
        assert_eq!(new.effective.content_hash(), old.effective.content_hash());
    }
}
