//! The `Message-ID` that a provider put in place of ours, as its reply tells (behaviour 11.2).

/// The new id with its brackets; none where the provider keeps ours. `host` is the server that answered.
pub(super) fn provider_message_id(host: &str, response: &str) -> Option<String> {
    if let Some(id) = response.strip_prefix("250 2.0.0 OK <") {
        let id = id.split('>').next().filter(|id| id.contains('@'))?;
        return Some(format!("<{id}>"));
    }
    amazon_ses(host, response)
}

/// Amazon SES answers `250 Ok` and an id, from which it makes the `Message-ID` (its developer guide: SMTP endpoints are
/// `email-smtp.REGION.amazonaws.com`; ids end in `@REGION.amazonses.com`, those of us-east-1 in `@email.amazonses.com`).
fn amazon_ses(host: &str, response: &str) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let region = host
        .strip_prefix("email-smtp.")
        .or_else(|| host.strip_prefix("email-smtp-fips."))?
        .strip_suffix(".amazonaws.com")
        .filter(|region| !region.is_empty() && !region.contains('.'))?;
    let id = response.strip_prefix("250 Ok ")?.trim();
    let plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    if id.len() < 16 || id.len() > 100 || !id.bytes().all(plain) {
        return None;
    }
    let domain = match region {
        "us-east-1" => "email",
        region => region,
    };
    Some(format!("<{id}@{domain}.amazonses.com>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_that_rewrite_ids() {
        let id = |host, response| provider_message_id(host, response);
        let outlook = "250 2.0.0 OK <abc@eurprd.prod.outlook.com> [Hostname=x]";
        assert_eq!(
            id("smtp.office365.com", outlook).as_deref(),
            Some("<abc@eurprd.prod.outlook.com>")
        );
        assert_eq!(id("mx", "250 2.0.0 Ok: queued as 4F1"), None);

        let ses = "250 Ok 010201893a0b7f3d-5f0c2d1e-1234-4a5b-8c7d-0123456789ab-000000";
        let number = "010201893a0b7f3d-5f0c2d1e-1234-4a5b-8c7d-0123456789ab-000000";
        assert_eq!(
            id("email-smtp.eu-west-1.amazonaws.com", ses),
            Some(format!("<{number}@eu-west-1.amazonses.com>"))
        );
        assert_eq!(
            id("Email-SMTP.us-east-1.amazonaws.com.", ses),
            Some(format!("<{number}@email.amazonses.com>"))
        );
        // Whoever else says so does not mean it.
        for host in [
            "mx.example.com",
            "email-smtp.amazonaws.com",
            "email-smtp.a.b.amazonaws.com",
            "email-smtp.eu-west-1.amazonaws.com.example",
        ] {
            assert_eq!(id(host, ses), None, "{host}");
        }
        let host = "email-smtp.eu-west-1.amazonaws.com";
        assert_eq!(id(host, "250 Ok"), None);
        assert_eq!(id(host, "250 Ok queued as 12345678901234567890"), None);
        assert_eq!(id(host, "250 Ok 0102\r\nX: 1-00000000000000"), None);
    }
}
