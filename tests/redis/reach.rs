//! How Redis is reached, and what is told when it is there and cannot be used.

use std::{
    io::{self, Write},
    path::Path,
    sync::{Mutex, Once},
    time::Duration,
};

use herald::testkit::TestCertificate;
use tokio::time::Instant;

use crate::{
    fleet::{Fleet, TWENTY, always},
    server::{RedisServer, free_port},
};

/// What the Heralds of this process said.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn keep_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = tracing_subscriber::fmt().with_ansi(false);
        lines.with_writer(|| Log).init();
    });
}

/// A fleet around this Redis, which is waited for as long as it takes.
async fn fleet(redis: RedisServer, limits: &str) -> Fleet {
    keep_the_log();
    let limits = format!("{TWENTY}\nredis.command = \"5s\"\nredis.connect = \"5s\"\n{limits}");
    Fleet::around(redis, &limits, "", always()).await
}

/// Both refuse, and the metric and the log tell why.
async fn is_away(fleet: &Fleet, reason: &str, detail: &str) {
    for herald in 0..2 {
        let mut refused = fleet.ask(herald).await;
        assert_eq!(refused.status, 503, "{reason}");
        let code = refused.json().await["error"]["code"].clone();
        assert_eq!(code, "gateway_limits_unavailable");
    }
    assert_eq!(fleet.metric("backend_up").await, [0, 0]);
    let errors = format!("backend_errors_total{{reason=\"{reason}\"}}");
    assert_eq!(fleet.metric(&errors).await, [1, 1], "{reason}");
    let said = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    let line = format!("reason=\"{reason}\" detail=\"{detail}");
    assert!(said.contains(&line), "{line} is not in\n{said}");
}

/// A Redis that speaks TLS alone.
fn behind_tls(certificate: &TestCertificate, folder: &Path) -> Option<RedisServer> {
    let _ = certificate.install(folder);
    let file = |name| folder.join(name).display().to_string();
    let (certificate, key) = (file("tls.crt"), file("tls.key"));
    RedisServer::start(&[
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ])
}

fn trusting(certificate: &TestCertificate, folder: &Path) -> String {
    let file = folder.join("ca.pem");
    std::fs::write(&file, certificate.root_pem()).unwrap();
    format!("redis.ca_file = {:?}", file.display().to_string())
}

#[actix_web::test]
async fn a_fleet_counts_over_tls_in_a_redis_whose_root_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::generate(&["localhost"]);
    let Some(redis) = behind_tls(&certificate, folder.path()) else {
        return;
    };
    let mut fleet = fleet(redis, &trusting(&certificate, folder.path())).await;
    assert_eq!(fleet.let_in(60).await, 20);
    assert_eq!(fleet.metric("backend_up").await, [1, 1]);
    assert_eq!(fleet.metric("backend_errors_total").await, [0, 0]);
    fleet.redis.kill();
    fleet.until_redis_is(false).await;
    fleet.redis.restart();
    fleet.until_redis_is(true).await;
    assert_eq!(fleet.let_in(60).await, 20);
}

#[actix_web::test]
async fn a_redis_that_another_root_signed_is_away_and_tls_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = TestCertificate::generate(&["localhost"]);
    let stranger = TestCertificate::generate(&["localhost"]);
    let Some(redis) = behind_tls(&certificate, folder.path()) else {
        return;
    };
    let fleet = fleet(redis, &trusting(&stranger, folder.path())).await;
    is_away(&fleet, "tls", "invalid peer certificate: ").await;
    assert_eq!(fleet.provider.requests().len(), 0);
}

#[actix_web::test]
async fn without_tls_that_holds_each_replica_counts_alone_if_the_settings_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some(redis) = behind_tls(&TestCertificate::generate(&["another.test"]), folder.path())
    else {
        return;
    };
    let fleet = fleet(redis, "on_backend_error = \"local\"").await;
    assert_eq!(fleet.let_in(60).await, 40, "replicas × limit");
    assert_eq!(
        fleet.metric("backend_errors_total{reason=\"tls\"}").await,
        [30, 30]
    );
    assert_eq!(
        fleet.metric("fallbacks_total{policy=\"local\"}").await,
        [30, 30]
    );
}

#[actix_web::test]
async fn a_redis_that_asks_for_a_password_is_away_without_it_and_told_so() {
    let Some(redis) = RedisServer::start(&["--requirepass", "its-password"]) else {
        return;
    };
    is_away(&fleet(redis, "").await, "denied", "NOAUTH").await;
}

