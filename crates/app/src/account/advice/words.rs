//! A kind of failure in words: what it means and what to do.

use super::{Advice, kind::Kind, providers::provider};

/// The words for a failure.
pub(super) fn advise(kind: Kind, host: Option<&str>, said: &str) -> Advice {
    let server = host.unwrap_or("the mail server");
    let provider = provider(host);
    let own: &[&str] = provider.map_or(&[][..], |provider| provider.steps);
    let (title, meaning, steps, passing): (&str, String, Vec<String>, bool) = match kind {
        Kind::Credentials => match provider {
            Some(provider) => (
                provider.title,
                format!(
                    "{server} refused the login. {} does not take the usual password from programs.",
                    provider.name
                ),
                steps(own, &["Check that the user name is the full address."]),
                false,
            ),
            None => (
                "The user name or password is wrong",
                format!("{server} refused the login."),
                steps(&[], &[
                    "Check the user name: many servers want the full address.",
                    "Enter the password again under Edit. With 2-factor authentication an app password may be needed.",
                    "Check with the provider that IMAP is allowed for this mailbox.",
                ]),
                false,
            ),
        },
        Kind::NoCredentials => (
            "There is no password",
            "The account has a server but nothing to log in with.".to_owned(),
            steps(&[], &["Enter user name and password under Edit."]),
            false,
        ),
        Kind::WebLogin => (
            "The provider wants a login in the browser",
            "It found this login unusual and blocks programs until the owner has confirmed it.".to_owned(),
            steps(&["Log in to the mailbox with a browser once and confirm that it was you."], own),
            false,
        ),
        Kind::Expired => (
            "The password has expired",
            format!("{server} does not take the password any more."),
            steps(&[], &["Set a new password with the provider, then enter it under Edit."]),
            false,
        ),
        Kind::Forbidden => (
            "The user may not open this mailbox",
            "The login is right, but the mailbox is locked or access over IMAP is not allowed.".to_owned(),
            steps(&[], &["Ask the administrator of the mailbox to allow IMAP for it.", "For a shared mailbox, check that this user has full access to it."]),
            false,
        ),
        Kind::PlainRefused => (
            "The server wants encryption",
            "It takes passwords over an encrypted connection only.".to_owned(),
            steps(&[], &["Turn on TLS for the server under Edit (port 993 for IMAP, 465 for SMTP)."]),
            false,
        ),
        Kind::Unsupported => (
            "The server offers no way to log in that is known here",
            "Neither a password nor a token can be handed over in a form that it takes.".to_owned(),
            steps(own, &["Turn on TLS under Edit: some servers take passwords only then.", "Ask the provider how programs log in."]),
            false,
        ),
        Kind::TooMany => (
            "Too many connections or logins",
            "The mailbox is opened by more programs, or more often, than the provider allows.".to_owned(),
            steps(&[], &[
                "Wait: Posthouse tries again by itself, more and more rarely.",
                "Close other programs that open this mailbox, and remove folders under \"Own connections\".",
            ]),
            true,
        ),
        Kind::Unavailable => (
            "The mail server is busy or under repair",
            format!("{server} answers, but cannot open the mailbox just now."),
            steps(&[], &["Wait: Posthouse tries again by itself.", "If it lasts for hours, ask the provider."]),
            true,
        ),
        Kind::Quota => (
            "The mailbox is full",
            "The provider's limit on size or traffic is reached.".to_owned(),
            steps(&[], &["Delete mail or enlarge the mailbox. A limit on traffic is lifted after some hours."]),
            false,
        ),
        Kind::Refused => (
            "Nothing listens there",
            format!("{server} is reached, but no mail server answers on this port."),
            steps(&[], &[
                "Check host and port: IMAP is 993 with TLS or 143 without, SMTP 465 with TLS or 587 without.",
                "Check that no firewall refuses the connection.",
            ]),
            true,
        ),
        Kind::NoHost => (
            "The server's name is not known",
            format!("There is no address for {server}."),
            steps(&[], &["Check the host name for a typing error.", "If it is right, check the DNS of this machine."]),
            false,
        ),
        Kind::NoRoute => (
            "There is no way to the server",
            format!("This machine's network does not lead to {server}."),
            steps(&[], &["Check the network of this machine, the firewall, and the proxy if one is set."]),
            true,
        ),
        Kind::Silent => (
            "The server does not answer",
            format!("{server} did not answer in time."),
            steps(&[], &[
                "Check host and port. TLS on a port without it, or the other way round, looks like this.",
                "Check that the firewall lets connections out to this port.",
                "Posthouse tries again by itself.",
            ]),
            true,
        ),
        Kind::Cut => (
            "The connection was cut",
            format!("{server} or something on the way closed it."),
            steps(&[], &["Posthouse connects again by itself.", "If it keeps happening, check the TLS setting and the firewall, and look into the protocol log."]),
            true,
        ),
        Kind::Certificate => (
            "The server's certificate is not valid",
            format!("It is expired, made by nobody known, or for another name than {server}, so the password is not sent."),
            steps(&[], &[
                "Use the host name that stands in the certificate.",
                "Have the certificate renewed.",
                "For a server of your own with a certificate of its own, allow invalid certificates for this account under Edit.",
            ]),
            false,
        ),
        Kind::Tls => (
            "Encryption could not be set up",
            format!("{server} and Posthouse found no common way, or the port is not for TLS."),
            steps(&[], &["Check whether the port is for TLS: 993 and 465 are; 143 and 587 are not and use STARTTLS.", "The server must offer TLS 1.2 or newer."]),
            false,
        ),
        Kind::Proxy => (
            "The proxy cannot be used",
            "The proxy of this account or of the instance is wrong, not reached, or refuses the connection.".to_owned(),
            steps(&[], &["Check the address of the proxy under Edit or in the network settings."]),
            false,
        ),
        Kind::NotMail => (
            "That is no mail server",
            format!("What {server} answers is not understood."),
            steps(&[], &["Check host and port.", "Turn on the protocol log and reconnect to see what it says."]),
            false,
        ),
        Kind::OAuth => (
            "The permission has ended",
            "The access token could not be renewed: the permission was withdrawn, or the password was changed.".to_owned(),
            steps(&[], &["Have the owner of the mailbox give the permission again."]),
            false,
        ),
        Kind::AuthServer => (
            "The authentication server does not answer",
            "The server that hands out credentials failed or does not know this account.".to_owned(),
            steps(&[], &["Check the authentication server and its address in the settings."]),
            true,
        ),
        Kind::NoServer => (
            "There is no mail server",
            "The account names no host to connect to.".to_owned(),
            steps(&[], &["Enter the host of the mail server under Edit."]),
            false,
        ),
        Kind::Sender => (
            "the sender was refused",
            format!("{server} does not let this account send from the address."),
            steps(&[], &["Check that the From address belongs to the mailbox."]),
            false,
        ),
        Kind::Recipient => (
            "a recipient was refused",
            "The address does not exist, or the server does not pass mail on to it.".to_owned(),
            steps(&[], &["Check the address.", "Check that the SMTP server wants a login and that one is set."]),
            false,
        ),
        Kind::Content => (
            "the message was refused",
            format!("{server} did not take its content or its size."),
            steps(&[], &["Read what the server said; it is often about spam or size."]),
            false,
        ),
        Kind::Unknown => (
            "The connection fails",
            format!("{server} gave an answer that has no explanation here."),
            steps(&[], &["Read what the server said.", "Turn on the protocol log and reconnect to see the conversation."]),
            true,
        ),
    };
    Advice {
        title: title.to_owned(),
        meaning,
        steps,
        said: words(said),
        passing,
    }
}

/// Steps, one after the other.
pub(super) fn steps(first: &[&str], then: &[&str]) -> Vec<String> {
    let all = first.iter().chain(then);
    all.map(|step| (*step).to_owned()).collect()
}

/// What was said, if anything.
pub(super) fn words(said: &str) -> Option<String> {
    let said = said.trim();
    (!said.is_empty()).then(|| said.to_owned())
}
