//! One row a setting: key, default, how it is shown, whether something acts on it (`served`) or it is
//! only kept, how it is edited; then label and help, and where they help an example and a warning.

use super::{
    Edit::{self, *},
    Group,
    Language::*,
    Setting, Showing,
};

/// Builds [`SETTINGS`] from groups of sections of rows.
macro_rules! settings {
    ($($group:ident $section:literal {
        $($key:literal = $default:literal, $showing:ident, $served:ident, $edit:expr, $label:literal, $help:literal
            $(, example $example:literal)? $(, warning $warning:literal)?;)+
    })+) => {
        /// Every setting, in the order they are shown.
        pub static SETTINGS: &[Setting] = &[$($(Setting {
            key: $key,
            default: $default,
            showing: Showing::$showing,
            served: settings!(@$served),
            group: settings!(@@$group),
            section: $section,
            edit: $edit,
            label: $label,
            help: $help,
            example: concat!("" $(, $example)?),
            warning: concat!("" $(, $warning)?),
        }),+),+];
    };
    (@served) => { true };
    (@kept) => { false };
    (@@None) => { None };
    (@@$group:ident) => { Some(Group::$group) };
}

const LANGUAGES: Edit = Choice(&[
    ("en", "English"),
    ("et", "Eesti (Estonian)"),
    ("fr", "Français (French)"),
    ("de", "Deutsch (German)"),
    ("pl", "Polski (Polish)"),
    ("ja", "日本語 (Japanese)"),
    ("nl", "Nederlands (Dutch)"),
]);

const STRATEGIES: Edit = Choice(&[
    ("default", "Leave it to the operating system"),
    ("dedicated", "The same address for an account every time"),
    ("random", "A random address for each connection"),
]);

const AMBIGUOUS: Edit = Choice(&[
    (
        "retry",
        "Send it again under the same Message-ID: none is lost, one may come twice",
    ),
    (
        "hold",
        "Give it up and say so: none comes twice, one may be lost",
    ),
]);