#[actix_web::test]
async fn a_wrong_password_is_told_and_its_text_nowhere() {
    let Some(redis) = RedisServer::start(&["--requirepass", "its-password"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "not-its-password").unwrap();
    let fleet = fleet(redis, &format!("redis.password = {{ file = {file:?} }}")).await;
    is_away(&fleet, "denied", "AUTH failed").await;
    let settings = format!("{:?}", fleet.heralds[0].gateway().settings());
    let said = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    assert!(!settings.contains("its-password") && !said.contains("its-password"));
}

#[actix_web::test]
async fn a_user_who_may_do_what_the_page_says_is_enough_and_one_who_may_less_is_told_so() {
    let page = include_str!("../../docs/settings.md");
    let (_, rest) = page.split_once("ACL SETUSER herald on >PASSWORD ").unwrap();
    let (rights, _) = rest.split_once('\n').unwrap();
    for (rights, is_enough) in [
        (rights.to_owned(), true),
        (rights.replace("+@hash", ""), false),
    ] {
        // Whom nobody names may nothing.
        let mut arguments = vec!["--user", "default", "off", "--user", "herald", "on"];
        arguments.push(">word-of-herald");
        arguments.extend(rights.split_whitespace());
        let Some(redis) = RedisServer::start(&arguments) else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "word-of-herald").unwrap();
        let credentials = format!(
            "redis.user = \"herald\"\nredis.password = {{ file = {file:?} }}\n\
             tokens = {{ most = 100000, per = \"1h\" }}\nconcurrent = 100"
        );
        let fleet = fleet(redis, &credentials).await;
        if is_enough {
            assert_eq!(fleet.let_in(60).await, 20);
            fleet.until_closed().await;
            assert_eq!(fleet.metric("lost_corrections_total").await, [0, 0]);
        } else {
            assert_eq!(fleet.ask(0).await.status, 503);
            let denied = fleet
                .metric("backend_errors_total{reason=\"denied\"}")
                .await;
            assert_eq!(denied, [1, 0]);
        }
    }
}

#[actix_web::test]
async fn a_replica_is_away_and_told_to_be_read_only() {
    let nobody = free_port().to_string();
    let Some(redis) = RedisServer::start(&["--replicaof", "127.0.0.1", &nobody]) else {
        return;
    };
    is_away(&fleet(redis, "").await, "read_only", "READONLY").await;
}

/// A node of a cluster, and a connection to it.
async fn node(folder: &Path) -> Option<(RedisServer, u16, redis::aio::MultiplexedConnection)> {
    let bus = free_port();
    let (port, folder) = (bus.to_string(), folder.display().to_string());
    let arguments = [
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        &port,
        "--dir",
        &folder,
    ];
    let server = RedisServer::start(&arguments)?;
    let client = redis::Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await.unwrap();
    Some((server, bus, connection))
}

#[actix_web::test]
async fn all_keys_are_on_one_node_of_a_cluster_and_any_other_is_told_to_be_the_wrong_one() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let Some((one, bus, mut asked)) = node(folders[0].path()).await else {
        return;
    };
    let (other, _, mut other_asked) = node(folders[1].path()).await.unwrap();
    let slots = redis::cmd("CLUSTER")
        .arg("ADDSLOTSRANGE")
        .arg(0)
        .arg(16383)
        .to_owned();
    slots.exec_async(&mut asked).await.unwrap();
    let meet = redis::cmd("CLUSTER")
        .arg("MEET")
        .arg("127.0.0.1")
        .to_owned();
    let meet = meet.clone().arg(one.port()).arg(bus).to_owned();
    meet.exec_async(&mut other_asked).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    for connection in [&mut asked, &mut other_asked] {
        let info = redis::cmd("CLUSTER").arg("INFO").to_owned();
        loop {
            let text: String = info.query_async(connection).await.unwrap();
            if text.contains("cluster_state:ok") && text.contains("cluster_slots_ok:16384") {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "the nodes know each other: {text}"
            );
        }
    }
    let three = "tokens = { most = 100000, per = \"1h\" }\nconcurrent = 100";
    let at_the_node = fleet(one, three).await;
    assert_eq!(at_the_node.let_in(60).await, 20);
    is_away(&fleet(other, three).await, "moved", "MOVED").await;
}
