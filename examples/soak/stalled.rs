//! Readers that take nothing, of a provider that writes without pause.

use std::{io, net::SocketAddr, path::Path, process::Command, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};

use crate::{
    client,
    herald::{Herald, PATIENCE},
    provider::{FLOOD, Provider},
    table::Table,
};

/// Setting `clocks.client_write` of the run: long enough to start all readers and to measure.
const CLIENT_WRITE: Duration = Duration::from_secs(60);

/// Bounds for each reader, as docs/reliability.md adds them up from the defaults, in KiB.
const MEMORY_KIB: u64 = 1024 + 512;
const TO_CLIENT_KIB: u64 = 2 * 256 + 64;

/// Opens the readers, measures what they hold, and waits until all of it is given back.
pub(crate) async fn run(binary: &Path, readers: u64, table: &mut Table) -> io::Result<()> {
    let provider = Provider::start(0).await?;
    let settings = format!(
        "server.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\nlog.format = \"json\"\n\
         clocks.client_write = \"{}s\"\nupstream.proxy = \"none\"\n\
         [[providers]]\nid = \"soak\"\nkind = \"openai\"\nbase_url = \"http://{}/v1\"\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"soak\", model = \"m\" }}]\n",
        CLIENT_WRITE.as_secs(),
        provider.address()
    );
    let herald = Herald::start(binary, &settings)?;
    let before = herald.holds_at_start().await?;
    let mut open = Vec::new();
    for _ in 0..readers {
        open.push(connect(herald.address).await?);
    }
    until_blocked(&provider).await?;

    let blocked = herald.holds()?;
    let memory = blocked.memory_kib.saturating_sub(before.memory_kib) / readers;
    let to_clients = kernel_kib(&format!("sport = :{}", herald.address.port()))? / readers;
    let from_provider = kernel_kib(&format!("dport = :{}", provider.address().port()))? / readers;
    let written = provider.written() / readers / 1024;
    table.tell("readers", readers);
    table.tell(
        "the provider could write, for each",
        format!("{written} KiB"),
    );
    table.hold(
        &format!("resident memory for each, at most {MEMORY_KIB} KiB"),
        format!("{memory} KiB"),
        memory <= MEMORY_KIB,
    );
    table.hold(
        &format!("kernel's buffers towards each client, at most {TO_CLIENT_KIB} KiB"),
        format!("{to_clients} KiB"),
        to_clients <= TO_CLIENT_KIB,
    );
    table.tell(
        "kernel's buffers from each provider",
        format!("{from_provider} KiB"),
    );

    let requests = "herald_requests_total";
    herald.metric_is(requests, "", readers).await?;
    let stalled = herald.metric(requests, "outcome=\"stalled\"").await?;
    let left = herald.metric(requests, "outcome=\"cancelled\"").await?;
    // Where queues fill slowly the kernel is the first to give a reader up, and it has left then.
    let found = format!("{stalled} and {left}");
    table.hold(
        "ended as `stalled` and `cancelled`",
        found,
        stalled + left == readers,
    );
    let files = herald.files_down_to(before.files).await?;
    let found = format!("{files}, at the start {}", before.files);
    table.hold(
        "open descriptors, back to the start",
        found,
        files <= before.files,
    );
    table.tell(
        "resident memory then",
        format!(
            "{} KiB, at the start {}",
            herald.holds()?.memory_kib,
            before.memory_kib
        ),
    );
    drop(open);
    let (_, log) = herald.stop().await?;
    table.hold("panics", log.panics.len(), log.panics.is_empty());
    Ok(())
}

/// A reader with a small buffer of its own, which has asked and reads nothing.
async fn connect(gateway: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(16 << 10)?;
    let mut socket = socket.connect(gateway).await?;
    socket.write_all(client::request(FLOOD).as_bytes()).await?;
    Ok(socket)
}

/// Waits until the provider has written nothing for three seconds.
async fn until_blocked(provider: &Provider) -> io::Result<()> {
    let blocked = async {
        let (mut written, mut since) = (0, Instant::now());
        while written == 0 || since.elapsed() < Duration::from_secs(3) {
            sleep(Duration::from_millis(100)).await;
            if provider.written() != written {
                (written, since) = (provider.written(), Instant::now());
            }
        }
    };
    Ok(timeout(PATIENCE, blocked).await?)
}

/// What the kernel holds for connections, received and still to be sent, as `ss` of iproute2 tells.
fn kernel_kib(which: &str) -> io::Result<u64> {
    let found = Command::new("ss")
        .args(["-tmnH", "state", "connected", which])
        .output()?;
    let text = String::from_utf8_lossy(&found.stdout);
    let memory = text.split("skmem:(").skip(1);
    // For example `r0,rb131072,t0,tb524288,f2048,w0,o0,bl0,d0)`: r is received, w is to be sent.
    let bytes = memory.flat_map(|memory| {
        let fields = memory.split([',', ')']);
        let held = fields.filter_map(|field| field.strip_prefix(['r', 'w'])?.parse::<u64>().ok());
        held.collect::<Vec<_>>()
    });
    Ok(bytes.sum::<u64>() / 1024)
}
