//! One lookup: by DNS with its TTL, else by the system without one.

use std::{cell::RefCell, fmt, fs, net::IpAddr, time::Duration, time::SystemTime};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
};

use super::NameSource;

/// How long holds what the system says: it tells no TTL, so it is asked often.
const SYSTEM_TTL: Duration = Duration::from_secs(5);

/// The files that say how names are looked up.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Addresses, at least one, and how long they hold.
pub(super) struct Found {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ttl: Duration,
}

/// Why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotFound {
    /// DNS says that there is no such name, or that it has no address.
    NoSuchName,
    /// Nobody could say.
    NoAnswer,
}

/// Looks names up; it remembers none.
pub(super) struct Resolver {
    source: NameSource,
    dns: RefCell<Option<(Stamps, TokioResolver)>>,
}

/// When the files were last changed.
type Stamps = [Option<SystemTime>; 2];

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(&self.source).finish()
    }
}

impl Resolver {
    pub(super) fn new(source: NameSource) -> Self {
        Self {
            source,
            dns: RefCell::default(),
        }
    }

    pub(super) async fn look_up(&self, host: &str) -> Result<Found, NotFound> {
        let not_found = match self.dns() {
            Ok(dns) => match dns.lookup_ip(host).await {
                Ok(lookup) => {
                    // With the aliases on the way, of which each has a TTL of its own.
                    let records = lookup.as_lookup().answers().iter();
                    let ttl = records.map(|record| record.ttl).min().unwrap_or_default();
                    let addresses: Vec<_> = lookup.iter().collect();
                    if !addresses.is_empty() {
                        let ttl = Duration::from_secs(ttl.into());
                        return Ok(Found { addresses, ttl });
                    }
                    NotFound::NoSuchName
                }
                Err(error) => {
                    tracing::debug!(host, %error, "no address from DNS");
                    match error.is_no_records_found() {
                        true => NotFound::NoSuchName,
                        false => NotFound::NoAnswer,
                    }
                }
            },
            Err(error) => {
                tracing::debug!(host, %error, "no name server to ask");
                NotFound::NoAnswer
            }
        };
        if self.source != NameSource::System {
            return Err(not_found);
        }
        match tokio::net::lookup_host((host, 0)).await {
            Ok(found) => {
                let addresses: Vec<_> = found.map(|address| address.ip()).collect();
                let ttl = SYSTEM_TTL;
                match addresses.is_empty() {
                    true => Err(not_found),
                    false => Ok(Found { addresses, ttl }),
                }
            }
            Err(error) => {
                tracing::debug!(host, %error, "no address from the system");
                Err(not_found)
            }
        }
    }

    /// The resolver; made anew when one of its files has changed.
    fn dns(&self) -> Result<TokioResolver, NetError> {
        let stamps = FILES.map(|file| fs::metadata(file).and_then(|file| file.modified()).ok());
        let mut dns = self.dns.borrow_mut();
        if let Some((made_from, dns)) = &*dns
            && *made_from == stamps
        {
            return Ok(dns.clone());
        }
        let mut builder = match self.source {
            NameSource::System => TokioResolver::builder_tokio()?,
            NameSource::Server(address) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                let connections = connections.map(|mut connection| {
                    connection.port = address.port();
                    connection
                });
                let server = NameServerConfig::new(address.ip(), true, connections.into());
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                let runtime = TokioRuntimeProvider::default();
                let mut builder = TokioResolver::builder_with_config(config, runtime);
                builder.options_mut().use_hosts_file = ResolveHosts::Never;
                builder
            }
        };
        let options = builder.options_mut();
        // Both families, as the dialler tries both; IPv4 first, as whoever lacks one lacks IPv6.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        // `Names` remembers, on tokio's clock.
        options.cache_size = 0;
        options.preserve_intermediates = true;
        let made = builder.build()?;
        *dns = Some((stamps, made.clone()));
        Ok(made)
    }
}
