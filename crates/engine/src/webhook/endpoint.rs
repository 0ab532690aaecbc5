//! What is known of the receivers: how much is under way to each, whether it asked for a pause, and whether it is down.
//!
//! A receiver that fails in several lanes in a row is taken for down: its breaker opens, and one delivery at a time
//! probes it until one arrives. This is memory of one process only; nothing is lost with it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use posthouse_model::{AccountId, Timestamp};

/// Deliveries under way to one receiver at once: a slow one must not use up all workers.
const AT_ONCE: usize = 24;
/// How soon a lane that found no room looks again: at first, and at most. The more were turned away while nothing came
/// back from the receiver, the later: many lanes to one that answers nothing must not keep the store busy.
const ROOM: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Failures in a row that open the breaker, and the lanes they must come from: one account's bad event is not the receiver's.
const FAILURES: u32 = 5;
/// See [`FAILURES`].
const LANES: usize = 3;
/// Time between probes: at first, and at most.
const PROBE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// The longest pause that a receiver can ask for.
const PAUSE: Duration = Duration::from_secs(3600);
/// Receivers remembered; those at rest are forgotten first.
const REMEMBERED: usize = 4096;

/// Whether a delivery may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Go,
    /// Not before then: there is no room, or the receiver asked for a pause.
    Wait(Timestamp),
    /// Not before then: the receiver is down.
    Down(Timestamp),
}

/// What an attempt says of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answers, whatever it says.
    Alive,
    /// It does not answer, or says that it cannot work.
    Failing,
    /// It asks for a pause (RFC 9110 section 10.2.3).
    Pause(Duration),
}

#[derive(Debug, Default)]
struct Endpoint {
    under_way: usize,
    /// Lanes that found no room since something came back.
    turned_away: usize,
    failures: u32,
    lanes: HashSet<AccountId>,
    paused_until: Timestamp,
    breaker: Option<Breaker>,
}

#[derive(Debug)]
struct Breaker {
    until: Timestamp,
    wait: Duration,
    probing: bool,
}

impl Endpoint {
    fn enter(&mut self, now: Timestamp) -> Admission {
        if now < self.paused_until {
            return Admission::Wait(self.paused_until);
        }
        if let Some(breaker) = &mut self.breaker {
            if breaker.probing {
                return Admission::Down(now.after(PROBE.0));
            }
            if now < breaker.until {
                return Admission::Down(breaker.until);
            }
            breaker.probing = true;
        } else if self.under_way >= AT_ONCE {
            self.turned_away = self.turned_away.saturating_add(1);
            let rounds = u32::try_from(self.turned_away.div_ceil(AT_ONCE)).unwrap_or(u32::MAX);
            return Admission::Wait(now.after(ROOM.0.saturating_mul(rounds).min(ROOM.1)));
        }
        self.under_way += 1;
        Admission::Go
    }

    fn leave(&mut self, lane: &AccountId, sign: Option<Sign>, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        self.turned_away = 0;
        match sign {
            // It was given up before there was an answer.
            None => {
                if let Some(breaker) = &mut self.breaker {
                    breaker.probing = false;
                }
            }
            Some(Sign::Alive) => {
                self.failures = 0;
                self.lanes.clear();
                self.breaker = None;
            }
            Some(Sign::Pause(pause)) => {
                self.paused_until = self.paused_until.max(now.after(pause.min(PAUSE)));
                if let Some(breaker) = &mut self.breaker {
                    breaker.probing = false;
                }
            }
            Some(Sign::Failing) => self.failed(lane, now),
        }
    }

    fn failed(&mut self, lane: &AccountId, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        if self.lanes.len() < LANES {
            self.lanes.insert(lane.clone());
        }
        if let Some(breaker) = &mut self.breaker {
            // What was under way when it opened says nothing new.
            if std::mem::take(&mut breaker.probing) {
                breaker.wait = (breaker.wait * 2).min(PROBE.1);
                breaker.until = now.after(breaker.wait);
            }
        } else if self.failures >= FAILURES && self.lanes.len() >= LANES {
            self.breaker = Some(Breaker {
                until: now.after(PROBE.0),
                wait: PROBE.0,
                probing: false,
            });
        }
    }

    fn is_at_rest(&self, now: Timestamp) -> bool {
        self.under_way == 0 && self.breaker.is_none() && self.paused_until <= now
    }
}

/// All receivers, by URL.
#[derive(Debug, Clone, Default)]
pub struct Endpoints(Arc<Mutex<HashMap<String, Endpoint>>>);

impl Endpoints {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Endpoint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a delivery of this lane to be made now.
    ///
    /// # Errors
    /// Why and until when it has to wait: [`Admission::Wait`] or [`Admission::Down`].
    pub fn enter(&self, url: &str, lane: &AccountId, now: Timestamp) -> Result<Pass, Admission> {
        let mut all = self.lock();
        if all.len() >= REMEMBERED && !all.contains_key(url) {
            all.retain(|_, endpoint| !endpoint.is_at_rest(now));
        }
        match all.entry(url.to_owned()).or_default().enter(now) {
            Admission::Go => Ok(Pass {
                endpoints: self.clone(),
                url: url.to_owned(),
                lane: lane.clone(),
                left: false,
            }),
            refused => Err(refused),
        }
    }

