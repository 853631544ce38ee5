//! What becomes of kept connections when a name leads elsewhere.

use std::{
    cell::{Cell, RefCell},
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use herald::upstream::{
    UpstreamError,
    connector::names::NameSource,
    error::ConnectError,
    http_client::{ClientParts, HttpClient, Transport},
};
use tokio::net::{TcpListener, UdpSocket};

use crate::peer::{Peer, parts, read, request};

/// What the name server says.
#[derive(Clone, Copy)]
enum Says {
    Address(Ipv4Addr, u32),
    NoSuchName,
    Nothing,
}

/// A name server that knows one name, whatever it is asked for.
struct NameServer {
    says: Rc<Cell<Says>>,
    asked: Rc<Cell<usize>>,
    address: SocketAddr,
}

impl NameServer {
    async fn start(says: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            says: Rc::new(Cell::new(says)),
            asked: Rc::default(),
            address: socket.local_addr().unwrap(),
        };
        let (says, asked) = (Rc::clone(&server.says), Rc::clone(&server.asked));
        actix_web::rt::spawn(async move {
            let mut query = [0; 512];
            loop {
                let (length, peer) = socket.recv_from(&mut query).await.unwrap();
                asked.set(asked.get() + 1);
                if let Some(answer) = answer(&query[..length], says.get()) {
                    socket.send_to(&answer, peer).await.unwrap();
                }
            }
        });
        server
    }

    fn client(&self, port: u16) -> HttpClient {
        let host = "provider.test".into();
        HttpClient::new(&ClientParts {
            names: NameSource::Server(self.address),
            ..parts(Transport::Http { host, port })
        })
    }
}

/// An answer to a query (RFC 1035 section 4.1): its id and question, and a record for A.
fn answer(query: &[u8], says: Says) -> Option<Vec<u8>> {
    // Behind the head of 12 bytes the name ends with an empty label; type and class follow.
    let question = 12 + query[12..].iter().position(|byte| *byte == 0)? + 5;
    let asks_for_a = query[question - 4..question - 2] == [0, 1];
    let (code, records) = match says {
        Says::Address(..) => (0, u8::from(asks_for_a)),
        Says::NoSuchName => (3, 0),
        Says::Nothing => return None,
    };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, records, 0, 0, 0, 0]);
    answer.extend(&query[12..question]);
    if let (Says::Address(address, ttl), 1) = (says, records) {
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

/// A provider that says which it is, on connection after connection.
async fn provider(address: SocketAddr, name: &'static str) -> (u16, Rc<Cell<usize>>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Rc::new(Cell::new(0));
    let accepted = Rc::clone(&connections);
    actix_web::rt::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            accepted.set(accepted.get() + 1);
            actix_web::rt::spawn(async move {
                let mut peer = Peer::new(tcp);
                while peer.try_request().await.is_some() {
                    let length = name.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{name}");
                    peer.say(answer.as_bytes()).await;
                }
            });
        }
    });
    (port, connections)
}

const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

async fn ask(client: &HttpClient) -> Result<String, UpstreamError> {
    read(client.send(request("ask")).await)
        .await
        .map(|(_, text)| text)
}

/// Asks again and again until the answer is one, and gives those before.
async fn ask_until(
    client: &HttpClient,
    is_it: impl Fn(&Result<String, UpstreamError>) -> bool,
) -> Vec<Result<String, UpstreamError>> {
    let before = RefCell::new(Vec::new());
    let asking = async {
        loop {
            let answer = ask(client).await;
            if is_it(&answer) {
                break;
            }
            before.borrow_mut().push(answer);
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), asking).await;
    in_time.unwrap_or_else(|_| panic!("not so within ten seconds: {:?}", before.borrow().last()));
    before.into_inner()
}

#[actix_web::test]
async fn a_changed_address_is_taken_up_when_its_ttl_is_over_and_not_before() {
    let names = NameServer::start(Says::Address(FIRST, 2)).await;
    let (port, firsts) = provider((FIRST, 0).into(), "first").await;
    let (_, seconds) = provider((SECOND, port).into(), "second").await;
    let client = names.client(port);
    let begun = tokio::time::Instant::now();
    assert_eq!(ask(&client).await.unwrap(), "first");
    names.says.set(Says::Address(SECOND, 60));
    let before = ask_until(&client, |answer| *answer == Ok("second".to_owned())).await;
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert!(!before.is_empty());
    assert!(
        before
            .iter()
            .all(|answer| *answer == Ok("first".to_owned()))
    );
    // One connection to each, kept as long as its address held; two families asked for each time.
    assert_eq!((firsts.get(), seconds.get()), (1, 1));
    assert_eq!(names.asked.get(), 4);
}

#[actix_web::test]
async fn an_address_that_is_told_again_keeps_its_connection_however_short_its_ttl() {
    let names = NameServer::start(Says::Address(FIRST, 0)).await;
    let (port, connections) = provider((FIRST, 0).into(), "first").await;
    let client = names.client(port);
    let asked = Rc::clone(&names.asked);
    let before = ask_until(&client, |_| asked.get() >= 6).await;
    assert!(before.iter().all(Result::is_ok));
    assert_eq!(connections.get(), 1);
    // A TTL of nothing counts as a second.
    assert!(before.len() > 6, "{}", before.len());
}

#[actix_web::test]
async fn a_name_server_that_falls_silent_takes_no_provider_along() {
    let names = NameServer::start(Says::Address(FIRST, 1)).await;
    let (port, connections) = provider((FIRST, 0).into(), "first").await;
    let client = names.client(port);
    ask(&client).await.unwrap();
    names.says.set(Says::Nothing);
    let asked = Rc::clone(&names.asked);
    let before = ask_until(&client, |_| asked.get() >= 6).await;
    assert!(before.iter().all(Result::is_ok));
    assert_eq!(connections.get(), 1);
}

#[actix_web::test]
async fn a_name_that_is_gone_is_a_dns_failure_though_a_connection_is_kept() {
    let names = NameServer::start(Says::Address(FIRST, 1)).await;
    let (port, _) = provider((FIRST, 0).into(), "first").await;
    let client = names.client(port);
    ask(&client).await.unwrap();
    names.says.set(Says::NoSuchName);
    let gone: UpstreamError = ConnectError::Dns.into();
    ask_until(&client, |answer| *answer == Err(gone.clone())).await;
}
