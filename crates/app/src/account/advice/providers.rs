//! Providers that do not take the password with which their web page is opened.

/// A provider that does not take the password with which its web page is opened.
pub(super) struct Provider {
    pub(super) name: &'static str,
    /// What its refusal of a password means, in a few words.
    pub(super) title: &'static str,
    /// Ends of its servers' names.
    hosts: &'static [&'static str],
    /// What to do instead.
    pub(super) steps: &'static [&'static str],
}

const APP_PASSWORD: &str = "An app password is needed";

const PROVIDERS: &[Provider] = &[
    Provider {
        name: "Gmail",
        title: APP_PASSWORD,
        hosts: &["gmail.com", "googlemail.com", "google.com"],
        steps: &[
            "Turn on 2-step verification for the Google account, then create an app password (Google account, Security, App passwords).",
            "Put the app password, without blanks, into this account in place of the usual password.",
        ],
    },
    Provider {
        name: "Microsoft",
        title: "Passwords are not taken there any more",
        hosts: &[
            "outlook.com",
            "office365.com",
            "hotmail.com",
            "live.com",
            "outlook.office.com",
        ],
        steps: &[
            "Microsoft takes no passwords over IMAP and SMTP any more, only OAuth2. Hand in a current access token in place of the password, or ask the administrator of the mailbox for another way in.",
        ],
    },
    Provider {
        name: "Yahoo",
        title: APP_PASSWORD,
        hosts: &["yahoo.com", "yahoodns.net", "aol.com", "aim.com"],
        steps: &[
            "Create an app password on the account security page of the provider.",
            "Put the app password into this account in place of the usual password.",
        ],
    },
    Provider {
        name: "iCloud",
        title: APP_PASSWORD,
        hosts: &["me.com", "icloud.com", "mac.com"],
        steps: &[
            "Create an app-specific password at account.apple.com (Sign-in and Security).",
            "Use the part of the iCloud address before @ as the user name if the full address is refused.",
        ],
    },
    Provider {
        name: "Fastmail",
        title: APP_PASSWORD,
        hosts: &["fastmail.com", "messagingengine.com"],
        steps: &[
            "Create an app password with access to mail (Settings, Privacy & Security) and put it into this account.",
        ],
    },
    Provider {
        name: "Zoho",
        title: APP_PASSWORD,
        hosts: &["zoho.com", "zoho.eu", "zoho.in", "zohocloud.ca"],
        steps: &[
            "Turn on IMAP access in the mail settings of Zoho.",
            "With 2-factor authentication, create an application-specific password and put it into this account.",
        ],
    },
    Provider {
        name: "Yandex",
        title: APP_PASSWORD,
        hosts: &["yandex.com", "yandex.ru", "yandex.net"],
        steps: &[
            "Allow mail programs in the mail settings of Yandex.",
            "Create an app password for mail and put it into this account.",
        ],
    },
    Provider {
        name: "Mail.ru",
        title: APP_PASSWORD,
        hosts: &["mail.ru"],
        steps: &[
            "Create a password for external applications in the security settings and put it into this account.",
        ],
    },
    Provider {
        name: "GMX or WEB.DE",
        title: APP_PASSWORD,
        hosts: &["gmx.net", "gmx.com", "gmx.de", "web.de"],
        steps: &[
            "Allow IMAP and POP3 in the mail settings of the provider.",
            "With 2-factor authentication, create an app password and put it into this account.",
        ],
    },
    Provider {
        name: "QQ or NetEase",
        title: "An authorisation code is needed",
        hosts: &["qq.com", "163.com", "126.com", "yeah.net"],
        steps: &[
            "Turn on IMAP in the mail settings of the provider; it shows an authorisation code. Put that code into this account in place of the password.",
        ],
    },
    Provider {
        name: "Proton",
        title: "The password of Bridge is needed",
        hosts: &["proton.me", "protonmail.com", "protonmail.ch"],
        steps: &[
            "Proton is reached through Proton Mail Bridge only: enter host, port and password that Bridge shows.",
        ],
    },
];

/// The provider that a host belongs to.
pub(super) fn provider(host: Option<&str>) -> Option<&'static Provider> {
    let host = host?.trim_end_matches('.').to_ascii_lowercase();
    PROVIDERS.iter().find(|provider| {
        provider.hosts.iter().any(|end| {
            host.strip_suffix(end)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    })
}
