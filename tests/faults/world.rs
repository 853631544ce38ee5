//! The gateway and the providers of one fault, and one request to them.

use futures_util::future::join_all;
use herald::testkit::{Happened, ReceivedRequest, ScriptedProvider, TestGateway};

use crate::{
    client::Client,
    dialects::Dialect,
    faults::{Fault, Reach},
    log_lines::LogLines,
    nowhere::Nowhere,
    rules::Seen,
    wires::{OF_A, OF_B, Way, Wire},
};

/// What holds for every fault, unless it says otherwise: the head of a stream waits for its first content,
/// however slow this machine is.
const SETTINGS: &str = "[clocks]\nhold = \"60s\"\n";

/// Who asks, for what, and whether there is another target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) dialect: Dialect,
    pub(crate) way: Way,
    pub(crate) has_fallback: bool,
}

/// Every way in which a fault can be met.
pub(crate) fn cells() -> impl Iterator<Item = Cell> {
    let ways = Way::ALL
        .into_iter()
        .flat_map(|way| [false, true].map(|has_fallback| (way, has_fallback)));
    ways.flat_map(|(way, has_fallback)| {
        Dialect::ALL.map(|dialect| Cell {
            dialect,
            way,
            has_fallback,
        })
    })
}

impl Cell {
    /// The model that it asks for, and that the providers are asked for. What is known of a target, its
    /// failures among it, belongs to this cell alone.
    pub(crate) fn model(self, fault: &Fault) -> String {
        let Self { dialect, way, .. } = self;
        let alone = if self.has_fallback { "with b" } else { "alone" };
        format!(
            "{}; {}, {}, {alone}",
            fault.name,
            dialect.name(),
            way.name()
        )
    }

    /// The provider that fails.
    pub(crate) fn a(self) -> String {
        id("a", self.dialect.wire(), self.way)
    }

    /// The provider that is asked in its place.
    pub(crate) fn b(self) -> String {
        id("b", self.dialect.wire(), self.way)
    }
}

fn id(letter: &str, wire: Wire, way: Way) -> String {
    format!("{letter}-{}-{}", wire.name(), way.name().to_lowercase())
}

fn routes() -> impl Iterator<Item = (Wire, Way)> {
    let ways = |wire| Way::ALL.map(|way| (wire, way));
    Wire::ALL.into_iter().flat_map(ways)
}

/// Good providers, in the order of `routes`.
pub(crate) struct Backups(Vec<ScriptedProvider>);

impl Backups {
    pub(crate) async fn start() -> Self {
        let start = |(wire, way): (Wire, Way)| {
            let answer = wire.answer(way, OF_B).header("x-request-id", OF_B);
            ScriptedProvider::start([answer.repeat()])
        };
        Self(join_all(routes().map(start)).await)
    }

    /// Waits until nobody is connected to them.
    pub(crate) async fn end(&self) {
        for provider in &self.0 {
            all_closed(provider).await;
        }
    }
}

/// A gateway all of whose first targets have one fault.
pub(crate) struct World<'a> {
    fault: &'a Fault,
    backups: &'a Backups,
    gateway: TestGateway,
    /// Those that fail, in the order of `routes`, where there is somebody at all.
    failing: Vec<ScriptedProvider>,
}

impl<'a> World<'a> {
    pub(crate) async fn start(fault: &'a Fault, nowhere: &Nowhere, backups: &'a Backups) -> Self {
        let mut settings = format!("{SETTINGS}{}\n", fault.settings);
        let mut failing = Vec::new();
        for ((wire, way), backup) in routes().zip(&backups.0) {
            let (at, provider) = reach(fault, (wire, way), nowhere).await;
            failing.extend(provider);
            for (letter, base_url) in [("a", at), ("b", backup.base_url())] {
                settings.push_str(&format!(
                    "[[providers]]\nid = \"{}\"\nbase_url = \"{base_url}\"\n{}\n",
                    id(letter, wire, way),
                    wire.settings(),
                ));
            }
        }
        for cell in cells() {
            let (model, a, b) = (cell.model(fault), cell.a(), cell.b());
            let b = format!(", {{ provider = \"{b}\", model = \"{model}\", group = 1 }}");
            let b = if cell.has_fallback { &b } else { "" };
            settings.push_str(&format!(
                "[[models]]\nid = \"{model}\"\n\
                 targets = [{{ provider = \"{a}\", model = \"{model}\" }}{b}]\n"
            ));
        }
        Self {
            fault,
            backups,
            gateway: TestGateway::with_settings(&settings).await,
            failing,
        }
    }

    /// Asks, reads the answer to its end, and collects what everybody knows of it.
    pub(crate) async fn ask(&self, cell: Cell, lines: &LogLines) -> Seen {
        let Cell { dialect, way, .. } = cell;
        let model = cell.model(self.fault);
        let mut client = Client::connect(self.gateway.address()).await;
        let request = dialect.request(&model, way);
        client.post_to(&dialect.path(), &request, &[]).await;
        let mut reply = client.reply().await;
        let body = dialect.read(&mut reply, way).await;
        let line = lines.of(reply.header("x-herald-request-id").unwrap()).await;
        let route = routes().position(|route| route == (dialect.wire(), way));
        let backup = &self.backups.0[route.unwrap()];
        let asks_for_it = |request: &ReceivedRequest| request.json()["model"] == *model;
        let asked_b = backup
            .requests()
            .iter()
            .filter(|it| asks_for_it(it))
            .count();
        Seen::new(&reply, body, &line, asked_b)
    }

    /// Drops the gateway, which fails if any request has left something in it, and waits until nobody is
    /// connected to those that fail.
    pub(crate) async fn end(self) {
        drop(self.gateway);
        for provider in &self.failing {
            all_closed(provider).await;
        }
    }
}

/// Where those go who ask for this fault, and who is met there.
async fn reach(
    fault: &Fault,
    (wire, way): (Wire, Way),
    nowhere: &Nowhere,
) -> (String, Option<ScriptedProvider>) {
    let good = || [wire.answer(way, OF_A).repeat()];
    let provider = match &fault.reach {
        Reach::At(place) => return (place(nowhere), None),
        Reach::Answers(script) => ScriptedProvider::start([script(wire, way).repeat()]).await,
        // Its root is told to nobody.
        Reach::Untrusted => ScriptedProvider::start_tls(good()).await,
        Reach::WithoutTls => ScriptedProvider::start(good()).await,
    };
    let base_url = match &fault.reach {
        Reach::WithoutTls => provider.base_url().replacen("http:", "https:", 1),
        _ => provider.base_url(),
    };
    (base_url, Some(provider))
}

/// Waits until each connection that a provider ever had is closed; there must come no more.
async fn all_closed(provider: &ScriptedProvider) {
    let is_new = |what: &Happened| *what == Happened::Connected;
    let events = provider.events();
    let mut open = events.iter().filter(|event| is_new(&event.what)).count();
    while open > 0 {
        if provider.next_event().await.what == Happened::ConnectionClosed {
            open -= 1;
        }
    }
}
