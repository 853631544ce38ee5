//! Where host names lead, for as long as DNS says so.
//!
//! `getaddrinfo` tells no TTL. So names are looked up by a resolver of our own, set up as the system's:
//! with its name servers, its search domains and its hosts file. What it does not find the system is
//! asked for, which may know names from elsewhere (mDNS, LDAP, a container engine).
//!
//! One for each client, so for each worker: what a lookup starts runs on the worker's own runtime.

mod resolver;

use std::{
    cell::RefCell, collections::HashMap, net::IpAddr, net::SocketAddr, rc::Rc, time::Duration,
};

use tokio::time::{Instant, timeout};

use self::resolver::{Found, NotFound, Resolver};
use crate::upstream::error::ConnectError;

/// Bounds of how long a lookup holds, whatever its TTL. The shorter one keeps a TTL of 0 from costing a
/// lookup for each request; the longer one lets a changed hosts file or `resolv.conf` be noticed.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How long a lookup that renews another is waited for. Until then, and where none comes, what was known
/// goes on to hold: a name server that is out of reach must not take the providers along.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is asked for the addresses of host names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameSource {
    /// Whom the system would ask.
    #[default]
    System,
    /// This name server alone; no hosts file, and no search domains.
    Server(SocketAddr),
}

/// The names that a client has asked for.
#[derive(Debug)]
pub(super) struct Names {
    resolver: Resolver,
    /// Only hosts of the settings, and as long as the client.
    known: RefCell<HashMap<String, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Rc<[IpAddr]>,
    until: Instant,
}

impl Names {
    pub(super) fn new(source: NameSource) -> Rc<Self> {
        Rc::new(Self {
            resolver: Resolver::new(source),
            known: RefCell::default(),
        })
    }

    /// The addresses of a host name, or the address that it is.
    pub(super) async fn addresses(&self, host: &str) -> Result<Rc<[IpAddr]>, ConnectError> {
        if let Ok(address) = host.parse() {
            return Ok([address].into());
        }
        let known = self.known.borrow().get(host).cloned();
        match known {
            Some(known) if Instant::now() < known.until => Ok(known.addresses),
            Some(known) => self.renew(host, known).await,
            None => match self.resolver.look_up(host).await {
                Ok(found) => Ok(self.learn(host, found)),
                Err(_) => Err(ConnectError::Dns),
            },
        }
    }

    /// Looks a name up again that is known already and may have changed; one that is not is left for
    /// whoever connects.
    pub(super) async fn refresh(&self, host: &str) {
        let is_known = self.known.borrow().contains_key(host);
        if is_known {
            // If the name is gone now, connecting finds that out too, and says so.
            let _ = self.addresses(host).await;
        }
    }

    /// Whether a name leads to this address, as far as is known.
    fn leads_to(&self, host: &str, address: IpAddr) -> bool {
        let known = self.known.borrow();
        known
            .get(host)
            .is_some_and(|known| known.addresses.contains(&address))
    }

    async fn renew(&self, host: &str, old: Known) -> Result<Rc<[IpAddr]>, ConnectError> {
        // Whoever asks meanwhile need not wait, nor ask again.
        let until = Instant::now() + PATIENCE;
        self.remember(
            host,
            Known {
                until,
                ..old.clone()
            },
        );
        match timeout(PATIENCE, self.resolver.look_up(host)).await {
            Ok(Ok(found)) => Ok(self.learn(host, found)),
            Ok(Err(NotFound::NoSuchName)) => {
                self.known.borrow_mut().remove(host);
                Err(ConnectError::Dns)
            }
            Ok(Err(NotFound::NoAnswer)) | Err(_) => {
                tracing::warn!(host, "no answer from DNS; its last addresses are used");
                Ok(old.addresses)
            }
        }
    }

    fn learn(&self, host: &str, found: Found) -> Rc<[IpAddr]> {
        let addresses: Rc<[IpAddr]> = found.addresses.into();
        let until = Instant::now() + found.ttl.clamp(SHORTEST, LONGEST);
        let known = Known {
            addresses: Rc::clone(&addresses),
            until,
        };
        self.remember(host, known);
        addresses
    }

    fn remember(&self, host: &str, known: Known) {
        self.known.borrow_mut().insert(host.to_owned(), known);
    }
}

/// The address to which a connection goes because a name led there.
#[derive(Debug)]
pub(super) struct NamedAddress {
    names: Rc<Names>,
    host: String,
    address: IpAddr,
}

impl NamedAddress {
    /// `None` where the host is an address itself.
    pub(super) fn new(names: &Rc<Names>, host: &str, address: IpAddr) -> Option<Self> {
        host.parse::<IpAddr>().is_err().then(|| Self {
            names: Rc::clone(names),
            host: host.to_owned(),
            address,
        })
    }

    /// Whether the name still leads there.
    pub(super) fn is_current(&self) -> bool {
        self.names.leads_to(&self.host, self.address)
    }
}
