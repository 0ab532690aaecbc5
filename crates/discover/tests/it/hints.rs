//! App passwords.

use posthouse_testkit::Page;

use crate::support::{Internet, config};

#[tokio::test]
async fn providers_are_known_by_domain_whatever_dns_says() {
    let net = Internet::with("").await;
    for (email, provider, required, warning) in [
        ("a@gmail.com", "gmail", true, false),
        ("a@GoogleMail.com", "gmail", true, false),
        ("a@icloud.com", "icloud", true, false),
        ("a@me.com", "icloud", true, false),
        ("a@aol.com", "aol", true, false),
        ("a@yahoo.co.uk", "yahoo", true, false),
        ("a@outlook.com", "microsoft", false, true),
        ("a@hotmail.com", "microsoft", false, true),
        ("a@t-online.de", "t-online", true, false),
    ] {
        let hint = net.find(email).await.app_password.unwrap();
        let got = (
            hint.provider.as_str(),
            hint.required,
            hint.warning.is_some(),
        );
        assert_eq!(got, (provider, required, warning), "{email}");
        assert!(hint.instructions.len() > 40);
    }
}

#[tokio::test]
async fn providers_are_known_by_the_hosts_that_take_mail() {
    for (mx, provider) in [
        ("aspmx.l.google.com", Some("gmail")),
        ("mx01.mail.icloud.com", Some("icloud")),
        ("mx-aol.mail.gm0.yahoodns.net", Some("aol")),
        ("mta5.am0.yahoodns.net", Some("yahoo")),
        ("example-com.mail.protection.outlook.com", Some("microsoft")),
        ("mx00.t-online.de", Some("t-online")),
        ("mx.zoho.eu", None),
        ("mail.example.com", None),
    ] {
        let net = Internet::with(&format!("example.com MX 10 {mx}")).await;
        net.well_known(Page::of(config("example.com")));
        let hint = net.find("ann@example.com").await.app_password;
        assert_eq!(hint.map(|hint| hint.provider).as_deref(), provider, "{mx}");
    }
}