    /// Since their breakers are open: the URLs of receivers that are down.
    #[must_use]
    pub fn down(&self) -> Vec<String> {
        let all = self.lock();
        let down = all
            .iter()
            .filter(|(_, endpoint)| endpoint.breaker.is_some());
        down.map(|(url, _)| url.clone()).collect()
    }
}

/// The right to make one delivery. Dropped without [`Pass::leave`] it says nothing of the receiver.
#[derive(Debug)]
pub struct Pass {
    endpoints: Endpoints,
    url: String,
    lane: AccountId,
    left: bool,
}

impl Pass {
    /// Tells what the attempt said of the receiver.
    pub fn leave(mut self, sign: Sign, now: Timestamp) {
        self.left = true;
        self.tell(Some(sign), now);
    }

    fn tell(&self, sign: Option<Sign>, now: Timestamp) {
        if let Some(endpoint) = self.endpoints.lock().get_mut(&self.url) {
            endpoint.leave(&self.lane, sign, now);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.left {
            self.tell(None, Timestamp(0));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const URL: &str = "https://a/";

    fn lane(name: &str) -> AccountId {
        AccountId::new(name)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(0).after(Duration::from_secs(seconds))
    }

    fn fail(endpoints: &Endpoints, name: &str, now: Timestamp) {
        let pass = endpoints.enter(URL, &lane(name), now).unwrap();
        pass.leave(Sign::Failing, now);
    }

    #[test]
    fn one_account_s_failures_open_nothing() {
        let endpoints = Endpoints::default();
        for second in 0..100 {
            fail(&endpoints, "a", at(second));
        }
        assert!(endpoints.enter(URL, &lane("b"), at(100)).is_ok());
        assert!(endpoints.down().is_empty());
    }

    #[test]
    fn failures_across_lanes_open_the_breaker_and_one_at_a_time_probes() {
        let endpoints = Endpoints::default();
        for name in ["a", "b", "c", "a", "b"] {
            fail(&endpoints, name, at(0));
        }
        let enter = |second| endpoints.enter(URL, &lane("c"), at(second));
        assert_eq!(enter(0).unwrap_err(), Admission::Down(at(5)));
        assert_eq!(endpoints.down(), [URL]);
        assert!(endpoints.enter("https://b/", &lane("c"), at(0)).is_ok());
        let probe = enter(5).unwrap();
        assert_eq!(enter(5).unwrap_err(), Admission::Down(at(10)));
        probe.leave(Sign::Failing, at(6));
        // Each probe that fails doubles the time to the next.
        assert_eq!(enter(6).unwrap_err(), Admission::Down(at(16)));
        enter(16).unwrap().leave(Sign::Failing, at(16));
        assert_eq!(enter(16).unwrap_err(), Admission::Down(at(36)));
        // A probe that was given up is made again.
        drop(enter(36).unwrap());
        enter(36).unwrap().leave(Sign::Failing, at(36));
        enter(76).unwrap().leave(Sign::Failing, at(76));
        assert_eq!(enter(76).unwrap_err(), Admission::Down(at(136)));
        enter(136).unwrap().leave(Sign::Failing, at(136));
        assert_eq!(enter(136).unwrap_err(), Admission::Down(at(196)), "at most");
        enter(196).unwrap().leave(Sign::Alive, at(196));
        assert!(enter(196).is_ok());
        fail(&endpoints, "a", at(197));
        assert!(enter(197).is_ok(), "it counts anew");
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let endpoints = Endpoints::default();
        for second in 0..20 {
            for name in ["a", "b", "c", "d"] {
                fail(&endpoints, name, at(second));
            }
            let pass = endpoints.enter(URL, &lane("e"), at(second)).unwrap();
            pass.leave(Sign::Alive, at(second));
        }
        assert!(endpoints.down().is_empty());
    }

    #[test]
    fn a_pause_holds_for_all_lanes_and_has_an_end() {
        let endpoints = Endpoints::default();
        let pass = endpoints.enter(URL, &lane("a"), at(0)).unwrap();
        pass.leave(Sign::Pause(Duration::from_secs(30)), at(0));
        let enter = |second| endpoints.enter(URL, &lane("b"), at(second));
        assert_eq!(enter(29).unwrap_err(), Admission::Wait(at(30)));
        let pass = enter(30).unwrap();
        pass.leave(Sign::Pause(Duration::from_secs(1 << 40)), at(30));
        assert_eq!(enter(31).unwrap_err(), Admission::Wait(at(3630)));
    }

    #[test]
    fn a_slow_receiver_has_its_share_of_workers() {
        let endpoints = Endpoints::default();
        let passes: Vec<_> = (0..AT_ONCE)
            .map(|_| endpoints.enter(URL, &lane("a"), at(0)).unwrap())
            .collect();
        let refused = || endpoints.enter(URL, &lane("a"), at(0)).unwrap_err();
        let wait = |millis| Admission::Wait(at(0).after(Duration::from_millis(millis)));
        for _ in 0..AT_ONCE {
            assert_eq!(refused(), wait(250));
        }
        // More of them look less often.
        for _ in 0..AT_ONCE {
            assert_eq!(refused(), wait(500));
        }
        for _ in 0..100 * AT_ONCE {
            refused();
        }
        assert_eq!(refused(), wait(5000));
        drop(passes);
        assert!(endpoints.enter(URL, &lane("a"), at(0)).is_ok());
    }
}
