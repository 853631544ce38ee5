use std::collections::VecDeque;

use fastrand::Rng;
use proptest::prelude::*;

use super::*;

const TOLERATED: Duration = Duration::from_millis(100);
const CALM: Duration = Duration::from_millis(2);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// How it stands after measurements, each so many milliseconds late and as long after the one before.
fn after(mut now: Instant, shedding: Shedding, lags: &[u64]) -> (Instant, Shedding) {
    let measure = |shedding: Shedding, lag: &u64| {
        now += millis(25 + lag);
        shedding.after(now, millis(*lag), TOLERATED)
    };
    let shedding = lags.iter().fold(shedding, measure);
    (now, shedding)
}

#[test]
fn one_hiccup_refuses_nobody_however_long_it_is() {
    let (now, late) = after(Instant::now(), Shedding::Calm, &[60_000]);
    assert!(!late.is_calm() && !late.is_refusing());
    let (_, calm) = after(now, late, &[3]);
    assert!(calm.is_calm());
}

#[test]
fn a_queue_that_stands_for_half_a_second_is_refused_a_share_and_a_longer_one_a_larger() {
    let (now, late) = after(Instant::now(), Shedding::Calm, &[150, 150, 150]);
    assert_eq!(late.share(), 0.0);
    let (_, late) = after(now, late, &[150, 150]);
    let (_, later) = after(now, late, &[300]);
    assert!(0.0 < late.share() && late.share() < later.share());
}

#[test]
fn a_queue_that_is_gone_refuses_nobody_at_once_and_is_forgotten_within_a_second() {
    let (now, late) = after(Instant::now(), Shedding::Calm, &[500; 20]);
    assert_eq!(late.share(), 1.0);
    let (now, gone) = after(now, late, &[10]);
    assert_eq!((gone.share(), gone.is_calm()), (0.0, false));
    // It may come again: then what was held is there still.
    let (_, again) = after(now, gone, &[100]);
    assert!(again.share() > 0.1, "{again:?}");
    let (_, calm) = after(now, gone, &[10; 10]);
    assert!(calm.is_calm());
}

#[test]
fn no_lag_is_late_where_the_setting_is_zero_and_turning_it_off_ends_the_refusing() {
    let (now, late) = after(Instant::now(), Shedding::Calm, &[500; 20]);
    assert!(late.is_refusing());
    assert!(late.after(now, millis(500), Duration::ZERO).is_calm());
}

proptest! {
    #[test]
    fn nobody_is_refused_while_one_measurement_of_each_half_second_is_in_time(
        lags in prop::collection::vec(0..400_u64, 1..60),
    ) {
        // From the first of two late ones to the second it is less than the window.
        let mut lags = lags;
        for chunk in lags.chunks_mut(3) {
            chunk[0] = chunk[0].min(99);
        }
        let mut standing = (Instant::now(), Shedding::Calm);
        for lag in lags {
            standing = after(standing.0, standing.1, &[lag]);
            prop_assert_eq!(standing.1.share(), 0.0);
        }
    }

    #[test]
    fn the_share_is_a_share_whatever_is_measured_and_quiet_always_ends_it(
        measured in prop::collection::vec((0..10_000_000_u64, 0..10_000_u64), 0..80),
        tolerated in 1..60_000_u64,
    ) {
        let mut now = Instant::now();
        let mut shedding = Shedding::Calm;
        for (pause, lag) in measured {
            now += Duration::from_micros(pause);
            shedding = shedding.after(now, millis(lag), millis(tolerated));
            prop_assert!((0.0..=1.0).contains(&shedding.share()), "{:?}", shedding);
        }
        for _ in 0..8 {
            now += millis(25);
            shedding = shedding.after(now, Duration::ZERO, millis(tolerated));
            prop_assert_eq!(shedding.share(), 0.0);
        }
        prop_assert!(shedding.is_calm());
    }
}

/// A worker that does what is in its queue in turn, and what came of it.
struct Model {
    /// Steps of each completion; it waits in the queue for each of them.
    steps: u32,
    now: Duration,
    shedding: Shedding,
    random: Rng,
    served: u32,
    refused: u32,
    /// From the arrivals to the ends of those that were served, by when they ended.
    latencies: Vec<(Duration, Duration)>,
}