settings! {
    Service "Address" {
        "serviceUrl" = "null", Url, served, Plain,
            "Service URL",
            "Where this instance is reached from outside. Links in messages and pages begin with it; path and query are dropped.",
            example "https://mail.example.com";
        "notificationBaseUrl" = "null", Url, kept, Plain,
            "Base URL for notifications of providers",
            "Where Google and Microsoft reach this instance with their notifications, when that is not the service URL.",
            example "https://hooks.example.com";
        "enableApiProxy" = "true", Open, served, Plain,
            "Behind a reverse proxy",
            "Take the client's address from the X-Forwarded-For header. Switch it off when clients connect directly, or they can claim any address.",
            warning "Restrictions of access tokens to addresses, and the list of addresses the console is open to, are only as good as this header.";
    }
    Service "Language and time" {
        "locale" = r#""en""#, Open, served, LANGUAGES,
            "Language of pages",
            "For pages that the owners of mailboxes see, unless a link or a browser asks for another.";
        "timezone" = "null", Open, served, TimeZone,
            "Time zone",
            "For dates in quoted messages, where neither the message nor its account names one. Empty means UTC.",
            example "Europe/Tallinn";
    }
    Service "Queues" {
        "queueKeep" = "0", Open, kept, Unit("jobs"),
            "Finished jobs kept",
            "How many finished jobs of each queue can still be looked at. They are forgotten after a day in any case.",
            example "100";
    }

    Security "Signing" {
        "serviceSecret" = "null", Secret, served, Plain,
            "Service secret",
            "The key that signs webhooks and the links of public pages: 16 random characters or more.",
            warning "With a new secret, receivers that check signatures refuse webhooks until they know it, and links that are out in the world stop working.";
        "previousServiceSecret" = "null", Secret, served, Plain,
            "Previous service secret",
            "While receivers learn a new secret: webhook-signature then carries a signature by each of the two. Clear it when all know the new one.";
    }
    Security "Access tokens" {
        "queryTokens" = "true", Open, served, Plain,
            "Accept tokens in the query",
            "Let clients send their token as access_token in the URL. URLs end up in logs of proxies and browsers, so switch this off when every client sends the Authorization header.";
        "tokenAuditLog" = "false", Open, served, Plain,
            "Keep a log of token use",
            "Record time, address and operation of every call made with an access token. The log stands on the token's own page.";
        "disableTokens" = "false", Console, served, Plain,
            "Admit requests without a token",
            "For trials on a machine of your own. Nothing asks who is calling any more.",
            warning "Everybody who reaches this server can read and send mail of every account.";
        "enableOAuthTokensApi" = "false", Console, kept, Plain,
            "Hand out OAuth2 access tokens",
            "Let API clients fetch the current OAuth2 access token of an account, to call the provider's API themselves.",
            warning "A client with such a token is no longer bound by the permissions of its own access token.";
    }
    Security "Certificates" {
        "ignoreMailCertErrors" = "false", Open, served, Plain,
            "Accept invalid certificates",
            "Connect to mail servers whose TLS certificate is expired, self-signed or for another name.",
            warning "Whoever sits between this server and a mail server can then read passwords and mail. Better: fix the certificate, or allow it for the one account that needs it.";
    }
    Security "Authentication server" {
        "authServer" = "null", Url, served, Plain,
            "Authentication server",
            "Asked for the credentials of accounts that are registered to use it, instead of storing them here.",
            example "https://auth.example.com/mailbox";
    }

    Webhooks "Target" {
        "webhooksEnabled" = "false", Open, served, Plain,
            "Deliver webhooks",
            "The main switch. Off means that no account and no route delivers anything.";
        "webhooks" = "null", Url, served, Plain,
            "Target URL",
            "Where events go, unless the account names a target of its own. A user name and password in the URL are sent as Basic authentication.",
            example "https://example.com/hooks/mail";
        "webhooksCustomHeaders" = "[]", Headers, served, Headers,
            "Headers",
            "Added to every delivery. A value that shows as ****** is kept unless you type another.";
    }
    Webhooks "Events" {
        "webhookEvents" = r#"["*"]"#, Open, served, Events,
            "Events to deliver",
            "Which events the target URL receives. Routes choose their own.";
        "inboxNewOnly" = "false", Open, served, Plain,
            "New messages of the inbox only",
            "Announce messageNew for the inbox and not for other folders.";
    }
    Webhooks "Retries" {
        "webhookAttempts" = "10", Open, served, Unit("attempts"),
            "Attempts at least",
            "A delivery that fails is tried at least so often, after 5, 10, 20, 40 seconds and so on up to some 21 minutes.",
            example "10";
        "webhookRetryHorizon" = "86400", Open, served, Unit("seconds"),
            "Tried at least for",
            "How long a delivery is tried at least, however often that is. What is given up then can be delivered again from the event log.",
            example "86400";
        "webhookOrderHold" = "60", Open, served, Unit("seconds"),
            "Order is kept for",
            "Events of an account reach a target in their order. One that fails holds up those behind it for so long, then they pass it.",
            example "60";
        "webhookConcurrency" = "1", Open, served, Unit("requests"),
            "At once for one account",
            "How many events of one account are under way to one target at the same time. With more than 1 they can arrive in another order.",
            example "1";
    }
    Webhooks "Event log" {
        "eventLogRetention" = "604800", Open, served, Unit("seconds"),
            "Events are kept for",
            "How long events and what became of their deliveries can be looked at and delivered again. 0 keeps only what is not delivered yet.",
            example "604800";
        "eventLogSize" = "1073741824", Open, served, Bytes,
            "Most of the event log",
            "When the events kept are larger than this, the oldest that are delivered go early.",
            example "1 GiB";
    }
    Webhooks "What messageNew carries" {
        "notifyText" = "true", Open, served, Plain,
            "Text",
            "Include the text of the message. Without it the payload has its id and size, and the text can be fetched.";
        "notifyTextSize" = "2097152", Open, served, Bytes,
            "Longest text",
            "Limit of the plain text and of the HTML, each. What is cut off is marked by hasMore.",
            example "2 MiB";
        "notifyWebSafeHtml" = "false", Open, served, Plain,
            "Make HTML safe to show",
            "Remove scripts and other dangers from the HTML and put inline images into it.";
        "notifyHeaders" = "[]", Open, served, Lines,
            "Message headers",
            "Names of the headers to include, in lower case; * includes all of them.",
            example "list-id";
        "notifyAttachments" = "false", Open, served, Plain,
            "Attachments",
            "Include the content of attachments, in base64.";
        "notifyAttachmentSize" = "null", Open, served, Bytes,
            "Largest attachment",
            "Larger ones are described but not included. Empty means that only what a message carries altogether is limited: 25 MiB.",
            example "5 MiB";
        "notifyCalendarEvents" = "false", Open, served, Plain,
            "Calendar events",
            "Include invitations and other calendar entries found in the message.";
    }
    Webhooks "Scripts" {
        "scriptEnv" = r#""{}""#, Open, served, Code(Json),
            "Script environment",
            "A JSON object that the scripts of webhook routes see as env: keys of other services, say.",
            example "{\"apiKey\": \"…\"}";
    }

    EmailProcessing "Sending" {
        "deliveryAttempts" = "10", Open, served, Unit("attempts"),
            "Delivery attempts",
            "How often a queued message is tried before it counts as failed, unless the message says otherwise. Waiting times double from 5 seconds.",
            example "10";
        "ambiguousDelivery" = r#""retry""#, Open, served, AMBIGUOUS,
            "When it is not known whether a message was sent",
            "The connection, or this server, was lost between the last byte of a message and the answer to it. Where the provider files what it sent, its folder of sent messages is asked first.";
        "sendRate" = "0", Open, served, Unit("messages"),
            "Most messages of an account",
            "So many in the time below, one after the other at even distances, unless the account has its own. Messages that wait for their turn show as delayed. 0: without bound.",
            example "30";
        "sendRateWindow" = "3600", Open, served, Unit("seconds"),
            "In this time",
            "What the number of messages is counted by: 60 for a minute, 86400 for a day.",
            example "60";
    }
    EmailProcessing "Folders" {
        "imapIndexer" = r#""full""#, Open, served, Choice(&[
            ("full", "Full: new, changed and deleted messages"),
            ("fast", "Fast: new messages only"),
        ]),
            "Indexing",
            "What is followed in the folders of new accounts. Fast needs less of the database and of the mail server.";
        "moveWindow" = "5", Open, served, Unit("seconds"),
            "Time to recognise a move",
            "A deletion is announced so many seconds late, so that it can be told from a move to another folder. 0 announces it at once and recognises no moves.",
            example "5";
        "resolveGmailCategories" = "false", Open, kept, Plain,
            "Find out Gmail's category",
            "Look up whether Gmail filed a new message under Social, Promotions and so on. Costs some requests a message.";
        "gmailSubscriptionTtl" = "null", Open, kept, Unit("days"),
            "Lifetime of Pub/Sub subscriptions",
            "Days after which Google forgets an unused subscription; 0 means never, empty Google's own default.",
            example "31";
    }
    EmailProcessing "Tracking" {
        "trackOpens" = "false", Open, served, Plain,
            "Track opens",
            "Add an invisible image to HTML messages that are sent, to learn when they are opened. Needs the service URL.";
        "trackClicks" = "false", Open, served, Plain,
            "Track clicks",
            "Rewrite the links of HTML messages that are sent, to learn which are followed. Needs the service URL.";
    }
    EmailProcessing "Exports" {
        "exportMaxConcurrent" = "2", Open, kept, Unit("exports"),
            "Exports of an account at once",
            "Further ones are refused until one is done.";
        "exportMaxGlobalConcurrent" = "8", Open, kept, Unit("exports"),
            "Exports of all accounts at once",
            "Further ones are refused until one is done.";
        "exportMaxMessages" = "500000", Open, kept, Unit("messages"),
            "Messages in an export",
            "An export that would hold more is cut off there and marked as truncated.";
        "exportMaxSize" = "10737418240", Open, kept, Bytes,
            "Size of an export",
            "An export that would grow larger is cut off there and marked as truncated.",
            example "10 GiB";
        "gmailExportBatchSize" = "10", Open, kept, Unit("messages"),
            "Messages a request from Gmail",
            "How many messages are asked for at a time. Lower it when Google answers with rate limits.";
        "outlookExportBatchSize" = "20", Open, kept, Unit("messages"),
            "Messages a request from Microsoft",
            "How many messages are asked for at a time. Lower it when Microsoft answers with rate limits.";
    }

    Network "Proxies" {
        "proxyEnabled" = "false", Open, served, Plain,
            "Use a proxy for mail servers",
            "Connections to IMAP and SMTP servers go through the proxy below, unless the account names its own.";
        "proxyUrl" = "null", Url, served, Plain,
            "Proxy for mail servers",
            "An HTTP proxy that allows CONNECT, or SOCKS 4, 4a or 5. User name and password may stand in the URL.",
            example "socks5://proxy.example.com:1080";
        "httpProxyEnabled" = "false", Open, served, Plain,
            "Use a proxy for outgoing HTTP",
            "Webhooks and calls to APIs of providers go through the proxy below.";
        "httpProxyUrl" = "null", Url, served, Plain,
            "Proxy for outgoing HTTP",
            "User name and password may stand in the URL.",
            example "http://proxy.example.com:3128";
    }
    Network "Local addresses" {
        "localAddresses" = "[]", Open, served, Lines,
            "Addresses to choose from",
            "Addresses of this machine that connections may come from. Those that it does not have are passed over.",
            example "192.0.2.10";
        "imapStrategy" = r#""default""#, Open, served, STRATEGIES,
            "For IMAP",
            "Which of the addresses a connection to an IMAP server comes from.";
        "smtpStrategy" = r#""default""#, Open, served, STRATEGIES,
            "For SMTP",
            "Which of the addresses a connection to an SMTP server comes from.";
    }
    Network "How this server introduces itself" {
        "smtpEhloName" = "null", Open, served, Plain,
            "EHLO name",
            "The host name said to SMTP servers, unless the account has its own. Empty means the host of the service URL, else the name of this machine.",
            example "mail.example.com";
        "imapClientName" = "null", Open, served, Plain,
            "IMAP client name",
            "Said to IMAP servers that ask who connects (RFC 2971). Some want to know the client before they let it in.",
            example "Example Mail";
        "imapClientVersion" = "null", Open, served, Plain,
            "IMAP client version",
            "Said together with the name.",
            example "1.0";
        "imapClientVendor" = "null", Open, served, Plain,
            "IMAP client vendor",
            "Said together with the name.",
            example "Example Ltd";
        "imapClientSupportUrl" = "null", Open, served, Plain,
            "IMAP client support address",
            "Whom the administrator of a mail server may ask: a web page or a mailto: address.",
            example "https://example.com/support";
    }

    Smtp "Server" {
        "smtpServerEnabled" = "false", Open, kept, Plain,
            "Run the SMTP server",
            "Programs that can only send by SMTP hand their messages in here.";
        "smtpServerHost" = r#""127.0.0.1""#, Open, kept, Plain,
            "Address to listen on",
            "0.0.0.0 or :: listens on every address of this machine.",
            example "127.0.0.1";
        "smtpServerPort" = "2525", Open, kept, Plain,
            "Port",
            "A TCP port that is free on this machine.",
            example "2525";
        "smtpServerTLSEnabled" = "false", Open, kept, Plain,
            "TLS from the first byte",
            "Clients speak TLS at once, with the certificate of the service URL's host.";
        "smtpServerProxy" = "false", Open, kept, Plain,
            "Expect the PROXY protocol",
            "For a server behind HAProxy or the like, which tells the client's address in a first line.";
    }
    Smtp "Login" {
        "smtpServerAuthEnabled" = "true", Open, kept, Plain,
            "Demand a login",
            "The user name is the account's id, the password the one below or an access token with the scope smtp.",
            warning "Without a login, everybody who reaches the port can send in the name of every account.";
        "smtpServerPassword" = "null", Secret, kept, Plain,
            "Password for all accounts",
            "Opens every account. Without one, only access tokens are accepted.";
    }

    ImapProxy "Server" {
        "imapProxyServerEnabled" = "false", Open, kept, Plain,
            "Run the IMAP proxy",
            "Mail programs and scripts reach the accounts' mailboxes through it without knowing their passwords.";
        "imapProxyServerHost" = r#""127.0.0.1""#, Open, kept, Plain,
            "Address to listen on",
            "0.0.0.0 or :: listens on every address of this machine.",
            example "127.0.0.1";
        "imapProxyServerPort" = "2993", Open, kept, Plain,
            "Port",
            "A TCP port that is free on this machine.",
            example "2993";
        "imapProxyServerTLSEnabled" = "false", Open, kept, Plain,
            "TLS from the first byte",
            "Clients speak TLS at once, with the certificate of the service URL's host.";
        "imapProxyServerProxy" = "false", Open, kept, Plain,
            "Expect the PROXY protocol",
            "For a server behind HAProxy or the like, which tells the client's address in a first line.";
    }
    ImapProxy "Login" {
        "imapProxyServerPassword" = "null", Secret, kept, Plain,
            "Password for all accounts",
            "Opens every account. Without one, only access tokens with the scope imap-proxy are accepted.";
    }

    Ai "Service" {
        "openAiAPIUrl" = "null", Url, kept, Plain,
            "API URL",
            "Any service that speaks the API of OpenAI, also one of your own.",
            example "https://api.openai.com";
        "openAiAPIKey" = "null", Secret, kept, Plain,
            "API key",
            "Sent to the service with each request.";
        "openAiModel" = "null", Open, kept, Plain,
            "Model",
            "The name of the model as the service knows it.",
            example "gpt-4o-mini";
    }
    Ai "What is asked of it" {
        "generateEmailSummary" = "false", Open, kept, Plain,
            "Summaries",
            "Add a summary of each new message of the inbox to messageNew. The text of the message is sent to the service.";
        "openAiGenerateEmbeddings" = "false", Open, kept, Plain,
            "Embeddings",
            "Add embeddings of each new message of the inbox to messageNew. The text of the message is sent to the service.";
        "openAiPrompt" = "null", Open, kept, Paragraphs,
            "Prompt",
            "What the model is told to do with a message. Empty means the one that comes with this version.";
        "openAiPreProcessingFn" = "null", Open, kept, Code(JavaScript),
            "Filter",
            "The body of a function that sees a message as payload and returns true for those that go to the model. Empty lets all of them through.",
            example "return payload.path === 'INBOX';";
    }
    Ai "Sampling" {
        "openAiTemperature" = "null", Open, kept, Plain,
            "Temperature",
            "From 0 (always the likeliest word) to 2. Empty means the model's own default.",
            example "0.8";
        "openAiTopP" = "null", Open, kept, Plain,
            "Top P",
            "The share of likelihood that words are taken from, 0 to 1. Empty means the model's own default.",
            example "0.1";
        "openAiMaxTokens" = "null", Open, kept, Unit("tokens"),
            "Longest prompt",
            "Longer messages are cut before they are sent. Empty means the limit of the model.",
            example "3000";
    }

    Mcp "" {
        "mcpEnabled" = "false", Open, kept, Plain,
            "Serve MCP",
            "Assistants connect to /mcp with an access token of the scope mcp and can do what that token may.";
        "mcpOAuthEnabled" = "false", Open, kept, Plain,
            "Let clients log in by OAuth",
            "A client without a token sends its user here to log in and to confirm what it may do.";
    }

    Branding "" {
        "pageBrandName" = "null", Open, served, Plain,
            "Name",
            "Stands in the title of public pages in place of the product's name.",
            example "Example Mail";
        "templateHeader" = "null", Open, served, Code(Html),
            "HTML at the top of public pages",
            "Shown above the content of the unsubscribe page and the hosted account form.",
            example "<p class=\"logo\">Example Ltd</p>";
        "templateHtmlHead" = "null", Open, kept, Code(Html),
            "HTML in the head of public pages",
            "For a stylesheet or meta tags.",
            example "<meta name=\"theme-color\" content=\"#146\">";
    }

    Logging "Protocol logs" {
        "logs" = r#"{"all":false,"maxLogLines":10000}"#, Open, served, Plain,
            "Protocol logs",
            "What is said between this server and mail servers, without passwords. An account can also switch its log on for itself.";
    }
    Logging "Sentry" {
        "sentryEnabled" = "false", Open, kept, Plain,
            "Report errors to Sentry",
            "Kept for clients that set it. This server reports to nobody.";
        "sentryDsn" = "null", Open, kept, Plain,
            "Address of the Sentry project",
            "Kept for clients that set it. This server reports to nobody.";
    }

    Deprecated "Tracking and AI" {
        "trackSentMessages" = "null", Open, served, Plain,
            "Track sent messages",
            "The former switch of both trackers. Use Track opens and Track clicks.";
        "generateRiskAssessment" = "false", Open, kept, Plain,
            "Risk assessment",
            "Add a language model's assessment of the risk of a message to messageNew.";
    }
    Deprecated "Document store" {
        "documentStoreEnabled" = "false", Open, kept, Plain,
            "Document store",
            "Copied messages into an Elasticsearch index. There is no successor.";
        "documentStoreUrl" = "null", Url, kept, Plain, "URL", "Address of the document store.";
        "documentStoreIndex" = "null", Open, kept, Plain, "Index", "Name of its index.";
        "documentStoreAuthEnabled" = "false", Open, kept, Plain, "Login", "Whether it asks for a login.";
        "documentStoreUsername" = "null", Open, kept, Plain, "User name", "User name of the login.";
        "documentStorePassword" = "null", Secret, kept, Plain, "Password", "Password of the login.";
        "documentStoreGenerateEmbeddings" = "false", Open, kept, Plain,
            "Embeddings in the document store", "Whether embeddings were stored with messages.";
        "documentStorePreProcessingEnabled" = "false", Open, kept, Plain,
            "Preprocessing", "Whether a script chose what was stored.";
        "documentStoreChatModel" = "null", Open, kept, Plain,
            "Chat model", "The model that answered questions about stored messages.";
    }

    None "" {
        "serviceId" = "null", Internal, served, Plain, "", "Identifies this instance; made at first start.";
        "cookiePassword" = "null", Internal, served, Plain, "", "Key that seals cookies; made at first start.";
        "webhookErrorFlag" = "null", Internal, served, Plain, "", "The last failed webhook of the default target.";
        "run" = "0", Internal, served, Plain, "", "How often this store was started.";
        "authData" = "null", Internal, served, Plain, "", "The administrator: name, hash of the password, since when.";
        "totpEnabled" = "false", Internal, served, Plain, "", "Whether the administrator's login needs a one-time password.";
        "totpSeed" = "null", Internal, served, Plain, "", "Secret of the administrator's one-time passwords.";
        "totpRecoveryCodes" = "[]", Internal, served, Plain, "", "Hashes of the recovery codes that were not used.";
        "notifyQueuePaused" = "false", Internal, served, Plain, "", "Whether webhooks wait until their queue is resumed.";
        "submitQueuePaused" = "false", Internal, served, Plain, "", "Whether outgoing messages wait until their queue is resumed.";
        "documentsQueuePaused" = "false", Internal, served, Plain, "", "Whether the queue that is always empty is paused.";
        "setupDismissed" = "false", Internal, served, Plain, "", "Whether the steps of the first run were put away.";
    }
}
