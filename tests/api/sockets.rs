//! What the kernel is told of each connection that Herald accepts, without TLS and with it.
//!
//! Looked at on the server's end itself: the test's process is the server's too.

#![cfg(target_os = "linux")]

use std::{fs, net::SocketAddr, time::Duration};

use herald::testkit::{ScriptedProvider, TestGateway};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use socket2::Socket;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::tls::{Folder, certificate, connect};

const SETTINGS: &str = "[clocks]\nclient_write = \"8s\"\n[server]\nsend_buffer = \"64KiB\"\n";

/// The server's end of the connection from this address; `None` where the system lets nobody look,
/// as container engines do.
fn accepted_from(client: SocketAddr) -> Option<Socket> {
    let this_process = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    if let Err(refused) = pidfd_getfd(&this_process, 0, PidfdGetfdFlags::empty()) {
        eprintln!("passed over, pidfd_getfd: {refused}");
        return None;
    }
    let files = fs::read_dir("/proc/self/fd").unwrap();
    let numbers = files.map(|file| file.unwrap().file_name());
    let mut sockets = numbers.filter_map(|number| {
        let number = number.to_str().unwrap().parse().unwrap();
        // What was open when the folder was read may be closed by now.
        let copy = pidfd_getfd(&this_process, number, PidfdGetfdFlags::empty()).ok()?;
        Some(Socket::from(copy))
    });
    let is_it = |socket: &Socket| {
        let peer = socket.peer_addr().ok();
        peer.and_then(|peer| peer.as_socket()) == Some(client)
    };
    Some(sockets.find(is_it).unwrap())
}

/// Asks something, so that the connection is accepted and served, and looks at the server's end.
async fn is_bounded(mut connection: impl AsyncReadExt + AsyncWriteExt + Unpin, client: SocketAddr) {
    let ask = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    connection.write_all(ask).await.unwrap();
    connection.flush().await.unwrap();
    assert_ne!(connection.read(&mut [0; 512]).await.unwrap(), 0);

    let Some(accepted) = accepted_from(client) else {
        return;
    };
    assert!(accepted.tcp_nodelay().unwrap(), "events would be held back");
    // A quarter more than the pump's own clock.
    let timeout = accepted.tcp_user_timeout().unwrap();
    assert_eq!(timeout, Some(Duration::from_secs(10)));
    // The kernel doubles what was asked for (socket(7)).
    assert_eq!(accepted.send_buffer_size().unwrap(), 2 * 64 * 1024);
}

#[actix_web::test]
async fn an_accepted_connection_has_its_bounds_and_holds_no_event_back() {
    let provider = ScriptedProvider::start([]).await;
    let gateway = TestGateway::tuned(&provider, SETTINGS).await;
    let connection = TcpStream::connect(gateway.address()).await.unwrap();
    let client = connection.local_addr().unwrap();
    is_bounded(connection, client).await;
}

#[actix_web::test]
async fn an_accepted_connection_under_tls_has_them_too() {
    let provider = ScriptedProvider::start([]).await;
    let (folder, certificate) = (Folder::new(), certificate());
    let settings = format!("{SETTINGS}{}", certificate.install(&folder.0));
    let gateway = TestGateway::tuned(&provider, &settings).await;
    let connection = connect(gateway.address(), &certificate, &["http/1.1"]).await;
    let connection = connection.unwrap();
    let client = connection.get_ref().0.local_addr().unwrap();
    is_bounded(connection, client).await;
}