/// What takes a turn in its queue.
enum Turn {
    Arrival(Duration),
    Step(Duration, u32),
    Probe(Duration),
}

impl Model {
    /// What all of a completion takes, as a stream of 200 events does.
    const SERVING: Duration = Duration::from_micros(900);
    /// What it takes to refuse one.
    const REFUSING: Duration = Duration::from_micros(50);

    fn new(steps: u32) -> Self {
        Self {
            steps,
            now: Duration::ZERO,
            shedding: Shedding::Calm,
            random: Rng::with_seed(7),
            served: 0,
            refused: 0,
            latencies: Vec::new(),
        }
    }

    /// Runs for so many seconds with so many times the completions that it can do.
    fn run(&mut self, seconds: u64, load: f64) {
        let begun = Instant::now();
        let between = Self::SERVING.div_f64(load);
        let end = self.now + Duration::from_secs(seconds);
        let (mut arrival, mut probe) = (self.now, Some(self.now + CALM));
        let mut queue = VecDeque::new();
        while self.now < end {
            while arrival <= self.now {
                queue.push_back(Turn::Arrival(arrival));
                arrival += between;
            }
            if let Some(due) = probe.take_if(|due| *due <= self.now) {
                queue.push_back(Turn::Probe(due));
            }
            match queue.pop_front() {
                None => self.now = probe.map_or(arrival, |due| due.min(arrival)),
                Some(Turn::Probe(due)) => {
                    let lag = self.now - due;
                    self.shedding = self.shedding.after(begun + self.now, lag, TOLERATED);
                    probe = Some(self.now + millis(25));
                }
                Some(Turn::Arrival(_)) if self.random.f64() < self.shedding.share() => {
                    self.now += Self::REFUSING;
                    self.refused += 1;
                }
                Some(Turn::Arrival(came)) => self.step(came, 1, &mut queue),
                Some(Turn::Step(came, step)) => self.step(came, step, &mut queue),
            }
        }
    }

    fn step(&mut self, came: Duration, step: u32, queue: &mut VecDeque<Turn>) {
        self.now += Self::SERVING / self.steps;
        if step < self.steps {
            queue.push_back(Turn::Step(came, step + 1));
        } else {
            self.served += 1;
            self.latencies.push((self.now, self.now - came));
        }
    }

    /// Completions served, as a share of what the worker can do in so many seconds.
    fn goodput(&self, seconds: u64) -> f64 {
        Self::SERVING.as_secs_f64() * f64::from(self.served)
            / Duration::from_secs(seconds).as_secs_f64()
    }

    /// The longest that one waited which ended after that time.
    fn longest_since(&self, time: Duration) -> Duration {
        let since = self.latencies.iter().filter(|(end, _)| *end > time);
        since.map(|(_, latency)| *latency).max().unwrap_or_default()
    }
}

#[test]
fn at_twice_what_a_worker_can_its_goodput_stays_and_the_latency_is_that_of_the_setting() {
    for steps in [1, 3, 8] {
        let mut worker = Model::new(steps);
        worker.run(20, 2.0);
        let goodput = worker.goodput(20);
        assert!(goodput > 0.9, "{steps} steps: {goodput}");
        // Each step waits about as long as is tolerated.
        let longest = worker.longest_since(Duration::from_secs(10));
        assert!(
            longest < TOLERATED * (steps + 1) * 3 / 2,
            "{steps} steps: {longest:?}"
        );
    }
}

#[test]
fn a_worker_that_can_do_it_refuses_nobody_and_one_that_nearly_can_refuses_few() {
    let mut worker = Model::new(3);
    worker.run(20, 0.95);
    assert_eq!(worker.refused, 0);
    let mut worker = Model::new(3);
    worker.run(20, 1.1);
    let share = f64::from(worker.refused) / f64::from(worker.refused + worker.served);
    assert!((0.03..0.12).contains(&share), "{share}");
}

#[test]
fn after_an_overload_the_next_second_refuses_nobody_any_more() {
    let mut worker = Model::new(3);
    worker.run(10, 2.0);
    worker.run(2, 0.5);
    let refused = worker.refused;
    worker.run(5, 0.5);
    assert_eq!(worker.refused, refused);
}
