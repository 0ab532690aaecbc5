//! Lanes whose scripts run now. They hold workers of webhooks meanwhile: so many of them that others always find some,
//! and so many of one route that a slow one leaves room for the rest.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use posthouse_model::RouteId;

/// The lanes of each route that has any.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    lanes: Arc<Mutex<HashMap<RouteId, usize>>>,
    all: usize,
    of_one: usize,
}

/// The right of one lane to run scripts; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Turns,
    route: RouteId,
}

impl Turns {
    pub(super) fn new(all: usize, of_one: usize) -> Self {
        Self {
            lanes: Arc::default(),
            all,
            of_one,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RouteId, usize>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn, if there is one.
    pub(crate) fn take(&self, route: &RouteId) -> Option<Turn> {
        let mut lanes = self.lock();
        let own = lanes.get(route).copied().unwrap_or(0);
        if own >= self.of_one || lanes.values().sum::<usize>() >= self.all {
            return None;
        }
        lanes.insert(route.clone(), own + 1);
        Some(Turn {
            turns: self.clone(),
            route: route.clone(),
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lanes = self.turns.lock();
        if let Some(own) = lanes.get_mut(&self.route) {
            *own -= 1;
            if *own == 0 {
                lanes.remove(&self.route);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_route_leaves_room_for_others() {
        let turns = Turns::new(3, 2);
        let (a, b, c) = (
            RouteId::named("a"),
            RouteId::named("b"),
            RouteId::named("c"),
        );
        let first = turns.take(&a);
        let second = turns.take(&a);
        assert!(first.is_some() && second.is_some());
        assert!(turns.take(&a).is_none());
        let third = turns.take(&b);
        assert!(third.is_some());
        assert!(turns.take(&c).is_none(), "no more of all");
        drop(first);
        assert!(turns.take(&c).is_some());
        drop((second, third));
        assert!(turns.lock().is_empty());
    }
}
