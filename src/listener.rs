//! The listening socket, with the bounds that only the kernel can hold.
//!
//! While its write buffer is full, actix does not poll a response's body, so neither an error nor an
//! end is seen and a reader that takes nothing would keep its connection for good. Two options of the
//! listening socket, which every accepted socket inherits, bound that: `TCP_USER_TIMEOUT` closes a
//! connection whose bytes stay unacknowledged, and `SO_SNDBUF` bounds how many there can be.

pub(crate) mod tls;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_http::{
    HttpServiceBuilder, Request, Response,
    body::BoxBody,
    h1::{ExpectHandler, UpgradeHandler},
};
use actix_service::{Service, ServiceFactory};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::settings::ServerSettings;

/// Binds the address of `server.listen`, ready for `HttpServer::listen`.
///
/// `user_timeout` is how long a connection may leave bytes unacknowledged; where the system has no `TCP_USER_TIMEOUT` (it is
/// Linux's, RFC 5482) only the other half of the clock holds.
///
/// # Errors
/// What the system said, with the setting and the address before it.
pub(crate) fn bind(settings: &ServerSettings, user_timeout: Duration) -> io::Result<TcpListener> {
    let ServerSettings {
        listen,
        send_buffer,
        backlog,
        ..
    } = *settings;
    try_bind(listen, send_buffer, backlog, user_timeout)
        .map_err(|error| refused("server.listen", listen, &error, ""))
}

/// Binds the address of `admin.listen` likewise.
///
/// # Errors
/// As [`bind`].
pub(crate) fn bind_admin(
    listen: SocketAddr,
    backlog: u32,
    user_timeout: Duration,
) -> io::Result<TcpListener> {
    try_bind(listen, ADMIN_SEND_BUFFER, backlog, user_timeout).map_err(|error| {
        let hint = "; write another, or \"off\" for no admin listener";
        refused("admin.listen", listen, &error, hint)
    })
}

/// How long actix may go on with a connection that is over: long enough for TLS to say so. For as long
/// it also reads whatever is still sent, of any size; who is given the time to stop sending, and how
/// much is read of it, is [`let_go_of_unread_body`](crate::middleware::let_go_of_unread_body)'s to say.
pub(crate) const CLOSING: Duration = Duration::from_millis(1);

/// HTTP/1.1 over streams that `HttpServer` does not know, with what [`Gateway::run`](crate::Gateway::run)
/// asks of it over those that it knows.
pub(crate) fn http1<T, S>(
    keep_alive: Duration,
    request_head: Duration,
) -> HttpServiceBuilder<T, S, ExpectHandler, UpgradeHandler>
where
    S: ServiceFactory<Request, Config = ()>,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::InitError: std::fmt::Debug,
    <S::Service as Service<Request>>::Future: 'static,
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    HttpServiceBuilder::default()
        .keep_alive(keep_alive)
        .client_request_timeout(request_head)
        .client_disconnect_timeout(CLOSING)
        // With actix's default a client who leaves is not noticed before the next write.
        .h1_allow_half_closed(false)
}

/// Kernel send buffer of a connection to the admin listener, in bytes.
const ADMIN_SEND_BUFFER: usize = 256 << 10;

fn refused(setting: &str, listen: SocketAddr, error: &io::Error, hint: &str) -> io::Error {
    let reason = match error.kind() {
        io::ErrorKind::AddrInUse => "the address is in use by another program".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    };
    let text = format!("{setting} = \"{listen}\": {reason}{hint}");
    io::Error::new(error.kind(), text)
}

fn try_bind(
    listen: SocketAddr,
    send_buffer: usize,
    backlog: u32,
    user_timeout: Duration,
) -> io::Result<TcpListener> {
    let domain = Domain::for_address(listen);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // On Windows the option means something else: two programs on one address.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_send_buffer_size(send_buffer)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(user_timeout))?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = user_timeout;
    socket.bind(&listen.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::TcpStream};

    use socket2::SockRef;

    use super::*;
    use crate::settings::Settings;

    fn settings(listen: &str) -> ServerSettings {
        let text = format!("[server]\nlisten = \"{listen}\"\nsend_buffer = \"64KiB\"");
        let settings = Settings::from_toml(&text).unwrap();
        settings.verify(&HashMap::new()).unwrap().server
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_accepted_socket_inherits_the_user_timeout_and_the_send_buffer() {
        let listener = bind(&settings("127.0.0.1:0"), Duration::from_millis(1500)).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        // The client's connect has returned, so the connection waits to be accepted.
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        let timeout = accepted.tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(Duration::from_millis(1500)));
        // The kernel doubles what was asked for, to have room for its own bookkeeping (socket(7)).
        assert_eq!(accepted.send_buffer_size().unwrap(), 2 * 64 * 1024);
    }

    #[test]
    #[cfg(unix)]
    fn the_listener_does_not_block() {
        let listener = bind(&settings("127.0.0.1:0"), Duration::from_secs(30)).unwrap();
        assert!(SockRef::from(&listener).nonblocking().unwrap());
    }

    #[test]
    fn an_address_in_use_is_named_with_its_setting() {
        let first = bind(&settings("127.0.0.1:0"), Duration::from_secs(30)).unwrap();
        let taken = first.local_addr().unwrap();
        let second = bind(&settings(&taken.to_string()), Duration::from_secs(30)).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(
            second.to_string(),
            format!("server.listen = \"{taken}\": the address is in use by another program")
        );
        let admin = bind_admin(taken, 1, Duration::from_secs(30)).unwrap_err();
        assert_eq!(
            admin.to_string(),
            format!(
                "admin.listen = \"{taken}\": the address is in use by another program; write \
                 another, or \"off\" for no admin listener"
            )
        );
    }
}
