//! Addresses at which nobody answers. No packet to them leaves loopback.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;

/// The broadcast address of loopback. To connect there the kernel refuses as it does where a host has no
/// route (`ENETUNREACH`), whatever routes the machine has.
const WITHOUT_ROUTE: &str = "127.255.255.255:443";

/// Ports of loopback that cannot be connected to, as long as this lives.
#[derive(Debug)]
pub(crate) struct Nowhere {
    /// It is taken, so that no other program gets it, and does not listen.
    refusing: Socket,
    /// It listens, and its queue is full.
    silent: Socket,
    /// The connection that fills the queue.
    _waiting: TcpStream,
}

impl Nowhere {
    pub(crate) async fn find() -> Self {
        let (refusing, silent) = (bound(), bound());
        // Of a backlog of none the kernel holds one connection, which nobody accepts. It drops the SYNs of
        // all others without a word: so a host is met that is down, or behind a firewall that is silent.
        silent.listen(0).unwrap();
        let waiting = TcpStream::connect(address(&silent)).await.unwrap();
        Self {
            refusing,
            silent,
            _waiting: waiting,
        }
    }

    /// Refuses each connection.
    pub(crate) fn refusing(&self) -> String {
        format!("http://{}/v1", address(&self.refusing))
    }

    /// Answers nothing at all.
    pub(crate) fn silent(&self) -> String {
        format!("http://{}/v1", address(&self.silent))
    }

    /// Has no route.
    pub(crate) fn without_route(&self) -> String {
        format!("http://{WITHOUT_ROUTE}/v1")
    }

    /// Has no address: `.invalid` never has one (RFC 6761 section 6.4).
    pub(crate) fn without_address(&self) -> String {
        "http://herald-test.invalid/v1".to_owned()
    }
}

fn bound() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    socket
}

fn address(socket: &Socket) -> SocketAddr {
    socket.local_addr().unwrap().as_socket().unwrap()
}
