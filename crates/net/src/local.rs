//! Which of this machine's addresses to connect from.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// How one of several addresses is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The operating system chooses.
    #[default]
    Default,
    /// Always the same for the same key, and spread evenly over keys. An address that comes or goes moves only the keys that
    /// belong to it (rendezvous hashing).
    Dedicated,
    /// Another one each time.
    Random,
}

impl Strategy {
    /// The strategy of a name; [`Strategy::Default`] for any other.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "dedicated" => Self::Dedicated,
            "random" => Self::Random,
            _ => Self::Default,
        }
    }

    /// One of the addresses, of those that are this machine's; none where the system shall choose. A single address is no choice:
    /// it is taken whatever the strategy.
    #[must_use]
    pub fn choose(self, addresses: &[Ipv4Addr], key: &str) -> Option<IpAddr> {
        self.choose_among(addresses, is_here, key)
    }

    fn choose_among(
        self,
        addresses: &[Ipv4Addr],
        is_here: impl Fn(Ipv4Addr) -> bool,
        key: &str,
    ) -> Option<IpAddr> {
        let mut usable: Vec<Ipv4Addr> = Vec::new();
        for address in addresses {
            if !usable.contains(address) && is_here(*address) {
                usable.push(*address);
            }
        }
        let chosen = match (usable.as_slice(), self) {
            ([only], _) => Some(*only),
            (_, Self::Default) => None,
            (several, Self::Dedicated) => several.iter().copied().max_by_key(|a| weight(*a, key)),
            (several, Self::Random) => {
                // Each hasher has keys of its own, taken at random.
                let random = RandomState::new().hash_one(0);
                let at = usize::try_from(random % several.len().max(1) as u64).unwrap_or(0);
                several.get(at).copied()
            }
        };
        chosen.map(IpAddr::V4)
    }
}

/// Whether connections can be made from this address: whether the system lets it be bound.
fn is_here(address: Ipv4Addr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// The weight of an address for a key: the heaviest wins. FNV-1a with the last step of SplitMix64, so that it is the same on every
/// machine and in every version.
fn weight(address: Ipv4Addr, key: &str) -> u64 {
    let bytes = address.octets().into_iter().chain(key.bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn addresses(last: std::ops::Range<u8>) -> Vec<Ipv4Addr> {
        last.map(|last| Ipv4Addr::new(198, 51, 100, last)).collect()
    }

    #[test]
    fn only_addresses_that_are_there_are_taken() {
        // Documentation's own addresses are nobody's; all of 127.0.0.0/8 is ours.
        let mut wanted = addresses(1..5);
        for strategy in [Strategy::Default, Strategy::Dedicated, Strategy::Random] {
            assert_eq!(strategy.choose(&[], "a"), None);
            assert_eq!(strategy.choose(&wanted, "a"), None);
        }
        wanted.push(Ipv4Addr::LOCALHOST);
        for strategy in [Strategy::Default, Strategy::Dedicated, Strategy::Random] {
            assert_eq!(
                strategy.choose(&wanted, "a"),
                Some(Ipv4Addr::LOCALHOST.into())
            );
        }
        let all = |_| true;
        assert_eq!(Strategy::Default.choose_among(&wanted, all, "a"), None);
    }

    #[test]
    fn a_dedicated_address_stays_and_moves_only_with_its_own() {
        let (five, four) = (addresses(1..6), addresses(1..5));
        let mut load: HashMap<IpAddr, usize> = HashMap::new();
        for account in 0..1000 {
            let key = format!("account-{account}");
            let of = |set: &[Ipv4Addr]| Strategy::Dedicated.choose_among(set, |_| true, &key);
            let before = of(&five);
            assert_eq!(before, of(&five));
            if before != Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 5))) {
                assert_eq!(before, of(&four), "{key} moved although its address stayed");
            }
            *load
                .entry(before.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
                .or_default() += 1;
        }
        assert_eq!(load.len(), 5);
        assert!(
            load.values().all(|accounts| (120..280).contains(accounts)),
            "{load:?}"
        );
    }

    #[test]
    fn random_addresses_are_all_used() {
        let set = addresses(1..4);
        let used: std::collections::HashSet<_> = (0..200)
            .filter_map(|_| Strategy::Random.choose_among(&set, |_| true, "a"))
            .collect();
        assert_eq!(used.len(), 3);
    }
}
