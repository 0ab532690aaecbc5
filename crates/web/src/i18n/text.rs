//! The texts of the public pages, by name. Their words stand in one file a language.

/// Writes the texts as one row each: name, key in the files.
macro_rules! texts {
    ($($name:ident: $key:literal,)+) => {
        /// A text of the public pages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Text { $(
            #[doc = concat!("`", $key, "`.")]
            $name,
        )+ }

        impl Text {
            /// Every text, in the order of their numbers.
            pub(super) const ALL: &[Self] = &[$(Self::$name),+];

            /// Its key in the files.
            pub(super) const fn key(self) -> &'static str {
                match self { $(Self::$name => $key),+ }
            }
        }
    };
}

texts! {
    ConnectTitle: "connect-title",
    ConnectLead: "connect-lead",
    ChooseTitle: "choose-title",
    ChooseWith: "choose-with",
    ChooseOther: "choose-other",
    ChooseOtherHint: "choose-other-hint",
    StepsLabel: "steps-label",
    StepPerson: "step-person",
    StepServers: "step-servers",
    NameLabel: "name-label",
    NameHint: "name-hint",
    EmailLabel: "email-label",
    EmailExpected: "email-expected",
    PasswordLabel: "password-label",
    PasswordAgain: "password-again",
    PasswordHint: "password-hint",
    Continue: "continue",
    Detecting: "detecting",
    ServersTitle: "servers-title",
    ServersFound: "servers-found",
    ServersPartly: "servers-partly",
    ServersNotFound: "servers-not-found",
    SettingsSummary: "settings-summary",
    ImapLegend: "imap-legend",
    SmtpLegend: "smtp-legend",
    ImapDisabledLabel: "imap-disabled-label",
    UserLabel: "user-label",
    HostLabel: "host-label",
    PortLabel: "port-label",
    SecureLabel: "secure-label",
    SecureHint: "secure-hint",
    SmtpLoginSummary: "smtp-login-summary",
    SmtpLoginHint: "smtp-login-hint",
    Test: "test",
    Testing: "testing",
    Connect: "connect",
    Connecting: "connecting",
    Back: "back",
    ImapWorks: "imap-works",
    SmtpWorks: "smtp-works",
    ImapFails: "imap-fails",
    SmtpFails: "smtp-fails",
    TroubleCredentials: "trouble-credentials",
    TroubleUnknownHost: "trouble-unknown-host",
    TroubleUnreachable: "trouble-unreachable",
    TroubleTls: "trouble-tls",
    TroubleProtocol: "trouble-protocol",
    ServerSays: "server-says",
    AppPasswordTitle: "app-password-title",
    AppPasswordNeeded: "app-password-needed",
    AppPasswordMaybe: "app-password-maybe",
    AppPasswordWarning: "app-password-warning",
    AppPasswordLink: "app-password-link",
    FaultSummary: "fault-summary",
    TrialSummary: "trial-summary",
    FaultMissing: "fault-missing",
    FaultInvalid: "fault-invalid",
    FaultTooLong: "fault-too-long",
    FaultEmail: "fault-email",
    FaultHost: "fault-host",
    FaultPort: "fault-port",
    FaultOtherAddress: "fault-other-address",
    DoneTitle: "done-title",
    DoneLead: "done-lead",
    DoneLink: "done-link",
    RefusedTitle: "refused-title",
    RefusedSignature: "refused-signature",
    RefusedExpired: "refused-expired",
    ManyTitle: "many-title",
    ManyAdvice: "many-advice",
    UnavailableTitle: "unavailable-title",
    UnavailableAdvice: "unavailable-advice",
    FailedTitle: "failed-title",
    FailedAdvice: "failed-advice",
    Privacy: "privacy",
    LanguageLabel: "language-label",
    LeaveTitle: "leave-title",
    LeaveLead: "leave-lead",
    LeaveList: "leave-list",
    LeaveButton: "leave-button",
    LeftTitle: "left-title",
    LeftLead: "left-lead",
    ReturnHint: "return-hint",
    ReturnButton: "return-button",
    ReturnedTitle: "returned-title",
    ReturnedLead: "returned-lead",
    LeaveGone: "leave-gone",
    LeaveLater: "leave-later",
}
