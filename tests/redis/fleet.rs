//! Two Heralds that count in one Redis.

use std::time::Duration;

use futures_util::future::join_all;
use herald::{
    limits::counters::Counts,
    testkit::{Script, ScriptedProvider, TestGateway},
};
use tokio::time::Instant;

use crate::{
    client::{Client, Reply, stream_request},
    server::RedisServer,
};

/// A Redis, a provider, and two Heralds between them.
pub(crate) struct Fleet {
    pub(crate) redis: RedisServer,
    pub(crate) provider: ScriptedProvider,
    pub(crate) heralds: [TestGateway; 2],
}

/// An answer at once, whatever is asked.
pub(crate) fn always() -> [Script; 1] {
    [Script::chat(["Hi"]).repeat()]
}

pub(crate) const TWENTY: &str = "requests = { most = 20, per = \"1h\" }";

/// The key that every request shows.
const KEY: &str = "team";

impl Fleet {
    /// `None` where there is no `redis-server`. `limits` stand in `[limits]`.
    pub(crate) async fn start(
        limits: &str,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Option<Self> {
        let redis = RedisServer::start(&[])?;
        Some(Self::around(redis, limits, "", scripts).await)
    }

    /// `limits` stand in `[limits]`, and tables may follow; `model` stands in `[[models]]`.
    pub(crate) async fn around(
        redis: RedisServer,
        limits: &str,
        model: &str,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Self {
        let provider = ScriptedProvider::start(scripts).await;
        let settings = format!(
            "[admin]\nrequests_per_second = 10000\n[limits]\nbackend = \"redis\"\nredis.url = \"{}\"\n{limits}\n\
             [[providers]]\nid = \"scripted\"\nkind = \"openai\"\nbase_url = \"{}\"\n\
             [[models]]\nid = \"scripted-model\"\n{model}\n\
             targets = [{{ provider = \"scripted\", model = \"scripted-model\" }}]\n",
            redis.url(),
            provider.base_url(),
        );
        let heralds = [
            TestGateway::with_settings(&settings).await,
            TestGateway::with_settings(&settings).await,
        ];
        Self {
            redis,
            provider,
            heralds,
        }
    }

    pub(crate) async fn ask(&self, herald: usize) -> Reply {
        let mut client = Client::connect(self.heralds[herald].address()).await;
        let key = [("api-key", KEY)];
        client.post_chat_with(&stream_request(), &key).await;
        client.reply().await
    }

    /// The answers to so many requests at once, to both in turn.
    pub(crate) async fn ask_both(&self, requests: usize) -> Vec<Reply> {
        join_all((0..requests).map(|number| self.ask(number % 2))).await
    }

    /// How many of so many requests at once, to both in turn, are let in.
    pub(crate) async fn let_in(&self, requests: usize) -> usize {
        let replies = self.ask_both(requests).await;
        replies.iter().filter(|reply| reply.status == 200).count()
    }

    pub(crate) fn counts(&self) -> [Counts; 2] {
        let counts = |herald: &TestGateway| herald.gateway().limits().counters().read();
        self.heralds.each_ref().map(counts)
    }

    /// Waits until both have found Redis there, or away.
    pub(crate) async fn until_redis_is(&self, up: bool) {
        let both = || self.counts().iter().all(|it| it.backend_is_up == up);
        until(&format!("both find Redis up: {up}"), both).await;
    }

    /// Waits until every request's end is noted.
    pub(crate) async fn until_closed(&self) {
        let open = |herald: &TestGateway| herald.gateway().limits().level().open;
        let all_closed = || self.heralds.iter().all(|herald| open(herald) == 0);
        until("every request is over", all_closed).await;
    }

    /// What the two tell of their limits on `/metrics`: the sum of the samples that begin so.
    pub(crate) async fn metric(&self, begins: &str) -> [u64; 2] {
        let name = format!("herald_limits_{begins}");
        let told = self.heralds.each_ref().map(|herald| async {
            let mut client = Client::connect(herald.admin_address()).await;
            client
                .send("GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
                .await;
            let mut reply = client.reply().await;
            assert_eq!(reply.status, 200);
            let text = reply.text().await;
            let samples = text.lines().filter(|line| line.starts_with(&name));
            let values = samples.map(|line| line.rsplit_once(' ').unwrap().1);
            values.map(|value| value.parse::<u64>().unwrap()).sum()
        });
        join_all(told).await.try_into().unwrap()
    }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::task::yield_now().await;
    }
}
