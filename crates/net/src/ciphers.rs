//! Cipher suites by the names people write: OpenSSL's (`ECDHE-RSA-AES128-GCM-SHA256`) and those of
//! the RFCs (`TLS_AES_128_GCM_SHA256`), in OpenSSL's lists.

use rustls::SupportedCipherSuite;

use crate::error::NetError;

/// The suites that a list names, in its order. Names are separated by `:`, `,` or spaces. `DEFAULT`,
/// `HIGH` and `ALL` stand for every suite there is, a name after `!` or `-` takes a suite away; what is
/// taken away and not there is no fault.
///
/// # Errors
/// [`NetError::TlsProfile`] for a name that means no suite of ours, and for a list that leaves none.
pub fn choose(
    list: &str,
    have: &[SupportedCipherSuite],
) -> Result<Vec<SupportedCipherSuite>, NetError> {
    let mut chosen: Vec<SupportedCipherSuite> = Vec::new();
    for word in list.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
        if let Some(name) = word.strip_prefix(['!', '-']) {
            chosen.retain(|suite| !is(*suite, name));
            continue;
        }
        let named: Vec<_> = if ["DEFAULT", "HIGH", "ALL"].contains(&word) {
            have.to_vec()
        } else {
            have.iter()
                .copied()
                .filter(|suite| is(*suite, word))
                .collect()
        };
        if named.is_empty() {
            return Err(NetError::TlsProfile(format!(
                "the cipher {word:?} is not offered here; there are {}",
                names(have)
            )));
        }
        for suite in named {
            if !chosen.contains(&suite) {
                chosen.push(suite);
            }
        }
    }
    if chosen.is_empty() {
        return Err(NetError::TlsProfile(format!(
            "the ciphers leave nothing to offer; there are {}",
            names(have)
        )));
    }
    Ok(chosen)
}

fn names(suites: &[SupportedCipherSuite]) -> String {
    let names: Vec<_> = suites.iter().map(|suite| official(*suite)).collect();
    names.join(", ")
}

/// The name by the RFCs.
fn official(suite: SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

fn is(suite: SupportedCipherSuite, name: &str) -> bool {
    plain(&official(suite)) == plain(name)
}

/// What is common to all ways of writing a name.
fn plain(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace('-', "_");
    let name = name.strip_prefix("TLS_").unwrap_or(&name);
    let name = name.replace("_WITH_", "_").replace('_', "");
    match name.strip_suffix("POLY1305SHA256") {
        Some(start) => format!("{start}POLY1305"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn chosen(list: &str) -> Result<Vec<String>, String> {
        let have = &crate::tls::provider().cipher_suites;
        choose(list, have)
            .map(|suites| suites.into_iter().map(official).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_way_of_writing_a_name() {
        let rsa = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        let chacha = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
        assert_eq!(
            chosen("ecdhe-rsa-aes128-gcm-sha256:ECDHE-ECDSA-CHACHA20-POLY1305").unwrap(),
            [rsa, chacha]
        );
        assert_eq!(chosen(&format!("{chacha}, {rsa}")).unwrap(), [chacha, rsa]);
        assert_eq!(
            chosen("TLS_AES_256_GCM_SHA384 TLS_AES_256_GCM_SHA384").unwrap(),
            ["TLS_AES_256_GCM_SHA384"]
        );
    }

    #[test]
    fn lists_add_and_take_away() {
        let all = chosen("DEFAULT").unwrap();
        assert_eq!(all.len(), crate::tls::provider().cipher_suites.len());
        assert_eq!(chosen("HIGH:!aNULL:!MD5:-RC4-SHA").unwrap(), all);
        let fewer = chosen("ALL:!ECDHE-RSA-AES128-GCM-SHA256").unwrap();
        assert_eq!(fewer.len(), all.len() - 1);
    }

    #[test]
    fn what_is_not_there_is_said() {
        for list in [
            "RC4-SHA",
            "ECDHE-RSA-AES128-GCM-SHA256:DES-CBC3-SHA",
            "DEFAULT@SECLEVEL=0",
        ] {
            let error = chosen(list).unwrap_err();
            assert!(
                error.contains("not offered") && error.contains("TLS_AES"),
                "{error}"
            );
        }
        assert!(chosen("!ALL").unwrap_err().contains("nothing to offer"));
        assert!(chosen("").is_err());
    }
}
